//! Ids of keys and projects, as text and as bytes.

use std::ffi::c_char;

use keyfob_core::{Code, KeyId};

use crate::error::{Fault, keyfob_error};
use crate::guard::answer;
use crate::out::Buffer;
use crate::status::keyfob_status;
use crate::text::text;

/// The size of a buffer that holds the id of a key or a project as text, its NUL included.
pub const KEYFOB_ID_MAX: usize = 23;

const _: () = assert!(KEYFOB_ID_MAX == KeyId::TEXT_LEN + 1);

/// The 16 bytes of an id, for a table of the caller's: they sort as the text does.
///
/// Errors: INVALID_ARGUMENT of a text that is no id; NULL_ARGUMENT, NOT_UTF8.
///
/// Threads: any.
///
/// \param id          the id of a key or a project
/// \param id_size     its length, or KEYFOB_NUL
/// \param[out] bytes  16 bytes of the caller's; zeros on failure
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_id_to_bytes(
    id: *const c_char,
    id_size: usize,
    bytes: *mut u8,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: 16 bytes of the caller's.
    let bytes = unsafe { bytes.cast::<[u8; 16]>().as_mut() };
    let bytes = bytes.map(|bytes| {
        *bytes = [0; 16];
        bytes
    });
    let body = || {
        let bytes = bytes.ok_or(Fault::null("bytes"))?;
        // SAFETY: the caller's text.
        let id = KeyId::parse(unsafe { text(id, id_size, "id") }?.as_bytes());
        let why = "id: an id is 22 characters of 0-9, A-Z and a-z";
        let id = id.ok_or_else(|| Fault::misuse(Code::INVALID_ARGUMENT, why.into()))?;
        *bytes = *id.as_bytes();
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// The text of an id of 16 bytes; any 16 bytes are one.
///
/// Errors: BUFFER_TOO_SMALL; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param bytes     the 16 bytes
/// \param[out] id   a buffer of the caller's for the id and its NUL
/// \param capacity  its size; at least KEYFOB_ID_MAX
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_id_from_bytes(
    bytes: *const u8,
    id: *mut c_char,
    capacity: usize,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (bytes, buffer) = unsafe {
        let buffer = Buffer::new(id, capacity, std::ptr::null_mut());
        (bytes.cast::<[u8; 16]>().as_ref(), buffer)
    };
    let body = || {
        let buffer = buffer.holding(KEYFOB_ID_MAX, "id")?;
        let bytes = bytes.ok_or(Fault::null("bytes"))?;
        buffer.give(&KeyId::from_bytes(*bytes).to_text());
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

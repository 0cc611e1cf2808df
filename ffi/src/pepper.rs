//! Peppers, as objects that wipe themselves.

use std::ffi::c_char;

use keyfob_core::Pepper;
use zeroize::Zeroizing;

use crate::error::{Fault, keyfob_error};
use crate::guard::{answer, free};
use crate::out::{Buffer, Out};
use crate::status::keyfob_status;
use crate::text::text;

/// 32 secret bytes that are kept outside the file, with which a store notices edits of it. Wiped
/// when it is freed.
pub struct keyfob_pepper(Pepper);

impl keyfob_pepper {
    /// The same pepper, for what keeps one of its own.
    pub(crate) fn copy(&self) -> Result<Pepper, Fault> {
        Ok(Pepper::from_hex(&self.0.expose_hex())?)
    }
}

/// A pepper of 64 hexadecimal characters; blanks and newlines around them are ignored. What was
/// passed is the caller's to wipe.
///
/// Errors: INVALID_PEPPER, for one of nothing but zeros as well; NOT_UTF8; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param hex          the characters
/// \param size         how many, or KEYFOB_NUL
/// \param[out] pepper  the pepper; free it with keyfob_pepper_free()
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_pepper_from_hex(
    hex: *const c_char,
    size: usize,
    pepper: *mut *mut keyfob_pepper,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (out, hex) = unsafe { (Out::new(pepper), || text(hex, size, "hex")) };
    let body = || {
        let out = out.required("pepper")?;
        let pepper = Pepper::from_hex(hex()?)?;
        out.give(|| keyfob_pepper(pepper));
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// A new pepper from the operating system's random source. Write it down, with
/// keyfob_pepper_to_hex(), before a store is made with it: a store cannot be opened without.
///
/// Errors: IO, where the operating system gives no random bytes; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param[out] pepper  the pepper; free it with keyfob_pepper_free()
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_pepper_generate(
    pepper: *mut *mut keyfob_pepper,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(pepper) };
    let body = || {
        let out = out.required("pepper")?;
        let pepper = Pepper::generate()?;
        out.give(|| keyfob_pepper(pepper));
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// The 64 hexadecimal characters of a pepper, and a NUL, for where the caller keeps secrets. Wipe
/// the buffer with keyfob_memzero() afterwards.
///
/// Errors: BUFFER_TOO_SMALL, where there is no room for KEYFOB_PEPPER_HEX_MAX bytes; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param pepper    the pepper
/// \param[out] hex  a buffer of the caller's
/// \param capacity  its size
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_pepper_to_hex(
    pepper: *const keyfob_pepper,
    hex: *mut c_char,
    capacity: usize,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (pepper, buffer) = unsafe {
        let size = std::ptr::null_mut();
        (pepper.as_ref(), Buffer::new(hex, capacity, size))
    };
    let body = || {
        let pepper = pepper.ok_or(Fault::null("pepper"))?;
        let buffer = buffer.holding(KEYFOB_PEPPER_HEX_MAX, "hex")?;
        let text: Zeroizing<String> = pepper.0.expose_hex();
        buffer.give(text.as_bytes());
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// The size of a buffer that holds a pepper in hexadecimal, its NUL included.
pub const KEYFOB_PEPPER_HEX_MAX: usize = 65;

/// Wipes and frees a pepper.
///
/// Threads: one at a time.
///
/// \param pepper  the pepper; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_pepper_free(pepper: *mut keyfob_pepper) {
    // SAFETY: the caller's pepper, which is theirs no longer.
    unsafe { free(pepper) }
}

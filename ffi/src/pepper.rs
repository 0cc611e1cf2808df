//! Peppers, as objects that wipe themselves.

use std::ffi::{c_char, c_void};

use keyfob_core::Pepper;
use zeroize::Zeroizing;

use crate::error::{Fault, keyfob_error};
use crate::guard::{answer, free};
use crate::options::{keyfob_store_options, options};
use crate::out::{Buffer, Out};
use crate::progress::{keyfob_progress_fn, telling};
use crate::status::keyfob_status;
use crate::store::path;
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

/// Introduces a pepper, or changes to another one. Called again with the same peppers after it was
/// interrupted, it goes on where it stopped. Every other process has to open the store anew with
/// the new pepper; until it does, it answers PEPPER_REQUIRED.
///
/// Errors: PEPPER_REQUIRED, WRONG_PEPPER, PEPPER_NOT_EXPECTED where the present pepper is not
/// right; PEPPER_REFUSED where it is the same already; INTERRUPTED; NULL_ARGUMENT; those of
/// keyfob_store_open().
///
/// Threads: any.
///
/// \param path       where the store is
/// \param path_size  its length, or KEYFOB_NUL
/// \param options    with the present pepper, if there is one; NULL for the defaults
/// \param pepper     the new pepper
/// \param progress   is told how many rows are done; may be NULL
/// \param user       is passed to it
/// \param[out] err   why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_set_pepper(
    path: *const c_char,
    path_size: usize,
    options: *const keyfob_store_options,
    pepper: *const keyfob_pepper,
    progress: keyfob_progress_fn,
    user: *mut c_void,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    let body = || {
        // SAFETY: the caller's pointers.
        let (path, options, pepper, mut progress) = unsafe {
            (
                self::path(path, path_size, "path")?,
                self::options(options)?,
                pepper.as_ref().ok_or(Fault::null("pepper"))?,
                telling(progress, user),
            )
        };
        Ok(options.set_pepper(path, pepper.copy()?, &mut progress)?)
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// Removes the pepper: from then on the store's tags find corruption, and not who can write the
/// file.
///
/// Errors: those of keyfob_set_pepper().
///
/// Threads: any.
///
/// \param path       where the store is
/// \param path_size  its length, or KEYFOB_NUL
/// \param options    with the present pepper
/// \param progress   is told how many rows are done; may be NULL
/// \param user       is passed to it
/// \param[out] err   why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_remove_pepper(
    path: *const c_char,
    path_size: usize,
    options: *const keyfob_store_options,
    progress: keyfob_progress_fn,
    user: *mut c_void,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    let body = || {
        // SAFETY: the caller's pointers.
        let (path, options, mut progress) = unsafe {
            (
                self::path(path, path_size, "path")?,
                self::options(options)?,
                telling(progress, user),
            )
        };
        Ok(options.remove_pepper(path, &mut progress)?)
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

//! Errors: the one place where what the Rust library says becomes what C is told.

use std::ffi::{c_char, c_int};

use keyfob_core::{Code, Denied, Error, KeyId, Misuse, Refused, StoreError, VerifyError};

use crate::guard::{access, access_text, free};
use crate::status::{OK, keyfob_status, of};
use crate::text::Text;

/// Why a call did not do what was asked.
pub(crate) enum Fault {
    /// The Rust library says so.
    Core(Error),
    /// What only a caller in C can do wrong.
    Misuse(Code, String),
    /// A panic was caught.
    Panicked,
}

impl Fault {
    pub(crate) fn misuse(code: Code, message: String) -> Self {
        Fault::Misuse(code, message)
    }

    /// A pointer is NULL that must not be.
    pub(crate) fn null(what: &'static str) -> Self {
        Fault::misuse(Code::NULL_ARGUMENT, format!("{what} must not be NULL"))
    }

    pub(crate) fn code(&self) -> Code {
        match self {
            Fault::Core(error) => error.code(),
            Fault::Misuse(code, _) => *code,
            Fault::Panicked => Code::INTERNAL,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Core(error)
    }
}

impl From<Misuse> for Fault {
    fn from(misuse: Misuse) -> Self {
        Fault::Core(misuse.into())
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Core(error.into())
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        Fault::Core(denied.into())
    }
}

impl From<VerifyError> for Fault {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Denied(denied) => denied.into(),
            VerifyError::Store(error) => error.into(),
            // What a version to come may add has a code, and says what it is.
            other => Fault::misuse(other.code(), other.to_string()),
        }
    }
}

/// What a call says of its failure. It never holds a token, a secret or a pepper.
pub struct keyfob_error {
    code: Code,
    message: Text,
    os_errno: c_int,
    key_id: Option<Text>,
    sequence: u64,
}

impl keyfob_error {
    pub(crate) fn status(&self) -> keyfob_status {
        of(self.code)
    }

    pub(crate) fn panicked() -> Self {
        keyfob_error {
            code: Code::INTERNAL,
            message: Text::new(
                "internal fault: a panic was caught; close this handle and open the store again, and please report it",
            ),
            os_errno: 0,
            key_id: None,
            sequence: 0,
        }
    }
}

impl From<Fault> for keyfob_error {
    fn from(fault: Fault) -> Self {
        let code = fault.code();
        let error = match fault {
            Fault::Panicked => return keyfob_error::panicked(),
            Fault::Misuse(_, message) => {
                return keyfob_error {
                    code,
                    message: Text::new(message),
                    ..keyfob_error::panicked()
                };
            }
            Fault::Core(error) => error,
        };
        let id = |id: &KeyId| Some(Text::new(id.to_text()));
        keyfob_error {
            code,
            message: Text::new(error.to_string()),
            os_errno: match &error {
                Error::Store(StoreError::Io { source, .. }) => source.raw_os_error().unwrap_or(0),
                _ => 0,
            },
            key_id: match &error {
                Error::Refused(
                    Refused::DigestTaken(key)
                    | Refused::KeyIsRevoked(key)
                    | Refused::KeyIsExpired(key),
                ) => id(key),
                _ => None,
            },
            sequence: match &error {
                Error::Store(StoreError::Gone { first }) => *first,
                Error::Store(StoreError::RolledBack { found, .. }) => *found,
                _ => 0,
            },
        }
    }
}

/// The status of an outcome, and its error, where one is wanted.
///
/// # Safety
/// `err` is NULL or the caller's to be written to.
pub(crate) unsafe fn report(
    err: *mut *mut keyfob_error,
    outcome: Result<Code, keyfob_error>,
) -> keyfob_status {
    let (status, error) = match outcome {
        Ok(code) => (of(code), std::ptr::null_mut()),
        Err(error) if err.is_null() => return of(error.code),
        Err(error) => (of(error.code), Box::into_raw(Box::new(error))),
    };
    // SAFETY: as above.
    if let Some(err) = unsafe { err.as_mut() } {
        *err = error;
    }
    status
}

/// The status that came with the error; \ref KEYFOB_OK of NULL.
///
/// Threads: any.
///
/// \param error  the error, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_error_code(error: *const keyfob_error) -> keyfob_status {
    // SAFETY: the caller's error.
    unsafe { access(error, OK, keyfob_error::status) }
}

/// What went wrong, and what to do: a sentence in English, for a log or an operator. It never
/// holds a token, a secret or a pepper. Never NULL; an empty text of NULL.
///
/// Threads: any.
///
/// \param error  the error, or NULL
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the error
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_error_message(
    error: *const keyfob_error,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's error and size.
    let message = unsafe { access_text(error, size, |error| Some(&error.message)) };
    if message.is_null() {
        c"".as_ptr()
    } else {
        message
    }
}

/// The errno of the operating system behind \ref KEYFOB_IO; 0 where there is none.
///
/// Threads: any.
///
/// \param error  the error, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_error_os_errno(error: *const keyfob_error) -> c_int {
    // SAFETY: the caller's error.
    unsafe { access(error, 0, |error| error.os_errno) }
}

/// The id of the key that is in the way: of \ref KEYFOB_DIGEST_TAKEN the one that the string was
/// imported as, of \ref KEYFOB_KEY_IS_REVOKED and \ref KEYFOB_KEY_IS_EXPIRED that one. NULL where
/// there is none.
///
/// Threads: any.
///
/// \param error  the error, or NULL
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the error, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_error_key_id(
    error: *const keyfob_error,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's error and size.
    unsafe { access_text(error, size, |error| error.key_id.as_ref()) }
}

/// A place in the log: of \ref KEYFOB_GONE the first event that is still there, of
/// \ref KEYFOB_ROLLED_BACK the last that the store has; else 0.
///
/// Threads: any.
///
/// \param error  the error, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_error_sequence(error: *const keyfob_error) -> u64 {
    // SAFETY: the caller's error.
    unsafe { access(error, 0, |error| error.sequence) }
}

/// Frees an error.
///
/// Threads: one at a time.
///
/// \param error  the error; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_error_free(error: *mut keyfob_error) {
    // SAFETY: the caller's error, which is theirs no longer.
    unsafe { free(error) }
}

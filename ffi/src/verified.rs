//! A verified token as an object: all that a verification tells, and what lets a key make others.

use std::ffi::{c_char, c_int};

use keyfob_core::{Code, Credentials, Denied, MatchedSecret, Scope, Verified, parse_authorization};

use crate::error::{Fault, keyfob_error};
use crate::guard::{access, access_text, answer, free, status};
use crate::key::{NO_TIME, put_bytes, time};
use crate::out::{Out, Value};
use crate::requirement::{keyfob_request, keyfob_requirement, request};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{Text, bytes, text};

/// A token that was good for what was required, as it was then. Only a verification makes one.
pub struct keyfob_verified {
    verified: Verified,
    key_id: Text,
    owner: Option<Text>,
    project: Option<Text>,
    environment: Text,
    scopes: Vec<Text>,
}

impl keyfob_verified {
    fn new(verified: Verified) -> Self {
        let scopes = verified.scopes().iter();
        keyfob_verified {
            key_id: Text::new(verified.key_id().to_text()),
            owner: verified.owner().map(Text::new),
            project: verified.project().map(Text::new),
            environment: Text::new(verified.environment().as_str()),
            scopes: scopes.map(|scope| Text::new(scope.as_str())).collect(),
            verified,
        }
    }

    pub(crate) fn verified(&self) -> &Verified {
        &self.verified
    }
}

/// Whether a token is good for what is required, now, with all that there is to know of it: the
/// same verification as keyfob_store_verify(), which is faster where the scopes are not asked for
/// and no key is made within the key.
///
/// Errors: a denial; what the store says; INVALID_ARGUMENT, NOT_UTF8 of the request; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param store          the store
/// \param token          the token as it was presented, any bytes
/// \param token_size     its length, or KEYFOB_NUL
/// \param requirement    what is required
/// \param request        what only the request knows; NULL for nothing
/// \param[out] verified  what was verified; free it with keyfob_verified_free()
/// \param[out] err       why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_verify_full(
    store: *const keyfob_store,
    token: *const c_char,
    token_size: usize,
    requirement: *const keyfob_requirement,
    request: *const keyfob_request,
    verified: *mut *mut keyfob_verified,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(verified) };
    let body = |handle: &keyfob_store| {
        let out = out.required("verified")?;
        // SAFETY: the caller's pointers.
        let (token, request) = unsafe {
            (
                bytes(token, token_size, "token")?,
                self::request(requirement, request)?,
            )
        };
        let verified = handle.store.verify(token, request)?;
        out.give(|| keyfob_verified::new(verified));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The id of the key. NULL only of NULL.
///
/// Threads: any.
///
/// \param verified  the verified
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the verified
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_key_id(
    verified: *const keyfob_verified,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(verified, size, |verified| Some(&verified.key_id)) }
}

/// The id of the key as bytes.
///
/// Threads: any.
///
/// \param verified  the verified
/// \param[out] id   16 bytes of the caller's; zeros where verified is NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_key_id_bytes(
    verified: *const keyfob_verified,
    id: *mut u8,
) {
    // SAFETY: the caller's object, and 16 bytes of theirs.
    unsafe {
        let bytes = access(verified, [0; 16], |verified| {
            *verified.verified.key_id().as_bytes()
        });
        put_bytes(id, &bytes);
    }
}

/// 1 where the token holds the old secret of a rotation, whose grace runs: its holder should change
/// to the new one. Else 0.
///
/// Threads: any.
///
/// \param verified  the verified
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_previous_secret(
    verified: *const keyfob_verified,
) -> c_int {
    // SAFETY: the caller's object.
    unsafe {
        access(verified, 0, |verified| {
            is_previous(&verified.verified).into()
        })
    }
}

/// Whom the key belongs to; NULL where that was not said.
///
/// Threads: any.
///
/// \param verified  the verified
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the verified, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_owner(
    verified: *const keyfob_verified,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(verified, size, |verified| verified.owner.as_ref()) }
}

/// The name of the project that the key is bound to; NULL without one.
///
/// Threads: any.
///
/// \param verified  the verified
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the verified, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_project(
    verified: *const keyfob_verified,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(verified, size, |verified| verified.project.as_ref()) }
}

/// The environment of the key. NULL only of NULL.
///
/// Threads: any.
///
/// \param verified  the verified
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the verified
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_environment(
    verified: *const keyfob_verified,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(verified, size, |verified| Some(&verified.environment)) }
}

/// When the token ends, with the key or with the grace, in seconds since 1970; KEYFOB_NO_TIME for
/// never.
///
/// Threads: any.
///
/// \param verified  the verified
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_expires_at(verified: *const keyfob_verified) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        access(verified, NO_TIME, |verified| {
            time(verified.verified.expires_at())
        })
    }
}

/// How many scopes the token grants: the key's, as far as its project allows them today.
///
/// Threads: any.
///
/// \param verified  the verified
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_scope_count(verified: *const keyfob_verified) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(verified, 0, |verified| verified.scopes.len()) }
}

/// One of the scopes. NULL beyond the last.
///
/// Threads: any.
///
/// \param verified  the verified
/// \param index     which, from 0
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the verified, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_scope(
    verified: *const keyfob_verified,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(verified, size, |verified| verified.scopes.get(index)) }
}

/// Whether a scope is granted, for what a handler finds out later than its requirement knew. As the
/// verification, it is of the moment when the token was verified.
///
/// Errors: INSUFFICIENT_SCOPE; INVALID_SCOPE; NOT_UTF8; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param verified    what was verified
/// \param scope       the scope, without a "*"
/// \param scope_size  its length, or KEYFOB_NUL
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_verified_require_scope(
    verified: *const keyfob_verified,
    scope: *const c_char,
    scope_size: usize,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's object.
    let verified = unsafe { verified.as_ref() };
    let body = || {
        let verified = verified.ok_or(Fault::null("verified"))?;
        // SAFETY: the caller's text.
        let scope = Scope::parse(unsafe { text(scope, scope_size, "scope") }?)?;
        if scope.is_pattern() {
            let why = format!("scope {:?}: what is needed holds no '*'", scope.as_str());
            return Err(Fault::misuse(Code::INVALID_SCOPE, why));
        }
        if verified.verified.scopes().grants(&scope) {
            Ok(())
        } else {
            Err(Denied::InsufficientScope.into())
        }
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// Frees what was verified.
///
/// Threads: one at a time.
///
/// \param verified  what was verified; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_verified_free(verified: *mut keyfob_verified) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(verified) }
}

/// Whether it is the old secret of a rotation.
pub(crate) fn is_previous(verified: &Verified) -> bool {
    verified.matched() == MatchedSecret::Previous
}

/// Takes the token out of the value of an HTTP Authorization header: "Bearer" in any case, blanks,
/// the token. It is not looked at; verify it.
///
/// Errors: NO_CREDENTIALS where the value is empty or of another scheme; MALFORMED where there is
/// anything after the token, or several values; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param value            the value of the header, any bytes; NULL with a size of 0 where there is
///                         none
/// \param value_size       its length, or KEYFOB_NUL
/// \param[out] token       the token, within the value; NULL on failure
/// \param[out] token_size  its length; there is no NUL behind it
/// \param[out] err         why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_parse_authorization(
    value: *const c_char,
    value_size: usize,
    token: *mut *const c_char,
    token_size: *mut usize,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (token_size, token) = unsafe { (Value::new(token_size), token.as_mut()) };
    let token = token.map(|place| {
        *place = std::ptr::null();
        place
    });
    let body = || {
        let token = token.ok_or(Fault::null("token"))?;
        let token_size = token_size.required("token_size")?;
        // SAFETY: the caller's bytes.
        let value = unsafe { bytes(value, value_size, "value") }?;
        match parse_authorization(value)? {
            Credentials::Token(found) => {
                *token = found.as_ptr().cast();
                token_size.give(found.len());
                Ok(Code::OK)
            }
            _ => Ok(Code::NO_CREDENTIALS),
        }
    };
    // SAFETY: the caller's place.
    unsafe { status(err, body) }
}

//! Why a token is refused: every check of one verification, and the counts of all.

use std::ffi::{c_char, c_void};

use keyfob_core::{Check, CheckOutcome, Code, Explanation, Refusal};

use crate::error::keyfob_error;
use crate::guard::{access, access_text, free};
use crate::out::Out;
use crate::requirement::{keyfob_request, keyfob_requirement, request};
use crate::status::{OK, keyfob_status, of};
use crate::store::{keyfob_store, on_store};
use crate::text::{Text, bytes};

/// As the header defines it.
pub(crate) const NOT_REACHED: keyfob_status = -1;

/// Every check of a verification with its outcome.
pub struct keyfob_explanation {
    explanation: Explanation,
    key_id: Option<Text>,
}

/// Every check of a verification with its outcome, also those after the first that fails. Changes
/// nothing: no use is noted and no refusal counted. For the operator: its holder is told no more
/// than keyfob_status_http_status() says.
///
/// Errors: INVALID_ARGUMENT, NOT_UTF8 of the request; NULL_ARGUMENT; what the store says. That the
/// token is not good is no failure.
///
/// Threads: any.
///
/// \param store             the store
/// \param token             the token, any bytes
/// \param token_size        its length, or KEYFOB_NUL
/// \param requirement       what is required
/// \param request           what only the request knows; NULL for nothing
/// \param[out] explanation  the checks; free it with keyfob_explanation_free()
/// \param[out] err          why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_explain(
    store: *const keyfob_store,
    token: *const c_char,
    token_size: usize,
    requirement: *const keyfob_requirement,
    request: *const keyfob_request,
    explanation: *mut *mut keyfob_explanation,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(explanation) };
    let body = |handle: &keyfob_store| {
        let out = out.required("explanation")?;
        // SAFETY: the caller's pointers.
        let (token, request) = unsafe {
            (
                bytes(token, token_size, "token")?,
                self::request(requirement, request)?,
            )
        };
        let explanation = handle.store.explain(token, request)?;
        out.give(|| keyfob_explanation {
            key_id: explanation.key_id.map(|id| Text::new(id.to_text())),
            explanation,
        });
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// What a verification answers.
///
/// Threads: any.
///
/// \param explanation  the explanation
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_explanation_outcome(
    explanation: *const keyfob_explanation,
) -> keyfob_status {
    // SAFETY: the caller's object.
    unsafe {
        access(explanation, of(Code::NULL_ARGUMENT), |explanation| {
            explanation
                .explanation
                .outcome
                .as_ref()
                .map_or_else(|denied| of(denied.code()), |_| OK)
        })
    }
}

/// The id of the key, where the secret is one of its own; else NULL.
///
/// Threads: any.
///
/// \param explanation  the explanation
/// \param size         where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the explanation, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_explanation_key_id(
    explanation: *const keyfob_explanation,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(explanation, size, |explanation| explanation.key_id.as_ref()) }
}

/// How many checks there are.
///
/// Threads: any.
///
/// \param explanation  the explanation
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_explanation_check_count(
    explanation: *const keyfob_explanation,
) -> usize {
    // SAFETY: the caller's object.
    unsafe {
        access(explanation, 0, |explanation| {
            explanation.explanation.checks.len()
        })
    }
}

/// The name of a check, "not_before"; "unknown" beyond the last. Never NULL; it lives as long as
/// the library.
///
/// Threads: any.
///
/// \param explanation  the explanation
/// \param index        which, from 0
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_explanation_check_name(
    explanation: *const keyfob_explanation,
    index: usize,
) -> *const c_char {
    // SAFETY: the caller's object.
    unsafe {
        access(explanation, c"unknown".as_ptr(), |explanation| {
            let check = explanation.explanation.checks.get(index);
            check
                .map_or(c"unknown", |(check, _)| check_name(*check))
                .as_ptr()
        })
    }
}

fn check_name(check: Check) -> &'static std::ffi::CStr {
    match check {
        Check::Shape => c"shape",
        Check::Checksum => c"checksum",
        Check::Record => c"record",
        Check::Digest => c"digest",
        Check::Revoked => c"revoked",
        Check::Disabled => c"disabled",
        Check::NotBefore => c"not_before",
        Check::Expired => c"expired",
        Check::Environment => c"environment",
        Check::Owner => c"owner",
        Check::Project => c"project",
        Check::Ip => c"ip",
        Check::Scopes => c"scopes",
        _ => c"unknown",
    }
}

/// How a check came out: KEYFOB_OK; what a verification answers where it is the first that fails;
/// or KEYFOB_NOT_REACHED, which it is beyond the last as well.
///
/// Threads: any.
///
/// \param explanation  the explanation
/// \param index        which, from 0
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_explanation_check_outcome(
    explanation: *const keyfob_explanation,
    index: usize,
) -> keyfob_status {
    // SAFETY: the caller's object.
    unsafe {
        access(explanation, NOT_REACHED, |explanation| {
            explanation
                .explanation
                .checks
                .get(index)
                .map_or(NOT_REACHED, |(_, outcome)| outcome_number(*outcome))
        })
    }
}

fn outcome_number(outcome: CheckOutcome) -> keyfob_status {
    match outcome {
        CheckOutcome::Passed => OK,
        CheckOutcome::Failed(denied) => of(denied.code()),
        _ => NOT_REACHED,
    }
}

/// Frees an explanation.
///
/// Threads: one at a time.
///
/// \param explanation  an explanation; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_explanation_free(explanation: *mut keyfob_explanation) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(explanation) }
}

/// How many verifications were refused with a denial, since this process opened the store: through
/// all of its handles on the file. A child of a fork counts anew. 0 of any other status.
///
/// Threads: any.
///
/// \param store   the store
/// \param denial  a status of 200-299
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_store_refusal_count(
    store: *const keyfob_store,
    denial: keyfob_status,
) -> u64 {
    // SAFETY: the caller's handle.
    unsafe {
        access(store, 0, |handle| {
            let counts = handle.store.refusals();
            let found = counts
                .iter()
                .find(|(denied, _)| of(denied.code()) == denial);
            found.map_or(0, |(_, count)| *count)
        })
    }
}

/// Is told of a verification that is refused, in the thread that asked, with no lock held; never of
/// the token. It must return: neither throw nor longjmp().
///
/// \param denial  why
/// \param key_id  the id of the key, where the secret was one of its own, with a NUL behind it; lent
///                until it returns; NULL where it was not
/// \param user    what was passed beside it
pub type keyfob_refusal_fn =
    Option<unsafe extern "C" fn(denial: keyfob_status, key_id: *const c_char, user: *mut c_void)>;

/// What a callback is called with.
#[derive(Clone, Copy)]
struct User(*mut c_void);

// SAFETY: the caller said that the callback may be called with it from any thread.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

impl User {
    /// The pointer; taken out by a method, so that a closure captures the whole.
    fn get(self) -> *mut c_void {
        self.0
    }
}

/// Has a function called for every verification that is refused, through any handle of this process
/// on the file. NULL takes it away again; a call of it that began before may still run when this
/// returns, so that what `user` points to must live until the process no longer has the file open.
///
/// Errors: NULL_ARGUMENT.
///
/// Threads: any. The function is called by any thread that verifies, by several at the same time.
///
/// \param store     the store
/// \param refused   the function; NULL for none
/// \param user      is passed to it
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_on_refusal(
    store: *const keyfob_store,
    refused: keyfob_refusal_fn,
    user: *mut c_void,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    let user = User(user);
    let body = |handle: &keyfob_store| {
        handle.store.on_refusal(refused.map(|refused| {
            let tell = move |refusal: Refusal| {
                // On the stack: a refusal allocates nothing either.
                let mut text = [0; 23];
                let key_id = refusal.key_id.map_or(std::ptr::null(), |id| {
                    text[..22].copy_from_slice(&id.to_text());
                    text.as_ptr().cast::<c_char>()
                });
                // SAFETY: the caller's callback, which may be called so.
                unsafe { refused(of(refusal.denied.code()), key_id, user.get()) };
            };
            Box::new(tell) as Box<dyn Fn(Refusal) + Send + Sync>
        }));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

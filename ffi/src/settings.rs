//! What is set of a store as a whole: its policy, and the mark of its clock.

use crate::error::{Fault, keyfob_error};
use crate::options::keyfob_policy;
use crate::sized::{Place, read};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};

/// The policy of the store.
///
/// Errors: what the store says; NULL_ARGUMENT; INVALID_ARGUMENT where the size is not set.
///
/// Threads: any.
///
/// \param store        the store
/// \param[out] policy  the policy; its size is set by the caller
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_get_policy(
    store: *const keyfob_store,
    policy: *mut keyfob_policy,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's struct.
    let place = unsafe { Place::new(policy) };
    let body = |handle: &keyfob_store| {
        let place = place?.required("policy")?;
        place.give(&keyfob_policy::of(&handle.store.policy()?));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Changes the policy of the store, for keys that are created or changed from now on.
///
/// Errors: INVALID_TIME where a lifetime is not positive, or the default is beyond the longest;
/// UNKNOWN_OPTION; NULL_ARGUMENT; what the store says.
///
/// Threads: any.
///
/// \param store     the store
/// \param policy    all of the policy
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_set_policy(
    store: *const keyfob_store,
    policy: *const keyfob_policy,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    let body = |handle: &keyfob_store| {
        if policy.is_null() {
            return Err(Fault::null("policy"));
        }
        // SAFETY: the caller's struct.
        let policy = unsafe { read(policy) }?.policy()?;
        Ok(handle.store.set_policy(policy)?)
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Sets the mark of the latest time, by which expiry is judged while the clock is behind it, to
/// what the clock shows: after a clock that was wrong moved it ahead.
///
/// Errors: what the store says.
///
/// Threads: any.
///
/// \param store     the store
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_reset_clock(
    store: *const keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, |handle| Ok(handle.store.reset_clock()?)) }
}

//! The verbs of many keys: one transaction for each batch of at most 10,000.

use keyfob_core::{BulkOutcome, Code, Error, Selection};

use crate::error::{Fault, keyfob_error};
use crate::lifecycle::{keyfob_key_update, keyfob_revoke_options, parse_key_id, revocation};
use crate::list::{filter, keyfob_filter};
use crate::sized::{Place, only, read, sized};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{keyfob_text, texts};

/// Which keys a bulk verb is about: those that are named, or those that a filter means.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_selection {
    /// sizeof(keyfob_selection).
    pub size: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// The ids of the keys.
    pub key_ids: *const keyfob_text,
    /// How many.
    pub key_ids_count: usize,
    /// The filter; NULL where keys are named. One of nothing but zeros means every key of the
    /// store.
    pub filter: *const keyfob_filter,
}

sized!(keyfob_selection, 32 {
    size: u32,
    reserved: u32,
    key_ids: *const keyfob_text,
    key_ids_count: usize,
    filter: *const keyfob_filter,
});

/// How far a bulk verb got; what is counted here is durable. It is filled in whatever the status
/// is, once the arguments were looked at.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_bulk_result {
    /// sizeof(keyfob_bulk_result), set by the caller.
    pub size: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// Keys that were changed.
    pub changed: u64,
    /// Keys that were so already.
    pub unchanged: u64,
}

sized!(keyfob_bulk_result, 24 {
    size: u32,
    reserved: u32,
    changed: u64,
    unchanged: u64,
});

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
unsafe fn selection(from: *const keyfob_selection) -> Result<Selection, Fault> {
    if from.is_null() {
        return Err(Fault::null("selection"));
    }
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(asked.reserved, 0, "keyfob_selection.reserved")?;
    let named = !asked.key_ids.is_null() || asked.key_ids_count > 0;
    match (named, asked.filter.is_null()) {
        (true, true) => {
            // SAFETY: as above.
            let ids = unsafe { texts(asked.key_ids, asked.key_ids_count, "key_ids") }?;
            let ids: Result<_, Fault> = ids.into_iter().map(parse_key_id).collect();
            Ok(Selection::Keys(ids?))
        }
        // SAFETY: as above.
        (false, false) => Ok(Selection::Filter(unsafe { filter(asked.filter) }?)),
        _ => {
            let why = "selection: name keys, or give a filter, and one of both only; a filter of zeros means every key";
            Err(Fault::misuse(Code::INVALID_ARGUMENT, why.into()))
        }
    }
}

/// # Safety
/// The pointers are as the functions below say.
unsafe fn on_many(
    store: *const keyfob_store,
    selected: *const keyfob_selection,
    outcome: *mut keyfob_bulk_result,
    err: *mut *mut keyfob_error,
    verb: impl FnOnce(&keyfob_store, &Selection) -> Result<BulkOutcome, Fault>,
) -> keyfob_status {
    // SAFETY: the caller's struct.
    let place = unsafe { Place::new(outcome) };
    let body = |handle: &keyfob_store| {
        let place = place?;
        // SAFETY: the caller's struct.
        let selected = unsafe { selection(selected) }?;
        let BulkOutcome {
            changed,
            unchanged,
            stopped,
            ..
        } = verb(handle, &selected)?;
        place.give(&keyfob_bulk_result {
            size: 0,
            reserved: 0,
            changed,
            unchanged,
        });
        stopped.map_or(Ok(()), |error: Error| Err(error.into()))
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Revokes many keys, for good.
///
/// Errors: NO_SUCH_KEY of a key that is named; INVALID_ARGUMENT, NULL_ARGUMENT and others where an
/// argument is not of its form; what the store says, as the reason why it stopped before the end.
///
/// Threads: any.
///
/// \param store         the store
/// \param selection     which keys
/// \param revoke        why; NULL for no reason
/// \param[out] outcome  how far it got; its size is set by the caller; may be NULL
/// \param[out] err      why it stopped; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_revoke_keys(
    store: *const keyfob_store,
    selection: *const keyfob_selection,
    revoke: *const keyfob_revoke_options,
    outcome: *mut keyfob_bulk_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_many(store, selection, outcome, err, |handle, selected| {
            Ok(handle.store.revoke_many(selected, &revocation(revoke)?.0)?)
        })
    }
}

/// Disables many keys; those that are revoked stay as they are.
///
/// Errors: NO_SUCH_KEY of a key that is named; INVALID_ARGUMENT, NULL_ARGUMENT and others where an
/// argument is not of its form; what the store says, as the reason why it stopped before the end.
///
/// Threads: any.
///
/// \param store         the store
/// \param selection     which keys
/// \param[out] outcome  how far it got; its size is set by the caller; may be NULL
/// \param[out] err      why it stopped; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_disable_keys(
    store: *const keyfob_store,
    selection: *const keyfob_selection,
    outcome: *mut keyfob_bulk_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_many(store, selection, outcome, err, |handle, selected| {
            Ok(handle.store.disable_many(selected))
        })
    }
}

/// Enables many keys again; those that are revoked stay as they are.
///
/// Errors: NO_SUCH_KEY of a key that is named; INVALID_ARGUMENT, NULL_ARGUMENT and others where an
/// argument is not of its form; what the store says, as the reason why it stopped before the end.
///
/// Threads: any.
///
/// \param store         the store
/// \param selection     which keys
/// \param[out] outcome  how far it got; its size is set by the caller; may be NULL
/// \param[out] err      why it stopped; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_enable_keys(
    store: *const keyfob_store,
    selection: *const keyfob_selection,
    outcome: *mut keyfob_bulk_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_many(store, selection, outcome, err, |handle, selected| {
            Ok(handle.store.enable_many(selected))
        })
    }
}

/// Changes what an update names of many keys; those that are revoked stay as they are.
///
/// Errors: those of keyfob_store_update_key(), NO_SUCH_KEY of a key that is named;
/// INVALID_ARGUMENT, NULL_ARGUMENT and others where an argument is not of its form; what the store
/// says, as the reason why it stopped before the end.
///
/// Threads: any.
///
/// \param store         the store
/// \param selection     which keys
/// \param update        what is changed
/// \param[out] outcome  how far it got; its size is set by the caller; may be NULL
/// \param[out] err      why it stopped; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_update_keys(
    store: *const keyfob_store,
    selection: *const keyfob_selection,
    update: *const keyfob_key_update,
    outcome: *mut keyfob_bulk_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_many(store, selection, outcome, err, |handle, selected| {
            Ok(handle
                .store
                .update_many(selected, &crate::lifecycle::update(update)?))
        })
    }
}

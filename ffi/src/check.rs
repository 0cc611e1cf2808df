//! Checking and pruning: the whole file, the log, and what is over.

use std::ffi::{c_char, c_int, c_void};

use keyfob_core::{IntegrityReport, Prune};

use crate::create::at;
use crate::error::{Fault, keyfob_error};
use crate::guard::{access, access_text, free};
use crate::key::put_bytes;
use crate::out::{Out, Value};
use crate::progress::{keyfob_progress_fn, telling};
use crate::sized::{Place, only, read, sized};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::Text;

/// What the full check found.
pub struct keyfob_integrity_report {
    report: IntegrityReport,
    damage: Vec<Text>,
}

/// Checks everything there is to check. It may run beside other processes and threads; their
/// changes wait while the engine's own pages are read. Damage is no failure of the check: look at
/// keyfob_integrity_report_damage_count().
///
/// Errors: what kept the check from being made; INTERRUPTED; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param store        the store
/// \param progress     is told how many rows are done; may be NULL
/// \param user         is passed to it
/// \param[out] report  what was found; free it with keyfob_integrity_report_free()
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_check_integrity(
    store: *const keyfob_store,
    progress: keyfob_progress_fn,
    user: *mut c_void,
    report: *mut *mut keyfob_integrity_report,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (out, mut progress) = unsafe { (Out::new(report), telling(progress, user)) };
    let body = |handle: &keyfob_store| {
        let out = out.required("report")?;
        let report = handle.store.check_integrity(&mut progress)?;
        out.give(|| keyfob_integrity_report {
            damage: report.damage.iter().map(Text::new).collect(),
            report,
        });
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// How many things are wrong; 0 where the store is whole, SIZE_MAX of NULL.
///
/// Threads: any.
///
/// \param report  the report
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_damage_count(
    report: *const keyfob_integrity_report,
) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(report, usize::MAX, |report| report.damage.len()) }
}

/// One of the things that are wrong, a sentence. NULL beyond the last.
///
/// Threads: any.
///
/// \param report  the report
/// \param index   which, from 0
/// \param size    where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the report, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_damage(
    report: *const keyfob_integrity_report,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(report, size, |report| report.damage.get(index)) }
}

/// How many keys were read.
///
/// Threads: any.
///
/// \param report  the report
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_key_count(
    report: *const keyfob_integrity_report,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(report, 0, |report| report.report.keys) }
}

/// How many projects were read.
///
/// Threads: any.
///
/// \param report  the report
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_project_count(
    report: *const keyfob_integrity_report,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(report, 0, |report| report.report.projects) }
}

/// How many events were read.
///
/// Threads: any.
///
/// \param report  the report
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_event_count(
    report: *const keyfob_integrity_report,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(report, 0, |report| report.report.events) }
}

/// The sequence of the last event.
///
/// Threads: any.
///
/// \param report  the report
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_sequence(
    report: *const keyfob_integrity_report,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(report, 0, |report| report.report.sequence) }
}

/// The hash of the last event.
///
/// Threads: any.
///
/// \param report      the report
/// \param[out] head  32 bytes of the caller's; zeros where report is NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_head(
    report: *const keyfob_integrity_report,
    head: *mut u8,
) {
    // SAFETY: the caller's object, and 32 bytes of theirs.
    unsafe {
        let bytes = access(report, [0; 32], |report| report.report.head);
        put_bytes(head, &bytes);
    }
}

/// Frees the report of a check.
///
/// Threads: one at a time.
///
/// \param report  the report of a check; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_integrity_report_free(report: *mut keyfob_integrity_report) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(report) }
}

/// Whether the log had a hash at a sequence: what somebody noted elsewhere, from
/// keyfob_info_sequence() and keyfob_info_head(), still holds.
///
/// Errors: GONE where the event was pruned and is not the one at the cut; NULL_ARGUMENT; what the
/// store says.
///
/// Threads: any.
///
/// \param store       the store
/// \param sequence    the sequence
/// \param hash        the hash, 32 bytes
/// \param[out] holds  1 where it holds, else 0
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_check_expected(
    store: *const keyfob_store,
    sequence: u64,
    hash: *const u8,
    holds: *mut c_int,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (hash, holds) = unsafe { (hash.cast::<[u8; 32]>().as_ref(), Value::new(holds)) };
    let body = |handle: &keyfob_store| {
        let holds = holds.required("holds")?;
        let hash = hash.ok_or(Fault::null("hash"))?;
        holds.give(handle.store.check_expected(sequence, hash)?.into());
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// What a verification of the log found: every event follows from the one before.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_verify_log_result {
    /// sizeof(keyfob_verify_log_result), set by the caller.
    pub size: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// The first event that the log holds; 0 where it holds none.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The hash of the last. Noted elsewhere, it proves what the log said by then.
    pub head: [u8; 32],
}

sized!(keyfob_verify_log_result, 56 {
    size: u32,
    reserved: u32,
    first: u64,
    last: u64,
    head: [u8; 32],
});

/// Verifies the chain of the log: every event that it holds follows from the one before.
///
/// Errors: CORRUPTED, naming the first event that does not follow; what the store says.
///
/// Threads: any.
///
/// \param store       the store
/// \param[out] chain  what was found; its size is set by the caller; may be NULL
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_verify_log(
    store: *const keyfob_store,
    chain: *mut keyfob_verify_log_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's struct.
    let place = unsafe { Place::new(chain) };
    let body = |handle: &keyfob_store| {
        let place = place?;
        let chain = handle.store.verify_log()?;
        place.give(&keyfob_verify_log_result {
            size: 0,
            reserved: 0,
            first: chain.first,
            last: chain.last,
            head: chain.head,
        });
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Removes the events up to and including a sequence from the log. The hash at the cut is kept, so
/// that the rest stays provable.
///
/// Errors: INVALID_ARGUMENT where the sequence is beyond the last event; PEPPER_REFUSED while a
/// change of peppers is under way; what the store says.
///
/// Threads: any.
///
/// \param store         the store
/// \param through       the last event that is removed
/// \param[out] removed  how many were removed; may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_prune_log(
    store: *const keyfob_store,
    through: u64,
    removed: *mut u64,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's place.
    let removed = unsafe { Value::new(removed) };
    let body = |handle: &keyfob_store| {
        removed.give(handle.store.prune_log(through)?);
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Which keys are pruned: those for which one of the conditions holds. A time of 0 is a condition
/// that is not stated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_prune_options {
    /// sizeof(keyfob_prune_options).
    pub size: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// Revoked before this time, in seconds since 1970.
    pub revoked_before: i64,
    /// Expired before this time, in seconds since 1970.
    pub expired_before: i64,
}

sized!(keyfob_prune_options, 24 {
    size: u32,
    reserved: u32,
    revoked_before: i64,
    expired_before: i64,
});

/// Removes revoked and expired keys from the listing, and deleted projects that have no keys any
/// more. Nothing brings a revoked key back that was pruned: no restore, and no import.
///
/// Errors: what the store says; what was pruned before it stays pruned.
///
/// Threads: any.
///
/// \param store          the store
/// \param prune          which keys; NULL for none, and only projects are pruned
/// \param[out] keys      how many keys were pruned; may be NULL
/// \param[out] projects  how many projects were pruned; may be NULL
/// \param[out] err       why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_prune(
    store: *const keyfob_store,
    prune: *const keyfob_prune_options,
    keys: *mut u64,
    projects: *mut u64,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's places.
    let (keys, projects) = unsafe { (Value::new(keys), Value::new(projects)) };
    let body = |handle: &keyfob_store| {
        // SAFETY: the caller's struct.
        let asked = unsafe { read(prune) }?;
        only(asked.reserved, 0, "keyfob_prune_options.reserved")?;
        let mut prune = Prune::default();
        prune.revoked_before = at(asked.revoked_before);
        prune.expired_before = at(asked.expired_before);
        let pruned = handle.store.prune(&prune)?;
        keys.give(pruned.keys);
        projects.give(pruned.projects);
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

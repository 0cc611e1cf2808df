//! Backup, restore, and what belongs to the file as a whole.

use std::ffi::{c_char, c_void};
use std::os::unix::ffi::OsStrExt;

use keyfob_core::{KeyInfo, Restore, Restored};

use crate::error::{Fault, keyfob_error};
use crate::guard::{access, access_text, answer, free};
use crate::key_list::keyfob_key_list;
use crate::lifecycle::parse_key_id;
use crate::options::{keyfob_store_options, options};
use crate::out::{Out, Value};
use crate::progress::{keyfob_progress_fn, telling};
use crate::sized::{Place, only, read, sized};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store, path};
use crate::text::{Text, keyfob_text, texts};

/// What a backup holds.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_backup_result {
    /// sizeof(keyfob_backup_result), set by the caller.
    pub size: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// The sequence that it stands at.
    pub sequence: u64,
    /// Its keys.
    pub keys: u64,
    /// The length of its file.
    pub bytes: u64,
}

sized!(keyfob_backup_result, 32 {
    size: u32,
    reserved: u32,
    sequence: u64,
    keys: u64,
    bytes: u64,
});

/// Writes a copy of the store as it stands now, while it goes on being used. The copy is a store
/// itself, compact and durable when this returns, with the same id and pepper. Where the callback
/// stops it, nothing is left of the copy.
///
/// Errors: STORE_EXISTS where anything is at the path; NO_SPACE; INTERRUPTED; NULL_ARGUMENT; what
/// the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param to           where the copy goes
/// \param to_size      its length, or KEYFOB_NUL
/// \param progress     is told how many rows are done; may be NULL
/// \param user         is passed to it
/// \param[out] backup  what it holds; its size is set by the caller; may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_backup(
    store: *const keyfob_store,
    to: *const c_char,
    to_size: usize,
    progress: keyfob_progress_fn,
    user: *mut c_void,
    backup: *mut keyfob_backup_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's struct.
    let place = unsafe { Place::new(backup) };
    let body = |handle: &keyfob_store| {
        let place = place?;
        // SAFETY: the caller's pointers.
        let (to, mut progress) = unsafe { (path(to, to_size, "to")?, telling(progress, user)) };
        let backup = handle.store.backup(to, &mut progress)?;
        place.give(&keyfob_backup_result {
            size: 0,
            reserved: 0,
            sequence: backup.sequence,
            keys: backup.keys,
            bytes: backup.bytes,
        });
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Gives unused pages of the file back to the file system. Every other call on this store waits
/// meanwhile as long as it may, and answers BUSY then.
///
/// Errors: LOCKED while another process has the store open; BUSY while a backup or a check of this
/// process reads it; READ_ONLY; what the store says.
///
/// Threads: any.
///
/// \param store              the store
/// \param[out] bytes_before  the length of the file before; may be NULL
/// \param[out] bytes_after   its length now; may be NULL
/// \param[out] err           why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_compact(
    store: *const keyfob_store,
    bytes_before: *mut u64,
    bytes_after: *mut u64,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (before, after) = unsafe { (Value::new(bytes_before), Value::new(bytes_after)) };
    let body = |handle: &keyfob_store| {
        let compacted = handle.store.compact()?;
        before.give(compacted.bytes_before);
        after.give(compacted.bytes_after);
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Bits of keyfob_restore_options.flags.
#[repr(C)]
pub enum keyfob_restore_flags {
    /// Disable every key that the restore brings in, to be enabled one by one.
    KEYFOB_RESTORE_DISABLE_ALL = 1,
    /// Accept, into a store that has a pepper, a backup from before it had one: nothing but its
    /// origin says that nobody altered it.
    KEYFOB_RESTORE_TRUST_UNKEYED = 2,
    /// Put the backup in the place of a file that does not begin as a store does. The file is kept
    /// beside it.
    KEYFOB_RESTORE_REPLACE_OTHER_FILE = 4,
}

/// How a backup is restored.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_restore_options {
    /// sizeof(keyfob_restore_options).
    pub size: u32,
    /// Bits of \ref keyfob_restore_flags.
    pub flags: u32,
    /// The ids of keys that are brought back although the present store pruned them.
    pub named: *const keyfob_text,
    /// How many.
    pub named_count: usize,
}

sized!(keyfob_restore_options, 24 {
    size: u32,
    flags: u32,
    named: *const keyfob_text,
    named_count: usize,
});

/// What a restore did.
pub struct keyfob_restore_result {
    restored: Restored,
    conflicts: keyfob_key_list,
    project_conflicts: Vec<Text>,
    uncertain: keyfob_key_list,
    set_aside: Option<Text>,
}

/// Restores a backup at a path, which need not hold anything. Where the present store can be read,
/// it gains what the backup knows and it does not; what it changed itself since then stays, what it
/// pruned stays away unless it is named, and what either of them revoked is revoked. Where it is
/// missing or cannot be read, the backup takes its place, and the answer names every key whose
/// state is uncertain.
///
/// Errors: CORRUPTED where the backup is damaged; OPTIONS_CONTRADICT where it is of another store;
/// NOT_A_STORE where the file at the path is another program's, unless it may be replaced; LOCKED
/// where others have the file open that cannot be read; KEY_IS_REVOKED where a named key was
/// revoked before it was pruned; PEPPER_REFUSED; INTERRUPTED, and nothing was changed; those of
/// keyfob_store_open().
///
/// Threads: any.
///
/// \param path           where the store is, or goes
/// \param path_size      its length, or KEYFOB_NUL
/// \param backup         where the backup is
/// \param backup_size    its length, or KEYFOB_NUL
/// \param options        the store's pepper, and as retired ones those of the backup's time, among
///                       others; NULL for the defaults
/// \param how            how; NULL for the defaults
/// \param progress       is told how many rows of the backup were checked, and may stop it until
///                       something is written; may be NULL
/// \param user           is passed to it
/// \param[out] restored  what was done; free it with keyfob_restore_result_free(); may be NULL
/// \param[out] err       why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_restore(
    path: *const c_char,
    path_size: usize,
    backup: *const c_char,
    backup_size: usize,
    options: *const keyfob_store_options,
    how: *const keyfob_restore_options,
    progress: keyfob_progress_fn,
    user: *mut c_void,
    restored: *mut *mut keyfob_restore_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    use keyfob_restore_flags as flags;
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(restored) };
    let body = || {
        // SAFETY: the caller's pointers.
        let (path, backup, options, asked, mut progress) = unsafe {
            (
                self::path(path, path_size, "path")?,
                self::path(backup, backup_size, "backup")?,
                self::options(options)?,
                read(how)?,
                telling(progress, user),
            )
        };
        only(asked.flags, 7, "keyfob_restore_options.flags")?;
        // SAFETY: the caller's texts.
        let named = unsafe { texts(asked.named, asked.named_count, "named") }?;
        let has = |flag: flags| asked.flags & flag as u32 != 0;
        let mut how = Restore::default();
        how.disable_all = has(flags::KEYFOB_RESTORE_DISABLE_ALL);
        how.trust_unkeyed = has(flags::KEYFOB_RESTORE_TRUST_UNKEYED);
        how.replace_other_file = has(flags::KEYFOB_RESTORE_REPLACE_OTHER_FILE);
        how.named = named
            .into_iter()
            .map(parse_key_id)
            .collect::<Result<_, Fault>>()?;
        let mut restored = options.restore(path, backup, &how, &mut progress)?;
        let list = |keys: &mut Vec<KeyInfo>| keyfob_key_list::new(std::mem::take(keys));
        out.give(|| keyfob_restore_result {
            conflicts: list(&mut restored.conflicts),
            uncertain: list(&mut restored.uncertain),
            project_conflicts: restored.project_conflicts.iter().map(Text::new).collect(),
            set_aside: restored
                .set_aside
                .as_ref()
                .map(|path| Text::new(path.as_os_str().as_bytes())),
            restored,
        });
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// How many keys were brought in.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_key_count(
    restored: *const keyfob_restore_result,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(restored, 0, |restored| restored.restored.keys) }
}

/// How many projects were brought in.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_project_count(
    restored: *const keyfob_restore_result,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(restored, 0, |restored| restored.restored.projects) }
}

/// The sequence that the store goes on from.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_sequence(
    restored: *const keyfob_restore_result,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(restored, 0, |restored| restored.restored.sequence) }
}

/// The last event that the backup and the present store have in common; -1 where nothing tells
/// which it is, or where there was nothing to read.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_common_sequence(
    restored: *const keyfob_restore_result,
) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        access(restored, -1, |restored| {
            restored
                .restored
                .common_sequence
                .map_or(-1, |at| i64::try_from(at).unwrap_or(i64::MAX))
        })
    }
}

/// How many keys of the backup stay away, because the present store pruned them, or may have.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_kept_away_count(
    restored: *const keyfob_restore_result,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(restored, 0, |restored| restored.restored.kept_away) }
}

/// The keys that both the backup and the present store changed after what they have in common. They
/// are as the present store has them, revoked if either revoked them, and else disabled. NULL only
/// of NULL.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \return a list that lives as long as what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_conflicts(
    restored: *const keyfob_restore_result,
) -> *const keyfob_key_list {
    // SAFETY: the caller's object.
    unsafe {
        access(restored, std::ptr::null(), |restored| {
            &raw const restored.conflicts
        })
    }
}

/// The keys whose state after the backup cannot be known, because there was nothing to read: any of
/// them may have been revoked since. NULL only of NULL.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \return a list that lives as long as what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_uncertain(
    restored: *const keyfob_restore_result,
) -> *const keyfob_key_list {
    // SAFETY: the caller's object.
    unsafe {
        access(restored, std::ptr::null(), |restored| {
            &raw const restored.uncertain
        })
    }
}

/// How many projects both the backup and the present store changed after what they have in common.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_project_conflict_count(
    restored: *const keyfob_restore_result,
) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(restored, 0, |restored| restored.project_conflicts.len()) }
}

/// The name of one of these projects: deleted if either deleted it, else disabled. NULL beyond the
/// last.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \param index     which, from 0
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the answer, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_project_conflict(
    restored: *const keyfob_restore_result,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe {
        access_text(restored, size, |restored| {
            restored.project_conflicts.get(index)
        })
    }
}

/// Where the file that could not be read was put; NULL where there was none.
///
/// Threads: any.
///
/// \param restored  what the restore answered
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the answer, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_set_aside(
    restored: *const keyfob_restore_result,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(restored, size, |restored| restored.set_aside.as_ref()) }
}

/// Frees what a restore answered.
///
/// Threads: one at a time.
///
/// \param restored  what a restore answered; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_restore_result_free(restored: *mut keyfob_restore_result) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(restored) }
}

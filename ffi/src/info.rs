//! What a store tells of itself.

use std::ffi::{c_char, c_int};

use keyfob_core::{PepperInfo, StoreInfo};

use crate::error::keyfob_error;
use crate::guard::{access, access_text, free};
use crate::key::{NO_TIME, put_bytes};
use crate::out::Out;
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::Text;

/// What a store told of itself, as it was then.
pub struct keyfob_info(StoreInfo);

/// Whether a store has a pepper.
#[repr(C)]
pub enum keyfob_pepper_states {
    /// It has none: its tags find corruption, and not who can write the file.
    KEYFOB_PEPPER_NONE = 0,
    /// It has one.
    KEYFOB_PEPPER_SET = 1,
    /// One is being introduced, changed or removed.
    KEYFOB_PEPPER_CHANGING = 2,
}

fn pepper_state(pepper: PepperInfo) -> u32 {
    use keyfob_pepper_states as states;
    match pepper {
        PepperInfo::None => states::KEYFOB_PEPPER_NONE as u32,
        PepperInfo::Set => states::KEYFOB_PEPPER_SET as u32,
        _ => states::KEYFOB_PEPPER_CHANGING as u32,
    }
}

/// What the store tells of itself. Its prefix, path and scanner expression the handle itself knows;
/// its policy is told by keyfob_store_get_policy().
///
/// Errors: what the store says; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param store      the store
/// \param[out] info  what it tells; free it with keyfob_info_free()
/// \param[out] err   why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_info(
    store: *const keyfob_store,
    info: *mut *mut keyfob_info,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(info) };
    let body = |handle: &keyfob_store| {
        let out = out.required("info")?;
        let info = handle.store.info()?;
        out.give(|| keyfob_info(info));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The format of its file.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_format(info: *const keyfob_info) -> u32 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.format) }
}

/// Its own id, drawn when it was created; a backup has the same.
///
/// Threads: any.
///
/// \param info      what was told
/// \param[out] id  16 bytes of the caller's; zeros where info is NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_store_id(info: *const keyfob_info, id: *mut u8) {
    // SAFETY: the caller's object, and 16 bytes of theirs.
    unsafe {
        let bytes = access(info, [0; 16], |info| info.0.store_id);
        put_bytes(id, &bytes);
    }
}

/// When it was created, in seconds since 1970.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_created_at(info: *const keyfob_info) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(info, NO_TIME, |info| info.0.created_at.unix()) }
}

/// The sequence of its last event.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_sequence(info: *const keyfob_info) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.sequence) }
}

/// The hash of its last event. Noted elsewhere with the sequence, it proves the log:
/// keyfob_store_check_expected().
///
/// Threads: any.
///
/// \param info        what was told
/// \param[out] head  32 bytes of the caller's; zeros where info is NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_head(info: *const keyfob_info, head: *mut u8) {
    // SAFETY: the caller's object, and 32 bytes of theirs.
    unsafe {
        let bytes = access(info, [0; 32], |info| info.0.head);
        put_bytes(head, &bytes);
    }
}

/// The last event that was pruned from the log; 0 where none was.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_log_begins_after(info: *const keyfob_info) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.log_begins_after) }
}

/// How many keys it has, of every state.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_key_count(info: *const keyfob_info) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.keys) }
}

/// How many projects it has, those deleted that still have keys included.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_project_count(info: *const keyfob_info) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.projects) }
}

/// How many digests of imported secrets it has, those of pruned keys included.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_digest_count(info: *const keyfob_info) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.digests) }
}

/// How many revoked keys were pruned that it remembers.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_tombstone_count(info: *const keyfob_info) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.tombstones) }
}

/// Whether it has a pepper: one of \ref keyfob_pepper_states.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_pepper(info: *const keyfob_info) -> u32 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| pepper_state(info.0.pepper)) }
}

/// The latest time that its own clock showed, in seconds since 1970. Expiry and the end of a grace
/// go by this mark while the clock is behind it; keyfob_store_reset_clock() sets it to the clock.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_mark(info: *const keyfob_info) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(info, NO_TIME, |info| info.0.mark.unix()) }
}

/// What its clock showed, in seconds since 1970.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_clock(info: *const keyfob_info) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(info, NO_TIME, |info| info.0.clock.unix()) }
}

/// 1 where the clock runs so far ahead that the mark does not follow it; else 0.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_clock_ahead(info: *const keyfob_info) -> c_int {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.clock_ahead.into()) }
}

/// The length of its file.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_file_bytes(info: *const keyfob_info) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.file_bytes) }
}

/// 1 where the handle is for reading only; else 0.
///
/// Threads: any.
///
/// \param info  what was told
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_read_only(info: *const keyfob_info) -> c_int {
    // SAFETY: the caller's object.
    unsafe { access(info, 0, |info| info.0.read_only.into()) }
}

/// Frees what a store told of itself.
///
/// Threads: one at a time.
///
/// \param info  what a store told of itself; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_info_free(info: *mut keyfob_info) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(info) }
}

/// What each table of the file costs.
pub struct keyfob_table_list(Vec<(Text, u64, u64)>);

/// What each table of the file costs. Reads every page.
///
/// Errors: what the store says; NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param store        the store
/// \param[out] tables  the tables; free it with keyfob_table_list_free()
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_table_sizes(
    store: *const keyfob_store,
    tables: *mut *mut keyfob_table_list,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(tables) };
    let body = |handle: &keyfob_store| {
        let out = out.required("tables")?;
        let tables = handle.store.table_sizes()?;
        let one = |(name, rows, bytes): (&str, u64, u64)| (Text::new(name), rows, bytes);
        out.give(|| keyfob_table_list(tables.into_iter().map(one).collect()));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// How many tables there are.
///
/// Threads: any.
///
/// \param tables  the tables
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_table_list_count(tables: *const keyfob_table_list) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(tables, 0, |tables| tables.0.len()) }
}

/// The name of a table. NULL beyond the last.
///
/// Threads: any.
///
/// \param tables  the tables
/// \param index   which, from 0
/// \param size    where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the tables, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_table_list_name(
    tables: *const keyfob_table_list,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe {
        access_text(tables, size, |tables| {
            tables.0.get(index).map(|table| &table.0)
        })
    }
}

/// How many rows a table has.
///
/// Threads: any.
///
/// \param tables  the tables
/// \param index   which, from 0
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_table_list_rows(
    tables: *const keyfob_table_list,
    index: usize,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe {
        access(tables, 0, |tables| {
            tables.0.get(index).map_or(0, |table| table.1)
        })
    }
}

/// How many bytes a table takes, with everything that the engine adds.
///
/// Threads: any.
///
/// \param tables  the tables
/// \param index   which, from 0
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_table_list_bytes(
    tables: *const keyfob_table_list,
    index: usize,
) -> u64 {
    // SAFETY: the caller's object.
    unsafe {
        access(tables, 0, |tables| {
            tables.0.get(index).map_or(0, |table| table.2)
        })
    }
}

/// Frees the tables.
///
/// Threads: one at a time.
///
/// \param tables  the tables; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_table_list_free(tables: *mut keyfob_table_list) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(tables) }
}

//! The handle of a store: creating, opening and closing it, and what belongs to it as a whole.

use std::ffi::{OsStr, c_char};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keyfob_core::{Code, Error, Store, StoreOptions, scanner_expression};

use crate::error::{Fault, keyfob_error};
use crate::guard::{access_text, answer, caught, on_handle, status};
use crate::options::{keyfob_store_options, options};
use crate::out::Out;
use crate::status::keyfob_status;
use crate::text::{Text, bytes, text};

/// A store of API keys in one file.
///
/// Any number of threads may use one at the same time, but for keyfob_store_close(). Handles that
/// one process opens on the same file share one store. After a fork the parent's handle goes on in
/// the parent; its first use in the child opens the file again there.
pub struct keyfob_store {
    pub(crate) store: Store,
    /// Set by a panic, for every handle that came from the same opening.
    pub(crate) poisoned: Arc<AtomicBool>,
    /// Whether it closes the store, and not itself alone.
    closes: bool,
    prefix: Text,
    path: Text,
    expression: Text,
}

impl keyfob_store {
    pub(crate) fn new(store: Store, poisoned: Arc<AtomicBool>) -> Self {
        keyfob_store {
            prefix: Text::new(store.prefix().as_str()),
            path: Text::new(store.path().as_os_str().as_bytes()),
            expression: Text::new(scanner_expression(store.prefix())),
            store,
            poisoned,
            closes: true,
        }
    }
}

/// A call on a store that answers a status.
///
/// # Safety
/// `store` is NULL, or a handle that is not closed during the call; `err` is NULL or the caller's
/// to be written to.
pub(crate) unsafe fn on_store(
    store: *const keyfob_store,
    err: *mut *mut keyfob_error,
    body: impl FnOnce(&keyfob_store) -> Result<(), Fault>,
) -> keyfob_status {
    // SAFETY: as above.
    unsafe {
        match store.as_ref() {
            Some(handle) => on_handle(&handle.poisoned, err, || body(handle).map(|()| Code::OK)),
            None => status(err, || Err(Fault::null("store"))),
        }
    }
}

/// The bytes of a path, as the operating system takes them.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn path<'a>(
    data: *const c_char,
    size: usize,
    what: &'static str,
) -> Result<&'a Path, Fault> {
    // SAFETY: as above.
    let bytes = unsafe { bytes(data, size, what) }?;
    if bytes.is_empty() {
        let why = format!("{what} must not be empty");
        return Err(Fault::misuse(Code::INVALID_ARGUMENT, why));
    }
    if bytes.contains(&0) {
        let why = format!("{what} holds a NUL, which no path does");
        return Err(Fault::misuse(Code::INVALID_ARGUMENT, why));
    }
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// # Safety
/// The pointers are as the functions below say.
unsafe fn opened(
    at: (*const c_char, usize),
    asked: *const keyfob_store_options,
    store: *mut *mut keyfob_store,
    err: *mut *mut keyfob_error,
    open: fn(StoreOptions, &Path) -> Result<Store, Error>,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(store) };
    let body = || {
        let out = out.required("store")?;
        // SAFETY: the caller's pointers.
        let (options, path) = unsafe { (options(asked)?, path(at.0, at.1, "path")?) };
        let store = open(options, path)?;
        out.give(|| keyfob_store::new(store, Arc::default()));
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// Creates a store. The file is finished beside its place and then put there, so that nobody sees
/// half of it.
///
/// Errors: STORE_EXISTS where anything is at the path; INVALID_ARGUMENT without a prefix;
/// UNKNOWN_OPTION; what the operating system says of the path.
///
/// Threads: any.
///
/// \param path        where it goes, as the operating system takes it
/// \param path_size   its length, or KEYFOB_NUL
/// \param options     how; a prefix is needed
/// \param[out] store  the store; close it with keyfob_store_close()
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_create(
    path: *const c_char,
    path_size: usize,
    options: *const keyfob_store_options,
    store: *mut *mut keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe { opened((path, path_size), options, store, err, |o, p| o.create(p)) }
}

/// Opens a store that exists. Where this process has the file open already, it is the same store:
/// one cache, one set of counters and of last-used times; only the actor is each handle's own, and
/// the other options must be those that it was opened with.
///
/// Errors: NO_STORE where nothing is at the path; NOT_A_STORE, NOT_A_FILE, EMPTY_FILE, TRUNCATED,
/// NEWER_FORMAT and others for what is no store; PEPPER_REQUIRED, WRONG_PEPPER,
/// PEPPER_NOT_EXPECTED; INSECURE_PERMISSIONS; OPTIONS_CONTRADICT where prefix or policy are not the
/// file's, or where this process has it open with other options; LOCKED where another process has
/// it for itself; ROLLED_BACK below the least sequence; NEEDS_RECOVERY for a read-only open after a
/// crash.
///
/// Threads: any.
///
/// \param path        where it is, as the operating system takes it
/// \param path_size   its length, or KEYFOB_NUL
/// \param options     how; NULL for the defaults
/// \param[out] store  the store; close it with keyfob_store_close()
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_open(
    path: *const c_char,
    path_size: usize,
    options: *const keyfob_store_options,
    store: *mut *mut keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe { opened((path, path_size), options, store, err, |o, p| o.open(p)) }
}

/// Opens the store, or creates it where nothing is at the path. Of several processes that do so at
/// once, one makes the file and the others open it.
///
/// Errors: those of keyfob_store_create() and keyfob_store_open(), but for STORE_EXISTS and
/// NO_STORE.
///
/// Threads: any.
///
/// \param path        where it is, or goes
/// \param path_size   its length, or KEYFOB_NUL
/// \param options     how; a prefix is needed
/// \param[out] store  the store; close it with keyfob_store_close()
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_open_or_create(
    path: *const c_char,
    path_size: usize,
    options: *const keyfob_store_options,
    store: *mut *mut keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        opened((path, path_size), options, store, err, |o, p| {
            o.open_or_create(p)
        })
    }
}

/// Closes a store, and frees the handle whatever the status is. The handles that
/// keyfob_store_with_actor() made of it answer CLOSED afterwards, and its iterators do when they have
/// given what they had read. Of several handles that this process opened on the file the last one
/// writes what last-used times were kept, and closes the file.
///
/// Errors: what could not be written; the file is closed all the same. BUSY where a change or a
/// compaction does not end in time: the file is closed when it has ended.
///
/// Threads: no other call on this handle at the same time, and none afterwards.
///
/// \param store     the store; NULL is allowed
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
// The only status that may be left unread without a warning: who closes on the way out of a
// failure has nothing left to do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_store_close(
    store: *mut keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    let body = || {
        if store.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's handle, which is theirs no longer.
        let handle = unsafe { Box::from_raw(store) };
        // What a panic left behind is closed as well as it can be.
        let closed = caught(|| {
            if handle.closes {
                handle.store.close()
            } else {
                Ok(())
            }
        });
        caught(|| drop(handle));
        Ok(closed.ok_or(Fault::Panicked)??)
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// The same store on behalf of another actor, as the log shows it: a handle of its own, cheap
/// enough to be made for each request. Closing it closes it alone; once the handle that it was
/// made of is closed, it answers CLOSED.
///
/// Errors: INVALID_ARGUMENT, LIMIT_EXCEEDED where the actor is not 1-200 bytes without control
/// characters; NOT_UTF8; NULL_ARGUMENT; POISONED.
///
/// Threads: any.
///
/// \param store       the store
/// \param actor       who acts
/// \param actor_size  its length, or KEYFOB_NUL
/// \param[out] other  the handle; close it with keyfob_store_close()
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_with_actor(
    store: *const keyfob_store,
    actor: *const c_char,
    actor_size: usize,
    other: *mut *mut keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(other) };
    let body = |handle: &keyfob_store| {
        let out = out.required("other")?;
        // SAFETY: the caller's text.
        let actor = unsafe { text(actor, actor_size, "actor") }?;
        let store = handle.store.with_actor(actor)?;
        out.give(|| keyfob_store {
            closes: false,
            ..keyfob_store::new(store, Arc::clone(&handle.poisoned))
        });
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The prefix of the store's tokens. NULL only of NULL.
///
/// Threads: any.
///
/// \param store  the store
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the handle
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_store_prefix(
    store: *const keyfob_store,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's handle and size.
    unsafe { access_text(store, size, |handle| Some(&handle.prefix)) }
}

/// The path that the store was opened at. NULL only of NULL.
///
/// Threads: any.
///
/// \param store  the store
/// \param size   where its length without the NUL goes; may be NULL
/// \return bytes that live as long as the handle
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_store_path(
    store: *const keyfob_store,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's handle and size.
    unsafe { access_text(store, size, |handle| Some(&handle.path)) }
}

/// The regular expression that finds the store's tokens, for secret scanners. NULL only of NULL.
///
/// Threads: any.
///
/// \param store  the store
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the handle
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_store_scanner_expression(
    store: *const keyfob_store,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's handle and size.
    unsafe { access_text(store, size, |handle| Some(&handle.expression)) }
}

/// Writes what last-used times and counts are kept in memory, as happens every few seconds and on
/// close.
///
/// Errors: what the store says; what could not be written is kept. READ_ONLY is none: nothing is
/// kept then.
///
/// Threads: any.
///
/// \param store     the store
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_flush(
    store: *const keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, |handle| Ok(handle.store.flush()?)) }
}

/// Panics on a store, for tests of what a panic does. Only in builds with the feature
/// planted-panic, and in no header: a test declares it itself.
///
/// cbindgen:ignore
#[cfg(feature = "planted-panic")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_store_panic(
    store: *const keyfob_store,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, |_| panic!("planted")) }
}

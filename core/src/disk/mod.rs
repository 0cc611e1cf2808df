//! The disk: the only place that names redb. It opens the file, hands out read snapshots and write
//! transactions, and sees to it that a handle that failed is never trusted again. It decides
//! nothing: what the rows mean is judged elsewhere.

pub(crate) mod backend;
pub(crate) mod codec;
pub(crate) mod copy;
#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod file;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadableDatabase};

use crate::disk::backend::{Backend, Deadlines};
use crate::disk::file::{FileId, Tolerance, Unfinished};
use crate::error::StoreError;

/// When the whole file is checked as it is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CheckOnOpen {
    /// When nobody else has the store open and it was not closed cleanly.
    #[default]
    Auto,
    /// Always. Reads the whole file: about half a second for a million keys.
    Always,
    /// Never: a damaged page is found when it is read.
    Never,
}

/// How a file is opened.
#[derive(Clone, Debug)]
pub(crate) struct DiskOptions {
    pub(crate) tolerance: Tolerance,
    pub(crate) deadlines: Deadlines,
    pub(crate) cache_bytes: usize,
    pub(crate) read_only: bool,
    pub(crate) exclusive: bool,
    pub(crate) check: CheckOnOpen,
    #[cfg(test)]
    pub(crate) faults: Option<std::sync::Arc<faults::Faults>>,
}

enum Engine {
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

/// The engine's handle; none after it was closed, or while it could not be opened again.
struct Handle {
    engine: Option<Engine>,
    backend: Backend,
    /// What the last attempt to open the file again said.
    why_not: Option<String>,
}

/// One open file.
pub(crate) struct Disk {
    path: PathBuf,
    options: DiskOptions,
    id: FileId,
    process: u32,
    handle: RwLock<Handle>,
    writer: Mutex<()>,
    /// Whether a sign of corruption made the engine check every page already.
    suspected: AtomicBool,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A new file that nobody else sees yet.
pub(crate) struct New<'a> {
    database: &'a Database,
    path: &'a Path,
}

impl New<'_> {
    /// Runs a write transaction on it. It is durable when the file takes its place, and not
    /// before.
    pub(crate) fn write<T, E: From<StoreError>>(
        &self,
        f: impl FnOnce(&redb::WriteTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut transaction = self.database.begin_write().map_err(transaction_error)?;
        transaction
            .set_durability(redb::Durability::None)
            .map_err(|e| StoreError::Internal(format!("{}: {e}", self.path.display())))?;
        let value = f(&transaction)?;
        match transaction.commit() {
            Ok(()) => Ok(value),
            Err(redb::CommitError::Storage(e)) => Err(storage_error(e).into()),
            Err(e) => Err(StoreError::Internal(e.to_string()).into()),
        }
    }
}

/// Where a write transaction failed.
#[derive(Debug)]
pub(crate) enum WriteFailure<E> {
    /// Before the commit: nothing happened.
    Before(E),
    /// In the commit: it may have happened.
    InCommit(StoreError),
}

impl<E> From<E> for WriteFailure<E> {
    fn from(error: E) -> Self {
        WriteFailure::Before(error)
    }
}

/// Translates what the engine says. The one place where its errors are named.
pub(crate) fn storage_error(error: redb::StorageError) -> StoreError {
    match error {
        redb::StorageError::Corrupted(what) => StoreError::Corrupted(what),
        redb::StorageError::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => StoreError::Busy,
        redb::StorageError::Io(e) => StoreError::io("reading or writing the store", e),
        redb::StorageError::DatabaseClosed => StoreError::Closed,
        redb::StorageError::PreviousIo => StoreError::Io {
            what: "reading or writing the store",
            source: std::io::Error::other("an earlier operation failed"),
        },
        other => StoreError::Internal(other.to_string()),
    }
}

pub(crate) fn table_error(error: redb::TableError) -> StoreError {
    match error {
        redb::TableError::Storage(e) => storage_error(e),
        redb::TableError::TableDoesNotExist(name) => {
            StoreError::Corrupted(format!("table {name} is missing"))
        }
        other => StoreError::Corrupted(other.to_string()),
    }
}

fn transaction_error(error: redb::TransactionError) -> StoreError {
    match error {
        redb::TransactionError::Storage(e) => storage_error(e),
        redb::TransactionError::WouldBlock => StoreError::Busy,
        other => StoreError::Internal(other.to_string()),
    }
}

fn database_error(path: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::Locked
        }
        DatabaseError::RepairAborted => StoreError::NeedsRecovery,
        DatabaseError::UpgradeRequired(_) => StoreError::NotAStore {
            path: path.into(),
            why: "its file format is older than any keyfob store's",
        },
        DatabaseError::TransactionInProgress => StoreError::Busy,
        DatabaseError::Storage(redb::StorageError::Corrupted(what))
            if what.contains("truncated") || what.contains("length does not correspond") =>
        {
            StoreError::Truncated(path.into())
        }
        DatabaseError::Storage(e) => storage_error(e),
        other => StoreError::Internal(other.to_string()),
    }
}

/// What a panic said, as far as it can be told.
fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    format!(
        "the storage engine failed on it ({})",
        text.as_deref().unwrap_or("no message")
    )
}

fn guarded<T, E: From<StoreError>>(f: impl FnOnce() -> Result<T, E>) -> Result<T, Guarded<E>> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Guarded::Failed(error)),
        Err(payload) => Err(Guarded::Panicked(panic_text(&*payload))),
    }
}

enum Guarded<E> {
    Failed(E),
    Panicked(String),
}

fn engine(
    path: &Path,
    backend: &Backend,
    options: &DiskOptions,
    check: bool,
) -> Result<Engine, StoreError> {
    let mut builder = Database::builder();
    builder
        .set_cache_size(options.cache_bytes)
        .set_concurrency_mode(if options.exclusive {
            ConcurrencyMode::ExclusiveWriter
        } else {
            ConcurrencyMode::MultiWriter
        })
        .set_check_integrity_on_open(check);
    let opened = guarded(|| {
        if options.read_only {
            builder
                .open_read_only_with_backend(backend.clone())
                .map(Engine::ReadOnly)
        } else {
            builder
                .create_with_backend(backend.clone())
                .map(Engine::Writable)
        }
        .map_err(|e| database_error(path, e))
    });
    opened.map_err(|failure| {
        backend.tear();
        match failure {
            Guarded::Failed(error) => error,
            Guarded::Panicked(text) => StoreError::Corrupted(text),
        }
    })
}

impl Disk {
    /// Opens the file at a path.
    pub(crate) fn open(path: &Path, options: DiskOptions) -> Result<Disk, StoreError> {
        let opened = file::open(path, !options.read_only, options.tolerance)?;
        let backend = new_backend(opened.file, &options)?;
        let check = !options.read_only
            && match options.check {
                CheckOnOpen::Always => true,
                CheckOnOpen::Never => false,
                CheckOnOpen::Auto => opened.header.recovery_required() && !backend.open_elsewhere(),
            };
        let engine = engine(path, &backend, &options, check)?;
        Ok(Disk {
            path: path.into(),
            options,
            id: opened.id,
            process: std::process::id(),
            handle: RwLock::new(Handle {
                engine: Some(engine),
                backend,
                why_not: None,
            }),
            writer: Mutex::new(()),
            suspected: AtomicBool::new(false),
        })
    }

    /// Makes a new file: `fill` writes its first transaction, and only when that is durable does
    /// the file take its place. Fails where something is there already.
    pub(crate) fn create<E: From<StoreError>>(
        path: &Path,
        options: &DiskOptions,
        fill: impl FnOnce(&New<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (unfinished, new) = Unfinished::create(path, options.tolerance)?;
        Self::fill(new, unfinished.path(), options, fill)?;
        Ok(unfinished.finish()?)
    }

    /// The same, but the file takes the place of one that nobody has open: the place is locked
    /// whole meanwhile, and what was there is kept beside under its name and `aside`.
    pub(crate) fn create_over<E: From<StoreError>>(
        path: &Path,
        options: &DiskOptions,
        aside: &str,
        fill: impl FnOnce(&New<'_>) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        let io = |e| StoreError::io("setting the damaged file aside", e);
        let file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(io)?;
        let place = Backend::new(file, options.deadlines)?;
        place.lock_whole_file()?;
        let mut kept = path.as_os_str().to_owned();
        kept.push(aside);
        let aside = PathBuf::from(kept);
        let mut beside = path.as_os_str().to_owned();
        beside.push(".restored");
        let (unfinished, new) = Unfinished::create(Path::new(&beside), options.tolerance)?;
        Self::fill(new, unfinished.path(), options, fill)?;
        std::fs::hard_link(path, &aside).map_err(io)?;
        let unfinished = unfinished.aimed_at(path);
        unfinished.finish_over()?;
        place.tear();
        Ok(aside)
    }

    fn fill<E: From<StoreError>>(
        new: std::fs::File,
        path: &Path,
        options: &DiskOptions,
        fill: impl FnOnce(&New<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let backend = new_backend(new, options)?;
        let mut database = Database::builder()
            .set_cache_size(options.cache_bytes)
            .create_with_backend(backend)
            .map_err(|e| database_error(path, e))?;
        fill(&New {
            database: &database,
            path,
        })?;
        database
            .check_integrity()
            .map_err(|e| database_error(path, e))?;
        Ok(database.close().map_err(|e| database_error(path, e))?)
    }

    /// The path that the store was opened at.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How it was opened.
    pub(crate) fn options(&self) -> &DiskOptions {
        &self.options
    }

    /// Refuses a child of a fork: it shares the parent's locks, and the engine cannot see it.
    pub(crate) fn check_process(&self) -> Result<(), StoreError> {
        if std::process::id() == self.process {
            Ok(())
        } else {
            Err(StoreError::Forked)
        }
    }

    fn handle(&self) -> RwLockReadGuard<'_, Handle> {
        self.handle.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle_alone(&self) -> RwLockWriteGuard<'_, Handle> {
        self.handle.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a read over one snapshot. Any thread may call it; it must not be nested.
    pub(crate) fn read<T, E: From<StoreError> + AsStoreError>(
        &self,
        f: impl FnOnce(&redb::ReadTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        self.check_process()?;
        let result = {
            let handle = self.handle();
            guarded(|| {
                let begun = match handle.engine.as_ref() {
                    Some(Engine::Writable(database)) => database.begin_read(),
                    Some(Engine::ReadOnly(database)) => database.begin_read(),
                    None => return Err(handle.why_closed().into()),
                };
                f(&begun.map_err(transaction_error)?)
            })
        };
        result.map_err(|failure| self.after_failure(failure))
    }

    /// Runs a write transaction and commits it, durably. Any thread may call it; it waits for the
    /// one before.
    pub(crate) fn write<T, E: From<StoreError> + AsStoreError>(
        &self,
        f: impl FnOnce(&redb::WriteTransaction) -> Result<T, E>,
    ) -> Result<T, WriteFailure<E>> {
        self.check_process().map_err(E::from)?;
        if self.options.read_only {
            return Err(E::from(StoreError::ReadOnly).into());
        }
        let _writing = self.writing();
        if !self.id.stands_at(&self.path) {
            return Err(E::from(StoreError::Replaced(self.path.clone())).into());
        }
        let mut committing = false;
        let result = {
            let handle = self.handle();
            guarded(|| {
                let Some(Engine::Writable(database)) = handle.engine.as_ref() else {
                    return Err(handle.why_closed().into());
                };
                let transaction = database.begin_write().map_err(transaction_error)?;
                let value = f(&transaction)?;
                committing = true;
                match transaction.commit() {
                    Ok(()) => Ok(value),
                    Err(redb::CommitError::Storage(e)) => Err(storage_error(e).into()),
                    Err(e) => Err(StoreError::Internal(e.to_string()).into()),
                }
            })
        };
        result.map_err(|failure| {
            let error: E = self.after_failure(failure);
            match (committing, error.as_store_error()) {
                (true, Some(_)) => WriteFailure::InCommit(error.into_store_error()),
                _ => WriteFailure::Before(error),
            }
        })
    }

    /// Makes sure that a change of about this many bytes leaves the reserve for revocations whole.
    pub(crate) fn ensure_room(&self, bytes: u64) -> Result<(), StoreError> {
        self.check_process()?;
        if self.options.read_only {
            return Err(StoreError::ReadOnly);
        }
        self.handle().backend.ensure_room(bytes)
    }

    /// Whether a path leads to the file that is open.
    pub(crate) fn stands_at(&self, path: &Path) -> bool {
        self.id.stands_at(path)
    }

    /// The length of the file in bytes.
    pub(crate) fn file_length(&self) -> Result<u64, StoreError> {
        self.handle().backend.file_length()
    }

    /// Sees to the handle after a failure, and says what the caller is told.
    fn after_failure<E: From<StoreError> + AsStoreError>(&self, failure: Guarded<E>) -> E {
        match failure {
            Guarded::Panicked(text) => {
                self.open_again(true, true);
                E::from(StoreError::Corrupted(text))
            }
            Guarded::Failed(error) => {
                match error.as_store_error() {
                    // After an I/O error the engine refuses even to read until it is opened anew.
                    Some(StoreError::Io { .. } | StoreError::NoSpace) => {
                        self.open_again(false, false);
                    }
                    // Once: after a first sign of corruption every page is checked, and the answer
                    // says what was found. What can be read goes on being read: no row is believed
                    // without its tag.
                    Some(StoreError::Corrupted(sign))
                        if !self.suspected.swap(true, Ordering::Relaxed) =>
                    {
                        let sign = sign.clone();
                        let found = match self.open_again(false, true) {
                            None => "every page is as the engine wrote it".to_owned(),
                            Some(finding) => {
                                self.open_again(false, false);
                                finding
                            }
                        };
                        let told = format!("{sign} (checking every page: {found})");
                        return E::from(StoreError::Corrupted(told));
                    }
                    _ => {}
                }
                error
            }
        }
    }

    /// Opens the file anew in place of a handle that failed. A torn one is never used again: its
    /// file is taken away first, and the engine's own object is leaked, since dropping it can walk
    /// the same damaged pages and abort the process. Answers why it could not be opened, if so.
    fn open_again(&self, torn: bool, check: bool) -> Option<String> {
        let mut handle = self.handle_alone();
        let engine_before = handle.engine.take();
        if torn {
            handle.backend.tear();
            std::mem::forget(engine_before);
        } else if let Some(Err(error)) = engine_before.map(close_engine) {
            handle.why_not = Some(error);
        }
        let opened = file::open(&self.path, !self.options.read_only, self.options.tolerance)
            .and_then(|opened| {
                if opened.id != self.id {
                    return Err(StoreError::Replaced(self.path.clone()));
                }
                let backend = new_backend(opened.file, &self.options)?;
                let engine = engine(
                    &self.path,
                    &backend,
                    &self.options,
                    check && !self.options.read_only,
                )?;
                Ok((engine, backend))
            });
        match opened {
            Ok((engine, backend)) => {
                *handle = Handle {
                    engine: Some(engine),
                    backend,
                    why_not: None,
                };
            }
            Err(error) => handle.why_not = Some(error.to_string()),
        }
        handle.why_not.clone()
    }

    /// Opens the file anew after a commit whose outcome is unknown.
    pub(crate) fn open_anew(&self) {
        self.open_again(false, false);
    }

    /// The engine's own check of every page. Stops other processes' changes meanwhile.
    pub(crate) fn check_pages(&self) -> Result<bool, StoreError> {
        self.check_process()?;
        let mut handle = self.handle_alone();
        let Some(Engine::Writable(database)) = handle.engine.as_mut() else {
            return Err(if self.options.read_only {
                StoreError::ReadOnly
            } else {
                handle.why_closed()
            });
        };
        let checked = guarded(|| {
            database
                .check_integrity()
                .map_err(|e| database_error(&self.path, e))
        });
        drop(handle);
        checked.map_err(|failure| match failure {
            Guarded::Panicked(text) => {
                self.open_again(true, false);
                StoreError::Corrupted(text)
            }
            Guarded::Failed(error) => {
                self.open_again(true, false);
                error
            }
        })
    }

    /// Gives unused pages back to the file system. Refused while another process has the store
    /// open: the file is opened for this process alone meanwhile.
    pub(crate) fn compact(&self) -> Result<(), StoreError> {
        self.check_process()?;
        if self.options.read_only {
            return Err(StoreError::ReadOnly);
        }
        let _writing = self.writing();
        let mut handle = self.handle_alone();
        let Some(engine_before) = handle.engine.take() else {
            return Err(handle.why_closed());
        };
        close_engine(engine_before)
            .map_err(|e| StoreError::io("closing before compacting", std::io::Error::other(e)))?;
        let alone = DiskOptions {
            exclusive: true,
            ..self.options.clone()
        };
        let compacted = file::open(&self.path, true, self.options.tolerance).and_then(|opened| {
            let backend = new_backend(opened.file, &self.options)?;
            let Engine::Writable(mut database) = engine(&self.path, &backend, &alone, false)?
            else {
                return Err(StoreError::ReadOnly);
            };
            let done = guarded(|| {
                while database.compact().map_err(|e| match e {
                    redb::CompactionError::Storage(e) => storage_error(e),
                    other => StoreError::Internal(other.to_string()),
                })? {}
                Ok::<_, StoreError>(())
            });
            match done {
                Ok(()) => database.close().map_err(|e| database_error(&self.path, e)),
                Err(failure) => {
                    backend.tear();
                    std::mem::forget(database);
                    Err(match failure {
                        Guarded::Failed(error) => error,
                        Guarded::Panicked(text) => StoreError::Corrupted(text),
                    })
                }
            }
        });
        drop(handle);
        self.open_again(false, false);
        compacted
    }

    /// Closes the file. Everything after it answers CLOSED.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        self.check_process()?;
        let _writing = self.writing();
        let mut handle = self.handle_alone();
        match handle.engine.take().map(close_engine) {
            Some(Err(error)) => Err(StoreError::io(
                "closing the store",
                std::io::Error::other(error),
            )),
            _ => Ok(()),
        }
    }
}

fn new_backend(file: std::fs::File, options: &DiskOptions) -> Result<Backend, StoreError> {
    let backend = Backend::new(file, options.deadlines)?;
    #[cfg(test)]
    let backend = backend.with_faults(options.faults.clone());
    Ok(backend)
}

fn close_engine(engine: Engine) -> Result<(), String> {
    let closed = guarded(|| {
        match engine {
            Engine::Writable(database) => database.close(),
            Engine::ReadOnly(database) => database.close(),
        }
        .map_err(|e| StoreError::Internal(e.to_string()))
    });
    closed.map_err(|failure| match failure {
        Guarded::Failed(error) => error.to_string(),
        Guarded::Panicked(text) => text,
    })
}

impl Handle {
    fn why_closed(&self) -> StoreError {
        match &self.why_not {
            Some(why) => StoreError::Corrupted(format!("it could not be opened again: {why}")),
            None => StoreError::Closed,
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            return;
        }
        // In a forked child: closing would release the parent's locks and write its header.
        let handle = self
            .handle
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::forget(handle.engine.take());
    }
}

/// An error that may hold one of the store's.
pub(crate) trait AsStoreError {
    fn as_store_error(&self) -> Option<&StoreError>;
    fn into_store_error(self) -> StoreError;
}

impl AsStoreError for StoreError {
    fn as_store_error(&self) -> Option<&StoreError> {
        Some(self)
    }

    fn into_store_error(self) -> StoreError {
        self
    }
}

impl AsStoreError for crate::error::Error {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            crate::error::Error::Store(error) => Some(error),
            _ => None,
        }
    }

    fn into_store_error(self) -> StoreError {
        match self {
            crate::error::Error::Store(error) => error,
            other => StoreError::Internal(other.to_string()),
        }
    }
}

impl AsStoreError for crate::error::VerifyError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            crate::error::VerifyError::Store(error) => Some(error),
            crate::error::VerifyError::Denied(_) => None,
        }
    }

    fn into_store_error(self) -> StoreError {
        match self {
            crate::error::VerifyError::Store(error) => error,
            denied @ crate::error::VerifyError::Denied(_) => {
                StoreError::Internal(denied.to_string())
            }
        }
    }
}

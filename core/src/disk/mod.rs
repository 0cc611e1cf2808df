//! The disk: the only place that names redb. It opens the file, hands out read snapshots and write
//! transactions, and sees to it that a handle that failed is never trusted again. It decides
//! nothing: what the rows mean is judged elsewhere.

pub(crate) mod backend;
pub(crate) mod change;
pub(crate) mod codec;
pub(crate) mod copy;
mod failure;
#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod file;
mod group;
pub(crate) mod read;
pub(crate) mod schema;
mod turn;
pub(crate) mod write;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redb::{ConcurrencyMode, Database, ReadOnlyDatabase, ReadableDatabase};

use crate::disk::backend::{Backend, Deadlines, waiting_until};
use crate::disk::change::Shared;
use crate::disk::failure::{Guarded, database_error, guarded, transaction_error};
use crate::disk::file::{FileId, Tolerance, Unfinished};
use crate::disk::group::Group;
use crate::disk::turn::{Turn, deadline};
use crate::error::{StoreError, shown};
use crate::header::{Forks, Process, Seen, Signal};

pub(crate) use crate::disk::failure::{AsStoreError, storage_error, table_error};

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
    pub(crate) map_header: bool,
    #[cfg(test)]
    pub(crate) faults: Option<Arc<faults::Faults>>,
}

enum Engine {
    Writable(Database),
    ReadOnly(ReadOnlyDatabase),
}

/// The engine with a file of its own. Closed when nobody uses it any more, unless it is torn or
/// inherited over a fork: dropping a torn one can walk damaged pages and abort the process, and an
/// inherited one would release the parent's locks and write its header.
struct Live {
    engine: Option<Engine>,
    backend: Backend,
    /// A snapshot that several reads share.
    kept: Mutex<Option<Arc<Kept>>>,
    torn: AtomicBool,
    process: Process,
}

/// A snapshot that is kept for as long as nothing was committed since it began: beginning one takes
/// system calls, and more time than reading a key in it.
pub(crate) struct Kept {
    /// What the header showed before it began.
    seen: Seen,
    pub(crate) transaction: redb::ReadTransaction,
    pub(crate) rows: read::KeptRows,
}

impl Live {
    fn new(engine: Engine, backend: Backend) -> Self {
        Live {
            engine: Some(engine),
            backend,
            kept: Mutex::new(None),
            torn: AtomicBool::new(false),
            process: Process::current(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Arc<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshot of what the header shows, where it is kept.
    fn kept_of(&self, seen: Seen) -> Option<Arc<Kept>> {
        let kept = self.kept();
        kept.as_ref().filter(|kept| kept.seen == seen).cloned()
    }

    /// Begins the snapshot of what the header shows, and keeps it. Where the header shows nothing
    /// there is none to keep, since nothing would tell when it is of the past.
    fn snapshot_of(&self, seen: Seen, until: Instant) -> Result<Arc<Kept>, StoreError> {
        let kept = Arc::new(Kept {
            seen,
            transaction: waiting_until(until, || self.begin_read())?,
            rows: read::KeptRows::default(),
        });
        if seen != Seen::NOTHING {
            let before = self.kept().replace(Arc::clone(&kept));
            drop(before);
        }
        Ok(kept)
    }

    /// Gives the snapshot up, unless it is that of what the header shows.
    fn let_go_unless(&self, seen: Seen) {
        let gone = self.kept().take_if(|kept| kept.seen != seen);
        drop(gone);
    }

    fn begin_read(&self) -> Result<redb::ReadTransaction, StoreError> {
        match &self.engine {
            Some(Engine::Writable(database)) => database.begin_read(),
            Some(Engine::ReadOnly(database)) => database.begin_read(),
            None => return Err(StoreError::Closed),
        }
        .map_err(transaction_error)
    }

    fn begin_write(&self) -> Result<redb::WriteTransaction, StoreError> {
        match &self.engine {
            Some(Engine::Writable(database)) => database.begin_write().map_err(transaction_error),
            Some(Engine::ReadOnly(_)) => Err(StoreError::ReadOnly),
            None => Err(StoreError::Closed),
        }
    }

    fn is_torn(&self) -> bool {
        self.torn.load(Ordering::Relaxed)
    }

    /// Takes the file away from an engine that panicked, which is never used or dropped again.
    fn tear(&self) {
        self.torn.store(true, Ordering::Relaxed);
        self.backend.tear();
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.let_go_unless(Seen::NOTHING);
        let Some(engine) = self.engine.take() else {
            return Ok(());
        };
        let writable = matches!(engine, Engine::Writable(_));
        let closed = close_engine(engine);
        if writable {
            // Closing cuts the file to its data, and what was kept back beyond it is gone: a
            // process that opens it on a full disk to revoke a key needs that as well.
            self.backend.keep_reserve();
        }
        closed
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.is_torn() || !self.process.is_current() {
            std::mem::forget(self.engine.take());
            let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
            std::mem::forget(kept.take());
        } else {
            // There is nobody left to tell.
            let _ = self.close();
        }
    }
}

/// What a store has of its file.
enum Handle {
    Open(Arc<Live>),
    /// It failed, or could not be opened again; the next call tries. After a panic of the engine
    /// with its full check.
    Lost {
        check: bool,
    },
    /// It panicked, and the full check found what cannot be mended.
    Damaged(String),
    Closed,
}

/// One open file.
pub(crate) struct Disk {
    /// Where it is, whatever folder the process moves to.
    path: PathBuf,
    options: DiskOptions,
    id: FileId,
    process: Process,
    signal: Signal,
    /// Whether another file was found in its place, or another content in the file: for good.
    replaced: AtomicBool,
    /// Taken while the file is opened again, and while nobody may read it; else only looked at.
    handle: Turn<Handle>,
    /// Who changes something, one at a time.
    group: Group<Shared>,
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
            .map_err(|e| StoreError::Internal(format!("{}: {e}", shown(self.path))))?;
        let value = f(&transaction)?;
        match transaction.commit() {
            Ok(()) => Ok(value),
            Err(redb::CommitError::Storage(e)) => Err(storage_error(e).into()),
            Err(e) => Err(StoreError::Internal(e.to_string()).into()),
        }
    }
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
        failure.into_error()
    })
}

impl Disk {
    /// Opens the file at a path.
    pub(crate) fn open(path: &Path, options: DiskOptions) -> Result<Disk, StoreError> {
        let (backend, id, header) = open_file(path, &options)?;
        let signal = signal(path, id, &options)?;
        let check = !options.read_only
            && match options.check {
                CheckOnOpen::Always => true,
                CheckOnOpen::Never => false,
                CheckOnOpen::Auto => header.recovery_required() && !backend.open_elsewhere(),
            };
        let engine = engine(path, &backend, &options, check)?;
        let place = std::path::absolute(path);
        Ok(Disk {
            path: place.map_err(|e| StoreError::io("looking for the current folder", e))?,
            options,
            id,
            process: Process::current(),
            signal,
            replaced: AtomicBool::new(false),
            handle: Turn::new(Handle::Open(Arc::new(Live::new(engine, backend)))),
            group: Group::new(),
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
        Self::fill(new, path, options, fill)?;
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
        let place = unseen_by_forks(|| {
            let file = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .map_err(io)?;
            Backend::new(file, options.deadlines)
        })?;
        place.lock_whole_file()?;
        let mut kept = path.as_os_str().to_owned();
        kept.push(aside);
        let aside = PathBuf::from(kept);
        let mut beside = path.as_os_str().to_owned();
        beside.push(".restored");
        let (unfinished, new) = Unfinished::create(Path::new(&beside), options.tolerance)?;
        Self::fill(new, path, options, fill)?;
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

    /// Where it is, whatever folder the process moves to.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Which file it is.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    /// How it was opened.
    pub(crate) fn options(&self) -> &DiskOptions {
        &self.options
    }

    /// Refuses a child of a fork: it shares the parent's locks, and the engine cannot see it.
    pub(crate) fn check_process(&self) -> Result<(), StoreError> {
        if self.process.is_current() {
            Ok(())
        } else {
            Err(StoreError::Forked)
        }
    }

    /// Refuses where the file is not the one that was opened, as far as was noticed.
    #[inline]
    pub(crate) fn check_replaced(&self) -> Result<(), StoreError> {
        if self.replaced.load(Ordering::Acquire) {
            Err(StoreError::Replaced(self.path.clone()))
        } else {
            Ok(())
        }
    }

    /// Whoever uses this from now on is told that the file was replaced.
    pub(crate) fn set_replaced(&self) {
        self.replaced.store(true, Ordering::Release);
    }

    /// Looks whether the file at the path still is this one.
    pub(crate) fn check_place(&self) -> Result<(), StoreError> {
        self.check_replaced()?;
        match self.id.stands_at(&self.path) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.set_replaced();
                self.check_replaced()
            }
            Err(e) => Err(StoreError::io("looking at the store's path", e)),
        }
    }

    /// Refuses what cannot be done with this store here and now.
    fn check(&self) -> Result<(), StoreError> {
        self.check_process()?;
        self.check_replaced()
    }

    /// What the file shows of its last commit.
    #[inline]
    pub(crate) fn observe(&self) -> Seen {
        self.signal.observe()
    }

    /// Until when a call that begins now may wait to read.
    fn until_read(&self) -> Instant {
        deadline(self.options.deadlines.read)
    }

    /// Until when a call that begins now may wait to change something: for those before it in this
    /// process and in others together.
    fn until_write(&self) -> Instant {
        deadline(self.options.deadlines.write)
    }

    /// The open file. Where it was lost, it is opened again first; what keeps it from being opened
    /// is answered, and the next call tries again.
    fn live(&self, until: Instant) -> Result<Arc<Live>, StoreError> {
        let open = |handle: &Handle| match handle {
            Handle::Open(live) => Some(Ok(Arc::clone(live))),
            Handle::Lost { .. } => None,
            Handle::Damaged(text) => Some(Err(StoreError::Corrupted(text.clone()))),
            Handle::Closed => Some(Err(StoreError::Closed)),
        };
        if let Some(answer) = self.handle.look(until, open).ok_or(StoreError::Busy)? {
            return answer;
        }
        let mut handle = self.handle.take(until).ok_or(StoreError::Busy)?;
        if let Some(answer) = open(&handle) {
            return answer;
        }
        let check = matches!(*handle, Handle::Lost { check: true });
        match self.open_beside(&self.options, check) {
            Ok(live) => {
                let live = Arc::new(live);
                *handle = Handle::Open(Arc::clone(&live));
                self.signal.committed();
                Ok(live)
            }
            Err(StoreError::Corrupted(text)) if check => {
                *handle = Handle::Damaged(text.clone());
                Err(StoreError::Corrupted(text))
            }
            Err(error) => Err(error),
        }
    }

    /// Opens the same file once more.
    fn open_beside(&self, options: &DiskOptions, check: bool) -> Result<Live, StoreError> {
        let (backend, id, _) = open_file(&self.path, options)?;
        if id != self.id {
            self.set_replaced();
            return Err(StoreError::Replaced(self.path.clone()));
        }
        let engine = engine(&self.path, &backend, options, check && !options.read_only)?;
        Ok(Live::new(engine, backend))
    }

    /// Gives up a handle that failed. Nothing happens where another thread did already, or where
    /// the store was closed meanwhile.
    fn lose(&self, live: &Arc<Live>, torn: bool) {
        // A torn engine holds locks that nobody would release; and an exclusive one keeps the file
        // from being opened again. What still reads through it gets an error.
        if torn {
            live.tear();
        } else if self.options.exclusive {
            live.backend.tear();
        }
        if let Some(mut handle) = self.handle.take(self.until_write())
            && matches!(&*handle, Handle::Open(current) if Arc::ptr_eq(current, live))
        {
            *handle = Handle::Lost { check: torn };
        }
    }

    /// Runs a read over one snapshot. Any thread may call it, any number at once, also one within
    /// another: no lock is held while `f` runs.
    pub(crate) fn read<T, E: From<StoreError> + AsStoreError>(
        &self,
        f: impl FnOnce(&redb::ReadTransaction) -> Result<T, E>,
    ) -> Result<T, E> {
        self.check()?;
        let until = self.until_read();
        let live = self.live(until)?;
        let result = guarded(|| {
            let snapshot = waiting_until(until, || live.begin_read())?;
            let value = f(&snapshot);
            if self.check_process().is_err() {
                std::mem::forget(snapshot);
            }
            value
        });
        if let Err(forked) = self.check_process() {
            // `f` forked, and this is the child.
            std::mem::forget(live);
            return Err(forked.into());
        }
        result.map_err(|failure| self.after_failure(live, failure))
    }

    /// The same over the snapshot of what the header showed a moment ago, which those who read at
    /// the same time share. It is kept until something is committed: [`Disk::let_go`] then sees to
    /// it that a process that only waits keeps no pages from being used again. Before one begins it is
    /// looked whether the file still stands at its path.
    pub(crate) fn read_shared<T, E: From<StoreError> + AsStoreError>(
        &self,
        seen: Seen,
        f: impl FnOnce(&Kept) -> Result<T, E>,
    ) -> Result<T, E> {
        self.check()?;
        let until = self.until_read();
        let live = self.live(until)?;
        let result = guarded(|| {
            let kept = match live.kept_of(seen) {
                Some(kept) => kept,
                None => {
                    self.check_place()?;
                    live.snapshot_of(seen, until)?
                }
            };
            f(&kept)
        });
        result.map_err(|failure| self.after_failure(live, failure))
    }

    /// Gives up the snapshot that is kept if something was committed since it began. To be called
    /// now and then, since nothing tells.
    pub(crate) fn let_go(&self) {
        if self.check_process().is_ok()
            && let Some(Some(live)) = self.handle.look(Instant::now(), |handle| match handle {
                Handle::Open(live) => Some(Arc::clone(live)),
                _ => None,
            })
        {
            live.let_go_unless(self.observe());
        }
    }

    /// Whether a snapshot is kept.
    #[cfg(test)]
    pub(crate) fn keeps_a_snapshot(&self) -> bool {
        let live = self.live(self.until_read()).unwrap();
        live.kept().is_some()
    }

    /// Makes sure that a change of about this many bytes would leave the reserve whole.
    pub(crate) fn ensure_room(&self, bytes: u64) -> Result<(), StoreError> {
        self.check()?;
        if self.options.read_only {
            return Err(StoreError::ReadOnly);
        }
        self.live(self.until_write())?.backend.ensure_room(bytes)
    }

    /// Whether a path leads to the file that is open.
    pub(crate) fn stands_at(&self, path: &Path) -> bool {
        self.id.stands_at(path).unwrap_or(false)
    }

    /// The length of the file in bytes.
    pub(crate) fn file_length(&self) -> Result<u64, StoreError> {
        self.check()?;
        self.live(self.until_read())?.backend.file_length()
    }

    /// Gives up the handle where a failure means that it is not to be used again.
    fn lose_after<E: AsStoreError>(&self, live: &Arc<Live>, failure: &Guarded<E>) {
        match failure {
            Guarded::Panicked(_) => self.lose(live, true),
            Guarded::Failed(error) => {
                // After an I/O error the engine refuses even to read until it is opened anew.
                if let Some(StoreError::Io { .. } | StoreError::NoSpace) = error.as_store_error() {
                    self.lose(live, false);
                }
            }
        }
    }

    /// Sees to the handle after a failure, and says what the caller is told.
    fn after_failure<E: From<StoreError> + AsStoreError>(
        &self,
        live: Arc<Live>,
        failure: Guarded<E>,
    ) -> E {
        self.lose_after(&live, &failure);
        match failure {
            Guarded::Panicked(text) => E::from(StoreError::Corrupted(text)),
            Guarded::Failed(error) => {
                match error.as_store_error() {
                    // Once: after a first sign of corruption every page is checked, and the answer
                    // says what was found. What can be read goes on being read: no row is believed
                    // without its tag.
                    Some(StoreError::Corrupted(sign))
                        if !self.options.read_only
                            && !self.suspected.swap(true, Ordering::Relaxed) =>
                    {
                        drop(live);
                        let found = match self.check_pages() {
                            Ok(true) => "every page is as the engine wrote it".to_owned(),
                            Ok(false) => "it found damage, and mended what it could".to_owned(),
                            Err(error) => error.to_string(),
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

    /// The engine's own check of every page. Stops other processes' changes meanwhile, and reads
    /// only where the store is open for this process alone.
    pub(crate) fn check_pages(&self) -> Result<bool, StoreError> {
        self.check()?;
        if self.options.read_only {
            return Err(StoreError::ReadOnly);
        }
        if self.options.exclusive {
            return self.alone(|live| check_every_page(&self.path, live));
        }
        // Through a handle of its own, so that what is open goes on reading.
        self.live(self.until_read())?;
        let mut beside = self.open_beside(&self.options, false)?;
        let whole = check_every_page(&self.path, &mut beside)?;
        beside.close()?;
        Ok(whole)
    }

    /// Takes the open file away from everybody else in this process, and does something with it.
    /// Reads that run are waited for; those that come wait as long as they may, then they are BUSY.
    /// The file is lost where `f` loses it, and opened again before this returns where it can be.
    fn alone<T>(
        &self,
        f: impl FnOnce(&mut Live) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let until = self.until_write();
        let _turn = self
            .group
            .enter(until, true, false)
            .ok_or(StoreError::Busy)?;
        drop(self.live(until)?);
        let mut handle = self.handle.take(until).ok_or(StoreError::Busy)?;
        let mut live = match std::mem::replace(&mut *handle, Handle::Lost { check: false }) {
            Handle::Open(live) => live,
            // Lost in between, or closed.
            other => {
                *handle = other;
                return Err(StoreError::Busy);
            }
        };
        // Half as long as those who come meanwhile wait.
        let until = deadline(self.options.deadlines.read / 2);
        while Arc::get_mut(&mut live).is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        let Some(alone) = Arc::get_mut(&mut live) else {
            *handle = Handle::Open(live);
            return Err(StoreError::Busy);
        };
        alone.let_go_unless(Seen::NOTHING);
        let done = f(alone);
        if alone.engine.is_some() && done.is_ok() {
            *handle = Handle::Open(live);
            return done;
        }
        drop(live);
        // Where it cannot be opened now, the next call tries again.
        if let Ok(live) = self.open_beside(&self.options, false) {
            *handle = Handle::Open(Arc::new(live));
        }
        done
    }

    /// Gives unused pages back to the file system. Refused while another process has the store
    /// open: the file is opened for this process alone meanwhile.
    pub(crate) fn compact(&self) -> Result<(), StoreError> {
        self.check()?;
        if self.options.read_only {
            return Err(StoreError::ReadOnly);
        }
        let options = DiskOptions {
            exclusive: true,
            ..self.options.clone()
        };
        self.alone(|live| {
            live.close()?;
            let mut alone = self.open_beside(&options, false)?;
            let Some(Engine::Writable(database)) = &mut alone.engine else {
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
                Ok(()) => alone.close(),
                Err(failure) => {
                    alone.tear();
                    Err(failure.into_error())
                }
            }
        })
    }

    /// Closes the file; everything that begins after it answers CLOSED. A read that still runs is
    /// waited for as long as a read waits; one that runs longer, as a backup does, comes to its
    /// end, and the file is closed then.
    ///
    /// BUSY where a change or a compaction does not end in time.
    pub(crate) fn close(&self) -> Result<(), StoreError> {
        self.check_process()?;
        let until = self.until_write();
        let _turn = self
            .group
            .enter(until, true, false)
            .ok_or(StoreError::Busy)?;
        let mut handle = self.handle.take(until).ok_or(StoreError::Busy)?;
        let Handle::Open(mut live) = std::mem::replace(&mut *handle, Handle::Closed) else {
            return Ok(());
        };
        drop(handle);
        let until = self.until_read();
        while Arc::get_mut(&mut live).is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        Arc::into_inner(live).map_or(Ok(()), |mut live| live.close())
    }
}

/// Where the commits of a file are noticed. Its header is looked at through a descriptor of its
/// own, so that nothing that happens to the engine's is noticed there.
fn signal(path: &Path, id: FileId, options: &DiskOptions) -> Result<Signal, StoreError> {
    if options.exclusive {
        return Ok(Signal::counted());
    }
    let io = |e| StoreError::io("reading the store's header", e);
    let own = std::fs::File::open(path).map_err(io)?;
    if FileId::of(&own)? != id {
        return Err(StoreError::Replaced(path.into()));
    }
    let map = options.map_header && file::maps_coherently(&own);
    Signal::of(own, map).map_err(io)
}

/// Opens a file that is to be locked so that no child of a fork has it unwatched: it would keep the
/// locks of a parent that died. A child of a bare system call cannot be told from none here.
fn unseen_by_forks<T>(open: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    loop {
        let forks = Forks::by_now();
        let opened = open()?;
        if forks.none_since() {
            return Ok(opened);
        }
    }
}

/// Opens the file at a path for the engine.
fn open_file(
    path: &Path,
    options: &DiskOptions,
) -> Result<(Backend, FileId, file::Header), StoreError> {
    unseen_by_forks(|| {
        let opened = file::open(path, !options.read_only, options.tolerance)?;
        let backend = new_backend(opened.file, options)?;
        Ok((backend, opened.id, opened.header))
    })
}

fn new_backend(file: std::fs::File, options: &DiskOptions) -> Result<Backend, StoreError> {
    let backend = Backend::new(file, options.deadlines)?;
    #[cfg(test)]
    let backend = backend.with_faults(options.faults.clone());
    Ok(backend)
}

fn close_engine(engine: Engine) -> Result<(), StoreError> {
    let closed = guarded(|| {
        match engine {
            Engine::Writable(database) => database.close(),
            Engine::ReadOnly(database) => database.close(),
        }
        .map_err(|e| StoreError::io("closing the store", std::io::Error::other(e.to_string())))
    });
    closed.map_err(Guarded::into_error)
}

fn check_every_page(path: &Path, live: &mut Live) -> Result<bool, StoreError> {
    let Some(Engine::Writable(database)) = &mut live.engine else {
        return Err(StoreError::ReadOnly);
    };
    let checked = guarded(|| {
        database
            .check_integrity()
            .map_err(|e| database_error(path, e))
    });
    checked.map_err(|failure| {
        let panicked = matches!(failure, Guarded::Panicked(_));
        let error = failure.into_error();
        if panicked || matches!(error, StoreError::Corrupted(_)) {
            live.tear();
        }
        error
    })
}

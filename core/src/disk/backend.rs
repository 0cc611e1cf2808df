//! keyfob's storage backend round redb's: locks with a deadline instead of locks that wait for
//! ever, disk space kept back for revocations, and a file that can be taken away from an engine
//! that can no longer be trusted with it.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::disk::turn::deadline;
use crate::error::StoreError;
use crate::header::{Process, Watch};
use crate::limits;
use crate::mutant::{self, Mutant};

thread_local! {
    /// Until when the call that this thread is in may wait for a lock.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Runs a part of a call that may wait for locks until a deadline of the call's own. The engine
/// asks for its locks in the thread that called it, and hands nothing through.
pub(crate) fn waiting_until<T>(until: Instant, f: impl FnOnce() -> T) -> T {
    struct Before(Option<Instant>);
    impl Drop for Before {
        fn drop(&mut self) {
            UNTIL.set(self.0);
        }
    }
    let _before = Before(UNTIL.replace(Some(until)));
    f()
}

/// How long a lock of another process is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deadlines {
    pub(crate) read: Duration,
    pub(crate) write: Duration,
}

/// First pause between two tries of a lock; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
pub(crate) const LAST_PAUSE: Duration = Duration::from_millis(1);

/// The pauses of a process that waits to write: of the one that is next, which has the lock as soon
/// as it is free, and of those that wait to be next. They stay short, and all alike, so that whoever
/// comes again at once after its commit is no likelier to be next than who has waited.
const NEXT_PAUSE: Duration = Duration::from_micros(100);
const QUEUE_PAUSE: Duration = Duration::from_micros(250);

/// How long a process waits to be next before it tries for the lock itself: who is next may have
/// been stopped.
const PATIENCE: Duration = Duration::from_millis(50);

/// redb's byte that a process holds while it writes; and, of those that redb leaves to backends, one
/// that is held by the process that writes next.
const WRITER_BYTE: u64 = 1 << 62;
const NEXT_BYTE: u64 = WRITER_BYTE + 960;

/// redb's own bytes beyond the end of the file: held shared by each process that has the file open
/// for writing, and by each that has it open for reading only.
const SHARED_WRITER_BYTE: u64 = (1 << 62) + 1;
const SHARED_READER_BYTE: u64 = (1 << 62) + 2;

/// The end of no file.
const NOWHERE: u64 = u64::MAX;

/// The file, twice: as the engine's, and a second descriptor of the same open file for what the
/// engine's trait does not know. The kernel drops the locks when both are closed.
struct Open {
    /// Dropped first: then the open file is let go, and what the others close is `/dev/null`.
    _watched: [Watch; 2],
    engine: FileBackend,
    file: File,
}

struct Shared {
    open: RwLock<Option<Open>>,
    /// Whose file it is. A child has a copy of the engine, and of its lock here, in whatever state
    /// a thread left them: nothing that is done with them there reaches the file.
    process: Process,
    deadlines: Deadlines,
    /// The end of the file when disk space was last set aside beyond it.
    reserved_at: AtomicU64,
    #[cfg(test)]
    faults: Option<Arc<crate::disk::faults::Faults>>,
}

/// A handle on the file that redb owns and keyfob keeps a hold of.
#[derive(Clone)]
pub(crate) struct Backend(Arc<Shared>);

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Backend")
    }
}

fn taken_away() -> io::Error {
    io::Error::other("the file is being opened anew after a failure; try again")
}

impl Backend {
    pub(crate) fn new(file: File, deadlines: Deadlines) -> Result<Self, StoreError> {
        let io = |e| StoreError::io("opening the store", e);
        let second = file.try_clone().map_err(io)?;
        let watched = [Watch::new(&file), Watch::new(&second)];
        let engine = FileBackend::new(file)
            .map_err(|e| StoreError::Internal(format!("the engine refuses the file: {e}")))?;
        Ok(Backend(Arc::new(Shared {
            open: RwLock::new(Some(Open {
                _watched: watched,
                engine,
                file: second,
            })),
            process: Process::current(),
            deadlines,
            reserved_at: AtomicU64::new(NOWHERE),
            #[cfg(test)]
            faults: None,
        })))
    }

    #[cfg(test)]
    pub(crate) fn with_faults(mut self, faults: Option<Arc<crate::disk::faults::Faults>>) -> Self {
        Arc::get_mut(&mut self.0)
            .expect("nobody shares it yet")
            .faults = faults;
        self
    }

    /// Does something with the file; none where it was taken away, or is another process's.
    fn look<T>(&self, f: impl FnOnce(&Open) -> T) -> Option<T> {
        if !self.0.process.is_current() {
            return None;
        }
        let open = self.0.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(f)
    }

    fn with<T>(&self, f: impl FnOnce(&Open) -> io::Result<T>) -> io::Result<T> {
        self.look(f).unwrap_or_else(|| Err(taken_away()))
    }

    fn with_lock<T>(
        &self,
        f: impl FnOnce(&Open) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        self.look(f)
            .unwrap_or_else(|| Err(BackendError::Io(taken_away())))
    }

    /// Takes the file away from the engine for good: both descriptors are closed, and with them
    /// the kernel drops every lock.
    pub(crate) fn tear(&self) {
        if !self.0.process.is_current() {
            return;
        }
        let open = self
            .0
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(open);
    }

    /// The length of the file in bytes.
    pub(crate) fn file_length(&self) -> Result<u64, StoreError> {
        self.with(|open| open.engine.len())
            .map_err(|e| StoreError::io("reading the length", e))
    }

    /// Whether another process has the file open in a shared mode. To be asked before this one
    /// takes locks of its own.
    pub(crate) fn open_elsewhere(&self) -> bool {
        [SHARED_WRITER_BYTE, SHARED_READER_BYTE]
            .into_iter()
            .any(|byte| {
                self.with_lock(|open| {
                    open.engine
                        .query_lock_range(Bound::Included(byte), Bound::Excluded(byte + 1))
                })
                .unwrap_or(true)
            })
    }

    /// Takes the whole file for this process alone, as an exclusive open of redb does.
    pub(crate) fn lock_whole_file(&self) -> Result<(), StoreError> {
        let locked = self
            .with_lock(|open| {
                open.engine
                    .try_lock_range(Bound::Unbounded, Bound::Unbounded)
            })
            .map_err(|e| StoreError::io("locking the file", io::Error::other(e.to_string())))?;
        if locked {
            Ok(())
        } else {
            Err(StoreError::Locked)
        }
    }

    /// Makes sure that there is room for this many more bytes, and beyond them enough set aside for
    /// revocations; otherwise there is no space for this change.
    ///
    /// The engine grows its file without filling it, and fills it in an order of its own, so that a
    /// full disk shows only when a page is written for the first time, anywhere in the file. So
    /// what is kept back lies beyond the end of the file, where the engine never writes, and is
    /// given to the file system when it is needed.
    pub(crate) fn ensure_room(&self, bytes: u64) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(faults) = &self.0.faults
            && !faults.has_room(bytes + limits::RESERVE_BYTES)
        {
            return Err(StoreError::NoSpace);
        }
        let reserve = |open: &Open| -> Result<bool, Errno> {
            let end = end_of(&open.file)?;
            if self.0.reserved_at.load(Ordering::Relaxed) != end {
                set_aside(&open.file, end, &[limits::RESERVE_BYTES])?;
                self.0.reserved_at.store(end, Ordering::Relaxed);
            }
            Ok(free(&open.file)? >= bytes)
        };
        match self.look(reserve) {
            None => Err(StoreError::Closed),
            Some(Ok(true)) => Ok(()),
            Some(Ok(false) | Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
                Err(StoreError::NoSpace)
            }
            Some(Err(e)) => Err(StoreError::io("setting disk space aside", e.into())),
        }
    }

    /// On a full disk, gives what was kept back to the file system, for a change that takes
    /// something away. Only while no other process writes: the file is cut where it ends.
    pub(crate) fn release_reserve(&self) -> bool {
        let release = |open: &Open| -> Result<bool, Errno> {
            if free(&open.file)? >= limits::RESERVE_BYTES {
                return Ok(false);
            }
            rustix::fs::ftruncate(&open.file, end_of(&open.file)?)?;
            self.0.reserved_at.store(NOWHERE, Ordering::Relaxed);
            Ok(true)
        };
        // Where that is not possible, the change shows whether there is space.
        matches!(self.look(release), Some(Ok(true)))
    }

    /// Keeps as much back as there is, up to the whole reserve.
    pub(crate) fn keep_reserve(&self) {
        const PARTS: [u64; 4] = [
            limits::RESERVE_BYTES,
            limits::RESERVE_BYTES / 2,
            limits::RESERVE_BYTES / 4,
            limits::RESERVE_BYTES / 8,
        ];
        self.look(|open| {
            if let Ok(end) = end_of(&open.file) {
                // Nothing more can be done where there is not even so little.
                let _ = set_aside(&open.file, end, &PARTS);
            }
        });
    }

    /// Takes the lock to write. A process that has just committed would have it again before another
    /// one that waits has tried: so each takes the place of the next one first, and keeps it until it
    /// has the lock. Nobody writes twice while another is next.
    fn lock_writer(&self, range: (Bound<u64>, Bound<u64>)) -> Result<(), BackendError> {
        let next = (Bound::Included(NEXT_BYTE), Bound::Excluded(NEXT_BYTE + 1));
        let try_lock = |range: (Bound<u64>, Bound<u64>)| {
            self.with_lock(|open| open.engine.try_lock_range(range.0, range.1))
        };
        let mut since = None;
        let mut is_next = false;
        let locked = loop {
            if !is_next {
                is_next = try_lock(next)?;
            }
            let begun = *since.get_or_insert_with(Instant::now);
            let impatient = begun.elapsed() > PATIENCE;
            if is_next || impatient {
                match try_lock(range) {
                    Ok(false) => {}
                    Ok(true) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
            let until = UNTIL.get().unwrap_or_else(|| {
                let ahead = self.0.deadlines.write;
                begun.checked_add(ahead).unwrap_or(begun)
            });
            if Instant::now() >= until {
                break Err(BackendError::Io(io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(if is_next {
                // Who writes for long is not asked more often for it.
                (begun.elapsed() / 16).clamp(NEXT_PAUSE, LAST_PAUSE)
            } else {
                QUEUE_PAUSE
            });
        };
        if is_next {
            // Where even that fails others lose their patience, and the lock itself is as it is.
            let _ = self.unlock_range(next.0, next.1);
        }
        locked
    }

    /// Tries a lock until it is had or the call's deadline has passed; outside of a call that has
    /// one, for so long.
    fn poll(
        &self,
        at_most: Duration,
        try_lock: impl Fn(&Open) -> Result<bool, BackendError>,
    ) -> Result<(), BackendError> {
        let mut until = None;
        let mut pause = FIRST_PAUSE;
        loop {
            if self.with_lock(&try_lock)? {
                return Ok(());
            }
            let until =
                *until.get_or_insert_with(|| UNTIL.get().unwrap_or_else(|| deadline(at_most)));
            if Instant::now() >= until {
                return Err(BackendError::Io(io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

/// Sets disk space aside from a place in a file, the first of these amounts for which there is room.
fn set_aside(file: &File, from: u64, amounts: &[u64]) -> Result<u64, Errno> {
    let mut full = Errno::NOSPC;
    for amount in amounts {
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, *amount) {
            // A file system that cannot set space aside has no reserve.
            Ok(()) | Err(Errno::OPNOTSUPP) => return Ok(*amount),
            Err(e @ (Errno::NOSPC | Errno::DQUOT)) => full = e,
            Err(e) => return Err(e),
        }
    }
    Err(full)
}

/// Where a file ends.
fn end_of(file: &File) -> Result<u64, Errno> {
    Ok(rustix::fs::fstat(file)?.st_size.cast_unsigned())
}

/// What is free on the file system of a file, in bytes.
fn free(file: &File) -> Result<u64, Errno> {
    let stat = rustix::fs::fstatvfs(file)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.with(|open| open.engine.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.0.faults {
            faults.before_read()?;
        }
        self.with(|open| open.engine.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.0.faults {
            faults.before_write()?;
        }
        self.0.reserved_at.store(NOWHERE, Ordering::Relaxed);
        self.with(|open| open.engine.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.0.faults {
            faults.before_write()?;
        }
        self.with(|open| open.engine.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.0.faults {
            faults.before_write()?;
            faults.take_blocks(offset, data.len())?;
        }
        self.with(|open| open.engine.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.with(|open| open.engine.close())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.with_lock(|open| open.engine.try_lock_range(start, end))
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.with_lock(|open| open.engine.try_lock_shared_range(start, end))
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        // Before each of the header's writes.
        mutant::widen(Mutant::SlowCommits);
        if start == Bound::Included(WRITER_BYTE) {
            return self.lock_writer((start, end));
        }
        self.poll(self.0.deadlines.write, |open| {
            open.engine.try_lock_range(start, end)
        })
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.poll(self.0.deadlines.read, |open| {
            open.engine.try_lock_shared_range(start, end)
        })
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        // A file that was taken away holds no lock.
        self.look(|open| open.engine.unlock_range(start, end))
            .unwrap_or(Ok(()))
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.with_lock(|open| open.engine.query_lock_range(start, end))
    }
}

//! keyfob's storage backend round redb's: locks with a deadline instead of locks that wait for
//! ever, disk space kept back for revocations, and a file that can be taken away from an engine
//! that can no longer be trusted with it.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

use crate::error::StoreError;
use crate::limits;

/// How long a lock of another process is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deadlines {
    pub(crate) read: Duration,
    pub(crate) write: Duration,
}

/// First pause between two tries of a lock; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LAST_PAUSE: Duration = Duration::from_millis(5);

/// redb's own bytes beyond the end of the file: held shared by each process that has the file open
/// for writing, and by each that has it open for reading only.
const SHARED_WRITER_BYTE: u64 = (1 << 62) + 1;
const SHARED_READER_BYTE: u64 = (1 << 62) + 2;

/// The file, twice: as the engine's, and a second descriptor of the same open file for what the
/// engine's trait does not know. The kernel drops the locks when both are closed.
struct Open {
    engine: FileBackend,
    file: File,
}

struct Shared {
    open: RwLock<Option<Open>>,
    deadlines: Deadlines,
    /// Up to where the file is known to hold data, and up to where disk space was set aside.
    written_to: AtomicU64,
    reserved_to: AtomicU64,
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
    io::Error::other("the file was taken away from this handle")
}

impl Backend {
    pub(crate) fn new(file: File, deadlines: Deadlines) -> Result<Self, StoreError> {
        let io = |e| StoreError::io("opening the store", e);
        let second = file.try_clone().map_err(io)?;
        let engine = FileBackend::new(file)
            .map_err(|e| StoreError::Internal(format!("the engine refuses the file: {e}")))?;
        Ok(Backend(Arc::new(Shared {
            open: RwLock::new(Some(Open {
                engine,
                file: second,
            })),
            deadlines,
            written_to: AtomicU64::new(0),
            reserved_to: AtomicU64::new(0),
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

    fn open(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.0.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, f: impl FnOnce(&Open) -> io::Result<T>) -> io::Result<T> {
        self.open().as_ref().map_or_else(|| Err(taken_away()), f)
    }

    fn with_lock<T>(
        &self,
        f: impl FnOnce(&Open) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        self.open()
            .as_ref()
            .map_or_else(|| Err(BackendError::Io(taken_away())), f)
    }

    /// Takes the file away from the engine for good: both descriptors are closed, and with them
    /// the kernel drops every lock.
    pub(crate) fn tear(&self) {
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

    /// Makes sure that after this many more bytes there is still enough set aside on disk for
    /// revocations; otherwise there is no space for this change.
    ///
    /// The engine grows its file without filling it, so a full disk shows only when a page is
    /// written for the first time. Space is therefore set aside beyond the last byte of data.
    pub(crate) fn ensure_room(&self, bytes: u64) -> Result<(), StoreError> {
        #[cfg(test)]
        if let Some(faults) = &self.0.faults
            && !faults.has_room(bytes + limits::RESERVE_BYTES)
        {
            return Err(StoreError::NoSpace);
        }
        let reserve = |open: &Open| -> Result<(), Errno> {
            let end = end_of_data(&open.file, self.0.written_to.load(Ordering::Relaxed))?;
            self.0.written_to.fetch_max(end, Ordering::Relaxed);
            let needed = end + bytes + limits::RESERVE_BYTES;
            if self.0.reserved_to.load(Ordering::Relaxed) < needed {
                // A second reserve ahead, so that this is not done at every change.
                let until = needed + limits::RESERVE_BYTES;
                match rustix::fs::fallocate(&open.file, FallocateFlags::KEEP_SIZE, end, until - end)
                {
                    // A file system that cannot set space aside has no reserve.
                    Ok(()) | Err(Errno::OPNOTSUPP) => {}
                    Err(e) => return Err(e),
                }
                self.0.reserved_to.store(until, Ordering::Relaxed);
            }
            Ok(())
        };
        match self.open().as_ref().map(reserve) {
            None => Err(StoreError::Closed),
            Some(Ok(())) => Ok(()),
            Some(Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(StoreError::NoSpace),
            Some(Err(e)) => Err(StoreError::io("setting disk space aside", e.into())),
        }
    }

    /// Tries a lock until it is had or the deadline has passed.
    fn poll(
        &self,
        deadline: Duration,
        try_lock: impl Fn(&Open) -> Result<bool, BackendError>,
    ) -> Result<(), BackendError> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if self.with_lock(&try_lock)? {
                return Ok(());
            }
            if start.elapsed() >= deadline {
                return Err(BackendError::Io(io::ErrorKind::TimedOut.into()));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }
}

/// The end of the last data in a file, searched from a place that is known to lie before it.
fn end_of_data(file: &File, from: u64) -> Result<u64, Errno> {
    let mut end = from;
    loop {
        // No data from here on ends the search.
        let data = match rustix::fs::seek(file, SeekFrom::Data(end)) {
            Ok(data) => data,
            Err(Errno::NXIO) => return Ok(end),
            // A file system that does not know its holes counts all of the file as data.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                return Ok(rustix::fs::fstat(file)?.st_size.cast_unsigned());
            }
            Err(e) => return Err(e),
        };
        end = match rustix::fs::seek(file, SeekFrom::Hole(data)) {
            Ok(hole) => hole,
            Err(Errno::NXIO) => return Ok(data),
            Err(e) => return Err(e),
        };
    }
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
        self.0.reserved_to.fetch_min(len, Ordering::Relaxed);
        self.0.written_to.fetch_min(len, Ordering::Relaxed);
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
        self.with(|open| open.engine.write(offset, data))?;
        self.0
            .written_to
            .fetch_max(offset + data.len() as u64, Ordering::Relaxed);
        Ok(())
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
        self.open()
            .as_ref()
            .map_or(Ok(()), |open| open.engine.unlock_range(start, end))
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.with_lock(|open| open.engine.query_lock_range(start, end))
    }
}

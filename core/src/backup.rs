//! Backup and what belongs to the file as a whole: info and compaction.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::disk::copy::copy;
use crate::disk::read::{Reader, is_changing};
use crate::disk::schema::FORMAT_VERSION;
use crate::disk::{Disk, DiskOptions};
use crate::error::{Error, StoreError};
use crate::policy::Policy;
use crate::progress::Progress;
use crate::store::Store;
use crate::time::Timestamp;
use crate::token::{Prefix, scanner_expression};

/// What a backup holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Backup {
    /// The sequence that it stands at.
    pub sequence: u64,
    /// Its keys.
    pub keys: u64,
    /// The length of its file.
    pub bytes: u64,
}

/// What a compaction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Compacted {
    /// The length of the file before.
    pub bytes_before: u64,
    /// Its length now.
    pub bytes_after: u64,
}

/// Whether a store has a pepper.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum PepperInfo {
    /// It has none: its tags find corruption, and not who can write the file.
    None,
    /// It has one.
    Set,
    /// One is being introduced, changed or removed.
    Changing,
}

/// What the store tells of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StoreInfo {
    /// Where it is.
    pub path: PathBuf,
    /// The format of its file.
    pub format: u32,
    /// Its own id, drawn when it was created; a backup has the same.
    pub store_id: [u8; 16],
    /// The prefix of its tokens.
    pub prefix: Prefix,
    /// When it was created.
    pub created_at: Timestamp,
    /// The sequence of its last event.
    pub sequence: u64,
    /// The hash of its last event. Noted elsewhere with the sequence, it proves the log.
    pub head: [u8; 32],
    /// The last event that was pruned from the log; 0 where none was.
    pub log_begins_after: u64,
    /// Keys, of every state.
    pub keys: u64,
    /// Projects, those deleted that still have keys included.
    pub projects: u64,
    /// Digests of imported secrets, those of pruned keys included.
    pub digests: u64,
    /// Revoked keys that were pruned before their expiry.
    pub tombstones: u64,
    /// Whether it has a pepper.
    pub pepper: PepperInfo,
    /// The latest time that its own clock showed. Expiry and the end of a grace go by this mark
    /// while the clock is behind it; [`Store::reset_clock`] sets it to the clock.
    pub mark: Timestamp,
    /// What its clock shows now. It lies ahead of the mark by the time since the last change or
    /// flush; behind it only where the clock is wrong, or was.
    pub clock: Timestamp,
    /// Whether the clock runs so far ahead that the mark does not follow it.
    pub clock_ahead: bool,
    /// What it asks of keys.
    pub policy: Policy,
    /// The length of its file.
    pub file_bytes: u64,
    /// Whether this handle is for reading only.
    pub read_only: bool,
    /// The regular expression that finds its tokens, for secret scanners.
    pub scanner_expression: String,
}

impl Store {
    /// Writes a copy of the store as it stands now, while it goes on being used. The copy is a store
    /// itself, compact and durable when this returns, with the same id and pepper.
    ///
    /// `progress` is told how many rows are done, of how many. It is called with no lock held and
    /// may use the store; where it breaks off, or panics, nothing is left of the copy.
    ///
    /// The snapshot that it reads keeps the pages of the moment, so that the file grows by what is
    /// changed meanwhile.
    ///
    /// # Errors
    /// STORE_EXISTS where anything is at the path; NO_SPACE; INTERRUPTED where `progress` said so.
    pub fn backup(
        &self,
        to: impl AsRef<Path>,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Backup, Error> {
        self.inner()?;
        let mut options = self.inner()?.disk.options().clone();
        // A backup is not shared with anybody, so that the file system it lies on may be.
        options.tolerance.network_file_system = true;
        let options = DiskOptions {
            read_only: false,
            ..options
        };
        let mut progress = Progress::new(progress);
        let copied = self.inner()?.disk.read(|transaction| {
            let ring = self.inner()?.keys(|ring| is_changing(transaction, ring))?;
            let state = Reader::new(transaction, ring).state()?;
            Disk::create(to.as_ref(), &options, |new| {
                copy(transaction, new, &mut |done, all| progress.tell(done, all))
            })?;
            Ok::<_, Error>((state.sequence, state.keys))
        });
        progress.end();
        let (sequence, keys) = copied?;
        let bytes = std::fs::metadata(to.as_ref())
            .map_err(|e| StoreError::io("reading the backup's length", e))?
            .len();
        Ok(Backup {
            sequence,
            keys,
            bytes,
        })
    }

    /// Gives unused pages of the file back to the file system. Every other call on this store
    /// waits meanwhile as long as it may, and answers BUSY then. A process that is ended meanwhile
    /// leaves the store as it was.
    ///
    /// # Errors
    /// LOCKED while another process has the store open; BUSY while a backup or a check of this
    /// process reads it; READ_ONLY.
    pub fn compact(&self) -> Result<Compacted, Error> {
        self.flush()?;
        let bytes_before = self.inner()?.disk.file_length()?;
        self.inner()?.disk.compact()?;
        Ok(Compacted {
            bytes_before,
            bytes_after: self.inner()?.disk.file_length()?,
        })
    }

    /// What the store tells of itself.
    ///
    /// # Errors
    /// What the store says.
    pub fn info(&self) -> Result<StoreInfo, Error> {
        let (state, identity) =
            self.read(|reader| Ok::<_, StoreError>((reader.state()?, reader.identity()?)))?;
        let pepper = match (&identity.pepper.changing_from, &identity.pepper.check) {
            (Some(_), _) => PepperInfo::Changing,
            (None, Some(_)) => PepperInfo::Set,
            (None, None) => PepperInfo::None,
        };
        Ok(StoreInfo {
            path: self.path().to_path_buf(),
            format: FORMAT_VERSION,
            store_id: identity.store_id,
            prefix: identity.prefix,
            created_at: identity.created_at,
            sequence: state.sequence,
            head: state.head,
            log_begins_after: state.cut.0,
            keys: state.keys,
            projects: state.projects,
            digests: state.digests,
            tombstones: state.tombstones,
            pepper,
            mark: state.mark,
            clock: self.inner()?.clock.now(),
            clock_ahead: self.inner()?.clock_runs_ahead(),
            policy: state.policy,
            file_bytes: self.inner()?.disk.file_length()?,
            read_only: self.inner()?.disk.options().read_only,
            scanner_expression: scanner_expression(&identity.prefix),
        })
    }

    /// What each table of the file costs: its name, its rows and its bytes with everything that
    /// the engine adds. Reads every page.
    ///
    /// # Errors
    /// What the store says.
    pub fn table_sizes(&self) -> Result<Vec<(&'static str, u64, u64)>, Error> {
        let (lengths, bytes) =
            self.read(|reader| Ok::<_, StoreError>((reader.lengths()?, reader.bytes()?)))?;
        let pairs = lengths.into_iter().zip(bytes);
        Ok(pairs
            .map(|((name, rows), (_, bytes))| (name, rows, bytes))
            .collect())
    }
}

//! The store: what is opened, closed and shared between threads. The verbs hang on it, a file
//! each; this one holds what they have in common.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::cache::{Cache, Held};
use crate::disk::backend::Deadlines;
use crate::disk::file::{FileId, Tolerance};
use crate::disk::read::{Peppers, Reader, identify, identity_claimed, is_changing};
use crate::disk::schema::{Identity, PepperState, State, Usage};
use crate::disk::write::{Stamp, initialise};
use crate::disk::{AsStoreError, CheckOnOpen, Disk, DiskOptions};
use crate::error::{Denied, Error, Misuse, StoreError, VerifyError};
use crate::header::{ForkLocal, Process, Replaceable, Seen};
use crate::id::KeyId;
use crate::key::check_text;
use crate::limits;
use crate::opening::{Agreed, Opening, Share, Slot, Terms, lock, slot_of, usable};
use crate::policy::Policy;
use crate::secret::{Pepper, fill_from_system};
use crate::tag::{Generation, Keyring, TAG_BYTES, TagSum, pepper_check};
use crate::time::{Clock, Now, Timestamp};
use crate::token::Prefix;
use crate::usage::{self, Marks, SecretId};

/// How often last-used times are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked whether the file still stands at its path.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How much memory the keys in it may take, unless it is set: some 138,000 keys.
const KEY_CACHE_BYTES: usize = 16 * 1024 * 1024;

/// How a store is created or opened.
///
/// ```
/// use keyfob::StoreOptions;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("keys.redb");
/// let options = StoreOptions::new().prefix("acme")?.actor("deploy")?;
/// let store = options.create(&path)?;
/// # store.close()?;
/// # Ok::<(), keyfob::Error>(())
/// ```
pub struct StoreOptions {
    prefix: Option<Prefix>,
    peppers: Peppers,
    actor: String,
    policy: Option<Policy>,
    least_sequence: Option<u64>,
    clock: Clock,
    flush_every: Duration,
    cache_bytes: usize,
    apart: bool,
    disk: DiskOptions,
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl StoreOptions {
    /// How long a read waits unless [`StoreOptions::timeouts`] sets it.
    pub const READ_TIMEOUT: Duration = Duration::from_millis(250);
    /// How long a change waits unless [`StoreOptions::timeouts`] sets it.
    pub const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

    /// A store without a pepper, shared between processes, its file for its owner alone.
    pub fn new() -> Self {
        const CACHE_BYTES: usize = 16 * 1024 * 1024;
        StoreOptions {
            prefix: None,
            peppers: Peppers::default(),
            actor: "unknown".to_owned(),
            policy: None,
            least_sequence: None,
            clock: Clock::system(),
            flush_every: FLUSH_EVERY,
            cache_bytes: KEY_CACHE_BYTES,
            apart: false,
            disk: DiskOptions {
                tolerance: Tolerance {
                    mode: 0o600,
                    insecure_permissions: false,
                    network_file_system: false,
                },
                deadlines: Deadlines {
                    read: Self::READ_TIMEOUT,
                    write: Self::WRITE_TIMEOUT,
                },
                cache_bytes: CACHE_BYTES,
                read_only: false,
                exclusive: false,
                check: CheckOnOpen::Auto,
                map_header: true,
                #[cfg(test)]
                faults: None,
            },
        }
    }

    /// The prefix of the store's tokens, `[a-z][a-z0-9_]{0,19}`: needed to create one, and
    /// compared with the file's where one is opened.
    ///
    /// # Errors
    /// A prefix of another form.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, Misuse> {
        self.prefix = Some(Prefix::parse(prefix)?);
        Ok(self)
    }

    /// The store's pepper. A store that has one cannot be opened without it, and one that has none
    /// cannot be opened with one.
    #[must_use]
    pub fn pepper(mut self, pepper: Pepper) -> Self {
        self.peppers.current = Some(Arc::new(pepper));
        self
    }

    /// A pepper of the past, accepted only while a change of peppers is under way.
    #[must_use]
    pub fn retired_pepper(mut self, pepper: Pepper) -> Self {
        self.peppers.retired.push(Arc::new(pepper));
        self
    }

    /// Who does what is done through this store, as the log shows it: 1-200 bytes.
    ///
    /// # Errors
    /// An empty or too long name, or one with control characters.
    pub fn actor(mut self, actor: &str) -> Result<Self, Misuse> {
        check_text("actor (bytes)", actor, 1, limits::ACTOR_BYTES)?;
        actor.clone_into(&mut self.actor);
        Ok(self)
    }

    /// The policy that a new store begins with, compared with the file's where one is opened. It
    /// is changed by [`Store::set_policy`], and by nothing else.
    ///
    /// # Errors
    /// A lifetime that is not positive, or a default beyond the longest.
    pub fn policy(mut self, policy: Policy) -> Result<Self, Misuse> {
        policy.check()?;
        self.policy = Some(policy);
        Ok(self)
    }

    /// Opens for reading only: every change answers READ_ONLY, and last-used times are not kept.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.disk.read_only = read_only;
        self
    }

    /// Opens for this process alone: any other open is LOCKED, and a child of a fork is FORKED, since
    /// its parent still has the store. In other modes a child goes on with the handle.
    #[must_use]
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.disk.exclusive = exclusive;
        self
    }

    /// When the whole file is checked as it is opened.
    #[must_use]
    pub fn check_on_open(mut self, check: CheckOnOpen) -> Self {
        self.disk.check = check;
        self
    }

    /// Refuses a store whose sequence is lower: an older copy was put in its place. Note the
    /// sequence elsewhere, from [`Store::info`], to have something to compare with.
    #[must_use]
    pub fn least_sequence(mut self, sequence: u64) -> Self {
        self.least_sequence = Some(sequence);
        self
    }

    /// Memory that the engine may use for pages, in bytes; 16 MiB unless it is set. Every other
    /// process's commit empties it, so that more is seldom better.
    #[must_use]
    pub fn page_cache_bytes(mut self, bytes: usize) -> Self {
        self.disk.cache_bytes = bytes;
        self
    }

    /// Memory for keys that were verified, in bytes; 16 MiB unless it is set, 121 for each key.
    /// What is in it is verified without reading the file. Zero reads the file each time. An open
    /// refuses more than 3 GiB.
    #[must_use]
    pub fn key_cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Whether the first page of the file is mapped, so that a commit of another process is noticed
    /// by looking at memory; true unless it is set. Truncating a mapped file ends the process with
    /// SIGBUS; without the mapping each verification reads the page with a system call.
    #[must_use]
    pub fn map_header(mut self, map: bool) -> Self {
        self.disk.map_header = map;
        self
    }

    /// The mode of a new file, and the most that an existing one may have: 0600 unless it is set;
    /// 0640 or 0660 admit a group. The file and its folder must belong to the user who opens it, to
    /// root, or to a group that is admitted; a folder that a group can write needs 0660.
    ///
    /// # Errors
    /// A mode that its owner cannot read and write, or that admits others or execution.
    pub fn file_mode(mut self, mode: u32) -> Result<Self, Misuse> {
        if mode & 0o600 != 0o600 || mode & !0o660 != 0 {
            return Err(Misuse::argument("file mode", "use 0600, 0640 or 0660"));
        }
        self.disk.tolerance.mode = mode;
        Ok(self)
    }

    /// Puts up with a file, or a folder, that others own, read or write.
    #[must_use]
    pub fn allow_insecure_permissions(mut self, allow: bool) -> Self {
        self.disk.tolerance.insecure_permissions = allow;
        self
    }

    /// Puts up with a network file system, where locks may not hold.
    #[must_use]
    pub fn allow_network_file_system(mut self, allow: bool) -> Self {
        self.disk.tolerance.network_file_system = allow;
        self
    }

    /// How long a read waits for a lock of another process (250 ms unless it is set), and how long
    /// a change waits for those before it, in this process and in others together (2 s); then they
    /// answer BUSY. A change that is BUSY was not made.
    #[must_use]
    pub fn timeouts(mut self, read: Duration, write: Duration) -> Self {
        self.disk.deadlines = Deadlines { read, write };
        self
    }

    /// How often last-used times are written, by a thread that the first verification starts; 5
    /// seconds unless it is set. It writes them earlier where many keys that are not in memory have
    /// been verified (half of [`limits::USAGE_WAITING`]). Zero writes them only on close and on
    /// [`Store::flush`]; the thread then only looks, once a second, whether the file still stands at
    /// its path.
    #[must_use]
    pub fn flush_every(mut self, interval: Duration) -> Self {
        self.flush_every = interval;
        self
    }

    /// Where the time is read: the system's clock unless a test sets another.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the file beside whatever this process has open of it, as a second copy of the library
    /// in the process would, or another process: with a cache, marks and locks of its own. For
    /// tests of what processes see of each other.
    #[doc(hidden)]
    #[must_use]
    pub fn apart(mut self) -> Self {
        self.apart = true;
        self
    }

    #[cfg(test)]
    pub(crate) fn faults(mut self, faults: Arc<crate::disk::faults::Faults>) -> Self {
        self.disk.faults = Some(faults);
        self
    }

    pub(crate) fn check(&self) -> Result<(), Misuse> {
        Misuse::check_limit("key_cache_bytes", self.cache_bytes, limits::KEY_CACHE_BYTES)?;
        if self.disk.read_only && self.disk.check == CheckOnOpen::Always {
            return Err(Misuse::argument(
                "options",
                "a read-only open cannot check every page; open for writing to do so",
            ));
        }
        if self.disk.read_only && self.disk.exclusive {
            return Err(Misuse::argument(
                "options",
                "a read-only open cannot be exclusive",
            ));
        }
        Ok(())
    }

    /// Creates a store. The file is finished beside its place and then put there, so that nobody
    /// sees half of it.
    ///
    /// # Errors
    /// STORE_EXISTS where anything is at the path; INVALID_ARGUMENT without a prefix.
    pub fn create(self, path: impl AsRef<Path>) -> Result<Store, Error> {
        self.check()?;
        self.make(path.as_ref())?;
        self.open(path)
    }

    fn make(&self, path: &Path) -> Result<(), Error> {
        if self.disk.read_only {
            return Err(Misuse::argument("options", "a new store cannot be read-only").into());
        }
        let Some(prefix) = self.prefix else {
            return Err(Misuse::argument("prefix", "a new store needs one, such as `acme`").into());
        };
        let mut store_id = [0; 16];
        fill_from_system(&mut store_id)?;
        let generation = Generation(u8::from(self.peppers.current.is_some()));
        let mut ring = Keyring::new(store_id);
        ring.accept(generation, self.peppers.current.as_deref());
        let now = self.clock.now();
        let identity = Identity {
            store_id,
            prefix,
            created_at: now,
            pepper: PepperState {
                current: generation,
                check: self
                    .peppers
                    .current
                    .as_ref()
                    .map(|p| pepper_check(p, store_id)),
                changing_from: None,
            },
        };
        let state = State {
            identity: [0; TAG_BYTES], // written with the store's own row
            sequence: 0,
            head: [0; 32],
            cut: (0, [0; 32]),
            last_store_event: 0,
            keys: 0,
            projects: 0,
            digests: 0,
            tombstones: 0,
            sum: TagSum::default(),
            mark: now,
            policy: self.policy.unwrap_or_default(),
            schemes: Vec::new(),
            rechain: None,
        };
        let stamp = Stamp {
            actor: &self.actor,
            at_ms: self.clock.now_ms(),
        };
        Disk::create(path, &self.disk, |new| {
            new.write(|transaction| initialise(transaction, &ring, &identity, &state, stamp))
        })?;
        Ok(())
    }

    /// Opens a store that exists.
    ///
    /// Where this process has the file open already, under whatever path, it is the same store:
    /// one cache, one set of counters and of last-used times. Only the actor is each handle's own.
    /// The other options must be those that it was opened with; the least sequence is looked at each
    /// time, and [`CheckOnOpen::Always`] checks each time.
    ///
    /// # Errors
    /// NO_STORE where nothing is at the path; each kind of file that is no store, and each pepper
    /// that is missing or wrong, has an error of its own; OPTIONS_CONTRADICT where prefix or policy
    /// are not the file's, or where this process has it open with other options; LOCKED where
    /// another process has it for itself; ROLLED_BACK below the least sequence.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, Error> {
        self.check()?;
        let path = path.as_ref();
        if self.apart {
            let inner = self.open_anew(path, Arc::default())?;
            return Ok(Store::of(inner, &self));
        }
        loop {
            let id = FileId::at(path)?;
            let slot = slot_of(id);
            let mut open = lock(&slot);
            if let Some(inner) = usable(&open) {
                let store_id = inner.terms.identity.store_id;
                inner.terms.agreed.allow(&self.agreed(store_id))?;
                if self.disk.check == CheckOnOpen::Always && !inner.disk.check_pages()? {
                    // What was damaged is mended, as in an open.
                    inner.forget_cached();
                }
                let state = inner.read(|reader| {
                    reader.identity()?;
                    reader.state()
                })?;
                self.allow(&inner.terms.identity, &state)?;
                return Ok(Store::of(inner, &self));
            }
            let inner = self.open_anew(path, Arc::clone(&slot))?;
            // Else another file took its place in between.
            if inner.disk.id() == id {
                *open = Arc::downgrade(&inner);
                return Ok(Store::of(inner, &self));
            }
        }
    }

    fn open_anew(&self, path: &Path, slot: Arc<Slot>) -> Result<Arc<Inner>, Error> {
        let disk = Disk::open(path, self.disk.clone())?;
        let (identity, ring, state) = disk.read(|transaction| {
            let (identity, ring) = identify(transaction, path, &self.peppers)?;
            let state = Reader::new(transaction, &ring).state()?;
            Ok::<_, StoreError>((identity, ring, state))
        })?;
        self.allow(&identity, &state)?;
        Ok(Inner::new(
            self.terms(path, &disk, identity, ring),
            disk,
            slot,
        ))
    }

    /// Whether what the file says is what was asked for.
    fn allow(&self, identity: &Identity, state: &State) -> Result<(), StoreError> {
        if let Some(prefix) = &self.prefix
            && *prefix != identity.prefix
        {
            return Err(StoreError::OptionsContradict(format!(
                "the store's prefix is {:?} and {:?} was asked for; open it without naming one",
                identity.prefix.as_str(),
                prefix.as_str()
            )));
        }
        if self.policy.is_some_and(|policy| policy != state.policy) {
            return Err(StoreError::OptionsContradict(
                "the store's policy is another than the one asked for; open it without naming one, \
                 and change it with `keyfob policy` (set_policy)"
                    .into(),
            ));
        }
        match self.least_sequence {
            Some(least) if state.sequence < least => Err(StoreError::RolledBack {
                found: state.sequence,
                least,
            }),
            _ => Ok(()),
        }
    }

    fn terms(&self, path: &Path, disk: &Disk, identity: Identity, ring: Keyring) -> Arc<Terms> {
        Arc::new(Terms {
            path: path.into(),
            place: disk.path().into(),
            id: disk.id(),
            agreed: self.agreed(identity.store_id),
            identity,
            ring,
            apart: self.apart,
            on_refusal: Replaceable::new(),
        })
    }

    fn agreed(&self, store_id: [u8; 16]) -> Agreed {
        Agreed {
            peppers: self.peppers.checks(store_id),
            disk: self.disk.clone(),
            clock: self.clock.clone(),
            cache_bytes: self.cache_bytes,
            flush_every: self.flush_every,
        }
    }

    /// The handle of an open file, apart from what else this process has open of it.
    pub(crate) fn assemble(
        mut self,
        path: &Path,
        disk: Disk,
        identity: Identity,
        ring: Keyring,
    ) -> Store {
        self.apart = true;
        self.disk = disk.options().clone();
        let terms = self.terms(path, &disk, identity, ring);
        Store::of(Inner::new(terms, disk, Arc::default()), &self)
    }

    /// The same options for another file.
    pub(crate) fn same(&self) -> StoreOptions {
        StoreOptions {
            prefix: self.prefix,
            peppers: self.peppers.clone(),
            actor: self.actor.clone(),
            policy: self.policy,
            least_sequence: self.least_sequence,
            clock: self.clock.clone(),
            flush_every: self.flush_every,
            cache_bytes: self.cache_bytes,
            apart: self.apart,
            disk: self.disk.clone(),
        }
    }

    pub(crate) fn peppers(&self) -> &Peppers {
        &self.peppers
    }

    pub(crate) fn disk_options(&self) -> &DiskOptions {
        &self.disk
    }

    /// Who acts, and when, as an event is stamped.
    pub(crate) fn stamp(&self) -> Stamp<'_> {
        Stamp {
            actor: &self.actor,
            at_ms: self.clock.now_ms(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Opens the store, or creates it where nothing is at the path. Of several processes that do
    /// so at once, one makes the file and the others open it.
    ///
    /// # Errors
    /// As [`StoreOptions::create`] and [`StoreOptions::open`], but for STORE_EXISTS and NO_STORE.
    pub fn open_or_create(self, path: impl AsRef<Path>) -> Result<Store, Error> {
        self.check()?;
        let path = path.as_ref();
        match std::fs::symlink_metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => match self.make(path) {
                Ok(()) | Err(Error::Store(StoreError::StoreExists(_))) => self.open(path),
                Err(error) => Err(error),
            },
            _ => self.open(path),
        }
    }
}

/// A refused verification, as the callback is told of it. Never holds the token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// Why.
    pub denied: Denied,
    /// The key, where the secret was one of its own.
    pub key_id: Option<KeyId>,
}

/// A store of API keys in one file.
///
/// A handle is cheap to clone and may be used by any number of threads. Every change is durable
/// when it returns, and seen by every verification that starts afterwards. Changes that threads make
/// at the same time share commits, so that many together are much faster than one after another;
/// each has its own outcome.
///
/// Handles that were opened on the same file in one process share one store. After a fork the
/// parent's goes on in the parent, and the first use of the handle in the child opens the file
/// again there, with a cache, counters and last-used times of its own; a store that is open for
/// one process alone answers FORKED instead.
///
/// Where another file takes the place of the store's, or none, every call answers REPLACED from the
/// moment that it is noticed until the store is opened again: each change notices at once, and so
/// does the first verification after a commit of this or another process; any other may not for up to
/// a second.
#[derive(Clone)]
pub struct Store {
    opening: Arc<Opening>,
    pub(crate) actor: Arc<str>,
}

/// What all openings of a file in one process share.
pub(crate) struct Inner {
    pub(crate) disk: Disk,
    pub(crate) terms: Arc<Terms>,
    slot: Arc<Slot>,
    /// How many have a share; changed while the slot is locked, or before anybody knows of it.
    pub(crate) openings: AtomicUsize,
    me: Weak<Inner>,
    /// The ring without the old pepper, once a change of peppers is finished that was under way.
    settled: OnceLock<Keyring>,
    pub(crate) clock: Clock,
    /// What the clock showed when the store was opened, and what had passed in truth by then.
    opened_at: (Timestamp, i64),
    pub(crate) marks: Marks,
    pub(crate) cache: Cache,
    /// Whether the thread runs that writes uses and looks at the path.
    flusher: AtomicBool,
    closed: AtomicBool,
    refusals: [AtomicU64; Denied::ALL.len()],
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// The same store on behalf of another actor, as the log shows it: 1-200 bytes.
    ///
    /// # Errors
    /// An empty or too long name, or one with control characters.
    pub fn with_actor(&self, actor: &str) -> Result<Store, Misuse> {
        check_text("actor (bytes)", actor, 1, limits::ACTOR_BYTES)?;
        Ok(Store {
            opening: Arc::clone(&self.opening),
            actor: actor.into(),
        })
    }

    /// A new opening of a store. Where others share it, with its slot locked.
    fn of(inner: Arc<Inner>, options: &StoreOptions) -> Self {
        let share = ForkLocal::new();
        let terms = Arc::clone(&inner.terms);
        share.get_or_make(|| Share::of(inner));
        Store {
            opening: Arc::new(Opening {
                terms,
                least_sequence: options.least_sequence,
                closed: AtomicBool::new(false),
                share,
            }),
            actor: options.actor.as_str().into(),
        }
    }

    /// What the store was opened by; the same in a child of a fork.
    pub(crate) fn terms(&self) -> &Terms {
        &self.opening.terms
    }

    /// What this process has of the store, where this handle is open. In a child of a fork the
    /// first call opens it.
    #[inline]
    pub(crate) fn inner(&self) -> Result<&Inner, StoreError> {
        if self.opening.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        match self.opening.share.get() {
            Some(share) => Ok(&share.inner),
            None => self.opening.in_child(),
        }
    }

    /// The same for what may not ask the file: refuses also where the file was replaced.
    pub(crate) fn sound(&self) -> Result<&Inner, StoreError> {
        let inner = self.inner()?;
        inner.disk.check_replaced()?;
        Ok(inner)
    }

    /// The prefix of this store's tokens.
    pub fn prefix(&self) -> &Prefix {
        &self.terms().identity.prefix
    }

    /// The path that the store was opened at.
    pub fn path(&self) -> &Path {
        &self.terms().path
    }

    /// Closes this handle: it and its clones answer CLOSED afterwards. Of several handles that this
    /// process opened on the file the last one writes what last-used times were kept, and closes the
    /// file; a backup or check that runs comes to its end, and the file is closed then.
    ///
    /// In a child of a fork that has not used the handle there is nothing to close.
    ///
    /// # Errors
    /// What could not be written; the file is closed all the same. BUSY where a change or a
    /// compaction does not end in time: the file is closed with the last clone.
    pub fn close(&self) -> Result<(), Error> {
        Process::begin();
        if self.opening.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.opening.share.get().map_or(Ok(()), Share::give_up)
    }

    /// How many verifications were refused by reason, since this process opened the store: through
    /// all of its handles on the file. A child of a fork counts anew.
    pub fn refusals(&self) -> Vec<(Denied, u64)> {
        let inner = self.opening.share.get().map(|share| &share.inner);
        let count = |at: usize| {
            let counter = inner.and_then(|inner| inner.refusals.get(at));
            counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
        };
        let all = Denied::ALL.iter().enumerate();
        all.map(|(at, denied)| (*denied, count(at))).collect()
    }

    /// Calls a function for every verification that is refused, through any handle of this process
    /// on the file, in the thread that asked, with no lock held; none takes it away again. It must
    /// not panic. A child of a fork goes on with the one that its parent set.
    pub fn on_refusal(&self, callback: Option<Box<dyn Fn(Refusal) + Send + Sync>>) {
        self.opening.terms.on_refusal.set(callback.map(Arc::new));
    }

    /// Runs a read over one snapshot. Must not be nested.
    pub(crate) fn read<T, E: From<StoreError> + AsStoreError>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.inner()?.read(f)
    }
}

impl Inner {
    /// Counts a refusal, tells whoever wants to hear of it, and makes it the answer.
    #[inline]
    pub(crate) fn refuse(&self, denied: Denied, key_id: Option<KeyId>) -> VerifyError {
        // The order of `Denied::ALL` is that of the enum.
        self.refusals[denied as usize].fetch_add(1, Ordering::Relaxed);
        if let Some(callback) = self.terms.on_refusal.get() {
            callback(Refusal { denied, key_id });
        }
        denied.into()
    }

    pub(crate) fn new(terms: Arc<Terms>, disk: Disk, slot: Arc<Slot>) -> Arc<Self> {
        Arc::new_cyclic(|me| Inner {
            opened_at: (terms.agreed.clock.now(), terms.agreed.clock.passed()),
            clock: terms.agreed.clock.clone(),
            disk,
            slot,
            openings: AtomicUsize::new(0),
            me: Weak::clone(me),
            settled: OnceLock::new(),
            marks: Marks::default(),
            cache: Cache::new(terms.agreed.cache_bytes),
            flusher: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            refusals: std::array::from_fn(|_| AtomicU64::new(0)),
            terms,
        })
    }

    /// Gives up the share of one opening. The last one writes what last-used times were kept, and
    /// closes the file; whoever opens it meanwhile waits for that.
    pub(crate) fn one_less(&self) -> Result<(), Error> {
        let mut open = lock(&self.slot);
        if self.openings.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(());
        }
        if std::ptr::eq(open.as_ptr(), self) {
            *open = Weak::new();
        }
        let flushed = self.flush_marks();
        self.closed.store(true, Ordering::Release);
        self.disk.close()?;
        flushed
    }

    /// Runs a read over one snapshot. Must not be nested.
    pub(crate) fn read<T, E: From<StoreError> + AsStoreError>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let read = self.disk.read(|transaction| {
            let ring = self.keys(|ring| is_changing(transaction, ring))?;
            f(&Reader::new(transaction, ring))
        });
        read.map_err(|error| self.after_failure(error))
    }

    /// The same over the snapshot of what the header showed, which is shared with others. `f` must
    /// not call back.
    pub(crate) fn read_shared<T, E: From<StoreError> + AsStoreError>(
        &self,
        seen: Seen,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let read = self.disk.read_shared(seen, |kept| {
            let ring = self.keys(|ring| is_changing(&kept.transaction, ring))?;
            f(&Reader::of_kept(kept, ring))
        });
        read.map_err(|error| self.after_failure(error))
    }

    /// What is told of a failure. Rows that cannot be read may be those of another store, which
    /// somebody wrote over the file.
    pub(crate) fn after_failure<E: From<StoreError> + AsStoreError>(&self, error: E) -> E {
        let replaced = match error.as_store_error() {
            Some(StoreError::Replaced(_)) => true,
            Some(StoreError::Corrupted(_) | StoreError::PepperRequired) => self
                .disk
                .read(|transaction| identity_claimed(transaction, &self.terms.path))
                .is_ok_and(|claimed| claimed.store_id != self.terms.identity.store_id),
            _ => false,
        };
        if replaced {
            self.replaced().into()
        } else {
            error
        }
    }

    /// From now on this store answers REPLACED, also where it is in the cache.
    pub(crate) fn replaced(&self) -> StoreError {
        self.disk.set_replaced();
        self.believe_nothing();
        StoreError::Replaced(self.terms.path.clone())
    }

    /// Notes a use of a key in the cache; a time that a mark cannot hold is not noted.
    #[allow(clippy::inline_always)] // a look at what was loaded with the cell
    #[inline(always)]
    pub(crate) fn note_cached_use(&self, held: &Held<'_>, at: Timestamp) {
        if let Ok(at) = u32::try_from(at.unix()) {
            self.cache.mark(held, at);
        }
    }

    /// Notes a use that the cache does not count.
    pub(crate) fn note_use(&self, secret: SecretId, at: Timestamp) {
        if !self.disk.options().read_only {
            self.marks.note(secret, at.unix());
        }
    }

    /// What is known of a key's uses beyond what is written, by the generation of the secret.
    pub(crate) fn unwritten_uses(&self, key_id: KeyId) -> Vec<(u32, Usage)> {
        // The mutex keeps a flush from taking from a cell what was not seen here yet.
        let changing = self.cache.changing();
        let mut uses = self.marks.of(key_id);
        if !self.disk.options().read_only {
            let counted = changing.counted_of(key_id).map(usage::counted);
            uses.extend(counted.map(|((_, generation), usage)| (generation, usage)));
        }
        uses
    }

    /// Starts the thread that writes uses, and once a second looks whether the file is in its place,
    /// where it does not run yet.
    pub(crate) fn start_flushing(&self) {
        if self.flusher.load(Ordering::Relaxed) || self.flusher.swap(true, Ordering::AcqRel) {
            return;
        }
        let me = Weak::clone(&self.me);
        let every = (!self.disk.options().read_only && !self.terms.agreed.flush_every.is_zero())
            .then_some(self.terms.agreed.flush_every);
        let spawned = std::thread::Builder::new()
            .name("keyfob-flush".into())
            .spawn(move || {
                let mut flushed = Instant::now();
                loop {
                    let wait = every.map(|every| every.saturating_sub(flushed.elapsed()));
                    std::thread::park_timeout(wait.map_or(LOOK_EVERY, |wait| wait.min(LOOK_EVERY)));
                    let Some(inner) = me.upgrade() else { break };
                    if inner.closed.load(Ordering::Acquire) {
                        break;
                    }
                    // Whoever asks next is told; and what cannot be written is kept.
                    let _ = inner.check_place();
                    inner.disk.let_go();
                    let is_time = |every| flushed.elapsed() >= every || inner.marks.are_many();
                    if every.is_some_and(is_time) {
                        let _ = inner.flush_marks();
                        flushed = Instant::now();
                    }
                }
            });
        match spawned {
            Ok(flusher) if every.is_some() => self.marks.wake(flusher.thread()),
            Ok(_) => (),
            Err(_) => self.flusher.store(false, Ordering::Release),
        }
    }

    /// The keys that the rows of a transaction are read with. A handle that was opened in the
    /// middle of a change of peppers asks whether the change is still under way, and accepts
    /// nothing of before it as soon as it is not; every other one asks nothing.
    pub(crate) fn keys(
        &self,
        is_changing: impl FnOnce(&Keyring) -> Result<bool, StoreError>,
    ) -> Result<&Keyring, StoreError> {
        let ring = &self.terms.ring;
        if !ring.is_changing() {
            return Ok(ring);
        }
        if let Some(settled) = self.settled.get() {
            return Ok(settled);
        }
        if is_changing(ring)? {
            return Ok(ring);
        }
        Ok(self.settled.get_or_init(|| ring.settled()))
    }

    /// The time by the clock and by the mark of a snapshot.
    pub(crate) fn now(&self, state: &State) -> Now {
        Now {
            clock: self.clock.now(),
            mark: state.mark,
        }
    }

    /// What the mark is to be moved to: the clock, unless it runs far ahead of what it showed at
    /// open and what has passed since.
    pub(crate) fn mark_candidate(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        (!self.clock_runs_ahead()).then_some(now)
    }

    /// Whether the clock was set more than a day ahead since the store was opened.
    pub(crate) fn clock_runs_ahead(&self) -> bool {
        let (shown, passed) = self.opened_at;
        let expected = shown.saturating_add(self.clock.passed() - passed);
        self.clock.now().seconds_since(expected) > limits::CLOCK_AHEAD_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::NewKey;
    use crate::lifecycle::Revoke;
    use crate::requirement::Requirement;

    #[test]
    fn more_memory_for_keys_than_there_may_be_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let options = || StoreOptions::new().prefix("acme").unwrap();
        let much = options().key_cache_bytes(limits::KEY_CACHE_BYTES + 1);
        let error = much.open_or_create(&path).unwrap_err();
        assert_eq!(error.code(), crate::error::Code::LIMIT_EXCEEDED);
        assert!(!path.exists());
        assert!(options().create(&path).is_ok());
    }

    #[test]
    fn a_snapshot_is_shared_until_something_is_committed_and_then_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let options = || {
            // Nothing in memory, so that each verification reads the file; and no thread that ticks.
            let options = StoreOptions::new().key_cache_bytes(0).apart();
            options.flush_every(Duration::ZERO)
        };
        let one = options().prefix("acme").unwrap().create(&path).unwrap();
        let another = options().open(&path).unwrap();
        let key = one.create(&NewKey::new("k")).unwrap();
        let token = key.token.unwrap();
        let disk = |store: &Store| -> bool { store.inner().unwrap().disk.keeps_a_snapshot() };
        let good = |store: &Store| store.verify(token.expose(), &Requirement::new()).is_ok();

        assert!(good(&one) && disk(&one));
        one.inner().unwrap().disk.let_go();
        assert!(disk(&one), "nothing was committed");
        another.create(&NewKey::new("of another")).unwrap();
        one.inner().unwrap().disk.let_go();
        assert!(!disk(&one), "it would keep pages from the other one");
        assert!(good(&one) && disk(&one));
        one.create(&NewKey::new("of its own")).unwrap();
        assert!(!disk(&one), "it would keep pages from itself");
        assert!(good(&one) && good(&another));
        another.revoke(key.key.id, &Revoke::default()).unwrap();
        assert!(!good(&one) && !good(&another));
        one.compact().unwrap_err();
        another.close().unwrap();
        assert!(!good(&one) && disk(&one));
        one.compact().unwrap();
        assert!(!good(&one));
    }
}

//! The store: what is opened, closed and shared between threads. The verbs hang on it, a file
//! each; this one holds what they have in common.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use crate::cache::{Cache, Place};
use crate::disk::backend::Deadlines;
use crate::disk::file::Tolerance;
use crate::disk::read::{Peppers, Reader, identify, is_changing};
use crate::disk::schema::{Identity, PepperState, State};
use crate::disk::write::{Stamp, initialise};
use crate::disk::{AsStoreError, CheckOnOpen, Disk, DiskOptions};
use crate::error::{Denied, Error, Misuse, StoreError};
use crate::id::KeyId;
use crate::key::check_text;
use crate::limits;
use crate::policy::Policy;
use crate::secret::{Pepper, fill_from_system};
use crate::tag::{Generation, Keyring, TAG_BYTES, TagSum, pepper_check};
use crate::time::{Clock, Now, Timestamp};
use crate::token::Prefix;
use crate::usage::{Marks, SecretId};

/// How often last-used times are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// How much memory the keys in it may take, unless it is set: some 145,000 keys.
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
            disk: DiskOptions {
                tolerance: Tolerance {
                    mode: 0o600,
                    insecure_permissions: false,
                    network_file_system: false,
                },
                deadlines: Deadlines {
                    read: Duration::from_millis(250),
                    write: Duration::from_secs(2),
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

    /// Opens for this process alone.
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

    /// Memory for keys that were verified, in bytes; 16 MiB unless it is set, 113 for each key.
    /// What is in it is verified without reading the file. Zero reads the file each time.
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
    /// seconds unless it is set. Zero writes them only on close and on [`Store::flush`].
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

    #[cfg(test)]
    pub(crate) fn faults(mut self, faults: Arc<crate::disk::faults::Faults>) -> Self {
        self.disk.faults = Some(faults);
        self
    }

    pub(crate) fn check(&self) -> Result<(), Misuse> {
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
    /// # Errors
    /// NO_STORE where nothing is at the path; each kind of file that is no store, and each pepper
    /// that is missing or wrong, has an error of its own; OPTIONS_CONTRADICT where prefix or policy
    /// are not the file's.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, Error> {
        self.check()?;
        let disk = Disk::open(path.as_ref(), self.disk.clone())?;
        let (identity, ring, state) = disk.read(|transaction| {
            let (identity, ring) = identify(transaction, disk.path(), &self.peppers)?;
            let state = Reader::new(transaction, &ring).state()?;
            Ok::<_, StoreError>((identity, ring, state))
        })?;
        if let Some(prefix) = &self.prefix
            && *prefix != identity.prefix
        {
            return Err(StoreError::OptionsContradict(format!(
                "the store's prefix is {:?} and {:?} was asked for; open it without naming one",
                identity.prefix.as_str(),
                prefix.as_str()
            ))
            .into());
        }
        if self.policy.is_some_and(|policy| policy != state.policy) {
            return Err(StoreError::OptionsContradict(
                "the store's policy is another than the one asked for; open it without naming one, \
                 and change it with `keyfob policy` (set_policy)"
                    .into(),
            )
            .into());
        }
        if let Some(least) = self.least_sequence
            && state.sequence < least
        {
            return Err(StoreError::RolledBack {
                found: state.sequence,
                least,
            }
            .into());
        }
        Ok(self.assemble(disk, identity, ring))
    }

    /// The handle of an open file.
    pub(crate) fn assemble(self, disk: Disk, identity: Identity, ring: Keyring) -> Store {
        let inner = Inner {
            opened_at: (self.clock.now(), self.clock.passed()),
            clock: self.clock,
            disk,
            identity,
            ring,
            settled: OnceLock::new(),
            marks: Marks::default(),
            cache: Cache::new(self.cache_bytes),
            flush_every: self.flush_every,
            flusher: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            refusals: std::array::from_fn(|_| AtomicU64::new(0)),
            on_refusal: RwLock::new(None),
        };
        Store {
            inner: Arc::new(inner),
            actor: self.actor.into(),
        }
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

type OnRefusal = Arc<dyn Fn(Refusal) + Send + Sync>;

/// A store of API keys in one file.
///
/// A handle is cheap to clone and may be used by any number of threads. Every change is durable
/// when it returns, and seen by every verification that starts afterwards. Changes that threads make
/// at the same time share commits, so that many together are much faster than one after another;
/// each has its own outcome.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
    pub(crate) actor: Arc<str>,
}

pub(crate) struct Inner {
    pub(crate) disk: Disk,
    pub(crate) identity: Identity,
    /// The keys that rows were read with when the store was opened; [`Inner::keys`] has those of
    /// now.
    pub(crate) ring: Keyring,
    /// The same without the old pepper, once a change of peppers is finished that was under way.
    settled: OnceLock<Keyring>,
    pub(crate) clock: Clock,
    /// What the clock showed when the store was opened, and what had passed in truth by then.
    opened_at: (Timestamp, i64),
    pub(crate) marks: Marks,
    pub(crate) cache: Cache,
    flush_every: Duration,
    flusher: AtomicBool,
    closed: AtomicBool,
    refusals: [AtomicU64; Denied::ALL.len()],
    on_refusal: RwLock<Option<OnRefusal>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.inner.disk.path())
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
            inner: Arc::clone(&self.inner),
            actor: actor.into(),
        })
    }

    /// The prefix of this store's tokens.
    pub fn prefix(&self) -> &Prefix {
        &self.inner.identity.prefix
    }

    /// The path that the store was opened at.
    pub fn path(&self) -> &Path {
        self.inner.disk.path()
    }

    /// Writes what last-used times were kept and closes the file. Every clone of the handle
    /// answers CLOSED afterwards; a backup or check that runs comes to its end, and the file is
    /// closed then.
    ///
    /// # Errors
    /// What could not be written; the file is closed all the same. BUSY where a change or a
    /// compaction does not end in time: the file is closed with the last clone.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.disk.check_process()?;
        if self.inner.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let flushed = if self.inner.disk.options().read_only {
            Ok(())
        } else {
            self.flush()
        };
        self.inner.closed.store(true, Ordering::Release);
        self.inner.disk.close()?;
        flushed
    }

    /// How many verifications were refused by reason, since this store was opened: through this
    /// handle and those of [`Store::with_actor`]. Another open of the same file has its own counts.
    pub fn refusals(&self) -> Vec<(Denied, u64)> {
        let count =
            |denied: &Denied, counter: &AtomicU64| (*denied, counter.load(Ordering::Relaxed));
        Denied::ALL
            .iter()
            .zip(&self.inner.refusals)
            .map(|(d, c)| count(d, c))
            .collect()
    }

    /// Calls a function for every verification that is refused, in the thread that asked, with no
    /// lock held; none takes it away again. It must not panic.
    pub fn on_refusal(&self, callback: Option<Box<dyn Fn(Refusal) + Send + Sync>>) {
        let mut slot = self
            .inner
            .on_refusal
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *slot = callback.map(Arc::from);
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        let at = Denied::ALL
            .iter()
            .position(|denied| *denied == refusal.denied);
        if let Some(counter) = at.and_then(|at| self.inner.refusals.get(at)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let callback = self
            .inner
            .on_refusal
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(callback) = callback {
            callback(refusal);
        }
    }

    /// Runs a read over one snapshot. Must not be nested.
    pub(crate) fn read<T, E: From<StoreError> + AsStoreError>(
        &self,
        f: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.inner.check_open().map_err(E::from)?;
        self.inner.disk.read(|transaction| {
            let ring = self.inner.keys(|ring| is_changing(transaction, ring))?;
            f(&Reader::new(transaction, ring))
        })
    }

    /// Notes a use of a key in the cache.
    #[inline]
    pub(crate) fn note_cached_use(&self, secret: SecretId, place: Place, at: Timestamp) {
        match u32::try_from(at.unix()) {
            Ok(at) => self.inner.cache.mark(place, at),
            Err(_) => self.note_use(secret, at),
        }
    }

    /// Notes a use that the cache does not count.
    pub(crate) fn note_use(&self, secret: SecretId, at: Timestamp) {
        if !self.inner.disk.options().read_only {
            self.inner.marks.note(secret, at.unix());
            self.start_flushing();
        }
    }

    /// Starts the thread that writes uses where it does not run yet.
    pub(crate) fn start_flushing(&self) {
        let inner = &self.inner;
        if inner.disk.options().read_only {
            return;
        }
        if inner.flush_every.is_zero() || inner.flusher.swap(true, Ordering::AcqRel) {
            return;
        }
        let (weak, every) = (Arc::downgrade(inner), inner.flush_every);
        let spawned = std::thread::Builder::new()
            .name("keyfob-flush".into())
            .spawn(move || {
                loop {
                    std::thread::sleep(every);
                    let Some(inner) = weak.upgrade() else { break };
                    if inner.closed.load(Ordering::Acquire) {
                        break;
                    }
                    // What could not be written is kept for the next time.
                    let _ = Store {
                        inner,
                        actor: "keyfob".into(),
                    }
                    .flush();
                }
            });
        if spawned.is_err() {
            inner.flusher.store(false, Ordering::Release);
        }
    }
}

impl Inner {
    pub(crate) fn check_open(&self) -> Result<(), StoreError> {
        self.disk.check_process()?;
        if self.closed.load(Ordering::Acquire) {
            Err(StoreError::Closed)
        } else {
            Ok(())
        }
    }

    /// The keys that the rows of a transaction are read with. A handle that was opened in the
    /// middle of a change of peppers asks whether the change is still under way, and accepts
    /// nothing of before it as soon as it is not; every other one asks nothing.
    pub(crate) fn keys(
        &self,
        is_changing: impl FnOnce(&Keyring) -> Result<bool, StoreError>,
    ) -> Result<&Keyring, StoreError> {
        if !self.ring.is_changing() {
            return Ok(&self.ring);
        }
        if let Some(settled) = self.settled.get() {
            return Ok(settled);
        }
        if is_changing(&self.ring)? {
            return Ok(&self.ring);
        }
        Ok(self.settled.get_or_init(|| self.ring.settled()))
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

impl Drop for Inner {
    fn drop(&mut self) {
        if self.disk.check_process().is_err() || self.closed.load(Ordering::Acquire) {
            return;
        }
        // Dropped without close: what last-used times there are is written where it can be.
        if !self.disk.options().read_only {
            let _ = self.flush_marks();
        }
    }
}

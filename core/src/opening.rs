//! What a process has open of a file: an *opening* for each handle that was opened, and one store
//! that they share, found by device and inode.
//!
//! A child of a fork uses nothing of it: the first call through an inherited handle opens the file
//! again, by the [`Terms`] that the parent opened it by, which never change and may be read there.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::disk::file::FileId;
use crate::disk::read::PepperChecks;
use crate::disk::schema::Identity;
use crate::disk::{Disk, DiskOptions};
use crate::error::{Error, StoreError};
use crate::header::{ForkLocal, Replaceable};
use crate::store::{Inner, Refusal};
use crate::tag::Keyring;
use crate::time::Clock;

/// What a store was opened by. It never changes while the store is open, and holds no lock, so that
/// a child of a fork may read it.
pub(crate) struct Terms {
    /// As it was given.
    pub(crate) path: PathBuf,
    /// Where that is, whatever folder the process moves to.
    pub(crate) place: PathBuf,
    pub(crate) id: FileId,
    pub(crate) agreed: Agreed,
    pub(crate) identity: Identity,
    /// The keys that rows were read with when the store was opened; [`Inner::keys`] has those of
    /// now.
    pub(crate) ring: Keyring,
    pub(crate) apart: bool,
    pub(crate) on_refusal: Replaceable<Box<dyn Fn(Refusal) + Send + Sync>>,
}

/// The options that all openings of a file in one process must have in common.
pub(crate) struct Agreed {
    pub(crate) peppers: PepperChecks,
    pub(crate) disk: DiskOptions,
    pub(crate) clock: Clock,
    pub(crate) cache_bytes: usize,
    pub(crate) flush_every: Duration,
}

impl Agreed {
    /// Refuses options that are not those that the store is open with.
    pub(crate) fn allow(&self, asked: &Agreed) -> Result<(), StoreError> {
        let (ours, theirs) = (&self.disk, &asked.disk);
        let same = [
            (self.peppers == asked.peppers, "peppers"),
            (ours.read_only == theirs.read_only, "`read_only`"),
            (ours.exclusive == theirs.exclusive, "`exclusive`"),
            (ours.tolerance == theirs.tolerance, "permissions"),
            (ours.deadlines == theirs.deadlines, "`timeouts`"),
            (ours.cache_bytes == theirs.cache_bytes, "`page_cache_bytes`"),
            (ours.map_header == theirs.map_header, "`map_header`"),
            (self.cache_bytes == asked.cache_bytes, "`key_cache_bytes`"),
            (self.flush_every == asked.flush_every, "`flush_every`"),
            (self.clock.is(&asked.clock), "`clock`"),
        ];
        match same.iter().find(|(same, _)| !same) {
            None => Ok(()),
            Some((_, what)) => Err(StoreError::OptionsContradict(format!(
                "this process has the store open with other {what}; open it with the same, or use \
                 a clone of the handle that is open"
            ))),
        }
    }
}

/// What this process has open of a file: nothing, or a store that some opening keeps. Locked while
/// it is opened and while it is closed.
pub(crate) type Slot = Mutex<Weak<Inner>>;

/// The files that this process has open.
static OPEN: ForkLocal<Mutex<Vec<(FileId, Weak<Slot>)>>> = ForkLocal::new();

pub(crate) fn slot_of(id: FileId) -> Arc<Slot> {
    let open = OPEN.get_or_make(Mutex::default);
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|(_, slot)| slot.strong_count() > 0);
    let found = open.iter().find(|(known, _)| *known == id);
    if let Some(slot) = found.and_then(|(_, slot)| slot.upgrade()) {
        return slot;
    }
    let slot = Arc::default();
    open.push((id, Arc::downgrade(&slot)));
    slot
}

pub(crate) fn lock(slot: &Slot) -> MutexGuard<'_, Weak<Inner>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store that is open; none that was found to be replaced, which is never good again.
pub(crate) fn usable(open: &Weak<Inner>) -> Option<Arc<Inner>> {
    let inner = open.upgrade()?;
    inner.disk.check_replaced().is_ok().then_some(inner)
}

/// One opening of a store: a handle, its clones, and those of other actors.
pub(crate) struct Opening {
    pub(crate) terms: Arc<Terms>,
    /// What this opening asked for, beside the terms.
    pub(crate) least_sequence: Option<u64>,
    pub(crate) closed: AtomicBool,
    pub(crate) share: ForkLocal<Share>,
}

impl Opening {
    /// The share of a child of a fork, in a store that it opens for itself.
    #[cold]
    pub(crate) fn in_child(&self) -> Result<&Inner, StoreError> {
        let share = self.share.get_or_try_make(|| {
            if self.terms.agreed.disk.exclusive {
                return Err(StoreError::Forked);
            }
            Share::reopened(&self.terms, self.least_sequence)
        })?;
        Ok(&share.inner)
    }
}

/// What an opening has of the store of its process. The last one that is given up closes the file.
pub(crate) struct Share {
    pub(crate) inner: Arc<Inner>,
    given_up: AtomicBool,
}

/// Refuses a file that holds another store than the parent had, or an older copy than it accepts.
fn check_content(inner: &Inner, terms: &Terms, least: Option<u64>) -> Result<(), StoreError> {
    let (store_id, found) = inner.read(|reader| {
        let state = reader.state()?;
        Ok::<_, StoreError>((reader.identity()?.store_id, state.sequence))
    })?;
    if store_id != terms.identity.store_id {
        return Err(StoreError::Replaced(terms.place.clone()));
    }
    match least {
        Some(least) if found < least => Err(StoreError::RolledBack { found, least }),
        _ => Ok(()),
    }
}

impl Share {
    /// A share in a store; where others have one, with its slot locked.
    pub(crate) fn of(inner: Arc<Inner>) -> Self {
        inner.openings.fetch_add(1, Ordering::AcqRel);
        Share {
            inner,
            given_up: AtomicBool::new(false),
        }
    }

    /// A share in the store that a child of a fork has by the terms of its parent: the one that it
    /// has of the file already, or a new one.
    fn reopened(terms: &Arc<Terms>, least: Option<u64>) -> Result<Self, StoreError> {
        let slot = if terms.apart {
            Arc::default()
        } else {
            slot_of(terms.id)
        };
        let mut open = lock(&slot);
        if let Some(inner) = usable(&open) {
            inner.terms.agreed.allow(&terms.agreed)?;
            check_content(&inner, terms, least)?;
            return Ok(Share::of(inner));
        }
        let disk = Disk::open(&terms.place, terms.agreed.disk.clone())?;
        if disk.id() != terms.id {
            return Err(StoreError::Replaced(terms.place.clone()));
        }
        let inner = Inner::new(Arc::clone(terms), disk, Arc::clone(&slot));
        check_content(&inner, terms, least)?;
        *open = Arc::downgrade(&inner);
        Ok(Share::of(inner))
    }

    pub(crate) fn give_up(&self) -> Result<(), Error> {
        if self.given_up.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.inner.one_less()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Dropped without close: what last-used times there are is written where it can be.
        let _ = self.give_up();
    }
}

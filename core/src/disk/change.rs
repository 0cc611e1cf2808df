//! A write transaction that callers share: each makes its own change in it, on its own thread, and
//! the last of them commits it for all. [`Group`](crate::disk::group::Group) says who comes when;
//! here is what becomes of the file.

use std::sync::Arc;
use std::time::Instant;

use crate::disk::backend::waiting_until;
use crate::disk::failure::{Guarded, guarded};
use crate::disk::group::{Next, Round, Turn};
use crate::disk::{AsStoreError, Disk, Live, storage_error};
use crate::error::StoreError;
use crate::header::Seen;

/// Where a write transaction failed.
#[derive(Debug)]
pub(crate) enum WriteFailure<E> {
    /// Before the commit: nothing happened.
    Before(E),
    /// In the commit: it may have happened.
    InCommit(StoreError),
}

/// Why a caller's own change was not made.
#[derive(Debug)]
pub(crate) struct Unmade<E> {
    pub(crate) error: E,
    /// Whether anything may have been written before; then the transaction is of no use any more.
    pub(crate) spoilt: bool,
}

impl<E: From<StoreError>> From<StoreError> for Unmade<E> {
    fn from(error: StoreError) -> Self {
        Unmade {
            error: error.into(),
            spoilt: true,
        }
    }
}

/// What a change asks of the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Asks {
    /// About so many bytes are added, and the reserve must stay whole; none where it may be used.
    pub(crate) adds: Option<u64>,
    /// It is run once, and shares its transaction with nobody.
    pub(crate) alone: bool,
}

/// What became of a transaction that was shared.
#[derive(Clone)]
enum Outcome {
    Committed,
    /// The commit failed, and may have happened.
    Failed(Arc<StoreError>),
    /// One of those who shared it spoilt it: nothing happened, and the others begin again.
    Spoilt,
}

/// The transaction that callers share, one at a time. Dropping it undoes it.
pub(crate) struct Shared {
    transaction: Option<redb::WriteTransaction>,
    live: Arc<Live>,
    /// Where those who shared it wait; none once somebody else sees to it that they are told.
    round: Option<Arc<Round<Outcome>>>,
    /// How many made their change, or were refused after others had.
    callers: usize,
    /// What they add in all.
    adds: u64,
    alone: bool,
    /// Whether the reserve was given to the file system for it.
    released: bool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        let transaction = self.transaction.take();
        if self.live.is_torn() {
            // As the engine itself: it is leaked, since undoing it walks the same pages.
            std::mem::forget(transaction);
        } else {
            // What a panic leaves behind is found by whoever uses the engine next.
            let _ = guarded(|| {
                drop(transaction);
                Ok::<_, StoreError>(())
            });
        }
        if self.released {
            self.live.backend.keep_reserve();
        }
        if let Some(round) = self.round.take() {
            round.tell(Outcome::Spoilt);
        }
    }
}

/// Sees to it that those who shared a commit are told something, whatever happens.
struct Telling(Arc<Round<Outcome>>);

impl Drop for Telling {
    fn drop(&mut self) {
        let untold = StoreError::Internal("it was not found out how the commit ended".into());
        self.0.tell(Outcome::Failed(Arc::new(untold)));
    }
}

/// An error of a commit, as each of those who shared it is told.
fn retold(error: &StoreError) -> StoreError {
    match error {
        StoreError::Busy => StoreError::Busy,
        StoreError::NoSpace => StoreError::NoSpace,
        StoreError::Closed => StoreError::Closed,
        StoreError::Corrupted(what) => StoreError::Corrupted(what.clone()),
        StoreError::Io { what, source } => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            StoreError::Io { what, source }
        }
        other => StoreError::Internal(other.to_string()),
    }
}

/// Leaves a transaction in which nobody changed anything to the next, or undoes it.
fn leave(turn: Turn<'_, Shared>, shared: Shared) {
    if shared.alone || shared.released {
        drop(shared);
        drop(turn);
    } else if let Next::Mine(turn, shared) = turn.hand_on(shared, 0, false) {
        drop(shared);
        drop(turn);
    }
}

/// Why no transaction was begun.
enum NotBegun {
    Refused(StoreError),
    Failed(Arc<Live>, Guarded<StoreError>),
}

impl Disk {
    /// Makes a change in a write transaction and commits it, durably. Any thread may call it, any
    /// number at once: callers that come while another one commits share the next transaction, and
    /// are committed together. What one of them is refused, or fails with, is not the others'
    /// concern: where it spoils the transaction they are run again, each by itself, so that `f` may
    /// be called twice, and only what its last call did has happened. A change that asks to be
    /// alone is run once.
    ///
    /// A caller waits for those before it in this process and in others no longer than the one
    /// deadline; from its own change on it waits for the commit.
    pub(crate) fn write<T, E: From<StoreError> + AsStoreError>(
        &self,
        asks: Asks,
        mut f: impl FnMut(&redb::WriteTransaction) -> Result<T, Unmade<E>>,
    ) -> Result<T, WriteFailure<E>> {
        let before = |error: StoreError| WriteFailure::Before(E::from(error));
        self.check().map_err(before)?;
        if self.options.read_only {
            return Err(before(StoreError::ReadOnly));
        }
        let until = self.until_write();
        let (mut alone, mut was_here) = (asks.alone, false);
        loop {
            let entered = self.group.enter(until, alone, was_here);
            let (turn, shared) = entered.ok_or(StoreError::Busy).map_err(before)?;
            let mut shared = match shared {
                Some(shared) => shared,
                None => match self.begin(until, alone) {
                    Ok(shared) => shared,
                    Err(NotBegun::Refused(error)) => return Err(before(error)),
                    Err(NotBegun::Failed(live, failure)) => {
                        self.lose_after(&live, &failure);
                        drop(turn);
                        return Err(before(self.after_failure(live, failure)));
                    }
                },
            };
            let live = Arc::clone(&shared.live);
            let made = match Self::admit(&mut shared, asks.adds) {
                Ok(()) => guarded(|| match &shared.transaction {
                    Some(transaction) => f(transaction),
                    None => Err(StoreError::Internal("a transaction was lost".into()).into()),
                }),
                Err(error) => Err(Guarded::Failed(Unmade {
                    error: error.into(),
                    spoilt: false,
                })),
            };
            if let Err(forked) = self.check_process() {
                // `f` forked, and this is the child: what it inherited is neither used nor dropped.
                std::mem::forget((turn, shared, live));
                return Err(before(forked));
            }
            let made = match made {
                Ok(value) => Ok(value),
                Err(Guarded::Failed(Unmade {
                    error,
                    spoilt: false,
                })) => Err(error),
                Err(failure) => {
                    let failure = failure.map(|unmade| unmade.error);
                    if matches!(failure, Guarded::Panicked(_)) {
                        live.tear();
                    }
                    // Undone, and the others told, before anybody begins anew. And before the
                    // handle is asked for: who opens the file again has it, and waits for the lock
                    // that this transaction holds.
                    drop(shared);
                    self.lose_after(&live, &failure);
                    drop(turn);
                    return Err(WriteFailure::Before(self.after_failure(live, failure)));
                }
            };
            if made.is_err() && shared.callers == 0 {
                // Nobody's change but its own was judged by, and that was not made.
                leave(turn, shared);
                return made.map_err(|error| self.refused(live, error));
            }
            shared.callers += 1;
            // What the reserve was released for goes alone: several together might need more.
            let company = !shared.alone && !shared.released;
            match self.end(turn, shared, company) {
                Outcome::Committed => return made.map_err(|error| self.refused(live, error)),
                Outcome::Failed(error) => match made {
                    Ok(_) => return Err(WriteFailure::InCommit(retold(&error))),
                    // It was refused in view of changes that may not have happened.
                    Err(_) => was_here = true,
                },
                Outcome::Spoilt => (alone, was_here) = (true, true),
            }
        }
    }

    /// How many callers wait for their turn.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.group.waiting()
    }

    fn begin(&self, until: Instant, alone: bool) -> Result<Shared, NotBegun> {
        self.check_place().map_err(NotBegun::Refused)?;
        let live = self.live(until).map_err(NotBegun::Refused)?;
        // What this process reads must not keep what it writes from using pages again.
        live.let_go_unless(Seen::NOTHING);
        match guarded(|| waiting_until(until, || live.begin_write())) {
            Ok(transaction) => Ok(Shared {
                transaction: Some(transaction),
                live,
                round: Some(Arc::new(Round::new())),
                callers: 0,
                adds: 0,
                alone,
                released: false,
            }),
            Err(failure) => Err(NotBegun::Failed(live, failure)),
        }
    }

    /// Whether there is room for one more change.
    fn admit(shared: &mut Shared, adds: Option<u64>) -> Result<(), StoreError> {
        if let Some(bytes) = adds {
            let all = shared.adds.saturating_add(bytes);
            shared.live.backend.ensure_room(all)?;
            shared.adds = all;
        } else if !shared.released {
            shared.released = shared.live.backend.release_reserve();
        }
        Ok(())
    }

    /// Hands the transaction to the next, or commits it where there is none; answers what became
    /// of it.
    fn end(&self, turn: Turn<'_, Shared>, shared: Shared, company: bool) -> Outcome {
        let (Some(round), true) = (shared.round.clone(), company) else {
            return self.commit(turn, shared);
        };
        let callers = shared.callers;
        let (number, until) = match turn.hand_on(shared, callers, true) {
            Next::Mine(turn, shared) => return self.commit(turn, shared),
            Next::HandedOn => return round.wait(),
            Next::PutDown(number, until) => (number, until),
        };
        if let Some(outcome) = round.wait_until(until) {
            return outcome;
        }
        match self.group.take_back(number) {
            Some((turn, shared)) => self.end(turn, shared, false),
            None => round.wait(),
        }
    }

    fn commit(&self, turn: Turn<'_, Shared>, mut shared: Shared) -> Outcome {
        // Looked at when it was begun; those who came later are told where they begin again.
        if shared.callers > 1 && self.check_place().is_err() {
            drop(shared);
            drop(turn);
            return Outcome::Spoilt;
        }
        let live = Arc::clone(&shared.live);
        let telling = shared.round.take().map(Telling);
        let tell = |outcome: &Outcome| {
            if let Some(Telling(round)) = &telling {
                round.tell(outcome.clone());
            }
        };
        let transaction = shared.transaction.take();
        let committed = guarded(|| {
            let Some(transaction) = transaction else {
                return Err(StoreError::Internal("a transaction was lost".into()));
            };
            // Its moment of waiting for readers has a deadline of its own: a commit that gives up
            // leaves an outcome to be found out.
            match transaction.commit() {
                Ok(()) => Ok(()),
                Err(redb::CommitError::Storage(e)) => Err(storage_error(e)),
                Err(e) => Err(StoreError::Internal(e.to_string())),
            }
        });
        self.signal.committed();
        let outcome = match committed {
            Ok(()) => {
                drop(shared);
                drop(turn);
                Outcome::Committed
            }
            Err(failure) => {
                // Whatever it says: what it holds in memory may not be what the file holds. The
                // next one begins on a file that is opened anew.
                self.lose(&live, matches!(failure, Guarded::Panicked(_)));
                drop(shared);
                drop(turn);
                Outcome::Failed(Arc::new(self.after_failure(live, failure)))
            }
        };
        tell(&outcome);
        outcome
    }

    /// What a refusal is, after what the engine may have to say of the file.
    fn refused<E: From<StoreError> + AsStoreError>(
        &self,
        live: Arc<Live>,
        error: E,
    ) -> WriteFailure<E> {
        let corrupted = matches!(error.as_store_error(), Some(StoreError::Corrupted(_)));
        WriteFailure::Before(if corrupted {
            self.after_failure(live, Guarded::Failed(error))
        } else {
            error
        })
    }
}

//! Catching up: what the log says since the cache's position is dropped from the cache, and the
//! position moves to what the header showed before the snapshot was taken.

use crate::cache::{Cache, Changing, Through, Used};
use crate::disk::codec::{check_event, event_hash, event_subject};
use crate::disk::read::{Reader, is_changing};
use crate::disk::schema::State;
use crate::error::StoreError;
use crate::event::Subject;
use crate::header::Seen;
use crate::mutant::{self, Mutant};
use crate::store::Inner;

/// Beyond so many events it is cheaper to begin with nothing.
const MOST_EVENTS: u64 = 1_000;

/// What the cache can be brought to by a snapshot.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    /// What the header showed before the snapshot began.
    pub(crate) seen: Seen,
    /// Where the snapshot's log ends.
    pub(crate) through: Through,
    /// The store's mark in the snapshot.
    pub(crate) mark: i64,
    /// Whether the store holds imported keys in the snapshot.
    pub(crate) imported: bool,
}

/// What is asked of the file while the cache is brought to a position.
pub(crate) trait Source {
    type Error;

    /// Refuses where the file is not the one that was opened.
    fn check(&self) -> Result<(), Self::Error>;

    /// What the events after a given one are about, up to the snapshot's last; none where the log
    /// does not go on from that one, goes on too far, or was changed by others than the store.
    fn since(&self, through: Through) -> Result<Option<Vec<Subject>>, Self::Error>;

    /// The last sequence in a snapshot that begins now.
    fn newest(&self) -> Result<u64, Self::Error>;
}

/// How bringing the cache to a position ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Followed {
    /// The cache is there, or ahead of it.
    UpToDate,
    /// The file itself is behind the cache: somebody put older content into it.
    FileIsBehind,
}

/// Brings a cache to a position, and then lets `fill` put in what was read in its snapshot. Where
/// the cache is ahead of the snapshot already, nothing happens: what was read serves its one
/// verification.
pub(crate) fn follow<S: Source>(
    cache: &Cache,
    here: Position,
    source: &S,
    used: &mut Vec<Used>,
    fill: impl FnOnce(&mut Changing<'_>),
) -> Result<Followed, S::Error> {
    let Position {
        seen,
        through: last,
        mark,
        imported,
    } = here;
    if seen == Seen::NOTHING {
        return Ok(Followed::UpToDate);
    }
    let mut changing = cache.changing();
    // Asked with the mutex held: what was emptied for good is not filled again.
    source.check()?;
    if let Some(through) = changing.through() {
        if through.sequence > last.sequence {
            if mutant::is(Mutant::FillUncompared) {
                fill(&mut changing);
                return Ok(Followed::UpToDate);
            }
            // The snapshot was begun before another thread caught up; or the file itself is behind.
            // One that begins now, while the cache cannot move on, tells them apart.
            return Ok(if source.newest()? < through.sequence {
                Followed::FileIsBehind
            } else {
                Followed::UpToDate
            });
        }
        if through != last {
            if mutant::is(Mutant::PositionFirst) {
                changing.publish(seen, last, mark, imported);
                mutant::widen(Mutant::PositionFirst);
            }
            drop_changed(&mut changing, source.since(through)?, used);
        }
    }
    changing.publish(seen, last, mark, imported);
    if mutant::is(Mutant::FillUnlocked) {
        // As if what was read went in by itself, under a lock of its own.
        drop(changing);
        mutant::widen(Mutant::FillUnlocked);
        changing = cache.changing();
    }
    fill(&mut changing);
    Ok(Followed::UpToDate)
}

fn drop_changed(changing: &mut Changing<'_>, subjects: Option<Vec<Subject>>, used: &mut Vec<Used>) {
    let mut all = subjects.is_none();
    for subject in subjects.unwrap_or_default() {
        match subject {
            Subject::Key(id) => changing.drop_key(id, used),
            Subject::Project(id) => changing.drop_project(id),
            // A restore changes keys without naming them; the others are rare.
            Subject::Store => all = true,
        }
    }
    if all {
        changing.clear(used);
    }
}

/// A snapshot, and the file that it was taken of.
struct OfStore<'a> {
    inner: &'a Inner,
    reader: &'a Reader<'a>,
    /// Where its log ends, by the state, which is authenticated.
    last: Through,
}

impl Source for OfStore<'_> {
    type Error = StoreError;

    fn check(&self) -> Result<(), StoreError> {
        self.inner.disk.check_replaced()
    }

    fn since(&self, through: Through) -> Result<Option<Vec<Subject>>, StoreError> {
        if self.last.sequence - through.sequence > MOST_EVENTS {
            return Ok(None);
        }
        // An event that is believed decides what stays in memory, and so grants: the chain has to
        // lead from the hash that is remembered to the one in the state, which carries a tag.
        let mut known = false;
        let mut hash = through.hash;
        let mut subjects = Vec::new();
        let goes_on = self
            .reader
            .all_events_from(through.sequence, |sequence, row| {
                if !known {
                    known = sequence == through.sequence && event_hash(sequence, row)? == hash;
                    return Ok(known);
                }
                let Ok(next) = check_event(self.reader.ring(), &hash, sequence, row) else {
                    return Ok(false);
                };
                hash = next;
                subjects.push(event_subject(sequence, row)?);
                Ok(true)
            })?;
        Ok((goes_on && hash == self.last.hash).then_some(subjects))
    }

    fn newest(&self) -> Result<u64, StoreError> {
        self.inner.disk.read(|transaction| {
            let ring = self.inner.keys(|ring| is_changing(transaction, ring))?;
            Ok(Reader::new(transaction, ring).state()?.sequence)
        })
    }
}

impl Inner {
    /// Brings the cache up to date with a snapshot, before which the header showed `seen`, and
    /// then lets `fill` put in what was read in that snapshot.
    ///
    /// The mutex of the cache is held meanwhile, over reads of a snapshot that was begun before.
    /// Others that have to read the file wait for that; a verification from memory does not.
    pub(crate) fn catch_up(
        &self,
        reader: &Reader<'_>,
        state: &State,
        seen: Seen,
        fill: impl FnOnce(&mut Changing<'_>),
    ) -> Result<(), StoreError> {
        let seen = if mutant::is(Mutant::HeaderAfterSnapshot) {
            self.disk.observe()
        } else {
            seen
        };
        let here = Position {
            seen,
            through: Through {
                sequence: state.sequence,
                hash: state.head,
            },
            mark: state.mark.unix(),
            imported: state.schemes.iter().any(|(_, keys)| *keys > 0),
        };
        let source = OfStore {
            inner: self,
            reader,
            last: here.through,
        };
        let mut used = Vec::new();
        let followed = follow(&self.cache, here, &source, &mut used, fill);
        self.keep_uses(used);
        match followed? {
            Followed::UpToDate => Ok(()),
            Followed::FileIsBehind => Err(self.replaced()),
        }
    }

    /// Looks whether the file at the path still is the one that is open.
    pub(crate) fn check_place(&self) -> Result<(), StoreError> {
        let checked = self.disk.check_place();
        if matches!(checked, Err(StoreError::Replaced(_))) {
            self.believe_nothing();
        }
        checked
    }

    /// Empties the cache of a file that was replaced, for good.
    pub(crate) fn believe_nothing(&self) {
        let mut changing = self.cache.changing();
        if changing.through().is_some() {
            let mut used = Vec::new();
            changing.clear(&mut used);
            self.keep_uses(used);
        }
    }

    /// Drops everything, after a change of which it is not known whether it happened.
    pub(crate) fn forget_cached(&self) {
        let mut used = Vec::new();
        let mut changing = self.cache.changing();
        changing.clear(&mut used);
        self.keep_uses(used);
    }

    /// Keeps what cells counted, to be written with the rest.
    pub(crate) fn keep_uses(&self, used: impl IntoIterator<Item = Used>) {
        if !self.disk.options().read_only {
            self.marks.add_all(used);
        }
    }
}

//! Catching up: what the log says since the cache's position is dropped from the cache, and the
//! position moves to what the header showed before the snapshot was taken.

use crate::cache::{Cache, Changing, Through, Used};
use crate::disk::read::Reader;
use crate::disk::schema::State;
use crate::error::StoreError;
use crate::event::Subject;
use crate::header::Seen;
use crate::id::KeyId;
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
}

/// Brings a cache to a position, and then lets `fill` put in what was read in its snapshot.
/// `since` tells what the events after those that the cache knows were about; none where the log
/// does not go on from there.
pub(crate) fn follow<E>(
    cache: &Cache,
    here: Position,
    since: impl FnOnce(Through) -> Result<Option<Vec<Subject>>, E>,
    used: &mut Vec<Used>,
    fill: impl FnOnce(&mut Changing<'_>),
) -> Result<(), E> {
    if here.seen == Seen::NOTHING {
        return Ok(());
    }
    let mut changing = cache.changing();
    if let Some(through) = changing.through() {
        if through.sequence > here.through.sequence {
            if mutant::is(Mutant::FillUncompared) {
                fill(&mut changing);
            }
            return Ok(());
        }
        if through != here.through {
            if mutant::is(Mutant::PositionFirst) {
                changing.publish(here.seen, here.through, here.mark);
                mutant::widen(Mutant::PositionFirst);
            }
            drop_changed(&mut changing, since(through)?, used);
        }
    }
    if mutant::is(Mutant::FillUnlocked) {
        // As if what was read went in by itself, under a lock of its own.
        changing.publish(here.seen, here.through, here.mark);
        drop(changing);
        mutant::widen(Mutant::FillUnlocked);
        fill(&mut cache.changing());
        return Ok(());
    }
    changing.publish(here.seen, here.through, here.mark);
    fill(&mut changing);
    Ok(())
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

/// What the events after a given one are about, up to the snapshot's last; none where the log does
/// not go on from that one, or goes on too far.
fn changed_since(
    reader: &Reader<'_>,
    through: Through,
    last: u64,
) -> Result<Option<Vec<Subject>>, StoreError> {
    let known = reader.event(through.sequence)?;
    let goes_on = last - through.sequence <= MOST_EVENTS
        && known.is_some_and(|event| event.hash == through.hash);
    if !goes_on {
        return Ok(None);
    }
    let events = reader.events_after(through.sequence, usize::MAX)?;
    Ok(Some(
        events.into_iter().map(|event| event.subject).collect(),
    ))
}

impl Inner {
    /// Brings the cache up to date with a snapshot, before which the header showed `seen`, and
    /// then lets `fill` put in what was read in that snapshot. Where the cache is ahead of the
    /// snapshot already, nothing happens: what was read serves its one verification.
    ///
    /// The mutex of the cache is held meanwhile, over reads of a snapshot that was begun before.
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
        };
        let since = |through| changed_since(reader, through, state.sequence);
        let mut used = Vec::new();
        let followed = follow(&self.cache, here, since, &mut used, fill);
        self.keep_uses(used);
        followed
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

    /// Hands what the cells counted to those that wait to be written.
    pub(crate) fn collect_uses(&self) {
        let mut changing = self.cache.changing();
        let used = changing.collect();
        self.keep_uses(used);
    }

    /// The same of one key, before its uses are told.
    pub(crate) fn collect_uses_of(&self, key_id: KeyId) {
        let mut changing = self.cache.changing();
        let used = changing.collect_of(key_id);
        self.keep_uses(used);
    }
}

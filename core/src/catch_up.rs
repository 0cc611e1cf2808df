//! Catching up: what the log says since the cache's position is dropped from the cache, and the
//! position moves to what the header showed before the snapshot was taken.

use crate::cache::{Changing, Through, Used};
use crate::disk::read::{Reader, is_changing};
use crate::disk::schema::State;
use crate::error::StoreError;
use crate::event::Subject;
use crate::header::Seen;
use crate::id::KeyId;
use crate::store::Inner;

/// Beyond so many events it is cheaper to begin with nothing.
const MOST_EVENTS: u64 = 1_000;

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
        self.check_place()?;
        if seen == Seen::NOTHING {
            return Ok(());
        }
        let mut changing = self.cache.changing();
        // Asked with the mutex held: what was emptied for good is not filled again.
        self.disk.check_replaced()?;
        let here = Through {
            sequence: state.sequence,
            hash: state.head,
        };
        if let Some(through) = changing.through() {
            if through.sequence > here.sequence {
                return self.older_snapshot(changing, through);
            }
            if through != here {
                self.drop_changed(reader, &mut changing, through, here.sequence)?;
            }
        }
        let imported = state.schemes.iter().any(|(_, keys)| *keys > 0);
        changing.publish(seen, here, state.mark.unix(), imported);
        fill(&mut changing);
        Ok(())
    }

    /// A snapshot that is behind the cache was begun before another thread caught up; or the file
    /// itself is behind, since somebody put older content into it. A snapshot that begins now, while
    /// the cache cannot move on, tells them apart.
    #[cold]
    fn older_snapshot(&self, changing: Changing<'_>, through: Through) -> Result<(), StoreError> {
        let newest = self.disk.read(|transaction| {
            let ring = self.keys(|ring| is_changing(transaction, ring))?;
            Reader::new(transaction, ring).state()
        })?;
        drop(changing);
        if newest.sequence < through.sequence {
            return Err(self.replaced());
        }
        Ok(())
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

    /// Drops what was changed by the events after those that the cache knows. Where the log does
    /// not go on from what it knows, or goes on too far, everything is dropped.
    fn drop_changed(
        &self,
        reader: &Reader<'_>,
        changing: &mut Changing<'_>,
        through: Through,
        last: u64,
    ) -> Result<(), StoreError> {
        let mut used = Vec::new();
        let known = reader.event(through.sequence)?;
        let goes_on = last - through.sequence <= MOST_EVENTS
            && known.is_some_and(|event| event.hash == through.hash);
        let mut all = !goes_on;
        if goes_on {
            // Not beyond `last`: the snapshot ends there.
            for event in reader.events_after(through.sequence, usize::MAX)? {
                match event.subject {
                    Subject::Key(id) => changing.drop_key(id, &mut used),
                    Subject::Project(id) => changing.drop_project(id),
                    // A restore changes keys without naming them; the others are rare.
                    Subject::Store => all = true,
                }
            }
        }
        if all {
            changing.clear(&mut used);
        }
        self.keep_uses(used);
        Ok(())
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

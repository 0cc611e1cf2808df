//! The bulk verbs: one transaction for each batch of at most 10,000 keys. What a filter means is
//! looked for among the keys themselves and not in an index, so that none can be hidden from them.

use crate::commit::{Room, bulk_bytes};
use crate::disk::write::Writer;
use crate::error::Error;
use crate::event::EventKind;
use crate::filter::Filter;
use crate::id::{KeyId, ProjectId};
use crate::key::{KeyRecord, KeyUpdate};
use crate::lifecycle::{Revoke, no_such_key, project_of, updated};
use crate::limits;
use crate::store::Store;
use crate::time::Now;

/// Which keys a bulk verb is about.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Selection {
    /// These.
    Keys(Vec<KeyId>),
    /// Those that a filter means at the time; an empty filter means every key of the store. Every
    /// key is looked at, whatever the filter: about a second for a million of them.
    Filter(Filter),
}

/// How far a bulk verb got. Each batch of at most 10,000 is one transaction, and of fewer where a
/// full disk has no room for so many: what is counted here is durable.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BulkOutcome {
    /// Keys that were changed.
    pub changed: u64,
    /// Keys that were so already.
    pub unchanged: u64,
    /// Why it stopped before the end; none where it reached it.
    pub stopped: Option<Error>,
}

impl Store {
    /// Revokes many keys.
    ///
    /// # Errors
    /// Misuse where the note or the filter is not of its form; what stops it later is in the
    /// outcome.
    pub fn revoke_many(
        &self,
        selection: &Selection,
        revoke: &Revoke,
    ) -> Result<BulkOutcome, Error> {
        revoke.check()?;
        if let Selection::Filter(filter) = selection {
            filter.check()?;
        }
        let room = |_| Room::FromReserve;
        Ok(self.change_many(selection, room, |_, _, record, now| {
            Ok(record.revoke(revoke.reason, revoke.note.as_deref(), now.clock))
        }))
    }

    /// Disables many keys; those that are revoked stay as they are.
    pub fn disable_many(&self, selection: &Selection) -> BulkOutcome {
        self.set_enabled_many(selection, false)
    }

    /// Enables many keys again; those that are revoked stay as they are.
    pub fn enable_many(&self, selection: &Selection) -> BulkOutcome {
        self.set_enabled_many(selection, true)
    }

    fn set_enabled_many(&self, selection: &Selection, enabled: bool) -> BulkOutcome {
        let room = |_| Room::FromReserve;
        self.change_many(selection, room, |_, id, record, now| {
            if record.revocation.is_some() {
                return Ok(None);
            }
            Ok(record.set_enabled(id, enabled, now.clock)?)
        })
    }

    /// Changes what an update names of many keys; those that are revoked stay as they are.
    pub fn update_many(&self, selection: &Selection, update: &KeyUpdate) -> BulkOutcome {
        let room = |keys| Room::Bytes(bulk_bytes(keys));
        self.change_many(selection, room, |writer, id, record, now| {
            if record.revocation.is_some() {
                return Ok(None);
            }
            updated(writer, id, record, update, now)
        })
    }

    fn change_many(
        &self,
        selection: &Selection,
        room: impl Fn(usize) -> Room,
        transition: impl Fn(
            &Writer<'_>,
            KeyId,
            &KeyRecord,
            Now,
        ) -> Result<Option<(KeyRecord, EventKind)>, Error>,
    ) -> BulkOutcome {
        let mut outcome = BulkOutcome::default();
        let result = self.each_batch(selection, &mut outcome, |ids, outcome| {
            let room = room(ids.len());
            let (changed, unchanged) = self.change_alone(room, |writer, now| {
                let (mut changed, mut unchanged) = (0, 0);
                for id in ids {
                    let Some(before) = writer.key(*id)? else {
                        match selection {
                            Selection::Keys(_) => return Err(no_such_key(*id)),
                            Selection::Filter(_) => continue,
                        }
                    };
                    if let Selection::Filter(filter) = selection
                        && !Self::meant_still(writer, filter, &before, now)?
                    {
                        continue;
                    }
                    match transition(writer, *id, &before, now)? {
                        Some((next, kind)) => {
                            writer.apply_key(*id, Some(&before), Some(next), kind)?;
                            changed += 1;
                        }
                        None => unchanged += 1,
                    }
                }
                Ok((changed, unchanged))
            })?;
            outcome.changed += changed;
            outcome.unchanged += unchanged;
            Ok(())
        });
        outcome.stopped = result.err();
        outcome
    }

    /// Whether a key that a filter meant in a snapshot is still meant inside the transaction. Uses
    /// are statistics, and are not looked at again.
    fn meant_still(
        writer: &Writer<'_>,
        filter: &Filter,
        record: &KeyRecord,
        now: Now,
    ) -> Result<bool, Error> {
        let project_id: Option<ProjectId> = match &filter.project {
            None => None,
            Some(asked) => match writer.project_meant(asked)? {
                Some((id, _)) => Some(id),
                None => return Ok(false),
            },
        };
        let project = project_of(writer, record)?;
        Ok(filter.still_means(record, project.as_ref(), project_id, now))
    }

    /// Runs something on the selected keys, a batch at a time.
    fn each_batch(
        &self,
        selection: &Selection,
        outcome: &mut BulkOutcome,
        mut each: impl FnMut(&[KeyId], &mut BulkOutcome) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match selection {
            Selection::Keys(ids) => ids
                .chunks(limits::BATCH)
                .try_for_each(|batch| self.in_parts(batch, |part| each(part, outcome))),
            Selection::Filter(filter) => {
                let mut after = None;
                loop {
                    let (ids, next) = self.select(filter, after, limits::BATCH)?;
                    self.in_parts(&ids, |part| each(part, outcome))?;
                    match next {
                        None => return Ok(()),
                        next => after = next,
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::faults::Faults;
    use crate::error::{Code, StoreError};
    use crate::foreign::ForeignFormat;
    use crate::import::ImportDefaults;
    use crate::prune::Prune;
    use crate::store::StoreOptions;

    #[test]
    fn on_a_full_disk_ten_thousand_keys_are_revoked_and_pruned_in_as_many_steps_as_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let faults = Arc::new(Faults::default());
        let store = StoreOptions::new().prefix("acme").unwrap();
        let store = store.faults(Arc::clone(&faults));
        let store = store.create(folder.path().join("k")).unwrap();
        let lines: Vec<String> = (0..limits::BATCH)
            .map(|n| format!("q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf{n:05}"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let imported = store.import(ForeignFormat::Raw, &lines, &ImportDefaults::default());
        assert!(imported.unwrap().stopped.is_none());
        let all = Selection::Filter(Filter::default());
        let reserve = i64::try_from(limits::RESERVE_BYTES / 4096).unwrap();
        let is_full = |outcome: &BulkOutcome| {
            let stopped = outcome.stopped.as_ref().map(Error::code);
            assert_eq!((stopped, outcome.changed), (None, limits::BATCH as u64));
        };
        faults.limit_free_blocks(reserve);
        let added = store.update_many(&all, &KeyUpdate::default());
        assert!(matches!(
            added.stopped,
            Some(Error::Store(StoreError::NoSpace))
        ));
        is_full(&store.disable_many(&all));
        faults.limit_free_blocks(reserve);
        is_full(&store.revoke_many(&all, &Revoke::default()).unwrap());
        faults.limit_free_blocks(reserve);
        let mut prune = Prune::default();
        prune.revoked_before = Some(crate::time::Timestamp::from_unix(i64::MAX));
        assert_eq!(store.prune(&prune).unwrap().keys, limits::BATCH as u64);
        faults.limit_free_blocks(reserve);
        let last = store.info().unwrap().sequence;
        assert!(store.prune_log(last).unwrap() >= 4 * limits::BATCH as u64);
        let full = store.create(&crate::key::NewKey::new("k"));
        assert_eq!(full.unwrap_err().code(), Code::NO_SPACE);
        faults.no_limit();
        let report = store
            .check_integrity(&mut |_, _| std::ops::ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(report.damage, Vec::<String>::new());
    }
}

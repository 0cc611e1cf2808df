//! Pruning: removing what was revoked or has expired from the listing, so that nothing can bring
//! it back.

use crate::commit::Room;
use crate::disk::schema::{Sealed, Tombstone};
use crate::error::Error;
use crate::event::EventKind;
use crate::id::{KeyId, ProjectId};
use crate::key::KeyRecord;
use crate::limits;
use crate::projects::prune_project;
use crate::store::Store;
use crate::time::{Now, Timestamp};

/// Which keys are pruned. A key is pruned where one of the conditions holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Prune {
    /// Revoked before this time.
    pub revoked_before: Option<Timestamp>,
    /// Expired before this time.
    pub expired_before: Option<Timestamp>,
}

/// What was pruned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// Keys.
    pub keys: u64,
    /// Deleted projects that had no keys any more.
    pub projects: u64,
}

impl Store {
    /// Removes revoked and expired keys from the listing, and deleted projects that have no keys any
    /// more. Of each revoked key a tombstone stays for good, some 60 bytes, so that no restore or
    /// import brings it back: a backup may know a later expiry than the key had in the end.
    ///
    /// # Errors
    /// What the store says; what was pruned before it stays pruned.
    pub fn prune(&self, prune: &Prune) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        let mut after = None;
        loop {
            let batch = self.read(|reader| reader.keys(after, false, limits::BATCH))?;
            let mark = self.read(|reader| reader.state())?;
            let now = self.inner()?.now(&mark);
            let ids: Vec<KeyId> = batch
                .iter()
                .filter(|(_, record)| prunable(record, prune, now))
                .map(|(id, _)| *id)
                .collect();
            self.in_parts(&ids, |part| {
                pruned.keys += self.prune_keys(part, prune)?;
                Ok(())
            })?;
            after = batch.last().map(|(id, _)| *id);
            if batch.len() < limits::BATCH {
                break;
            }
        }
        self.prune_rest(&mut pruned)?;
        Ok(pruned)
    }

    fn prune_keys(&self, ids: &[KeyId], prune: &Prune) -> Result<u64, Error> {
        self.change_alone(Room::FromReserve, |writer, now| {
            let mut count = 0;
            for id in ids {
                let Some(before) = writer.key(*id)? else {
                    continue;
                };
                if !prunable(&before, prune, now) {
                    continue;
                }
                writer.apply_key(*id, Some(&before), None, EventKind::KeyPruned)?;
                if before.revocation.is_some() {
                    let sequence = writer.state().sequence;
                    writer.put_tombstone(*id, Some(Tombstone { sequence }))?;
                }
                count += 1;
            }
            Ok(count)
        })
    }

    fn prune_rest(&self, pruned: &mut Pruned) -> Result<(), Error> {
        let all = |table| {
            let mut keys: Vec<[u8; 16]> = Vec::new();
            loop {
                let after = keys.last().copied();
                let rows = self.read(|r| r.sealed_rows(table, after, limits::BATCH))?;
                let more = rows.len() == limits::BATCH;
                keys.extend(rows.into_iter().map(|(key, _)| key));
                if !more {
                    return Ok::<_, Error>(keys);
                }
            }
        };
        for key in all(Sealed::Projects)? {
            let id = ProjectId::from_bytes(key);
            let deleted = self.read(|reader| reader.project(id))?;
            if deleted.is_none_or(|record| record.deleted_at.is_none()) {
                continue;
            }
            // Looked at again inside: another process may prune at the same time.
            let gone = self.change(Room::FromReserve, |writer, _| match writer.project(id)? {
                Some(record) => prune_project(writer, id, &record),
                None => Ok(false),
            })?;
            pruned.projects += u64::from(gone);
        }
        Ok(())
    }
}

fn prunable(record: &KeyRecord, prune: &Prune, now: Now) -> bool {
    let revoked = prune
        .revoked_before
        .zip(record.revocation.as_ref())
        .is_some_and(|(before, revocation)| revocation.at < before);
    let expired = prune
        .expired_before
        .zip(record.expires_at)
        .is_some_and(|(before, at)| at < before && record.is_expired(now));
    revoked || expired
}

//! Restore: bringing a backup back without reviving what was taken away since.
//!
//! A file is never swapped under its readers. Into a store that can be read, a restore is one
//! write transaction through the funnel; only where there is nothing to read does the backup take
//! the place of the file, under an exclusive lock, and the damaged one is kept beside it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::commit::{Room, bulk_bytes};
use crate::disk::Disk;
use crate::disk::copy::copy;
use crate::disk::read::{identify, identity_claimed};
use crate::disk::schema::{DigestRow, Sealed, State, Tombstone};
use crate::disk::write::Writer;
use crate::error::{Error, Misuse, Refused, StoreError};
use crate::event::{Event, EventKind, Reason};
use crate::foreign::ForeignSecret;
use crate::id::{KeyId, ProjectId};
use crate::key::KeyRecord;
use crate::key_info::KeyInfo;
use crate::list::{Filter, Order};
use crate::project::ProjectRecord;
use crate::store::{Store, StoreOptions};
use crate::time::Timestamp;

/// How a backup is restored.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Restore {
    /// Brings every key in disabled, to be enabled one by one.
    pub disable_all: bool,
    /// Keys that are brought back although the present store pruned them.
    pub named: Vec<KeyId>,
    /// Accepts, into a store that has a pepper, a backup from before it had one: nothing but its
    /// origin says that nobody altered it.
    pub trust_unkeyed: bool,
}

/// What a restore did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Restored {
    /// Keys that were brought in.
    pub keys: u64,
    /// Projects that were brought in.
    pub projects: u64,
    /// The sequence that the store goes on from.
    pub sequence: u64,
    /// Keys whose state after the backup cannot be known, because there was nothing to read:
    /// any of them may have been revoked since.
    pub uncertain: Vec<KeyInfo>,
    /// Where the file that could not be read was put.
    pub set_aside: Option<PathBuf>,
}

/// What a backup holds, read whole before anything is written.
struct Contents {
    state: State,
    projects: Vec<(ProjectId, ProjectRecord)>,
    keys: Vec<(KeyId, KeyRecord)>,
    tombstones: Vec<(KeyId, Tombstone)>,
    digests: Vec<DigestRow>,
}

impl StoreOptions {
    /// Restores a backup at a path. The options carry the store's pepper, and as retired ones
    /// those of the backup's time.
    ///
    /// Where the present store can be read, what it knows later stays, what it pruned stays away
    /// unless it is named, and what it revoked stays revoked. Where it is missing or cannot be
    /// read, the backup takes its place, and the answer names every key whose state is uncertain.
    ///
    /// `progress` is told how many rows of the backup were checked, of how many, before anything is
    /// written, and may break off until then.
    ///
    /// # Errors
    /// CORRUPTED where the backup is damaged; OPTIONS_CONTRADICT where it is of another store;
    /// LOCKED where others have the file open that cannot be read; KEY_IS_REVOKED where a named key
    /// was revoked before it was pruned; INTERRUPTED where `progress` said so, and nothing was changed.
    pub fn restore(
        self,
        store: impl AsRef<Path>,
        backup: impl AsRef<Path>,
        restore: &Restore,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Restored, Error> {
        self.check()?;
        if self.disk_options().read_only {
            return Err(Misuse::argument("options", "a restore cannot be read-only").into());
        }
        let backup = self.open_backup(backup.as_ref())?;
        let unkeyed = backup.inner.identity.pepper.check.is_none();
        if unkeyed && self.peppers().current.is_some() && !restore.trust_unkeyed {
            return Err(Refused::PepperRefused(
                "the backup is from before the store had a pepper, so that anybody could have \
                 altered it; restore it with `--trust-backup` (trust_unkeyed) if nobody could",
            )
            .into());
        }
        let report = backup.check_integrity(progress)?;
        if let Some(damage) = report.damage.first() {
            return Err(StoreError::Corrupted(format!("the backup is damaged: {damage}")).into());
        }
        match self.same().open(store.as_ref()) {
            Ok(present) => {
                if present.inner.identity.store_id != backup.inner.identity.store_id {
                    return Err(StoreError::OptionsContradict(
                        "the backup is of another store".into(),
                    )
                    .into());
                }
                let restored = present.merge(&backup, restore)?;
                present.close()?;
                Ok(restored)
            }
            Err(Error::Store(
                StoreError::NoStore(_)
                | StoreError::Corrupted(_)
                | StoreError::Truncated(_)
                | StoreError::EmptyFile(_)
                | StoreError::NotAStore { .. },
            )) => self.replace(store.as_ref(), &backup, restore),
            Err(error) => Err(error),
        }
    }

    /// Opens a backup for reading, with whichever of the peppers is its own.
    fn open_backup(&self, path: &Path) -> Result<Store, Error> {
        let mut options = self.disk_options().clone();
        options.read_only = true;
        options.exclusive = false;
        options.tolerance.network_file_system = true;
        let disk = Disk::open(path, options)?;
        let claimed = disk.read(|transaction| identity_claimed(transaction, path))?;
        let peppers = self.peppers().fitted(&claimed);
        let (identity, ring) = disk.read(|transaction| identify(transaction, path, &peppers))?;
        Ok(self.same().assemble(disk, identity, ring))
    }

    /// Puts a copy of the backup in a place where there is nothing to read.
    fn replace(self, path: &Path, backup: &Store, restore: &Restore) -> Result<Restored, Error> {
        let ring = &backup.inner.ring;
        let state = backup.read(|reader| reader.state())?;
        let contents = read_contents(backup)?;
        let enabled: Vec<&(KeyId, KeyRecord)> = contents
            .keys
            .iter()
            .filter(|(_, record)| restore.disable_all && record.revocation.is_none())
            .collect();
        let now = self.now();
        let stamp = self.stamp();
        let mut sequence = state.sequence;
        let fill = |new: &crate::disk::New<'_>| {
            backup.inner.disk.read(|transaction| {
                copy(transaction, new, &mut |_, _| Ok::<_, StoreError>(()))?;
                new.write(|transaction| {
                    let mut writer = Writer::open(transaction, ring, stamp)?;
                    writer.apply_store(EventKind::Restored {
                        sequence_before: state.sequence,
                        backup_sequence: state.sequence,
                        keys: state.keys,
                    })?;
                    for (id, before) in &enabled {
                        if let Ok(Some((next, kind))) = before.set_enabled(*id, false, now) {
                            writer.apply_key(*id, Some(before), Some(next), kind)?;
                        }
                    }
                    sequence = writer.state().sequence;
                    writer.finish()
                })
            })
        };
        let set_aside = if path.symlink_metadata().is_ok() {
            let aside = format!(".damaged-{}", now.unix());
            Some(Disk::create_over(path, self.disk_options(), &aside, fill)?)
        } else {
            Disk::create(path, self.disk_options(), fill)?;
            None
        };
        let filter = Filter::default();
        let uncertain = backup
            .keys(&filter, Order::Created)
            .filter(|key| key.as_ref().map_or(true, |key| key.revocation.is_none()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Restored {
            keys: contents.keys.len() as u64,
            projects: contents.projects.len() as u64,
            sequence,
            uncertain,
            set_aside,
        })
    }
}

fn read_contents(backup: &Store) -> Result<Contents, Error> {
    Ok(backup.read(|reader| {
        let mut keys = Vec::new();
        loop {
            let after = keys.last().map(|(id, _): &(KeyId, KeyRecord)| *id);
            let rows = reader.keys(after, false, crate::limits::BATCH)?;
            let more = rows.len() == crate::limits::BATCH;
            keys.extend(rows);
            if !more {
                break;
            }
        }
        let all = |table| -> Result<Vec<([u8; 16], Vec<u8>)>, StoreError> {
            reader.sealed_rows(table, None, usize::MAX)
        };
        let ring = reader.ring();
        let projects = all(Sealed::Projects)?
            .iter()
            .map(|(key, row)| {
                Ok((
                    ProjectId::from_bytes(*key),
                    Sealed::Projects.unseal(ring, key, row)?.0,
                ))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let tombstones = all(Sealed::Tombstones)?
            .iter()
            .map(|(key, row)| {
                Ok((
                    KeyId::from_bytes(*key),
                    Sealed::Tombstones.unseal(ring, key, row)?.0,
                ))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let digests = reader
            .digest_rows(None, usize::MAX)?
            .iter()
            .map(|(key, row)| Ok(Sealed::Digests.unseal(ring, key, row)?.0))
            .collect::<Result<Vec<_>, StoreError>>()?;
        Ok::<_, StoreError>(Contents {
            state: reader.state()?,
            projects,
            keys,
            tombstones,
            digests,
        })
    })?)
}

/// What the present store knows of the sequence at which a record of the backup was last changed.
struct Lineage<'a> {
    backup: &'a Store,
    present_sequence: u64,
}

impl Lineage<'_> {
    /// Whether the present store went through the same event, so that what it lacks now it has
    /// pruned since.
    fn is_shared(&self, present: Option<&Event>, sequence: u64) -> Result<bool, Error> {
        if sequence > self.present_sequence {
            return Ok(false);
        }
        let backups = self.backup.read(|reader| reader.event(sequence))?;
        Ok(match (present, backups) {
            (Some(own), Some(theirs)) => own.hash == theirs.hash,
            // One of the logs was cut; the stores are one, so that the past is taken as shared.
            _ => true,
        })
    }
}

impl Store {
    /// Brings a backup into this store, in one transaction.
    fn merge(&self, backup: &Store, restore: &Restore) -> Result<Restored, Error> {
        let contents = read_contents(backup)?;
        let before = self.read(|reader| reader.state())?;
        let lineage = Lineage {
            backup,
            present_sequence: before.sequence,
        };
        // Which rows are missing here, and whether they were pruned, is read before the
        // transaction; the transaction judges every record again.
        let mut pruned = HashSet::new();
        for (id, record) in &contents.keys {
            let (present, event) = self.read(|reader| {
                Ok::<_, StoreError>((reader.key(*id)?, reader.event(record.sequence)?))
            })?;
            if present.is_none() && lineage.is_shared(event.as_ref(), record.sequence)? {
                pruned.insert(*id);
            }
        }
        let mut pruned_projects = HashSet::new();
        for (id, record) in &contents.projects {
            let (present, event) = self.read(|reader| {
                Ok::<_, StoreError>((reader.project(*id)?, reader.event(record.sequence)?))
            })?;
            if present.is_none() && lineage.is_shared(event.as_ref(), record.sequence)? {
                pruned_projects.insert(*id);
            }
        }
        let rows = contents.keys.len() + contents.projects.len() + contents.digests.len();
        let (keys, projects, sequence) =
            self.change(Room::Bytes(bulk_bytes(rows)), |writer, now| {
                let sequence_before = writer.state().sequence;
                let mut incoming = Vec::new();
                for (id, record) in &contents.keys {
                    let named = restore.named.contains(id);
                    let present = writer.key(*id)?;
                    if writer.tombstone(*id)?.is_some() {
                        if named {
                            return Err(Refused::KeyIsRevoked(*id).into());
                        }
                        continue;
                    }
                    let take = match &present {
                        // What was taken away here stays so, and what is later here stays.
                        Some(own) => own.sequence < record.sequence && own.revocation.is_none(),
                        None => named || !pruned.contains(id),
                    };
                    if take {
                        incoming.push((*id, present, record.clone()));
                    }
                }
                let kind = EventKind::Restored {
                    sequence_before,
                    backup_sequence: contents.state.sequence,
                    keys: incoming.len() as u64,
                };
                let higher = sequence_before.max(contents.state.sequence);
                writer.apply_state(kind, |state| {
                    state.sequence = higher;
                    state.mark = state.mark.max(contents.state.mark);
                })?;
                let needed: HashSet<ProjectId> = incoming
                    .iter()
                    .filter_map(|(.., record)| record.project)
                    .collect();
                let projects = restore_projects(writer, &contents, |id| {
                    match (pruned_projects.contains(id), needed.contains(id)) {
                        (false, _) => Incoming::AsItWas,
                        (true, true) => Incoming::Deleted,
                        (true, false) => Incoming::StaysAway,
                    }
                })?;
                let keys = incoming.len() as u64;
                for (id, present, mut record) in incoming {
                    if restore.disable_all && record.revocation.is_none() {
                        record.enabled = false;
                    }
                    let kind = EventKind::KeyRestored {
                        disabled: !record.enabled,
                    };
                    writer.apply_key(id, present.as_ref(), Some(record), kind)?;
                }
                restore_removals(writer, &contents, now.clock)?;
                Ok((keys, projects, writer.state().sequence))
            })?;
        Ok(Restored {
            keys,
            projects,
            sequence,
            uncertain: Vec::new(),
            set_aside: None,
        })
    }
}

/// How a project that is missing here comes in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Incoming {
    AsItWas,
    /// It was deleted and pruned here, and a key that is brought back still refers to it.
    Deleted,
    /// It was deleted and pruned here.
    StaysAway,
}

/// Brings in projects that are missing or older here. A name that another project has by now is
/// not taken from it: the one brought in comes deleted, and its tokens stay refused.
fn restore_projects(
    writer: &mut Writer<'_>,
    contents: &Contents,
    missing: impl Fn(&ProjectId) -> Incoming,
) -> Result<u64, Error> {
    let mut count = 0;
    for (id, record) in &contents.projects {
        let present = writer.project(*id)?;
        let take = match &present {
            Some(own) => own.sequence < record.sequence && own.deleted_at.is_none(),
            None => true,
        };
        if !take {
            continue;
        }
        let incoming = if present.is_some() {
            Incoming::AsItWas
        } else {
            missing(id)
        };
        if incoming == Incoming::StaysAway {
            continue;
        }
        let mut record = record.clone();
        if incoming == Incoming::Deleted && record.deleted_at.is_none() {
            record.deleted_at = Some(record.updated_at);
        }
        if record.deleted_at.is_none()
            && writer
                .project_named(&record.name)?
                .is_some_and(|(other, _)| other != *id)
        {
            record.deleted_at = Some(record.updated_at);
        }
        writer.apply_project(
            *id,
            present.as_ref(),
            Some(record),
            EventKind::ProjectRestored,
        )?;
        count += 1;
    }
    Ok(count)
}

/// What the backup knows to be gone is gone here too: keys that it revoked and pruned, and digests
/// that may not be imported again.
fn restore_removals(
    writer: &mut Writer<'_>,
    contents: &Contents,
    now: Timestamp,
) -> Result<(), Error> {
    for (id, tombstone) in &contents.tombstones {
        match writer.key(*id)? {
            Some(own) if own.sequence < tombstone.sequence => {
                if let Some((next, kind)) = own.revoke(Reason::Unspecified, None, now) {
                    writer.apply_key(*id, Some(&own), Some(next), kind)?;
                }
            }
            Some(_) => {}
            None => writer.put_tombstone(*id, Some(*tombstone))?,
        }
    }
    for row in &contents.digests {
        let secret = ForeignSecret {
            scheme: row.scheme,
            digest: row.digest.clone(),
            kept: String::new(),
        };
        writer.put_digest(row.key_id, &secret)?;
    }
    Ok(())
}

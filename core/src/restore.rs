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
use crate::filter::Filter;
use crate::foreign::ForeignSecret;
use crate::id::{KeyId, ProjectId};
use crate::key::{KeyRecord, KeyState, StoredSecret};
use crate::key_info::KeyInfo;
use crate::limits;
use crate::list::Order;
use crate::project::ProjectRecord;
use crate::store::{Store, StoreOptions};
use crate::time::Timestamp;

/// How a backup is restored.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Restore {
    /// Disables every key that the restore brings in, to be enabled one by one. Keys that the
    /// present store has stay as they are.
    pub disable_all: bool,
    /// Keys that are brought back although the present store pruned them.
    pub named: Vec<KeyId>,
    /// Accepts, into a store that has a pepper, a backup from before it had one: nothing but its
    /// origin says that nobody altered it.
    pub trust_unkeyed: bool,
    /// Puts the backup in the place of a file that does not begin as a store does. The file is kept
    /// beside it.
    pub replace_other_file: bool,
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
    /// The last event that the backup and the present store have in common; none where nothing tells
    /// which it is, or where there was nothing to read.
    pub common_sequence: Option<u64>,
    /// Keys of the backup that stay away, because the present store pruned them, or may have.
    pub kept_away: u64,
    /// Keys that both the backup and the present store changed after what they have in common. They
    /// are as the present store has them, revoked if either revoked them, and else disabled.
    pub conflicts: Vec<KeyInfo>,
    /// Names of projects of which the same is so: deleted if either deleted them, else disabled.
    pub project_conflicts: Vec<String>,
    /// Keys whose state after the backup cannot be known, because there was nothing to read:
    /// any of them may have been revoked since. As they are after the restore; without those that
    /// are revoked.
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
    /// Where the present store can be read, it gains what the backup knows and it does not: keys
    /// that were created, and changes that were made, after the last event that both have in
    /// common. What the present store changed itself since then stays; what it pruned stays away
    /// unless it is named; what either of them revoked is revoked, and what both changed is a
    /// [conflict](Restored::conflicts) and ends disabled. Where the store is missing or cannot be
    /// read, the backup takes its place, and the answer names every key whose state is uncertain.
    ///
    /// A path that is a link leads to the file that is restored; the link stays.
    ///
    /// `progress` is told how many rows of the backup were checked, of how many, before anything is
    /// written, and may break off until then.
    ///
    /// # Errors
    /// CORRUPTED where the backup is damaged; OPTIONS_CONTRADICT where it is of another store;
    /// NOT_A_STORE where the file at the path is another program's, unless it may be replaced;
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
        let store = store.as_ref();
        let target = std::fs::canonicalize(store).unwrap_or_else(|_| store.into());
        let backup = self.open_backup(backup.as_ref())?;
        let unkeyed = backup.terms().identity.pepper.check.is_none();
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
        match self.same().apart().open(&target) {
            Ok(present) => {
                if present.terms().identity.store_id != backup.terms().identity.store_id {
                    return Err(StoreError::OptionsContradict(
                        "the backup is of another store".into(),
                    )
                    .into());
                }
                let restored = present.merge(&backup, restore)?;
                present.close()?;
                Ok(restored)
            }
            Err(Error::Store(StoreError::NotAStore { path, why }))
                if !restore.replace_other_file =>
            {
                Err(StoreError::NotAStore { path, why }.into())
            }
            Err(Error::Store(
                StoreError::NoStore(_)
                | StoreError::Corrupted(_)
                | StoreError::Truncated(_)
                | StoreError::EmptyFile(_)
                | StoreError::NotAStore { .. },
            )) => self.replace(&target, &backup, restore),
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
        Ok(self.same().assemble(path, disk, identity, ring))
    }

    /// Puts a copy of the backup in a place where there is nothing to read.
    fn replace(self, path: &Path, backup: &Store, restore: &Restore) -> Result<Restored, Error> {
        let ring = &backup.terms().ring;
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
            backup.inner()?.disk.read(|transaction| {
                copy(transaction, new, &mut |_, _| Ok::<_, StoreError>(()))?;
                new.write(|transaction| {
                    let mut writer = Writer::open(transaction, ring, stamp)?;
                    writer.apply_store(EventKind::Restored {
                        sequence_before: None,
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
        let restored = self.same().apart().open(path)?;
        let filter = Filter::default();
        let uncertain = restored
            .keys(&filter, Order::Created)
            .filter(|key| {
                key.as_ref()
                    .map_or(true, |key| key.state != KeyState::Revoked)
            })
            .collect::<Result<Vec<_>, _>>()?;
        restored.close()?;
        Ok(Restored {
            keys: contents.keys.len() as u64,
            projects: contents.projects.len() as u64,
            sequence,
            uncertain,
            set_aside,
            ..Restored::default()
        })
    }
}

fn read_contents(backup: &Store) -> Result<Contents, Error> {
    Ok(backup.read(|reader| {
        let mut keys = Vec::new();
        loop {
            let after = keys.last().map(|(id, _): &(KeyId, KeyRecord)| *id);
            let rows = reader.keys(after, false, limits::BATCH)?;
            let more = rows.len() == limits::BATCH;
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

/// Events compared in one snapshot.
const EVENTS: usize = 1_024;

/// What a backup and the present store have in common.
struct History {
    /// The last event of both. Where the logs do not reach each other, the end of the one that is
    /// shorter: what comes after it, that one cannot know.
    fork: u64,
    /// Whether that was seen, and not only taken to be so.
    seen: bool,
    /// Keys and projects of the backup that were made after it.
    made_since: HashSet<[u8; 16]>,
}

impl History {
    /// Compares the logs. Events up to the fork stay what they are, and later ones of this store
    /// are its own, so that this holds inside a later transaction.
    fn compare(present: &Store, backup: &Store, contents: &Contents) -> Result<Self, Error> {
        let own = present.read(|reader| reader.state())?;
        let theirs = &contents.state;
        let mut at = own.cut.0.max(theirs.cut.0);
        let mut seen = own.cut == theirs.cut;
        loop {
            let [own, theirs] =
                [present, backup].map(|store| store.read(|reader| reader.events_after(at, EVENTS)));
            let (own, theirs) = (own?, theirs?);
            // Not by their hashes: a change of peppers gives the same events other ones.
            let same = own
                .iter()
                .zip(&theirs)
                .take_while(|(own, theirs)| is_same(own, theirs))
                .count();
            if let Some(last) = same.checked_sub(1).and_then(|last| own.get(last)) {
                at = last.sequence;
                seen = true;
            }
            if same < EVENTS {
                break;
            }
        }
        let fork = if seen {
            at
        } else {
            own.sequence.min(theirs.sequence)
        };
        let changed = contents
            .keys
            .iter()
            .map(|(id, record)| (*id.as_bytes(), record.sequence))
            .chain(
                contents
                    .projects
                    .iter()
                    .map(|(id, record)| (*id.as_bytes(), record.sequence)),
            )
            .filter(|(_, sequence)| *sequence > fork);
        let mut made_since = HashSet::new();
        for (id, sequence) in changed {
            if was_made_after(backup, fork, sequence)? {
                made_since.insert(id);
            }
        }
        Ok(History {
            fork,
            seen,
            made_since,
        })
    }

    /// What becomes of a record that both have; `equal` where both grant the same.
    fn meet(&self, own: u64, theirs: u64, equal: bool) -> Meeting {
        if theirs <= self.fork {
            Meeting::OwnStays
        } else if own <= self.fork && self.seen {
            Meeting::TheirsIsTaken
        } else if equal {
            Meeting::OwnStays
        } else {
            Meeting::Conflict
        }
    }
}

/// What becomes of a record that the backup and the present store both have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meeting {
    OwnStays,
    TheirsIsTaken,
    /// Both changed it, or may have.
    Conflict,
}

fn is_same(own: &Event, theirs: &Event) -> bool {
    own.sequence == theirs.sequence
        && own.at_ms == theirs.at_ms
        && own.actor == theirs.actor
        && own.subject == theirs.subject
        && own.previous == theirs.previous
        && own.kind == theirs.kind
}

/// Whether a record of the backup, last changed at a sequence, was made after the fork. Where the
/// log does not reach back that far it may be older, and may have been pruned here.
fn was_made_after(backup: &Store, fork: u64, sequence: u64) -> Result<bool, Error> {
    let mut at = sequence;
    backup.read(|reader| {
        loop {
            let Some(event) = reader.event(at)? else {
                return Ok(false);
            };
            if event.sequence <= fork {
                return Ok(false);
            }
            if event.previous == 0 || event.previous >= at {
                return Ok(matches!(
                    event.kind,
                    EventKind::KeyCreated { .. }
                        | EventKind::KeyImported { .. }
                        | EventKind::ProjectCreated { .. }
                ));
            }
            at = event.previous;
        }
    })
}

impl Store {
    /// Brings a backup into this store, in one transaction.
    fn merge(&self, backup: &Store, restore: &Restore) -> Result<Restored, Error> {
        let contents = read_contents(backup)?;
        let history = History::compare(self, backup, &contents)?;
        let rows = contents.keys.len() + contents.projects.len() + contents.digests.len();
        let mut restored = Restored {
            common_sequence: history.seen.then_some(history.fork),
            ..Restored::default()
        };
        let conflicts = self.change_alone(Room::Bytes(bulk_bytes(rows)), |writer, now| {
            let sequence_before = writer.state().sequence;
            let Sorted {
                incoming,
                kept_away,
                revoked,
                conflicts,
            } = sort_keys(writer, &contents, &history, restore)?;
            let kind = EventKind::Restored {
                sequence_before: Some(sequence_before),
                backup_sequence: contents.state.sequence,
                keys: incoming.len() as u64,
            };
            let higher = sequence_before.max(contents.state.sequence);
            let mark = contents.state.mark;
            // A clock that ran ahead when the backup was made ends no keys here.
            let ahead = mark.seconds_since(now.clock) > limits::CLOCK_AHEAD_SECONDS;
            writer.apply_state(kind, |state| {
                state.sequence = higher;
                if !ahead {
                    state.mark = state.mark.max(mark);
                }
            })?;
            let needed: HashSet<ProjectId> = incoming
                .iter()
                .filter_map(|(.., record)| record.project)
                .collect();
            let (projects, project_conflicts) =
                restore_projects(writer, &contents, &history, &needed, now.clock)?;
            restored.keys = incoming.len() as u64;
            restored.kept_away = kept_away;
            restored.projects = projects;
            restored.project_conflicts = project_conflicts;
            for (id, present, mut record) in incoming {
                if restore.disable_all && record.revocation.is_none() {
                    record.enabled = false;
                }
                let kind = EventKind::KeyRestored {
                    key: record.terms(),
                    disabled: !record.enabled,
                };
                writer.apply_key(id, present.as_ref(), Some(record), kind)?;
            }
            for id in revoked {
                revoke(writer, id, now.clock)?;
            }
            for id in &conflicts {
                if let Some(own) = writer.key(*id)?
                    && let Ok(Some((next, kind))) = own.set_enabled(*id, false, now.clock)
                {
                    writer.apply_key(*id, Some(&own), Some(next), kind)?;
                }
            }
            restore_removals(writer, &contents, now.clock)?;
            restored.sequence = writer.state().sequence;
            Ok(conflicts)
        })?;
        // The restore is durable by now, so that nothing here makes it an error.
        let conflicts = conflicts.into_iter().map(|id| self.get(id));
        restored.conflicts = conflicts.filter_map(Result::ok).collect();
        Ok(restored)
    }
}

/// What becomes of the keys of a backup.
#[derive(Default)]
struct Sorted {
    /// Those that come in, with the record that is here.
    incoming: Vec<(KeyId, Option<KeyRecord>, KeyRecord)>,
    kept_away: u64,
    /// Those that are here, and that the backup knows to be revoked.
    revoked: Vec<KeyId>,
    conflicts: Vec<KeyId>,
}

fn sort_keys(
    writer: &Writer<'_>,
    contents: &Contents,
    history: &History,
    restore: &Restore,
) -> Result<Sorted, Error> {
    let mut sorted = Sorted::default();
    for (id, record) in &contents.keys {
        let Some(own) = writer.key(*id)? else {
            let named = restore.named.contains(id);
            let was_revoked = writer.tombstone(*id)?.is_some();
            if was_revoked && named {
                return Err(Refused::KeyIsRevoked(*id).into());
            }
            let comes = !was_revoked
                && (named || history.made_since.contains(id.as_bytes()))
                // A string that was imported here too stays the key that it became.
                && !string_is_taken(writer, *id, record)?;
            if comes {
                sorted.incoming.push((*id, None, record.clone()));
            } else {
                sorted.kept_away += 1;
            }
            continue;
        };
        if own.revocation.is_some() {
            continue;
        }
        match history.meet(own.sequence, record.sequence, grants_the_same(&own, record)) {
            Meeting::TheirsIsTaken => {
                sorted.incoming.push((*id, Some(own), record.clone()));
            }
            _ if record.revocation.is_some() => sorted.revoked.push(*id),
            Meeting::OwnStays => {}
            Meeting::Conflict => sorted.conflicts.push(*id),
        }
    }
    Ok(sorted)
}

/// Whether two records of a key let in the same tokens to the same things.
fn grants_the_same(own: &KeyRecord, theirs: &KeyRecord) -> bool {
    own.revocation == theirs.revocation
        && own.scopes == theirs.scopes
        && own.owner == theirs.owner
        && own.expires_at == theirs.expires_at
        && own.not_before == theirs.not_before
        && own.ip_list == theirs.ip_list
        && own.enabled == theirs.enabled
        && own.current == theirs.current
        && own.previous == theirs.previous
}

fn string_is_taken(writer: &Writer<'_>, id: KeyId, record: &KeyRecord) -> Result<bool, Error> {
    let slots = [
        Some(&record.current),
        record.previous.as_ref().map(|previous| &previous.slot),
    ];
    for slot in slots.into_iter().flatten() {
        if let StoredSecret::Foreign(secret) = &slot.secret
            && writer.digest(secret)?.is_some_and(|other| other != id)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Revokes a key because the backup knows it to be taken away.
fn revoke(writer: &mut Writer<'_>, id: KeyId, now: Timestamp) -> Result<(), Error> {
    const NOTE: &str = "taken away in the backup that was restored";
    if let Some(own) = writer.key(id)?
        && let Some((next, kind)) = own.revoke(Reason::Unspecified, Some(NOTE), now)
    {
        writer.apply_key(id, Some(&own), Some(next), kind)?;
    }
    Ok(())
}

/// Brings in projects as keys are brought in. One that is missing here and that a key needs comes
/// in deleted; so does one whose name another project has by now, whose tokens so stay refused.
fn restore_projects(
    writer: &mut Writer<'_>,
    contents: &Contents,
    history: &History,
    needed: &HashSet<ProjectId>,
    now: Timestamp,
) -> Result<(u64, Vec<String>), Error> {
    let (mut count, mut conflicts) = (0, Vec::new());
    for (id, record) in &contents.projects {
        let present = writer.project(*id)?;
        let mut next = record.clone();
        match &present {
            None if history.made_since.contains(id.as_bytes()) => {}
            None if needed.contains(id) => {
                next.deleted_at = next.deleted_at.or(Some(record.updated_at));
            }
            None => continue,
            Some(own) if own.deleted_at.is_some() => continue,
            Some(own) if record.deleted_at.is_some() => {
                next = own.clone();
                next.deleted_at = Some(now);
            }
            Some(own) => {
                let equal = own.scopes == record.scopes
                    && own.owner == record.owner
                    && own.enabled == record.enabled;
                match history.meet(own.sequence, record.sequence, equal) {
                    Meeting::OwnStays => continue,
                    Meeting::TheirsIsTaken => {}
                    Meeting::Conflict => {
                        next = own.clone();
                        next.enabled = false;
                        conflicts.push(own.name.clone());
                    }
                }
            }
        }
        if next.deleted_at.is_none()
            && writer
                .project_named(&next.name)?
                .is_some_and(|(other, _)| other != *id)
        {
            next.deleted_at = Some(record.updated_at);
        }
        if present.as_ref() == Some(&next) {
            continue;
        }
        let kind = EventKind::ProjectRestored {
            name: next.name.clone(),
            scopes: next.scopes.clone(),
            owner: next.owner.clone(),
            enabled: next.enabled,
            deleted: next.deleted_at.is_some(),
        };
        writer.apply_project(*id, present.as_ref(), Some(next), kind)?;
        count += 1;
    }
    Ok((count, conflicts))
}

/// What the backup knows to be gone is gone here too: keys that it revoked and pruned, and strings
/// that may not be imported again.
fn restore_removals(
    writer: &mut Writer<'_>,
    contents: &Contents,
    now: Timestamp,
) -> Result<(), Error> {
    for (id, tombstone) in &contents.tombstones {
        if writer.key(*id)?.is_some() {
            revoke(writer, *id, now)?;
        } else if writer.tombstone(*id)?.is_none() {
            writer.put_tombstone(*id, Some(*tombstone))?;
        }
    }
    let good: HashSet<KeyId> = contents
        .keys
        .iter()
        .filter(|(_, record)| record.revocation.is_none())
        .map(|(id, _)| *id)
        .collect();
    for row in &contents.digests {
        let secret = ForeignSecret {
            scheme: row.scheme,
            digest: row.digest.clone(),
            kept: String::new(),
        };
        match writer.digest(&secret)? {
            None => writer.put_digest(row.key_id, &secret)?,
            // The string was imported here too, and there it was taken away.
            Some(other) if other != row.key_id && !good.contains(&row.key_id) => {
                revoke(writer, other, now)?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}

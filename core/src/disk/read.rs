//! Lookups in a snapshot. Every row that could grant something is authenticated before it is
//! decoded; an index is only a way to a record, and the record has the last word.

use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition};

use crate::digest::ct_eq_bytes;
use crate::disk::codec::{decode_event, decode_plain, event_hash};
use crate::disk::schema::{
    DIGESTS, DigestRow, EVENTS, FORMAT_VERSION, Identity, KEYS, KEYS_BY_EXPIRY, KEYS_BY_OWNER,
    KEYS_BY_PROJECT, META, META_FORMAT, META_STATE, META_STORE, PROJECT_NAMES, PROJECTS, REQUESTS,
    REQUESTS_BY_TIME, RequestRow, Sealed, State, TOMBSTONES, USAGE, Usage, expiry_index,
    from_sortable, owner_index, project_index, request_time_index, sortable, usage_key,
};
use crate::disk::{Kept, storage_error, table_error};
use crate::error::StoreError;
use crate::event::Event;
use crate::foreign::ForeignSecret;
use crate::id::{KeyId, ProjectId};
use crate::key::KeyRecord;
use crate::project::ProjectRecord;
use crate::secret::Pepper;
use crate::tag::{Keyring, pepper_check};
use crate::time::Timestamp;

/// The peppers that were given at open: the current one and those of the past.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peppers {
    pub(crate) current: Option<Arc<Pepper>>,
    pub(crate) retired: Vec<Arc<Pepper>>,
}

/// What tells peppers from others, and nothing more.
pub(crate) struct PepperChecks {
    current: Option<[u8; 16]>,
    retired: Vec<[u8; 16]>,
}

impl PartialEq for PepperChecks {
    /// In a time that tells nothing of where they differ.
    fn eq(&self, other: &Self) -> bool {
        let all =
            |checks: &PepperChecks| [checks.retired.as_slice(), checks.current.as_slice()].concat();
        self.current.is_some() == other.current.is_some()
            && self.retired.len() == other.retired.len()
            && ct_eq_bytes(all(self).as_flattened(), all(other).as_flattened())
    }
}

impl Peppers {
    /// What tells these peppers from others, for one store.
    pub(crate) fn checks(&self, store_id: [u8; 16]) -> PepperChecks {
        let check = |pepper: &Arc<Pepper>| pepper_check(pepper, store_id);
        PepperChecks {
            current: self.current.as_ref().map(check),
            retired: self.retired.iter().map(check).collect(),
        }
    }

    fn matching(&self, check: [u8; 16], store_id: [u8; 16]) -> Option<&Arc<Pepper>> {
        self.retired
            .iter()
            .chain(&self.current)
            .find(|pepper| pepper_check(pepper, store_id) == check)
    }

    /// The same peppers with whichever of them is a store's own as the current one: a backup may
    /// be older than the last change of peppers.
    pub(crate) fn fitted(&self, identity: &Identity) -> Peppers {
        let own = identity
            .pepper
            .check
            .and_then(|check| self.matching(check, identity.store_id));
        Peppers {
            current: own.cloned(),
            retired: self.retired.iter().chain(&self.current).cloned().collect(),
        }
    }
}

type Bytes = &'static [u8];

/// Reads the identity of a store and the keys that its rows are read with.
pub(crate) fn identify(
    transaction: &ReadTransaction,
    path: &std::path::Path,
    peppers: &Peppers,
) -> Result<(Identity, Keyring), StoreError> {
    let ring = keyring(&identity_claimed(transaction, path)?, peppers)?;
    let meta = transaction.open_table(META).map_err(table_error)?;
    let identity = identity_of(&meta, &ring)?;
    Ok((identity, ring))
}

/// The store's own row. It must be under the pepper that vouches for it, and the one that the
/// state names: else one from the middle of a change of peppers could be put back, and with it
/// every row of before the change would be accepted again.
pub(crate) fn identity_of(
    meta: &impl ReadableTable<&'static str, Bytes>,
    ring: &Keyring,
) -> Result<Identity, StoreError> {
    let corrupted = |why: &str| Err(StoreError::Corrupted(format!("the store's own row {why}")));
    let row = meta.get(META_STORE).map_err(storage_error)?;
    let Some(row) = row.as_ref().map(|row| row.value()) else {
        return corrupted("is missing");
    };
    let (identity, _) = Sealed::MetaStore.unseal::<Identity>(ring, META_STORE.as_bytes(), row)?;
    if Sealed::generation(row) != Some(identity.pepper.vouching()) {
        return corrupted("is not under the pepper that vouches for it");
    }
    if Sealed::carried_tag(row) != Some(state_of(meta, ring)?.identity) {
        return corrupted("is from another time than the state");
    }
    Ok(identity)
}

/// Whether the change of peppers that a ring was made in is still under way.
pub(crate) fn is_changing(
    transaction: &ReadTransaction,
    ring: &Keyring,
) -> Result<bool, StoreError> {
    let meta = transaction.open_table(META).map_err(table_error)?;
    Ok(identity_of(&meta, ring)?.pepper.changing_from.is_some())
}

/// The identity as the file has it, believed only as far as choosing the keys goes.
pub(crate) fn identity_claimed(
    transaction: &ReadTransaction,
    path: &std::path::Path,
) -> Result<Identity, StoreError> {
    let not_a_store = || StoreError::NotAStore {
        path: path.into(),
        why: "it is another program's redb file",
    };
    let meta = transaction.open_table(META).map_err(|e| match e {
        redb::TableError::Storage(e) => storage_error(e),
        _ => not_a_store(),
    })?;
    let row = |name| meta.get(name).map_err(storage_error);
    let format = row(META_FORMAT)?.ok_or_else(not_a_store)?;
    let format = <[u8; 4]>::try_from(format.value())
        .map(u32::from_le_bytes)
        .map_err(|_| StoreError::Corrupted("the format number is not one".into()))?;
    if format > FORMAT_VERSION {
        return Err(StoreError::NewerFormat {
            found: format,
            known: FORMAT_VERSION,
        });
    }
    if format == 0 {
        return Err(StoreError::Corrupted("the format number is not one".into()));
    }
    let row = row(META_STORE)?.ok_or_else(not_a_store)?;
    row.value()
        .get(18..)
        .ok_or_else(|| StoreError::Corrupted("the store's own row is cut short".into()))
        .and_then(|body| decode_plain(body, "the store's own row"))
}

/// The keys that the rows of a store are read with, from the peppers that were given.
pub(crate) fn keyring(identity: &Identity, peppers: &Peppers) -> Result<Keyring, StoreError> {
    let mut ring = Keyring::new(identity.store_id);
    let state = &identity.pepper;
    if let Some((from, check)) = state.changing_from {
        let pepper = match check {
            None => None,
            Some(check) => Some(
                peppers
                    .matching(check, identity.store_id)
                    .ok_or(StoreError::PepperRequired)?,
            ),
        };
        ring.accept(from, pepper.map(AsRef::as_ref));
    }
    match (state.check, &peppers.current) {
        (None, None) => ring.accept(state.current, None),
        (None, Some(_)) => return Err(StoreError::PepperNotExpected),
        (Some(_), None) => return Err(StoreError::PepperRequired),
        (Some(check), Some(pepper)) if pepper_check(pepper, identity.store_id) == check => {
            ring.accept(state.current, Some(pepper));
        }
        (Some(_), Some(_)) => return Err(StoreError::WrongPepper),
    }
    Ok(ring)
}

/// A snapshot, and the keys that its rows are read with.
pub(crate) struct Reader<'a> {
    transaction: &'a ReadTransaction,
    ring: &'a Keyring,
    kept: Option<&'a KeptRows>,
}

/// What those who share a snapshot need each time, had once.
#[derive(Default)]
pub(crate) struct KeptRows {
    state: OnceLock<State>,
    keys: OnceLock<ReadOnlyTable<&'static [u8; 16], Bytes>>,
}

/// The state. A change of peppers moves it first of all, so that it is always under the newest.
pub(crate) fn state_of(
    meta: &impl ReadableTable<&'static str, Bytes>,
    ring: &Keyring,
) -> Result<State, StoreError> {
    let row = meta
        .get(META_STATE)
        .map_err(storage_error)?
        .ok_or_else(|| StoreError::Corrupted("the state row is missing".into()))?;
    let (state, _) = Sealed::MetaState.unseal(ring, META_STATE.as_bytes(), row.value())?;
    if Sealed::generation(row.value()) != Some(ring.newest()) {
        return Err(StoreError::Corrupted(
            "the state row is under a pepper of the past".into(),
        ));
    }
    Ok(state)
}

pub(crate) fn key_of(
    keys: &impl ReadableTable<&'static [u8; 16], Bytes>,
    ring: &Keyring,
    id: KeyId,
) -> Result<Option<KeyRecord>, StoreError> {
    let row = keys.get(id.as_bytes()).map_err(storage_error)?;
    row.map(|row| Ok(Sealed::Keys.unseal(ring, id.as_bytes(), row.value())?.0))
        .transpose()
}

pub(crate) fn project_of(
    projects: &impl ReadableTable<&'static [u8; 16], Bytes>,
    ring: &Keyring,
    id: ProjectId,
) -> Result<Option<ProjectRecord>, StoreError> {
    let row = projects.get(id.as_bytes()).map_err(storage_error)?;
    row.map(|row| Ok(Sealed::Projects.unseal(ring, id.as_bytes(), row.value())?.0))
        .transpose()
}

/// The project of a name. The record must say the same name and that it exists: the index alone
/// carries no tag.
pub(crate) fn project_named(
    names: &impl ReadableTable<&'static str, &'static [u8; 16]>,
    projects: &impl ReadableTable<&'static [u8; 16], Bytes>,
    ring: &Keyring,
    name: &str,
) -> Result<Option<(ProjectId, ProjectRecord)>, StoreError> {
    let Some(id) = names.get(name).map_err(storage_error)? else {
        return Ok(None);
    };
    let id = ProjectId::from_bytes(*id.value());
    match project_of(projects, ring, id)? {
        Some(record) if record.name == name && record.deleted_at.is_none() => {
            Ok(Some((id, record)))
        }
        _ => Err(StoreError::Corrupted(
            "the index of project names contradicts a project".into(),
        )),
    }
}

/// The project that a name or an id means: the one of that name that exists, else the one of that
/// id, deleted or not.
pub(crate) fn project_meant(
    names: &impl ReadableTable<&'static str, &'static [u8; 16]>,
    projects: &impl ReadableTable<&'static [u8; 16], Bytes>,
    ring: &Keyring,
    asked: &str,
) -> Result<Option<(ProjectId, ProjectRecord)>, StoreError> {
    if let Some(found) = project_named(names, projects, ring, asked)? {
        return Ok(Some(found));
    }
    let Some(id) = ProjectId::parse(asked.as_bytes()) else {
        return Ok(None);
    };
    Ok(project_of(projects, ring, id)?.map(|record| (id, record)))
}

pub(crate) fn digest_of(
    digests: &impl ReadableTable<&'static [u8; 32], Bytes>,
    ring: &Keyring,
    secret: &ForeignSecret,
) -> Result<Option<KeyId>, StoreError> {
    // While a pepper is being changed a row may still stand where the old one put it.
    for generation in ring.generations().rev() {
        let index = ring.digest_index(generation, secret.scheme as u8, &secret.digest);
        if let Some(row) = digests.get(&index).map_err(storage_error)? {
            let (found, _) = Sealed::Digests.unseal::<DigestRow>(ring, &index, row.value())?;
            return Ok(Some(found.key_id));
        }
    }
    Ok(None)
}

fn usage_row(bytes: Option<redb::AccessGuard<'_, &'static [u8; 16]>>) -> Usage {
    bytes.map_or_else(Usage::default, |row| Usage::from_bytes(row.value()))
}

/// The number of a row of an index that ends in a key id.
fn id_at_end(bytes: &[u8]) -> Result<KeyId, StoreError> {
    bytes
        .len()
        .checked_sub(16)
        .and_then(|at| <[u8; 16]>::try_from(&bytes[at..]).ok())
        .map(KeyId::from_bytes)
        .ok_or_else(|| StoreError::Corrupted("a row of an index is cut short".into()))
}

impl<'a> Reader<'a> {
    pub(crate) fn new(transaction: &'a ReadTransaction, ring: &'a Keyring) -> Self {
        Reader {
            transaction,
            ring,
            kept: None,
        }
    }

    /// A reader of a snapshot that is shared.
    pub(crate) fn of_kept(kept: &'a Kept, ring: &'a Keyring) -> Self {
        Reader {
            transaction: &kept.transaction,
            ring,
            kept: Some(&kept.rows),
        }
    }

    fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
    ) -> Result<ReadOnlyTable<K, V>, StoreError> {
        self.transaction.open_table(definition).map_err(table_error)
    }

    pub(crate) fn ring(&self) -> &Keyring {
        self.ring
    }

    /// The store's own row, as it stands now.
    pub(crate) fn identity(&self) -> Result<Identity, StoreError> {
        identity_of(&self.table(META)?, self.ring)
    }

    pub(crate) fn state(&self) -> Result<State, StoreError> {
        let read = || state_of(&self.table(META)?, self.ring);
        let Some(kept) = self.kept else {
            return read();
        };
        if let Some(state) = kept.state.get() {
            return Ok(state.clone());
        }
        let state = read()?;
        Ok(kept.state.get_or_init(|| state).clone())
    }

    pub(crate) fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let Some(kept) = self.kept else {
            return key_of(&self.table(KEYS)?, self.ring, id);
        };
        if let Some(table) = kept.keys.get() {
            return key_of(table, self.ring, id);
        }
        let table = self.table(KEYS)?;
        key_of(kept.keys.get_or_init(|| table), self.ring, id)
    }

    pub(crate) fn project(&self, id: ProjectId) -> Result<Option<ProjectRecord>, StoreError> {
        project_of(&self.table(PROJECTS)?, self.ring, id)
    }

    /// The project of a key, which is there as long as the key is.
    pub(crate) fn project_of_key(
        &self,
        record: &KeyRecord,
    ) -> Result<Option<ProjectRecord>, StoreError> {
        let Some(id) = record.project else {
            return Ok(None);
        };
        match self.project(id)? {
            Some(project) => Ok(Some(project)),
            None => Err(StoreError::Corrupted(format!(
                "project {id} of a key is missing"
            ))),
        }
    }

    pub(crate) fn project_named(
        &self,
        name: &str,
    ) -> Result<Option<(ProjectId, ProjectRecord)>, StoreError> {
        project_named(
            &self.table(PROJECT_NAMES)?,
            &self.table(PROJECTS)?,
            self.ring,
            name,
        )
    }

    /// The project that a name or an id means.
    pub(crate) fn project_meant(
        &self,
        asked: &str,
    ) -> Result<Option<(ProjectId, ProjectRecord)>, StoreError> {
        project_meant(
            &self.table(PROJECT_NAMES)?,
            &self.table(PROJECTS)?,
            self.ring,
            asked,
        )
    }

    pub(crate) fn digest(&self, secret: &ForeignSecret) -> Result<Option<KeyId>, StoreError> {
        digest_of(&self.table(DIGESTS)?, self.ring, secret)
    }

    pub(crate) fn usage(&self, id: KeyId, generation: u32) -> Result<Usage, StoreError> {
        let table = self.table(USAGE)?;
        let row = table
            .get(&usage_key(id.as_bytes(), generation))
            .map_err(storage_error)?;
        Ok(usage_row(row))
    }

    /// Projects in the order of their names, those that exist. By the records: the index of names
    /// may have lost one.
    pub(crate) fn projects(&self) -> Result<Vec<(ProjectId, ProjectRecord)>, StoreError> {
        let table = self.table(PROJECTS)?;
        let range = table.iter().map_err(storage_error)?;
        let mut out = take(range, false, usize::MAX, |key, row| {
            let (record, _) = Sealed::Projects.unseal::<ProjectRecord>(self.ring, key, row)?;
            Ok((ProjectId::from_bytes(*key), record))
        })?;
        out.retain(|(_, record)| record.deleted_at.is_none());
        out.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        Ok(out)
    }

    /// Projects that were deleted and whose records are kept, in the order of their ids.
    pub(crate) fn deleted_projects(&self) -> Result<Vec<(ProjectId, ProjectRecord)>, StoreError> {
        let table = self.table(PROJECTS)?;
        let mut out = Vec::new();
        for row in table.iter().map_err(storage_error)? {
            let (key, row) = row.map_err(storage_error)?;
            let (record, _) =
                Sealed::Projects.unseal::<ProjectRecord>(self.ring, key.value(), row.value())?;
            if record.deleted_at.is_some() {
                out.push((ProjectId::from_bytes(*key.value()), record));
            }
        }
        Ok(out)
    }

    /// At most so many key ids of the key table from a place on, in order or in reverse.
    pub(crate) fn ids(
        &self,
        after: Option<KeyId>,
        reverse: bool,
        most: usize,
    ) -> Result<Vec<KeyId>, StoreError> {
        let table = self.table(KEYS)?;
        let (low, high) = beyond(after.map(|id| *id.as_bytes()), [0; 16], [0xff; 16], reverse);
        let range = table
            .range::<&[u8; 16]>((low.as_ref(), high.as_ref()))
            .map_err(storage_error)?;
        take(range, reverse, most, |key, _| Ok(KeyId::from_bytes(*key)))
    }

    /// At most so many keys from a place on, in order or in reverse.
    pub(crate) fn keys(
        &self,
        after: Option<KeyId>,
        reverse: bool,
        most: usize,
    ) -> Result<Vec<(KeyId, KeyRecord)>, StoreError> {
        let table = self.table(KEYS)?;
        let (low, high) = beyond(after.map(|id| *id.as_bytes()), [0; 16], [0xff; 16], reverse);
        let range = table
            .range::<&[u8; 16]>((low.as_ref(), high.as_ref()))
            .map_err(storage_error)?;
        take(range, reverse, most, |key: &[u8; 16], row: &[u8]| {
            let id = KeyId::from_bytes(*key);
            Ok((id, Sealed::Keys.unseal(self.ring, key, row)?.0))
        })
    }

    /// At most so many keys of a project from a place on. By the index.
    pub(crate) fn ids_of_project(
        &self,
        project: ProjectId,
        after: Option<KeyId>,
        reverse: bool,
        most: usize,
    ) -> Result<Vec<KeyId>, StoreError> {
        let table = self.table(KEYS_BY_PROJECT)?;
        let edge = |key: &[u8; 16]| project_index(project.as_bytes(), key);
        let after = after.map(|id| edge(id.as_bytes()));
        let (low, high) = beyond(after, edge(&[0; 16]), edge(&[0xff; 16]), reverse);
        let range = table
            .range::<&[u8; 32]>((low.as_ref(), high.as_ref()))
            .map_err(storage_error)?;
        take(range, reverse, most, |key: &[u8; 32], ()| id_at_end(key))
    }

    /// At most so many keys of an owner from a place on. By the index.
    pub(crate) fn ids_of_owner(
        &self,
        owner: &str,
        after: Option<KeyId>,
        reverse: bool,
        most: usize,
    ) -> Result<Vec<KeyId>, StoreError> {
        let table = self.table(KEYS_BY_OWNER)?;
        let edge = |key: &[u8; 16]| owner_index(owner, key);
        let after = after.map(|id| edge(id.as_bytes()));
        let (low, high) = beyond(after, edge(&[0; 16]), edge(&[0xff; 16]), reverse);
        let range = table
            .range::<&[u8]>((
                low.as_ref().map(Vec::as_slice),
                high.as_ref().map(Vec::as_slice),
            ))
            .map_err(storage_error)?;
        take(range, reverse, most, |key: &[u8], ()| id_at_end(key))
    }

    /// At most so many keys in the order of their expiry, of those that expire in a range of
    /// times, from a place on. By the index.
    pub(crate) fn ids_by_expiry(
        &self,
        times: (Bound<Timestamp>, Bound<Timestamp>),
        after: Option<(Timestamp, KeyId)>,
        reverse: bool,
        most: usize,
    ) -> Result<Vec<(Timestamp, KeyId)>, StoreError> {
        let table = self.table(KEYS_BY_EXPIRY)?;
        let edge = |at: Timestamp, fill: u8| {
            let mut key = [fill; 24];
            key[..8].copy_from_slice(&sortable(at));
            key
        };
        let first = match times.0 {
            Bound::Unbounded => [0; 24],
            Bound::Included(at) => edge(at, 0),
            Bound::Excluded(at) => edge(at, 0xff),
        };
        let last = match times.1 {
            Bound::Unbounded => [0xff; 24],
            Bound::Included(at) => edge(at, 0xff),
            Bound::Excluded(at) => edge(at, 0),
        };
        let after = after.map(|(at, id)| {
            let mut key = edge(at, 0);
            key[8..].copy_from_slice(id.as_bytes());
            key
        });
        // A range that moves on with the clock may have left the place behind; then all of it lies
        // beyond the place, and none of it where it is the other way round.
        let after = match (after, reverse) {
            (Some(after), false) if after < first => None,
            (Some(after), true) if after > last => None,
            (after, _) => after,
        };
        if first > last || after.is_some_and(|after| after < first || after > last) {
            return Ok(Vec::new());
        }
        let (low, high) = beyond(after, first, last, reverse);
        let range = table
            .range::<&[u8; 24]>((low.as_ref(), high.as_ref()))
            .map_err(storage_error)?;
        take(range, reverse, most, |key: &[u8; 24], ()| {
            let mut at = [0; 8];
            at.copy_from_slice(&key[..8]);
            Ok((from_sortable(at), id_at_end(key)?))
        })
    }

    /// One event.
    pub(crate) fn event(&self, sequence: u64) -> Result<Option<Event>, StoreError> {
        let table = self.table(EVENTS)?;
        let row = table.get(sequence).map_err(storage_error)?;
        row.map(|row| event(sequence, row.value())).transpose()
    }

    /// The row of an event, as it is stored.
    pub(crate) fn raw_event(&self, sequence: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.table(EVENTS)?;
        let row = table.get(sequence).map_err(storage_error)?;
        Ok(row.map(|row| row.value().to_vec()))
    }

    /// The last event at or before a sequence, and the hash that its row carries.
    pub(crate) fn last_event_through(
        &self,
        sequence: u64,
    ) -> Result<Option<(u64, [u8; 32])>, StoreError> {
        let table = self.table(EVENTS)?;
        let mut range = table.range(..=sequence).map_err(storage_error)?;
        let Some(row) = range.next_back() else {
            return Ok(None);
        };
        let (sequence, row) = row.map_err(storage_error)?;
        let sequence = sequence.value();
        Ok(Some((sequence, event_hash(sequence, row.value())?)))
    }

    /// At most so many events after a sequence.
    pub(crate) fn events_after(&self, after: u64, most: usize) -> Result<Vec<Event>, StoreError> {
        let rows = self.raw_events(after, most)?;
        rows.iter()
            .map(|(sequence, row)| event(*sequence, row))
            .collect()
    }

    /// At most so many events after a sequence, as they are stored.
    pub(crate) fn raw_events(
        &self,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let table = self.table(EVENTS)?;
        let range = table
            .range((Bound::Excluded(after), Bound::Unbounded))
            .map_err(storage_error)?;
        take(range, false, most, |sequence, row: &[u8]| {
            Ok((sequence, row.to_vec()))
        })
    }

    /// Shows the events from a sequence on, as they are stored, until one is not what is expected;
    /// whether all were. No row is copied.
    pub(crate) fn all_events_from(
        &self,
        first: u64,
        mut expected: impl FnMut(u64, &[u8]) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let table = self.table(EVENTS)?;
        for row in table.range(first..).map_err(storage_error)? {
            let (sequence, row) = row.map_err(storage_error)?;
            if !expected(sequence.value(), row.value())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many rows each table has, by its name.
    pub(crate) fn lengths(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        fn length<K: redb::Key + 'static, V: redb::Value + 'static>(
            table: &ReadOnlyTable<K, V>,
        ) -> Result<u64, StoreError> {
            table.len().map_err(storage_error)
        }
        Ok(vec![
            ("keys", length(&self.table(KEYS)?)?),
            ("projects", length(&self.table(PROJECTS)?)?),
            ("project_names", length(&self.table(PROJECT_NAMES)?)?),
            ("keys_by_project", length(&self.table(KEYS_BY_PROJECT)?)?),
            ("keys_by_owner", length(&self.table(KEYS_BY_OWNER)?)?),
            ("keys_by_expiry", length(&self.table(KEYS_BY_EXPIRY)?)?),
            ("digests", length(&self.table(DIGESTS)?)?),
            ("tombstones", length(&self.table(TOMBSTONES)?)?),
            ("events", length(&self.table(EVENTS)?)?),
            ("requests", length(&self.table(REQUESTS)?)?),
            ("requests_by_time", length(&self.table(REQUESTS_BY_TIME)?)?),
            ("usage", length(&self.table(USAGE)?)?),
        ])
    }

    /// The stored bytes of each table, by its name: what one row costs is this by its length.
    pub(crate) fn bytes(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        fn bytes<K: redb::Key + 'static, V: redb::Value + 'static>(
            table: &ReadOnlyTable<K, V>,
        ) -> Result<u64, StoreError> {
            let stats = table.stats().map_err(storage_error)?;
            Ok(stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes())
        }
        Ok(vec![
            ("keys", bytes(&self.table(KEYS)?)?),
            ("projects", bytes(&self.table(PROJECTS)?)?),
            ("project_names", bytes(&self.table(PROJECT_NAMES)?)?),
            ("keys_by_project", bytes(&self.table(KEYS_BY_PROJECT)?)?),
            ("keys_by_owner", bytes(&self.table(KEYS_BY_OWNER)?)?),
            ("keys_by_expiry", bytes(&self.table(KEYS_BY_EXPIRY)?)?),
            ("digests", bytes(&self.table(DIGESTS)?)?),
            ("tombstones", bytes(&self.table(TOMBSTONES)?)?),
            ("events", bytes(&self.table(EVENTS)?)?),
            ("requests", bytes(&self.table(REQUESTS)?)?),
            ("requests_by_time", bytes(&self.table(REQUESTS_BY_TIME)?)?),
            ("usage", bytes(&self.table(USAGE)?)?),
        ])
    }

    /// The indexes that lack the row of a key.
    pub(crate) fn indexes_without(
        &self,
        id: KeyId,
        record: &KeyRecord,
    ) -> Result<Vec<&'static str>, StoreError> {
        let key = id.as_bytes();
        let mut out = Vec::new();
        if let Some(project) = record.project {
            let row = project_index(project.as_bytes(), key);
            let table = self.table(KEYS_BY_PROJECT)?;
            if table.get(&row).map_err(storage_error)?.is_none() {
                out.push("keys_by_project");
            }
        }
        if let Some(owner) = &record.owner {
            let row = owner_index(owner, key);
            let table = self.table(KEYS_BY_OWNER)?;
            if table.get(row.as_slice()).map_err(storage_error)?.is_none() {
                out.push("keys_by_owner");
            }
        }
        if let Some(at) = record.expires_at {
            let row = expiry_index(at, key);
            let table = self.table(KEYS_BY_EXPIRY)?;
            if table.get(&row).map_err(storage_error)?.is_none() {
                out.push("keys_by_expiry");
            }
        }
        Ok(out)
    }

    /// Whether the index of requests by time has the row of one.
    pub(crate) fn has_request_time(
        &self,
        request: &[u8; 32],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let table = self.table(REQUESTS_BY_TIME)?;
        let row = table.get(&request_time_index(at, request));
        Ok(row.map_err(storage_error)?.is_some())
    }

    /// Tells of each row of an index that no record has, with the name of the index.
    pub(crate) fn stray_rows(&self, tell: &mut dyn FnMut(String)) -> Result<(), StoreError> {
        let keys = self.table(KEYS)?;
        let mut stray_key = |index: &str, row: &[u8], has: &dyn Fn(&KeyRecord) -> bool| {
            let Ok(id) = id_at_end(row) else {
                tell(format!("{index}: a row is cut short"));
                return Ok(());
            };
            if !is_had(key_of(&keys, self.ring, id), has)? {
                tell(format!(
                    "{index}: a row names key {id}, which is none of its"
                ));
            }
            Ok::<_, StoreError>(())
        };
        for row in self.table(KEYS_BY_PROJECT)?.iter().map_err(storage_error)? {
            let (row, _) = row.map_err(storage_error)?;
            let row = row.value();
            stray_key("keys_by_project", row, &|record| {
                let project = record.project.as_ref();
                project.is_some_and(|project| row.starts_with(project.as_bytes()))
            })?;
        }
        for row in self.table(KEYS_BY_OWNER)?.iter().map_err(storage_error)? {
            let (row, _) = row.map_err(storage_error)?;
            let row = row.value();
            stray_key("keys_by_owner", row, &|record| {
                let (owner, _) = row.split_at(row.len() - 16);
                let named = owner.strip_suffix(b"\0");
                named.is_some() && named == record.owner.as_deref().map(str::as_bytes)
            })?;
        }
        for row in self.table(KEYS_BY_EXPIRY)?.iter().map_err(storage_error)? {
            let (row, _) = row.map_err(storage_error)?;
            let row = row.value();
            stray_key("keys_by_expiry", row, &|record| {
                let at = record.expires_at;
                at.is_some_and(|at| row.starts_with(&sortable(at)))
            })?;
        }
        let projects = self.table(PROJECTS)?;
        for row in self.table(PROJECT_NAMES)?.iter().map_err(storage_error)? {
            let (name, id) = row.map_err(storage_error)?;
            let found = project_of(&projects, self.ring, ProjectId::from_bytes(*id.value()));
            let has =
                |record: &ProjectRecord| record.name == name.value() && record.deleted_at.is_none();
            if !is_had(found, has)? {
                let name = name.value();
                tell(format!(
                    "project_names: a row leads from {name:?} to no such project"
                ));
            }
        }
        let requests = self.table(REQUESTS)?;
        for row in self
            .table(REQUESTS_BY_TIME)?
            .iter()
            .map_err(storage_error)?
        {
            let (row, _) = row.map_err(storage_error)?;
            let (time, hash) = row.value().split_at(8);
            let hash: &[u8; 32] = hash.try_into().unwrap_or(&[0; 32]);
            let found = requests.get(hash).map_err(storage_error)?;
            let found = found
                .map(|row| Ok(Sealed::Requests.unseal(self.ring, hash, row.value())?.0))
                .transpose();
            if !is_had(found, |request: &RequestRow| sortable(request.at) == *time)? {
                tell("requests_by_time: a row leads to no request of its time".to_owned());
            }
        }
        Ok(())
    }

    /// A batch of rows of a sealed table with 16-byte keys, from a place on.
    pub(crate) fn sealed_rows(
        &self,
        table: Sealed,
        after: Option<[u8; 16]>,
        most: usize,
    ) -> Result<Vec<([u8; 16], Vec<u8>)>, StoreError> {
        let definition = match table {
            Sealed::Projects => PROJECTS,
            Sealed::Tombstones => TOMBSTONES,
            _ => KEYS,
        };
        let table = self.table(definition)?;
        let (low, high) = beyond(after, [0; 16], [0xff; 16], false);
        let range = table
            .range::<&[u8; 16]>((low.as_ref(), high.as_ref()))
            .map_err(storage_error)?;
        take(range, false, most, |key: &[u8; 16], row: &[u8]| {
            Ok((*key, row.to_vec()))
        })
    }

    /// A batch of remembered requests, from a place on.
    pub(crate) fn request_rows(
        &self,
        after: Option<[u8; 32]>,
        most: usize,
    ) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        self.rows_by_hash(REQUESTS, after, most)
    }

    /// A batch of rows of the index of digests, from a place on.
    pub(crate) fn digest_rows(
        &self,
        after: Option<[u8; 32]>,
        most: usize,
    ) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        self.rows_by_hash(DIGESTS, after, most)
    }

    fn rows_by_hash(
        &self,
        definition: TableDefinition<'_, &'static [u8; 32], Bytes>,
        after: Option<[u8; 32]>,
        most: usize,
    ) -> Result<Vec<([u8; 32], Vec<u8>)>, StoreError> {
        let table = self.table(definition)?;
        let (low, high) = beyond(after, [0; 32], [0xff; 32], false);
        let range = table
            .range::<&[u8; 32]>((low.as_ref(), high.as_ref()))
            .map_err(storage_error)?;
        take(range, false, most, |key: &[u8; 32], row: &[u8]| {
            Ok((*key, row.to_vec()))
        })
    }
}

/// An event from its row; whether it follows from the one before is for the chain to say.
pub(crate) fn event(sequence: u64, row: &[u8]) -> Result<Event, StoreError> {
    let (record, hash) = decode_event(sequence, row)?;
    Ok(Event {
        sequence,
        at_ms: record.at_ms,
        actor: record.actor,
        subject: record.subject,
        previous: record.previous,
        kind: record.kind,
        hash,
    })
}

/// Whether a record has a row of an index; one that cannot be read was told of on its own.
fn is_had<T>(
    found: Result<Option<T>, StoreError>,
    has: impl Fn(&T) -> bool,
) -> Result<bool, StoreError> {
    match found {
        Ok(record) => Ok(record.is_some_and(|record| has(&record))),
        Err(StoreError::Corrupted(_)) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The bounds of what lies beyond a place, between a first and a last.
fn beyond<T>(after: Option<T>, first: T, last: T, reverse: bool) -> (Bound<T>, Bound<T>) {
    match (after, reverse) {
        (None, _) => (Bound::Included(first), Bound::Included(last)),
        (Some(after), false) => (Bound::Excluded(after), Bound::Included(last)),
        (Some(after), true) => (Bound::Included(first), Bound::Excluded(after)),
    }
}

fn take<K: redb::Key + 'static, V: redb::Value + 'static, T>(
    mut range: redb::Range<'_, K, V>,
    reverse: bool,
    most: usize,
    mut each: impl for<'x> FnMut(K::SelfType<'x>, V::SelfType<'x>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut out = Vec::new();
    while out.len() < most {
        let Some(row) = (if reverse {
            range.next_back()
        } else {
            range.next()
        }) else {
            break;
        };
        let (key, value) = row.map_err(storage_error)?;
        out.push(each(key.value(), value.value())?);
    }
    Ok(out)
}

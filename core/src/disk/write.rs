//! The one place that writes rows. Every change goes through [`Writer::apply_key`],
//! [`Writer::apply_project`], [`Writer::apply_store`] or [`Writer::apply_state`], which write record,
//! indexes, event and state together, so that no change can go unlogged. What only keeps house (uses,
//! request ids, tombstones, rows sealed anew under another pepper) has no event of its own.

use std::borrow::Cow;
use std::cell::OnceCell;

use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;

use crate::disk::codec::{check_event, encode_event, event_hash, rechain_event};
use crate::disk::read::{
    digest_of, identity_of, key_of, project_meant, project_named, project_of, state_of,
};
use crate::disk::schema::{
    DIGESTS, DigestRow, EARLIER, EVENTS, FORMAT_VERSION, Identity, KEYS, KEYS_BY_EXPIRY,
    KEYS_BY_OWNER, KEYS_BY_PROJECT, META, META_FORMAT, META_STATE, META_STORE, PROJECT_NAMES,
    PROJECTS, REQUESTS, REQUESTS_BY_TIME, Rechain, RequestRow, Sealed, State, TOMBSTONES,
    Tombstone, USAGE, Usage, expiry_index, owner_index, project_index, request_time_index,
    sortable, usage_key,
};
use crate::disk::{storage_error, table_error};
use crate::error::StoreError;
use crate::event::{EventKind, EventRecord, Subject};
use crate::foreign::ForeignSecret;
use crate::id::{KeyId, ProjectId};
use crate::key::{KeyRecord, StoredSecret};
use crate::limits;
use crate::project::ProjectRecord;
use crate::tag::{FullTag, Keyring, TAG_BYTES};
use crate::time::Timestamp;

type Bytes = &'static [u8];

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) actor: &'a str,
    pub(crate) at_ms: i64,
}

/// A table that is opened when it is first looked at. To open and close one costs a few
/// microseconds, most changes need four of them, and those who share a transaction wait for each
/// other.
struct Rows<'t, K: redb::Key + 'static, V: redb::Value + 'static> {
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
    table: OnceCell<Table<'t, K, V>>,
}

impl<'t, K: redb::Key + 'static, V: redb::Value + 'static> Rows<'t, K, V> {
    fn new(transaction: &'t WriteTransaction, definition: TableDefinition<'static, K, V>) -> Self {
        Rows {
            transaction,
            definition,
            table: OnceCell::new(),
        }
    }

    fn open(&self) -> Result<&Table<'t, K, V>, StoreError> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let table = self.transaction.open_table(self.definition);
        let table = table.map_err(table_error)?;
        Ok(self.table.get_or_init(|| table))
    }

    fn open_mut(&mut self) -> Result<&mut Table<'t, K, V>, StoreError> {
        self.open()?;
        let table = self.table.get_mut();
        table.ok_or_else(|| StoreError::Internal("a table was not opened".into()))
    }
}

/// A write transaction with its tables and the state as it will be written.
pub(crate) struct Writer<'t> {
    ring: Cow<'t, Keyring>,
    stamp: Stamp<'t>,
    meta: Table<'t, &'static str, Bytes>,
    keys: Table<'t, &'static [u8; 16], Bytes>,
    projects: Rows<'t, &'static [u8; 16], Bytes>,
    project_names: Rows<'t, &'static str, &'static [u8; 16]>,
    keys_by_project: Rows<'t, &'static [u8; 32], ()>,
    keys_by_owner: Rows<'t, Bytes, ()>,
    keys_by_expiry: Rows<'t, &'static [u8; 24], ()>,
    digests: Rows<'t, &'static [u8; 32], Bytes>,
    tombstones: Rows<'t, &'static [u8; 16], Bytes>,
    events: Table<'t, u64, Bytes>,
    requests: Rows<'t, &'static [u8; 32], Bytes>,
    requests_by_time: Rows<'t, &'static [u8; 40], ()>,
    usage: Rows<'t, &'static [u8; 20], &'static [u8; 16]>,
    state: State,
    /// Set before the first row is written, so that who fails after it is known to have written.
    changed: bool,
}

/// Writes the first transaction of a new store: every table, the identity, the first event.
pub(crate) fn initialise(
    transaction: &WriteTransaction,
    ring: &Keyring,
    identity: &Identity,
    state: &State,
    stamp: Stamp<'_>,
) -> Result<(), StoreError> {
    {
        let mut meta = transaction.open_table(META).map_err(table_error)?;
        meta.insert(META_FORMAT, FORMAT_VERSION.to_le_bytes().as_slice())
            .map_err(storage_error)?;
        let (row, tag) = seal_identity(ring, identity)?;
        meta.insert(META_STORE, row.as_slice())
            .map_err(storage_error)?;
        let state = &State {
            identity: tag,
            ..state.clone()
        };
        let (row, _) = Sealed::MetaState.seal(ring, META_STATE.as_bytes(), state)?;
        meta.insert(META_STATE, row.as_slice())
            .map_err(storage_error)?;
    }
    let mut writer = Writer::open(transaction, ring, stamp)?;
    writer.open_every_table()?;
    let policy = state.policy;
    writer.apply_store(EventKind::StoreCreated { policy })?;
    writer.finish()
}

/// The store's own row, under the generation that vouches for it, and the tag that it carries.
fn seal_identity(
    ring: &Keyring,
    identity: &Identity,
) -> Result<(Vec<u8>, [u8; TAG_BYTES]), StoreError> {
    let generation = identity.pepper.vouching();
    let key = META_STORE.as_bytes();
    let (row, tag) = Sealed::MetaStore.seal_under(ring, generation, key, identity)?;
    Ok((row, tag.truncated()))
}

/// Whether the change of peppers that a ring was made in is still under way.
pub(crate) fn is_changing(
    transaction: &WriteTransaction,
    ring: &Keyring,
) -> Result<bool, StoreError> {
    let meta = transaction.open_table(META).map_err(table_error)?;
    Ok(identity_of(&meta, ring)?.pepper.changing_from.is_some())
}

impl<'t> Writer<'t> {
    pub(crate) fn open(
        transaction: &'t WriteTransaction,
        ring: &'t Keyring,
        stamp: Stamp<'t>,
    ) -> Result<Self, StoreError> {
        macro_rules! table {
            ($definition:expr) => {
                transaction.open_table($definition).map_err(table_error)?
            };
        }
        let meta = table!(META);
        let state = state_of(&meta, ring)?;
        Ok(Writer {
            ring: Cow::Borrowed(ring),
            stamp,
            meta,
            keys: table!(KEYS),
            projects: Rows::new(transaction, PROJECTS),
            project_names: Rows::new(transaction, PROJECT_NAMES),
            keys_by_project: Rows::new(transaction, KEYS_BY_PROJECT),
            keys_by_owner: Rows::new(transaction, KEYS_BY_OWNER),
            keys_by_expiry: Rows::new(transaction, KEYS_BY_EXPIRY),
            digests: Rows::new(transaction, DIGESTS),
            tombstones: Rows::new(transaction, TOMBSTONES),
            events: table!(EVENTS),
            requests: Rows::new(transaction, REQUESTS),
            requests_by_time: Rows::new(transaction, REQUESTS_BY_TIME),
            usage: Rows::new(transaction, USAGE),
            state,
            changed: false,
        })
    }

    /// Opens every table, so that all of them are there from the beginning.
    fn open_every_table(&self) -> Result<(), StoreError> {
        self.projects.open()?;
        self.project_names.open()?;
        self.keys_by_project.open()?;
        self.keys_by_owner.open()?;
        self.keys_by_expiry.open()?;
        self.digests.open()?;
        self.tombstones.open()?;
        self.requests.open()?;
        self.requests_by_time.open()?;
        self.usage.open()?;
        Ok(())
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        key_of(&self.keys, &self.ring, id)
    }

    pub(crate) fn project(&self, id: ProjectId) -> Result<Option<ProjectRecord>, StoreError> {
        project_of(self.projects.open()?, &self.ring, id)
    }

    pub(crate) fn project_named(
        &self,
        name: &str,
    ) -> Result<Option<(ProjectId, ProjectRecord)>, StoreError> {
        project_named(
            self.project_names.open()?,
            self.projects.open()?,
            &self.ring,
            name,
        )
    }

    /// The project that a name or an id means.
    pub(crate) fn project_meant(
        &self,
        asked: &str,
    ) -> Result<Option<(ProjectId, ProjectRecord)>, StoreError> {
        project_meant(
            self.project_names.open()?,
            self.projects.open()?,
            &self.ring,
            asked,
        )
    }

    pub(crate) fn digest(&self, secret: &ForeignSecret) -> Result<Option<KeyId>, StoreError> {
        digest_of(self.digests.open()?, &self.ring, secret)
    }

    pub(crate) fn tombstone(&self, id: KeyId) -> Result<Option<Tombstone>, StoreError> {
        let row = self
            .tombstones
            .open()?
            .get(id.as_bytes())
            .map_err(storage_error)?;
        row.map(|row| {
            Ok(Sealed::Tombstones
                .unseal(&self.ring, id.as_bytes(), row.value())?
                .0)
        })
        .transpose()
    }

    pub(crate) fn request(&self, request: &[u8; 32]) -> Result<Option<RequestRow>, StoreError> {
        let row = self.requests.open()?.get(request).map_err(storage_error)?;
        row.map(|row| Ok(Sealed::Requests.unseal(&self.ring, request, row.value())?.0))
            .transpose()
    }

    /// What is written of a secret's use.
    pub(crate) fn usage(&self, id: KeyId, generation: u32) -> Result<Usage, StoreError> {
        let key = usage_key(id.as_bytes(), generation);
        let row = self.usage.open()?.get(&key).map_err(storage_error)?;
        Ok(row.map_or_else(Usage::default, |row| Usage::from_bytes(row.value())))
    }

    /// How many keys of an owner count, up to a most. The newest come first: where there are that
    /// many, the old ones that no longer count are not looked at.
    pub(crate) fn count_keys_of_owner<E: From<StoreError>>(
        &self,
        owner: &str,
        most: u64,
        mut counts: impl FnMut(&KeyRecord) -> Result<bool, E>,
    ) -> Result<u64, E> {
        let (first, last) = (
            owner_index(owner, &[0; 16]),
            owner_index(owner, &[0xff; 16]),
        );
        let mut count = 0;
        for row in self
            .keys_by_owner
            .open()?
            .range(first.as_slice()..=last.as_slice())
            .map_err(storage_error)?
            .rev()
        {
            let (key, _) = row.map_err(storage_error)?;
            let bytes = key.value();
            let id = <[u8; 16]>::try_from(&bytes[bytes.len().saturating_sub(16)..])
                .map(KeyId::from_bytes)
                .map_err(|_| StoreError::Corrupted("a row of an index is cut short".into()))?;
            // The record has the last word on whose it is.
            if let Some(record) = self.key(id)?
                && record.owner.as_deref() == Some(owner)
                && counts(&record)?
            {
                count += 1;
                if count >= most {
                    break;
                }
            }
        }
        Ok(count)
    }

    /// Whether any key belongs to a project.
    pub(crate) fn project_has_keys(&self, project: ProjectId) -> Result<bool, StoreError> {
        let first = project_index(project.as_bytes(), &[0; 16]);
        let last = project_index(project.as_bytes(), &[0xff; 16]);
        let mut range = self
            .keys_by_project
            .open()?
            .range::<&[u8; 32]>(&first..=&last)
            .map_err(storage_error)?;
        Ok(range.next().transpose().map_err(storage_error)?.is_some())
    }

    /// Appends an event, chained to the one before, and answers its sequence.
    fn append(
        &mut self,
        subject: Subject,
        previous: u64,
        kind: EventKind,
    ) -> Result<u64, StoreError> {
        let sequence = self
            .state
            .sequence
            .checked_add(1)
            .ok_or_else(|| StoreError::Corrupted("the sequence has no next number".into()))?;
        let event = EventRecord {
            at_ms: self.stamp.at_ms,
            actor: self.stamp.actor.to_owned(),
            subject,
            previous,
            kind,
        };
        let (row, hash) = encode_event(&self.ring, &self.state.head, sequence, &event)?;
        self.changed = true;
        self.events
            .insert(sequence, row.as_slice())
            .map_err(storage_error)?;
        self.state.sequence = sequence;
        self.state.head = hash;
        Ok(sequence)
    }

    /// Changes a key: `after` is its next record, or none where the key is pruned.
    pub(crate) fn apply_key(
        &mut self,
        id: KeyId,
        before: Option<&KeyRecord>,
        after: Option<KeyRecord>,
        kind: EventKind,
    ) -> Result<Option<KeyRecord>, StoreError> {
        let previous = before.map_or(0, |record| record.sequence);
        let sequence = self.append(Subject::Key(id), previous, kind)?;
        let after = after.map(|record| KeyRecord { sequence, ..record });
        self.put_key(id, before, after.as_ref())?;
        Ok(after)
    }

    fn put_key(
        &mut self,
        id: KeyId,
        before: Option<&KeyRecord>,
        after: Option<&KeyRecord>,
    ) -> Result<(), StoreError> {
        let key = id.as_bytes();
        self.changed = true;
        let tags = replace_row(&mut self.keys, Sealed::Keys, &self.ring, key, after)?;
        if tags.old.is_some() != before.is_some() {
            return Err(StoreError::Corrupted(format!(
                "key {id} is there twice or not at all"
            )));
        }
        self.account(&tags, |state| &mut state.keys);
        self.put_indexes(id, before, after)?;
        if let Some(after) = after {
            for slot in [
                Some(&after.current),
                after.previous.as_ref().map(|p| &p.slot),
            ]
            .into_iter()
            .flatten()
            {
                if let StoredSecret::Foreign(secret) = &slot.secret {
                    self.put_digest(id, secret)?;
                }
            }
        }
        for generation in generations(before) {
            if !generations(after).any(|kept| kept == generation) {
                let gone = self.take_usage(id, generation)?;
                if after.is_some() {
                    self.merge_usage(id, EARLIER, gone)?;
                }
            }
        }
        if after.is_none() {
            self.take_usage(id, EARLIER)?;
        }
        Ok(())
    }

    fn put_indexes(
        &mut self,
        id: KeyId,
        before: Option<&KeyRecord>,
        after: Option<&KeyRecord>,
    ) -> Result<(), StoreError> {
        let key = id.as_bytes();
        let project = |record: Option<&KeyRecord>| {
            let project = record.and_then(|record| record.project);
            project.map(|project| project_index(project.as_bytes(), key))
        };
        move_row(
            &mut self.keys_by_project,
            project(before).as_ref(),
            project(after).as_ref(),
        )?;
        let owner = |record: Option<&KeyRecord>| {
            let owner = record.and_then(|record| record.owner.as_deref());
            owner.map(|owner| owner_index(owner, key))
        };
        move_row(
            &mut self.keys_by_owner,
            owner(before).as_deref(),
            owner(after).as_deref(),
        )?;
        let expiry = |record: Option<&KeyRecord>| {
            let expires_at = record.and_then(|record| record.expires_at);
            expires_at.map(|at| expiry_index(at, key))
        };
        move_row(
            &mut self.keys_by_expiry,
            expiry(before).as_ref(),
            expiry(after).as_ref(),
        )
    }

    /// Adjusts the sum of tags and a count for a row that was replaced.
    fn account(&mut self, tags: &Tags, count: impl Fn(&mut State) -> &mut u64) {
        if let Some(old) = &tags.old {
            self.state.sum.subtract(old);
            let count = count(&mut self.state);
            *count = count.saturating_sub(1);
        }
        if let Some(new) = &tags.new {
            self.state.sum.add(new);
            *count(&mut self.state) += 1;
        }
    }

    /// Changes a project: `after` is its next record, or none where it is pruned.
    pub(crate) fn apply_project(
        &mut self,
        id: ProjectId,
        before: Option<&ProjectRecord>,
        after: Option<ProjectRecord>,
        kind: EventKind,
    ) -> Result<Option<ProjectRecord>, StoreError> {
        let previous = before.map_or(0, |record| record.sequence);
        let sequence = self.append(Subject::Project(id), previous, kind)?;
        let after = after.map(|record| ProjectRecord { sequence, ..record });
        let key = id.as_bytes();
        let projects = self.projects.open_mut()?;
        let tags = replace_row(projects, Sealed::Projects, &self.ring, key, after.as_ref())?;
        self.account(&tags, |state| &mut state.projects);
        let exists = |record: &&ProjectRecord| record.deleted_at.is_none();
        if let Some(before) = before.filter(exists) {
            self.project_names
                .open_mut()?
                .remove(before.name.as_str())
                .map_err(storage_error)?;
        }
        if let Some(after) = after.as_ref().filter(exists) {
            self.project_names
                .open_mut()?
                .insert(after.name.as_str(), key)
                .map_err(storage_error)?;
        }
        Ok(after)
    }

    /// Appends an event about the store as a whole.
    pub(crate) fn apply_store(&mut self, kind: EventKind) -> Result<u64, StoreError> {
        let sequence = self.append(Subject::Store, self.state.last_store_event, kind)?;
        self.state.last_store_event = sequence;
        Ok(sequence)
    }

    /// Changes the state itself, with the event that says so.
    pub(crate) fn apply_state(
        &mut self,
        kind: EventKind,
        change: impl FnOnce(&mut State),
    ) -> Result<u64, StoreError> {
        change(&mut self.state);
        self.apply_store(kind)
    }

    /// Takes the digest of an imported secret into the index, where it is not there yet.
    pub(crate) fn put_digest(
        &mut self,
        key_id: KeyId,
        secret: &ForeignSecret,
    ) -> Result<(), StoreError> {
        if self.digest(secret)?.is_some() {
            return Ok(());
        }
        let index = self
            .ring
            .digest_index(self.ring.newest(), secret.scheme as u8, &secret.digest);
        let row = DigestRow {
            key_id,
            scheme: secret.scheme,
            digest: secret.digest.clone(),
        };
        let (bytes, tag) = Sealed::Digests.seal(&self.ring, &index, &row)?;
        self.changed = true;
        self.digests
            .open_mut()?
            .insert(&index, bytes.as_slice())
            .map_err(storage_error)?;
        let tags = Tags {
            old: None,
            new: Some(tag),
        };
        self.account(&tags, |state| &mut state.digests);
        match self
            .state
            .schemes
            .iter_mut()
            .find(|(scheme, _)| *scheme == secret.scheme)
        {
            Some((_, count)) => *count += 1,
            None => self.state.schemes.push((secret.scheme, 1)),
        }
        Ok(())
    }

    /// Remembers that a key was pruned, or forgets it.
    pub(crate) fn put_tombstone(
        &mut self,
        id: KeyId,
        tombstone: Option<Tombstone>,
    ) -> Result<(), StoreError> {
        let key = id.as_bytes();
        self.changed = true;
        let rows = self.tombstones.open_mut()?;
        let tags = replace_row(
            rows,
            Sealed::Tombstones,
            &self.ring,
            key,
            tombstone.as_ref(),
        )?;
        self.account(&tags, |state| &mut state.tombstones);
        Ok(())
    }

    /// Remembers what a request id made, and forgets some that are older than a day.
    pub(crate) fn put_request(
        &mut self,
        request: &[u8; 32],
        row: RequestRow,
    ) -> Result<(), StoreError> {
        /// Forgotten at once at the most, so that no request waits for a day's worth of others.
        const FORGET: usize = 16;
        let until = sortable(Timestamp::from_unix(
            row.at.unix().saturating_sub(limits::REQUEST_ID_SECONDS),
        ));
        let mut old: Vec<[u8; 40]> = Vec::new();
        self.changed = true;
        for entry in self
            .requests_by_time
            .open()?
            .iter()
            .map_err(storage_error)?
            .take(FORGET)
        {
            let (key, _) = entry.map_err(storage_error)?;
            if key.value()[..8] >= until[..] {
                break;
            }
            old.push(*key.value());
        }
        for entry in old {
            let mut hash = [0; 32];
            hash.copy_from_slice(&entry[8..]);
            self.requests_by_time
                .open_mut()?
                .remove(&entry)
                .map_err(storage_error)?;
            self.requests
                .open_mut()?
                .remove(&hash)
                .map_err(storage_error)?;
        }
        if let Some(before) = self.request(request)? {
            let index = request_time_index(before.at, request);
            self.requests_by_time
                .open_mut()?
                .remove(&index)
                .map_err(storage_error)?;
        }
        let (bytes, _) = Sealed::Requests.seal(&self.ring, request, &row)?;
        self.requests
            .open_mut()?
            .insert(request, bytes.as_slice())
            .map_err(storage_error)?;
        self.requests_by_time
            .open_mut()?
            .insert(&request_time_index(row.at, request), ())
            .map_err(storage_error)?;
        Ok(())
    }

    /// Merges a secret's use into its row, where the key is still there; what a secret was used
    /// that the key no longer has goes to the row of the earlier ones.
    pub(crate) fn add_usage(
        &mut self,
        id: KeyId,
        generation: u32,
        usage: Usage,
    ) -> Result<(), StoreError> {
        let Some(record) = self.key(id)? else {
            return Ok(());
        };
        if generations(Some(&record)).any(|kept| kept == generation) {
            self.merge_usage(id, generation, usage)
        } else if generation < record.current.generation {
            self.merge_usage(id, EARLIER, usage)
        } else {
            Ok(())
        }
    }

    fn merge_usage(&mut self, id: KeyId, generation: u32, usage: Usage) -> Result<(), StoreError> {
        if usage.uses == 0 {
            return Ok(());
        }
        let key = usage_key(id.as_bytes(), generation);
        let before = self.usage(id, generation)?;
        self.changed = true;
        self.usage
            .open_mut()?
            .insert(&key, &before.merged(usage).to_bytes())
            .map_err(storage_error)?;
        Ok(())
    }

    fn take_usage(&mut self, id: KeyId, generation: u32) -> Result<Usage, StoreError> {
        self.changed = true;
        let row = self
            .usage
            .open_mut()?
            .remove(&usage_key(id.as_bytes(), generation))
            .map_err(storage_error)?;
        Ok(row.map_or_else(Usage::default, |row| Usage::from_bytes(row.value())))
    }

    /// Moves the mark of the latest time forward; it never goes back but by a reset.
    pub(crate) fn advance_mark(&mut self, to: Timestamp) {
        if to > self.state.mark {
            self.state.mark = to;
            self.changed = true;
        }
    }

    /// Removes at most so many events up to and including a sequence; answers how many went, and
    /// the last of them with its hash.
    pub(crate) fn remove_events(
        &mut self,
        through: u64,
        most: usize,
    ) -> Result<(u64, Option<(u64, [u8; 32])>), StoreError> {
        let (mut count, mut last) = (0, None);
        self.changed = true;
        for _ in 0..most {
            let first = match self.events.first().map_err(storage_error)? {
                Some((sequence, row)) if sequence.value() <= through => {
                    let sequence = sequence.value();
                    (sequence, event_hash(sequence, row.value())?)
                }
                _ => break,
            };
            self.events.remove(first.0).map_err(storage_error)?;
            last = Some(first);
            count += 1;
        }
        Ok((count, last))
    }

    /// Writes a row again under the newest generation; answers false where it was so already.
    pub(crate) fn reseal_key(&mut self, key: &[u8; 16]) -> Result<(), StoreError> {
        let id = KeyId::from_bytes(*key);
        if let Some(record) = self.key(id)? {
            self.put_key(id, Some(&record), Some(&record))?;
        }
        Ok(())
    }

    pub(crate) fn reseal_project(&mut self, key: &[u8; 16]) -> Result<(), StoreError> {
        let id = ProjectId::from_bytes(*key);
        let Some(record) = self.project(id)? else {
            return Ok(());
        };
        self.changed = true;
        let projects = self.projects.open_mut()?;
        let tags = replace_row(projects, Sealed::Projects, &self.ring, key, Some(&record))?;
        self.account(&tags, |state| &mut state.projects);
        Ok(())
    }

    pub(crate) fn reseal_tombstone(&mut self, key: &[u8; 16]) -> Result<(), StoreError> {
        let id = KeyId::from_bytes(*key);
        let tombstone = self.tombstone(id)?;
        self.put_tombstone(id, tombstone)
    }

    pub(crate) fn reseal_digest(&mut self, key: &[u8; 32]) -> Result<(), StoreError> {
        self.changed = true;
        let found = {
            let Some(row) = self
                .digests
                .open_mut()?
                .remove(key)
                .map_err(storage_error)?
            else {
                return Ok(());
            };
            Sealed::Digests.unseal::<DigestRow>(&self.ring, key, row.value())?
        };
        let (row, old) = found;
        let index = self
            .ring
            .digest_index(self.ring.newest(), row.scheme as u8, &row.digest);
        let (bytes, new) = Sealed::Digests.seal(&self.ring, &index, &row)?;
        self.digests
            .open_mut()?
            .insert(&index, bytes.as_slice())
            .map_err(storage_error)?;
        let tags = Tags {
            old: Some(old),
            new: Some(new),
        };
        self.account(&tags, |state| &mut state.digests);
        Ok(())
    }

    pub(crate) fn reseal_request(&mut self, request: &[u8; 32]) -> Result<(), StoreError> {
        if let Some(row) = self.request(request)? {
            let (bytes, _) = Sealed::Requests.seal(&self.ring, request, &row)?;
            self.changed = true;
            self.requests
                .open_mut()?
                .insert(request, bytes.as_slice())
                .map_err(storage_error)?;
        }
        Ok(())
    }

    /// Computes the chain anew under the newest generation, a batch from where the last one got
    /// to; answers whether it reached the head.
    pub(crate) fn rechain(&mut self, most: usize) -> Result<bool, StoreError> {
        let Some(mut at) = self.state.rechain else {
            return Ok(true);
        };
        for _ in 0..most {
            if at.through == self.state.sequence {
                break;
            }
            let next = {
                let mut range = self.events.range(at.through + 1..).map_err(storage_error)?;
                let Some(row) = range.next() else { break };
                let (sequence, row) = row.map_err(storage_error)?;
                (sequence.value(), row.value().to_vec())
            };
            let (sequence, row) = next;
            at.old_hash = check_event(&self.ring, &at.old_hash, sequence, &row)?;
            let (new, hash) = rechain_event(&self.ring, &at.new_hash, sequence, &row)?;
            self.events
                .insert(sequence, new.as_slice())
                .map_err(storage_error)?;
            at.new_hash = hash;
            at.through = sequence;
        }
        self.changed = true;
        let done = at.through >= self.state.sequence;
        if done {
            self.state.head = at.new_hash;
            self.state.rechain = None;
        } else {
            self.state.rechain = Some(at);
        }
        Ok(done)
    }

    /// Begins a change of peppers: from here on rows are written under the newest generation of
    /// another ring, which accepts the one before as well.
    pub(crate) fn begin_pepper_change(
        &mut self,
        ring: Keyring,
        identity: &Identity,
    ) -> Result<(), StoreError> {
        self.ring = Cow::Owned(ring);
        self.put_identity(identity)?;
        self.apply_state(EventKind::PepperChangeBegun, |state| {
            state.rechain = Some(Rechain {
                through: state.cut.0,
                old_hash: state.cut.1,
                new_hash: state.cut.1,
            });
        })?;
        Ok(())
    }

    /// Writes the identity anew, under the generation that vouches for it.
    pub(crate) fn put_identity(&mut self, identity: &Identity) -> Result<(), StoreError> {
        let (row, tag) = seal_identity(&self.ring, identity)?;
        self.meta
            .insert(META_STORE, row.as_slice())
            .map_err(storage_error)?;
        self.state.identity = tag;
        self.changed = true;
        Ok(())
    }

    /// Writes the state, where anything changed.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        if self.changed {
            let (row, _) =
                Sealed::MetaState.seal(&self.ring, META_STATE.as_bytes(), &self.state)?;
            self.meta
                .insert(META_STATE, row.as_slice())
                .map_err(storage_error)?;
        }
        Ok(())
    }

    /// Whether anything was changed.
    pub(crate) fn changed(&self) -> bool {
        self.changed
    }
}

/// The whole tags of a row that was replaced: none before it was there, none after it was removed.
struct Tags {
    old: Option<FullTag>,
    new: Option<FullTag>,
}

/// Writes a sealed row, or removes it; what was there must have been written by this store.
fn replace_row<T: Serialize>(
    table: &mut Table<'_, &'static [u8; 16], Bytes>,
    kind: Sealed,
    ring: &Keyring,
    key: &[u8; 16],
    record: Option<&T>,
) -> Result<Tags, StoreError> {
    let new = record
        .map(|record| kind.seal(ring, key, record))
        .transpose()?;
    let old = match &new {
        Some((row, _)) => table.insert(key, row.as_slice()),
        None => table.remove(key),
    }
    .map_err(storage_error)?
    .map(|row| kind.authenticate(ring, key, row.value()))
    .transpose()?;
    Ok(Tags {
        old,
        new: new.map(|(_, tag)| tag),
    })
}

/// Moves a row of an index to its new place.
fn move_row<Q: ?Sized + PartialEq, K>(
    rows: &mut Rows<'_, K, ()>,
    old: Option<&Q>,
    new: Option<&Q>,
) -> Result<(), StoreError>
where
    K: for<'k> redb::Key<SelfType<'k> = &'k Q> + 'static,
{
    if old == new {
        return Ok(());
    }
    if let Some(old) = old {
        rows.open_mut()?.remove(old).map_err(storage_error)?;
    }
    if let Some(new) = new {
        rows.open_mut()?.insert(new, ()).map_err(storage_error)?;
    }
    Ok(())
}

/// The generations of the secrets of a record.
fn generations(record: Option<&KeyRecord>) -> impl Iterator<Item = u32> {
    let pair = record.map(|record| {
        [
            Some(record.current.generation),
            record.previous.as_ref().map(|p| p.slot.generation),
        ]
    });
    pair.into_iter().flatten().flatten()
}

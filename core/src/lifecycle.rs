//! The verbs of keys. Each reads the current record inside the transaction, asks a pure transition
//! for the next one, and hands it to the writer.

use serde::Serialize;

use crate::commit::{ONE_CHANGE, Room};
use crate::decision::Verified;
use crate::digest::{Digest, sha256};
use crate::disk::codec::encode_plain;
use crate::disk::schema::{RequestRow, Tombstone};
use crate::disk::write::Writer;
use crate::error::{Denied, Error, Misuse, Refused, StoreError};
use crate::event::{EventKind, Reason};
use crate::id::{KeyId, ProjectId};
use crate::key::{
    Expiry, KeyRecord, KeyState, KeyUpdate, NewKey, Resolved, StoredSecret, check_text,
};
use crate::key_info::KeyInfo;
use crate::limits;
use crate::list::{Filter, uses};
use crate::policy::Policy;
use crate::projects::prune_project;
use crate::secret::{Secret, Token};
use crate::store::Store;
use crate::time::{Now, Timestamp};
use crate::token::compose;

/// What a creation answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Created {
    /// The key.
    pub key: KeyInfo,
    /// Its token, shown here and never again; none where a request id made it earlier.
    pub token: Option<Token>,
    /// Whether this is the answer to a request that was made before.
    pub replayed: bool,
}

/// Why a key is revoked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Revoke {
    /// The reason.
    pub reason: Reason,
    /// Free text, at most 1,000 bytes without control characters.
    pub note: Option<String>,
}

impl Revoke {
    /// For this reason, without a note.
    pub fn because(reason: Reason) -> Self {
        Revoke { reason, note: None }
    }

    fn check(&self) -> Result<(), Misuse> {
        self.note.as_ref().map_or(Ok(()), |note| {
            check_text("note (bytes)", note, 0, limits::NOTE_BYTES)
        })
    }
}

/// How a key is given a new secret.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Rotate {
    /// How long the old secret stays good, in seconds: at most 90 days, never beyond the key's
    /// expiry. 0 ends it now.
    pub grace: i64,
    /// Makes the rotation repeatable, as for a creation.
    pub request_id: Option<String>,
}

impl Rotate {
    /// With a grace of so many seconds.
    pub fn with_grace(seconds: i64) -> Self {
        Rotate {
            grace: seconds,
            request_id: None,
        }
    }
}

/// What a rotation answers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rotated {
    /// The key.
    pub key: KeyInfo,
    /// Its new token, shown here and never again; none where a request id made it earlier.
    pub token: Option<Token>,
    /// Until when the old token stays good; none where it ended at once.
    pub grace_expires_at: Option<Timestamp>,
    /// Whether the grace is shorter than what was asked for.
    pub grace_cut: bool,
    /// Whether this is the answer to a request that was made before.
    pub replayed: bool,
}

/// Which keys a bulk verb is about.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Selection {
    /// These.
    Keys(Vec<KeyId>),
    /// Those that a filter means at the time; an empty filter means every key of the store.
    Filter(Filter),
}

/// How far a bulk verb got. Each batch of at most 10,000 is one transaction: what is counted here
/// is durable.
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

/// How far a bulk creation got.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BulkCreated {
    /// What was created, in the order of the requests: the first so many of them.
    pub done: Vec<Created>,
    /// Why it stopped before the end; none where it reached it.
    pub stopped: Option<Error>,
}

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
    /// Tombstones of keys that have reached their expiry.
    pub tombstones: u64,
}

fn no_such_key(id: KeyId) -> Error {
    Refused::NoSuchKey(id.to_string()).into()
}

fn applied(record: Option<KeyRecord>) -> Result<KeyRecord, Error> {
    record.ok_or_else(|| StoreError::Internal("a key vanished".into()).into())
}

/// What a request id is remembered by: who, and which id.
fn request_key(actor: &str, request_id: &str) -> [u8; 32] {
    sha256(&[
        b"keyfob/request/1/",
        actor.as_bytes(),
        b"\0",
        request_id.as_bytes(),
    ])
}

fn request_digest<T: Serialize>(verb: &[u8], request: &T) -> Result<[u8; 32], StoreError> {
    Ok(sha256(&[
        b"keyfob/request/body/1/",
        verb,
        b"/",
        &encode_plain(request)?,
    ]))
}

/// What is known of a request id.
enum Request {
    New,
    Made(KeyId),
}

impl Store {
    /// Creates a key. The token in the answer cannot be had again.
    ///
    /// # Errors
    /// Misuse where a field is not of its form or past its bound, or the expiry does not lie ahead;
    /// NO_SUCH_PROJECT, PROJECT_IS_DISABLED, SCOPE_NOT_ALLOWED where the project does not admit it;
    /// POLICY_REFUSED, TOO_MANY_KEYS where the policy does not; REQUEST_ID_REUSED.
    pub fn create(&self, new: &NewKey) -> Result<Created, Error> {
        KeyRecord::check_new(new)?;
        let made = self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            self.create_in(
                writer,
                now,
                new,
                KeyId::generate(self.inner.clock.now_ms())?,
                None,
            )
        })?;
        self.created(made)
    }

    /// Lets a key make another one of at most its own scopes, project, owner, environment and
    /// expiry. What is not named is taken from the creating key; it is judged anew, inside the
    /// transaction, so that one that was revoked meanwhile makes nothing.
    ///
    /// # Errors
    /// As [`Store::create`]; a denial where the creating key is no longer good; SCOPE_NOT_ALLOWED,
    /// BEYOND_PARENT where it may not give that away.
    pub fn create_within(&self, parent: &Verified, new: &NewKey) -> Result<Created, Error> {
        KeyRecord::check_new(new)?;
        let made = self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            let new = within(writer, now, parent, new)?;
            let id = KeyId::generate(self.inner.clock.now_ms())?;
            self.create_in(writer, now, &new, id, Some(parent.key_id()))
        })?;
        self.created(made)
    }

    /// Creates many keys, in transactions of at most 10,000. A request that is refused ends its
    /// whole transaction.
    pub fn create_many(&self, new: &[NewKey]) -> BulkCreated {
        let mut out = BulkCreated::default();
        for batch in new.chunks(limits::BATCH) {
            match self.create_batch(batch) {
                Ok(created) => out.done.extend(created),
                Err(error) => {
                    out.stopped = Some(error);
                    break;
                }
            }
        }
        out
    }

    fn create_batch(&self, batch: &[NewKey]) -> Result<Vec<Created>, Error> {
        batch.iter().try_for_each(KeyRecord::check_new)?;
        let now_ms = self.inner.clock.now_ms();
        // In the order of the ids, which is that of the table: an insertion at the end of a page
        // costs a tenth of one in the middle.
        let mut ids = batch
            .iter()
            .map(|_| KeyId::generate(now_ms))
            .collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        let made = self.change(Room::Bytes(bulk_bytes(batch.len())), |writer, now| {
            let pairs = batch.iter().zip(ids);
            pairs
                .map(|(new, id)| self.create_in(writer, now, new, id, None))
                .collect::<Result<Vec<_>, _>>()
        })?;
        made.into_iter().map(|made| self.created(made)).collect()
    }

    fn create_in(
        &self,
        writer: &mut Writer<'_>,
        now: Now,
        new: &NewKey,
        id: KeyId,
        within: Option<KeyId>,
    ) -> Result<Made, Error> {
        let request = match &new.request_id {
            None => None,
            Some(request_id) => {
                let digest = request_digest(b"create", &(new, within))?;
                match self.look_up_request(writer, request_id, digest, now)? {
                    Request::Made(id) => return Ok(Made::Before(id)),
                    Request::New => Some((request_key(&self.actor, request_id), digest)),
                }
            }
        };
        let policy = writer.state().policy;
        let resolved = resolve(writer, new, &policy, now)?;
        let secret = Secret::generate()?;
        let stored = StoredSecret::Native(Digest::of_secret(secret.characters()));
        let record = KeyRecord::create(new, resolved, stored, now.clock)?;
        if writer.key(id)?.is_some() || writer.tombstone(id)?.is_some() {
            return Err(StoreError::Internal("a fresh key id is taken".into()).into());
        }
        let kind = EventKind::KeyCreated {
            name: record.name.clone(),
            within,
        };
        let record = applied(writer.apply_key(id, None, Some(record), kind)?)?;
        if let Some((request, digest)) = request {
            writer.put_request(
                &request,
                RequestRow {
                    at: now.clock,
                    digest,
                    key_id: id,
                },
            )?;
        }
        let token = compose(self.prefix(), &new.environment, id, &secret);
        let key = self.shown(writer, id, record, now)?;
        Ok(Made::Now(Box::new(key), token))
    }

    /// What a change answers of a key, read inside its transaction: after the commit nothing may
    /// fail any more.
    fn shown(
        &self,
        writer: &Writer<'_>,
        id: KeyId,
        record: KeyRecord,
        now: Now,
    ) -> Result<KeyInfo, Error> {
        let project = project_of(writer, &record)?;
        let used = uses(&record, |generation| {
            Ok(self.secret_use((id, generation), writer.usage(id, generation)?))
        })?;
        let prefix = self.prefix();
        Ok(KeyInfo::of(id, record, project.as_ref(), prefix, used, now))
    }

    fn created(&self, made: Made) -> Result<Created, Error> {
        Ok(match made {
            Made::Now(key, token) => Created {
                key: *key,
                token: Some(token),
                replayed: false,
            },
            Made::Before(id) => Created {
                key: self.get(id)?,
                token: None,
                replayed: true,
            },
        })
    }

    fn look_up_request(
        &self,
        writer: &Writer<'_>,
        request_id: &str,
        digest: [u8; 32],
        now: Now,
    ) -> Result<Request, Error> {
        check_text(
            "request id (bytes)",
            request_id,
            1,
            limits::REQUEST_ID_BYTES,
        )?;
        match writer.request(&request_key(&self.actor, request_id))? {
            Some(row) if now.clock.seconds_since(row.at) < limits::REQUEST_ID_SECONDS => {
                if row.digest == digest {
                    Ok(Request::Made(row.key_id))
                } else {
                    Err(Refused::RequestIdReused(request_id.to_owned()).into())
                }
            }
            _ => Ok(Request::New),
        }
    }

    /// Changes what an update names of a key.
    ///
    /// # Errors
    /// NO_SUCH_KEY, KEY_IS_REVOKED; SCOPE_NOT_ALLOWED where the project does not admit the scopes;
    /// POLICY_REFUSED; misuse where a field is not of its form.
    pub fn update(&self, id: KeyId, update: &KeyUpdate) -> Result<KeyInfo, Error> {
        self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            let before = writer.key(id)?.ok_or_else(|| no_such_key(id))?;
            let after = match updated(writer, id, &before, update, now)? {
                Some((next, kind)) => {
                    applied(writer.apply_key(id, Some(&before), Some(next), kind)?)?
                }
                None => before,
            };
            self.shown(writer, id, after, now)
        })
    }

    /// Disables a key until it is enabled again; not to be confused with revoking it.
    ///
    /// # Errors
    /// NO_SUCH_KEY, KEY_IS_REVOKED.
    pub fn disable(&self, id: KeyId) -> Result<KeyInfo, Error> {
        self.change_key(id, |record, now| {
            Ok(record.set_enabled(id, false, now.clock)?)
        })
    }

    /// Enables a key again.
    ///
    /// # Errors
    /// NO_SUCH_KEY, KEY_IS_REVOKED.
    pub fn enable(&self, id: KeyId) -> Result<KeyInfo, Error> {
        self.change_key(id, |record, now| {
            Ok(record.set_enabled(id, true, now.clock)?)
        })
    }

    /// Revokes a key, for good. Every verification that starts after this returned refuses it.
    /// Revoking twice is no error, and changes nothing.
    ///
    /// # Errors
    /// NO_SUCH_KEY; misuse where the note is not of its form.
    pub fn revoke(&self, id: KeyId, revoke: &Revoke) -> Result<KeyInfo, Error> {
        revoke.check()?;
        self.change_key(id, |record, now| {
            Ok(record.revoke(revoke.reason, revoke.note.as_deref(), now.clock))
        })
    }

    /// Revokes by possession: who presents a token that is good now ends it, whatever environment,
    /// project, address or expiry say. The current secret ends the key; the old one, during a
    /// grace, ends itself, unless `whole_key` asks for all of it.
    ///
    /// # Errors
    /// MALFORMED, NOT_FOUND where no secret of this store was presented.
    pub fn revoke_token(
        &self,
        token: impl AsRef<[u8]>,
        whole_key: bool,
        revoke: &Revoke,
    ) -> Result<KeyInfo, Error> {
        revoke.check()?;
        let text = token.as_ref();
        // The key is found in a snapshot, and judged again inside the transaction.
        let found = self.read(|reader| self.locate(reader, text))??;
        let id = found.key_id;
        let presented = match found.matched {
            crate::key::MatchedSecret::Current => found.record.current.secret,
            crate::key::MatchedSecret::Previous => found
                .record
                .previous
                .map_or(found.record.current.secret, |previous| previous.slot.secret),
        };
        self.change_key(id, |record, now| {
            let matched = record.matching(&presented).ok_or(Denied::NotFound)?;
            let note = revoke.note.as_deref();
            let (next, kind) =
                record.revoke_by_possession(matched, whole_key, revoke.reason, note, now)?;
            Ok(Some((next, kind)))
        })
    }

    /// Gives a key a new secret under the same id. The token in the answer cannot be had again.
    ///
    /// While a grace runs, the newest secret is replaced and the old one keeps its deadline.
    ///
    /// # Errors
    /// NO_SUCH_KEY, KEY_IS_REVOKED, KEY_IS_EXPIRED; INVALID_TIME where the grace is negative;
    /// REQUEST_ID_REUSED.
    pub fn rotate(&self, id: KeyId, rotate: &Rotate) -> Result<Rotated, Error> {
        if rotate.grace < 0 {
            let why = "must not be negative";
            return Err(Misuse::InvalidTime { what: "grace", why }.into());
        }
        let made = self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            let request = match &rotate.request_id {
                None => None,
                Some(request_id) => {
                    let digest = request_digest(b"rotate", &(id, rotate))?;
                    match self.look_up_request(writer, request_id, digest, now)? {
                        Request::Made(_) => return Ok(None),
                        Request::New => Some((request_key(&self.actor, request_id), digest)),
                    }
                }
            };
            let before = writer.key(id)?.ok_or_else(|| no_such_key(id))?;
            let secret = Secret::generate()?;
            let stored = StoredSecret::Native(Digest::of_secret(secret.characters()));
            let (next, kind) = before.rotate(id, stored, rotate.grace, now)?;
            let wanted = now.latest().saturating_add(rotate.grace);
            let grace_expires_at = next.previous.as_ref().map(|p| p.grace_expires_at);
            let token = compose(self.prefix(), &next.environment, id, &secret);
            let after = applied(writer.apply_key(id, Some(&before), Some(next), kind)?)?;
            if let Some((request, digest)) = request {
                let row = RequestRow {
                    at: now.clock,
                    digest,
                    key_id: id,
                };
                writer.put_request(&request, row)?;
            }
            Ok(Some(Rotated {
                key: self.shown(writer, id, after, now)?,
                token: Some(token),
                grace_expires_at,
                grace_cut: grace_expires_at.is_some_and(|at| at < wanted),
                replayed: false,
            }))
        })?;
        match made {
            Some(rotated) => Ok(rotated),
            None => {
                let key = self.get(id)?;
                Ok(Rotated {
                    grace_expires_at: key.old_secret.map(|old| old.grace_expires_at),
                    key,
                    token: None,
                    grace_cut: false,
                    replayed: true,
                })
            }
        }
    }

    /// Ends the grace of a key's old secret now. No error where none runs.
    ///
    /// # Errors
    /// NO_SUCH_KEY, KEY_IS_REVOKED.
    pub fn finish_rotation(&self, id: KeyId) -> Result<KeyInfo, Error> {
        self.change_key(id, |record, now| Ok(record.finish_rotation(id, now)?))
    }

    /// A change that takes something away or gives it back, and so must succeed on a full disk.
    fn change_key(
        &self,
        id: KeyId,
        transition: impl FnOnce(&KeyRecord, Now) -> Result<Option<(KeyRecord, EventKind)>, Error>,
    ) -> Result<KeyInfo, Error> {
        self.change(Room::FromReserve, |writer, now| {
            let before = writer.key(id)?.ok_or_else(|| no_such_key(id))?;
            let after = match transition(&before, now)? {
                Some((next, kind)) => {
                    applied(writer.apply_key(id, Some(&before), Some(next), kind)?)?
                }
                None => before,
            };
            self.shown(writer, id, after, now)
        })
    }

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
            let (changed, unchanged) = self.change(room(ids.len()), |writer, now| {
                let (mut changed, mut unchanged) = (0, 0);
                for id in ids {
                    let Some(before) = writer.key(*id)? else {
                        match selection {
                            Selection::Keys(_) => return Err(no_such_key(*id)),
                            Selection::Filter(_) => continue,
                        }
                    };
                    if let Selection::Filter(filter) = selection
                        && !self.meant_still(writer, filter, &before, now)?
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
        &self,
        writer: &Writer<'_>,
        filter: &Filter,
        record: &KeyRecord,
        now: Now,
    ) -> Result<bool, Error> {
        let project_id: Option<ProjectId> = match &filter.project {
            None => None,
            Some(name) => match writer.project_named(name)? {
                Some((id, _)) => Some(id),
                None => return Ok(false),
            },
        };
        let project = project_of(writer, record)?;
        Ok(self.still_matches(filter, record, project.as_ref(), project_id, now))
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
                .try_for_each(|batch| each(batch, outcome)),
            Selection::Filter(filter) => {
                let mut after = None;
                loop {
                    let (ids, next) = self.select(filter, after, limits::BATCH)?;
                    each(&ids, outcome)?;
                    match next {
                        None => return Ok(()),
                        next => after = next,
                    }
                }
            }
        }
    }

    /// Removes revoked and expired keys from the listing, deleted projects that have no keys any
    /// more, and tombstones that no restore can need. Of each revoked key that has not reached its
    /// expiry a tombstone stays, so that no restore or import brings it back.
    ///
    /// # Errors
    /// What the store says; what was pruned before it stays pruned.
    pub fn prune(&self, prune: &Prune) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        let mut after = None;
        loop {
            let batch = self.read(|reader| reader.keys(after, false, limits::BATCH))?;
            let mark = self.read(|reader| reader.state())?;
            let now = self.inner.now(&mark);
            let ids: Vec<KeyId> = batch
                .iter()
                .filter(|(_, record)| prunable(record, prune, now))
                .map(|(id, _)| *id)
                .collect();
            pruned.keys += self.prune_keys(&ids, prune)?;
            after = batch.last().map(|(id, _)| *id);
            if batch.len() < limits::BATCH {
                break;
            }
        }
        self.prune_rest(&mut pruned)?;
        Ok(pruned)
    }

    fn prune_keys(&self, ids: &[KeyId], prune: &Prune) -> Result<u64, Error> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.change(Room::FromReserve, |writer, now| {
            let mut count = 0;
            for id in ids {
                let Some(before) = writer.key(*id)? else {
                    continue;
                };
                if !prunable(&before, prune, now) {
                    continue;
                }
                writer.apply_key(*id, Some(&before), None, EventKind::KeyPruned)?;
                if before.revocation.is_some() && !before.is_expired(now) {
                    let sequence = writer.state().sequence;
                    let expires_at = before.expires_at;
                    writer.put_tombstone(
                        *id,
                        Some(Tombstone {
                            sequence,
                            expires_at,
                        }),
                    )?;
                }
                count += 1;
            }
            Ok(count)
        })
    }

    fn prune_rest(&self, pruned: &mut Pruned) -> Result<(), Error> {
        use crate::disk::schema::Sealed;
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
            let Some(record) = deleted.filter(|record| record.deleted_at.is_some()) else {
                continue;
            };
            let gone = self.change(Room::FromReserve, |writer, _| {
                prune_project(writer, id, &record)
            })?;
            pruned.projects += u64::from(gone);
        }
        let tombstones = all(Sealed::Tombstones)?;
        for batch in tombstones.chunks(limits::BATCH) {
            pruned.tombstones += self.change(Room::FromReserve, |writer, now| {
                let mut count = 0;
                for key in batch {
                    let id = KeyId::from_bytes(*key);
                    let over = writer
                        .tombstone(id)?
                        .is_some_and(|t| t.expires_at.is_some_and(|at| now.latest() >= at));
                    if over {
                        writer.put_tombstone(id, None)?;
                        count += 1;
                    }
                }
                Ok(count)
            })?;
        }
        Ok(())
    }

    /// The policy of the store.
    ///
    /// # Errors
    /// What the store says.
    pub fn policy(&self) -> Result<Policy, Error> {
        Ok(self.read(|reader| reader.state())?.policy)
    }

    /// Changes the policy of the store, for keys that are created or changed from now on.
    ///
    /// # Errors
    /// Misuse where a lifetime is not positive, or the default is beyond the longest.
    pub fn set_policy(&self, policy: Policy) -> Result<(), Error> {
        policy.check()?;
        self.change(Room::Bytes(ONE_CHANGE), |writer, _| {
            if writer.state().policy != policy {
                writer.apply_state(EventKind::PolicyChanged, |state| state.policy = policy)?;
            }
            Ok(())
        })
    }

    /// Sets the mark of the latest time to what the clock shows, after a clock that was wrong
    /// moved it ahead.
    ///
    /// # Errors
    /// What the store says.
    pub fn reset_clock(&self) -> Result<(), Error> {
        self.change(Room::FromReserve, |writer, now| {
            let kind = EventKind::ClockReset {
                from: now.mark,
                to: now.clock,
            };
            writer.apply_state(kind, |state| state.mark = now.clock)?;
            Ok(())
        })
    }
}

enum Made {
    Now(Box<KeyInfo>, Token),
    Before(KeyId),
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

/// What a batch of creations writes at the most, in bytes.
pub(crate) fn bulk_bytes(keys: usize) -> u64 {
    const PER_KEY: u64 = 2 * 1024;
    ONE_CHANGE + PER_KEY * keys as u64
}

fn project_of(
    writer: &Writer<'_>,
    record: &KeyRecord,
) -> Result<Option<crate::project::ProjectRecord>, Error> {
    match record.project {
        None => Ok(None),
        Some(id) => match writer.project(id)? {
            Some(project) => Ok(Some(project)),
            None => Err(StoreError::Corrupted(format!("project {id} of a key is missing")).into()),
        },
    }
}

/// Whether a key is one of those that the policy counts.
fn counts(record: &KeyRecord, now: Now) -> bool {
    record.revocation.is_none() && !record.is_expired(now)
}

/// Refuses one more key of an owner who has as many as the policy admits.
fn check_most_keys(
    writer: &Writer<'_>,
    owner: Option<&str>,
    policy: &Policy,
    now: Now,
) -> Result<(), Error> {
    if let (Some(owner), Some(most)) = (owner, policy.most_keys_per_owner)
        && writer.count_keys_of_owner(owner, most, |record| counts(record, now))? >= most
    {
        return Err(Refused::TooManyKeys {
            owner: owner.to_owned(),
            most,
        }
        .into());
    }
    Ok(())
}

/// What an update makes of a key, held against its project and the policy; none where nothing
/// changes.
fn updated(
    writer: &Writer<'_>,
    id: KeyId,
    before: &KeyRecord,
    update: &KeyUpdate,
    now: Now,
) -> Result<Option<(KeyRecord, EventKind)>, Error> {
    let policy = writer.state().policy;
    let Some((next, kind)) = before.update(id, update, &policy, now.clock)? else {
        return Ok(None);
    };
    if next.scopes != before.scopes
        && let Some(project) = project_of(writer, &next)?
    {
        project.check_allows(&next.scopes)?;
    }
    // Given to another owner, or brought back to life, it is one more of theirs.
    if counts(&next, now) && (next.owner != before.owner || !counts(before, now)) {
        check_most_keys(writer, next.owner.as_deref(), &policy, now)?;
    }
    Ok(Some((next, kind)))
}

/// Looks up what a creation names, and holds it against project and policy.
pub(crate) fn resolve(
    writer: &Writer<'_>,
    new: &NewKey,
    policy: &Policy,
    now: Now,
) -> Result<Resolved, Error> {
    let (project, project_owner) = match &new.project {
        None => (None, None),
        Some(name) => {
            let (id, record) = writer
                .project_named(name)?
                .ok_or_else(|| Refused::NoSuchProject(name.clone()))?;
            if !record.enabled {
                return Err(Refused::ProjectIsDisabled(name.clone()).into());
            }
            record.check_allows(&new.scopes)?;
            (Some(id), record.owner)
        }
    };
    let owner = new.owner.clone().or(project_owner);
    let expires_at = new.expires.resolve(policy, now.clock)?;
    policy.judge_expiry(expires_at, now.clock)?;
    check_most_keys(writer, owner.as_deref(), policy, now)?;
    Ok(Resolved {
        project,
        owner,
        expires_at,
    })
}

/// What a creation by a key becomes: what it does not name is the creating key's, and nothing goes
/// beyond it.
fn within(writer: &Writer<'_>, now: Now, parent: &Verified, new: &NewKey) -> Result<NewKey, Error> {
    let record = writer.key(parent.key_id())?.ok_or(Denied::NotFound)?;
    let project = project_of(writer, &record)?;
    match crate::decision::effective_state(&record, project.as_ref(), now) {
        KeyState::Revoked => return Err(Denied::Revoked.into()),
        KeyState::Disabled => return Err(Denied::Disabled.into()),
        KeyState::NotYetValid => return Err(Denied::NotYetValid.into()),
        KeyState::Expired => return Err(Denied::Expired.into()),
        KeyState::Active => {}
    }
    // The secret itself must be good still: a rotation or a finish may have ended it meanwhile.
    let ends_at = if parent.generation() == record.current.generation {
        record.expires_at
    } else {
        match &record.previous {
            Some(old) if old.slot.generation == parent.generation() => Some(old.grace_expires_at),
            _ => return Err(Denied::NotFound.into()),
        }
    };
    if ends_at.is_some_and(|at| now.latest() >= at) {
        return Err(Denied::Expired.into());
    }
    let granted = match &project {
        None => record.scopes.clone(),
        Some(project) => record.scopes.narrowed_by(&project.scopes),
    };
    if let Some(scope) = new.scopes.first_beyond(&granted) {
        let whose = "the creating key";
        return Err(Refused::ScopeNotAllowed {
            scope: scope.to_string(),
            whose,
        }
        .into());
    }
    let mut new = new.clone();
    let own_project = project.as_ref().map(|project| project.name.clone());
    match (&new.project, own_project) {
        (None, own) => new.project = own,
        (Some(asked), Some(own)) if *asked == own => {}
        (Some(_), Some(_)) => {
            return Err(Refused::BeyondParent("a key of another project").into());
        }
        (Some(asked), None) => {
            // A key without a project is good in every project, but not in one of another owner.
            let (_, target) = writer
                .project_named(asked)?
                .ok_or_else(|| Refused::NoSuchProject(asked.clone()))?;
            if target.owner.is_some() && target.owner != record.owner {
                return Err(Refused::BeyondParent("a key of another owner's project").into());
            }
        }
    }
    // A creation without an owner is given that of the project, which the creating key may lack.
    if new.owner.is_none()
        && record.owner.is_none()
        && let Some(name) = &new.project
        && let Some((_, target)) = writer.project_named(name)?
        && target.owner.is_some()
    {
        return Err(Refused::BeyondParent("the owner of its project").into());
    }
    if new.owner.is_none() {
        new.owner.clone_from(&record.owner);
    }
    if new.owner != record.owner {
        return Err(Refused::BeyondParent("a key of another owner").into());
    }
    if new.environment != record.environment {
        return Err(Refused::BeyondParent("a key of another environment").into());
    }
    // An old secret in its grace gives away no more time than it has.
    if let Some(end) = ends_at {
        let policy = writer.state().policy;
        match new.expires.resolve(&policy, now.clock)? {
            Some(at) if at <= end => {}
            // Not named: the policy's lifetime, as far as the creating key's own goes.
            _ if new.expires == Expiry::Default => new.expires = Expiry::At(end),
            _ => return Err(Refused::BeyondParent("an expiry after its own").into()),
        }
    }
    if !record.ip_list.is_empty() {
        let inside = |range: &ipnet::IpNet| record.ip_list.iter().any(|own| own.contains(range));
        if new.ip_list.is_empty() {
            new.ip_list.clone_from(&record.ip_list);
        } else if !new.ip_list.iter().all(inside) {
            return Err(Refused::BeyondParent("addresses beyond its own").into());
        }
    }
    Ok(new)
}

//! The verbs of one key that exists. Each reads the current record inside the transaction, asks a
//! pure transition for the next one, and hands it to the writer; `docs/lifecycle.md` has the table
//! of what each does in each state.

use serde::Serialize;

use crate::commit::{ONE_CHANGE, Room};
use crate::create::{OwnersKeys, Request, counts, request_digest, request_key};
use crate::digest::Digest;
use crate::disk::schema::RequestRow;
use crate::disk::write::Writer;
use crate::error::{Denied, Error, Misuse, Refused, StoreError};
use crate::event::{EventKind, Reason};
use crate::id::KeyId;
use crate::key::{KeyRecord, KeyUpdate, MatchedSecret, StoredSecret, check_text};
use crate::key_info::KeyInfo;
use crate::limits;
use crate::project::ProjectRecord;
use crate::secret::{Secret, Token};
use crate::store::Store;
use crate::time::{Now, Timestamp};
use crate::token::compose;

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

    pub(crate) fn check(&self) -> Result<(), Misuse> {
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
    /// expiry. 0 ends the secret that is replaced now. While a grace runs this says nothing: the
    /// newest secret is the one that ends, and the old one keeps its deadline.
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

impl Store {
    /// Changes what an update names of a key.
    ///
    /// # Errors
    /// NO_SUCH_KEY, KEY_IS_REVOKED; SCOPE_NOT_ALLOWED where the project does not admit the scopes;
    /// POLICY_REFUSED; `CLOCK_IS_BEHIND` where the new expiry has passed by the store's mark; misuse
    /// where a field is not of its form.
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
    /// grace, ends itself, unless `whole_key` asks for all of it. A string that was imported under
    /// two formats ends both keys; the answer is the first that it ended.
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
        let found: Vec<_> = found
            .into_iter()
            .map(|found| {
                let current = found.record.current.secret;
                let presented = match (found.matched, found.record.previous) {
                    (MatchedSecret::Previous, Some(previous)) => previous.slot.secret,
                    _ => current,
                };
                (found.key_id, presented)
            })
            .collect();
        self.change(Room::FromReserve, |writer, now| {
            let mut ended = None;
            for (id, presented) in &found {
                let Some(before) = writer.key(*id)? else {
                    continue;
                };
                let note = revoke.note.as_deref();
                let next = before.matching(presented).and_then(|matched| {
                    before
                        .revoke_by_possession(matched, whole_key, revoke.reason, note, now)
                        .ok()
                });
                // One that it opens no longer, while it still opens another.
                let Some((next, kind)) = next else { continue };
                let after = applied(writer.apply_key(*id, Some(&before), Some(next), kind)?)?;
                ended.get_or_insert((*id, after));
            }
            let (id, after) = ended.ok_or(Denied::NotFound)?;
            self.shown(writer, id, after, now)
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
        if let Some(id) = &rotate.request_id {
            check_text("request id (bytes)", id, 1, limits::REQUEST_ID_BYTES)?;
        }
        self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            let request = match &rotate.request_id {
                None => None,
                Some(request_id) => {
                    let digest = request_digest(b"rotate", &(id, rotate))?;
                    match self.look_up_request(writer, request_id, digest, now)? {
                        Request::Made(id) => {
                            let key = self.made_before(writer, id, now)?;
                            return Ok(Rotated {
                                grace_expires_at: key.old_secret.map(|old| old.grace_expires_at),
                                key,
                                token: None,
                                grace_cut: false,
                                replayed: true,
                            });
                        }
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
            Ok(Rotated {
                key: self.shown(writer, id, after, now)?,
                token: Some(token),
                grace_expires_at,
                grace_cut: grace_expires_at.is_some_and(|at| at < wanted),
                replayed: false,
            })
        })
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
        transition: impl Fn(&KeyRecord, Now) -> Result<Option<(KeyRecord, EventKind)>, Error>,
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

    /// What a change answers of a key, read inside its transaction: after the commit nothing may
    /// fail any more.
    pub(crate) fn shown(
        &self,
        writer: &Writer<'_>,
        id: KeyId,
        record: KeyRecord,
        now: Now,
    ) -> Result<KeyInfo, Error> {
        let project = project_of(writer, &record)?;
        let uses = self.uses(id, &record, |generation| writer.usage(id, generation))?;
        let prefix = self.prefix();
        Ok(KeyInfo::of(id, record, project.as_ref(), prefix, uses, now))
    }
}

pub(crate) fn no_such_key(id: KeyId) -> Error {
    Refused::NoSuchKey(id.to_string()).into()
}

pub(crate) fn applied(record: Option<KeyRecord>) -> Result<KeyRecord, Error> {
    record.ok_or_else(|| StoreError::Internal("a key vanished".into()).into())
}

pub(crate) fn project_of(
    writer: &Writer<'_>,
    record: &KeyRecord,
) -> Result<Option<ProjectRecord>, Error> {
    match record.project {
        None => Ok(None),
        Some(id) => match writer.project(id)? {
            Some(project) => Ok(Some(project)),
            None => Err(StoreError::Corrupted(format!("project {id} of a key is missing")).into()),
        },
    }
}

/// What an update makes of a key, held against its project and the policy; none where nothing
/// changes.
pub(crate) fn updated(
    writer: &Writer<'_>,
    id: KeyId,
    before: &KeyRecord,
    update: &KeyUpdate,
    now: Now,
) -> Result<Option<(KeyRecord, EventKind)>, Error> {
    let policy = writer.state().policy;
    let Some((next, kind)) = before.update(id, update, &policy, now)? else {
        return Ok(None);
    };
    if next.scopes != before.scopes
        && let Some(project) = project_of(writer, &next)?
    {
        project.check_allows(&next.scopes)?;
    }
    // Given to another owner, or brought back to life, it is one more of theirs.
    let one_more = policy.most_keys_per_owner.is_some()
        && counts(writer, &next, now)?
        && (next.owner != before.owner || !counts(writer, before, now)?);
    if one_more {
        let owner = next.owner.as_deref();
        OwnersKeys::default().one_more(writer, owner, &policy, now)?;
    }
    Ok(Some((next, kind)))
}

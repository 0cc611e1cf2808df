//! Creating keys: one, many, or by another key, with requests that can be repeated.

use std::collections::HashMap;

use serde::Serialize;

use crate::commit::{ONE_CHANGE, Room, bulk_bytes};
use crate::decision::{Verified, effective_state};
use crate::digest::{Digest, sha256};
use crate::disk::codec::encode_plain;
use crate::disk::schema::RequestRow;
use crate::disk::write::Writer;
use crate::error::{Denied, Error, Refused, StoreError};
use crate::event::EventKind;
use crate::id::{KeyId, ProjectId};
use crate::key::{Expiry, KeyRecord, KeyState, NewKey, Resolved, StoredSecret};
use crate::key_info::KeyInfo;
use crate::lifecycle::{applied, no_such_key, project_of};
use crate::limits;
use crate::policy::Policy;
use crate::project::ProjectRecord;
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

/// How far a bulk creation got.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BulkCreated {
    /// What was created, in the order of the requests: the first so many of them.
    pub done: Vec<Created>,
    /// Why it stopped before the end; none where it reached it.
    pub stopped: Option<Error>,
}

/// What is known of a request id.
pub(crate) enum Request {
    New,
    Made(KeyId),
}

/// What a request id is remembered by: who, and which id.
pub(crate) fn request_key(actor: &str, request_id: &str) -> [u8; 32] {
    sha256(&[
        b"keyfob/request/1/",
        actor.as_bytes(),
        b"\0",
        request_id.as_bytes(),
    ])
}

pub(crate) fn request_digest<T: Serialize>(
    verb: &[u8],
    request: &T,
) -> Result<[u8; 32], StoreError> {
    Ok(sha256(&[
        b"keyfob/request/body/1/",
        verb,
        b"/",
        &encode_plain(request)?,
    ]))
}

impl Store {
    /// Creates a key. The token in the answer cannot be had again.
    ///
    /// # Errors
    /// Misuse where a field is not of its form or past its bound, or the expiry does not lie ahead;
    /// NO_SUCH_PROJECT, PROJECT_IS_DISABLED, SCOPE_NOT_ALLOWED where the project does not admit it;
    /// POLICY_REFUSED, TOO_MANY_KEYS where the policy does not; `CLOCK_IS_BEHIND` where the key would
    /// be expired from the start; REQUEST_ID_REUSED.
    pub fn create(&self, new: &NewKey) -> Result<Created, Error> {
        KeyRecord::check_new(new)?;
        self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            let id = KeyId::generate(self.inner()?.clock.now_ms())?;
            let owners = &mut OwnersKeys::default();
            self.create_in(writer, now, new, id, None, owners)
        })
    }

    /// Lets a key make another one of at most its own scopes, project, owner, environment and
    /// expiry. Project, owner, expiry and IP list are the creating key's where they are not named;
    /// the environment must be named where it is not `live`. The creating key is judged anew,
    /// inside the transaction, so that one that was revoked meanwhile makes nothing, and is told
    /// nothing of what a request id of its own made before.
    ///
    /// # Errors
    /// As [`Store::create`]; a denial where the creating key is no longer good; SCOPE_NOT_ALLOWED,
    /// BEYOND_PARENT where it may not give that away.
    pub fn create_within(&self, parent: &Verified, new: &NewKey) -> Result<Created, Error> {
        KeyRecord::check_new(new)?;
        self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            let id = KeyId::generate(self.inner()?.clock.now_ms())?;
            self.create_in(
                writer,
                now,
                new,
                id,
                Some(parent),
                &mut OwnersKeys::default(),
            )
        })
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
        let now_ms = self.inner()?.clock.now_ms();
        // In the order of the ids, which is that of the table: an insertion at the end of a page
        // costs a tenth of one in the middle.
        let mut ids = batch
            .iter()
            .map(|_| KeyId::generate(now_ms))
            .collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        self.change_alone(Room::Bytes(bulk_bytes(batch.len())), |writer, now| {
            let pairs = batch.iter().zip(ids);
            let mut owners = OwnersKeys::default();
            pairs
                .map(|(new, id)| self.create_in(writer, now, new, id, None, &mut owners))
                .collect()
        })
    }

    /// Creates one key. All that is answered is read here: after the commit nothing may fail, or
    /// the tokens of keys that exist would be lost.
    fn create_in(
        &self,
        writer: &mut Writer<'_>,
        now: Now,
        asked: &NewKey,
        id: KeyId,
        parent: Option<&Verified>,
        owners: &mut OwnersKeys,
    ) -> Result<Created, Error> {
        let within_key = parent.map(Verified::key_id);
        let parent = parent
            .map(|parent| Parent::judge(writer, now, parent))
            .transpose()?;
        let request = match &asked.request_id {
            None => None,
            Some(request_id) => {
                let digest = request_digest(b"create", &(asked, within_key))?;
                match self.look_up_request(writer, request_id, digest, now)? {
                    Request::Made(id) => {
                        return Ok(Created {
                            key: self.made_before(writer, id, now)?,
                            token: None,
                            replayed: true,
                        });
                    }
                    Request::New => Some((request_key(&self.actor, request_id), digest)),
                }
            }
        };
        let narrowed;
        let new = match parent {
            None => asked,
            Some(parent) => {
                narrowed = parent.narrow(writer, now, asked)?;
                &narrowed
            }
        };
        let policy = writer.state().policy;
        let resolved = resolve(writer, new, &policy, now, owners)?;
        let secret = Secret::generate()?;
        let stored = StoredSecret::Native(Digest::of_secret(secret.characters()));
        let record = KeyRecord::create(new, resolved, stored, now.clock)?;
        if writer.key(id)?.is_some() || writer.tombstone(id)?.is_some() {
            return Err(StoreError::Internal("a fresh key id is taken".into()).into());
        }
        let kind = EventKind::KeyCreated {
            key: record.terms(),
            within: within_key,
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
        Ok(Created {
            key: self.shown(writer, id, record, now)?,
            token: Some(token),
            replayed: false,
        })
    }

    /// The key that a request id made before.
    pub(crate) fn made_before(
        &self,
        writer: &Writer<'_>,
        id: KeyId,
        now: Now,
    ) -> Result<KeyInfo, Error> {
        let record = writer.key(id)?.ok_or_else(|| no_such_key(id))?;
        self.shown(writer, id, record, now)
    }

    pub(crate) fn look_up_request(
        &self,
        writer: &Writer<'_>,
        request_id: &str,
        digest: [u8; 32],
        now: Now,
    ) -> Result<Request, Error> {
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
}

/// Whether a key is one of those that the policy counts: it is neither revoked, by itself or with
/// its project, nor expired.
pub(crate) fn counts(writer: &Writer<'_>, record: &KeyRecord, now: Now) -> Result<bool, Error> {
    if record.revocation.is_some() || record.is_expired(now) {
        return Ok(false);
    }
    let project = project_of(writer, record)?;
    Ok(project.is_none_or(|project| project.deleted_at.is_none()))
}

/// How many keys count of the owners that one transaction met. Each is counted once: a batch is
/// often all of one owner, and counting looks at each of the owner's keys.
#[derive(Default)]
pub(crate) struct OwnersKeys(HashMap<String, u64>);

impl OwnersKeys {
    /// Counts one more key of an owner, unless the policy admits no more.
    pub(crate) fn one_more(
        &mut self,
        writer: &Writer<'_>,
        owner: Option<&str>,
        policy: &Policy,
        now: Now,
    ) -> Result<(), Error> {
        let (Some(owner), Some(most)) = (owner, policy.most_keys_per_owner) else {
            return Ok(());
        };
        let count = match self.0.get(owner) {
            Some(count) => *count,
            None => count_keys(writer, owner, most, now)?,
        };
        if count >= most {
            let owner = owner.to_owned();
            return Err(Refused::TooManyKeys { owner, most }.into());
        }
        self.0.insert(owner.to_owned(), count + 1);
        Ok(())
    }
}

/// How many of an owner's keys count, up to a most.
fn count_keys(writer: &Writer<'_>, owner: &str, most: u64, now: Now) -> Result<u64, Error> {
    let mut deleted: HashMap<ProjectId, bool> = HashMap::new();
    writer.count_keys_of_owner(owner, most, |record| {
        // What the key itself says is looked at first: it costs nothing more to read.
        if record.revocation.is_some() || record.is_expired(now) {
            return Ok(false);
        }
        let Some(id) = record.project else {
            return Ok(true);
        };
        if let Some(deleted) = deleted.get(&id) {
            return Ok(!deleted);
        }
        let good = counts(writer, record, now)?;
        deleted.insert(id, !good);
        Ok(good)
    })
}

/// Looks up what a creation names, and holds it against project and policy.
fn resolve(
    writer: &Writer<'_>,
    new: &NewKey,
    policy: &Policy,
    now: Now,
    owners: &mut OwnersKeys,
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
    policy.judge_expiry(expires_at, now)?;
    owners.one_more(writer, owner.as_deref(), policy, now)?;
    Ok(Resolved {
        project,
        owner,
        expires_at,
    })
}

/// A key that creates another one, as it is now.
struct Parent {
    record: KeyRecord,
    project: Option<ProjectRecord>,
    /// When the secret ends that it was verified by.
    ends_at: Option<Timestamp>,
}

impl Parent {
    /// Judges the creating key anew: it may have been revoked since it was verified.
    fn judge(writer: &Writer<'_>, now: Now, parent: &Verified) -> Result<Self, Error> {
        let record = writer.key(parent.key_id())?.ok_or(Denied::NotFound)?;
        let project = project_of(writer, &record)?;
        // A rotation or a finish may have ended the secret meanwhile. That is judged first, as in a
        // verification: whose secret is none of the key's is not told what became of the key.
        let ends_at = if parent.generation() == record.current.generation {
            record.expires_at
        } else {
            match &record.previous {
                Some(old) if old.slot.generation == parent.generation() => {
                    Some(old.grace_expires_at)
                }
                _ => return Err(Denied::NotFound.into()),
            }
        };
        match effective_state(&record, project.as_ref(), now) {
            KeyState::Revoked => return Err(Denied::Revoked.into()),
            KeyState::Disabled => return Err(Denied::Disabled.into()),
            KeyState::NotYetValid => return Err(Denied::NotYetValid.into()),
            KeyState::Expired => return Err(Denied::Expired.into()),
            KeyState::Active => {}
        }
        if ends_at.is_some_and(|at| now.latest() >= at) {
            return Err(Denied::Expired.into());
        }
        Ok(Parent {
            record,
            project,
            ends_at,
        })
    }

    /// What a creation by this key becomes: what it does not name is the creating key's, and
    /// nothing goes beyond it.
    fn narrow(&self, writer: &Writer<'_>, now: Now, new: &NewKey) -> Result<NewKey, Error> {
        let Parent {
            record,
            project,
            ends_at,
        } = self;
        let granted = match project {
            None => record.scopes.clone(),
            Some(project) => record.scopes.narrowed_by(&project.scopes),
        };
        if let Some(scope) = new.scopes.first_beyond(&granted) {
            return Err(Refused::scope_not_allowed(scope, "the creating key").into());
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
        if let Some(end) = *ends_at {
            let policy = writer.state().policy;
            match new.expires.resolve(&policy, now.clock)? {
                Some(at) if at <= end => {}
                // Not named: the policy's lifetime, as far as the creating key's own goes.
                _ if new.expires == Expiry::Default => new.expires = Expiry::At(end),
                _ => return Err(Refused::BeyondParent("an expiry after its own").into()),
            }
        }
        if !record.ip_list.is_empty() {
            let inside =
                |range: &ipnet::IpNet| record.ip_list.iter().any(|own| own.contains(range));
            if new.ip_list.is_empty() {
                new.ip_list.clone_from(&record.ip_list);
            } else if !new.ip_list.iter().all(inside) {
                return Err(Refused::BeyondParent("addresses beyond its own").into());
            }
        }
        Ok(new)
    }
}

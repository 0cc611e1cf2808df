//! A key and its transitions: pure functions from a record to the next one with its event, or a
//! refusal. Nothing here reads a clock or a disk; `docs/lifecycle.md` has the table of what each
//! verb does in each state.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Denied, Misuse, Refused};
use crate::event::{EventKind, KeyField, KeyTerms, Reason};
use crate::foreign::ForeignSecret;
use crate::id::{KeyId, ProjectId};
use crate::limits;
use crate::policy::Policy;
use crate::scope::ScopeSet;
use crate::time::{Now, Timestamp};
use crate::token::Environment;

/// What happens to a field in an update: what is not named stays, and clearing is explicit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Change<T> {
    /// The field stays as it is.
    #[default]
    Keep,
    /// The field becomes empty.
    Clear,
    /// The field becomes this.
    Set(T),
}

impl<T: Clone> Change<T> {
    pub(crate) fn apply(&self, field: &mut Option<T>) {
        match self {
            Change::Keep => {}
            Change::Clear => *field = None,
            Change::Set(value) => *field = Some(value.clone()),
        }
    }
}

/// When a key expires, as who creates it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Expiry {
    /// As the store's policy says; without one, never.
    #[default]
    Default,
    /// Never.
    Never,
    /// At this time: the key is good until the second before.
    At(Timestamp),
    /// This many seconds from now.
    In(i64),
}

impl Expiry {
    pub(crate) fn resolve(
        self,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Misuse> {
        let after = |seconds: i64| {
            if seconds <= 0 || seconds > limits::HORIZON_SECONDS {
                return Err(Misuse::InvalidTime {
                    what: "expiry",
                    why: "must lie ahead, by at most 1,000 years",
                });
            }
            Ok(Some(Timestamp::from_unix(
                now.unix().saturating_add(seconds),
            )))
        };
        match self {
            Expiry::Default => policy.default_lifetime.map_or(Ok(None), after),
            Expiry::Never => Ok(None),
            Expiry::In(seconds) => after(seconds),
            Expiry::At(at) => after(at.unix().saturating_sub(now.unix())),
        }
    }
}

/// What a key is made from. Scopes are the only field that an empty value makes useless: a key
/// without scopes verifies only where no scope is required.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct NewKey {
    /// What people call it: 1-200 bytes without control characters; need not be unique.
    pub name: String,
    /// What it may do; at most 64.
    pub scopes: ScopeSet,
    /// The name of the project that it is bound to; fixed at creation.
    pub project: Option<String>,
    /// `live` unless another is named; part of the token, fixed at creation.
    pub environment: Environment,
    /// The caller's own id of whom it belongs to; where none is named, the project's owner.
    pub owner: Option<String>,
    /// When it expires.
    pub expires: Expiry,
    /// From when on it is good, inclusive.
    pub not_before: Option<Timestamp>,
    /// The caller's own pairs: at most 32, 4 KiB together.
    pub metadata: BTreeMap<String, String>,
    /// Labels to list by: at most 16 of 64 bytes.
    pub tags: BTreeSet<String>,
    /// The only addresses that it is good from; empty means any. At most 32 ranges.
    pub ip_list: Vec<IpNet>,
    /// After how many seconds since the last rotation it should be rotated. A reminder that
    /// listings show; it refuses nothing.
    pub rotation_due_after: Option<i64>,
    /// Makes the creation repeatable: within 24 hours the same actor's same request answers what
    /// was made, without the token.
    pub request_id: Option<String>,
}

impl NewKey {
    /// A live key of this name, without scopes, project, owner or expiry.
    pub fn new(name: impl Into<String>) -> Self {
        NewKey {
            name: name.into(),
            scopes: ScopeSet::empty(),
            project: None,
            environment: Environment::live(),
            owner: None,
            expires: Expiry::Default,
            not_before: None,
            metadata: BTreeMap::new(),
            tags: BTreeSet::new(),
            ip_list: Vec::new(),
            rotation_due_after: None,
            request_id: None,
        }
    }
}

/// What is changed of a key; what is not named stays. Prefix, environment and project are fixed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct KeyUpdate {
    /// What people call it; a name cannot be cleared.
    pub name: Option<String>,
    /// What it may do, in place of what it may do now.
    pub scopes: Change<ScopeSet>,
    /// Whom it belongs to.
    pub owner: Change<String>,
    /// When it expires; cleared means never. An expired key may be given a later one.
    pub expires: Change<Expiry>,
    /// From when on it is good.
    pub not_before: Change<Timestamp>,
    /// All of its metadata at once.
    pub metadata: Change<BTreeMap<String, String>>,
    /// Single pairs, after `metadata`: set where there is a value, removed where there is none.
    pub metadata_pairs: BTreeMap<String, Option<String>>,
    /// All of its tags.
    pub tags: Change<BTreeSet<String>>,
    /// All of its IP list; only clearing empties it.
    pub ip_list: Change<Vec<IpNet>>,
    /// After how many seconds since the last rotation it should be rotated.
    pub rotation_due_after: Change<i64>,
}

/// What a key is at a time: the first that applies.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyState {
    /// Taken away for good, or its project was deleted.
    Revoked,
    /// Disabled, or its project is.
    Disabled,
    /// Its not-before lies ahead.
    NotYetValid,
    /// Its expiry has passed.
    Expired,
    /// Good.
    Active,
}

impl KeyState {
    /// Every state.
    pub const ALL: [KeyState; 5] = [
        KeyState::Revoked,
        KeyState::Disabled,
        KeyState::NotYetValid,
        KeyState::Expired,
        KeyState::Active,
    ];

    /// The name, the same in every language: `not_yet_valid`.
    pub const fn name(self) -> &'static str {
        match self {
            KeyState::Revoked => "revoked",
            KeyState::Disabled => "disabled",
            KeyState::NotYetValid => "not_yet_valid",
            KeyState::Expired => "expired",
            KeyState::Active => "active",
        }
    }

    /// The state of a name, if there is one.
    pub fn from_name(name: &str) -> Option<KeyState> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// When and why a key was revoked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// Free text of who revoked it.
    pub note: Option<String>,
}

/// Which of a key's two secrets a token holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MatchedSecret {
    /// The newest.
    Current,
    /// The one before the last rotation, during its grace.
    Previous,
}

/// What is stored instead of a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum StoredSecret {
    Native(Digest),
    Foreign(ForeignSecret),
}

impl StoredSecret {
    /// Whether what was presented has this digest, in constant time.
    fn matches(&self, presented: &StoredSecret) -> bool {
        match (self, presented) {
            (StoredSecret::Native(own), StoredSecret::Native(other)) => own.ct_eq(other),
            (StoredSecret::Foreign(own), StoredSecret::Foreign(other)) => own.matches(other),
            _ => false,
        }
    }
}

impl PartialEq for StoredSecret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other)
    }
}

impl Eq for StoredSecret {}

/// One of a key's secrets. The generation counts its rotations and names its row of usage.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SecretSlot {
    pub(crate) generation: u32,
    pub(crate) secret: StoredSecret,
    pub(crate) created_at: Timestamp,
}

/// The old secret after a rotation, and until when it stays good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PreviousSecret {
    pub(crate) slot: SecretSlot,
    pub(crate) grace_expires_at: Timestamp,
}

/// A key as it is stored; its id is the row's key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    /// The sequence of the last event on it.
    pub(crate) sequence: u64,
    pub(crate) name: String,
    pub(crate) scopes: ScopeSet,
    pub(crate) project: Option<ProjectId>,
    pub(crate) environment: Environment,
    pub(crate) owner: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) ip_list: Vec<IpNet>,
    pub(crate) rotation_due_after: Option<i64>,
    pub(crate) enabled: bool,
    pub(crate) revocation: Option<Revocation>,
    pub(crate) current: SecretSlot,
    pub(crate) previous: Option<PreviousSecret>,
}

/// Refuses text that is too short, too long or holds control characters.
pub(crate) fn check_text(
    what: &'static str,
    text: &str,
    least: usize,
    most: usize,
) -> Result<(), Misuse> {
    if text.len() < least {
        return Err(Misuse::argument(what, "must not be empty"));
    }
    Misuse::check_limit(what, text.len(), most)?;
    if text.chars().any(char::is_control) {
        return Err(Misuse::argument(what, "must not hold control characters"));
    }
    Ok(())
}

/// A set need not have come from a parse: what two sets have in common may be longer than either,
/// and a record with it could not be read again.
pub(crate) fn check_scopes(scopes: &ScopeSet) -> Result<(), Misuse> {
    Misuse::check_limit("number of scopes", scopes.len(), limits::SCOPES)
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), Misuse> {
    Misuse::check_limit("metadata (pairs)", metadata.len(), limits::METADATA_PAIRS)?;
    let mut total = 0;
    for (key, value) in metadata {
        check_text("metadata key (bytes)", key, 1, limits::METADATA_KEY_BYTES)?;
        check_text(
            "metadata value (bytes)",
            value,
            0,
            limits::METADATA_VALUE_BYTES,
        )?;
        total += key.len() + value.len();
    }
    Misuse::check_limit("metadata (bytes together)", total, limits::METADATA_BYTES)
}

fn check_tags(tags: &BTreeSet<String>) -> Result<(), Misuse> {
    Misuse::check_limit("tags", tags.len(), limits::TAGS)?;
    tags.iter()
        .try_for_each(|tag| check_text("tag (bytes)", tag, 1, limits::TAG_BYTES))
}

fn check_period(what: &'static str, seconds: Option<i64>) -> Result<(), Misuse> {
    match seconds {
        Some(seconds) if seconds <= 0 || seconds > limits::HORIZON_SECONDS => {
            Err(Misuse::InvalidTime {
                what,
                why: "must be from 1 second to 1,000 years",
            })
        }
        _ => Ok(()),
    }
}

/// IPv4-mapped IPv6 counts as IPv4, on both sides of the comparison.
fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whether an address is on a list; an empty list admits any, also none at all.
#[inline]
pub(crate) fn admits(list: &[IpNet], address: Option<IpAddr>) -> bool {
    list.is_empty()
        || address
            .map(unmapped)
            .is_some_and(|ip| list.iter().any(|range| range.contains(&ip)))
}

/// A range of IPv4-mapped addresses becomes the IPv4 range that it means.
fn unmapped_range(range: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    if let IpNet::V6(v6) = range
        && v6.prefix_len() >= MAPPED_BITS
        && let IpAddr::V4(v4) = IpAddr::V6(v6.addr()).to_canonical()
        && let Ok(v4) = ipnet::Ipv4Net::new(v4, v6.prefix_len() - MAPPED_BITS)
    {
        return IpNet::V4(v4.trunc());
    }
    range.trunc()
}

fn checked_ip_list(ranges: &[IpNet]) -> Result<Vec<IpNet>, Misuse> {
    Misuse::check_limit("IP list (ranges)", ranges.len(), limits::IP_RANGES)?;
    let mut list: Vec<IpNet> = ranges.iter().copied().map(unmapped_range).collect();
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

/// What a creation adds to what the caller asked for.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) project: Option<ProjectId>,
    pub(crate) owner: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
}

impl KeyRecord {
    /// Refuses a creation that can never be right, before anything is read.
    pub(crate) fn check_new(new: &NewKey) -> Result<(), Misuse> {
        let NewKey {
            name,
            scopes,
            project,
            environment: _,
            owner,
            expires: _,
            not_before: _,
            metadata,
            tags,
            ip_list,
            rotation_due_after,
            request_id,
        } = new;
        check_text("key name (bytes)", name, 1, limits::KEY_NAME_BYTES)?;
        check_scopes(scopes)?;
        if let Some(project) = project {
            crate::project::check_project_name(project)?;
        }
        if let Some(owner) = owner {
            check_text("owner (bytes)", owner, 1, limits::OWNER_BYTES)?;
        }
        check_metadata(metadata)?;
        check_tags(tags)?;
        checked_ip_list(ip_list)?;
        check_period("rotation period", *rotation_due_after)?;
        if let Some(id) = request_id {
            check_text("request id (bytes)", id, 1, limits::REQUEST_ID_BYTES)?;
        }
        Ok(())
    }

    /// The first record of a key.
    pub(crate) fn create(
        new: &NewKey,
        resolved: Resolved,
        secret: StoredSecret,
        now: Timestamp,
    ) -> Result<Self, Misuse> {
        let Resolved {
            project,
            owner,
            expires_at,
        } = resolved;
        check_not_before(new.not_before, now)?;
        check_validity(new.not_before, expires_at)?;
        Ok(KeyRecord {
            sequence: 0,
            name: new.name.clone(),
            scopes: new.scopes.clone(),
            project,
            environment: new.environment,
            owner,
            created_at: now,
            updated_at: now,
            expires_at,
            not_before: new.not_before,
            metadata: new.metadata.clone(),
            tags: new.tags.clone(),
            ip_list: checked_ip_list(&new.ip_list)?,
            rotation_due_after: new.rotation_due_after,
            enabled: true,
            revocation: None,
            current: SecretSlot {
                generation: 1,
                secret,
                created_at: now,
            },
            previous: None,
        })
    }

    /// The state of the key itself; its project is judged beside it.
    pub(crate) fn state(&self, now: Now) -> KeyState {
        if self.revocation.is_some() {
            KeyState::Revoked
        } else if !self.enabled {
            KeyState::Disabled
        } else if self.not_before.is_some_and(|at| now.clock < at) {
            KeyState::NotYetValid
        } else if self.is_expired(now) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }

    /// Whether its expiry has passed, by the later of clock and mark.
    pub(crate) fn is_expired(&self, now: Now) -> bool {
        self.expires_at.is_some_and(|at| now.latest() >= at)
    }

    /// The old secret, while its grace runs.
    pub(crate) fn running_grace(&self, now: Now) -> Option<&PreviousSecret> {
        self.previous
            .as_ref()
            .filter(|previous| now.latest() < previous.grace_expires_at)
    }

    /// Which of its secrets was presented. Both are compared whichever matches, so that the time
    /// tells nothing.
    pub(crate) fn matching(&self, presented: &StoredSecret) -> Option<MatchedSecret> {
        let current = self.current.secret.matches(presented);
        let previous = self
            .previous
            .as_ref()
            .is_some_and(|previous| previous.slot.secret.matches(presented));
        if current {
            Some(MatchedSecret::Current)
        } else if previous {
            Some(MatchedSecret::Previous)
        } else {
            None
        }
    }

    /// The generation of the secret that matched.
    pub(crate) fn generation(&self, matched: MatchedSecret) -> u32 {
        match (matched, &self.previous) {
            (MatchedSecret::Previous, Some(previous)) => previous.slot.generation,
            _ => self.current.generation,
        }
    }

    /// Changes what an update names; none where nothing changes. A revoked key is refused.
    pub(crate) fn update(
        &self,
        id: KeyId,
        update: &KeyUpdate,
        policy: &Policy,
        now: Now,
    ) -> Result<Option<(Self, EventKind)>, crate::error::Error> {
        if self.revocation.is_some() {
            return Err(Refused::KeyIsRevoked(id).into());
        }
        let KeyUpdate {
            name,
            scopes,
            owner,
            expires,
            not_before,
            metadata,
            metadata_pairs,
            tags,
            ip_list,
            rotation_due_after,
        } = update;
        let mut next = self.clone();
        if let Some(name) = name {
            check_text("key name (bytes)", name, 1, limits::KEY_NAME_BYTES)?;
            next.name.clone_from(name);
        }
        match scopes {
            Change::Keep => {}
            Change::Clear => next.scopes = ScopeSet::empty(),
            Change::Set(scopes) => {
                check_scopes(scopes)?;
                next.scopes = scopes.clone();
            }
        }
        if let Change::Set(owner) = owner {
            check_text("owner (bytes)", owner, 1, limits::OWNER_BYTES)?;
        }
        owner.apply(&mut next.owner);
        match expires {
            Change::Keep => {}
            Change::Clear => next.expires_at = None,
            Change::Set(expiry) => next.expires_at = expiry.resolve(policy, now.clock)?,
        }
        if next.expires_at != self.expires_at {
            policy.judge_expiry(next.expires_at, now)?;
        }
        not_before.apply(&mut next.not_before);
        match metadata {
            Change::Keep => {}
            Change::Clear => next.metadata.clear(),
            Change::Set(metadata) => next.metadata.clone_from(metadata),
        }
        for (key, value) in metadata_pairs {
            match value {
                Some(value) => next.metadata.insert(key.clone(), value.clone()),
                None => next.metadata.remove(key),
            };
        }
        check_metadata(&next.metadata)?;
        match tags {
            Change::Keep => {}
            Change::Clear => next.tags.clear(),
            Change::Set(tags) => next.tags.clone_from(tags),
        }
        check_tags(&next.tags)?;
        match ip_list {
            Change::Keep => {}
            Change::Clear => next.ip_list.clear(),
            Change::Set(ranges) if ranges.is_empty() => {
                return Err(Misuse::argument(
                    "IP list",
                    "an empty list would admit every address; clear it explicitly",
                )
                .into());
            }
            Change::Set(ranges) => next.ip_list = checked_ip_list(ranges)?,
        }
        rotation_due_after.apply(&mut next.rotation_due_after);
        check_period("rotation period", next.rotation_due_after)?;
        if next.not_before != self.not_before {
            check_not_before(next.not_before, now.clock)?;
        }
        check_validity(next.not_before, next.expires_at)?;
        next.cut_grace();

        let changed = self.changed(&next);
        if changed.is_empty() {
            return Ok(None);
        }
        next.updated_at = now.clock;
        Ok(Some((next, EventKind::KeyUpdated { changed })))
    }

    /// The fields in which an updated record differs, as its event tells them.
    fn changed(&self, next: &Self) -> Vec<KeyField> {
        let fields = [
            (next.name != self.name).then(|| KeyField::Name(next.name.clone())),
            (next.scopes != self.scopes).then(|| KeyField::Scopes(next.scopes.clone())),
            (next.owner != self.owner).then(|| KeyField::Owner(next.owner.clone())),
            (next.expires_at != self.expires_at).then_some(KeyField::ExpiresAt(next.expires_at)),
            (next.not_before != self.not_before).then_some(KeyField::NotBefore(next.not_before)),
            (next.metadata != self.metadata).then_some(KeyField::Metadata),
            (next.tags != self.tags).then_some(KeyField::Tags),
            (next.ip_list != self.ip_list).then(|| KeyField::IpList(next.ip_list.clone())),
            (next.rotation_due_after != self.rotation_due_after)
                .then_some(KeyField::RotationDueAfter(next.rotation_due_after)),
        ];
        fields.into_iter().flatten().collect()
    }

    /// What the event of its creation says of it.
    pub(crate) fn terms(&self) -> Box<KeyTerms> {
        Box::new(KeyTerms {
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            project: self.project,
            environment: self.environment,
            owner: self.owner.clone(),
            expires_at: self.expires_at,
            not_before: self.not_before,
            ip_list: self.ip_list.clone(),
        })
    }

    /// A grace never runs beyond the key's expiry.
    fn cut_grace(&mut self) {
        if let (Some(previous), Some(expires_at)) = (&mut self.previous, self.expires_at) {
            previous.grace_expires_at = previous.grace_expires_at.min(expires_at);
        }
    }

    /// Disables or enables; none where it is so already. A revoked key is refused.
    pub(crate) fn set_enabled(
        &self,
        id: KeyId,
        enabled: bool,
        now: Timestamp,
    ) -> Result<Option<(Self, EventKind)>, Refused> {
        if self.revocation.is_some() {
            return Err(Refused::KeyIsRevoked(id));
        }
        if self.enabled == enabled {
            return Ok(None);
        }
        let next = KeyRecord {
            enabled,
            updated_at: now,
            ..self.clone()
        };
        let kind = if enabled {
            EventKind::KeyEnabled
        } else {
            EventKind::KeyDisabled
        };
        Ok(Some((next, kind)))
    }

    /// Revokes for good; none where it is revoked already.
    pub(crate) fn revoke(
        &self,
        reason: Reason,
        note: Option<&str>,
        now: Timestamp,
    ) -> Option<(Self, EventKind)> {
        if self.revocation.is_some() {
            return None;
        }
        let note = note.map(str::to_owned);
        let mut next = self.clone();
        next.revocation = Some(Revocation {
            at: now,
            reason,
            note: note.clone(),
        });
        next.updated_at = now;
        Some((next, EventKind::KeyRevoked { reason, note }))
    }

    /// Revokes on behalf of who presents one of its secrets: the current one ends the key, the old
    /// one ends itself, unless the whole key is asked for.
    pub(crate) fn revoke_by_possession(
        &self,
        matched: MatchedSecret,
        whole_key: bool,
        reason: Reason,
        note: Option<&str>,
        now: Now,
    ) -> Result<(Self, EventKind), Denied> {
        if self.revocation.is_some() {
            return Err(Denied::NotFound);
        }
        match matched {
            MatchedSecret::Previous if self.running_grace(now).is_none() => Err(Denied::NotFound),
            MatchedSecret::Previous if !whole_key => {
                let next = KeyRecord {
                    previous: None,
                    updated_at: now.clock,
                    ..self.clone()
                };
                Ok((next, EventKind::OldSecretRevoked))
            }
            _ => self.revoke(reason, note, now.clock).ok_or(Denied::NotFound),
        }
    }

    /// Gives a new secret under the same id. While a grace runs the newest secret is replaced and
    /// the old one keeps its deadline: the first answer may have been lost while every client
    /// still uses the old.
    pub(crate) fn rotate(
        &self,
        id: KeyId,
        secret: StoredSecret,
        grace: i64,
        now: Now,
    ) -> Result<(Self, EventKind), Refused> {
        if self.revocation.is_some() {
            return Err(Refused::KeyIsRevoked(id));
        }
        if self.is_expired(now) {
            return Err(Refused::KeyIsExpired(id));
        }
        let mut next = self.clone();
        next.previous = match self.running_grace(now) {
            Some(running) => Some(running.clone()),
            None if grace > 0 => Some(PreviousSecret {
                slot: self.current.clone(),
                grace_expires_at: Timestamp::from_unix(
                    now.latest()
                        .unix()
                        .saturating_add(grace.min(limits::GRACE_SECONDS)),
                ),
            }),
            None => None,
        };
        next.cut_grace();
        next.current = SecretSlot {
            generation: self.current.generation.saturating_add(1),
            secret,
            created_at: now.clock,
        };
        next.updated_at = now.clock;
        let kind = EventKind::KeyRotated {
            generation: next.current.generation,
            grace_expires_at: next
                .previous
                .as_ref()
                .map(|previous| previous.grace_expires_at),
        };
        Ok((next, kind))
    }

    /// Ends the grace of the old secret now; none where no grace runs.
    pub(crate) fn finish_rotation(
        &self,
        id: KeyId,
        now: Now,
    ) -> Result<Option<(Self, EventKind)>, Refused> {
        if self.revocation.is_some() {
            return Err(Refused::KeyIsRevoked(id));
        }
        if self.running_grace(now).is_none() {
            return Ok(None);
        }
        let next = KeyRecord {
            previous: None,
            updated_at: now.clock,
            ..self.clone()
        };
        Ok(Some((next, EventKind::RotationFinished)))
    }

    /// When it should be rotated, where a period was set.
    pub(crate) fn rotation_due_at(&self) -> Option<Timestamp> {
        self.rotation_due_after.map(|period| {
            Timestamp::from_unix(self.current.created_at.unix().saturating_add(period))
        })
    }
}

fn check_not_before(not_before: Option<Timestamp>, now: Timestamp) -> Result<(), Misuse> {
    match not_before {
        Some(at) if at.seconds_since(now) > limits::HORIZON_SECONDS => Err(Misuse::InvalidTime {
            what: "not-before",
            why: "must lie ahead by at most 1,000 years",
        }),
        _ => Ok(()),
    }
}

fn check_validity(
    not_before: Option<Timestamp>,
    expires_at: Option<Timestamp>,
) -> Result<(), Misuse> {
    match (not_before, expires_at) {
        (Some(from), Some(until)) if from >= until => Err(Misuse::InvalidTime {
            what: "not-before",
            why: "must lie before the expiry",
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: KeyId = KeyId::from_bytes([9; 16]);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    fn now(seconds: i64) -> Now {
        Now {
            clock: at(seconds),
            mark: at(seconds),
        }
    }

    fn secret(byte: u8) -> StoredSecret {
        StoredSecret::Native(Digest::of_secret(&[byte; 43]))
    }

    fn record(expires_at: Option<i64>) -> KeyRecord {
        let resolved = Resolved {
            project: None,
            owner: None,
            expires_at: expires_at.map(at),
        };
        KeyRecord::create(&NewKey::new("k"), resolved, secret(b'a'), at(1_000)).unwrap()
    }

    #[test]
    fn good_from_not_before_inclusive_to_expiry_exclusive() {
        let mut record = record(Some(2_000));
        record.not_before = Some(at(1_500));
        let states = [1_499, 1_500, 1_999, 2_000].map(|t| record.state(now(t)));
        use KeyState::{Active, Expired, NotYetValid};
        assert_eq!(states, [NotYetValid, Active, Active, Expired]);
    }

    #[test]
    fn a_clock_set_back_revives_nothing_and_admits_nothing_early() {
        let mut record = record(Some(2_000));
        let back = Now {
            clock: at(1_600),
            mark: at(2_500),
        };
        assert_eq!(record.state(back), KeyState::Expired);
        record.not_before = Some(at(1_700));
        assert_eq!(
            record.state(back),
            KeyState::NotYetValid,
            "not-before goes by the clock alone"
        );
    }

    #[test]
    fn the_state_is_the_first_that_applies() {
        let mut record = record(Some(500));
        record.not_before = Some(at(5_000));
        assert_eq!(record.state(now(1_000)), KeyState::NotYetValid);
        record.enabled = false;
        assert_eq!(record.state(now(1_000)), KeyState::Disabled);
        let (record, _) = record.revoke(Reason::KeyCompromise, None, at(1)).unwrap();
        assert_eq!(record.state(now(1_000)), KeyState::Revoked);
    }

    #[test]
    fn rotating_during_a_grace_replaces_the_newest_secret_and_keeps_the_old_ones_deadline() {
        let first = record(None);
        let (second, _) = first.rotate(ID, secret(b'b'), 100, now(1_000)).unwrap();
        let (third, _) = second.rotate(ID, secret(b'c'), 5_000, now(1_050)).unwrap();
        assert_eq!(third.matching(&secret(b'a')), Some(MatchedSecret::Previous));
        assert_eq!(
            third.matching(&secret(b'b')),
            None,
            "the newest was replaced"
        );
        assert_eq!(third.matching(&secret(b'c')), Some(MatchedSecret::Current));
        assert_eq!(third.previous.as_ref().unwrap().grace_expires_at, at(1_100));
        let (fourth, _) = third.rotate(ID, secret(b'd'), 10, now(1_100)).unwrap();
        assert_eq!(fourth.matching(&secret(b'a')), None, "its grace had ended");
        assert_eq!(
            fourth.matching(&secret(b'c')),
            Some(MatchedSecret::Previous)
        );
    }

    #[test]
    fn a_grace_is_at_most_ninety_days_and_never_beyond_the_expiry() {
        let (long, _) = record(None)
            .rotate(ID, secret(b'b'), i64::MAX, now(1_000))
            .unwrap();
        let deadline = long.previous.unwrap().grace_expires_at;
        assert_eq!(deadline, at(1_000 + limits::GRACE_SECONDS));
        let (cut, _) = record(Some(1_500))
            .rotate(ID, secret(b'b'), 9_999, now(1_000))
            .unwrap();
        assert_eq!(cut.previous.unwrap().grace_expires_at, at(1_500));
    }

    #[test]
    fn an_earlier_expiry_cuts_a_running_grace() {
        let (rotated, _) = record(None)
            .rotate(ID, secret(b'b'), 9_000, now(1_000))
            .unwrap();
        let mut update = KeyUpdate::default();
        update.expires = Change::Set(Expiry::At(at(2_000)));
        let (next, _) = rotated
            .update(ID, &update, &Policy::default(), now(1_001))
            .unwrap()
            .unwrap();
        assert_eq!(next.previous.unwrap().grace_expires_at, at(2_000));
    }

    #[test]
    fn a_revoked_key_refuses_every_change_and_an_expired_one_only_rotation() {
        let (revoked, _) = record(None)
            .revoke(Reason::Unspecified, None, at(1))
            .unwrap();
        let update = KeyUpdate {
            name: Some("n".into()),
            ..KeyUpdate::default()
        };
        assert!(
            revoked
                .update(ID, &update, &Policy::default(), now(2))
                .is_err()
        );
        assert!(revoked.set_enabled(ID, false, at(2)).is_err());
        assert!(revoked.rotate(ID, secret(b'b'), 0, now(2)).is_err());
        assert!(revoked.finish_rotation(ID, now(2)).is_err());
        assert_eq!(
            revoked.revoke(Reason::Superseded, None, at(3)),
            None,
            "twice is no error"
        );

        let expired = record(Some(1_001));
        assert_eq!(
            expired.rotate(ID, secret(b'b'), 0, now(1_001)),
            Err(Refused::KeyIsExpired(ID))
        );
        assert!(
            expired
                .update(ID, &update, &Policy::default(), now(2_000))
                .unwrap()
                .is_some()
        );
        assert!(expired.set_enabled(ID, false, at(2_000)).unwrap().is_some());
    }

    #[test]
    fn the_old_secret_ends_itself_and_the_current_one_the_key() {
        let (rotated, _) = record(None)
            .rotate(ID, secret(b'b'), 100, now(1_000))
            .unwrap();
        let by = |which, whole, t| {
            rotated.revoke_by_possession(which, whole, Reason::KeyCompromise, None, now(t))
        };
        let (ended, kind) = by(MatchedSecret::Previous, false, 1_001).unwrap();
        assert!(ended.previous.is_none() && ended.revocation.is_none());
        assert_eq!(kind, EventKind::OldSecretRevoked);
        assert!(
            by(MatchedSecret::Previous, true, 1_001)
                .unwrap()
                .0
                .revocation
                .is_some()
        );
        assert!(
            by(MatchedSecret::Current, false, 1_001)
                .unwrap()
                .0
                .revocation
                .is_some()
        );
        assert_eq!(
            by(MatchedSecret::Previous, false, 1_100),
            Err(Denied::NotFound)
        );
    }

    #[test]
    fn a_mapped_address_counts_as_ipv4_and_an_empty_list_admits_even_none() {
        let mut record = record(None);
        assert!(admits(&record.ip_list, None));
        record.ip_list = checked_ip_list(&["10.0.0.0/8".parse().unwrap()]).unwrap();
        assert!(admits(&record.ip_list, Some("10.1.2.3".parse().unwrap())));
        assert!(admits(
            &record.ip_list,
            Some("::ffff:10.1.2.3".parse().unwrap())
        ));
        assert!(!admits(&record.ip_list, Some("11.0.0.1".parse().unwrap())));
        assert!(
            !admits(&record.ip_list, None),
            "a key with a list is good only where an address is given"
        );
        let mapped = checked_ip_list(&["::ffff:10.0.0.0/104".parse().unwrap()]).unwrap();
        assert_eq!(mapped, record.ip_list);
    }

    #[test]
    fn every_bound_of_a_key_is_accepted_and_one_past_it_is_refused() {
        let ok = |change: &dyn Fn(&mut NewKey)| {
            let mut new = NewKey::new("k");
            change(&mut new);
            KeyRecord::check_new(&new).is_ok()
        };
        let pairs = |n: usize, value: usize| -> BTreeMap<String, String> {
            (0..n)
                .map(|i| (format!("k{i:02}"), "v".repeat(value)))
                .collect()
        };
        assert!(ok(&|new| new.name = "n".repeat(200)));
        assert!(!ok(&|new| new.name = "n".repeat(201)));
        assert!(!ok(&|new| new.name = String::new()));
        assert!(!ok(&|new| new.name = "a\u{7}b".into()));
        assert!(ok(&|new| new.owner = Some("o".repeat(128))));
        assert!(!ok(&|new| new.owner = Some("o".repeat(129))));
        assert!(ok(&|new| new.metadata = pairs(32, 1)));
        assert!(!ok(&|new| new.metadata = pairs(33, 1)));
        assert!(ok(&|new| new.metadata = pairs(1, 512)));
        assert!(!ok(&|new| new.metadata = pairs(1, 513)));
        assert!(
            ok(&|new| new.metadata = pairs(8, 509)),
            "8 * (3 + 509) = 4,096"
        );
        assert!(!ok(&|new| new.metadata = pairs(8, 510)));
        assert!(ok(
            &|new| new.metadata = BTreeMap::from([("k".repeat(64), String::new())])
        ));
        assert!(!ok(
            &|new| new.metadata = BTreeMap::from([("k".repeat(65), String::new())])
        ));
        let tags = |n: usize| (0..n).map(|i| format!("t{i}")).collect::<BTreeSet<_>>();
        assert!(ok(&|new| new.tags = tags(16)));
        assert!(!ok(&|new| new.tags = tags(17)));
        assert!(ok(&|new| new.tags = BTreeSet::from(["t".repeat(64)])));
        assert!(!ok(&|new| new.tags = BTreeSet::from(["t".repeat(65)])));
        let ranges = |n: u8| -> Vec<IpNet> {
            (0..n)
                .map(|i| format!("10.0.{i}.0/24").parse().unwrap())
                .collect()
        };
        assert!(ok(&|new| new.ip_list = ranges(32)));
        assert!(!ok(&|new| new.ip_list = ranges(33)));
        assert!(ok(&|new| new.request_id = Some("r".repeat(64))));
        assert!(!ok(&|new| new.request_id = Some("r".repeat(65))));
        assert!(!ok(&|new| new.rotation_due_after = Some(0)));
    }
}

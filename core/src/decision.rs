//! The decision: whether a token is good for what is required.
//!
//! One list of checks, in the order that is part of the contract; [`decide`] stops at the first
//! that fails and [`explain`] reports them all. [`Verified`] is made of what only [`decide`] gives,
//! so whoever holds one knows that every check ran.

use std::fmt;

use crate::class::{Answers, Class, ClassNumber, ClassRef, Head, Owner, keep};
use crate::error::Denied;
use crate::id::{IdText, KeyId};
use crate::key::{KeyRecord, KeyState, MatchedSecret, admits};
use crate::project::ProjectRecord;
use crate::requirement::{EnvironmentRule, ProjectRule, Request};
use crate::scope::ScopeSet;
use crate::time::{Now, Timestamp};
use crate::token::{Environment, Prefix};

/// A step of a verification. The order is that of the checks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Check {
    /// The token has the shape and the prefix of this store.
    Shape,
    /// The checksum is that of the text before it.
    Checksum,
    /// A key has the id.
    Record,
    /// The secret is one of the key's.
    Digest,
    /// The key is not revoked and its project not deleted.
    Revoked,
    /// The key and its project are enabled.
    Disabled,
    /// The not-before has come.
    NotBefore,
    /// Neither the key nor the grace of the secret has ended.
    Expired,
    /// The environment is the one required.
    Environment,
    /// The owner is the one required.
    Owner,
    /// The project is the one stated.
    Project,
    /// The address is on the key's list.
    Ip,
    /// The scopes grant what is required.
    Scopes,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Check; 13] = [
        Check::Shape,
        Check::Checksum,
        Check::Record,
        Check::Digest,
        Check::Revoked,
        Check::Disabled,
        Check::NotBefore,
        Check::Expired,
        Check::Environment,
        Check::Owner,
        Check::Project,
        Check::Ip,
        Check::Scopes,
    ];

    /// The name, the same in every language: `not_before`.
    pub const fn name(self) -> &'static str {
        match self {
            Check::Shape => "shape",
            Check::Checksum => "checksum",
            Check::Record => "record",
            Check::Digest => "digest",
            Check::Revoked => "revoked",
            Check::Disabled => "disabled",
            Check::NotBefore => "not_before",
            Check::Expired => "expired",
            Check::Environment => "environment",
            Check::Owner => "owner",
            Check::Project => "project",
            Check::Ip => "ip",
            Check::Scopes => "scopes",
        }
    }
}

/// What a verification looks at of a key once a secret of it matched: the record and its project,
/// as far as they matter, from the file or from the cache.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) key_id: IdText,
    /// Of the secret that matched.
    pub(crate) generation: u32,
    pub(crate) matched: MatchedSecret,
    /// Taken away for good, or its project was deleted.
    pub(crate) revoked: bool,
    /// Disabled, or its project is.
    pub(crate) disabled: bool,
    /// When the secret that matched ends, with the key or with its grace; [`NEVER`] where it does
    /// not.
    pub(crate) expires_at: Timestamp,
    /// A longer one is in the class.
    pub(crate) owner: Owner,
    pub(crate) class: ClassRef,
}

/// How facts say that a key never expires, in a word less than an option.
pub(crate) const NEVER: Timestamp = Timestamp::from_unix(i64::MAX);

impl Facts {
    /// The facts of a record; with them the number of their class, unless it is beyond the bound.
    pub(crate) fn of(
        prefix: &Prefix,
        key_id: KeyId,
        record: &KeyRecord,
        project: Option<&ProjectRecord>,
        matched: MatchedSecret,
    ) -> (Self, Option<ClassNumber>) {
        let short = Owner::short(record.owner.as_deref().unwrap_or_default());
        let (owner, long_owner) = match short {
            Some(owner) => (owner, None),
            None => (Owner::default(), record.owner.clone()),
        };
        let grace = match (matched, &record.previous) {
            (MatchedSecret::Previous, Some(previous)) => Some(previous.grace_expires_at),
            _ => None,
        };
        let (class, number) = keep(Class {
            head: Head::new(prefix, &record.environment),
            environment: record.environment,
            scopes: match project {
                None => record.scopes.clone(),
                Some(project) => record.scopes.narrowed_by(&project.scopes),
            },
            project: project.map(|project| project.name.clone()),
            not_before: record.not_before,
            ip_list: record.ip_list.clone(),
            long_owner,
            answers: Answers::default(),
        });
        let facts = Facts {
            key_id: key_id.into(),
            generation: record.generation(matched),
            matched,
            revoked: record.revocation.is_some()
                || project.is_some_and(|project| project.deleted_at.is_some()),
            disabled: !record.enabled || project.is_some_and(|project| !project.enabled),
            expires_at: record
                .expires_at
                .into_iter()
                .chain(grace)
                .min()
                .unwrap_or(NEVER),
            owner,
            class,
        };
        (facts, number)
    }

    fn owner(&self) -> Option<&str> {
        owner_of(&self.class, &self.owner)
    }
}

fn owner_of<'a>(class: &'a Class, owner: &'a Owner) -> Option<&'a str> {
    match &class.long_owner {
        Some(long) => Some(long),
        None => owner.as_str(),
    }
}

/// A token that is good for what was required.
///
/// Only the decision can make one. Name, metadata and tags are read on demand with
/// [`Store::get`](crate::Store::get). A clone copies some 80 bytes.
#[derive(Clone)]
pub struct Verified(Facts);

impl Verified {
    /// What passed every check.
    #[allow(clippy::inline_always)] // written where it is handed out, and nowhere before
    #[inline(always)]
    pub(crate) fn new(facts: Facts, _: Passed) -> Self {
        Verified(facts)
    }

    /// The id of the key.
    pub fn key_id(&self) -> KeyId {
        self.0.key_id.id()
    }

    /// The id of the key as text, which costs less here than as bytes: it is what the token says.
    pub fn key_id_text(&self) -> [u8; KeyId::TEXT_LEN] {
        self.0.key_id.text()
    }

    /// Which of the key's secrets the token holds.
    pub fn matched(&self) -> MatchedSecret {
        self.0.matched
    }

    /// The generation of the secret that matched, which no other secret of the key ever has.
    pub(crate) fn generation(&self) -> u32 {
        self.0.generation
    }

    /// Whom the key belongs to, as who created it said.
    pub fn owner(&self) -> Option<&str> {
        self.0.owner()
    }

    /// The same as bytes, for another language: without the look at them that a `&str` takes.
    pub fn owner_bytes(&self) -> Option<&[u8]> {
        match &self.0.class.long_owner {
            Some(long) => Some(long.as_bytes()),
            None => self.0.owner.as_bytes(),
        }
    }

    /// The name of the project that the key is bound to.
    pub fn project(&self) -> Option<&str> {
        self.0.class.project.as_deref()
    }

    /// The environment of the key.
    pub fn environment(&self) -> &Environment {
        &self.0.class.environment
    }

    /// What the token grants: the key's scopes, as far as its project allows them today.
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.class.scopes
    }

    /// When the token ends: with the key, or with the grace where it is the old secret.
    pub fn expires_at(&self) -> Option<Timestamp> {
        (self.0.expires_at != NEVER).then_some(self.0.expires_at)
    }
}

impl PartialEq for Verified {
    fn eq(&self, other: &Self) -> bool {
        let parts = |v: &Verified| (v.0.key_id, v.generation(), v.expires_at());
        parts(self) == parts(other)
            && self.owner() == other.owner()
            && *self.0.class == *other.0.class
    }
}

impl Eq for Verified {}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("key_id", &self.key_id())
            .field("matched", &self.matched())
            .field("owner", &self.owner())
            .field("project", &self.project())
            .field("environment", &self.environment())
            .field("scopes", &self.scopes())
            .field("expires_at", &self.expires_at())
            .finish()
    }
}

/// The stated project as the store knows it, where a name was stated and the key has no project.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StatedProject<'a> {
    /// No lookup was needed.
    NotNeeded,
    /// There is none of this name.
    Unknown,
    /// Its owner, if it has one.
    Owner(Option<&'a str>),
}

/// What a decision looks at beside the facts of the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) stated: StatedProject<'a>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) now: Now,
}

/// The checks that follow a matching digest, in order.
const ORDER: [Check; 9] = [
    Check::Revoked,
    Check::Disabled,
    Check::NotBefore,
    Check::Expired,
    Check::Environment,
    Check::Owner,
    Check::Project,
    Check::Ip,
    Check::Scopes,
];

/// Whether the project has to be looked up that was stated: a key without one is good in it, but
/// not in one of another owner.
#[inline]
pub(crate) fn asks_for_project(class: &Class, request: &Request<'_>) -> bool {
    matches!(request.project_rule(), ProjectRule::Named(_)) && class.project.is_none()
}

/// The part of the facts that is judged. It is copied, so that a verification from the cache need
/// not put the facts together in memory before it knows that they are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing<'a> {
    pub(crate) revoked: bool,
    pub(crate) disabled: bool,
    pub(crate) expires_at: Timestamp,
    pub(crate) owner: Owner,
    pub(crate) class: &'a Class,
}

impl Facts {
    pub(crate) fn standing(&self) -> Standing<'_> {
        Standing {
            revoked: self.revoked,
            disabled: self.disabled,
            expires_at: self.expires_at,
            owner: self.owner,
            class: &self.class,
        }
    }
}

/// That every check passed. Only the decision makes one.
#[derive(Debug)]
pub(crate) struct Passed(());

impl Standing<'_> {
    #[allow(clippy::inline_always)] // the checks of a verification are one straight line
    #[inline(always)]
    fn judge(self, check: Check, case: Case<'_>) -> Result<(), Denied> {
        let Standing {
            revoked,
            disabled,
            expires_at,
            owner,
            class,
        } = self;
        let Case {
            stated,
            request,
            now,
        } = case;
        let (good, denied) = match check {
            // These were judged before there was a case.
            Check::Shape | Check::Checksum | Check::Record | Check::Digest => return Ok(()),
            Check::Revoked => (!revoked, Denied::Revoked),
            Check::Disabled => (!disabled, Denied::Disabled),
            Check::NotBefore => (
                class.not_before.is_none_or(|at| now.clock >= at),
                Denied::NotYetValid,
            ),
            Check::Expired => (now.latest() < expires_at, Denied::Expired),
            Check::Environment => (
                match &request.requirement.environment {
                    EnvironmentRule::Any => true,
                    EnvironmentRule::Exactly(environment) => *environment == class.environment,
                },
                Denied::WrongEnvironment,
            ),
            Check::Owner => (
                match request.required_owner() {
                    None => true,
                    Some(required) => is_owner(class, owner, required),
                },
                Denied::WrongOwner,
            ),
            Check::Project => {
                return match (request.project_rule(), &class.project) {
                    (ProjectRule::Any, _) | (ProjectRule::NotStated, None) => Ok(()),
                    (rule, _) => judge_project(rule, class, owner, stated),
                };
            }
            Check::Ip => (
                class.ip_list.is_empty() || admits(&class.ip_list, request.address()),
                Denied::IpNotAllowed,
            ),
            Check::Scopes => (
                request.requirement.scopes.are_granted_by(class),
                Denied::InsufficientScope,
            ),
        };
        if good { Ok(()) } else { Err(denied) }
    }
}

// What is asked seldom takes what it needs by value, so that the facts of a verification need not
// be put together in memory for it.

#[inline(never)]
fn is_owner(class: &Class, owner: Owner, required: &str) -> bool {
    owner_of(class, &owner) == Some(required)
}

/// A project token is good only where its project is stated or any will do; a key without a
/// project is good in every project, but not in one of another owner.
#[inline(never)]
fn judge_project(
    rule: ProjectRule<&str>,
    class: &Class,
    owner: Owner,
    stated: StatedProject<'_>,
) -> Result<(), Denied> {
    match (rule, &class.project) {
        (ProjectRule::Any, _) | (ProjectRule::NotStated, None) => Ok(()),
        (ProjectRule::Named(name), Some(project)) if name == project => Ok(()),
        (ProjectRule::NotStated | ProjectRule::Named(_), Some(_)) => Err(Denied::WrongProject),
        (ProjectRule::Named(_), None) => match stated {
            StatedProject::Owner(None) => Ok(()),
            StatedProject::Owner(stated) if stated == owner_of(class, &owner) => Ok(()),
            StatedProject::Owner(_) => Err(Denied::WrongOwner),
            StatedProject::Unknown | StatedProject::NotNeeded => Err(Denied::WrongProject),
        },
    }
}

/// Whether the token is good for what is required: the first check that fails, or the proof.
///
/// The checks are those of [`ORDER`], written out so that they become one straight line.
#[allow(clippy::inline_always)] // see `judge`
#[inline(always)]
pub(crate) fn decide(standing: Standing<'_>, case: Case<'_>) -> Result<Passed, Denied> {
    standing.judge(Check::Revoked, case)?;
    standing.judge(Check::Disabled, case)?;
    standing.judge(Check::NotBefore, case)?;
    standing.judge(Check::Expired, case)?;
    standing.judge(Check::Environment, case)?;
    standing.judge(Check::Owner, case)?;
    standing.judge(Check::Project, case)?;
    standing.judge(Check::Ip, case)?;
    standing.judge(Check::Scopes, case)?;
    Ok(Passed(()))
}

/// Every check with its outcome, also those after the first that fails.
pub(crate) fn explain(standing: Standing<'_>, case: Case<'_>) -> Vec<(Check, Result<(), Denied>)> {
    ORDER
        .iter()
        .map(|check| (*check, standing.judge(*check, case)))
        .collect()
}

/// The state that a listing shows: the key's own, or what its project makes of it.
pub(crate) fn effective_state(
    record: &KeyRecord,
    project: Option<&ProjectRecord>,
    now: Now,
) -> KeyState {
    let own = record.state(now);
    match project {
        Some(project) if project.deleted_at.is_some() => KeyState::Revoked,
        Some(project) if !project.enabled => own.min(KeyState::Disabled),
        _ => own,
    }
}

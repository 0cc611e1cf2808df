//! The decision: whether a token is good for what is required.
//!
//! One list of checks, in the order that is part of the contract; [`decide`] stops at the first
//! that fails and [`explain`] reports them all. [`Verified`] has private fields and no other maker,
//! so whoever holds one knows that every check ran.

use crate::error::Denied;
use crate::id::KeyId;
use crate::key::{KeyRecord, KeyState, MatchedSecret};
use crate::project::ProjectRecord;
use crate::requirement::{EnvironmentRule, ProjectRule, Requirement};
use crate::scope::ScopeSet;
use crate::time::{Now, Timestamp};
use crate::token::Environment;

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

/// A token that is good for what was required.
///
/// Only the decision can make one. Name, metadata and tags are read on demand with
/// [`Store::get`](crate::Store::get).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    key_id: KeyId,
    matched: MatchedSecret,
    generation: u32,
    owner: Option<String>,
    project: Option<String>,
    environment: Environment,
    scopes: ScopeSet,
    expires_at: Option<Timestamp>,
}

impl Verified {
    /// The id of the key.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Which of the key's secrets the token holds.
    pub fn matched(&self) -> MatchedSecret {
        self.matched
    }

    /// The generation of the secret that matched, which no other secret of the key ever has.
    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    /// Whom the key belongs to, as who created it said.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// The name of the project that the key is bound to.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// The environment of the key.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What the token grants: the key's scopes, as far as its project allows them today.
    pub fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }

    /// When the token ends: the key's expiry, or the end of the grace where it is the old secret.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
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

/// All that a decision looks at, once the secret matched.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) key_id: KeyId,
    pub(crate) record: &'a KeyRecord,
    pub(crate) matched: MatchedSecret,
    /// The record of the key's project; none where the key has none.
    pub(crate) project: Option<&'a ProjectRecord>,
    pub(crate) stated: StatedProject<'a>,
    pub(crate) requirement: &'a Requirement,
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

impl Case<'_> {
    /// What the key grants today.
    fn granted(&self) -> ScopeSet {
        match self.project {
            None => self.record.scopes.clone(),
            Some(project) => self.record.scopes.narrowed_by(&project.scopes),
        }
    }

    fn grants(&self, scope: &crate::scope::Scope) -> bool {
        self.record.scopes.grants(scope)
            && self
                .project
                .is_none_or(|project| project.scopes.grants(scope))
    }

    /// Until when the matched secret is good.
    fn ends_at(&self) -> Option<Timestamp> {
        match (self.matched, &self.record.previous) {
            (MatchedSecret::Previous, Some(previous)) => Some(previous.grace_expires_at),
            _ => self.record.expires_at,
        }
    }

    fn judge(&self, check: Check) -> Result<(), Denied> {
        let Case {
            key_id: _,
            record,
            matched: _,
            project,
            stated,
            requirement,
            now,
        } = self;
        let (good, denied) = match check {
            // These were judged before there was a case.
            Check::Shape | Check::Checksum | Check::Record | Check::Digest => return Ok(()),
            Check::Revoked => (
                record.revocation.is_none()
                    && project.is_none_or(|project| project.deleted_at.is_none()),
                Denied::Revoked,
            ),
            Check::Disabled => (
                record.enabled && project.is_none_or(|project| project.enabled),
                Denied::Disabled,
            ),
            Check::NotBefore => (
                record.not_before.is_none_or(|at| now.clock >= at),
                Denied::NotYetValid,
            ),
            Check::Expired => (
                !record.is_expired(*now) && self.ends_at().is_none_or(|at| now.latest() < at),
                Denied::Expired,
            ),
            Check::Environment => (
                match &requirement.environment {
                    EnvironmentRule::Any => true,
                    EnvironmentRule::Exactly(environment) => *environment == record.environment,
                },
                Denied::WrongEnvironment,
            ),
            Check::Owner => (
                requirement.owner.is_none() || requirement.owner == record.owner,
                Denied::WrongOwner,
            ),
            Check::Project => return self.judge_project(*stated),
            Check::Ip => (record.admits(requirement.ip), Denied::IpNotAllowed),
            Check::Scopes => (
                requirement.all.iter().all(|scope| self.grants(scope))
                    && (requirement.any.is_empty()
                        || requirement.any.iter().any(|scope| self.grants(scope))),
                Denied::InsufficientScope,
            ),
        };
        if good { Ok(()) } else { Err(denied) }
    }

    /// A project token is good only where its project is stated or any will do; a key without a
    /// project is good in every project, but not in one of another owner.
    fn judge_project(&self, stated: StatedProject<'_>) -> Result<(), Denied> {
        match (&self.requirement.project, self.project) {
            (ProjectRule::Any, _) | (ProjectRule::NotStated, None) => Ok(()),
            (ProjectRule::Named(name), Some(project)) if *name == project.name => Ok(()),
            (ProjectRule::NotStated | ProjectRule::Named(_), Some(_)) => Err(Denied::WrongProject),
            (ProjectRule::Named(_), None) => match stated {
                StatedProject::Owner(None) => Ok(()),
                StatedProject::Owner(owner) if owner == self.record.owner.as_deref() => Ok(()),
                StatedProject::Owner(_) => Err(Denied::WrongOwner),
                StatedProject::Unknown | StatedProject::NotNeeded => Err(Denied::WrongProject),
            },
        }
    }

    fn verified(&self) -> Verified {
        Verified {
            key_id: self.key_id,
            matched: self.matched,
            generation: self.record.generation(self.matched),
            owner: self.record.owner.clone(),
            project: self.project.map(|project| project.name.clone()),
            environment: self.record.environment.clone(),
            scopes: self.granted(),
            expires_at: self.ends_at(),
        }
    }
}

/// Whether the token is good for what is required: the first check that fails, or the proof.
pub(crate) fn decide(case: &Case<'_>) -> Result<Verified, Denied> {
    ORDER.iter().try_for_each(|check| case.judge(*check))?;
    Ok(case.verified())
}

/// Every check with its outcome, also those after the first that fails.
pub(crate) fn explain(case: &Case<'_>) -> Vec<(Check, Result<(), Denied>)> {
    ORDER
        .iter()
        .map(|check| (*check, case.judge(*check)))
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

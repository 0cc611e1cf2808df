//! What happened: the lines of the store's log.
//!
//! An event names who did what to which key or project, and when, and never holds a secret. Each
//! carries the hash of the one before it, and the sequence of the event before it on the same
//! subject, so that the history of one key is read without reading everybody's.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::id::{KeyId, ProjectId};
use crate::policy::Policy;
use crate::scope::ScopeSet;
use crate::time::Timestamp;
use crate::token::Environment;

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Subject {
    /// The store as a whole.
    Store,
    /// One key.
    Key(KeyId),
    /// One project.
    Project(ProjectId),
}

/// Why a key was revoked: the reasons of RFC 5280, section 5.3.1, that fit an API key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Reason {
    /// No reason was given.
    #[default]
    Unspecified,
    /// The token leaked, or may have.
    KeyCompromise,
    /// The holder's relation to the owner changed.
    AffiliationChanged,
    /// Another key took its place.
    Superseded,
    /// The holder no longer may do what the key allows.
    PrivilegeWithdrawn,
    /// What the key was for has ended.
    CessationOfOperation,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 6] = [
        Reason::Unspecified,
        Reason::KeyCompromise,
        Reason::AffiliationChanged,
        Reason::Superseded,
        Reason::PrivilegeWithdrawn,
        Reason::CessationOfOperation,
    ];

    /// The name, the same in every language: `key_compromise`.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Unspecified => "unspecified",
            Reason::KeyCompromise => "key_compromise",
            Reason::AffiliationChanged => "affiliation_changed",
            Reason::Superseded => "superseded",
            Reason::PrivilegeWithdrawn => "privilege_withdrawn",
            Reason::CessationOfOperation => "cessation_of_operation",
        }
    }

    /// The reason of a name, if there is one.
    pub fn from_name(name: &str) -> Option<Reason> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a key was given when it was created or imported, so that the log tells what it could do
/// also after it was changed or pruned. What grants nothing (metadata, tags, the rotation period)
/// is not in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyTerms {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The project that it is bound to.
    pub project: Option<ProjectId>,
    /// Its environment.
    pub environment: Environment,
    /// Whom it belongs to.
    pub owner: Option<String>,
    /// When it expires; never where there is none.
    pub expires_at: Option<Timestamp>,
    /// From when on it is good.
    pub not_before: Option<Timestamp>,
    /// The only addresses that it is good from; empty means any.
    pub ip_list: Vec<IpNet>,
}

/// A field of a key that an update changed, with its new value; of metadata and tags, which grant
/// nothing and can be long, only that they were changed.
///
/// The order of the variants is part of the file format: new ones go to the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyField {
    /// What people call it.
    Name(String),
    /// What it may do.
    Scopes(ScopeSet),
    /// Whom it belongs to; none after it was cleared.
    Owner(Option<String>),
    /// When it expires; none means never.
    ExpiresAt(Option<Timestamp>),
    /// From when on it is good.
    NotBefore(Option<Timestamp>),
    /// The only addresses that it is good from; empty means any.
    IpList(Vec<IpNet>),
    /// The caller's own pairs.
    Metadata,
    /// Labels.
    Tags,
    /// After how many seconds it should be rotated.
    RotationDueAfter(Option<i64>),
}

impl KeyField {
    /// The name, the same in every language: `expires_at`.
    pub const fn name(&self) -> &'static str {
        match self {
            KeyField::Name(_) => "name",
            KeyField::Scopes(_) => "scopes",
            KeyField::Owner(_) => "owner",
            KeyField::ExpiresAt(_) => "expires_at",
            KeyField::NotBefore(_) => "not_before",
            KeyField::IpList(_) => "ip_list",
            KeyField::Metadata => "metadata",
            KeyField::Tags => "tags",
            KeyField::RotationDueAfter(_) => "rotation_due_after",
        }
    }
}

/// A field of a project that an update changed, with its new value.
///
/// The order of the variants is part of the file format: new ones go to the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ProjectField {
    /// What its tokens may hold at most.
    Scopes(ScopeSet),
    /// Whom it belongs to; none after it was cleared.
    Owner(Option<String>),
}

impl ProjectField {
    /// The name, the same in every language: `scopes`.
    pub const fn name(&self) -> &'static str {
        match self {
            ProjectField::Scopes(_) => "scopes",
            ProjectField::Owner(_) => "owner",
        }
    }
}

/// What happened to the subject of an event.
///
/// The order of the variants is part of the file format: new ones go to the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventKind {
    /// The store was created.
    StoreCreated {
        /// The policy that it began with.
        policy: Policy,
    },
    /// A key was created.
    KeyCreated {
        /// What it was given.
        key: Box<KeyTerms>,
        /// The key that created it, where a key did.
        within: Option<KeyId>,
    },
    /// A key issued elsewhere was imported.
    KeyImported {
        /// What it was given.
        key: Box<KeyTerms>,
    },
    /// Fields of a key were changed.
    KeyUpdated {
        /// The fields.
        changed: Vec<KeyField>,
    },
    /// A key was disabled.
    KeyDisabled,
    /// A key was enabled again.
    KeyEnabled,
    /// A key was revoked, which is final.
    KeyRevoked {
        /// Why.
        reason: Reason,
        /// Free text of who revoked it.
        note: Option<String>,
    },
    /// A key was given a new secret.
    KeyRotated {
        /// The generation of the new secret: 1 is the first that a key has, and each rotation
        /// takes the next.
        generation: u32,
        /// Until when the old secret stays good; none if it ended at once.
        grace_expires_at: Option<Timestamp>,
    },
    /// The grace of an old secret was ended.
    RotationFinished,
    /// The old secret was revoked by who presented it.
    OldSecretRevoked,
    /// A revoked or expired key was removed from the listing.
    KeyPruned,
    /// A project was created.
    ProjectCreated {
        /// Its name.
        name: String,
        /// What its tokens may hold at most.
        scopes: ScopeSet,
        /// Whom it belongs to.
        owner: Option<String>,
    },
    /// Fields of a project were changed.
    ProjectUpdated {
        /// Its name.
        name: String,
        /// The fields.
        changed: Vec<ProjectField>,
    },
    /// A project was disabled, and with it all its tokens.
    ProjectDisabled {
        /// Its name.
        name: String,
    },
    /// A project was enabled again.
    ProjectEnabled {
        /// Its name.
        name: String,
    },
    /// A project was deleted, and with it all its tokens.
    ProjectDeleted {
        /// Its name, which is free from then on.
        name: String,
    },
    /// What remained of a deleted project that has no keys was removed.
    ProjectPruned {
        /// The name that it had.
        name: String,
    },
    /// The store's policy was changed.
    PolicyChanged {
        /// The policy since.
        policy: Policy,
    },
    /// The mark of the latest time was set to the clock.
    ClockReset {
        /// The mark before.
        from: Timestamp,
        /// The mark since.
        to: Timestamp,
    },
    /// Introducing, changing or removing a pepper began.
    PepperChangeBegun,
    /// Introducing, changing or removing a pepper was finished.
    PepperChanged,
    /// Events up to a sequence were removed from the log; the hash at the cut is kept.
    LogPruned {
        /// The last sequence that was removed.
        through: u64,
    },
    /// A backup was restored into the store.
    Restored {
        /// The store's sequence before, from which the chain goes on; none where there was nothing
        /// to read, and the chain is the backup's.
        sequence_before: Option<u64>,
        /// The sequence of the backup.
        backup_sequence: u64,
        /// How many keys were brought in.
        keys: u64,
    },
    /// A key was brought in by a restore.
    KeyRestored {
        /// What it has since.
        key: Box<KeyTerms>,
        /// Whether it was brought in disabled.
        disabled: bool,
    },
    /// A project was brought in by a restore, or taken away because the backup knows it to be.
    ProjectRestored {
        /// Its name.
        name: String,
        /// What its tokens may hold at most since.
        scopes: ScopeSet,
        /// Whom it belongs to since.
        owner: Option<String>,
        /// Whether it is enabled since.
        enabled: bool,
        /// Whether it is deleted since.
        deleted: bool,
    },
}

impl EventKind {
    /// The name, the same in every language: `key_revoked`.
    pub const fn name(&self) -> &'static str {
        match self {
            EventKind::StoreCreated { .. } => "store_created",
            EventKind::KeyCreated { .. } => "key_created",
            EventKind::KeyImported { .. } => "key_imported",
            EventKind::KeyUpdated { .. } => "key_updated",
            EventKind::KeyDisabled => "key_disabled",
            EventKind::KeyEnabled => "key_enabled",
            EventKind::KeyRevoked { .. } => "key_revoked",
            EventKind::KeyRotated { .. } => "key_rotated",
            EventKind::RotationFinished => "rotation_finished",
            EventKind::OldSecretRevoked => "old_secret_revoked",
            EventKind::KeyPruned => "key_pruned",
            EventKind::ProjectCreated { .. } => "project_created",
            EventKind::ProjectUpdated { .. } => "project_updated",
            EventKind::ProjectDisabled { .. } => "project_disabled",
            EventKind::ProjectEnabled { .. } => "project_enabled",
            EventKind::ProjectDeleted { .. } => "project_deleted",
            EventKind::ProjectPruned { .. } => "project_pruned",
            EventKind::PolicyChanged { .. } => "policy_changed",
            EventKind::ClockReset { .. } => "clock_reset",
            EventKind::PepperChangeBegun => "pepper_change_begun",
            EventKind::PepperChanged => "pepper_changed",
            EventKind::LogPruned { .. } => "log_pruned",
            EventKind::Restored { .. } => "restored",
            EventKind::KeyRestored { .. } => "key_restored",
            EventKind::ProjectRestored { .. } => "project_restored",
        }
    }

    /// The name of the project that it is about, where it says so.
    pub fn project_name(&self) -> Option<&str> {
        match self {
            EventKind::ProjectCreated { name, .. }
            | EventKind::ProjectUpdated { name, .. }
            | EventKind::ProjectDisabled { name }
            | EventKind::ProjectEnabled { name }
            | EventKind::ProjectDeleted { name }
            | EventKind::ProjectPruned { name }
            | EventKind::ProjectRestored { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// An event as it is stored, without its sequence (the row's key) and its hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct EventRecord {
    pub(crate) at_ms: i64,
    pub(crate) actor: String,
    pub(crate) subject: Subject,
    /// The sequence of the event before on the same subject; 0 where there is none.
    pub(crate) previous: u64,
    pub(crate) kind: EventKind,
}

/// One line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Its place in the log: 1 for the first, without gaps but for a restore.
    pub sequence: u64,
    /// When, in Unix milliseconds, by the clock of the process that wrote it.
    pub at_ms: i64,
    /// Who, as the caller said.
    pub actor: String,
    /// To what.
    pub subject: Subject,
    /// The sequence of the event before on the same subject; 0 where there is none.
    pub previous: u64,
    /// What happened.
    pub kind: EventKind,
    /// The hash that chains it to the event before.
    pub hash: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_by_its_name() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_name(reason.name()), Some(reason));
        }
        assert_eq!(Reason::from_name("because"), None);
    }
}

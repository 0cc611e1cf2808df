//! What happened: the lines of the store's log.
//!
//! An event names who did what to which key or project, and when, and never holds a secret. Each
//! carries the hash of the one before it, and the sequence of the event before it on the same
//! subject, so that the history of one key is read without reading everybody's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{KeyId, ProjectId};
use crate::time::Timestamp;

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

/// What happened to the subject of an event.
///
/// The order of the variants is part of the file format: new ones go to the end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventKind {
    /// The store was created.
    StoreCreated,
    /// A key was created.
    KeyCreated {
        /// Its name.
        name: String,
        /// The key that created it, where a key did.
        within: Option<KeyId>,
    },
    /// A key issued elsewhere was imported.
    KeyImported {
        /// Its name.
        name: String,
    },
    /// Fields of a key were changed.
    KeyUpdated {
        /// The names of the fields.
        fields: Vec<String>,
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
    },
    /// Fields of a project were changed.
    ProjectUpdated {
        /// The names of the fields.
        fields: Vec<String>,
    },
    /// A project was disabled, and with it all its tokens.
    ProjectDisabled,
    /// A project was enabled again.
    ProjectEnabled,
    /// A project was deleted, and with it all its tokens.
    ProjectDeleted,
    /// What remained of a deleted project that has no keys was removed.
    ProjectPruned,
    /// The store's policy was changed.
    PolicyChanged,
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
        /// Whether it was brought in disabled.
        disabled: bool,
    },
    /// A project was brought in by a restore.
    ProjectRestored,
}

impl EventKind {
    /// The name, the same in every language: `key_revoked`.
    pub const fn name(&self) -> &'static str {
        match self {
            EventKind::StoreCreated => "store_created",
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
            EventKind::ProjectDisabled => "project_disabled",
            EventKind::ProjectEnabled => "project_enabled",
            EventKind::ProjectDeleted => "project_deleted",
            EventKind::ProjectPruned => "project_pruned",
            EventKind::PolicyChanged => "policy_changed",
            EventKind::ClockReset { .. } => "clock_reset",
            EventKind::PepperChangeBegun => "pepper_change_begun",
            EventKind::PepperChanged => "pepper_changed",
            EventKind::LogPruned { .. } => "log_pruned",
            EventKind::Restored { .. } => "restored",
            EventKind::KeyRestored { .. } => "key_restored",
            EventKind::ProjectRestored => "project_restored",
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

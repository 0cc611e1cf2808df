//! What the store tells of a key: everything but its digests.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::decision::effective_state;
use crate::id::KeyId;
use crate::key::{KeyRecord, KeyState, Revocation, StoredSecret};
use crate::project::ProjectRecord;
use crate::scope::ScopeSet;
use crate::time::{Now, Timestamp};
use crate::token::{Environment, Prefix, hint};

/// When a secret was last used, and how often. What a process has not written yet is in its own
/// answers, and not in those of others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct SecretUse {
    /// When a verification last succeeded; none where none did.
    pub last_used_at: Option<Timestamp>,
    /// How many did, those of one second counted as one while the key is in a process's memory.
    pub uses: u64,
}

impl SecretUse {
    /// Both together.
    fn and(self, other: SecretUse) -> Self {
        SecretUse {
            last_used_at: self.last_used_at.max(other.last_used_at),
            uses: self.uses.saturating_add(other.uses),
        }
    }
}

/// The use of a key's secrets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uses {
    pub(crate) current: SecretUse,
    /// Of the one before the last rotation, as long as the record has it.
    pub(crate) previous: SecretUse,
    /// Of all those that the record no longer has.
    pub(crate) earlier: SecretUse,
}

impl Uses {
    /// All together.
    pub(crate) fn all(self) -> SecretUse {
        self.current.and(self.previous).and(self.earlier)
    }
}

/// The old secret of a key, while its grace runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OldSecret {
    /// Until when it stays good.
    pub grace_expires_at: Timestamp,
    /// Its own use: whether somebody still goes by it.
    pub used: SecretUse,
}

/// What the store tells of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its id, in its tokens too; public.
    pub id: KeyId,
    /// What may be shown of its token: `acme_live_…x7Kq2B`.
    pub hint: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// The name of the project that it is bound to.
    pub project: Option<String>,
    /// Its environment.
    pub environment: Environment,
    /// Whom it belongs to.
    pub owner: Option<String>,
    /// What it is now, its project included.
    pub state: KeyState,
    /// Whether that is so because of its project, which is disabled or was deleted, and would be
    /// another state by the key alone.
    pub state_by_project: bool,
    /// When it was created; of an imported key, when it was issued, where its line said so.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it expires; never where there is none.
    pub expires_at: Option<Timestamp>,
    /// From when on it is good.
    pub not_before: Option<Timestamp>,
    /// The caller's own pairs.
    pub metadata: BTreeMap<String, String>,
    /// Labels.
    pub tags: BTreeSet<String>,
    /// The only addresses that it is good from; empty means any.
    pub ip_list: Vec<IpNet>,
    /// When and why it was revoked.
    pub revocation: Option<Revocation>,
    /// When its current secret was made.
    pub rotated_at: Timestamp,
    /// After how many seconds since then it should be rotated.
    pub rotation_due_after: Option<i64>,
    /// When that is; none of a revoked key.
    pub rotation_due_at: Option<Timestamp>,
    /// The use of its current secret.
    pub used: SecretUse,
    /// The old secret, while its grace runs; none of a revoked key.
    pub old_secret: Option<OldSecret>,
    /// The use of its earlier secrets together: those that are no longer good.
    pub used_before: SecretUse,
    /// Whether its current secret was issued elsewhere and imported.
    pub imported: bool,
    /// The sequence of the last event on it.
    pub sequence: u64,
}

impl KeyInfo {
    /// The use of all the secrets that it ever had, together: no rotation makes a key look unused.
    pub fn all_uses(&self) -> SecretUse {
        let old = self.old_secret.map(|old| old.used).unwrap_or_default();
        self.used.and(old).and(self.used_before)
    }

    /// When any of the secrets that it ever had was last used.
    pub fn last_used_at(&self) -> Option<Timestamp> {
        self.all_uses().last_used_at
    }

    pub(crate) fn of(
        id: KeyId,
        record: KeyRecord,
        project: Option<&ProjectRecord>,
        prefix: &Prefix,
        uses: Uses,
        now: Now,
    ) -> Self {
        let state = effective_state(&record, project, now);
        let state_by_project = state != record.state(now);
        // What is revoked has no secret that is good, and none to be rotated.
        let revoked = state == KeyState::Revoked;
        let grace = record.running_grace(now).filter(|_| !revoked);
        let old_secret = grace.map(|previous| OldSecret {
            grace_expires_at: previous.grace_expires_at,
            used: uses.previous,
        });
        let used_before = match old_secret {
            Some(_) => uses.earlier,
            None => uses.previous.and(uses.earlier),
        };
        let rotation_due_at = record.rotation_due_at().filter(|_| !revoked);
        let KeyRecord {
            sequence,
            name,
            scopes,
            project: _,
            environment,
            owner,
            created_at,
            updated_at,
            expires_at,
            not_before,
            metadata,
            tags,
            ip_list,
            rotation_due_after,
            enabled: _,
            revocation,
            current,
            previous: _,
        } = record;
        KeyInfo {
            id,
            hint: hint(prefix, &environment, id),
            name,
            scopes,
            project: project.map(|project| project.name.clone()),
            environment,
            owner,
            state,
            state_by_project,
            created_at,
            updated_at,
            expires_at,
            not_before,
            metadata,
            tags,
            ip_list,
            revocation,
            rotated_at: current.created_at,
            rotation_due_after,
            rotation_due_at,
            used: uses.current,
            old_secret,
            used_before,
            imported: matches!(current.secret, StoredSecret::Foreign(_)),
            sequence,
        }
    }
}

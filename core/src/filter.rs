//! Filters: which keys a listing or a bulk verb means, judged over records.

use std::ops::Bound;

use serde::Serialize;

use crate::decision::effective_state;
use crate::error::Misuse;
use crate::id::{KeyId, ProjectId};
use crate::key::{KeyRecord, KeyState};
use crate::key_info::SecretUse;
use crate::limits;
use crate::project::{ProjectRecord, check_project_asked};
use crate::scope::Scope;
use crate::time::{Now, Timestamp};
use crate::token::Environment;

/// Which keys are meant: those for which everything that is set holds.
///
/// `project` and `owner` go by an index, and so do `expires_after` and `expires_before` in the
/// order by expiry; everything else scans.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Filter {
    /// Bound to this project: the name of one that exists, or the id of any, also of one that was
    /// deleted. Where a text is both, the name goes first.
    pub project: Option<String>,
    /// Belongs to this owner.
    pub owner: Option<String>,
    /// Of this environment.
    pub environment: Option<Environment>,
    /// In one of these states; empty means any.
    #[serde(serialize_with = "state_names")]
    pub states: Vec<KeyState>,
    /// Grants this scope by its own scopes, whatever its project allows.
    pub scope: Option<Scope>,
    /// Its name holds this part, whatever the case.
    pub name_part: Option<String>,
    /// Has this tag.
    pub tag: Option<String>,
    /// Created at this time or later; of an imported key, issued where its line said when.
    pub created_after: Option<Timestamp>,
    /// Created before this time, the same way.
    pub created_before: Option<Timestamp>,
    /// Expires at this time or later, or never.
    pub expires_after: Option<Timestamp>,
    /// Expires before this time.
    pub expires_before: Option<Timestamp>,
    /// Expires within so many seconds from now, and has not yet.
    pub expires_within: Option<i64>,
    /// Never used, with any of the secrets that it ever had.
    pub never_used: bool,
    /// In this store before this time, and not used at it or later, with any of the secrets that
    /// it ever had.
    pub unused_since: Option<Timestamp>,
    /// Due for rotation, and not revoked.
    pub rotation_due: bool,
}

fn state_names<S: serde::Serializer>(states: &[KeyState], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(states.iter().map(|state| state.name()))
}

/// A filter with its names looked up, ready to judge records.
pub(crate) struct Compiled<'a> {
    pub(crate) filter: &'a Filter,
    pub(crate) project: Option<ProjectId>,
    name_part: Option<String>,
}

impl Filter {
    /// Whether it names anything at all.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    pub(crate) fn check(&self) -> Result<(), Misuse> {
        if let Some(project) = &self.project {
            check_project_asked(project)?;
        }
        // What is longer than a key can hold finds none, and would not fit a cursor.
        let texts = [
            ("name part (bytes)", &self.name_part, limits::KEY_NAME_BYTES),
            ("owner (bytes)", &self.owner, limits::OWNER_BYTES),
            ("tag (bytes)", &self.tag, limits::TAG_BYTES),
        ];
        for (what, text, most) in texts {
            Misuse::check_limit(what, text.as_ref().map_or(0, String::len), most)?;
        }
        let states = self.states.len();
        Misuse::check_limit("states", states, KeyState::ALL.len())?;
        if self.expires_within.is_some_and(|seconds| seconds < 0) {
            return Err(Misuse::InvalidTime {
                what: "expires within",
                why: "must not be negative",
            });
        }
        Ok(())
    }

    /// Whether it still means a record, inside a transaction. Uses are statistics, and are not
    /// looked at again.
    pub(crate) fn still_means(
        &self,
        record: &KeyRecord,
        project: Option<&ProjectRecord>,
        project_id: Option<ProjectId>,
        now: Now,
    ) -> bool {
        let compiled = Compiled::new(self, project_id);
        let state = effective_state(record, project, now);
        compiled.matches(record, state, now)
    }
}

impl<'a> Compiled<'a> {
    pub(crate) fn new(filter: &'a Filter, project: Option<ProjectId>) -> Self {
        Compiled {
            filter,
            project,
            name_part: filter.name_part.as_ref().map(|part| part.to_lowercase()),
        }
    }

    /// Whether a record is meant, but for its use.
    pub(crate) fn matches(&self, record: &KeyRecord, state: KeyState, now: Now) -> bool {
        let Filter {
            project: _,
            owner,
            environment,
            states,
            scope,
            name_part: _,
            tag,
            created_after,
            created_before,
            expires_after,
            expires_before,
            expires_within,
            never_used: _,
            unused_since: _,
            rotation_due,
        } = self.filter;
        let within = |at: Timestamp, seconds: i64| {
            at >= now.latest() && at.seconds_since(now.latest()) <= seconds
        };
        (self.project.is_none() || self.project == record.project)
            && (owner.is_none() || *owner == record.owner)
            && environment
                .as_ref()
                .is_none_or(|e| *e == record.environment)
            && (states.is_empty() || states.contains(&state))
            && scope
                .as_ref()
                .is_none_or(|scope| record.scopes.grants(scope))
            && self
                .name_part
                .as_ref()
                .is_none_or(|p| record.name.to_lowercase().contains(p))
            && tag.as_ref().is_none_or(|tag| record.tags.contains(tag))
            && created_after.is_none_or(|at| record.created_at >= at)
            && created_before.is_none_or(|at| record.created_at < at)
            && expires_after.is_none_or(|at| record.expires_at.is_none_or(|e| e >= at))
            && expires_before.is_none_or(|at| record.expires_at.is_some_and(|e| e < at))
            && expires_within.is_none_or(|s| record.expires_at.is_some_and(|at| within(at, s)))
            && (!rotation_due
                || state != KeyState::Revoked
                    && record
                        .rotation_due_at()
                        .is_some_and(|at| now.latest() >= at))
    }

    /// Whether a key's use is what is meant. An imported key may have been issued long ago; what
    /// was not here before a time cannot have been idle since.
    pub(crate) fn matches_use(&self, id: KeyId, record: &KeyRecord, used: SecretUse) -> bool {
        let drawn = Timestamp::from_unix(id.created_ms().div_euclid(1_000));
        let here_since = record.created_at.max(drawn);
        let idle = |since: Timestamp| {
            here_since < since && used.last_used_at.is_none_or(|used| used < since)
        };
        (!self.filter.never_used || used.uses == 0) && self.filter.unused_since.is_none_or(idle)
    }

    pub(crate) fn asks_for_use(&self) -> bool {
        self.filter.never_used || self.filter.unused_since.is_some()
    }

    /// The times of expiry that can match, for the index.
    pub(crate) fn expiry_range(&self, now: Now) -> (Bound<Timestamp>, Bound<Timestamp>) {
        let mut low = self.filter.expires_after;
        let mut high = self
            .filter
            .expires_before
            .map_or(Bound::Unbounded, Bound::Excluded);
        if let Some(seconds) = self.filter.expires_within {
            low = low.max(Some(now.latest()));
            let until = now.latest().saturating_add(seconds);
            high = match high {
                Bound::Excluded(at) if at <= until => Bound::Excluded(at),
                _ => Bound::Included(until),
            };
        }
        (low.map_or(Bound::Unbounded, Bound::Included), high)
    }

    /// Whether only keys that expire can match.
    pub(crate) fn only_expiring(&self) -> bool {
        self.filter.expires_before.is_some() || self.filter.expires_within.is_some()
    }
}

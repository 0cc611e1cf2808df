//! A project and its transitions: pure functions from a record to the next one, or a refusal.

use serde::{Deserialize, Serialize};

use crate::error::{Misuse, Refused};
use crate::event::{EventKind, ProjectField};
use crate::id::ProjectId;
use crate::key::{Change, check_scopes, check_text};
use crate::limits;
use crate::scope::ScopeSet;
use crate::time::Timestamp;

/// A project as it is stored; its id is the row's key and is never used again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ProjectRecord {
    /// The sequence of the last event on it.
    pub(crate) sequence: u64,
    pub(crate) name: String,
    /// What its tokens may hold at most.
    pub(crate) scopes: ScopeSet,
    pub(crate) owner: Option<String>,
    pub(crate) enabled: bool,
    /// A deleted project keeps its record as long as keys refer to it; its name is free.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// What a project is made from.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NewProject {
    /// Its name: `[a-z0-9][a-z0-9._-]{0,63}`, unique among the projects that exist, fixed.
    pub name: String,
    /// The scopes that its tokens may hold at most; none lets them hold nothing.
    pub scopes: ScopeSet,
    /// The caller's own id of whom it belongs to, at most 128 bytes.
    pub owner: Option<String>,
}

impl NewProject {
    /// A project of this name that allows nothing yet and has no owner.
    pub fn new(name: impl Into<String>) -> Self {
        NewProject {
            name: name.into(),
            scopes: ScopeSet::empty(),
            owner: None,
        }
    }
}

/// What is changed of a project; what is not named stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ProjectUpdate {
    /// The scopes that its tokens may hold at most, from now on. Narrowing takes effect at the
    /// next verification of every token of the project.
    pub scopes: Change<ScopeSet>,
    /// Whom it belongs to.
    pub owner: Change<String>,
}

/// What the store tells of a project.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ProjectInfo {
    /// Its internal id, never used again.
    pub id: ProjectId,
    /// Its name; of a deleted project, the one that it had.
    pub name: String,
    /// The scopes that its tokens may hold at most.
    pub scopes: ScopeSet,
    /// Whom it belongs to.
    pub owner: Option<String>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// When it was deleted; none while it exists.
    pub deleted_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whether a name may be a project's: `[a-z0-9][a-z0-9._-]{0,63}`.
pub(crate) fn check_project_name(name: &str) -> Result<(), Misuse> {
    Misuse::check_limit(
        "project name (bytes)",
        name.len(),
        limits::PROJECT_NAME_BYTES,
    )?;
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = bytes
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    if first && rest {
        Ok(())
    } else {
        Err(Misuse::argument(
            "project name",
            "use lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit",
        ))
    }
}

/// Whether a text may mean a project where it is only asked about: its name, or its id.
pub(crate) fn check_project_asked(asked: &str) -> Result<(), Misuse> {
    match ProjectId::parse(asked.as_bytes()) {
        Some(_) => Ok(()),
        None => check_project_name(asked),
    }
}

fn check_owner(owner: Option<&String>) -> Result<(), Misuse> {
    owner.map_or(Ok(()), |owner| {
        check_text("owner", owner, 1, limits::OWNER_BYTES)
    })
}

impl ProjectRecord {
    /// The first record of a project.
    pub(crate) fn create(new: &NewProject, now: Timestamp) -> Result<(Self, EventKind), Misuse> {
        let NewProject {
            name,
            scopes,
            owner,
        } = new;
        check_project_name(name)?;
        check_scopes(scopes)?;
        check_owner(owner.as_ref())?;
        let record = ProjectRecord {
            sequence: 0,
            name: name.clone(),
            scopes: scopes.clone(),
            owner: owner.clone(),
            enabled: true,
            deleted_at: None,
            created_at: now,
            updated_at: now,
        };
        let kind = EventKind::ProjectCreated {
            name: record.name.clone(),
            scopes: record.scopes.clone(),
            owner: record.owner.clone(),
        };
        Ok((record, kind))
    }

    /// Changes what an update names; none where nothing changes.
    pub(crate) fn update(
        &self,
        update: &ProjectUpdate,
        now: Timestamp,
    ) -> Result<Option<(Self, EventKind)>, Misuse> {
        let ProjectUpdate { scopes, owner } = update;
        let mut next = self.clone();
        let mut changed = Vec::new();
        match scopes {
            Change::Keep => {}
            Change::Clear => next.scopes = ScopeSet::empty(),
            Change::Set(scopes) => {
                check_scopes(scopes)?;
                next.scopes = scopes.clone();
            }
        }
        if let Change::Set(owner) = owner {
            check_owner(Some(owner))?;
        }
        owner.apply(&mut next.owner);
        if next.scopes != self.scopes {
            changed.push(ProjectField::Scopes(next.scopes.clone()));
        }
        if next.owner != self.owner {
            changed.push(ProjectField::Owner(next.owner.clone()));
        }
        if changed.is_empty() {
            return Ok(None);
        }
        next.updated_at = now;
        let name = self.name.clone();
        Ok(Some((next, EventKind::ProjectUpdated { name, changed })))
    }

    /// Disables or enables; none where it is so already.
    pub(crate) fn set_enabled(&self, enabled: bool, now: Timestamp) -> Option<(Self, EventKind)> {
        if self.enabled == enabled {
            return None;
        }
        let next = ProjectRecord {
            enabled,
            updated_at: now,
            ..self.clone()
        };
        let name = self.name.clone();
        let kind = if enabled {
            EventKind::ProjectEnabled { name }
        } else {
            EventKind::ProjectDisabled { name }
        };
        Some((next, kind))
    }

    /// Deletes, which is final: its tokens answer REVOKED from then on.
    pub(crate) fn delete(&self, now: Timestamp) -> (Self, EventKind) {
        let next = ProjectRecord {
            deleted_at: Some(now),
            updated_at: now,
            ..self.clone()
        };
        let name = self.name.clone();
        (next, EventKind::ProjectDeleted { name })
    }

    /// Refuses scopes that its tokens may not hold.
    pub(crate) fn check_allows(&self, scopes: &ScopeSet) -> Result<(), Refused> {
        match scopes.first_beyond(&self.scopes) {
            None => Ok(()),
            Some(scope) => Err(Refused::scope_not_allowed(scope, "the project")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_name_is_lower_case_and_begins_with_a_letter_or_digit() {
        for good in ["a", "0", "shop", "shop-2.eu_west", &"x".repeat(64)] {
            assert_eq!(check_project_name(good), Ok(()), "{good}");
        }
        for bad in ["", "-a", ".a", "_a", "Shop", "a b", "ä", "a\n", "a/b"] {
            assert!(check_project_name(bad).is_err(), "{bad:?}");
        }
        assert!(matches!(
            check_project_name(&"x".repeat(65)),
            Err(Misuse::LimitExceeded {
                got: 65,
                most: 64,
                ..
            })
        ));
    }

    #[test]
    fn an_update_that_changes_nothing_is_no_event() {
        let now = Timestamp::from_unix(5);
        let (record, _) = ProjectRecord::create(&NewProject::new("p"), now).unwrap();
        assert_eq!(record.update(&ProjectUpdate::default(), now).unwrap(), None);
        let mut update = ProjectUpdate::default();
        update.owner = Change::Clear;
        assert_eq!(record.update(&update, now).unwrap(), None);
        update.owner = Change::Set("o".into());
        assert!(record.update(&update, now).unwrap().is_some());
    }
}

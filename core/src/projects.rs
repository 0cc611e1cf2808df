//! The verbs of projects. Narrowing, disabling or deleting one is one small record and one event,
//! however many keys it has, because the project is judged at verification.

use crate::commit::{ONE_CHANGE, Room};
use crate::disk::write::Writer;
use crate::error::{Error, Refused};
use crate::event::EventKind;
use crate::id::ProjectId;
use crate::project::{NewProject, ProjectInfo, ProjectRecord, ProjectUpdate, check_project_name};
use crate::store::Store;
use crate::time::Timestamp;

fn info(id: ProjectId, record: ProjectRecord) -> ProjectInfo {
    let ProjectRecord {
        sequence: _,
        name,
        scopes,
        owner,
        enabled,
        deleted_at,
        created_at,
        updated_at,
    } = record;
    ProjectInfo {
        id,
        name,
        scopes,
        owner,
        enabled,
        deleted_at,
        created_at,
        updated_at,
    }
}

fn no_such_project(name: &str) -> Error {
    Refused::NoSuchProject(name.to_owned()).into()
}

impl Store {
    /// Creates a project. A project of the same name that was deleted is another one: this one has
    /// none of its tokens.
    ///
    /// # Errors
    /// NAME_TAKEN; INVALID_ARGUMENT where the name or the owner is not of its form.
    pub fn create_project(&self, new: &NewProject) -> Result<ProjectInfo, Error> {
        self.change(Room::Bytes(ONE_CHANGE), |writer, now| {
            let (record, kind) = ProjectRecord::create(new, now.clock)?;
            if writer.project_named(&new.name)?.is_some() {
                return Err(Refused::NameTaken(new.name.clone()).into());
            }
            let id = ProjectId::generate(self.inner()?.clock.now_ms())?;
            if writer.project(id)?.is_some() {
                return Err(
                    crate::error::StoreError::Internal("a project id is taken".into()).into(),
                );
            }
            let record = applied(writer.apply_project(id, None, Some(record), kind)?)?;
            Ok(info(id, record))
        })
    }

    /// The projects that exist, in the order of their names.
    ///
    /// # Errors
    /// What the store says.
    pub fn projects(&self) -> Result<Vec<ProjectInfo>, Error> {
        let projects = self.read(|reader| reader.projects())?;
        Ok(projects
            .into_iter()
            .map(|(id, record)| info(id, record))
            .collect())
    }

    /// One project that exists, by name.
    ///
    /// # Errors
    /// NO_SUCH_PROJECT.
    pub fn project(&self, name: &str) -> Result<ProjectInfo, Error> {
        check_project_name(name)?;
        let found = self.read(|reader| reader.project_named(name))?;
        found
            .map(|(id, record)| info(id, record))
            .ok_or_else(|| no_such_project(name))
    }

    /// The projects that were deleted, in the order of their creation, as long as they are known:
    /// the record of one goes when the store is pruned and no key refers to it any more. Several
    /// may have had the same name; keys and log of each are asked for by its id.
    ///
    /// # Errors
    /// What the store says.
    pub fn deleted_projects(&self) -> Result<Vec<ProjectInfo>, Error> {
        let projects = self.read(|reader| reader.deleted_projects())?;
        Ok(projects
            .into_iter()
            .map(|(id, record)| info(id, record))
            .collect())
    }

    /// One project, by its id, also one that was deleted, as long as it is known.
    ///
    /// # Errors
    /// NO_SUCH_PROJECT.
    pub fn project_by_id(&self, id: ProjectId) -> Result<ProjectInfo, Error> {
        let found = self.read(|reader| reader.project(id))?;
        found
            .map(|record| info(id, record))
            .ok_or_else(|| no_such_project(&id.to_string()))
    }

    /// Changes what an update names of a project. Narrower scopes bind every token of the project
    /// from its next verification on.
    ///
    /// # Errors
    /// NO_SUCH_PROJECT; INVALID_ARGUMENT where the owner is not of its form.
    pub fn update_project(&self, name: &str, update: &ProjectUpdate) -> Result<ProjectInfo, Error> {
        // Narrowing takes something away, and must succeed on a full disk.
        self.change_project(name, |record, now| Ok(record.update(update, now)?))
    }

    /// Disables a project: its tokens answer DISABLED until it is enabled again.
    ///
    /// # Errors
    /// NO_SUCH_PROJECT.
    pub fn disable_project(&self, name: &str) -> Result<ProjectInfo, Error> {
        self.change_project(name, |record, now| Ok(record.set_enabled(false, now)))
    }

    /// Enables a project again.
    ///
    /// # Errors
    /// NO_SUCH_PROJECT.
    pub fn enable_project(&self, name: &str) -> Result<ProjectInfo, Error> {
        self.change_project(name, |record, now| Ok(record.set_enabled(true, now)))
    }

    /// Deletes a project, for good: its tokens answer REVOKED, and its name is free.
    ///
    /// # Errors
    /// NO_SUCH_PROJECT.
    pub fn delete_project(&self, name: &str) -> Result<ProjectInfo, Error> {
        self.change_project(name, |record, now| Ok(Some(record.delete(now))))
    }

    fn change_project(
        &self,
        name: &str,
        transition: impl Fn(
            &ProjectRecord,
            Timestamp,
        ) -> Result<Option<(ProjectRecord, EventKind)>, Error>,
    ) -> Result<ProjectInfo, Error> {
        check_project_name(name)?;
        self.change(Room::FromReserve, |writer, now| {
            let (id, before) = writer
                .project_named(name)?
                .ok_or_else(|| no_such_project(name))?;
            match transition(&before, now.clock)? {
                None => Ok(info(id, before)),
                Some((next, kind)) => {
                    let after = writer.apply_project(id, Some(&before), Some(next), kind)?;
                    Ok(info(id, applied(after)?))
                }
            }
        })
    }
}

fn applied(record: Option<ProjectRecord>) -> Result<ProjectRecord, Error> {
    record.ok_or_else(|| crate::error::StoreError::Internal("a project vanished".into()).into())
}

/// Removes a deleted project that has no keys; answers whether it did.
pub(crate) fn prune_project(
    writer: &mut Writer<'_>,
    id: ProjectId,
    record: &ProjectRecord,
) -> Result<bool, Error> {
    if record.deleted_at.is_none() || writer.project_has_keys(id)? {
        return Ok(false);
    }
    let name = record.name.clone();
    writer.apply_project(id, Some(record), None, EventKind::ProjectPruned { name })?;
    Ok(true)
}

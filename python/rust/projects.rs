//! Projects, which bound what all of their keys may do.

use keyfob::{NewProject, ProjectUpdate};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arguments::{self as read, Given, Keywords, change, owned, text};
use crate::guard::detached;
use crate::info::project_info;
use crate::store::Store;

#[pymethods]
impl Store {
    /// Creates a project, whose tokens may do at most what its `scopes` allow.
    ///
    /// Raises `RefusedError` where the name is taken.
    #[pyo3(signature = (name, *, scopes=None, owner=None))]
    fn create_project<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        scopes: Given<'_, 'py>,
        owner: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut new = NewProject::new(owned("name", name)?);
        if let Some(scopes) = scopes {
            new.scopes = read::scopes(scopes)?;
        }
        new.owner = read::maybe_owned("owner", owner)?;
        project_info(py, &detached(py, || self.store.create_project(&new))?)
    }

    /// A project by its name.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn project<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = text("name", name)?;
        project_info(py, &detached(py, || self.store.project(name))?)
    }

    /// A project by its id, also one that was deleted, until it is pruned.
    ///
    /// Raises `NoSuchProject`, and `MisuseError` for what is no id.
    #[pyo3(signature = (project_id, /))]
    fn project_by_id<'py>(
        &self,
        py: Python<'py>,
        project_id: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::project_id(project_id)?;
        project_info(py, &detached(py, || self.store.project_by_id(id))?)
    }

    /// All projects, by name; with `deleted`, those that were deleted and not pruned yet instead.
    #[pyo3(signature = (*, deleted=false))]
    fn projects<'py>(&self, py: Python<'py>, deleted: bool) -> PyResult<Bound<'py, PyList>> {
        let found = detached(py, || {
            if deleted {
                self.store.deleted_projects()
            } else {
                self.store.projects()
            }
        })?;
        let each = found.iter().map(|project| project_info(py, project));
        PyList::new(py, each.collect::<PyResult<Vec<_>>>()?)
    }

    /// Changes what is passed of a project; `KEEP` leaves a field as it is, None clears it.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(
        signature = (name, /, **changes),
        text_signature = "($self, name, /, *, scopes=..., owner=...)"
    )]
    fn update_project<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        changes: Option<Keywords<'_, 'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = text("name", name)?;
        let mut update = ProjectUpdate::default();
        for (field, value) in read::passed(changes)? {
            match field.as_str() {
                "scopes" => update.scopes = change(&value, read::scopes)?,
                "owner" => update.owner = change(&value, |owner| owned("owner", owner))?,
                unknown => return Err(read::unexpected("update_project", unknown)),
            }
        }
        let updated = detached(py, || self.store.update_project(name, &update))?;
        project_info(py, &updated)
    }

    /// Disables a project, and with it all its tokens, until it is enabled again.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn disable_project<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = text("name", name)?;
        project_info(py, &detached(py, || self.store.disable_project(name))?)
    }

    /// Enables a project again.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn enable_project<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = text("name", name)?;
        project_info(py, &detached(py, || self.store.enable_project(name))?)
    }

    /// Deletes a project, and with it all its tokens, for good. Its name is free afterwards.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn delete_project<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = text("name", name)?;
        project_info(py, &detached(py, || self.store.delete_project(name))?)
    }
}

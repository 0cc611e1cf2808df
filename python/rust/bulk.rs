//! The verbs of many keys: those of an iterable of ids, those that a filter means, or all.

use keyfob::BulkOutcome;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::arguments::{self as read, Given, Keywords};
use crate::error::{raise, stopped, with_outcome};
use crate::filter::selection;
use crate::guard::caught_detached;
use crate::info::{make, python};
use crate::lifecycle::key_update;
use crate::store::Store;

#[pymethods]
impl Store {
    /// Revokes many keys, for good: of an iterable of ids, or that a mapping of the keywords of
    /// `list` means, or all, by `ANY`.
    ///
    /// Each 10,000 are one transaction. An id that no key has ends its whole transaction with
    /// `NoSuchKey`. Whatever is raised, the exception's `outcome` says how far it got, which is
    /// durable.
    #[pyo3(signature = (keys, /, *, reason=None, note=None))]
    fn revoke_many<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'py, PyAny>,
        reason: Given<'_, 'py>,
        note: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let revoke = given(py, || read::revocation(reason, note))?;
        let selection = given(py, || selection("revoke_many", keys))?;
        let done = caught_detached(py, || self.store.revoke_many(&selection, &revoke))?;
        outcome(py, given(py, || done.map_err(|error| raise(py, &error)))?)
    }

    /// Disables many keys, that are named as for `revoke_many`; those that are revoked stay so.
    ///
    /// Raises as `revoke_many` does.
    #[pyo3(signature = (keys, /))]
    fn disable_many<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let selection = given(py, || selection("disable_many", keys))?;
        outcome(
            py,
            caught_detached(py, || self.store.disable_many(&selection))?,
        )
    }

    /// Enables many keys again, that are named as for `revoke_many`; those that are revoked stay so.
    ///
    /// Raises as `revoke_many` does.
    #[pyo3(signature = (keys, /))]
    fn enable_many<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let selection = given(py, || selection("enable_many", keys))?;
        outcome(
            py,
            caught_detached(py, || self.store.enable_many(&selection))?,
        )
    }

    /// Changes many keys, that are named as for `revoke_many`, with the keywords of `update`; those
    /// that are revoked stay as they are.
    ///
    /// Raises as `revoke_many` and `update` do.
    #[pyo3(
        signature = (keys, /, **changes),
        text_signature = "($self, keys, /, *, name=..., scopes=..., owner=..., expires_at=..., \
            expires_in=None, not_before=..., metadata=..., metadata_pairs=None, tags=..., \
            ip_list=..., rotation_due_after=...)"
    )]
    fn update_many<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'py, PyAny>,
        changes: Option<Keywords<'_, 'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let update = given(py, || key_update(py, "update_many", changes))?;
        let selection = given(py, || selection("update_many", keys))?;
        outcome(
            py,
            caught_detached(py, || self.store.update_many(&selection, &update))?,
        )
    }
}

/// What was passed, or else the exception of it, whose outcome is that nothing was done.
fn given<T>(py: Python<'_>, read: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    read().map_err(|error| match counted(py, 0, 0) {
        Ok(nothing) => with_outcome(py, error, &nothing),
        Err(error) => error,
    })
}

fn outcome(py: Python<'_>, outcome: BulkOutcome) -> PyResult<Bound<'_, PyAny>> {
    let done = counted(py, outcome.changed, outcome.unchanged)?;
    match outcome.stopped {
        None => Ok(done),
        Some(error) => Err(stopped(py, &error, &done)),
    }
}

fn counted(py: Python<'_>, changed: u64, unchanged: u64) -> PyResult<Bound<'_, PyAny>> {
    make!(py, "BulkOutcome", { changed: changed, unchanged: unchanged, })
}

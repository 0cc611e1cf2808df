//! What is set of a store as a whole, and what it tells of itself.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{self as read, FilePath, Keywords};
use crate::guard::{detached, interruptible};
use crate::info::{policy, store_info};
use crate::options::options;
use crate::store::Store;

#[pymethods]
impl Store {
    /// What the store tells of itself: its format, the last event, how much is in it, its clock.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        store_info(py, &detached(py, || self.store.info())?)
    }

    /// What each table of the file costs: its rows, and its bytes with all that the engine adds.
    /// Reads every page.
    fn table_sizes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let out = PyDict::new(py);
        for (name, rows, bytes) in detached(py, || self.store.table_sizes())? {
            out.set_item(name, (rows, bytes))?;
        }
        Ok(out)
    }

    /// Writes the last-used times and counts that are kept in memory, which happens by itself every
    /// five seconds.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.store.flush())
    }

    /// What the store asks of keys.
    fn policy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        policy(py, &detached(py, || self.store.policy())?)
    }

    /// Sets what the store asks of keys that are created, imported or given another expiry from now
    /// on; keys that are there stay as they are.
    ///
    /// Raises `MisuseError` for a lifetime that is not positive, or a default beyond the longest.
    #[pyo3(signature = (policy, /))]
    fn set_policy(&self, py: Python<'_>, policy: &Bound<'_, PyAny>) -> PyResult<()> {
        let policy = read::policy(policy)?;
        detached(py, || self.store.set_policy(policy))
    }

    /// Sets the latest time that the store knows to what its clock shows, after a clock that was
    /// wrong moved it ahead: expiry goes by the later of the two.
    fn reset_clock(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.store.reset_clock())
    }

    /// Introduces a pepper, or changes to another one, with the other keywords of `open`: `pepper` is
    /// the present one, if there is one. Called again after it was broken off, as by Ctrl-C, it goes
    /// on where it stopped. Other processes have to open the store anew, with the new pepper.
    ///
    /// Raises `StoreError` where the present pepper is not right, and `RefusedError` where the new one
    /// is the same.
    #[staticmethod]
    #[pyo3(signature = (path, new, /, **options))]
    fn set_pepper(
        py: Python<'_>,
        path: FilePath,
        new: &Bound<'_, PyAny>,
        options: Option<Keywords<'_, '_>>,
    ) -> PyResult<()> {
        let (options, _) = self::options(py, "set_pepper", options)?;
        let new = read::pepper(new)?;
        interruptible(py, |progress| options.set_pepper(path, new, progress))
    }

    /// Removes the pepper, which is passed as `pepper`, with the other keywords of `open`. From then
    /// on edits of the file by somebody else are not told from the store's own.
    ///
    /// Raises as `set_pepper` does.
    #[staticmethod]
    #[pyo3(signature = (path, /, **options))]
    fn remove_pepper(
        py: Python<'_>,
        path: FilePath,
        options: Option<Keywords<'_, '_>>,
    ) -> PyResult<()> {
        let (options, _) = self::options(py, "remove_pepper", options)?;
        interruptible(py, |progress| options.remove_pepper(path, progress))
    }
}

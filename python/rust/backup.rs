//! The file as a whole: copies of it, what is in it, and how large it is.

use keyfob::Restore;
use pyo3::prelude::*;

use crate::arguments::{self as read, FilePath, Given, Keywords};
use crate::guard::{detached, interruptible};
use crate::info::{backup, compacted, integrity, restored};
use crate::options::options;
use crate::store::Store;

#[pymethods]
impl Store {
    /// Writes a copy of the store as it stands now, while it goes on being used. The copy is a store
    /// itself, and durable when this returns. Ctrl-C breaks it off, and leaves nothing of it.
    ///
    /// Raises `StoreExists` where anything is at the path.
    #[pyo3(signature = (to, /))]
    fn backup<'py>(&self, py: Python<'py>, to: FilePath) -> PyResult<Bound<'py, PyAny>> {
        let done = interruptible(py, |progress| self.store.backup(to, progress))?;
        backup(py, &done)
    }

    /// Restores a backup at a path, with the other keywords of `open`.
    ///
    /// A store that is there, and may be in use, gains what the backup knows and it does not: nothing
    /// that was revoked since comes back, and what both changed ends disabled. Where it is missing or
    /// cannot be read, the backup takes its place. `disable_all` disables every key that comes in;
    /// `named` are ids of keys that were pruned and are to come back; `trust_unkeyed` accepts a backup
    /// from before the store had a pepper; `replace_other_file` puts it in the place of a file that
    /// is no store. Ctrl-C breaks it off before anything is written.
    ///
    /// Raises `StoreCorrupted` for a backup that is damaged, another `StoreError` where it does not
    /// belong to the store, and `RefusedError` where a named key was revoked.
    #[staticmethod]
    #[pyo3(
        signature = (path, backup, /, *, disable_all=false, named=None, trust_unkeyed=false,
            replace_other_file=false, **options),
    )]
    fn restore<'py>(
        py: Python<'py>,
        path: FilePath,
        backup: FilePath,
        disable_all: bool,
        named: Given<'_, 'py>,
        trust_unkeyed: bool,
        replace_other_file: bool,
        options: Option<Keywords<'_, 'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (options, _) = self::options(py, "restore", options)?;
        let mut how = Restore::default();
        how.disable_all = disable_all;
        how.named = named.map_or(Ok(Vec::new()), read::key_ids)?;
        how.trust_unkeyed = trust_unkeyed;
        how.replace_other_file = replace_other_file;
        let done = interruptible(py, |progress| options.restore(path, backup, &how, progress))?;
        restored(py, &done)
    }

    /// Checks everything in the file that there is to check, while it goes on being used. Damage is
    /// answered, and not raised. Ctrl-C breaks it off.
    fn check_integrity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let report = interruptible(py, |progress| self.store.check_integrity(progress))?;
        integrity(py, &report)
    }

    /// Gives the unused pages of the file back to the file system. Every other call on the store
    /// waits meanwhile.
    ///
    /// Raises `StoreLocked` where another process has the store open.
    fn compact<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        compacted(py, &detached(py, || self.store.compact())?)
    }
}

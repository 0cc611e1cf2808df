//! Tokens of the store where they do not belong.

use keyfob::{Finding, FoundToken};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::arguments::{FilePath, text, wrong_type};
use crate::guard::{detached, interruptible};
use crate::info::{key_info, make, python};
use crate::store::Store;

#[pymethods]
impl Store {
    /// Finds the tokens of this store in a file, or in all files of a folder and the folders in it,
    /// by their prefix, shape and checksum. Keys that were imported have no shape, and are not
    /// found. Symbolic links are not followed, and nothing is left out because of its name. Ctrl-C
    /// breaks it off.
    ///
    /// Raises `MisuseError` where neither a file nor a folder is at the path. What cannot be read
    /// within a folder is answered, in `skipped`.
    #[pyo3(signature = (path, /))]
    fn scan<'py>(&self, py: Python<'py>, path: FilePath) -> PyResult<Bound<'py, PyAny>> {
        let (mut found, mut skipped) = (Vec::new(), Vec::new());
        let scanned = interruptible(py, |progress| {
            let keep = &mut |finding| found.push(finding);
            let skip = &mut |path: &std::path::Path, error: &std::io::Error| {
                skipped.push((path.to_owned(), error.to_string()));
            };
            self.store.scan(path, keep, skip, progress)
        })?;
        let found = found.iter().map(|found| finding(py, found));
        let found = found.collect::<PyResult<Vec<_>>>()?;
        make!(py, "Scanned", {
            findings: PyTuple::new(py, found)?,
            skipped: PyTuple::new(py, skipped)?,
            files: scanned.files,
            bytes: scanned.bytes,
        })
    }

    /// Finds the tokens of this store in bytes, or in a `str`, in the order in which they begin.
    #[pyo3(signature = (data, /))]
    fn scan_bytes<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let (bytes, str) = if let Ok(bytes) = data.cast::<PyBytes>() {
            (bytes.as_bytes(), None)
        } else if data.is_instance_of::<PyString>() {
            let str = text("data", data)?;
            (str.as_bytes(), Some(str))
        } else {
            return Err(wrong_type("data", "bytes or a str", data));
        };
        let all = detached(py, || self.store.scan_bytes(bytes))?;
        // Where a token stands in a `str` is counted in characters, from one to the next.
        let (mut counted, mut before) = (0, 0);
        let each = all.iter().map(|found| {
            let start = match str {
                None => found.range.start,
                Some(str) => {
                    let between = str.get(counted..found.range.start).unwrap_or_default();
                    before += between.chars().count();
                    counted = found.range.start;
                    before
                }
            };
            found_token(py, found, start)
        });
        PyTuple::new(py, each.collect::<PyResult<Vec<_>>>()?)
    }
}

fn finding<'py>(py: Python<'py>, found: &Finding) -> PyResult<Bound<'py, PyAny>> {
    let key = found.key.as_ref();
    make!(py, "Finding", {
        path: &found.path,
        offset: found.offset,
        line: found.line,
        hint: &found.hint,
        key_id: found.key_id.to_string(),
        key: key.map(|key| key_info(py, key)).transpose()?,
        works: found.works,
    })
}

fn found_token<'py>(
    py: Python<'py>,
    found: &FoundToken,
    start: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let key = found.key.as_ref();
    make!(py, "FoundToken", {
        start: start,
        end: start + found.range.len(),
        line: found.line,
        hint: &found.hint,
        key_id: found.key_id.to_string(),
        key: key.map(|key| key_info(py, key)).transpose()?,
        works: found.works,
    })
}

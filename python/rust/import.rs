//! Bringing in keys that another system issued.

use keyfob::{Error, ForeignFormat, ImportDefaults, KeyId, Refused, limits};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::arguments::{self as read, Given, Text, text};
use crate::error::{misuse, stopped};
use crate::guard::detached;
use crate::info::{make, python};
use crate::store::Store;

#[pymethods]
impl Store {
    /// Brings in keys that another system issued; their holders keep the strings that they have.
    ///
    /// `rows` is an iterable: of lines, such as an open file is, or of mappings, such as rows of a
    /// database are. What a row is in says `format`: `raw`, `sha256-hex`, `sha256-base64`,
    /// `drf-api-key`, `knox`, `prefixed-api-key`, `sanctum` or `unkey` (docs/importing.md). `project`
    /// and `tags` are given to every key; `name`, `scopes`, `environment`, `owner` and expiry to those
    /// whose row does not say it.
    ///
    /// Each row has its own result, and one that is refused refuses only itself. Each 10,000 are one
    /// transaction, between which Ctrl-C breaks off. Importing the same rows again is safe at any
    /// time: each that is there answers DIGEST_TAKEN, with the key that it became.
    ///
    /// Raises `MisuseError`, and what keeps any row from being taken, such as `NoSuchProject`; the
    /// exception's `outcome` says what became of the rows before it.
    #[pyo3(signature = (format, rows, *, name=None, scopes=None, project=None, environment=None,
        owner=None, expires_at=None, expires_in=None, tags=None))]
    fn import_keys<'py>(
        &self,
        py: Python<'py>,
        format: &Bound<'py, PyAny>,
        rows: &Bound<'py, PyAny>,
        name: Option<Text>,
        scopes: Given<'_, 'py>,
        project: Option<Text>,
        environment: Given<'_, 'py>,
        owner: Option<Text>,
        expires_at: Given<'_, 'py>,
        expires_in: Given<'_, 'py>,
        tags: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let format: ForeignFormat = text("format", format)?
            .parse()
            .map_err(|error| misuse(py, error))?;
        let mut defaults = ImportDefaults::default();
        defaults.name = name.map(Text::into);
        if let Some(scopes) = scopes {
            defaults.scopes = read::scopes(scopes)?;
        }
        defaults.project = project.map(Text::into);
        defaults.environment = environment.map(read::environment).transpose()?;
        defaults.owner = owner.map(Text::into);
        defaults.expires = read::expiry(expires_at, expires_in)?;
        if let Some(tags) = tags {
            defaults.tags = read::tags(tags)?;
        }
        if rows.is_instance_of::<PyString>() || rows.is_instance_of::<PyDict>() {
            // Of letters, or of the names of columns.
            let wanted = "an iterable of rows, such as an open file or a list";
            return Err(read::wrong_type("rows", wanted, rows));
        }
        let results = PyList::empty(py);
        let mut rows = rows.try_iter()?;
        loop {
            let batch = rows.by_ref().take(limits::BATCH).map(|row| line(&row?));
            let batch = batch.collect::<PyResult<Vec<_>>>()?;
            if batch.is_empty() {
                return imported(py, &results);
            }
            let lines: Vec<_> = batch.iter().map(without_end).collect();
            let done = detached(py, || self.store.import(format, &lines, &defaults))?;
            for result in &done.results {
                results.append(row_result(py, result)?)?;
            }
            if let Some(error) = &done.stopped {
                return Err(stopped(py, error, &imported(py, &results)?));
            }
            py.check_signals()?;
        }
    }
}

/// A row as a line: as it is, or a mapping as the JSON that the formats know.
fn line<'py>(row: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let py = row.py();
    if let Ok(line) = row.cast::<PyString>() {
        return Ok(line.clone());
    }
    if let Ok(bytes) = row.cast::<PyBytes>() {
        return match str::from_utf8(bytes.as_bytes()) {
            Ok(line) => Ok(PyString::new(py, line)),
            // No line of any format: refused as such, and not the others with it.
            Err(_) => Ok(PyString::new(py, "\u{fffd}")),
        };
    }
    let json = python!(py, "keyfob._rows", "line_of")?.call1((row,))?;
    Ok(json.cast_into::<PyString>()?)
}

/// The lines of a file keep their ends in Python.
fn without_end<'a>(line: &'a Bound<'_, PyString>) -> &'a str {
    // What is no text is no line of any format.
    let line = line.to_str().unwrap_or("\u{fffd}");
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn row_result<'py>(py: Python<'py>, result: &Result<KeyId, Error>) -> PyResult<Bound<'py, PyAny>> {
    let codes = python!(py, "keyfob._enums", "Code")?;
    let (key_id, code, message) = match result {
        Ok(id) => (Some(*id), keyfob::Code::OK, None),
        Err(error) => {
            let became = match error {
                Error::Refused(Refused::DigestTaken(id)) => Some(*id),
                _ => None,
            };
            (became, error.code(), Some(error.to_string()))
        }
    };
    make!(py, "ImportedRow", {
        key_id: key_id.map(|id| id.to_string()),
        code: codes.call1((code.number(),))?,
        message: message,
    })
}

fn imported<'py>(py: Python<'py>, results: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "Imported", { rows: results.to_tuple(), })
}

//! Bringing in keys that another system issued.

use keyfob::{Error, ForeignFormat, ImportDefaults, KeyId, Refused, limits};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::arguments::{self as read, Given, Text, text};
use crate::error::{misuse, raise, with_outcome};
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
    /// Each row has its own result, and one that is refused refuses only itself, as a mapping does that
    /// holds what no format has. Each 10,000 are one
    /// transaction, between which Ctrl-C breaks off. Importing the same rows again is safe at any
    /// time: each that is there answers DIGEST_TAKEN, with the key that it became.
    ///
    /// Raises `MisuseError`, and what keeps any row from being taken, such as `NoSuchProject`. Whatever
    /// is raised once rows are read, as by Ctrl-C or by `rows` itself, has an `outcome`, which says what
    /// became of the rows before it.
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
        let done = self.import_rows(py, format, rows, &defaults, &results);
        let answer = imported(py, &results)?;
        match done {
            Ok(()) => Ok(answer),
            Err(error) => Err(with_outcome(py, error, &answer)),
        }
    }
}

impl Store {
    /// Imports batch by batch; `results` has those of the rows that were imported, whatever is raised.
    fn import_rows(
        &self,
        py: Python<'_>,
        format: ForeignFormat,
        rows: &Bound<'_, PyAny>,
        defaults: &ImportDefaults,
        results: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        let mut rows = rows.try_iter()?;
        loop {
            let batch = rows.by_ref().take(limits::BATCH).map(|row| line(&row?));
            let batch = batch.collect::<PyResult<Vec<_>>>()?;
            if batch.is_empty() {
                return Ok(());
            }
            let lines: Vec<_> = batch.iter().map(|row| without_end(&row.text)).collect();
            let done = detached(py, || self.store.import(format, &lines, defaults))?;
            for (row, result) in batch.iter().zip(&done.results) {
                results.append(row_result(py, row, result)?)?;
            }
            if let Some(error) = &done.stopped {
                return Err(raise(py, error));
            }
            py.check_signals()?;
        }
    }
}

/// A row as a line.
struct Line<'py> {
    text: Bound<'py, PyString>,
    /// Why it is none, where the line itself does not tell.
    why: Option<String>,
}

/// No line of any format: what is refused as such, and not the others with it.
const NO_LINE: &str = "\u{fffd}";

/// A row as it is, or a mapping as the JSON that the formats know.
fn line<'py>(row: &Bound<'py, PyAny>) -> PyResult<Line<'py>> {
    let py = row.py();
    if let Ok(line) = row.cast::<PyString>() {
        let text = line.clone();
        return Ok(Line { text, why: None });
    }
    if let Ok(bytes) = row.cast::<PyBytes>() {
        let text = str::from_utf8(bytes.as_bytes()).unwrap_or(NO_LINE);
        let text = PyString::new(py, text);
        return Ok(Line { text, why: None });
    }
    let made = python!(py, "keyfob._rows", "line_of")?.call1((row,))?;
    let (text, why) = made.extract::<(Bound<'py, PyString>, Option<String>)>()?;
    let text = if why.is_none() {
        text
    } else {
        PyString::new(py, NO_LINE)
    };
    Ok(Line { text, why })
}

/// The lines of a file keep their ends in Python.
fn without_end<'a>(line: &'a Bound<'_, PyString>) -> &'a str {
    // What is no text is no line of any format.
    let line = line.to_str().unwrap_or(NO_LINE);
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn row_result<'py>(
    py: Python<'py>,
    row: &Line<'_>,
    result: &Result<KeyId, Error>,
) -> PyResult<Bound<'py, PyAny>> {
    let codes = python!(py, "keyfob._enums", "Code")?;
    let (key_id, code, message) = match result {
        Ok(id) => (Some(*id), keyfob::Code::OK, None),
        Err(error) => {
            let became = match error {
                Error::Refused(Refused::DigestTaken(id)) => Some(*id),
                _ => None,
            };
            let message = match (&row.why, error) {
                (Some(why), Error::Refused(Refused::NotImportable(_))) => {
                    format!("not importable: {why}")
                }
                _ => error.to_string(),
            };
            (became, error.code(), Some(message))
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

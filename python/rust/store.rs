//! The store: how it is opened and closed. Its verbs are in a file for each noun.

use std::path::PathBuf;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::arguments::{FilePath, Keywords, text};
use crate::error::{misuse, note_refusals};
use crate::guard::detached;
use crate::options::options;

/// An open store of API keys: one file, which several processes may have open.
///
/// Any thread may use it. After a fork the child goes on with it, unless it is exclusive. Every
/// change is durable when it returns, and seen by every verification that starts afterwards, in
/// every process.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct Store {
    pub(crate) store: keyfob::Store,
    mode: &'static str,
}

#[pymethods]
impl Store {
    /// Opens the store at a path; with `create`, creates it first where nothing is there.
    ///
    /// `mode` is `shared` (any number of processes), `exclusive` (this process alone) or
    /// `readonly`. A new store needs a `prefix` for its tokens; of one that exists it is compared.
    /// `pepper` is the store's, as 64 hexadecimal characters or 32 bytes. `actor` is who changes
    /// what is changed, as the log shows it. `file_mode` is that of a new file, and the most that an
    /// existing one may have: 0o600, 0o640 or 0o660. `policy` is what a new store asks of keys.
    /// `retired_pepper` is one, or several, accepted while a change of peppers is under way.
    /// `flush_every` says how often last-used times are written; a `timedelta(0)` leaves that to
    /// `flush` and `close`. `clock` is where the time is read, for tests. The others are explained
    /// with `keyfob.StoreOptions`.
    ///
    /// Raises `StoreNotFound` where nothing is there, another `StoreError` where it cannot be
    /// used, and `MisuseError` for an option that is not of its form.
    #[staticmethod]
    #[pyo3(
        signature = (path, *, create=false, **options),
        text_signature = "(path, *, create=False, mode='shared', prefix=None, pepper=None, \
            retired_pepper=None, actor=None, policy=None, least_sequence=None, file_mode=None, \
            read_timeout=None, write_timeout=None, check_on_open='auto', page_cache_bytes=None, \
            key_cache_bytes=None, map_header=True, flush_every=None, \
            allow_insecure_permissions=False, allow_network_file_system=False, clock=None)"
    )]
    fn open(
        py: Python<'_>,
        path: FilePath,
        create: bool,
        options: Option<Keywords<'_, '_>>,
    ) -> PyResult<Self> {
        let (options, mode) = self::options(py, "open", options)?;
        let store = detached(py, || {
            if create {
                options.open_or_create(path)
            } else {
                options.open(path)
            }
        })?;
        note_refusals(&store);
        Ok(Store { store, mode })
    }

    /// The path that the store was opened at.
    #[getter]
    fn path(&self) -> PathBuf {
        self.store.path().to_owned()
    }

    /// The prefix of the store's tokens.
    #[getter]
    fn prefix(&self) -> &str {
        self.store.prefix().as_str()
    }

    /// How it was opened: `shared`, `exclusive` or `readonly`.
    #[getter]
    fn mode(&self) -> &'static str {
        self.mode
    }

    /// The same store on behalf of another actor, as the log shows it. Closing one closes both.
    fn with_actor(&self, py: Python<'_>, actor: &Bound<'_, PyAny>) -> PyResult<Self> {
        let store = self.store.with_actor(text("actor", actor)?);
        Ok(Store {
            store: store.map_err(|error| misuse(py, error))?,
            mode: self.mode,
        })
    }

    /// Closes the store, and writes what last-used times were kept. Every later call raises
    /// `StoreClosed`; closing again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.store.close())
    }

    fn __enter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let path = self.store.path().display();
        format!("<keyfob.Store path='{path}' mode='{}'>", self.mode)
    }

    fn __reduce_ex__(&self, _protocol: i32) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a store is not pickled; pass its path on, and open it where it is used",
        ))
    }
}

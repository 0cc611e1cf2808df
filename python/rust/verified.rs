//! A key whose token was verified.

use keyfob::{KeyId, MatchedSecret, Verified};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyFrozenSet;

use crate::guard::detached;
use crate::info::{key_info, maybe_datetime, python, scope_set};

/// A key whose token was verified: what the decision knew. It keeps no token.
///
/// What only listings show (`name`, `metadata`) is read from the store when it is asked for, and
/// so as it is by then. Two are equal where they are of the same key.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct VerifiedKey {
    pub(crate) verified: Verified,
    pub(crate) store: keyfob::Store,
}

impl VerifiedKey {
    fn key_id(&self) -> KeyId {
        self.verified.key_id()
    }

    fn field<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let key = detached(py, || self.store.get(self.key_id()))?;
        key_info(py, &key)?.getattr(name)
    }
}

#[pymethods]
impl VerifiedKey {
    /// The key's id.
    #[getter]
    fn id(&self) -> String {
        self.key_id().to_string()
    }

    /// Whom it belongs to, as the caller named it at creation.
    #[getter]
    fn owner(&self) -> Option<&str> {
        self.verified.owner()
    }

    /// The name of the project that it is bound to.
    #[getter]
    fn project(&self) -> Option<&str> {
        self.verified.project()
    }

    /// Its environment: `live`, `test` or another.
    #[getter]
    fn environment(&self) -> &str {
        self.verified.environment().as_str()
    }

    /// What it may do, as far as its project allows it.
    #[getter]
    fn scopes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyFrozenSet>> {
        scope_set(py, self.verified.scopes())
    }

    /// When it, or the grace of its old secret where that was presented, expires; None means never.
    #[getter]
    fn expires_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        maybe_datetime(py, self.verified.expires_at())
    }

    /// Which of its secrets was presented.
    #[getter]
    fn matched<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let name = match self.verified.matched() {
            MatchedSecret::Current => "current",
            MatchedSecret::Previous => "previous",
        };
        python!(py, "keyfob._enums", "MatchedSecret")?.call1((name,))
    }

    /// What people call it, read from the store.
    #[getter]
    fn name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.field(py, "name")
    }

    /// The caller's own pairs, read from the store.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.field(py, "metadata")
    }

    fn __repr__(&self) -> String {
        format!("<keyfob.VerifiedKey {}>", self.key_id())
    }

    fn __hash__(&self) -> u64 {
        // The last eight bytes are random: the key's own.
        let id = self.key_id();
        id.as_bytes()[8..]
            .iter()
            .fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.key_id() == other.key_id()
    }
}

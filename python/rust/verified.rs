//! A key whose token was verified.

use keyfob::{KeyId, MatchedSecret, Misuse, Scope, Verified};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet};

use crate::arguments::text;
use crate::error::misuse;
use crate::guard::detached;
use crate::info::{key_info, maybe_datetime, python, scope_set};
use crate::store::Store;

/// A key whose token was verified: what the decision knew. It keeps no token.
///
/// What only listings show (`name`, `metadata`) is read from the store when it is asked for, and
/// so as it is by then. Two are equal where they are of the same key.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct VerifiedKey {
    pub(crate) verified: Verified,
    // Python counts who holds it for less than the library's own handle takes to be cloned.
    store: Py<Store>,
}

impl VerifiedKey {
    #[inline]
    pub(crate) fn new(store: &Bound<'_, Store>, verified: Verified) -> Self {
        VerifiedKey {
            verified,
            store: store.clone().unbind(),
        }
    }

    fn key_id(&self) -> KeyId {
        self.verified.key_id()
    }

    fn field<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let (store, id) = (&self.store.get().store, self.key_id());
        let key = detached(py, || store.get(id))?;
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

    /// Whether it may do what a scope says, as far as its project allows it; `orders:*` is a
    /// pattern that grants, and nothing that can be asked for.
    ///
    /// Raises `MisuseError` for what is no scope.
    #[pyo3(signature = (scope, /))]
    fn has_scope(&self, py: Python<'_>, scope: &Bound<'_, PyAny>) -> PyResult<bool> {
        let refuse = |error| misuse(py, error);
        let scope = Scope::parse(text("scope", scope)?).map_err(refuse)?;
        if scope.is_pattern() {
            let why = "it is a pattern; ask for one scope".to_owned();
            let what = "scope";
            return Err(refuse(Misuse::InvalidArgument { what, why }));
        }
        Ok(self.verified.scopes().grants(&scope))
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

    /// What the decision knew, as plain data that `json` takes: `id`, `owner`, `project`,
    /// `environment`, `scopes`, `expires_at`, `matched`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let fields = PyDict::new(py);
        fields.set_item("id", self.id())?;
        fields.set_item("owner", self.owner())?;
        fields.set_item("project", self.project())?;
        fields.set_item("environment", self.environment())?;
        fields.set_item("scopes", self.scopes(py)?)?;
        fields.set_item("expires_at", self.expires_at(py)?)?;
        fields.set_item("matched", self.matched(py)?)?;
        python!(py, "keyfob._info", "_plain")?.call1((fields,))
    }

    fn __reduce_ex__(&self, _protocol: i32) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "only a verification makes a verified key; pass its id on, or what to_dict() says",
        ))
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

//! What creating and rotating a key return: the one place where a token is.

use keyfob::{Created, Rotated, Timestamp, Token};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::info::{key_info, maybe_datetime, python};

/// A key with a new token, as `create` and `rotate` return it.
///
/// The token is in `token` and nowhere else: `repr`, `str` and `format` show the hint, and it can
/// be neither copied nor pickled. It is wiped from this object's memory with the object; the `str`
/// that `token` returns is Python's, which wipes nothing.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct Issued {
    key: Py<PyAny>,
    hint: String,
    token: Option<Token>,
    grace_expires_at: Option<Timestamp>,
    grace_cut: bool,
}

impl Issued {
    pub(crate) fn created(py: Python<'_>, created: Created) -> PyResult<Self> {
        Ok(Issued {
            key: key_info(py, &created.key)?.unbind(),
            hint: created.key.hint,
            token: created.token,
            grace_expires_at: None,
            grace_cut: false,
        })
    }

    pub(crate) fn rotated(py: Python<'_>, rotated: Rotated) -> PyResult<Self> {
        Ok(Issued {
            key: key_info(py, &rotated.key)?.unbind(),
            hint: rotated.key.hint,
            token: rotated.token,
            grace_expires_at: rotated.grace_expires_at,
            grace_cut: rotated.grace_cut,
        })
    }
}

#[pymethods]
impl Issued {
    /// The key.
    #[getter]
    fn key(&self, py: Python<'_>) -> Py<PyAny> {
        self.key.clone_ref(py)
    }

    /// The token, to be shown to its holder once. It is stored nowhere.
    ///
    /// Raises `TokenNotShown` where a request with the same `request_id` made the key before.
    #[getter]
    fn token(&self, py: Python<'_>) -> PyResult<&str> {
        let Some(token) = &self.token else {
            let error = python!(py, "keyfob.errors", "TokenNotShown")?.call1((
                "an earlier request with this request_id was shown the token, and it is stored \
                 nowhere; rotate the key for a new one",
            ))?;
            return Err(PyErr::from_value(error));
        };
        Ok(token.expose())
    }

    /// Whether a request with the same `request_id` did this before: there is no token then.
    #[getter]
    fn replayed(&self) -> bool {
        self.token.is_none()
    }

    /// Until when the old secret is good as well, after a rotation with a grace.
    #[getter]
    fn grace_expires_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        maybe_datetime(py, self.grace_expires_at)
    }

    /// Whether the grace is shorter than was asked for, because the key expires before its end,
    /// or because 90 days are the longest.
    #[getter]
    fn grace_cut(&self) -> bool {
        self.grace_cut
    }

    fn __repr__(&self) -> String {
        format!("<keyfob.Issued {}>", self.hint)
    }

    fn __reduce_ex__(&self, _protocol: i32) -> PyResult<()> {
        Err(refuse())
    }

    fn __copy__(&self) -> PyResult<()> {
        Err(refuse())
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(refuse())
    }
}

fn refuse() -> PyErr {
    PyTypeError::new_err("it holds a token, and is neither copied nor pickled; pass on .key")
}

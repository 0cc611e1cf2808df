//! The one place where what the library says becomes an exception: the class is chosen by the
//! number, in `keyfob.errors`.

use std::cell::Cell;

use keyfob::{Code, Denied, Error, KeyId, Misuse, Refused, StoreError, VerifyError};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::info::python;

/// The exception of an error.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let errno = match error {
        Error::Store(StoreError::Io { source, .. }) => source.raw_os_error(),
        _ => None,
    };
    let key_id = match error {
        Error::Refused(
            Refused::DigestTaken(key) | Refused::KeyIsRevoked(key) | Refused::KeyIsExpired(key),
        ) => Some(key.to_string()),
        _ => None,
    };
    exception(py, error.code(), &error.to_string(), errno, key_id)
}

thread_local! {
    /// The key of the last refusal in this thread, where the secret was its own.
    static REFUSED: Cell<Option<KeyId>> = const { Cell::new(None) };
}

/// Has a store note whose token it refuses, for [`refused_key`].
pub(crate) fn note_refusals(store: &keyfob::Store) {
    // It is called in the thread that asked, before the verification returns.
    store.on_refusal(Some(Box::new(|refusal| REFUSED.set(refusal.key_id))));
}

/// The key whose token was just refused in this thread, known to who holds its secret alone.
pub(crate) fn refused_key() -> Option<String> {
    REFUSED.take().map(|key| key.to_string())
}

/// The exception of a verification that did not succeed, of a token whose secret may be one of a
/// key's own.
pub(crate) fn raise_verification(
    py: Python<'_>,
    error: VerifyError,
    key_id: Option<String>,
) -> PyErr {
    match error {
        VerifyError::Denied(denied) => {
            exception(py, denied.code(), &denied.to_string(), None, key_id)
        }
        VerifyError::Store(error) => raise(py, &error.into()),
        // What a version to come may add has a code, and says what it is.
        other => exception(py, other.code(), &other.to_string(), None, None),
    }
}

/// The exception of an argument that can never be right.
pub(crate) fn misuse(py: Python<'_>, misuse: Misuse) -> PyErr {
    raise(py, &misuse.into())
}

/// The exception of what stopped a verb of many keys, with what it answers for those before.
pub(crate) fn stopped(py: Python<'_>, error: &Error, outcome: &Bound<'_, PyAny>) -> PyErr {
    with_outcome(py, raise(py, error), outcome)
}

/// An exception of whatever class, with what was done before it.
pub(crate) fn with_outcome(py: Python<'_>, raised: PyErr, outcome: &Bound<'_, PyAny>) -> PyErr {
    // One of the caller's own that takes no attribute is raised without.
    let _ = raised.value(py).setattr("outcome", outcome);
    raised
}

/// The exception of one of several values, saying which: what a mapping or an iterable of the caller's
/// own raises says what it says.
pub(crate) fn of_one(py: Python<'_>, raised: PyErr, what: &str, index: usize) -> PyErr {
    let renamed = || -> PyResult<()> {
        let value = raised.value(py);
        let ours = value.is_instance(python!(py, "keyfob.errors", "KeyfobError")?)?;
        if ours || value.get_type().is(py.get_type::<PyTypeError>()) {
            value.setattr("args", (format!("{what}[{index}]: {value}"),))?;
        }
        Ok(())
    };
    renamed().err().unwrap_or(raised)
}

/// The exception of a panic that was caught.
pub(crate) fn panicked(py: Python<'_>) -> PyErr {
    let message = "internal fault: a panic was caught; please report it";
    exception(py, Code::INTERNAL, message, None, None)
}

/// The exception of an iterator that is used in a child of the process that made it.
pub(crate) fn forked(py: Python<'_>) -> PyErr {
    let message = "the process was forked after this iterator was made; make another one, from the same store";
    exception(py, Code::FORKED, message, None, None)
}

fn exception(
    py: Python<'_>,
    code: Code,
    message: &str,
    errno: Option<i32>,
    key_id: Option<String>,
) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = MAKE
        .import(py, "keyfob.errors", "_error")
        .and_then(|make| make.call1((code.number(), message, errno, key_id)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// A denial as `Store.check` answers it. Where no secret matched, one object for each code, since it is
/// all that a flood of bad tokens makes.
pub(crate) fn denied(py: Python<'_>, denied: Denied) -> PyResult<Py<PyAny>> {
    static EACH: PyOnceLock<Vec<(Denied, Py<PyAny>)>> = PyOnceLock::new();
    let key_id = refused_key();
    let class = python!(py, "keyfob._info", "Denied")?;
    let each = EACH.get_or_try_init(py, || {
        let codes = python!(py, "keyfob._enums", "Code")?;
        let make = |denied: Denied| {
            let code = codes.call1((denied.code().number(),))?;
            let made = class.call1((code, denied.to_string(), denied.http_status()))?;
            PyResult::Ok((denied, made.unbind()))
        };
        Denied::ALL.into_iter().map(make).collect()
    })?;
    let Some((_, known)) = each.iter().find(|(each, _)| *each == denied) else {
        return Err(raise(py, &denied.into()));
    };
    let Some(key_id) = key_id else {
        return Ok(known.clone_ref(py));
    };
    let part = |name| known.bind(py).getattr(name);
    let (code, message, status) = (part("code")?, part("message")?, part("http_status")?);
    Ok(class.call1((code, message, status, key_id))?.unbind())
}

/// Every code that the library has, for the test that compares them with `keyfob.Code`.
#[pyfunction]
pub(crate) fn _codes() -> Vec<(&'static str, u16)> {
    let all = Code::ALL.iter();
    all.map(|code| (code.name(), code.number())).collect()
}

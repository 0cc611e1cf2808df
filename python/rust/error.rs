//! The one place where what the library says becomes an exception: the class is chosen by the
//! number, in `keyfob.errors`.

use keyfob::{Code, Denied, Error, Misuse, Refused, StoreError, VerifyError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

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

/// The exception of a verification that did not succeed.
pub(crate) fn raise_verification(py: Python<'_>, error: VerifyError) -> PyErr {
    match error {
        VerifyError::Denied(denied) => raise(py, &denied.into()),
        VerifyError::Store(error) => raise(py, &error.into()),
        // What a version to come may add has a code, and says what it is.
        other => exception(py, other.code(), &other.to_string(), None, None),
    }
}

/// The exception of an argument that can never be right.
pub(crate) fn misuse(py: Python<'_>, misuse: Misuse) -> PyErr {
    raise(py, &misuse.into())
}

/// The exception of a panic that was caught.
pub(crate) fn panicked(py: Python<'_>) -> PyErr {
    let message = "internal fault: a panic was caught; please report it";
    exception(py, Code::INTERNAL, message, None, None)
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

/// A denial as `Store.check` answers it; one object for each code, since it is all that a flood of
/// bad tokens makes.
pub(crate) fn denied(py: Python<'_>, denied: Denied) -> PyResult<Py<PyAny>> {
    static EACH: PyOnceLock<Vec<(Denied, Py<PyAny>)>> = PyOnceLock::new();
    let each = EACH.get_or_try_init(py, || {
        let class = py.import("keyfob._info")?.getattr("Denied")?;
        let codes = py.import("keyfob._enums")?.getattr("Code")?;
        let make = |denied: Denied| {
            let code = codes.call1((denied.code().number(),))?;
            let made = class.call1((code, denied.to_string(), denied.http_status()))?;
            PyResult::Ok((denied, made.unbind()))
        };
        Denied::ALL
            .into_iter()
            .map(make)
            .collect::<PyResult<Vec<_>>>()
    })?;
    match each.iter().find(|(each, _)| *each == denied) {
        Some((_, object)) => Ok(object.clone_ref(py)),
        None => Err(raise(py, &denied.into())),
    }
}

/// Every code that the library has, for the test that compares them with `keyfob.Code`.
#[pyfunction]
pub(crate) fn _codes() -> Vec<(&'static str, u16)> {
    let all = Code::ALL.iter();
    all.map(|code| (code.name(), code.number())).collect()
}

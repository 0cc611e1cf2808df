//! Whether a token is good: the verbs that answer it.

use keyfob::VerifyError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{self as read, Given};
use crate::error::{denied, raise_verification, refused_key};
use crate::guard::{caught, detached};
use crate::info::{explanation, refusals};
use crate::requirement::Keywords;
use crate::store::Store;
use crate::verified::VerifiedKey;

#[pymethods]
impl Store {
    /// Verifies a token: the key that it is of, where it is good for what is required now.
    ///
    /// All of `scopes` are required, and one of `any_scopes`; a single str is one scope, and an
    /// iterable that has none is refused: None, and not that, requires no scope. What a key is bound to has to be stated: its `project`, by name, or `ANY`; its `environment`, unless it
    /// is `live`; an `ip` where it has a list of them. An `owner` that is stated has to be the
    /// key's.
    ///
    /// Raises the subclass of `VerificationError` for the first check that fails, and `StoreError`
    /// where the store could not answer, which is neither yes nor no.
    #[pyo3(signature = (token, /, *, scopes=None, any_scopes=None, project=None, environment=None,
        owner=None, ip=None))]
    fn verify(
        this: &Bound<'_, Self>,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<VerifiedKey> {
        let asked = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        };
        let token = read::presented(token)?;
        let answer = asked.required(py, |request| {
            caught(py, || this.get().store.verify(&*token, request))
        })?;
        match answer {
            Ok(verified) => Ok(VerifiedKey::new(this, verified)),
            Err(error) => Err(raise_verification(py, error, refused_key())),
        }
    }

    /// As `verify`, but a token that is not good is answered, by a `Denied`, which is falsy.
    ///
    /// Raises `StoreError` where the store could not answer: an error is no denial.
    #[pyo3(signature = (token, /, *, scopes=None, any_scopes=None, project=None, environment=None,
        owner=None, ip=None))]
    fn check(
        this: &Bound<'_, Self>,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        let asked = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        };
        let token = read::presented(token)?;
        let answer = asked.required(py, |request| {
            caught(py, || this.get().store.verify(&*token, request))
        })?;
        match answer {
            Ok(verified) => Ok(Py::new(py, VerifiedKey::new(this, verified))?.into_any()),
            Err(VerifyError::Denied(why)) => denied(py, why),
            Err(error) => Err(raise_verification(py, error, refused_key())),
        }
    }

    /// As `verify`, at another time: for tests and questions. Nothing is counted or noted, and no
    /// exception names a key.
    #[pyo3(signature = (token, /, at, *, scopes=None, any_scopes=None, project=None,
        environment=None, owner=None, ip=None))]
    fn verify_at(
        this: &Bound<'_, Self>,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        at: &Bound<'_, PyAny>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<VerifiedKey> {
        let asked = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        };
        let (token, at) = (read::presented(token)?, read::timestamp("at", at)?);
        let answer = asked.required(py, |request| {
            caught(py, || this.get().store.verify_at(&*token, request, at))
        })?;
        match answer {
            Ok(verified) => Ok(VerifiedKey::new(this, verified)),
            Err(error) => Err(raise_verification(py, error, None)),
        }
    }

    /// As `verify`, for the value of an `Authorization` header: `Bearer`, in any case, and the token.
    /// None where it holds no bearer token, and where it is None: HTTP answers that with 401.
    ///
    /// Raises as `verify` does, and `MalformedToken` where there is anything after the token.
    #[pyo3(signature = (value, /, *, scopes=None, any_scopes=None, project=None, environment=None,
        owner=None, ip=None))]
    fn verify_authorization(
        this: &Bound<'_, Self>,
        py: Python<'_>,
        value: Given<'_, '_>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<Option<VerifiedKey>> {
        let asked = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        };
        let value = value.map(read::presented).transpose()?.unwrap_or_default();
        let answer = asked.required(py, |request| {
            caught(py, || {
                this.get().store.verify_authorization(&*value, request)
            })
        })?;
        match answer {
            Ok(verified) => Ok(verified.map(|verified| VerifiedKey::new(this, verified))),
            Err(error) => Err(raise_verification(py, error, refused_key())),
        }
    }

    /// Every step of a verification with its outcome, also those after the first that fails. Nothing
    /// is counted or noted.
    #[pyo3(signature = (token, /, *, scopes=None, any_scopes=None, project=None, environment=None,
        owner=None, ip=None))]
    fn explain<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'_, PyAny>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let asked = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        };
        let token = read::presented(token)?;
        let explained = asked.required(py, |request| {
            detached(py, || self.store.explain(&*token, request))
        })?;
        explanation(py, &explained)
    }

    /// How many verifications this process refused, by code.
    fn refusals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        refusals(py, &self.store.refusals())
    }
}

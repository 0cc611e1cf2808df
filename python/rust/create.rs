//! Creating keys: one, one within another, or many.

use keyfob::{Error, Misuse, NewKey};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arguments::{self as read, Keywords, owned};
use crate::error::{misuse, of_one, raise, raise_verification, stopped, with_outcome};
use crate::guard::{caught_detached, detached};
use crate::issued::Issued;
use crate::store::Store;
use crate::verified::VerifiedKey;

#[pymethods]
impl Store {
    /// Creates a key. The result has the `key`, and its `token`, which is shown here and never
    /// again.
    ///
    /// `expires_in` or `expires_at` say when it expires; where neither is passed, the policy of the
    /// store does, and `expires_at=NEVER` says never. Fractions of a second are cut off. With a
    /// `request_id` the creation may be repeated for 24 hours: the same request answers the same
    /// key, without the token.
    ///
    /// Raises `MisuseError` for what is not of its form, `NoSuchProject`, and `RefusedError` where
    /// project or policy do not admit it.
    #[pyo3(
        signature = (name, **terms),
        text_signature = "($self, name, *, scopes=None, expires_in=None, expires_at=None, \
            not_before=None, project=None, environment=None, owner=None, metadata=None, tags=None, \
            ip_list=None, rotation_due_after=None, request_id=None)"
    )]
    fn create(
        &self,
        py: Python<'_>,
        name: &Bound<'_, PyAny>,
        terms: Option<Keywords<'_, '_>>,
    ) -> PyResult<Issued> {
        let new = new_key("create", name, terms)?;
        Issued::created(py, detached(py, || self.store.create(&new))?)
    }

    /// Lets a key that was just verified make another one, of at most its own scopes, project,
    /// owner, environment and expiry: with the keywords of `create`. Project, owner, expiry and
    /// ranges are the creating key's where they are not passed.
    ///
    /// Raises as `create` does, `VerificationError` where the creating key is no longer good, and
    /// `RefusedError` where it may not give that away.
    #[pyo3(
        signature = (parent, name, **terms),
        text_signature = "($self, parent, name, *, scopes=None, expires_in=None, expires_at=None, \
            not_before=None, project=None, environment=None, owner=None, metadata=None, tags=None, \
            ip_list=None, rotation_due_after=None, request_id=None)"
    )]
    fn create_within(
        &self,
        py: Python<'_>,
        parent: &Bound<'_, VerifiedKey>,
        name: &Bound<'_, PyAny>,
        terms: Option<Keywords<'_, '_>>,
    ) -> PyResult<Issued> {
        let new = new_key("create_within", name, terms)?;
        let parent = &parent.get().verified;
        let made = caught_detached(py, || self.store.create_within(parent, &new))?;
        match made {
            Ok(created) => Issued::created(py, created),
            Err(Error::Denied(denied)) => {
                let key_id = parent.key_id().to_string();
                Err(raise_verification(py, denied.into(), Some(key_id)))
            }
            Err(error) => Err(raise(py, &error)),
        }
    }

    /// Creates many keys: a mapping of the keywords of `create`, with the `name`, for each. They are
    /// answered in the same order.
    ///
    /// Each 10,000 are one transaction, and made or not made together. Raises as `create` does; what
    /// was made by then is the exception's `outcome`. A request that is not of its form is named by its
    /// index, before any is made.
    #[pyo3(signature = (requests, /))]
    fn create_many<'py>(
        &self,
        py: Python<'py>,
        requests: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let new = requests_of(requests);
        let new = new.map_err(|error| with_outcome(py, error, PyList::empty(py).as_any()))?;
        let made = caught_detached(py, || self.store.create_many(&new))?;
        let done = made.done.into_iter();
        let done = done
            .map(|created| Issued::created(py, created)?.into_pyobject(py))
            .collect::<PyResult<Vec<_>>>()?;
        let done = PyList::new(py, done)?;
        match made.stopped {
            None => Ok(done),
            Some(error) => Err(stopped(py, &error, done.as_any())),
        }
    }
}

/// A key as the keywords of `create` tell it.
fn new_key(
    verb: &str,
    name: &Bound<'_, PyAny>,
    terms: Option<Keywords<'_, '_>>,
) -> PyResult<NewKey> {
    let mut new = NewKey::new(owned("name", name)?);
    let (mut expires_at, mut expires_in) = (None, None);
    for (term, value) in read::stated(verb, "NewKey", terms)? {
        match term.as_str() {
            "scopes" => new.scopes = read::scopes(&value)?,
            "expires_in" => expires_in = Some(value),
            "expires_at" => expires_at = Some(value),
            "not_before" => new.not_before = Some(read::timestamp("not_before", &value)?),
            "project" => new.project = Some(owned("project", &value)?),
            "environment" => new.environment = read::environment(&value)?,
            "owner" => new.owner = Some(owned("owner", &value)?),
            "metadata" => new.metadata = read::metadata(&value)?,
            "tags" => new.tags = read::tags(&value)?,
            "ip_list" => new.ip_list = read::ranges(&value)?,
            "rotation_due_after" => {
                new.rotation_due_after = Some(read::seconds("rotation_due_after", &value)?);
            }
            "request_id" => new.request_id = Some(owned("request_id", &value)?),
            unknown => return Err(read::unexpected(verb, unknown)),
        }
    }
    new.expires = read::expiry(expires_at.as_ref(), expires_in.as_ref())?;
    Ok(new)
}

/// The requests of `create_many`.
fn requests_of(requests: &Bound<'_, PyAny>) -> PyResult<Vec<NewKey>> {
    let each = requests.try_iter()?.enumerate();
    each.map(|(index, request)| {
        let request = request?;
        request_of(&request).map_err(|error| of_one(request.py(), error, "requests", index))
    })
    .collect()
}

/// A request of `create_many`.
fn request_of(request: &Bound<'_, PyAny>) -> PyResult<NewKey> {
    let terms: Bound<'_, PyDict> = read::mapping("a request", "a mapping", request)?;
    let Some(name) = terms.get_item("name")? else {
        let (what, why) = ("a request", "it needs a name".to_owned());
        return Err(misuse(request.py(), Misuse::InvalidArgument { what, why }));
    };
    terms.del_item("name")?;
    new_key("create_many", &name, Some(&terms))
}

//! The life of a key once it is created.

use keyfob::{Change, KeyUpdate, Misuse, Prune, Rotate};
use pyo3::prelude::*;

use crate::arguments::{self as read, Given, Keywords, change, owned};
use crate::error::misuse;
use crate::guard::detached;
use crate::info::{key_info, pruned};
use crate::issued::Issued;
use crate::store::Store;

#[pymethods]
impl Store {
    /// Changes what is passed of a key; `KEEP` leaves a field as it is, None clears it.
    ///
    /// `metadata` takes the place of all of it; `metadata_pairs` sets single pairs, and takes away
    /// those whose value is None. `expires_at=None` means never.
    ///
    /// Raises `NoSuchKey`, `MisuseError`, and `RefusedError` where state, project or policy do not
    /// admit it.
    #[pyo3(
        signature = (key_id, /, **changes),
        text_signature = "($self, key_id, /, *, name=..., scopes=..., owner=..., expires_at=..., \
            expires_in=None, not_before=..., metadata=..., metadata_pairs=None, tags=..., \
            ip_list=..., rotation_due_after=...)"
    )]
    fn update<'py>(
        &self,
        py: Python<'py>,
        key_id: &Bound<'py, PyAny>,
        changes: Option<Keywords<'_, 'py>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        let update = key_update(py, "update", changes)?;
        key_info(py, &detached(py, || self.store.update(id, &update))?)
    }

    /// Disables a key until it is enabled again; one that is disabled stays so.
    ///
    /// Raises `NoSuchKey`, and `RefusedError` where it is revoked.
    #[pyo3(signature = (key_id, /))]
    fn disable<'py>(
        &self,
        py: Python<'py>,
        key_id: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        key_info(py, &detached(py, || self.store.disable(id))?)
    }

    /// Enables a key again; one that is enabled stays so.
    ///
    /// Raises `NoSuchKey`, and `RefusedError` where it is revoked.
    #[pyo3(signature = (key_id, /))]
    fn enable<'py>(
        &self,
        py: Python<'py>,
        key_id: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        key_info(py, &detached(py, || self.store.enable(id))?)
    }

    /// Revokes a key, for good; one that is revoked stays as it is, with its first reason.
    ///
    /// Raises `NoSuchKey`.
    #[pyo3(signature = (key_id, /, *, reason=None, note=None))]
    fn revoke<'py>(
        &self,
        py: Python<'py>,
        key_id: &Bound<'py, PyAny>,
        reason: Given<'_, 'py>,
        note: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        let revoke = read::revocation(reason, note)?;
        key_info(py, &detached(py, || self.store.revoke(id, &revoke))?)
    }

    /// Revokes by possession: who presents a token that is good now ends it, whatever a verification
    /// would require. The old token, in the grace of a rotation, ends itself alone, unless
    /// `whole_key` is passed.
    ///
    /// Raises `MalformedToken`, and `TokenNotFound` where no secret of this store was presented.
    #[pyo3(signature = (token, /, *, whole_key=false, reason=None, note=None))]
    fn revoke_token<'py>(
        &self,
        py: Python<'py>,
        token: &Bound<'py, PyAny>,
        whole_key: bool,
        reason: Given<'_, 'py>,
        note: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (token, revoke) = (read::presented(token)?, read::revocation(reason, note)?);
        let revoked = detached(py, || self.store.revoke_token(&*token, whole_key, &revoke))?;
        key_info(py, &revoked)
    }

    /// Gives a key a new secret; the id stays. The old token stays good for the `grace`, cut at
    /// 90 days and at the key's expiry, which `grace_cut` tells; without one it ends at once.
    ///
    /// Raises `NoSuchKey`, and `RefusedError` where the key is revoked or expired.
    #[pyo3(signature = (key_id, /, *, grace=None, request_id=None))]
    fn rotate(
        &self,
        py: Python<'_>,
        key_id: &Bound<'_, PyAny>,
        grace: Given<'_, '_>,
        request_id: Given<'_, '_>,
    ) -> PyResult<Issued> {
        let id = read::key_id(key_id)?;
        let grace = grace
            .map(|grace| read::seconds("grace", grace))
            .transpose()?;
        let mut rotate = Rotate::with_grace(grace.unwrap_or(0));
        rotate.request_id = read::maybe_owned("request_id", request_id)?;
        Issued::rotated(py, detached(py, || self.store.rotate(id, &rotate))?)
    }

    /// Ends the grace of a key's old secret now.
    ///
    /// Raises `NoSuchKey`.
    #[pyo3(signature = (key_id, /))]
    fn finish_rotation<'py>(
        &self,
        py: Python<'py>,
        key_id: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        key_info(py, &detached(py, || self.store.finish_rotation(id))?)
    }

    /// Takes away keys that were revoked, or expired, before a time, and deleted projects that have
    /// no key left: from the listing, for good. What was done to them stays in the log.
    #[pyo3(signature = (*, revoked_before=None, expired_before=None))]
    fn prune<'py>(
        &self,
        py: Python<'py>,
        revoked_before: Given<'_, 'py>,
        expired_before: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut prune = Prune::default();
        prune.revoked_before = read::maybe_time("revoked_before", revoked_before)?;
        prune.expired_before = read::maybe_time("expired_before", expired_before)?;
        pruned(py, &detached(py, || self.store.prune(&prune))?)
    }
}

/// What changes as the keywords of `update` tell it.
pub(crate) fn key_update(
    py: Python<'_>,
    verb: &str,
    changes: Option<Keywords<'_, '_>>,
) -> PyResult<KeyUpdate> {
    let mut update = KeyUpdate::default();
    let mut expires_in = None;
    for (field, value) in read::passed(changes)? {
        match field.as_str() {
            "name" => {
                update.name = match change(&value, |name| owned("name", name))? {
                    Change::Keep => None,
                    Change::Set(name) => Some(name),
                    Change::Clear => {
                        let why = "a name is not cleared; pass another, or KEEP".to_owned();
                        return Err(misuse(py, Misuse::InvalidArgument { what: "name", why }));
                    }
                }
            }
            "scopes" => update.scopes = change(&value, read::scopes)?,
            "owner" => update.owner = change(&value, |owner| owned("owner", owner))?,
            "expires_at" => {
                update.expires = change(&value, |at| read::expiry(Some(at), None))?;
            }
            "expires_in" => expires_in = (!value.is_none()).then_some(value),
            "not_before" => {
                update.not_before = change(&value, |at| read::timestamp("not_before", at))?;
            }
            "metadata" => update.metadata = change(&value, read::metadata)?,
            "metadata_pairs" => {
                if !value.is_none() {
                    update.metadata_pairs = read::metadata_pairs(&value)?;
                }
            }
            "tags" => update.tags = change(&value, read::tags)?,
            "ip_list" => update.ip_list = change(&value, read::ranges)?,
            "rotation_due_after" => {
                let seconds = |after: &_| read::seconds("rotation_due_after", after);
                update.rotation_due_after = change(&value, seconds)?;
            }
            unknown => return Err(read::unexpected(verb, unknown)),
        }
    }
    if let Some(duration) = expires_in {
        if update.expires != Change::Keep {
            return Err(read::two_expiries());
        }
        update.expires = Change::Set(read::expiry(None, Some(&duration))?);
    }
    Ok(update)
}

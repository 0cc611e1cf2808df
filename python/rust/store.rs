//! The store: how it is opened, and its verbs.

use std::path::PathBuf;
use std::time::Duration;

use keyfob::{
    Change, Filter, KeyState, KeyUpdate, LogQuery, Misuse, NewKey, NewProject, Order, PageRequest,
    Pepper, ProjectUpdate, Prune, Reason, Revoke, Rotate, Scope, ScopeSet, StoreOptions, Timestamp,
    Verified, VerifyError,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use zeroize::Zeroizing;

use crate::arguments::{self as read, Given, Update};
use crate::clock::ManualClock;
use crate::error::{denied, misuse, note_refusals, raise_verification};
use crate::events::EventIterator;
use crate::guard::{caught, detached, interruptible};
use crate::info::{
    backup, explanation, integrity, key_info, policy, project_info, pruned, refusals,
};
use crate::issued::Issued;
use crate::keys::KeyIterator;
use crate::requirement::Keywords;
use crate::verified::VerifiedKey;

/// An open store of API keys: one file, which several processes may have open.
///
/// Any thread may use it. After a fork the child goes on with it, unless it is exclusive. Every
/// change is durable when it returns, and seen by every verification that starts afterwards, in
/// every process.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct Store {
    store: keyfob::Store,
    mode: &'static str,
}

impl Store {
    fn verified(&self, verified: Verified) -> VerifiedKey {
        VerifiedKey {
            verified,
            store: self.store.clone(),
        }
    }
}

#[pymethods]
impl Store {
    /// Opens the store at a path; with `create`, creates it first where nothing is there.
    ///
    /// `mode` is `shared` (any number of processes), `exclusive` (this process alone) or
    /// `readonly`. A new store needs a `prefix` for its tokens; of one that exists it is compared.
    /// `pepper` is the store's, as 64 hexadecimal characters or 32 bytes. `actor` is who changes
    /// what is changed, as the log shows it. `file_mode` is that of a new file, and the most that an
    /// existing one may have: 0o600, 0o640 or 0o660. `clock` is where the time is read, for tests.
    ///
    /// Raises `StoreNotFound` where nothing is there, another `StoreError` where it cannot be
    /// used, and `MisuseError` for an option that is not of its form.
    #[staticmethod]
    #[pyo3(signature = (path, *, create=false, mode="shared", prefix=None, pepper=None, actor=None,
        least_sequence=None, file_mode=None, read_timeout=None, write_timeout=None,
        allow_insecure_permissions=false, allow_network_file_system=false,
        clock=None))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        create: bool,
        mode: &str,
        prefix: Option<&str>,
        pepper: Given<'_, '_>,
        actor: Option<&str>,
        least_sequence: Option<u64>,
        file_mode: Option<u32>,
        read_timeout: Given<'_, '_>,
        write_timeout: Given<'_, '_>,
        allow_insecure_permissions: bool,
        allow_network_file_system: bool,
        clock: Option<&ManualClock>,
    ) -> PyResult<Self> {
        let refuse = |error| misuse(py, error);
        let Some(mode) = ["shared", "exclusive", "readonly"]
            .into_iter()
            .find(|known| *known == mode)
        else {
            let why = "use shared, exclusive or readonly".to_owned();
            return Err(refuse(Misuse::InvalidArgument { what: "mode", why }));
        };
        let read_timeout = wait("read_timeout", read_timeout, StoreOptions::READ_TIMEOUT)?;
        let write_timeout = wait("write_timeout", write_timeout, StoreOptions::WRITE_TIMEOUT)?;
        let mut options = StoreOptions::new()
            .exclusive(mode == "exclusive")
            .read_only(mode == "readonly")
            .timeouts(read_timeout, write_timeout)
            .allow_insecure_permissions(allow_insecure_permissions)
            .allow_network_file_system(allow_network_file_system);
        if let Some(prefix) = prefix {
            options = options.prefix(prefix).map_err(refuse)?;
        }
        if let Some(given) = pepper {
            options = options.pepper(read_pepper(given)?);
        }
        if let Some(actor) = actor {
            options = options.actor(actor).map_err(refuse)?;
        }
        if let Some(sequence) = least_sequence {
            options = options.least_sequence(sequence);
        }
        if let Some(file_mode) = file_mode {
            options = options.file_mode(file_mode).map_err(refuse)?;
        }
        if let Some(manual) = clock {
            options = options.clock(manual.clock.clone());
        }
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
    fn with_actor(&self, py: Python<'_>, actor: &str) -> PyResult<Self> {
        let store = self.store.with_actor(actor);
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

    /// Verifies a token: the key that it is of, where it is good for what is required now.
    ///
    /// All of `scopes` are required, and one of `any_scopes`; a single str is one scope. What a key
    /// is bound to has to be stated: its `project`, by name, or `ANY`; its `environment`, unless it
    /// is `live`; an `ip` where it has a list of them. An `owner` that is stated has to be the
    /// key's.
    ///
    /// Raises the subclass of `VerificationError` for the first check that fails, and `StoreError`
    /// where the store could not answer, which is neither yes nor no.
    #[pyo3(signature = (token, /, *, scopes=None, any_scopes=None, project=None, environment=None,
        owner=None, ip=None))]
    fn verify(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<VerifiedKey> {
        let required = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        }
        .read(py)?;
        let token = read::presented(token)?;
        match caught(py, || self.store.verify(token, required.request()))? {
            Ok(verified) => Ok(self.verified(verified)),
            Err(error) => Err(raise_verification(py, error)),
        }
    }

    /// As `verify`, but a token that is not good is answered, by a `Denied`, which is falsy.
    ///
    /// Raises `StoreError` where the store could not answer: an error is no denial.
    #[pyo3(signature = (token, /, *, scopes=None, any_scopes=None, project=None, environment=None,
        owner=None, ip=None))]
    fn check(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<Py<PyAny>> {
        let required = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        }
        .read(py)?;
        let token = read::presented(token)?;
        match caught(py, || self.store.verify(token, required.request()))? {
            Ok(verified) => Ok(Py::new(py, self.verified(verified))?.into_any()),
            Err(VerifyError::Denied(why)) => denied(py, why),
            Err(error) => Err(raise_verification(py, error)),
        }
    }

    /// As `verify`, at another time: for tests and questions. Nothing is counted or noted.
    #[pyo3(signature = (token, /, at, *, scopes=None, any_scopes=None, project=None,
        environment=None, owner=None, ip=None))]
    fn verify_at(
        &self,
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
        let required = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        }
        .read(py)?;
        let (token, at) = (read::presented(token)?, read::timestamp("at", at)?);
        match caught(py, || self.store.verify_at(token, required.request(), at))? {
            Ok(verified) => Ok(self.verified(verified)),
            Err(error) => Err(raise_verification(py, error)),
        }
    }

    /// As `verify`, for the value of an `Authorization` header: `Bearer`, in any case, and the token.
    /// None where it holds no bearer token, and where it is None: HTTP answers that with 401.
    ///
    /// Raises as `verify` does, and `MalformedToken` where there is anything after the token.
    #[pyo3(signature = (value, /, *, scopes=None, any_scopes=None, project=None, environment=None,
        owner=None, ip=None))]
    fn verify_authorization(
        &self,
        py: Python<'_>,
        value: Given<'_, '_>,
        scopes: Given<'_, '_>,
        any_scopes: Given<'_, '_>,
        project: Given<'_, '_>,
        environment: Given<'_, '_>,
        owner: Given<'_, '_>,
        ip: Given<'_, '_>,
    ) -> PyResult<Option<VerifiedKey>> {
        let required = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        }
        .read(py)?;
        let value = value.map_or(Ok(&b""[..]), read::presented)?;
        let answer = caught(py, || {
            self.store.verify_authorization(value, required.request())
        })?;
        match answer {
            Ok(verified) => Ok(verified.map(|verified| self.verified(verified))),
            Err(error) => Err(raise_verification(py, error)),
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
        let required = Keywords {
            scopes,
            any_scopes,
            project,
            environment,
            owner,
            ip,
        }
        .read(py)?;
        let token = read::presented(token)?;
        let explained = detached(py, || self.store.explain(token, required.request()))?;
        explanation(py, &explained)
    }

    /// How many verifications this process refused, by code.
    fn refusals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        refusals(py, &self.store.refusals())
    }

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
    #[pyo3(signature = (name, *, scopes=None, expires_in=None, expires_at=None, not_before=None,
        project=None, environment=None, owner=None, metadata=None, tags=None, ip_list=None,
        rotation_due_after=None, request_id=None))]
    fn create(
        &self,
        py: Python<'_>,
        name: &str,
        scopes: Given<'_, '_>,
        expires_in: Given<'_, '_>,
        expires_at: Given<'_, '_>,
        not_before: Given<'_, '_>,
        project: Option<String>,
        environment: Given<'_, '_>,
        owner: Option<String>,
        metadata: Given<'_, '_>,
        tags: Given<'_, '_>,
        ip_list: Given<'_, '_>,
        rotation_due_after: Given<'_, '_>,
        request_id: Option<String>,
    ) -> PyResult<Issued> {
        let mut new = NewKey::new(name);
        new.scopes = read_scopes(scopes)?;
        new.expires = read::expiry(expires_at, expires_in)?;
        new.not_before = maybe_time("not_before", not_before)?;
        new.project = project;
        if let Some(named) = environment {
            new.environment = read::environment(named)?;
        }
        new.owner = owner;
        if let Some(pairs) = metadata {
            new.metadata = read::metadata(pairs)?;
        }
        if let Some(labels) = tags {
            new.tags = read::tags(labels)?;
        }
        if let Some(list) = ip_list {
            new.ip_list = read::ranges(list)?;
        }
        new.rotation_due_after = rotation_due_after
            .map(|after| read::seconds("rotation_due_after", after))
            .transpose()?;
        new.request_id = request_id;
        Issued::created(py, detached(py, || self.store.create(&new))?)
    }

    /// A key by its id.
    ///
    /// Raises `NoSuchKey`.
    #[pyo3(signature = (key_id, /))]
    fn get<'py>(&self, py: Python<'py>, key_id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        key_info(py, &detached(py, || self.store.get(id))?)
    }

    /// The keys for which everything holds that is passed, as an iterator.
    ///
    /// `state` is one or several; `scope` is one that the key grants by itself; `unused_since`
    /// means neither created nor used since. `order` is `created`, `name` or `expires`.
    ///
    /// Without a `limit` all keys are read, page by page, and no transaction stays open between:
    /// a key that is created meanwhile may be among them. With one, a single page of at most so
    /// many (1 to 1,000) is read, and the iterator's `cursor` is what the next page is asked by.
    #[pyo3(signature = (*, project=None, owner=None, environment=None, state=None, scope=None,
        name_contains=None, tag=None, created_after=None, created_before=None, expires_after=None,
        expires_before=None, expires_within=None, never_used=false, unused_since=None,
        rotation_due=false, order=None, reverse=false, limit=None, cursor=None))]
    fn list(
        &self,
        py: Python<'_>,
        project: Option<String>,
        owner: Option<String>,
        environment: Given<'_, '_>,
        state: Given<'_, '_>,
        scope: Option<&str>,
        name_contains: Option<String>,
        tag: Option<String>,
        created_after: Given<'_, '_>,
        created_before: Given<'_, '_>,
        expires_after: Given<'_, '_>,
        expires_before: Given<'_, '_>,
        expires_within: Given<'_, '_>,
        never_used: bool,
        unused_since: Given<'_, '_>,
        rotation_due: bool,
        order: Given<'_, '_>,
        reverse: bool,
        limit: Option<usize>,
        cursor: Option<String>,
    ) -> PyResult<KeyIterator> {
        let mut filter = Filter::default();
        filter.project = project;
        filter.owner = owner;
        filter.environment = environment.map(read::environment).transpose()?;
        if let Some(state) = state {
            filter.states = states(state)?;
        }
        let scope = scope.map(Scope::parse).transpose();
        filter.scope = scope.map_err(|error| misuse(py, error))?;
        filter.name_part = name_contains;
        filter.tag = tag;
        filter.created_after = maybe_time("created_after", created_after)?;
        filter.created_before = maybe_time("created_before", created_before)?;
        filter.expires_after = maybe_time("expires_after", expires_after)?;
        filter.expires_before = maybe_time("expires_before", expires_before)?;
        filter.expires_within = expires_within
            .map(|within| read::seconds("expires_within", within))
            .transpose()?;
        filter.never_used = never_used;
        filter.unused_since = maybe_time("unused_since", unused_since)?;
        filter.rotation_due = rotation_due;
        let mut page = PageRequest::default();
        if let Some(order) = order {
            page.order = read::word("order", order, order_of, "created, name, expires")?;
        }
        page.reverse = reverse;
        page.cursor = cursor;
        if let Some(limit) = limit {
            page.limit = limit;
        }
        let (store, one_page) = (self.store.clone(), limit.is_some());
        Ok(KeyIterator::new(store, filter, page, one_page))
    }

    /// Changes what is passed of a key; `KEEP` leaves a field as it is, None clears it.
    ///
    /// `metadata` takes the place of all of it; `metadata_pairs` sets single pairs, and takes away
    /// those whose value is None. `expires_at=None` means never.
    ///
    /// Raises `NoSuchKey`, `MisuseError`, and `RefusedError` where state, project or policy do not
    /// admit it.
    #[pyo3(signature = (key_id, /, *, name=Update::Keep, scopes=Update::Keep, owner=Update::Keep,
        expires_at=Update::Keep, expires_in=None, not_before=Update::Keep, metadata=Update::Keep,
        metadata_pairs=None, tags=Update::Keep, ip_list=Update::Keep,
        rotation_due_after=Update::Keep))]
    fn update<'py>(
        &self,
        py: Python<'py>,
        key_id: &Bound<'py, PyAny>,
        name: Update<'py>,
        scopes: Update<'py>,
        owner: Update<'py>,
        expires_at: Update<'py>,
        expires_in: Given<'_, 'py>,
        not_before: Update<'py>,
        metadata: Update<'py>,
        metadata_pairs: Given<'_, 'py>,
        tags: Update<'py>,
        ip_list: Update<'py>,
        rotation_due_after: Update<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        let mut update = KeyUpdate::default();
        update.name = match name.read(|name| owned("name", name))? {
            Change::Keep => None,
            Change::Set(name) => Some(name),
            Change::Clear => {
                let why = "a name is not cleared; pass another, or KEEP".to_owned();
                return Err(misuse(py, Misuse::InvalidArgument { what: "name", why }));
            }
        };
        update.scopes = scopes.read(read::scopes)?;
        update.owner = owner.read(|owner| owned("owner", owner))?;
        let expires = expires_at.read(|at| read::expiry(Some(at), expires_in))?;
        update.expires = match (expires, expires_in) {
            (Change::Keep, Some(_)) => Change::Set(read::expiry(None, expires_in)?),
            (Change::Clear, Some(_)) => return Err(read::two_expiries()),
            (stated, _) => stated,
        };
        update.not_before = not_before.read(|at| read::timestamp("not_before", at))?;
        update.metadata = metadata.read(read::metadata)?;
        if let Some(pairs) = metadata_pairs {
            update.metadata_pairs = read::metadata_pairs(pairs)?;
        }
        update.tags = tags.read(read::tags)?;
        update.ip_list = ip_list.read(read::ranges)?;
        update.rotation_due_after =
            rotation_due_after.read(|after| read::seconds("rotation_due_after", after))?;
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
        note: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let id = read::key_id(key_id)?;
        let mut revoke = Revoke::default();
        if let Some(reason) = reason {
            let names = "the reasons of keyfob.Reason";
            revoke.reason = read::word("reason", reason, Reason::from_name, names)?;
        }
        revoke.note = note;
        key_info(py, &detached(py, || self.store.revoke(id, &revoke))?)
    }

    /// Gives a key a new secret; the id stays. The old token stays good for the `grace`, at most 90
    /// days; without one it ends at once.
    ///
    /// Raises `NoSuchKey`, and `RefusedError` where the key is revoked or expired.
    #[pyo3(signature = (key_id, /, *, grace=None, request_id=None))]
    fn rotate(
        &self,
        py: Python<'_>,
        key_id: &Bound<'_, PyAny>,
        grace: Given<'_, '_>,
        request_id: Option<String>,
    ) -> PyResult<Issued> {
        let id = read::key_id(key_id)?;
        let grace = grace
            .map(|grace| read::seconds("grace", grace))
            .transpose()?;
        let mut rotate = Rotate::with_grace(grace.unwrap_or(0));
        rotate.request_id = request_id;
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
        prune.revoked_before = maybe_time("revoked_before", revoked_before)?;
        prune.expired_before = maybe_time("expired_before", expired_before)?;
        pruned(py, &detached(py, || self.store.prune(&prune))?)
    }

    /// Creates a project, whose tokens may do at most what its `scopes` allow.
    ///
    /// Raises `RefusedError` where the name is taken.
    #[pyo3(signature = (name, *, scopes=None, owner=None))]
    fn create_project<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        scopes: Given<'_, 'py>,
        owner: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut new = NewProject::new(name);
        new.scopes = read_scopes(scopes)?;
        new.owner = owner;
        project_info(py, &detached(py, || self.store.create_project(&new))?)
    }

    /// A project by its name.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn project<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        project_info(py, &detached(py, || self.store.project(name))?)
    }

    /// All projects, by name; with `deleted`, those that were deleted and not pruned yet instead.
    #[pyo3(signature = (*, deleted=false))]
    fn projects<'py>(&self, py: Python<'py>, deleted: bool) -> PyResult<Bound<'py, PyList>> {
        let found = detached(py, || {
            if deleted {
                self.store.deleted_projects()
            } else {
                self.store.projects()
            }
        })?;
        let each = found.iter().map(|project| project_info(py, project));
        PyList::new(py, each.collect::<PyResult<Vec<_>>>()?)
    }

    /// Changes what is passed of a project; `KEEP` leaves a field as it is, None clears it.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /, *, scopes=Update::Keep, owner=Update::Keep))]
    fn update_project<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        scopes: Update<'py>,
        owner: Update<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut update = ProjectUpdate::default();
        update.scopes = scopes.read(read::scopes)?;
        update.owner = owner.read(|owner| owned("owner", owner))?;
        let updated = detached(py, || self.store.update_project(name, &update))?;
        project_info(py, &updated)
    }

    /// Disables a project, and with it all its tokens, until it is enabled again.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn disable_project<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        project_info(py, &detached(py, || self.store.disable_project(name))?)
    }

    /// Enables a project again.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn enable_project<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        project_info(py, &detached(py, || self.store.enable_project(name))?)
    }

    /// Deletes a project, and with it all its tokens, for good. Its name is free afterwards.
    ///
    /// Raises `NoSuchProject`.
    #[pyo3(signature = (name, /))]
    fn delete_project<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        project_info(py, &detached(py, || self.store.delete_project(name))?)
    }

    /// What the store asks of keys.
    fn policy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        policy(py, &detached(py, || self.store.policy())?)
    }

    /// Sets what the store asks of keys that are created, imported or given another expiry from now
    /// on; keys that are there stay as they are.
    ///
    /// Raises `MisuseError` for a lifetime that is not positive, or a default beyond the longest.
    #[pyo3(signature = (policy, /))]
    fn set_policy(&self, py: Python<'_>, policy: &Bound<'_, PyAny>) -> PyResult<()> {
        let policy = read::policy(policy)?;
        detached(py, || self.store.set_policy(policy))
    }

    /// Writes a copy of the store as it stands now, while it goes on being used. The copy is a store
    /// itself, and durable when this returns. Ctrl-C breaks it off, and leaves nothing of it.
    ///
    /// Raises `StoreExists` where anything is at the path.
    #[pyo3(signature = (to, /))]
    fn backup<'py>(&self, py: Python<'py>, to: PathBuf) -> PyResult<Bound<'py, PyAny>> {
        let done = interruptible(py, |progress| self.store.backup(to, progress))?;
        backup(py, &done)
    }

    /// Checks everything in the file that there is to check, while it goes on being used. Damage is
    /// answered, and not raised. Ctrl-C breaks it off.
    fn check_integrity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let report = interruptible(py, |progress| self.store.check_integrity(progress))?;
        integrity(py, &report)
    }

    /// The log, in order, as an iterator: events `after` a sequence, about a key, about a project
    /// (by name or id) and its keys, from a time on (`since`), and before one (`until`). Every event
    /// is checked against the one before it.
    ///
    /// No transaction stays open between two events. Raises `StoreError` with the code GONE where
    /// the log was pruned beyond `after`.
    #[pyo3(signature = (*, after=None, key_id=None, project=None, since=None, until=None))]
    fn log(
        &self,
        after: Option<u64>,
        key_id: Given<'_, '_>,
        project: Option<String>,
        since: Given<'_, '_>,
        until: Given<'_, '_>,
    ) -> PyResult<EventIterator> {
        let mut query = LogQuery::default();
        query.after = after;
        query.key = key_id.map(read::key_id).transpose()?;
        query.project = project;
        query.from = maybe_time("since", since)?;
        query.until = maybe_time("until", until)?;
        Ok(EventIterator::new(self.store.clone(), query))
    }
}

fn owned(what: &'static str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    read::text(what, value).map(str::to_owned)
}

fn read_scopes(value: Given<'_, '_>) -> PyResult<ScopeSet> {
    value.map_or(Ok(ScopeSet::empty()), read::scopes)
}

fn maybe_time(what: &'static str, at: Given<'_, '_>) -> PyResult<Option<Timestamp>> {
    at.map(|at| read::timestamp(what, at)).transpose()
}

fn wait(what: &'static str, given: Given<'_, '_>, default: Duration) -> PyResult<Duration> {
    let Some(given) = given else {
        return Ok(default);
    };
    given
        .extract()
        .map_err(|_| read::wrong_type(what, "a timedelta that is not negative", given))
}

fn states(value: &Bound<'_, PyAny>) -> PyResult<Vec<KeyState>> {
    let find = |name: &String| KeyState::from_name(name);
    let names = read::texts("state", value)?;
    let found: Option<Vec<_>> = names.iter().map(find).collect();
    found.ok_or_else(|| {
        let why = "use the states of keyfob.KeyState".to_owned();
        misuse(value.py(), Misuse::InvalidArgument { what: "state", why })
    })
}

fn order_of(name: &str) -> Option<Order> {
    match name {
        "created" => Some(Order::Created),
        "name" => Some(Order::Name),
        "expires" => Some(Order::Expires),
        _ => None,
    }
}

fn read_pepper(value: &Bound<'_, PyAny>) -> PyResult<Pepper> {
    let Ok(bytes) = value.cast::<PyBytes>() else {
        let hex = Zeroizing::new(owned("pepper", value)?);
        return Pepper::from_hex(&hex).map_err(|error| misuse(value.py(), error));
    };
    let wrong = Misuse::InvalidPepper("give 32 bytes, or 64 hexadecimal characters");
    let bytes = bytes
        .as_bytes()
        .try_into()
        .map_err(|_| misuse(value.py(), wrong))?;
    Ok(Pepper::new(bytes))
}

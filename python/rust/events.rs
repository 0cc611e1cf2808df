//! The log, read batch by batch: no transaction stays open between two events.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use keyfob::{
    Error, Event, EventKind, KeyField, KeyTerms, LogQuery, Misuse, ProjectField, Subject,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};

use crate::arguments::{self as read, Given, maybe_owned, maybe_time, number};
use crate::error::misuse;
use crate::guard::{Maker, detached};
use crate::info::{
    datetime, datetime_ms, duration, frozen_map, make, maybe_datetime, policy, python, ranges,
    scope_set,
};
use crate::store::Store;

#[pymethods]
impl Store {
    /// The log, in order, as an iterator: events `after` a sequence, about a key, about a project
    /// (by name or id) and its keys, from a time on (`since`), and before one (`until`). Every event
    /// is checked against the one before it.
    ///
    /// No transaction stays open between two events. Raises `StoreError` with the code GONE where
    /// the log was pruned beyond `after`.
    #[pyo3(signature = (*, after=None, key_id=None, project=None, since=None, until=None))]
    fn log(
        &self,
        after: Given<'_, '_>,
        key_id: Given<'_, '_>,
        project: Given<'_, '_>,
        since: Given<'_, '_>,
        until: Given<'_, '_>,
    ) -> PyResult<EventIterator> {
        let mut query = LogQuery::default();
        query.after = after.map(|after| number("after", after)).transpose()?;
        query.key = key_id.map(read::key_id).transpose()?;
        query.project = maybe_owned("project", project)?;
        query.from = maybe_time("since", since)?;
        query.until = maybe_time("until", until)?;
        Ok(EventIterator::new(self.store.clone(), query))
    }

    /// Checks that every event that the log holds follows from the one before.
    ///
    /// Raises `StoreCorrupted` for the first that does not.
    fn verify_log<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let chain = detached(py, || self.store.verify_log())?;
        make!(py, "ChainCheck", {
            first: chain.first,
            last: chain.last,
            head: PyBytes::new(py, &chain.head),
        })
    }

    /// Whether the log had this hash at this sequence: what was noted elsewhere, from
    /// `verify_log` or an `Event`, still holds.
    ///
    /// Raises `StoreError` with the code GONE where the event was pruned.
    fn check_expected(
        &self,
        py: Python<'_>,
        sequence: &Bound<'_, PyAny>,
        hash: &[u8],
    ) -> PyResult<bool> {
        let sequence = number("sequence", sequence)?;
        let Ok(hash) = hash.try_into() else {
            let (what, why) = ("hash", "it has 32 bytes".to_owned());
            return Err(misuse(py, Misuse::InvalidArgument { what, why }));
        };
        detached(py, || self.store.check_expected(sequence, hash))
    }

    /// Removes the events up to and including a sequence, and answers how many there were. The hash
    /// at the cut is kept, so that the rest stays provable.
    ///
    /// Raises `MisuseError` for a sequence beyond the last.
    #[pyo3(signature = (through, /))]
    fn prune_log(&self, py: Python<'_>, through: &Bound<'_, PyAny>) -> PyResult<u64> {
        let through = number("through", through)?;
        detached(py, || self.store.prune_log(through))
    }
}

const BATCH: usize = 256;

/// An iterator over events, as `log` returns it. Any thread of this process may ask for the next one; a
/// child of a fork raises `StoreForked`, and makes one of its own.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct EventIterator {
    store: keyfob::Store,
    maker: Maker,
    // Locked without the GIL, so that who waits for it keeps nobody from giving it back.
    place: Mutex<Place>,
}

struct Place {
    read: VecDeque<Event>,
    query: LogQuery,
    more: bool,
}

impl EventIterator {
    pub(crate) fn new(store: keyfob::Store, query: LogQuery) -> Self {
        EventIterator {
            store,
            maker: Maker::this_process(),
            place: Mutex::new(Place {
                read: VecDeque::new(),
                query,
                more: true,
            }),
        }
    }

    fn next(&self) -> Result<Option<Event>, Error> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.read.is_empty() && place.more {
            place.read = self.store.log(&place.query, BATCH)?.into();
            place.more = place.read.len() == BATCH;
            if let Some(last) = place.read.back() {
                place.query.after = Some(last.sequence);
            }
        }
        Ok(place.read.pop_front())
    }
}

#[pymethods]
impl EventIterator {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.maker.check(py)?;
        let next = detached(py, || self.next())?;
        next.map(|event| info(py, &event)).transpose()
    }
}

fn info<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyAny>> {
    let (key_id, project_id) = match event.subject {
        Subject::Key(id) => (Some(id.to_string()), None),
        Subject::Project(id) => (None, Some(id.to_string())),
        _ => (None, None),
    };
    make!(py, "Event", {
        sequence: event.sequence,
        at: datetime_ms(py, event.at_ms)?,
        actor: &event.actor,
        kind: python!(py, "keyfob._enums", "EventKind")?.call1((event.kind.name(),))?,
        key_id: key_id,
        project_id: project_id,
        details: details(py, &event.kind)?,
        previous: event.previous,
        hash: PyBytes::new(py, &event.hash),
    })
}

/// Names and values, as they come.
macro_rules! pairs {
    ($py:expr, { $($name:ident: $value:expr),* $(,)? }) => {{
        let pairs = PyDict::new($py);
        $(pairs.set_item(stringify!($name), $value)?;)*
        frozen_map($py, &pairs)
    }};
}

fn details<'py>(py: Python<'py>, kind: &EventKind) -> PyResult<Bound<'py, PyAny>> {
    match kind {
        EventKind::StoreCreated { policy: is } | EventKind::PolicyChanged { policy: is } => {
            pairs!(py, { policy: policy(py, is)? })
        }
        EventKind::KeyCreated { key, within } => pairs!(py, {
            key: terms(py, key)?,
            within: within.map(|id| id.to_string()),
        }),
        EventKind::KeyImported { key } => pairs!(py, { key: terms(py, key)? }),
        EventKind::KeyUpdated { changed } => {
            let out = PyDict::new(py);
            for field in changed {
                out.set_item(field.name(), key_field(py, field)?)?;
            }
            pairs!(py, { changed: frozen_map(py, &out)? })
        }
        EventKind::KeyRevoked { reason, note } => pairs!(py, {
            reason: python!(py, "keyfob._enums", "Reason")?.call1((reason.name(),))?,
            note: note,
        }),
        EventKind::KeyRotated {
            generation,
            grace_expires_at,
        } => pairs!(py, {
            generation: generation,
            grace_expires_at: maybe_datetime(py, *grace_expires_at)?,
        }),
        EventKind::ProjectCreated {
            name,
            scopes,
            owner,
        } => pairs!(py, { name: name, scopes: scope_set(py, scopes)?, owner: owner }),
        EventKind::ProjectUpdated { name, changed } => {
            let out = PyDict::new(py);
            for field in changed {
                match field {
                    ProjectField::Scopes(scopes) => {
                        out.set_item(field.name(), scope_set(py, scopes)?)?;
                    }
                    ProjectField::Owner(owner) => out.set_item(field.name(), owner)?,
                    // What a version to come may add is named.
                    other => out.set_item(other.name(), py.None())?,
                }
            }
            pairs!(py, { name: name, changed: frozen_map(py, &out)? })
        }
        EventKind::ProjectDisabled { name }
        | EventKind::ProjectEnabled { name }
        | EventKind::ProjectDeleted { name }
        | EventKind::ProjectPruned { name } => pairs!(py, { name: name }),
        EventKind::ClockReset { from, to } => pairs!(py, {
            from: datetime(py, *from)?,
            to: datetime(py, *to)?,
        }),
        EventKind::LogPruned { through } => pairs!(py, { through: through }),
        EventKind::Restored {
            sequence_before,
            backup_sequence,
            keys,
        } => pairs!(py, {
            sequence_before: sequence_before,
            backup_sequence: backup_sequence,
            keys: keys,
        }),
        EventKind::KeyRestored { key, disabled } => pairs!(py, {
            key: terms(py, key)?,
            disabled: disabled,
        }),
        EventKind::ProjectRestored {
            name,
            scopes,
            owner,
            enabled,
            deleted,
        } => pairs!(py, {
            name: name,
            scopes: scope_set(py, scopes)?,
            owner: owner,
            enabled: enabled,
            deleted: deleted,
        }),
        // Their names say all, and so does that of what a version to come may add.
        _ => frozen_map(py, &PyDict::new(py)),
    }
}

fn key_field<'py>(py: Python<'py>, field: &KeyField) -> PyResult<Bound<'py, PyAny>> {
    Ok(match field {
        KeyField::Name(name) => name.into_pyobject(py)?.into_any(),
        KeyField::Scopes(scopes) => scope_set(py, scopes)?.into_any(),
        KeyField::Owner(owner) => owner.into_pyobject(py)?.into_any(),
        KeyField::ExpiresAt(at) | KeyField::NotBefore(at) => {
            maybe_datetime(py, *at)?.into_pyobject(py)?
        }
        KeyField::IpList(list) => ranges(py, list)?.into_any(),
        KeyField::RotationDueAfter(seconds) => duration(py, *seconds)?.into_pyobject(py)?,
        // Metadata and tags, of which the log says only that they were changed.
        _ => py.None().into_bound(py),
    })
}

fn terms<'py>(py: Python<'py>, key: &KeyTerms) -> PyResult<Bound<'py, PyAny>> {
    pairs!(py, {
        name: &key.name,
        scopes: scope_set(py, &key.scopes)?,
        project_id: key.project.map(|id| id.to_string()),
        environment: key.environment.as_str(),
        owner: &key.owner,
        expires_at: maybe_datetime(py, key.expires_at)?,
        not_before: maybe_datetime(py, key.not_before)?,
        ip_list: ranges(py, &key.ip_list)?,
    })
}

//! Finding keys. A listing is read page by page: no transaction stays open between two keys.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use keyfob::{Error, Filter, KeyInfo, Order, PageRequest, limits};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::arguments::{self as read, Given, Keywords};
use crate::filter;
use crate::guard::{Maker, detached};
use crate::info::key_info;
use crate::store::Store;

#[pymethods]
impl Store {
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
    /// many (1 to 1,000) is read. The iterator's `cursor` is what a listing is asked by that goes on
    /// where this one is.
    #[pyo3(
        signature = (*, order=None, reverse=false, limit=None, cursor=None, **filter),
        text_signature = "($self, *, project=None, owner=None, environment=None, state=None, \
            scope=None, name_contains=None, tag=None, created_after=None, created_before=None, \
            expires_after=None, expires_before=None, expires_within=None, never_used=False, \
            unused_since=None, rotation_due=False, order=None, reverse=False, limit=None, \
            cursor=None)"
    )]
    fn list(
        &self,
        order: Given<'_, '_>,
        reverse: bool,
        limit: Given<'_, '_>,
        cursor: Given<'_, '_>,
        filter: Option<Keywords<'_, '_>>,
    ) -> PyResult<KeyIterator> {
        let filter = filter::filter("list", filter)?;
        let mut page = PageRequest::default();
        if let Some(order) = order {
            page.order = read::word("order", order, order_of, "created, name, expires")?;
        }
        page.reverse = reverse;
        page.cursor = read::maybe_owned("cursor", cursor)?;
        // A page by name costs a look at every key, so that all of them are read in few.
        page.limit = match limit {
            Some(limit) => read::number("limit", limit)?,
            None => limits::PAGE_KEYS,
        };
        let (store, one_page) = (self.store.clone(), limit.is_some());
        Ok(KeyIterator::new(store, filter, page, one_page))
    }

    /// How many keys there are for which everything holds that is passed, as for `list`.
    #[pyo3(signature = (**filter))]
    fn count(&self, py: Python<'_>, filter: Option<Keywords<'_, '_>>) -> PyResult<u64> {
        let filter = filter::filter("count", filter)?;
        detached(py, || self.store.count(&filter))
    }

    /// At most so many of the keys that the keywords of `list` mean that were used the longest ago,
    /// those never used first: a report, without pages, since uses do not wait for them.
    ///
    /// Raises `MisuseError` for more than 10,000.
    #[pyo3(signature = (most, **filter))]
    fn least_recently_used<'py>(
        &self,
        py: Python<'py>,
        most: &Bound<'py, PyAny>,
        filter: Option<Keywords<'_, 'py>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let most = read::number("most", most)?;
        let filter = filter::filter("least_recently_used", filter)?;
        let found = detached(py, || self.store.least_recently_used(&filter, most))?;
        let each = found.iter().map(|key| key_info(py, key));
        PyList::new(py, each.collect::<PyResult<Vec<_>>>()?)
    }

    /// The id of a key, of which at least the last six characters are passed: what the hint of its
    /// token ends in.
    ///
    /// Raises `NoSuchKey`, `RefusedError` with the code AMBIGUOUS_KEY where several keys end in
    /// them, and `MisuseError` for fewer.
    #[pyo3(signature = (text, /))]
    fn resolve(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<String> {
        let text = read::text("text", text)?;
        let id = detached(py, || self.store.resolve(text))?;
        Ok(id.to_string())
    }
}

fn order_of(name: &str) -> Option<Order> {
    match name {
        "created" => Some(Order::Created),
        "name" => Some(Order::Name),
        "expires" => Some(Order::Expires),
        _ => None,
    }
}

/// An iterator over keys, as `list` returns it. Any thread of this process may ask for the next one; a
/// child of a fork raises `StoreForked`, and makes one of its own.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct KeyIterator {
    store: keyfob::Store,
    filter: Filter,
    maker: Maker,
    // Locked without the GIL, so that who waits for it keeps nobody from giving it back.
    place: Mutex<Place>,
}

struct Place {
    read: VecDeque<KeyInfo>,
    /// The key that was handed out last.
    last: Option<Arc<KeyInfo>>,
    /// The page to read next.
    page: PageRequest,
    /// Whether there is another page to read.
    more: bool,
    one_page: bool,
}

impl KeyIterator {
    /// Over all the keys that a filter means, or over one page of them.
    pub(crate) fn new(
        store: keyfob::Store,
        filter: Filter,
        page: PageRequest,
        one_page: bool,
    ) -> Self {
        KeyIterator {
            store,
            filter,
            maker: Maker::this_process(),
            place: Mutex::new(Place {
                read: VecDeque::new(),
                last: None,
                page,
                more: true,
                one_page,
            }),
        }
    }

    fn next(&self) -> Result<Option<Arc<KeyInfo>>, Error> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(key) = place.read.pop_front().map(Arc::new) {
                place.last = Some(Arc::clone(&key));
                return Ok(Some(key));
            }
            if !place.more {
                return Ok(None);
            }
            let read = self.store.list(&self.filter, &place.page)?;
            place.read = read.keys.into();
            place.more = read.cursor.is_some() && !place.one_page;
            place.page.cursor = read.cursor;
        }
    }
}

#[pymethods]
impl KeyIterator {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.maker.check(py)?;
        let next = detached(py, || self.next())?;
        next.map(|key| key_info(py, &key)).transpose()
    }

    /// What a listing is asked by that goes on after the key that was read last; None where there
    /// is none beyond.
    #[getter]
    fn cursor(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.maker.check(py)?;
        detached(py, || {
            let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            match &place.last {
                Some(last) if !place.read.is_empty() => {
                    let cursor = self.store.cursor_after(&self.filter, &place.page, last)?;
                    Ok::<_, Error>(Some(cursor))
                }
                _ => Ok(place.page.cursor.clone()),
            }
        })
    }
}

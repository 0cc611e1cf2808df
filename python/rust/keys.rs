//! A listing of keys, read page by page: no transaction stays open between two keys.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use keyfob::{Error, Filter, KeyInfo, PageRequest};
use pyo3::prelude::*;

use crate::guard::detached;
use crate::info::key_info;

/// An iterator over keys, as `list` returns it. Any thread may ask for the next one.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct KeyIterator {
    store: keyfob::Store,
    filter: Filter,
    // Locked without the GIL, so that who waits for it keeps nobody from giving it back.
    place: Mutex<Place>,
}

struct Place {
    read: VecDeque<KeyInfo>,
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
            place: Mutex::new(Place {
                read: VecDeque::new(),
                page,
                more: true,
                one_page,
            }),
        }
    }

    fn next(&self) -> Result<Option<KeyInfo>, Error> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(key) = place.read.pop_front() {
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
        let next = detached(py, || self.next())?;
        next.map(|key| key_info(py, &key)).transpose()
    }

    /// Where the next page begins, once the keys of this one were read; None after the last.
    #[getter]
    fn cursor(&self, py: Python<'_>) -> Option<String> {
        py.detach(|| {
            let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
            place.page.cursor.clone()
        })
    }
}

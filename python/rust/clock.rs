//! A clock that a test sets.

use keyfob::Clock;
use pyo3::prelude::*;

use crate::arguments::{seconds, timestamp};
use crate::info::datetime;

/// A clock that stands until it is set, for tests of programs that use a store: what replaces
/// Python's own time in a test does not reach the store.
///
/// Any thread may use it, and several stores may share it.
#[pyclass(frozen, module = "keyfob")]
pub(crate) struct ManualClock {
    pub(crate) clock: Clock,
}

#[pymethods]
impl ManualClock {
    /// A clock that stands at an aware `datetime`, of whole seconds.
    #[new]
    fn new(start: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(ManualClock {
            clock: Clock::manual(timestamp("start", start)?),
        })
    }

    /// What it shows, in UTC.
    fn now<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.clock.now())
    }

    /// Sets it, backwards as well.
    #[pyo3(signature = (time, /))]
    fn set(&self, time: &Bound<'_, PyAny>) -> PyResult<()> {
        self.clock.set(timestamp("time", time)?);
        Ok(())
    }

    /// Moves it on by a `timedelta`, of whole seconds.
    #[pyo3(signature = (by, /))]
    fn advance(&self, by: &Bound<'_, PyAny>) -> PyResult<()> {
        self.clock.advance(seconds("by", by)?);
        Ok(())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<keyfob.ManualClock {}>", self.now(py)?.str()?))
    }
}

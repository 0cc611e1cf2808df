//! Where a call of the library is made: with or without the GIL, and never past a panic.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use keyfob::Error;
use pyo3::{PyResult, Python};

use crate::error::{forked, panicked, raise};

/// Runs with the GIL held: for what is shorter than giving it away and waiting for it again.
///
/// # Errors
/// An `InternalError` where the work panics; what it answers else is for the caller to raise.
#[allow(clippy::inline_always)] // what it answers is large, and so written once
#[inline(always)]
pub(crate) fn caught<T>(py: Python<'_>, work: impl FnOnce() -> T) -> PyResult<T> {
    // What the library guards by locks is sound after a panic: a change that panicked was not
    // committed.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked(py))
}

/// Runs without the GIL: for what waits for a disk, or for a lock.
///
/// # Errors
/// What the work says, as an exception.
pub(crate) fn detached<T: Send, E: Into<Error> + Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    caught_detached(py, work)?.map_err(|error| raise(py, &error.into()))
}

/// The same for what answers how far it got, and not only whether it got there.
///
/// # Errors
/// An `InternalError` where the work panics.
pub(crate) fn caught_detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    done.map_err(|_| panicked(py))
}

/// The process that made what it is kept beside, where that is locked without the GIL: a child of a fork
/// has none of the threads that may have held it, and would wait for ever.
pub(crate) struct Maker(u32);

impl Maker {
    pub(crate) fn this_process() -> Self {
        Maker(std::process::id())
    }

    /// # Errors
    /// A `StoreForked` in a child of that process.
    pub(crate) fn check(&self, py: Python<'_>) -> PyResult<()> {
        if self.0 == std::process::id() {
            Ok(())
        } else {
            Err(forked(py))
        }
    }
}

/// Runs long work without the GIL, which Ctrl-C breaks off between two of its steps.
///
/// # Errors
/// What the work says, as an exception; the one that Ctrl-C raises.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let mut raised = None;
    let done = detached(py, || {
        work(&mut |_, _| match Python::attach(|py| py.check_signals()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                raised = Some(error);
                ControlFlow::Break(())
            }
        })
    });
    raised.map_or(done, Err)
}

/// Panics, with or without the GIL, for the tests of what a panic does.
#[cfg(feature = "planted-panic")]
#[pyo3::pyfunction]
pub(crate) fn _panic(py: Python<'_>, detach: bool) -> PyResult<()> {
    if detach {
        detached(py, || -> Result<(), Error> { panic!("planted") })
    } else {
        caught(py, || panic!("planted"))
    }
}

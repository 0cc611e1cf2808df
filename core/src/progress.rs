//! Long work tells its caller how far it is, and the caller may stop it there.

use std::any::Any;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::{Error, Refused};

/// What is told how much is done, of how much.
pub(crate) type Tell<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// A caller's callback within work that must clean up behind itself: its panic is kept until the
/// work has ended, so that it is neither taken for one of the engine nor thrown through it.
pub(crate) struct Progress<'a> {
    tell: &'a mut Tell<'a>,
    panic: Option<Box<dyn Any + Send>>,
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl<'a> Progress<'a> {
    pub(crate) fn new(tell: &'a mut Tell<'a>) -> Self {
        Progress { tell, panic: None }
    }

    /// Tells how far the work is; an error where it is to stop.
    pub(crate) fn tell(&mut self, done: u64, all: u64) -> Result<(), Error> {
        let stop = match catch_unwind(AssertUnwindSafe(|| (self.tell)(done, all))) {
            Ok(ControlFlow::Continue(())) => return Ok(()),
            Ok(ControlFlow::Break(())) => None,
            Err(panic) => Some(panic),
        };
        self.panic = stop;
        Err(Refused::Interrupted.into())
    }

    /// The end of the work: a panic of the callback goes on from here.
    pub(crate) fn end(self) {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
    }
}

/// The same for work that cleans up behind itself as it unwinds.
pub(crate) fn tell(progress: &mut Tell<'_>, done: u64, all: u64) -> Result<(), Error> {
    match progress(done, all) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Refused::Interrupted.into()),
    }
}

//! Progress of long work, on a terminal alone.

use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt::interrupted;
use crate::output::Screen;

/// A bar that shows how far a piece of work is.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(screen: &Screen<'_>, what: &'static str) -> Self {
        const PER_SECOND: u8 = 10;
        if !screen.shows_progress() {
            return Progress(ProgressBar::hidden());
        }
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(PER_SECOND));
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Progress(bar)
    }

    /// So much is done, of so much.
    pub(crate) fn update(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }

    /// The same, and whether to go on, which Ctrl-C ends.
    pub(crate) fn go_on(&self, done: u64, all: u64) -> ControlFlow<()> {
        self.update(done, all);
        if interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

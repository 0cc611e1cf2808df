//! Progress of long work, on a terminal alone.

use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt::interrupted;
use crate::output::Screen;

/// Between two steps of a line that only says that work goes on.
const EVERY_MS: u64 = 100;

/// A bar that shows how far a piece of work is.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(screen: &Screen<'_>, what: &'static str) -> Self {
        Progress(bar(screen, what, "{msg} {wide_bar} {pos}/{len} {eta}"))
    }

    /// That a piece of work goes on, where nothing tells how far it is.
    pub(crate) fn endless(screen: &Screen<'_>, what: &'static str) -> Self {
        let bar = bar(screen, what, "{spinner} {msg} {elapsed}");
        if !bar.is_hidden() {
            bar.tick();
            bar.enable_steady_tick(Duration::from_millis(EVERY_MS));
        }
        Progress(bar)
    }

    /// Writes something while the line of progress is away.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.0.suspend(write)
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

fn bar(screen: &Screen<'_>, what: &'static str, template: &str) -> ProgressBar {
    const PER_SECOND: u8 = 10;
    if !screen.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(PER_SECOND));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

//! Ctrl-C: a transaction that runs is finished, long work ends between two of its batches, and
//! everything else ends at once, a compaction among it. A second Ctrl-C does not wait; the file
//! survives all of that.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyfob::{Error, Refused};

use crate::error::Failure;

const STATUS: i32 = 130;

/// What is so of most work that was broken off.
const KEPT: &str = "what was done before is kept";

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static FINISHING: AtomicUsize = AtomicUsize::new(0);

/// Handles Ctrl-C from now on, once per process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where a handler is set already, or none can be, Ctrl-C does what it did before.
        let _ = ctrlc::set_handler(|| {
            let first = !INTERRUPTED.swap(true, Ordering::SeqCst);
            if !(first && FINISHING.load(Ordering::SeqCst) > 0) {
                std::process::exit(STATUS);
            }
        });
    });
}

/// Does a long piece of work that asks between its steps whether to go on; where it did not, says
/// what is so then.
pub(crate) fn breaking_off<T>(
    what_is_so: &'static str,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Failure> {
    finishing(work).map_err(|error| match error {
        Error::Refused(Refused::Interrupted) => Failure::Interrupted(what_is_so),
        other => other.into(),
    })
}

/// Does a piece of work that Ctrl-C lets come to its end.
pub(crate) fn finishing<T>(work: impl FnOnce() -> T) -> T {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            FINISHING.fetch_sub(1, Ordering::SeqCst);
        }
    }
    FINISHING.fetch_add(1, Ordering::SeqCst);
    let _guard = Guard;
    work()
}

/// Whether Ctrl-C was pressed.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Whether Ctrl-C was pressed meanwhile; asked between two batches.
pub(crate) fn check() -> Result<(), Failure> {
    if interrupted() {
        Err(Failure::Interrupted(KEPT))
    } else {
        Ok(())
    }
}

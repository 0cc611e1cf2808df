//! Panics. The library catches those of the storage engine, which panics on some damaged pages, and
//! answers an error; any other is a fault of our own. Neither writes to standard error by itself.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::error::Failure;

thread_local! {
    /// Whether a command runs in this thread.
    static RUNS: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic of this thread was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps panics quiet in the threads in which a command runs, once per process. Whether one will be
/// caught cannot be known when it happens, so that all are; [`caught`] reports those that reach it.
/// In every other thread the hook that was there before is called.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            if RUNS.get() {
                PLACE.set(info.location().map(ToString::to_string));
            } else {
                before(info);
            }
        }));
    });
}

/// Runs a command; what panics in it, and nobody caught, is INTERNAL.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    install();
    RUNS.set(true);
    // What the work left half done is dropped, or only written to from here on.
    let result = catch_unwind(AssertUnwindSafe(work));
    RUNS.set(false);
    result.unwrap_or_else(|payload| {
        let place = PLACE
            .take()
            .unwrap_or_else(|| "an unknown place".to_owned());
        let said = said(&*payload);
        Err(Failure::panicked(format!("{said}, at {place}")))
    })
}

fn said(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_nobody_caught_is_internal_and_says_where_it_was() {
        let failure = caught::<()>(|| panic!("planted")).unwrap_err();
        let json = failure.json();
        assert!(
            json.contains("\"code\":900,\"name\":\"INTERNAL\""),
            "{json}"
        );
        assert_eq!(failure.status(), 3);
        let text = failure.human(false);
        for part in ["planted, at ", "fault.rs", "report it", "keyfob check"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_panic_that_was_caught_changes_no_answer() {
        let answer = caught(|| {
            assert!(catch_unwind(|| panic!("caught inside")).is_err());
            Ok(7)
        });
        assert_eq!(answer.unwrap(), 7);
        assert!(!RUNS.get());
    }
}

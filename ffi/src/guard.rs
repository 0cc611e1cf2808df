//! Where a panic ends. Every export runs inside one of these functions, so that a fault of ours
//! becomes [`KEYFOB_INTERNAL`](crate::status), or an absent value, and never unwinds into C.

use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use keyfob_core::{Code, StoreError};

use crate::error::{Fault, keyfob_error, report};
use crate::status::keyfob_status;
use crate::text::Text;

/// Keeps a panic from being printed: a library owns no stderr.
///
/// The hook is one of the Rust runtime. That of a shared library is its own. Linked statically
/// beside other Rust code the two may be one, and then the other's panics are silent as well
/// unless it sets a hook after the first call of ours; the header says so.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_hook(Box::new(|_| {})));
}

/// What the body answers; none where it panicked.
#[inline]
pub(crate) fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    quiet();
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // To drop it could panic again.
            std::mem::forget(payload);
            None
        }
    }
}

/// An export that answers a status, and says in `err` why it failed.
///
/// # Safety
/// `err` is NULL or the caller's to be written to.
pub(crate) unsafe fn answer(
    err: *mut *mut keyfob_error,
    body: impl FnOnce() -> Result<(), Fault>,
) -> keyfob_status {
    // SAFETY: as above.
    unsafe { status(err, || body().map(|()| Code::OK)) }
}

/// The same for what may answer something beside OK without having failed.
///
/// # Safety
/// As [`answer`].
pub(crate) unsafe fn status(
    err: *mut *mut keyfob_error,
    body: impl FnOnce() -> Result<Code, Fault>,
) -> keyfob_status {
    let answered = caught(|| body().map_err(keyfob_error::from));
    // SAFETY: as above.
    unsafe {
        report(
            err,
            answered.unwrap_or_else(|| Err(keyfob_error::panicked())),
        )
    }
}

/// The same on a handle that a panic spoils: nothing is done with it afterwards.
///
/// # Safety
/// As [`answer`].
pub(crate) unsafe fn on_handle(
    poisoned: &AtomicBool,
    err: *mut *mut keyfob_error,
    body: impl FnOnce() -> Result<Code, Fault>,
) -> keyfob_status {
    let body = || {
        if poisoned.load(Ordering::Acquire) {
            return Err(StoreError::Poisoned.into());
        }
        match caught(body) {
            Some(answered) => answered,
            None => {
                poisoned.store(true, Ordering::Release);
                Err(Fault::Panicked)
            }
        }
    };
    // SAFETY: as above.
    unsafe { status(err, body) }
}

/// An accessor: what `get` makes of the object; `absent` of none, or of a panic.
///
/// # Safety
/// `object` is NULL or points to one that lives during the call.
pub(crate) unsafe fn access<T, V>(object: *const T, absent: V, get: impl FnOnce(&T) -> V) -> V {
    // SAFETY: as above.
    match unsafe { object.as_ref() } {
        Some(object) => caught(|| get(object)).unwrap_or(absent),
        None => absent,
    }
}

/// An accessor of a text: NULL, and a size of 0, where there is none.
///
/// # Safety
/// As [`access`]; `size` is NULL or the caller's to be written to.
pub(crate) unsafe fn access_text<T>(
    object: *const T,
    size: *mut usize,
    get: impl FnOnce(&T) -> Option<&Text>,
) -> *const c_char {
    let none = (std::ptr::null(), 0);
    let found = |object: &T| get(object).map_or(none, |text| (text.as_ptr(), text.len()));
    // SAFETY: as above.
    let (data, length) = unsafe { access(object, none, found) };
    // SAFETY: as above.
    if let Some(size) = unsafe { size.as_mut() } {
        *size = length;
    }
    data
}

/// Frees an object of the caller's; NULL is none.
///
/// # Safety
/// `object` is NULL, or came out of [`Out::give`](crate::out::Out::give) and was not freed since.
pub(crate) unsafe fn free<T>(object: *mut T) {
    if !object.is_null() {
        // SAFETY: as above.
        let object = unsafe { Box::from_raw(object) };
        caught(|| drop(object));
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::undocumented_unsafe_blocks,
        reason = "every pointer is NULL, or to a local that outlives the call and is as long as is said"
    )]

    use super::*;
    use crate::status::of;

    fn call(poisoned: &AtomicBool, body: impl FnOnce() -> Result<Code, Fault>) -> keyfob_status {
        unsafe { on_handle(poisoned, std::ptr::null_mut(), body) }
    }

    #[test]
    fn a_panic_is_a_status_and_nothing_is_done_with_the_handle_afterwards() {
        let poisoned = AtomicBool::new(false);
        assert_eq!(call(&poisoned, || Ok(Code::OK)), of(Code::OK));
        assert_eq!(call(&poisoned, || panic!("planted")), of(Code::INTERNAL));
        let mut done = false;
        let after = call(&poisoned, || {
            done = true;
            Ok(Code::OK)
        });
        assert_eq!((after, done), (of(Code::POISONED), false));
    }

    #[test]
    fn a_fault_that_the_store_tells_of_itself_spoils_nothing() {
        let poisoned = AtomicBool::new(false);
        let fault = || Err(StoreError::Internal("planted".into()).into());
        assert_eq!(call(&poisoned, fault), of(Code::INTERNAL));
        assert_eq!(call(&poisoned, || Ok(Code::OK)), of(Code::OK));
    }

    #[test]
    fn an_accessor_that_panics_answers_that_there_is_nothing() {
        let object = 1;
        assert_eq!(
            unsafe { access(&raw const object, 0, |_| panic!("planted")) },
            0
        );
        assert_eq!(unsafe { access(&raw const object, 0, |object| *object) }, 1);
        assert_eq!(
            unsafe { access(std::ptr::null(), 0, |object: &i32| *object) },
            0
        );
    }
}

//! Callbacks that long work tells its progress.

use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;

/// Is told how far a piece of work is, in the thread that asked for it and with no lock held, so
/// that it may use the store. `total` is 0 where nobody knows. Any answer but 0 stops the work,
/// which then fails with INTERRUPTED. It must return: neither throw nor longjmp().
///
/// \param done   how much is done
/// \param total  of how much
/// \param user   what was passed beside it
pub type keyfob_progress_fn =
    Option<unsafe extern "C" fn(done: u64, total: u64, user: *mut c_void) -> c_int>;

/// The callback of a caller as the Rust library calls it; NULL never stops.
///
/// # Safety
/// `progress` is NULL, or may be called with `user` as long as this lives.
pub(crate) unsafe fn telling(
    progress: keyfob_progress_fn,
    user: *mut c_void,
) -> impl FnMut(u64, u64) -> ControlFlow<()> {
    move |done, total| {
        let Some(progress) = progress else {
            return ControlFlow::Continue(());
        };
        // SAFETY: as above.
        match unsafe { progress(done, total, user) } {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

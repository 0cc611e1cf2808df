//! Another library in Rust, with a standard library of its own, in the same program.

use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};

static SEEN: AtomicI32 = AtomicI32::new(0);

/// Panics in a thread, and says how many panics this library's own hook has seen by now.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour() -> i32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|_| {
            SEEN.fetch_add(1, Ordering::Relaxed);
        }));
    });
    let ended = std::thread::spawn(|| panic!("planted")).join();
    assert!(ended.is_err());
    SEEN.load(Ordering::Relaxed)
}

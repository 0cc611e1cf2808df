//! The primitives that the cache is made of, so that the model check (`interleavings.rs`) can put
//! its own in their place.

#[cfg(not(keyfob_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, fence};
#[cfg(not(keyfob_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(keyfob_loom)]
pub(crate) use loom::sync::atomic::fence;
#[cfg(keyfob_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(keyfob_loom)]
pub(crate) use modelled::AtomicU64;

pub(crate) use std::sync::PoisonError;
pub(crate) use std::sync::atomic::Ordering;

/// Words that are zero, had from the system page by page as they are used.
#[cfg(not(keyfob_loom))]
pub(crate) fn zeroed<const WORDS: usize>(length: usize) -> Box<[[AtomicU64; WORDS]]> {
    bytemuck::zeroed_slice_box(length)
}

/// Words that are zero.
#[cfg(keyfob_loom)]
pub(crate) fn zeroed<const WORDS: usize>(length: usize) -> Box<[[AtomicU64; WORDS]]> {
    let words = || std::array::from_fn(|_| AtomicU64::new(0));
    (0..length).map(|_| words()).collect()
}

#[cfg(keyfob_loom)]
mod modelled {
    use std::cell::Cell;
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;

    /// A word of the model. A relaxed store of what the word holds already is left out: whoever
    /// reads it cannot tell, and the model would try every way to read each of many equal words.
    #[derive(Debug)]
    pub(crate) struct AtomicU64 {
        word: loom::sync::atomic::AtomicU64,
        newest: Mutex<Cell<u64>>,
    }

    impl AtomicU64 {
        pub(crate) fn new(value: u64) -> Self {
            AtomicU64 {
                word: loom::sync::atomic::AtomicU64::new(value),
                newest: Mutex::new(Cell::new(value)),
            }
        }

        fn is_now(&self, value: u64) -> u64 {
            self.newest.lock().unwrap().replace(value)
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.word.load(order)
        }

        pub(crate) fn store(&self, value: u64, order: Ordering) {
            if self.newest.lock().unwrap().get() != value || order != Ordering::Relaxed {
                self.word.store(value, order);
                self.is_now(value);
            }
        }

        pub(crate) fn swap(&self, value: u64, order: Ordering) -> u64 {
            let was = self.word.swap(value, order);
            self.is_now(value);
            was
        }

        pub(crate) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
            let was = self.word.fetch_add(value, order);
            self.is_now(was.wrapping_add(value));
            was
        }

        pub(crate) fn compare_exchange(
            &self,
            was: u64,
            value: u64,
            order: Ordering,
            failed: Ordering,
        ) -> Result<u64, u64> {
            let done = self.word.compare_exchange(was, value, order, failed);
            if done.is_ok() {
                self.is_now(value);
            }
            done
        }
    }
}

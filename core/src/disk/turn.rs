//! A thing that one caller at a time may take, and that others wait for no longer than they said.
//! The standard library's locks know no deadline.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A point in time so far ahead; one that cannot be told is as good as never.
pub(crate) fn deadline(ahead: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    let now = Instant::now();
    now.checked_add(ahead.min(NEVER)).unwrap_or(now)
}

/// What is taken in turns.
#[derive(Debug)]
pub(crate) struct Turn<T> {
    /// None while somebody has it.
    thing: Mutex<Option<T>>,
    back: Condvar,
}

/// What was taken; dropping it puts it back.
#[derive(Debug)]
pub(crate) struct Taken<'a, T> {
    from: &'a Turn<T>,
    thing: Option<T>,
}

impl<T> Turn<T> {
    pub(crate) fn new(thing: T) -> Self {
        Turn {
            thing: Mutex::new(Some(thing)),
            back: Condvar::new(),
        }
    }

    /// Waits until the thing is there, and says whether it had to; none where it is not by then.
    fn wait(&self, until: Instant) -> Option<(MutexGuard<'_, Option<T>>, bool)> {
        let mut thing = self.thing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waited = false;
        while thing.is_none() {
            waited = true;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // The one call that wakes somebody may have gone to this thread.
                self.back.notify_one();
                return None;
            }
            let woken = self.back.wait_timeout(thing, left);
            thing = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some((thing, waited))
    }

    /// Takes the thing; none where it is not free by then.
    pub(crate) fn take(&self, until: Instant) -> Option<Taken<'_, T>> {
        let (mut place, _) = self.wait(until)?;
        let thing = place.take();
        Some(Taken { from: self, thing })
    }

    /// Looks at the thing without taking it; none where it is not free by then.
    pub(crate) fn look<R>(&self, until: Instant, f: impl FnOnce(&T) -> R) -> Option<R> {
        let (place, waited) = self.wait(until)?;
        let seen = place.as_ref().map(f);
        drop(place);
        if waited {
            // The call that woke this thread is passed on: who only looks takes nothing away.
            self.back.notify_one();
        }
        seen
    }
}

const THERE: &str = "what was taken is there until it is dropped";

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect(THERE)
    }
}

impl<T> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect(THERE)
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let mut place = self
            .from
            .thing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = self.thing.take();
        drop(place);
        self.from.back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time_and_everybody_gets_it() {
        let turn = Turn::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let far = deadline(Duration::MAX);
                        *turn.take(far).unwrap() += 1;
                        assert!(turn.look(far, |count| *count).unwrap() > 0);
                    }
                });
            }
        });
        assert_eq!(
            turn.look(deadline(Duration::ZERO), |count| *count),
            Some(1_600)
        );
    }

    #[test]
    fn who_waits_longer_than_said_goes_without() {
        let turn = Turn::new(());
        let taken = turn.take(deadline(Duration::ZERO)).unwrap();
        assert!(turn.take(deadline(Duration::from_millis(5))).is_none());
        assert!(turn.look(deadline(Duration::ZERO), |()| ()).is_none());
        drop(taken);
        assert!(turn.look(deadline(Duration::ZERO), |()| ()).is_some());
    }
}

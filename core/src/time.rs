//! [`Timestamp`] and [`Clock`]: whole seconds since 1970, and where they are read.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Never is the absence of a timestamp, not 0. Serialized as its number.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time this many seconds after 1970, or before it if negative.
    pub const fn from_unix(seconds: i64) -> Self {
        Timestamp(seconds)
    }

    /// The seconds since 1970.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The time this many seconds later, or earlier if negative, unless it is out of range.
    pub const fn checked_add(self, seconds: i64) -> Option<Self> {
        match self.0.checked_add(seconds) {
            Some(sum) => Some(Timestamp(sum)),
            None => None,
        }
    }

    /// The time this many seconds later, or earlier if negative, or the last that there is.
    #[must_use]
    pub const fn saturating_add(self, seconds: i64) -> Self {
        Timestamp(self.0.saturating_add(seconds))
    }

    /// The seconds from the earlier time to this one; negative if it is the later.
    pub const fn seconds_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What a decision knows of the time: what the clock shows, and the latest time that the store's
/// own clock ever showed, so that a clock set back revives nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Now {
    pub(crate) clock: Timestamp,
    pub(crate) mark: Timestamp,
}

impl Now {
    /// What expiry and the end of a grace are judged at.
    pub(crate) fn latest(self) -> Timestamp {
        self.clock.max(self.mark)
    }
}

/// Where a store reads the time: the system's clock, or one that a test sets.
///
/// Clones of a manual clock show the same time, in every thread. Reading never fails: a system
/// clock that is set before 1970 gives negative numbers.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Manual(Arc<Hands>),
}

/// What a manual clock shows, and how much time has passed in truth: setting a clock is not time
/// that passes.
#[derive(Debug)]
struct Hands {
    shown: AtomicI64,
    passed: AtomicI64,
}

impl Clock {
    /// The system's clock, which on Linux is read at the resolution of its tick.
    ///
    /// It may lag by up to ten milliseconds, and costs a fifth of the exact one, which a
    /// verification would notice.
    pub const fn system() -> Self {
        Clock(Source::System)
    }

    /// A clock that stands at `start` until it is moved, for tests.
    pub fn manual(start: Timestamp) -> Self {
        Clock(Source::Manual(Arc::new(Hands {
            shown: AtomicI64::new(start.0),
            passed: AtomicI64::new(0),
        })))
    }

    /// The time, rounded down to whole seconds.
    #[allow(clippy::inline_always)] // one call into the system's own page
    #[inline(always)]
    pub fn now(&self) -> Timestamp {
        Timestamp(match &self.0 {
            Source::System => read_system().0,
            Source::Manual(hands) => hands.shown.load(Ordering::SeqCst),
        })
    }

    /// The time in whole milliseconds since 1970; its seconds are those of [`now`](Self::now).
    pub fn now_ms(&self) -> i64 {
        let (seconds, milliseconds) = match &self.0 {
            Source::System => read_system(),
            Source::Manual(hands) => (hands.shown.load(Ordering::SeqCst), 0),
        };
        seconds.saturating_mul(1_000).saturating_add(milliseconds)
    }

    /// Moves a manual clock, and every clone of it, to a time; the system's clock stays as it is.
    pub fn set(&self, time: Timestamp) {
        if let Source::Manual(hands) = &self.0 {
            hands.shown.store(time.0, Ordering::SeqCst);
        }
    }

    /// Whether it is this very clock: the system's, or a clone of the same manual one.
    pub(crate) fn is(&self, other: &Clock) -> bool {
        match (&self.0, &other.0) {
            (Source::System, Source::System) => true,
            (Source::Manual(ours), Source::Manual(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }

    /// Seconds that have passed in truth since some fixed time, whatever the clock was set to.
    pub(crate) fn passed(&self) -> i64 {
        match &self.0 {
            Source::System => monotonic(),
            Source::Manual(hands) => hands.passed.load(Ordering::SeqCst),
        }
    }

    /// Moves a manual clock, and every clone of it, on by seconds, or back if negative; the
    /// system's clock stays as it is.
    pub fn advance(&self, by: i64) {
        if let Source::Manual(hands) = &self.0 {
            for hand in [&hands.shown, &hands.passed] {
                let _ = hand.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                    Some(now.saturating_add(by)) // always some, so that it cannot fail
                });
            }
        }
    }
}

/// Seconds since 1970, rounded down, and the milliseconds (0 to 999) after them.
#[cfg(target_os = "linux")]
#[inline]
fn read_system() -> (i64, i64) {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    (now.tv_sec, now.tv_nsec / 1_000_000)
}

/// Seconds since 1970, rounded down, and the milliseconds (0 to 999) after them.
#[cfg(not(target_os = "linux"))]
fn read_system() -> (i64, i64) {
    split_system_time(std::time::SystemTime::now())
}

/// Whole seconds on a clock that nobody sets and that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
fn monotonic() -> i64 {
    rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec
}

/// Whole seconds on a clock that nobody sets.
#[cfg(not(target_os = "linux"))]
fn monotonic() -> i64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let seconds = START
        .get_or_init(std::time::Instant::now)
        .elapsed()
        .as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// The same of any system time, before 1970 too.
#[cfg(any(test, not(target_os = "linux")))]
fn split_system_time(time: std::time::SystemTime) -> (i64, i64) {
    let milliseconds = match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            let whole = before.duration().as_nanos().div_ceil(1_000_000);
            i64::try_from(whole).map_or(i64::MIN, |milliseconds| -milliseconds)
        }
    };
    (
        milliseconds.div_euclid(1_000),
        milliseconds.rem_euclid(1_000),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    fn a_clock_before_1970_shows_negative_numbers_rounded_down() {
        let before = |duration| split_system_time(UNIX_EPOCH.checked_sub(duration).unwrap());
        assert_eq!(before(Duration::ZERO), (0, 0));
        assert_eq!(before(Duration::from_millis(1)), (-1, 999));
        assert_eq!(before(Duration::from_nanos(1)), (-1, 999));
        assert_eq!(before(Duration::from_secs(86_400)), (-86_400, 0));
        let clock = Clock::manual(Timestamp::from_unix(-5));
        assert_eq!((clock.now().unix(), clock.now_ms()), (-5, -5_000));
    }

    #[test]
    fn the_system_clock_is_the_one_of_the_library_within_a_tick() {
        let clock = Clock::system();
        for _ in 0..100 {
            let (seconds, milliseconds) = split_system_time(SystemTime::now());
            let late = seconds * 1_000 + milliseconds - clock.now_ms();
            assert!((-1_000..=1_000).contains(&late), "{late} ms");
        }
        clock.set(Timestamp::from_unix(0));
        clock.advance(-1_000_000_000);
        assert!(
            clock.now().unix() > 1_700_000_000,
            "the system's clock cannot be moved"
        );
    }

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let clock = Clock::manual(Timestamp::from_unix(100));
        let clone = clock.clone();
        clock.advance(5);
        assert_eq!(clone.now(), Timestamp::from_unix(105));
        clone.set(Timestamp::from_unix(7));
        assert_eq!((clock.now().unix(), clock.now_ms()), (7, 7_000));
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let end = Timestamp::from_unix(i64::MAX);
        assert_eq!(end.checked_add(1), None);
        assert_eq!(end.checked_add(-1), Some(Timestamp(i64::MAX - 1)));
        assert_eq!(end.saturating_add(1), end);
        assert_eq!(end.seconds_since(Timestamp(i64::MIN)), i64::MAX);
        let clock = Clock::manual(end);
        clock.advance(1);
        assert_eq!((clock.now(), clock.now_ms()), (end, i64::MAX));
        clock.set(Timestamp(i64::MIN));
        assert_eq!(clock.now_ms(), i64::MIN);
    }

    #[test]
    fn a_record_holds_a_timestamp_as_its_number() {
        assert_eq!(serde_json::to_string(&Timestamp(-3)).unwrap(), "-3");
        assert_eq!(
            serde_json::from_str::<Timestamp>("-3").unwrap(),
            Timestamp(-3)
        );
    }
}

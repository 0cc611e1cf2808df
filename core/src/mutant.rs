//! Mutants: steps of the cache done wrongly, so that the tests that look for a stale answer can show
//! that they would find one. Outside of tests none is ever in force, and the compiler removes them.

/// A step that is done wrongly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mutant {
    /// The state byte is loaded before the ids.
    StateFirst = 1,
    /// The ids are not loaded again after the state byte.
    IdsOnce,
    /// Cells are believed whatever the header shows.
    HeaderSkipped,
    /// What was read goes in after the mutex was given away since the position was looked at.
    FillUnlocked,
    /// What was read goes in however old its snapshot is.
    FillUncompared,
    /// The position is published before that is dropped which it no longer allows.
    PositionFirst,
    /// The position is the header as it was seen after the snapshot began.
    HeaderAfterSnapshot,
    /// The position is not looked at again after a cell was read.
    HoldSkipped,
    /// The lock of a cell is not looked at again after its words were read.
    SecondLookSkipped,
    /// The position is written without making its lock odd meanwhile.
    PositionUnlocked,
    /// Nothing is wrong, but commits take their time between the writes of the header.
    SlowCommits,
    /// A commit is counted before the engine serves it. It is the model's own.
    #[cfg(test)]
    CountedFirst,
}

#[cfg(test)]
impl Mutant {
    pub(crate) const ALL: [Mutant; 11] = [
        Mutant::StateFirst,
        Mutant::IdsOnce,
        Mutant::HeaderSkipped,
        Mutant::FillUnlocked,
        Mutant::FillUncompared,
        Mutant::PositionFirst,
        Mutant::HeaderAfterSnapshot,
        Mutant::HoldSkipped,
        Mutant::SecondLookSkipped,
        Mutant::PositionUnlocked,
        Mutant::CountedFirst,
    ];
}

/// Whether a mutant is in force.
#[cfg(test)]
pub(crate) fn is(mutant: Mutant) -> bool {
    planted::is(mutant)
}

/// Whether a mutant is in force: never.
#[cfg(not(test))]
#[inline]
pub(crate) const fn is(_: Mutant) -> bool {
    false
}

/// Gives another thread or process time to come in between, where a mutant is in force that is
/// hardly ever seen without: what is wrong stays the same, and its moment is longer.
#[cfg(all(test, not(keyfob_loom)))]
pub(crate) fn widen(mutant: Mutant) {
    if is(mutant) {
        planted::pause();
    }
}

/// Nothing, outside of tests.
#[cfg(not(all(test, not(keyfob_loom))))]
#[inline]
pub(crate) const fn widen(_: Mutant) {}

#[cfg(test)]
pub(crate) mod planted {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Mutant;

    static PLANTED: AtomicU8 = AtomicU8::new(0);

    pub(super) fn is(mutant: Mutant) -> bool {
        PLANTED.load(Ordering::Relaxed) == mutant as u8
    }

    /// Some of these moments have to be short where others are long.
    #[cfg(not(keyfob_loom))]
    pub(super) fn pause() {
        let now = std::time::Instant::now();
        let dice = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), now);
        let tenths = if is(Mutant::SlowCommits) {
            1
        } else {
            dice % 3 * 12
        };
        if tenths > 0 {
            std::thread::sleep(std::time::Duration::from_micros(tenths * 100));
        }
    }

    /// Puts a mutant in force for the whole process, or none.
    pub(crate) fn plant(mutant: Option<Mutant>) {
        PLANTED.store(mutant.map_or(0, |mutant| mutant as u8), Ordering::Relaxed);
    }
}

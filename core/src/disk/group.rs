//! Who writes, in what order and with whom: the turn to write goes from caller to caller, and with
//! it the transaction that the one before left open. Each does its own part on its own thread; who
//! finds nobody to hand it to commits for all of them.
//!
//! Nothing here knows of files. `G` is what the callers of a round share, such as a transaction.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most callers of one round: it bounds how long the first of them waits for the last.
pub(crate) const MOST: usize = 64;

/// How long a round stays open for callers who shared the one before, and are likely to come back.
/// A quarter of what a commit takes at the least; nobody waits who was alone in the last round.
const COMPANY: Duration = Duration::from_micros(100);

/// Callers who take turns.
pub(crate) struct Group<G> {
    state: Mutex<State<G>>,
}

struct State<G> {
    /// Whether somebody has the turn. What was put down to wait for company counts as had.
    taken: bool,
    /// Put down by who waits for company, under its number.
    put_down: Option<(u64, G)>,
    numbers: u64,
    queue: VecDeque<Waiting<G>>,
    /// How many shared the last round.
    last: usize,
}

struct Waiting<G> {
    place: Arc<Place<G>>,
    alone: bool,
}

/// Where a caller waits for its turn.
struct Place<G> {
    given: Mutex<Option<Given<G>>>,
    bell: Condvar,
}

/// What the one before gives: the turn, and with it what it left open.
enum Given<G> {
    Turn,
    Open(G),
}

/// The turn to write; dropping it lets the next one begin. Only one caller at a time has it.
pub(crate) struct Turn<'a, G> {
    group: &'a Group<G>,
    held: bool,
}

/// Where what was handed on is now.
pub(crate) enum Next<'a, G> {
    /// Another caller has it, and will see to its end.
    HandedOn,
    /// Nobody came for it: the caller is to end it.
    Mine(Turn<'a, G>, G),
    /// It waits for company until then, and is had back with [`Group::take_back`] by this number.
    PutDown(u64, Instant),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<G> Group<G> {
    pub(crate) fn new() -> Self {
        Group {
            state: Mutex::new(State {
                taken: false,
                put_down: None,
                numbers: 0,
                queue: VecDeque::new(),
                last: 1,
            }),
        }
    }

    /// Waits for the turn; none where it does not come by then. With it may come what the ones
    /// before have left open, but not to who asks to be alone. Who was here before goes first.
    pub(crate) fn enter(
        &self,
        until: Instant,
        alone: bool,
        was_here: bool,
    ) -> Option<(Turn<'_, G>, Option<G>)> {
        let mut state = lock(&self.state);
        if !alone && let Some((_, open)) = state.put_down.take() {
            return Some((self.turn(), Some(open)));
        }
        if !state.taken {
            state.taken = true;
            return Some((self.turn(), None));
        }
        let place = Arc::new(Place {
            given: Mutex::new(None),
            bell: Condvar::new(),
        });
        let waiting = Waiting {
            place: Arc::clone(&place),
            alone,
        };
        if was_here {
            state.queue.push_front(waiting);
        } else {
            state.queue.push_back(waiting);
        }
        drop(state);
        let open = match self.wait(&place, until)? {
            Given::Turn => None,
            Given::Open(open) => Some(open),
        };
        Some((self.turn(), open))
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.state).queue.len()
    }

    fn turn(&self) -> Turn<'_, G> {
        Turn {
            group: self,
            held: true,
        }
    }

    fn wait(&self, place: &Arc<Place<G>>, until: Instant) -> Option<Given<G>> {
        let mut given = lock(&place.given);
        loop {
            if let Some(given) = given.take() {
                return Some(given);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = place.bell.wait_timeout(given, left);
            given = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(given);
        // Who gives takes the place out of the queue first, so that what is given is never lost.
        let mut state = lock(&self.state);
        let at = state
            .queue
            .iter()
            .position(|waiting| Arc::ptr_eq(&waiting.place, place));
        if let Some(at) = at {
            state.queue.remove(at);
            return None;
        }
        lock(&place.given).take()
    }

    /// What was put down under a number, where nobody took it meanwhile.
    pub(crate) fn take_back(&self, number: u64) -> Option<(Turn<'_, G>, G)> {
        let mut state = lock(&self.state);
        match &state.put_down {
            Some((found, _)) if *found == number => {}
            _ => return None,
        }
        let (_, open) = state.put_down.take()?;
        Some((self.turn(), open))
    }
}

impl<'a, G> Turn<'a, G> {
    /// Hands on what a number of callers have shared so far: to who waits, or else to who is likely
    /// to come soon, where `company` may be waited for.
    pub(crate) fn hand_on(mut self, open: G, shared_by: usize, company: bool) -> Next<'a, G> {
        let group = self.group;
        let mut state = lock(&group.state);
        if shared_by < MOST && state.queue.front().is_some_and(|next| !next.alone) {
            self.held = false;
            state.give(Given::Open(open));
            return Next::HandedOn;
        }
        if company && shared_by < state.last.min(MOST) && state.queue.is_empty() {
            self.held = false;
            state.numbers += 1;
            let number = state.numbers;
            state.put_down = Some((number, open));
            return Next::PutDown(number, Instant::now() + COMPANY);
        }
        state.last = shared_by;
        drop(state);
        Next::Mine(self, open)
    }
}

impl<G> State<G> {
    /// Gives it to the first who waits.
    fn give(&mut self, given: Given<G>) {
        if let Some(next) = self.queue.pop_front() {
            *lock(&next.place.given) = Some(given);
            next.place.bell.notify_one();
        } else {
            self.taken = false;
        }
    }
}

impl<G> Drop for Turn<'_, G> {
    fn drop(&mut self) {
        if self.held {
            lock(&self.group.state).give(Given::Turn);
        }
    }
}

/// What became of a round, for all who shared it.
pub(crate) struct Round<O> {
    outcome: Mutex<Option<O>>,
    bell: Condvar,
}

impl<O: Clone> Round<O> {
    pub(crate) fn new() -> Self {
        Round {
            outcome: Mutex::new(None),
            bell: Condvar::new(),
        }
    }

    /// Tells it to everybody; only the first counts.
    pub(crate) fn tell(&self, outcome: O) {
        lock(&self.outcome).get_or_insert(outcome);
        self.bell.notify_all();
    }

    /// Waits until it is told.
    pub(crate) fn wait(&self) -> O {
        let mut outcome = lock(&self.outcome);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => {
                    let woken = self.bell.wait(outcome);
                    outcome = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Waits until it is told, or until then.
    pub(crate) fn wait_until(&self, until: Instant) -> Option<O> {
        let mut outcome = lock(&self.outcome);
        loop {
            if let Some(outcome) = &*outcome {
                return Some(outcome.clone());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let woken = self.bell.wait_timeout(outcome, left);
            outcome = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::turn::deadline;

    /// What the callers of a round add to, and are told of.
    type Open = (Vec<u32>, Arc<Round<Vec<u32>>>);

    fn far() -> Instant {
        deadline(Duration::MAX)
    }

    /// One caller: adds its number, and ends the round where nobody else does.
    fn call(group: &Group<Open>, number: u32, alone: bool) -> Vec<u32> {
        let (turn, open) = group.enter(far(), alone, false).unwrap();
        let (mut members, round) = open.unwrap_or_else(|| (vec![], Arc::new(Round::new())));
        members.push(number);
        let count = members.len();
        let kept = (members, Arc::clone(&round));
        let next = if alone {
            Next::Mine(turn, kept)
        } else {
            turn.hand_on(kept, count, true)
        };
        let mine = match next {
            Next::Mine(turn, open) => Some((turn, open)),
            Next::HandedOn => None,
            Next::PutDown(number, until) => match round.wait_until(until) {
                Some(members) => return members,
                None => group.take_back(number),
            },
        };
        if let Some((turn, (members, round))) = mine {
            // As long as a commit takes: the others come meanwhile.
            std::thread::sleep(Duration::from_millis(2));
            drop(turn);
            round.tell(members);
        }
        round.wait()
    }

    #[test]
    fn who_comes_while_a_round_ends_shares_the_next_one_and_all_are_told_the_same() {
        let group = Group::new();
        let rounds = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for caller in 0..16 {
                let (group, rounds) = (&group, &rounds);
                scope.spawn(move || {
                    for time in 0..20 {
                        let number = caller * 100 + time;
                        let members = call(group, number, false);
                        assert!(members.contains(&number));
                        lock(rounds).push(members);
                    }
                });
            }
        });
        let mut rounds = lock(&rounds).clone();
        // Each round was told to each of its callers, and nobody was in two.
        rounds.sort();
        rounds.dedup();
        let all: usize = rounds.iter().map(Vec::len).sum();
        assert_eq!(all, 16 * 20);
        assert!(rounds.len() < all / 4, "{} rounds", rounds.len());
        assert!(rounds.iter().all(|members| members.len() <= MOST));
    }

    #[test]
    fn who_asks_to_be_alone_is_and_the_others_come_before_and_after() {
        let group = Group::new();
        std::thread::scope(|scope| {
            for caller in 0..8 {
                let group = &group;
                scope.spawn(move || {
                    for time in 0..20 {
                        let number = caller * 100 + time;
                        let members = call(group, number, caller == 0);
                        if caller == 0 {
                            assert_eq!(members, [number]);
                        } else {
                            assert!(members.iter().all(|member| *member >= 100));
                        }
                    }
                });
            }
        });
    }

    #[test]
    fn a_lone_caller_waits_for_nobody() {
        let group: Group<()> = Group::new();
        for _ in 0..3 {
            let (turn, open) = group.enter(Instant::now(), false, false).unwrap();
            assert!(open.is_none());
            assert!(matches!(turn.hand_on((), 1, true), Next::Mine(..)));
        }
    }

    #[test]
    fn who_shared_a_round_is_waited_for_once() {
        let group: Group<()> = Group::new();
        let enter = || group.enter(Instant::now(), false, false).unwrap();
        assert!(matches!(enter().0.hand_on((), 2, true), Next::Mine(..)));
        let Next::PutDown(first, _) = enter().0.hand_on((), 1, true) else {
            panic!("not put down");
        };
        // One came: what is put down is had by who comes, and no longer by who put it down.
        let (turn, open) = enter();
        assert!(open.is_some() && group.take_back(first).is_none());
        assert!(matches!(turn.hand_on((), 2, true), Next::Mine(..)));
        let Next::PutDown(second, until) = enter().0.hand_on((), 1, true) else {
            panic!("not put down");
        };
        assert!(until <= Instant::now() + COMPANY && group.take_back(first).is_none());
        let (turn, ()) = group.take_back(second).unwrap();
        assert!(matches!(turn.hand_on((), 1, false), Next::Mine(..)));
        assert!(matches!(enter().0.hand_on((), 1, true), Next::Mine(..)));
    }

    #[test]
    fn a_full_round_ends_and_those_who_wait_begin_another() {
        let group: Group<u32> = Group::new();
        std::thread::scope(|scope| {
            let (turn, _) = group.enter(far(), false, false).unwrap();
            scope.spawn(|| {
                let (_turn, open) = group.enter(far(), false, false).unwrap();
                assert!(open.is_none());
            });
            while group.waiting() == 0 {
                std::thread::yield_now();
            }
            let Next::Mine(turn, 7) = turn.hand_on(7, MOST, true) else {
                panic!("handed on");
            };
            drop(turn);
        });
    }

    #[test]
    fn who_waits_longer_than_said_goes_without_and_the_next_one_is_given_the_turn() {
        let group: Group<()> = Group::new();
        let (turn, _) = group.enter(far(), false, false).unwrap();
        assert!(
            group
                .enter(deadline(Duration::from_millis(5)), false, false)
                .is_none()
        );
        std::thread::scope(|scope| {
            scope.spawn(|| group.enter(far(), false, false).unwrap().1.is_none());
            while group.waiting() == 0 {
                std::thread::yield_now();
            }
            drop(turn);
        });
        assert!(group.enter(Instant::now(), false, false).is_some());
    }

    #[test]
    fn a_turn_that_is_dropped_by_a_panic_goes_to_the_next() {
        let group: Group<()> = Group::new();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _turn = group.enter(far(), false, false);
            panic!("injected");
        }));
        assert!(panicked.is_err());
        assert!(group.enter(Instant::now(), false, false).is_some());
    }

    #[test]
    fn who_was_here_before_goes_first() {
        let group: Group<()> = Group::new();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let (turn, _) = group.enter(far(), false, false).unwrap();
            for (length, was_here) in [(1, false), (2, true)] {
                let (group, order) = (&group, &order);
                scope.spawn(move || {
                    let _turn = group.enter(far(), true, was_here).unwrap();
                    lock(order).push(was_here);
                });
                while group.waiting() < length {
                    std::thread::yield_now();
                }
            }
            drop(turn);
        });
        assert_eq!(*lock(&order), [true, false]);
    }
}

//! The model check: header, cache, catch-up, fill and commit in every order, with every value that
//! the memory model lets a load see. Built only by `scripts/model`, with loom's words in the place
//! of the cache's own (`sync.rs`).
//!
//! The code that is checked is the real one: [`look`], `Cache::find`, `next` and `hold`, [`follow`]
//! with all that it calls, and `insert`. Modelled are the engine's header, what `begin_read` serves
//! under it, and the log.
//!
//! What is held: no verification that starts after the revocation returned says that the key is
//! good. Each [`Mutant`] is a step done wrongly, of which the check has to find that it breaks this.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc as Shared;
use std::sync::atomic::{AtomicUsize, Ordering as Std};

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::cache::{Cache, Entry, SET_BYTES, Through};
use crate::catch_up::{Followed, Position, Source, follow};
use crate::class::Owner;
use crate::digest::Digest;
use crate::event::Subject;
use crate::header::{Seen, look};
use crate::id::KeyId;
use crate::mutant::{self, Mutant, planted::plant};

/// Answers of the cache: a check in which it never answers says nothing.
static HITS: AtomicUsize = AtomicUsize::new(0);

/// The engine, as far as it is seen from outside.
enum Engine {
    /// Several processes share the file. `begin_read` holds the engine's header lock shared, and
    /// each write of the header holds it alone, so that `begin_read` never reads a torn header;
    /// who looks at the mapped words holds nothing.
    Shared {
        ids: [AtomicU64; 2],
        state: AtomicU64,
        lock: Mutex<()>,
    },
    /// One process has the file for itself: what is served is in its memory, and its commits are
    /// counted.
    Alone {
        served: Mutex<u64>,
        counter: AtomicU64,
    },
}

const UNFLUSHED: u64 = 8;

impl Engine {
    fn shared() -> Self {
        Engine::Shared {
            ids: [AtomicU64::new(1), AtomicU64::new(0)],
            state: AtomicU64::new(0),
            lock: Mutex::new(()),
        }
    }

    fn alone() -> Self {
        Engine::Alone {
            served: Mutex::new(1),
            counter: AtomicU64::new(1),
        }
    }

    /// A commit writes three times. In redb 4.6.0 that is `TransactionalMemory::commit`
    /// (page_manager.rs): the first `write_header` after `write_secondary_slot`, the second after
    /// `swap_primary_slot` with `primary_unflushed` set, the third when `flush` has returned, with
    /// it unset. Each changes one of the words that are looked at; the others are written as they
    /// are.
    fn write(&self, number: u64, at: u64) {
        match self {
            Engine::Shared { ids, state, lock } => {
                let slot = u64::from(number % 2 == 0);
                let (word, value) = match at {
                    0 => (&ids[usize::try_from(slot).unwrap()], number),
                    1 => (state, slot | UNFLUSHED),
                    _ => (state, slot),
                };
                let _alone = lock.lock().unwrap();
                word.store(value, Ordering::Release);
            }
            Engine::Alone { served, counter } => {
                let first = mutant::is(Mutant::CountedFirst);
                match at {
                    0 if first => drop(counter.fetch_add(1, Ordering::Release)),
                    1 => *served.lock().unwrap() = number,
                    2 if !first => drop(counter.fetch_add(1, Ordering::Release)),
                    _ => {}
                }
            }
        }
    }

    fn observe(&self) -> Seen {
        match self {
            Engine::Shared { ids, state, .. } => {
                let ids =
                    || Ok::<_, Infallible>(ids.each_ref().map(|id| id.load(Ordering::Acquire)));
                let state = || Ok(u8::try_from(state.load(Ordering::Acquire)).unwrap());
                let Ok(seen) = look(ids, state);
                seen
            }
            Engine::Alone { counter, .. } => Seen {
                ids: [counter.load(Ordering::Acquire), 0],
                state: 0,
            },
        }
    }

    /// Which commit a snapshot shows that begins now (`published_slot` in header.rs).
    fn begin_read(&self) -> u64 {
        match self {
            Engine::Shared { ids, state, lock } => {
                let _shared = lock.lock().unwrap();
                let state = state.load(Ordering::Acquire);
                let previous = state & UNFLUSHED != 0;
                let slot = (state & 1) ^ u64::from(previous);
                ids[usize::try_from(slot).unwrap()].load(Ordering::Acquire)
            }
            Engine::Alone { served, .. } => *served.lock().unwrap(),
        }
    }
}

fn key() -> KeyId {
    let mut bytes = [0; 16];
    bytes[15] = 7;
    KeyId::from_bytes(bytes)
}

/// What a snapshot says of the key: nothing that the model need not tell apart is other than zero.
fn entry(revoked: bool) -> Entry {
    Entry {
        key_id: key(),
        generation: 0,
        digest: Digest::zero(),
        checksum: [0; 6],
        revoked,
        disabled: false,
        previous: false,
        expires_at: 0,
        class: 0,
        project: None,
        owner: Owner::default(),
    }
}

/// A process that verifies, and the file that it has open.
struct World {
    engine: Engine,
    cache: Cache,
    /// The commit that revokes the key.
    revokes: u64,
    /// The last commit whose verb has returned.
    returned: AtomicU64,
}

impl World {
    fn new(scenario: Scenario) -> Arc<Self> {
        Arc::new(World {
            engine: if scenario.alone {
                Engine::alone()
            } else {
                Engine::shared()
            },
            cache: Cache::new(SET_BYTES),
            revokes: scenario.revokes,
            returned: AtomicU64::new(1),
        })
    }

    /// One of the writes of a commit; after the last the verb returns.
    fn write(&self, number: u64, at: u64) {
        self.engine.write(number, at);
        if at == 2 {
            self.returned.store(number, Ordering::Release);
        }
    }

    fn verify(&self) {
        let returned = self.returned.load(Ordering::Acquire);
        let seen = self.engine.observe();
        let good = match self.cached(seen) {
            Some(good) => good,
            None => self.read(seen),
        };
        assert!(
            !good || returned < self.revokes,
            "good after its revocation"
        );
    }

    /// As `Store::judge_cached`.
    fn cached(&self, seen: Seen) -> Option<bool> {
        let found = self.cache.find(seen, key().into(), [0; 6])?;
        let held = found.hold();
        HITS.fetch_add(usize::from(held.is_some()), Std::Relaxed);
        held.map(|held| !held.is_revoked())
    }

    /// As `Store::judge` and `Inner::catch_up`.
    fn read(&self, seen: Seen) -> bool {
        let commit = self.engine.begin_read();
        let seen = if mutant::is(Mutant::HeaderAfterSnapshot) {
            self.engine.observe()
        } else {
            seen
        };
        let here = Position {
            seen,
            through: Through {
                sequence: commit,
                hash: [0; 32],
            },
            mark: 0,
            imported: false,
        };
        let entry = entry(commit >= self.revokes);
        let source = Log {
            revokes: self.revokes,
            last: commit,
        };
        let followed = follow(&self.cache, here, &source, &mut Vec::new(), |changing| {
            changing.insert(&entry, 0, false).unwrap();
        });
        assert_eq!(followed, Ok(Followed::UpToDate));
        !entry.revoked
    }
}

/// The log as it ends in a snapshot.
struct Log {
    revokes: u64,
    last: u64,
}

impl Source for Log {
    type Error = Infallible;

    fn check(&self) -> Result<(), Infallible> {
        Ok(())
    }

    fn since(&self, through: Through) -> Result<Option<Vec<Subject>>, Infallible> {
        let other = KeyId::from_bytes([1; 16]);
        let subjects = (through.sequence + 1..=self.last).map(|number| {
            let revokes = number == self.revokes;
            Subject::Key(if revokes { key() } else { other })
        });
        Ok(Some(subjects.collect()))
    }

    /// The file never goes back in the model.
    fn newest(&self) -> Result<u64, Infallible> {
        Ok(u64::MAX)
    }
}

/// What there is before the threads of a check begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// A cache that is empty.
    Nothing,
    /// The key is in the cache.
    Cached,
    /// The first of the header's writes for the second commit is done, and the key was put into
    /// the cache under it.
    Begun,
}

/// What the threads of a check do: one commits, the others verify.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    alone: bool,
    before: Before,
    /// Which commit revokes the key, and which is the last.
    revokes: u64,
    commits: u64,
    /// How often each of the readers verifies.
    readers: &'static [usize],
    /// How many preemptions an interleaving may have in the everyday run.
    preemptions: usize,
}

const SHARED: Scenario = Scenario {
    name: "",
    alone: false,
    before: Before::Nothing,
    revokes: 2,
    commits: 2,
    readers: &[1, 1],
    preemptions: 1,
};

const SCENARIOS: [Scenario; 7] = [
    Scenario {
        name: "a position taken within a revocation, another commit after it",
        before: Before::Begun,
        commits: 3,
        readers: &[1],
        preemptions: 3,
        ..SHARED
    },
    Scenario {
        name: "two readers, a revocation of a cached key",
        before: Before::Cached,
        ..SHARED
    },
    Scenario {
        name: "two readers, a revocation",
        ..SHARED
    },
    Scenario {
        name: "alone, two readers, a revocation of a cached key",
        alone: true,
        before: Before::Cached,
        ..SHARED
    },
    Scenario {
        name: "one who reads twice, a commit and a revocation",
        revokes: 3,
        commits: 3,
        readers: &[2],
        preemptions: 3,
        ..SHARED
    },
    Scenario {
        name: "two readers, a revocation of a cached key and a commit",
        before: Before::Cached,
        commits: 3,
        preemptions: 0,
        ..SHARED
    },
    Scenario {
        name: "two readers, a revocation and a commit",
        commits: 3,
        preemptions: 0,
        ..SHARED
    },
];

/// Tries every interleaving with at most so many preemptions, and answers how many there were, or
/// none where one of them broke what is held; and how many were tried.
fn check(scenario: Scenario, preemptions: usize) -> (Option<usize>, usize) {
    let tried = Shared::new(AtomicUsize::new(0));
    let count = Shared::clone(&tried);
    // A thread of its own: what a failed check leaves in the thread is not met by the next one.
    let checked = std::thread::spawn(move || {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.max_branches = 100_000;
        builder.check(move || {
            count.fetch_add(1, Std::Relaxed);
            try_one(scenario);
        });
    });
    let held = checked.join().is_ok();
    let tried = tried.load(Std::Relaxed);
    (held.then_some(tried), tried)
}

fn try_one(scenario: Scenario) {
    let world = World::new(scenario);
    let mut writes = (2..=scenario.commits).flat_map(|number| (0..3).map(move |at| (number, at)));
    if scenario.before == Before::Begun {
        let (number, at) = writes.next().unwrap();
        world.write(number, at);
    }
    if scenario.before != Before::Nothing {
        world.verify();
    }
    let reader = |times: &usize| {
        let (world, times) = (Arc::clone(&world), *times);
        thread::spawn(move || (0..times).for_each(|_| world.verify()))
    };
    let mut threads: Vec<_> = scenario.readers.iter().map(reader).collect();
    let writer = Arc::clone(&world);
    threads.push(thread::spawn(move || {
        writes.for_each(|(number, at)| writer.write(number, at));
    }));
    for thread in threads {
        thread.join().unwrap();
    }
    // What was left in the cache is right as well.
    world.verify();
}

fn tell(what: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{what}");
}

/// How many preemptions more than every day an interleaving may have.
fn more() -> usize {
    let set = std::env::var("KEYFOB_MORE_PREEMPTIONS").ok();
    set.map_or(0, |set| set.parse().unwrap())
}

#[test]
fn no_verification_that_starts_after_a_revocation_returned_is_good() {
    plant(None);
    for scenario in SCENARIOS {
        let begin = std::time::Instant::now();
        let preemptions = scenario.preemptions + more();
        HITS.store(0, Std::Relaxed);
        let (held, tried) = check(scenario, preemptions);
        assert!(HITS.load(Std::Relaxed) > 0, "the cache never answered");
        let took = begin.elapsed().as_secs_f64();
        let name = scenario.name;
        tell(&format!(
            "{name}: {tried} with up to {preemptions} preemptions, {took:.1} s"
        ));
        assert!(held.is_some(), "{name}");
    }
}

/// Nothing was found that shows these, in minutes: who reads a new position and an old cell has passed the
/// fences of both, and looks at the cell's lock again after them. They are a second lock on a door,
/// and stay for what is added behind it.
const UNSHOWN: [Mutant; 2] = [Mutant::HoldSkipped, Mutant::PositionUnlocked];

/// Which scenario shows that a step was done wrongly.
fn shown_by(mutant: Mutant) -> &'static str {
    match mutant {
        Mutant::IdsOnce | Mutant::HeaderSkipped | Mutant::HeaderAfterSnapshot => {
            "a position taken within a revocation, another commit after it"
        }
        Mutant::StateFirst => "one who reads twice, a commit and a revocation",
        Mutant::FillUnlocked | Mutant::FillUncompared => "two readers, a revocation",
        Mutant::CountedFirst => "alone, two readers, a revocation of a cached key",
        Mutant::PositionFirst
        | Mutant::SecondLookSkipped
        | Mutant::HoldSkipped
        | Mutant::PositionUnlocked
        | Mutant::SlowCommits => "two readers, a revocation of a cached key",
    }
}

#[test]
fn control_mutants_are_caught() {
    let mut missed = Vec::new();
    let only = std::env::var("KEYFOB_MUTANT").ok();
    let named = |mutant: &Mutant| {
        only.as_ref()
            .is_none_or(|only| format!("{mutant:?}") == *only)
    };
    let shown = |mutant: &Mutant| !UNSHOWN.contains(mutant) && named(mutant);
    for mutant in Mutant::ALL.into_iter().filter(shown) {
        plant(Some(mutant));
        let begin = std::time::Instant::now();
        let name = shown_by(mutant);
        let scenario = SCENARIOS.iter().find(|one| one.name == name).unwrap();
        let (held, tried) = check(*scenario, scenario.preemptions + more());
        let caught = held.is_none().then_some((name, tried));
        let took = begin.elapsed().as_secs_f64();
        tell(&format!("{mutant:?}: {caught:?}, {took:.1} s"));
        if caught.is_none() {
            missed.push(mutant);
        }
    }
    plant(None);
    assert_eq!(missed, []);
}

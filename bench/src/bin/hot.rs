//! One path of a verification, so many times over: what `scripts/check-instructions`,
//! `scripts/check-syscalls` and the profiles in `docs/benchmarks.md` look at from outside.
//!
//! `hot WHAT CALLS`. The calls happen in a function of their own name, `measured`, so that a
//! profiler can be told to collect nothing else; in threads of that name, so that one that looks at
//! times can leave out the rest; and between two calls of `getppid`, so that a trace shows where they
//! begin and end.

use std::hint::black_box;
use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::os::unix::process::parent_id;

use keyfob::{Filter, KeyId, NewProject, Order, Requirement, Revoke, ScopeSet, Store};
use keyfob_bench::bare::{Bare, Combiner, lengths};
use keyfob_bench::floor::floor;
use keyfob_bench::keys::{Tokens, fill, mistyped, new_key, options, requirement};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The name of the threads that are looked at: the first, as soon as all is prepared, and those that
/// it starts.
const MEASURED: &str = "measured";

/// What is done, over and over.
enum Path {
    Floor,
    /// Verifications of these tokens in turn, and whether they are good.
    Verify(Vec<String>, bool),
    Create,
    /// Revocations of these keys in turn.
    Revoke(Vec<KeyId>),
    Open,
    /// Keys that 32 threads create, which share commits.
    Callers,
    /// What one thread commits for as many, without anything of keyfob.
    Combiner(Combiner),
    /// Verifications of this token, each the first after another one has committed.
    CatchUp(String, Another),
}

/// A thread that commits through a handle of its own, as another process would, and is not looked at.
///
/// It is told through pipes, since who waits at a channel first spins, and that would be looked at.
struct Another {
    commit: PipeWriter,
    committed: PipeReader,
}

impl Another {
    /// Each of its commits has so many events.
    fn start(path: &std::path::Path, events: usize) -> Outcome<Self> {
        let store = options().apart().open(path)?;
        let keys: Vec<_> = (0..events).map(new_key).collect();
        let (mut asked, commit) = pipe()?;
        let (committed, mut done) = pipe()?;
        std::thread::Builder::new()
            .name("another".to_owned())
            .spawn(move || {
                while asked.read_exact(&mut [0]).is_ok()
                    && store.create_many(&keys).stopped.is_none()
                    && done.write_all(&[0]).is_ok()
                {}
            })?;
        Ok(Another { commit, committed })
    }

    /// Returns when it has committed; whether it did.
    fn commit(&self) -> bool {
        (&self.commit).write_all(&[0]).is_ok() && (&self.committed).read_exact(&mut [0]).is_ok()
    }
}

/// The calls that are looked at.
#[inline(never)]
fn measured(path: &Path, calls: usize, store: &Store, requirement: &Requirement) -> bool {
    walk(path, calls, store, requirement)
}

/// Whether all of the calls answered as they should.
#[allow(
    clippy::inline_always,
    reason = "else what warms is collected with what is measured"
)]
#[inline(always)]
fn walk(path: &Path, calls: usize, store: &Store, requirement: &Requirement) -> bool {
    match path {
        Path::Floor => {
            for _ in 0..calls {
                black_box(floor(black_box(&[7; 55])));
            }
            true
        }
        Path::Verify(tokens, good) => {
            let mut tokens = tokens.iter().cycle();
            (0..calls).all(|_| {
                let token = tokens.next().expect("a cycle has no end");
                black_box(store.verify(black_box(token), requirement)).is_ok() == *good
            })
        }
        Path::Create => (0..calls).all(|at| store.create(&new_key(at)).is_ok()),
        Path::Revoke(ids) => {
            let mut ids = ids.iter().cycle();
            (0..calls).all(|_| {
                let id = ids.next().expect("a cycle has no end");
                store.revoke(*id, &Revoke::default()).is_ok()
            })
        }
        Path::Callers => by_callers(calls, || || store.create(&new_key(0)).is_ok()),
        Path::Combiner(combiner) => by_callers(calls, || {
            let mut create = combiner.caller();
            move || {
                create();
                true
            }
        }),
        Path::CatchUp(token, another) => (0..calls)
            .all(|_| another.commit() && black_box(store.verify(token, requirement)).is_ok()),
        Path::Open => (0..calls).all(|_| {
            let opened = options().open(store.path());
            opened.is_ok_and(|store| store.close().is_ok())
        }),
    }
}

/// So many calls by 32 threads; whether all answered as they should.
fn by_callers<F: FnMut() -> bool>(calls: usize, caller: impl Fn() -> F + Sync) -> bool {
    const CALLERS: usize = 32;
    std::thread::scope(|scope| {
        let caller = &caller;
        let threads: Vec<_> = (0..CALLERS)
            .map(|_| {
                scope.spawn(move || {
                    let mut call = caller();
                    (0..calls / CALLERS).all(|_| call())
                })
            })
            .collect();
        threads
            .into_iter()
            .all(|thread| thread.join().is_ok_and(|good| good))
    })
}

const USAGE: &str = "usage: hot floor|verify|bound|random|cold|catch-up|catch-up-1000|callers|combiner|unmapped|shape|prefix|checksum|create|revoke|open CALLS";

fn main() -> Outcome<()> {
    const KEYS: usize = 1_000;
    let mut arguments = std::env::args().skip(1);
    let (Some(what), Some(calls)) = (arguments.next(), arguments.next()) else {
        return Err(USAGE.into());
    };
    let folder = tempfile::tempdir()?;
    let mut options = options().map_header(what != "unmapped");
    if what == "cold" {
        options = options.key_cache_bytes(0);
    }
    let store = options.create(folder.path().join("keys"))?;
    let mut tokens = Tokens::default();
    fill(&store, KEYS, 1, &mut tokens)?;
    let one = tokens.get(0).to_owned();
    let mut requirement = requirement();
    let path = match what.as_str() {
        "floor" => Path::Floor,
        "verify" | "unmapped" => Path::Verify(vec![one], true),
        "bound" => {
            let mut project = NewProject::new("shop");
            project.scopes = ScopeSet::parse(["orders:*", "stock:*"])?;
            store.create_project(&project)?;
            let mut new = new_key(0);
            new.project = Some("shop".to_owned());
            new.ip_list = vec!["192.0.2.0/24".parse()?, "2001:db8::/32".parse()?];
            let token = store.create(&new)?.token.ok_or("no token")?;
            requirement = requirement.project("shop")?.ip("192.0.2.7".parse()?);
            Path::Verify(vec![token.expose().to_owned()], true)
        }
        "random" | "cold" => Path::Verify(tokens.iter().map(str::to_owned).collect(), true),
        "shape" => Path::Verify(vec!["acme_live_1".to_owned()], false),
        "prefix" => Path::Verify(vec![one.replacen("acme", "acmx", 1)], false),
        "checksum" => Path::Verify(vec![mistyped(&one)], false),
        "create" => Path::Create,
        "revoke" => {
            let filter = Filter::default();
            let ids = store.keys(&filter, Order::Created).map(|key| Ok(key?.id));
            Path::Revoke(ids.collect::<Outcome<_>>()?)
        }
        "open" => Path::Open,
        "callers" => Path::Callers,
        "combiner" => {
            let (record, event) = lengths(&store, KEYS as u64)?;
            let bare = Bare::open(folder.path(), KEYS as u64, record, event)?;
            Path::Combiner(Combiner::start(bare)?)
        }
        "catch-up" => Path::CatchUp(one, Another::start(store.path(), 1)?),
        "catch-up-1000" => Path::CatchUp(one, Another::start(store.path(), 1_000)?),
        _ => return Err(USAGE.into()),
    };
    // What is only done once (a key enters the cache, a page is read) is done before.
    let warm = match path {
        Path::Floor | Path::Verify(..) => walk(&path, 2 * KEYS, &store, &requirement),
        _ => true,
    };
    let calls = calls.parse()?;
    std::fs::write("/proc/thread-self/comm", MEASURED)?;
    let begins = parent_id();
    let as_expected = measured(&path, calls, &store, &requirement);
    let ends = parent_id();
    if !(warm && as_expected && begins == ends) {
        return Err("a call answered otherwise than it should, or the parent has gone".into());
    }
    Ok(())
}

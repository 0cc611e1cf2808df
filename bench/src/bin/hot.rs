//! One path of a verification, so many times over: what `scripts/check-instructions`,
//! `scripts/check-syscalls` and the profiles in `docs/benchmarks.md` look at from outside.
//!
//! `hot WHAT CALLS`. The calls happen in a function of their own name, `measured`, so that a
//! profiler can be told to collect nothing else; and between two calls of `getppid`, so that a
//! trace shows where they begin and end.

use std::hint::black_box;
use std::os::unix::process::parent_id;

use keyfob::{Requirement, Store};
use keyfob_bench::floor::floor;
use keyfob_bench::keys::{Tokens, fill, mistyped, options, requirement};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What is done, over and over.
enum Path {
    Floor,
    /// Verifications of these tokens in turn, and whether they are good.
    Verify(Vec<String>, bool),
}

/// The calls that are looked at.
#[inline(never)]
fn measured(path: &Path, calls: usize, store: &Store, requirement: &Requirement) -> bool {
    walk(path, calls, store, requirement)
}

/// Whether all of the calls answered as they should.
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
    }
}

fn main() -> Outcome<()> {
    const KEYS: usize = 1_000;
    let mut arguments = std::env::args().skip(1);
    let (Some(what), Some(calls)) = (arguments.next(), arguments.next()) else {
        return Err("usage: hot floor|verify|random|shape|checksum|cold|unmapped CALLS".into());
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
    let path = match what.as_str() {
        "floor" => Path::Floor,
        "verify" | "unmapped" => Path::Verify(vec![one], true),
        "random" | "cold" => Path::Verify(tokens.iter().map(str::to_owned).collect(), true),
        "shape" => Path::Verify(vec!["acme_live_1".to_owned()], false),
        "checksum" => Path::Verify(vec![mistyped(&one)], false),
        other => return Err(format!("no path is called {other}").into()),
    };
    let requirement = requirement();
    // What is only done once (a key enters the cache, a page is read) is done before.
    let warm = walk(&path, 2 * KEYS, &store, &requirement);
    let calls = calls.parse()?;
    let begins = parent_id();
    let as_expected = measured(&path, calls, &store, &requirement);
    let ends = parent_id();
    if !(warm && as_expected && begins == ends) {
        return Err(
            "a verification answered otherwise than it should, or the parent has gone".into(),
        );
    }
    Ok(())
}

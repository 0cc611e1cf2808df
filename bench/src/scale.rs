//! What the number of keys does: to keyfob with its keys in memory, to keyfob that reads the file
//! each time, and to the rivals, all with the same keys, each asked for the same number of them.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use keyfob::Store;
use keyfob_bench::floor::floor;
use keyfob_bench::keys::{Tokens, fill, options, requirement};

use crate::pictures::Line;
use crate::report::{Report, Row, thousands, time, times};
use crate::rivals::{self, Found};
use crate::sample::{Contender, Random, Timed, Work, in_turn, median, rate};
use crate::verify::floor_contender;
use crate::{Outcome, Scale};

/// How many tokens are drawn for one sample, of what takes nanoseconds and of what takes
/// microseconds. They are copied to one place before it begins, as a request's token has just been
/// read from the network.
const MANY: usize = 2_000;
const SOME: usize = 200;

/// Memory for each key that is to stay in memory: twice what it needs, so that none is pushed out.
const CACHE_BYTES: usize = 256;

/// What is measured at one number of keys: names and times.
type Measured = Vec<(&'static str, Result<Timed, String>)>;

/// All counts; the file of the largest stays, under this name.
pub(crate) struct Curves {
    pub(crate) latency: Vec<Line>,
    pub(crate) threads: Vec<Line>,
    pub(crate) largest: std::path::PathBuf,
    pub(crate) tokens: Tokens,
}

pub(crate) fn rows(report: &mut Report, folder: &Path, scale: &Scale) -> Outcome<Curves> {
    let mut curves = Curves {
        latency: Vec::new(),
        threads: Vec::new(),
        largest: folder.join("largest"),
        tokens: Tokens::default(),
    };
    report.section(
        "Verification, random among so many keys: in memory, from the file (pages in memory), and by the rivals (warm)",
    );
    for (at, keys) in scale.counts.iter().copied().enumerate() {
        let last = at + 1 == scale.counts.len();
        let place = tempfile::tempdir_in(folder)?;
        let path = if last {
            curves.largest.clone()
        } else {
            place.path().join("keys")
        };
        let store = options().create(&path)?;
        let mut tokens = Tokens::default();
        let start = Instant::now();
        fill(&store, keys, 1, &mut tokens)?;
        let filled = start.elapsed();
        store.close()?;

        let mut digests: Vec<_> = tokens.iter().map(rivals::digest).collect();
        digests.sort_unstable();
        let found = rivals::all(place.path(), &digests);
        drop(digests);

        // For reading only, so that closing does not write a use of each of millions of keys.
        let hot = options()
            .read_only(true)
            .key_cache_bytes((1 << 20) + keys * CACHE_BYTES)
            .open(&path)?;
        for token in tokens.iter() {
            hot.verify(token, &requirement())?;
        }
        // As another process would have it open.
        let cold = options().apart().key_cache_bytes(0).open(&path)?;
        let measured = measure(&hot, &cold, &tokens, &found, scale)?;
        tell(report, keys, &measured, scale);
        if last {
            report.add(
                Row::new(
                    format!("create {} keys in bulk", thousands(keys as f64)),
                    time(filled.as_nanos() as f64),
                )
                .beside(format!(
                    "{} keys/s",
                    thousands(keys as f64 / filled.as_secs_f64())
                )),
            );
        }
        for (name, timed) in &measured {
            if let Ok(timed) = timed
                && *name != LOAD
            {
                Line::of(&mut curves.latency, name)
                    .points
                    .push((keys as f64, timed.ns));
            }
        }
        if keys == 1_000 {
            curves.threads = threads(&hot, &tokens, &found, scale);
        }
        hot.close()?;
        cold.close()?;
        if last {
            curves.tokens = tokens;
        }
    }
    report.section("Verifications a second by 1, 2, 4 and 8 threads, 1,000 keys");
    for line in &curves.threads {
        let rates: Vec<_> = line
            .points
            .iter()
            .map(|(_, rate)| thousands(*rate))
            .collect();
        report.add(
            Row::new(&line.name, format!("{} /s", rates[0]))
                .beside(format!("then {}", rates[1..].join(", "))),
        );
    }
    Ok(curves)
}

fn measure(
    hot: &Store,
    cold: &Store,
    tokens: &Tokens,
    found: &[Found],
    scale: &Scale,
) -> Outcome<Measured> {
    let drawn = RefCell::new(Tokens::default());
    let random = RefCell::new(Random::new());
    let draw = || {
        let mut next = Tokens::default();
        for _ in 0..MANY {
            next.push(tokens.get(random.borrow_mut().below(tokens.len())));
        }
        drawn.replace(next);
    };
    let failed = Cell::new(0u64);
    let count = |good: bool| failed.set(failed.get() + u64::from(!good));
    let asked = requirement();
    let by = |store: &'_ Store, at: usize| {
        count(black_box(store.verify(black_box(drawn.borrow().get(at % MANY)), &asked)).is_ok());
    };
    let mut names = vec!["floor", "keyfob, in memory", "keyfob, from the file", LOAD];
    let places = places(tokens.len());
    let mut place = 0;
    let mut contenders = vec![
        floor_contender(),
        Contender::new(MANY, |at| by(hot, at)).prepared(draw),
        Contender::new(SOME, |at| by(cold, at)).prepared(draw),
        Contender::new(MANY, |_| place = black_box(places[place][0])).warmed(),
    ];
    let mut absent = Vec::new();
    for rival in found {
        match rival {
            Ok(rival) => {
                let mut session = rival.session()?;
                let (drawn, count) = (&drawn, &count);
                names.push(rival.name());
                let contender = Contender::new(SOME, move |at| {
                    count(
                        session
                            .verify(drawn.borrow().get(at % MANY))
                            .unwrap_or(false),
                    );
                });
                contenders.push(contender.prepared(draw));
            }
            Err((name, why)) => absent.push((*name, Err(why.clone()))),
        }
    }
    let timed = in_turn(scale.rounds, &mut contenders);
    if failed.get() > 0 {
        return Err(format!("{} verifications failed", failed.get()).into());
    }
    let mut measured: Measured = names.into_iter().zip(timed.into_iter().map(Ok)).collect();
    measured.extend(absent);
    Ok(measured)
}

/// What a verification of a random key cannot do without: one load from as much memory as the keys
/// take, whose place is known only when the load before it has come.
const LOAD: &str = "a bare load from 128 bytes a key";

/// So many places, each of which names the next, all in one round.
fn places(many: usize) -> Vec<[usize; 16]> {
    let mut random = Random::new();
    let mut order: Vec<usize> = (0..many).collect();
    for at in (1..many).rev() {
        order.swap(at, random.below(at));
    }
    order.into_iter().map(|next| [next; 16]).collect()
}

fn tell(report: &mut Report, keys: usize, measured: &Measured, scale: &Scale) {
    let hot = measured[1].1.as_ref().map_or(0.0, |timed| timed.ns);
    for (name, timed) in measured.iter().skip(1) {
        let what = format!("{} keys: {name}", thousands(keys as f64));
        let timed = match timed {
            Ok(timed) => timed,
            Err(why) => {
                report.add(Row::without(what, why));
                continue;
            }
        };
        let mut row = Row::new(what, time(timed.ns)).beside(format!("{} × F", times(timed.ratio)));
        if *name == "keyfob, in memory" {
            let most = [(1_000, 1.5), (100_000, 2.75), (2_000_000, 5.0)];
            if let Some((_, most)) = most.iter().find(|(count, _)| *count == keys) {
                row = row.at_most(timed.ratio, *most, "× F").profile("random");
            }
        } else if *name == "keyfob, from the file" {
            if Some(&keys) == scale.counts.last() {
                row = row.at_most(timed.ns / 1e3, 8.0, "µs").profile("cold");
            }
        } else {
            row = row.beside(format!(
                "{} × F, {} × keyfob in memory",
                times(timed.ratio),
                times(timed.ns / hot)
            ));
        }
        report.add(row);
    }
}

/// Verifications a second, by so many threads.
fn threads(hot: &Store, tokens: &Tokens, found: &[Found], scale: &Scale) -> Vec<Line> {
    const BATCH: u64 = 256;
    const THREADS: [usize; 4] = [1, 2, 4, 8];
    let texts: Vec<&str> = tokens.iter().collect();
    let asked = requirement();
    let hashing = |_: usize| -> Work<'_> {
        Box::new(|| {
            for _ in 0..BATCH {
                black_box(floor(black_box(&[7; 55])));
            }
            BATCH
        })
    };
    let verifying = |thread: usize| -> Work<'_> {
        let (texts, asked) = (&texts, &asked);
        let mut at = thread * 97;
        Box::new(move || {
            for _ in 0..BATCH {
                at = (at + 1) % texts.len();
                assert!(black_box(hot.verify(texts[at], asked)).is_ok());
            }
            BATCH
        })
    };
    let mut lines = Vec::new();
    let each = Duration::from_millis(scale.milliseconds);
    for threads in THREADS {
        let mut samples: Vec<(&str, Vec<f64>)> = Vec::new();
        for _ in 0..3 {
            let mut note = |name, rate| match samples.iter_mut().find(|(other, _)| *other == name) {
                Some((_, rates)) => rates.push(rate),
                None => samples.push((name, vec![rate])),
            };
            note("floor", rate(threads, each, &hashing));
            note("keyfob, in memory", rate(threads, each, &verifying));
            for rival in found.iter().flatten() {
                let rival = rival.as_ref();
                note(
                    rival.name(),
                    rate(threads, each, &|_| rivals::work(rival, &texts)),
                );
            }
        }
        for (name, rates) in samples {
            Line::of(&mut lines, name)
                .points
                .push((threads as f64, median(rates)));
        }
    }
    lines
}

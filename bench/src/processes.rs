//! Several processes: opening, opening after a crash, what one of them changed and when the others
//! see it.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use keyfob::CheckOnOpen;
use keyfob_bench::keys::{Tokens, fill, new_key, options, requirement};
use redb::{ConcurrencyMode, Database, ReadOnlyDatabase, ReadableDatabase, TableDefinition};
use sha2::{Digest as _, Sha256};

use crate::child::{Child, own_time, shared_clock};
use crate::report::{Report, Row, thousands, time};
use crate::sample::{Random, median, quantile};
use crate::scale::Curves;
use crate::{Outcome, Scale};

pub(crate) fn rows(
    report: &mut Report,
    folder: &Path,
    curves: &Curves,
    scale: &Scale,
) -> Outcome<()> {
    let small = folder.join("processes");
    let store = options().create(&small)?;
    fill(&store, 1_000, 1_000, &mut Tokens::default())?;
    store.close()?;
    report.section("Several processes");
    revoked_elsewhere(report, &small, scale)?;
    catch_up(report, &small, scale)?;
    while_another_commits(report, curves, scale)?;
    report.section("Open");
    eight_at_once(report, &small, scale)?;
    largest(report, curves, scale)
}

/// Another process revokes a key that this one verifies without a pause.
fn revoked_elsewhere(report: &mut Report, path: &Path, scale: &Scale) -> Outcome<()> {
    let store = options().open(path)?;
    let mut other = Child::start("serve", path, &[])?;
    let asked = requirement();
    let (mut stale, mut seen) = (0, Vec::new());
    for _ in 0..scale.revocations {
        let made = store.create(&new_key(0))?;
        let token = made.token.ok_or("no token")?;
        store.verify(token.expose(), &asked)?;
        other.say(&format!("revoke {}", made.key.id))?;
        // When the last verification that was accepted began, and when it was known not to be.
        let (mut accepted, mut refused) = (0, 0);
        while refused == 0 {
            let begun = shared_clock();
            match store.verify(token.expose(), &asked) {
                Ok(_) => accepted = begun,
                Err(_) => refused = shared_clock(),
            }
        }
        let returned: i64 = other.hear()?.parse()?;
        stale += u64::from(accepted > returned);
        seen.push((refused - returned) as f64);
    }
    store.close()?;
    let before = seen.iter().filter(|after| **after <= 0.0).count();
    report.add(
        Row::new(
            format!(
                "stale answers after {} revocations by another process",
                thousands(scale.revocations as f64)
            ),
            stale.to_string(),
        )
        .beside(format!(
            "{before} seen before the other's call returned; else after {} at most",
            time(quantile(seen, 1.0).max(0.0))
        ))
        .at_most(stale as f64, 0.0, ""),
    );
    Ok(())
}

/// What catching up cannot do without: the engine alone, which begins a read of the same file and
/// reads the rows of the same events.
struct Alone {
    database: ReadOnlyDatabase,
    next: u64,
}

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");

impl Alone {
    fn open(path: &Path) -> Outcome<Self> {
        let database = Database::builder()
            .set_concurrency_mode(ConcurrencyMode::MultiWriter)
            .set_cache_size(16 << 20)
            .open_read_only(path)?;
        Ok(Alone { database, next: 0 })
    }

    /// Reads what was added since the last time.
    fn read(&mut self, mut each: impl FnMut(&[u8])) -> Outcome<()> {
        let events = self.database.begin_read()?.open_table(EVENTS)?;
        for row in events.range(self.next..)? {
            let (sequence, row) = row?;
            each(row.value());
            self.next = sequence.value() + 1;
        }
        Ok(())
    }
}

/// The first verification of a key in memory after another process has committed.
fn catch_up(report: &mut Report, path: &Path, scale: &Scale) -> Outcome<()> {
    let store = options().open(path)?;
    let mut other = Child::start("serve", path, &[])?;
    let asked = requirement();
    let token = store.create(&new_key(0))?.token.ok_or("no token")?;
    let mut alone = Alone::open(path)?;
    for (events, what, profile, commits) in [
        (1, "an event", "catch-up", scale.revocations),
        (
            1_000,
            "1,000 events",
            "catch-up-1000",
            scale.revocations.div_ceil(10),
        ),
    ] {
        alone.read(|_| ())?;
        let (mut took, mut busy) = (Vec::new(), Vec::new());
        let (mut reading, mut hashing) = (Vec::new(), Vec::new());
        for _ in 0..commits {
            other.ask(&format!("create {events}"))?;
            let (start, begun) = (Instant::now(), own_time());
            store.verify(token.expose(), &asked)?;
            busy.push((own_time() - begun) as f64);
            took.push(start.elapsed().as_nanos() as f64);

            let (before, mut rows) = (alone.next, Vec::new());
            let begun = own_time();
            alone.read(|row| {
                black_box(row);
            })?;
            reading.push((own_time() - begun) as f64);
            alone.next = before;
            alone.read(|row| rows.push(row.to_vec()))?;
            let begun = own_time();
            for row in &rows {
                black_box(Sha256::digest(row));
            }
            hashing.push((own_time() - begun) as f64);
        }
        let worst = quantile(busy.clone(), 0.999);
        report.add(
            Row::new(
                format!(
                    "first verification after another's commit of {what}: 99.9th percentile of CPU time"
                ),
                time(worst),
            )
            .beside(format!(
                "median {}, by the clock {}; {} commits",
                time(median(busy)),
                time(median(took)),
                thousands(commits as f64)
            ))
            .at_most(worst / 1e3, 50.0, "µs")
            .profile(profile),
        );
        report.add(
            Row::new(
                format!("redb alone: a read begun after that commit, and the rows of {what}"),
                time(quantile(reading.clone(), 0.999)),
            )
            .beside(format!("median {}", time(median(reading)))),
        );
        report.add(
            Row::new(
                format!("SHA-256 of the rows of {what}, alone"),
                time(quantile(hashing.clone(), 0.999)),
            )
            .beside(format!("median {}", time(median(hashing)))),
        );
    }
    store.close()?;
    Ok(())
}

/// Verifications from the largest file while another process commits into it.
fn while_another_commits(report: &mut Report, curves: &Curves, scale: &Scale) -> Outcome<()> {
    const PAUSE: &str = "5";
    let store = options().key_cache_bytes(0).open(&curves.largest)?;
    let asked = requirement();
    let mut random = Random::new();
    let mut measure = || -> Outcome<Vec<f64>> {
        (0..scale.rounds * 200)
            .map(|_| {
                let token = curves.tokens.get(random.below(curves.tokens.len()));
                let start = Instant::now();
                store.verify(token, &asked)?;
                Ok(start.elapsed().as_nanos() as f64)
            })
            .collect()
    };
    let alone = measure()?;
    let other = Child::start("commit", &curves.largest, &[PAUSE])?;
    let beside = measure()?;
    other.kill()?;
    report.add(
        Row::new(
            format!(
                "from the file, {} keys, while another process commits every {PAUSE} ms",
                thousands(curves.tokens.len() as f64)
            ),
            time(median(beside.clone())),
        )
        .beside(format!(
            "alone {}; 99.9th percentile {}, alone {}",
            time(median(alone.clone())),
            time(quantile(beside, 0.999)),
            time(quantile(alone, 0.999))
        )),
    );
    store.close()?;
    Ok(())
}

fn eight_at_once(report: &mut Report, path: &Path, scale: &Scale) -> Outcome<()> {
    const PROCESSES: usize = 8;
    let (mut slowest, mut all) = (Vec::new(), Vec::new());
    for _ in 0..scale.opens {
        let mut children = Vec::new();
        for _ in 0..PROCESSES {
            children.push(Child::start("open", path, &[])?);
        }
        for child in &mut children {
            child.say("go")?;
        }
        let mut times = Vec::new();
        for child in &mut children {
            times.push(child.hear()?.parse::<f64>()?);
        }
        for child in &mut children {
            child.say("close")?;
        }
        for child in &mut children {
            child.process_ended()?;
        }
        slowest.push(quantile(times.clone(), 1.0));
        all.extend(times);
    }
    let worst = median(slowest);
    report.add(
        Row::new(
            "1,000 keys, eight processes at once: the slowest of them",
            time(worst),
        )
        .beside(format!(
            "median of {}; of all opens {}",
            scale.opens,
            time(median(all))
        ))
        .at_most(worst / 1e6, 5.0, "ms"),
    );
    Ok(())
}

fn largest(report: &mut Report, curves: &Curves, scale: &Scale) -> Outcome<()> {
    let keys = thousands(curves.tokens.len() as f64);
    let open = |check: CheckOnOpen| -> Outcome<f64> {
        let start = Instant::now();
        let store = options().check_on_open(check).open(&curves.largest)?;
        let took = start.elapsed().as_nanos() as f64;
        store.close()?;
        Ok(took)
    };
    let clean: Vec<f64> = (0..scale.opens)
        .map(|_| open(CheckOnOpen::Auto))
        .collect::<Outcome<_>>()?;
    let clean = median(clean);
    report.add(
        Row::new(format!("{keys} keys, closed cleanly"), time(clean))
            .beside(format!("median of {}", scale.opens))
            .at_most(clean / 1e6, 1.0, "ms")
            .profile("open"),
    );
    for (check, what, times) in [
        (
            CheckOnOpen::Never,
            "after kill -9 of a writer, without the check of every page",
            scale.opens,
        ),
        (
            CheckOnOpen::Auto,
            "after kill -9 of a writer, every page checked (the default)",
            3,
        ),
    ] {
        let mut took = Vec::new();
        for _ in 0..times {
            Child::start("commit", &curves.largest, &["1"])?.kill()?;
            took.push(open(check)?);
        }
        let took = median(took);
        let row = Row::new(format!("{keys} keys, {what}"), time(took))
            .beside(format!("median of {times}"));
        report.add(match check {
            CheckOnOpen::Never => row.at_most(took / 1e6, 2.0, "ms"),
            _ => row,
        });
    }
    Ok(())
}

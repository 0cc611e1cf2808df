//! The benchmark: what keyfob costs, beside the floor and the rivals, in one run on one machine.
//!
//! `make bench` runs it and writes `docs/benchmarks.md` with its pictures. Every figure is printed
//! as it came out; what has a target is judged by it.
//!
//! `keyfob-bench KEYS [FOLDER]`: stores of KEYS keys (1,000,000 unless it is given), the largest of
//! ten times as many; the page is written into FOLDER, or nowhere.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "figures are printed to three digits"
)]

mod bulk;
mod c;
mod changes;
mod child;
mod machine;
mod memory;
mod page;
mod pictures;
mod processes;
mod profile;
mod python;
mod report;
mod rivals;
mod sample;
mod scale;
mod verify;

use std::path::PathBuf;

use report::{Report, Row, time};
use sample::in_turn;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How much of everything.
struct Scale {
    /// Keys of the stores that are filled, listed, backed up.
    keys: usize,
    /// Keys of the stores that are verified from, ascending.
    counts: Vec<usize>,
    /// Samples of what takes nanoseconds or microseconds.
    rounds: usize,
    /// Samples of what waits for the disk.
    commits: usize,
    /// Revocations that another process looks for.
    revocations: usize,
    /// Times that a store is opened.
    opens: usize,
    /// How long a rate is measured; those that wait for the disk, ten times as long.
    milliseconds: u64,
}

impl Scale {
    fn of(keys: usize) -> Self {
        let whole = keys >= 1_000_000;
        let mut counts: Vec<usize> = [1_000, 10_000, 100_000, 1_000_000, 2_000_000]
            .into_iter()
            .filter(|count| *count < 10 * keys)
            .collect();
        counts.push(10 * keys);
        Scale {
            keys,
            counts,
            rounds: if whole { 200 } else { 50 },
            commits: if whole { 300 } else { 30 },
            revocations: if whole { 2_000 } else { 100 },
            opens: if whole { 20 } else { 5 },
            milliseconds: if whole { 200 } else { 50 },
        }
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("child", rest)) = arguments
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    {
        return child::main(rest);
    }
    let scale = Scale::of(
        arguments
            .first()
            .map_or(Ok(1_000_000), |keys| keys.parse())?,
    );
    let page = arguments.get(1).map(PathBuf::from);

    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let floor = in_turn(scale.rounds, &mut [verify::floor_contender()])[0].ns;
    let mut report = Report::new();
    report.section("The floor");
    report.add(Row::new("floor F: SHA-256 of one block of 55 bytes", time(floor)).beside("1 × F"));
    verify::rows(&mut report, at, &scale)?;
    let curves = scale::rows(&mut report, at, &scale)?;
    processes::rows(&mut report, at, &curves, &scale)?;
    memory::rows(&mut report, at, &curves, &scale)?;
    python::rows(&mut report, at, &curves, &scale)?;
    std::fs::remove_file(&curves.largest)?;
    changes::rows(&mut report, at, &scale)?;
    bulk::rows(&mut report, at, &scale)?;
    let profiles = profile::section(&report.to_profile());
    let (targets, missed) = report.targets();
    println!("\n{targets} targets, {missed} of them missed");
    if let Some(folder) = page {
        page::write(&folder, &report, &curves, &profiles, &scale, at)?;
    }
    Ok(())
}

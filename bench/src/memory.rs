//! Memory: of a process that has a store open, and of each key that it keeps.

use std::io::Write as _;
use std::path::Path;

use crate::child::{Child, Resident};
use crate::report::{Report, Row, thousands};
use crate::scale::Curves;
use crate::{Outcome, Scale};

struct Measured {
    before: Resident,
    open: Resident,
    after: Resident,
    verified: f64,
    kept: f64,
}

impl Measured {
    fn grew(&self) -> Resident {
        self.after.beyond(self.open)
    }
}

fn measure(curves: &Curves, tokens: &Path, cache: &str, mode: &str) -> Outcome<Measured> {
    let tokens = tokens.to_string_lossy();
    let mut child = Child::start("memory", &curves.largest, &[&tokens, cache, mode])?;
    let answer = child.ask("go")?;
    child.process_ended()?;
    let numbers: Vec<f64> = answer
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let ([verified, kept], parts) = numbers
        .split_first_chunk()
        .ok_or_else(|| format!("another process answered {answer:?}"))?;
    let ([before, open, after], []) = parts.as_chunks() else {
        return Err(format!("another process answered {answer:?}").into());
    };
    Ok(Measured {
        before: Resident::of(*before),
        open: Resident::of(*open),
        after: Resident::of(*after),
        verified: *verified,
        kept: *kept,
    })
}

pub(crate) fn rows(
    report: &mut Report,
    folder: &Path,
    curves: &Curves,
    scale: &Scale,
) -> Outcome<()> {
    const MIB: f64 = 1_048_576.0;
    let tokens = folder.join("tokens");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&tokens)?);
    // Spread over the file, as those who call are.
    let keys = scale.keys.min(curves.tokens.len());
    let every = curves.tokens.len() / keys;
    for at in 0..keys {
        writeln!(file, "{}", curves.tokens.get(at * every))?;
    }
    file.into_inner()?.sync_all()?;

    let usual = measure(curves, &tokens, "", "write")?;
    report.section("Memory");
    report.add(
        Row::new(
            "resident memory of a process with the store open, before use",
            format!("{:.1} MiB", usual.open.all() / MIB),
        )
        .beside(format!(
            "{:.1} MiB before it was opened; {} keys in the file",
            usual.before.all() / MIB,
            thousands(curves.tokens.len() as f64)
        ))
        .at_most(usual.open.all() / MIB, 8.0, "MiB"),
    );
    report.add(
        Row::new(
            format!(
                "the same after {} keys were verified",
                thousands(usual.verified)
            ),
            format!("{:.1} MiB", usual.after.all() / MIB),
        )
        .beside(format!(
            "the caches' limits are 16 + 16 MiB; {:.1} MiB is the table of keys, {:.1} MiB the heap, \
             {:.1} MiB the heap of the thread that flushes, {:.1} MiB the program",
            usual.after.large / MIB,
            usual.after.heap / MIB,
            usual.after.of_threads / MIB,
            usual.after.program / MIB,
        ))
        .at_most(usual.after.all() / MIB, 42.0, "MiB"),
    );
    // Half of the keys fit at most, so that the memory is full.
    let full = measure(curves, &tokens, &(keys * 121 / 2).to_string(), "read")?;
    // What reading takes without any key in memory is not the keys'.
    let none = measure(curves, &tokens, "0", "read")?;
    let grew = full.grew().beyond(none.grew());
    let each = grew.all() / full.kept;
    report.add(
        Row::new(
            "for each key in memory, what the process grew by",
            format!("{each:.0} B"),
        )
        .beside(format!(
            "{} in memory, told by their times, of {} that were verified; {:.1} B is the table, \
             {:.1} B the heap",
            thousands(full.kept),
            thousands(full.verified),
            grew.large / full.kept,
            grew.heap / full.kept,
        ))
        .at_most(each, 128.0, "B"),
    );
    Ok(())
}

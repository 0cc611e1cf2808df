//! Memory: of a process that has a store open, and of each key that it keeps.

use std::io::Write as _;
use std::path::Path;

use crate::child::Child;
use crate::report::{Report, Row, thousands};
use crate::scale::Curves;
use crate::{Outcome, Scale};

struct Resident {
    before: f64,
    open: f64,
    after: f64,
    keys: f64,
    kept: f64,
}

fn measure(curves: &Curves, tokens: &Path, cache: &str, mode: &str) -> Outcome<Resident> {
    let tokens = tokens.to_string_lossy();
    let mut child = Child::start("memory", &curves.largest, &[&tokens, cache, mode])?;
    let answer = child.ask("go")?;
    child.process_ended()?;
    let numbers: Vec<f64> = answer
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [before, open, after, keys, kept] = numbers[..] else {
        return Err(format!("another process answered {answer:?}").into());
    };
    Ok(Resident {
        before,
        open,
        after,
        keys,
        kept,
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
            format!("{:.1} MiB", usual.open / MIB),
        )
        .beside(format!(
            "{:.1} MiB before it was opened; {} keys in the file",
            usual.before / MIB,
            thousands(curves.tokens.len() as f64)
        ))
        .at_most(usual.open / MIB, 8.0, "MiB"),
    );
    report.add(
        Row::new(
            format!(
                "the same after {} keys were verified",
                thousands(usual.keys)
            ),
            format!("{:.1} MiB", usual.after / MIB),
        )
        .beside("the caches' limits are 16 + 16 MiB")
        .at_most(usual.after / MIB, 42.0, "MiB"),
    );
    // Half of the keys fit at most, so that the memory is full.
    let full = measure(curves, &tokens, &(keys * 121 / 2).to_string(), "read")?;
    // What reading takes without any key in memory is not the keys'.
    let none = measure(curves, &tokens, "0", "read")?;
    let grew = (full.after - full.open) - (none.after - none.open);
    let each = grew / full.kept;
    report.add(
        Row::new(
            "for each key in memory, what the process grew by",
            format!("{each:.0} B"),
        )
        .beside(format!(
            "{} in memory, told by their times, of {} that were verified",
            thousands(full.kept),
            thousands(full.keys)
        ))
        .at_most(each, 128.0, "B"),
    );
    Ok(())
}

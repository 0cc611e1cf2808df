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
    let [before, open, after, keys] = numbers[..] else {
        return Err(format!("another process answered {answer:?}").into());
    };
    Ok(Resident {
        before,
        open,
        after,
        keys,
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
    // What one key more takes: a process with all of them against one with half of them, each with
    // the target's 128 bytes for every key it is to keep. One that did not fit would be left out
    // and seem to take nothing; that all of them stay is what the times by key count show.
    let half = folder.join("half");
    let text = std::fs::read_to_string(&tokens)?;
    let lines: Vec<&str> = text.lines().step_by(2).collect();
    std::fs::write(&half, lines.join("\n"))?;
    let all = measure(curves, &tokens, &(keys * 128).to_string(), "read")?;
    let some = measure(curves, &half, &(lines.len() * 128).to_string(), "read")?;
    let each = (all.after - some.after) / (all.keys - some.keys);
    report.add(
        Row::new(
            "resident memory that one more key in memory takes",
            format!("{each:.0} B"),
        )
        .beside(format!(
            "{} keys against {}",
            thousands(all.keys),
            thousands(some.keys)
        ))
        .at_most(each, 128.0, "B"),
    );
    Ok(())
}

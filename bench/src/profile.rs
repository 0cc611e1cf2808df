//! Where the time goes: a profile for each path that missed its target.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::machine::says;

/// How often the slow paths are walked for a profile, and how much more often the others.
const SLOW: usize = 2_000;
const FASTER: usize = 1_000;

/// The profiles of these paths, as a section of the page.
pub(crate) fn section(paths: &[&str]) -> String {
    let mut out = String::new();
    for path in paths {
        println!("\nProfile of `hot {path}`");
        let text = profile(path).unwrap_or_else(|error| format!("There is none: {error}.\n"));
        println!("{text}");
        let _ = writeln!(out, "### `hot {path}`\n\n{text}");
    }
    out
}

/// The program that walks one path, built beside this one.
fn hot() -> Outcome<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("hot");
    if path.exists() {
        Ok(path)
    } else {
        Err("`hot` was not built: cargo build --release --package keyfob-bench".into())
    }
}

fn run(command: &mut Command) -> Outcome<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{} failed", command.get_program().display()).into())
    }
}

fn profile(path: &str) -> Outcome<String> {
    let folder = tempfile::tempdir()?;
    let hot = hot()?;
    if matches!(path, "create" | "revoke" | "open") {
        return waits(&hot, path, folder.path());
    }
    let calls = match path {
        "catch-up-1000" => SLOW / 10,
        "catch-up" => SLOW,
        "callers" | "combiner" => 10 * SLOW,
        "cold" => 100 * SLOW,
        _ => SLOW * FASTER,
    };
    match samples(&hot, path, calls, folder.path()) {
        Ok(text) => Ok(text),
        Err(_) => instructions(&hot, path, folder.path()),
    }
}

/// Functions by their share of the time, sampled by perf.
fn samples(hot: &Path, path: &str, calls: usize, folder: &Path) -> Outcome<String> {
    let data = folder.join("perf");
    let calls = calls.to_string();
    run(Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-F", "4000", "-o"])
        .arg(&data)
        .arg(hot)
        .args([path, &calls]))?;
    let text = run(Command::new("perf")
        .args([
            "report",
            "--stdio",
            "--no-children",
            "-q",
            // By the thread as well, so that what others do is left out and not added.
            "--sort",
            "comm,symbol",
            "--comms",
            "measured,combiner",
            "--percentage",
            "relative",
            "-i",
        ])
        .arg(&data))?;
    let shares: Vec<_> = text.lines().filter_map(share).collect();
    if shares.is_empty() {
        return Err("perf saw nothing".into());
    }
    let mut whose: Vec<(&str, f64)> = Vec::new();
    for (percent, symbol) in &shares {
        let of = whose_is(symbol);
        match whose.iter_mut().find(|(other, _)| *other == of) {
            Some((_, sum)) => *sum += percent,
            None => whose.push((of, *percent)),
        }
    }
    whose.sort_by(|a, b| b.1.total_cmp(&a.1));
    let whose: Vec<_> = whose
        .iter()
        .map(|(of, percent)| format!("{of} {percent:.0} %"))
        .collect();
    let lines: Vec<_> = shares
        .iter()
        .take_while(|(percent, _)| *percent >= 1.0)
        .take(16)
        .map(|(percent, symbol)| format!("{percent:>6.2}%  {symbol}"))
        .collect();
    Ok(format!(
        "Share of the time, by perf, over {calls} calls: {}. In functions:\n\n```text\n{}\n```\n",
        whose.join(", "),
        lines.join("\n")
    ))
}

/// A line of perf's: the share, and the function.
fn share(line: &str) -> Option<(f64, &str)> {
    let (percent, rest) = line.split_once('%')?;
    let (_thread, symbol) = rest.trim_start().split_once(' ')?;
    // perf adds two columns of nothing, far to the right.
    let symbol = symbol.trim_start().trim_end_matches([' ', '-']).trim_end();
    Some((percent.trim_start().parse().ok()?, symbol))
}

/// Whose a function is.
fn whose_is(symbol: &str) -> &'static str {
    const OF: [(&str, &str); 6] = [
        ("[k]", "the kernel"),
        ("sha2::", "the hash"),
        ("redb::", "redb"),
        ("keyfob::", "keyfob"),
        ("digest::", "the hash"),
        ("hot::", "`hot` itself"),
    ];
    OF.iter()
        .find(|(part, _)| symbol.contains(part))
        .map_or("libraries", |(_, of)| *of)
}

/// Functions by their share of the instructions, counted by callgrind, which knows no SHA
/// instructions: the hash is in software there.
fn instructions(hot: &Path, path: &str, folder: &Path) -> Outcome<String> {
    let data = folder.join("callgrind");
    let calls = SLOW.to_string();
    says("valgrind", &["--version"]).ok_or("neither perf nor valgrind works here")?;
    let mut file = std::ffi::OsString::from("--callgrind-out-file=");
    file.push(&data);
    run(Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=*measured*",
        ])
        .arg(file)
        .arg(hot)
        .args([path, &calls]))?;
    let text = run(Command::new("callgrind_annotate")
        .args(["--auto=no", "--threshold=95"])
        .arg(&data))?;
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.contains('%') && !line.contains("PROGRAM TOTALS"))
        .map(|line| line.split(" [").next().unwrap_or(line).replace("???:", ""))
        .take(16)
        .collect();
    Ok(format!(
        "Share of the instructions, by callgrind, over {calls} calls; the hash is in software there:\n\n```text\n{}\n```\n",
        lines.join("\n")
    ))
}

/// System calls by the time that is spent waiting for them: a change waits for the disk.
fn waits(hot: &Path, path: &str, folder: &Path) -> Outcome<String> {
    const CALLS: &str = "200";
    let out = folder.join("strace");
    says("strace", &["--version"]).ok_or("strace is not here")?;
    run(Command::new("strace")
        .args(["-f", "-T", "-o"])
        .arg(&out)
        .arg(hot)
        .args([path, CALLS]))?;
    let text = std::fs::read_to_string(&out)?;
    let mut calls: Vec<(&str, u64, f64)> = Vec::new();
    let between = text
        .lines()
        .skip_while(|line| !line.contains("getppid"))
        .skip(1);
    for line in between.take_while(|line| !line.contains("getppid")) {
        let name = line
            .split_whitespace()
            .nth(1)
            .and_then(|rest| rest.split_once('('));
        let took = line
            .rsplit_once('<')
            .and_then(|(_, rest)| rest.trim_end_matches('>').parse::<f64>().ok());
        let (Some((name, _)), Some(took)) = (name, took) else {
            continue;
        };
        match calls.iter_mut().find(|(other, ..)| *other == name) {
            Some((_, number, time)) => {
                *number += 1;
                *time += took;
            }
            None => calls.push((name, 1, took)),
        }
    }
    calls.sort_by(|a, b| b.2.total_cmp(&a.2));
    let each: f64 = CALLS.parse()?;
    let lines: Vec<_> = calls
        .iter()
        .map(|(name, number, took)| {
            format!(
                "{:>8.1} µs in {:>5.1} calls of {name}",
                took * 1e6 / each,
                *number as f64 / each
            )
        })
        .collect();
    Ok(format!(
        "System calls of one, by strace, which makes each some 50 µs longer; {CALLS} calls:\n\n```text\n{}\n```\n",
        lines.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_perf_is_read_as_a_share_and_whose_function_it_is() {
        let line = "    12.34%  measured     [.] redb::tree::get<K>              -      -   ";
        assert_eq!(share(line), Some((12.34, "[.] redb::tree::get<K>")));
        assert_eq!(share("# Samples: 3"), None);
        assert_eq!(whose_is("[k] redb::in_the_kernel"), "the kernel");
        assert_eq!(whose_is("[.] keyfob::digest::sha256"), "keyfob");
        assert_eq!(whose_is("[.] malloc"), "libraries");
    }
}

//! From Python: keyfob and what is used today, measured by the programs in `bench/python` in an
//! environment of its own that is made once, with the package as it is now.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::{Report, Row, thousands, time, times};
use crate::scale::Curves;
use crate::{Outcome, Scale};

/// The folder of this crate.
fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn run(command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    Err(format!("{} failed: {last}", command.get_program().display()).into())
}

/// The interpreter of the environment, which is made anew when what it should hold has changed.
fn python() -> Outcome<PathBuf> {
    let requirements = home().join("python/requirements.txt");
    let environment = home().join("../.venvs/bench");
    let python = environment.join("bin/python");
    let installed = environment.join("requirements.txt");
    if std::fs::read(&installed).ok() != Some(std::fs::read(&requirements)?) {
        println!("  (making .venvs/bench)");
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment))?;
        run(Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(&requirements))?;
        std::fs::copy(&requirements, &installed)?;
    }
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--force-reinstall",
            "--no-deps",
        ])
        .arg(home().join("../python")))?;
    Ok(python)
}

pub(crate) fn rows(
    report: &mut Report,
    folder: &Path,
    curves: &Curves,
    scale: &Scale,
) -> Outcome<()> {
    report.section("From Python, one verification");
    let python = match python() {
        Ok(python) => python,
        Err(error) => {
            report.add(Row::without("from Python", &error.to_string()));
            return Ok(());
        }
    };
    verifications(report, &python, folder, curves, scale)?;
    report.section("From Python, an application");
    let rounds = if scale.rounds < 200 { "1" } else { "3" };
    let rates = run(Command::new(&python)
        .arg(home().join("python/rates.py"))
        .arg(folder)
        .args([rounds, "2"]));
    match rates {
        // A line is a name, a figure and a remark.
        Ok(rates) => {
            for line in rates.lines() {
                let [name, figure, remark] = columns(line)?;
                report.add(Row::new(name, figure).beside(remark));
            }
        }
        Err(error) => report.add(Row::without("an application", &error.to_string())),
    }
    Ok(())
}

fn columns<const N: usize>(line: &str) -> Outcome<[&str; N]> {
    let columns: Vec<_> = line.split('\t').collect();
    let wrong = |_| format!("bench/python printed {line:?}").into();
    columns.try_into().map_err(wrong)
}

fn verifications(
    report: &mut Report,
    python: &Path,
    folder: &Path,
    curves: &Curves,
    scale: &Scale,
) -> Outcome<()> {
    let measured = run(Command::new(python)
        .arg(home().join("python/verifications.py"))
        .arg(&curves.largest)
        .arg(folder.join("tokens"))
        .arg(folder)
        .arg(scale.rounds.to_string()));
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => {
            report.add(Row::without("one verification", &error.to_string()));
            return Ok(());
        }
    };
    let hot = curves
        .latency
        .iter()
        .find(|line| line.name == "keyfob, in memory");
    let hot = hot
        .and_then(|line| line.points.first())
        .map_or(1.0, |(_, ns)| *ns);
    // A line is a name, a time in nanoseconds or what is missing, a remark, and for keyfob the ratio
    // to hashlib and its target.
    for line in measured.lines() {
        let [name, figure, remark, ratio, most] = columns(line)?;
        let Ok(ns) = figure.parse::<f64>() else {
            report.add(Row::without(name, figure));
            continue;
        };
        let mut beside = vec![remark.to_owned()];
        if let Ok(ratio) = ratio.parse::<f64>() {
            beside.push(format!("{} × hashlib.sha256(token).digest()", times(ratio)));
        }
        let of_rust = if ns / hot < 1_000.0 {
            times(ns / hot)
        } else {
            thousands(ns / hot)
        };
        beside.push(format!("{of_rust} × keyfob in memory, from Rust"));
        beside.retain(|part| !part.is_empty());
        let row = Row::new(name, time(ns)).beside(beside.join("; "));
        report.add(match (ratio.parse(), most.parse()) {
            (Ok(ratio), Ok(most)) => row.at_most(ratio, most, "× hashlib"),
            _ => row,
        });
    }
    Ok(())
}

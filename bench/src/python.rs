//! What is used from Python today, measured by `bench/python/rivals.py` in an environment of its
//! own that is made once.

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
    Ok(python)
}

pub(crate) fn rows(
    report: &mut Report,
    folder: &Path,
    curves: &Curves,
    scale: &Scale,
) -> Outcome<()> {
    report.section("From Python, one verification");
    let tokens = folder.join("tokens");
    let measured = python().and_then(|python| {
        run(Command::new(python)
            .arg(home().join("python/rivals.py"))
            .arg(&tokens)
            .arg(folder)
            .arg(scale.rounds.to_string()))
    });
    let measured = match measured {
        Ok(measured) => measured,
        Err(error) => {
            report.add(Row::without(
                "what is used from Python today",
                &error.to_string(),
            ));
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
    // A line is a name, a time in nanoseconds or what is missing, and a remark.
    for line in measured.lines() {
        let [name, figure, remark] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("bench/python/rivals.py printed {line:?}").into());
        };
        report.add(match figure.parse::<f64>() {
            Ok(ns) => Row::new(name, time(ns)).beside(format!(
                "{remark}{}{} × keyfob in memory, from Rust",
                if remark.is_empty() { "" } else { "; " },
                if ns / hot < 1_000.0 {
                    times(ns / hot)
                } else {
                    thousands(ns / hot)
                }
            )),
            Err(_) => Row::without(name, figure),
        });
    }
    Ok(())
}

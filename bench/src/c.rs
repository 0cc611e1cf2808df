//! From C: `bench/c/call.c`, compiled against a library that was installed, sampled in turn with the
//! call from Rust; and how large a static program with keyfob in it is.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyfob::{Requirement, Store};

use crate::child::Child;
use crate::report::{Report, Row, thousands, time};
use crate::sample::{Contender, in_turn};
use crate::{Outcome, Scale};

const CALLS: usize = 1_000;

/// Names the folder that `make install` wrote into; `scripts/bench` sets it.
const INSTALLED: &str = "KEYFOB_INSTALLED";

fn output(command: &mut Command) -> Outcome<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{} failed: {said}", command.get_program().display()).into())
}

/// Compiles a program of this workspace with the installed library.
fn compile(source: &str, flags: &[&str], linking: &[&str], to: &Path) -> Outcome<()> {
    let installed = std::env::var(INSTALLED)
        .map_err(|_| format!("{INSTALLED} names no installed library; scripts/bench does"))?;
    let libraries = Path::new(&installed).join("lib");
    let found = output(
        Command::new("pkg-config")
            .args(linking)
            .args(["--cflags", "--libs", "keyfob"])
            .env("PKG_CONFIG_PATH", libraries.join("pkgconfig")),
    )?;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    output(
        Command::new("cc")
            .args(flags)
            .arg(root.join(source))
            .args(found.split_whitespace())
            .arg(format!("-Wl,-rpath,{}", libraries.display()))
            .arg("-o")
            .arg(to),
    )?;
    Ok(())
}

/// What a sample of the program answers: nanoseconds, allocations, and refusals until now.
fn sample(child: &RefCell<Child>, what: &str) -> Outcome<(f64, u64)> {
    let said = child.borrow_mut().ask(&format!("{what} {CALLS}"))?;
    let words: Vec<&str> = said.split(' ').collect();
    match words[..] {
        [took, allocations, "0"] => Ok((took.parse()?, allocations.parse()?)),
        _ => Err(format!("bench/c/call.c said {said:?}").into()),
    }
}

/// Rows of the call from C, of a token that is in the memory of both processes.
pub(crate) fn rows(
    report: &mut Report,
    folder: &Path,
    store: (&Store, &Path),
    (token, asked): (&str, &Requirement),
    scale: &Scale,
) -> Outcome<()> {
    let program = folder.join("call");
    if let Err(why) = compile(
        "bench/c/call.c",
        &["-O2", "-std=c11", "-D_GNU_SOURCE"],
        &[],
        &program,
    ) {
        report.add(Row::without("one key, from C", &why.to_string()));
        return Ok(());
    }
    let child = RefCell::new(Child::run(Command::new(program).arg(store.1), Some(token))?);
    let (allocated, failed) = (Cell::new(0), Cell::new(None));
    let from_c = |what: &'static str| {
        let (child, allocated, failed) = (&child, &allocated, &failed);
        Contender::elsewhere(move || match sample(child, what) {
            Ok((took, allocations)) => {
                allocated.set(allocated.get() + allocations);
                took / CALLS as f64
            }
            Err(why) => {
                failed.set(Some(why));
                f64::NAN
            }
        })
    };
    let rust = |_| {
        let _ = black_box(store.0.verify(black_box(token), asked));
    };
    let timed = in_turn(
        scale.rounds,
        &mut [
            Contender::new(CALLS, rust).warmed(),
            from_c("bare"),
            from_c("filled"),
        ],
    );
    if let Some(why) = failed.take() {
        return Err(why);
    }
    for (what, at) in [
        ("one key, from C", 1),
        ("one key, from C, with the struct that tells of the key", 2),
    ] {
        let more = (timed[at].ratio - 1.0) * timed[0].ns;
        report.add(
            Row::new(what, time(timed[at].ns))
                .beside(format!("Rust in turn {}, {more:+.1} ns", time(timed[0].ns)))
                .at_most(more, 5.0, "ns more than Rust"),
        );
    }
    report.add(
        Row::new("allocations by them", allocated.get().to_string())
            .beside(format!(
                "in {} calls",
                thousands((2 * (scale.rounds + 1) * CALLS) as f64)
            ))
            .at_most(allocated.get() as f64, 0.0, ""),
    );
    let appliance = folder.join("appliance");
    compile(
        "examples/c/appliance.c",
        &["-Os", "-static", "-s", "-Wl,--gc-sections"],
        &["--static"],
        &appliance,
    )?;
    report.add(Row::new(
        "a static program that only verifies, stripped",
        format!("{} kB", std::fs::metadata(appliance)?.len() / 1_000),
    ));
    Ok(())
}

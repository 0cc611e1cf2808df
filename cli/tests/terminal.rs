//! What only a terminal sees: questions, colour, the width of the window.

mod common;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::time::Duration;

use common::Sandbox;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs the command on a terminal of so many columns, which types `typed` once the command has
/// written what it `waits` for; answers what the terminal showed.
fn on_terminal(
    sandbox: &Sandbox,
    columns: u16,
    args: &[&str],
    waits: &str,
    typed: &str,
) -> (ExitStatus, String) {
    on_terminal_with(sandbox, columns, args, waits, typed, &[])
}

/// The same with variables in the environment.
fn on_terminal_with(
    sandbox: &Sandbox,
    columns: u16,
    args: &[&str],
    waits: &str,
    typed: &str,
    environment: &[(&str, &str)],
) -> (ExitStatus, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    tcsetwinsize(
        &master,
        Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        },
    )
    .unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = || {
        let path = std::ffi::OsStr::from_bytes(name.to_bytes());
        File::options().read(true).write(true).open(path).unwrap()
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_keyfob"))
        .current_dir(sandbox.folder.path())
        .args(["--store", "keys.redb"])
        .args(args)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .envs(environment.iter().copied())
        .stdin(slave())
        .stdout(slave())
        .stderr(slave())
        .spawn()
        .unwrap();
    let (sender, shown) = mpsc::channel();
    let mut from = File::from(master.try_clone().unwrap());
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        // Reading fails once the last of the other ends is closed.
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            if sender.send(bytes[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut terminal = File::from(master);
    let (mut all, mut waiting) = (Vec::new(), !waits.is_empty());
    while let Ok(part) = shown.recv_timeout(Duration::from_secs(20)) {
        all.extend(part);
        if waiting && String::from_utf8_lossy(&all).contains(waits) {
            waiting = false;
            terminal.write_all(typed.as_bytes()).unwrap();
        }
    }
    (
        child.wait().unwrap(),
        String::from_utf8_lossy(&all).into_owned(),
    )
}

#[test]
fn more_than_one_key_is_asked_about() {
    let sandbox = Sandbox::new();
    sandbox.create(["a", "--owner", "alice"]);
    sandbox.create(["b", "--owner", "alice"]);
    let args = ["revoke", "--owner", "alice"];
    let (status, shown) = on_terminal(&sandbox, 80, &args, "[y/N]", "n\n");
    assert_eq!(status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("revoke 2 keys")
            && shown.contains("nothing was done")
            && !shown.contains("error"),
        "{shown}"
    );
    assert_eq!(sandbox.json(["list", "--state", "active"]).len(), 2);
    let (status, shown) = on_terminal(&sandbox, 80, &args, "[y/N]", "y\n");
    assert_eq!(status.code(), Some(0), "{shown}");
    assert_eq!(sandbox.json(["list", "--state", "revoked"]).len(), 2);
}

#[test]
fn the_table_fits_the_window_and_has_colour() {
    let sandbox = Sandbox::new();
    sandbox.create([
        "a name that is rather long for a narrow window",
        "--scope",
        "orders:read,orders:write,users:list",
    ]);
    let (status, shown) = on_terminal(&sandbox, 90, &["list"], "", "");
    assert_eq!(status.code(), Some(0));
    assert!(shown.contains("\u{1b}[32mactive\u{1b}[0m"), "{shown:?}");
    for line in shown.lines() {
        let bare = line
            .replace("\u{1b}[32m", "")
            .replace("\u{1b}[1m", "")
            .replace("\u{1b}[0m", "");
        assert!(bare.trim_end().chars().count() <= 90, "{bare:?}");
    }
    assert!(shown.lines().count() > 2, "the name is broken: {shown}");
}

/// The lines that a terminal showed, without colour.
fn bare_lines(shown: &str) -> Vec<String> {
    let mut bare = shown.to_owned();
    for code in ["0", "1", "31", "32", "33"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    bare.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn the_table_fits_every_window_and_what_columns_says() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "a-project-of-the-shop", "--scope", "*"]);
    sandbox.create([
        "a name that is rather long for a narrow window",
        "--scope",
        "orders:read,orders:write,users:list",
        "--project",
        "a-project-of-the-shop",
        "--expires",
        "90d",
    ]);
    for columns in [80, 100, 120, 200] {
        let (_, shown) = on_terminal(&sandbox, columns, &["list"], "", "");
        let lines = bare_lines(&shown);
        assert!(
            lines[0].starts_with("NAME ") && lines[0].contains("STATE"),
            "{shown}"
        );
        for line in &lines {
            assert!(
                line.chars().count() <= usize::from(columns),
                "{columns}: {line:?}"
            );
            // No word of a time is broken.
            for word in line.split(' ').filter(|word| word.starts_with("day")) {
                assert_eq!(word, "days", "{line:?}");
            }
        }
    }
    // Too narrow for columns: a line for each value.
    let (_, shown) = on_terminal(&sandbox, 60, &["list"], "", "");
    let lines = bare_lines(&shown);
    assert!(lines.contains(&"STATE      active".to_owned()), "{lines:?}");
    let (_, shown) = on_terminal_with(&sandbox, 60, &["list"], "", "", &[("COLUMNS", "200")]);
    assert!(bare_lines(&shown)[0].contains("STATE"), "{shown}");
}

#[test]
fn long_work_shows_that_it_goes_on() {
    let sandbox = Sandbox::new();
    let (id, _) = sandbox.create(["a"]);
    sandbox.ok(["revoke", &id]);
    sandbox.ok(["backup", "copy.redb"]);
    std::fs::write(sandbox.path("rows"), "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6\n").unwrap();
    for (args, shows) in [
        (
            &["restore", "copy.redb", "--yes"][..],
            "checking the backup",
        ),
        (&["scan", "rows"], "scanning"),
        (
            &["import", "--format", "raw", "rows", "--name", "n"],
            "importing",
        ),
        (&["prune", "--revoked-before", "90d"], "pruning"),
        (&["compact"], "compacting"),
    ] {
        let (status, shown) = on_terminal(&sandbox, 80, args, "", "");
        assert_eq!(status.code(), Some(0), "{shown}");
        assert!(shown.contains(shows), "{shows}: {shown:?}");
    }
}

#[test]
fn a_token_is_not_waited_for_at_a_terminal() {
    let sandbox = Sandbox::new();
    let (status, shown) = on_terminal(&sandbox, 80, &["verify"], "", "");
    assert_eq!(status.code(), Some(2));
    assert!(shown.contains("KEYFOB_TOKEN"), "{shown}");
}

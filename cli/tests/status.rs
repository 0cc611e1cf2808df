//! How each command ends: 0 done or valid, 1 no, 2 usage, 3 the store, 4 no such key or its state
//! refuses, 130 Ctrl-C.

mod common;

use std::process::Stdio;

use common::{Run, Sandbox};

#[test]
fn no_store_named_is_usage_and_says_how_to_name_one() {
    let sandbox = Sandbox::empty();
    for args in [
        &["list"][..],
        &["init", "--prefix", "acme"],
        &["info"],
        &["restore", "b", "--yes"],
    ] {
        let output = sandbox
            .command(args)
            .env_remove("KEYFOB_STORE")
            .output()
            .unwrap();
        let run = Run::of(output);
        assert_eq!(run.status, 2);
        assert!(
            run.err.contains("--store") && run.err.contains("KEYFOB_STORE"),
            "{}",
            run.err
        );
    }
}

#[test]
fn each_family_of_numbers_has_its_status() {
    let sandbox = Sandbox::new();
    let (id, token) = sandbox.create(["a", "--scope", "orders:read"]);
    let nobody = "0000000000000000000000";
    for (status, code, args) in [
        (2, 100, &["list", "--no-such-flag"][..]),
        (2, 100, &["no-such-command"]),
        (2, 100, &["create", "a", "--expires", "soon"]),
        (2, 101, &["create", "a", "--scope", "a b"]),
        (2, 102, &["create", "a", "--expires", "2020-01-01"]),
        (2, 103, &["list", "--limit", "1001"]),
        (2, 104, &["list", "--cursor", "AAAA"]),
        (2, 100, &["show", "abc"]),
        (2, 100, &["revoke"]),
        (2, 100, &["update", &id]),
        (4, 300, &["show", nobody]),
        (4, 300, &["revoke", "zzzzzz"]),
        (4, 301, &["create", "a", "--project", "none"]),
        (4, 301, &["project", "show", "none"]),
        (3, 401, &["init", "--prefix", "acme"]),
        (3, 400, &["list", "--store", "nothing.redb"]),
        (3, 421, &["list", "--store", "."]),
        (3, 418, &["list", "--pepper-file", "nothing"]),
    ] {
        let run = sandbox.run(args.iter().chain(&["--json"]));
        assert_eq!(
            (run.status, run.error().0),
            (status, code),
            "{args:?}: {}",
            run.err
        );
        assert_eq!(run.out, "");
    }
    let denied = sandbox.run_with(
        token.as_str(),
        ["verify", "--scope", "orders:write", "--json"],
    );
    assert_eq!(
        (denied.status, denied.error()),
        (1, (209, "INSUFFICIENT_SCOPE".into()))
    );
    sandbox.ok(["revoke", &id]);
    let refused = sandbox.run(["rotate", &id, "--json"]);
    assert_eq!(
        (refused.status, refused.error()),
        (4, (303, "KEY_IS_REVOKED".into()))
    );
    assert_eq!(
        sandbox.run(["revoke", &id]).status,
        0,
        "revoking twice is no error"
    );
}

#[test]
fn errors_for_people_have_name_number_and_advice() {
    let sandbox = Sandbox::new();
    let run = sandbox.run_with("nonsense", ["verify"]);
    assert_eq!(run.status, 1);
    assert!(
        run.err.starts_with("denied: MALFORMED (200): "),
        "{}",
        run.err
    );
    let run = sandbox.run(["list", "--store", "nothing.redb"]);
    assert!(run.err.contains(" init --prefix"), "{}", run.err);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let sandbox = Sandbox::new();
    for at in 0..30 {
        sandbox.ok(["create".to_owned(), format!("key {at}")]);
    }
    for args in [&["list"][..], &["log", "--json"], &["help"]] {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_keyfob"))
            .current_dir(sandbox.folder.path())
            .args(["--store", "keys.redb"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!((run.status, run.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn a_token_that_nobody_took_is_an_error() {
    let sandbox = Sandbox::new();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_keyfob"))
        .current_dir(sandbox.folder.path())
        .args(["--store", "keys.redb", "create", "lost"])
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .unwrap();
    let run = Run::of(output);
    assert_eq!(run.status, 3);
    assert!(run.err.contains("rotate the key"), "{}", run.err);
}

#[test]
fn ctrl_c_ends_with_130_and_leaves_a_whole_store() {
    let sandbox = Sandbox::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_keyfob"))
        .current_dir(sandbox.folder.path())
        .args(["--store", "keys.redb", "log", "--follow"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It has begun to follow once it has printed what there is.
    let mut first = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    sandbox.ok(["create", "meanwhile"]);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("meanwhile"), "{shown}");
    assert_eq!(sandbox.run(["check"]).status, 0);
}

/// Starts a command on a store that keeps it busy, and interrupts it once `begun` says so.
fn interrupted(sandbox: &Sandbox, args: &[&str], begun: impl Fn() -> bool) -> (i32, String) {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_keyfob"))
        .current_dir(sandbox.folder.path())
        .args(["--store", "keys.redb"])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    while !begun() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // Where it ended before, there is nobody to interrupt.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn long_work_is_broken_off_by_ctrl_c_and_the_store_is_whole() {
    let sandbox = Sandbox::new();
    let lines: Vec<String> = (0..30_000)
        .map(|n| format!("q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf{n:05}"))
        .collect();
    std::fs::write(sandbox.path("lines"), lines.join("\n")).unwrap();
    sandbox.ok(["import", "--format", "raw", "lines"]);
    sandbox.ok(["pepper", "generate", "pepper"]);
    let sequence = |sandbox: &Sandbox| -> u64 {
        let peppered = sandbox.run(["--json", "--pepper-file", "pepper", "info"]);
        let info = if peppered.status == 0 {
            peppered
        } else {
            sandbox.run(["--json", "info"])
        };
        let info: serde_json::Value = serde_json::from_str(&info.out).unwrap();
        info["sequence"].as_u64().unwrap()
    };

    let (status, said) = interrupted(&sandbox, &["backup", "b"], || {
        // The copy has begun: an open file without a name, or with one that is not its own yet.
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .any(|process| {
                let files = std::fs::read_dir(process.path().join("fd"));
                files.into_iter().flatten().flatten().any(|file| {
                    std::fs::read_link(file.path()).is_ok_and(|to| {
                        let unfinished = ["#", ".keyfob-tmp"];
                        let name = to.to_string_lossy().into_owned();
                        to.starts_with(sandbox.folder.path())
                            && unfinished.iter().any(|part| name.contains(part))
                    })
                })
            })
    });
    assert_eq!(status, 130, "{said}");
    assert!(said.contains("no backup was written"), "{said}");
    assert!(!sandbox.path("b").exists());

    let before = sequence(&sandbox);
    let (status, said) = interrupted(&sandbox, &["pepper", "set", "pepper"], || {
        sandbox.run(["info"]).status == 3
    });
    assert_eq!(status, 130, "{said}");
    assert!(said.contains("the same command"), "{said}");
    sandbox.ok(["pepper", "set", "pepper"]);
    assert!(sequence(&sandbox) > before);
    sandbox.ok(["--pepper-file", "pepper", "check"]);
}

#[test]
fn following_by_a_filter_goes_on_from_what_was_read_and_not_from_what_it_showed() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop"]);
    for name in ["a", "b", "c"] {
        sandbox.create([name]);
    }
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_keyfob"))
        .current_dir(sandbox.folder.path())
        .args([
            "--store",
            "keys.redb",
            "log",
            "--follow",
            "--project",
            "shop",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The line of the project is printed once the whole log has been read.
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut lines, &mut line).unwrap();
        line
    };
    assert!(next().contains("project_created"));
    // From the line that it showed last on, the log would be GONE.
    sandbox.ok(["prune", "--log-through", "5", "--yes"]);
    sandbox.ok(["project", "disable", "shop"]);
    let line = next();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        line.contains("project_disabled"),
        "{line}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(130));
}

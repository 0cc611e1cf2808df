//! What the command says when something is not as it should be: what is the case, and what to type.

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{Run, Sandbox};

fn says(run: &Run, parts: &[&str]) {
    for part in parts {
        assert!(run.err.contains(part), "{part:?} is not in: {}", run.err);
    }
}

fn set_mode(sandbox: &Sandbox, name: &str, mode: u32) {
    std::fs::set_permissions(sandbox.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_store_that_is_not_there_is_told_apart_from_a_folder_that_is_not() {
    let sandbox = Sandbox::empty();
    let run = sandbox.run(["list"]);
    assert_eq!(run.status, 3);
    says(
        &run,
        &["create it first: keyfob --store keys.redb init --prefix PREFIX"],
    );
    let run = sandbox.run(["list", "--store", "my keys.redb"]);
    says(&run, &["keyfob --store 'my keys.redb' init"]);
    for args in [&["list"][..], &["init", "--prefix", "acme"]] {
        let run = sandbox.run(args.iter().chain(&["--store", "nowhere/keys.redb"]));
        assert_eq!(run.status, 3);
        says(&run, &["there is no folder nowhere", "mkdir -p nowhere"]);
    }
}

#[test]
fn the_file_of_a_backup_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["restore", "nothing.redb", "--yes"]);
    assert_eq!(run.status, 3);
    says(&run, &["backup nothing.redb"]);
    assert!(!run.err.contains("init"), "{}", run.err);
    let run = sandbox.run(["backup", "nowhere/copy.redb"]);
    assert_eq!(run.status, 2);
    says(&run, &["there is no folder nowhere"]);
}

#[test]
fn permissions_are_mended_with_the_command_that_is_told() {
    let sandbox = Sandbox::new();
    set_mode(&sandbox, "keys.redb", 0o644);
    let run = sandbox.run(["list"]);
    says(
        &run,
        &["chmod go-rwx keys.redb", "--allow-insecure-permissions"],
    );
    set_mode(&sandbox, "keys.redb", 0o664);
    let group = sandbox.run(["list", "--group"]);
    says(&group, &["chmod o-rwx keys.redb"]);
    for (run, line) in [(&group, "o-rwx"), (&run, "go-rwx")] {
        let at = run.err.find("chmod").unwrap();
        let typed: Vec<&str> = run.err[at..].lines().next().unwrap().split(' ').collect();
        assert_eq!(typed, ["chmod", line, "keys.redb"]);
        let done = std::process::Command::new(typed[0])
            .args(&typed[1..])
            .current_dir(sandbox.folder.path())
            .status();
        assert!(done.unwrap().success());
    }
    sandbox.ok(["list"]);
    std::fs::create_dir(sandbox.path("open")).unwrap();
    set_mode(&sandbox, "open", 0o777);
    let run = sandbox.run(["init", "--prefix", "a", "--store", "open/k.redb"]);
    says(&run, &["chmod o-w open"]);
}

#[test]
fn the_pepper_file_that_is_wrong_is_named() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        sandbox.ok(["pepper", "generate", name]);
    }
    let run = sandbox.run(["list", "--pepper-file", "two"]);
    says(&run, &["has no pepper", "two", "keyfob pepper set"]);
    sandbox.ok(["pepper", "set", "one"]);
    says(
        &sandbox.run(["list"]),
        &["--pepper-file", "KEYFOB_PEPPER_FILE"],
    );
    says(
        &sandbox.run(["list", "--pepper-file", "two"]),
        &["given was two"],
    );
    std::fs::write(sandbox.path("three"), "not a pepper").unwrap();
    set_mode(&sandbox, "three", 0o600);
    let run = sandbox.run(["list", "--pepper-file", "one", "--pepper-file", "three"]);
    assert_eq!(run.status, 2);
    says(&run, &["pepper file three: "]);
}

#[test]
fn a_pepper_is_read_from_a_regular_file_alone_and_never_waited_for() {
    let sandbox = Sandbox::new();
    let fifo = std::process::Command::new("mkfifo")
        .args(["-m", "600", "fifo"])
        .current_dir(sandbox.folder.path())
        .status();
    assert!(fifo.unwrap().success());
    for name in ["fifo", "/dev/zero", "."] {
        let mut command = sandbox.command(["list", "--json", "--pepper-file", name]);
        let output = command.timeout(std::time::Duration::from_secs(20)).output();
        let run = Run::of(output.unwrap());
        assert_eq!((run.status, run.error().0), (3, 421), "{name}: {}", run.err);
    }
}

#[test]
fn a_project_that_is_not_there_is_created_with_the_command_that_is_told() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["create", "a", "--project", "shop"]);
    says(&run, &["keyfob project create shop --scope SCOPE"]);
}

#[test]
fn one_is_told_apart_from_several() {
    let sandbox = Sandbox::new();
    sandbox.create(["a"]);
    sandbox.ok(["project", "create", "shop"]);
    let checked = sandbox.ok(["check"]);
    assert!(
        checked.starts_with("whole: 1 key, 1 project, 3 events\n"),
        "{checked}"
    );
    sandbox.ok(["backup", "copy.redb"]);
    let restored = sandbox.run(["restore", "copy.redb", "--yes"]);
    assert!(!restored.err.contains("1 projects"), "{}", restored.err);
    sandbox.create(["b"]);
    assert!(
        sandbox
            .ok(["check"])
            .starts_with("whole: 2 keys, 1 project,")
    );
    std::fs::write(sandbox.path("text"), "x").unwrap();
    let scanned = sandbox.run(["scan", "text"]);
    assert_eq!(scanned.err, "1 file, 1 byte: 0 tokens, 0 of them work\n");
}

#[test]
fn every_message_ends_with_one_newline() {
    let sandbox = Sandbox::new();
    let (id, _) = sandbox.create(["a"]);
    for args in [
        &["no-such-command"][..],
        &["list", "--no-such-flag"],
        &["create"],
        &["show", "nobody"],
        &["list", "--store", "nothing"],
        &["disable", &id],
        &["rotate", &id],
        &["verify"],
        &["help"],
        &["list", "--help"],
        &["list", "-h"],
        &["--version"],
        &["completions", "bash"],
        &["man"],
        &["explain"],
        &["list", "--json", "--limit", "0"],
        &[],
    ] {
        let run = sandbox.run(args);
        for text in [&run.out, &run.err] {
            let ends = text.len() - text.trim_end_matches('\n').len();
            assert!(text.is_empty() || ends == 1, "{args:?}: {text:?}");
        }
        assert!(!run.out.is_empty() || !run.err.is_empty(), "{args:?}");
    }
}

#[test]
fn years_and_weeks_are_durations() {
    let sandbox = Sandbox::new();
    sandbox.ok([
        "policy",
        "--longest-lifetime",
        "1y",
        "--default-lifetime",
        "2w",
    ]);
    let policy = &sandbox.json(["policy"])[0];
    assert_eq!(policy["longest_lifetime"], 365 * 86_400);
    assert_eq!(policy["default_lifetime"], 14 * 86_400);
    // A year is as long here as there, leap year or not.
    sandbox.create(["a", "--expires", "1y"]);
    let run = sandbox.run(["policy", "--longest-lifetime", "1mo"]);
    assert_eq!(run.status, 2);
    says(&run, &["days"]);
}

#[test]
fn a_rotation_during_a_grace_says_what_ended() {
    let sandbox = Sandbox::new();
    let (id, first) = sandbox.create(["a"]);
    let second = sandbox.ok(["rotate", &id, "--grace", "7d"]);
    let run = sandbox.run(["rotate", &id]);
    says(&run, &["a grace was running", "the newest has ended"]);
    assert_eq!(
        sandbox.verify(&first, [""; 0]),
        0,
        "the old one keeps its deadline"
    );
    assert_eq!(sandbox.verify(second.trim_end(), [""; 0]), 1);
}

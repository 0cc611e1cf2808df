//! What is done to the file as a whole: peppers, backups, checks, pruning, policy.

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{Run, Sandbox};
use serde_json::json;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_new_store_is_its_owners_alone_unless_a_group_is_admitted() {
    let sandbox = Sandbox::new();
    assert_eq!(mode(&sandbox.path("keys.redb")), 0o600);
    sandbox.ok([
        "init",
        "--prefix",
        "acme",
        "--store",
        "group.redb",
        "--group",
    ]);
    assert_eq!(mode(&sandbox.path("group.redb")), 0o660);
    assert_eq!(sandbox.run(["list", "--store", "group.redb"]).status, 3);
    sandbox.ok(["list", "--store", "group.redb", "--group"]);
    set_mode(&sandbox.path("keys.redb"), 0o644);
    let run = sandbox.run(["list"]);
    assert_eq!(run.status, 3);
    assert!(
        run.err.contains("--allow-insecure-permissions"),
        "{}",
        run.err
    );
    sandbox.ok(["list", "--allow-insecure-permissions"]);
}

#[test]
fn a_pepper_is_made_introduced_changed_and_removed() {
    let sandbox = Sandbox::new();
    let (_, token) = sandbox.create(["a"]);
    let generated = sandbox.run(["pepper", "generate", "one.pepper"]);
    assert_eq!((generated.status, generated.out.as_str()), (0, ""));
    let file = sandbox.path("one.pepper");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.trim_end().len() == 64 && !generated.err.contains(text.trim_end()));
    assert_eq!(mode(&file), 0o600);
    assert_eq!(
        sandbox.run(["pepper", "generate", "one.pepper"]).status,
        3,
        "never overwritten"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);

    sandbox.ok(["pepper", "set", "one.pepper"]);
    assert_eq!(sandbox.run(["list", "--json"]).error().0, 404);
    sandbox.ok(["list", "--pepper-file", "one.pepper"]);
    sandbox.ok(["pepper", "generate", "two.pepper"]);
    assert_eq!(
        sandbox
            .run(["list", "--pepper-file", "two.pepper", "--json"])
            .error()
            .0,
        405
    );
    sandbox.ok(["pepper", "set", "two.pepper", "--pepper-file", "one.pepper"]);
    sandbox.ok([
        "list",
        "--pepper-file",
        "two.pepper",
        "--pepper-file",
        "one.pepper",
    ]);
    let output = sandbox
        .command(["verify"])
        .env("KEYFOB_PEPPER_FILE", "two.pepper:one.pepper")
        .write_stdin(token.as_str())
        .output();
    assert_eq!(Run::of(output.unwrap()).status, 0);

    set_mode(&sandbox.path("two.pepper"), 0o640);
    let run = sandbox.run(["list", "--pepper-file", "two.pepper", "--json"]);
    assert_eq!((run.status, run.error().0), (3, 420));
    set_mode(&sandbox.path("two.pepper"), 0o600);
    sandbox.ok(["pepper", "remove", "--pepper-file", "two.pepper"]);
    assert_eq!(sandbox.verify(&token, [""; 0]), 0);
    assert_eq!(sandbox.json(["info"])[0]["pepper"], "none");
}

#[test]
fn a_store_is_created_with_a_pepper() {
    let sandbox = Sandbox::empty();
    sandbox.ok(["pepper", "generate", "p"]);
    sandbox.ok(["init", "--prefix", "acme", "--pepper-file", "p"]);
    assert_eq!(sandbox.run(["list"]).status, 3);
    assert_eq!(
        sandbox.json(["info", "--pepper-file", "p"])[0]["pepper"],
        "set"
    );
}

#[test]
fn a_pepper_file_with_anything_else_is_refused_and_not_repeated() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("bad.pepper");
    for content in [
        &b"hunter2"[..],
        b"",
        &[0xff; 64],
        "é".repeat(32).as_bytes(),
        &[b'0'; 64],
        &[b'a'; 5000],
    ] {
        std::fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
        let run = sandbox.run(["list", "--pepper-file", "bad.pepper"]);
        assert_eq!(run.status, 2, "{}", run.err);
        assert!(!run.err.contains("hunter2"));
    }
}

#[test]
fn a_backup_is_restored_and_never_brings_a_revoked_key_back() {
    let sandbox = Sandbox::new();
    let (id, token) = sandbox.create(["a"]);
    let (_, lost) = sandbox.create(["b"]);
    let backup = sandbox.json(["backup", "copy.redb"]);
    assert_eq!(
        (&backup[0]["keys"], &backup[0]["file"]),
        (&json!(2), &json!("copy.redb"))
    );
    assert_eq!(
        sandbox.run(["backup", "copy.redb", "--json"]).error().0,
        401
    );
    sandbox.ok(["revoke", &id]);
    assert_eq!(sandbox.run(["restore", "copy.redb"]).status, 2, "it asks");
    sandbox.ok(["restore", "copy.redb", "--yes"]);
    assert_eq!(
        (
            sandbox.verify(&token, [""; 0]),
            sandbox.verify(&lost, [""; 0])
        ),
        (1, 0)
    );
    assert_eq!(sandbox.run(["check"]).status, 0);

    std::fs::remove_file(sandbox.path("keys.redb")).unwrap();
    let restored = sandbox.json(["restore", "copy.redb", "--yes", "--disable-all"]);
    assert_eq!(restored[0]["uncertain"].as_array().unwrap().len(), 2);
    assert_eq!(sandbox.verify(&lost, [""; 0]), 1);
    sandbox.ok(["compact"]);
}

#[test]
fn check_finds_damage_and_another_history() {
    let sandbox = Sandbox::new();
    sandbox.create(["a"]);
    let whole = sandbox.json(["check"]).remove(0);
    assert_eq!(
        (&whole["whole"], &whole["keys"], &whole["events"]),
        (&json!(true), &json!(1), &json!(2))
    );
    let expect = format!("{}:{}", whole["sequence"], whole["head"].as_str().unwrap());
    sandbox.create(["b"]);
    sandbox.ok(["check", "--expect", &expect]);
    let wrong = format!("2:{}", "00".repeat(32));
    let run = sandbox.run(["check", "--expect", &wrong]);
    assert_eq!(run.status, 1);
    assert!(run.out.starts_with("damaged: "), "{}", run.out);
    assert_eq!(sandbox.run(["check", "--expect", "2"]).status, 2);

    let path = sandbox.path("keys.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .windows(6)
        .position(|window| window == b"tester")
        .expect("the actor stands in the log");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let run = sandbox.run(["check"]);
    assert_eq!(run.status, 1, "{}{}", run.out, run.err);
}

#[test]
fn pruning_takes_keys_and_events_away() {
    let sandbox = Sandbox::new();
    let (id, _) = sandbox.create(["a"]);
    sandbox.create(["b"]);
    sandbox.ok(["revoke", &id]);
    assert_eq!(sandbox.run(["prune"]).status, 2);
    assert_eq!(
        sandbox.json(["prune", "--revoked-before", "1d"])[0]["keys"],
        0
    );
    for option in ["--revoked-before", "--expired-before", "--log-before"] {
        let run = sandbox.run(["prune", option, "2099-01-01", "--yes"]);
        assert_eq!(run.status, 2);
        assert!(
            run.err.contains(option) && run.err.contains("lies in the future"),
            "{}",
            run.err
        );
    }
    assert_eq!(sandbox.json(["list"]).len(), 2, "nothing went by mistake");
    // Times are whole seconds, and it must have been revoked before this one.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    for (args, what) in [
        (["--revoked-before", "0s"], "1 key"),
        (["--log-through", "3"], "up to event 3"),
    ] {
        let run = sandbox.run(["prune"].iter().chain(&args));
        assert_eq!(run.status, 2, "there is nobody to ask");
        assert!(
            run.err.contains(what) && run.err.contains("--yes"),
            "{}",
            run.err
        );
    }
    assert_eq!(
        sandbox.json(["prune", "--revoked-before", "0s", "--yes"])[0]["keys"],
        1
    );
    assert_eq!(sandbox.json(["list"]).len(), 1);
    let pruned = &sandbox.json(["prune", "--log-through", "3", "--yes"])[0];
    assert_eq!(pruned["events"], 3);
    assert_eq!(
        sandbox.run(["log", "--after", "0", "--json"]).error().0,
        413
    );
    assert_eq!(sandbox.json(["log"])[0]["sequence"], 4);
    assert_eq!(
        sandbox.json(["prune", "--log-before", "1d"])[0]["events"],
        0
    );
    sandbox.ok(["log", "--verify"]);
}

#[test]
fn a_policy_is_shown_changed_and_held() {
    let sandbox = Sandbox::new();
    sandbox.ok([
        "policy",
        "--longest-lifetime",
        "90d",
        "--default-lifetime",
        "30d",
        "--most-keys-per-owner",
        "1",
    ]);
    let policy = &sandbox.json(["policy"])[0];
    assert_eq!(
        *policy,
        json!({
            "default_lifetime": 2_592_000, "longest_lifetime": 7_776_000, "expiry_required": false, "most_keys_per_owner": 1,
        })
    );
    let refused = |args: &[&str]| {
        let run = sandbox.run(["create", "a", "--json"].iter().chain(args));
        (run.status, run.error().0)
    };
    assert_eq!(refused(&["--expires", "91d"]), (4, 308));
    sandbox.create(["a", "--owner", "o"]);
    assert_eq!(refused(&["--owner", "o"]), (4, 309));
    sandbox.ok([
        "policy",
        "--longest-lifetime",
        "none",
        "--expiry-required",
        "true",
    ]);
    assert_eq!(refused(&["--expires", "never"]), (4, 308));
    assert_eq!(
        sandbox.run(["policy", "--default-lifetime", "1mo"]).status,
        2
    );
    sandbox.ok([
        "init",
        "--prefix",
        "x",
        "--store",
        "other.redb",
        "--default-lifetime",
        "1h",
    ]);
    assert!(
        sandbox
            .ok(["policy", "--store", "other.redb"])
            .contains("1 hour")
    );
}

#[test]
fn the_clock_is_shown_and_reset() {
    let sandbox = Sandbox::new();
    let clock = &sandbox.json(["clock"])[0];
    assert_eq!(clock["mark_ahead"], false);
    sandbox.ok(["clock", "reset"]);
    assert!(sandbox.ok(["log"]).contains("clock_reset"));
    let info = sandbox.ok(["info"]);
    assert!(info.contains("acme_[a-z]"), "{info}");
}

#[test]
fn a_backup_from_before_the_pepper_is_restored_only_where_it_is_trusted() {
    let sandbox = Sandbox::new();
    sandbox.ok(["backup", "plain.redb"]);
    sandbox.ok(["pepper", "generate", "one.pepper"]);
    sandbox.ok(["pepper", "set", "one.pepper"]);
    let restore = |more: &[&str]| {
        let args = [
            "restore",
            "plain.redb",
            "--yes",
            "--pepper-file",
            "one.pepper",
        ];
        sandbox.run(args.iter().chain(more).copied()).status
    };
    assert_eq!(restore(&[]), 4, "anybody could have altered it");
    assert_eq!(restore(&["--trust-backup"]), 0);
}

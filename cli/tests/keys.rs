//! The verbs of keys and projects, from the command line.

mod common;

use common::Sandbox;
use serde_json::json;

#[test]
fn a_key_is_made_of_all_its_options() {
    let sandbox = Sandbox::new();
    sandbox.ok([
        "project", "create", "shop", "--scope", "orders:*", "--owner", "alice",
    ]);
    let (id, token) = sandbox.create([
        "CI deploy",
        "--scope",
        "orders:read",
        "--scope",
        "orders:list,orders:write",
        "--project",
        "shop",
        "--env",
        "test",
        "--expires",
        "2099-01-31",
        "--not-before",
        "2020-01-01",
        "--meta",
        "team=core",
        "--meta",
        "x=a=b",
        "--tag",
        "ci",
        "--ip",
        "10.0.0.0/8",
        "--ip",
        "::1",
        "--rotation-due",
        "90d",
    ]);
    let key = &sandbox.json(["show", &id[16..]])[0];
    assert_eq!(
        key["scopes"],
        json!(["orders:list", "orders:read", "orders:write"])
    );
    assert_eq!(
        (&key["project"], &key["owner"], &key["environment"]),
        (&json!("shop"), &json!("alice"), &json!("test"))
    );
    assert_eq!(key["expires_at"], "2099-01-31T00:00:00Z");
    assert_eq!(key["metadata"], json!({ "team": "core", "x": "a=b" }));
    assert_eq!(
        (&key["tags"], &key["ip_list"]),
        (&json!(["ci"]), &json!(["10.0.0.0/8", "::1/128"]))
    );
    assert_eq!(key["rotation_due_after"], 90 * 86_400);
    let good = [
        "--scope",
        "orders:read",
        "--project",
        "shop",
        "--env",
        "test",
        "--ip",
        "10.1.2.3",
    ];
    assert_eq!(sandbox.verify(&token, good), 0);
    assert_eq!(
        sandbox.verify(&token, &good[..6]),
        1,
        "the list needs an address"
    );
    assert_eq!(
        sandbox.verify(
            &token,
            [
                "--any-project",
                "--any-env",
                "--ip",
                "::1",
                "--owner",
                "alice"
            ]
        ),
        0
    );
    assert_eq!(
        sandbox.verify(
            &token,
            [
                "--any-project",
                "--any-env",
                "--ip",
                "::1",
                "--owner",
                "bob"
            ]
        ),
        1
    );
    assert_eq!(
        sandbox.verify(
            &token,
            [
                "--any-project",
                "--any-env",
                "--ip",
                "::1",
                "--any-scope",
                "no,orders:list"
            ]
        ),
        0
    );
}

#[test]
fn an_update_changes_what_is_named_and_clears_what_is_said() {
    let sandbox = Sandbox::new();
    let (id, _) = sandbox.create([
        "a",
        "--scope",
        "x",
        "--owner",
        "o",
        "--expires",
        "90d",
        "--meta",
        "k=v",
        "--meta",
        "l=w",
        "--tag",
        "t",
        "--ip",
        "10.0.0.1",
        "--rotation-due",
        "1d",
        "--not-before",
        "2020-01-01",
    ]);
    let update = |args: &[&str]| {
        let all = ["update", &id].into_iter().chain(args.iter().copied());
        sandbox.json(all.collect::<Vec<_>>()).remove(0)
    };
    let key = update(&["--name", "b", "--meta", "k=", "--meta", "m=n"]);
    assert_eq!(
        (&key["name"], &key["metadata"]),
        (&json!("b"), &json!({ "l": "w", "m": "n" }))
    );
    assert_eq!((&key["owner"], &key["tags"]), (&json!("o"), &json!(["t"])));
    let key = update(&[
        "--expires",
        "never",
        "--no-owner",
        "--no-scopes",
        "--no-tags",
        "--no-ip",
        "--no-meta",
        "--rotation-due",
        "never",
        "--not-before",
        "never",
    ]);
    for member in ["expires_at", "owner", "rotation_due_after", "not_before"] {
        assert_eq!(key[member], json!(null), "{member}");
    }
    for member in ["scopes", "tags", "ip_list"] {
        assert_eq!(key[member], json!([]), "{member}");
    }
    assert_eq!(key["metadata"], json!({}));
}

#[test]
fn more_than_one_key_is_revoked_only_with_yes_where_nobody_can_be_asked() {
    let sandbox = Sandbox::new();
    let (first, _) = sandbox.create(["a", "--owner", "alice"]);
    let (second, _) = sandbox.create(["b", "--owner", "alice"]);
    sandbox.create(["c", "--owner", "bob"]);
    for args in [
        vec!["revoke", &first, &second],
        vec!["revoke", "--owner", "alice"],
        vec!["disable", "--owner", "alice"],
    ] {
        let run = sandbox.run(&args);
        assert_eq!(run.status, 2);
        assert!(
            run.err.contains("2 keys") && run.err.contains("--yes"),
            "{}",
            run.err
        );
    }
    assert_eq!(sandbox.json(["list", "--state", "active"]).len(), 3);
    let outcome = sandbox.json(["revoke", "--owner", "alice", "--yes"]);
    assert_eq!(outcome, [json!({ "changed": 2, "unchanged": 0 })]);
    assert_eq!(sandbox.json(["list", "--state", "revoked"]).len(), 2);
    // What a filter means is asked about, also where it is one key; a key that is named is not.
    for verb in ["revoke", "disable"] {
        let run = sandbox.run([verb, "--owner", "bob"]);
        assert_eq!(run.status, 2);
        assert!(run.err.contains("1 key"), "{}", run.err);
    }
    let bobs = sandbox.json(["list", "--owner", "bob"]).remove(0);
    assert_eq!(bobs["state"], "active");
    assert_eq!(
        sandbox.run(["revoke", bobs["id"].as_str().unwrap()]).status,
        0
    );
    assert_eq!(sandbox.json(["list", "--state", "active"]).len(), 0);
    // Where it means none there is nothing to ask.
    assert_eq!(sandbox.run(["revoke", "--owner", "bob"]).status, 0);
    assert_eq!(
        sandbox.run(["revoke", "--yes"]).status,
        2,
        "nothing named is not everything"
    );
}

#[test]
fn the_keys_of_a_project_are_disabled_and_enabled_again() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop", "--scope", "*"]);
    let (id, token) = sandbox.create(["a", "--project", "shop"]);
    sandbox.create(["b", "--project", "shop"]);
    sandbox.ok(["disable", "--project", "shop", "--yes"]);
    assert_eq!(sandbox.verify(&token, ["--project", "shop"]), 1);
    sandbox.ok(["enable", &id]);
    assert_eq!(sandbox.verify(&token, ["--project", "shop"]), 0);
    sandbox.ok(["project", "disable", "shop"]);
    assert_eq!(sandbox.verify(&token, ["--project", "shop"]), 1);
    sandbox.ok(["project", "enable", "shop"]);
    assert_eq!(
        sandbox.run(["project", "delete", "shop"]).status,
        2,
        "it ends tokens"
    );
    sandbox.ok(["project", "delete", "shop", "--yes"]);
    let run = sandbox.run_with(token.as_str(), ["verify", "--any-project", "--json"]);
    assert_eq!(run.error().0, 202);
}

#[test]
fn a_project_is_narrowed_at_once() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop", "--scope", "a:*,b"]);
    let (_, token) = sandbox.create(["k", "--project", "shop", "--scope", "a:x,b"]);
    assert_eq!(
        sandbox.verify(&token, ["--project", "shop", "--scope", "a:x"]),
        0
    );
    sandbox.ok([
        "project", "update", "shop", "--scope", "b", "--owner", "alice",
    ]);
    assert_eq!(
        sandbox.verify(&token, ["--project", "shop", "--scope", "a:x"]),
        1
    );
    let project = &sandbox.json(["project", "show", "shop"])[0];
    assert_eq!(
        (&project["scopes"], &project["owner"]),
        (&json!(["b"]), &json!("alice"))
    );
    let run = sandbox.run([
        "create",
        "k",
        "--project",
        "shop",
        "--scope",
        "a:x",
        "--json",
    ]);
    assert_eq!((run.status, run.error().0), (4, 305));
    assert!(sandbox.ok(["project", "list"]).contains("shop"));
}

#[test]
fn a_rotation_is_finished_on_demand() {
    let sandbox = Sandbox::new();
    let (id, old) = sandbox.create(["a", "--expires", "30d"]);
    let run = sandbox.run(["rotate", &id, "--grace", "60d"]);
    assert!(run.err.contains("less than was asked for"), "{}", run.err);
    assert_eq!(sandbox.verify(&old, [""; 0]), 0);
    let shown = sandbox.ok(["show", &id]);
    assert!(shown.contains("old secret last used"), "{shown}");
    sandbox.ok(["rotate", &id, "--finish"]);
    assert_eq!(sandbox.verify(&old, [""; 0]), 1);
    assert_eq!(
        sandbox
            .run(["rotate", &id, "--finish", "--grace", "1d"])
            .status,
        2
    );
}

#[test]
fn a_request_id_makes_a_creation_repeatable() {
    let sandbox = Sandbox::new();
    let args = ["create", "a", "--request-id", "r1", "--json"];
    let first = sandbox.run(args).documents().remove(0);
    let again = sandbox.run(args).documents().remove(0);
    assert_eq!(first["key"]["id"], again["key"]["id"]);
    assert_eq!(
        (&again["token"], &again["replayed"]),
        (&json!(null), &json!(true))
    );
    let other = sandbox.run(["create", "b", "--request-id", "r1", "--json"]);
    assert_eq!((other.status, other.error().0), (4, 306));
}

#[test]
fn the_actor_is_in_the_log() {
    let sandbox = Sandbox::new();
    sandbox.ok(["create", "a", "--actor", "ana"]);
    let output = sandbox
        .command(["create", "b"])
        .env_remove("KEYFOB_ACTOR")
        .env("USER", "somebody-else")
        .output()
        .unwrap();
    assert!(output.status.success());
    let log = sandbox.json(["log"]);
    let actors: Vec<_> = log
        .iter()
        .map(|event| event["actor"].as_str().unwrap())
        .collect();
    // The system's name for the real user; `$USER` only where it has none.
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let known = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then_some(name)
    });
    assert_eq!(actors, ["tester", "ana", known.unwrap_or("somebody-else")]);
}

#[test]
fn the_log_is_read_by_key_project_place_and_time() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop", "--scope", "*"]);
    let (id, _) = sandbox.create(["a", "--project", "shop"]);
    sandbox.create(["b"]);
    sandbox.ok(["revoke", &id, "--note", "why"]);
    let count = |args: &[&str]| sandbox.json(["log"].iter().chain(args)).len();
    assert_eq!(count(&[]), 5);
    assert_eq!(count(&["--after", "3"]), 2);
    assert_eq!(count(&["--key", &id]), 2);
    assert_eq!(count(&["--project", "shop"]), 3);
    assert_eq!(count(&["--limit", "2"]), 2);
    assert_eq!(count(&["--from", "1h"]), 5);
    let last = |args: &[&str]| {
        let events = sandbox.json(["log", "--last"].iter().chain(args));
        let numbers = events
            .iter()
            .map(|event| event["sequence"].as_u64().unwrap());
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(last(&["2"]), [4, 5]);
    assert_eq!(last(&["0"]), [0; 0]);
    assert_eq!(last(&["99"]), [1, 2, 3, 4, 5]);
    assert_eq!(last(&["2", "--project", "shop"]), [3, 5]);
    assert_eq!(last(&["1", "--key", &id]), [5]);
    assert_eq!(last(&["2", "--until", "1h"]), [0; 0]);
    assert_eq!(
        sandbox.run(["log", "--last", "1", "--limit", "1"]).status,
        2
    );
    assert_eq!(count(&["--until", "1h"]), 0);
    assert!(sandbox.ok(["log"]).contains("unspecified: why"));
    assert!(sandbox.ok(["log", "--verify"]).contains("from 1 to 5"));
}

#[test]
fn the_log_says_what_was_given_and_changed_in_words() {
    let sandbox = Sandbox::new();
    sandbox.ok([
        "project", "create", "shop", "--scope", "a:*", "--owner", "ana",
    ]);
    let (id, _) = sandbox.create([
        "CI",
        "--project",
        "shop",
        "--scope",
        "a:b",
        "--env",
        "test",
        "--expires",
        "2099-01-31",
        "--ip",
        "10.0.0.0/8",
    ]);
    let (other, _) = sandbox.create(["bare"]);
    sandbox.ok([
        "update",
        &id,
        "--no-scopes",
        "--owner",
        "bob",
        "--no-ip",
        "--expires",
        "never",
        "--tag",
        "t",
    ]);
    sandbox.ok(["rotate", &id]);
    sandbox.ok(["policy", "--longest-lifetime", "365d"]);
    sandbox.ok(["project", "delete", "shop", "--yes"]);
    let log = sandbox.ok(["log"]);
    for line in [
        "project_created  shop  scopes a:*, owner ana",
        &format!(
            "key_created  {id}  \"CI\", scopes a:b, project shop, environment test, owner ana, expires \
             2099-01-31 00:00:00Z, only from 10.0.0.0/8"
        ),
        &format!("key_created  {other}  \"bare\", no scopes"),
        &format!("key_updated  {id}  no scopes, owner bob, never expires, tags, from any address"),
        &format!("key_rotated  {id}  secret 2, old secret ended"),
        "policy_changed  longest lifetime 365 days",
        "project_deleted  shop",
    ] {
        assert!(
            log.lines().any(|shown| {
                let columns: Vec<&str> =
                    shown.split("  ").filter(|part| !part.is_empty()).collect();
                let columns: Vec<&str> = columns.into_iter().map(str::trim).collect();
                columns.join("  ").ends_with(line)
            }),
            "{line}: {log}"
        );
    }
}

#[test]
fn a_deleted_project_is_found_by_its_id_and_known_by_its_name() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop", "--scope", "*"]);
    let (id, _) = sandbox.create(["a", "--project", "shop"]);
    sandbox.ok(["project", "delete", "shop", "--yes"]);
    sandbox.ok(["project", "create", "shop"]);
    let gone = sandbox.json(["project", "list", "--deleted"]).remove(0);
    let project = gone["id"].as_str().unwrap();
    let listed = sandbox.json(["list", "--project", project]);
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &json!(id)));
    assert!(sandbox.json(["list", "--project", "shop"]).is_empty());
    let names: Vec<_> = sandbox
        .json(["log", "--project", project])
        .iter()
        .map(|event| event["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["project_created", "key_created", "project_deleted"]);
    let table = sandbox.ok(["project", "list", "--deleted"]);
    assert!(
        table.contains(project) && table.contains("DELETED"),
        "{table}"
    );
    // Pruned, its name is known from its events alone.
    sandbox.ok(["revoke", &id]);
    // Times are whole seconds, and it must have been revoked before this one.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    sandbox.ok(["prune", "--revoked-before", "0s", "--yes"]);
    let log = sandbox.ok(["log"]);
    assert_eq!(log.matches("project shop").count(), 1, "{log}");
    assert!(!log.contains(project), "{log}");
}

#[test]
fn the_lines_of_the_log_stand_below_each_other() {
    let sandbox = Sandbox::new();
    sandbox.ok([
        "project",
        "create",
        "p",
        "--actor",
        "somebody with a longer name",
    ]);
    let (id, _) = sandbox.create(["a"]);
    sandbox.ok(["rotate", &id, "--actor", "b"]);
    let log = sandbox.ok(["log"]);
    let place = |line: usize, what: &str| {
        let line = log.lines().nth(line).unwrap();
        line.find(what)
            .unwrap_or_else(|| panic!("{what:?} is not in {line:?}"))
    };
    assert_eq!(place(0, "store_created"), place(1, "project_created"));
    assert_eq!(place(1, "project_created"), place(3, "key_rotated"));
    assert_eq!(place(2, &id), place(3, &id));
    assert_eq!(place(2, "\"a\""), place(3, "secret 2"));
    assert!(log.lines().all(|line| !line.ends_with(' ')), "{log:?}");
}

//! The documents of `--json`, as `docs/cli-json.md` describes them: every member, with what differs
//! from run to run replaced by the member's name.

mod common;

use common::{Sandbox, normalised};
use serde_json::{Value, json};

/// The first line of a run, normalised, with nothing left out.
fn golden(sandbox: &Sandbox, args: &[&str]) -> Value {
    normalised(sandbox.json(args).remove(0))
}

fn key() -> Value {
    json!({
        "id": "ID", "hint": "HINT", "name": "CI", "state": "active", "state_by_project": false,
        "scopes": ["a:*", "b"], "project": null,
        "environment": "live", "owner": "alice", "created_at": "CREATED_AT", "updated_at": "UPDATED_AT",
        "expires_at": "EXPIRES_AT", "not_before": null, "last_used_at": null, "metadata": { "k": "v" }, "tags": ["t"],
        "ip_list": ["10.0.0.0/8"], "rotated_at": "ROTATED_AT", "rotation_due_after": 86_400,
        "rotation_due_at": "ROTATION_DUE_AT", "used": { "last_used_at": null, "uses": 0 }, "old_secret": null,
        "used_before": { "last_used_at": null, "uses": 0 }, "revocation": null, "imported": false, "sequence": 2,
    })
}

const KEY: [&str; 14] = [
    "CI",
    "--scope",
    "a:*,b",
    "--owner",
    "alice",
    "--expires",
    "90d",
    "--meta",
    "k=v",
    "--tag",
    "t",
    "--ip",
    "10.0.0.0/8",
    "--rotation-due=1d",
];

#[test]
fn a_key_and_what_issues_a_token() {
    let sandbox = Sandbox::new();
    let args: Vec<&str> = ["create"].into_iter().chain(KEY).collect();
    let created = golden(&sandbox, &args);
    assert_eq!(
        created,
        json!({ "key": key(), "token": "TOKEN", "replayed": false })
    );
    assert_eq!(golden(&sandbox, &["list"]), key());
    let id = sandbox.json(["list"])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(golden(&sandbox, &["show", &id]), key());

    let rotated = golden(&sandbox, &["rotate", &id, "--grace", "1d"]);
    let members: Vec<_> = rotated.as_object().unwrap().keys().collect();
    assert_eq!(members, ["grace_cut", "key", "replayed", "token"]);
    assert_eq!(rotated["token"], "TOKEN");
    assert_eq!(rotated["grace_cut"], false);
    let longer = golden(&sandbox, &["rotate", &id, "--grace", "30d"]);
    assert_eq!(
        longer["grace_cut"], true,
        "the grace that runs stays as it is"
    );
    assert_eq!(
        rotated["key"]["old_secret"],
        json!({ "grace_expires_at": "GRACE_EXPIRES_AT", "used": { "last_used_at": null, "uses": 0 } })
    );
    assert_eq!(
        golden(&sandbox, &["rotate", &id, "--finish"])["old_secret"],
        json!(null)
    );
    assert_eq!(golden(&sandbox, &["disable", &id])["state"], "disabled");
    assert_eq!(golden(&sandbox, &["enable", &id])["state"], "active");
    let revoked = golden(
        &sandbox,
        &["revoke", &id, "--reason", "superseded", "--note", "n"],
    );
    assert_eq!(
        revoked["revocation"],
        json!({ "at": "AT", "reason": "superseded", "note": "n" })
    );
    assert_eq!(revoked["state"], "revoked");
}

#[test]
fn times_are_rfc_3339_in_utc() {
    let sandbox = Sandbox::new();
    sandbox.ok(["create", "a", "--expires", "2099-01-31"]);
    let key = &sandbox.json(["list"])[0];
    assert_eq!(key["expires_at"], "2099-01-31T00:00:00Z");
    let created = key["created_at"].as_str().unwrap();
    assert!(
        created.len() == 20 && created.ends_with('Z') && created.contains('T'),
        "{created}"
    );
    let at = sandbox.json(["log"])[0]["at"].as_str().unwrap().to_owned();
    assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
}

#[test]
fn verify_and_explain() {
    let sandbox = Sandbox::new();
    let (_, token) = sandbox.create(KEY);
    let ip = ["--ip", "10.0.0.1", "--json"];
    let run = sandbox.run_with(
        token.as_str(),
        ["verify", "--scope", "a:x"].iter().chain(&ip),
    );
    let verified = json!({
        "key_id": "KEY_ID", "secret": "current", "owner": "alice", "project": null, "environment": "live",
        "scopes": ["a:*", "b"], "expires_at": "EXPIRES_AT",
    });
    assert_eq!(normalised(run.documents().remove(0)), verified);
    let run = sandbox.run_with(
        token.as_str(),
        ["explain", "--scope", "a:x"].iter().chain(&ip),
    );
    let explained = normalised(run.documents().remove(0));
    assert_eq!(explained["verified"], verified);
    assert_eq!(
        (run.status, &explained["denied"], &explained["key_id"]),
        (0, &json!(null), &json!("KEY_ID"))
    );
    let run = sandbox.run_with(token.as_str(), ["explain", "--scope", "c", "--json"]);
    let explained = run.documents().remove(0);
    assert_eq!(explained["verified"], json!(null));
    assert_eq!(
        (
            run.status,
            &explained["denied"]["code"],
            &explained["denied"]["name"]
        ),
        (1, &json!(208), &json!("IP_NOT_ALLOWED"))
    );
    let checks = explained["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        names.join(" "),
        "shape checksum record digest revoked disabled not_before expired environment owner project ip scopes"
    );
    assert_eq!(
        checks[11],
        json!({ "check": "ip", "outcome": "failed", "code": 208 })
    );
    assert_eq!(
        checks[12],
        json!({ "check": "scopes", "outcome": "failed", "code": 209 })
    );
    let run = sandbox.run_with("x", ["explain", "--json"]);
    assert_eq!(
        run.documents()[0]["checks"][3],
        json!({ "check": "digest", "outcome": "not_reached", "code": null })
    );
}

#[test]
fn projects_and_the_log() {
    let sandbox = Sandbox::new();
    let project = json!({
        "id": "ID", "name": "shop", "scopes": ["orders:*"], "owner": null, "enabled": true, "deleted_at": null,
        "created_at": "CREATED_AT", "updated_at": "UPDATED_AT",
    });
    assert_eq!(
        golden(
            &sandbox,
            &["project", "create", "shop", "--scope", "orders:*"]
        ),
        project
    );
    assert_eq!(golden(&sandbox, &["project", "list"]), project);
    assert_eq!(golden(&sandbox, &["project", "show", "shop"]), project);
    let (id, _) = sandbox.create([
        "a",
        "--project",
        "shop",
        "--scope",
        "orders:read",
        "--owner",
        "alice",
        "--expires",
        "90d",
        "--ip",
        "10.0.0.0/8",
    ]);
    sandbox.ok([
        "update",
        &id,
        "--name",
        "b",
        "--no-owner",
        "--expires",
        "never",
        "--meta",
        "k=v",
    ]);
    sandbox.ok(["rotate", &id, "--grace", "1h"]);
    sandbox.ok(["revoke", &id]);
    sandbox.ok(["project", "update", "shop", "--scope", "b"]);
    let deleted = golden(&sandbox, &["project", "delete", "shop", "--yes"]);
    assert_eq!(
        (&deleted["name"], &deleted["deleted_at"]),
        (&json!("shop"), &json!("DELETED_AT"))
    );
    assert_eq!(golden(&sandbox, &["project", "list", "--deleted"]), deleted);
    assert!(sandbox.json(["project", "list"]).is_empty());
    let log: Vec<Value> = sandbox.json(["log"]).into_iter().map(normalised).collect();
    let event = |sequence: u64, event: &str, key: Value, project: [Value; 2], details: Value| {
        let [project, project_name] = project;
        json!({
            "sequence": sequence, "at": "AT", "actor": "tester", "event": event, "key": key, "project": project,
            "project_name": project_name, "details": details, "hash": "HASH",
        })
    };
    let (key, nobody) = (|| json!("KEY"), || json!(null));
    let none = || [json!(null), json!(null)];
    let shop = || [json!("PROJECT"), json!("shop")];
    let policy = json!({
        "default_lifetime": null, "longest_lifetime": null, "expiry_required": false, "most_keys_per_owner": null,
    });
    let created = json!({
        "name": "a", "scopes": ["orders:read"], "project": "PROJECT", "environment": "live", "owner": "alice",
        "expires_at": "EXPIRES_AT", "not_before": null, "ip_list": ["10.0.0.0/8"], "within": null,
    });
    let updated = json!({
        "fields": ["name", "owner", "expires_at", "metadata"],
        "values": { "name": "b", "owner": null, "expires_at": null },
    });
    assert_eq!(
        log,
        [
            event(
                1,
                "store_created",
                nobody(),
                none(),
                json!({ "policy": policy })
            ),
            event(
                2,
                "project_created",
                nobody(),
                shop(),
                json!({ "name": "shop", "scopes": ["orders:*"], "owner": null })
            ),
            event(3, "key_created", key(), none(), created),
            event(4, "key_updated", key(), none(), updated),
            event(
                5,
                "key_rotated",
                key(),
                none(),
                json!({ "generation": 2, "grace_expires_at": "GRACE_EXPIRES_AT" })
            ),
            event(
                6,
                "key_revoked",
                key(),
                none(),
                json!({ "reason": "unspecified", "note": null })
            ),
            event(
                7,
                "project_updated",
                nobody(),
                shop(),
                json!({ "fields": ["scopes"], "values": { "scopes": ["b"] } })
            ),
            event(8, "project_deleted", nobody(), shop(), json!({})),
        ]
    );
    assert_eq!(
        golden(&sandbox, &["log", "--verify"]),
        json!({ "first": 1, "last": 8, "head": "HEAD" })
    );
}

#[test]
fn the_store_as_a_whole() {
    let sandbox = Sandbox::empty();
    let init = golden(&sandbox, &["init", "--prefix", "acme"]);
    let expression = "acme_[a-z][a-z0-9]{0,15}_1[0-7][0-9A-Za-z]{70}";
    assert_eq!(
        init,
        json!({ "store": "keys.redb", "prefix": "acme", "scanner_expression": expression })
    );
    let mut info = golden(&sandbox, &["info"]);
    assert!(
        info["file_bytes"]
            .take()
            .as_u64()
            .is_some_and(|bytes| bytes > 0)
    );
    assert_eq!(
        info,
        json!({
            "store": "keys.redb", "store_id": "STORE_ID", "format": 1, "prefix": "acme", "created_at": "CREATED_AT",
            "sequence": 1, "head": "HEAD", "log_begins_after": 0, "keys": 0, "projects": 0, "digests": 0,
            "tombstones": 0, "pepper": "none", "mark": "MARK", "clock": "CLOCK", "clock_ahead": false, "policy": {
                "default_lifetime": null, "longest_lifetime": null, "expiry_required": false, "most_keys_per_owner": null,
            }, "file_bytes": null, "read_only": false, "scanner_expression": expression,
        })
    );
    assert_eq!(
        golden(&sandbox, &["check"]),
        json!({ "whole": true, "damage": [], "keys": 0, "projects": 0, "events": 1, "sequence": 1, "head": "HEAD" })
    );
    assert_eq!(
        golden(&sandbox, &["clock"]),
        json!({ "mark": "MARK", "clock": "CLOCK", "mark_ahead": false, "clock_ahead": false })
    );
    assert_eq!(
        golden(&sandbox, &["prune", "--expired-before", "1d"]),
        json!({ "keys": 0, "projects": 0, "events": 0 })
    );
    let mut backup = golden(&sandbox, &["backup", "copy"]);
    assert!(backup["bytes"].take().is_u64());
    assert_eq!(
        backup,
        json!({ "file": "copy", "sequence": 1, "keys": 0, "bytes": null })
    );
    assert_eq!(
        golden(&sandbox, &["pepper", "generate", "p"]),
        json!({ "file": "p" })
    );
    assert_eq!(
        golden(&sandbox, &["pepper", "set", "p"]),
        json!({ "pepper": "set" })
    );
}

#[test]
fn an_error_is_one_object_on_standard_error() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["show", "0000000000000000000000", "--json"]);
    assert_eq!(
        run.err,
        "{\"error\":{\"code\":300,\"name\":\"NO_SUCH_KEY\",\"message\":\"no key 0000000000000000000000 in this store\"}}\n"
    );
    let run = sandbox.run(["--json", "create"]);
    assert_eq!(
        (run.status, run.err.lines().count(), run.error()),
        (2, 1, (100, "INVALID_ARGUMENT".into()))
    );
}

#[test]
fn a_deleted_project_is_answered() {
    let sandbox = Sandbox::new();
    let created = golden(&sandbox, &["project", "create", "shop", "--scope", "a"]);
    let mut deleted = golden(&sandbox, &["project", "delete", "shop", "--yes"]);
    assert_eq!(
        (&deleted["id"], &deleted["name"], &deleted["scopes"]),
        (&json!("ID"), &created["name"], &created["scopes"])
    );
    let members = |project: &mut Value| {
        let members = project.as_object_mut().unwrap();
        members.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(members(&mut deleted), members(&mut created.clone()));
}

#[test]
fn a_policy() {
    let sandbox = Sandbox::new();
    let none = json!({
        "default_lifetime": null, "longest_lifetime": null, "expiry_required": false, "most_keys_per_owner": null,
    });
    assert_eq!(golden(&sandbox, &["policy"]), none);
    assert_eq!(
        golden(
            &sandbox,
            &[
                "policy",
                "--default-lifetime",
                "1d",
                "--expiry-required",
                "true",
                "--most-keys-per-owner",
                "5"
            ]
        ),
        json!({
            "default_lifetime": 86_400, "longest_lifetime": null, "expiry_required": true, "most_keys_per_owner": 5,
        })
    );
}

#[test]
fn a_restore_and_a_compaction() {
    let sandbox = Sandbox::new();
    sandbox.create(KEY);
    sandbox.ok(["backup", "copy"]);
    assert_eq!(
        golden(&sandbox, &["restore", "copy", "--yes"]),
        json!({
            "keys": 0, "projects": 0, "sequence": 3, "common_sequence": 2, "kept_away": 0, "conflicts": [],
            "project_conflicts": [], "uncertain": [], "set_aside": null,
        })
    );
    let mut compacted = golden(&sandbox, &["compact"]);
    for member in ["bytes_before", "bytes_after"] {
        assert!(compacted[member].take().is_u64(), "{member}");
    }
    assert_eq!(
        compacted,
        json!({ "bytes_before": null, "bytes_after": null })
    );
    std::fs::write(sandbox.path("keys.redb"), "no store").unwrap();
    let mut restored = golden(
        &sandbox,
        &["restore", "copy", "--yes", "--replace-other-file"],
    );
    let aside = restored["set_aside"].take();
    assert!(sandbox.path(aside.as_str().unwrap()).exists(), "{aside}");
    assert_eq!(restored["uncertain"], json!([key()]));
    let members: Vec<_> = restored.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        [
            "common_sequence",
            "conflicts",
            "kept_away",
            "keys",
            "project_conflicts",
            "projects",
            "sequence",
            "set_aside",
            "uncertain"
        ]
    );
}

#[test]
fn an_import() {
    let sandbox = Sandbox::new();
    let rows = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6\nhunter2\n";
    let run = sandbox.run_with(
        rows,
        ["import", "--format", "raw", "-", "--json", "--name", "n"],
    );
    assert_eq!(run.status, 1);
    let results: Vec<Value> = run.documents().into_iter().map(normalised).collect();
    let mut refused = results[1].clone();
    assert!(refused["error"]["message"].take().is_string());
    assert_eq!(results[0], json!({ "line": 1, "id": "ID", "error": null }));
    assert_eq!(
        refused,
        json!({ "line": 2, "id": null, "error": { "code": 311, "name": "NOT_IMPORTABLE", "message": null } })
    );
}

#[test]
fn a_scan() {
    let sandbox = Sandbox::new();
    let (_, token) = sandbox.create(["leaked"]);
    std::fs::write(sandbox.path("text"), &token).unwrap();
    let finding = |state: &str, works: bool, revoked: bool| {
        json!({
            "path": "text", "line": 1, "offset": 0, "hint": "HINT", "key_id": "KEY_ID", "name": "leaked", "state": state,
            "works": works, "revoked": revoked,
        })
    };
    let scan = |args: &[&str]| {
        let run = sandbox.run(["scan", "text", "--json"].iter().chain(args));
        (run.status, normalised(run.documents().remove(0)))
    };
    assert_eq!(scan(&[]), (1, finding("active", true, false)));
    assert_eq!(scan(&["--revoke"]), (1, finding("active", true, true)));
    assert_eq!(scan(&["--revoke"]), (0, finding("revoked", false, false)));
}

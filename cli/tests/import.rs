//! `import`: a result for each line, and no reason that holds a key.

mod common;

use common::Sandbox;
use serde_json::json;

const KEY: &str = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";

#[test]
fn each_line_has_its_own_result() {
    let sandbox = Sandbox::new();
    let lines = format!("{KEY}\n\nhunter2\n{KEY}\r\n\u{7}");
    let mut input = lines.into_bytes();
    input.extend(b"\n\xff\xfe\n");
    let run = sandbox.run_with(
        input,
        [
            "import", "--format", "raw", "-", "--json", "--name", "old", "--scope", "a",
        ],
    );
    assert_eq!(run.status, 1);
    let results = run.documents();
    let numbers: Vec<_> = results
        .iter()
        .map(|result| result["line"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 3, 4, 5, 6], "empty lines are no keys");
    assert_eq!(results[0]["error"], json!(null));
    assert_eq!(results[1]["error"]["code"], 311);
    assert_eq!(results[2]["error"]["code"], 310);
    assert!(
        !run.out.contains("9aF3kQz7") && !run.out.contains("hunter2"),
        "{}",
        run.out
    );
    let id = results[0]["id"].as_str().unwrap();
    assert_eq!(sandbox.verify(KEY, ["--scope", "a"]), 0);
    let key = &sandbox.json(["show", id])[0];
    assert_eq!(
        (&key["name"], &key["imported"]),
        (&json!("old"), &json!(true))
    );
    let native = sandbox.ok(["rotate", id]);
    assert!(native.starts_with("acme_live_1"));
    assert_eq!(sandbox.verify(KEY, ["--scope", "a"]), 1);
}

#[test]
fn a_file_is_imported_with_defaults() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop", "--scope", "*"]);
    std::fs::write(sandbox.path("keys.txt"), format!("{KEY}\n")).unwrap();
    let run = sandbox.run([
        "import",
        "--format",
        "raw",
        "keys.txt",
        "--name",
        "n",
        "--scope",
        "a,b",
        "--project",
        "shop",
        "--env",
        "test",
        "--owner",
        "o",
        "--expires",
        "90d",
        "--tag",
        "old",
    ]);
    assert_eq!((run.status, run.out.as_str()), (0, ""), "{}", run.err);
    assert!(
        run.err.contains("imported 1 key; 0 lines were refused"),
        "{}",
        run.err
    );
    let key = &sandbox.json(["list"])[0];
    assert_eq!(
        (&key["project"], &key["environment"], &key["owner"]),
        (&json!("shop"), &json!("test"), &json!("o"))
    );
    assert_eq!(
        (&key["scopes"], &key["tags"]),
        (&json!(["a", "b"]), &json!(["old"]))
    );
    assert!(key["expires_at"].is_string());
    assert_eq!(
        sandbox
            .run(["import", "--format", "raw", "none.txt"])
            .status,
        3
    );
    assert_eq!(
        sandbox
            .run(["import", "--format", "bcrypt", "keys.txt"])
            .status,
        2
    );
}

#[test]
fn a_line_of_any_length_is_refused_and_not_more() {
    let sandbox = Sandbox::new();
    let mut input = vec![b'a'; 3 << 20];
    input.extend(format!("\n{KEY}").bytes());
    let run = sandbox.run_with(
        input,
        ["import", "--format", "raw", "-", "--json", "--name", "n"],
    );
    let results = run.documents();
    assert_eq!(
        (
            results.len(),
            &results[0]["error"]["code"],
            &results[1]["error"]
        ),
        (2, &json!(311), &json!(null))
    );
}

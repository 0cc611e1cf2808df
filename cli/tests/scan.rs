//! `scan`: tokens of this store in files, which keys they are of, and whether they work.

mod common;

use common::Sandbox;
use serde_json::json;

#[test]
fn tokens_are_found_told_of_and_revoked() {
    let sandbox = Sandbox::new();
    let (first, working) = sandbox.create(["leaked"]);
    let (second, dead) = sandbox.create(["dead"]);
    sandbox.ok(["revoke", &second]);
    std::fs::create_dir_all(sandbox.path("src/deep")).unwrap();
    std::fs::write(
        sandbox.path("src/deep/config.py"),
        format!("import os\nKEY = \"{working}\"\n"),
    )
    .unwrap();
    std::fs::write(
        sandbox.path("src/old.bin"),
        [b"\0\xff", dead.as_bytes(), b"\0"].concat(),
    )
    .unwrap();
    std::fs::write(
        sandbox.path("src/mistyped"),
        working.replace("live", "test"),
    )
    .unwrap();

    let run = sandbox.run(["scan", "src", "--json"]);
    assert_eq!(run.status, 1, "a token works");
    let mut findings = run.documents();
    findings.sort_by_key(|finding| finding["path"].as_str().unwrap().to_owned());
    assert_eq!(findings.len(), 2, "{}", run.out);
    assert_eq!(
        findings[0],
        json!({
            "path": "src/deep/config.py", "line": 2, "offset": 17, "hint": format!("acme_live_…{}", &first[16..]),
            "key_id": first, "name": "leaked", "state": "active", "works": true, "revoked": false,
        })
    );
    assert_eq!(
        (&findings[1]["state"], &findings[1]["works"]),
        (&json!("revoked"), &json!(false))
    );

    let shown = sandbox.run(["scan", "src"]);
    assert!(
        shown.out.contains("src/deep/config.py:2") && shown.out.contains("WORKS"),
        "{}",
        shown.out
    );
    assert!(!shown.out.contains(&working[40..]), "{}", shown.out);

    assert_eq!(sandbox.run(["scan", "src", "--revoke"]).status, 1);
    assert_eq!(sandbox.verify(&working, [""; 0]), 1);
    assert_eq!(
        sandbox.run(["scan", "src"]).status,
        0,
        "none works any more"
    );
    assert_eq!(
        sandbox.json(["show", &first])[0]["revocation"]["reason"],
        "key_compromise"
    );
    assert_eq!(sandbox.run(["scan", "nothing-here"]).status, 2);
}

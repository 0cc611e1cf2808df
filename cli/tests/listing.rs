//! The table and the filters of `list`.

mod common;

use common::Sandbox;

#[test]
fn the_table_has_the_columns_of_a_dashboard() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop", "--scope", "*"]);
    let (id, token) = sandbox.create([
        "CI deploy",
        "--scope",
        "orders:read",
        "--project",
        "shop",
        "--expires",
        "90d",
    ]);
    let hint = format!("acme_live_…{}", &id[16..]);
    let table = sandbox.ok(["list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>().join(" "),
        "NAME HINT PROJECT SCOPES CREATED LAST USED EXPIRES STATE"
    );
    let columns: Vec<&str> = lines[1]
        .split("  ")
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect();
    assert_eq!(
        columns,
        [
            "CI deploy",
            &hint,
            "shop",
            "orders:read",
            "just now",
            "never",
            "in 90 days",
            "active"
        ]
    );
    sandbox.verify(&token, ["--project", "shop"]);
    assert!(sandbox.ok(["list"]).matches("just now").count() == 2);
    assert!(
        !table.contains('\u{1b}'),
        "no colour where there is no terminal"
    );
}

#[test]
fn each_row_is_one_line_where_there_is_no_terminal() {
    let sandbox = Sandbox::new();
    let name = format!("{}end", "long ".repeat(38));
    let scope = "a-very-long-scope-name:with-many-parts:and-one-more";
    sandbox.create([&name, "--scope", &format!("{scope},another-scope:read")]);
    sandbox.create(["wide 鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵"]);
    for columns in ["20", "500"] {
        let mut command = sandbox.command(["list"]);
        let output = command.env("COLUMNS", columns).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shown.lines().count(), 3, "{shown}");
        let row = shown.lines().nth(1).unwrap();
        assert!(row.contains(&name) && row.contains(scope), "{shown}");
    }
}

#[test]
fn names_that_could_fool_a_reader_are_made_harmless() {
    let sandbox = Sandbox::new();
    let (id, _) = sandbox.create(["safe\u{202e}desrever\u{200b}"]);
    for args in [&["list"][..], &["show", &id], &["log"]] {
        let shown = sandbox.ok(args);
        assert!(
            !shown.contains('\u{202e}') && !shown.contains('\u{200b}'),
            "{shown}"
        );
        assert!(shown.contains("safe\\u{202e}desrever"), "{shown}");
    }
    assert_eq!(
        sandbox.json(["list"])[0]["name"],
        "safe\u{202e}desrever\u{200b}"
    );
    assert_eq!(sandbox.run(["create", "bell\u{7}"]).status, 2);
}

#[test]
fn filters_orders_and_pages() {
    let sandbox = Sandbox::new();
    sandbox.create([
        "beta",
        "--owner",
        "alice",
        "--tag",
        "ci",
        "--expires",
        "10d",
        "--scope",
        "a:*",
    ]);
    sandbox.create(["alpha", "--env", "test", "--expires", "5d"]);
    let (_, token) = sandbox.create(["gamma", "--rotation-due", "90d"]);
    sandbox.verify(&token, [""; 0]);
    let names = |args: &[&str]| {
        let keys = sandbox.json(["list"].iter().chain(args));
        keys.iter()
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (args, expected) in [
        (&[][..], "beta alpha gamma"),
        (&["--order", "name"], "alpha beta gamma"),
        (&["--order", "expires"], "alpha beta gamma"),
        (&["--reverse"], "gamma alpha beta"),
        (&["--owner", "alice"], "beta"),
        (&["--env", "test"], "alpha"),
        (&["--tag", "ci"], "beta"),
        (&["--scope", "a:b"], "beta"),
        (&["--name-part", "ALP"], "alpha"),
        (&["--state", "active,revoked"], "beta alpha gamma"),
        (&["--state", "revoked"], ""),
        (&["--expires-within", "7d"], "alpha"),
        (&["--expires-before", "7d"], "alpha"),
        (&["--expires-after", "7d"], "beta gamma"),
        (&["--created-after", "1h"], "beta alpha gamma"),
        (&["--created-before", "1h"], ""),
        (&["--never-used"], "beta alpha"),
        (&["--unused-since", "1d"], "beta alpha"),
        (&["--rotation-due"], ""),
        (&["--least-used", "2"], "beta alpha"),
        (&["--all", "--order", "name"], "alpha beta gamma"),
    ] {
        assert_eq!(names(args), expected, "{args:?}");
    }
    let first = sandbox.run(["list", "--order", "name", "--limit", "2", "--json"]);
    assert_eq!(first.documents().len(), 2);
    let cursor: serde_json::Value = serde_json::from_str(&first.err).unwrap();
    let cursor = cursor["cursor"].as_str().unwrap();
    assert_eq!(
        names(&["--order", "name", "--limit", "2", "--cursor", cursor]),
        "gamma"
    );
    let people = sandbox.run(["list", "--limit", "2"]);
    assert!(people.err.contains("--cursor "), "{}", people.err);
    assert_eq!(sandbox.run(["list", "--owner", "nobody"]).err, "no keys\n");
}

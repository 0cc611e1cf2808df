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
        (&["--unused-since", "1d"], ""),
        (&["--rotation-due"], ""),
        (&["--least-used", "2"], "beta alpha"),
        (&["--all", "--order", "name"], "alpha beta gamma"),
        (&["--all", "--reverse"], "gamma alpha beta"),
        (
            &["--all", "--order", "name", "--reverse"],
            "gamma beta alpha",
        ),
        (&["--all", "--owner", "nobody"], ""),
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

#[test]
fn a_state_that_comes_of_the_project_says_so() {
    let sandbox = Sandbox::new();
    sandbox.ok(["project", "create", "shop", "--scope", "*"]);
    let (id, _) = sandbox.create(["a", "--project", "shop"]);
    let hold = |state: &str, by_project: bool| {
        let shown = if by_project {
            format!("{state} (project)")
        } else {
            state.to_owned()
        };
        let table = sandbox.ok(["list"]);
        assert!(table.trim_end().ends_with(&format!("  {shown}")), "{table}");
        let details = sandbox.ok(["show", &id]);
        let line = details.lines().find(|line| line.starts_with("state "));
        assert!(line.is_some_and(|line| line.ends_with(&shown)), "{details}");
        let key = &sandbox.json(["show", &id])[0];
        assert_eq!(key["state"], state);
        assert_eq!(key["state_by_project"], by_project);
    };
    hold("active", false);
    sandbox.ok(["project", "disable", "shop"]);
    hold("disabled", true);
    sandbox.ok(["disable", &id]);
    hold("disabled", false);
    sandbox.ok(["project", "delete", "shop", "--yes"]);
    hold("revoked", true);
    sandbox.ok(["revoke", &id]);
    hold("revoked", false);
}

#[test]
fn a_key_shows_when_it_was_used_with_any_of_its_secrets() {
    let sandbox = Sandbox::new();
    let (id, token) = sandbox.create(["a", "--rotation-due", "1d"]);
    assert_eq!(sandbox.verify(&token, [""; 0]), 0);
    sandbox.ok(["rotate", &id]);
    let shown = sandbox.ok(["show", &id]);
    let line = |name: &str| {
        let found = shown.lines().find(|line| line.starts_with(name));
        found.unwrap_or_else(|| panic!("{name}: {shown}"))
    };
    assert!(line("last used ").ends_with("1 use"), "{shown}");
    assert!(line("secret last used ").ends_with("never"), "{shown}");
    let key = &sandbox.json(["show", &id])[0];
    assert_eq!(
        (&key["used"]["uses"], &key["used_before"]["uses"]),
        (&0.into(), &1.into())
    );
    assert!(key["last_used_at"].is_string());
    sandbox.ok(["rotate", &id, "--grace", "1d"]);
    sandbox.ok(["revoke", &id]);
    let shown = sandbox.ok(["show", &id]);
    assert!(
        !shown.contains("old secret") && !shown.contains("rotation due"),
        "{shown}"
    );
}

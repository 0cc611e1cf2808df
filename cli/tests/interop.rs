//! Keys that the real Django packages issued, imported with the real command: each verifies where
//! the package says that it works, and is denied where the package says that it does not.
//!
//! The rows are made by `tests/interop/make_rows.py`; `scripts/test` runs it and names its output
//! in `KEYFOB_INTEROP_ROWS`. Without that, the newest `interop/rows-*.json` of the target folder
//! is taken.

mod common;

use std::path::{Path, PathBuf};

use common::Sandbox;
use serde_json::Value;

fn rows() -> Value {
    let path = std::env::var_os("KEYFOB_INTEROP_ROWS").map_or_else(newest, PathBuf::from);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run scripts/test", path.display()));
    serde_json::from_str(&text).expect("rows in JSON")
}

/// The newest rows of the target folder, which holds the command somewhere below it.
fn newest() -> PathBuf {
    let command = Path::new(env!("CARGO_BIN_EXE_keyfob"));
    let made = command
        .ancestors()
        .map(|folder| folder.join("interop"))
        .filter_map(|folder| folder.read_dir().ok());
    let files = made.flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let is_rows = name.starts_with("rows-") && name.strip_suffix(".json").is_some();
        Some((entry.metadata().ok()?.modified().ok()?, entry.path())).filter(|_| is_rows)
    });
    files
        .max()
        .expect("there are no rows of other packages: run scripts/test, which makes them")
        .1
}

fn import(sandbox: &Sandbox, format: &str, rows: &Value) -> common::Run {
    let lines: Vec<String> = rows
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["row"].to_string())
        .collect();
    assert!(!lines.is_empty(), "no rows of {format}");
    let args = [
        "import",
        "--format",
        format,
        "-",
        "--scope",
        "orders:read",
        "--name",
        "imported",
        "--json",
    ];
    sandbox.run_with(lines.join("\n"), args)
}

#[test]
fn keys_of_other_packages_go_on_working() {
    let all = rows();
    for format in ["drf-api-key", "knox"] {
        let sandbox = Sandbox::new();
        let run = import(&sandbox, format, &all[format]);
        assert_eq!(run.status, 0, "{format}: {}{}", run.out, run.err);
        for row in all[format].as_array().unwrap() {
            let key = row["key"].as_str().unwrap();
            let expected = i32::from(!row["works"].as_bool().unwrap());
            let status = sandbox.verify(
                key,
                ["--any-env", "--any-project", "--scope", "orders:read"],
            );
            assert_eq!(status, expected, "{format}: {}", row["row"]);
            let altered = format!("{}x", &key[..key.len() - 1]);
            assert_eq!(sandbox.verify(&altered, ["--any-env", "--any-project"]), 1);
        }
    }
}

#[test]
fn rows_with_a_slow_hash_are_refused_line_by_line() {
    let sandbox = Sandbox::new();
    let all = rows();
    let refused = &all["drf-api-key-refused"];
    let run = import(&sandbox, "drf-api-key", refused);
    assert_eq!(run.status, 1);
    let lines = run.documents();
    assert_eq!(lines.len(), refused.as_array().unwrap().len());
    for line in lines {
        assert_eq!(
            (&line["id"], &line["error"]["name"]),
            (&Value::Null, &Value::from("NOT_IMPORTABLE")),
            "{line}"
        );
    }
    assert_eq!(sandbox.json(["list"]).len(), 0);
}

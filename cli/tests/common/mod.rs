//! A folder with a store, and the real command to run in it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for each test.
pub(crate) struct Sandbox {
    pub(crate) folder: TempDir,
}

impl Sandbox {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Sandbox {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A folder with the store `keys.redb`, of prefix `acme`.
    pub(crate) fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.ok(["init", "--prefix", "acme"]);
        sandbox
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command in this folder, on its store, as the actor `tester`, with nothing to read.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyfob"));
        for name in [
            "KEYFOB_TOKEN",
            "KEYFOB_PEPPER_FILE",
            "KEYFOB_GROUP",
            "NO_COLOR",
        ] {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder.path())
            .env("KEYFOB_STORE", "keys.redb")
            .env("KEYFOB_ACTOR", "tester")
            .args(args);
        command
    }

    /// Runs the command; whatever it does, it ends with a status that is documented, and neither
    /// panics nor shows a token on standard error.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run::of(self.command(args).output().expect("the command starts"))
    }

    /// Runs the command with standard input.
    pub(crate) fn run_with<S: AsRef<OsStr>>(
        &self,
        stdin: impl Into<Vec<u8>>,
        args: impl IntoIterator<Item = S>,
    ) -> Run {
        let output = self.command(args).write_stdin(stdin).output();
        Run::of(output.expect("the command starts"))
    }

    /// Runs the command, which has to succeed, and answers its standard output.
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let run = self.run(args);
        assert_eq!(run.status, 0, "{}{}", run.out, run.err);
        run.out
    }

    /// Runs the command with --json, which has to succeed, and answers each line.
    pub(crate) fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Vec<Value> {
        let mut command = self.command(args);
        let run = Run::of(command.arg("--json").output().expect("the command starts"));
        assert_eq!(run.status, 0, "{}{}", run.out, run.err);
        run.documents()
    }

    /// Creates a key, and answers its id and its token.
    pub(crate) fn create<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> (String, String) {
        let mut command = self.command(["create", "--json"]);
        let output = command.args(args).output().expect("the command starts");
        let run = Run::of(output);
        assert_eq!(run.status, 0, "{}", run.err);
        let document = &run.documents()[0];
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (text(&document["key"]["id"]), text(&document["token"]))
    }

    /// Verifies a token, and answers the status.
    pub(crate) fn verify<S: AsRef<OsStr>>(
        &self,
        token: &str,
        args: impl IntoIterator<Item = S>,
    ) -> i32 {
        let mut command = self.command(["verify"]);
        let output = command.args(args).write_stdin(token).output();
        Run::of(output.expect("the command starts")).status
    }
}

/// How the command ended, and what it wrote.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let run = Run {
            status: output.status.code().expect("no signal ended it"),
            out: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            err: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        };
        assert!(
            [0, 1, 2, 3, 4, 130].contains(&run.status),
            "status {}: {}",
            run.status,
            run.err
        );
        assert!(!run.err.contains("panicked"), "{}", run.err);
        assert!(!holds_token(&run.err), "{}", run.err);
        run
    }

    /// The JSON lines on standard output.
    pub(crate) fn documents(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// The error on standard error, as its number and name.
    pub(crate) fn error(&self) -> (u64, String) {
        let line = self.err.lines().last().expect("an error");
        let error = &serde_json::from_str::<Value>(line).expect("an error in JSON")["error"];
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
        let name = error["name"].as_str().expect("a name").to_owned();
        (error["code"].as_u64().expect("a number"), name)
    }
}

/// Whether a text holds what could be the secret part of a token.
pub(crate) fn holds_token(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| {
            word.contains("_1")
                && word.len() > 66
                && word.starts_with(|c: char| c.is_ascii_lowercase())
        })
}

/// Replaces what differs from run to run by the name of its member; text stays text, and nothing
/// stays nothing.
pub(crate) fn normalised(mut value: Value) -> Value {
    const VARYING: [&str; 19] = [
        "id",
        "key_id",
        "hint",
        "token",
        "created_at",
        "updated_at",
        "expires_at",
        "rotated_at",
        "last_used_at",
        "grace_expires_at",
        "at",
        "hash",
        "head",
        "store_id",
        "mark",
        "clock",
        "rotation_due_at",
        "not_before",
        "deleted_at",
    ];
    match &mut value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let id = matches!(name.as_str(), "key" | "project")
                    && member.as_str().is_some_and(|text| text.len() == 22);
                if (VARYING.contains(&name.as_str()) || id) && member.is_string() {
                    *member = Value::from(name.to_uppercase());
                } else {
                    *member = normalised(member.take());
                }
            }
        }
        Value::Array(elements) => {
            for element in elements.iter_mut() {
                *element = normalised(element.take());
            }
        }
        _ => {}
    }
    value
}

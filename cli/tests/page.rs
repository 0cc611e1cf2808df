//! `docs/cli.md`, followed from top to bottom.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The blocks of a page that are marked `sh`, one after the other.
fn script(page: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                out.push_str(line);
                out.push('\n');
            }
            _ => {}
        }
    }
    out
}

/// Runs a script as bash does, and stops at the first command that fails.
fn run(script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_keyfob"), bin.join("keyfob")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    for name in ["STORE", "TOKEN", "PEPPER_FILE", "ACTOR", "GROUP"] {
        command.env_remove(format!("KEYFOB_{name}"));
    }
    command
        .args(["-e", "-u", "-x", "-o", "pipefail", "-c", script])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_page_of_the_command_can_be_followed_from_top_to_bottom() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let script = script(&std::fs::read_to_string(page).unwrap());
    assert!(script.lines().count() > 50, "{script}");
    let output = run(&script);
    let end = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{end}");
}

#[test]
fn control_a_page_with_a_command_that_fails_is_found() {
    for planted in [
        "keyfob init --prefx a",
        "export KEYFOB_STORE=k\nkeyfob init --prefix a\nA=$(keyfob create a --scop b)\nkeyfob list",
        "printf x | keyfob verify --store none | cat",
    ] {
        let page = format!("text\n```sh\n{planted}\n```\n");
        assert!(!run(&script(&page)).status.success(), "{planted}");
    }
    assert!(run(&script("```sh\nkeyfob help\n```\n")).status.success());
    assert_eq!(script("```text\nno\n```\nno\n```sh\nyes\n```\nno"), "yes\n");
}

//! What is generated from the description of the arguments: completions, man pages, help.

mod common;

use std::process::Command;

use common::Sandbox;

#[test]
fn each_shell_reads_its_completions() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.ok(["completions", shell]);
        assert!(script.contains("keyfob") && script.contains("rotate"));
        let path = sandbox.path(shell);
        std::fs::write(&path, script).unwrap();
        let checked = Command::new(shell)
            .arg("-n")
            .arg(&path)
            .output()
            .unwrap_or_else(|error| {
                panic!("{shell} does not start: {error}; scripts/test installs it")
            });
        assert!(
            checked.status.success() && checked.stderr.is_empty(),
            "{shell}: {checked:?}"
        );
    }
}

#[test]
fn every_command_has_a_man_page_that_man_reads() {
    let sandbox = Sandbox::empty();
    assert!(sandbox.ok(["man"]).contains(".TH keyfob"));
    sandbox.ok(["man", "pages/man1"]);
    let pages: Vec<_> = std::fs::read_dir(sandbox.path("pages/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for command in [
        "keyfob",
        "keyfob-create",
        "keyfob-project-create",
        "keyfob-pepper-generate",
        "keyfob-restore",
    ] {
        let name = format!("{command}.1");
        assert!(
            pages.iter().any(|page| page.ends_with(&name)),
            "{name} is not among {pages:?}"
        );
    }
    for page in pages {
        assert!(
            std::fs::metadata(&page).unwrap().len() > 200,
            "{}",
            page.display()
        );
        let mut man = Command::new("man");
        let read = man
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-P", "cat"])
            .arg(&page)
            .env("LC_ALL", "C.UTF-8")
            .output();
        let read = read.expect("man starts; scripts/test installs it");
        assert!(
            read.status.success() && read.stderr.is_empty(),
            "{}: {}",
            page.display(),
            String::from_utf8_lossy(&read.stderr)
        );
    }
}

#[test]
fn every_man_page_says_what_it_reads_and_how_it_ends() {
    let sandbox = Sandbox::empty();
    sandbox.ok(["man", "pages"]);
    for name in ["keyfob", "keyfob-verify", "keyfob-project-create"] {
        let page = std::fs::read_to_string(sandbox.path(&format!("pages/{name}.1"))).unwrap();
        for section in [".SH ENVIRONMENT", ".SH \"EXIT STATUS\"", ".SH FILES"] {
            assert!(page.contains(section), "{name}: {section}");
        }
        for variable in [
            "KEYFOB_STORE",
            "KEYFOB_TOKEN",
            "KEYFOB_PEPPER_FILE",
            "KEYFOB_ACTOR",
        ] {
            assert!(page.contains(variable), "{name}: {variable}");
        }
    }
}

#[test]
fn completions_know_the_values_that_are_possible_and_make_their_folder() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.ok(["completions", shell]);
        let mut values = vec!["not_yet_valid", "drf-api-key", "key_compromise"];
        // Those for fish know the values of options alone.
        if shell != "fish" {
            values.push("powershell");
        }
        for value in values {
            assert!(script.contains(value), "{shell}: {value}");
        }
    }
    for (shell, file) in [
        ("bash", "keyfob.bash"),
        ("zsh", "_keyfob"),
        ("fish", "keyfob.fish"),
    ] {
        let run = sandbox.run(["completions", shell, "some/folder"]);
        assert_eq!((run.status, run.out.as_str()), (0, ""), "{}", run.err);
        let written = std::fs::read_to_string(sandbox.path("some/folder").join(file)).unwrap();
        assert_eq!(written, sandbox.ok(["completions", shell]));
    }
}

#[test]
fn filters_and_global_options_have_a_heading_each() {
    let sandbox = Sandbox::empty();
    let place = |help: &str, what: &str| {
        help.find(what)
            .unwrap_or_else(|| panic!("{what:?} is not in {help}"))
    };
    for command in ["list", "revoke", "disable", "log"] {
        let help = sandbox.ok([command, "-h"]);
        let (own, filter) = (place(&help, "\nOptions:"), place(&help, "\nFilter:"));
        let global = place(&help, "\nGlobal options:");
        assert!(own < filter && filter < global, "{help}");
        let project = place(&help, "--project");
        assert!(filter < project && project < global, "{help}");
        assert!(global < place(&help, "--store"), "{help}");
    }
    let help = sandbox.ok(["list", "-h"]);
    assert!(
        place(&help, "--order") < place(&help, "\nFilter:"),
        "{help}"
    );
}

#[test]
fn every_command_has_help_that_names_no_value_of_the_environment() {
    let sandbox = Sandbox::empty();
    let top = sandbox.ok(["help"]);
    for command in [
        "init",
        "create",
        "list",
        "show",
        "update",
        "enable",
        "disable",
        "revoke",
        "rotate",
        "verify",
        "explain",
        "project",
        "log",
        "import",
        "backup",
        "restore",
        "check",
        "prune",
        "compact",
        "info",
        "clock",
        "pepper",
        "policy",
        "scan",
        "completions",
        "man",
    ] {
        assert!(top.contains(&format!("\n  {command} ")), "{command}: {top}");
        let help = sandbox.ok([command, "--help"]);
        assert!(
            help.contains("Usage: keyfob") && !help.contains("keys.redb"),
            "{help}"
        );
    }
    assert!(sandbox.ok(["--version"]).starts_with("keyfob "));
}

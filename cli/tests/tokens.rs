//! A token leaves once, alone on standard output, and is nowhere else: no argument, no error, no
//! log.

mod common;

use common::{Sandbox, holds_token};

#[test]
fn create_and_rotate_print_the_token_alone_on_standard_output() {
    let sandbox = Sandbox::new();
    let created = sandbox.run(["create", "CI"]);
    assert_eq!(created.status, 0);
    assert_eq!(created.out.lines().count(), 1);
    assert!(created.out.starts_with("acme_live_1") && holds_token(&created.out));
    assert!(created.err.starts_with("created key "), "{}", created.err);
    let token = created.out.trim_end();
    let id = &token[token.len() - 71..][..22];
    let rotated = sandbox.run(["rotate", id, "--grace", "1h"]);
    assert_eq!((rotated.status, rotated.out.lines().count()), (0, 1));
    assert_eq!(
        sandbox.verify(&rotated.out, [""; 0]),
        0,
        "with its line end"
    );
    assert_eq!(sandbox.verify(token, [""; 0]), 0);
    for args in [
        &["list"][..],
        &["show", id],
        &["log"],
        &["info"],
        &["list", "--json"],
        &["log", "--json"],
    ] {
        let run = sandbox.run(args);
        assert!(!holds_token(&run.out), "{args:?}: {}", run.out);
    }
}

#[test]
fn with_json_the_member_token_alone_holds_it() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(["create", "CI", "--json"]);
    assert_eq!(run.err, "");
    let mut document = run.documents().remove(0);
    assert!(holds_token(document["token"].take().as_str().unwrap()));
    assert!(!holds_token(&document.to_string()));
}

#[test]
fn a_token_as_an_argument_is_refused_and_not_repeated() {
    let sandbox = Sandbox::new();
    let (_, token) = sandbox.create(["CI"]);
    let shorter = &token[..token.len() - 3];
    for text in [token.as_str(), shorter] {
        for args in [
            vec!["verify".to_owned(), text.to_owned()],
            vec!["revoke".to_owned(), text.to_owned()],
            vec!["show".to_owned(), text.to_owned()],
            vec![text.to_owned()],
            vec![format!("--token={text}")],
            vec!["revoke".to_owned(), format!("--token={text}")],
            vec![
                "create".to_owned(),
                "a".to_owned(),
                "--scope".to_owned(),
                text.to_owned(),
            ],
            vec!["create".to_owned(), format!("my key {text}")],
            vec!["list".to_owned(), "--json".to_owned(), text.to_owned()],
        ] {
            let run = sandbox.run(&args);
            let secret = &text[text.len() - 40..];
            assert_eq!(run.status, 2, "{}", run.err);
            assert!(
                !run.err.contains(secret) && !run.out.contains(secret),
                "{}",
                run.err
            );
            assert!(run.err.contains("standard input"), "{}", run.err);
        }
    }
    assert_eq!(sandbox.json(["list"]).len(), 1, "nothing was created");
}

#[test]
fn the_key_of_another_system_as_an_argument_of_verify_is_not_repeated() {
    let sandbox = Sandbox::new();
    let key = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";
    for verb in ["verify", "explain", "revoke", "show"] {
        let run = sandbox.run([verb, key]);
        assert_eq!(run.status, 2);
        assert!(!run.err.contains("9aF3kQz7"), "{}", run.err);
    }
}

#[test]
fn a_token_is_read_from_standard_input_or_the_environment() {
    let sandbox = Sandbox::new();
    let (id, token) = sandbox.create(["CI", "--scope", "a"]);
    for stdin in [token.clone(), format!("{token}\n"), format!("{token}\r\n")] {
        assert_eq!(sandbox.verify(&stdin, ["--scope", "a"]), 0);
    }
    for stdin in [
        format!(" {token}"),
        format!("{token}\n\n"),
        format!("{token} "),
    ] {
        assert_eq!(sandbox.verify(&stdin, ["--scope", "a"]), 1);
    }
    // A variable that is not set: a mistake of the script, and no word about any token.
    for stdin in ["", "\n"] {
        for verb in ["verify", "explain"] {
            let none = sandbox.run_with(stdin, [verb, "--scope", "a"]);
            assert_eq!(none.status, 2, "{}", none.err);
            assert!(none.err.contains("no token was given"), "{}", none.err);
        }
    }
    assert_eq!(sandbox.run_with("", ["revoke", "--token"]).status, 2);
    let from_environment = sandbox
        .command(["verify"])
        .env("KEYFOB_TOKEN", &token)
        .output()
        .unwrap();
    assert_eq!(from_environment.status.code(), Some(0));
    // What is piped in is what is meant.
    let mut both = sandbox.command(["verify"]);
    let both = both
        .env("KEYFOB_TOKEN", &token)
        .write_stdin("another")
        .output()
        .unwrap();
    assert_eq!(both.status.code(), Some(1));
    let explained = sandbox.run_with(token.as_str(), ["explain", "--scope", "b"]);
    assert_eq!(explained.status, 1);
    assert!(
        explained.out.contains("INSUFFICIENT_SCOPE (209)"),
        "{}",
        explained.out
    );
    let revoked = sandbox.run_with(
        token.as_str(),
        ["revoke", "--token", "--reason", "key_compromise"],
    );
    assert_eq!(revoked.status, 0, "{}", revoked.err);
    let key = &sandbox.json(["show", &id])[0];
    assert_eq!(key["revocation"]["reason"], "key_compromise");
}

#[test]
fn an_authorization_value_is_read_whole() {
    let sandbox = Sandbox::new();
    let (_, token) = sandbox.create(["CI"]);
    for (value, status) in [
        (format!("Bearer {token}"), 0),
        (format!("bearer \t {token} \r\n"), 0),
        (token.clone(), 1),
        (format!("Bearer {token}, Basic x"), 1),
        (format!("Basic {token}"), 1),
        (String::new(), 1),
    ] {
        for verb in ["verify", "explain"] {
            let run = sandbox.run_with(value.as_str(), [verb, "--header"]);
            assert_eq!(run.status, status, "{}{}", run.out, run.err);
        }
    }
    let none = sandbox.run_with("", ["verify", "--header", "--json"]);
    assert!(
        none.err.contains("\"code\":null") && none.err.contains("NO_CREDENTIALS"),
        "{}",
        none.err
    );
}

#[test]
fn what_is_presented_may_be_any_bytes_of_any_length() {
    let sandbox = Sandbox::new();
    for stdin in [
        vec![0; 3],
        vec![0xff; 600],
        vec![b'a'; 1 << 20],
        b"acme_live_1".to_vec(),
    ] {
        for args in [
            &["verify"][..],
            &["verify", "--header"],
            &["explain"],
            &["revoke", "--token"],
        ] {
            assert_eq!(sandbox.run_with(stdin.clone(), args).status, 1);
        }
    }
}

#[test]
fn the_old_secret_ends_itself_and_with_whole_key_the_key() {
    let sandbox = Sandbox::new();
    let (id, old) = sandbox.create(["CI"]);
    let new = sandbox.ok(["rotate", &id, "--grace", "1d"]);
    assert_eq!(
        sandbox.run_with(old.as_str(), ["revoke", "--token"]).status,
        0
    );
    assert_eq!(
        (sandbox.verify(&old, [""; 0]), sandbox.verify(&new, [""; 0])),
        (1, 0)
    );
    let newer = sandbox.ok(["rotate", &id, "--grace", "1d"]);
    assert_eq!(
        sandbox
            .run_with(new.as_str(), ["revoke", "--token", "--whole-key"])
            .status,
        0
    );
    assert_eq!(sandbox.verify(&newer, [""; 0]), 1);
}

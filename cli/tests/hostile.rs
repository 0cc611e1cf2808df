//! No arguments and no input lead to a panic, to a status that is not documented, or to a token
//! on standard error; [`Sandbox::run`] holds that of every run.

mod common;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use common::Sandbox;
use proptest::prelude::*;
use proptest::test_runner::Config;

fn word() -> impl Strategy<Value = OsString> {
    let known = prop::sample::select(vec![
        "create",
        "list",
        "show",
        "update",
        "revoke",
        "rotate",
        "verify",
        "explain",
        "project",
        "log",
        "check",
        "prune",
        "policy",
        "clock",
        "info",
        "disable",
        "--scope",
        "--expires",
        "--json",
        "--yes",
        "--limit",
        "--after",
        "--meta",
        "--ip",
        "--token",
        "--header",
        "--order",
        "--cursor",
        "--grace",
        "--finish",
        "--owner",
        "--project",
        "--state",
        "never",
        "90d",
        "2027-01-31",
        "9999999999999999999d",
        "-1",
        "a=b",
        "a:*",
        "*",
        "0",
        "--",
        "-",
        "",
        "18446744073709551616",
        "--log-through",
        "--expect",
        "1:00",
        "--env",
        "--request-id",
        "--created-after",
        "--last",
        "--least-sequence",
    ]);
    prop_oneof![
        6 => known.prop_map(OsString::from),
        1 => any::<String>().prop_map(|text| OsString::from(text.replace('\0', ""))),
        1 => prop::collection::vec(1_u8.., 0..20).prop_map(OsString::from_vec),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 150, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_arguments_end_with_a_documented_status(
        args in prop::collection::vec(word(), 0..8),
        stdin in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        // One store for all would be faster, and would make a failure depend on those before it.
        let sandbox = Sandbox::new();
        let mut follows = args.clone();
        follows.retain(|arg| arg != "--follow" && arg != "-f");
        sandbox.run_with(stdin, follows);
    }
}

#[test]
fn arguments_that_are_not_unicode_are_usage() {
    let sandbox = Sandbox::new();
    let bad = || OsString::from_vec(vec![b'a', 0xff, b'b']);
    for args in [
        vec![bad()],
        vec!["create".into(), bad()],
        vec!["show".into(), bad()],
        vec!["verify".into(), bad()],
        vec!["list".into(), "--owner".into(), bad()],
    ] {
        assert_eq!(sandbox.run(&args).status, 2, "{args:?}");
    }
    assert_eq!(
        sandbox.run(["list".into(), "--store".into(), bad()]).status,
        3,
        "a path may be anything"
    );
}

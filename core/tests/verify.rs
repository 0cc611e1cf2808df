//! What a verification promises: the order of its checks, the rules of the requirement, time, and
//! that it changes nothing but statistics.

mod common;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use common::{
    Home, START, at, code, environment, options, plain, scopes, verify, with_checksum,
    with_environment, with_wrong_secret,
};
use keyfob::{
    Change, Check, CheckOutcome, Clock, Code, Denied, Expiry, KeyUpdate, MatchedSecret,
    ProjectUpdate, Requirement, Revoke, Rotate, StoreOptions, Timestamp, VerifyError,
};

/// A way for a verification to fail, in the order in which they are checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Flaw {
    Shape,
    Checksum,
    Record,
    Digest,
    Revoked,
    Disabled,
    NotBefore,
    Expired,
    Environment,
    Owner,
    Project,
    Ip,
    Scopes,
}

impl Flaw {
    const ALL: [Flaw; 13] = [
        Flaw::Shape,
        Flaw::Checksum,
        Flaw::Record,
        Flaw::Digest,
        Flaw::Revoked,
        Flaw::Disabled,
        Flaw::NotBefore,
        Flaw::Expired,
        Flaw::Environment,
        Flaw::Owner,
        Flaw::Project,
        Flaw::Ip,
        Flaw::Scopes,
    ];

    fn code(self) -> Code {
        match self {
            Flaw::Shape | Flaw::Checksum => Code::MALFORMED,
            Flaw::Record | Flaw::Digest => Code::NOT_FOUND,
            Flaw::Revoked => Code::REVOKED,
            Flaw::Disabled => Code::DISABLED,
            Flaw::NotBefore => Code::NOT_YET_VALID,
            Flaw::Expired => Code::EXPIRED,
            Flaw::Environment => Code::WRONG_ENVIRONMENT,
            Flaw::Owner => Code::WRONG_OWNER,
            Flaw::Project => Code::WRONG_PROJECT,
            Flaw::Ip => Code::IP_NOT_ALLOWED,
            Flaw::Scopes => Code::INSUFFICIENT_SCOPE,
        }
    }
}

/// Presents a key with these flaws and no others.
fn presented_with(flaws: &[Flaw]) -> (Code, Vec<(Check, CheckOutcome)>) {
    let home = Home::new();
    let has = |flaw| flaws.contains(&flaw);
    home.project("shop", &["a", "b"], Some("ann"));
    let (id, token) = home.key(|new| {
        new.scopes = scopes(&["a"]);
        new.project = Some("shop".into());
        new.owner = Some("ann".into());
        new.expires = Expiry::In(1_000);
        new.ip_list = vec!["10.0.0.0/8".parse().unwrap()];
    });
    if has(Flaw::Disabled) {
        home.store.disable(id).unwrap();
    }
    if has(Flaw::NotBefore) {
        // At the time of verification it lies ahead by the clock, and the expiry has passed by the
        // mark, which is the one way to have both.
        let mut update = KeyUpdate::default();
        update.not_before = Change::Set(at(500));
        home.store.update(id, &update).unwrap();
    }
    if has(Flaw::Revoked) {
        home.store.revoke(id, &Revoke::default()).unwrap();
    }
    if has(Flaw::Expired) {
        home.clock.advance(1_000);
        home.store.reset_clock().unwrap();
    }
    if has(Flaw::NotBefore) {
        home.clock.set(at(10));
    }
    let mut text = token.expose().to_owned();
    if has(Flaw::Digest) {
        text = with_wrong_secret(&text);
    }
    if has(Flaw::Record) {
        let start = text.len() - 71;
        text.replace_range(start..=start, "6");
        text = with_checksum(&text[..text.len() - 6]);
    }
    if has(Flaw::Checksum) {
        let last = if text.ends_with('0') { "1" } else { "0" };
        text.replace_range(text.len() - 1.., last);
    }
    if has(Flaw::Shape) {
        text = text.replacen("acme_", "acne_", 1);
    }
    let mut requirement = Requirement::new();
    if has(Flaw::Environment) {
        requirement = requirement.environment(environment("test"));
    }
    let owner = if has(Flaw::Owner) { "bob" } else { "ann" };
    requirement = requirement.owner(owner).unwrap();
    if !has(Flaw::Project) {
        requirement = requirement.project("shop").unwrap();
    }
    if !has(Flaw::Ip) {
        requirement = requirement.ip("10.1.2.3".parse().unwrap());
    }
    let scope = if has(Flaw::Scopes) { "b" } else { "a" };
    requirement = requirement.scopes([scope]).unwrap();
    let answer = verify(&home.store, &text, &requirement);
    let explained = home.store.explain(&text, &requirement).unwrap();
    let explained_code = explained.outcome.map_or_else(Denied::code, |_| Code::OK);
    assert_eq!(answer, explained_code, "{flaws:?}");
    (answer, explained.checks)
}

#[test]
fn without_a_flaw_every_check_passes() {
    let (answer, checks) = presented_with(&[]);
    assert_eq!(answer, Code::OK);
    assert!(checks.iter().all(|(_, o)| *o == CheckOutcome::Passed));
    assert_eq!(
        checks.iter().map(|(c, _)| *c).collect::<Vec<_>>(),
        Check::ALL
    );
}

#[test]
fn of_every_two_failing_checks_the_earlier_one_answers_and_explain_lists_both() {
    for (i, first) in Flaw::ALL.into_iter().enumerate() {
        for second in Flaw::ALL.into_iter().skip(i) {
            let (answer, checks) = presented_with(&[first, second]);
            assert_eq!(answer, first.code(), "{first:?} before {second:?}");
            assert_eq!(checks.len(), Check::ALL.len());
            for (place, (check, outcome)) in checks.iter().enumerate() {
                let expected = if place == first as usize {
                    CheckOutcome::Failed(denied(first.code()))
                } else if first <= Flaw::Digest && place > first as usize {
                    CheckOutcome::NotReached
                } else if place == second as usize {
                    CheckOutcome::Failed(denied(second.code()))
                } else {
                    CheckOutcome::Passed
                };
                assert_eq!(
                    *outcome, expected,
                    "{check:?} under {first:?} and {second:?}"
                );
            }
        }
    }
}

fn denied(code: Code) -> Denied {
    let found = Denied::ALL.into_iter().find(|denied| denied.code() == code);
    found.expect("a denial")
}

#[test]
fn a_wrong_secret_or_a_rewritten_environment_is_not_found_whatever_the_keys_state() {
    let home = Home::new();
    let (id, token) = home.key(|new| new.expires = Expiry::In(100));
    let wrong = [
        with_wrong_secret(token.expose()),
        with_environment(token.expose(), "live", "test"),
    ];
    let requirements = [
        plain(),
        plain().environment(environment("test")),
        plain().any_environment(),
    ];
    let hold = |state: &str| {
        for text in &wrong {
            for requirement in &requirements {
                assert_eq!(
                    verify(&home.store, text, requirement),
                    Code::NOT_FOUND,
                    "{state}"
                );
            }
        }
    };
    hold("active");
    home.store.disable(id).unwrap();
    hold("disabled");
    home.clock.advance(100);
    hold("disabled and expired");
    home.store.enable(id).unwrap();
    hold("expired");
    assert_eq!(verify(&home.store, token.expose(), &plain()), Code::EXPIRED);
    home.store.revoke(id, &Revoke::default()).unwrap();
    hold("revoked");
    assert_eq!(verify(&home.store, token.expose(), &plain()), Code::REVOKED);
}

#[test]
fn any_bytes_of_any_length_are_malformed_and_never_an_error() {
    let home = Home::new();
    let (_, token) = home.key(|_| {});
    let long = "x".repeat(1 << 20);
    let padded = format!("{}{}", token.expose(), "x".repeat(512));
    for text in [
        "",
        " ",
        "\0",
        "acme_live_",
        &long[..511],
        &long[..512],
        &long[..513],
        &long,
        &padded,
    ] {
        assert_eq!(
            verify(&home.store, text, &plain()),
            Code::MALFORMED,
            "{} bytes",
            text.len()
        );
    }
    for text in [&[0xff_u8; 110][..], b"\xc3\x28", &[0; 512]] {
        assert_eq!(code(&home.store.verify(text, &plain())), Code::MALFORMED);
    }
    for cut in 0..token.expose().len() {
        assert_eq!(
            verify(&home.store, &token.expose()[..cut], &plain()),
            Code::MALFORMED
        );
    }
    for around in [
        format!(" {}", token.expose()),
        format!("{}\n", token.expose()),
    ] {
        assert_eq!(verify(&home.store, &around, &plain()), Code::MALFORMED);
    }
}

#[test]
fn the_environment_is_live_unless_another_or_any_is_stated() {
    let home = Home::new();
    let (_, live) = home.key(|_| {});
    let (_, test) = home.key(|new| new.environment = environment("test"));
    let rows = [
        (plain(), Code::OK, Code::WRONG_ENVIRONMENT),
        (
            plain().environment(environment("live")),
            Code::OK,
            Code::WRONG_ENVIRONMENT,
        ),
        (
            plain().environment(environment("test")),
            Code::WRONG_ENVIRONMENT,
            Code::OK,
        ),
        (
            plain().environment(environment("dev")),
            Code::WRONG_ENVIRONMENT,
            Code::WRONG_ENVIRONMENT,
        ),
        (plain().any_environment(), Code::OK, Code::OK),
    ];
    for (requirement, for_live, for_test) in rows {
        assert_eq!(
            verify(&home.store, live.expose(), &requirement),
            for_live,
            "{requirement:?}"
        );
        assert_eq!(
            verify(&home.store, test.expose(), &requirement),
            for_test,
            "{requirement:?}"
        );
    }
}

#[test]
fn a_project_token_is_good_only_where_its_project_is_stated() {
    let home = Home::new();
    home.project("shop", &[], None);
    home.project("blog", &[], None);
    home.project("anns", &[], Some("ann"));
    let (_, bound) = home.key(|new| new.project = Some("shop".into()));
    let (_, free) = home.key(|_| {});
    let (_, of_ann) = home.key(|new| new.owner = Some("ann".into()));
    let (_, of_bob) = home.key(|new| new.owner = Some("bob".into()));
    let named = |name: &str| plain().project(name).unwrap();
    let rows = [
        ("bound", &bound, plain(), Code::WRONG_PROJECT),
        ("bound", &bound, named("shop"), Code::OK),
        ("bound", &bound, named("blog"), Code::WRONG_PROJECT),
        ("bound", &bound, named("anns"), Code::WRONG_PROJECT),
        ("bound", &bound, named("nowhere"), Code::WRONG_PROJECT),
        ("bound", &bound, plain().any_project(), Code::OK),
        ("free", &free, plain(), Code::OK),
        ("free", &free, named("shop"), Code::OK),
        ("free", &free, named("anns"), Code::WRONG_OWNER),
        ("free", &free, named("nowhere"), Code::WRONG_PROJECT),
        ("free", &free, plain().any_project(), Code::OK),
        ("of ann", &of_ann, named("anns"), Code::OK),
        ("of ann", &of_ann, named("shop"), Code::OK),
        ("of bob", &of_bob, named("anns"), Code::WRONG_OWNER),
        ("of bob", &of_bob, named("shop"), Code::OK),
    ];
    for (whose, token, requirement, expected) in rows {
        assert_eq!(
            verify(&home.store, token.expose(), &requirement),
            expected,
            "{whose}: {requirement:?}"
        );
    }
    assert_eq!(
        home.store
            .verify(bound.expose(), &named("shop"))
            .unwrap()
            .project(),
        Some("shop")
    );
}

/// What only the request knows goes before what the requirement says of the same, in every way to
/// ask; what a requirement cannot hold, a request can say, and nothing is good for it.
#[test]
fn a_request_adds_to_a_requirement_what_only_it_knows() {
    let home = Home::new();
    home.project("shop", &["a"], None);
    home.project("blog", &["a"], None);
    let (_, token) = home.key(|new| {
        new.project = Some("shop".into());
        new.owner = Some("ann".into());
        new.ip_list = vec!["10.0.0.0/8".parse().unwrap()];
    });
    let inside: IpAddr = "10.0.0.1".parse().unwrap();
    let outside: IpAddr = "11.0.0.1".parse().unwrap();
    let nothing = plain();
    let all = plain().project("shop").unwrap().owner("ann").unwrap();
    let all = all.ip(inside);
    let any = plain().any_project().ip(inside);
    let rows = [
        (nothing.request(), Code::WRONG_PROJECT),
        (nothing.request().project("shop"), Code::IP_NOT_ALLOWED),
        (nothing.request().project("shop").ip(inside), Code::OK),
        (all.request(), Code::OK),
        (all.request().project("blog"), Code::WRONG_PROJECT),
        (all.request().owner("bob"), Code::WRONG_OWNER),
        (all.request().ip(outside), Code::IP_NOT_ALLOWED),
        (any.request(), Code::OK),
        (any.request().project("blog"), Code::WRONG_PROJECT),
        (
            any.request().project("no such name!\0"),
            Code::WRONG_PROJECT,
        ),
    ];
    for (request, expected) in rows {
        // The first from the file, the second from memory.
        for _ in 0..2 {
            let asked = home.store.verify(token.expose(), request);
            let code = asked.map_or_else(|e| e.code(), |_| Code::OK);
            assert_eq!(code, expected, "{request:?}");
        }
        let later = home.store.verify_at(token.expose(), request, at(START));
        assert_eq!(later.map_or_else(|e| e.code(), |_| Code::OK), expected);
        let why = home.store.explain(token.expose(), request).unwrap();
        assert_eq!(
            why.outcome.map_or_else(|d| d.code(), |_| Code::OK),
            expected
        );
        let value = format!("Bearer {}", token.expose());
        let header = home.store.verify_authorization(value, request);
        assert_eq!(header.map_or_else(|e| e.code(), |_| Code::OK), expected);
    }
    let shared = Arc::new(all);
    assert!(home.store.verify(token.expose(), &shared).is_ok());
}

/// A key without a project has the stated one looked up, whose name may be any text.
#[test]
fn a_project_that_a_request_names_need_not_be_a_name() {
    let home = Home::new();
    home.project("shop", &[], None);
    let (_, free) = home.key(|_| {});
    let requirement = plain();
    for (name, expected) in [
        ("shop", Code::OK),
        ("", Code::WRONG_PROJECT),
        ("no such name!\0", Code::WRONG_PROJECT),
        (&"x".repeat(100_000), Code::WRONG_PROJECT),
    ] {
        let asked = home
            .store
            .verify(free.expose(), requirement.request().project(name));
        assert_eq!(asked.map_or_else(|e| e.code(), |_| Code::OK), expected);
    }
}

#[test]
fn what_is_verified_tells_its_id_and_its_owner_as_text_and_as_bytes() {
    // One that is kept with the key, and one that is too long for that.
    for owner in [
        "ann",
        "an owner that is longer than what is kept beside a key",
    ] {
        as_text_and_as_bytes(owner);
    }
}

fn as_text_and_as_bytes(owner: &str) {
    let home = Home::new();
    let (id, token) = home.key(|new| new.owner = Some(owner.into()));
    for _ in 0..2 {
        let verified = home.store.verify(token.expose(), &plain()).unwrap();
        assert_eq!(
            (verified.key_id(), verified.key_id_text()),
            (id, id.to_text())
        );
        assert_eq!(verified.owner_bytes(), verified.owner().map(str::as_bytes));
        assert_eq!(verified.owner(), Some(owner));
    }
}

#[test]
fn a_stated_owner_must_be_the_keys() {
    let home = Home::new();
    let (_, none) = home.key(|_| {});
    let (_, ann) = home.key(|new| new.owner = Some("ann".into()));
    let owner = |name: &str| plain().owner(name).unwrap();
    assert_eq!(
        verify(&home.store, none.expose(), &owner("ann")),
        Code::WRONG_OWNER
    );
    assert_eq!(verify(&home.store, ann.expose(), &owner("ann")), Code::OK);
    assert_eq!(
        verify(&home.store, ann.expose(), &owner("Ann")),
        Code::WRONG_OWNER
    );
    assert_eq!(verify(&home.store, ann.expose(), &plain()), Code::OK);
}

#[test]
fn a_project_that_is_disabled_deleted_or_narrowed_binds_its_tokens_at_once() {
    let home = Home::new();
    home.project("shop", &["a:*"], None);
    let (_, token) = home.key(|new| {
        new.project = Some("shop".into());
        new.scopes = scopes(&["a:b", "a:c:*"]);
    });
    let needs = |scope: &str| {
        let requirement = plain().project("shop").unwrap().scopes([scope]).unwrap();
        verify(&home.store, token.expose(), &requirement)
    };
    assert_eq!((needs("a:b"), needs("a:c:d")), (Code::OK, Code::OK));
    let mut update = ProjectUpdate::default();
    update.scopes = Change::Set(scopes(&["a:c:d"]));
    home.store.update_project("shop", &update).unwrap();
    assert_eq!(needs("a:b"), Code::INSUFFICIENT_SCOPE);
    assert_eq!(needs("a:c:d"), Code::OK);
    assert_eq!(needs("a:c:e"), Code::INSUFFICIENT_SCOPE);
    let verified = home
        .store
        .verify(token.expose(), &plain().any_project())
        .unwrap();
    assert_eq!(*verified.scopes(), scopes(&["a:c:d"]));

    home.store.disable_project("shop").unwrap();
    assert_eq!(needs("a:c:d"), Code::DISABLED);
    home.store.enable_project("shop").unwrap();
    assert_eq!(needs("a:c:d"), Code::OK);
    home.store.delete_project("shop").unwrap();
    assert_eq!(needs("a:c:d"), Code::REVOKED);
    home.project("shop", &["a:*"], None);
    assert_eq!(
        needs("a:c:d"),
        Code::REVOKED,
        "another project of the same name"
    );
}

#[test]
fn an_ip_list_fails_closed_and_an_ipv4_mapped_address_is_ipv4() {
    let home = Home::new();
    let (id, token) = home.key(|new| {
        new.ip_list = vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ];
    });
    let from = |ip: &str| {
        let ip: IpAddr = ip.parse().unwrap();
        verify(&home.store, token.expose(), &plain().ip(ip))
    };
    assert_eq!(
        verify(&home.store, token.expose(), &plain()),
        Code::IP_NOT_ALLOWED
    );
    let rows = [
        ("10.255.255.255", Code::OK),
        ("11.0.0.0", Code::IP_NOT_ALLOWED),
        ("::ffff:10.0.0.1", Code::OK),
        ("::ffff:11.0.0.1", Code::IP_NOT_ALLOWED),
        ("::10.0.0.1", Code::IP_NOT_ALLOWED),
        ("2001:db8::1", Code::OK),
        ("2001:db9::1", Code::IP_NOT_ALLOWED),
    ];
    for (ip, expected) in rows {
        assert_eq!(from(ip), expected, "{ip}");
    }
    let mut update = KeyUpdate::default();
    update.ip_list = Change::Set(Vec::new());
    assert!(
        home.store.update(id, &update).is_err(),
        "emptied by accident"
    );
    assert_eq!(
        verify(&home.store, token.expose(), &plain()),
        Code::IP_NOT_ALLOWED
    );
    update.ip_list = Change::Clear;
    home.store.update(id, &update).unwrap();
    assert_eq!(verify(&home.store, token.expose(), &plain()), Code::OK);
}

#[test]
fn all_of_and_any_of_scopes_are_both_held_to() {
    let home = Home::new();
    let (_, token) = home.key(|new| new.scopes = scopes(&["a:b", "c:*"]));
    let (_, bare) = home.key(|_| {});
    let (_, star) = home.key(|new| new.scopes = scopes(&["*"]));
    let none: &[&str] = &[];
    let rows: [(&[&str], &[&str], Code); 11] = [
        (none, none, Code::OK),
        (&["a:b"], none, Code::OK),
        (&["a"], none, Code::INSUFFICIENT_SCOPE),
        (&["a:b:c"], none, Code::INSUFFICIENT_SCOPE),
        (&["A:B"], none, Code::INSUFFICIENT_SCOPE),
        (&["c:x:y", "a:b"], none, Code::OK),
        (&["c"], none, Code::INSUFFICIENT_SCOPE),
        (none, &["x", "a:b"], Code::OK),
        (none, &["x", "y"], Code::INSUFFICIENT_SCOPE),
        (&["a:b"], &["x"], Code::INSUFFICIENT_SCOPE),
        (&["x"], &["a:b"], Code::INSUFFICIENT_SCOPE),
    ];
    for (all, any, expected) in rows {
        let mut requirement = plain().scopes(all).unwrap();
        if !any.is_empty() {
            requirement = requirement.any_scopes(any).unwrap();
        }
        assert_eq!(
            verify(&home.store, token.expose(), &requirement),
            expected,
            "{all:?} {any:?}"
        );
        assert_eq!(verify(&home.store, star.expose(), &requirement), Code::OK);
        let for_bare = if all.is_empty() && any.is_empty() {
            Code::OK
        } else {
            Code::INSUFFICIENT_SCOPE
        };
        assert_eq!(verify(&home.store, bare.expose(), &requirement), for_bare);
    }
}

#[test]
fn expiry_and_not_before_change_the_answer_at_their_second_and_not_one_off() {
    let home = Home::new();
    let (_, token) = home.key(|new| {
        new.not_before = Some(at(100));
        new.expires = Expiry::At(at(200));
    });
    let answers = [
        (99, Code::NOT_YET_VALID),
        (100, Code::OK),
        (101, Code::OK),
        (199, Code::OK),
        (200, Code::EXPIRED),
        (201, Code::EXPIRED),
    ];
    for (offset, expected) in answers {
        let answer = home.store.verify_at(token.expose(), &plain(), at(offset));
        assert_eq!(code(&answer), expected, "asked about {offset}");
    }
    for (offset, expected) in answers {
        home.clock.set(at(offset));
        assert_eq!(
            verify(&home.store, token.expose(), &plain()),
            expected,
            "at {offset}"
        );
    }
}

#[test]
fn a_grace_ends_at_its_second_and_the_verified_value_says_when() {
    let home = Home::new();
    let (id, old) = home.key(|new| new.expires = Expiry::In(1_000));
    let rotated = home.store.rotate(id, &Rotate::with_grace(50)).unwrap();
    let new = rotated.token.unwrap();
    let by_old = home.store.verify(old.expose(), &plain()).unwrap();
    assert_eq!(
        (by_old.matched(), by_old.expires_at()),
        (MatchedSecret::Previous, Some(at(50)))
    );
    let by_new = home.store.verify(new.expose(), &plain()).unwrap();
    assert_eq!(
        (by_new.matched(), by_new.expires_at()),
        (MatchedSecret::Current, Some(at(1_000)))
    );
    for (offset, expected) in [(49, Code::OK), (50, Code::EXPIRED), (51, Code::EXPIRED)] {
        home.clock.set(at(offset));
        assert_eq!(
            verify(&home.store, old.expose(), &plain()),
            expected,
            "{offset}"
        );
        assert_eq!(verify(&home.store, new.expose(), &plain()), Code::OK);
    }
    home.store.finish_rotation(id).unwrap();
    home.store.rotate(id, &Rotate::default()).unwrap();
    assert_eq!(
        verify(&home.store, new.expose(), &plain()),
        Code::NOT_FOUND,
        "no grace"
    );
}

#[test]
fn a_clock_set_back_revives_nothing_even_after_a_reopen() {
    let mut home = Home::new();
    let (id, first) = home.key(|new| new.expires = Expiry::In(100));
    let (other, old) = home.key(|_| {});
    home.store.rotate(other, &Rotate::with_grace(100)).unwrap();
    let (_, early) = home.key(|new| new.not_before = Some(at(90)));
    home.clock.advance(100);
    assert_eq!(verify(&home.store, first.expose(), &plain()), Code::EXPIRED);
    // Any commit carries the mark.
    home.store.disable(id).unwrap();
    home.store.enable(id).unwrap();
    for reopened in [false, true] {
        home.clock.set(at(50));
        if reopened {
            home.reopen();
        }
        assert_eq!(verify(&home.store, first.expose(), &plain()), Code::EXPIRED);
        assert_eq!(verify(&home.store, old.expose(), &plain()), Code::EXPIRED);
        assert_eq!(home.store.get(id).unwrap().state.name(), "expired");
        assert_eq!(
            verify(&home.store, early.expose(), &plain()),
            Code::NOT_YET_VALID,
            "not-before goes by the clock alone"
        );
    }
    home.store.reset_clock().unwrap();
    assert_eq!(
        verify(&home.store, first.expose(), &plain()),
        Code::OK,
        "the mark was mended"
    );
}

#[test]
fn a_flush_of_uses_carries_the_mark_too() {
    let home = Home::new();
    let (_, used) = home.key(|_| {});
    let (_, short) = home.key(|new| new.expires = Expiry::In(100));
    home.clock.advance(100);
    assert_eq!(verify(&home.store, used.expose(), &plain()), Code::OK);
    home.store.flush().unwrap();
    home.clock.advance(-50);
    assert_eq!(verify(&home.store, short.expose(), &plain()), Code::EXPIRED);
}

#[test]
fn a_clock_more_than_a_day_ahead_does_not_move_the_mark() {
    const DAY: i64 = 24 * 60 * 60;
    for (ahead, moves) in [(DAY, true), (DAY + 1, false), (DAY * 365, false)] {
        let home = Home::new();
        let (id, token) = home.key(|new| new.expires = Expiry::In(1_000));
        home.clock.set(at(ahead));
        assert_eq!(verify(&home.store, token.expose(), &plain()), Code::EXPIRED);
        home.store.disable(id).unwrap();
        home.store.enable(id).unwrap();
        home.clock.set(at(10));
        let expected = if moves { Code::EXPIRED } else { Code::OK };
        assert_eq!(
            verify(&home.store, token.expose(), &plain()),
            expected,
            "{ahead} ahead"
        );
    }
    // Time that passed in truth is not ahead of anything.
    let home = Home::new();
    let (id, token) = home.key(|new| new.expires = Expiry::In(1_000));
    home.clock.advance(DAY * 365);
    home.store.disable(id).unwrap();
    home.store.enable(id).unwrap();
    home.clock.set(at(10));
    assert_eq!(verify(&home.store, token.expose(), &plain()), Code::EXPIRED);
}

#[test]
fn verify_at_moves_nothing_counts_nothing_and_sees_neither_clock_nor_mark() {
    let home = Home::new();
    let (id, token) = home.key(|new| new.expires = Expiry::In(100));
    home.clock.advance(5_000);
    home.store.disable(id).unwrap();
    home.store.enable(id).unwrap();
    let before = std::fs::read(home.path()).unwrap();
    assert_eq!(
        code(&home.store.verify_at(token.expose(), &plain(), at(99))),
        Code::OK
    );
    let far = Timestamp::from_unix(i64::MAX);
    assert_eq!(
        code(&home.store.verify_at(token.expose(), &plain(), far)),
        Code::EXPIRED
    );
    let long_ago = Timestamp::from_unix(i64::MIN);
    assert_eq!(
        code(&home.store.verify_at(token.expose(), &plain(), long_ago)),
        Code::OK
    );
    assert_eq!(home.store.get(id).unwrap().used.uses, 0);
    assert!(home.store.refusals().iter().all(|(_, count)| *count == 0));
    home.store.flush().unwrap();
    assert!(
        before == std::fs::read(home.path()).unwrap(),
        "the file is as it was"
    );
}

#[test]
fn explain_changes_nothing() {
    let home = Home::new();
    let (id, token) = home.key(|new| new.scopes = scopes(&["a"]));
    let before = std::fs::read(home.path()).unwrap();
    let more = plain().scopes(["b"]).unwrap();
    let refused = home.store.explain(token.expose(), &more).unwrap();
    assert_eq!(
        (refused.outcome, refused.key_id),
        (Err(Denied::InsufficientScope), Some(id))
    );
    let good = home.store.explain(token.expose(), &plain()).unwrap();
    assert_eq!(good.outcome.unwrap().key_id(), id);
    let wrong = home
        .store
        .explain(with_wrong_secret(token.expose()), &plain())
        .unwrap();
    assert_eq!((wrong.outcome, wrong.key_id), (Err(Denied::NotFound), None));
    assert_eq!(home.store.get(id).unwrap().used.uses, 0);
    assert!(home.store.refusals().iter().all(|(_, count)| *count == 0));
    assert!(
        before == std::fs::read(home.path()).unwrap(),
        "the file is as it was"
    );
}

#[test]
fn refusals_are_counted_by_code_and_told_with_the_key_only_where_the_secret_matched() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    home.store.on_refusal(Some(Box::new(move |refusal| {
        sink.lock().unwrap().push((refusal.denied, refusal.key_id));
    })));
    let more = plain().scopes(["x"]).unwrap();
    for _ in 0..2 {
        assert!(home.store.verify(token.expose(), &more).is_err());
    }
    assert!(home.store.verify("junk", &plain()).is_err());
    assert!(
        home.store
            .verify(with_wrong_secret(token.expose()), &plain())
            .is_err()
    );
    assert!(
        home.store
            .verify_authorization("Bearer a b", &plain())
            .is_err()
    );
    assert!(home.store.verify(token.expose(), &plain()).is_ok());
    let expected = [
        (Denied::InsufficientScope, Some(id)),
        (Denied::InsufficientScope, Some(id)),
        (Denied::Malformed, None),
        (Denied::NotFound, None),
        (Denied::Malformed, None),
    ];
    assert_eq!(*told.lock().unwrap(), expected);
    home.store.on_refusal(None);
    assert!(home.store.verify("junk", &plain()).is_err());
    assert_eq!(told.lock().unwrap().len(), 5, "taken away again");
    for (denied, count) in home.store.refusals() {
        let expected = match denied {
            Denied::Malformed => 3,
            Denied::NotFound => 1,
            Denied::InsufficientScope => 2,
            _ => 0,
        };
        assert_eq!(count, expected, "{denied:?}");
    }
}

#[test]
fn an_authorization_value_is_verified_or_holds_none_or_is_malformed() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let ask = |value: String| {
        home.store
            .verify_authorization(value, &plain())
            .map(|found| found.map(|verified| verified.key_id()))
            .map_err(|error| error.code())
    };
    let token = token.expose();
    assert_eq!(ask(format!("Bearer {token}")), Ok(Some(id)));
    assert_eq!(ask(format!(" \tbEARER \t {token}\t")), Ok(Some(id)));
    assert_eq!(ask(String::new()), Ok(None));
    assert_eq!(ask("Basic dXNlcjpwYXNz".into()), Ok(None));
    assert_eq!(ask(format!("Bearer {token} x")), Err(Code::MALFORMED));
    assert_eq!(
        ask(format!("Bearer {token}, Bearer {token}")),
        Err(Code::MALFORMED)
    );
    assert_eq!(
        ask(format!("Bearer {}", with_wrong_secret(token))),
        Err(Code::NOT_FOUND)
    );
}

#[test]
fn uses_are_kept_per_secret_survive_a_reopen_and_never_go_backwards() {
    let mut home = Home::new();
    let (id, old) = home.key(|_| {});
    let good =
        |home: &Home, token: &str| assert_eq!(verify(&home.store, token, &plain()), Code::OK);
    assert_eq!(home.store.get(id).unwrap().last_used_at(), None);
    home.clock.advance(10);
    good(&home, old.expose());
    good(&home, old.expose());
    let new = home
        .store
        .rotate(id, &Rotate::with_grace(1_000))
        .unwrap()
        .token
        .unwrap();
    home.clock.advance(10);
    good(&home, new.expose());
    let hold = |home: &Home, when: &str| {
        let info = home.store.get(id).unwrap();
        assert_eq!(
            (info.used.uses, info.used.last_used_at),
            (1, Some(at(20))),
            "{when}"
        );
        let of_old = info.old_secret.unwrap().used;
        assert_eq!(
            (of_old.uses, of_old.last_used_at),
            (2, Some(at(10))),
            "{when}"
        );
        assert_eq!(info.last_used_at(), Some(at(20)), "{when}");
    };
    hold(&home, "in memory");
    home.store.flush().unwrap();
    hold(&home, "written");
    let sequence = home.store.get(id).unwrap().sequence;
    home.reopen();
    hold(&home, "after a reopen");
    assert_eq!(
        home.store.get(id).unwrap().sequence,
        sequence,
        "a use is no event"
    );

    home.clock.set(at(5));
    good(&home, new.expose());
    home.reopen();
    let used = home.store.get(id).unwrap().used;
    assert_eq!(
        (used.uses, used.last_used_at),
        (2, Some(at(20))),
        "the clock went back, not the use"
    );
    home.store.finish_rotation(id).unwrap();
    assert!(home.store.get(id).unwrap().old_secret.is_none());
}

#[test]
fn closing_writes_what_dropping_writes_too() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    for expected in 1..=2 {
        let other = home.beside();
        assert_eq!(verify(&other, token.expose(), &plain()), Code::OK);
        if expected == 1 {
            other.close().unwrap();
        } else {
            drop(other);
        }
        assert_eq!(home.store.get(id).unwrap().used.uses, expected);
    }
}

#[test]
fn last_use_is_never_seen_to_go_backwards_while_it_is_written() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let (store, clock) = (home.store.clone(), home.clock.clone());
    let text = token.expose().to_owned();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = Arc::clone(&done);
    let writer = std::thread::spawn(move || {
        for _ in 0..60 {
            clock.advance(1);
            assert_eq!(verify(&store, &text, &plain()), Code::OK);
            // Long enough to be seen in memory before it is written.
            std::thread::sleep(std::time::Duration::from_millis(2));
            store.flush().unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let mut latest = None;
    while !done.load(std::sync::atomic::Ordering::SeqCst) {
        let seen = home.store.get(id).unwrap().used.last_used_at;
        assert!(seen >= latest, "{seen:?} after {latest:?}");
        latest = seen;
    }
    writer.join().unwrap();
    let used = home.store.get(id).unwrap().used;
    assert_eq!((used.uses, used.last_used_at), (60, Some(at(60))));
}

#[test]
fn a_read_only_handle_verifies_and_keeps_no_uses() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    home.store.close().unwrap();
    let reader = options(&home.clock)
        .read_only(true)
        .open(home.path())
        .unwrap();
    assert_eq!(verify(&reader, token.expose(), &plain()), Code::OK);
    assert_eq!(reader.get(id).unwrap().used.uses, 0);
    assert_eq!(reader.disable(id).unwrap_err().code(), Code::READ_ONLY);
    reader.flush().unwrap();
    reader.close().unwrap();
    let store = options(&home.clock).open(home.path()).unwrap();
    assert_eq!(store.get(id).unwrap().used.uses, 0);
}

#[test]
fn a_revocation_that_returned_is_seen_by_every_handle() {
    let home = Home::new();
    let other = home.beside();
    for _ in 0..10 {
        let (id, token) = home.key(|_| {});
        assert_eq!(verify(&other, token.expose(), &plain()), Code::OK);
        home.store.revoke(id, &Revoke::default()).unwrap();
        assert_eq!(verify(&other, token.expose(), &plain()), Code::REVOKED);
    }
}

#[test]
fn an_error_of_the_store_is_neither_yes_nor_no() {
    let home = Home::new();
    let (_, token) = home.key(|_| {});
    home.store.close().unwrap();
    let answer = home.store.verify(token.expose(), &plain());
    assert!(matches!(&answer, Err(VerifyError::Store(error)) if error.code() == Code::CLOSED));
    let malformed = home.store.verify("junk", &plain());
    assert_eq!(
        code(&malformed),
        Code::CLOSED,
        "a closed store says nothing of any token"
    );
    assert!(home.store.refusals().iter().all(|(_, count)| *count == 0));
}

#[test]
fn a_token_of_another_store_of_the_same_prefix_is_not_found() {
    let (one, other) = (Home::new(), Home::new());
    let (_, token) = one.key(|_| {});
    assert_eq!(
        verify(&other.store, token.expose(), &plain()),
        Code::NOT_FOUND
    );
    let folder = tempfile::tempdir().unwrap();
    let named = StoreOptions::new()
        .prefix("other")
        .unwrap()
        .clock(Clock::manual(Timestamp::from_unix(START)))
        .create(folder.path().join("k"))
        .unwrap();
    assert_eq!(verify(&named, token.expose(), &plain()), Code::MALFORMED);
}

//! What each verb does: in each state, at each bound, repeated, in bulk, against the policy.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::{
    Home, START, at, code_of, environment, made, options, plain, scopes, verify, with_wrong_secret,
};
use keyfob::limits;
use keyfob::{
    Change, Clock, Code, Expiry, Filter, KeyId, KeyState, KeyUpdate, MatchedSecret, NewKey,
    NewProject, Policy, ProjectUpdate, Prune, Reason, Revoke, Rotate, ScopeSet, Selection,
    Timestamp, Token, Verified,
};

// ---- the table ----

/// A key in one of the states of the table, with its token, its old token, and what it verified as
/// while it was good.
struct Subject {
    home: Home,
    id: KeyId,
    token: Token,
    old: Option<Token>,
    verified: Verified,
}

fn subject(state: &str) -> Subject {
    let home = Home::new();
    let in_project = state.starts_with("in a ");
    if in_project {
        home.project("shop", &["a"], None);
    }
    let (id, token) = home.key(|new| {
        new.expires = Expiry::In(1_000);
        new.project = in_project.then(|| "shop".to_owned());
    });
    let verified = home
        .store
        .verify(token.expose(), &plain().any_project())
        .unwrap();
    let (mut token, mut old) = (token, None);
    match state {
        "active" => {}
        "in grace" => {
            let rotated = home.store.rotate(id, &Rotate::with_grace(500)).unwrap();
            old = Some(std::mem::replace(&mut token, rotated.token.unwrap()));
        }
        "disabled" => drop(home.store.disable(id).unwrap()),
        "not_yet_valid" => {
            let mut update = KeyUpdate::default();
            update.not_before = Change::Set(at(900));
            home.store.update(id, &update).unwrap();
        }
        "expired" => home.clock.advance(1_001),
        "revoked" => drop(home.store.revoke(id, &Revoke::default()).unwrap()),
        "pruned" => {
            home.store.revoke(id, &Revoke::default()).unwrap();
            home.clock.advance(1);
            assert_eq!(prune_all(&home).keys, 1);
        }
        "in a disabled project" => drop(home.store.disable_project("shop").unwrap()),
        "in a deleted project" => drop(home.store.delete_project("shop").unwrap()),
        other => panic!("no way to make a key that is {other}"),
    }
    home.clock.advance(1);
    Subject {
        home,
        id,
        token,
        old,
        verified,
    }
}

fn prune_all(home: &Home) -> keyfob::Pruned {
    let mut prune = Prune::default();
    prune.revoked_before = Some(home.clock.now());
    prune.expired_before = Some(home.clock.now());
    home.store.prune(&prune).unwrap()
}

fn run(verb: &str, subject: &Subject) -> Code {
    let Subject {
        home,
        id,
        token,
        old,
        verified,
    } = subject;
    let (store, id) = (&home.store, *id);
    let update = |change: &dyn Fn(&mut KeyUpdate)| {
        let mut update = KeyUpdate::default();
        change(&mut update);
        code_of(&store.update(id, &update))
    };
    let by_old = |whole| match old {
        Some(old) => code_of(&store.revoke_token(old.expose(), whole, &Revoke::default())),
        None => code_of(&store.revoke_token(
            with_wrong_secret(token.expose()),
            whole,
            &Revoke::default(),
        )),
    };
    match verb {
        "get" => code_of(&store.get(id)),
        "update (its name)" => update(&|u| u.name = Some("another".into())),
        "update (nothing new)" => update(&|u| u.name = Some("key".into())),
        "update (a later expiry)" => update(&|u| u.expires = Change::Set(Expiry::In(5_000))),
        "update (an expiry in the past)" => {
            update(&|u| u.expires = Change::Set(Expiry::At(home.clock.now())))
        }
        "disable" => code_of(&store.disable(id)),
        "enable" => code_of(&store.enable(id)),
        "revoke" => code_of(&store.revoke(id, &Revoke::because(Reason::Superseded))),
        "revoke by its token" => {
            code_of(&store.revoke_token(token.expose(), false, &Revoke::default()))
        }
        "revoke by its old token" => by_old(false),
        "revoke all by its old token" => by_old(true),
        "rotate" => code_of(&store.rotate(id, &Rotate::default())),
        "finish the rotation" => code_of(&store.finish_rotation(id)),
        "create within" => code_of(&store.create_within(verified, &NewKey::new("child"))),
        "prune" => {
            prune_all(home);
            Code::OK
        }
        "verify" => verify(store, token.expose(), &plain().any_project()),
        other => panic!("no verb {other}"),
    }
}

/// The rows of a table of markdown, by the name of the column.
fn table(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut rows = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect::<Vec<_>>()
        });
    let head = rows.next().expect("a table");
    rows.next().expect("the line under its head");
    rows.map(|row| {
        assert_eq!(row.len(), head.len(), "{row:?}");
        head.iter().cloned().zip(row).collect()
    })
    .collect()
}

#[test]
fn every_cell_of_the_table_in_the_docs_is_what_happens() {
    let rows = table(include_str!("../../docs/lifecycle.md"));
    assert!(rows.len() >= 16, "the table was not found");
    let mut cells = 0;
    for row in &rows {
        let verb = &row["verb"];
        for (state, expected) in row.iter().filter(|(column, _)| *column != "verb") {
            let subject = subject(state);
            let store = &subject.home.store;
            let before = store.get(subject.id).ok();
            let answer = run(verb, &subject);
            let after = store.get(subject.id).ok();
            let place = format!("{verb}, {state}: the table says {expected}");
            cells += 1;
            if expected == "pruned" {
                assert!(before.is_some() && after.is_none(), "{place}");
            } else if expected == "same" || expected.to_uppercase() == *expected {
                let code = if expected == "same" { "OK" } else { expected };
                assert_eq!(answer.name(), code, "{place}");
                assert_eq!(
                    before.map(|key| (key.sequence, key.state)),
                    after.map(|key| (key.sequence, key.state)),
                    "{place}"
                );
            } else {
                assert_eq!(answer, Code::OK, "{place}");
                let (before, after) = (before.unwrap(), after.unwrap());
                assert_eq!(after.state.name(), expected, "{place}");
                let others = u64::from(state.starts_with("in a "));
                assert_eq!(
                    after.sequence,
                    before.sequence + others + 1,
                    "one event, after the project's own: {place}"
                );
            }
        }
    }
    assert_eq!(cells, rows.len() * 9);
}

// ---- creation ----

#[test]
fn a_key_is_what_it_was_made_from_also_after_a_reopen() {
    let mut home = Home::new();
    home.project("shop", &["a:*"], Some("ann"));
    let (id, token) = home.key(|new| {
        new.name = "Näme ✓".into();
        new.scopes = scopes(&["a:b", "a:c"]);
        new.project = Some("shop".into());
        new.environment = environment("test");
        new.expires = Expiry::In(500);
        new.not_before = Some(at(1));
        new.metadata = BTreeMap::from([("k".into(), "v".into())]);
        new.tags = BTreeSet::from(["t".into()]);
        new.ip_list = vec!["10.0.0.1/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        new.rotation_due_after = Some(50);
    });
    for reopened in [false, true] {
        if reopened {
            home.reopen();
        }
        let key = home.store.get(id).unwrap();
        assert_eq!((key.name.as_str(), key.id), ("Näme ✓", id));
        assert_eq!(key.scopes, scopes(&["a:b", "a:c"]));
        assert_eq!(key.project.as_deref(), Some("shop"));
        assert_eq!(
            key.owner.as_deref(),
            Some("ann"),
            "the project's, as none was named"
        );
        assert_eq!(key.environment, environment("test"));
        assert_eq!(
            (key.created_at, key.updated_at, key.rotated_at),
            (at(0), at(0), at(0))
        );
        assert_eq!(
            (key.expires_at, key.not_before),
            (Some(at(500)), Some(at(1)))
        );
        assert_eq!(key.metadata["k"], "v");
        assert!(key.tags.contains("t"));
        assert_eq!(key.ip_list.len(), 1, "one range, said twice");
        assert_eq!(
            (key.rotation_due_after, key.rotation_due_at),
            (Some(50), Some(at(50)))
        );
        assert_eq!((key.state, key.imported), (KeyState::NotYetValid, false));
        let text = token.expose();
        let tail = &id.to_string()[16..];
        assert_eq!(key.hint, format!("acme_test_…{tail}"));
        assert!(text.starts_with("acme_test_1") && text.contains(&id.to_string()));
    }
}

#[test]
fn a_creation_that_is_refused_leaves_nothing_behind() {
    let home = Home::new();
    home.project("shop", &["a"], None);
    home.project("off", &[], None);
    home.store.disable_project("off").unwrap();
    let refused = |change: &dyn Fn(&mut NewKey)| {
        let mut new = NewKey::new("key");
        change(&mut new);
        code_of(&home.store.create(&new))
    };
    let before = std::fs::read(home.path()).unwrap();
    let rows: Vec<(Code, Code)> = vec![
        (
            refused(&|n| n.project = Some("nowhere".into())),
            Code::NO_SUCH_PROJECT,
        ),
        (
            refused(&|n| n.project = Some("No Name".into())),
            Code::INVALID_ARGUMENT,
        ),
        (
            refused(&|n| n.project = Some("off".into())),
            Code::PROJECT_IS_DISABLED,
        ),
        (
            refused(&|n| {
                n.project = Some("shop".into());
                n.scopes = scopes(&["a", "b"]);
            }),
            Code::SCOPE_NOT_ALLOWED,
        ),
        (
            refused(&|n| {
                n.project = Some("shop".into());
                n.scopes = scopes(&["*"]);
            }),
            Code::SCOPE_NOT_ALLOWED,
        ),
        (
            refused(&|n| n.expires = Expiry::At(at(0))),
            Code::INVALID_TIME,
        ),
        (
            refused(&|n| n.expires = Expiry::At(at(-5))),
            Code::INVALID_TIME,
        ),
        (
            refused(&|n| n.expires = Expiry::At(Timestamp::from_unix(i64::MIN))),
            Code::INVALID_TIME,
        ),
        (
            refused(&|n| n.expires = Expiry::At(Timestamp::from_unix(i64::MAX))),
            Code::INVALID_TIME,
        ),
        (refused(&|n| n.expires = Expiry::In(0)), Code::INVALID_TIME),
        (refused(&|n| n.expires = Expiry::In(-1)), Code::INVALID_TIME),
        (
            refused(&|n| n.expires = Expiry::In(i64::MAX)),
            Code::INVALID_TIME,
        ),
        (
            refused(&|n| {
                n.expires = Expiry::In(10);
                n.not_before = Some(at(10));
            }),
            Code::INVALID_TIME,
        ),
        (refused(&|n| n.name = "a\nb".into()), Code::INVALID_ARGUMENT),
        (refused(&|n| n.name = "a\0b".into()), Code::INVALID_ARGUMENT),
        (
            refused(&|n| n.name = "\u{85}".into()),
            Code::INVALID_ARGUMENT,
        ),
        (
            refused(&|n| n.owner = Some(String::new())),
            Code::INVALID_ARGUMENT,
        ),
        (
            refused(&|n| n.owner = Some("a\0b".into())),
            Code::INVALID_ARGUMENT,
        ),
    ];
    for (row, (answer, expected)) in rows.into_iter().enumerate() {
        assert_eq!(answer, expected, "row {row}");
    }
    assert_eq!(home.store.count(&Filter::default()).unwrap(), 0);
    assert!(
        before == std::fs::read(home.path()).unwrap(),
        "the file is as it was"
    );
}

/// A bound: its name, and whether a value of this size is taken.
type Bound<'a> = (&'a str, usize, Box<dyn Fn(usize) -> Code + 'a>);

#[test]
fn every_bound_is_admitted_and_one_past_it_refused_by_every_verb_that_takes_it() {
    let home = Home::new();
    home.project("shop", &["*"], None);
    let create = |change: &dyn Fn(&mut NewKey)| {
        let mut new = NewKey::new("key");
        change(&mut new);
        code_of(&home.store.create(&new))
    };
    let (id, _) = home.key(|_| {});
    let update = |change: &dyn Fn(&mut KeyUpdate)| {
        let mut update = KeyUpdate::default();
        change(&mut update);
        code_of(&home.store.update(id, &update))
    };
    let parse =
        |texts: &[String]| ScopeSet::parse(texts).map_or_else(|misuse| misuse.code(), |_| Code::OK);
    let numbered = |n: usize| (0..n).map(|i| format!("s{i}")).collect::<Vec<_>>();
    let pairs = |n: usize| -> BTreeMap<String, String> {
        (0..n).map(|i| (format!("{i:02}"), "v".into())).collect()
    };
    let sized = |total: usize| -> BTreeMap<String, String> {
        let mut map: BTreeMap<_, _> = (0..8).map(|i| (i.to_string(), "v".repeat(511))).collect();
        let have = 8 * 512;
        if total > have {
            map.insert("9".into(), "v".repeat(total - have - 1));
        }
        map
    };
    let tags = |n: usize| (0..n).map(|i| format!("t{i}")).collect::<BTreeSet<_>>();
    let ranges = |n: usize| {
        (0..n)
            .map(|i| format!("10.0.{i}.0/24").parse().unwrap())
            .collect::<Vec<_>>()
    };
    let text = |n: usize| "x".repeat(n);
    let bounds: Vec<Bound<'_>> = vec![
        (
            "name",
            limits::KEY_NAME_BYTES,
            Box::new(|n| create(&|k| k.name = text(n))),
        ),
        (
            "name, new",
            limits::KEY_NAME_BYTES,
            Box::new(|n| update(&|k| k.name = Some(text(n)))),
        ),
        ("scopes", limits::SCOPES, Box::new(|n| parse(&numbered(n)))),
        (
            "scope",
            limits::SCOPE_BYTES,
            Box::new(|n| parse(&[text(n)])),
        ),
        (
            "segments",
            limits::SCOPE_SEGMENTS,
            Box::new(|n| parse(&[vec!["a"; n].join(":")])),
        ),
        (
            "owner",
            limits::OWNER_BYTES,
            Box::new(|n| create(&|k| k.owner = Some(text(n)))),
        ),
        (
            "owner, new",
            limits::OWNER_BYTES,
            Box::new(|n| update(&|k| k.owner = Change::Set(text(n)))),
        ),
        (
            "owner of a project",
            limits::OWNER_BYTES,
            Box::new(|n| {
                let mut update = ProjectUpdate::default();
                update.owner = Change::Set(text(n));
                code_of(&home.store.update_project("shop", &update))
            }),
        ),
        (
            "name of a project",
            limits::PROJECT_NAME_BYTES,
            Box::new(|n| code_of(&home.store.create_project(&NewProject::new(text(n))))),
        ),
        (
            "pairs",
            limits::METADATA_PAIRS,
            Box::new(|n| create(&|k| k.metadata = pairs(n))),
        ),
        (
            "pairs, new",
            limits::METADATA_PAIRS,
            Box::new(|n| update(&|k| k.metadata = Change::Set(pairs(n)))),
        ),
        (
            "metadata key",
            limits::METADATA_KEY_BYTES,
            Box::new(|n| create(&|k| k.metadata = BTreeMap::from([(text(n), String::new())]))),
        ),
        (
            "metadata value",
            limits::METADATA_VALUE_BYTES,
            Box::new(|n| create(&|k| k.metadata = BTreeMap::from([("k".into(), text(n))]))),
        ),
        (
            "metadata",
            limits::METADATA_BYTES,
            Box::new(|n| create(&|k| k.metadata = sized(n))),
        ),
        (
            "tags",
            limits::TAGS,
            Box::new(|n| create(&|k| k.tags = tags(n))),
        ),
        (
            "tags, new",
            limits::TAGS,
            Box::new(|n| update(&|k| k.tags = Change::Set(tags(n)))),
        ),
        (
            "tag",
            limits::TAG_BYTES,
            Box::new(|n| create(&|k| k.tags = BTreeSet::from([text(n)]))),
        ),
        (
            "ranges",
            limits::IP_RANGES,
            Box::new(|n| create(&|k| k.ip_list = ranges(n))),
        ),
        (
            "ranges, new",
            limits::IP_RANGES,
            Box::new(|n| update(&|k| k.ip_list = Change::Set(ranges(n)))),
        ),
        (
            "actor",
            limits::ACTOR_BYTES,
            Box::new(|n| {
                home.store
                    .with_actor(&text(n))
                    .map_or_else(|m| m.code(), |_| Code::OK)
            }),
        ),
        (
            "note",
            limits::NOTE_BYTES,
            Box::new(|n| {
                let (id, _) = home.key(|_| {});
                let mut revoke = Revoke::default();
                revoke.note = Some(text(n));
                code_of(&home.store.revoke(id, &revoke))
            }),
        ),
        (
            "request id",
            limits::REQUEST_ID_BYTES,
            Box::new(|n| create(&|k| k.request_id = Some(text(n)))),
        ),
        (
            "request id of a rotation",
            limits::REQUEST_ID_BYTES,
            Box::new(|n| {
                let mut rotate = Rotate::default();
                rotate.request_id = Some(format!("r{}", text(n - 1)));
                code_of(&home.store.rotate(id, &rotate))
            }),
        ),
        (
            "page",
            limits::PAGE_KEYS,
            Box::new(|n| {
                let mut page = keyfob::PageRequest::default();
                page.limit = n;
                code_of(&home.store.list(&Filter::default(), &page))
            }),
        ),
        (
            "prefix",
            limits::PREFIX_BYTES,
            Box::new(|n| {
                keyfob::StoreOptions::new()
                    .prefix(&text(n))
                    .map_or_else(|m| m.code(), |_| Code::OK)
            }),
        ),
        (
            "environment",
            limits::ENVIRONMENT_BYTES,
            Box::new(|n| {
                keyfob::Environment::parse(&text(n)).map_or_else(|m| m.code(), |_| Code::OK)
            }),
        ),
    ];
    for (what, bound, attempt) in &bounds {
        assert_eq!(attempt(*bound), Code::OK, "{what} of {bound}");
        assert_eq!(
            attempt(bound + 1),
            Code::LIMIT_EXCEEDED,
            "{what} of {bound} and one"
        );
    }
    let horizon = limits::HORIZON_SECONDS;
    for (past, expected) in [(0, Code::OK), (1, Code::INVALID_TIME)] {
        let seconds = horizon + past;
        assert_eq!(create(&|k| k.expires = Expiry::In(seconds)), expected);
        assert_eq!(create(&|k| k.expires = Expiry::At(at(seconds))), expected);
        assert_eq!(create(&|k| k.rotation_due_after = Some(seconds)), expected);
        assert_eq!(create(&|k| k.not_before = Some(at(seconds))), expected);
        assert_eq!(
            update(&|k| k.expires = Change::Set(Expiry::In(seconds))),
            expected
        );
        assert_eq!(
            update(&|k| k.rotation_due_after = Change::Set(seconds)),
            expected
        );
        assert_eq!(update(&|k| k.expires = Change::Clear), Code::OK);
        assert_eq!(
            update(&|k| k.not_before = Change::Set(at(seconds))),
            expected
        );
        assert_eq!(update(&|k| k.not_before = Change::Clear), Code::OK);
    }
}

#[test]
fn a_record_whose_every_field_is_at_its_bound_is_stored_and_read() {
    let mut home = Home::new();
    let scope = |i: usize| format!("{i:02}{}", "s".repeat(limits::SCOPE_BYTES - 2));
    let (id, token) = home.key(|new| {
        new.name = "n".repeat(limits::KEY_NAME_BYTES);
        new.scopes = ScopeSet::parse((0..limits::SCOPES).map(scope)).unwrap();
        new.owner = Some("o".repeat(limits::OWNER_BYTES));
        new.metadata = (0..8).map(|i| (i.to_string(), "v".repeat(511))).collect();
        new.tags = (0..limits::TAGS)
            .map(|i| format!("{i:02}{}", "t".repeat(62)))
            .collect();
        new.ip_list = (0..limits::IP_RANGES)
            .map(|i| format!("2001:db8:{i:x}::/48").parse().unwrap())
            .collect();
        new.request_id = Some("r".repeat(limits::REQUEST_ID_BYTES));
    });
    home.store.rotate(id, &Rotate::with_grace(100)).unwrap();
    let mut revoke = Revoke::because(Reason::KeyCompromise);
    revoke.note = Some("x".repeat(limits::NOTE_BYTES));
    home.store.revoke(id, &revoke).unwrap();
    home.reopen();
    let key = home.store.get(id).unwrap();
    assert_eq!(key.scopes.len(), limits::SCOPES);
    assert_eq!(
        key.revocation.unwrap().note.unwrap().len(),
        limits::NOTE_BYTES
    );
    assert_eq!(verify(&home.store, token.expose(), &plain()), Code::REVOKED);
}

#[test]
fn more_scopes_than_a_key_may_have_are_refused_wherever_the_set_came_from() {
    // What two sets have in common may be longer than either.
    let one = (0..63).map(|i| format!("q:{i}")).chain(["p:*".to_owned()]);
    let two = (0..63).map(|i| format!("p:{i}")).chain(["q:*".to_owned()]);
    let both = ScopeSet::parse(one)
        .unwrap()
        .narrowed_by(&ScopeSet::parse(two).unwrap());
    assert_eq!(both.len(), 126);
    let home = Home::new();
    home.project("shop", &["*"], None);
    let (id, _) = home.key(|_| {});
    let mut new = NewKey::new("key");
    new.scopes = both.clone();
    assert_eq!(code_of(&home.store.create(&new)), Code::LIMIT_EXCEEDED);
    let mut update = KeyUpdate::default();
    update.scopes = Change::Set(both.clone());
    assert_eq!(
        code_of(&home.store.update(id, &update)),
        Code::LIMIT_EXCEEDED
    );
    let mut project = NewProject::new("big");
    project.scopes = both.clone();
    assert_eq!(
        code_of(&home.store.create_project(&project)),
        Code::LIMIT_EXCEEDED
    );
    let mut update = ProjectUpdate::default();
    update.scopes = Change::Set(both);
    assert_eq!(
        code_of(&home.store.update_project("shop", &update)),
        Code::LIMIT_EXCEEDED
    );
    assert_eq!(
        home.store.count(&Filter::default()).unwrap(),
        1,
        "every key can be read"
    );
}

// ---- request ids ----

fn requested(name: &str, request: &str) -> NewKey {
    let mut new = NewKey::new(name);
    new.request_id = Some(request.into());
    new
}

#[test]
fn the_same_request_again_answers_what_was_made_without_the_token_for_a_day() {
    let mut home = Home::new();
    let first = home.store.create(&requested("a", "r1")).unwrap();
    assert!(!first.replayed && first.token.is_some());
    home.reopen();
    home.clock.advance(limits::REQUEST_ID_SECONDS - 1);
    let again = home.store.create(&requested("a", "r1")).unwrap();
    assert!(again.replayed && again.token.is_none());
    assert_eq!(again.key.id, first.key.id);
    let other = home.store.create(&requested("b", "r1"));
    assert_eq!(code_of(&other), Code::REQUEST_ID_REUSED);
    let rotate = |request: &str, grace| {
        let mut rotate = Rotate::with_grace(grace);
        rotate.request_id = Some(request.into());
        home.store.rotate(first.key.id, &rotate)
    };
    assert_eq!(
        code_of(&rotate("r1", 0)),
        Code::REQUEST_ID_REUSED,
        "another verb"
    );
    let ann = home.store.with_actor("ann").unwrap();
    let anns = ann.create(&requested("a", "r1")).unwrap();
    assert!(!anns.replayed, "another actor's request ids are its own");
    home.clock.advance(1);
    let later = home.store.create(&requested("b", "r1")).unwrap();
    assert!(!later.replayed, "forgotten after a day");
    assert_eq!(home.store.count(&Filter::default()).unwrap(), 3);

    let made = rotate("r2", 50).unwrap();
    assert!(!made.replayed && made.token.is_some());
    let again = rotate("r2", 50).unwrap();
    assert!(again.replayed && again.token.is_none());
    assert_eq!(again.grace_expires_at, made.grace_expires_at);
    assert_eq!(code_of(&rotate("r2", 51)), Code::REQUEST_ID_REUSED);
    let token = made.token.unwrap();
    assert_eq!(
        verify(&home.store, token.expose(), &plain()),
        Code::OK,
        "rotated once"
    );
}

#[test]
fn a_refused_request_is_not_remembered() {
    let home = Home::new();
    let mut new = requested("a", "r");
    new.project = Some("shop".into());
    assert_eq!(code_of(&home.store.create(&new)), Code::NO_SUCH_PROJECT);
    home.project("shop", &[], None);
    assert!(!home.store.create(&new).unwrap().replayed);
    assert!(home.store.create(&new).unwrap().replayed);
}

#[test]
fn a_batch_whose_answer_cannot_be_given_makes_no_key_and_loses_no_token() {
    let home = Home::new();
    let first = home.store.create(&requested("a", "r")).unwrap();
    home.store.revoke(first.key.id, &Revoke::default()).unwrap();
    home.clock.advance(1);
    assert_eq!(prune_all(&home).keys, 1);
    // The second request was answered by a key that is gone.
    let made = home
        .store
        .create_many(&[NewKey::new("new"), requested("a", "r")]);
    assert_eq!(made.stopped.map(|e| e.code()), Some(Code::NO_SUCH_KEY));
    let left = home.store.count(&Filter::default()).unwrap();
    assert_eq!(
        (made.done.len() as u64, left),
        (0, 0),
        "a key without its token"
    );
    let twice = [requested("b", "s"), requested("b", "s")];
    let made = home.store.create_many(&twice);
    assert!(made.stopped.is_none());
    assert!(made.done[0].token.is_some() && made.done[1].replayed);
    assert_eq!(made.done[0].key.id, made.done[1].key.id);
}

#[test]
fn a_key_that_ended_is_not_told_what_its_request_made() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let parent = home.store.verify(token.expose(), &plain()).unwrap();
    let make = |request: &NewKey| home.store.create_within(&parent, request);
    let child = make(&requested("child", "r")).unwrap().key.id;
    assert_eq!(make(&requested("child", "r")).unwrap().key.id, child);
    home.store.disable(id).unwrap();
    assert_eq!(code_of(&make(&requested("child", "r"))), Code::DISABLED);
    home.store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(code_of(&make(&requested("child", "r"))), Code::REVOKED);
}

#[test]
fn one_request_from_eight_threads_makes_one_key() {
    let home = Home::new();
    let ids: BTreeSet<KeyId> = std::thread::scope(|scope| {
        let one = || home.store.create(&requested("a", "r")).unwrap().key.id;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(ids.len(), 1);
    assert_eq!(home.store.count(&Filter::default()).unwrap(), 1);
}

// ---- the policy ----

#[test]
fn a_policy_is_held_against_creation_and_a_new_expiry() {
    let mut home = Home::new();
    let (early, _) = home.key(|_| {});
    let policy = Policy {
        default_lifetime: Some(100),
        longest_lifetime: Some(1_000),
        expiry_required: true,
        most_keys_per_owner: None,
    };
    home.store.set_policy(policy).unwrap();
    home.reopen();
    assert_eq!(home.store.policy().unwrap(), policy);
    let (id, _) = home.key(|_| {});
    assert_eq!(
        home.store.get(id).unwrap().expires_at,
        Some(at(100)),
        "the default"
    );
    let with = |expires| {
        let mut new = NewKey::new("key");
        new.expires = expires;
        code_of(&home.store.create(&new))
    };
    assert_eq!(with(Expiry::In(1_000)), Code::OK);
    assert_eq!(with(Expiry::In(1_001)), Code::POLICY_REFUSED);
    assert_eq!(with(Expiry::Never), Code::POLICY_REFUSED);
    let update = |change| {
        let mut update = KeyUpdate::default();
        update.expires = change;
        code_of(&home.store.update(id, &update))
    };
    assert_eq!(update(Change::Set(Expiry::In(1_001))), Code::POLICY_REFUSED);
    assert_eq!(update(Change::Set(Expiry::In(1_000))), Code::OK);
    assert_eq!(update(Change::Clear), Code::POLICY_REFUSED);
    let mut rename = KeyUpdate::default();
    rename.name = Some("old".into());
    home.store
        .update(early, &rename)
        .expect("keys that exist stay as they are");
    for wrong in [
        Policy {
            default_lifetime: Some(0),
            ..Policy::default()
        },
        Policy {
            longest_lifetime: Some(-1),
            ..Policy::default()
        },
        Policy {
            default_lifetime: Some(2),
            longest_lifetime: Some(1),
            ..Policy::default()
        },
    ] {
        assert_eq!(code_of(&home.store.set_policy(wrong)), Code::INVALID_TIME);
    }
}

#[test]
fn an_owner_never_has_more_good_keys_than_the_policy_admits() {
    const MOST: usize = 5;
    let home = Home::new();
    home.store
        .set_policy(Policy {
            most_keys_per_owner: Some(MOST as u64),
            ..Policy::default()
        })
        .unwrap();
    let new = |owner: &str| {
        let mut new = NewKey::new("key");
        new.owner = Some(owner.into());
        new.expires = Expiry::In(100);
        new
    };
    let beside = home.beside();
    let made: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| {
                let store = if i % 2 == 0 { &home.store } else { &beside };
                let request = new("ann");
                scope.spawn(move || {
                    let each = (0..2).map(|_| store.create(&request));
                    each.filter(|made| match made {
                        Ok(_) => true,
                        Err(error) => {
                            assert_eq!(error.code(), Code::TOO_MANY_KEYS);
                            false
                        }
                    })
                    .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(made, MOST);
    assert_eq!(
        code_of(&home.store.create(&new("ann!"))),
        Code::OK,
        "another owner"
    );
    let (free, _) = home.key(|_| {});
    let mut give = KeyUpdate::default();
    give.owner = Change::Set("ann".into());
    assert_eq!(
        code_of(&home.store.update(free, &give)),
        Code::TOO_MANY_KEYS,
        "nor by way of an update"
    );
    let mut of_ann = Filter::default();
    of_ann.owner = Some("ann".into());
    let keys: Vec<_> = home.store.keys(&of_ann, keyfob::Order::Created).collect();
    let first = keys[0].as_ref().unwrap().id;
    home.store.revoke(first, &Revoke::default()).unwrap();
    assert_eq!(
        code_of(&home.store.create(&new("ann"))),
        Code::OK,
        "a revoked one does not count"
    );
    assert_eq!(
        code_of(&home.store.create(&new("ann"))),
        Code::TOO_MANY_KEYS
    );
    home.clock.advance(100);
    assert_eq!(
        code_of(&home.store.create(&new("ann"))),
        Code::OK,
        "nor an expired one"
    );
    for key in &keys[1..] {
        let mut later = KeyUpdate::default();
        later.expires = Change::Set(Expiry::In(100));
        let _ = home.store.update(key.as_ref().unwrap().id, &later);
    }
    let mut good = of_ann.clone();
    good.states = vec![KeyState::Active];
    assert!(
        home.store.count(&good).unwrap() <= MOST as u64,
        "brought back by a later expiry"
    );
}

#[test]
fn keys_of_a_deleted_project_leave_their_owner_room_for_others() {
    let home = Home::new();
    home.project("shop", &[], None);
    home.store
        .set_policy(Policy {
            most_keys_per_owner: Some(2),
            ..Policy::default()
        })
        .unwrap();
    let mut new = NewKey::new("key");
    new.owner = Some("ann".into());
    new.project = Some("shop".into());
    let inside: Vec<KeyId> = (0..2)
        .map(|_| home.store.create(&new).unwrap().key.id)
        .collect();
    new.project = None;
    assert_eq!(code_of(&home.store.create(&new)), Code::TOO_MANY_KEYS);
    home.store.disable_project("shop").unwrap();
    assert_eq!(
        code_of(&home.store.create(&new)),
        Code::TOO_MANY_KEYS,
        "it may be enabled again"
    );
    home.store.delete_project("shop").unwrap();
    let made = home.store.create_many(&[new.clone(), new.clone()]);
    assert_eq!((made.done.len(), made.stopped.is_none()), (2, true));
    assert_eq!(code_of(&home.store.create(&new)), Code::TOO_MANY_KEYS);
    // What changes of a key that is good for nothing takes no room either.
    let mut update = KeyUpdate::default();
    update.owner = Change::Set("bob".into());
    home.store.update(inside[0], &update).unwrap();
    update.owner = Change::Set("ann".into());
    assert_eq!(code_of(&home.store.update(inside[0], &update)), Code::OK);
}

// ---- a key that makes keys ----

/// A creation: what it asks for, what comes of it, and how it is asked.
type Creation<'a> = (&'a str, Code, &'a dyn Fn(&mut NewKey));

#[test]
fn a_key_makes_keys_of_at_most_its_own_rights() {
    let home = Home::new();
    home.project("shop", &["a:*"], Some("ann"));
    home.project("bobs", &["a:*"], Some("bob"));
    home.project("open", &["a:*"], None);
    let requirement = plain().any_project().ip("10.0.0.1".parse().unwrap());
    let parent = |change: &dyn Fn(&mut NewKey)| {
        let (_, token) = home.key(change);
        home.store.verify(token.expose(), &requirement).unwrap()
    };
    let free = parent(&|new| {
        new.scopes = scopes(&["a:b", "a:c:*"]);
        new.owner = Some("ann".into());
        new.expires = Expiry::In(100);
        new.ip_list = vec!["10.0.0.0/8".parse().unwrap()];
    });
    let child = |parent: &Verified, change: &dyn Fn(&mut NewKey)| {
        let mut new = NewKey::new("child");
        change(&mut new);
        home.store.create_within(parent, &new)
    };
    let plain_child = child(&free, &|_| {}).unwrap().key;
    assert_eq!(plain_child.owner.as_deref(), Some("ann"));
    assert_eq!(plain_child.expires_at, Some(at(100)), "its parent's");
    assert!(plain_child.scopes.is_empty(), "scopes are named or not had");
    assert_eq!(plain_child.ip_list.len(), 1, "its parent's");
    let rows: [Creation<'_>; 16] = [
        ("fewer scopes", Code::OK, &|n| n.scopes = scopes(&["a:c:d"])),
        ("its own scopes", Code::OK, &|n| {
            n.scopes = scopes(&["a:b", "a:c:*"]);
        }),
        ("a wider scope", Code::SCOPE_NOT_ALLOWED, &|n| {
            n.scopes = scopes(&["a:*"]);
        }),
        ("every scope", Code::SCOPE_NOT_ALLOWED, &|n| {
            n.scopes = scopes(&["*"]);
        }),
        ("its owner", Code::OK, &|n| n.owner = Some("ann".into())),
        ("another owner", Code::BEYOND_PARENT, &|n| {
            n.owner = Some("bob".into());
        }),
        ("its owner's project", Code::OK, &|n| {
            n.project = Some("shop".into());
        }),
        ("nobody's project", Code::OK, &|n| {
            n.project = Some("open".into());
        }),
        ("another's project", Code::BEYOND_PARENT, &|n| {
            n.project = Some("bobs".into());
        }),
        ("no project", Code::NO_SUCH_PROJECT, &|n| {
            n.project = Some("none".into());
        }),
        ("another environment", Code::BEYOND_PARENT, &|n| {
            n.environment = environment("test");
        }),
        ("its expiry", Code::OK, &|n| n.expires = Expiry::In(100)),
        ("a later expiry", Code::BEYOND_PARENT, &|n| {
            n.expires = Expiry::In(101);
        }),
        ("no expiry", Code::BEYOND_PARENT, &|n| {
            n.expires = Expiry::Never;
        }),
        ("fewer addresses", Code::OK, &|n| {
            n.ip_list = vec!["10.1.0.0/16".parse().unwrap()];
        }),
        ("more addresses", Code::BEYOND_PARENT, &|n| {
            n.ip_list = vec!["0.0.0.0/0".parse().unwrap()];
        }),
    ];
    for (what, expected, change) in rows {
        assert_eq!(code_of(&child(&free, change)), expected, "{what}");
    }

    let bound = parent(&|new| {
        new.scopes = scopes(&["a:b", "a:c"]);
        new.project = Some("shop".into());
    });
    assert_eq!(
        child(&bound, &|_| {}).unwrap().key.project.as_deref(),
        Some("shop")
    );
    let to = |name: &'static str| code_of(&child(&bound, &|n| n.project = Some(name.into())));
    assert_eq!((to("shop"), to("open")), (Code::OK, Code::BEYOND_PARENT));
    let mut narrower = ProjectUpdate::default();
    narrower.scopes = Change::Set(scopes(&["a:b"]));
    home.store.update_project("shop", &narrower).unwrap();
    let beyond = child(&bound, &|n| n.scopes = scopes(&["a:c"]));
    assert_eq!(
        code_of(&beyond),
        Code::SCOPE_NOT_ALLOWED,
        "as far as the project allows today"
    );
}

#[test]
fn a_token_in_the_place_of_a_scope_is_not_whole_in_the_error() {
    let home = Home::new();
    home.project("shop", &["a"], None);
    let (id, token) = home.key(|new| new.project = Some("shop".into()));
    let parent = home
        .store
        .verify(token.expose(), &plain().any_project())
        .unwrap();
    let text = token.expose();
    let new = |change: &dyn Fn(&mut NewKey)| {
        let mut new = NewKey::new("another");
        change(&mut new);
        new
    };
    let in_project = new(&|n| {
        n.project = Some("shop".into());
        n.scopes = scopes(&[text]);
    });
    let mut update = KeyUpdate::default();
    update.scopes = Change::Set(scopes(&[text]));
    let child = new(&|n| n.scopes = scopes(&[text]));
    let errors = [
        home.store.create(&in_project).unwrap_err(),
        home.store.create_within(&parent, &child).unwrap_err(),
        home.store.update(id, &update).unwrap_err(),
        home.store
            .update_many(&Selection::Keys(vec![id]), &update)
            .stopped
            .unwrap(),
    ];
    let (shown, hidden) = text.split_at(24);
    for error in errors {
        let printed = format!("{error} {error:?}");
        assert!(printed.contains(&format!("{shown}…")), "{printed}");
        assert!(!printed.contains(&hidden[..4]), "{printed}");
    }
}

#[test]
fn a_key_without_an_owner_makes_none_with_the_owner_of_its_project() {
    let home = Home::new();
    home.project("shop", &[], None);
    let (_, token) = home.key(|new| new.project = Some("shop".into()));
    let parent = home
        .store
        .verify(token.expose(), &plain().any_project())
        .unwrap();
    let mut owned = ProjectUpdate::default();
    owned.owner = Change::Set("ann".into());
    home.store.update_project("shop", &owned).unwrap();
    let child = home.store.create_within(&parent, &NewKey::new("child"));
    let given = child.map(|made| made.key.owner);
    assert!(
        !matches!(given, Ok(Some(_))),
        "{given:?} is more than its parent has"
    );
}

#[test]
fn a_default_lifetime_beyond_the_parents_expiry_is_cut_to_it() {
    let home = Home::new();
    let (_, token) = home.key(|new| new.expires = Expiry::In(100));
    let parent = home.store.verify(token.expose(), &plain()).unwrap();
    for (default, expected) in [(1_000, 100), (50, 50)] {
        home.store
            .set_policy(Policy {
                default_lifetime: Some(default),
                ..Policy::default()
            })
            .unwrap();
        let child = home
            .store
            .create_within(&parent, &NewKey::new("child"))
            .unwrap();
        assert_eq!(child.key.expires_at, Some(at(expected)));
    }
}

#[test]
fn a_secret_that_ended_since_it_was_verified_makes_no_keys() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let by_first = home.store.verify(token.expose(), &plain()).unwrap();
    let second = home
        .store
        .rotate(id, &Rotate::with_grace(100))
        .unwrap()
        .token
        .unwrap();
    let by_second = home.store.verify(second.expose(), &plain()).unwrap();
    let make = |parent: &Verified| code_of(&home.store.create_within(parent, &NewKey::new("c")));
    assert_eq!((make(&by_first), make(&by_second)), (Code::OK, Code::OK));
    home.store.finish_rotation(id).unwrap();
    assert_eq!(
        (make(&by_first), make(&by_second)),
        (Code::NOT_FOUND, Code::OK)
    );
    home.store.rotate(id, &Rotate::default()).unwrap();
    assert_eq!(make(&by_second), Code::NOT_FOUND);
}

/// The state was judged before the secret, and a secret that had ended was told what became of the
/// key, which a verification tells nobody who does not hold a secret of it.
#[test]
fn a_secret_that_ended_is_not_told_the_state_of_its_key() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let ended = home.store.verify(token.expose(), &plain()).unwrap();
    home.store.rotate(id, &Rotate::default()).unwrap();
    let make = || code_of(&home.store.create_within(&ended, &NewKey::new("c")));
    home.store.disable(id).unwrap();
    assert_eq!(make(), Code::NOT_FOUND);
    home.store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(make(), Code::NOT_FOUND);
    assert_eq!(
        verify(&home.store, token.expose(), &plain()),
        Code::NOT_FOUND
    );
}

// ---- rotation ----

#[test]
fn a_grace_beyond_the_bounds_is_cut_and_said_to_be() {
    let home = Home::new();
    let (id, old) = home.key(|new| new.expires = Expiry::In(100));
    let rotated = home.store.rotate(id, &Rotate::with_grace(101)).unwrap();
    assert_eq!(
        (rotated.grace_cut, rotated.grace_expires_at),
        (true, Some(at(100)))
    );
    home.store.finish_rotation(id).unwrap();
    assert_eq!(verify(&home.store, old.expose(), &plain()), Code::NOT_FOUND);
    let exact = home.store.rotate(id, &Rotate::with_grace(100)).unwrap();
    assert_eq!(
        (exact.grace_cut, exact.grace_expires_at),
        (false, Some(at(100)))
    );
    let (free, _) = home.key(|_| {});
    for (grace, cut) in [
        (limits::GRACE_SECONDS, false),
        (limits::GRACE_SECONDS + 1, true),
        (i64::MAX, true),
    ] {
        let rotated = home.store.rotate(free, &Rotate::with_grace(grace)).unwrap();
        assert_eq!(rotated.grace_cut, cut, "{grace}");
        assert_eq!(rotated.grace_expires_at, Some(at(limits::GRACE_SECONDS)));
        home.store.finish_rotation(free).unwrap();
    }
    assert_eq!(
        code_of(&home.store.rotate(free, &Rotate::with_grace(-1))),
        Code::INVALID_TIME
    );
    let none = home.store.rotate(free, &Rotate::default()).unwrap();
    assert_eq!((none.grace_cut, none.grace_expires_at), (false, None));
}

#[test]
fn at_most_two_secrets_are_good_and_the_old_one_keeps_its_deadline() {
    let home = Home::new();
    let (id, first) = home.key(|_| {});
    let rotate = |grace| home.store.rotate(id, &Rotate::with_grace(grace)).unwrap();
    let second = rotate(100).token.unwrap();
    home.clock.advance(10);
    let third = rotate(5_000);
    assert_eq!(
        third.grace_expires_at,
        Some(at(100)),
        "the first secret's deadline"
    );
    let third = third.token.unwrap();
    let now = |token: &Token| verify(&home.store, token.expose(), &plain());
    assert_eq!(
        (now(&first), now(&second), now(&third)),
        (Code::OK, Code::NOT_FOUND, Code::OK)
    );
    assert_eq!(
        home.store
            .verify(first.expose(), &plain())
            .unwrap()
            .matched(),
        MatchedSecret::Previous
    );
    home.clock.set(at(100));
    let fourth = rotate(50).token.unwrap();
    assert_eq!(
        (now(&first), now(&third), now(&fourth)),
        (Code::NOT_FOUND, Code::OK, Code::OK)
    );
}

// ---- revocation ----

#[test]
fn possession_ends_what_is_possessed() {
    let home = Home::new();
    let none = Revoke::default();
    let (id, old) = home.key(|new| {
        new.environment = environment("test");
        new.ip_list = vec!["10.0.0.0/8".parse().unwrap()];
        new.expires = Expiry::In(100);
    });
    let new = home
        .store
        .rotate(id, &Rotate::with_grace(50))
        .unwrap()
        .token
        .unwrap();
    assert_eq!(
        code_of(&home.store.revoke_token("junk", false, &none)),
        Code::MALFORMED
    );
    let unknown = with_wrong_secret(old.expose());
    assert_eq!(
        code_of(&home.store.revoke_token(unknown, true, &none)),
        Code::NOT_FOUND
    );
    let key = home.store.revoke_token(old.expose(), false, &none).unwrap();
    assert_eq!((key.state, key.old_secret), (KeyState::Active, None));
    assert_eq!(
        code_of(&home.store.revoke_token(old.expose(), false, &none)),
        Code::NOT_FOUND
    );
    home.clock.advance(500);
    let because = Revoke::because(Reason::KeyCompromise);
    let key = home
        .store
        .revoke_token(new.expose(), false, &because)
        .unwrap();
    assert_eq!(key.revocation.unwrap().reason, Reason::KeyCompromise);
    assert_eq!(
        code_of(&home.store.revoke_token(new.expose(), false, &none)),
        Code::NOT_FOUND
    );

    let (id, old) = home.key(|_| {});
    home.store.rotate(id, &Rotate::with_grace(50)).unwrap();
    home.clock.advance(50);
    assert_eq!(
        code_of(&home.store.revoke_token(old.expose(), true, &none)),
        Code::NOT_FOUND
    );
    assert_eq!(
        home.store.get(id).unwrap().state,
        KeyState::Active,
        "its grace had ended"
    );
}

#[test]
fn revoking_twice_keeps_the_first_time_and_reason() {
    let mut home = Home::new();
    let (id, _) = home.key(|_| {});
    let mut revoke = Revoke::because(Reason::KeyCompromise);
    revoke.note = Some("seen in a log".into());
    let first = home.store.revoke(id, &revoke).unwrap();
    home.clock.advance(10);
    let second = home
        .store
        .revoke(id, &Revoke::because(Reason::Superseded))
        .unwrap();
    assert_eq!(first, second);
    home.reopen();
    let revocation = home.store.get(id).unwrap().revocation.unwrap();
    assert_eq!(
        (revocation.at, revocation.reason),
        (at(0), Reason::KeyCompromise)
    );
    assert_eq!(revocation.note.as_deref(), Some("seen in a log"));
}

// ---- update ----

#[test]
fn what_an_update_does_not_name_stays_and_clearing_is_explicit() {
    let home = Home::new();
    let (id, _) = home.key(|new| {
        new.scopes = scopes(&["a"]);
        new.owner = Some("ann".into());
        new.expires = Expiry::In(100);
        new.metadata = BTreeMap::from([("k".into(), "v".into()), ("l".into(), "w".into())]);
        new.tags = BTreeSet::from(["t".into()]);
        new.rotation_due_after = Some(10);
    });
    let before = home.store.get(id).unwrap();
    let mut update = KeyUpdate::default();
    update.name = Some("new".into());
    update.metadata_pairs = BTreeMap::from([("k".into(), None), ("m".into(), Some("x".into()))]);
    let after = home.store.update(id, &update).unwrap();
    let pairs: Vec<_> = after
        .metadata
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        (after.name.as_str(), pairs.join(" ").as_str()),
        ("new", "l=w m=x")
    );
    assert_eq!(
        (&after.scopes, &after.owner),
        (&before.scopes, &before.owner)
    );
    assert_eq!(
        (after.expires_at, &after.tags),
        (before.expires_at, &before.tags)
    );
    let mut clear = KeyUpdate::default();
    clear.scopes = Change::Clear;
    clear.owner = Change::Clear;
    clear.expires = Change::Clear;
    clear.metadata = Change::Clear;
    clear.tags = Change::Clear;
    clear.rotation_due_after = Change::Clear;
    let bare = home.store.update(id, &clear).unwrap();
    assert!(bare.scopes.is_empty() && bare.metadata.is_empty() && bare.tags.is_empty());
    assert_eq!(
        (bare.owner, bare.expires_at, bare.rotation_due_at),
        (None, None, None)
    );
    let mut of_ann = Filter::default();
    of_ann.owner = Some("ann".into());
    assert_eq!(home.store.count(&of_ann).unwrap(), 0, "the index follows");
}

#[test]
fn an_update_gives_no_scope_beyond_the_project() {
    let home = Home::new();
    home.project("shop", &["a:*"], None);
    let (id, _) = home.key(|new| new.project = Some("shop".into()));
    let set = |texts: &[&str]| {
        let mut update = KeyUpdate::default();
        update.scopes = Change::Set(scopes(texts));
        code_of(&home.store.update(id, &update))
    };
    assert_eq!(
        (set(&["a:b"]), set(&["a"]), set(&["*"])),
        (Code::OK, Code::SCOPE_NOT_ALLOWED, Code::SCOPE_NOT_ALLOWED)
    );
}

// ---- projects ----

#[test]
fn the_verbs_of_projects_know_only_those_that_exist() {
    let mut home = Home::new();
    home.project("shop", &["a"], Some("ann"));
    assert_eq!(
        code_of(&home.store.create_project(&NewProject::new("shop"))),
        Code::NAME_TAKEN
    );
    assert_eq!(
        code_of(&home.store.create_project(&NewProject::new("Shop"))),
        Code::INVALID_ARGUMENT
    );
    let first = home.store.project("shop").unwrap();
    home.store.disable_project("shop").unwrap();
    home.reopen();
    assert!(!home.store.project("shop").unwrap().enabled);
    home.store.enable_project("shop").unwrap();
    home.project("a", &[], None);
    let names: Vec<_> = home
        .store
        .projects()
        .unwrap()
        .into_iter()
        .map(|p| p.name)
        .collect();
    assert_eq!(names, ["a", "shop"]);
    home.store.delete_project("shop").unwrap();
    let none = ProjectUpdate::default();
    for answer in [
        code_of(&home.store.project("shop")),
        code_of(&home.store.update_project("shop", &none)),
        code_of(&home.store.disable_project("shop")),
        code_of(&home.store.enable_project("shop")),
        code_of(&home.store.delete_project("shop")),
    ] {
        assert_eq!(answer, Code::NO_SUCH_PROJECT);
    }
    home.project("shop", &[], None);
    assert_ne!(
        home.store.project("shop").unwrap().id,
        first.id,
        "ids are never used again"
    );
}

// ---- bulk ----

#[test]
fn bulk_verbs_say_what_they_changed_and_stop_whole_at_an_unknown_key() {
    let home = Home::new();
    let ids: Vec<KeyId> = (0..5)
        .map(|i| home.key(|n| n.owner = Some(format!("o{}", i % 2))).0)
        .collect();
    home.store.revoke(ids[0], &Revoke::default()).unwrap();
    let chosen = Selection::Keys(ids.clone());
    let off = home.store.disable_many(&chosen);
    assert_eq!(
        (off.changed, off.unchanged, off.stopped.is_none()),
        (4, 1, true)
    );
    let on = home
        .store
        .enable_many(&Selection::Keys(vec![ids[1], ids[1]]));
    assert_eq!(
        (on.changed, on.unchanged),
        (1, 1),
        "named twice, changed once"
    );
    let mut of_o1 = Filter::default();
    of_o1.owner = Some("o1".into());
    let mut update = KeyUpdate::default();
    update.name = Some("renamed".into());
    let named = home
        .store
        .update_many(&Selection::Filter(of_o1.clone()), &update);
    assert_eq!(
        (named.changed, named.unchanged, named.stopped.is_none()),
        (2, 0, true)
    );
    assert_eq!(home.store.get(ids[1]).unwrap().name, "renamed");
    let again = home
        .store
        .update_many(&Selection::Filter(of_o1.clone()), &update);
    assert_eq!(
        (again.changed, again.unchanged),
        (0, 2),
        "what was so already is not changed"
    );
    let gone = home
        .store
        .revoke_many(&Selection::Filter(of_o1), &Revoke::default())
        .unwrap();
    assert_eq!((gone.changed, gone.unchanged), (2, 0));
    let unknown = Selection::Keys(vec![ids[2], KeyId::from_bytes([7; 16])]);
    let stopped = home
        .store
        .revoke_many(&unknown, &Revoke::default())
        .unwrap();
    assert_eq!(
        (stopped.changed, stopped.stopped.unwrap().code()),
        (0, Code::NO_SUCH_KEY)
    );
    assert_eq!(
        home.store.get(ids[2]).unwrap().revocation,
        None,
        "its transaction left nothing"
    );
    let everything = Selection::Filter(Filter::default());
    let all = home
        .store
        .revoke_many(&everything, &Revoke::default())
        .unwrap();
    assert_eq!((all.changed, all.unchanged), (2, 3));
    let mut nowhere = Filter::default();
    nowhere.project = Some("nowhere".into());
    let none = home.store.disable_many(&Selection::Filter(nowhere));
    assert_eq!(none.stopped.unwrap().code(), Code::NO_SUCH_PROJECT);
}

#[test]
fn more_than_a_batch_is_split_and_counted_and_the_tokens_are_in_the_order_of_the_requests() {
    const MANY: usize = limits::BATCH + 5;
    let home = Home::new();
    let requests: Vec<NewKey> = (0..MANY).map(|i| NewKey::new(format!("k{i}"))).collect();
    let created = home.store.create_many(&requests);
    assert!(created.stopped.is_none());
    assert_eq!(created.done.len(), MANY);
    for i in [0, 1, 777, limits::BATCH - 1, limits::BATCH, MANY - 1] {
        let made = &created.done[i];
        assert_eq!(made.key.name, format!("k{i}"));
        let token = made.token.as_ref().unwrap();
        let verified = home.store.verify(token.expose(), &plain()).unwrap();
        assert_eq!(verified.key_id(), made.key.id);
    }
    let revoked = home
        .store
        .revoke_many(&Selection::Filter(Filter::default()), &Revoke::default())
        .unwrap();
    assert_eq!((revoked.changed, revoked.unchanged), (MANY as u64, 0));
    home.clock.advance(1);
    assert_eq!(prune_all(&home).keys, MANY as u64);
    assert_eq!(home.store.count(&Filter::default()).unwrap(), 0);
}

#[test]
fn a_refused_request_ends_its_whole_batch() {
    let home = Home::new();
    let mut requests: Vec<NewKey> = (0..10).map(|i| NewKey::new(format!("k{i}"))).collect();
    requests[7].project = Some("nowhere".into());
    let created = home.store.create_many(&requests);
    assert_eq!(created.done.len(), 0);
    assert_eq!(created.stopped.unwrap().code(), Code::NO_SUCH_PROJECT);
    assert_eq!(home.store.count(&Filter::default()).unwrap(), 0);
}

// ---- pruning ----

#[test]
fn pruning_goes_by_the_times_and_takes_deleted_projects_with_their_last_key() {
    let home = Home::new();
    home.project("shop", &[], None);
    let (revoked, token) = home.key(|new| new.project = Some("shop".into()));
    let (expired, _) = home.key(|new| new.expires = Expiry::In(10));
    let (kept, _) = home.key(|_| {});
    home.store.revoke(revoked, &Revoke::default()).unwrap();
    home.store.delete_project("shop").unwrap();
    home.clock.advance(20);
    assert_eq!(
        home.store.prune(&Prune::default()).unwrap(),
        keyfob::Pruned::default()
    );
    let mut prune = Prune::default();
    prune.revoked_before = Some(at(0));
    prune.expired_before = Some(at(10));
    assert_eq!(
        home.store.prune(&prune).unwrap().keys,
        0,
        "before is before"
    );
    prune.expired_before = Some(at(11));
    let pruned = home.store.prune(&prune).unwrap();
    assert_eq!(
        (pruned.keys, pruned.projects),
        (1, 0),
        "the project has a key yet"
    );
    assert_eq!(code_of(&home.store.get(expired)), Code::NO_SUCH_KEY);
    prune.revoked_before = Some(at(1));
    let pruned = home.store.prune(&prune).unwrap();
    assert_eq!((pruned.keys, pruned.projects), (1, 1));
    assert_eq!(
        verify(&home.store, token.expose(), &plain()),
        Code::NOT_FOUND
    );
    assert_eq!(home.store.count(&Filter::default()).unwrap(), 1);
    assert!(home.store.get(kept).is_ok());
}

#[test]
fn a_tombstone_stays_of_every_revoked_key_also_when_it_would_have_expired() {
    let home = Home::new();
    let (id, _) = home.key(|new| new.expires = Expiry::In(100));
    home.store.revoke(id, &Revoke::default()).unwrap();
    home.clock.set(at(1_000));
    assert_eq!(prune_all(&home).keys, 1);
    home.clock.set(at(100_000));
    prune_all(&home);
    assert_eq!(home.store.info().unwrap().tombstones, 1);
}

#[test]
fn a_request_id_is_bounded_for_a_creation_and_for_a_rotation() {
    let home = Home::new();
    let (id, _) = home.key(|_| {});
    for (length, expected) in [
        (64, Code::OK),
        (65, Code::LIMIT_EXCEEDED),
        (20_000, Code::LIMIT_EXCEEDED),
    ] {
        let mut new = NewKey::new("key");
        new.request_id = Some("c".repeat(length));
        assert_eq!(code_of(&home.store.create(&new)), expected);
        let mut rotate = Rotate::with_grace(0);
        rotate.request_id = Some("r".repeat(length));
        assert_eq!(code_of(&home.store.rotate(id, &rotate)), expected);
    }
}

#[test]
fn a_key_expiring_later_than_the_clock_is_not_pruned_as_expired() {
    let home = Home::new();
    home.key(|new| new.expires = Expiry::In(100));
    let mut prune = Prune::default();
    prune.expired_before = Some(at(1_000));
    assert_eq!(
        home.store.prune(&prune).unwrap().keys,
        0,
        "it is good still"
    );
}

// ---- threads ----

#[test]
fn threads_and_handles_change_one_store_without_losing_a_change() {
    let home = Home::new();
    let other = Arc::new(home.beside());
    let ids: Vec<KeyId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|i| {
                let store = if i % 2 == 0 {
                    home.store.clone()
                } else {
                    (*other).clone()
                };
                scope.spawn(move || {
                    (0..5)
                        .map(|_| {
                            let (id, token) = made(store.create(&NewKey::new("k")).unwrap());
                            assert_eq!(verify(&store, token.expose(), &plain()), Code::OK);
                            store.revoke(id, &Revoke::default()).unwrap();
                            assert_eq!(verify(&store, token.expose(), &plain()), Code::REVOKED);
                            id
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    for id in &ids {
        assert_eq!(other.get(*id).unwrap().state, KeyState::Revoked);
    }
    let last = ids
        .iter()
        .map(|id| home.store.get(*id).unwrap().sequence)
        .max();
    assert_eq!(
        last,
        Some(1 + 2 * 20),
        "one event for each change, and one for the store"
    );
}

#[test]
fn a_store_begins_with_its_policy() {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy {
        default_lifetime: Some(7),
        ..Policy::default()
    };
    let clock = Clock::manual(Timestamp::from_unix(START));
    let path = folder.path().join("k");
    let store = options(&clock)
        .policy(policy)
        .unwrap()
        .create(&path)
        .unwrap();
    assert_eq!(store.policy().unwrap(), policy);
}

//! The format of the file: a file of each released format must still open and say the same, and a
//! damaged one must say so, or be right.
//!
//! There are two golden files, of a store with a pepper and of one without.
//! `KEYFOB_WRITE_GOLDEN=1 cargo test -p keyfob --test format` writes them anew.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::{START, at, code_of, environment, folder, options, plain, scopes, verify};
use keyfob::{
    CheckOnOpen, Clock, Code, Expiry, Filter, ForeignFormat, ImportDefaults, KeyState,
    MatchedSecret, NewKey, NewProject, Order, Pepper, Policy, Prune, Reason, Revoke, Rotate, Store,
    StoreOptions, Timestamp,
};
use serde_json::{Value, json};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

fn pepper() -> Pepper {
    Pepper::from_hex(&"0f".repeat(32)).unwrap()
}

/// The options of a golden store.
type Golden = fn(&Clock) -> StoreOptions;

fn peppered(clock: &Clock) -> StoreOptions {
    options(clock).pepper(pepper())
}

/// What another system issued.
const IMPORTED: &str = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";

/// Makes a golden store, and answers the tokens that belong to it.
fn make_golden(path: &Path, golden: Golden) -> Value {
    let clock = Clock::manual(at(0));
    let store = golden(&clock).create(path).unwrap();
    let mut project = NewProject::new("shop");
    project.scopes = scopes(&["orders:*", "stock:read"]);
    project.owner = Some("ann".into());
    store.create_project(&project).unwrap();
    store.create_project(&NewProject::new("gone")).unwrap();
    store
        .set_policy(Policy {
            most_keys_per_owner: Some(50),
            ..Policy::default()
        })
        .unwrap();
    let mut tokens = serde_json::Map::new();
    let mut make = |name: &str, change: &dyn Fn(&mut NewKey)| {
        clock.advance(1);
        let mut new = NewKey::new(name);
        change(&mut new);
        let created = store.create(&new).unwrap();
        tokens.insert(name.into(), json!(created.token.unwrap().expose()));
        created.key.id
    };
    make("plain", &|_| {});
    make("full", &|new| {
        new.scopes = scopes(&["orders:read", "stock:read"]);
        new.project = Some("shop".into());
        new.environment = environment("test");
        new.expires = Expiry::At(at(1_000_000));
        new.not_before = Some(at(-1));
        new.metadata = BTreeMap::from([("team".into(), "blå".into())]);
        new.tags = BTreeSet::from(["ci".into(), "nightly".into()]);
        new.ip_list = vec![
            "10.0.0.0/8".parse().unwrap(),
            "2001:db8::/32".parse().unwrap(),
        ];
        new.rotation_due_after = Some(1_000);
        new.request_id = Some("request-1".into());
    });
    let rotated = make("rotated, old", &|_| {});
    let disabled = make("disabled", &|_| {});
    let revoked = make("revoked", &|_| {});
    let pruned = make("pruned", &|_| {});
    make("of a deleted project", &|new| {
        new.project = Some("gone".into());
    });
    let second = store
        .rotate(rotated, &Rotate::with_grace(10_000))
        .unwrap()
        .token
        .unwrap();
    tokens.insert("rotated, new".into(), json!(second.expose()));
    store.disable(disabled).unwrap();
    store.revoke(pruned, &Revoke::default()).unwrap();
    clock.advance(1);
    let mut prune = Prune::default();
    prune.revoked_before = Some(clock.now());
    assert_eq!(store.prune(&prune).unwrap().keys, 1);
    let mut because = Revoke::because(Reason::KeyCompromise);
    because.note = Some("seen in a log".into());
    store.revoke(revoked, &because).unwrap();
    store.delete_project("gone").unwrap();
    let imported = store.import(ForeignFormat::Raw, &[IMPORTED], &ImportDefaults::default());
    assert!(imported.unwrap().results[0].is_ok());
    tokens.insert("imported".into(), json!(IMPORTED));
    assert_eq!(
        verify(&store, tokens["plain"].as_str().unwrap(), &plain()),
        Code::OK
    );
    store.close().unwrap();
    Value::Object(tokens)
}

fn a_golden_file_says_what_it_said(name: &str, golden: Golden, without: Code) {
    let file = testdata(&format!("{name}.keyfob"));
    let notes = testdata(&format!("{name}.json"));
    if std::env::var_os("KEYFOB_WRITE_GOLDEN").is_some() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let tokens = make_golden(&path, golden);
        fs::copy(&path, &file).unwrap();
        fs::write(
            &notes,
            serde_json::to_string_pretty(&tokens).unwrap() + "\n",
        )
        .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    fs::write(&path, fs::read(&file).unwrap()).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let tokens: Value = serde_json::from_str(&fs::read_to_string(&notes).unwrap()).unwrap();
    let clock = Clock::manual(at(100));
    assert_eq!(code_of(&options(&clock).open(&path)), without);
    let store = golden(&clock)
        .check_on_open(CheckOnOpen::Always)
        .open(&path)
        .unwrap();
    let report = store
        .check_integrity(&mut |_, _| std::ops::ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(report.damage, Vec::<String>::new());
    hold_golden(&store, &clock, &tokens);
    store.close().unwrap();
    let reader = golden(&clock).read_only(true).open(&path).unwrap();
    assert_eq!(reader.count(&Filter::default()).unwrap(), 7);
}

#[test]
fn a_file_of_format_1_with_a_pepper_opens_and_says_what_it_said() {
    a_golden_file_says_what_it_said("format-1", peppered, Code::PEPPER_REQUIRED);
}

#[test]
fn a_file_of_format_1_without_a_pepper_opens_and_says_what_it_said() {
    a_golden_file_says_what_it_said("format-1-plain", options, Code::OK);
}

fn hold_golden(store: &Store, clock: &Clock, tokens: &Value) {
    let token = |name: &str| tokens[name].as_str().expect("a token of this name");
    let anywhere = plain()
        .any_project()
        .any_environment()
        .ip("10.1.1.1".parse().unwrap());
    let rows = [
        ("plain", Code::OK),
        ("full", Code::OK),
        ("rotated, old", Code::OK),
        ("rotated, new", Code::OK),
        ("disabled", Code::DISABLED),
        ("revoked", Code::REVOKED),
        ("pruned", Code::NOT_FOUND),
        ("of a deleted project", Code::REVOKED),
        ("imported", Code::OK),
    ];
    for (name, expected) in rows {
        assert_eq!(verify(store, token(name), &anywhere), expected, "{name}");
    }
    let full = store.verify(token("full"), &anywhere).unwrap();
    assert_eq!((full.project(), full.owner()), (Some("shop"), Some("ann")));
    let key = store.get(full.key_id()).unwrap();
    assert_eq!(key.name, "full");
    assert_eq!(key.scopes, scopes(&["orders:read", "stock:read"]));
    assert_eq!(key.environment, environment("test"));
    assert_eq!(
        (key.created_at, key.expires_at),
        (at(2), Some(at(1_000_000)))
    );
    assert_eq!(
        (key.not_before, key.rotation_due_at),
        (Some(at(-1)), Some(at(1_002)))
    );
    assert_eq!(key.metadata["team"], "blå");
    assert_eq!(
        key.tags.iter().map(String::as_str).collect::<Vec<_>>(),
        ["ci", "nightly"]
    );
    assert_eq!(key.ip_list.len(), 2);
    let old = store.verify(token("rotated, old"), &plain()).unwrap();
    assert_eq!(old.matched(), MatchedSecret::Previous);
    assert_eq!(old.expires_at(), Some(at(10_007)));
    let used = store
        .get(store.verify(token("plain"), &plain()).unwrap().key_id())
        .unwrap()
        .used;
    assert!(
        used.uses >= 2 && used.last_used_at.is_some(),
        "its use was written"
    );
    let mut revoked = Filter::default();
    revoked.states = vec![KeyState::Revoked];
    revoked.name_part = Some("revoked".into());
    let found: Vec<_> = store.keys(&revoked, Order::Created).collect();
    let revocation = found[0].as_ref().unwrap().revocation.clone().unwrap();
    assert_eq!(revocation.reason, Reason::KeyCompromise);
    assert_eq!(revocation.note.as_deref(), Some("seen in a log"));
    assert_eq!(revocation.at, at(8));
    assert_eq!(store.policy().unwrap().most_keys_per_owner, Some(50));
    assert_eq!(store.projects().unwrap().len(), 1);
    let project = store.project("shop").unwrap();
    assert_eq!(project.scopes, scopes(&["orders:*", "stock:read"]));
    for order in [Order::Created, Order::Name, Order::Expires] {
        assert_eq!(store.keys(&Filter::default(), order).count(), 7);
    }
    let imported = store.verify(token("imported"), &plain()).unwrap().key_id();
    assert!(store.get(imported).unwrap().imported);
    let again = store.import(ForeignFormat::Raw, &[IMPORTED], &ImportDefaults::default());
    assert_eq!(code_of(&again.unwrap().results[0]), Code::DIGEST_TAKEN);
    // And it goes on from there: the request id is remembered, the sequence goes on.
    let mut again = NewKey::new("full");
    again.scopes = key.scopes.clone();
    again.project = Some("shop".into());
    again.environment = environment("test");
    again.expires = Expiry::At(at(1_000_000));
    again.not_before = Some(at(-1));
    again.metadata = key.metadata.clone();
    again.tags.clone_from(&key.tags);
    again.ip_list = vec![
        "10.0.0.0/8".parse().unwrap(),
        "2001:db8::/32".parse().unwrap(),
    ];
    again.rotation_due_after = Some(1_000);
    again.request_id = Some("request-1".into());
    let replayed = store.create(&again).unwrap();
    assert!(replayed.replayed && replayed.key.id == key.id);
    clock.advance(1);
    let last = store.revoke(full.key_id(), &Revoke::default()).unwrap();
    assert_eq!(last.sequence, 19, "one event for each change");
    assert_eq!(verify(store, token("full"), &anywhere), Code::REVOKED);
}

// ---- what is not in the file ----

#[test]
fn neither_a_token_nor_its_secret_is_anywhere_in_the_file() {
    for golden in [options as Golden, peppered] {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup) = (folder.path().join("k"), folder.path().join("b"));
        let clock = Clock::manual(at(0));
        let store = golden(&clock).create(&path).unwrap();
        let mut tokens = Vec::new();
        let mut take = |token: Option<keyfob::Token>| {
            tokens.push(token.unwrap().expose().to_owned());
        };
        let mut new = NewKey::new("key");
        new.request_id = Some("request-1".into());
        let created = store.create(&new).unwrap();
        let id = created.key.id;
        take(created.token);
        for created in store
            .create_many(&[NewKey::new("a"), NewKey::new("b")])
            .done
        {
            take(created.token);
        }
        let mut rotate = Rotate::with_grace(100);
        rotate.request_id = Some("request-2".into());
        take(store.rotate(id, &rotate).unwrap().token);
        for token in &tokens {
            assert_eq!(verify(&store, token, &plain()), Code::OK);
        }
        let revoke = Revoke::default();
        store.revoke_token(&tokens[1], false, &revoke).unwrap();
        store
            .backup(&backup, &mut |_, _| std::ops::ControlFlow::Continue(()))
            .unwrap();
        store.close().unwrap();
        for path in [path, backup] {
            let bytes = fs::read(path).unwrap();
            let holds = |text: &[u8]| memchr::memmem::find(&bytes, text).is_some();
            assert!(holds(id.as_bytes()), "the control: what is there is found");
            for token in &tokens {
                let secret = &token.as_bytes()[token.len() - 49..token.len() - 6];
                assert!(!holds(token.as_bytes()) && !holds(secret));
                // Nor any part of it that would be worth having.
                assert!(secret.windows(8).all(|part| !holds(part)));
            }
        }
    }
}

// ---- damage ----

/// A small store, whole and closed, and what is true of it.
struct Sample {
    bytes: Vec<u8>,
    good: String,
    revoked: String,
    disabled: String,
    expired: String,
}

fn sample(folder: &Path) -> Sample {
    let path = folder.join("sample");
    let clock = Clock::manual(at(0));
    let store = options(&clock).create(&path).unwrap();
    let make = |name: &str, expires| {
        let mut new = NewKey::new(name);
        new.scopes = scopes(&["a:b"]);
        new.expires = expires;
        let created = store.create(&new).unwrap();
        (created.key.id, created.token.unwrap().expose().to_owned())
    };
    let (_, good) = make("good", Expiry::Never);
    let (id, revoked) = make("revoked", Expiry::Never);
    store.revoke(id, &Revoke::default()).unwrap();
    let (id, disabled) = make("disabled", Expiry::Never);
    store.disable(id).unwrap();
    let (_, expired) = make("expired", Expiry::In(10));
    store.close().unwrap();
    Sample {
        bytes: fs::read(&path).unwrap(),
        good,
        revoked,
        disabled,
        expired,
    }
}

/// What a damaged file may answer: what is right, or that something is wrong with the store.
fn hold_damaged(path: &Path, sample: &Sample, what: &str) -> Code {
    let clock = Clock::manual(Timestamp::from_unix(START + 100));
    let opened = options(&clock)
        .check_on_open(CheckOnOpen::Always)
        .open(path);
    let store = match opened {
        Err(error) => return told(error.code(), what),
        Ok(store) => store,
    };
    let wide = plain().scopes(["a:c"]).unwrap();
    let rows = [
        (&sample.good, plain(), Code::OK),
        (&sample.good, wide, Code::INSUFFICIENT_SCOPE),
        (&sample.revoked, plain(), Code::REVOKED),
        (&sample.disabled, plain(), Code::DISABLED),
        (&sample.expired, plain(), Code::EXPIRED),
    ];
    let mut outcome = Code::OK;
    for (token, requirement, right) in rows {
        let answer = verify(&store, token, &requirement);
        if answer != right {
            outcome = told(answer, what);
        }
    }
    for listed in store.keys(&Filter::default(), Order::Name) {
        if let Err(error) = listed {
            outcome = told(error.code(), what);
        }
    }
    if let Err(error) = store.create(&NewKey::new("after")) {
        outcome = told(error.code(), what);
    }
    let _ = store.close();
    outcome
}

/// An error of the store that names what is wrong; anything else is a wrong answer.
fn told(code: Code, what: &str) -> Code {
    let named = [
        Code::CORRUPTED,
        Code::TRUNCATED,
        Code::NOT_A_STORE,
        Code::NEWER_FORMAT,
        Code::NEEDS_RECOVERY,
        Code::PEPPER_REQUIRED,
        Code::OUTCOME_UNKNOWN,
        Code::IO,
        Code::CLOSED,
        Code::LOCKED,
        Code::BUSY,
        Code::OPTIONS_CONTRADICT,
    ];
    assert!(named.contains(&code), "{what} answers {code:?}");
    code
}

#[test]
fn one_flipped_bit_anywhere_gives_the_right_answer_or_a_named_error() {
    let folder = folder();
    let sample = sample(folder.path());
    let path = folder.path().join("damaged");
    // Pages that hold data, and a part of the rest: most of a small file is empty.
    let used = |at: usize| {
        let page = at / 4096 * 4096;
        let end = (page + 4096).min(sample.bytes.len());
        sample.bytes[page..end].iter().any(|byte| *byte != 0)
    };
    let every = if std::env::var_os("KEYFOB_EVERY_BYTE").is_some() {
        1
    } else {
        7
    };
    let places: Vec<usize> = (0..sample.bytes.len())
        .filter(|at| used(*at) && at % every == 0)
        .collect();
    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    let begun = std::time::Instant::now();
    let mut tried = 0;
    // Spread over the file, so that a slow machine still sees all of it, more thinly.
    let stride = 641;
    for step in 0..places.len() {
        let at = places[step * stride % places.len()];
        if every > 1 && begun.elapsed().as_secs() > 40 {
            break;
        }
        let mut bytes = sample.bytes.clone();
        bytes[at] ^= 1 << (at / every % 8);
        fs::write(&path, &bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let outcome = hold_damaged(
            &path,
            &sample,
            &format!("bit {} of byte {at}", at / every % 8),
        );
        *outcomes.entry(outcome.name()).or_default() += 1;
        tried += 1;
    }
    assert!(tried >= 200, "too few in the time: {tried}");
    assert!(
        outcomes.contains_key("OK") && outcomes.contains_key("CORRUPTED"),
        "{outcomes:?}"
    );
    println!("{tried} of {} places: {outcomes:?}", places.len());
}

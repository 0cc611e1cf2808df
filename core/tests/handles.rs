//! One store for each file and process: however often it is opened, under whatever path, and
//! whoever closes which handle.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{START, code_of, plain, verify};
use keyfob::{
    CheckOnOpen, Clock, Code, Denied, KeyId, LogQuery, NewKey, Pepper, Policy, Revoke, Store,
    StoreOptions, Timestamp,
};

fn options() -> StoreOptions {
    StoreOptions::new().flush_every(Duration::ZERO)
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.redb");
    (folder, path)
}

fn new_store(path: &Path) -> Store {
    options().prefix("acme").unwrap().create(path).unwrap()
}

fn key(store: &Store) -> (KeyId, String) {
    let created = store.create(&NewKey::new("k")).unwrap();
    (created.key.id, created.token.unwrap().expose().to_owned())
}

/// How an open comes out in which the file is nobody else's: another process would see the same.
fn alone(path: &Path) -> Code {
    code_of(&options().apart().exclusive(true).open(path))
}

fn malformed(store: &Store) -> u64 {
    let all = store.refusals();
    let found = all.iter().find(|(denied, _)| *denied == Denied::Malformed);
    found.unwrap().1
}

#[test]
fn a_file_that_is_opened_under_any_path_is_one_store() {
    let (folder, path) = folder();
    let store = new_store(&path);
    let (id, token) = key(&store);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let hard = folder.path().join("hard");
    std::fs::hard_link(&path, &hard).unwrap();
    let dotted = folder.path().join(".").join("keys.redb");
    for (number, other) in [&path, &link, &hard, &dotted].into_iter().enumerate() {
        let handle = options().open(other).unwrap();
        assert_eq!(verify(&handle, "junk", &plain()), Code::MALFORMED);
        assert_eq!(malformed(&store), number as u64 + 1);
        // A use that nobody wrote yet is told by all of them.
        let clock = Clock::system();
        let before = store.get(id).unwrap().used.uses;
        let at = clock.now();
        while clock.now() == at {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(verify(&handle, &token, &plain()), Code::OK);
        assert_eq!(store.get(id).unwrap().used.uses, before + 1);
    }
    let apart = options().apart().open(&path).unwrap();
    assert_eq!(malformed(&apart), 0);
    assert_eq!(apart.get(id).unwrap().used.uses, 0);
}

#[test]
fn options_that_contradict_those_of_the_open_store_are_refused_and_named() {
    let (_folder, path) = folder();
    let pepper = |byte| Pepper::new([byte; 32]);
    let with = |byte| options().pepper(pepper(byte));
    let store = with(1).prefix("acme").unwrap().create(&path).unwrap();
    let seconds = Duration::from_secs;
    let manual = Clock::manual(Timestamp::from_unix(START));
    for (contradicting, named) in [
        (options(), "peppers"),
        (with(2), "peppers"),
        (with(1).retired_pepper(pepper(3)), "peppers"),
        (with(1).read_only(true), "read_only"),
        (with(1).exclusive(true), "exclusive"),
        (with(1).file_mode(0o640).unwrap(), "permissions"),
        (with(1).allow_insecure_permissions(true), "permissions"),
        (with(1).timeouts(seconds(1), seconds(2)), "timeouts"),
        (with(1).page_cache_bytes(0), "page_cache_bytes"),
        (with(1).key_cache_bytes(0), "key_cache_bytes"),
        (with(1).map_header(false), "map_header"),
        (with(1).clock(manual), "clock"),
        (with(1).flush_every(seconds(1)), "flush_every"),
        (with(1).prefix("other").unwrap(), "prefix"),
    ] {
        let error = contradicting.open(&path).unwrap_err();
        assert_eq!(error.code(), Code::OPTIONS_CONTRADICT, "{named}");
        let text = error.to_string();
        assert!(text.contains(named), "{named}: {text}");
        assert!(!text.contains("0202"), "{text}");
    }
    let other = Policy {
        most_keys_per_owner: Some(7),
        ..Policy::default()
    };
    let refused = with(1).policy(other).unwrap().open(&path);
    assert_eq!(code_of(&refused), Code::OPTIONS_CONTRADICT);
    let sequence = store.info().unwrap().sequence;
    let least = |least| with(1).least_sequence(least).open(&path);
    assert_eq!(code_of(&least(sequence + 1)), Code::ROLLED_BACK);
    assert_eq!(code_of(&least(sequence)), Code::OK);
    for agreeing in [
        with(1),
        with(1).prefix("acme").unwrap(),
        with(1).actor("another").unwrap(),
        with(1).check_on_open(CheckOnOpen::Always),
    ] {
        assert_eq!(code_of(&agreeing.open(&path)), Code::OK);
    }
    // What was refused took no share: the file is closed with the one that is there.
    store.close().unwrap();
    let read_only = with(1).read_only(true).open(&path).unwrap();
    read_only.close().unwrap();
    assert_eq!(code_of(&with(2).open(&path)), Code::WRONG_PEPPER);
}

#[test]
fn the_last_handle_that_is_closed_or_dropped_closes_the_file() {
    let (_folder, path) = folder();
    let first = new_store(&path);
    let (id, token) = key(&first);
    let second = options().open(&path).unwrap();
    let third = options().open(&path).unwrap();
    let clone = first.clone();
    let as_another = first.with_actor("another").unwrap();
    first.close().unwrap();
    for closed in [&first, &clone, &as_another] {
        assert_eq!(verify(closed, &token, &plain()), Code::CLOSED);
        assert_eq!(verify(closed, "junk", &plain()), Code::CLOSED);
        assert_eq!(code_of(&closed.disable(id)), Code::CLOSED);
        assert_eq!(code_of(&closed.flush()), Code::CLOSED);
        closed.close().expect("twice is no error");
    }
    assert_eq!(verify(&second, &token, &plain()), Code::OK);
    assert_eq!(alone(&path), Code::LOCKED);
    drop(third);
    drop((first, clone, as_another));
    assert_eq!(alone(&path), Code::LOCKED);
    let of_second = second.clone();
    drop(second);
    assert_eq!(verify(&of_second, &token, &plain()), Code::OK);
    drop(of_second);
    assert_eq!(alone(&path), Code::OK);
    // The last one wrote what was kept.
    let again = options().open(&path).unwrap();
    assert!(again.get(id).unwrap().used.uses > 0);
}

#[test]
fn every_handle_acts_for_its_own_actor() {
    let (_folder, path) = folder();
    let store = new_store(&path);
    let as_ana = options().actor("ana").unwrap().open(&path).unwrap();
    let as_ben = options().actor("ben").unwrap().open(&path).unwrap();
    let (one, _) = key(&as_ana);
    as_ben.revoke(one, &Revoke::default()).unwrap();
    as_ana.close().unwrap();
    let log = store.log(&LogQuery::default(), 10).unwrap();
    let actors: Vec<&str> = log.iter().map(|event| event.actor.as_str()).collect();
    assert_eq!(actors, ["unknown", "ana", "ben"]);
}

#[test]
fn threads_that_open_and_close_the_same_file_never_meet_each_other_s_locks() {
    let (_folder, path) = folder();
    let alone = || options().exclusive(true);
    let store = alone().prefix("acme").unwrap().create(&path).unwrap();
    let (_, token) = key(&store);
    store.close().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    // For itself alone: two at once would be LOCKED.
                    let store = alone().open(&path).unwrap();
                    assert_eq!(verify(&store, &token, &plain()), Code::OK);
                    store.close().unwrap();
                }
            });
        }
    });
}

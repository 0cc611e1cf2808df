//! What was taken away is refused by every verification that starts afterwards, whoever took it
//! away, however the commits are noticed, and although the keys are in memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use keyfob::{
    Denied, KeyId, NewKey, NewProject, ProjectUpdate, Requirement, Revoke, Rotate, ScopeSet, Store,
    StoreOptions, VerifyError,
};

fn options() -> StoreOptions {
    StoreOptions::new()
        .flush_every(std::time::Duration::from_millis(20))
        .timeouts(
            std::time::Duration::from_secs(20),
            std::time::Duration::from_secs(20),
        )
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn outcome(store: &Store, token: &str) -> Result<(), Denied> {
    match store.verify(token, &Requirement::new().any_project()) {
        Ok(_) => Ok(()),
        Err(VerifyError::Denied(denied)) => Err(denied),
        Err(error) => panic!("{error}"),
    }
}

const KEYS: usize = 400;
const READERS: usize = 3;

/// Readers verify every key round and round; a writer revokes one after the other and says so when
/// the revocation has returned. Whoever looks after that was said may not get it verified.
fn none_is_verified_after_its_revocation(readers: &Store, writer: &Store) {
    let keys: Vec<(KeyId, String)> = (0..KEYS)
        .map(|number| {
            let created = writer.create(&NewKey::new(format!("k{number}"))).unwrap();
            (created.key.id, created.token.unwrap().expose().to_owned())
        })
        .collect();
    for (_, token) in &keys {
        assert_eq!(outcome(readers, token), Ok(()));
    }
    let revoked = AtomicUsize::new(0);
    let rounds = AtomicUsize::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for at in 0..READERS {
            let (keys, revoked, rounds, done) = (&keys, &revoked, &rounds, &done);
            scope.spawn(move || {
                let mut next = at * KEYS / READERS;
                while !done.load(Ordering::Acquire) {
                    let known = revoked.load(Ordering::Acquire);
                    let answer = outcome(readers, &keys[next].1);
                    match answer {
                        Ok(()) => assert!(next >= known, "key {next} was good after {known}"),
                        Err(denied) => assert_eq!(denied, Denied::Revoked),
                    }
                    next = (next + 1) % KEYS;
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (at, (id, token)) in keys.iter().enumerate() {
            writer.revoke(*id, &Revoke::default()).unwrap();
            revoked.store(at + 1, Ordering::Release);
            assert_eq!(outcome(readers, token), Err(Denied::Revoked), "key {at}");
        }
        done.store(true, Ordering::Release);
    });
    assert!(
        rounds.load(Ordering::Relaxed) > KEYS,
        "hardly anybody looked"
    );
}

#[test]
fn a_revocation_through_the_same_handle_is_seen() {
    let folder = folder();
    let store = options().prefix("acme").unwrap();
    let store = store.create(folder.path().join("k")).unwrap();
    none_is_verified_after_its_revocation(&store, &store);
}

#[test]
fn a_revocation_through_a_store_of_its_own_cache_is_seen() {
    let folder = folder();
    let path = folder.path().join("k");
    let writer = options().prefix("acme").unwrap().create(&path).unwrap();
    let readers = options().apart().open(&path).unwrap();
    none_is_verified_after_its_revocation(&readers, &writer);
}

#[test]
fn a_revocation_is_seen_where_the_header_is_read_and_not_mapped() {
    let folder = folder();
    let path = folder.path().join("k");
    let writer = options().prefix("acme").unwrap().create(&path).unwrap();
    let readers = options().apart().map_header(false).open(&path).unwrap();
    none_is_verified_after_its_revocation(&readers, &writer);
}

#[test]
fn a_revocation_is_seen_in_a_store_that_is_open_for_one_process() {
    let folder = folder();
    let store = options().prefix("acme").unwrap().exclusive(true);
    let store = store.create(folder.path().join("k")).unwrap();
    none_is_verified_after_its_revocation(&store, &store);
}

#[test]
fn a_revocation_is_seen_by_a_read_only_handle() {
    let folder = folder();
    let path = folder.path().join("k");
    let writer = options().prefix("acme").unwrap().create(&path).unwrap();
    let readers = options().apart().read_only(true).open(&path).unwrap();
    none_is_verified_after_its_revocation(&readers, &writer);
}

#[test]
fn a_cache_that_holds_few_keys_or_none_gives_the_same_answers() {
    for bytes in [0, 4_000, 100_000] {
        let folder = folder();
        let path = folder.path().join("k");
        let writer = options().prefix("acme").unwrap().create(&path).unwrap();
        let readers = options()
            .apart()
            .key_cache_bytes(bytes)
            .open(&path)
            .unwrap();
        none_is_verified_after_its_revocation(&readers, &writer);
    }
}

#[test]
fn every_change_of_a_cached_key_or_of_its_project_is_seen_at_once() {
    let folder = folder();
    let path = folder.path().join("k");
    let writer = options().prefix("acme").unwrap().create(&path).unwrap();
    let reader = options().apart().open(&path).unwrap();
    let scopes = |texts: &[&str]| ScopeSet::parse(texts).unwrap();
    let mut project = NewProject::new("shop");
    project.scopes = scopes(&["a:*"]);
    writer.create_project(&project).unwrap();
    let mut new = NewKey::new("k");
    new.scopes = scopes(&["a:read"]);
    new.project = Some("shop".into());
    let created = writer.create(&new).unwrap();
    let (id, first) = (created.key.id, created.token.unwrap());
    let required = Requirement::new().scopes(["a:read"]).unwrap().any_project();
    let ask = |token: &str| match reader.verify(token, &required) {
        Ok(verified) => Ok(verified.scopes().len()),
        Err(VerifyError::Denied(denied)) => Err(denied),
        Err(error) => panic!("{error}"),
    };
    // Twice each: the second answer is the cache's.
    let both = |token: &str, expected: Result<usize, Denied>| {
        assert_eq!(ask(token), expected);
        assert_eq!(ask(token), expected);
    };
    both(first.expose(), Ok(1));
    writer.disable(id).unwrap();
    both(first.expose(), Err(Denied::Disabled));
    writer.enable(id).unwrap();
    both(first.expose(), Ok(1));
    let mut narrowed = ProjectUpdate::default();
    narrowed.scopes = keyfob::Change::Set(scopes(&["b:*"]));
    writer.update_project("shop", &narrowed).unwrap();
    both(first.expose(), Err(Denied::InsufficientScope));
    narrowed.scopes = keyfob::Change::Set(scopes(&["a:read", "c:d"]));
    writer.update_project("shop", &narrowed).unwrap();
    both(first.expose(), Ok(1));
    writer.disable_project("shop").unwrap();
    both(first.expose(), Err(Denied::Disabled));
    writer.enable_project("shop").unwrap();
    both(first.expose(), Ok(1));
    // Both secrets of a grace are good, and one alone after it.
    let second = writer.rotate(id, &Rotate::with_grace(1_000)).unwrap();
    let second = second.token.unwrap();
    both(first.expose(), Ok(1));
    both(second.expose(), Ok(1));
    both(first.expose(), Ok(1));
    writer.finish_rotation(id).unwrap();
    both(first.expose(), Err(Denied::NotFound));
    both(second.expose(), Ok(1));
    writer
        .prune_log(writer.info().unwrap().sequence - 1)
        .unwrap();
    both(second.expose(), Ok(1));
    writer.delete_project("shop").unwrap();
    both(second.expose(), Err(Denied::Revoked));
}

#[test]
fn a_text_that_differs_from_a_cached_token_in_any_character_is_refused() {
    let folder = folder();
    let store = options().prefix("acme").unwrap();
    let store = store.create(folder.path().join("k")).unwrap();
    let token = store.create(&NewKey::new("k")).unwrap().token.unwrap();
    let token = token.expose();
    assert_eq!(outcome(&store, token), Ok(()));
    for at in 0..token.len() {
        for other in [b'0', b'A', b'z', b'_', b' ', 0, 0xff] {
            let mut changed = token.as_bytes().to_vec();
            if changed[at] == other {
                continue;
            }
            changed[at] = other;
            let refused = store.verify(&changed, &Requirement::new().any_environment());
            assert!(refused.is_err(), "{at}: {other}");
        }
    }
    for other in [&token[1..], &token[..token.len() - 1], &format!("{token}0")] {
        assert!(outcome(&store, other).is_err());
    }
    assert_eq!(outcome(&store, token), Ok(()));
}

/// The tests above find a cache that is behind: one that is told of no commit gives the old answer.
#[test]
fn control_a_cache_that_looks_at_another_file_is_behind() {
    let folder = folder();
    let path = folder.path().join("k");
    let writer = options().prefix("acme").unwrap().create(&path).unwrap();
    let created = writer.create(&NewKey::new("k")).unwrap();
    let token = created.token.unwrap();
    let copy = folder.path().join("copy");
    writer
        .backup(&copy, &mut |_, _| std::ops::ControlFlow::Continue(()))
        .unwrap();
    let reader = options().open(&copy).unwrap();
    assert_eq!(outcome(&reader, token.expose()), Ok(()));
    writer.revoke(created.key.id, &Revoke::default()).unwrap();
    assert_eq!(outcome(&reader, token.expose()), Ok(()));
    assert_eq!(outcome(&writer, token.expose()), Err(Denied::Revoked));
}

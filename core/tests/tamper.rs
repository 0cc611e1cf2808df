//! Who can write the file: rows that are put back, forged, redirected or taken out of an index, in
//! a file that is closed or under a handle that is open. `SECURITY.md` says what each can do.

mod common;

use common::{Home, at, code_of, folder, made, options, plain, scopes, verify};
use keyfob::{
    Clock, Code, Filter, KeyId, NewKey, NewProject, Pepper, PepperInfo, Policy, Revoke, Selection,
    Store,
};
use redb::{
    ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use std::ops::ControlFlow;
use std::path::Path;

type Rows<K> = TableDefinition<'static, K, &'static [u8]>;
type Index<K> = TableDefinition<'static, K, ()>;

const META: Rows<&str> = TableDefinition::new("meta");
const KEYS: Rows<&[u8; 16]> = TableDefinition::new("keys");
const EVENTS: Rows<u64> = TableDefinition::new("events");
const REQUESTS: Rows<&[u8; 32]> = TableDefinition::new("requests");
const REQUESTS_BY_TIME: Index<&[u8; 40]> = TableDefinition::new("requests_by_time");
const NAMES: TableDefinition<'_, &str, &[u8; 16]> = TableDefinition::new("project_names");
const BY_PROJECT: Index<&[u8; 32]> = TableDefinition::new("keys_by_project");
const BY_OWNER: Index<&[u8]> = TableDefinition::new("keys_by_owner");
const BY_EXPIRY: Index<&[u8; 24]> = TableDefinition::new("keys_by_expiry");

fn engine(path: &Path) -> Database {
    let mut builder = Database::builder();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
    builder.open(path).unwrap()
}

/// Edits the file behind keyfob's back, also while stores have it open.
fn edit(path: &Path, f: impl FnOnce(&WriteTransaction)) {
    let database = engine(path);
    let transaction = database.begin_write().unwrap();
    f(&transaction);
    transaction.commit().unwrap();
}

fn key_row(path: &Path, id: KeyId) -> Vec<u8> {
    let database = engine(path);
    let snapshot = database.begin_read().unwrap();
    let rows = snapshot.open_table(KEYS).unwrap();
    let row = rows.get(id.as_bytes()).unwrap().unwrap();
    row.value().to_vec()
}

fn put_key_row(path: &Path, id: KeyId, row: &[u8]) {
    edit(path, |transaction| {
        let mut rows = transaction.open_table(KEYS).unwrap();
        rows.insert(id.as_bytes(), row).unwrap();
    });
}

fn meta_row(path: &Path, name: &str) -> Vec<u8> {
    let database = engine(path);
    let snapshot = database.begin_read().unwrap();
    let rows = snapshot.open_table(META).unwrap();
    let row = rows.get(name).unwrap().unwrap();
    row.value().to_vec()
}

fn put_meta_row(path: &Path, name: &str, row: &[u8]) {
    edit(path, |transaction| {
        let mut rows = transaction.open_table(META).unwrap();
        rows.insert(name, row).unwrap();
    });
}

fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn findings(store: &Store) -> Vec<String> {
    store.check_integrity(&mut go_on).unwrap().damage
}

// ---- peppers ----

fn pepper() -> Pepper {
    Pepper::new([3; 32])
}

/// What an introduction of a pepper leaves behind: handles that were opened while it was under
/// way, and rows from before and from the middle of it.
struct Introduced {
    home: Home,
    /// Opened in the middle of it.
    handles: Vec<Store>,
    id: KeyId,
    token: String,
    /// The row of the key from when it was good and nothing had a pepper: what anybody can make.
    forged: Vec<u8>,
    /// The store's own row from the middle of it.
    identity: Vec<u8>,
}

/// A key is revoked, and then a pepper introduced.
fn introduced() -> Introduced {
    let home = Home::new();
    let path = home.path();
    let (id, token) = home.key(|_| {});
    let forged = key_row(&path, id);
    home.store.revoke(id, &Revoke::default()).unwrap();
    home.store.close().unwrap();
    let (mut handles, mut identity) = (Vec::new(), Vec::new());
    let open = || options(&home.clock).pepper(pepper()).open(&path).unwrap();
    options(&home.clock)
        .set_pepper(&path, pepper(), &mut |_, _| {
            if handles.is_empty() {
                handles.extend([open(), open(), open()]);
                assert_eq!(handles[0].info().unwrap().pepper, PepperInfo::Changing);
                identity = meta_row(&path, "store");
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(handles.len(), 3);
    Introduced {
        token: token.expose().to_owned(),
        home,
        handles,
        id,
        forged,
        identity,
    }
}

#[test]
fn a_handle_from_the_middle_of_a_pepper_change_accepts_no_old_row_once_it_is_finished() {
    let Introduced {
        home,
        handles,
        id,
        token,
        forged,
        ..
    } = introduced();
    assert_eq!(verify(&handles[0], &token, &plain()), Code::REVOKED);
    put_key_row(&home.path(), id, &forged);
    // One has looked since the change was finished, the others have not.
    for handle in &handles[..2] {
        assert_eq!(verify(handle, &token, &plain()), Code::CORRUPTED);
        assert_eq!(code_of(&handle.get(id)), Code::CORRUPTED);
    }
    assert_eq!(code_of(&handles[2].disable(id)), Code::CORRUPTED);
    // And they go on with what is under the pepper.
    let (_, other) = made(handles[2].create(&NewKey::new("other")).unwrap());
    for handle in &handles {
        assert_eq!(verify(handle, other.expose(), &plain()), Code::OK);
        assert_eq!(handle.info().unwrap().pepper, PepperInfo::Set);
    }
}

#[test]
fn the_store_s_own_row_from_the_middle_of_a_pepper_change_is_noticed_when_it_is_put_back() {
    let Introduced {
        home,
        handles,
        id,
        token,
        forged,
        identity,
    } = introduced();
    let path = home.path();
    let open = || options(&home.clock).pepper(pepper()).open(&path);
    open().unwrap().close().unwrap();
    assert_eq!(verify(&handles[1], &token, &plain()), Code::REVOKED);
    put_meta_row(&path, "store", &identity);
    put_key_row(&path, id, &forged);
    assert_eq!(code_of(&open()), Code::CORRUPTED);
    for handle in &handles {
        assert_eq!(verify(handle, &token, &plain()), Code::CORRUPTED);
    }
    assert!(!findings(&handles[1]).is_empty());
}

#[test]
fn a_state_without_a_keyed_tag_is_not_believed_while_a_pepper_comes_in() {
    let home = Home::new();
    let path = home.path();
    let before = meta_row(&path, "state");
    home.store.close().unwrap();
    let mut looked = false;
    let changed = options(&home.clock).set_pepper(&path, pepper(), &mut |_, _| {
        if !looked {
            looked = true;
            let during = meta_row(&path, "state");
            put_meta_row(&path, "state", &before);
            let opened = options(&home.clock).pepper(pepper()).open(&path);
            assert_eq!(code_of(&opened), Code::CORRUPTED);
            put_meta_row(&path, "state", &during);
        }
        ControlFlow::Continue(())
    });
    changed.unwrap();
    assert!(looked);
}

#[test]
fn a_handle_from_the_middle_of_a_removal_goes_on_without_the_pepper() {
    let folder = folder();
    let (path, clock) = (folder.path().join("k"), Clock::manual(at(0)));
    let store = options(&clock).pepper(pepper()).create(&path).unwrap();
    let (id, token) = made(store.create(&NewKey::new("k")).unwrap());
    let row = key_row(&path, id);
    store.close().unwrap();
    let mut handle = None;
    let removed = options(&clock)
        .pepper(pepper())
        .remove_pepper(&path, &mut |_, _| {
            let open = || {
                options(&clock)
                    .retired_pepper(pepper())
                    .open(&path)
                    .unwrap()
            };
            handle.get_or_insert_with(open);
            ControlFlow::Continue(())
        });
    removed.unwrap();
    let handle = handle.unwrap();
    assert_eq!(verify(&handle, token.expose(), &plain()), Code::OK);
    assert_eq!(handle.info().unwrap().pepper, PepperInfo::None);
    handle.revoke(id, &Revoke::default()).unwrap();
    put_key_row(&path, id, &row);
    assert_eq!(verify(&handle, token.expose(), &plain()), Code::CORRUPTED);
}

// ---- indexes ----

/// Three keys of an owner in a project; the indexes have lost the second.
fn with_a_hidden_key() -> (Home, [KeyId; 3], Vec<String>) {
    let home = Home::new();
    home.project("shop", &["*"], None);
    let mut keys = Vec::new();
    for _ in 0..3 {
        keys.push(home.key(|new| {
            new.owner = Some("ann".into());
            new.project = Some("shop".into());
        }));
    }
    let hidden = keys[1].0;
    edit(&home.path(), |transaction| {
        let mut rows = transaction.open_table(BY_OWNER).unwrap();
        let row = [b"ann\0", &hidden.as_bytes()[..]].concat();
        rows.remove(row.as_slice()).unwrap().unwrap();
        let mut rows = transaction.open_table(BY_PROJECT).unwrap();
        let ends_so = |row: &[u8; 32]| row.ends_with(hidden.as_bytes());
        rows.retain(|row, ()| !ends_so(row)).unwrap();
    });
    let mut by_owner = Filter::default();
    by_owner.owner = Some("ann".into());
    assert_eq!(home.store.count(&by_owner).unwrap(), 2, "it is hidden");
    let ids = [keys[0].0, hidden, keys[2].0];
    let tokens = keys.into_iter().map(|(_, token)| token.expose().to_owned());
    (home, ids, tokens.collect())
}

#[test]
fn a_bulk_revocation_reaches_keys_that_an_index_has_lost() {
    type Bulk = fn(&Store, &Selection) -> keyfob::BulkOutcome;
    let verbs: [(Bulk, Code); 2] = [
        (
            |store, all| store.revoke_many(all, &Revoke::default()).unwrap(),
            Code::REVOKED,
        ),
        (|store, all| store.disable_many(all), Code::DISABLED),
    ];
    for by_owner in [true, false] {
        for (verb, expected) in verbs {
            let (home, _, tokens) = with_a_hidden_key();
            let mut filter = Filter::default();
            if by_owner {
                filter.owner = Some("ann".into());
            } else {
                filter.project = Some("shop".into());
            }
            let outcome = verb(&home.store, &Selection::Filter(filter));
            assert!(outcome.stopped.is_none(), "{outcome:?}");
            assert_eq!(outcome.changed, 3);
            for token in tokens {
                let requirement = plain().any_project();
                assert_eq!(verify(&home.store, &token, &requirement), expected);
            }
        }
    }
}

#[test]
fn a_project_that_the_index_of_names_has_lost_is_listed_and_no_key_is_good_in_it() {
    let home = Home::new();
    home.project("shop", &["*"], None);
    let (_, free) = home.key(|_| {});
    let (_, bound) = home.key(|new| new.project = Some("shop".into()));
    let shop = plain().project("shop").unwrap();
    assert_eq!(verify(&home.store, free.expose(), &shop), Code::OK);
    edit(&home.path(), |transaction| {
        let mut names = transaction.open_table(NAMES).unwrap();
        names.remove("shop").unwrap().unwrap();
    });
    assert_eq!(home.store.projects().unwrap().len(), 1);
    assert_eq!(
        verify(&home.store, free.expose(), &shop),
        Code::WRONG_PROJECT
    );
    assert_eq!(verify(&home.store, bound.expose(), &shop), Code::OK);
    assert_eq!(
        code_of(&home.store.disable_project("shop")),
        Code::NO_SUCH_PROJECT,
        "it is said, and not passed over"
    );
}

#[test]
fn a_name_that_leads_to_another_or_a_deleted_project_is_corrupted() {
    for deleted in [false, true] {
        let home = Home::new();
        home.project("shop", &["*"], Some("ann"));
        let (_, token) = home.key(|_| {});
        let other = home
            .store
            .create_project(&NewProject::new("other"))
            .unwrap();
        let target = if deleted {
            let shop = home.store.delete_project("shop").unwrap();
            home.project("shop", &["*"], Some("ann"));
            shop.id
        } else {
            other.id
        };
        edit(&home.path(), |transaction| {
            let mut names = transaction.open_table(NAMES).unwrap();
            names.insert("shop", target.as_bytes()).unwrap();
        });
        let shop = plain().project("shop").unwrap();
        assert_eq!(verify(&home.store, token.expose(), &shop), Code::CORRUPTED);
        assert_eq!(code_of(&home.store.project("shop")), Code::CORRUPTED);
        assert_eq!(code_of(&home.store.delete_project("shop")), Code::CORRUPTED);
    }
}

#[test]
fn a_row_of_the_index_by_owner_does_not_make_another_s_key_count() {
    let home = Home::new();
    let policy = Policy {
        most_keys_per_owner: Some(1),
        ..Policy::default()
    };
    home.store.set_policy(policy).unwrap();
    let (bobs, _) = home.key(|new| new.owner = Some("bob".into()));
    edit(&home.path(), |transaction| {
        let mut rows = transaction.open_table(BY_OWNER).unwrap();
        let row = [b"ann\0", &bobs.as_bytes()[..]].concat();
        rows.insert(row.as_slice(), ()).unwrap();
    });
    home.key(|new| new.owner = Some("ann".into()));
    let mut new = NewKey::new("second");
    new.owner = Some("ann".into());
    assert_eq!(code_of(&home.store.create(&new)), Code::TOO_MANY_KEYS);
}

#[test]
fn the_check_names_rows_of_an_index_that_no_record_has() {
    let home = Home::new();
    home.project("shop", &["*"], None);
    let mut new = NewKey::new("key");
    new.owner = Some("ann".into());
    new.project = Some("shop".into());
    new.expires = keyfob::Expiry::In(100);
    new.request_id = Some("request-1".into());
    let id = home.store.create(&new).unwrap().key.id;
    assert_eq!(findings(&home.store), Vec::<String>::new());
    let other = *home.key(|_| {}).0.as_bytes();
    // In each index the row is there no more, and another in its place: their number is right.
    edit(&home.path(), |transaction| {
        let mut rows = transaction.open_table(BY_OWNER).unwrap();
        rows.retain(|_, ()| false).unwrap();
        let row = [b"ann\0", &other[..]].concat();
        rows.insert(row.as_slice(), ()).unwrap();
        let mut rows = transaction.open_table(BY_PROJECT).unwrap();
        rows.retain(|_, ()| false).unwrap();
        rows.insert(&[9; 32], ()).unwrap();
        let mut rows = transaction.open_table(BY_EXPIRY).unwrap();
        rows.retain(|_, ()| false).unwrap();
        let mut row = [0xff; 24];
        row[8..].copy_from_slice(&other);
        rows.insert(&row, ()).unwrap();
        let mut rows = transaction.open_table(NAMES).unwrap();
        rows.remove("shop").unwrap().unwrap();
        rows.insert("stray", &[9; 16]).unwrap();
        let mut rows = transaction.open_table(REQUESTS_BY_TIME).unwrap();
        rows.retain(|_, ()| false).unwrap();
        rows.insert(&[7; 40], ()).unwrap();
    });
    let found = findings(&home.store).join("\n");
    for (index, missing) in [
        (
            "keys_by_owner",
            format!("key {id}: its row is missing in keys_by_owner"),
        ),
        (
            "keys_by_project",
            format!("key {id}: its row is missing in keys_by_project"),
        ),
        (
            "keys_by_expiry",
            format!("key {id}: its row is missing in keys_by_expiry"),
        ),
        ("project_names", "its name is not in the index".to_owned()),
        (
            "requests_by_time",
            "request: its row is missing in requests_by_time".to_owned(),
        ),
    ] {
        assert!(found.contains(&missing), "{missing}:\n{found}");
        let stray = format!("{index}: a row");
        assert!(found.contains(&stray), "{stray}:\n{found}");
    }
}

// ---- requests ----

#[test]
fn a_remembered_request_cannot_be_led_to_another_key() {
    for peppered in [false, true] {
        let folder = folder();
        let (path, clock) = (folder.path().join("k"), Clock::manual(at(0)));
        let mut with = options(&clock);
        if peppered {
            with = with.pepper(pepper());
        }
        let store = with.create(&path).unwrap();
        let mut new = NewKey::new("key");
        new.request_id = Some("request-1".into());
        let id = store.create(&new).unwrap().key.id;
        let mut wide = NewKey::new("another");
        wide.scopes = scopes(&["*"]);
        let other = store.create(&wide).unwrap().key.id;
        edit(&path, |transaction| {
            let mut rows = transaction.open_table(REQUESTS).unwrap();
            let (key, mut row) = {
                let (key, row) = rows.first().unwrap().unwrap();
                (*key.value(), row.value().to_vec())
            };
            let place = row.windows(16).position(|part| part == id.as_bytes());
            let place = place.expect("the row names the key");
            row[place..place + 16].copy_from_slice(other.as_bytes());
            rows.insert(&key, row.as_slice()).unwrap();
        });
        assert_eq!(code_of(&store.create(&new)), Code::CORRUPTED);
        assert!(findings(&store).join("\n").contains("requests"));
    }
}

#[test]
fn a_request_is_remembered_through_a_change_of_peppers() {
    let home = Home::new();
    let mut new = NewKey::new("key");
    new.request_id = Some("request-1".into());
    let id = home.store.create(&new).unwrap().key.id;
    home.store.close().unwrap();
    let options = || options(&home.clock);
    options()
        .set_pepper(home.path(), pepper(), &mut go_on)
        .unwrap();
    let store = options().pepper(pepper()).open(home.path()).unwrap();
    let again = store.create(&new).unwrap();
    assert!(again.replayed && again.key.id == id);
    assert_eq!(findings(&store), Vec::<String>::new());
}

#[test]
fn the_error_of_a_damaged_row_names_the_row_and_what_to_do() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let mut row = key_row(&home.path(), id);
    *row.last_mut().unwrap() ^= 1;
    put_key_row(&home.path(), id, &row);
    for _ in 0..2 {
        let error = home.store.verify(token.expose(), &plain()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&id.to_string()), "{text}");
        assert!(text.contains("keyfob check"), "{text}");
    }
    assert!(findings(&home.store).join("\n").contains(&id.to_string()));
}

/// What an event says decides what a process forgets that has the key in memory. One of whose id a
/// bit was turned, or that was taken out, once left a revoked key good in every such process.
#[test]
fn an_event_that_was_edited_or_taken_out_leaves_no_revoked_key_good_in_memory() {
    for pepper in [None, Some([3; 32])] {
        for taken_out in [false, true] {
            let folder = folder();
            let path = folder.path().join("keys.redb");
            let clock = Clock::manual(at(1_000));
            let options = || match pepper {
                None => options(&clock).apart(),
                Some(bytes) => options(&clock).apart().pepper(Pepper::new(bytes)),
            };
            let verifier = options().create(&path).unwrap();
            let (id, token) = made(verifier.create(&NewKey::new("k")).unwrap());
            let (_, other) = made(verifier.create(&NewKey::new("other")).unwrap());
            assert_eq!(verify(&verifier, token.expose(), &plain()), Code::OK);
            let operator = options().open(&path).unwrap();
            operator.revoke(id, &Revoke::default()).unwrap();
            edit(&path, |transaction| {
                let mut events = transaction.open_table(EVENTS).unwrap();
                let (last, mut row) = {
                    let (last, row) = events.last().unwrap().unwrap();
                    (last.value(), row.value().to_vec())
                };
                if taken_out {
                    events.remove(last).unwrap();
                    return;
                }
                let mut places = row.windows(16);
                let place = places.position(|bytes| bytes == id.as_bytes()).unwrap();
                row[place + 15] ^= 1;
                events.insert(last, row.as_slice()).unwrap();
            });
            // Another key, with which the cache catches up.
            assert_eq!(verify(&verifier, other.expose(), &plain()), Code::OK);
            assert_eq!(verify(&verifier, token.expose(), &plain()), Code::REVOKED);
        }
    }
}

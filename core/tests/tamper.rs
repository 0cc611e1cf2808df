//! Who can write the file: rows that are put back or forged, in a file that is closed or under a
//! handle that is open. `SECURITY.md` says what each can do.

mod common;

use common::{Home, at, code_of, folder, made, options, plain, verify};
use keyfob::{Clock, Code, KeyId, NewKey, Pepper, PepperInfo, Revoke, Store};
use redb::{ConcurrencyMode, Database, ReadableDatabase, TableDefinition, WriteTransaction};
use std::path::Path;

type Rows<K> = TableDefinition<'static, K, &'static [u8]>;

const META: Rows<&str> = TableDefinition::new("meta");
const KEYS: Rows<&[u8; 16]> = TableDefinition::new("keys");

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

fn findings(store: &Store) -> Vec<String> {
    store.check_integrity(&mut |_, _| ()).unwrap().damage
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
        });
    removed.unwrap();
    let handle = handle.unwrap();
    assert_eq!(verify(&handle, token.expose(), &plain()), Code::OK);
    assert_eq!(handle.info().unwrap().pepper, PepperInfo::None);
    handle.revoke(id, &Revoke::default()).unwrap();
    put_key_row(&path, id, &row);
    assert_eq!(verify(&handle, token.expose(), &plain()), Code::CORRUPTED);
}

//! The words of the engine's header by which commits are noticed. These fail where a version of the
//! engine moves them or commits without changing them; `core/src/header.rs` relies on both.

use std::os::unix::fs::FileExt;
use std::path::Path;

use keyfob::{NewKey, Requirement, Revoke, StoreOptions};

/// The ids of the two transactions and the state byte, where `core/src/header.rs` looks for them.
fn header(path: &Path) -> ([u64; 2], u8) {
    let file = std::fs::File::open(path).unwrap();
    let mut page = [0; 320];
    file.read_exact_at(&mut page, 0).unwrap();
    let id = |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().unwrap());
    ([id(168), id(296)], page[9])
}

#[test]
fn every_commit_gives_a_greater_id_and_ends_with_the_unflushed_bit_unset() {
    const UNFLUSHED: u8 = 8;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let store = StoreOptions::new().prefix("acme").unwrap();
    let store = store
        .flush_every(std::time::Duration::ZERO)
        .create(&path)
        .unwrap();
    let mut newest = *header(&path).0.iter().max().unwrap();
    for number in 0..50 {
        let created = store.create(&NewKey::new(format!("k{number}"))).unwrap();
        let first = header(&path);
        store.revoke(created.key.id, &Revoke::default()).unwrap();
        for (ids, state) in [first, header(&path)] {
            let [one, two] = ids;
            assert!(
                one != two && one.max(two) > newest,
                "{ids:?} after {newest}"
            );
            assert_eq!(state & UNFLUSHED, 0);
            newest = one.max(two);
        }
    }
}

#[test]
fn what_changes_nothing_moves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let store = StoreOptions::new().prefix("acme").unwrap();
    let store = store
        .flush_every(std::time::Duration::ZERO)
        .create(&path)
        .unwrap();
    let created = store.create(&NewKey::new("k")).unwrap();
    let token = created.token.unwrap();
    let before = header(&path);
    for _ in 0..10 {
        store.verify(token.expose(), &Requirement::new()).unwrap();
        store.get(created.key.id).unwrap();
        assert!(store.create(&NewKey::new("")).is_err());
    }
    assert_eq!(header(&path), before);
}

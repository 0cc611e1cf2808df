//! Backup, restore, check, compact and info, through the public API.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use keyfob::{
    Change, Code, Denied, Error, EventKind, Expiry, Filter, ForeignFormat, ImportDefaults, KeyId,
    KeyState, LogQuery, NewKey, NewProject, Order, Pepper, Prune, Requirement, Restore, Revoke,
    ScopeSet, Store, StoreOptions, Timestamp, VerifyError,
};

/// A callback that lets the work go on.
fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn options() -> StoreOptions {
    StoreOptions::new()
        .prefix("acme")
        .unwrap()
        .actor("test")
        .unwrap()
        .flush_every(std::time::Duration::ZERO)
}

fn key(store: &Store, name: &str) -> (KeyId, String) {
    let mut new = NewKey::new(name);
    new.scopes = ScopeSet::parse(["a:read"]).unwrap();
    let created = store.create(&new).unwrap();
    (created.key.id, created.token.unwrap().expose().to_owned())
}

fn denial(store: &Store, token: &str) -> Option<Denied> {
    match store.verify(token, &Requirement::new()) {
        Ok(_) => None,
        Err(VerifyError::Denied(denied)) => Some(denied),
        Err(error) => panic!("{error}"),
    }
}

fn backup(store: &Store, to: &Path) {
    store.backup(to, &mut go_on).unwrap();
}

fn assert_whole(store: &Store) {
    let report = store.check_integrity(&mut go_on).unwrap();
    assert_eq!(report.damage, Vec::<String>::new());
    assert_eq!(report.sequence, store.info().unwrap().sequence);
}

#[test]
fn a_backup_is_a_store_of_its_own_that_verifies_the_same_tokens() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (_, good) = key(&store, "good");
    let (id, bad) = key(&store, "bad");
    store.revoke(id, &Revoke::default()).unwrap();
    let mut told = Vec::new();
    let done = store
        .backup(folder.path("b"), &mut |done, all| {
            told.push((done, all));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((done.sequence, done.keys), (4, 2));
    assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    assert_eq!(told.last().map(|(done, all)| done == all), Some(true));
    key(&store, "later");

    let copy = StoreOptions::new().open(folder.path("b")).unwrap();
    assert_eq!(denial(&copy, &good), None);
    assert_eq!(denial(&copy, &bad), Some(Denied::Revoked));
    assert_eq!(copy.count(&Filter::default()).unwrap(), 2);
    assert_whole(&copy);
}

#[test]
fn a_backup_never_overwrites() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    std::fs::write(folder.path("b"), "precious").unwrap();
    let refused = store.backup(folder.path("b"), &mut go_on).unwrap_err();
    assert_eq!(refused.code(), Code::STORE_EXISTS);
    assert_eq!(std::fs::read(folder.path("b")).unwrap(), b"precious");
    let own = store.backup(folder.path("a"), &mut go_on).unwrap_err();
    assert_eq!(own.code(), Code::STORE_EXISTS);
}

#[test]
fn restoring_revives_nothing_that_was_revoked_disabled_or_pruned_since() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (revoked, revoked_token) = key(&store, "revoked since");
    let (disabled, disabled_token) = key(&store, "disabled since");
    let (pruned, pruned_token) = key(&store, "revoked and pruned since");
    let (_, kept_token) = key(&store, "kept");
    backup(&store, &folder.path("b"));
    store.revoke(revoked, &Revoke::default()).unwrap();
    store.disable(disabled).unwrap();
    store.revoke(pruned, &Revoke::default()).unwrap();
    let mut prune = Prune::default();
    prune.revoked_before = Some(Timestamp::from_unix(i64::MAX));
    // Both revoked keys go; a tombstone stays of each.
    assert_eq!(store.prune(&prune).unwrap().keys, 2);
    let before = store.info().unwrap().sequence;
    store.close().unwrap();

    let restored = options()
        .restore(
            folder.path("a"),
            folder.path("b"),
            &Restore::default(),
            &mut go_on,
        )
        .unwrap();
    assert_eq!(restored.keys, 0);
    assert!(restored.sequence > before);
    assert!(restored.uncertain.is_empty());

    let store = options().open(folder.path("a")).unwrap();
    assert_eq!(denial(&store, &revoked_token), Some(Denied::NotFound));
    assert_eq!(denial(&store, &pruned_token), Some(Denied::NotFound));
    assert_eq!(denial(&store, &disabled_token), Some(Denied::Disabled));
    assert_eq!(denial(&store, &kept_token), None);
    assert_whole(&store);
    store.close().unwrap();

    let mut named = Restore::default();
    named.named = vec![pruned];
    let refused = options().restore(folder.path("a"), folder.path("b"), &named, &mut go_on);
    assert_eq!(refused.unwrap_err().code(), Code::KEY_IS_REVOKED);
}

#[test]
fn an_expired_key_that_was_pruned_comes_back_only_where_it_is_named() {
    let folder = Folder::new();
    let clock = keyfob::Clock::manual(Timestamp::from_unix(1_800_000_000));
    let options = || options().clock(clock.clone());
    let store = options().create(folder.path("a")).unwrap();
    let mut new = NewKey::new("short");
    new.expires = Expiry::In(100);
    let id = store.create(&new).unwrap().key.id;
    backup(&store, &folder.path("b"));
    clock.advance(1_000);
    let mut prune = Prune::default();
    prune.expired_before = Some(clock.now());
    assert_eq!(store.prune(&prune).unwrap().keys, 1);
    store.close().unwrap();

    let restore = |named| {
        let mut restore = Restore::default();
        restore.named = named;
        options()
            .restore(folder.path("a"), folder.path("b"), &restore, &mut go_on)
            .unwrap()
            .keys
    };
    assert_eq!(restore(vec![]), 0);
    assert_eq!(restore(vec![id]), 1);
    let store = options().open(folder.path("a")).unwrap();
    assert_eq!(store.get(id).unwrap().state, KeyState::Expired);
    assert_whole(&store);
}

#[test]
fn an_older_copy_put_in_place_is_brought_up_to_the_backup_and_its_log_stays_provable() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (old, old_token) = key(&store, "old");
    store.create_project(&NewProject::new("shop")).unwrap();
    store.close().unwrap();
    std::fs::copy(folder.path("a"), folder.path("older")).unwrap();
    let store = options().open(folder.path("a")).unwrap();
    store.revoke(old, &Revoke::default()).unwrap();
    let (_, new_token) = key(&store, "new");
    store.delete_project("shop").unwrap();
    backup(&store, &folder.path("b"));
    let at = store.info().unwrap().sequence;
    store.close().unwrap();
    std::fs::rename(folder.path("older"), folder.path("a")).unwrap();

    let restored = options()
        .restore(
            folder.path("a"),
            folder.path("b"),
            &Restore::default(),
            &mut go_on,
        )
        .unwrap();
    assert_eq!((restored.keys, restored.projects), (2, 1));
    assert!(
        restored.sequence > at,
        "the sequence goes on from the higher of the two"
    );
    let store = options().least_sequence(at).open(folder.path("a")).unwrap();
    assert_eq!(denial(&store, &old_token), Some(Denied::Revoked));
    assert_eq!(denial(&store, &new_token), None);
    assert!(store.projects().unwrap().is_empty());
    assert_whole(&store);
    assert!(store.log(&LogQuery::default(), 100).unwrap().len() > 3);
}

#[test]
fn over_a_file_that_cannot_be_read_the_backup_takes_its_place_and_names_what_is_uncertain() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (_, token) = key(&store, "k");
    let (revoked, _) = key(&store, "revoked");
    store.revoke(revoked, &Revoke::default()).unwrap();
    backup(&store, &folder.path("b"));
    store.close().unwrap();
    // Cut in the middle, as by a full disk.
    let whole = std::fs::read(folder.path("a")).unwrap();
    let cut = &whole[..whole.len() / 2];
    std::fs::write(folder.path("a"), cut).unwrap();

    let restored = options()
        .restore(
            folder.path("a"),
            folder.path("b"),
            &Restore::default(),
            &mut go_on,
        )
        .unwrap();
    assert_eq!(restored.keys, 2);
    let uncertain: Vec<_> = restored
        .uncertain
        .iter()
        .map(|key| key.name.as_str())
        .collect();
    assert_eq!(uncertain, ["k"]);
    let aside = restored.set_aside.expect("nothing is lost");
    assert_eq!(std::fs::read(aside).unwrap(), cut);
    let store = options().open(folder.path("a")).unwrap();
    assert_eq!(denial(&store, &token), None);
    assert_eq!(store.info().unwrap().sequence, restored.sequence);
    assert_whole(&store);
    store.close().unwrap();

    std::fs::remove_file(folder.path("a")).unwrap();
    let mut disabled = Restore::default();
    disabled.disable_all = true;
    let restored = options()
        .restore(folder.path("a"), folder.path("b"), &disabled, &mut go_on)
        .unwrap();
    assert_eq!(restored.set_aside, None);
    let states: Vec<KeyState> = restored.uncertain.iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Disabled], "as it is after the restore");
    let store = options().open(folder.path("a")).unwrap();
    let events = store.log(&LogQuery::default(), 100).unwrap();
    assert!(
        events.iter().any(|event| matches!(
            event.kind,
            EventKind::Restored {
                sequence_before: None,
                ..
            }
        )),
        "the log does not say what the lost file was at"
    );
    assert_eq!(denial(&store, &token), Some(Denied::Disabled));
    assert_whole(&store);
}

#[test]
fn a_restore_waits_for_nobody_who_has_the_unreadable_file_open() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    backup(&store, &folder.path("b"));
    // The file is damaged under an open handle, so that it cannot be opened again.
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path("a"))
        .unwrap();
    file.write_all_at(b"junk", 0).unwrap();
    let mut restore = Restore::default();
    restore.replace_other_file = true;
    let refused = options()
        .restore(folder.path("a"), folder.path("b"), &restore, &mut go_on)
        .unwrap_err();
    assert_eq!(refused.code(), Code::LOCKED);
    drop(store);
}

/// Breaks off when it is told for the second time.
fn breaks_off() -> impl FnMut(u64, u64) -> ControlFlow<()> {
    let mut told = 0;
    move |_, _| {
        told += 1;
        if told < 2 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

#[test]
fn long_work_that_is_broken_off_says_so_and_leaves_the_store_as_it_was() {
    let folder = Folder::new();
    let path = folder.path("a");
    let pepper = || Pepper::new([1; 32]);
    let store = options().create(&path).unwrap();
    let (_, token) = key(&store, "k");
    let interrupted = |result: Result<(), Error>| {
        assert_eq!(result.unwrap_err().code(), Code::INTERRUPTED);
    };
    interrupted(
        store
            .backup(folder.path("b"), &mut breaks_off())
            .map(|_| ()),
    );
    let left = std::fs::read_dir(folder.0.path()).unwrap().count();
    assert_eq!(left, 1, "nothing but the store");
    interrupted(store.check_integrity(&mut breaks_off()).map(|_| ()));
    backup(&store, &folder.path("b"));
    let before = store.info().unwrap().sequence;
    store.close().unwrap();
    let restore = Restore::default();
    let restored = options().restore(&path, folder.path("b"), &restore, &mut breaks_off());
    interrupted(restored.map(|_| ()));
    let store = options().open(&path).unwrap();
    assert_eq!(store.info().unwrap().sequence, before);
    store.close().unwrap();

    interrupted(options().set_pepper(&path, pepper(), &mut breaks_off()));
    options().set_pepper(&path, pepper(), &mut go_on).unwrap();
    let store = options().pepper(pepper()).open(&path).unwrap();
    assert_eq!(denial(&store, &token), None);
    assert_whole(&store);
}

#[test]
fn a_callback_may_use_the_store_that_it_is_told_of() {
    for exclusive in [false, true] {
        let folder = Folder::new();
        let options = || options().exclusive(exclusive);
        let store = options().create(folder.path("a")).unwrap();
        let (_, token) = key(&store, "k");
        let mut made = 0;
        let mut use_it = |_, _| {
            assert_eq!(denial(&store, &token), None);
            made += 1;
            key(&store, "meanwhile");
            let quick = store.compact().unwrap_err();
            assert_eq!(quick.code(), Code::BUSY, "it would take the file away");
            ControlFlow::Continue(())
        };
        store.backup(folder.path("b"), &mut use_it).unwrap();
        store.check_integrity(&mut use_it).unwrap();
        assert_eq!(store.count(&Filter::default()).unwrap(), made + 1);
        let mut close_it = |_, _| {
            store.close().unwrap();
            ControlFlow::Continue(())
        };
        store.backup(folder.path("c"), &mut close_it).unwrap();
        assert_eq!(store.info().unwrap_err().code(), Code::CLOSED);
        for name in ["a", "c"] {
            assert_whole(&options().exclusive(true).open(folder.path(name)).unwrap());
        }
    }
}

#[test]
fn a_panic_of_a_callback_is_the_callers_and_leaves_the_store_as_it_was() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (_, token) = key(&store, "k");
    for run in [
        |store: &Store, folder: &Folder| {
            let _ = store.backup(folder.path("b"), &mut |_, _| panic!("the caller's"));
        },
        |store: &Store, _: &Folder| {
            let _ = store.check_integrity(&mut |_, _| panic!("the caller's"));
        },
    ] {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&store, &folder);
        }));
        let said = caught.unwrap_err();
        assert_eq!(said.downcast_ref(), Some(&"the caller's"));
        assert_eq!(denial(&store, &token), None);
        assert!(!folder.path("b").exists());
    }
    assert_whole(&store);
}

#[test]
fn a_backup_of_another_store_and_a_damaged_one_are_refused() {
    let folder = Folder::new();
    options().create(folder.path("a")).unwrap().close().unwrap();
    let other = options().create(folder.path("other")).unwrap();
    key(&other, "k");
    backup(&other, &folder.path("b"));
    let restore = |from: &str| {
        let restore = Restore::default();
        options()
            .restore(folder.path("a"), folder.path(from), &restore, &mut go_on)
            .unwrap_err()
            .code()
    };
    assert_eq!(restore("b"), Code::OPTIONS_CONTRADICT);
    let whole = std::fs::read(folder.path("b")).unwrap();
    std::fs::write(folder.path("cut"), &whole[..whole.len() / 2]).unwrap();
    std::fs::set_permissions(
        folder.path("cut"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    assert_eq!(restore("cut"), Code::TRUNCATED);
}

#[test]
fn the_check_finds_a_record_that_was_put_back_or_removed_behind_the_stores_back() {
    use redb::{Database, TableDefinition};
    const KEYS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("keys");
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (id, token) = key(&store, "k");
    store.close().unwrap();
    let before = {
        let database = Database::open(folder.path("a")).unwrap();
        let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
        let table = transaction.open_table(KEYS).unwrap();
        table.get(id.as_bytes()).unwrap().unwrap().value().to_vec()
    };
    let store = options().open(folder.path("a")).unwrap();
    store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(denial(&store, &token), Some(Denied::Revoked));
    store.close().unwrap();
    {
        let database = Database::open(folder.path("a")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(KEYS)
            .unwrap()
            .insert(id.as_bytes(), before.as_slice())
            .unwrap();
        transaction.commit().unwrap();
    }
    let store = options().open(folder.path("a")).unwrap();
    let report = store.check_integrity(&mut go_on).unwrap();
    assert!(
        report.damage.iter().any(|line| line.contains("sum")),
        "{:?}",
        report.damage
    );
    store.close().unwrap();
    {
        let database = Database::open(folder.path("a")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(KEYS)
            .unwrap()
            .remove(id.as_bytes())
            .unwrap();
        transaction.commit().unwrap();
    }
    let store = options().open(folder.path("a")).unwrap();
    let report = store.check_integrity(&mut go_on).unwrap();
    assert!(
        report
            .damage
            .iter()
            .any(|line| line.contains("should be 1")),
        "{:?}",
        report.damage
    );
}

#[test]
fn what_was_noted_of_the_log_is_compared_and_a_pruned_log_stays_provable() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    for number in 0..20 {
        key(&store, &format!("k{number}"));
    }
    let noted = store.verify_log().unwrap();
    assert_eq!((noted.first, noted.last), (1, 21));
    assert!(store.check_expected(21, &noted.head).unwrap());
    assert!(!store.check_expected(20, &noted.head).unwrap());
    let tenth = store.log(&LogQuery::default(), 10).unwrap()[9].clone();

    assert_eq!(store.prune_log(10).unwrap(), 10);
    assert!(
        store.check_expected(10, &tenth.hash).unwrap(),
        "the hash at the cut is kept"
    );
    assert_eq!(
        store.check_expected(9, &tenth.hash).unwrap_err().code(),
        Code::GONE
    );
    assert_eq!(store.verify_log().unwrap().first, 11);
    let mut since = LogQuery::default();
    since.after = Some(9);
    assert_eq!(store.log(&since, 5).unwrap_err().code(), Code::GONE);
    since.after = Some(10);
    assert_eq!(store.log(&since, 5).unwrap()[0].sequence, 11);
    assert_eq!(store.log(&LogQuery::default(), 5).unwrap()[0].sequence, 11);
    assert!(store.prune_log(1_000).is_err());
    assert_whole(&store);
}

#[test]
fn the_history_of_a_key_is_its_own_events_in_order() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (one, _) = key(&store, "one");
    let (two, _) = key(&store, "two");
    store.disable(one).unwrap();
    store.disable(two).unwrap();
    store.enable(one).unwrap();
    store.revoke(one, &Revoke::default()).unwrap();
    let mut query = LogQuery::default();
    query.key = Some(one);
    let names = |events: Vec<keyfob::Event>| -> Vec<&'static str> {
        events.iter().map(|event| event.kind.name()).collect()
    };
    let all = ["key_created", "key_disabled", "key_enabled", "key_revoked"];
    assert_eq!(names(store.log(&query, 10).unwrap()), all);
    assert_eq!(names(store.log(&query, 2).unwrap()), all[..2]);
    let mut prune = Prune::default();
    prune.revoked_before = Some(Timestamp::from_unix(i64::MAX));
    store.prune(&prune).unwrap();
    let pruned: Vec<&str> = all.into_iter().chain(["key_pruned"]).collect();
    assert_eq!(
        names(store.log(&query, 10).unwrap()),
        pruned,
        "also after it was pruned"
    );
}

#[test]
fn the_log_of_a_project_holds_its_own_events_and_those_of_its_keys() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    key(&store, "elsewhere");
    store.create_project(&NewProject::new("shop")).unwrap();
    let mut new = NewKey::new("inside");
    new.project = Some("shop".into());
    store.create(&new).unwrap();
    store.disable_project("shop").unwrap();
    let mut query = LogQuery::default();
    query.project = Some("shop".into());
    let events = store.log(&query, 10).unwrap();
    let names: Vec<_> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(
        names,
        ["project_created", "key_created", "project_disabled"]
    );
}

#[test]
fn compacting_gives_space_back_and_refuses_while_another_handle_is_open() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let new: Vec<NewKey> = (0..2_000).map(|n| NewKey::new(format!("k{n}"))).collect();
    assert!(store.create_many(&new).stopped.is_none());
    let all = keyfob::Selection::Filter(Filter::default());
    assert_eq!(
        store.revoke_many(&all, &Revoke::default()).unwrap().changed,
        2_000
    );
    let mut prune = Prune::default();
    prune.revoked_before = Some(Timestamp::from_unix(i64::MAX));
    store.prune(&prune).unwrap();
    store.prune_log(store.info().unwrap().sequence - 1).unwrap();

    let second = options().apart().open(folder.path("a")).unwrap();
    assert_eq!(store.compact().unwrap_err().code(), Code::LOCKED);
    assert!(store.info().is_ok(), "the store goes on after a refusal");
    second.close().unwrap();
    let done = store.compact().unwrap();
    assert!(done.bytes_after < done.bytes_before, "{done:?}");
    assert_eq!(store.info().unwrap().tombstones, 2_000);
    key(&store, "afterwards");
    assert_whole(&store);
}

#[test]
fn a_pepper_is_introduced_changed_and_removed_and_every_token_stays_good() {
    let folder = Folder::new();
    let path = folder.path("a");
    let store = options().create(&path).unwrap();
    let (id, token) = key(&store, "k");
    store.create_project(&NewProject::new("shop")).unwrap();
    let (gone, _) = key(&store, "gone");
    store.revoke(gone, &Revoke::default()).unwrap();
    let mut prune = Prune::default();
    prune.revoked_before = Some(Timestamp::from_unix(i64::MAX));
    store.prune(&prune).unwrap();
    store.prune_log(2).unwrap();
    store.close().unwrap();
    let (one, two) = (|| Pepper::new([1; 32]), || Pepper::new([2; 32]));
    let open = |options: StoreOptions| options.open(&path).map_err(|e: Error| e.code());

    options().set_pepper(&path, one(), &mut go_on).unwrap();
    assert_eq!(open(options()).unwrap_err(), Code::PEPPER_REQUIRED);
    assert_eq!(
        open(options().pepper(two())).unwrap_err(),
        Code::WRONG_PEPPER
    );
    let store = open(options().pepper(one())).unwrap();
    assert_eq!(denial(&store, &token), None);
    assert_whole(&store);
    store.close().unwrap();

    let again = options().pepper(one()).set_pepper(&path, one(), &mut go_on);
    assert_eq!(again.unwrap_err().code(), Code::PEPPER_REFUSED);
    options()
        .pepper(one())
        .set_pepper(&path, two(), &mut go_on)
        .unwrap();
    assert_eq!(
        open(options().pepper(one())).unwrap_err(),
        Code::WRONG_PEPPER
    );
    let store = open(options().pepper(two())).unwrap();
    assert_eq!(denial(&store, &token), None);
    assert_whole(&store);
    let mut update = keyfob::KeyUpdate::default();
    update.tags = Change::Set(["t".to_owned()].into());
    store.update(id, &update).unwrap();
    store.close().unwrap();

    options()
        .pepper(two())
        .remove_pepper(&path, &mut go_on)
        .unwrap();
    assert_eq!(
        open(options().pepper(two())).unwrap_err(),
        Code::PEPPER_NOT_EXPECTED
    );
    let store = open(options()).unwrap();
    assert_eq!(denial(&store, &token), None);
    assert_whole(&store);
    assert_eq!(store.keys(&Filter::default(), Order::Created).count(), 1);
}

#[test]
fn a_handle_from_before_a_change_of_peppers_asks_for_the_new_one() {
    let folder = Folder::new();
    let path = folder.path("a");
    let store = options().create(&path).unwrap();
    let (id, token) = key(&store, "k");
    options()
        .set_pepper(&path, Pepper::new([1; 32]), &mut go_on)
        .unwrap();
    let refused = store.verify(&token, &Requirement::new()).unwrap_err();
    assert_eq!(refused.code(), Code::PEPPER_REQUIRED);
    let refused = store.revoke(id, &Revoke::default()).unwrap_err();
    assert_eq!(refused.code(), Code::PEPPER_REQUIRED);
}

#[test]
fn a_backup_from_before_the_store_had_a_pepper_is_restored_only_where_it_is_trusted() {
    let folder = Folder::new();
    let path = folder.path("a");
    let store = options().create(&path).unwrap();
    let (_, token) = key(&store, "k");
    backup(&store, &folder.path("b"));
    store.close().unwrap();
    options()
        .set_pepper(&path, Pepper::new([1; 32]), &mut go_on)
        .unwrap();
    let restore = |restore: &Restore| {
        options()
            .pepper(Pepper::new([1; 32]))
            .restore(&path, folder.path("b"), restore, &mut go_on)
            .map_err(|error| error.code())
    };
    // Without a pepper anybody could have altered it.
    assert_eq!(restore(&Restore::default()), Err(Code::PEPPER_REFUSED));
    let mut trusted = Restore::default();
    trusted.trust_unkeyed = true;
    restore(&trusted).unwrap();
    let store = options().pepper(Pepper::new([1; 32])).open(&path).unwrap();
    assert_eq!(denial(&store, &token), None);
    assert_whole(&store);
}

#[test]
fn a_backup_from_before_a_change_of_peppers_is_restored_with_the_retired_one() {
    let folder = Folder::new();
    let path = folder.path("a");
    let (one, two) = (|| Pepper::new([1; 32]), || Pepper::new([2; 32]));
    let store = options().pepper(one()).create(&path).unwrap();
    let (_, token) = key(&store, "k");
    backup(&store, &folder.path("b"));
    store.close().unwrap();
    options()
        .pepper(one())
        .set_pepper(&path, two(), &mut go_on)
        .unwrap();
    let restore = |options: StoreOptions| {
        options
            .restore(&path, folder.path("b"), &Restore::default(), &mut go_on)
            .map_err(|error| error.code())
    };
    assert_eq!(restore(options().pepper(two())), Err(Code::PEPPER_REQUIRED));
    restore(options().pepper(two()).retired_pepper(one())).unwrap();
    let store = options().pepper(two()).open(&path).unwrap();
    assert_eq!(denial(&store, &token), None);
    assert_whole(&store);
}

#[test]
fn a_project_that_was_deleted_and_pruned_does_not_come_back() {
    let folder = Folder::new();
    let path = folder.path("a");
    let store = options().create(&path).unwrap();
    let mut project = NewProject::new("shop");
    project.scopes = ScopeSet::parse(["*"]).unwrap();
    store.create_project(&project).unwrap();
    let mut new = NewKey::new("inside");
    new.project = Some("shop".into());
    new.expires = Expiry::In(1_000_000);
    let created = store.create(&new).unwrap();
    let token = created.token.unwrap();
    backup(&store, &folder.path("b"));
    store.revoke(created.key.id, &Revoke::default()).unwrap();
    store.delete_project("shop").unwrap();
    let mut prune = Prune::default();
    prune.revoked_before = Some(Timestamp::from_unix(i64::MAX));
    assert_eq!(store.prune(&prune).unwrap().projects, 1);
    store.close().unwrap();
    let restored = options()
        .restore(&path, folder.path("b"), &Restore::default(), &mut go_on)
        .unwrap();
    assert_eq!((restored.keys, restored.projects), (0, 0));
    let store = options().open(&path).unwrap();
    assert!(store.projects().unwrap().is_empty());
    assert_eq!(denial(&store, token.expose()), Some(Denied::NotFound));
    assert_whole(&store);
}

#[test]
fn a_file_that_is_no_store_is_replaced_only_where_that_is_asked_for() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (_, token) = key(&store, "k");
    backup(&store, &folder.path("b"));
    store.close().unwrap();
    let path = folder.path("letter.txt");
    std::fs::write(&path, "somebody else's only copy of this text").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut restore = Restore::default();
    let refused = options().restore(&path, folder.path("b"), &restore, &mut go_on);
    assert_eq!(refused.unwrap_err().code(), Code::NOT_A_STORE);
    restore.replace_other_file = true;
    let restored = options()
        .restore(&path, folder.path("b"), &restore, &mut go_on)
        .unwrap();
    let aside = std::fs::read_to_string(restored.set_aside.unwrap()).unwrap();
    assert_eq!(aside, "somebody else's only copy of this text");
    let store = options().open(&path).unwrap();
    assert_eq!(denial(&store, &token), None);
}

#[test]
fn a_link_to_a_damaged_store_stays_and_its_target_is_restored() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (_, token) = key(&store, "k");
    backup(&store, &folder.path("b"));
    store.close().unwrap();
    let whole = std::fs::read(folder.path("a")).unwrap();
    std::fs::write(folder.path("a"), &whole[..whole.len() / 2]).unwrap();
    let link = folder.path("link");
    std::os::unix::fs::symlink(folder.path("a"), &link).unwrap();
    options()
        .restore(&link, folder.path("b"), &Restore::default(), &mut go_on)
        .unwrap();
    assert!(link.is_symlink());
    let store = options().open(folder.path("a")).unwrap();
    assert_eq!(denial(&store, &token), None);
}

#[test]
fn a_key_that_was_revoked_and_expired_and_pruned_is_not_brought_back_by_its_name() {
    let folder = Folder::new();
    let clock = keyfob::Clock::manual(Timestamp::from_unix(1_800_000_000));
    let options = || options().clock(clock.clone());
    let store = options().create(folder.path("a")).unwrap();
    let (id, token) = key(&store, "never expires, as the backup knows it");
    backup(&store, &folder.path("b"));
    let mut update = keyfob::KeyUpdate::default();
    update.expires = Change::Set(Expiry::In(10));
    store.update(id, &update).unwrap();
    store.revoke(id, &Revoke::default()).unwrap();
    clock.advance(1_000);
    let mut prune = Prune::default();
    prune.expired_before = Some(clock.now());
    assert_eq!(store.prune(&prune).unwrap().keys, 1);
    store.close().unwrap();
    let mut named = Restore::default();
    named.named = vec![id];
    let refused = options().restore(folder.path("a"), folder.path("b"), &named, &mut go_on);
    assert_eq!(refused.unwrap_err().code(), Code::KEY_IS_REVOKED);
    let store = options().open(folder.path("a")).unwrap();
    assert_eq!(denial(&store, &token), Some(Denied::NotFound));
}

#[test]
fn a_pruned_log_makes_a_restore_no_less_careful() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (_, kept) = key(&store, "kept");
    let (renamed, renamed_token) = key(&store, "renamed since");
    let (gone, gone_token) = key(&store, "gone since");
    backup(&store, &folder.path("b"));
    let mut update = keyfob::KeyUpdate::default();
    update.name = Some("another".into());
    store.update(renamed, &update).unwrap();
    store.revoke(gone, &Revoke::default()).unwrap();
    store.prune_log(store.info().unwrap().sequence - 1).unwrap();
    store.close().unwrap();
    let restored = options()
        .restore(
            folder.path("a"),
            folder.path("b"),
            &Restore::default(),
            &mut go_on,
        )
        .unwrap();
    assert_eq!(restored.common_sequence, None);
    assert_eq!((restored.keys, restored.conflicts.len()), (0, 0));
    let store = options().open(folder.path("a")).unwrap();
    assert_eq!(denial(&store, &kept), None);
    assert_eq!(denial(&store, &renamed_token), None);
    assert_eq!(denial(&store, &gone_token), Some(Denied::Revoked));
    assert_eq!(store.get(renamed).unwrap().name, "another");
    assert_whole(&store);
}

#[test]
fn a_string_that_was_imported_on_both_sides_stays_the_key_that_it_is_here() {
    const STRING: &str = "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf2Sa";
    let import = |store: &Store, strings: &[&str]| {
        let defaults = ImportDefaults::default();
        let imported = store.import(ForeignFormat::Raw, strings, &defaults);
        imported.unwrap().results.remove(0).unwrap()
    };
    for revoked_there in [false, true] {
        let folder = Folder::new();
        let store = options().create(folder.path("a")).unwrap();
        key(&store, "k");
        store.close().unwrap();
        std::fs::copy(folder.path("a"), folder.path("there")).unwrap();
        let there = options().open(folder.path("there")).unwrap();
        let other = import(&there, &[STRING]);
        if revoked_there {
            there.revoke(other, &Revoke::default()).unwrap();
        }
        backup(&there, &folder.path("b"));
        let store = options().open(folder.path("a")).unwrap();
        let own = import(&store, &[STRING]);
        store.close().unwrap();
        let restored = options()
            .restore(
                folder.path("a"),
                folder.path("b"),
                &Restore::default(),
                &mut go_on,
            )
            .unwrap();
        assert_eq!((restored.keys, restored.kept_away), (0, 1));
        let store = options().open(folder.path("a")).unwrap();
        assert!(store.get(own).is_ok() && store.get(other).is_err());
        let expected = revoked_there.then_some(Denied::Revoked);
        assert_eq!(denial(&store, STRING), expected);
        assert_whole(&store);
    }
}

#[test]
fn a_backup_made_under_a_clock_that_ran_ahead_ends_no_keys() {
    let folder = Folder::new();
    let now = Timestamp::from_unix(1_800_000_000);
    let right = keyfob::Clock::manual(now);
    let ahead = keyfob::Clock::manual(now.saturating_add(10_000_000));
    let store = options()
        .clock(right.clone())
        .create(folder.path("a"))
        .unwrap();
    store.close().unwrap();
    std::fs::copy(folder.path("a"), folder.path("there")).unwrap();
    let there = options().clock(ahead).open(folder.path("there")).unwrap();
    key(&there, "later");
    backup(&there, &folder.path("b"));
    options()
        .clock(right.clone())
        .restore(
            folder.path("a"),
            folder.path("b"),
            &Restore::default(),
            &mut go_on,
        )
        .unwrap();
    let store = options().clock(right).open(folder.path("a")).unwrap();
    assert_eq!(store.info().unwrap().mark, now);
    assert_eq!(store.count(&Filter::default()).unwrap(), 1);
}

#[test]
fn a_key_that_both_sides_changed_is_left_disabled_and_named() {
    let folder = Folder::new();
    let store = options().create(folder.path("a")).unwrap();
    let (id, token) = key(&store, "k");
    let (other, other_token) = key(&store, "changed only there");
    store.close().unwrap();
    std::fs::copy(folder.path("a"), folder.path("there")).unwrap();
    let there = options().open(folder.path("there")).unwrap();
    let mut update = keyfob::KeyUpdate::default();
    update.name = Some("renamed".into());
    for number in 0..5 {
        update.tags = Change::Set([format!("t{number}")].into());
        there.update(id, &update).unwrap();
        there.update(other, &update).unwrap();
    }
    backup(&there, &folder.path("b"));
    let store = options().open(folder.path("a")).unwrap();
    store.disable(id).unwrap();
    store.close().unwrap();
    let restored = options()
        .restore(
            folder.path("a"),
            folder.path("b"),
            &Restore::default(),
            &mut go_on,
        )
        .unwrap();
    let named: Vec<KeyId> = restored.conflicts.iter().map(|key| key.id).collect();
    assert_eq!((restored.keys, named), (1, vec![id]));
    assert_eq!(restored.common_sequence, Some(3));
    let store = options().open(folder.path("a")).unwrap();
    assert_eq!(denial(&store, &token), Some(Denied::Disabled));
    assert_eq!(denial(&store, &other_token), None);
    assert_eq!(store.get(other).unwrap().name, "renamed");
    assert_whole(&store);
}

/// Something that happens to one of a few keys or to the project.
#[derive(Clone, Debug)]
enum Happening {
    Revoke(usize),
    Disable(usize),
    Enable(usize),
    Rotate(usize),
    Narrow(usize),
    Rename(usize),
    Create,
    Prune,
    DisableProject,
    EnableProject,
    NarrowProject,
    DeleteProject,
    PruneLog,
}

fn happenings() -> impl proptest::strategy::Strategy<Value = Vec<Happening>> {
    use proptest::prelude::*;
    let one = prop_oneof![
        1 => (0..2usize).prop_map(Happening::Revoke),
        4 => (0..2usize).prop_map(Happening::Disable),
        1 => (0..2usize).prop_map(Happening::Enable),
        4 => (0..2usize).prop_map(Happening::Rotate),
        1 => (0..2usize).prop_map(Happening::Narrow),
        4 => (0..2usize).prop_map(Happening::Rename),
        1 => Just(Happening::Create),
        1 => Just(Happening::Prune),
        1 => Just(Happening::DisableProject),
        1 => Just(Happening::EnableProject),
        1 => Just(Happening::NarrowProject),
        1 => Just(Happening::DeleteProject),
        1 => Just(Happening::PruneLog),
    ];
    proptest::collection::vec(one, 0..5)
}

/// Lets it happen; what is refused, because the key is revoked or gone, does not.
fn happen(store: &Store, keys: &[KeyId], what: &[Happening]) -> Vec<String> {
    let mut tokens = Vec::new();
    let narrow = ScopeSet::parse(["a:other"]).unwrap();
    for one in what {
        match one {
            Happening::Revoke(at) => drop(store.revoke(keys[*at], &Revoke::default())),
            Happening::Disable(at) => drop(store.disable(keys[*at])),
            Happening::Enable(at) => drop(store.enable(keys[*at])),
            Happening::Rotate(at) => {
                if let Ok(rotated) = store.rotate(keys[*at], &keyfob::Rotate::default()) {
                    tokens.extend(rotated.token.map(|token| token.expose().to_owned()));
                }
            }
            Happening::Narrow(at) => {
                let mut update = keyfob::KeyUpdate::default();
                update.scopes = Change::Set(narrow.clone());
                drop(store.update(keys[*at], &update));
            }
            Happening::Rename(at) => {
                let mut update = keyfob::KeyUpdate::default();
                update.name = Some("renamed".into());
                drop(store.update(keys[*at], &update));
            }
            Happening::Create => tokens.push(key(store, "new").1),
            Happening::Prune => {
                let mut prune = Prune::default();
                prune.revoked_before = Some(Timestamp::from_unix(i64::MAX));
                store.prune(&prune).unwrap();
            }
            Happening::DisableProject => drop(store.disable_project("shop")),
            Happening::EnableProject => drop(store.enable_project("shop")),
            Happening::NarrowProject => {
                let mut update = keyfob::ProjectUpdate::default();
                update.scopes = Change::Set(narrow.clone());
                drop(store.update_project("shop", &update));
            }
            Happening::DeleteProject => drop(store.delete_project("shop")),
            Happening::PruneLog => {
                let last = store.info().unwrap().sequence;
                store.prune_log(last.saturating_sub(2)).unwrap();
            }
        }
    }
    tokens
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(150))]

    #[test]
    fn a_restore_makes_nothing_good_that_the_store_refused(
        before in happenings(), here in happenings(), there in happenings(),
    ) {
        let folder = match tempfile::tempdir_in("/dev/shm") {
            Ok(folder) => Folder(folder),
            Err(_) => Folder::new(),
        };
        let store = options().create(folder.path("a")).unwrap();
        let mut project = NewProject::new("shop");
        project.scopes = ScopeSet::parse(["a:*"]).unwrap();
        store.create_project(&project).unwrap();
        let (mut keys, mut tokens) = (Vec::new(), Vec::new());
        for number in 0..2 {
            let mut new = NewKey::new(format!("k{number}"));
            new.scopes = ScopeSet::parse(["a:read"]).unwrap();
            new.project = (number % 2 == 0).then(|| "shop".to_owned());
            let created = store.create(&new).unwrap();
            keys.push(created.key.id);
            tokens.push(created.token.unwrap().expose().to_owned());
        }
        tokens.extend(happen(&store, &keys, &before));
        store.close().unwrap();
        std::fs::copy(folder.path("a"), folder.path("there")).unwrap();

        let other = options().open(folder.path("there")).unwrap();
        let theirs = happen(&other, &keys, &there);
        backup(&other, &folder.path("b"));
        let store = options().open(folder.path("a")).unwrap();
        tokens.extend(happen(&store, &keys, &here));

        let required = Requirement::new().scopes(["a:read"]).unwrap().any_project();
        let good = |store: &Store, token: &str| match store.verify(token, &required) {
            Ok(_) => true,
            Err(VerifyError::Denied(_)) => false,
            Err(error) => panic!("{error}"),
        };
        // What one side alone knows to be over is over. What one side gave back, after both had
        // taken it away, may be given back.
        let was_refused: Vec<bool> = tokens.iter().map(|token| !good(&store, token)).collect();
        let untouched_here = here.is_empty();
        let revoked = |store: &Store, token: &str| matches!(
            store.verify(token, &required), Err(VerifyError::Denied(Denied::Revoked))
        );
        let revoked_there: Vec<bool> = tokens.iter().map(|token| revoked(&other, token)).collect();
        store.close().unwrap();
        options().restore(folder.path("a"), folder.path("b"), &Restore::default(), &mut go_on).unwrap();

        let store = options().open(folder.path("a")).unwrap();
        assert_whole(&store);
        for (at, token) in tokens.iter().enumerate() {
            if !untouched_here && was_refused[at] && good(&store, token) {
                // Only where this store did not touch the key or its project after the fork, and
                // the other did.
                let gave_back = there.iter().any(|one| matches!(
                    one, Happening::Enable(_) | Happening::EnableProject
                ));
                proptest::prop_assert!(gave_back, "token {} was refused and is good", at);
            }
            proptest::prop_assert!(
                !(revoked_there[at] && good(&store, token)),
                "token {} was revoked in the backup and is good", at
            );
        }
        // What both have in common lets in what the backup made since.
        if untouched_here && !before.iter().chain(&there).any(|one| matches!(one, Happening::PruneLog)) {
            for token in &theirs {
                proptest::prop_assert_eq!(good(&other, token), good(&store, token));
            }
        }
    }
}

/// Who can write the file but has not the pepper claims that the pepper is being removed, so that
/// rows without a keyed tag would be accepted.
#[test]
fn nobody_without_the_pepper_can_claim_that_it_is_being_removed() {
    use redb::{Database, ReadableTable, TableDefinition};
    use sha2::{Digest, Sha256};
    const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let folder = Folder::new();
    let path = folder.path("a");
    let pepper = || Pepper::new([1; 32]);
    let store = options().pepper(pepper()).create(&path).unwrap();
    key(&store, "k");
    let store_id = store.info().unwrap().store_id;
    store.close().unwrap();
    let rewrite = |generation: u8| {
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut meta = transaction.open_table(META).unwrap();
            let row = meta.get("store").unwrap().unwrap().value().to_vec();
            // The pepper's part ends the record: current 1, a check, no change under way.
            let (record, end) = row[18..].split_at(row.len() - 18 - 19);
            assert_eq!((end[0], end[1], end[18]), (1, 1, 0));
            let check = &end[2..18];
            // Current 2 without a check, changing from 1 with the check.
            let body = [record, &[2, 0, 1, 1, 1], check].concat();
            let head = [1, generation];
            let tag = Sha256::new()
                .chain_update(b"keyfob/plain/1/tag/")
                .chain_update(store_id)
                .chain_update([1])
                .chain_update(5u32.to_le_bytes())
                .chain_update(b"store")
                .chain_update(head)
                .chain_update(&body)
                .finalize();
            let forged = [&head[..], &tag[..16], &body].concat();
            meta.insert("store", forged.as_slice()).unwrap();
        }
        transaction.commit().unwrap();
    };
    let whole = std::fs::read(&path).unwrap();
    for generation in [2, 1] {
        rewrite(generation);
        assert!(options().pepper(pepper()).open(&path).is_err());
        let removal = options().pepper(pepper()).remove_pepper(&path, &mut go_on);
        assert_eq!(
            removal.unwrap_err().code(),
            Code::CORRUPTED,
            "generation {generation}"
        );
        std::fs::write(&path, &whole).unwrap();
    }
    // The control: the same file unaltered opens.
    options().pepper(pepper()).open(&path).unwrap();
}

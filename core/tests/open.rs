//! Creating and opening: every kind of file and path has an error of its own, nothing that was
//! there is ever overwritten, and a handle that lost its file says so.

#![allow(
    unsafe_code,
    reason = "a fork is made with `pre_exec`, to show that its child is refused"
)]

mod common;

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use common::{Home, child, child_path, code_of, options, plain, scopes, verify};
use keyfob::{
    CheckOnOpen, Clock, Code, Filter, NewKey, Pepper, Policy, Revoke, Store, StoreOptions,
    Timestamp,
};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

fn clock() -> Clock {
    Clock::manual(Timestamp::from_unix(common::START))
}

fn new_options() -> StoreOptions {
    options(&clock())
}

fn open(path: &Path) -> Code {
    code_of(&new_options().open(path))
}

/// The codes of all three ways to open, each twice over: for writing and for reading only.
fn every_open(path: &Path) -> Vec<Code> {
    // Each is closed again before the next.
    let one = |opened: Result<Store, keyfob::Error>| code_of(&opened);
    vec![
        one(new_options().open(path)),
        one(new_options().read_only(true).open(path)),
        one(new_options().open_or_create(path)),
        one(new_options().check_on_open(CheckOnOpen::Always).open(path)),
        one(new_options().exclusive(true).open(path)),
    ]
}

#[test]
fn a_store_is_created_once_and_opened_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    assert_eq!(open(&path), Code::NO_STORE);
    assert_eq!(
        code_of(&new_options().read_only(true).open(&path)),
        Code::NO_STORE
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "opening makes nothing"
    );
    new_options().create(&path).unwrap().close().unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(code_of(&new_options().create(&path)), Code::STORE_EXISTS);
    assert_eq!(every_open(&path), [Code::OK; 5]);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
    let nowhere = folder.path().join("no").join("folder");
    assert_eq!(open(&nowhere), Code::NO_STORE);
    assert!(new_options().create(&nowhere).is_err());
    let new = StoreOptions::new().create(folder.path().join("l"));
    assert_eq!(
        code_of(&new),
        Code::INVALID_ARGUMENT,
        "a new store needs a prefix"
    );
    let read_only = new_options()
        .read_only(true)
        .create(folder.path().join("l"));
    assert_eq!(code_of(&read_only), Code::INVALID_ARGUMENT);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "refused, and nothing was made"
    );
}

#[test]
fn what_is_no_store_is_told_apart_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    };
    let other = folder.path().join("other");
    {
        let table: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
        let database = Database::create(&other).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(table)
            .unwrap()
            .insert("a", 1)
            .unwrap();
        transaction.commit().unwrap();
    }
    fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
    let rows = [
        (file("empty", b""), Code::EMPTY_FILE),
        (file("text", b"hello"), Code::NOT_A_STORE),
        (file("junk", &vec![0x5a; 100_000]), Code::NOT_A_STORE),
        (
            file(
                "sqlite",
                b"SQLite format 3\0 and more of it, for a header of sixty-four bytes and then some",
            ),
            Code::NOT_A_STORE,
        ),
        (file("magic", b"redb\x1a\x0a\xa9\x0d\x0a"), Code::TRUNCATED),
        (other.clone(), Code::NOT_A_STORE),
    ];
    for (path, expected) in &rows {
        assert_eq!(every_open(path), [*expected; 5], "{}", path.display());
        assert_eq!(code_of(&new_options().create(path)), Code::STORE_EXISTS);
    }
    for (path, _) in &rows[..5] {
        assert!(fs::metadata(path).unwrap().len() < 100_001);
    }
    assert_eq!(
        fs::read(folder.path().join("junk")).unwrap(),
        vec![0x5a; 100_000]
    );
    assert_eq!(fs::read(folder.path().join("empty")).unwrap(), b"");
    let database = Database::open(&other).unwrap();
    let table: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
    let read = database.begin_read().unwrap();
    let value = read
        .open_table(table)
        .unwrap()
        .get("a")
        .unwrap()
        .unwrap()
        .value();
    assert_eq!(value, 1, "the other program's data stands");
}

#[test]
fn a_directory_a_fifo_a_device_and_a_dangling_link_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let dangling = folder.path().join("dangling");
    symlink(folder.path().join("nowhere"), &dangling).unwrap();
    let linked = folder.path().join("linked");
    symlink(&fifo, &linked).unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let rows = [
        (folder.path().to_path_buf(), Code::NOT_A_FILE),
        (fifo, Code::NOT_A_FILE),
        (linked, Code::NOT_A_FILE),
        (socket, Code::NOT_A_FILE),
        ("/dev/null".into(), Code::NOT_A_FILE),
        ("/dev/full".into(), Code::NOT_A_FILE),
        (dangling.clone(), Code::DANGLING_LINK),
    ];
    let (done, answers) = mpsc::channel();
    std::thread::spawn(move || {
        for (path, expected) in rows {
            assert_eq!(every_open(&path), [expected; 5], "{}", path.display());
        }
        assert_eq!(
            code_of(&new_options().create(&dangling)),
            Code::DANGLING_LINK
        );
        done.send(()).unwrap();
    });
    let waited = answers.recv_timeout(Duration::from_secs(20));
    assert!(
        waited.is_ok(),
        "an open hangs, or a code was another: {waited:?}"
    );
    assert!(
        !folder.path().join("nowhere").exists(),
        "nothing was made through the link"
    );
}

#[test]
fn a_link_to_a_store_is_the_store() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    home.store.close().unwrap();
    let link = home.folder.path().join("link");
    symlink(home.path(), &link).unwrap();
    let store = new_options().open(&link).unwrap();
    assert_eq!(verify(&store, token.expose(), &plain()), Code::OK);
    store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(code_of(&new_options().create(&link)), Code::STORE_EXISTS);
}

#[test]
fn a_file_cut_short_anywhere_is_never_a_new_empty_store() {
    let home = Home::new();
    for _ in 0..20 {
        home.key(|_| {});
    }
    home.store.close().unwrap();
    let whole = fs::read(home.path()).unwrap();
    let path = home.folder.path().join("cut");
    let lengths = (0..80)
        .chain((80..whole.len()).step_by(whole.len() / 60))
        .chain([4_095, 4_096, 4_097, whole.len() - 4_096, whole.len() - 1]);
    for length in lengths {
        fs::write(&path, &whole[..length]).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let expected = if length == 0 {
            Code::EMPTY_FILE
        } else {
            Code::TRUNCATED
        };
        assert_eq!(every_open(&path), [expected; 5], "cut to {length} bytes");
        assert!(fs::read(&path).unwrap() == whole[..length], "left as it is");
    }
    fs::write(&path, [&whole[..], &[0; 8192]].concat()).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    for answer in every_open(&path) {
        assert!(
            [Code::OK, Code::CORRUPTED, Code::TRUNCATED].contains(&answer),
            "grown: {answer}"
        );
    }
}

#[test]
fn a_newer_format_is_told_and_not_touched() {
    let home = Home::new();
    home.store.close().unwrap();
    let table: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let set = |format: &[u8]| {
        let database = Database::open(home.path()).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(table)
            .unwrap()
            .insert("format", format)
            .unwrap();
        transaction.commit().unwrap();
    };
    for newer in [2_u32, 3, u32::MAX] {
        set(&newer.to_le_bytes());
        assert_eq!(every_open(&home.path()), [Code::NEWER_FORMAT; 5], "{newer}");
    }
    for damaged in [&[0_u8, 0, 0, 0][..], &[], &[1], &[1, 0, 0, 0, 0]] {
        set(damaged);
        assert_eq!(open(&home.path()), Code::CORRUPTED, "{damaged:?}");
    }
    set(&[1, 0, 0, 0]);
    assert_eq!(open(&home.path()), Code::OK);
}

#[test]
fn a_file_or_folder_that_others_reach_is_refused_unless_allowed() {
    let home = Home::new();
    home.store.close().unwrap();
    let open_with = |mode: u32, change: &dyn Fn(StoreOptions) -> StoreOptions| {
        fs::set_permissions(home.path(), Permissions::from_mode(mode)).unwrap();
        code_of(&change(new_options()).open(home.path()))
    };
    let insecure = Code::INSECURE_PERMISSIONS;
    for mode in [0o604, 0o640, 0o644, 0o660, 0o666, 0o602, 0o620] {
        assert_eq!(open_with(mode, &|o| o), insecure, "{mode:o}");
        assert_eq!(
            open_with(mode, &|o| o.allow_insecure_permissions(true)),
            Code::OK
        );
    }
    assert_eq!(
        open_with(0o660, &|o| o.file_mode(0o660).unwrap()),
        Code::OK,
        "a group is admitted"
    );
    assert_eq!(open_with(0o640, &|o| o.file_mode(0o660).unwrap()), Code::OK);
    assert_eq!(open_with(0o660, &|o| o.file_mode(0o640).unwrap()), insecure);
    assert_eq!(open_with(0o664, &|o| o.file_mode(0o660).unwrap()), insecure);
    for wrong in [0o400, 0o606, 0o700, 0o666, 0o1600] {
        assert!(StoreOptions::new().file_mode(wrong).is_err(), "{wrong:o}");
    }
    let folder = home.folder.path();
    fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    assert_eq!(open_with(0o600, &|o| o), insecure, "the folder");
    assert_eq!(code_of(&new_options().create(folder.join("new"))), insecure);
    assert!(!folder.join("new").exists());
    fs::set_permissions(folder, Permissions::from_mode(0o1777)).unwrap();
    assert_eq!(
        open_with(0o600, &|o| o),
        Code::OK,
        "a sticky folder, as the one for temporaries"
    );
    // Who is in the group could put another file in its place.
    fs::set_permissions(folder, Permissions::from_mode(0o770)).unwrap();
    assert_eq!(open_with(0o600, &|o| o), insecure, "the folder's group");
    assert_eq!(
        open_with(0o640, &|o| o.file_mode(0o640).unwrap()),
        insecure,
        "a group that may only read the store"
    );
    assert_eq!(open_with(0o600, &|o| o.file_mode(0o660).unwrap()), Code::OK);
    assert_eq!(
        open_with(0o600, &|o| o.allow_insecure_permissions(true)),
        Code::OK
    );
    fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    let group = new_options().file_mode(0o660).unwrap();
    group.create(folder.join("group")).unwrap();
    let mode = fs::metadata(folder.join("group"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660, "whatever the umask takes away");
}

#[test]
fn every_folder_on_the_way_of_a_link_is_looked_at() {
    let home = Home::new();
    home.store.close().unwrap();
    let folder = |name: &str| {
        let folder = home.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    };
    let (first, second) = (folder("first"), folder("second"));
    let link = first.join("link");
    symlink("../second/link", &link).unwrap();
    symlink(home.path(), second.join("link")).unwrap();
    let folders = [first.as_path(), second.as_path(), home.folder.path()];
    for folder in folders {
        fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    }
    assert_eq!(open(&link), Code::OK);
    for folder in folders {
        fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(open(&link), Code::INSECURE_PERMISSIONS, "{folder:?}");
        fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn part_of_a_child_that_may_not_open() {
    let Some(path) = child_path() else { return };
    let code = code_of(&new_options().open(&path));
    let read_only = code_of(&new_options().read_only(true).open(&path));
    let allowed = new_options().allow_insecure_permissions(true);
    let insecure = code_of(&allowed.open(&path));
    fs::write(
        path.with_extension("answer"),
        format!(
            "{} {} {}",
            code.number(),
            read_only.number(),
            insecure.number()
        ),
    )
    .unwrap();
}

#[test]
fn a_file_that_the_user_may_not_open_is_denied() {
    let home = Home::new();
    home.store.close().unwrap();
    let root = rustix::process::geteuid().is_root();
    // The other user goes through the folder, and writes its answer there.
    fs::set_permissions(home.folder.path(), Permissions::from_mode(0o1777)).unwrap();
    let answer = home.path().with_extension("answer");
    for (mode, expected) in [(0o000, "426 426 426"), (0o444, "426 420 426")] {
        fs::set_permissions(home.path(), Permissions::from_mode(mode)).unwrap();
        let mut child = child(
            "part_of_a_child_that_may_not_open",
            &home.path(),
            root.then_some(65_534),
        );
        let Ok(mut child) = child.spawn() else {
            // The binary of the test lies where no other user can read it.
            return;
        };
        child.wait().unwrap();
        let Ok(found) = fs::read_to_string(&answer) else {
            return;
        };
        assert_eq!(found, expected, "{mode:o}");
        fs::remove_file(&answer).unwrap();
    }
}

#[test]
fn a_read_only_handle_changes_nothing_and_sees_what_others_change() {
    let home = Home::new();
    home.project("shop", &[], None);
    let (id, token) = home.key(|_| {});
    let reader = new_options().apart().read_only(true);
    let reader = reader.open(home.path()).unwrap();
    let before = fs::read(home.path()).unwrap();
    let read_only = Code::READ_ONLY;
    assert_eq!(code_of(&reader.create(&NewKey::new("k"))), read_only);
    assert_eq!(code_of(&reader.revoke(id, &Revoke::default())), read_only);
    assert_eq!(code_of(&reader.delete_project("shop")), read_only);
    assert_eq!(code_of(&reader.reset_clock()), read_only);
    assert_eq!(verify(&reader, token.expose(), &plain()), Code::OK);
    assert_eq!(reader.count(&Filter::default()).unwrap(), 1);
    assert!(before == fs::read(home.path()).unwrap());
    home.store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(verify(&reader, token.expose(), &plain()), Code::REVOKED);
    let both = new_options()
        .read_only(true)
        .exclusive(true)
        .open(home.path());
    assert_eq!(code_of(&both), Code::INVALID_ARGUMENT);
}

#[test]
fn an_exclusive_open_and_any_other_exclude_each_other() {
    let home = Home::new();
    // Each as another process does.
    let exclusive = || new_options().apart().exclusive(true).open(home.path());
    assert_eq!(code_of(&exclusive()), Code::LOCKED, "beside a shared one");
    let (_, token) = home.key(|_| {});
    assert_eq!(
        verify(&home.store, token.expose(), &plain()),
        Code::OK,
        "which goes on"
    );
    home.store.close().unwrap();
    let alone = exclusive().unwrap();
    assert_eq!(
        code_of(&new_options().apart().open(home.path())),
        Code::LOCKED
    );
    assert_eq!(
        code_of(&new_options().apart().read_only(true).open(home.path())),
        Code::LOCKED
    );
    assert_eq!(code_of(&exclusive()), Code::LOCKED);
    assert_eq!(verify(&alone, token.expose(), &plain()), Code::OK);
    alone.close().unwrap();
    assert_eq!(open(&home.path()), Code::OK);
}

#[test]
fn options_that_contradict_the_file_are_an_error() {
    let home = Home::new();
    home.store.close().unwrap();
    let prefix = |text: &str| {
        let options = StoreOptions::new().prefix(text).unwrap();
        code_of(&options.open(home.path()))
    };
    assert_eq!(
        (prefix("acme"), prefix("acne")),
        (Code::OK, Code::OPTIONS_CONTRADICT)
    );
    assert_eq!(
        code_of(&StoreOptions::new().open(home.path())),
        Code::OK,
        "none is named"
    );
}

#[test]
fn an_older_copy_is_noticed_against_the_floor_that_the_caller_keeps() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    home.store.close().unwrap();
    let older = fs::read(home.path()).unwrap();
    let store = new_options().open(home.path()).unwrap();
    let floor = store.revoke(id, &Revoke::default()).unwrap().sequence;
    store.close().unwrap();
    let open = |least| new_options().least_sequence(least).open(home.path());
    assert_eq!(code_of(&open(floor)), Code::OK);
    assert_eq!(code_of(&open(floor + 1)), Code::ROLLED_BACK);
    fs::write(home.path(), older).unwrap();
    assert_eq!(code_of(&open(floor)), Code::ROLLED_BACK);
    let fooled = new_options().open(home.path()).unwrap();
    assert_eq!(
        verify(&fooled, token.expose(), &plain()),
        Code::OK,
        "why the floor is needed"
    );
}

#[test]
fn a_pepper_is_needed_where_there_is_one_and_refused_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let pepper = |byte| Pepper::new([byte; 32]);
    let (with, without) = (folder.path().join("with"), folder.path().join("without"));
    let store = new_options().pepper(pepper(1)).create(&with).unwrap();
    let token = store.create(&NewKey::new("k")).unwrap().token.unwrap();
    store.close().unwrap();
    new_options().create(&without).unwrap().close().unwrap();
    assert_eq!(open(&with), Code::PEPPER_REQUIRED);
    assert_eq!(
        code_of(&new_options().pepper(pepper(2)).open(&with)),
        Code::WRONG_PEPPER
    );
    assert_eq!(
        code_of(&new_options().pepper(pepper(1)).open(&without)),
        Code::PEPPER_NOT_EXPECTED
    );
    let retired = new_options().pepper(pepper(2)).retired_pepper(pepper(1));
    assert_eq!(
        code_of(&retired.open(&with)),
        Code::WRONG_PEPPER,
        "no change is under way"
    );
    let only_retired = new_options().retired_pepper(pepper(1));
    assert_eq!(code_of(&only_retired.open(&with)), Code::PEPPER_REQUIRED);
    let store = new_options().pepper(pepper(1)).open(&with).unwrap();
    assert_eq!(verify(&store, token.expose(), &plain()), Code::OK);
}

/// A row of the key table: version, generation, tag, record.
const KEYS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("keys");

#[test]
fn a_row_edited_from_outside_is_corrupted_and_never_accepted() {
    for peppered in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k");
        let options = || {
            let options = new_options();
            if peppered {
                options.pepper(Pepper::new([7; 32]))
            } else {
                options
            }
        };
        let store = options().create(&path).unwrap();
        let mut new = NewKey::new("k");
        new.scopes = scopes(&["a"]);
        let one = store.create(&new).unwrap();
        let two = store.create(&new).unwrap();
        store.close().unwrap();
        let rows = [one.key.id, two.key.id];
        {
            let database = Database::open(&path).unwrap();
            let transaction = database.begin_write().unwrap();
            {
                let mut keys = transaction.open_table(KEYS).unwrap();
                let row = keys
                    .get(rows[0].as_bytes())
                    .unwrap()
                    .unwrap()
                    .value()
                    .to_vec();
                // Another key's row, whole, with its right tag.
                keys.insert(rows[1].as_bytes(), row.as_slice()).unwrap();
            }
            transaction.commit().unwrap();
        }
        let store = options().open(&path).unwrap();
        let (first, second) = (one.token.unwrap(), two.token.unwrap());
        assert_eq!(verify(&store, first.expose(), &plain()), Code::OK);
        assert_eq!(verify(&store, second.expose(), &plain()), Code::CORRUPTED);
        assert_eq!(code_of(&store.get(rows[1])), Code::CORRUPTED);
        assert_eq!(
            code_of(&store.revoke(rows[1], &Revoke::default())),
            Code::CORRUPTED
        );
        assert_eq!(code_of(&store.count(&Filter::default())), Code::CORRUPTED);
    }
}

#[test]
fn every_call_after_close_answers_closed_on_every_clone() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let clone = home.store.clone();
    home.store.close().unwrap();
    home.store.close().expect("twice is no error");
    let closed = Code::CLOSED;
    assert_eq!(verify(&clone, token.expose(), &plain()), closed);
    assert_eq!(
        clone.explain(token.expose(), &plain()).unwrap_err().code(),
        closed
    );
    assert_eq!(code_of(&clone.get(id)), closed);
    assert_eq!(code_of(&clone.create(&NewKey::new("k"))), closed);
    assert_eq!(code_of(&clone.revoke(id, &Revoke::default())), closed);
    assert_eq!(code_of(&clone.count(&Filter::default())), closed);
    assert_eq!(code_of(&clone.projects()), closed);
    assert_eq!(code_of(&clone.flush()), closed);
    assert_eq!(code_of(&clone.policy()), closed);
}

/// A question that a child asks of the store of its parent.
type Ask = Box<dyn Fn(&Store) -> Code + Send + Sync>;

/// Runs something in a forked child and answers the number that it made.
fn in_a_fork(f: impl Fn() -> Code + Send + Sync + 'static) -> u16 {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new("true");
    command.stdout(Stdio::null());
    // SAFETY: no other thread of this process holds a lock that the closure takes: the test runs
    // the store from this thread alone, and what the child finds is that it may not use it.
    unsafe {
        command.pre_exec(move || Err(std::io::Error::from_raw_os_error(f().number().into())));
    }
    let error = command.spawn().expect_err("the closure always fails");
    u16::try_from(error.raw_os_error().expect("a number")).expect("a code")
}

#[test]
fn a_child_of_a_process_that_has_the_store_for_itself_is_refused_and_harms_nothing() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    home.store.close().unwrap();
    let alone = new_options().exclusive(true).open(home.path()).unwrap();
    let text = token.expose().to_owned();
    let asks: Vec<Ask> = vec![
        Box::new(move |store| verify(store, &text, &plain())),
        Box::new(|store| verify(store, "junk", &plain())),
        Box::new(move |store| code_of(&store.get(id))),
        Box::new(|store| code_of(&store.create(&NewKey::new("k")))),
        Box::new(move |store| code_of(&store.revoke(id, &Revoke::default()))),
        Box::new(|store| code_of(&store.flush())),
        Box::new(|store| code_of(&store.count(&Filter::default()))),
        Box::new(move |store| {
            drop(store.clone());
            code_of(&store.get(id))
        }),
    ];
    for (number, ask) in asks.into_iter().enumerate() {
        let store = alone.clone();
        assert_eq!(
            in_a_fork(move || ask(&store)),
            Code::FORKED.number(),
            "question {number}"
        );
    }
    // The parent's locks stand, and its data.
    assert_eq!(
        code_of(&new_options().apart().exclusive(true).open(home.path())),
        Code::LOCKED
    );
    assert_eq!(verify(&alone, token.expose(), &plain()), Code::OK);
    alone.revoke(id, &Revoke::default()).unwrap();
    alone.close().unwrap();
    let store = new_options()
        .check_on_open(CheckOnOpen::Always)
        .open(home.path())
        .unwrap();
    assert_eq!(verify(&store, token.expose(), &plain()), Code::REVOKED);
}

#[test]
fn a_file_that_was_replaced_or_unlinked_takes_no_more_changes() {
    for replace in [true, false] {
        let home = Home::new();
        let (id, _) = home.key(|_| {});
        let aside = home.folder.path().join("aside");
        fs::rename(home.path(), &aside).unwrap();
        if replace {
            fs::copy(&aside, home.path()).unwrap();
        }
        assert_eq!(
            code_of(&home.store.revoke(id, &Revoke::default())),
            Code::REPLACED
        );
        assert_eq!(
            code_of(&home.store.create(&NewKey::new("k"))),
            Code::REPLACED
        );
        if !replace {
            fs::rename(&aside, home.path()).unwrap();
            assert_eq!(
                code_of(&home.store.revoke(id, &Revoke::default())),
                Code::REPLACED,
                "until it is opened again"
            );
            let again = options(&home.clock).open(home.path()).unwrap();
            again.revoke(id, &Revoke::default()).unwrap();
        }
    }
}

#[test]
fn part_of_a_child_that_opens_or_creates() {
    let Some(path) = child_path() else { return };
    let store = new_options().open_or_create(&path).unwrap();
    store.create(&NewKey::new("k")).unwrap();
    store.close().unwrap();
}

#[test]
fn of_eight_processes_that_open_or_create_at_once_one_makes_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut child = child("part_of_a_child_that_opens_or_creates", &path, None);
            child.spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let store = new_options().open(&path).unwrap();
    assert_eq!(store.count(&Filter::default()).unwrap(), 8);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn of_eight_threads_that_open_or_create_at_once_one_makes_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let clock = clock();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = options(&clock).open_or_create(&path).unwrap();
                store.create(&NewKey::new("k")).unwrap();
            });
        }
    });
    let store = new_options().open(&path).unwrap();
    assert_eq!(store.count(&Filter::default()).unwrap(), 8);
}

#[test]
fn a_lock_that_another_holds_is_waited_for_and_then_busy() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let quick = new_options()
        .apart()
        .timeouts(Duration::from_millis(50), Duration::from_millis(50))
        .open(home.path())
        .unwrap();
    let beside = {
        use redb::ConcurrencyMode;
        let mut builder = Database::builder();
        builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
        builder.open(home.path()).unwrap()
    };
    let writing = beside.begin_write().unwrap();
    assert_eq!(code_of(&quick.revoke(id, &Revoke::default())), Code::BUSY);
    assert_eq!(
        verify(&quick, token.expose(), &plain()),
        Code::OK,
        "reads go on"
    );
    writing.abort().unwrap();
    quick.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(verify(&home.store, token.expose(), &plain()), Code::REVOKED);
}

#[test]
fn a_store_survives_being_dropped_without_close() {
    let home = Home::new();
    let (id, token) = home.key(|_| {});
    let Home {
        folder,
        store,
        clock: _,
    } = home;
    let path = folder.path().join("keys.redb");
    drop(store);
    let store = new_options().open(&path).unwrap();
    assert_eq!(verify(&store, token.expose(), &plain()), Code::OK);
    store.revoke(id, &Revoke::default()).unwrap();
}

#[test]
fn a_path_without_a_file_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join(".."), folder.path().to_path_buf()] {
        let made = new_options().create(&path);
        assert!([Code::STORE_EXISTS, Code::NOT_A_FILE].contains(&code_of(&made)));
    }
    let long = folder.path().join("x".repeat(5_000));
    assert_eq!(open(&long), Code::IO);
    let inside_a_file = folder.path().join("file");
    File::create(&inside_a_file).unwrap();
    assert!(OpenOptions::new().read(true).open(&inside_a_file).is_ok());
    assert!(new_options().open(inside_a_file.join("k")).is_err());
}

#[test]
fn a_policy_that_contradicts_the_file_s_is_refused_and_the_same_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let policy = |most| Policy {
        most_keys_per_owner: Some(most),
        ..Policy::default()
    };
    let with = |most| new_options().policy(policy(most)).unwrap();
    with(1).create(&path).unwrap().close().unwrap();
    with(1).open(&path).unwrap().close().unwrap();
    with(1).open_or_create(&path).unwrap().close().unwrap();
    for opened in [with(2).open(&path), with(2).open_or_create(&path)] {
        let error = opened.unwrap_err();
        assert_eq!(error.code(), Code::OPTIONS_CONTRADICT);
        assert!(error.to_string().contains("policy"), "{error}");
    }
    let store = new_options().open(&path).unwrap();
    assert_eq!(store.policy().unwrap(), policy(1));
    // Where it was changed since, the file's is the one that holds.
    store.set_policy(policy(2)).unwrap();
    store.close().unwrap();
    with(2).open(&path).unwrap().close().unwrap();
    assert_eq!(code_of(&with(1).open(&path)), Code::OPTIONS_CONTRADICT);
}

//! The words of the engine's header by which commits are noticed. These fail where a version of the
//! engine moves them or commits without changing them; `core/src/header.rs` relies on both.

use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyfob::{
    NewKey, NewProject, ProjectUpdate, Requirement, Revoke, Rotate, Selection, Store, StoreOptions,
};

/// The ids of the two transactions and the state byte, where `core/src/header.rs` looks for them,
/// in a header that it knows.
fn header(path: &Path) -> ([u64; 2], u8) {
    let file = std::fs::File::open(path).unwrap();
    let mut page = [0; 320];
    file.read_exact_at(&mut page, 0).unwrap();
    assert_eq!(&page[..9], b"redb\x1a\x0a\xa9\x0d\x0a");
    assert_eq!([page[64], page[192]], [3, 3], "the version of the format");
    let id = |at: usize| u64::from_le_bytes(page[at..at + 8].try_into().unwrap());
    ([id(168), id(296)], page[9])
}

const UNFLUSHED: u8 = 8;

/// The header of a store as it was seen last.
struct Watch {
    path: PathBuf,
    ids: [u64; 2],
}

impl Watch {
    fn new(path: &Path) -> Self {
        let (ids, _) = header(path);
        Watch {
            path: path.into(),
            ids,
        }
    }

    /// Something that may have written went by: no id went back, and the last commit is served.
    fn steady(&mut self, what: &str) {
        let (ids, state) = header(&self.path);
        let before = std::mem::replace(&mut self.ids, ids);
        let back = ids.iter().zip(before).any(|(is, was)| *is < was);
        assert!(!back, "{what}: {ids:?} after {before:?}");
        assert_eq!(state & UNFLUSHED, 0, "{what}");
    }

    /// Something that commits went by: in the slot that the state byte names there is a greater id
    /// than any before.
    fn committed(&mut self, what: &str) {
        let before = self.ids;
        self.steady(what);
        let (_, state) = header(&self.path);
        let served = self.ids[usize::from(state & 1)];
        let newest = before[0].max(before[1]);
        assert!(served > newest, "{what}: {:?} after {before:?}", self.ids);
    }
}

fn options() -> StoreOptions {
    StoreOptions::new().flush_every(Duration::ZERO)
}

const CHILD: &str = "KEYFOB_HEADER_CHILD";

/// Not a test of its own: a process that has the store open, and changes it until it is killed, or
/// changes it once and closes it when its input ends.
#[test]
fn part_of_a_process_that_has_the_store_open() {
    let Ok(what) = std::env::var(CHILD) else {
        return;
    };
    let (role, path) = what.split_once(' ').unwrap();
    let store = options().open(path).unwrap();
    store.create(&NewKey::new("child")).unwrap();
    println!("OPEN");
    if role == "writes" {
        loop {
            store.create(&NewKey::new("child")).unwrap();
        }
    }
    std::io::stdin().read_line(&mut String::new()).unwrap();
    store.close().unwrap();
}

fn child(role: &str, path: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "part_of_a_process_that_has_the_store_open",
            "--nocapture",
        ])
        .env(CHILD, format!("{role} {}", path.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(out).map(Result::unwrap);
    assert!(lines.any(|line| line.contains("OPEN")));
    // What else it says is read, so that it can say it.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn every_kind_of_commit_gives_a_greater_id_in_the_slot_that_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let store = options().prefix("acme").unwrap().create(&path).unwrap();
    let mut watch = Watch::new(&path);
    let mut step = |what: &str, change: &dyn Fn(&Store)| {
        change(&store);
        watch.committed(what);
    };
    let ids = std::cell::RefCell::new(Vec::new());
    let first = store.create(&NewKey::new("first")).unwrap();
    let token = first.token.unwrap();
    step("many created", &|store| {
        let made = store.create_many(&vec![NewKey::new("k"); 2_500]);
        assert!(made.stopped.is_none());
        ids.borrow_mut()
            .extend(made.done.iter().map(|one| one.key.id));
    });
    step("a project created", &|store| {
        store.create_project(&NewProject::new("p")).unwrap();
    });
    step("a project changed", &|store| {
        let mut update = ProjectUpdate::default();
        update.owner = keyfob::Change::Set("ops".to_owned());
        store.update_project("p", &update).unwrap();
    });
    step("one disabled", &|store| {
        drop(store.disable(first.key.id).unwrap());
    });
    step("one enabled", &|store| {
        drop(store.enable(first.key.id).unwrap());
    });
    step("uses written", &|store| {
        store.verify(token.expose(), &Requirement::new()).unwrap();
        store.flush().unwrap();
    });
    step("one rotated", &|store| {
        store.rotate(first.key.id, &Rotate::with_grace(60)).unwrap();
    });
    step("a rotation finished", &|store| {
        store.finish_rotation(first.key.id).unwrap();
    });
    step("many revoked", &|store| {
        let many = Selection::Keys(ids.borrow()[..2_000].to_vec());
        let done = store.revoke_many(&many, &Revoke::default()).unwrap();
        assert!(done.stopped.is_none());
    });
    step("keys pruned", &|store| {
        let mut prune = keyfob::Prune::default();
        prune.revoked_before = Some(keyfob::Timestamp::from_unix(i64::MAX / 2));
        store.prune(&prune).unwrap();
    });
    step("the log pruned", &|store| {
        store.prune_log(store.info().unwrap().sequence - 1).unwrap();
    });
    step("the file compacted, and one change", &|store| {
        store.compact().unwrap();
        store.create(&NewKey::new("k")).unwrap();
    });
    let copy = folder.path().join("copy");
    store
        .backup(&copy, &mut |_, _| ControlFlow::Continue(()))
        .unwrap();
    watch.steady("a backup made");
    let beside = options().open(&copy).unwrap();
    beside.create(&NewKey::new("k")).unwrap();
    beside.close().unwrap();
    let restored = options().restore(&path, &copy, &keyfob::Restore::default(), &mut |_, _| {
        ControlFlow::Continue(())
    });
    assert_eq!(restored.unwrap().keys, 1);
    watch.committed("a backup restored");
    store.close().unwrap();
    watch.steady("closed");
    let store = options().exclusive(true).open(&path).unwrap();
    store.create(&NewKey::new("k")).unwrap();
    store.compact().unwrap();
    store.close().unwrap();
    watch.committed("open for one process, a change, compacted, closed");
    options().open(&path).unwrap().close().unwrap();
    watch.steady("opened and closed");
}

#[test]
fn no_id_goes_back_when_another_process_closes_or_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let store = options().prefix("acme").unwrap().create(&path).unwrap();
    let mut watch = Watch::new(&path);
    let mut peer = child("waits", &path);
    watch.committed("a change of another process");
    store.create(&NewKey::new("k")).unwrap();
    watch.committed("a change of this one");
    drop(peer.stdin.take());
    assert!(peer.wait().unwrap().success());
    watch.steady("another process closed");
    for round in 0u64..20 {
        let mut peer = child("writes", &path);
        std::thread::sleep(Duration::from_millis(round * 3 % 17));
        peer.kill().unwrap();
        peer.wait().unwrap();
        // The commit in which it was killed may not be served yet: the next one sees to that.
        store.create(&NewKey::new("k")).unwrap();
        watch.committed("a change after another process was killed");
    }
    // And where nobody else had it open: the next one to open it mends it.
    store.close().unwrap();
    for _ in 0..5 {
        let mut peer = child("writes", &path);
        peer.kill().unwrap();
        peer.wait().unwrap();
        let store = options().open(&path).unwrap();
        store.create(&NewKey::new("k")).unwrap();
        watch.committed("mended, and a change");
        store.close().unwrap();
        watch.steady("closed");
    }
}

#[test]
fn every_commit_gives_a_greater_id_and_ends_with_the_unflushed_bit_unset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k");
    let store = StoreOptions::new().prefix("acme").unwrap();
    let store = store.flush_every(Duration::ZERO).create(&path).unwrap();
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
    let store = store.flush_every(Duration::ZERO).create(&path).unwrap();
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

//! A disk that is really full: the kernel says so, not a stand-in for it. The disk is a small file
//! system in memory, mounted in a name space of its own.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyfob::{
    Code, Denied, Filter, ForeignFormat, ImportDefaults, KeyId, NewKey, Prune, Requirement, Revoke,
    Rotate, Selection, Store, StoreOptions, Timestamp, VerifyError,
};

const PLACE: &str = "KEYFOB_FULL_DISK";
const KEYS: usize = 10_000;

fn options() -> StoreOptions {
    StoreOptions::new()
        .prefix("acme")
        .unwrap()
        .flush_every(std::time::Duration::ZERO)
}

fn denied(store: &Store, token: &str) -> Option<Denied> {
    match store.verify(token, &Requirement::new()) {
        Ok(_) => None,
        Err(VerifyError::Denied(denied)) => Some(denied),
        Err(error) => panic!("{error}"),
    }
}

fn whole(store: &Store) {
    let report = store
        .check_integrity(&mut |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(report.damage, Vec::<String>::new());
}

/// Runs a test of this file in a process of its own, in a place that a shell prepares; the place
/// is its first argument, and the rest is what it is to run.
fn run_in(place: &Path, shell: &[&str], test: &str) {
    let (program, arguments) = shell.split_first().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg(place)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PLACE, place)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(
        text.contains("1 passed") && text.contains("HELD"),
        "{text}\n{errors}"
    );
}

/// Fills what is free, to the last block.
fn fill(others: &Path) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(others).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
}

fn created(store: &Store) -> Result<(KeyId, String), Code> {
    let created = store.create(&NewKey::new("k")).map_err(|e| e.code())?;
    Ok((created.key.id, created.token.unwrap().expose().to_owned()))
}

#[test]
fn part_of_a_process_on_a_small_disk() {
    let Some(folder) = std::env::var_os(PLACE).map(PathBuf::from) else {
        return;
    };
    let (path, others) = (folder.join("k"), folder.join("others"));
    let store = options().create(&path).unwrap();
    let lines: Vec<String> = (0..KEYS)
        .map(|n| format!("q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf{n:05}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let imported = store.import(ForeignFormat::Raw, &lines, &ImportDefaults::default());
    assert!(imported.unwrap().stopped.is_none());
    let (one, token) = created(&store).unwrap();
    let (rotated, old) = created(&store).unwrap();
    store.rotate(rotated, &Rotate::with_grace(60)).unwrap();

    // Others take what is free, also what this store gives back; what it had set aside beyond the
    // reserve is used up first.
    let refused = (0..KEYS).find_map(|_| {
        fill(&others);
        created(&store).err()
    });
    assert_eq!(refused, Some(Code::NO_SPACE));
    let keys = store.count(&Filter::default()).unwrap();
    store.close().unwrap();
    let store = options().open(&path).unwrap();
    fill(&others);
    store.finish_rotation(rotated).unwrap();
    assert_eq!(denied(&store, &old), Some(Denied::NotFound));
    store.disable(one).unwrap();
    assert_eq!(denied(&store, &token), Some(Denied::Disabled));
    store.revoke(one, &Revoke::default()).unwrap();
    assert_eq!(denied(&store, &token), Some(Denied::Revoked));
    let all = Selection::Filter(Filter::default());
    let revoked = store.revoke_many(&all, &Revoke::default()).unwrap();
    assert!(revoked.stopped.is_none(), "{revoked:?}");
    assert_eq!(revoked.changed, keys - 1);
    for line in &lines {
        assert_eq!(denied(&store, line), Some(Denied::Revoked));
    }
    fill(&others);
    assert_eq!(created(&store), Err(Code::NO_SPACE));

    std::fs::remove_file(others).unwrap();
    let mut prune = Prune::default();
    prune.revoked_before = Some(Timestamp::from_unix(i64::MAX));
    assert_eq!(store.prune(&prune).unwrap().keys, keys);
    created(&store).unwrap();
    whole(&store);
    println!("HELD");
}

#[test]
fn on_a_full_disk_everything_can_be_taken_away_and_nothing_is_added() {
    let place = tempfile::tempdir().unwrap();
    // Root needs no other user's name space to mount in.
    let root = rustix::process::geteuid().is_root();
    let names = if root { "-m" } else { "-rm" };
    let mount = "mount -t tmpfs -o size=40m,mode=700 tmpfs \"$0\" && exec \"$@\"";
    run_in(
        place.path(),
        &["unshare", names, "sh", "-c", mount],
        "part_of_a_process_on_a_small_disk",
    );
}

#[test]
fn part_of_a_process_that_may_not_write_long_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Some(folder) = std::env::var_os(PLACE).map(PathBuf::from) else {
        return;
    };
    let store = options().create(folder.join("k")).unwrap();
    let mut keys = Vec::new();
    let refused = loop {
        match created(&store) {
            Ok(key) => keys.push(key),
            Err(code) => break code,
        }
        assert!(keys.len() < KEYS, "the limit was never met");
    };
    assert_eq!(refused, Code::NO_SPACE);
    for (_, token) in &keys {
        assert_eq!(denied(&store, token), None, "it goes on reading");
    }
    let Rlimit { maximum, .. } = getrlimit(Resource::Fsize);
    let none = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Fsize, none).unwrap();
    for (id, token) in &keys {
        store.revoke(*id, &Revoke::default()).unwrap();
        assert_eq!(denied(&store, token), Some(Denied::Revoked));
    }
    created(&store).unwrap();
    whole(&store);
    println!("HELD");
}

#[test]
fn where_the_system_lets_the_file_grow_no_longer_nothing_is_lost_and_it_says_so() {
    // In memory where that can be: thousands of changes need not wait for a disk.
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let place = place.unwrap();
    // In blocks of 512 bytes; the signal that would end the process is ignored.
    let limit = "trap '' XFSZ; ulimit -S -f 5000; exec \"$@\"";
    run_in(
        place.path(),
        &["sh", "-c", limit],
        "part_of_a_process_that_may_not_write_long_files",
    );
}

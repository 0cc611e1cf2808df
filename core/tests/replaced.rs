//! A file that somebody replaces, unlinks or overwrites under a running process: whoever asks is
//! told so, and nothing is answered from memory any more.

mod common;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{child_path, code_of, plain, verify};
use keyfob::{Code, Filter, KeyId, NewKey, Revoke, Store, StoreOptions};

fn options() -> StoreOptions {
    StoreOptions::new().flush_every(Duration::ZERO)
}

struct Bench {
    folder: tempfile::TempDir,
    path: PathBuf,
    id: KeyId,
    token: String,
    /// Never verified by a test before it looks.
    other: String,
}

/// A store with two keys that nobody has open.
fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.redb");
    let store = options().prefix("acme").unwrap().create(&path).unwrap();
    let [(id, token), (_, other)] = [(); 2].map(|()| {
        let created = store.create(&NewKey::new("k")).unwrap();
        (created.key.id, created.token.unwrap().expose().to_owned())
    });
    store.close().unwrap();
    Bench {
        folder,
        path,
        id,
        token,
        other,
    }
}

impl Bench {
    /// A store in whose cache the first key is.
    fn open(&self, options: StoreOptions) -> Store {
        let store = options.open(&self.path).unwrap();
        for _ in 0..2 {
            assert_eq!(verify(&store, &self.token, &plain()), Code::OK);
        }
        store
    }

    /// Puts another file in the place, the same byte for byte.
    fn replace(&self) {
        let copy = self.folder.path().join("copy");
        fs::copy(&self.path, &copy).unwrap();
        fs::rename(&copy, &self.path).unwrap();
    }

    fn assert_replaced(&self, store: &Store) {
        for token in [&self.token, &self.other, "junk"] {
            assert_eq!(verify(store, token, &plain()), Code::REPLACED);
        }
        let replaced = Code::REPLACED;
        let explained = store.explain(&self.token, &plain());
        assert_eq!(explained.unwrap_err().code(), replaced);
        assert_eq!(code_of(&store.get(self.id)), replaced);
        assert_eq!(code_of(&store.count(&Filter::default())), replaced);
        assert_eq!(code_of(&store.info()), replaced);
        assert_eq!(code_of(&store.create(&NewKey::new("k"))), replaced);
        assert_eq!(code_of(&store.flush()), replaced);
        assert_eq!(code_of(&store.compact()), replaced);
    }
}

/// Overwrites the file in its place, without making it shorter.
fn overwrite(path: &Path, content: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    assert!(file.metadata().unwrap().len() <= content.len() as u64);
    file.write_all_at(content, 0).unwrap();
}

#[test]
fn a_verification_is_told_within_about_a_second() {
    let long = Duration::from_secs(3600);
    for (options, replace) in [
        (options(), true),
        (options(), false),
        (options().flush_every(long), true),
        (options().read_only(true), true),
        (options().exclusive(true), false),
        (options().map_header(false), true),
        // From the file each time.
        (options().key_cache_bytes(0), true),
    ] {
        let bench = bench();
        let store = bench.open(options);
        if replace {
            bench.replace();
        } else {
            fs::remove_file(&bench.path).unwrap();
        }
        let since = Instant::now();
        while verify(&store, &bench.token, &plain()) == Code::OK {
            assert!(since.elapsed() < Duration::from_secs(20), "never told");
            std::thread::sleep(Duration::from_millis(5));
        }
        let told_after = since.elapsed();
        assert_eq!(verify(&store, &bench.token, &plain()), Code::REPLACED);
        // With room for a machine that has other things to do.
        assert!(told_after < Duration::from_secs(5), "{told_after:?}");
    }
}

#[test]
fn a_verification_that_catches_up_is_told_at_once_and_so_is_everybody_then() {
    for in_memory in [true, false] {
        let bench = bench();
        let store = bench.open(options());
        let another = options().apart().open(&bench.path).unwrap();
        another.create(&NewKey::new("k")).unwrap();
        bench.replace();
        let token = if in_memory {
            &bench.token
        } else {
            &bench.other
        };
        assert_eq!(verify(&store, token, &plain()), Code::REPLACED);
        bench.assert_replaced(&store);
    }
}

#[test]
fn a_change_is_told_at_once_and_the_store_is_good_again_when_it_is_opened_again() {
    let bench = bench();
    let store = bench.open(options());
    let aside = bench.folder.path().join("aside");
    fs::rename(&bench.path, &aside).unwrap();
    let refused = store.revoke(bench.id, &Revoke::default());
    assert_eq!(code_of(&refused), Code::REPLACED);
    bench.assert_replaced(&store);
    fs::rename(&aside, &bench.path).unwrap();
    bench.assert_replaced(&store);
    // The same file, beside the handle that was not closed yet.
    let again = bench.open(options());
    again.revoke(bench.id, &Revoke::default()).unwrap();
    bench.assert_replaced(&store);
    let _ = store.close();
    assert_eq!(verify(&store, &bench.token, &plain()), Code::CLOSED);
    assert_eq!(verify(&again, &bench.token, &plain()), Code::REVOKED);
}

#[test]
fn a_file_that_was_set_back_in_its_place_is_not_believed() {
    for map in [true, false] {
        let bench = bench();
        let options = || options().map_header(map);
        let older = fs::read(&bench.path).unwrap();
        let reader = bench.open(options());
        let writer = options().apart().open(&bench.path).unwrap();
        writer.revoke(bench.id, &Revoke::default()).unwrap();
        assert_eq!(verify(&reader, &bench.token, &plain()), Code::REVOKED);
        writer.close().unwrap();
        overwrite(&bench.path, &older);
        assert_eq!(verify(&reader, &bench.token, &plain()), Code::REPLACED);
        bench.assert_replaced(&reader);
    }
}

#[test]
fn another_store_that_was_written_over_the_file_is_not_believed() {
    let (bench, another) = (bench(), bench());
    // As many commits in both would look the same from outside.
    let theirs = options().open(&another.path).unwrap();
    theirs.disable(another.id).unwrap();
    let store = bench.open(options());
    overwrite(&bench.path, &fs::read(&another.path).unwrap());
    assert_eq!(verify(&store, &bench.token, &plain()), Code::REPLACED);
    bench.assert_replaced(&store);
}

/// The threads of this process that a store started.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")));
    names
        .filter(|name| {
            name.as_ref()
                .is_ok_and(|name| name.trim() == "keyfob-flush")
        })
        .count()
}

/// Not a test of its own: counts the threads of a process that does nothing else.
#[test]
fn part_of_a_process_that_counts_its_threads() {
    let Some(path) = child_path() else { return };
    let store = options().open(&path).unwrap();
    let (_, token) = {
        let created = store.create(&NewKey::new("k")).unwrap();
        (created.key.id, created.token.unwrap().expose().to_owned())
    };
    assert_eq!(store.count(&Filter::default()).unwrap(), 3);
    assert_eq!(threads(), 0);
    for _ in 0..3 {
        assert_eq!(verify(&store, &token, &plain()), Code::OK);
    }
    let since = Instant::now();
    while threads() != 1 && since.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(threads(), 1);
}

#[test]
fn the_thread_that_looks_is_started_by_the_first_verification_and_not_by_opening() {
    let bench = bench();
    let part = "part_of_a_process_that_counts_its_threads";
    let mut command = common::child(part, &bench.path, None);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}

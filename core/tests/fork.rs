//! Forks of every kind: what a child does with a store that its parent opened, and what neither
//! does to the other. The children are real ones.

#![allow(
    unsafe_code,
    reason = "children are made by `fork` and by the bare system call, and end by `_exit`"
)]

mod common;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{child_path, code_of, plain, verify};
use keyfob::{
    CheckOnOpen, Clock, Code, Denied, Filter, KeyId, NewKey, Order, Revoke, Store, StoreOptions,
    Timestamp,
};

/// Waits long for locks: many processes share few processors.
fn options() -> StoreOptions {
    StoreOptions::new()
        .flush_every(Duration::ZERO)
        .timeouts(Duration::from_secs(30), Duration::from_secs(30))
}

fn new_store(folder: &tempfile::TempDir) -> (Store, PathBuf) {
    let path = folder.path().join("keys.redb");
    let store = options().prefix("acme").unwrap().create(&path).unwrap();
    (store, path)
}

fn key(store: &Store, name: &str) -> (KeyId, String) {
    let created = store.create(&NewKey::new(name)).unwrap();
    (created.key.id, created.token.unwrap().expose().to_owned())
}

fn names(store: &Store) -> Vec<String> {
    let all = Filter::default();
    let keys = store.keys(&all, Order::Name);
    keys.map(|key| key.unwrap().name).collect()
}

/// Opens the file anew, checks every page and every row, and closes it.
fn assert_whole(path: &Path) {
    let store = options()
        .apart()
        .check_on_open(CheckOnOpen::Always)
        .open(path)
        .unwrap();
    let report = store
        .check_integrity(&mut |_, _| std::ops::ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(report.damage, Vec::<String>::new());
    store.close().unwrap();
}

// ---- children ----

/// One end of a conversation, a byte at a time.
struct End {
    hear: File,
    say: File,
}

impl End {
    fn hear(&mut self) -> u8 {
        let mut byte = [0];
        self.hear.read_exact(&mut byte).unwrap();
        byte[0]
    }

    fn say(&mut self, byte: u8) {
        self.say.write_all(&[byte]).unwrap();
    }
}

fn pipe() -> [File; 2] {
    let mut ends = [0; 2];
    // SAFETY: two numbers to write to.
    let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    assert_eq!(made, 0);
    // SAFETY: made above, and nobody else's.
    ends.map(|end| unsafe { File::from_raw_fd(end) })
}

#[derive(Clone, Copy)]
enum How {
    Fork,
    /// The bare system call, of which no handler is told.
    Clone,
}

struct Child {
    id: libc::pid_t,
    end: End,
}

/// Runs something in a child, which ends with `_exit`: 0 where nothing panicked.
fn child(how: How, f: impl FnOnce(&mut End)) -> Child {
    let [from_parent, to_child] = pipe();
    let [from_child, to_parent] = pipe();
    // SAFETY: the child runs the closure and ends.
    let id = unsafe {
        match how {
            How::Fork => libc::fork(),
            How::Clone => {
                let flags = libc::c_long::from(libc::SIGCHLD);
                let id = libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0);
                libc::pid_t::try_from(id).unwrap()
            }
        }
    };
    assert!(id >= 0);
    if id > 0 {
        let end = End {
            hear: from_child,
            say: to_child,
        };
        return Child { id, end };
    }
    let mut end = End {
        hear: from_parent,
        say: to_parent,
    };
    let ended = catch_unwind(AssertUnwindSafe(|| f(&mut end)));
    if let Err(payload) = &ended {
        let text = payload.downcast_ref::<String>().map_or("?", String::as_str);
        // SAFETY: bytes that live until it returns.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
    // SAFETY: ends the child and nothing else.
    unsafe { libc::_exit(i32::from(ended.is_err())) }
}

impl Child {
    fn hear(&mut self) -> u8 {
        self.end.hear()
    }

    fn say(&mut self, byte: u8) {
        self.end.say(byte);
    }

    /// Waits for its end, which must be a good one.
    fn end(self) {
        let mut status = 0;
        // SAFETY: a number to write to, and a child of this process.
        let ended = unsafe { libc::waitpid(self.id, &raw mut status, 0) };
        assert_eq!((ended, status), (self.id, 0));
    }
}

// ---- another process altogether ----

/// Not a test of its own: says how an exclusive open comes out.
#[test]
fn part_of_a_process_that_opens_for_itself() {
    let Some(path) = child_path() else { return };
    let opened = options().exclusive(true).open(path);
    println!("CODE {}", code_of(&opened).number());
}

/// How an exclusive open comes out in a process that inherited nothing.
fn opened_exclusively(path: &Path) -> u16 {
    let part = "part_of_a_process_that_opens_for_itself";
    let mut command = common::child(part, path, None);
    let output = command.stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let code = text.split("CODE ").nth(1).unwrap();
    code.split_whitespace().next().unwrap().parse().unwrap()
}

const OPENS: u16 = 0;

fn locked() -> u16 {
    Code::LOCKED.number()
}

// ---- parent and child ----

#[test]
fn a_child_verifies_creates_and_revokes_beside_its_parent_and_each_sees_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (one, first) = key(&store, "one");
    let (two, second) = key(&store, "two");
    assert_eq!(verify(&store, &first, &plain()), Code::OK);
    assert_eq!(verify(&store, &second, &plain()), Code::OK);
    let verified = store.verify(&first, &plain()).unwrap();
    let mut child = child(How::Fork, |end| {
        assert_eq!(verify(&store, &first, &plain()), Code::OK);
        assert_eq!(verify(&store, &second, &plain()), Code::OK);
        // What was verified before the fork is still good to read.
        assert_eq!(store.verify(&first, &plain()).unwrap(), verified);
        key(&store, "of the child");
        end.say(1);
        assert_eq!(end.hear(), 2);
        assert_eq!(verify(&store, &first, &plain()), Code::REVOKED);
        store.revoke(two, &Revoke::default()).unwrap();
        end.say(3);
        for number in 0..20 {
            key(&store, &format!("child {number:02}"));
        }
        store.close().unwrap();
    });
    assert_eq!(child.hear(), 1);
    store.revoke(one, &Revoke::default()).unwrap();
    child.say(2);
    assert_eq!(child.hear(), 3);
    assert_eq!(verify(&store, &second, &plain()), Code::REVOKED);
    for number in 0..20 {
        key(&store, &format!("parent {number:02}"));
    }
    child.end();
    let all = names(&store);
    assert_eq!(all.len(), 43);
    for number in 0..20 {
        assert!(all.contains(&format!("child {number:02}")));
        assert!(all.contains(&format!("parent {number:02}")));
    }
    store.close().unwrap();
    assert_whole(&path);
}

#[test]
fn forks_while_threads_verify_and_commit_lose_nothing_of_either() {
    const FORKS: usize = 24;
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (_, token) = key(&store, "known");
    let (done, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(verify(&store, &token, &plain()), Code::OK);
                    std::thread::yield_now();
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                key(&store, "parent");
                made.fetch_add(1, Ordering::Relaxed);
                // Who waits for a lock of another process tries every few milliseconds.
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // Opens and closes descriptors that hold locks all the while.
                let apart = options().apart().open(&path).unwrap();
                assert_eq!(verify(&apart, &token, &plain()), Code::OK);
                apart.close().unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        for number in 0..FORKS {
            let child = child(How::Fork, |_| {
                assert_eq!(verify(&store, &token, &plain()), Code::OK);
                key(&store, &format!("child {number}"));
                let refused = verify(&store, &token.replace("live", "test"), &plain());
                assert!(refused.is_denial());
                if number % 2 == 0 {
                    store.close().unwrap();
                }
            });
            child.end();
        }
        done.store(true, Ordering::Relaxed);
    });
    let all = names(&store);
    let of_parent = all.iter().filter(|name| *name == "parent").count();
    assert_eq!(of_parent, made.load(Ordering::Relaxed));
    for number in 0..FORKS {
        assert!(all.contains(&format!("child {number}")));
    }
    store.close().unwrap();
    assert_whole(&path);
}

#[test]
fn a_fork_in_the_middle_of_another_thread_s_transaction_is_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let many: Vec<NewKey> = (0..1_000).map(|_| NewKey::new("many")).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..3 {
                let made = store.create_many(&many);
                assert!(made.stopped.is_none(), "{:?}", made.stopped);
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut forks = 0;
        while forks == 0 || !done.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
            let child = child(How::Fork, |_| {
                key(&store, "child");
            });
            child.end();
            forks += 1;
        }
        let keys = names(&store);
        assert_eq!(keys.iter().filter(|name| *name == "child").count(), forks);
        assert_eq!(keys.len(), 3_000 + forks);
    });
    store.close().unwrap();
    assert_whole(&path);
}

#[test]
fn whatever_becomes_of_a_child_its_parent_keeps_its_locks_and_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (_, token) = key(&store, "k");
    let mut slot = Some(store);
    let asks: &[fn(&mut Option<Store>, &str)] = &[
        |_, _| {},
        |slot, _| *slot = None,
        |slot, token| {
            let store = slot.as_ref().unwrap();
            store.close().unwrap();
            assert_eq!(verify(store, token, &plain()), Code::CLOSED);
            *slot = None;
        },
        |slot, token| {
            assert_eq!(verify(slot.as_ref().unwrap(), token, &plain()), Code::OK);
            *slot = None;
        },
        |slot, token| {
            let store = slot.as_ref().unwrap();
            let clone = store.clone();
            key(store, "of a child");
            store.close().unwrap();
            assert_eq!(verify(&clone, token, &plain()), Code::CLOSED);
        },
        |slot, token| {
            assert_eq!(verify(slot.as_ref().unwrap(), token, &plain()), Code::OK);
            // SAFETY: no other thread runs in this child but the store's own.
            unsafe { libc::exit(0) };
        },
    ];
    for (number, ask) in asks.iter().enumerate() {
        let child = child(How::Fork, |_| ask(&mut slot, &token));
        child.end();
        assert_eq!(opened_exclusively(&path), locked(), "child {number}");
        let store = slot.as_ref().unwrap();
        assert_eq!(verify(store, &token, &plain()), Code::OK, "child {number}");
        key(store, "of the parent");
    }
    slot.unwrap().close().unwrap();
    assert_eq!(opened_exclusively(&path), OPENS);
    assert_whole(&path);
}

#[test]
fn a_grandchild_uses_the_store_whether_or_not_its_parent_did() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (_, token) = key(&store, "k");
    for uses in [true, false] {
        let first = child(How::Fork, |_| {
            if uses {
                key(&store, "of the child");
            }
            let second = child(How::Fork, |_| {
                assert_eq!(verify(&store, &token, &plain()), Code::OK);
                key(&store, "of the grandchild");
                store.close().unwrap();
            });
            second.end();
            assert_eq!(verify(&store, &token, &plain()), Code::OK);
            key(&store, "of the child, later");
        });
        first.end();
    }
    key(&store, "of the parent");
    assert_eq!(names(&store).len(), 1 + 3 + 2 + 1);
    store.close().unwrap();
    assert_whole(&path);
}

#[test]
fn a_daemon_that_closes_every_descriptor_after_its_fork_works_and_so_does_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (_, token) = key(&store, "k");
    let daemon = child(How::Fork, |end| {
        let keep = [end.hear.as_raw_fd(), end.say.as_raw_fd()];
        for descriptor in (3..1_000).filter(|number| !keep.contains(number)) {
            // SAFETY: nothing of this child uses them any more.
            unsafe { libc::close(descriptor) };
        }
        std::env::set_current_dir("/").unwrap();
        assert_eq!(verify(&store, &token, &plain()), Code::OK);
        key(&store, "of the daemon");
        let worker = child(How::Fork, |_| {
            assert_eq!(verify(&store, &token, &plain()), Code::OK);
            key(&store, "of its child");
        });
        worker.end();
        store.close().unwrap();
    });
    daemon.end();
    assert_eq!(names(&store).len(), 3);
    store.close().unwrap();
    assert_whole(&path);
}

#[test]
fn threads_of_a_child_that_come_at_once_open_one_store_whatever_handle_they_have() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (_, token) = key(&store, "k");
    let second = options().open(&path).unwrap();
    let child = child(How::Fork, |_| {
        std::thread::scope(|scope| {
            for handle in [&store, &second, &store, &second] {
                let token = &token;
                scope.spawn(move || {
                    for _ in 0..20 {
                        assert_eq!(verify(handle, token, &plain()), Code::OK);
                        assert_eq!(verify(handle, "junk", &plain()), Code::MALFORMED);
                    }
                });
            }
        });
        // Counted together, so that it is one.
        let refused = |store: &Store| store.refusals().iter().map(|(_, n)| n).sum::<u64>();
        assert_eq!((refused(&store), refused(&second)), (80, 80));
        store.close().unwrap();
        assert_eq!(verify(&second, &token, &plain()), Code::OK);
        second.close().unwrap();
    });
    child.end();
    store.close().unwrap();
    second.close().unwrap();
    assert_whole(&path);
}

#[test]
fn what_a_child_opens_itself_is_the_store_of_the_handle_that_it_inherited() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let refused = |store: &Store| store.refusals().iter().map(|(_, n)| n).sum::<u64>();
    for own_first in [true, false] {
        let child = child(How::Fork, |_| {
            if !own_first {
                assert_eq!(verify(&store, "junk", &plain()), Code::MALFORMED);
            }
            let own = options().open(&path).unwrap();
            assert_eq!(verify(&own, "junk", &plain()), Code::MALFORMED);
            assert_eq!(verify(&store, "junk", &plain()), Code::MALFORMED);
            let all = if own_first { 2 } else { 3 };
            assert_eq!((refused(&own), refused(&store)), (all, all));
        });
        child.end();
    }
    // Other options contradict, whichever of the two comes first.
    let child = child(How::Fork, |_| {
        let own = options().key_cache_bytes(0).open(&path).unwrap();
        let contradict = Code::OPTIONS_CONTRADICT;
        assert_eq!(verify(&store, "junk", &plain()), contradict);
        own.close().unwrap();
        assert_eq!(verify(&store, "junk", &plain()), Code::MALFORMED);
    });
    child.end();
}

#[test]
fn uses_that_a_parent_has_not_written_are_not_written_by_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = new_store(&folder);
    let (id, token) = key(&store, "k");
    assert_eq!(verify(&store, &token, &plain()), Code::OK);
    let child = child(How::Fork, |_| {
        assert_eq!(store.get(id).unwrap().used.uses, 0, "it knows of none");
        assert_eq!(verify(&store, &token, &plain()), Code::OK);
        store.close().unwrap();
    });
    child.end();
    assert_eq!(store.get(id).unwrap().used.uses, 2);
    store.flush().unwrap();
    assert_eq!(store.get(id).unwrap().used.uses, 2);
}

#[test]
fn a_child_counts_anew_and_goes_on_with_the_callback() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    store.on_refusal(Some(Box::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    })));
    let refused = |store: &Store| {
        let all = store.refusals();
        let malformed = all.iter().find(|(denied, _)| *denied == Denied::Malformed);
        malformed.unwrap().1
    };
    let junk = |store: &Store| assert_eq!(verify(store, "junk", &plain()), Code::MALFORMED);
    junk(&store);
    let clone = store.clone();
    let child = child(How::Fork, |_| {
        assert_eq!(refused(&store), 0);
        assert_eq!((store.path(), store.prefix().as_str()), (&*path, "acme"));
        junk(&store);
        junk(&clone);
        assert_eq!((refused(&clone), told.load(Ordering::Relaxed)), (2, 3));
        store.on_refusal(None);
        junk(&store);
        assert_eq!((refused(&clone), told.load(Ordering::Relaxed)), (3, 3));
    });
    child.end();
    junk(&store);
    assert_eq!((refused(&store), told.load(Ordering::Relaxed)), (2, 2));
}

#[test]
fn a_child_of_a_reader_reads_and_one_in_another_folder_finds_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (id, token) = key(&store, "k");
    let up = std::env::current_dir().unwrap();
    let mut relative: PathBuf = up.components().skip(1).map(|_| "..").collect();
    relative.extend(path.components().skip(1));
    let reader = options().apart().read_only(true).open(&relative).unwrap();
    assert_eq!(verify(&reader, &token, &plain()), Code::OK);
    let mut child = child(How::Fork, |end| {
        std::env::set_current_dir("/").unwrap();
        assert_eq!(verify(&reader, &token, &plain()), Code::OK);
        assert_eq!(code_of(&reader.disable(id)), Code::READ_ONLY);
        end.say(1);
        assert_eq!(end.hear(), 2);
        assert_eq!(verify(&reader, &token, &plain()), Code::DISABLED);
    });
    assert_eq!(child.hear(), 1);
    store.disable(id).unwrap();
    child.say(2);
    child.end();
    assert_eq!(verify(&reader, &token, &plain()), Code::DISABLED);
}

#[test]
fn a_child_of_a_process_that_has_the_store_for_itself_is_told_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (_, token) = key(&store, "k");
    store.close().unwrap();
    let alone = options().exclusive(true).open(&path).unwrap();
    assert_eq!(verify(&alone, &token, &plain()), Code::OK);
    let mut slot = Some(alone);
    let child = child(How::Fork, |_| {
        let alone = slot.as_ref().unwrap();
        assert_eq!(verify(alone, &token, &plain()), Code::FORKED);
        let error = alone.create(&NewKey::new("k")).unwrap_err();
        assert_eq!(error.code(), Code::FORKED);
        assert!(error.to_string().contains("exclusive"), "{error}");
        // Another open of it meets the parent's lock.
        let again = options().exclusive(true).open(&path);
        assert_eq!(code_of(&again), Code::LOCKED);
        alone.close().unwrap();
        assert_eq!(verify(alone, &token, &plain()), Code::CLOSED);
        slot = None;
    });
    child.end();
    assert_eq!(opened_exclusively(&path), locked());
    let alone = slot.unwrap();
    assert_eq!(verify(&alone, &token, &plain()), Code::OK);
    key(&alone, "of the parent");
    alone.close().unwrap();
    assert_whole(&path);
}

/// The child opens the file again, and once forgot what its parent's open had asked for.
#[test]
fn a_child_accepts_no_older_copy_than_its_parent_did_and_no_other_store() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (id, token) = key(&store, "k");
    store.close().unwrap();
    let older = std::fs::read(&path).unwrap();
    let store = options().open(&path).unwrap();
    store.revoke(id, &Revoke::default()).unwrap();
    let least = store.info().unwrap().sequence;
    store.close().unwrap();
    let store = options().least_sequence(least).open(&path).unwrap();
    assert_eq!(verify(&store, &token, &plain()), Code::REVOKED);
    let put = |content: &[u8]| {
        let mut file = File::options().write(true).open(&path).unwrap();
        file.write_all(content).unwrap();
        file.set_len(content.len() as u64).unwrap();
    };
    put(&older);
    child(How::Fork, |_| {
        assert_eq!(verify(&store, &token, &plain()), Code::ROLLED_BACK);
    })
    .end();
    let another = folder.path().join("another");
    options()
        .prefix("acme")
        .unwrap()
        .create(&another)
        .unwrap()
        .close()
        .unwrap();
    put(&std::fs::read(&another).unwrap());
    child(How::Fork, |_| {
        let found = verify(&store, &token, &plain());
        assert!(
            [Code::REPLACED, Code::CORRUPTED].contains(&found),
            "{found}"
        );
        // Also where the child opened the other store by itself.
        let other = options().open(&path).unwrap();
        let found = verify(&store, &token, &plain());
        assert!(
            [Code::REPLACED, Code::CORRUPTED].contains(&found),
            "{found}"
        );
        other.close().unwrap();
    })
    .end();
}

#[test]
fn a_callback_that_forks_does_not_let_the_child_go_on_with_what_it_is_in() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    let (_, token) = key(&store, "k");
    let copy = folder.path().join("copy");
    let mut started = None;
    let made = store.backup(&copy, &mut |_, _| {
        if started.is_none() {
            // SAFETY: the child goes on below and ends by `_exit`.
            started = Some(unsafe { libc::fork() });
        }
        std::ops::ControlFlow::Continue(())
    });
    if started == Some(0) {
        let told = code_of(&made) == Code::FORKED && verify(&store, &token, &plain()) == Code::OK;
        // SAFETY: ends the child and nothing else.
        unsafe { libc::_exit(i32::from(!told)) };
    }
    let mut status = 0;
    // SAFETY: a number to write to, and a child of this process.
    unsafe { libc::waitpid(started.unwrap(), &raw mut status, 0) };
    assert_eq!(status, 0);
    made.unwrap();
    key(&store, "later");
    store.close().unwrap();
    assert_whole(&path);
}

// ---- a parent that is killed, in a process of its own ----

/// Not a test of its own: opens the store and makes a child, by `fork` or by the bare system call,
/// which does what it is told on standard input: `u` uses the store, `c` closes it, `x` ends it.
#[test]
fn part_of_a_parent_that_is_killed() {
    let Some(path) = child_path() else { return };
    let how = match std::env::var(HOW).as_deref() {
        Ok("clone") => How::Clone,
        _ => How::Fork,
    };
    let store = options().open(path).unwrap();
    let (_, token) = key(&store, "of the parent");
    assert_eq!(verify(&store, &token, &plain()), Code::OK);
    let say = |text: &str| {
        // SAFETY: bytes that live until it returns.
        unsafe { libc::write(1, text.as_ptr().cast(), text.len()) };
    };
    let child = child(how, |_| {
        say("\nREADY\n");
        loop {
            let mut asked = 0_u8;
            // SAFETY: a byte to write to.
            let read = unsafe { libc::read(0, (&raw mut asked).cast(), 1) };
            match (read, asked) {
                (1, b'u') => {
                    assert_eq!(verify(&store, &token, &plain()), Code::OK);
                    key(&store, "of the child");
                    say("USED\n");
                }
                (1, b'c') => {
                    store.close().unwrap();
                    say("CLOSED\n");
                }
                _ => break,
            }
        }
        say("ENDED\n");
    });
    child.end();
}

const HOW: &str = "KEYFOB_TEST_HOW";

struct Orphan {
    parent: std::process::Child,
    ask: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Orphan {
    fn new(path: &Path, how: &str) -> Self {
        let mut parent = common::child("part_of_a_parent_that_is_killed", path, None)
            .env(HOW, how)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ask = parent.stdin.take().unwrap();
        let lines = BufReader::new(parent.stdout.take().unwrap());
        let mut orphan = Orphan { parent, ask, lines };
        orphan.wait_for("READY");
        orphan
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "{word}");
        }
    }

    fn ask(&mut self, what: u8, answer: &str) {
        self.ask.write_all(&[what]).unwrap();
        self.wait_for(answer);
    }

    fn kill_parent(&mut self) {
        self.parent.kill().unwrap();
        self.parent.wait().unwrap();
    }
}

#[test]
fn a_child_that_outlives_its_killed_parent_keeps_none_of_its_locks() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    store.close().unwrap();
    let mut orphan = Orphan::new(&path, "fork");
    assert_eq!(opened_exclusively(&path), locked(), "the parent's");
    orphan.kill_parent();
    assert_eq!(opened_exclusively(&path), OPENS, "the child idles");
    orphan.ask(b'u', "USED");
    assert_eq!(opened_exclusively(&path), locked(), "the child's own");
    orphan.ask(b'x', "ENDED");
    let opened = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        opened_exclusively(&path) == OPENS
    });
    assert!(opened, "the child has ended");
    assert_whole(&path);
}

#[test]
fn a_child_of_the_bare_system_call_that_only_closes_keeps_no_lock_of_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    store.close().unwrap();
    let mut orphan = Orphan::new(&path, "clone");
    orphan.ask(b'c', "CLOSED");
    assert_eq!(opened_exclusively(&path), locked(), "the parent's stands");
    orphan.kill_parent();
    assert_eq!(opened_exclusively(&path), OPENS, "the child idles");
    orphan.ask(b'x', "ENDED");
}

#[test]
fn a_child_of_the_bare_system_call_works_and_lets_go_of_its_parent_s_locks_with_its_first_call() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = new_store(&folder);
    store.close().unwrap();
    let mut orphan = Orphan::new(&path, "clone");
    orphan.ask(b'u', "USED");
    assert_eq!(opened_exclusively(&path), locked());
    orphan.ask(b'c', "CLOSED");
    assert_eq!(opened_exclusively(&path), locked(), "the parent's stands");
    orphan.kill_parent();
    assert_eq!(opened_exclusively(&path), OPENS, "the child idles");
    orphan.ask(b'x', "ENDED");
    let clock = Clock::manual(Timestamp::from_unix(common::START));
    let store = options().clock(clock).open(&path).unwrap();
    assert_eq!(names(&store), ["of the child", "of the parent"]);
    store.close().unwrap();
    assert_whole(&path);
}

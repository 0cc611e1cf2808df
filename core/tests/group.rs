//! Callers that change the store at the same time share commits: what each was told is so, whatever
//! befalls its neighbours. How many commits there were is read from the engine's header.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use keyfob::{
    Code, KeyId, KeyState, LogQuery, NewKey, Policy, Requirement, Revoke, Rotate, Store,
    StoreOptions, VerifyError,
};

const STORE: &str = "KEYFOB_GROUP_STORE";
const THREADS: &str = "KEYFOB_GROUP_THREADS";
const PAUSE: &str = "KEYFOB_GROUP_PAUSE";

fn options() -> StoreOptions {
    StoreOptions::new().flush_every(Duration::ZERO)
}

fn new_store(folder: &tempfile::TempDir) -> (PathBuf, Store) {
    let path = folder.path().join("k");
    let store = options().prefix("acme").unwrap().create(&path).unwrap();
    (path, store)
}

fn create(store: &Store) -> (KeyId, String) {
    let created = store.create(&NewKey::new("k")).unwrap();
    (created.key.id, created.token.unwrap().expose().to_owned())
}

/// The id of the newest transaction, which every commit moves on by one.
fn newest(path: &Path) -> u64 {
    let file = std::fs::File::open(path).unwrap();
    let id = |at| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).unwrap();
        u64::from_le_bytes(bytes)
    };
    id(168).max(id(296))
}

fn code(store: &Store, token: &str) -> Code {
    match store.verify(token, &Requirement::new()) {
        Ok(_) => Code::OK,
        Err(VerifyError::Denied(denied)) => denied.code(),
        Err(error) => panic!("{error}"),
    }
}

/// The chain is whole, no sequence is left out, and every row, tag and index is right.
fn assert_whole(store: &Store) {
    store.verify_log().unwrap();
    let events = store.log(&LogQuery::default(), usize::MAX).unwrap();
    let sequences = events.iter().map(|event| event.sequence);
    assert!(sequences.eq(1..=store.info().unwrap().sequence));
    let report = store
        .check_integrity(&mut |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(report.damage, Vec::<String>::new());
}

/// Runs something in so many threads, which begin together.
fn together<T: Send>(threads: usize, each: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|number| {
                let (barrier, each) = (&barrier, &each);
                scope.spawn(move || {
                    barrier.wait();
                    each(number)
                })
            })
            .collect();
        handles.into_iter().map(|h| h.join().unwrap()).collect()
    })
}

#[test]
fn what_32_threads_were_told_is_there_after_the_store_was_opened_again_and_they_shared_commits() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = new_store(&folder);
    create(&store);
    let before = newest(&path);
    let told: Vec<(String, bool)> = together(32, |thread| {
        let mut told = Vec::new();
        for round in 0..12 {
            let (id, token) = create(&store);
            let revoked = (round + thread) % 2 == 0;
            if revoked {
                store.revoke(id, &Revoke::default()).unwrap();
                assert_eq!(code(&store, &token), Code::REVOKED);
            }
            told.push((token, revoked));
        }
        told
    })
    .concat();
    let commits = newest(&path) - before;
    let changes = 32 * (12 + 6);
    assert!(
        commits * 3 < changes,
        "{commits} commits for {changes} changes"
    );
    store.close().unwrap();
    let store = options().open(&path).unwrap();
    assert_eq!(store.info().unwrap().keys, 1 + told.len() as u64);
    for (token, revoked) in &told {
        let expected = if *revoked { Code::REVOKED } else { Code::OK };
        assert_eq!(code(&store, token), expected);
    }
    assert_whole(&store);
}

#[test]
fn a_lone_caller_has_every_commit_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = new_store(&folder);
    create(&store);
    let before = newest(&path);
    for _ in 0..20 {
        create(&store);
    }
    assert_eq!(newest(&path) - before, 20);
}

#[test]
fn neighbours_that_are_refused_disturb_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = new_store(&folder);
    let mut reused = NewKey::new("first");
    reused.request_id = Some("request".into());
    store.create(&reused).unwrap();
    let mut beside = NewKey::new("nowhere");
    beside.project = Some("nothing".into());
    let tokens: Vec<String> = together(16, |thread| {
        let mut tokens = Vec::new();
        for round in 0..10 {
            let refused = match thread {
                0 | 1 => {
                    let unknown = KeyId::from_bytes([7; 16]);
                    let refused = store.revoke(unknown, &Revoke::default());
                    (refused.map(|_| ()), Code::NO_SUCH_KEY)
                }
                2 | 3 => {
                    let mut another = NewKey::new(format!("another {thread} {round}"));
                    another.request_id.clone_from(&reused.request_id);
                    (store.create(&another).map(|_| ()), Code::REQUEST_ID_REUSED)
                }
                4 | 5 => (store.create(&beside).map(|_| ()), Code::NO_SUCH_PROJECT),
                _ => {
                    tokens.push(create(&store).1);
                    continue;
                }
            };
            assert_eq!(refused.0.unwrap_err().code(), refused.1);
        }
        tokens
    })
    .concat();
    assert_eq!(tokens.len(), 100);
    assert!(tokens.iter().all(|token| code(&store, token) == Code::OK));
    assert_eq!(store.info().unwrap().sequence, 2 + 100);
    assert_whole(&store);
}

#[test]
fn one_request_id_from_many_threads_at_once_makes_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = new_store(&folder);
    for round in 0..10 {
        let mut new = NewKey::new("k");
        new.request_id = Some(format!("request {round}"));
        let made = together(8, |_| store.create(&new).unwrap());
        let tokens = made.iter().filter(|made| made.token.is_some());
        assert_eq!(tokens.count(), 1);
        assert!(made.iter().all(|one| one.key.id == made[0].key.id));
        assert!(made.iter().all(|one| one.replayed == one.token.is_none()));
    }
    assert_eq!(store.info().unwrap().keys, 10);
    assert_whole(&store);
}

#[test]
fn one_key_is_revoked_rotated_and_disabled_by_many_threads_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = new_store(&folder);
    for _ in 0..5 {
        let (id, token) = create(&store);
        together(12, |thread| {
            let refused = match thread % 3 {
                0 => store.revoke(id, &Revoke::default()).map(|_| ()),
                1 => store.rotate(id, &Rotate::with_grace(60)).map(|_| ()),
                _ => store.disable(id).map(|_| ()),
            };
            match refused {
                Ok(()) => {}
                // Who came after the revocation is told of it, and of nothing else.
                Err(error) if thread % 3 != 0 => {
                    assert_eq!(error.code(), Code::KEY_IS_REVOKED, "{error}");
                }
                Err(error) => panic!("{error}"),
            }
            if thread % 3 == 0 {
                assert_eq!(code(&store, &token), Code::REVOKED);
            }
        });
        assert_eq!(store.get(id).unwrap().state, KeyState::Revoked);
    }
    assert_whole(&store);
}

#[test]
fn an_owner_has_no_more_keys_than_the_policy_admits_however_many_threads_create_them() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = new_store(&folder);
    let mut policy = Policy::default();
    policy.most_keys_per_owner = Some(5);
    store.set_policy(policy).unwrap();
    let mut new = NewKey::new("k");
    new.owner = Some("an account".into());
    let codes: Vec<Code> = together(16, |_| {
        let made = store.create(&new);
        made.map_or_else(|error| error.code(), |_| Code::OK)
    });
    let count = |code| codes.iter().filter(|found| **found == code).count();
    assert_eq!((count(Code::OK), count(Code::TOO_MANY_KEYS)), (5, 11));
    assert_eq!(store.info().unwrap().keys, 5);
}

#[test]
fn a_batch_and_single_changes_at_the_same_time_are_all_made() {
    let folder = tempfile::tempdir().unwrap();
    let (_, store) = new_store(&folder);
    let batch: Vec<NewKey> = (0..500).map(|n| NewKey::new(format!("b{n}"))).collect();
    together(9, |thread| {
        if thread == 0 {
            let made = store.create_many(&batch);
            assert!(made.stopped.is_none() && made.done.len() == 500);
        } else {
            (0..10).for_each(|_| drop(create(&store)));
        }
    });
    assert_eq!(store.info().unwrap().keys, 580);
    assert_whole(&store);
}

// ---- several processes ----

/// Says something to the process that started this one.
fn tell(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ACK {what}").unwrap();
    out.flush().unwrap();
}

/// Starts another process of this test.
fn start(part: &str, path: &Path, settings: &[(&str, usize)]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", part, "--nocapture"])
        .env(STORE, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    for (name, value) in settings {
        command.env(name, value.to_string());
    }
    command.spawn().unwrap()
}

fn setting(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a process says, word by word.
fn said(child: &mut Child) -> impl Iterator<Item = Vec<String>> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).filter_map(|line| {
        let (_, said) = line.split_once("ACK ")?;
        Some(said.split(' ').map(str::to_owned).collect())
    })
}

/// Not a test of its own: 32 threads that say what they have done until they are killed.
#[test]
fn part_of_a_process_that_is_killed() {
    let Ok(path) = std::env::var(STORE) else {
        return;
    };
    let store = options().open(path).unwrap();
    together(32, |thread| {
        loop {
            let (id, token) = create(&store);
            tell(&format!("{thread} created {id} {token} ."));
            store.revoke(id, &Revoke::default()).unwrap();
            tell(&format!("{thread} revoked {id} {token} ."));
        }
    });
}

#[test]
fn what_32_threads_were_told_is_there_after_their_process_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = new_store(&folder);
    store.close().unwrap();
    let mut acknowledged = 0;
    for kill in 0..10 {
        let mut child = start("part_of_a_process_that_is_killed", &path, &[]);
        let (mut last, mut revoked) = (HashMap::new(), Vec::new());
        let said = said(&mut child);
        let mut killed = false;
        let mut lines = 0;
        // What it said before it was killed is read to its end.
        for words in said {
            let [thread, what, _, token, end] = &words[..] else {
                continue;
            };
            if end != "." {
                continue;
            }
            lines += 1;
            match what.as_str() {
                "created" => drop(last.insert(thread.clone(), token.clone())),
                _ => revoked.push(token.clone()),
            }
            if lines > 40 * kill && !killed {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        acknowledged += lines;
        let store = options().open(&path).unwrap();
        for token in &revoked {
            assert_eq!(code(&store, token), Code::REVOKED, "kill {kill}");
        }
        for token in last.values() {
            assert!(matches!(code(&store, token), Code::OK | Code::REVOKED));
        }
        assert_whole(&store);
        store.close().unwrap();
    }
    assert!(acknowledged > 1_000, "{acknowledged}");
}

/// Not a test of its own: threads that change the store as fast as they can, until they are told to
/// stop; no change may fail.
#[test]
fn part_of_a_process_that_writes() {
    let Ok(path) = std::env::var(STORE) else {
        return;
    };
    let store = options().open(path).unwrap();
    let threads = setting(THREADS).unwrap();
    let pause = setting(PAUSE).map(|ms| Duration::from_millis(ms as u64));
    let (stop, changes) = (AtomicBool::new(false), AtomicU64::new(0));
    tell("ready");
    let stdin = std::io::stdin();
    let mut word = String::new();
    stdin.read_line(&mut word).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    create(&store);
                    changes.fetch_add(1, Ordering::Relaxed);
                    if let Some(pause) = pause {
                        std::thread::sleep(pause);
                    }
                }
            });
        }
        word.clear();
        stdin.read_line(&mut word).unwrap();
        stop.store(true, Ordering::Relaxed);
    });
    tell(&format!("made {}", changes.into_inner()));
    store.close().unwrap();
}

/// Lets processes write at once, each with so many threads and such a pause between changes, until
/// so many commits were made for each of them. Answers the least share of the commits that a
/// process had, in percent of an equal share. A process of one thread has a commit for each change;
/// what is left was had by the one that may have many threads, which stands first.
fn least_share(processes: &[(usize, Option<usize>)], commits_each: u64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let (path, store) = new_store(&folder);
    store.close().unwrap();
    let mut children: Vec<_> = processes
        .iter()
        .map(|(threads, pause)| {
            let mut settings = vec![(THREADS, *threads)];
            settings.extend(pause.map(|pause| (PAUSE, pause)));
            let mut child = start("part_of_a_process_that_writes", &path, &settings);
            let said = Mutex::new(said(&mut child));
            assert_eq!(said.lock().unwrap().next().unwrap(), ["ready"]);
            (child, said)
        })
        .collect();
    let before = newest(&path);
    let word = |child: &mut Child| child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    for (child, _) in &mut children {
        word(child);
    }
    let commits = || newest(&path) - before;
    while commits() < commits_each * processes.len() as u64 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let all = commits();
    for (child, _) in &mut children {
        word(child);
    }
    let made: Vec<u64> = children
        .iter_mut()
        .map(|(child, said)| {
            let said = said.get_mut().unwrap().next().expect("a change failed");
            assert!(child.wait().unwrap().success());
            said[1].parse().unwrap()
        })
        .collect();
    let singles: u64 = made[1..].iter().sum();
    let mut had = vec![all.saturating_sub(singles)];
    had.extend(&made[1..]);
    println!("{all} commits: {had:?}; changes: {made:?}");
    let least = had.into_iter().min().unwrap();
    100 * least * processes.len() as u64 / all
}

/// The least that is fair, in percent of an equal share.
const FAIR: u64 = 25;

#[test]
fn of_several_processes_that_write_at_once_none_starves_and_none_is_told_busy() {
    for processes in [2, 4, 8] {
        for threads in [1, 32] {
            let mut all = vec![(1, None); processes];
            all[0].0 = threads;
            let share = least_share(&all, 40);
            assert!(share >= FAIR, "{processes} processes: {share}");
        }
    }
}

/// The control: a process that hardly writes is noticed.
#[test]
fn a_process_that_has_less_than_its_share_is_noticed() {
    let share = least_share(&[(8, None), (1, None), (1, Some(1_000))], 40);
    assert!(share < FAIR, "{share}");
}

/// Not a test of its own: makes one batch after another until it is killed.
#[test]
fn part_of_a_process_that_is_stopped() {
    let Ok(path) = std::env::var(STORE) else {
        return;
    };
    let store = options().open(path).unwrap();
    let batch: Vec<NewKey> = (0..300).map(|n| NewKey::new(format!("b{n}"))).collect();
    loop {
        assert!(store.create_many(&batch).stopped.is_none());
        tell("made");
    }
}

#[test]
fn beside_a_writer_that_was_stopped_changes_are_busy_and_verifications_go_on() {
    use rustix::process::{Pid, Signal, kill_process};

    let folder = tempfile::tempdir().unwrap();
    let (path, store) = new_store(&folder);
    let (id, token) = create(&store);
    store.close().unwrap();
    let long = Duration::from_millis(250);
    let store = options()
        .key_cache_bytes(0)
        .timeouts(long, long)
        .open(&path)
        .unwrap();
    let mut child = start("part_of_a_process_that_is_stopped", &path, &[]);
    let pid = Pid::from_child(&child);
    let mut said = said(&mut child);
    // It is in a batch most of the time, but may be stopped between two.
    let busy = (0..50).any(|_| {
        said.next().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        kill_process(pid, Signal::STOP).unwrap();
        let changed = store.disable(id);
        let read = store.verify(&token, &Requirement::new());
        let found = match changed {
            Ok(_) => {
                store.enable(id).unwrap();
                false
            }
            Err(error) => {
                assert_eq!(error.code(), Code::BUSY, "{error}");
                read.unwrap();
                true
            }
        };
        kill_process(pid, Signal::CONT).unwrap();
        found
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(busy, "it was never stopped in a batch");
    store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(code(&store, &token), Code::REVOKED);
}

//! Writers that are killed at random moments: what was acknowledged is there afterwards, and the
//! file is whole. `KEYFOB_KILLS` sets how many are killed; the everyday run kills 40.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use keyfob::{Code, KeyId, NewKey, Requirement, Revoke, Rotate, Store, StoreOptions, VerifyError};

const STORE: &str = "KEYFOB_CRASH_STORE";
const LYING: &str = "KEYFOB_CRASH_LYING";

fn tell(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ACK {what}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: the writer that the others start and kill. A lying one acknowledges
/// revocations before it has made them.
#[test]
fn part_of_a_writer_that_is_killed() {
    let Ok(path) = std::env::var(STORE) else {
        return;
    };
    let lying = std::env::var(LYING).is_ok();
    let store = StoreOptions::new().open(path).unwrap();
    for round in 0u64.. {
        let created = store.create(&NewKey::new("k")).unwrap();
        let id = created.key.id;
        tell(&format!("created {id} {}", created.token.unwrap().expose()));
        match round % 4 {
            0 | 1 => {
                if lying {
                    tell(&format!("revoked {id}"));
                    std::thread::sleep(Duration::from_millis(3));
                }
                store.revoke(id, &Revoke::default()).unwrap();
                if !lying {
                    tell(&format!("revoked {id}"));
                }
            }
            2 => {
                let rotated = store.rotate(id, &Rotate::default()).unwrap();
                tell(&format!("rotated {id} {}", rotated.token.unwrap().expose()));
            }
            _ => {}
        }
    }
}

/// What a writer acknowledged of a key, in the order in which it did.
#[derive(Default)]
struct Acknowledged {
    token: String,
    revoked: bool,
}

/// Runs a writer for a while, kills it, and answers what it acknowledged, with the last key that
/// it was at: of that one the next change may have happened without being acknowledged.
fn run_and_kill(
    path: &Path,
    milliseconds: u64,
    lying: bool,
) -> (HashMap<KeyId, Acknowledged>, Option<KeyId>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "part_of_a_writer_that_is_killed", "--nocapture"])
        .env(STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if lying {
        command.env(LYING, "1");
    }
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut alive = Some(child);
    let mut killer = None;
    let mut keys: HashMap<KeyId, Acknowledged> = HashMap::new();
    let mut last = None;
    for line in output.lines() {
        let line = line.unwrap();
        let Some((_, acknowledged)) = line.split_once("ACK ") else {
            continue;
        };
        // Counted from the first acknowledgement, however slow the machine.
        if let Some(mut child) = alive.take() {
            killer = Some(std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(milliseconds));
                child.kill().unwrap();
                child.wait().unwrap();
            }));
        }
        let words: Vec<&str> = acknowledged.split(' ').collect();
        // The line that it was killed in is no acknowledgement.
        let Some(id) = words.get(1).and_then(|id| id.parse::<KeyId>().ok()) else {
            continue;
        };
        last = Some(id);
        let key = keys.entry(id).or_default();
        match (words[0], words.get(2)) {
            ("created" | "rotated", Some(token)) => (*token).clone_into(&mut key.token),
            ("revoked", _) => key.revoked = true,
            _ => {}
        }
    }
    killer.expect("the writer wrote").join().unwrap();
    (keys, last)
}

fn code(store: &Store, token: &str) -> Code {
    match store.verify(token, &Requirement::new()) {
        Ok(_) => Code::OK,
        Err(VerifyError::Denied(denied)) => denied.code(),
        Err(error) => panic!("{error}"),
    }
}

/// What is not as it was acknowledged.
fn violations(
    store: &Store,
    keys: &HashMap<KeyId, Acknowledged>,
    last: Option<KeyId>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (id, key) in keys {
        let now = code(store, &key.token);
        let admissible = match (key.revoked, last == Some(*id)) {
            (true, _) => now == Code::REVOKED,
            // Its next change may have happened: revoked, or rotated without a grace.
            (false, true) => matches!(now, Code::OK | Code::REVOKED | Code::NOT_FOUND),
            (false, false) => now == Code::OK,
        };
        if !admissible {
            found.push(format!("key {id}: {now:?}"));
        }
    }
    found
}

fn kills() -> u64 {
    std::env::var("KEYFOB_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(40)
}

/// A pause that differs from kill to kill.
fn pause(kill: u64) -> u64 {
    kill.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 60
}

#[test]
fn what_a_killed_writer_acknowledged_is_there_and_the_file_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    StoreOptions::new()
        .prefix("acme")
        .unwrap()
        .create(&path)
        .unwrap()
        .close()
        .unwrap();
    let mut acknowledged = 0;
    for kill in 0..kills() {
        let (keys, last) = run_and_kill(&path, pause(kill), false);
        acknowledged += keys.len();
        let store = StoreOptions::new().open(&path).unwrap();
        assert_eq!(
            violations(&store, &keys, last),
            Vec::<String>::new(),
            "kill {kill}"
        );
        store.verify_log().unwrap();
        if kill % 10 == 0 {
            let report = store
                .check_integrity(&mut |_, _| ControlFlow::Continue(()))
                .unwrap();
            assert_eq!(report.damage, Vec::<String>::new(), "kill {kill}");
        }
        store.close().unwrap();
    }
    assert!(
        acknowledged > 20,
        "the writers hardly wrote: {acknowledged}"
    );
}

#[test]
fn beside_an_open_store_a_writer_is_killed_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = StoreOptions::new()
        .prefix("acme")
        .unwrap()
        .create(&path)
        .unwrap();
    for kill in 0..kills().div_ceil(4) {
        let (keys, last) = run_and_kill(&path, pause(kill), false);
        assert_eq!(
            violations(&store, &keys, last),
            Vec::<String>::new(),
            "kill {kill}"
        );
        let own = store.create(&NewKey::new("own")).unwrap();
        store.revoke(own.key.id, &Revoke::default()).unwrap();
        assert_eq!(code(&store, own.token.unwrap().expose()), Code::REVOKED);
    }
    let report = store
        .check_integrity(&mut |_, _| ControlFlow::Continue(()))
        .unwrap();
    assert_eq!(report.damage, Vec::<String>::new());
}

/// The control: a writer that acknowledges too early is caught.
#[test]
fn a_writer_that_acknowledges_what_it_has_not_done_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    StoreOptions::new()
        .prefix("acme")
        .unwrap()
        .create(&path)
        .unwrap()
        .close()
        .unwrap();
    let caught = (0..200).any(|kill| {
        let (keys, last) = run_and_kill(&path, pause(kill), true);
        let store = StoreOptions::new().open(&path).unwrap();
        !violations(&store, &keys, last).is_empty()
    });
    assert!(caught, "200 kills found no lie");
}

#[test]
fn after_a_crash_a_read_only_open_asks_for_one_that_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    StoreOptions::new()
        .prefix("acme")
        .unwrap()
        .create(&path)
        .unwrap()
        .close()
        .unwrap();
    let (keys, last) = run_and_kill(&path, 60, false);
    assert!(!keys.is_empty());
    let read_only = || StoreOptions::new().read_only(true).open(&path);
    assert_eq!(read_only().unwrap_err().code(), Code::NEEDS_RECOVERY);
    StoreOptions::new().open(&path).unwrap().close().unwrap();
    assert_eq!(
        violations(&read_only().unwrap(), &keys, last),
        Vec::<String>::new()
    );
}

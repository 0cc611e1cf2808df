//! Two processes on one file: a revocation that returned in one is seen by every verification of
//! the other that starts after it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use keyfob::{Denied, KeyId, NewKey, Requirement, Revoke, StoreOptions, VerifyError};
use rustix::time::{ClockId, clock_gettime};

const STORE: &str = "KEYFOB_PROCESSES_STORE";
const KEYS: usize = 200;

/// One clock for all processes of the machine, in nanoseconds.
fn now() -> i128 {
    let time = clock_gettime(ClockId::Monotonic);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// Not a test of its own: verifies the tokens that it is given on standard input, all of them again
/// and again until each was refused, and says of each when the last good verification started.
#[test]
fn part_of_a_process_that_verifies() {
    let Ok(path) = std::env::var(STORE) else {
        return;
    };
    let store = StoreOptions::new()
        .flush_every(Duration::from_millis(20))
        .open(path)
        .unwrap();
    let tokens: Vec<String> = std::io::stdin().lines().map(Result::unwrap).collect();
    let mut last_good = vec![0; tokens.len()];
    for round in 0.. {
        let mut good = 0;
        for (token, last_good) in tokens.iter().zip(&mut last_good) {
            let start = now();
            match store.verify(token, &Requirement::new()) {
                Ok(_) => {
                    *last_good = start;
                    good += 1;
                }
                Err(VerifyError::Denied(Denied::Revoked)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if round == 0 {
            assert_eq!(good, tokens.len());
            println!("VERIFYING");
        }
        if good == 0 {
            break;
        }
    }
    for start in last_good {
        println!("LAST {start}");
    }
    store.close().unwrap();
}

/// The keys that were good in a verification that started after their revocation had returned.
fn stale(returned: &[i128], last_good: &[i128]) -> usize {
    assert_eq!(returned.len(), last_good.len());
    let pairs = returned.iter().zip(last_good);
    pairs.filter(|(returned, start)| start > returned).count()
}

#[test]
fn no_verification_that_starts_after_a_revocation_returned_in_another_process_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.redb");
    let store = StoreOptions::new().prefix("acme").unwrap();
    let store = store.create(&path).unwrap();
    let (ids, tokens): (Vec<KeyId>, Vec<String>) = (0..KEYS)
        .map(|_| {
            let created = store.create(&NewKey::new("k")).unwrap();
            (created.key.id, created.token.unwrap().expose().to_owned())
        })
        .unzip();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "part_of_a_process_that_verifies", "--nocapture"])
        .env(STORE, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(tokens.join("\n").as_bytes()).unwrap();
    drop(stdin);
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.any(|line| line.contains("VERIFYING")));
    let mut returned = Vec::new();
    for id in &ids {
        store.revoke(*id, &Revoke::default()).unwrap();
        returned.push(now());
    }
    let last_good: Vec<i128> = lines
        .filter_map(|line| line.split_once("LAST ")?.1.trim().parse().ok())
        .collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(stale(&returned, &last_good), 0);
    // The other process verified all the while: had each revocation been seen one later, this
    // would have found it.
    let one_later: Vec<i128> = [0].into_iter().chain(returned).take(KEYS).collect();
    assert!(stale(&one_later, &last_good) > KEYS / 10);
}

//! What is left of secrets in memory: after a token was dropped, another process that reads all of
//! this one's memory finds no copy of its secret, whichever verb made or saw it.

#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Home, child, child_path, plain, scopes};
use keyfob::{NewKey, Revoke, Rotate, Token};

/// The middle of a secret, which no id, hint or checksum holds.
const MIDDLE: usize = 16;

/// Turns the bytes into others and back, so that the note of a secret is no copy of it.
fn veiled(byte: u8) -> u8 {
    byte ^ 0xa5
}

/// Notes the middle of a token's secret, a byte at a time, in a veil.
fn note(token: &Token, note: &mut Vec<u8>) {
    let bytes = token.as_bytes();
    let start = bytes.len() - 6 - 43 + 13;
    note.extend(
        bytes[start..start + MIDDLE]
            .iter()
            .map(|byte| veiled(*byte)),
    );
}

/// Overwrites what the stack of earlier calls left behind of copies made by callers, not the store.
#[inline(never)]
fn settle() {
    std::hint::black_box([0_u8; 16 * 1024]);
}

#[inline(never)]
fn create_use_and_drop(home: &Home, notes: &mut Vec<u8>) {
    let mut new = NewKey::new("key");
    new.scopes = scopes(&["a"]);
    let created = home.store.create(&new).unwrap();
    let id = created.key.id;
    let token = created.token.unwrap();
    note(&token, notes);
    assert!(home.store.verify(token.as_bytes(), &plain()).is_ok());
    assert!(home.store.explain(token.as_bytes(), &plain()).is_ok());
    let rotated = home.store.rotate(id, &Rotate::with_grace(100)).unwrap();
    let second = rotated.token.unwrap();
    note(&second, notes);
    assert!(home.store.verify(second.as_bytes(), &plain()).is_ok());
    assert!(home.store.verify(token.as_bytes(), &plain()).is_ok());
    let revoke = Revoke::default();
    assert!(
        home.store
            .revoke_token(second.as_bytes(), true, &revoke)
            .is_ok()
    );
    assert!(home.store.verify(second.as_bytes(), &plain()).is_err());
    let many = home
        .store
        .create_many(&[NewKey::new("a"), NewKey::new("b")]);
    for created in &many.done {
        note(created.token.as_ref().unwrap(), notes);
    }
    home.store.flush().unwrap();
}

#[test]
fn part_of_a_child_that_is_read() {
    let Some(answer) = child_path() else { return };
    let mut notes = Vec::with_capacity(1_024);
    let home = Home::new();
    let kept = std::env::var_os("KEYFOB_TEST_KEEP").map(|_| {
        let token = home
            .store
            .create(&NewKey::new("kept"))
            .unwrap()
            .token
            .unwrap();
        note(&token, &mut notes);
        token
    });
    create_use_and_drop(&home, &mut notes);
    settle();
    let mut file = File::create(answer.with_extension("new")).unwrap();
    file.write_all(&notes).unwrap();
    drop(file);
    fs::rename(answer.with_extension("new"), &answer).unwrap();
    // Until the parent has read, and closes its end.
    let _ = std::io::stdin().read(&mut [0; 1]);
    drop(kept);
}

fn start(answer: &std::path::Path, keep: bool) -> (Child, Vec<u8>) {
    let mut command = child("part_of_a_child_that_is_read", answer, None);
    if keep {
        command.env("KEYFOB_TEST_KEEP", "1");
    }
    let child = command.stdin(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !answer.exists() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "the child gave no answer"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let notes = fs::read(answer).unwrap();
    fs::remove_file(answer).unwrap();
    (child, notes)
}

/// How many copies of each secret there are in all the writable memory of a process.
fn copies(process: u32, notes: &[u8]) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let wanted: Vec<Vec<u8>> = notes
        .chunks(MIDDLE)
        .map(|secret| secret.iter().map(|byte| veiled(*byte)).collect())
        .collect();
    let mut found = vec![0; wanted.len()];
    for line in maps
        .lines()
        .filter(|line| line.contains(" rw") && !line.contains("[vvar"))
    {
        let (range, _) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (
            u64::from_str_radix(from, 16).unwrap(),
            u64::from_str_radix(to, 16).unwrap(),
        );
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut bytes, from).is_err() {
            continue;
        }
        for (count, secret) in found.iter_mut().zip(&wanted) {
            *count += memchr::memmem::find_iter(&bytes, secret).count();
        }
    }
    found
}

#[test]
fn no_copy_of_a_dropped_token_is_left_and_one_that_is_kept_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer");
    for keep in [true, false] {
        let (mut child, notes) = start(&answer, keep);
        let found = copies(child.id(), &notes);
        drop(child.stdin.take());
        child.wait().unwrap();
        let dropped = if keep {
            assert!(found[0] >= 1, "the control: a token that is alive is found");
            &found[1..]
        } else {
            &found[..]
        };
        assert_eq!(
            dropped,
            [0, 0, 0, 0],
            "copies of the secrets of dropped tokens"
        );
    }
}

//! What is left of secrets in memory: after a token was dropped, another process that reads all of
//! this one's memory finds no copy of its secret, whichever verb made or saw it. The same of a
//! pepper once the store is open, and of what it was derived into once the store is closed.

#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Home, at, child, child_path, folder, made, options, plain, scopes};
use hmac::{Hmac, KeyInit, Mac};
use keyfob::{Clock, NewKey, Pepper, Revoke, Rotate, Store, Token};
use sha2::Sha256;

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
    hand_over(&answer, &notes);
    drop(kept);
}

/// Gives the notes to the parent, and waits until it has read this process's memory.
fn hand_over(answer: &std::path::Path, notes: &[u8]) {
    let mut file = File::create(answer.with_extension("new")).unwrap();
    file.write_all(notes).unwrap();
    drop(file);
    fs::rename(answer.with_extension("new"), answer).unwrap();
    // The parent closes its end.
    let _ = std::io::stdin().read(&mut [0; 1]);
}

fn start(test: &str, answer: &std::path::Path, keep: Option<&str>) -> (Child, Vec<u8>) {
    let mut command = child(test, answer, None);
    if let Some(keep) = keep {
        command.env("KEYFOB_TEST_KEEP", keep);
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

/// How many copies of each noted secret there are in all the writable memory of a process.
fn copies(process: u32, notes: &[u8]) -> Vec<usize> {
    let wanted: Vec<Vec<u8>> = notes
        .chunks(MIDDLE)
        .map(|secret| secret.iter().map(|byte| veiled(*byte)).collect())
        .collect();
    copies_of(process, &wanted)
}

/// How many copies of each there are in all the writable memory of a process.
fn copies_of(process: u32, wanted: &[Vec<u8>]) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
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
        for (count, secret) in found.iter_mut().zip(wanted) {
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
        let kept = keep.then_some("token");
        let (mut child, notes) = start("part_of_a_child_that_is_read", &answer, kept);
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

// ---- peppers ----

/// A pepper as text, which lies where nothing can be written and is not read.
const PEPPER: &str = "8f1d5c60b2a94e37d10c7be86f42a395186bd0e4537c29af0e9641fbc8752d3a";

#[inline(never)]
fn open_and_use(path: &std::path::Path) -> Store {
    let clock = Clock::manual(at(0));
    let with = || options(&clock).pepper(Pepper::from_hex(PEPPER).unwrap());
    let store = with().create(path).unwrap();
    let (id, token) = made(store.create(&NewKey::new("key")).unwrap());
    store.close().unwrap();
    let store = with().open(path).unwrap();
    assert!(store.verify(token.as_bytes(), &plain()).is_ok());
    store.revoke(id, &Revoke::default()).unwrap();
    assert!(
        store
            .check_integrity(&mut |_, _| std::ops::ControlFlow::Continue(()))
            .unwrap()
            .is_whole()
    );
    store
}

#[test]
fn part_of_a_child_that_has_a_pepper() {
    let Some(answer) = child_path() else { return };
    let keep = std::env::var("KEYFOB_TEST_KEEP").unwrap_or_default();
    let folder = folder();
    let store = open_and_use(&folder.path().join("k"));
    let store_id = store.info().unwrap().store_id;
    let planted = (keep == "pepper").then(|| Pepper::from_hex(PEPPER).unwrap());
    let open = (keep == "store").then_some(store);
    settle();
    hand_over(&answer, &store_id);
    drop((planted, open));
}

/// The states of SHA-256 after the first block of an HMAC, inner and outer: who has them makes
/// tags as well as who has the key.
fn hmac_states(key: &[u8]) -> [Vec<u8>; 2] {
    const START: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    [0x36, 0x5c].map(|pad| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        let mut state = START;
        sha2::block_api::compress256(&mut state, &[block]);
        state.iter().flat_map(|word| word.to_ne_bytes()).collect()
    })
}

/// What must not be found: the pepper and the keys derived from it, as they are and as HMAC pads
/// them; and, apart, the states that an open store needs.
fn of_the_pepper(store_id: &[u8]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let pepper = hex::decode(PEPPER).unwrap();
    let mut secrets = vec![pepper.clone()];
    let mut states: Vec<Vec<u8>> = hmac_states(&pepper).into();
    for purpose in ["tag", "chain", "index", "cursor", "check"] {
        let label = [b"keyfob/derive/1/", purpose.as_bytes(), b"/", store_id].concat();
        let mac = Hmac::<Sha256>::new_from_slice(&pepper).unwrap();
        let key = mac.chain_update(label).finalize().into_bytes().to_vec();
        states.extend(hmac_states(&key));
        secrets.push(key);
    }
    let padded = |pad: u8| {
        let secrets = secrets.iter();
        let padded = secrets.map(move |secret| secret.iter().map(|b| b ^ pad).collect());
        padded.collect::<Vec<Vec<u8>>>()
    };
    let (inner, outer) = (padded(0x36), padded(0x5c));
    // Half of each is enough to find it, where the other half was overwritten.
    let halves = |secrets: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        let halves = secrets.iter().flat_map(|secret| secret.chunks(16));
        halves.map(<[u8]>::to_vec).collect()
    };
    (halves([secrets, inner, outer].concat()), halves(states))
}

#[test]
fn no_copy_of_a_pepper_or_of_a_key_derived_from_it_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("answer");
    for keep in [Some("pepper"), Some("store"), None] {
        let (mut child, store_id) = start("part_of_a_child_that_has_a_pepper", &answer, keep);
        let (secrets, states) = of_the_pepper(&store_id);
        let mut secrets = copies_of(child.id(), &secrets);
        let states = copies_of(child.id(), &states);
        drop(child.stdin.take());
        child.wait().unwrap();
        if keep == Some("pepper") {
            let planted: Vec<usize> = secrets.drain(..2).collect();
            assert!(
                planted[0] >= 1,
                "the control: a pepper that is alive is found"
            );
        }
        assert!(
            secrets.iter().all(|copies| *copies == 0),
            "copies of the pepper and its keys, {keep:?}: {secrets:?}"
        );
        if keep == Some("store") {
            let tag = &states[4..8];
            assert!(
                tag.iter().all(|copies| *copies >= 1),
                "the control: what an open store makes tags with is found: {states:?}"
            );
        } else {
            assert!(
                states.iter().all(|copies| *copies == 0),
                "copies of what tags are made with, {keep:?}: {states:?}"
            );
        }
    }
}

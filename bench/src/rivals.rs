//! The rivals: what one would build without keyfob. Each holds the same keys, looked up by the
//! SHA-256 of the token, and judges what it finds: is the key revoked, has it expired, has it the
//! scope.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use crate::Outcome;
use crate::sample::Work;

mod lmdb;
pub(crate) mod redb;
mod redis;
mod sqlite;

/// SHA-256 of a token.
pub(crate) type Digest = [u8; 32];

pub(crate) fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// What a rival keeps of a key: whether it is revoked, when it expires, its scopes, and what a
/// name and the rest would take, as much as a record of keyfob.
pub(crate) const RECORD_BYTES: usize = 128;

/// What a rival notes of a change.
pub(crate) const EVENT_BYTES: usize = 118;

const SCOPES: &[u8] = b"orders:read stock:read";

pub(crate) fn record(revoked: bool) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    record[0] = u8::from(revoked);
    record[1..9].copy_from_slice(&i64::MAX.to_le_bytes());
    record[9] = SCOPES.len() as u8;
    record[10..][..SCOPES.len()].copy_from_slice(SCOPES);
    record
}

/// Whether a key is good for `orders:read`.
pub(crate) fn judge(revoked: bool, expires: i64, scopes: &[u8]) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    !revoked
        && now < expires
        && scopes
            .split(|b| *b == b' ')
            .any(|one| one == b"orders:read")
}

pub(crate) fn judge_record(record: &[u8]) -> bool {
    let Some((expires, rest)) = record
        .get(1..)
        .and_then(|rest| rest.split_first_chunk::<8>())
    else {
        return false;
    };
    let scopes = rest
        .split_first()
        .and_then(|(length, rest)| rest.get(..usize::from(*length)));
    judge(
        record[0] != 0,
        i64::from_le_bytes(*expires),
        scopes.unwrap_or_default(),
    )
}

/// A thread's own way in.
pub(crate) trait Session {
    /// Whether the token is good.
    fn verify(&mut self, token: &str) -> Outcome<bool>;

    /// Adds a key and an event, durably.
    fn create(&mut self, digest: &Digest) -> Outcome<()>;

    /// Revokes a key and adds an event, durably.
    fn revoke(&mut self, digest: &Digest) -> Outcome<()>;
}

/// One of them, with its keys.
pub(crate) trait Rival: Sync {
    fn name(&self) -> &'static str;

    fn session(&self) -> Outcome<Box<dyn Session + '_>>;
}

/// A rival, or the name of one and why it is not there.
pub(crate) type Found = Result<Box<dyn Rival>, (&'static str, String)>;

/// All rivals, each with these keys. The digests are sorted: what loads fastest and packs densest.
pub(crate) fn all(folder: &Path, digests: &[Digest]) -> Vec<Found> {
    let made: [(&'static str, Outcome<Box<dyn Rival>>); 4] = [
        ("redb", redb::open(folder, digests)),
        ("SQLite", sqlite::open(folder, digests)),
        ("LMDB", lmdb::open(folder, digests)),
        ("Redis", redis::open(folder, digests)),
    ];
    made.into_iter()
        .map(|(name, made)| made.map_err(|error| (name, error.to_string())))
        .collect()
}

/// Verifications by a rival, for a thread; a token that is refused ends the run.
pub(crate) fn work<'a>(rival: &'a dyn Rival, tokens: &'a [&'a str]) -> Work<'a> {
    let mut session = rival.session().expect("a session");
    let mut at = 0;
    Box::new(move || {
        for _ in 0..16 {
            at = (at + 1) % tokens.len();
            assert!(session.verify(tokens[at]).expect("an answer"));
        }
        16
    })
}

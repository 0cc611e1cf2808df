//! What the benchmarks share: the floor, and stores to measure on.

use keyfob::{NewKey, ScopeSet, Store, StoreOptions};
use sha2::block_api::compress256;
use tempfile::TempDir;

/// The state in which SHA-256 starts (FIPS 180-4, 5.3.3).
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

/// The floor F: SHA-256 of 55 bytes as one block, padded by hand. No verification that hashes the
/// token can cost less.
pub fn floor(message: &[u8; 55]) -> [u32; 8] {
    let mut block = [0; 64];
    block[..55].copy_from_slice(message);
    block[55] = 0x80;
    block[62..].copy_from_slice(&(55u16 * 8).to_be_bytes());
    let mut state = START;
    compress256(&mut state, &[block]);
    state
}

/// A store in a folder of its own, with so many keys and the tokens of the first few of them.
#[derive(Debug)]
pub struct Filled {
    /// The store.
    pub store: Store,
    /// Tokens of keys spread over it.
    pub tokens: Vec<String>,
    /// Removed with it.
    pub folder: TempDir,
}

/// A key with a name and two scopes, as the figures per key count it.
pub fn new_key(number: usize) -> NewKey {
    let mut new = NewKey::new(format!("key {number}"));
    new.scopes = ScopeSet::parse(["orders:read", "stock:read"]).expect("scopes");
    new
}

/// Makes a store of so many keys.
///
/// # Panics
/// Where the store cannot be made: there is nothing to measure then.
pub fn filled(keys: usize) -> Filled {
    const TOKENS: usize = 1_000;
    let folder = tempfile::tempdir().expect("a folder");
    let store = StoreOptions::new()
        .prefix("acme")
        .and_then(|options| options.actor("bench"))
        .expect("options")
        .create(folder.path().join("keys"))
        .expect("a store");
    let mut tokens = Vec::new();
    for first in (0..keys).step_by(10_000) {
        let last = keys.min(first + 10_000);
        let batch: Vec<NewKey> = (first..last).map(new_key).collect();
        let created = store.create_many(&batch);
        assert!(created.stopped.is_none(), "{:?}", created.stopped);
        let every = (keys / TOKENS).max(1);
        for (at, made) in created.done.into_iter().enumerate() {
            if (first + at).is_multiple_of(every) {
                tokens.extend(made.token.map(|token| token.expose().to_owned()));
            }
        }
    }
    Filled {
        store,
        tokens,
        folder,
    }
}

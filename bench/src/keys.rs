//! The keys that are measured, and their tokens.

use keyfob::{Error, NewKey, Requirement, ScopeSet, Store, StoreOptions};

/// How many keys one bulk creation makes.
pub const BATCH: usize = 10_000;

/// A key with a name and two scopes, as the figures per key count it.
pub fn new_key(number: usize) -> NewKey {
    let mut new = NewKey::new(format!("key {number}"));
    new.scopes = ScopeSet::parse(["orders:read", "stock:read"]).expect("scopes");
    new
}

/// How the stores are opened, unless a figure says otherwise. Last-used times are written when the
/// store is closed, so that no thread wakes up in the middle of a sample.
pub fn options() -> StoreOptions {
    StoreOptions::new()
        .prefix("acme")
        .and_then(|options| options.actor("bench"))
        .expect("options")
        .flush_every(std::time::Duration::ZERO)
}

/// What is asked of every key: one of its two scopes.
pub fn requirement() -> Requirement {
    Requirement::new().scopes(["orders:read"]).expect("scopes")
}

/// Tokens of one length, one after the other: ten million of them as strings would be twice as
/// large.
#[derive(Debug, Default)]
pub struct Tokens {
    text: String,
    each: usize,
}

impl Tokens {
    /// Adds one; all have the same length.
    pub fn push(&mut self, token: &str) {
        assert!(self.text.is_empty() || self.each == token.len());
        self.each = token.len();
        self.text.push_str(token);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.text.len().checked_div(self.each).unwrap_or(0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// One of them.
    pub fn get(&self, at: usize) -> &str {
        &self.text[at * self.each..][..self.each]
    }

    /// All of them, in the order of their making.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// Creates so many keys in bulk, and keeps the token of every so-manieth.
///
/// # Errors
/// What stopped the creation.
pub fn fill(store: &Store, keys: usize, every: usize, tokens: &mut Tokens) -> Result<(), Error> {
    for first in (0..keys).step_by(BATCH) {
        let batch: Vec<NewKey> = (first..keys.min(first + BATCH)).map(new_key).collect();
        let created = store.create_many(&batch);
        if let Some(error) = created.stopped {
            return Err(error);
        }
        for made in created.done.iter().step_by(every) {
            if let Some(token) = &made.token {
                tokens.push(token.expose());
            }
        }
    }
    Ok(())
}

/// A token with its last character changed: what somebody mistyped.
pub fn mistyped(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}

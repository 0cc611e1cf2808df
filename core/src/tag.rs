//! Tags of rows, hashes of the log's chain, and the keys that both are computed under.
//!
//! Every row whose edit could grant something carries a tag over (table, row key, bytes). With a
//! pepper the tag is HMAC-SHA-256 under a key derived from pepper, store id and purpose, and who
//! can write the file but has not the pepper cannot make one. Without a pepper it is a plain
//! SHA-256, which finds corruption and nothing else.
//!
//! A store goes through *generations*: 0 is the store without a pepper, and each introduction,
//! change or removal of a pepper begins the next. A row names its generation, so that a row under
//! a pepper that was not given can be told from a damaged one.

use hmac::{HmacReset, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::digest::ct_eq_bytes;
use crate::secret::Pepper;

/// Bytes of a tag as a row carries it; 128 bits leave a forger nothing.
pub(crate) const TAG_BYTES: usize = 16;

/// Which introduction, change or removal of a pepper a row was written under.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Generation(pub(crate) u8);

/// A whole tag: what a row carries is its beginning, what the sum of tags adds is all of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FullTag(pub(crate) [u8; 32]);

impl FullTag {
    /// What a row carries.
    pub(crate) fn truncated(&self) -> [u8; TAG_BYTES] {
        let mut out = [0; TAG_BYTES];
        out.copy_from_slice(&self.0[..TAG_BYTES]);
        out
    }

    /// Whether a row's tag is this one, in constant time.
    pub(crate) fn matches(&self, carried: &[u8]) -> bool {
        ct_eq_bytes(&self.truncated(), carried)
    }
}

/// The sum modulo 2^256 of the full tags of all rows: one row put back, removed or added changes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TagSum([u8; 32]);

impl TagSum {
    pub(crate) fn add(&mut self, tag: &FullTag) {
        let mut carry = 0u16;
        for (byte, add) in self.0.iter_mut().zip(tag.0) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
    }

    pub(crate) fn subtract(&mut self, tag: &FullTag) {
        let mut borrow = 0u16;
        for (byte, take) in self.0.iter_mut().zip(tag.0) {
            let difference = 0x100 + u16::from(*byte) - u16::from(take) - borrow;
            *byte = difference.to_le_bytes()[0];
            borrow = u16::from(difference < 0x100);
        }
    }
}

/// The keys of one generation, derived once at open. Held as HMAC's states, which are wiped when
/// they are dropped, so that a tag costs no derivation.
#[derive(Clone)]
struct Keys {
    tag: HmacReset<Sha256>,
    chain: HmacReset<Sha256>,
    index: HmacReset<Sha256>,
    cursor: HmacReset<Sha256>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// The keys of every generation that a process may accept, for one store.
#[derive(Clone, Debug)]
pub(crate) struct Keyring {
    store_id: [u8; 16],
    generations: Vec<(Generation, Option<Keys>)>,
}

fn keyed(key: &[u8]) -> HmacReset<Sha256> {
    // HMAC takes a key of any length, so this cannot fail.
    HmacReset::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key"))
}

fn mac(key: &HmacReset<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    // In place: `finalize` would move what it is made with, and leave a copy where it was.
    mac.finalize_reset().into_bytes().into()
}

fn derive(pepper: &Pepper, store_id: [u8; 16], purpose: &[u8]) -> HmacReset<Sha256> {
    let derived = derive_unwiped(pepper, store_id, purpose);
    wipe_stack();
    derived
}

/// Not a part of its caller, so that what it leaves on the stack lies below that.
#[inline(never)]
fn derive_unwiped(pepper: &Pepper, store_id: [u8; 16], purpose: &[u8]) -> HmacReset<Sha256> {
    let key = Zeroizing::new(mac(
        &keyed(pepper.bytes()),
        &[b"keyfob/derive/1/", purpose, b"/", &store_id],
    ));
    keyed(&*key)
}

/// Wipes what the function that was called before left on the stack: `hmac` makes its states from
/// a block that holds the key, and does not wipe it.
#[inline(never)]
fn wipe_stack() {
    let mut below = [0_u8; 4096];
    below.as_mut_slice().zeroize();
    std::hint::black_box(&below);
}

/// What the store keeps to tell a wrong pepper from a damaged file.
pub(crate) fn pepper_check(pepper: &Pepper, store_id: [u8; 16]) -> [u8; 16] {
    let full = mac(&derive(pepper, store_id, b"check"), &[]);
    let mut out = [0; 16];
    out.copy_from_slice(&full[..16]);
    out
}

impl Keyring {
    pub(crate) fn new(store_id: [u8; 16]) -> Self {
        Keyring {
            store_id,
            generations: Vec::new(),
        }
    }

    /// Accepts rows of a generation, under its pepper or under none.
    pub(crate) fn accept(&mut self, generation: Generation, pepper: Option<&Pepper>) {
        let keys = pepper.map(|pepper| Keys {
            tag: derive(pepper, self.store_id, b"tag"),
            chain: derive(pepper, self.store_id, b"chain"),
            index: derive(pepper, self.store_id, b"index"),
            cursor: derive(pepper, self.store_id, b"cursor"),
        });
        self.generations.retain(|(known, _)| *known != generation);
        self.generations.push((generation, keys));
        self.generations.sort_by_key(|(known, _)| *known);
    }

    /// The newest generation: what rows are written under.
    pub(crate) fn newest(&self) -> Generation {
        self.generations
            .last()
            .map_or(Generation(0), |(generation, _)| *generation)
    }

    /// Whether rows of more than one generation are accepted: a change of peppers was under way
    /// when the ring was made.
    pub(crate) fn is_changing(&self) -> bool {
        self.generations.len() > 1
    }

    /// The same without the older generations, for when the change is finished.
    pub(crate) fn settled(&self) -> Keyring {
        Keyring {
            store_id: self.store_id,
            generations: self.generations.last().cloned().into_iter().collect(),
        }
    }

    /// Whether rows of this generation are accepted.
    pub(crate) fn accepts(&self, generation: Generation) -> bool {
        self.generations
            .iter()
            .any(|(known, _)| *known == generation)
    }

    /// Every generation that is accepted, the oldest first.
    pub(crate) fn generations(&self) -> impl DoubleEndedIterator<Item = Generation> + '_ {
        self.generations.iter().map(|(generation, _)| *generation)
    }

    fn keys(&self, generation: Generation) -> Option<&Keys> {
        self.generations
            .iter()
            .find(|(known, _)| *known == generation)
            .and_then(|(_, keys)| keys.as_ref())
    }

    fn compute(
        &self,
        generation: Generation,
        purpose: &[u8],
        select: impl Fn(&Keys) -> &HmacReset<Sha256>,
        parts: &[&[u8]],
    ) -> [u8; 32] {
        match self.keys(generation) {
            Some(keys) => mac(select(keys), parts),
            None => {
                let label: [&[u8]; 4] = [b"keyfob/plain/1/", purpose, b"/", &self.store_id];
                let mut hash = Sha256::new();
                for part in label.iter().chain(parts) {
                    hash.update(part);
                }
                hash.finalize().into()
            }
        }
    }

    /// The tag of a row: over its table, its key and its bytes, each with its length.
    pub(crate) fn tag(
        &self,
        generation: Generation,
        table: u8,
        row_key: &[u8],
        head: &[u8],
        bytes: &[u8],
    ) -> FullTag {
        let length = u32::try_from(row_key.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes();
        FullTag(self.compute(
            generation,
            b"tag",
            |keys| &keys.tag,
            &[&[table], &length, row_key, head, bytes],
        ))
    }

    /// The hash of an event: over the hash before it, its sequence and its bytes.
    pub(crate) fn chain(
        &self,
        generation: Generation,
        previous: &[u8; 32],
        sequence: u64,
        bytes: &[u8],
    ) -> [u8; 32] {
        let sequence = sequence.to_be_bytes();
        self.compute(
            generation,
            b"chain",
            |keys| &keys.chain,
            &[previous, &sequence, bytes],
        )
    }

    /// Where the digest of an imported secret stands in its index.
    pub(crate) fn digest_index(
        &self,
        generation: Generation,
        scheme: u8,
        digest: &[u8],
    ) -> [u8; 32] {
        self.compute(
            generation,
            b"index",
            |keys| &keys.index,
            &[&[scheme], digest],
        )
    }

    /// What makes a cursor one of this store.
    pub(crate) fn cursor(&self, bytes: &[u8]) -> [u8; TAG_BYTES] {
        let full = self.compute(self.newest(), b"cursor", |keys| &keys.cursor, &[bytes]);
        FullTag(full).truncated()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(pepper: Option<[u8; 32]>) -> Keyring {
        let mut ring = Keyring::new([7; 16]);
        ring.accept(Generation(1), pepper.map(Pepper::new).as_ref());
        ring
    }

    #[test]
    fn a_tag_depends_on_everything_it_covers() {
        for pepper in [None, Some([3; 32])] {
            let ring = ring(pepper);
            let g = Generation(1);
            let base = ring.tag(g, 1, b"key", b"h", b"bytes").0;
            assert_eq!(base, ring.tag(g, 1, b"key", b"h", b"bytes").0);
            assert_ne!(base, ring.tag(g, 2, b"key", b"h", b"bytes").0);
            assert_ne!(base, ring.tag(g, 1, b"kez", b"h", b"bytes").0);
            assert_ne!(base, ring.tag(g, 1, b"key", b"i", b"bytes").0);
            assert_ne!(base, ring.tag(g, 1, b"key", b"h", b"bytez").0);
            assert_ne!(
                base,
                ring.tag(g, 1, b"keyh", b"", b"bytes").0,
                "lengths are covered"
            );
        }
    }

    #[test]
    fn without_the_pepper_no_tag_of_the_pepper_can_be_made() {
        let with = ring(Some([3; 32])).tag(Generation(1), 1, b"key", b"", b"bytes");
        let other = ring(Some([4; 32])).tag(Generation(1), 1, b"key", b"", b"bytes");
        let without = ring(None).tag(Generation(1), 1, b"key", b"", b"bytes");
        assert!(with.0 != other.0 && with.0 != without.0);
    }

    #[test]
    fn no_two_purposes_share_a_key() {
        let ring = ring(Some([3; 32]));
        let chain = ring.chain(Generation(1), &[0; 32], 0, b"");
        let index = ring.digest_index(Generation(1), 0, &[]);
        let tag = ring.tag(Generation(1), 0, b"", b"", b"").0;
        assert!(chain != index && index != tag && chain != tag);
    }

    #[test]
    fn the_check_tells_one_pepper_from_another_and_one_store_from_another() {
        let (a, b) = (Pepper::new([1; 32]), Pepper::new([2; 32]));
        assert_ne!(pepper_check(&a, [7; 16]), pepper_check(&b, [7; 16]));
        assert_ne!(pepper_check(&a, [7; 16]), pepper_check(&a, [8; 16]));
    }

    proptest! {
        #[test]
        fn the_sum_forgets_what_is_subtracted_and_the_order_of_what_is_added(
            tags in proptest::collection::vec(any::<[u8; 32]>(), 1..20),
            extra in any::<[u8; 32]>(),
        ) {
            let mut forward = TagSum::default();
            let mut backward = TagSum::default();
            for tag in &tags { forward.add(&FullTag(*tag)); }
            backward.add(&FullTag(extra));
            for tag in tags.iter().rev() { backward.add(&FullTag(*tag)); }
            backward.subtract(&FullTag(extra));
            prop_assert_eq!(forward, backward);
            for tag in &tags { forward.subtract(&FullTag(*tag)); }
            prop_assert_eq!(forward, TagSum::default());
        }
    }
}

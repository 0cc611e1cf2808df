//! [`Digest`]: what is stored instead of a secret, and the only constant-time compare.
//!
//! The digest of a native secret is SHA-256 of the twelve bytes `keyfob/key/1` and the 43
//! characters: 55 bytes, the most that fit one block of the hash beside its padding. A secret
//! carries 256 bits, so that there is nothing for a slow hash to slow down.

use std::fmt;
use std::hint::black_box;

use serde::{Deserialize, Serialize};
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize;

use crate::secret::SECRET_LEN;

/// Says what is hashed, so that a digest made for another purpose never equals one of a key.
const LABEL: &[u8; 12] = b"keyfob/key/1";
const MESSAGE_LEN: usize = LABEL.len() + SECRET_LEN;
const _: () = assert!(
    MESSAGE_LEN == 55,
    "one byte and the eight of the length fill the block"
);

/// What a block holds but for the secret's characters, in words of eight bytes: the label, whose
/// last four bytes share a word with the first of the secret, the end mark behind the secret, and
/// the length in bits.
const LABEL_WORDS: [u64; 2] = {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *LABEL;
    let first = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    [first, u64::from_le_bytes([i, j, k, l, 0, 0, 0, 0])]
};
const END_MARK: u64 = 0x80 << 56;
const LENGTH: u64 = (MESSAGE_LEN as u64 * 8).swap_bytes();

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

/// What is stored instead of a secret: 32 bytes from which the secret cannot be had again.
///
/// There is no `PartialEq`: digests are compared by [`ct_eq`](Self::ct_eq) alone.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of a secret of a native token.
    pub(crate) fn of_secret(secret: &[u8; SECRET_LEN]) -> Self {
        let mut digest = [0; 32];
        let words = digest.as_chunks_mut::<4>().0.iter_mut();
        for (bytes, word) in words.zip(Presented::of_secret(secret).0) {
            *bytes = word.to_be_bytes();
        }
        Digest(digest)
    }

    /// The digest of nothing, for the model check.
    #[cfg(keyfob_loom)]
    pub(crate) const fn zero() -> Self {
        Digest([0; 32])
    }

    /// The same as the hash leaves it, two of its words in one.
    pub(crate) fn words(&self) -> [u64; 4] {
        let words = self.0.as_chunks::<4>().0;
        let state = std::array::from_fn(|at| words.get(at).map_or(0, |w| u32::from_be_bytes(*w)));
        Presented(state).words()
    }

    /// Whether both are the same, in a time that does not tell where they differ.
    pub(crate) fn ct_eq(&self, other: &Digest) -> bool {
        ct_eq_words(self.words(), other.words())
    }
}

/// The digest of a secret that was presented, as the hash leaves it: turning its bytes round, as
/// they are stored, would cost every verification.
#[derive(Clone, Copy)]
pub(crate) struct Presented([u32; 8]);

impl Presented {
    /// The block is padded by hand: the streaming interface costs a third more for its buffer.
    ///
    /// It is put together in lanes, as the hash reads it: what was written in other pieces would
    /// have to leave the processor's store buffer first, behind everything that is waited for.
    #[inline]
    pub(crate) fn of_secret(secret: &[u8; SECRET_LEN]) -> Self {
        let word = |from: usize| match secret.get(from..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => 0,
        };
        let piece = |from: usize| match secret.get(from..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => *bytes,
            None => [0; 16],
        };
        // In words, which are wiped in an eighth of the time that bytes take.
        let mut block = [0_u64; 8];
        *bytemuck::must_cast_mut::<_, [[u8; 16]; 4]>(&mut block) = [
            lane(LABEL_WORDS[0], LABEL_WORDS[1] | word(0) << 32),
            piece(4),
            piece(20),
            lane(word(SECRET_LEN - 8) >> 8 | END_MARK, LENGTH),
        ];
        let mut state = START;
        compress256(
            &mut state,
            std::slice::from_ref(bytemuck::must_cast_ref(&block)),
        );
        block.zeroize();
        Presented(state)
    }

    #[inline]
    fn words(self) -> [u64; 4] {
        let state = &self.0;
        let pair = |at: usize| u64::from(state[at]) | u64::from(state[at + 1]) << 32;
        [pair(0), pair(2), pair(4), pair(6)]
    }

    /// Whether it is the digest of these [`words`](Digest::words), in a time that does not tell
    /// where they differ.
    #[inline]
    pub(crate) fn is(self, words: [u64; 4]) -> bool {
        ct_eq_words(self.words(), words)
    }
}

/// Sixteen bytes in one register, and so written at once.
#[cfg(target_arch = "x86_64")]
#[inline]
fn lane(low: u64, high: u64) -> [u8; 16] {
    let lane = safe_arch::set_i64_m128i(high.cast_signed(), low.cast_signed());
    bytemuck::must_cast(lane)
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn lane(low: u64, high: u64) -> [u8; 16] {
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// The black box takes the sum of all differences, so that the compiler cannot leave it early.
#[inline]
fn ct_eq_words(one: [u64; 4], two: [u64; 4]) -> bool {
    let differs = |at: usize| one[at] ^ two[at];
    black_box(differs(0) | differs(1) | differs(2) | differs(3)) == 0
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Whether both are the same, in a time that tells their lengths but not where they differ.
pub(crate) fn ct_eq_bytes(one: &[u8], two: &[u8]) -> bool {
    if one.len() != two.len() {
        return false;
    }
    let mut differs = 0;
    for (one, two) in one.iter().zip(two) {
        differs = black_box(differs | (one ^ two));
    }
    differs == 0
}

/// SHA-256 of the parts one after the other, with nothing between them.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digest_of_a_known_secret_is_known() {
        let secret = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg";
        let known = "5abb2b76bab9a98370301e97fe1e8cb266be08bd0d466badd3ab28e14429702e";
        assert_eq!(hex::encode(Digest::of_secret(secret).0), known);
    }

    #[test]
    fn the_hashes_give_the_answers_of_fips_180_4() {
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(sha256(&[b"a", b"", b"bc"])), known);
    }

    #[test]
    fn a_record_holds_a_digest_as_32_bytes_and_debug_shows_none() {
        let digest = Digest([7; 32]);
        assert_eq!(postcard::to_allocvec(&digest).unwrap(), [7; 32]);
        assert_eq!(
            postcard::from_bytes::<Digest>(&[7; 32]).unwrap().0,
            digest.0
        );
        assert_eq!(format!("{digest:?}"), "Digest(..)");
    }

    #[test]
    fn a_difference_in_any_one_bit_is_seen() {
        let digest = Digest::of_secret(&[b'x'; 43]);
        assert!(digest.ct_eq(&digest));
        for bit in 0..256 {
            let mut other = digest;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!digest.ct_eq(&other), "bit {bit}");
            assert!(!ct_eq_bytes(&digest.0, &other.0), "bit {bit}");
        }
        assert!(ct_eq_bytes(&[], &[]));
        assert!(!ct_eq_bytes(b"a", b"ab"));
    }

    proptest! {
        #[test]
        fn one_block_by_hand_is_the_library_s_hash_of_label_and_secret(
            one in any::<[u8; 32]>(), two in any::<[u8; 11]>(),
        ) {
            let mut secret = [0; 43];
            secret[..32].copy_from_slice(&one);
            secret[32..].copy_from_slice(&two);
            let by_library = sha256(&[b"keyfob/key/1", &secret]);
            prop_assert_eq!(Digest::of_secret(&secret).0, by_library);
            prop_assert!(Presented::of_secret(&secret).is(Digest(by_library).words()));
        }

        #[test]
        fn constant_time_equality_is_equality(one: [u8; 4], two: [u8; 4]) {
            prop_assert_eq!(ct_eq_bytes(&one, &two), one == two);
            prop_assert!(ct_eq_bytes(&one, &one));
        }
    }
}

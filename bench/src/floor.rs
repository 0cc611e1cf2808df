//! The floor F, which every figure of a verification is a multiple of.

use sha2::block_api::compress256;

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

/// SHA-256 of 55 bytes as one block, padded by hand. No verification that hashes the token can
/// cost less.
pub fn floor(message: &[u8; 55]) -> [u32; 8] {
    let mut block = [0; 64];
    block[..55].copy_from_slice(message);
    block[55] = 0x80;
    block[62..].copy_from_slice(&(55u16 * 8).to_be_bytes());
    let mut state = START;
    compress256(&mut state, &[block]);
    state
}

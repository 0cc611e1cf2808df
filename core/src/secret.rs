//! [`Token`], [`Pepper`] and the secret inside a token: drawn from the operating system, wiped,
//! redacted.
//!
//! Each keeps its characters in one allocation of its own, so that moving the value moves a
//! pointer and leaves no copy behind on the stack, and wipes that allocation when dropped. None
//! can be cloned, displayed or serialized; [`Token::expose`] and [`Pepper::expose_hex`] are the
//! visible steps by which the characters leave.

use std::fmt;
use std::io;

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::base62::ALPHABET;
use crate::error::{Misuse, StoreError};
use crate::limits::TOKEN_BYTES;
use crate::token::shown_parts;

/// The characters of a secret: the fewest of base62 that carry 256 bits.
pub(crate) const SECRET_LEN: usize = 43;

/// Fills the bytes from the operating system's random source.
///
/// # Errors
///
/// [`StoreError::Io`] if the operating system gives none; the bytes are then of no use.
pub(crate) fn fill_from_system(bytes: &mut [u8]) -> Result<(), StoreError> {
    SysRng.try_fill_bytes(bytes).map_err(|error| {
        let source = match error.raw_os_error() {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::Error::other(error.to_string()),
        };
        StoreError::io("draw random bytes from the operating system", source)
    })
}

/// A token as its holder presents it: shown once, when a key is created or rotated.
///
/// Whoever has these characters has the key's rights. They are wiped from memory when this value
/// is dropped; its `Debug` shows the hint alone, and there is no `Display`, `Clone` or
/// `Serialize`.
#[derive(ZeroizeOnDrop)]
pub struct Token {
    text: Box<[u8; TOKEN_BYTES]>,
    len: usize,
}

impl Token {
    /// A token of what `write` puts into the buffer; `write` gives the length.
    pub(crate) fn write_with(write: impl FnOnce(&mut [u8; TOKEN_BYTES]) -> usize) -> Self {
        let mut token = Token {
            text: Box::new([0; TOKEN_BYTES]),
            len: 0,
        };
        token.len = write(&mut token.text).min(TOKEN_BYTES);
        token
    }

    /// The characters themselves: the step that declassifies.
    ///
    /// This is the one way to the text, so that each place where a token leaves keyfob's care can
    /// be found by searching for this name. A copy made of it is not wiped; hand it to its holder
    /// and do not log it.
    pub fn expose(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The characters as bytes; as [`expose`](Self::expose), a step that declassifies.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match shown_parts(self.expose()) {
            Some((head, tail)) => write!(f, "Token({head}…{tail})"),
            None => f.write_str("Token([redacted])"),
        }
    }
}

/// The random part of a token: 43 base62 characters, 256 bits, of one key alone.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Secret(Box<[u8; SECRET_LEN]>);

impl Secret {
    /// A secret of characters drawn evenly from the operating system's random source.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the operating system gives no random bytes.
    pub(crate) fn generate() -> Result<Self, StoreError> {
        Self::draw(fill_from_system)
    }

    /// Six bits of each byte choose a character; 62 and 63 choose none, and another byte is drawn,
    /// so that no character is likelier than another.
    fn draw(mut fill: impl FnMut(&mut [u8]) -> Result<(), StoreError>) -> Result<Self, StoreError> {
        let mut secret = Secret(Box::new([0; SECRET_LEN]));
        let mut random = Zeroizing::new([0_u8; 64]);
        let mut len = 0;
        while len < SECRET_LEN {
            fill(random.as_mut_slice())?;
            let characters = random
                .iter()
                .filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
            for (place, character) in secret.0[len..].iter_mut().zip(characters) {
                *place = *character;
                len += 1;
            }
        }
        Ok(secret)
    }

    /// The characters.
    pub(crate) fn characters(&self) -> &[u8; SECRET_LEN] {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn from_characters(characters: [u8; SECRET_LEN]) -> Self {
        Secret(Box::new(characters))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// 32 secret bytes kept outside the file, with which the store notices edits of the file.
///
/// They are wiped from memory when this value is dropped; its `Debug` shows nothing of them, and
/// there is no `Display`, `Clone` or `Serialize`.
#[derive(ZeroizeOnDrop)]
pub struct Pepper(Box<[u8; 32]>);

impl Pepper {
    /// The pepper of these bytes, which should be random; what was passed is the caller's to wipe.
    pub fn new(mut bytes: [u8; 32]) -> Self {
        let pepper = Pepper(Box::new(bytes));
        bytes.as_mut_slice().zeroize();
        pepper
    }

    /// The pepper of 64 hexadecimal characters, in any case, with blanks and newlines around them
    /// ignored.
    ///
    /// # Errors
    ///
    /// [`Misuse::InvalidPepper`] for anything else, and for a pepper of nothing but zeros, which
    /// is a place that was never filled in. The message says nothing of the text.
    pub fn from_hex(text: &str) -> Result<Self, Misuse> {
        let mut pepper = Pepper(Box::new([0; 32]));
        hex::decode_to_slice(text.trim(), pepper.0.as_mut_slice())
            .map_err(|_| Misuse::InvalidPepper("it must be exactly 64 hexadecimal characters"))?;
        if pepper.0.iter().all(|&byte| byte == 0) {
            return Err(Misuse::InvalidPepper(
                "it is all zeros; generate a random one",
            ));
        }
        Ok(pepper)
    }

    /// A new pepper from the operating system's random source.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the operating system gives no random bytes.
    pub fn generate() -> Result<Self, StoreError> {
        let mut pepper = Pepper(Box::new([0; 32]));
        fill_from_system(pepper.0.as_mut_slice())?;
        Ok(pepper)
    }

    /// The 64 hexadecimal characters, in lower case: the step that declassifies.
    ///
    /// For the one moment when a new pepper is put where the caller keeps secrets. The returned
    /// string is wiped when dropped; a copy made of it is not.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        // Of its full length from the start: growing would leave a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(64));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
            }
        }
        text
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn every_character_is_equally_likely_and_62_and_63_choose_none() {
        // Every byte there is, once: each character must be chosen by exactly four of them.
        let mut next = 0_u8;
        let mut counts = [0_u32; 256];
        let mut drawn = Vec::new();
        for _ in 0..4 {
            let secret = Secret::draw(|random| {
                for byte in random {
                    *byte = next;
                    next = next.wrapping_add(1);
                }
                Ok(())
            })
            .unwrap();
            drawn.extend_from_slice(secret.characters());
        }
        for byte in &drawn {
            counts[usize::from(*byte)] += 1;
        }
        assert!(
            ALPHABET[..43]
                .iter()
                .all(|&character| counts[usize::from(character)] == 4)
        );
        let rejected = Secret::draw({
            let mut calls = 0;
            move |random| {
                calls += 1;
                random.fill(if calls < 3 { 62 + calls - 1 } else { 64 + 61 });
                Ok(())
            }
        });
        assert_eq!(rejected.unwrap().characters(), &[b'z'; 43]);
    }

    #[test]
    fn drawn_characters_are_spread_over_the_alphabet() {
        // 100 secrets are 4,300 characters, 69 of each on average: none is far off.
        let mut counts = [0_u32; 256];
        for _ in 0..100 {
            for byte in Secret::generate().unwrap().characters() {
                counts[usize::from(*byte)] += 1;
            }
        }
        for character in ALPHABET {
            let count = counts[usize::from(*character)];
            assert!(
                (15..=160).contains(&count),
                "{}: {count}",
                char::from(*character)
            );
        }
        assert_eq!(counts.iter().sum::<u32>(), 4_300);
    }

    #[test]
    fn a_secret_is_not_made_of_fewer_bytes_than_asked_for() {
        let failed = Secret::draw(|_| Err(StoreError::Poisoned));
        assert!(matches!(failed, Err(StoreError::Poisoned)));
    }

    #[test]
    fn a_pepper_is_64_hexadecimal_characters_with_blanks_around() {
        let pepper = Pepper::from_hex(&format!(" \t{}\r\n", HEX.to_uppercase())).unwrap();
        assert_eq!(*pepper.expose_hex(), HEX);
        assert_eq!(pepper.bytes(), Pepper::new(*pepper.bytes()).bytes());
        for wrong in [
            "",
            &HEX[1..],
            &HEX[2..],
            &format!("{HEX}00"),
            &HEX.replace('a', "g"),
        ] {
            assert!(
                matches!(Pepper::from_hex(wrong), Err(Misuse::InvalidPepper(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_pepper_of_zeros_is_refused() {
        let message = Pepper::from_hex(&"0".repeat(64)).unwrap_err().to_string();
        assert_eq!(message, "pepper: it is all zeros; generate a random one");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_dropped_is_no_longer_in_memory() {
        use std::os::unix::fs::FileExt;
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        let read = |address: usize, len: usize| {
            let mut bytes = vec![0; len];
            memory.read_exact_at(&mut bytes, address as u64).unwrap();
            bytes
        };
        // The allocator writes into the first bytes of what is freed; the rest stays as it was.
        let is_wiped = |before: &[u8], after: &[u8]| {
            before
                .windows(8)
                .all(|part| !after.windows(8).any(|other| part == other))
        };
        let token = Token::write_with(|text| {
            text.copy_from_slice(&std::array::from_fn::<u8, TOKEN_BYTES, _>(|i| {
                b'0' + u8::try_from(i).unwrap() / 2
            }));
            TOKEN_BYTES
        });
        let secret = Secret::generate().unwrap();
        let pepper = Pepper::from_hex(HEX).unwrap();
        let places = [token.as_bytes(), secret.characters(), pepper.bytes()]
            .map(|bytes| (bytes.as_ptr() as usize, bytes.len()));
        let before = places.map(|(address, len)| read(address, len));
        assert_eq!(
            before[2],
            pepper.bytes(),
            "memory is read where the value is"
        );
        drop((token, secret, pepper));
        for ((address, len), before) in places.into_iter().zip(before) {
            assert!(is_wiped(&before, &read(address, len)));
        }
    }

    #[test]
    fn two_peppers_drawn_differ() {
        let (one, two) = (Pepper::generate().unwrap(), Pepper::generate().unwrap());
        assert_ne!(one.bytes(), two.bytes());
    }

    #[test]
    fn debug_shows_nothing_that_must_not_be_seen() {
        let pepper = Pepper::from_hex(HEX).unwrap();
        assert_eq!(format!("{pepper:?}"), "Pepper([redacted])");
        assert_eq!(
            format!("{:?}", Secret::generate().unwrap()),
            "Secret([redacted])"
        );
        let token = Token::write_with(|text| {
            text[..5].copy_from_slice(b"short");
            5
        });
        assert_eq!(format!("{token:?}"), "Token([redacted])");
        assert_eq!((token.expose(), token.as_bytes()), ("short", &b"short"[..]));
    }
}

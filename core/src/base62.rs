//! Numbers as base62 text of a fixed width.
//!
//! The digits stand in the order of ASCII, so that texts of one width sort as their numbers do.
//! A fixed width also makes the text canonical: a number has exactly one.

/// The digits, in the order of their values and of ASCII.
pub(crate) const ALPHABET: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What [`VALUES`] holds for a byte that is no digit.
const NO_DIGIT: u8 = 0xff;

/// The value of every byte as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        #[allow(clippy::cast_possible_truncation)] // below 62
        let digit = value as u8;
        values[ALPHABET[value] as usize] = digit;
        value += 1;
    }
    values
};

/// The most digits whose number always fits 64 bits.
const DIGITS_IN_U64: usize = 10;

/// Writes the number with leading zeros; digits for which there is no room are left out.
pub(crate) fn encode(mut number: u128, text: &mut [u8]) {
    const CHUNK: u128 = 62_u128.pow(10);
    // Dividing 128 bits is slow, so that it is done once for ten digits.
    for chunk in text.rchunks_mut(DIGITS_IN_U64) {
        #[allow(clippy::cast_possible_truncation)] // 62^10 is below 2^60
        let mut low = (number % CHUNK) as u64;
        number /= CHUNK;
        for digit in chunk.iter_mut().rev() {
            *digit = ALPHABET[usize::try_from(low % 62).unwrap_or(0)];
            low /= 62;
        }
    }
}

/// The number of a text, unless a character is no digit or the number needs more than 128 bits.
pub(crate) fn decode(text: &[u8]) -> Option<u128> {
    let mut number: u128 = 0;
    for chunk in text.chunks(DIGITS_IN_U64) {
        let (mut low, mut scale) = (0_u64, 1_u64);
        for &byte in chunk {
            let value = VALUES[usize::from(byte)];
            if value == NO_DIGIT {
                return None;
            }
            low = low * 62 + u64::from(value);
            scale *= 62;
        }
        number = number
            .checked_mul(u128::from(scale))?
            .checked_add(u128::from(low))?;
    }
    Some(number)
}

/// Whether every byte is a digit.
pub(crate) fn are_digits(text: &[u8]) -> bool {
    text.iter()
        .all(|&byte| VALUES[usize::from(byte)] != NO_DIGIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One digit after the other, with no chunks: what `encode` must equal.
    fn encode_plainly(mut number: u128, width: usize) -> Vec<u8> {
        let mut text = vec![b'0'; width];
        for digit in text.iter_mut().rev() {
            *digit = ALPHABET[(number % 62) as usize];
            number /= 62;
        }
        text
    }

    #[test]
    fn the_digits_stand_in_the_order_of_ascii() {
        assert!(ALPHABET.is_sorted());
    }

    #[test]
    fn the_largest_number_of_128_bits_reads_back_and_one_more_does_not() {
        let mut text = [0; 22];
        encode(u128::MAX, &mut text);
        assert_eq!(&text, b"7n42DGM5Tflk9n8mt7Fhc7");
        assert_eq!(decode(&text), Some(u128::MAX));
        assert_eq!(decode(b"7n42DGM5Tflk9n8mt7Fhc8"), None);
        assert_eq!(decode(b"zzzzzzzzzzzzzzzzzzzzzz"), None);
    }

    #[test]
    fn every_byte_is_a_digit_exactly_if_the_alphabet_has_it() {
        for byte in 0..=255_u8 {
            assert_eq!(are_digits(&[byte]), ALPHABET.contains(&byte));
            assert_eq!(decode(&[byte]).is_some(), ALPHABET.contains(&byte));
        }
    }

    proptest! {
        #[test]
        fn a_number_reads_back_from_its_text(number: u128) {
            let mut text = [0; 22];
            encode(number, &mut text);
            prop_assert_eq!(&text[..], &encode_plainly(number, 22)[..]);
            prop_assert_eq!(decode(&text), Some(number));
        }

        #[test]
        fn a_text_that_reads_is_the_one_text_of_its_number(text in "[0-7][0-9A-Za-z]{21}") {
            if let Some(number) = decode(text.as_bytes()) {
                prop_assert_eq!(encode_plainly(number, 22), text.into_bytes());
            }
        }

        #[test]
        fn six_digits_hold_every_checksum(sum: u32) {
            let mut text = [0; 6];
            encode(u128::from(sum), &mut text);
            prop_assert_eq!(decode(&text), Some(u128::from(sum)));
        }
    }
}

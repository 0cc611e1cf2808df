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
    const HALF: u64 = 62_u64.pow(5);
    // Dividing 128 bits is slow, so that it is done once for ten digits; and each digit waits for the
    // one before, so that they are had in two halves, which do not wait for each other.
    for chunk in text.rchunks_mut(DIGITS_IN_U64) {
        #[allow(clippy::cast_possible_truncation)] // 62^10 is below 2^60
        let ten = (number % CHUNK) as u64;
        number /= CHUNK;
        let (high, low) = chunk.split_at_mut(chunk.len().saturating_sub(DIGITS_IN_U64 / 2));
        #[allow(clippy::cast_possible_truncation)] // 62^5 is below 2^30
        {
            encode_u32((ten / HALF) as u32, high);
            encode_u32((ten % HALF) as u32, low);
        }
    }
}

/// The same of a number of 32 bits, whose digits are had by dividing one register.
#[inline]
pub(crate) fn encode_u32(mut number: u32, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = ALPHABET[usize::try_from(number % 62).unwrap_or(0)];
        number /= 62;
    }
}

/// The number of 22 digits, unless a character is no digit or the number needs more than 128 bits.
/// In two halves of one straight line each, since every verification reads one.
#[inline]
pub(crate) fn decode(text: &[u8; 22]) -> Option<u128> {
    const SCALE: u128 = 62_u128.pow(11);
    let mut wrong = 0;
    let mut half = |digits: &[u8]| {
        // Eleven digits are below 2^66, so that the first is left out of the 64 bits.
        let mut low = 0_u64;
        for &byte in &digits[1..] {
            let value = VALUES[usize::from(byte)];
            wrong |= value;
            low = low * 62 + u64::from(value);
        }
        let first = VALUES[usize::from(digits[0])];
        wrong |= first;
        u128::from(first) * u128::from(62_u64.pow(10)) + u128::from(low)
    };
    let (high, low) = (half(&text[..11]), half(&text[11..]));
    // A digit is below 62; what is none has all eight bits.
    if wrong == NO_DIGIT {
        return None;
    }
    high.checked_mul(SCALE)?.checked_add(low)
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

    /// One digit after the other, of any number of digits: what `decode` must equal.
    fn decode_plainly(text: &[u8]) -> Option<u128> {
        let mut number: u128 = 0;
        for &byte in text {
            let value = ALPHABET.iter().position(|digit| *digit == byte)?;
            number = number.checked_mul(62)?.checked_add(value as u128)?;
        }
        Some(number)
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
            let mut text = [b'0'; 22];
            text[21] = byte;
            assert_eq!(decode(&text).is_some(), ALPHABET.contains(&byte));
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
            let digits = text.as_bytes().try_into().unwrap();
            if let Some(number) = decode(digits) {
                prop_assert_eq!(encode_plainly(number, 22), text.into_bytes());
            }
        }

        #[test]
        fn twenty_two_digits_are_read_the_same_both_ways(text: [u8; 22], number: u128) {
            prop_assert_eq!(decode(&text), decode_plainly(&text));
            let mut text = [0; 22];
            encode(number, &mut text);
            prop_assert_eq!(decode(&text), Some(number));
            text[0] = b'z';
            prop_assert_eq!(decode(&text), decode_plainly(&text));
        }

        #[test]
        fn six_digits_hold_every_checksum(sum: u32) {
            let mut text = [0; 6];
            encode_u32(sum, &mut text);
            prop_assert_eq!(decode_plainly(&text), Some(u128::from(sum)));
        }
    }
}

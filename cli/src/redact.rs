//! Keeps tokens out of everything that is shown: errors may quote what was typed, and a token may
//! have been typed in the wrong place.

use std::ffi::OsStr;

/// Fewest letters and digits of what is taken for the body of a token after its version. The real
/// number is 71; one that lost a few characters on the way still shows its secret.
const BODY_LEAST: usize = 58;

fn part_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a run of letters, digits and underscores holds what looks like a token of any store:
/// `prefix_environment_1...`.
fn looks_like_token(word: &[u8]) -> bool {
    word.windows(2).enumerate().any(|(at, pair)| {
        if pair != b"_1" {
            return false;
        }
        let body = word[at + 2..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        let environment = word[..at]
            .iter()
            .rev()
            .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            .count();
        let before = &word[..at - environment];
        body >= BODY_LEAST
            && environment > 0
            && before.len() >= 2
            && before.ends_with(b"_")
            && before.iter().any(u8::is_ascii_lowercase)
    })
}

/// The runs of letters, digits and underscores of a text, as ranges.
fn words(bytes: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(|&b| part_of_word(b))?;
        let len = bytes[start..]
            .iter()
            .take_while(|&&b| part_of_word(b))
            .count();
        at = start + len;
        Some(start..at)
    })
}

/// Whether an argument holds what looks like a token.
pub(crate) fn holds_token(argument: &OsStr) -> bool {
    let bytes = argument.as_encoded_bytes();
    words(bytes).any(|word| looks_like_token(&bytes[word]))
}

/// The text with all that looks like a token replaced.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for word in words(text.as_bytes()) {
        if looks_like_token(&text.as_bytes()[word.clone()]) {
            out.push_str(&text[from..word.start]);
            out.push_str("[token]");
            from = word.end;
        }
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> String {
        format!("acme_live_1{}", "0aZ".repeat(24).split_at(71).0)
    }

    #[test]
    fn a_token_is_found_wherever_it_stands() {
        for text in [
            token(),
            format!("--note={}", token()),
            format!("x{}y", token()),
            format!("\"{}\"", token()),
            format!("my_own_prefix_test2_1{}", "Z".repeat(71)),
            token()[..token().len() - 6].to_owned(),
        ] {
            assert!(holds_token(OsStr::new(&text)), "{text}");
            assert!(!redact(&text).contains("0aZ0aZ") && !redact(&text).contains("ZZZ"));
        }
        assert_eq!(redact(&format!("é {}!", token())), "é [token]!");
    }

    #[test]
    fn what_is_no_token_stays() {
        for text in [
            "",
            "acme_live_…x7Kq2B",
            "orders:read",
            &"a".repeat(200),
            &"_1".repeat(90),
            "_",
        ] {
            assert!(!holds_token(OsStr::new(text)), "{text}");
            assert_eq!(redact(text), text);
        }
    }
}

//! The token: its specification, reading it, writing it, and finding it in other text.
//!
//! # Specification
//!
//! ```text
//! acme_live_1 0123456789ABCDEFGHIJKL 0123...(43)...fg 0aB3x9      (without the blanks)
//! ^    ^    ^ ^                      ^               ^
//! |    |    | key id, 22             secret, 43      checksum, 6
//! |    |    version, always `1`
//! |    environment, `[a-z][a-z0-9]{0,15}`
//! prefix of the store, `[a-z][a-z0-9_]{0,19}`
//! ```
//!
//! - `PREFIX_ENVIRONMENT_BODY`, in ASCII; the body is the last 72 characters, of `0-9A-Za-z`. Only
//!   the prefix may hold underscores, so that a token is read from its back. At most 110
//!   characters, and case matters.
//! - The key id is sixteen bytes as a base62 number of 22 digits, the digits in the order of
//!   ASCII. One of more than 128 bits (above `7n42DGM5Tflk9n8mt7Fhc7`) is no token.
//! - The secret is 43 characters drawn evenly, 256 bits.
//! - The checksum is CRC-32/ISO-HDLC over all that precedes it, as a base62 number of six digits.
//!   It finds typing errors without a look at the store; it proves nothing.
//!
//! Shape comes first, the checksum after it; text of more than 512 bytes is not read at all.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::base62;
use crate::error::Misuse;
use crate::id::KeyId;
use crate::limits::{ENVIRONMENT_BYTES, PREFIX_BYTES, TOKEN_BYTES};
use crate::secret::{SECRET_LEN, Secret, Token};

pub(crate) const VERSION: u8 = b'1';
const CHECKSUM_LEN: usize = 6;
/// What follows the last underscore: version, key id, secret, checksum.
pub(crate) const BODY_LEN: usize = 1 + KeyId::TEXT_LEN + SECRET_LEN + CHECKSUM_LEN;
/// The characters of a key id that a hint shows: the random end, not the time.
const HINT_TAIL: usize = 6;

const _: () = assert!(BODY_LEN == 72);
const _: () = assert!(PREFIX_BYTES + 1 + ENVIRONMENT_BYTES + 1 + BODY_LEN == TOKEN_BYTES);

/// What a token says of itself, before anything is looked up.
#[derive(Clone, Copy)]
pub(crate) struct ParsedToken<'a> {
    /// The environment; the record of the key has the last word on it.
    pub(crate) environment: &'a str,
    /// Which key this claims to be of.
    pub(crate) key_id: KeyId,
    /// What proves the claim.
    pub(crate) secret: &'a [u8; SECRET_LEN],
}

/// Why a text is no token of the store; a caller is told MALFORMED for both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unparsed {
    /// The length, the prefix, an alphabet, the version or the key id is not a token's.
    Shape,
    /// The shape is right and the checksum is not: a typing error.
    Checksum,
}

/// Reads a presented text as a token of the store with this prefix.
pub(crate) fn parse<'a>(text: &'a [u8], prefix: &Prefix) -> Result<ParsedToken<'a>, Unparsed> {
    let parsed = parse_shape(text, prefix).ok_or(Unparsed::Shape)?;
    let (summed, sum) = text.split_last_chunk().ok_or(Unparsed::Shape)?;
    if *sum == checksum(summed) {
        Ok(parsed)
    } else {
        Err(Unparsed::Checksum)
    }
}

/// Whether the text has the shape of this store's tokens, whatever its checksum.
///
/// Such a text is judged as a token and nothing else, and is never imported.
pub(crate) fn has_shape(text: &[u8], prefix: &Prefix) -> bool {
    parse_shape(text, prefix).is_some()
}

/// Whether a text is certainly no token of the store, by what is found soonest: its length, its
/// beginning and its checksum. Where nothing but tokens is known, nothing more has to be read.
pub(crate) fn is_none(text: &[u8], prefix: &Prefix) -> bool {
    let (Some(parts), Some((summed, sum))) = (split(text), text.split_last_chunk()) else {
        return true;
    };
    text.len() > TOKEN_BYTES
        || parts.version != VERSION
        || !parts.head.starts_with(prefix.as_bytes())
        || *sum != checksum(summed)
}

fn parse_shape<'a>(text: &'a [u8], prefix: &Prefix) -> Option<ParsedToken<'a>> {
    if text.len() > TOKEN_BYTES {
        return None;
    }
    let Parts {
        head,
        version,
        key_id,
        secret,
        checksum,
    } = split(text)?;
    let head = head.strip_suffix(b"_")?.strip_prefix(prefix.as_bytes())?;
    // Without an underscore in it, so that this is what follows the last but one.
    let environment = head.strip_prefix(b"_")?;
    let digits = base62::are_digits(secret) && base62::are_digits(checksum);
    if version != VERSION || !is_environment(environment) || !digits {
        return None;
    }
    Some(ParsedToken {
        environment: str::from_utf8(environment).ok()?,
        key_id: KeyId::parse(key_id)?,
        secret,
    })
}

/// What stands where in a text that is as long as a token can be. Nothing of it was read: whoever
/// compares all of it with a token that was read before need not read it again.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// What is before the body: prefix and environment, each with its underscore.
    pub(crate) head: &'a [u8],
    pub(crate) version: u8,
    pub(crate) key_id: &'a [u8; KeyId::TEXT_LEN],
    pub(crate) secret: &'a [u8; SECRET_LEN],
    pub(crate) checksum: &'a [u8; CHECKSUM_LEN],
}

/// Splits a text where the parts of a token would be.
#[inline]
pub(crate) fn split(text: &[u8]) -> Option<Parts<'_>> {
    let (head, body) = text.split_last_chunk::<BODY_LEN>()?;
    let (version, rest) = body.split_first()?;
    let (key_id, rest) = rest.split_first_chunk()?;
    let (secret, rest) = rest.split_first_chunk()?;
    Some(Parts {
        head,
        version: *version,
        key_id,
        secret,
        checksum: rest.first_chunk()?,
    })
}

/// The six digits of the CRC-32/ISO-HDLC of what precedes them.
fn checksum(summed: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut digits = [0; CHECKSUM_LEN];
    base62::encode_u32(crc32fast::hash(summed), &mut digits);
    digits
}

/// Writes the token of a key and its secret.
pub(crate) fn compose(
    prefix: &Prefix,
    environment: &Environment,
    key_id: KeyId,
    secret: &Secret,
) -> Token {
    Token::write_with(|text| {
        let mut len = 0;
        let mut put = |part: &[u8]| {
            for (place, byte) in text[len..].iter_mut().zip(part) {
                *place = *byte;
            }
            len += part.len();
        };
        put(prefix.as_bytes());
        put(b"_");
        put(environment.as_bytes());
        put(b"_");
        put(&[VERSION]);
        put(&key_id.to_text());
        put(secret.characters());
        // The bounds of prefix and environment leave room for the checksum, as asserted above.
        let sum = checksum(&text[..len]);
        text[len..len + CHECKSUM_LEN].copy_from_slice(&sum);
        len + CHECKSUM_LEN
    })
}

/// What may be shown of a key's token after its creation: `acme_live_…x7Kq2B`.
///
/// Prefix, environment and the last six characters of the key id; nothing of the secret.
pub fn hint(prefix: &Prefix, environment: &Environment, key_id: KeyId) -> String {
    let id = key_id.to_string();
    let tail = id.get(KeyId::TEXT_LEN - HINT_TAIL..).unwrap_or_default();
    format!("{prefix}_{environment}_…{tail}")
}

/// The two parts of a token's own text that its hint shows.
pub(crate) fn shown_parts(token: &str) -> Option<(&str, &str)> {
    let (head, body) = token.split_at_checked(token.len().checked_sub(BODY_LEN)?)?;
    Some((
        head,
        body.get(1 + KeyId::TEXT_LEN - HINT_TAIL..=KeyId::TEXT_LEN)?,
    ))
}

/// The regular expression that finds this store's tokens, for secret scanners.
///
/// It matches every token of the store and means the same as a POSIX extended, a PCRE, a Python
/// or a Rust expression. What it matches may still be no token: only the checksum tells.
pub fn scanner_expression(prefix: &Prefix) -> String {
    // A key id has 128 bits, so that its first digit is at most 7.
    let digits = BODY_LEN - 2;
    let more = ENVIRONMENT_BYTES - 1;
    format!("{prefix}_[a-z][a-z0-9]{{0,{more}}}_1[0-7][0-9A-Za-z]{{{digits}}}")
}

/// Finds every token of the store in arbitrary bytes, in the order of their starts.
///
/// A token is found whatever touches it on either side; two that overlap are both found. The work
/// is linear: each place where the prefix stands is looked at once, and at most as far as the
/// longest token.
pub(crate) fn find_in<'a>(
    haystack: &'a [u8],
    prefix: &Prefix,
) -> impl Iterator<Item = Range<usize>> + use<'a> {
    let prefix = *prefix;
    let needle = memmem::Finder::new(&format!("{prefix}_")).into_owned();
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + needle.find(haystack.get(from..)?)?;
            from = start + 1; // and not behind the prefix, which may overlap the next one
            let end = candidate_end(haystack, start + needle.needle().len());
            if let Some(candidate) = end.and_then(|end| haystack.get(start..end))
                && parse(candidate, &prefix).is_ok()
            {
                return Some(start..start + candidate.len());
            }
        }
    })
}

/// Where a token ends whose environment starts here: behind its underscore and the body.
fn candidate_end(haystack: &[u8], environment: usize) -> Option<usize> {
    let rest = haystack.get(environment..)?;
    let len = rest
        .iter()
        .take(ENVIRONMENT_BYTES + 1)
        .position(|&byte| byte == b'_')?;
    Some(environment + len + 1 + BODY_LEN)
}

fn is_environment(text: &[u8]) -> bool {
    text.len() <= ENVIRONMENT_BYTES
        && text.first().is_some_and(u8::is_ascii_lowercase)
        && text
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_prefix(text: &[u8]) -> bool {
    text.len() <= PREFIX_BYTES
        && text.first().is_some_and(u8::is_ascii_lowercase)
        && text
            .iter()
            .all(|&byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

macro_rules! label {
    (
        $(#[$doc:meta])* $name:ident, $what:literal, $length:literal, $most:expr, $is:path,
        $right:literal
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            /// With zeros behind the text.
            bytes: [u8; $most],
            len: u8,
        }

        impl $name {
            /// The value of a text that follows the rule of this type.
            ///
            /// # Errors
            ///
            /// [`Misuse::LimitExceeded`] for a longer text; [`Misuse::InvalidArgument`] for any
            /// other that breaks the rule.
            pub fn parse(text: &str) -> Result<Self, Misuse> {
                Misuse::check_limit($length, text.len(), $most)?;
                if !$is(text.as_bytes()) {
                    return Err(Misuse::argument($what, format!(concat!("{:?} ", $right), text)));
                }
                let mut bytes = [0; $most];
                for (place, byte) in bytes.iter_mut().zip(text.bytes()) {
                    *place = byte;
                }
                let len = u8::try_from(text.len()).unwrap_or(u8::MAX); // below `$most`
                Ok(Self { bytes, len })
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                str::from_utf8(self.as_bytes()).unwrap_or_default() // ASCII, by its rule
            }

            /// The bytes of the text.
            #[inline]
            pub fn as_bytes(&self) -> &[u8] {
                self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl FromStr for $name {
            type Err = Misuse;

            fn from_str(text: &str) -> Result<Self, Misuse> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Misuse;

            fn try_from(text: String) -> Result<Self, Misuse> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

label! {
    /// What every token of a store begins with: `[a-z][a-z0-9_]{0,19}`, set at its creation.
    Prefix, "prefix", "length of the prefix in bytes", PREFIX_BYTES, is_prefix,
    "is not a lower-case letter and then lower-case letters, digits and underscores"
}

label! {
    /// What a key is for, as a part of its token: `live`, `test` or another `[a-z][a-z0-9]{0,15}`.
    Environment, "environment", "length of the environment in bytes", ENVIRONMENT_BYTES,
    is_environment, "is not a lower-case letter and then lower-case letters and digits"
}

impl Environment {
    /// The environment `live`, which holds wherever no other is stated.
    pub const fn live() -> Self {
        let mut bytes = [0; ENVIRONMENT_BYTES];
        [bytes[0], bytes[1], bytes[2], bytes[3]] = *b"live";
        Environment { bytes, len: 4 }
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self::live()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use proptest::prelude::*;
    use serde_json::Value;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    fn token(prefix_text: &str, environment: &str) -> Token {
        let environment = Environment::parse(environment).unwrap();
        let id = KeyId::generate(1_700_000_000_000).unwrap();
        compose(
            &prefix(prefix_text),
            &environment,
            id,
            &Secret::generate().unwrap(),
        )
    }

    #[test]
    fn the_shared_vectors_hold() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/tokens.json")).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let text = match &case["hex"] {
                Value::String(digits) => hex::decode(digits).unwrap(),
                _ => case["text"].as_str().unwrap().as_bytes().to_vec(),
            };
            let prefix = prefix(case["prefix"].as_str().unwrap());
            let (expected, code) = match parse(&text, &prefix) {
                Ok(parsed) => {
                    assert_eq!(case["environment"], parsed.environment, "{}", case["case"]);
                    assert_eq!(
                        case["key_id"],
                        parsed.key_id.to_string(),
                        "{}",
                        case["case"]
                    );
                    let secret = str::from_utf8(parsed.secret).unwrap();
                    assert_eq!(case["secret"], secret, "{}", case["case"]);
                    let environment = Environment::parse(parsed.environment).unwrap();
                    let hint = hint(&prefix, &environment, parsed.key_id);
                    assert_eq!(case["hint"], hint, "{}", case["case"]);
                    let secret = Secret::from_characters(*parsed.secret);
                    let composed = compose(&prefix, &environment, parsed.key_id, &secret);
                    assert_eq!(composed.as_bytes(), text, "{}", case["case"]);
                    ("ok", Code::NOT_FOUND)
                }
                Err(Unparsed::Shape) => ("shape", Code::MALFORMED),
                Err(Unparsed::Checksum) => ("checksum", Code::MALFORMED),
            };
            assert_eq!(case["expected"], expected, "{}", case["case"]);
            assert_eq!(case["code"], code.number(), "{}", case["case"]);
            assert_eq!(
                has_shape(&text, &prefix),
                expected != "shape",
                "{}",
                case["case"]
            );
        }
    }

    #[test]
    fn the_longest_token_is_as_long_as_the_bound_says() {
        let longest = token("a_______9_9_9_9_9_9_", "e123456789012345");
        assert_eq!(longest.as_bytes().len(), TOKEN_BYTES);
        assert!(parse(longest.as_bytes(), &prefix("a_______9_9_9_9_9_9_")).is_ok());
    }

    #[test]
    fn a_change_of_any_one_character_is_noticed() {
        let (token, prefix) = (token("acme", "live"), prefix("acme"));
        for at in 0..token.as_bytes().len() {
            for byte in 0..=255 {
                let mut text = token.as_bytes().to_vec();
                text[at] = byte;
                let same = byte == token.as_bytes()[at];
                assert_eq!(parse(&text, &prefix).is_ok(), same, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn debug_of_a_token_is_its_hint() {
        let (token, prefix) = (token("my_app", "test"), prefix("my_app"));
        let parsed = parse(token.as_bytes(), &prefix).unwrap();
        let hint = hint(&prefix, &Environment::parse("test").unwrap(), parsed.key_id);
        assert_eq!(format!("{token:?}"), format!("Token({hint})"));
    }

    #[test]
    fn a_megabyte_is_no_token_and_is_not_read() {
        let long = vec![b'a'; 1024 * 1024];
        assert_eq!(parse(&long, &prefix("a")).err(), Some(Unparsed::Shape));
        assert_eq!(find_in(&long, &prefix("a")).count(), 0);
        // Every second byte starts a candidate here.
        assert_eq!(
            find_in(&b"a_".repeat(512 * 1024), &prefix("a_a_a_a")).count(),
            0
        );
    }

    #[test]
    fn tokens_are_found_whatever_touches_them() {
        let store = prefix("a_a");
        let (one, two) = (token("a_a", "live"), token("a_a", "a"));
        let (one, two) = (one.expose(), two.expose());
        let text = format!("xa_{one}a_{two}zz\u{e9}{two}\n{one}{}", &one[..80]);
        let found: Vec<_> = find_in(text.as_bytes(), &store)
            .map(|at| &text[at])
            .collect();
        assert_eq!(found, [one, two, two, one]);
        assert_eq!(find_in(text.as_bytes(), &prefix("b")).count(), 0);
        assert_eq!(find_in(b"", &store).count(), 0);
    }

    #[test]
    fn two_tokens_that_overlap_are_both_found() {
        // The checksum of the first ends in the prefix of the second, which is one letter.
        let store = prefix("a");
        let first = loop {
            let first = token("a", "live");
            if first.as_bytes().ends_with(b"a") {
                break first;
            }
        };
        let text = [first.as_bytes(), &token("a", "live").as_bytes()[1..]].concat();
        let found: Vec<_> = find_in(&text, &store).collect();
        assert_eq!(found, [0..79, 78..157]);
    }

    #[test]
    fn prefixes_and_environments_follow_their_rules() {
        for right in ["a", "acme", "a_", "a__9", "abcdefghij0123456789"] {
            assert_eq!(prefix(right).to_string(), right);
        }
        for wrong in ["", "_a", "9a", "A", "aB", "a-b", "a b", "é", "a\n"] {
            assert_eq!(
                Prefix::parse(wrong).unwrap_err().code(),
                Code::INVALID_ARGUMENT
            );
            assert_eq!(
                Environment::parse(wrong).unwrap_err().code(),
                Code::INVALID_ARGUMENT
            );
        }
        assert_eq!(
            Environment::parse("a_b").unwrap_err().code(),
            Code::INVALID_ARGUMENT
        );
        assert_eq!(
            Prefix::parse(&"a".repeat(21)).unwrap_err().code(),
            Code::LIMIT_EXCEEDED
        );
        assert_eq!(
            Environment::parse(&"a".repeat(17)).unwrap_err().code(),
            Code::LIMIT_EXCEEDED
        );
        assert_eq!(
            Environment::parse(&"a".repeat(16)).unwrap().as_str().len(),
            16
        );
        assert_eq!(Environment::default().as_str(), "live");
        assert!(serde_json::from_str::<Environment>("\"Live\"").is_err());
        assert_eq!(
            serde_json::to_string(&Environment::live()).unwrap(),
            "\"live\""
        );
    }

    #[test]
    fn the_scanner_expression_is_plain() {
        let expression = "acme_[a-z][a-z0-9]{0,15}_1[0-7][0-9A-Za-z]{70}";
        assert_eq!(scanner_expression(&prefix("acme")), expression);
    }

    proptest! {
        #[test]
        fn a_token_reads_back_and_the_scanner_and_the_finder_find_it(
            store in "[a-z][a-z0-9_]{0,19}", environment in "[a-z][a-z0-9]{0,15}",
            before: Vec<u8>, after: Vec<u8>,
        ) {
            let token = token(&store, &environment);
            let store = prefix(&store);
            let parsed = parse(token.as_bytes(), &store).unwrap();
            prop_assert_eq!(parsed.environment, environment);
            let scanner = regex::bytes::Regex::new(&scanner_expression(&store)).unwrap();
            let matched = scanner.find(token.as_bytes()).map(|found| found.as_bytes());
            prop_assert_eq!(matched, Some(token.as_bytes()));
            let text = [&before, token.as_bytes(), &after].concat();
            let found: Vec<_> = find_in(&text, &store).collect();
            let at = before.len();
            prop_assert_eq!(found, vec![Range { start: at, end: at + token.as_bytes().len() }]);
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(
            text in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let _ = parse(&text, &prefix("a"));
            let _ = has_shape(&text, &prefix("a"));
            prop_assert_eq!(find_in(&text, &prefix("a")).count(), 0);
        }

        #[test]
        fn whatever_matches_the_scanner_expression_has_the_shape(
            text in "acme_[a-z][a-z0-9]{0,15}_1[0-6][0-9A-Za-z]{70}",
        ) {
            prop_assert!(has_shape(text.as_bytes(), &prefix("acme")));
        }

        #[test]
        fn the_finder_finds_what_trying_every_range_finds(
            pieces in proptest::collection::vec(0..6_usize, 0..12),
        ) {
            let (one, two) = (token("a_", "a"), token("a_", "b1"));
            let parts = [one.as_bytes(), two.as_bytes(), b"a_", b"_a", b"1", &one.as_bytes()[..30]];
            let text = pieces.iter().map(|&piece| parts[piece]).collect::<Vec<_>>().concat();
            let store = prefix("a_");
            let mut tried = Vec::new();
            for start in 0..text.len() {
                for end in start + 77..=text.len().min(start + TOKEN_BYTES) {
                    if text.get(start..end).is_some_and(|text| parse(text, &store).is_ok()) {
                        tried.push(start..end);
                    }
                }
            }
            prop_assert_eq!(find_in(&text, &store).collect::<Vec<_>>(), tried);
        }
    }
}

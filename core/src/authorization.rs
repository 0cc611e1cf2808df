//! The value of an HTTP `Authorization` header: is there a token in it, and which bytes are it.
//!
//! The value is `Bearer` in any case, one or more blanks (spaces or tabs), and the token; blanks
//! at both ends are ignored. A value of another scheme holds no token. A value that names the
//! scheme and is anything else is refused: which of two tokens was meant is not for a guess.

use std::fmt;

use crate::error::Denied;

const SCHEME: &[u8] = b"bearer";

/// What an `Authorization` value holds; a token in it is not checked yet.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials<'a> {
    /// Nothing for this store: no value, an empty one, or one of another scheme.
    ///
    /// Over HTTP this is 401 with `WWW-Authenticate: Bearer` and no error code (RFC 6750, 3.1).
    None,
    /// The bytes that were presented as a token.
    Token(&'a [u8]),
}

/// Shows whether there is a token, and nothing of it.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::None => "None",
            Credentials::Token(_) => "Token([redacted])",
        })
    }
}

/// Takes the token out of the value of an `Authorization` header.
///
/// `Bearer` with nothing behind it holds no credentials.
///
/// # Errors
///
/// [`Denied::Malformed`] if anything follows the token, if it holds a control character, or if
/// there are several values (a comma) of which one is of the scheme `Bearer`.
pub fn parse_authorization(value: &[u8]) -> Result<Credentials<'_>, Denied> {
    // Other schemes have commas of their own, so that a comma alone says nothing.
    let mut several = value.split(|&byte| byte == b',').peekable();
    let Some(first) = several.next() else {
        return Ok(Credentials::None);
    };
    if several.peek().is_some() {
        let any_bearer =
            after_scheme(first).is_some() || several.any(|v| after_scheme(v).is_some());
        return if any_bearer {
            Err(Denied::Malformed)
        } else {
            Ok(Credentials::None)
        };
    }
    match after_scheme(first) {
        None | Some([]) => Ok(Credentials::None),
        Some(token)
            if token
                .iter()
                .any(|&byte| is_blank(byte) || byte.is_ascii_control()) =>
        {
            Err(Denied::Malformed)
        }
        Some(token) => Ok(Credentials::Token(token)),
    }
}

/// What follows the scheme `Bearer` in one value, without blanks at its ends.
fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let value = trim(value);
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let ends = rest.first().is_none_or(|&byte| is_blank(byte));
    (scheme.eq_ignore_ascii_case(SCHEME) && ends).then(|| trim(rest))
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_blank(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_blank(*last)
    {
        text = rest;
    }
    text
}

const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn the_shared_vectors_hold() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/authorization.json")).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let value = match &case["hex"] {
                Value::String(digits) => hex::decode(digits).unwrap(),
                _ => case["value"].as_str().unwrap().as_bytes().to_vec(),
            };
            let (expected, code) = match parse_authorization(&value) {
                Ok(Credentials::None) => ("none", None),
                Ok(Credentials::Token(token)) => {
                    assert_eq!(case["token_hex"], hex::encode(token), "{}", case["case"]);
                    ("token", None)
                }
                Err(denied) => ("malformed", Some(denied.code().number())),
            };
            assert_eq!(case["expected"], expected, "{}", case["case"]);
            assert_eq!(
                case["code"].as_u64(),
                code.map(u64::from),
                "{}",
                case["case"]
            );
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_token() {
        let credentials = parse_authorization(b"Bearer acme_live_1").unwrap();
        assert_eq!(format!("{credentials:?}"), "Token([redacted])");
    }

    proptest! {
        #[test]
        fn a_token_between_blanks_is_taken_whole(
            before in "[ \t]{0,3}", scheme in "[bB][eE][aA][rR][eE][rR]", between in "[ \t]{1,3}",
            token in "[!-+\\--~]{1,120}", after in "[ \t]{0,3}",
        ) {
            let value = format!("{before}{scheme}{between}{token}{after}");
            let parsed = parse_authorization(value.as_bytes());
            prop_assert_eq!(parsed, Ok(Credentials::Token(token.as_bytes())));
        }

        #[test]
        fn a_token_that_is_taken_is_one_word(value in "(bearer[ ,]?)?(?s:.){0,40}") {
            if let Ok(Credentials::Token(token)) = parse_authorization(value.as_bytes()) {
                prop_assert!(!token.is_empty());
                prop_assert!(!token.iter().any(|byte| b" \t,\r\n\0".contains(byte)));
            }
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(value: Vec<u8>) {
            let _ = parse_authorization(&value);
        }
    }
}

//! [`KeyId`] and [`ProjectId`]: sixteen bytes, and the 22 characters that stand for them.
//!
//! An id is a `UUIDv7` (RFC 9562): the milliseconds since 1970 come first, so that ids sort by
//! the time of creation, as bytes and as text. Ids are public; they are no secrets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base62;
use crate::error::{Misuse, StoreError};
use crate::secret::fill_from_system;

/// The characters of an id as text.
const TEXT_LEN: usize = 22;

/// The last millisecond that the 48 bits of a `UUIDv7` hold, in the year 10889.
const LAST_MS: u64 = (1 << 48) - 1;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The characters of an id as text.
            pub const TEXT_LEN: usize = TEXT_LEN;

            /// The id of these bytes; any sixteen bytes are an id.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes, which sort as the text does.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The id as 22 characters of `0-9A-Za-z`, which sort as the bytes do.
            pub fn to_text(self) -> [u8; TEXT_LEN] {
                let mut text = [0; TEXT_LEN];
                base62::encode(u128::from_be_bytes(self.0), &mut text);
                text
            }

            /// The id of a text, which must be exactly what [`to_text`](Self::to_text) gives.
            #[inline]
            pub fn parse(text: &[u8]) -> Option<Self> {
                let text: &[u8; TEXT_LEN] = text.try_into().ok()?;
                base62::decode(text).map(|number| Self(number.to_be_bytes()))
            }

            /// When the id was drawn, in milliseconds since 1970, as the clock showed it then.
            pub fn created_ms(self) -> i64 {
                let [a, b, c, d, e, f, ..] = self.0;
                i64::from_be_bytes([0, 0, a, b, c, d, e, f])
            }

            /// A new id, with 74 bits drawn from the operating system.
            ///
            /// A time before 1970 counts as 1970.
            ///
            /// # Errors
            ///
            /// [`StoreError::Io`] if the operating system gives no random bytes.
            pub(crate) fn generate(unix_ms: i64) -> Result<Self, StoreError> {
                let mut random = [0; 10];
                fill_from_system(&mut random)?;
                Ok(Self(new_uuid(unix_ms, &random)))
            }
        }

        impl FromStr for $name {
            type Err = Misuse;

            fn from_str(text: &str) -> Result<Self, Misuse> {
                Self::parse(text.as_bytes()).ok_or_else(|| Misuse::argument($what, RIGHT_TEXT))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(str::from_utf8(&self.to_text()).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id! {
    /// Which key: sixteen bytes that are never given twice, and public.
    ///
    /// It is a part of the token, and rotating a key keeps it. Serialized as sixteen bytes.
    KeyId, "key id"
}

id! {
    /// Which project: sixteen bytes that are never given twice, and public.
    ///
    /// A project's name may be given again after the project was deleted, its id never.
    /// Serialized as sixteen bytes.
    ProjectId, "project id"
}

/// The text of a key id as it stands in a token, in three words of eight characters, of which the
/// last two overlap. Who verifies a token hands its id on like this, and only who asks for the id
/// pays for reading it; comparing and handing on words does not go through memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdText(pub(crate) [u64; 3]);

impl IdText {
    #[inline]
    pub(crate) fn of(text: &[u8; TEXT_LEN]) -> Self {
        let word = |from: usize| match text.get(from..).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => 0,
        };
        IdText([word(0), word(8), word(TEXT_LEN - 8)])
    }

    /// The characters.
    #[inline]
    pub(crate) fn text(self) -> [u8; TEXT_LEN] {
        let [first, second, last] = self.0.map(u64::to_le_bytes);
        let mut text = [0; TEXT_LEN];
        text[..8].copy_from_slice(&first);
        text[8..16].copy_from_slice(&second);
        text[TEXT_LEN - 8..].copy_from_slice(&last);
        text
    }

    /// The id, of a text that was read before.
    pub(crate) fn id(self) -> KeyId {
        // Always some: the record was looked up by it once.
        let number = base62::decode(&self.text()).unwrap_or_default();
        KeyId(number.to_be_bytes())
    }
}

impl From<KeyId> for IdText {
    fn from(id: KeyId) -> Self {
        IdText::of(&id.to_text())
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.id(), f)
    }
}

const RIGHT_TEXT: &str =
    "an id is 22 characters of 0-9, A-Z and a-z, and at most 7n42DGM5Tflk9n8mt7Fhc7";

fn new_uuid(unix_ms: i64, random: &[u8; 10]) -> [u8; 16] {
    let ms = u64::try_from(unix_ms).unwrap_or(0).min(LAST_MS);
    uuid::Builder::from_unix_timestamp_millis(ms, random)
        .into_uuid()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_9562_comes_out() {
        let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
        let id = KeyId(new_uuid(1_645_557_742_000, &random));
        assert_eq!(hex::encode(id.0), "017f22e279b07cc398c4dc0c0c07398f");
        assert_eq!(id.created_ms(), 1_645_557_742_000);
    }

    #[test]
    fn two_ids_of_one_millisecond_differ_and_both_say_when() {
        let (one, two) = (
            KeyId::generate(1_234).unwrap(),
            KeyId::generate(1_234).unwrap(),
        );
        assert_ne!(one, two);
        assert_eq!((one.created_ms(), two.created_ms()), (1_234, 1_234));
        assert_eq!(
            (one.0[6] >> 4, one.0[8] >> 6),
            (7, 0b10),
            "version and variant"
        );
    }

    #[test]
    fn a_time_that_an_id_cannot_hold_is_the_nearest_that_it_can() {
        assert_eq!(KeyId::generate(-1).unwrap().created_ms(), 0);
        assert_eq!(
            ProjectId::generate(i64::MAX).unwrap().created_ms(),
            (1 << 48) - 1
        );
    }

    #[test]
    fn only_22_canonical_characters_are_an_id() {
        assert_eq!(
            KeyId::parse(b"0000000000000000000000"),
            Some(KeyId([0; 16]))
        );
        assert_eq!(
            KeyId::parse(b"7n42DGM5Tflk9n8mt7Fhc7"),
            Some(KeyId([255; 16]))
        );
        for wrong in [
            "",
            "000000000000000000000",
            "00000000000000000000000",
            "7n42DGM5Tflk9n8mt7Fhc8",
            "000000000000000000000-",
            " 000000000000000000000",
            "00000000000000000000é",
        ] {
            assert_eq!(KeyId::parse(wrong.as_bytes()), None, "{wrong:?}");
            let message = wrong.parse::<ProjectId>().unwrap_err().to_string();
            assert!(
                message.starts_with("project id: an id is 22 characters"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_record_holds_an_id_as_sixteen_bytes() {
        let id = KeyId(*b"0123456789abcdef");
        assert_eq!(postcard::to_allocvec(&id).unwrap(), id.0);
        assert_eq!(postcard::from_bytes::<KeyId>(&id.0).unwrap(), id);
    }

    proptest! {
        #[test]
        fn text_and_bytes_stand_for_each_other_and_sort_alike(one: [u8; 16], two: [u8; 16]) {
            let (one, two) = (KeyId(one), KeyId(two));
            prop_assert_eq!(KeyId::parse(&one.to_text()), Some(one));
            prop_assert_eq!(one.to_string().parse::<KeyId>().unwrap(), one);
            prop_assert_eq!(one.cmp(&two), one.to_text().cmp(&two.to_text()));
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(text: Vec<u8>) {
            let _ = KeyId::parse(&text);
        }
    }
}

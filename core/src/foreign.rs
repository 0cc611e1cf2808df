//! Keys that another system issued: how a presented string is turned into what is kept of it.
//!
//! Pure judgement, without a store. [`Scheme::digest`] turns a presented string into what a row of
//! the same scheme holds, so that the two can be compared. Every character counts: what a foreign
//! hash does not see (the row id of Sanctum, the prefix and the short token of `prefixed-api-key`)
//! is kept and compared, and where it reads two spellings as one (knox 4.2 and the case of
//! hexadecimal) only the spelling that was issued is accepted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

use crate::error::Misuse;
use crate::limits;

/// What a line of an import is in.
///
/// `raw`, `sha256-hex` and `sha256-base64` lines are the bare string or a JSON object; the others
/// are JSON objects with the foreign system's own column names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
// New formats go last: an encoding by position keeps its meaning.
pub enum ForeignFormat {
    /// The original string.
    Raw,
    /// SHA-256 of the original string, in hexadecimal.
    Sha256Hex,
    /// SHA-256 of the original string, in base64 (either alphabet, padded or not).
    Sha256Base64,
    /// A row of `djangorestframework-api-key` 3.
    DrfApiKey,
    /// A row of `django-rest-knox` 4.2 or 5.
    Knox,
    /// Prefix, short token and hash of the long token, of Seam's `prefixed-api-key`.
    PrefixedApiKey,
    /// A row of Laravel Sanctum's `personal_access_tokens`.
    Sanctum,
    /// A key of Unkey.
    Unkey,
}

impl ForeignFormat {
    /// Every format.
    pub const ALL: &'static [ForeignFormat] = &[
        ForeignFormat::Raw,
        ForeignFormat::Sha256Hex,
        ForeignFormat::Sha256Base64,
        ForeignFormat::DrfApiKey,
        ForeignFormat::Knox,
        ForeignFormat::PrefixedApiKey,
        ForeignFormat::Sanctum,
        ForeignFormat::Unkey,
    ];

    /// The name, the same in every language: `drf-api-key`.
    pub const fn name(self) -> &'static str {
        match self {
            ForeignFormat::Raw => "raw",
            ForeignFormat::Sha256Hex => "sha256-hex",
            ForeignFormat::Sha256Base64 => "sha256-base64",
            ForeignFormat::DrfApiKey => "drf-api-key",
            ForeignFormat::Knox => "knox",
            ForeignFormat::PrefixedApiKey => "prefixed-api-key",
            ForeignFormat::Sanctum => "sanctum",
            ForeignFormat::Unkey => "unkey",
        }
    }
}

impl fmt::Display for ForeignFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ForeignFormat {
    type Err = Misuse;

    fn from_str(name: &str) -> Result<Self, Misuse> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.name() == name)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
                Misuse::argument("format", format!("not one of {}", names.join(", ")))
            })
    }
}

/// How a presented string is turned into a digest and what is kept beside it.
///
/// The numbers are part of the file format: they stand in records and in the digest index. A
/// number is never reused and never changes its meaning. Several formats share a scheme, so that
/// a presented string is hashed once for all of them.
///
/// | number | digest | kept |
/// |---|---|---|
/// | 1 | SHA-256 of the whole string | nothing |
/// | 2 | SHA-512 of the whole string | nothing |
/// | 3 | SHA-512 of the bytes that the string, lower-case hexadecimal, stands for | nothing |
/// | 4 | SHA-256 of what follows the last `_` | what precedes that `_` |
/// | 5 | SHA-256 of what follows the first `\|` | what precedes that `\|` |
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub(crate) enum Scheme {
    /// `raw`, `sha256-hex`, `sha256-base64`, `unkey`, and `knox` where it is set to SHA-256.
    Sha256 = 1,
    /// `drf-api-key`, and `knox` from 5.0 on, which hashes the characters of the token.
    Sha512 = 2,
    /// `knox` 4.2, which hashes the bytes that the token stands for.
    Sha512OfHex = 3,
    /// `prefixed-api-key`.
    Sha256AfterUnderscore = 4,
    /// `sanctum`.
    Sha256AfterBar = 5,
}

impl From<Scheme> for u8 {
    fn from(scheme: Scheme) -> u8 {
        scheme as u8
    }
}

impl TryFrom<u8> for Scheme {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::ALL
            .iter()
            .copied()
            .find(|scheme| u8::from(*scheme) == number)
            .ok_or("no scheme has this number")
    }
}

impl Scheme {
    /// Every scheme, in the order of the numbers.
    pub(crate) const ALL: &'static [Scheme] = &[
        Scheme::Sha256,
        Scheme::Sha512,
        Scheme::Sha512OfHex,
        Scheme::Sha256AfterUnderscore,
        Scheme::Sha256AfterBar,
    ];

    /// What a stored secret of this scheme would be for a presented string, or nothing where no
    /// string of the scheme looks like that. Never looks at more than
    /// [`PRESENTED_BYTES`](limits::PRESENTED_BYTES).
    pub(crate) fn digest(self, presented: &[u8]) -> Option<ForeignSecret> {
        if presented.is_empty() || presented.len() > limits::PRESENTED_BYTES {
            return None;
        }
        let (digest, kept) = match self {
            Scheme::Sha256 => (sha256(presented), ""),
            Scheme::Sha512 => (sha512(presented), ""),
            Scheme::Sha512OfHex => {
                // The foreign hash reads `A` as `a`; it never issues `A`, so it is not accepted.
                let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                if !presented.iter().all(lower) {
                    return None;
                }
                let bytes = Zeroizing::new(hex::decode(presented).ok()?);
                (sha512(&bytes), "")
            }
            Scheme::Sha256AfterUnderscore => {
                let at = presented.iter().rposition(|byte| *byte == b'_')?;
                split_hash(presented, at)?
            }
            Scheme::Sha256AfterBar => {
                let at = presented.iter().position(|byte| *byte == b'|')?;
                split_hash(presented, at)?
            }
        };
        Some(ForeignSecret {
            scheme: self,
            digest,
            kept: kept.to_owned(),
        })
    }

    pub(crate) const fn digest_bytes(self) -> usize {
        match self {
            Scheme::Sha256 | Scheme::Sha256AfterUnderscore | Scheme::Sha256AfterBar => 32,
            Scheme::Sha512 | Scheme::Sha512OfHex => 64,
        }
    }

    pub(crate) const fn keeps(self) -> bool {
        matches!(self, Scheme::Sha256AfterUnderscore | Scheme::Sha256AfterBar)
    }
}

/// What precedes the separator at `at` is kept, what follows it is hashed; neither may be empty.
fn split_hash(presented: &[u8], at: usize) -> Option<(Vec<u8>, &str)> {
    let (kept, hashed) = (&presented[..at], &presented[at + 1..]);
    if kept.is_empty() || hashed.is_empty() {
        return None;
    }
    Some((sha256(hashed), std::str::from_utf8(kept).ok()?))
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

pub(crate) fn sha512(bytes: &[u8]) -> Vec<u8> {
    Sha512::digest(bytes).to_vec()
}

/// What is stored of an imported secret. The secret itself is not in it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredSecret")]
pub(crate) struct ForeignSecret {
    /// How a presented string is turned into the two others.
    pub(crate) scheme: Scheme,
    /// 32 or 64 bytes, as the scheme says.
    pub(crate) digest: Vec<u8>,
    /// What the scheme does not hash, character for character; empty where it hashes everything.
    pub(crate) kept: String,
}

impl ForeignSecret {
    /// Whether both are of the same string. Of the digest every byte is read, whatever the first
    /// ones are; scheme and kept part are public.
    pub(crate) fn matches(&self, presented: &ForeignSecret) -> bool {
        if self.digest.len() != presented.digest.len() {
            return false;
        }
        let pairs = self.digest.iter().zip(&presented.digest);
        let differing = pairs.fold(0, |acc, (ours, theirs)| {
            std::hint::black_box(acc | ours ^ theirs)
        });
        differing == 0 && self.scheme == presented.scheme && self.kept == presented.kept
    }
}

impl fmt::Debug for ForeignSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignSecret")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}

/// The same fields before they were looked at, so that no decoding yields an unsound secret.
#[derive(Deserialize)]
struct StoredSecret {
    scheme: Scheme,
    digest: Vec<u8>,
    kept: String,
}

impl TryFrom<StoredSecret> for ForeignSecret {
    type Error = &'static str;

    fn try_from(stored: StoredSecret) -> Result<Self, Self::Error> {
        let StoredSecret {
            scheme,
            digest,
            kept,
        } = stored;
        if digest.len() != scheme.digest_bytes() {
            return Err("the digest of an imported secret is not as long as its scheme says");
        }
        if kept.is_empty() == scheme.keeps() || kept.len() >= limits::PRESENTED_BYTES {
            return Err("the kept part of an imported secret does not fit its scheme");
        }
        Ok(ForeignSecret {
            scheme,
            digest,
            kept,
        })
    }
}

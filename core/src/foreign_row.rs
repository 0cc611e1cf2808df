//! Lines of an import: what each says of a key that another system issued.
//!
//! Pure judgement, without a store. [`parse_line`] turns one line into a [`ForeignRow`] and never
//! guesses: a line that does not say everything, or holds a secret that is too weak or hashed in a
//! way that cannot be looked up, is refused with the reason.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::foreign::{ForeignFormat, ForeignSecret, Scheme, sha256, sha512};
use crate::limits;

/// Longest line that is looked at: a record at its bounds with every byte escaped fits.
const LINE_BYTES: usize = 8 * limits::RECORD_BYTES;

/// Fewest distinct characters of a raw key; of 22 random base62 characters 15 and more differ.
const DISTINCT_CHARACTERS: usize = 8;

/// The latest time that is taken for whole seconds (the end of the year 9999); milliseconds of
/// today lie beyond it.
const LATEST_SECONDS: i64 = 253_402_300_799;

/// The name under which what a foreign system calls its key is kept in the metadata.
pub(crate) const IMPORTED_ID: &str = "imported_id";

const TOO_LONG: &str = "longer than 512 bytes, and a longer token is never looked at";
const LINE_TOO_LONG: &str = "the line is longer than any row can be";
const EMPTY: &str = "empty";
const NOT_PRINTABLE: &str =
    "holds white space or another character that is not printable ASCII, which no header carries";
const SLOW_HASH: &str = "a slow password hash, which cannot be looked up by what is presented; \
     only fast digests can be imported";
const STORED_HASH: &str = "a stored hash and not a key; name the format that it is in";
const UUID: &str = "a UUID, which holds at most 122 random bits, and 128 are required";
const REPETITIVE: &str = "repeats itself; a key must be random";
const WEAK: &str =
    "less than 128 bits by its length and alphabet (words in front, as in sk_live_, do not count)";
const NOT_JSON: &str = "not a JSON object";
const NOT_A_TIME: &str = "a time is neither whole Unix seconds nor RFC 3339 with its offset";
const NOT_SECONDS: &str = "a time is not in Unix seconds from 1970 to 9999; never is null, not 0";
const NOT_MILLISECONDS: &str =
    "a time is not in Unix milliseconds from 1970 to 9999; never is null, not 0";
const NOT_A_FLAG: &str = "a flag is neither true nor false";
const KEY_OR_DIGEST: &str =
    "a line of this format holds `key` if raw and `digest` if not, and not both";
const NOT_SHA256_HEX: &str = "the digest is not 64 hexadecimal characters of SHA-256";
const NOT_SHA256_BASE64: &str = "the digest is not the base64 of the 32 bytes of SHA-256";
const DIGEST_OF_NOTHING: &str = "the digest of an empty string, or no digest at all";
const OWN_MEMBERS: &str = "a member is missing, doubled, unknown or of the wrong type; known are \
     key or digest, name, owner, environment, scopes, created_at, expires_at and metadata";
const DRF_COLUMNS: &str = "not a row of djangorestframework-api-key 3: prefix, hashed_key, name, \
     created, expiry_date and revoked are needed, once each and of their type";
const DRF_OLD_HASH: &str = "a slow password hash of djangorestframework-api-key before 3; version \
     3 re-hashes a key when it is next used, so export the row again after that";
const DRF_HASH: &str = "hashed_key is not `sha512$$` and 128 hexadecimal characters";
const DRF_PREFIX: &str = "prefix is not 1 to 8 printable characters without a dot";
const KNOX_COLUMNS: &str = "not a row of django-rest-knox: digest, token_key, user_id, created \
     and expiry are needed, once each and of their type";
const KNOX_SALT: &str = "a row of django-rest-knox before 4.2, whose salt keeps its digest from \
     being looked up";
const KNOX_TOKEN_KEY: &str = "token_key is neither of 15 characters (django-rest-knox 5) nor of 8 \
     hexadecimal ones (4.2)";
const KNOX_DIGEST: &str =
    "the digest is neither SHA-512 nor SHA-256 in hexadecimal (of 4.2 only SHA-512)";
const PREFIXED_COLUMNS: &str = "not a row for prefixed-api-key: prefix, short_token and \
     long_token_hash are needed, and beside them only name, owner, environment, scopes, \
     created_at, expires_at, revoked and metadata are known, once each and of their type";
const PREFIXED_PARTS: &str = "prefix or short_token is empty, too long or not printable ASCII, or \
     short_token holds an underscore";
const SANCTUM_COLUMNS: &str = "not a row of Sanctum: id, token, abilities, tokenable_id and \
     expires_at are needed, once each and of their type";
const SANCTUM_ID: &str = "the row id is empty, too long or holds a bar or an unprintable character";
const SANCTUM_ABILITIES: &str = "abilities is not a JSON list of strings";
const UNKEY_MEMBERS: &str = "not a key of Unkey: hash is needed, and every member once and of its \
     type";
const UNKEY_VARIANT: &str = "the hash is of another variant than sha256_base64";
const UNKEY_LIMITS: &str = "has a limit of uses or of a rate, which keyfob does not keep; remove \
     that member to import the key without";

/// Why a line cannot be imported. Never holds anything of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ForeignError(&'static str);

impl ForeignError {
    /// What is wrong with the line.
    pub(crate) const fn reason(self) -> &'static str {
        self.0
    }
}

/// What one line of an import says.
///
/// Texts, scopes, times and metadata are as the line has them; whoever stores them holds them to
/// the same rules and bounds as those of a native key.
pub(crate) struct ForeignRow {
    /// What is stored instead of the string.
    pub(crate) secret: ForeignSecret,
    /// The string itself where the line holds it, to be looked at for the store's own shape.
    pub(crate) raw: Option<Zeroizing<String>>,
    /// The name, if the line has one that is not empty.
    pub(crate) name: Option<String>,
    /// For whom the key is.
    pub(crate) owner: Option<String>,
    /// The environment, if the line names one.
    pub(crate) environment: Option<String>,
    /// The scopes; `None` where the format has none or the line does not say, which is not the
    /// same as an empty list: a default may stand in for the one and must not for the other.
    pub(crate) scopes: Option<Vec<String>>,
    /// When it was created, in Unix seconds.
    pub(crate) created_at: Option<i64>,
    /// From when on it is no longer good, in Unix seconds; a fraction is cut off.
    pub(crate) expires_at: Option<i64>,
    /// Whether it was taken away for good.
    pub(crate) revoked: bool,
    /// Whether it is switched off.
    pub(crate) disabled: bool,
    /// Metadata, with what the foreign system calls the key as `imported_id`.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl fmt::Debug for ForeignRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignRow")
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

impl ForeignRow {
    fn of(secret: ForeignSecret) -> Self {
        ForeignRow {
            secret,
            raw: None,
            name: None,
            owner: None,
            environment: None,
            scopes: None,
            created_at: None,
            expires_at: None,
            revoked: false,
            disabled: false,
            metadata: BTreeMap::new(),
        }
    }

    /// Keeps what the foreign system calls the key; metadata of the same name goes first.
    fn imported_as(mut self, id: Option<String>) -> Self {
        if let Some(id) = id {
            self.metadata.entry(IMPORTED_ID.to_owned()).or_insert(id);
        }
        self
    }
}

/// Reads one line of an import, with or without its line end.
pub(crate) fn parse_line(format: ForeignFormat, line: &str) -> Result<ForeignRow, ForeignError> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(ForeignError(EMPTY));
    }
    if line.len() > LINE_BYTES {
        return Err(ForeignError(LINE_TOO_LONG));
    }
    match format {
        ForeignFormat::Raw | ForeignFormat::Sha256Hex | ForeignFormat::Sha256Base64 => {
            own_line(format, line)
        }
        ForeignFormat::DrfApiKey => drf_row(line),
        ForeignFormat::Knox => knox_row(line),
        ForeignFormat::PrefixedApiKey => prefixed_row(line),
        ForeignFormat::Sanctum => sanctum_row(line),
        ForeignFormat::Unkey => unkey_row(line),
    }
}

/// The object of a line. What serde says of a failure may quote the line, so it is not passed on.
fn object<'de, T: Deserialize<'de>>(
    line: &'de str,
    columns: &'static str,
) -> Result<T, ForeignError> {
    // A list would fill the members by position; only an object names them.
    if !line.trim_ascii_start().starts_with('{') {
        return Err(ForeignError(NOT_JSON));
    }
    serde_json::from_str(line).map_err(|error| {
        let data = error.classify() == serde_json::error::Category::Data;
        ForeignError(if data { columns } else { NOT_JSON })
    })
}

/// A column that must be there and may be null: without it an expiry that was not exported would
/// become no expiry.
fn nullable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Time {
    Number(i64),
    Text(String),
}

impl Time {
    /// Whole seconds, rounded down: never good for longer than where it comes from.
    fn seconds(&self) -> Result<i64, ForeignError> {
        let seconds = match self {
            Time::Number(seconds) => *seconds,
            Time::Text(text) => {
                let time: jiff::Timestamp = text.parse().map_err(|_| ForeignError(NOT_A_TIME))?;
                i64::try_from(time.as_nanosecond().div_euclid(1_000_000_000))
                    .map_err(|_| ForeignError(NOT_SECONDS))?
            }
        };
        if (1..=LATEST_SECONDS).contains(&seconds) {
            Ok(seconds)
        } else {
            Err(ForeignError(NOT_SECONDS))
        }
    }
}

fn seconds(time: Option<&Time>) -> Result<Option<i64>, ForeignError> {
    time.map(Time::seconds).transpose()
}

/// A boolean as JSON has it, or as databases without one do.
#[derive(Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(u64),
}

impl Flag {
    fn is_set(&self) -> Result<bool, ForeignError> {
        match self {
            Flag::Bool(set) => Ok(*set),
            Flag::Number(0) => Ok(false),
            Flag::Number(1) => Ok(true),
            Flag::Number(_) => Err(ForeignError(NOT_A_FLAG)),
        }
    }
}

fn is_set(flag: Option<&Flag>) -> Result<bool, ForeignError> {
    flag.map_or(Ok(false), Flag::is_set)
}

/// A primary key: an integer or a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum RowId {
    Number(u64),
    Text(String),
}

impl RowId {
    fn into_text(self) -> String {
        match self {
            RowId::Number(number) => number.to_string(),
            RowId::Text(text) => text,
        }
    }
}

fn named(name: Option<String>) -> Option<String> {
    name.filter(|name| !name.is_empty())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnLine {
    key: Option<Zeroizing<String>>,
    digest: Option<String>,
    name: Option<String>,
    owner: Option<String>,
    environment: Option<String>,
    scopes: Option<Vec<String>>,
    created_at: Option<Time>,
    expires_at: Option<Time>,
    metadata: Option<BTreeMap<String, String>>,
}

fn own_line(format: ForeignFormat, line: &str) -> Result<ForeignRow, ForeignError> {
    if !line.starts_with('{') {
        return own_secret(format, line);
    }
    let own: OwnLine = object(line, OWN_MEMBERS)?;
    let mut row = match (&own.key, &own.digest, format) {
        (Some(key), None, ForeignFormat::Raw) => own_secret(format, key)?,
        (None, Some(digest), ForeignFormat::Sha256Hex | ForeignFormat::Sha256Base64) => {
            own_secret(format, digest)?
        }
        _ => return Err(ForeignError(KEY_OR_DIGEST)),
    };
    row.name = named(own.name);
    row.owner = named(own.owner);
    row.environment = own.environment;
    row.scopes = own.scopes;
    row.created_at = seconds(own.created_at.as_ref())?;
    row.expires_at = seconds(own.expires_at.as_ref())?;
    row.metadata = own.metadata.unwrap_or_default();
    Ok(row)
}

fn own_secret(format: ForeignFormat, text: &str) -> Result<ForeignRow, ForeignError> {
    let digest = match format {
        ForeignFormat::Sha256Hex => hex_digest(text, 32, NOT_SHA256_HEX)?,
        ForeignFormat::Sha256Base64 => base64_digest(text)?,
        _ => {
            judge_raw(text)?;
            let mut row = ForeignRow::of(whole(Scheme::Sha256, sha256(text.as_bytes())));
            row.raw = Some(Zeroizing::new(text.to_owned()));
            return Ok(row);
        }
    };
    Ok(ForeignRow::of(whole(Scheme::Sha256, digest)))
}

fn whole(scheme: Scheme, digest: Vec<u8>) -> ForeignSecret {
    ForeignSecret {
        scheme,
        digest,
        kept: String::new(),
    }
}

#[derive(Deserialize)]
struct DrfRow {
    prefix: String,
    hashed_key: String,
    #[serde(deserialize_with = "nullable")]
    name: Option<String>,
    created: Time,
    #[serde(deserialize_with = "nullable")]
    expiry_date: Option<Time>,
    revoked: Flag,
}

fn drf_row(line: &str) -> Result<ForeignRow, ForeignError> {
    let drf: DrfRow = object(line, DRF_COLUMNS)?;
    if is_slow_hash(&drf.hashed_key) {
        return Err(ForeignError(DRF_OLD_HASH));
    }
    // The whole key is hashed, with its prefix and its dot; so the prefix need not be kept.
    let hash = drf
        .hashed_key
        .strip_prefix("sha512$$")
        .ok_or(ForeignError(DRF_HASH))?;
    let digest = hex_digest(hash, 64, DRF_HASH)?;
    let prefix = drf.prefix.as_bytes();
    let sound = |byte: &u8| byte.is_ascii_graphic() && *byte != b'.';
    if prefix.is_empty() || prefix.len() > 8 || !prefix.iter().all(sound) {
        return Err(ForeignError(DRF_PREFIX));
    }
    let mut row = ForeignRow::of(whole(Scheme::Sha512, digest));
    row.name = named(drf.name);
    row.created_at = Some(drf.created.seconds()?);
    row.expires_at = seconds(drf.expiry_date.as_ref())?;
    row.revoked = drf.revoked.is_set()?;
    Ok(row.imported_as(Some(drf.prefix)))
}

#[derive(Deserialize)]
struct KnoxRow {
    digest: String,
    token_key: Zeroizing<String>,
    #[serde(alias = "user")]
    user_id: RowId,
    created: Time,
    #[serde(deserialize_with = "nullable")]
    expiry: Option<Time>,
    salt: Option<serde::de::IgnoredAny>,
}

fn knox_row(line: &str) -> Result<ForeignRow, ForeignError> {
    let knox: KnoxRow = object(line, KNOX_COLUMNS)?;
    if knox.salt.is_some() {
        return Err(ForeignError(KNOX_SALT));
    }
    if is_slow_hash(&knox.digest) {
        return Err(ForeignError(SLOW_HASH));
    }
    // 5.0 hashes the characters of the token (its `make_hex_compatible` takes to hexadecimal and
    // back, which changes nothing), 4.2 the bytes that the token stands for. The columns are the
    // same; what differs is how much of the token stands in `token_key`.
    let key = knox.token_key.as_str();
    let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let version_5 = key.chars().count() == 15;
    let version_4 = key.len() == 8 && key.bytes().all(lower_hex);
    let secret = match (version_5, version_4, knox.digest.len()) {
        (true, _, 128) => whole(Scheme::Sha512, hex_digest(&knox.digest, 64, KNOX_DIGEST)?),
        (true, _, 64) => whole(Scheme::Sha256, hex_digest(&knox.digest, 32, KNOX_DIGEST)?),
        (_, true, 128) => whole(
            Scheme::Sha512OfHex,
            hex_digest(&knox.digest, 64, KNOX_DIGEST)?,
        ),
        (false, false, _) => return Err(ForeignError(KNOX_TOKEN_KEY)),
        _ => return Err(ForeignError(KNOX_DIGEST)),
    };
    let mut row = ForeignRow::of(secret);
    row.owner = named(Some(knox.user_id.into_text()));
    row.created_at = Some(knox.created.seconds()?);
    row.expires_at = seconds(knox.expiry.as_ref())?;
    // No `imported_id`: `token_key` is a part of the secret, and the digest is the primary key.
    Ok(row)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrefixedRow {
    prefix: String,
    #[serde(alias = "shortToken")]
    short_token: String,
    #[serde(alias = "longTokenHash")]
    long_token_hash: String,
    name: Option<String>,
    owner: Option<String>,
    environment: Option<String>,
    scopes: Option<Vec<String>>,
    created_at: Option<Time>,
    expires_at: Option<Time>,
    revoked: Option<Flag>,
    metadata: Option<BTreeMap<String, String>>,
}

fn prefixed_row(line: &str) -> Result<ForeignRow, ForeignError> {
    let prefixed: PrefixedRow = object(line, PREFIXED_COLUMNS)?;
    if is_slow_hash(&prefixed.long_token_hash) {
        return Err(ForeignError(SLOW_HASH));
    }
    let (prefix, short) = (&prefixed.prefix, &prefixed.short_token);
    let kept = format!("{prefix}_{short}");
    if prefix.is_empty() || short.contains('_') || !is_keepable(short) || !is_keepable(&kept) {
        return Err(ForeignError(PREFIXED_PARTS));
    }
    let digest = hex_digest(&prefixed.long_token_hash, 32, NOT_SHA256_HEX)?;
    let secret = ForeignSecret {
        scheme: Scheme::Sha256AfterUnderscore,
        digest,
        kept,
    };
    let mut row = ForeignRow::of(secret);
    row.name = named(prefixed.name);
    row.owner = named(prefixed.owner);
    row.environment = prefixed.environment;
    row.scopes = prefixed.scopes;
    row.created_at = seconds(prefixed.created_at.as_ref())?;
    row.expires_at = seconds(prefixed.expires_at.as_ref())?;
    row.revoked = is_set(prefixed.revoked.as_ref())?;
    row.metadata = prefixed.metadata.unwrap_or_default();
    Ok(row.imported_as(Some(prefixed.short_token)))
}

#[derive(Deserialize)]
struct SanctumRow {
    id: RowId,
    token: String,
    name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    abilities: Option<Abilities>,
    tokenable_type: Option<String>,
    tokenable_id: RowId,
    created_at: Option<Time>,
    #[serde(deserialize_with = "nullable")]
    expires_at: Option<Time>,
}

/// The list, or the text of it as the column holds it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Abilities {
    List(Vec<String>),
    Text(String),
}

fn sanctum_row(line: &str) -> Result<ForeignRow, ForeignError> {
    let sanctum: SanctumRow = object(line, SANCTUM_COLUMNS)?;
    if is_slow_hash(&sanctum.token) {
        return Err(ForeignError(SLOW_HASH));
    }
    let digest = hex_digest(&sanctum.token, 32, NOT_SHA256_HEX)?;
    let id = sanctum.id.into_text();
    if id.contains('|') || !is_keepable(&id) {
        return Err(ForeignError(SANCTUM_ID));
    }
    let scopes = match sanctum.abilities {
        None => Vec::new(),
        Some(Abilities::List(list)) => list,
        Some(Abilities::Text(text)) => {
            let list: Option<Vec<String>> =
                serde_json::from_str(&text).map_err(|_| ForeignError(SANCTUM_ABILITIES))?;
            list.unwrap_or_default()
        }
    };
    let secret = ForeignSecret {
        scheme: Scheme::Sha256AfterBar,
        digest,
        kept: id.clone(),
    };
    let mut row = ForeignRow::of(secret);
    row.name = named(sanctum.name);
    // With its type, since user 7 and team 7 are not the same.
    let owner = sanctum.tokenable_id.into_text();
    row.owner = named(Some(match named(sanctum.tokenable_type) {
        Some(kind) => format!("{kind}:{owner}"),
        None => owner,
    }));
    row.scopes = Some(scopes);
    row.created_at = seconds(sanctum.created_at.as_ref())?;
    row.expires_at = seconds(sanctum.expires_at.as_ref())?;
    Ok(row.imported_as(Some(id)))
}

#[derive(Deserialize)]
struct UnkeyRow {
    hash: UnkeyHash,
    #[serde(alias = "id")]
    #[serde(rename = "keyId")]
    key_id: Option<String>,
    name: Option<String>,
    #[serde(rename = "externalId")]
    external_id: Option<String>,
    #[serde(rename = "ownerId")]
    owner_id: Option<String>,
    environment: Option<String>,
    #[serde(rename = "createdAt")]
    created_at: Option<i64>,
    expires: Option<i64>,
    #[serde(rename = "deletedAt")]
    deleted_at: Option<i64>,
    enabled: Option<Flag>,
    permissions: Option<Vec<String>>,
    meta: Option<BTreeMap<String, serde_json::Value>>,
    // What would be lost: the key could do more here than where it comes from.
    remaining: Option<serde::de::IgnoredAny>,
    credits: Option<serde::de::IgnoredAny>,
    refill: Option<serde::de::IgnoredAny>,
    ratelimit: Option<serde::de::IgnoredAny>,
    ratelimits: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum UnkeyHash {
    Bare(String),
    Stated { value: String, variant: String },
}

fn milliseconds(time: Option<i64>) -> Result<Option<i64>, ForeignError> {
    match time.map(|time| time.div_euclid(1_000)) {
        Some(seconds) if !(1..=LATEST_SECONDS).contains(&seconds) => {
            Err(ForeignError(NOT_MILLISECONDS))
        }
        seconds => Ok(seconds),
    }
}

fn unkey_row(line: &str) -> Result<ForeignRow, ForeignError> {
    let unkey: UnkeyRow = object(line, UNKEY_MEMBERS)?;
    let rates = unkey.ratelimits.as_ref().is_some_and(|rates| match rates {
        serde_json::Value::Null => false,
        serde_json::Value::Array(list) => !list.is_empty(),
        _ => true,
    });
    let counts = [
        &unkey.remaining,
        &unkey.credits,
        &unkey.refill,
        &unkey.ratelimit,
    ];
    if rates || counts.into_iter().any(Option::is_some) {
        return Err(ForeignError(UNKEY_LIMITS));
    }
    let digest = match &unkey.hash {
        UnkeyHash::Stated { variant, .. } if variant != "sha256_base64" => {
            return Err(ForeignError(UNKEY_VARIANT));
        }
        UnkeyHash::Bare(value) | UnkeyHash::Stated { value, .. } => base64_digest(value)?,
    };
    let mut row = ForeignRow::of(whole(Scheme::Sha256, digest));
    row.name = named(unkey.name);
    row.owner = named(unkey.external_id).or(named(unkey.owner_id));
    row.environment = named(unkey.environment);
    row.scopes = unkey.permissions;
    row.created_at = milliseconds(unkey.created_at)?;
    row.expires_at = milliseconds(unkey.expires)?;
    row.revoked = unkey.deleted_at.is_some();
    row.disabled = !unkey.enabled.as_ref().map_or(Ok(true), Flag::is_set)?;
    row.metadata = unkey
        .meta
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => (name, text),
            other => (name, other.to_string()),
        })
        .collect();
    Ok(row.imported_as(named(unkey.key_id)))
}

/// Whether a text may be kept and compared: printable, and short enough to be presented at all.
fn is_keepable(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= limits::PRESENTED_BYTES - 2
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn hex_digest(text: &str, bytes: usize, why: &'static str) -> Result<Vec<u8>, ForeignError> {
    if is_slow_hash(text) {
        return Err(ForeignError(SLOW_HASH));
    }
    let digest = hex::decode(text).map_err(|_| ForeignError(why))?;
    sound_digest(digest, bytes, why)
}

fn base64_digest(text: &str) -> Result<Vec<u8>, ForeignError> {
    if is_slow_hash(text) {
        return Err(ForeignError(SLOW_HASH));
    }
    // 32 bytes are 43 characters and at most one of padding.
    let body = if text.len() == 44 {
        text.strip_suffix('=').unwrap_or(text)
    } else {
        text
    };
    let engine = if body.contains(['-', '_']) {
        &URL_SAFE_NO_PAD
    } else {
        &STANDARD_NO_PAD
    };
    let digest = engine
        .decode(body)
        .map_err(|_| ForeignError(NOT_SHA256_BASE64))?;
    sound_digest(digest, 32, NOT_SHA256_BASE64)
}

fn sound_digest(digest: Vec<u8>, bytes: usize, why: &'static str) -> Result<Vec<u8>, ForeignError> {
    if digest.len() != bytes {
        return Err(ForeignError(why));
    }
    let nothing = if bytes == 32 {
        sha256(b"")
    } else {
        sha512(b"")
    };
    if digest == nothing || digest.iter().all(|byte| *byte == digest[0]) {
        return Err(ForeignError(DIGEST_OF_NOTHING));
    }
    Ok(digest)
}

/// Whether a text begins as the hashes of passwords do, as crypt, Django, Passlib, Spring and
/// Werkzeug write them.
fn is_slow_hash(text: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "$2$",
        "$2a$",
        "$2b$",
        "$2x$",
        "$2y$",
        "$argon2",
        "argon2",
        "$scrypt",
        "scrypt$",
        "scrypt:",
        "$7$",
        "$pbkdf2",
        "pbkdf2_",
        "pbkdf2:",
        "bcrypt$",
        "bcrypt_sha256$",
        "$bcrypt",
        "{bcrypt}",
        "{argon2",
        "{scrypt",
        "{pbkdf2",
        "$y$",
        "$gy$",
        "$1$",
        "$5$",
        "$6$",
        "$apr1$",
        "$P$",
        "$H$",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

fn is_stored_hash(text: &str) -> bool {
    const BEGINNINGS: &[&str] = &[
        "sha512$$", "sha256$$", "sha256:", "sha512:", "{SHA", "{SSHA",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

/// Whether a raw string is strong enough to be hashed fast: 128 bits by its length and alphabet.
///
/// This can only see what a string looks like. Words in front that end in `_` or `-` are what
/// operators put there, and do not count.
fn judge_raw(key: &str) -> Result<(), ForeignError> {
    if key.is_empty() {
        return Err(ForeignError(EMPTY));
    }
    if key.len() > limits::PRESENTED_BYTES {
        return Err(ForeignError(TOO_LONG));
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ForeignError(NOT_PRINTABLE));
    }
    if is_slow_hash(key) {
        return Err(ForeignError(SLOW_HASH));
    }
    if is_stored_hash(key) {
        return Err(ForeignError(STORED_HASH));
    }
    let mut random = key.as_bytes();
    loop {
        if is_uuid(random) {
            return Err(ForeignError(UUID));
        }
        let word = random
            .iter()
            .take_while(|byte| byte.is_ascii_lowercase())
            .count();
        match random.get(word) {
            Some(b'_' | b'-') if word >= 2 => random = &random[word + 1..],
            _ => break,
        }
    }
    let millibits = u64::from(millibits_per_character(random)) * random.len() as u64;
    if millibits < u64::from(limits::IMPORTED_BITS) * 1_000 {
        return Err(ForeignError(WEAK));
    }
    let mut seen = [false; 128];
    for byte in random {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    let repeats = |period: usize| random[period..] == random[..random.len() - period];
    if distinct < DISTINCT_CHARACTERS || (1..=random.len() / 2).any(repeats) {
        return Err(ForeignError(REPETITIVE));
    }
    Ok(())
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The binary logarithm of the size of the smallest usual alphabet that a text fits, in
/// thousandths, rounded down.
fn millibits_per_character(text: &[u8]) -> u32 {
    let any = |class: fn(&u8) -> bool| text.iter().any(class);
    let digits = any(u8::is_ascii_digit);
    if !any(|byte| !byte.is_ascii_hexdigit()) {
        return if any(|byte| !byte.is_ascii_digit()) {
            4_000
        } else {
            3_321
        };
    }
    if any(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))) {
        return 6_554; // the 94 printable characters
    }
    if any(|byte| !byte.is_ascii_alphanumeric()) {
        return 6_000; // base64url
    }
    match (
        any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase),
        digits,
    ) {
        (true, true) => 5_954,   // 62
        (true, false) => 5_700,  // 52
        (false, true) => 5_169,  // 36
        (false, false) => 4_700, // 26
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Keys and rows of the real packages, written by `tests/interop/make_rows.py`.
    const ROWS: &str = include_str!("../testdata/foreign_rows.json");

    /// Made by django-rest-knox 4.2.0 under Django 4.2.30, which accepted the key, and accepted
    /// it with its last 56 characters in upper case.
    const KNOX_4_2: (&str, &str) = (
        r#"{"digest": "2330ef964867414bec70a2205dfb5b765858a7cab71cc99e6cec60b3e1d2d339766e7d41c4cfb6d1328696dc4135eb8c25071fe3b03251d9a51db8c49302efe9", "token_key": "ebe01c4e", "user_id": 1, "created": "2026-11-24T02:48:42.396Z", "expiry": null}"#,
        "ebe01c4ecb1b9abebe37860808de19b2e0ddd50c6fd4648491b61e9746596c03",
    );

    fn parse(format: ForeignFormat, line: &str) -> ForeignRow {
        parse_line(format, line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn refusal(format: ForeignFormat, line: &str) -> &'static str {
        parse_line(format, line)
            .map(|_| panic!("{line} was accepted"))
            .unwrap_err()
            .reason()
    }

    /// Whether a row is of a presented string, as the store asks it.
    fn is_of(row: &ForeignRow, presented: &[u8]) -> bool {
        let secret = row.secret.scheme.digest(presented);
        secret.is_some_and(|secret| row.secret.matches(&secret))
    }

    /// Every string one edit away, in each of the ways in which a sloppy comparison would not
    /// see it.
    fn neighbours(key: &str) -> Vec<Vec<u8>> {
        let key = key.as_bytes();
        let mut all = vec![
            key.to_ascii_uppercase(),
            key.to_ascii_lowercase(),
            [key, b"\n"].concat(),
            [b" ", key].concat(),
            [key, key].concat(),
            [b"0", key].concat(),
        ];
        for at in 0..key.len() {
            for bit in 0..8 {
                let mut flipped = key.to_vec();
                flipped[at] ^= 1 << bit;
                all.push(flipped);
            }
            all.push([&key[..at], &key[at + 1..]].concat());
            all.push(key[..at].to_vec());
            for inserted in *b"0a_|. \0" {
                all.push([&key[..at], &[inserted], &key[at..]].concat());
            }
        }
        all.retain(|other| other != key);
        all
    }

    fn accepts_only(row: &ForeignRow, key: &str) {
        assert!(is_of(row, key.as_bytes()), "the original verifies");
        for other in neighbours(key) {
            assert!(
                !is_of(row, &other),
                "{} for {key}",
                String::from_utf8_lossy(&other)
            );
        }
    }

    /// The rows that ship with the source, and those of `KEYFOB_INTEROP_ROWS` where that names a
    /// file just made.
    fn real_rows() -> Vec<serde_json::Value> {
        let mut rows = vec![ROWS.to_owned()];
        if let Some(path) = std::env::var_os("KEYFOB_INTEROP_ROWS") {
            rows.push(std::fs::read_to_string(path).unwrap());
        }
        rows.iter()
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }

    #[test]
    fn keys_of_the_real_django_packages_verify_exactly_where_the_packages_say_so() {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let now = i64::try_from(now).unwrap();
        for rows in real_rows() {
            for format in [ForeignFormat::DrfApiKey, ForeignFormat::Knox] {
                let rows = rows[format.name()].as_array().unwrap();
                assert_eq!(rows.len(), 5);
                for made in rows {
                    let row = parse(format, &made["row"].to_string());
                    accepts_only(&row, made["key"].as_str().unwrap());
                    let good = !row.revoked && row.expires_at.is_none_or(|end| now < end);
                    assert_eq!(good, made["works"].as_bool().unwrap(), "{made}");
                    assert!(row.created_at.is_some());
                    assert_eq!(row.name.as_deref(), made["row"]["name"].as_str());
                    let user = made["row"]["user_id"].as_u64().map(|id| id.to_string());
                    assert_eq!(row.owner, user);
                    assert_eq!(row.scopes, None);
                }
            }
        }
    }

    #[test]
    fn keys_that_django_hashed_slowly_are_refused_with_what_to_do() {
        for rows in real_rows() {
            let old = rows["drf-api-key-refused"].as_array().unwrap();
            assert_eq!(old.len(), 3);
            for made in old {
                let why = refusal(ForeignFormat::DrfApiKey, &made["row"].to_string());
                assert_eq!(why, DRF_OLD_HASH);
            }
        }
        let row = |hash: &str| {
            format!(
                r#"{{"prefix":"a","hashed_key":"{hash}","name":"n","created":1,"expiry_date":null,"revoked":0}}"#
            )
        };
        for hash in [
            "argon2$argon2id$v=19$m=1",
            "bcrypt_sha256$$2b$12$x",
            "bcrypt$$2b$12$x",
        ] {
            assert_eq!(refusal(ForeignFormat::DrfApiKey, &row(hash)), DRF_OLD_HASH);
        }
        for hash in ["md5$x$y", "sha512$salt$00", "sha512$$", "sha512$$abcd", ""] {
            assert_eq!(refusal(ForeignFormat::DrfApiKey, &row(hash)), DRF_HASH);
        }
    }

    #[test]
    fn a_key_of_knox_4_2_verifies_and_only_as_it_was_issued() {
        let (line, key) = KNOX_4_2;
        let row = parse(ForeignFormat::Knox, line);
        assert_eq!(row.secret.scheme, Scheme::Sha512OfHex);
        accepts_only(&row, key);
        // The package itself accepts this one.
        assert!(!is_of(
            &row,
            format!("{}{}", &key[..8], key[8..].to_uppercase()).as_bytes()
        ));
    }

    #[test]
    fn a_salted_row_of_knox_is_refused() {
        let line = KNOX_4_2
            .0
            .replace("\"user_id\"", "\"salt\": \"00\", \"user_id\"");
        assert_eq!(refusal(ForeignFormat::Knox, &line), KNOX_SALT);
    }

    #[test]
    fn keys_of_the_real_prefixed_api_key_crate_verify() {
        use prefixed_api_key::PrefixedApiKeyController;
        for short_prefix in [None, Some("live".to_owned())].iter().cycle().take(20) {
            let controller = PrefixedApiKeyController::configure()
                .prefix("mycompany".to_owned())
                .seam_defaults()
                .short_token_prefix(short_prefix.clone())
                .finalize()
                .unwrap();
            let (key, hash) = controller.generate_key_and_hash();
            assert!(controller.check_hash(&key, &hash));
            let line = serde_json::json!({
                "prefix": key.prefix(),
                "short_token": key.short_token(),
                "long_token_hash": hash,
                "name": "deploy",
                "scopes": ["a:b"],
            });
            let row = parse(ForeignFormat::PrefixedApiKey, &line.to_string());
            accepts_only(&row, &key.to_string());
            assert_eq!(row.metadata[IMPORTED_ID], key.short_token());
            assert_eq!(row.scopes, Some(vec!["a:b".to_owned()]));
        }
    }

    #[test]
    fn the_example_that_seam_publishes_verifies() {
        let line = r#"{"prefix":"mycompany","shortToken":"CEUsS4psCmc","longTokenHash":"0f01ab6e0833f280b73b2b618c16102d91c0b7c585d42a080d6e6603239a8bee"}"#;
        let row = parse(ForeignFormat::PrefixedApiKey, line);
        accepts_only(
            &row,
            "mycompany_CEUsS4psCmc_BddpcwWyCT3EkDjHSSTRaSK1dxtuQgbjb",
        );
    }

    fn sanctum_line(id: &str, hashed: &str, abilities: &str) -> String {
        let token = hex::encode(sha256(hashed.as_bytes()));
        format!(
            r#"{{"id":{id},"tokenable_type":"App\\Models\\User","tokenable_id":7,"name":"phone","token":"{token}","abilities":{abilities},"last_used_at":null,"expires_at":"2030-01-01T00:00:00.000000Z","created_at":"2025-01-01T00:00:00.000000Z","updated_at":null}}"#
        )
    }

    #[test]
    fn a_row_of_sanctum_keeps_its_id_owner_and_abilities() {
        let hashed = "acme_Zy3rPqX0aTtq9YwLk5sJd2mVb8nCf1Hg4uRe7xKoab12cd34";
        let row = parse(
            ForeignFormat::Sanctum,
            &sanctum_line("74", hashed, r#"["*"]"#),
        );
        accepts_only(&row, &format!("74|{hashed}"));
        assert!(!is_of(&row, hashed.as_bytes()), "not without its row id");
        assert_eq!(row.owner.as_deref(), Some(r"App\Models\User:7"));
        assert_eq!(row.scopes, Some(vec!["*".to_owned()]));
        assert_eq!(row.expires_at, Some(1_893_456_000));
        assert_eq!(row.metadata[IMPORTED_ID], "74");
        let text = parse(
            ForeignFormat::Sanctum,
            &sanctum_line("74", hashed, r#""[\"a:b\"]""#),
        );
        assert_eq!(text.scopes, Some(vec!["a:b".to_owned()]));
        for none in ["null", "[]", r#""[]""#, r#""null""#] {
            let row = parse(ForeignFormat::Sanctum, &sanctum_line("74", hashed, none));
            assert_eq!(
                row.scopes,
                Some(vec![]),
                "no abilities are not unstated ones"
            );
        }
        let uuid = parse(
            ForeignFormat::Sanctum,
            &sanctum_line(r#""9b-1""#, hashed, "[]"),
        );
        accepts_only(&uuid, &format!("9b-1|{hashed}"));
        let line = sanctum_line(r#""7|4""#, hashed, "[]");
        assert_eq!(refusal(ForeignFormat::Sanctum, &line), SANCTUM_ID);
        let line = sanctum_line("74", hashed, r#""*""#);
        assert_eq!(refusal(ForeignFormat::Sanctum, &line), SANCTUM_ABILITIES);
    }

    #[test]
    fn a_key_of_unkey_keeps_what_it_may_and_until_when() {
        let key = "sk_test_3ZkyxmfQTdnK6Yvq4eBWaj";
        let hash = base64::engine::general_purpose::STANDARD.encode(sha256(key.as_bytes()));
        let line = serde_json::json!({
            "keyId": "key_2cGKbMxRyIzhCxo1Idjz8q",
            "hash": {"value": hash, "variant": "sha256_base64"},
            "name": "payments",
            "externalId": "user_1234",
            "permissions": ["documents.read"],
            "expires": 1_893_456_000_999_i64,
            "enabled": false,
            "ratelimits": [],
            "meta": {"plan": "pro", "seats": 3},
        });
        let row = parse(ForeignFormat::Unkey, &line.to_string());
        accepts_only(&row, key);
        assert_eq!(row.expires_at, Some(1_893_456_000));
        assert!(row.disabled && !row.revoked);
        assert_eq!(row.owner.as_deref(), Some("user_1234"));
        assert_eq!(row.scopes, Some(vec!["documents.read".to_owned()]));
        assert_eq!(row.metadata["seats"], "3");
        assert_eq!(row.metadata[IMPORTED_ID], "key_2cGKbMxRyIzhCxo1Idjz8q");

        let bare = serde_json::json!({"hash": hash, "enabled": null, "deletedAt": 1});
        let bare = parse(ForeignFormat::Unkey, &bare.to_string());
        accepts_only(&bare, key);
        assert!(!bare.disabled && bare.revoked);

        for limit in ["remaining", "credits", "refill", "ratelimit", "ratelimits"] {
            let line = serde_json::json!({"hash": hash, limit: {"remaining": 1}});
            assert_eq!(
                refusal(ForeignFormat::Unkey, &line.to_string()),
                UNKEY_LIMITS
            );
        }
        let line = serde_json::json!({"hash": {"value": hash, "variant": "bcrypt"}});
        assert_eq!(
            refusal(ForeignFormat::Unkey, &line.to_string()),
            UNKEY_VARIANT
        );
        let line = serde_json::json!({"hash": hash, "expires": 1_893_456});
        assert!(parse_line(ForeignFormat::Unkey, &line.to_string()).is_ok());
        let line = serde_json::json!({"hash": hash, "expires": 0});
        assert_eq!(
            refusal(ForeignFormat::Unkey, &line.to_string()),
            NOT_MILLISECONDS
        );
    }

    const STRONG: &str = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";

    #[test]
    fn a_raw_key_verifies_and_its_two_digests_verify_the_same() {
        let hexed = hex::encode(sha256(STRONG.as_bytes()));
        let standard = base64::engine::general_purpose::STANDARD.encode(sha256(STRONG.as_bytes()));
        let url = URL_SAFE_NO_PAD.encode(sha256(STRONG.as_bytes()));
        let lines = [
            (ForeignFormat::Raw, STRONG.to_owned()),
            (ForeignFormat::Raw, format!("{STRONG}\n")),
            (ForeignFormat::Raw, format!("{STRONG}\r\n")),
            (ForeignFormat::Raw, format!(r#"{{"key":"{STRONG}"}}"#)),
            (ForeignFormat::Sha256Hex, hexed.clone()),
            (ForeignFormat::Sha256Hex, hexed.to_uppercase()),
            (
                ForeignFormat::Sha256Hex,
                format!(r#"{{"digest":"{hexed}"}}"#),
            ),
            (ForeignFormat::Sha256Base64, standard.clone()),
            (
                ForeignFormat::Sha256Base64,
                standard.trim_end_matches('=').to_owned(),
            ),
            (ForeignFormat::Sha256Base64, url.clone()),
            (ForeignFormat::Sha256Base64, format!("{url}=\n")),
        ];
        for (format, line) in lines {
            let row = parse(format, &line);
            accepts_only(&row, STRONG);
            assert_eq!(row.raw.is_some(), format == ForeignFormat::Raw);
            assert!(!format!("{row:?}").contains(STRONG) && !format!("{row:?}").contains(&hexed));
        }
    }

    #[test]
    fn the_members_of_an_own_line_are_taken_over() {
        let line = serde_json::json!({
            "key": STRONG, "name": "ci", "owner": "org_1", "environment": "test",
            "scopes": ["a:b", "c:*"], "created_at": "2025-01-02 03:04:05.9+01:00",
            "expires_at": 1_900_000_000, "metadata": {"team": "infra"},
        });
        let row = parse(ForeignFormat::Raw, &line.to_string());
        assert_eq!(row.name.as_deref(), Some("ci"));
        assert_eq!(row.owner.as_deref(), Some("org_1"));
        assert_eq!(row.environment.as_deref(), Some("test"));
        assert_eq!(row.scopes, Some(vec!["a:b".to_owned(), "c:*".to_owned()]));
        assert_eq!(row.created_at, Some(1_735_783_445));
        assert_eq!(row.expires_at, Some(1_900_000_000));
        assert_eq!(
            row.metadata,
            BTreeMap::from([("team".to_owned(), "infra".to_owned())])
        );
        assert!(!row.revoked && !row.disabled);
    }

    #[test]
    fn a_line_that_does_not_say_everything_once_and_clearly_is_refused() {
        let hexed = hex::encode(sha256(STRONG.as_bytes()));
        let own = |members: &str| format!(r#"{{"key":"{STRONG}"{members}}}"#);
        for (line, why) in [
            (own(r#","expires":1"#), OWN_MEMBERS),
            (own(r#","expires_at":1,"expires_at":2"#), OWN_MEMBERS),
            (own(r#","name":7"#), OWN_MEMBERS),
            (own(r#","scopes":"a:b""#), OWN_MEMBERS),
            (own(r#","expires_at":1.5"#), OWN_MEMBERS),
            (own(r#","expires_at":0"#), NOT_SECONDS),
            (own(r#","expires_at":-1"#), NOT_SECONDS),
            (own(r#","expires_at":1900000000000"#), NOT_SECONDS),
            (own(r#","expires_at":"2030-01-01T00:00:00""#), NOT_A_TIME),
            (own(r#","expires_at":"2030-01-01""#), NOT_A_TIME),
            (own(r#","expires_at":"never""#), NOT_A_TIME),
            (own(r#","expires_at":"""#), NOT_A_TIME),
            (own(&format!(r#","digest":"{hexed}""#)), KEY_OR_DIGEST),
            (format!(r#"{{"digest":"{hexed}"}}"#), KEY_OR_DIGEST),
            ("{}".to_owned(), KEY_OR_DIGEST),
            (own("") + "x", NOT_JSON),
            ("{".to_owned(), NOT_JSON),
            (String::new(), EMPTY),
            ("\n".to_owned(), EMPTY),
            ("x".repeat(LINE_BYTES + 1), LINE_TOO_LONG),
        ] {
            assert_eq!(refusal(ForeignFormat::Raw, &line), why, "{line}");
        }
        for format in &ForeignFormat::ALL[3..] {
            assert_eq!(refusal(*format, STRONG), NOT_JSON);
            assert_eq!(refusal(*format, "[]"), NOT_JSON);
            assert_ne!(refusal(*format, "{}"), NOT_JSON);
        }
    }

    #[test]
    fn a_row_whose_expiry_or_revocation_was_not_exported_is_refused() {
        let made: serde_json::Value = serde_json::from_str(ROWS).unwrap();
        for (format, columns, why) in [
            (
                ForeignFormat::DrfApiKey,
                &["expiry_date", "revoked", "created", "prefix"],
                DRF_COLUMNS,
            ),
            (
                ForeignFormat::Knox,
                &["expiry", "user_id", "created", "token_key"],
                KNOX_COLUMNS,
            ),
        ] {
            for column in columns {
                let mut row = made[format.name()][0]["row"].clone();
                row.as_object_mut().unwrap().remove(*column).unwrap();
                assert_eq!(refusal(format, &row.to_string()), why, "{column}");
            }
        }
        let line = sanctum_line("1", "x", "[]").replace("expires_at", "expired_at");
        assert_eq!(refusal(ForeignFormat::Sanctum, &line), SANCTUM_COLUMNS);
    }

    #[test]
    fn a_raw_key_of_less_than_128_bits_is_refused() {
        for (key, why) in [
            ("17263544190827364554637281910019283746", WEAK), // 38 digits: 126 bits
            ("0123456789abcdef0123456789abcdef", REPETITIVE),
            ("0f1e2d3c4b5a69788796a5b4c3d2e1f", WEAK), // 31 hexadecimal characters
            ("0F1e2D3c4B5a69788796a5b4C3d2e1f", WEAK), // in mixed case they are no better
            ("9aF3kQz7LmX2vBn8RtYw4", WEAK),           // 21 base62 characters
            ("sk_live_9aF3kQz7LmX2vBn8RtYw4", WEAK),   // the words in front do not count
            ("sk-proj-9aF3kQz7LmX2vBn8RtYw4", WEAK),
            ("correct-horse-battery-staple", WEAK),
            ("password", WEAK),
            ("!9aF3kQz7LmX2vBn8Rt", WEAK), // 19 printable characters
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                REPETITIVE,
            ),
            ("abababacabababacabababacabababadabababac", REPETITIVE),
            ("abcdefghijklabcdefghijklabcdefghijkl", REPETITIVE),
            ("6f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", UUID),
            ("key_deadbeef-4b5a-4978-8796-a5b4c3d2e1f0", UUID),
            ("9aF3kQz7LmX2 vBn8RtYw4Cp6", NOT_PRINTABLE),
            (" 9aF3kQz7LmX2vBn8RtYw4Cp6", NOT_PRINTABLE),
            ("9aF3kQz7LmX2vBn8RtYw4Cp6\t", NOT_PRINTABLE),
            ("9aF3kQz7LmX2vBn8RtYw4Cp6\n\n", NOT_PRINTABLE),
            ("9aF3kQz7LmX2vBn8RtYw4Cp6é", NOT_PRINTABLE),
            (
                "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
                SLOW_HASH,
            ),
            (
                "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b",
                SLOW_HASH,
            ),
            (
                "pbkdf2_sha256$1000000$Z0hXrOEbtphw5PM5UFuWrt$TOBmFbbZGeAYoMuNq",
                SLOW_HASH,
            ),
            (
                "sha512$$1d0d7973a961e5e37bc9ee7c333d46154a2c681b6a2fd5110d2c65",
                STORED_HASH,
            ),
        ] {
            assert_eq!(refusal(ForeignFormat::Raw, key), why, "{key}");
        }
        for key in [
            STRONG,
            "172635441908273645546372819100192837465", // 39 digits: 129 bits
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0",        // 32 hexadecimal characters
            "9aF3kQz7LmX2vBn8RtYw4C",                  // 22 base62 characters
            "9aF3kQz7LmX2vBn8RtYw-_",                  // 22 of base64url
            "!9aF3kQz7LmX2vBn8RtY",                    // 20 printable characters
        ] {
            accepts_only(&parse(ForeignFormat::Raw, key), key);
        }
    }

    #[test]
    fn a_raw_key_may_be_as_long_as_what_is_presented_and_no_longer() {
        let mut key = String::new();
        while key.len() < limits::PRESENTED_BYTES {
            key.push_str(&hex::encode(sha256(key.as_bytes())));
        }
        assert!(is_of(&parse(ForeignFormat::Raw, &key), key.as_bytes()));
        key.push('0');
        assert_eq!(refusal(ForeignFormat::Raw, &key), TOO_LONG);
        for scheme in Scheme::ALL {
            assert!(scheme.digest(key.as_bytes()).is_none(), "never looked at");
            assert!(scheme.digest(b"").is_none());
        }
    }

    #[test]
    fn a_digest_of_the_wrong_length_alphabet_or_of_nothing_is_refused() {
        let hexed = hex::encode(sha256(b"x"));
        for bad in [
            "",
            &hexed[1..],
            &hexed[2..],
            "zz",
            &format!("{hexed}00"),
            &format!("{hexed} "),
        ] {
            let why = refusal(ForeignFormat::Sha256Hex, bad);
            assert!(why == NOT_SHA256_HEX || why == EMPTY, "{bad}");
        }
        let slow = "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW";
        assert_eq!(refusal(ForeignFormat::Sha256Hex, slow), SLOW_HASH);
        assert_eq!(refusal(ForeignFormat::Sha256Base64, slow), SLOW_HASH);
        let empty = hex::encode(sha256(b""));
        assert_eq!(refusal(ForeignFormat::Sha256Hex, &empty), DIGEST_OF_NOTHING);
        assert_eq!(
            refusal(ForeignFormat::Sha256Hex, &"0".repeat(64)),
            DIGEST_OF_NOTHING
        );
        let based = STANDARD_NO_PAD.encode(sha256(b"x"));
        let body = &based[..42];
        for bad in [
            body,
            &format!("{based}=="),
            &format!("{based}A"),
            &format!("{body}!"),
            &format!("{}-/", &based[..41]),
            &format!("{body}9"), // the last character has bits that are not of the 32 bytes
        ] {
            assert_eq!(
                refusal(ForeignFormat::Sha256Base64, bad),
                NOT_SHA256_BASE64,
                "{bad}"
            );
        }
    }

    #[test]
    fn the_numbers_of_the_schemes_are_those_of_the_file_format() {
        let numbers: Vec<u8> = Scheme::ALL.iter().map(|scheme| u8::from(*scheme)).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        for scheme in Scheme::ALL {
            let bytes = postcard::to_allocvec(scheme).unwrap();
            assert_eq!(bytes, [u8::from(*scheme)]);
            assert_eq!(postcard::from_bytes::<Scheme>(&bytes), Ok(*scheme));
        }
        assert!(postcard::from_bytes::<Scheme>(&[0]).is_err());
        assert!(postcard::from_bytes::<Scheme>(&[6]).is_err());
    }

    #[test]
    fn a_stored_secret_is_read_back_and_an_unsound_one_is_not() {
        for (scheme, key) in [
            (1, "abc"),
            (2, "abc"),
            (3, "abcd"),
            (4, "pre_short_long"),
            (5, "7|abc"),
        ] {
            let scheme = Scheme::try_from(scheme).unwrap();
            let secret = scheme.digest(key.as_bytes()).unwrap();
            let bytes = postcard::to_allocvec(&secret).unwrap();
            let read: ForeignSecret = postcard::from_bytes(&bytes).unwrap();
            assert!(read.matches(&secret));
            let short = ForeignSecret {
                digest: secret.digest[1..].to_vec(),
                ..secret.clone()
            };
            let bytes = postcard::to_allocvec(&short).unwrap();
            assert!(postcard::from_bytes::<ForeignSecret>(&bytes).is_err());
            assert!(!secret.matches(&short) && !short.matches(&secret));
            let kept = if secret.kept.is_empty() { "x" } else { "" }.to_owned();
            let other = ForeignSecret {
                kept,
                ..secret.clone()
            };
            let bytes = postcard::to_allocvec(&other).unwrap();
            assert!(postcard::from_bytes::<ForeignSecret>(&bytes).is_err());
            assert!(!secret.matches(&other));
        }
    }

    #[test]
    fn every_format_is_read_by_the_name_that_it_shows() {
        for format in ForeignFormat::ALL {
            assert_eq!(format.to_string().parse::<ForeignFormat>(), Ok(*format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.name());
        }
        assert!("Raw".parse::<ForeignFormat>().is_err());
        assert!("".parse::<ForeignFormat>().is_err());
    }

    fn any_format() -> impl Strategy<Value = ForeignFormat> {
        prop::sample::select(ForeignFormat::ALL)
    }

    /// A line with the members that some format knows, and values that may be anything.
    fn any_object() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "key",
            "digest",
            "name",
            "owner",
            "scopes",
            "expires_at",
            "created_at",
            "metadata",
            "prefix",
            "hashed_key",
            "created",
            "expiry_date",
            "revoked",
            "token_key",
            "user_id",
            "expiry",
            "salt",
            "short_token",
            "long_token_hash",
            "id",
            "token",
            "abilities",
            "tokenable_id",
            "hash",
            "keyId",
            "expires",
            "meta",
            "enabled",
        ]);
        let value = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| number.to_string()),
            "[0-9a-f]{64}".prop_map(|text| format!("\"{text}\"")),
            "[0-9a-f]{128}".prop_map(|text| format!("\"sha512$${text}\"")),
            "[0-9+-]{0,12}[-T:Z .]{0,4}".prop_map(|text| format!("\"{text}\"")),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
            Just("[\"*\"]".to_owned()),
            Just("{\"value\":\"\",\"variant\":\"\"}".to_owned()),
        ];
        prop::collection::vec((name, value), 0..12).prop_map(|members| {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            format!("{{{}}}", members.join(","))
        })
    }

    fn edited(key: &[u8], at: prop::sample::Index, edit: u8, byte: u8) -> Vec<u8> {
        let mut edited = key.to_vec();
        let at = at.index(key.len());
        match edit % 5 {
            0 => edited[at] = byte,
            1 => edited.insert(at, byte),
            2 => drop(edited.remove(at)),
            3 => edited[at] ^= 0x20,
            _ => edited.truncate(at),
        }
        edited
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(format in any_format(), line in any::<String>()) {
            let _ = parse_line(format, &line);
        }

        #[test]
        fn no_object_makes_the_parser_panic(format in any_format(), line in any_object()) {
            let _ = parse_line(format, &line);
        }

        #[test]
        fn no_presented_bytes_make_a_scheme_panic(
            presented in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            for scheme in Scheme::ALL {
                if let Some(secret) = scheme.digest(&presented) {
                    prop_assert_eq!(secret.digest.len(), scheme.digest_bytes());
                    prop_assert_eq!(secret.kept.is_empty(), !scheme.keeps());
                    prop_assert!(secret.matches(&secret));
                }
            }
        }

        #[test]
        fn of_every_scheme_only_the_very_string_matches(
            key in prop_oneof![
                "[0-9a-f]{2}{4,32}",
                "[a-z]{1,8}_[a-zA-Z0-9]{1,11}_[a-zA-Z0-9]{1,32}",
                "[0-9]{1,9}\\|[a-zA-Z0-9_|]{1,48}",
                "[!-~]{1,64}",
            ],
            at in any::<prop::sample::Index>(),
            edit in any::<u8>(),
            byte in prop_oneof![any::<u8>(), Just(b'_'), Just(b'|'), b'0'..=b'f'],
        ) {
            let other = edited(key.as_bytes(), at, edit, byte);
            for scheme in Scheme::ALL {
                let Some(secret) = scheme.digest(key.as_bytes()) else { continue };
                let same = scheme.digest(&other).is_some_and(|theirs| secret.matches(&theirs));
                prop_assert_eq!(same, other == key.as_bytes(), "{:?}", scheme);
            }
        }

        #[test]
        fn a_random_key_of_128_bits_is_strong_enough(bytes in any::<[u8; 16]>()) {
            let hexed = hex::encode(bytes);
            // Of random ones, fewer than one in a million has no letter or not 8 characters.
            prop_assume!(hexed.contains(|c: char| c.is_ascii_lowercase()));
            prop_assume!(hexed.bytes().collect::<BTreeSet<_>>().len() >= 8);
            prop_assert!(judge_raw(&format!("sk_live_{hexed}")).is_ok(), "{}", hexed);
            prop_assert!(judge_raw(&hexed[1..]).is_err());
        }
    }
}

//! Every bound of the store, each with its reason.
//!
//! A value at its bound is accepted and one past it is refused with
//! [`Code::LIMIT_EXCEEDED`](crate::Code::LIMIT_EXCEEDED) before anything is written.

/// Longest name of a key, in bytes. Long enough for a sentence, short enough for a table.
pub const KEY_NAME_BYTES: usize = 200;
/// Most scopes of a key, a project or a requirement.
pub const SCOPES: usize = 64;
/// Longest scope, in bytes.
pub const SCOPE_BYTES: usize = 128;
/// Most segments of a scope.
pub const SCOPE_SEGMENTS: usize = 8;
/// Longest owner, in bytes: the caller's own id of an account.
pub const OWNER_BYTES: usize = 128;
/// Longest name of a project, in bytes.
pub const PROJECT_NAME_BYTES: usize = 64;
/// Most metadata pairs of a key.
pub const METADATA_PAIRS: usize = 32;
/// Longest key of a metadata pair, in bytes.
pub const METADATA_KEY_BYTES: usize = 64;
/// Longest value of a metadata pair, in bytes.
pub const METADATA_VALUE_BYTES: usize = 512;
/// All metadata of one key together, keys and values, in bytes.
pub const METADATA_BYTES: usize = 4 * 1024;
/// Most tags of a key.
pub const TAGS: usize = 16;
/// Longest tag, in bytes.
pub const TAG_BYTES: usize = 64;
/// Most ranges in the IP list of a key.
pub const IP_RANGES: usize = 32;
/// Longest actor, in bytes: who does a thing, as the log shows it.
pub const ACTOR_BYTES: usize = 200;
/// Longest note of a revocation, in bytes.
pub const NOTE_BYTES: usize = 1_000;
/// Longest request id, in bytes.
pub const REQUEST_ID_BYTES: usize = 64;
/// How long a request id is remembered, in seconds.
pub const REQUEST_ID_SECONDS: i64 = 24 * 60 * 60;
/// Longest encoded record, in bytes, checked before it is written and before it is decoded.
pub const RECORD_BYTES: usize = 16 * 1024;
/// Most changes in one transaction; a longer bulk change is split, and its result says where it got to.
pub const BATCH: usize = 10_000;
/// Longest prefix of a store, in bytes.
pub const PREFIX_BYTES: usize = 20;
/// Longest environment, in bytes.
pub const ENVIRONMENT_BYTES: usize = 16;
/// Longest token of this store: prefix, `_`, environment, `_` and the 72 characters of the body.
pub const TOKEN_BYTES: usize = PREFIX_BYTES + 1 + ENVIRONMENT_BYTES + 1 + 72;
/// Longest string that is looked at as a token at all; a longer one is malformed unread.
pub const PRESENTED_BYTES: usize = 512;
/// Longest grace of a rotation, in seconds (90 days).
pub const GRACE_SECONDS: i64 = 90 * 24 * 60 * 60;
/// Longest time from now to an expiry, a not-before or a rotation, in seconds (1,000 years).
pub const HORIZON_SECONDS: i64 = 1_000 * 366 * 24 * 60 * 60;
/// A clock that runs this much ahead of what was expected does not move the store's mark, in seconds.
pub const CLOCK_AHEAD_SECONDS: i64 = 24 * 60 * 60;
/// Least strength of an imported raw string, in bits, judged by its length and alphabet.
pub const IMPORTED_BITS: u32 = 128;
/// Most keys on one page of a listing.
pub const PAGE_KEYS: usize = 1_000;
/// Most memory for keys that were verified, in bytes: 3 GiB, for 26 million keys. Memory that the system
/// does not have is found missing when it is asked for, in the middle of an open.
pub const KEY_CACHE_BYTES: usize = 3 << 30;
/// Rows of last-used times written in one transaction, so that waiting changes go first.
pub const USAGE_ROWS: usize = 1_000;
/// Most secrets whose uses wait in memory to be written, of keys that the memory for keys does not
/// hold; some 2 MiB. Half as many are written early. Where they come faster than they can be
/// written, or nothing can be, a use of a further one is lost: a statistic, for a bound on memory.
pub const USAGE_WAITING: usize = 32 * 1024;
/// Bytes on disk kept back, so that on a full disk a whole batch of keys can be revoked.
pub const RESERVE_BYTES: u64 = 4 * 1024 * 1024;

const _: () = assert!(TOKEN_BYTES == 110 && TOKEN_BYTES < PRESENTED_BYTES);
const _: () =
    assert!(METADATA_PAIRS * (METADATA_KEY_BYTES + METADATA_VALUE_BYTES) > METADATA_BYTES);
const _: () = assert!(
    KEY_NAME_BYTES + SCOPES * SCOPE_BYTES + OWNER_BYTES + METADATA_BYTES + TAGS * TAG_BYTES
        < RECORD_BYTES,
    "a record whose every field is at its bound still fits"
);
const _: () = assert!(USAGE_ROWS < USAGE_WAITING / 2, "a flush makes room");
const _: () = assert!(NOTE_BYTES + ACTOR_BYTES < RECORD_BYTES);

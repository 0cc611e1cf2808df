//! The format of the file on one page: its version, every table, every key and value.
//!
//! | table | key | value | written by |
//! |---|---|---|---|
//! | `meta` | `format` | u32, little-endian: [`FORMAT_VERSION`] | create |
//! | `meta` | `store` | sealed [`Identity`]: id, prefix, peppers | create, pepper verbs |
//! | `meta` | `state` | sealed [`State`]: sequence, chain, counts, sum, mark, policy | every change |
//! | `keys` | key id (16) | sealed [`KeyRecord`](crate::key::KeyRecord) | the verbs of keys |
//! | `projects` | project id (16) | sealed [`ProjectRecord`](crate::project::ProjectRecord) | the verbs of projects |
//! | `project_names` | name | project id (16) | with `projects`, for those that exist |
//! | `keys_by_project` | project id (16), key id (16) | nothing | with `keys`; list by project |
//! | `keys_by_owner` | owner, 0, key id (16) | nothing | with `keys`; list by owner |
//! | `keys_by_expiry` | expiry (8, sortable), key id (16) | nothing | with `keys` that expire; list by expiry |
//! | `digests` | index of a foreign digest (32) | sealed [`DigestRow`] | import; stays when a key is pruned |
//! | `tombstones` | key id (16) | sealed [`Tombstone`] | prune |
//! | `events` | sequence (u64) | version, generation, hash (32), record | every change |
//! | `requests` | hash of actor and request id (32) | sealed [`RequestRow`] | create and rotate with a request id |
//! | `requests_by_time` | time (8, sortable), the same hash (32) | nothing | with `requests` |
//! | `usage` | key id (16), generation of the secret (4), 0 for all that are gone | last used (8), uses (8), little-endian | the flush, rotations |
//!
//! A *sealed* value is a version byte, a generation byte, a tag of 16 bytes and the record in
//! postcard. The tag is over the table's number, the row's key and all the rest
//! ([`tag`](crate::tag)), and is checked before anything is decoded.
//!
//! # History
//! - 1: the first.

use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::foreign::Scheme;
use crate::id::KeyId;
use crate::policy::Policy;
use crate::tag::{Generation, TAG_BYTES, TagSum};
use crate::time::Timestamp;
use crate::token::Prefix;

/// The newest format that this version reads, and the one that it writes.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// The version byte of every sealed row and event.
pub(crate) const ROW_VERSION: u8 = 1;

pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(crate) const META_FORMAT: &str = "format";
pub(crate) const META_STORE: &str = "store";
pub(crate) const META_STATE: &str = "state";

pub(crate) const KEYS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("keys");
pub(crate) const PROJECTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("projects");
pub(crate) const PROJECT_NAMES: TableDefinition<'_, &str, &[u8; 16]> =
    TableDefinition::new("project_names");
pub(crate) const KEYS_BY_PROJECT: TableDefinition<'_, &[u8; 32], ()> =
    TableDefinition::new("keys_by_project");
pub(crate) const KEYS_BY_OWNER: TableDefinition<'_, &[u8], ()> =
    TableDefinition::new("keys_by_owner");
pub(crate) const KEYS_BY_EXPIRY: TableDefinition<'_, &[u8; 24], ()> =
    TableDefinition::new("keys_by_expiry");
pub(crate) const DIGESTS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("digests");
pub(crate) const TOMBSTONES: TableDefinition<'_, &[u8; 16], &[u8]> =
    TableDefinition::new("tombstones");
pub(crate) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
pub(crate) const REQUESTS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("requests");
pub(crate) const REQUESTS_BY_TIME: TableDefinition<'_, &[u8; 40], ()> =
    TableDefinition::new("requests_by_time");
pub(crate) const USAGE: TableDefinition<'_, &[u8; 20], &[u8; 16]> = TableDefinition::new("usage");

/// The number of a table in the tags of its rows. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sealed {
    MetaStore = 1,
    MetaState = 2,
    Keys = 3,
    Projects = 4,
    Digests = 5,
    Tombstones = 6,
    Requests = 7,
}

/// What a store is, for as long as it exists.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) store_id: [u8; 16],
    pub(crate) prefix: Prefix,
    pub(crate) created_at: Timestamp,
    pub(crate) pepper: PepperState,
}

/// Which peppers a store goes by. The row is tagged under [`PepperState::vouching`], so that who
/// has not a pepper of the store cannot claim that a change is under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PepperState {
    pub(crate) current: Generation,
    /// What tells the right pepper from a wrong one; none where the store has no pepper.
    pub(crate) check: Option<[u8; 16]>,
    /// The generation and check that rows are still being moved from.
    pub(crate) changing_from: Option<(Generation, Option<[u8; 16]>)>,
}

impl PepperState {
    /// The generation that the row itself is tagged under: the newest, but while a pepper is being
    /// removed the one that still has it.
    pub(crate) fn vouching(&self) -> Generation {
        match (self.check, self.changing_from) {
            (None, Some((from, Some(_)))) => from,
            _ => self.current,
        }
    }
}

/// How far the chain of the log was computed anew under a new pepper.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Rechain {
    /// The last event that has its new hash; before the first it is the cut.
    pub(crate) through: u64,
    /// The hash that the event after it still builds on.
    pub(crate) old_hash: [u8; 32],
    /// Its new hash.
    pub(crate) new_hash: [u8; 32],
}

/// Where a store stands; written by every change, in its own transaction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// The tag of the store's own row, so that one from another time is noticed.
    pub(crate) identity: [u8; TAG_BYTES],
    /// The sequence of the last event.
    pub(crate) sequence: u64,
    /// The hash of the last event.
    pub(crate) head: [u8; 32],
    /// The last event that was pruned from the log, and its hash; 0 and zeros at first.
    pub(crate) cut: (u64, [u8; 32]),
    /// The last event about the store as a whole.
    pub(crate) last_store_event: u64,
    pub(crate) keys: u64,
    pub(crate) projects: u64,
    pub(crate) digests: u64,
    pub(crate) tombstones: u64,
    /// Of all keys, projects, digests and tombstones.
    pub(crate) sum: TagSum,
    /// The latest time that the store's own clock showed at a commit or flush.
    pub(crate) mark: Timestamp,
    pub(crate) policy: Policy,
    /// How many digests of each foreign scheme there are, by its number.
    pub(crate) schemes: Vec<(Scheme, u64)>,
    pub(crate) rechain: Option<Rechain>,
}

/// A digest of an imported secret. It stays when its key is pruned, so that a later import cannot
/// bring the key back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct DigestRow {
    pub(crate) key_id: KeyId,
    pub(crate) scheme: Scheme,
    pub(crate) digest: Vec<u8>,
}

/// What stays of a revoked key that was pruned; restore and import honour it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    /// The event that pruned it.
    pub(crate) sequence: u64,
}

/// What a request id made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct RequestRow {
    pub(crate) at: Timestamp,
    pub(crate) digest: [u8; 32],
    pub(crate) key_id: KeyId,
}

/// A time as bytes that sort as it does.
pub(crate) fn sortable(at: Timestamp) -> [u8; 8] {
    (at.unix().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

pub(crate) fn from_sortable(bytes: [u8; 8]) -> Timestamp {
    Timestamp::from_unix((u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed())
}

pub(crate) fn project_index(project: &[u8; 16], key: &[u8; 16]) -> [u8; 32] {
    let mut out = [0; 32];
    out[..16].copy_from_slice(project);
    out[16..].copy_from_slice(key);
    out
}

/// An owner holds no control characters, so the zero ends it.
pub(crate) fn owner_index(owner: &str, key: &[u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(owner.len() + 17);
    out.extend_from_slice(owner.as_bytes());
    out.push(0);
    out.extend_from_slice(key);
    out
}

pub(crate) fn expiry_index(at: Timestamp, key: &[u8; 16]) -> [u8; 24] {
    let mut out = [0; 24];
    out[..8].copy_from_slice(&sortable(at));
    out[8..].copy_from_slice(key);
    out
}

pub(crate) fn request_time_index(at: Timestamp, request: &[u8; 32]) -> [u8; 40] {
    let mut out = [0; 40];
    out[..8].copy_from_slice(&sortable(at));
    out[8..].copy_from_slice(request);
    out
}

/// The generation that stands for all secrets that a key no longer has: a rotation adds the use of
/// the secret that it drops to this row.
pub(crate) const EARLIER: u32 = 0;

pub(crate) fn usage_key(key: &[u8; 16], generation: u32) -> [u8; 20] {
    let mut out = [0; 20];
    out[..16].copy_from_slice(key);
    out[16..].copy_from_slice(&generation.to_be_bytes());
    out
}

/// When a secret was last used, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) last_used: i64,
    pub(crate) uses: u64,
}

impl Usage {
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.last_used.to_le_bytes());
        out[8..].copy_from_slice(&self.uses.to_le_bytes());
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8; 16]) -> Self {
        let (last_used, uses) = bytes.split_at(8);
        Usage {
            last_used: i64::from_le_bytes(last_used.try_into().unwrap_or_default()),
            uses: u64::from_le_bytes(uses.try_into().unwrap_or_default()),
        }
    }

    /// Both together: the later time, never backwards, and all uses.
    pub(crate) fn merged(self, other: Usage) -> Self {
        if self.uses == 0 {
            return other;
        }
        Usage {
            last_used: self.last_used.max(other.last_used),
            uses: self.uses.saturating_add(other.uses),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sortable_times_sort_as_times_do(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Timestamp::from_unix(a), Timestamp::from_unix(b));
            prop_assert_eq!(a.cmp(&b), sortable(a).cmp(&sortable(b)));
            prop_assert_eq!(from_sortable(sortable(a)), a);
        }

        #[test]
        fn usage_never_goes_backwards(a in any::<i64>(), b in any::<i64>(), n in 1u64..9, m in 1u64..9) {
            let (a, b) = (Usage { last_used: a, uses: n }, Usage { last_used: b, uses: m });
            let both = a.merged(b);
            prop_assert_eq!(both.last_used, a.last_used.max(b.last_used));
            prop_assert_eq!(both.uses, n + m);
            prop_assert_eq!(Usage::from_bytes(&both.to_bytes()), both);
        }
    }
}

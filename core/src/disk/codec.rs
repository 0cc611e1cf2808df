//! Records to bytes and back. A row is read only as it was written: the version byte is known, the
//! tag is right before anything is decoded, the size is capped, and no bytes are left over.
//!
//! Records are postcard, a published and stable wire format; see `docs/FORMAT.md`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::schema::{ROW_VERSION, Sealed};
use crate::error::StoreError;
use crate::event::{EventRecord, Subject};
use crate::id::KeyId;
use crate::limits;
use crate::tag::{FullTag, Generation, Keyring, TAG_BYTES};

/// Version, generation.
const HEAD: usize = 2;

fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let bytes = postcard::to_allocvec(record)
        .map_err(|_| StoreError::Internal("a record does not encode".into()))?;
    if bytes.len() > limits::RECORD_BYTES {
        return Err(StoreError::Internal(
            "a record is longer than its fields admit".into(),
        ));
    }
    Ok(bytes)
}

/// The record, or what is wrong with it.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, &'static str> {
    if bytes.len() > limits::RECORD_BYTES {
        return Err("is too long");
    }
    match postcard::take_from_bytes(bytes) {
        Ok((record, [])) => Ok(record),
        _ => Err("does not decode"),
    }
}

impl Sealed {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sealed::MetaStore | Sealed::MetaState => "meta",
            Sealed::Keys => "keys",
            Sealed::Projects => "projects",
            Sealed::Digests => "digests",
            Sealed::Tombstones => "tombstones",
            Sealed::Requests => "requests",
        }
    }

    /// What is wrong with a row, and with which: the id of a key or project, or the beginning of
    /// a hash, so that who reads it knows what to look at.
    fn corrupted(self, row_key: &[u8], why: &str) -> StoreError {
        let name = match (self, <[u8; 16]>::try_from(row_key)) {
            (Sealed::MetaStore | Sealed::MetaState, _) => {
                String::from_utf8_lossy(row_key).into_owned()
            }
            (_, Ok(id)) => KeyId::from_bytes(id).to_string(),
            (_, Err(_)) => hex::encode(row_key.get(..8).unwrap_or(row_key)),
        };
        StoreError::Corrupted(format!("row {name} of {} {why}", self.name()))
    }

    /// Encodes a record under the newest generation, with its tag.
    pub(crate) fn seal<T: Serialize>(
        self,
        ring: &Keyring,
        row_key: &[u8],
        record: &T,
    ) -> Result<(Vec<u8>, FullTag), StoreError> {
        self.seal_under(ring, ring.newest(), row_key, record)
    }

    /// Encodes a record under a generation, with its tag.
    pub(crate) fn seal_under<T: Serialize>(
        self,
        ring: &Keyring,
        generation: Generation,
        row_key: &[u8],
        record: &T,
    ) -> Result<(Vec<u8>, FullTag), StoreError> {
        let body = encode(record)?;
        let head = [ROW_VERSION, generation.0];
        let tag = ring.tag(generation, self as u8, row_key, &head, &body);
        let mut row = Vec::with_capacity(HEAD + TAG_BYTES + body.len());
        row.extend_from_slice(&head);
        row.extend_from_slice(&tag.truncated());
        row.extend_from_slice(&body);
        Ok((row, tag))
    }

    /// The generation that a row says it is under.
    pub(crate) fn generation(row: &[u8]) -> Option<Generation> {
        row.get(1).copied().map(Generation)
    }

    /// The tag that a row carries, right or not.
    pub(crate) fn carried_tag(row: &[u8]) -> Option<[u8; TAG_BYTES]> {
        row.get(HEAD..HEAD + TAG_BYTES)?.try_into().ok()
    }

    /// The whole tag of a row, if the one it carries is right.
    pub(crate) fn authenticate(
        self,
        ring: &Keyring,
        row_key: &[u8],
        row: &[u8],
    ) -> Result<FullTag, StoreError> {
        let corrupted = |why: &str| self.corrupted(row_key, why);
        if row.len() < HEAD + TAG_BYTES {
            return Err(corrupted("is cut short"));
        }
        let (head, rest) = row.split_at(HEAD);
        let (carried, body) = rest.split_at(TAG_BYTES);
        if head[0] != ROW_VERSION {
            return Err(corrupted("has an unknown version"));
        }
        let generation = Generation(head[1]);
        if !ring.accepts(generation) {
            // A later generation is one that began after this process opened the store.
            return Err(if generation > ring.newest() {
                StoreError::PepperRequired
            } else {
                corrupted("is under a pepper that the store no longer accepts")
            });
        }
        let tag = ring.tag(generation, self as u8, row_key, head, body);
        if tag.matches(carried) {
            Ok(tag)
        } else {
            Err(corrupted("does not have the right tag"))
        }
    }

    /// Decodes a row whose tag is right.
    pub(crate) fn unseal<T: DeserializeOwned>(
        self,
        ring: &Keyring,
        row_key: &[u8],
        row: &[u8],
    ) -> Result<(T, FullTag), StoreError> {
        let tag = self.authenticate(ring, row_key, row)?;
        let record = decode(&row[HEAD + TAG_BYTES..]);
        Ok((record.map_err(|why| self.corrupted(row_key, why))?, tag))
    }

    /// Decodes a row whose tag is right, and refuses one that would not be written the same.
    pub(crate) fn unseal_canonical<T: Serialize + DeserializeOwned>(
        self,
        ring: &Keyring,
        row_key: &[u8],
        row: &[u8],
    ) -> Result<(T, FullTag), StoreError> {
        let (record, tag) = self.unseal::<T>(ring, row_key, row)?;
        if encode(&record)? != row[HEAD + TAG_BYTES..] {
            return Err(self.corrupted(row_key, "is not as keyfob writes it"));
        }
        Ok((record, tag))
    }
}

const HASH_BYTES: usize = 32;

/// An event as a row, and its hash, chained to the one before.
pub(crate) fn encode_event(
    ring: &Keyring,
    previous_hash: &[u8; 32],
    sequence: u64,
    event: &EventRecord,
) -> Result<(Vec<u8>, [u8; 32]), StoreError> {
    let body = encode(event)?;
    Ok(event_row(
        ring,
        ring.newest(),
        previous_hash,
        sequence,
        &body,
    ))
}

fn event_row(
    ring: &Keyring,
    generation: Generation,
    previous_hash: &[u8; 32],
    sequence: u64,
    body: &[u8],
) -> (Vec<u8>, [u8; 32]) {
    let hash = ring.chain(generation, previous_hash, sequence, body);
    let mut row = Vec::with_capacity(HEAD + HASH_BYTES + body.len());
    row.extend_from_slice(&[ROW_VERSION, generation.0]);
    row.extend_from_slice(&hash);
    row.extend_from_slice(body);
    (row, hash)
}

struct EventRow<'a> {
    generation: Generation,
    hash: [u8; 32],
    body: &'a [u8],
}

fn split_event(sequence: u64, row: &[u8]) -> Result<EventRow<'_>, StoreError> {
    let corrupted = |why| StoreError::Corrupted(format!("event {sequence} {why}"));
    if row.len() < HEAD + HASH_BYTES {
        return Err(corrupted("is cut short"));
    }
    if row[0] != ROW_VERSION {
        return Err(corrupted("has an unknown version"));
    }
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(&row[HEAD..HEAD + HASH_BYTES]);
    Ok(EventRow {
        generation: Generation(row[1]),
        hash,
        body: &row[HEAD + HASH_BYTES..],
    })
}

/// An event and the hash that its row carries; whether the hash is right is for the chain to say.
pub(crate) fn decode_event(
    sequence: u64,
    row: &[u8],
) -> Result<(EventRecord, [u8; 32]), StoreError> {
    let EventRow {
        generation: _,
        hash,
        body,
    } = split_event(sequence, row)?;
    let event = decode(body);
    Ok((
        event.map_err(|why| StoreError::Corrupted(format!("event {sequence} {why}")))?,
        hash,
    ))
}

/// What an event is about, of a row that was checked: the third field of its [`EventRecord`]. What
/// happened is not decoded, which is most of the work where many events are looked through.
pub(crate) fn event_subject(sequence: u64, row: &[u8]) -> Result<Subject, StoreError> {
    let body = split_event(sequence, row)?.body;
    match postcard::take_from_bytes::<(i64, &str, Subject)>(body) {
        Ok(((_, _, subject), _)) => Ok(subject),
        Err(_) => Err(StoreError::Corrupted(format!(
            "event {sequence} does not decode"
        ))),
    }
}

/// The hash that the row of an event carries, whatever its record says.
pub(crate) fn event_hash(sequence: u64, row: &[u8]) -> Result<[u8; 32], StoreError> {
    Ok(split_event(sequence, row)?.hash)
}

/// The hash of an event, if it follows from the one before.
pub(crate) fn check_event(
    ring: &Keyring,
    previous_hash: &[u8; 32],
    sequence: u64,
    row: &[u8],
) -> Result<[u8; 32], StoreError> {
    let EventRow {
        generation,
        hash,
        body,
    } = split_event(sequence, row)?;
    if !ring.accepts(generation) {
        return Err(if generation > ring.newest() {
            StoreError::PepperRequired
        } else {
            StoreError::Corrupted(format!("event {sequence} is under a pepper of the past"))
        });
    }
    if ring.chain(generation, previous_hash, sequence, body) == hash {
        Ok(hash)
    } else {
        Err(StoreError::Corrupted(format!(
            "event {sequence} does not follow from the one before"
        )))
    }
}

/// The same event under the newest generation, building on another hash.
pub(crate) fn rechain_event(
    ring: &Keyring,
    previous_hash: &[u8; 32],
    sequence: u64,
    row: &[u8],
) -> Result<(Vec<u8>, [u8; 32]), StoreError> {
    let event = split_event(sequence, row)?;
    Ok(event_row(
        ring,
        ring.newest(),
        previous_hash,
        sequence,
        event.body,
    ))
}

/// A record without a tag: one that grants nothing.
pub(crate) fn encode_plain<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    encode(record)
}

/// A record without a tag: one that grants nothing.
pub(crate) fn decode_plain<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    decode(bytes).map_err(|why| StoreError::Corrupted(format!("{what} {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::disk::schema::{DigestRow, Identity, PepperState, Rechain, State};
    use crate::event::{EventKind, KeyField, ProjectField, Reason};
    use crate::foreign::{ForeignSecret, Scheme};
    use crate::id::ProjectId;
    use crate::key::{
        KeyRecord, NewKey, PreviousSecret, Resolved, Revocation, SecretSlot, StoredSecret,
    };
    use crate::policy::Policy;
    use crate::project::{NewProject, ProjectRecord};
    use crate::scope::ScopeSet;
    use crate::secret::Pepper;
    use crate::tag::TagSum;
    use crate::time::Timestamp;
    use crate::token::{Environment, Prefix};
    use ipnet::IpNet;
    use proptest::prelude::*;

    fn ring(pepper: Option<[u8; 32]>) -> Keyring {
        let mut ring = Keyring::new([1; 16]);
        ring.accept(Generation(1), pepper.map(Pepper::new).as_ref());
        ring
    }

    fn project() -> ProjectRecord {
        let mut new = NewProject::new("shop");
        new.scopes = ScopeSet::parse(["orders:*", "stock:read"]).unwrap();
        new.owner = Some("acct_1".into());
        ProjectRecord::create(&new, Timestamp::from_unix(1_800_000_000))
            .unwrap()
            .0
    }

    /// `docs/benchmarks.md` says so beside what the table takes with what the engine adds.
    #[test]
    fn a_key_takes_so_many_bytes_in_its_row_and_in_its_event() {
        let ring = ring(None);
        let id = KeyId::from_bytes([1; 16]);
        let rows = |project: Option<[u8; 16]>, owner: Option<&str>, expires_at: Option<i64>| {
            let mut new = NewKey::new("key 123456");
            new.scopes = ScopeSet::parse(["orders:read", "stock:read"]).unwrap();
            let resolved = Resolved {
                project: project.map(ProjectId::from_bytes),
                owner: owner.map(str::to_owned),
                expires_at: expires_at.map(Timestamp::from_unix),
            };
            let secret = StoredSecret::Native(Digest::of_secret(&[b'a'; 43]));
            let now = Timestamp::from_unix(1_800_000_000);
            let mut record = KeyRecord::create(&new, resolved, secret, now).unwrap();
            record.sequence = 123_456;
            let event = EventRecord {
                at_ms: 1_800_000_000_000,
                actor: "bench".into(),
                subject: Subject::Key(id),
                previous: 0,
                kind: EventKind::KeyCreated {
                    key: record.terms(),
                    within: None,
                },
            };
            let (row, _) = Sealed::Keys.seal(&ring, id.as_bytes(), &record).unwrap();
            let (event, _) = encode_event(&ring, &[0; 32], record.sequence, &event).unwrap();
            // With the rows' keys, the id and the sequence.
            [16 + row.len(), 8 + event.len()]
        };
        let (project, owner, expiry) = (Some([1; 16]), Some("acct007"), Some(1_800_086_400));
        assert_eq!(rows(None, None, None), [137, 119]);
        assert_eq!(rows(project, None, None), [137 + 16, 119 + 16]);
        assert_eq!(rows(None, owner, None), [137 + 8, 119 + 8]);
        assert_eq!(rows(None, None, expiry), [137 + 5, 119 + 5]);
        assert_eq!(rows(project, owner, expiry), [166, 148]);
    }

    #[test]
    fn every_truncation_and_every_flipped_bit_of_a_row_is_refused() {
        for pepper in [None, Some([9; 32])] {
            let ring = ring(pepper);
            let (row, _) = Sealed::Projects.seal(&ring, b"id", &project()).unwrap();
            let read = |row: &[u8]| Sealed::Projects.unseal::<ProjectRecord>(&ring, b"id", row);
            assert_eq!(read(&row).unwrap().0, project());
            for length in 0..row.len() {
                assert!(read(&row[..length]).is_err(), "truncated to {length}");
            }
            for bit in 0..row.len() * 8 {
                let mut damaged = row.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(read(&damaged).is_err(), "bit {bit}");
            }
            let mut longer = row.clone();
            longer.push(0);
            assert!(read(&longer).is_err());
        }
    }

    #[test]
    fn a_row_moved_to_another_key_or_table_is_refused() {
        let ring = ring(None);
        let (row, _) = Sealed::Projects.seal(&ring, b"id", &project()).unwrap();
        assert!(Sealed::Projects.authenticate(&ring, b"ie", &row).is_err());
        assert!(Sealed::Keys.authenticate(&ring, b"id", &row).is_err());
    }

    #[test]
    fn a_row_of_a_later_generation_asks_for_the_pepper_and_one_of_the_past_is_corrupted() {
        let old = ring(None);
        let mut new = Keyring::new([1; 16]);
        new.accept(Generation(2), Some(&Pepper::new([5; 32])));
        let (row, _) = Sealed::Projects.seal(&new, b"id", &project()).unwrap();
        let under_old = Sealed::Projects.authenticate(&old, b"id", &row);
        assert!(matches!(under_old, Err(StoreError::PepperRequired)));
        let (row, _) = Sealed::Projects.seal(&old, b"id", &project()).unwrap();
        let under_new = Sealed::Projects.authenticate(&new, b"id", &row);
        assert!(matches!(under_new, Err(StoreError::Corrupted(_))));
    }

    #[test]
    fn bytes_left_over_inside_a_right_tag_are_refused() {
        let ring = ring(None);
        let mut body = encode(&project()).unwrap();
        body.push(0);
        let tag = ring.tag(
            Generation(1),
            Sealed::Projects as u8,
            b"id",
            &[ROW_VERSION, 1],
            &body,
        );
        let row = [&[ROW_VERSION, 1][..], &tag.truncated(), &body].concat();
        assert!(Sealed::Projects.authenticate(&ring, b"id", &row).is_ok());
        assert!(
            Sealed::Projects
                .unseal::<ProjectRecord>(&ring, b"id", &row)
                .is_err()
        );
    }

    #[test]
    fn a_record_at_its_bound_is_written_and_read_and_a_byte_more_is_neither() {
        let ring = ring(None);
        let text = |encoded: usize| "x".repeat(encoded - 2); // the length itself is two bytes
        let most = text(limits::RECORD_BYTES);
        let (row, _) = Sealed::Keys.seal(&ring, b"id", &most).unwrap();
        assert_eq!(row.len(), HEAD + TAG_BYTES + limits::RECORD_BYTES);
        assert_eq!(
            Sealed::Keys.unseal::<String>(&ring, b"id", &row).unwrap().0,
            most
        );
        let more = text(limits::RECORD_BYTES + 1);
        assert!(matches!(
            Sealed::Keys.seal(&ring, b"id", &more),
            Err(StoreError::Internal(_))
        ));
        let body = postcard::to_allocvec(&more).unwrap();
        let head = [ROW_VERSION, 1];
        let tag = ring.tag(Generation(1), Sealed::Keys as u8, b"id", &head, &body);
        let row = [&head[..], &tag.truncated(), &body].concat();
        assert!(matches!(
            Sealed::Keys.unseal::<String>(&ring, b"id", &row),
            Err(StoreError::Corrupted(_))
        ));
    }

    // ---- any record there can be ----

    fn time() -> impl Strategy<Value = Timestamp> {
        any::<i64>().prop_map(Timestamp::from_unix)
    }

    fn scope_set() -> impl Strategy<Value = ScopeSet> {
        proptest::collection::vec("[a-z]{1,8}(:[A-Z0-9]{1,8}){0,2}(:\\*)?", 0..6)
            .prop_map(|scopes| ScopeSet::parse(scopes).unwrap())
    }

    /// As its scheme admits it: anything else does not decode.
    fn foreign() -> impl Strategy<Value = ForeignSecret> {
        let scheme = proptest::sample::select(Scheme::ALL);
        let digest = proptest::collection::vec(any::<u8>(), 64);
        (scheme, digest, "\\PC{1,20}").prop_map(|(scheme, mut digest, kept)| {
            digest.truncate(scheme.digest_bytes());
            ForeignSecret {
                scheme,
                digest,
                kept: if scheme.keeps() { kept } else { String::new() },
            }
        })
    }

    fn slot() -> impl Strategy<Value = SecretSlot> {
        let native = proptest::collection::vec(any::<u8>(), 43).prop_map(|secret| {
            StoredSecret::Native(Digest::of_secret(&secret.try_into().unwrap()))
        });
        let secret = prop_oneof![native, foreign().prop_map(StoredSecret::Foreign)];
        (any::<u32>(), secret, time()).prop_map(|(generation, secret, created_at)| SecretSlot {
            generation,
            secret,
            created_at,
        })
    }

    fn network() -> impl Strategy<Value = IpNet> {
        prop_oneof![
            (any::<std::net::Ipv4Addr>(), 0..=32u8).prop_map(|(at, length)| IpNet::new(
                at.into(),
                length
            )
            .unwrap()),
            (any::<std::net::Ipv6Addr>(), 0..=128u8).prop_map(|(at, length)| IpNet::new(
                at.into(),
                length
            )
            .unwrap()),
        ]
    }

    fn revocation() -> impl Strategy<Value = Revocation> {
        let reason = proptest::sample::select(&Reason::ALL[..]);
        let note = proptest::option::of("\\PC{0,40}");
        (time(), reason, note).prop_map(|(at, reason, note)| Revocation { at, reason, note })
    }

    fn key() -> impl Strategy<Value = KeyRecord> {
        use proptest::collection::{btree_map, btree_set, vec};
        use proptest::option::of;
        let named = (
            any::<u64>(),
            "\\PC{1,40}",
            scope_set(),
            of(any::<[u8; 16]>()),
            "[a-z][a-z0-9]{0,15}",
            of("\\PC{1,20}"),
        );
        let timed = (time(), time(), of(time()), of(time()), of(any::<i64>()));
        let labelled = (
            btree_map("\\PC{1,10}", "\\PC{0,20}", 0..4),
            btree_set("\\PC{1,10}", 0..4),
            vec(network(), 0..4),
        );
        let standing = (
            any::<bool>(),
            of(revocation()),
            slot(),
            of((slot(), time())),
        );
        (named, timed, labelled, standing).prop_map(|(named, timed, labelled, standing)| {
            let (sequence, name, scopes, project, environment, owner) = named;
            let (created_at, updated_at, expires_at, not_before, rotation_due_after) = timed;
            let (metadata, tags, ip_list) = labelled;
            let (enabled, revocation, current, previous) = standing;
            KeyRecord {
                sequence,
                name,
                scopes,
                project: project.map(ProjectId::from_bytes),
                environment: Environment::parse(&environment).unwrap(),
                owner,
                created_at,
                updated_at,
                expires_at,
                not_before,
                metadata,
                tags,
                ip_list,
                rotation_due_after,
                enabled,
                revocation,
                current,
                previous: previous.map(|(slot, grace_expires_at)| PreviousSecret {
                    slot,
                    grace_expires_at,
                }),
            }
        })
    }

    fn any_project() -> impl Strategy<Value = ProjectRecord> {
        use proptest::option::of;
        let named = (
            any::<u64>(),
            "[a-z0-9][a-z0-9._-]{0,20}",
            scope_set(),
            of("\\PC{1,20}"),
        );
        (named, any::<bool>(), of(time()), time(), time()).prop_map(
            |((sequence, name, scopes, owner), enabled, deleted_at, created_at, updated_at)| {
                ProjectRecord {
                    sequence,
                    name,
                    scopes,
                    owner,
                    enabled,
                    deleted_at,
                    created_at,
                    updated_at,
                }
            },
        )
    }

    fn identity() -> impl Strategy<Value = Identity> {
        use proptest::option::of;
        let check = || of(any::<[u8; 16]>());
        let pepper = (any::<u8>(), check(), of((any::<u8>(), check()))).prop_map(
            |(current, check, from)| PepperState {
                current: Generation(current),
                check,
                changing_from: from.map(|(from, check)| (Generation(from), check)),
            },
        );
        (any::<[u8; 16]>(), "[a-z][a-z0-9_]{0,19}", time(), pepper).prop_map(
            |(store_id, prefix, created_at, pepper)| Identity {
                store_id,
                prefix: Prefix::parse(&prefix).unwrap(),
                created_at,
                pepper,
            },
        )
    }

    fn state() -> impl Strategy<Value = State> {
        use proptest::option::of;
        let hash = any::<[u8; 32]>;
        let log = (
            any::<[u8; 16]>(),
            any::<u64>(),
            hash(),
            (any::<u64>(), hash()),
        );
        let counts = any::<[u64; 5]>();
        let policy = (
            of(any::<i64>()),
            of(any::<i64>()),
            any::<bool>(),
            of(any::<u64>()),
        );
        let schemes =
            proptest::collection::vec((proptest::sample::select(Scheme::ALL), any::<u64>()), 0..5);
        let rechain = of((any::<u64>(), hash(), hash()));
        (log, counts, (hash(), time()), policy, schemes, rechain).prop_map(
            |(log, counts, (tag, mark), policy, schemes, rechain)| {
                let (identity, sequence, head, cut) = log;
                let [last_store_event, keys, projects, digests, tombstones] = counts;
                let mut sum = TagSum::default();
                sum.add(&FullTag(tag));
                let (default_lifetime, longest_lifetime, expiry_required, most) = policy;
                State {
                    identity,
                    sequence,
                    head,
                    cut,
                    last_store_event,
                    keys,
                    projects,
                    digests,
                    tombstones,
                    sum,
                    mark,
                    policy: Policy {
                        default_lifetime,
                        longest_lifetime,
                        expiry_required,
                        most_keys_per_owner: most,
                    },
                    schemes,
                    rechain: rechain.map(|(through, old_hash, new_hash)| Rechain {
                        through,
                        old_hash,
                        new_hash,
                    }),
                }
            },
        )
    }

    fn digest_row() -> impl Strategy<Value = DigestRow> {
        (any::<[u8; 16]>(), foreign()).prop_map(|(id, secret)| DigestRow {
            key_id: KeyId::from_bytes(id),
            scheme: secret.scheme,
            digest: secret.digest,
        })
    }

    fn kind() -> impl Strategy<Value = EventKind> {
        use proptest::option::of;
        let numbers = any::<[u64; 3]>;
        // On the heap: a tree of many records is more than a test's stack holds.
        let (key, state) = (|| key().boxed(), || state().boxed());
        let plain = proptest::sample::select(vec![
            EventKind::KeyDisabled,
            EventKind::KeyEnabled,
            EventKind::RotationFinished,
            EventKind::OldSecretRevoked,
            EventKind::KeyPruned,
            EventKind::PepperChangeBegun,
            EventKind::PepperChanged,
        ]);
        let of_a_key = prop_oneof![
            (key(), of(any::<[u8; 16]>())).prop_map(|(key, within)| EventKind::KeyCreated {
                key: key.terms(),
                within: within.map(KeyId::from_bytes),
            }),
            key().prop_map(|key| EventKind::KeyImported { key: key.terms() }),
            key().prop_map(|key| EventKind::KeyUpdated {
                changed: vec![
                    KeyField::Name(key.name),
                    KeyField::Scopes(key.scopes),
                    KeyField::Owner(key.owner),
                    KeyField::ExpiresAt(key.expires_at),
                    KeyField::NotBefore(key.not_before),
                    KeyField::IpList(key.ip_list),
                    KeyField::Metadata,
                    KeyField::Tags,
                    KeyField::RotationDueAfter(key.rotation_due_after),
                ],
            }),
            revocation().prop_map(|revocation| EventKind::KeyRevoked {
                reason: revocation.reason,
                note: revocation.note,
            }),
            (any::<u32>(), of(time())).prop_map(|(generation, grace_expires_at)| {
                EventKind::KeyRotated {
                    generation,
                    grace_expires_at,
                }
            }),
            (key(), any::<bool>()).prop_map(|(key, disabled)| EventKind::KeyRestored {
                key: key.terms(),
                disabled,
            }),
        ];
        let of_a_project = (any_project(), 0..7u8).prop_map(|(project, which)| {
            let ProjectRecord {
                name,
                scopes,
                owner,
                enabled,
                deleted_at,
                ..
            } = project;
            match which {
                0 => EventKind::ProjectCreated {
                    name,
                    scopes,
                    owner,
                },
                1 => EventKind::ProjectUpdated {
                    name,
                    changed: vec![ProjectField::Scopes(scopes), ProjectField::Owner(owner)],
                },
                2 => EventKind::ProjectDisabled { name },
                3 => EventKind::ProjectEnabled { name },
                4 => EventKind::ProjectDeleted { name },
                5 => EventKind::ProjectPruned { name },
                _ => EventKind::ProjectRestored {
                    name,
                    scopes,
                    owner,
                    enabled,
                    deleted: deleted_at.is_some(),
                },
            }
        });
        let of_the_store = prop_oneof![
            (state(), any::<bool>()).prop_map(|(state, created)| {
                let policy = state.policy;
                if created {
                    EventKind::StoreCreated { policy }
                } else {
                    EventKind::PolicyChanged { policy }
                }
            }),
            (time(), time()).prop_map(|(from, to)| EventKind::ClockReset { from, to }),
            any::<u64>().prop_map(|through| EventKind::LogPruned { through }),
            (of(any::<u64>()), numbers()).prop_map(|(sequence_before, [at, keys, _])| {
                EventKind::Restored {
                    sequence_before,
                    backup_sequence: at,
                    keys,
                }
            }),
        ];
        prop_oneof![plain, of_a_key, of_a_project, of_the_store]
    }

    fn event() -> impl Strategy<Value = EventRecord> {
        let subject = prop_oneof![
            Just(Subject::Store),
            any::<[u8; 16]>().prop_map(|id| Subject::Key(KeyId::from_bytes(id))),
            any::<[u8; 16]>().prop_map(|id| Subject::Project(ProjectId::from_bytes(id))),
        ];
        (any::<i64>(), "\\PC{0,40}", subject, any::<u64>(), kind()).prop_map(
            |(at_ms, actor, subject, previous, kind)| EventRecord {
                at_ms,
                actor,
                subject,
                previous,
                kind,
            },
        )
    }

    /// Where a record is damaged, and how.
    fn damage() -> impl Strategy<Value = (proptest::sample::Index, u8)> {
        (any::<proptest::sample::Index>(), 1..=u8::MAX)
    }

    /// The record comes back from its row; a damaged row does not come back at all, and a damaged
    /// body under a right tag never panics, nor comes back where it is cut short.
    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
        table: Sealed,
        record: &T,
        (place, flip): (proptest::sample::Index, u8),
    ) {
        let ring = ring(Some([9; 32]));
        let (row, tag) = table.seal(&ring, b"row", record).unwrap();
        let (read, read_tag) = table.unseal_canonical::<T>(&ring, b"row", &row).unwrap();
        assert_eq!(read, *record);
        assert!(read_tag == tag);
        let mut damaged = row.clone();
        damaged[place.index(row.len())] ^= flip;
        assert!(table.unseal::<T>(&ring, b"row", &damaged).is_err());
        damaged_body_is_survived::<T>(&row[HEAD + TAG_BYTES..], (place, flip));
    }

    fn damaged_body_is_survived<T: Serialize + DeserializeOwned>(
        body: &[u8],
        (place, flip): (proptest::sample::Index, u8),
    ) {
        let at = place.index(body.len());
        assert!(decode::<T>(&body[..at]).is_err(), "cut at {at}");
        let mut damaged = body.to_vec();
        damaged[at] ^= flip;
        if let Ok(other) = decode::<T>(&damaged) {
            assert!(encode(&other).is_ok());
        }
    }

    proptest! {
        #[test]
        fn any_key_comes_back(record in key(), damage in damage()) {
            comes_back(Sealed::Keys, &record, damage);
        }

        #[test]
        fn any_project_comes_back(record in any_project(), damage in damage()) {
            comes_back(Sealed::Projects, &record, damage);
        }

        #[test]
        fn any_identity_comes_back(record in identity(), damage in damage()) {
            comes_back(Sealed::MetaStore, &record, damage);
        }

        #[test]
        fn any_state_comes_back(record in state(), damage in damage()) {
            comes_back(Sealed::MetaState, &record, damage);
        }

        #[test]
        fn any_row_of_a_digest_comes_back(record in digest_row(), damage in damage()) {
            comes_back(Sealed::Digests, &record, damage);
        }

        #[test]
        fn any_event_comes_back(record in event(), damage in damage()) {
            let ring = ring(Some([2; 32]));
            let (row, hash) = encode_event(&ring, &[4; 32], 7, &record).unwrap();
            prop_assert_eq!(event_subject(7, &row).unwrap(), record.subject);
            prop_assert_eq!(decode_event(7, &row).unwrap(), (record, hash));
            damaged_body_is_survived::<EventRecord>(&row[HEAD + HASH_BYTES..], damage);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic_and_never_decode(row in proptest::collection::vec(any::<u8>(), 0..400)) {
            let ring = ring(None);
            prop_assert!(Sealed::Keys.unseal::<KeyRecord>(&ring, b"id", &row).is_err());
            let _ = decode::<KeyRecord>(&row);
            let _ = decode_event(1, &row);
            let _ = event_subject(1, &row);
        }

        #[test]
        fn an_event_follows_only_from_the_hash_and_the_place_it_was_made_for(
            actor in "[a-z]{0,20}", sequence in 1u64..1_000_000, flip in 0usize..256
        ) {
            let ring = ring(Some([2; 32]));
            let event = EventRecord {
                at_ms: 1, actor, subject: Subject::Store, previous: 0,
                kind: EventKind::StoreCreated { policy: Policy::default() },
            };
            let (row, hash) = encode_event(&ring, &[4; 32], sequence, &event).unwrap();
            prop_assert_eq!(check_event(&ring, &[4; 32], sequence, &row).unwrap(), hash);
            prop_assert_eq!(decode_event(sequence, &row).unwrap(), (event, hash));
            prop_assert!(check_event(&ring, &[5; 32], sequence, &row).is_err());
            prop_assert!(check_event(&ring, &[4; 32], sequence + 1, &row).is_err());
            let mut damaged = row.clone();
            let bit = flip % (row.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(check_event(&ring, &[4; 32], sequence, &damaged).is_err());
        }
    }
}

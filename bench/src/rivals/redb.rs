//! The engine that keyfob stands on, alone: in the mode in which several processes share a file.

use std::path::Path;

use redb::{
    ConcurrencyMode, Database, ReadableDatabase, ReadableTableMetadata as _, TableDefinition,
};

use crate::Outcome;
use crate::rivals::{
    Digest, EVENT_BYTES, Rival, Session, digest as digest_of, judge_record, record,
};

const KEYS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("keys");
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");

struct Redb(Database);

pub(crate) fn open(folder: &Path, digests: &[Digest]) -> Outcome<Box<dyn Rival>> {
    let database = Database::builder()
        .set_concurrency_mode(ConcurrencyMode::MultiWriter)
        .create(folder.join("rival.redb"))?;
    let transaction = database.begin_write()?;
    {
        let mut keys = transaction.open_table(KEYS)?;
        let record = record(false);
        for digest in digests {
            keys.insert(digest, record.as_slice())?;
        }
        transaction.open_table(EVENTS)?;
    }
    transaction.commit()?;
    Ok(Box::new(Redb(database)))
}

impl Rival for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }

    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(&self.0))
    }
}

fn put(database: &Database, digest: &Digest, revoked: bool) -> Outcome<()> {
    let transaction = database.begin_write()?;
    {
        let mut keys = transaction.open_table(KEYS)?;
        keys.insert(digest, record(revoked).as_slice())?;
        let mut events = transaction.open_table(EVENTS)?;
        let next = events.len()?;
        events.insert(next, [7; EVENT_BYTES].as_slice())?;
    }
    Ok(transaction.commit()?)
}

impl Session for &Database {
    fn verify(&mut self, token: &str) -> Outcome<bool> {
        let digest = digest_of(token);
        let keys = self.begin_read()?.open_table(KEYS)?;
        Ok(keys
            .get(&digest)?
            .is_some_and(|found| judge_record(found.value())))
    }

    fn create(&mut self, digest: &Digest) -> Outcome<()> {
        put(self, digest, false)
    }

    fn revoke(&mut self, digest: &Digest) -> Outcome<()> {
        put(self, digest, true)
    }
}

/// What keyfob's own change would cost if it were nothing but bytes: rows of the same lengths under
/// ascending keys, in the same mode, with the same memory for pages.
pub(crate) struct Bare {
    database: Database,
    next: u64,
    record: Vec<u8>,
    event: Vec<u8>,
}

const BARE_KEYS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("keys");
const BARE_META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The row with the store's state, which every change writes.
const STATE_BYTES: usize = 120;

fn bare_key(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

impl Bare {
    /// So many keys, records and events of these lengths, their own keys not counted.
    pub(crate) fn open(folder: &Path, keys: u64, record: usize, event: usize) -> Outcome<Self> {
        let database = Database::builder()
            .set_concurrency_mode(ConcurrencyMode::MultiWriter)
            .set_cache_size(16 << 20)
            .create(folder.join("bare.redb"))?;
        let mut bare = Bare {
            database,
            next: 0,
            record: vec![7; record],
            event: vec![7; event],
        };
        while bare.next < keys {
            bare.create(10_000.min(keys - bare.next))?;
        }
        Ok(bare)
    }

    /// Adds so many keys in one transaction.
    pub(crate) fn create(&mut self, keys: u64) -> Outcome<()> {
        let new = self.next..self.next + keys;
        self.write(new.clone().map(|number| (number, number)))?;
        self.next = new.end;
        Ok(())
    }

    /// Writes one key anew.
    pub(crate) fn update(&mut self, number: u64) -> Outcome<()> {
        self.write(std::iter::once((number, self.next)))?;
        self.next += 1;
        Ok(())
    }

    fn write(&self, rows: impl Iterator<Item = (u64, u64)>) -> Outcome<()> {
        let transaction = self.database.begin_write()?;
        {
            let mut keys = transaction.open_table(BARE_KEYS)?;
            let mut events = transaction.open_table(EVENTS)?;
            for (key, event) in rows {
                keys.insert(&bare_key(key), self.record.as_slice())?;
                events.insert(event, self.event.as_slice())?;
            }
            let mut meta = transaction.open_table(BARE_META)?;
            meta.insert("state", [7; STATE_BYTES].as_slice())?;
        }
        Ok(transaction.commit()?)
    }
}

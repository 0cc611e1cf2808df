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

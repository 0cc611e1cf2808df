//! The engine alone, with rows as long as keyfob's and nothing to decide.

use std::path::Path;
use std::sync::mpsc;

use keyfob::{KeyId, Store};
use redb::{ConcurrencyMode, Database, TableDefinition};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");

/// How long the values of a record and an event are, with what the engine adds to each.
///
/// # Errors
/// What the store says.
pub fn lengths(store: &Store, keys: u64) -> Outcome<(usize, usize)> {
    let sizes = store.table_sizes()?;
    let each = |name: &str| {
        let bytes = sizes
            .iter()
            .find(|(table, ..)| *table == name)
            .map_or(0, |(_, _, bytes)| *bytes);
        usize::try_from(bytes / keys)
    };
    Ok((
        each("keys")?.saturating_sub(size_of::<KeyId>()),
        each("events")?.saturating_sub(size_of::<u64>()),
    ))
}

/// What keyfob's own change would cost if it were nothing but bytes: rows of the same lengths under
/// ascending keys, in the same mode, with the same memory for pages.
#[derive(Debug)]
pub struct Bare {
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
    ///
    /// # Errors
    /// What the engine says.
    pub fn open(folder: &Path, keys: u64, record: usize, event: usize) -> Outcome<Self> {
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
    ///
    /// # Errors
    /// What the engine says.
    pub fn create(&mut self, keys: u64) -> Outcome<()> {
        let new = self.next..self.next + keys;
        self.write(new.clone().map(|number| (number, number)))?;
        self.next = new.end;
        Ok(())
    }

    /// Writes one key anew.
    ///
    /// # Errors
    /// What the engine says.
    pub fn update(&mut self, number: u64) -> Outcome<()> {
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

/// A thread that writes what all others hand it, as many rows to a commit as wait for one: the
/// least that sharing commits can cost.
#[derive(Debug)]
pub struct Combiner {
    to: Option<mpsc::Sender<mpsc::SyncSender<()>>>,
    thread: Option<std::thread::JoinHandle<Outcome<()>>>,
}

impl Combiner {
    /// Begins with a file of bare rows.
    ///
    /// # Errors
    /// What keeps a thread from being started.
    pub fn start(mut bare: Bare) -> Outcome<Self> {
        let (to, from) = mpsc::channel::<mpsc::SyncSender<()>>();
        let work = move || {
            while let Ok(first) = from.recv() {
                let mut waiting = vec![first];
                waiting.extend(from.try_iter());
                bare.create(waiting.len() as u64)?;
                for one in waiting {
                    one.send(())?;
                }
            }
            Ok(())
        };
        let thread = std::thread::Builder::new().name("combiner".to_owned());
        Ok(Combiner {
            to: Some(to),
            thread: Some(thread.spawn(work)?),
        })
    }

    /// One who has rows written: each call returns when they are durable.
    pub fn caller(&self) -> impl FnMut() + use<> {
        let to = self.to.clone().expect("it runs");
        let (done, wait) = mpsc::sync_channel(1);
        move || {
            to.send(done.clone()).expect("it runs");
            wait.recv().expect("it answers");
        }
    }

    /// Ends it, and says what stopped it before.
    ///
    /// # Errors
    /// What the engine said.
    pub fn stop(mut self) -> Outcome<()> {
        drop(self.to.take());
        let thread = self.thread.take().ok_or("it was stopped before")?;
        thread.join().map_err(|_| "the combiner panicked")?
    }
}

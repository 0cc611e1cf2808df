//! The full check of a store: the engine's own pages, every tag, the sum of all tags, indexes
//! against records, and the chain of the log.

use std::ops::ControlFlow;

use crate::disk::read::Reader;
use crate::disk::schema::{DigestRow, RequestRow, Sealed, State, Tombstone};
use crate::error::{Error, StoreError};
use crate::id::{KeyId, ProjectId};
use crate::key::{KeyRecord, StoredSecret};
use crate::log::verify_chain;
use crate::progress::Progress;
use crate::project::ProjectRecord;
use crate::store::Store;
use crate::tag::TagSum;

/// Rows read at once.
const BATCH: usize = 1_024;
/// Findings that are told one by one; what is beyond is counted.
const MOST_FINDINGS: usize = 100;

/// What the full check found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct IntegrityReport {
    /// What is wrong, a sentence each; empty where the store is whole.
    pub damage: Vec<String>,
    /// Keys that were read.
    pub keys: u64,
    /// Projects that were read.
    pub projects: u64,
    /// Events that were read.
    pub events: u64,
    /// The sequence of the last event.
    pub sequence: u64,
    /// The hash of the last event.
    pub head: [u8; 32],
}

impl IntegrityReport {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty()
    }
}

/// What is being found.
#[derive(Default)]
struct Findings {
    told: Vec<String>,
    more: usize,
}

impl Findings {
    fn add(&mut self, what: impl Into<String>) {
        if self.told.len() < MOST_FINDINGS {
            self.told.push(what.into());
        } else {
            self.more += 1;
        }
    }

    /// Takes what is a sign of corruption as a finding, and everything else as a failure.
    fn take<T>(
        &mut self,
        what: &str,
        result: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Corrupted(why)) => {
                self.add(format!("{what}: {why}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn all(mut self) -> Vec<String> {
        if self.more > 0 {
            self.told.push(format!("and {} findings more", self.more));
        }
        self.told
    }
}

/// What was counted on the way, to be compared with the state and the indexes.
#[derive(Default)]
struct Counted {
    keys: u64,
    projects: u64,
    digests: u64,
    tombstones: u64,
    sum: TagSum,
    by_project: u64,
    by_owner: u64,
    by_expiry: u64,
    existing_projects: u64,
    requests: u64,
}

impl Store {
    /// Checks everything there is to check. May run beside other processes and threads: changes
    /// wait while the engine's own pages are read, and verifications do not; those of a store that
    /// is open for this process alone wait as long as they may, and answer BUSY then.
    ///
    /// `progress` is told how many rows are done, of how many, and may break off. It is called with
    /// no lock held and may use the store.
    ///
    /// # Errors
    /// What kept the check from being made; INTERRUPTED where `progress` said so. Damage is no
    /// error but a finding.
    pub fn check_integrity(
        &self,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<IntegrityReport, Error> {
        self.inner()?;
        let mut findings = Findings::default();
        if !self.inner()?.disk.options().read_only {
            let pages = self.inner()?.disk.check_pages();
            if findings.take("pages", pages)? == Some(false) {
                findings.add("pages: the engine found damage, and mended what it could");
            }
        }
        let mut progress = Progress::new(progress);
        let read = self.read(|reader| {
            let mut checker = Checker {
                reader,
                findings: &mut findings,
                index_lacks: false,
                progress: &mut progress,
                done: 0,
                all: 0,
            };
            checker.run()
        });
        progress.end();
        let report = match read {
            Ok(report) => Some(report),
            Err(Error::Store(error)) => findings.take("reading", Err(error))?,
            Err(stopped) => return Err(stopped),
        };
        let (counted, events, state) = report.unwrap_or_default();
        let (sequence, head) = state.map_or((0, [0; 32]), |state| (state.sequence, state.head));
        Ok(IntegrityReport {
            damage: findings.all(),
            keys: counted.keys,
            projects: counted.projects,
            events,
            sequence,
            head,
        })
    }

    /// Whether the log had this hash at this sequence: what somebody noted elsewhere still holds.
    ///
    /// # Errors
    /// GONE where the event was pruned and is not the one at the cut.
    pub fn check_expected(&self, sequence: u64, hash: &[u8; 32]) -> Result<bool, Error> {
        Ok(self.read(|reader| {
            let state = reader.state()?;
            if sequence == state.cut.0 {
                return Ok(state.cut.1 == *hash);
            }
            if sequence < state.cut.0 {
                return Err(StoreError::Gone {
                    first: state.cut.0 + 1,
                });
            }
            Ok(reader
                .event(sequence)?
                .is_some_and(|event| event.hash == *hash))
        })?)
    }
}

struct Checker<'a, 'r, 'p> {
    reader: &'a Reader<'r>,
    findings: &'a mut Findings,
    /// Whether a record's row is missing in an index.
    index_lacks: bool,
    progress: &'a mut Progress<'p>,
    done: u64,
    all: u64,
}

impl Checker<'_, '_, '_> {
    fn run(&mut self) -> Result<(Counted, u64, Option<State>), Error> {
        let lengths = self.reader.lengths()?;
        let length = |name: &str| {
            lengths
                .iter()
                .find(|(table, _)| *table == name)
                .map_or(0, |(_, rows)| *rows)
        };
        self.all = [
            "keys",
            "projects",
            "digests",
            "tombstones",
            "events",
            "requests",
        ]
        .into_iter()
        .map(length)
        .sum();
        let state = self.reader.state();
        let Some(state) = self.findings.take("state", state)? else {
            return Ok((Counted::default(), 0, None));
        };
        let identity = self.reader.identity();
        self.findings.take("meta", identity)?;
        let mut counted = Counted::default();
        self.sealed::<KeyRecord>(Sealed::Keys, &mut counted, Self::key)?;
        self.sealed::<ProjectRecord>(Sealed::Projects, &mut counted, Self::project)?;
        self.sealed::<Tombstone>(Sealed::Tombstones, &mut counted, |_, counted, _, _| {
            counted.tombstones += 1;
            Ok(())
        })?;
        self.digests(&mut counted)?;
        self.requests(&mut counted)?;
        for (what, counted, noted) in [
            ("keys", counted.keys, state.keys),
            ("projects", counted.projects, state.projects),
            ("digests", counted.digests, state.digests),
            ("tombstones", counted.tombstones, state.tombstones),
        ] {
            if counted != noted {
                self.findings.add(format!(
                    "{what}: there are {counted} rows, and should be {noted}"
                ));
            }
        }
        // Every record was asked for its rows; where there are others beside them, or one is
        // missing, the rows are asked for their records.
        let rows = [
            ("keys_by_project", counted.by_project),
            ("keys_by_owner", counted.by_owner),
            ("keys_by_expiry", counted.by_expiry),
            ("project_names", counted.existing_projects),
            ("requests_by_time", counted.requests),
        ];
        if self.index_lacks || rows.iter().any(|(name, rows)| length(name) != *rows) {
            let mut strays = Vec::new();
            let told = self.reader.stray_rows(&mut |stray| {
                if strays.len() <= MOST_FINDINGS {
                    strays.push(stray);
                }
            });
            for stray in strays {
                self.findings.add(stray);
            }
            self.findings.take("indexes", told)?;
        }
        if counted.sum != state.sum {
            self.findings.add("rows: their tags do not sum up to what was noted; one was put back, removed or added");
        }
        let mut events = 0;
        let chain = verify_chain(self.reader, &state, &mut |rows| {
            events += rows;
            self.tick(rows)
        });
        match chain {
            Ok(_) => {}
            Err(Error::Store(error)) => {
                self.findings.take("log", Err::<(), _>(error))?;
            }
            Err(stopped) => return Err(stopped),
        }
        Ok((counted, events, Some(state)))
    }

    fn tick(&mut self, rows: u64) -> Result<(), Error> {
        self.done += rows;
        self.progress.tell(self.done.min(self.all), self.all)
    }

    fn sealed<T: serde::Serialize + serde::de::DeserializeOwned>(
        &mut self,
        table: Sealed,
        counted: &mut Counted,
        each: impl Fn(&mut Self, &mut Counted, &[u8; 16], &T) -> Result<(), StoreError>,
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let rows = self.reader.sealed_rows(table, after, BATCH)?;
            for (key, row) in &rows {
                let read = table.unseal_canonical::<T>(self.reader.ring(), key, row);
                if let Some((record, tag)) = self.findings.take(table.name(), read)? {
                    counted.sum.add(&tag);
                    each(self, counted, key, &record)?;
                }
            }
            self.tick(rows.len() as u64)?;
            after = rows.last().map(|(key, _)| *key);
            if rows.len() < BATCH {
                return Ok(());
            }
        }
    }

    fn key(
        &mut self,
        counted: &mut Counted,
        key: &[u8; 16],
        record: &KeyRecord,
    ) -> Result<(), StoreError> {
        let id = KeyId::from_bytes(*key);
        counted.keys += 1;
        counted.by_project += u64::from(record.project.is_some());
        counted.by_owner += u64::from(record.owner.is_some());
        counted.by_expiry += u64::from(record.expires_at.is_some());
        for index in self.reader.indexes_without(id, record)? {
            self.index_lacks = true;
            self.findings
                .add(format!("key {id}: its row is missing in {index}"));
        }
        let project = self.reader.project_of_key(record);
        self.findings.take(&format!("key {id}"), project)?;
        let previous = record.previous.as_ref().map(|previous| &previous.slot);
        for slot in [Some(&record.current), previous].into_iter().flatten() {
            if let StoredSecret::Foreign(secret) = &slot.secret {
                let found = self.reader.digest(secret);
                if self.findings.take(&format!("key {id}"), found)? != Some(Some(id)) {
                    self.findings
                        .add(format!("key {id}: its digest is not in the index"));
                }
            }
        }
        Ok(())
    }

    fn project(
        &mut self,
        counted: &mut Counted,
        key: &[u8; 16],
        record: &ProjectRecord,
    ) -> Result<(), StoreError> {
        let id = ProjectId::from_bytes(*key);
        counted.projects += 1;
        if record.deleted_at.is_some() {
            return Ok(());
        }
        counted.existing_projects += 1;
        let found = self.reader.project_named(&record.name);
        let found = self.findings.take(&format!("project {id}"), found)?;
        if !matches!(found, Some(Some((named, _))) if named == id) {
            self.index_lacks = true;
            self.findings
                .add(format!("project {id}: its name is not in the index"));
        }
        Ok(())
    }

    fn digests(&mut self, counted: &mut Counted) -> Result<(), Error> {
        let mut after = None;
        loop {
            let rows = self.reader.digest_rows(after, BATCH)?;
            for (key, row) in &rows {
                let ring = self.reader.ring();
                let read = Sealed::Digests.unseal_canonical::<DigestRow>(ring, key, row);
                let Some((record, tag)) = self.findings.take("digest", read)? else {
                    continue;
                };
                counted.digests += 1;
                counted.sum.add(&tag);
                let place =
                    |generation| ring.digest_index(generation, record.scheme as u8, &record.digest);
                if !ring
                    .generations()
                    .any(|generation| place(generation) == *key)
                {
                    let id = record.key_id;
                    self.findings
                        .add(format!("digest of key {id}: it stands in another's place"));
                }
            }
            self.tick(rows.len() as u64)?;
            after = rows.last().map(|(key, _)| *key);
            if rows.len() < BATCH {
                return Ok(());
            }
        }
    }

    fn requests(&mut self, counted: &mut Counted) -> Result<(), Error> {
        let mut after = None;
        loop {
            let rows = self.reader.request_rows(after, BATCH)?;
            for (key, row) in &rows {
                let ring = self.reader.ring();
                let read = Sealed::Requests.unseal_canonical::<RequestRow>(ring, key, row);
                counted.requests += 1;
                let Some((request, _)) = self.findings.take("request", read)? else {
                    continue;
                };
                if !self.reader.has_request_time(key, request.at)? {
                    self.index_lacks = true;
                    self.findings
                        .add("request: its row is missing in requests_by_time");
                }
            }
            self.tick(rows.len() as u64)?;
            after = rows.last().map(|(key, _)| *key);
            if rows.len() < BATCH {
                return Ok(());
            }
        }
    }
}

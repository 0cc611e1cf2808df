//! Introducing, changing and removing a pepper. Every row is written anew under the next
//! generation, in batches, and the chain of the log is computed anew; until the last batch both
//! generations are accepted, and a command that was interrupted goes on where it stopped.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::commit::{Room, bulk_bytes};
use crate::disk::Disk;
use crate::disk::read::{Peppers, identify, identity_claimed};
use crate::disk::schema::{Identity, PepperState, Sealed};
use crate::error::{Error, Refused, StoreError};
use crate::event::EventKind;
use crate::progress::tell;
use crate::secret::Pepper;
use crate::store::{Store, StoreOptions};
use crate::tag::{Generation, pepper_check};

/// Rows or events in one transaction.
const BATCH: usize = 5_000;

type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

impl StoreOptions {
    /// Introduces a pepper, or changes to another one; `progress` is told how many rows are done,
    /// of how many, and may break off. The options carry the present pepper, if there is one.
    /// Called again with the same peppers after it was interrupted, it goes on where it stopped.
    ///
    /// Every other process has to open the store anew with the new pepper; until it does, it
    /// answers PEPPER_REQUIRED.
    ///
    /// # Errors
    /// PEPPER_REQUIRED, WRONG_PEPPER, PEPPER_NOT_EXPECTED where the present pepper is not right;
    /// PEPPER_REFUSED where it is the same already; INTERRUPTED where `progress` said so.
    pub fn set_pepper(
        self,
        store: impl AsRef<Path>,
        new: Pepper,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        self.change_pepper(store.as_ref(), Some(Arc::new(new)), progress)
    }

    /// Removes the pepper: from then on the store's tags find corruption, and not who can write
    /// the file. The options carry the present pepper.
    ///
    /// # Errors
    /// As [`StoreOptions::set_pepper`].
    pub fn remove_pepper(
        self,
        store: impl AsRef<Path>,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        self.change_pepper(store.as_ref(), None, progress)
    }

    fn change_pepper(
        self,
        path: &Path,
        new: Option<Arc<Pepper>>,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        self.check()?;
        self.begin_or_resume(path, new.as_deref())?;
        // From here on it is all one, whether it begins or goes on.
        let given = self.peppers();
        let retired = given
            .retired
            .iter()
            .chain(&given.current)
            .cloned()
            .collect();
        let peppers = Peppers {
            current: new,
            retired,
        };
        let disk = Disk::open(path, self.disk_options().clone())?;
        let (identity, ring) = disk.read(|transaction| identify(transaction, path, &peppers))?;
        if identity.pepper.changing_from.is_none() {
            return Ok(disk.close()?); // the same command elsewhere was faster
        }
        let store = self.assemble(path, disk, identity, ring);
        store.move_rows(progress)?;
        store.finish_pepper_change()?;
        store.close()
    }

    /// Begins the change, unless the same one is under way.
    fn begin_or_resume(&self, path: &Path, new: Option<&Pepper>) -> Result<(), Error> {
        let disk = Disk::open(path, self.disk_options().clone())?;
        let claimed = disk.read(|transaction| identity_claimed(transaction, path))?;
        let new_check = new.map(|pepper| pepper_check(pepper, claimed.store_id));
        if claimed.pepper.changing_from.is_some() {
            if claimed.pepper.check != new_check {
                return Err(Refused::PepperRefused(
                    "another change of peppers is under way; finish it first, with the same peppers",
                )
                .into());
            }
            return Ok(disk.close()?);
        }
        let (identity, ring) =
            disk.read(|transaction| identify(transaction, path, self.peppers()))?;
        if identity.pepper.check == new_check {
            return Err(Refused::PepperRefused(match new {
                Some(_) => "the store has this pepper already",
                None => "the store has no pepper",
            })
            .into());
        }
        let next = next_generation(identity.pepper.current)?;
        let mut wider = ring.clone();
        wider.accept(next, new);
        let changing = Identity {
            pepper: PepperState {
                current: next,
                check: new_check,
                changing_from: Some((identity.pepper.current, identity.pepper.check)),
            },
            ..identity.clone()
        };
        let store = self.same().assemble(path, disk, identity, ring);
        store.change_alone(Room::Bytes(bulk_bytes(1)), |writer, _| {
            Ok(writer.begin_pepper_change(wider, &changing)?)
        })?;
        store.close()
    }
}

fn next_generation(current: Generation) -> Result<Generation, Error> {
    match current.0.checked_add(1) {
        Some(next) => Ok(Generation(next)),
        None => Err(Refused::PepperRefused(
            "the pepper was changed 255 times; restore a backup into a new store",
        )
        .into()),
    }
}

impl Store {
    /// Writes every row that is under an older generation anew.
    fn move_rows(&self, progress: Progress<'_>) -> Result<(), Error> {
        let (state, lengths) =
            self.read(|reader| Ok::<_, StoreError>((reader.state()?, reader.lengths()?)))?;
        let requests = lengths.iter().find(|(table, _)| *table == "requests");
        let rows = state.keys + state.projects + state.digests + state.tombstones;
        let events = state.sequence - state.cut.0;
        let all = rows + requests.map_or(0, |(_, rows)| *rows) + events;
        let mut done = 0;
        for table in [Sealed::Keys, Sealed::Projects, Sealed::Tombstones] {
            let mut after = None;
            loop {
                let rows = self.read(|reader| reader.sealed_rows(table, after, BATCH))?;
                let old: Vec<[u8; 16]> = rows
                    .iter()
                    .filter(|(_, row)| self.is_old(row))
                    .map(|(key, _)| *key)
                    .collect();
                if !old.is_empty() {
                    self.change_alone(Room::Bytes(bulk_bytes(old.len())), |writer, _| {
                        for key in &old {
                            match table {
                                Sealed::Projects => writer.reseal_project(key)?,
                                Sealed::Tombstones => writer.reseal_tombstone(key)?,
                                _ => writer.reseal_key(key)?,
                            }
                        }
                        Ok(())
                    })?;
                }
                done += rows.len() as u64;
                tell(progress, done, all)?;
                after = rows.last().map(|(key, _)| *key);
                if rows.len() < BATCH {
                    break;
                }
            }
        }
        for table in [Sealed::Digests, Sealed::Requests] {
            self.move_hashed(table, &mut done, all, progress)?;
        }
        loop {
            let finished = self.change_alone(Room::Bytes(bulk_bytes(BATCH)), |writer, _| {
                Ok(writer.rechain(BATCH)?)
            })?;
            done = (done + BATCH as u64).min(all);
            tell(progress, done, all)?;
            if finished {
                return Ok(());
            }
        }
    }

    /// The tables whose rows stand under a hash. A digest moves to the place that the new pepper
    /// gives it; a request stays in its place.
    fn move_hashed(
        &self,
        table: Sealed,
        done: &mut u64,
        all: u64,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let rows = self.read(|reader| match table {
                Sealed::Requests => reader.request_rows(after, BATCH),
                _ => reader.digest_rows(after, BATCH),
            })?;
            let old: Vec<[u8; 32]> = rows
                .iter()
                .filter(|(_, row)| self.is_old(row))
                .map(|(key, _)| *key)
                .collect();
            if !old.is_empty() {
                self.change_alone(Room::Bytes(bulk_bytes(old.len())), |writer, _| {
                    for key in &old {
                        match table {
                            Sealed::Requests => writer.reseal_request(key)?,
                            _ => writer.reseal_digest(key)?,
                        }
                    }
                    Ok(())
                })?;
            }
            *done += old.len() as u64;
            tell(progress, (*done).min(all), all)?;
            after = rows.last().map(|(key, _)| *key);
            if rows.len() < BATCH {
                return Ok(());
            }
        }
    }

    fn is_old(&self, row: &[u8]) -> bool {
        row.get(1)
            .is_some_and(|generation| Generation(*generation) != self.terms().ring.newest())
    }

    /// From here on only the new generation is accepted.
    fn finish_pepper_change(&self) -> Result<(), Error> {
        let identity = Identity {
            pepper: PepperState {
                changing_from: None,
                ..self.terms().identity.pepper.clone()
            },
            ..self.terms().identity.clone()
        };
        self.change_alone(Room::Bytes(bulk_bytes(1)), |writer, _| {
            if !writer.rechain(usize::MAX)? {
                return Err(
                    StoreError::Internal("the chain was not computed to its end".into()).into(),
                );
            }
            writer.put_identity(&identity)?;
            writer.apply_store(EventKind::PepperChanged)?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::faults::Faults;
    use crate::error::Code;
    use crate::foreign::ForeignFormat;
    use crate::import::ImportDefaults;
    use crate::key::NewKey;
    use crate::requirement::Requirement;

    const IMPORTED: &str = "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf2Sa";

    fn assert_good(store: &Store, token: &str) {
        let requirement = Requirement::new();
        assert!(store.verify(token, &requirement).is_ok());
        assert!(store.verify(IMPORTED, &requirement).is_ok());
        let report = store
            .check_integrity(&mut |_, _| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(report.damage, Vec::<String>::new());
    }

    #[test]
    fn an_interrupted_change_goes_on_where_it_stopped_whenever_it_was_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let faults = Arc::new(Faults::default());
        let options = |pepper: Option<u8>| {
            let options = StoreOptions::new()
                .faults(Arc::clone(&faults))
                .check_on_open(crate::disk::CheckOnOpen::Never);
            match pepper {
                Some(byte) => options.pepper(Pepper::new([byte; 32])),
                None => options,
            }
        };
        let store = options(None).prefix("acme").unwrap().create(&path).unwrap();
        let created = store.create(&NewKey::new("k")).unwrap();
        let token = created.token.unwrap().expose().to_owned();
        let imported = store
            .import(ForeignFormat::Raw, &[IMPORTED], &ImportDefaults::default())
            .unwrap();
        assert!(imported.results[0].is_ok());
        store.close().unwrap();

        let mut present = None;
        let mut interrupted = 0;
        // Introduced, changed, removed, again and again, each time interrupted later.
        for round in 0..60u8 {
            let next = match round % 3 {
                2 => None,
                _ => Some(round + 1),
            };
            let change = || match next {
                Some(byte) => {
                    options(present).set_pepper(&path, Pepper::new([byte; 32]), &mut |_, _| {
                        ControlFlow::Continue(())
                    })
                }
                None => {
                    options(present).remove_pepper(&path, &mut |_, _| ControlFlow::Continue(()))
                }
            };
            faults.fail_after(i64::from(round) * 4, true);
            let first = change();
            faults.never_fail();
            if first.is_err() {
                interrupted += 1;
                match change() {
                    Ok(()) => {}
                    // It was finished, and only the closing failed.
                    Err(error) => assert!(
                        matches!(
                            error.code(),
                            Code::WRONG_PEPPER | Code::PEPPER_REQUIRED | Code::PEPPER_NOT_EXPECTED
                        ),
                        "round {round}: {error}"
                    ),
                }
            }
            let store = options(next).open(&path).unwrap();
            assert_good(&store, &token);
            store.close().unwrap();
            present = next;
        }
        assert!(interrupted > 20, "only {interrupted} were interrupted");
    }
}

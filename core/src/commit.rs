//! The funnel: every change of the store goes through [`Store::change`], one write transaction
//! from the reading of the current record to the commit. When it returns, the change is durable
//! and every verification that starts afterwards sees it.

use std::time::Duration;

use crate::disk::backend::LAST_PAUSE;
use crate::disk::change::{Asks, Unmade, WriteFailure};
use crate::disk::read::{self, Reader};
use crate::disk::write::{self, Stamp, Writer};
use crate::error::{Error, StoreError};
use crate::store::{Inner, Store};
use crate::time::Now;
use crate::usage::MANY;

/// What a change may use of the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    /// It takes something away: it may use what is kept back, and succeeds on a full disk.
    FromReserve,
    /// It adds about this many bytes, and must leave the reserve whole.
    Bytes(u64),
}

/// What one change of one key writes at the most, in bytes: record, event, and the pages on the
/// way to them in every table.
pub(crate) const ONE_CHANGE: u64 = 256 * 1024;

/// What a batch of creations writes at the most, in bytes.
pub(crate) fn bulk_bytes(keys: usize) -> u64 {
    const PER_KEY: u64 = 2 * 1024;
    ONE_CHANGE + PER_KEY * keys as u64
}

impl Store {
    /// Runs a change: `f` reads the current records inside the transaction and applies the next
    /// ones. A refusal leaves nothing behind.
    ///
    /// Callers that come at the same time share a transaction. Where one of them spoils it the
    /// others are run again, so that `f` may be called twice: what it draws is drawn anew, and what
    /// it answered before is dropped.
    pub(crate) fn change<T>(
        &self,
        room: Room,
        mut f: impl FnMut(&mut Writer<'_>, Now) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let inner = self.inner()?;
        inner.commit(self.stamp(inner), room, false, |writer, now| f(writer, now))
    }

    /// The same for what takes long, such as a batch: it shares its transaction with nobody, and
    /// `f` is called once.
    pub(crate) fn change_alone<T>(
        &self,
        room: Room,
        f: impl FnOnce(&mut Writer<'_>, Now) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let inner = self.inner()?;
        let mut once = Some(f);
        inner.commit(self.stamp(inner), room, true, |writer, now| {
            match once.take() {
                Some(f) => f(writer, now),
                None => Err(StoreError::Internal("a change was run twice".into()).into()),
            }
        })
    }

    fn stamp(&self, inner: &Inner) -> Stamp<'_> {
        Stamp {
            actor: &self.actor,
            at_ms: inner.clock.now_ms(),
        }
    }

    /// Writes the last-used times and use counts that are kept in memory when it begins, in
    /// transactions of at most 1,000 rows, between which other changes get their turn. What could
    /// not be written is kept. Of keys that are not in memory that is at most
    /// [`USAGE_WAITING`](crate::limits::USAGE_WAITING) secrets; a use of a further one is lost.
    /// Nothing is kept, and nothing to write, where the store was opened for reading only.
    ///
    /// # Errors
    /// What the store says; NO_SPACE while the reserve is not whole.
    pub fn flush(&self) -> Result<(), Error> {
        self.sound()?.flush_marks()
    }
}

impl Inner {
    fn commit<T>(
        &self,
        stamp: Stamp<'_>,
        room: Room,
        alone: bool,
        mut f: impl FnMut(&mut Writer<'_>, Now) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self.try_commit(stamp, room, alone, &mut f) {
            // Those who shared the transaction may have needed more than is kept back for one.
            Err(Error::Store(StoreError::NoSpace)) if room == Room::FromReserve && !alone => {
                self.try_commit(stamp, room, true, &mut f)
            }
            result => result,
        }
    }

    fn try_commit<T>(
        &self,
        stamp: Stamp<'_>,
        room: Room,
        alone: bool,
        f: &mut impl FnMut(&mut Writer<'_>, Now) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut written = None;
        let adds = match room {
            Room::FromReserve => None,
            Room::Bytes(bytes) => Some(bytes),
        };
        let result = self.disk.write(Asks { adds, alone }, |transaction| {
            let ring = self.keys(|ring| write::is_changing(transaction, ring))?;
            let mut writer = Writer::open(transaction, ring, stamp)?;
            let now = self.now(writer.state());
            let value = f(&mut writer, now).map_err(|error| Unmade {
                spoilt: writer.changed() || !leaves_nothing(&error),
                error,
            })?;
            if writer.changed()
                && let Some(mark) = self.mark_candidate()
            {
                writer.advance_mark(mark);
            }
            written = Some((writer.state().sequence, writer.state().head));
            writer.finish()?;
            Ok(value)
        });
        match result {
            Ok(value) => Ok(value),
            Err(WriteFailure::Before(error)) => Err(self.after_failure(error)),
            Err(WriteFailure::InCommit(error)) => Err(self.unhappened(error, written)),
        }
    }

    /// After a commit that failed: whether it happened is read from the file, opened anew. Where
    /// that cannot be read either, the outcome is unknown, and said to be.
    fn unhappened(&self, error: StoreError, written: Option<(u64, [u8; 32])>) -> Error {
        self.forget_cached();
        let stands = self.disk.read(|transaction| {
            let ring = self.keys(|ring| read::is_changing(transaction, ring))?;
            let reader = Reader::new(transaction, ring);
            let Some((sequence, head)) = written else {
                return Ok(false);
            };
            let state = reader.state()?;
            // The head may have moved on; then the event itself tells.
            Ok::<_, StoreError>(if state.sequence == sequence {
                state.head == head
            } else {
                reader
                    .event(sequence)?
                    .is_some_and(|event| event.hash == head)
            })
        });
        match stands {
            Ok(false) => error.into(),
            Ok(true) | Err(_) => StoreError::OutcomeUnknown(error.to_string()).into(),
        }
    }

    /// Writes the kept last-used times: those that wait when it begins, so that it ends under any
    /// traffic.
    pub(crate) fn flush_marks(&self) -> Result<(), Error> {
        if self.disk.options().read_only {
            return Ok(());
        }
        let _one = self.marks.writing();
        self.marks.take();
        let (mut cells, mut pause) = (Some(0), Duration::ZERO);
        loop {
            let batch = self.marks.batch();
            if batch.is_empty() {
                let Some(from) = cells else { return Ok(()) };
                cells = self.take_counted(from);
                continue;
            }
            std::thread::sleep(pause);
            pause = TURN;
            let stamp = Stamp {
                actor: "keyfob",
                at_ms: self.clock.now_ms(),
            };
            let written = self.commit(stamp, Room::Bytes(ONE_CHANGE), true, |writer, _| {
                if let Some(mark) = self.mark_candidate() {
                    writer.advance_mark(mark);
                }
                for ((key_id, generation), usage) in &batch {
                    writer.add_usage(*key_id, *generation, *usage)?;
                }
                Ok(())
            });
            if let Err(error) = written {
                self.marks.put_back();
                return Err(error);
            }
            self.marks.written(&batch);
        }
    }

    /// Takes what some of the cache's cells counted, to be written. What is not taken stays in its
    /// cell: a flush that fails loses nothing of it, and takes no more memory the next time.
    fn take_counted(&self, from: usize) -> Option<usize> {
        // The mutex is held until it is where it is seen again.
        let mut changing = self.cache.changing();
        let (used, rest) = changing.collect(from, MANY);
        self.marks.take_counted(used);
        rest
    }
}

/// Whether what failed so, before it wrote anything, leaves the transaction to others: a refusal, or
/// a row that is not believed. What the engine or the disk said concerns everybody.
fn leaves_nothing(error: &Error) -> bool {
    match error {
        Error::Store(error) => matches!(error, StoreError::Corrupted(_)),
        _ => true,
    }
}

/// The pause between two batches of statistics: whoever waits for a change, in this process or
/// another, tries at least once meanwhile.
const TURN: Duration = LAST_PAUSE.saturating_mul(2);

/// So many are tried on a full disk without asking whether there is room.
const FEW: usize = 32;

impl Store {
    /// How many of so many a change from the reserve is to be about: all of them, or on a full disk
    /// fewer. Too many at once would write what is kept back full, and fail, and leave nothing.
    pub(crate) fn few_enough(&self, mut many: usize) -> Result<usize, Error> {
        while many > FEW {
            match self.inner()?.disk.ensure_room(bulk_bytes(many)) {
                Ok(()) => break,
                Err(StoreError::NoSpace) => many /= 2,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(many)
    }

    /// Does something from the reserve with many: all at once, or on a full disk in smaller and
    /// smaller parts.
    pub(crate) fn in_parts<T>(
        &self,
        all: &[T],
        mut some: impl FnMut(&[T]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut rest = all;
        let mut most = self.few_enough(all.len())?;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(most.min(rest.len()));
            match some(part) {
                Ok(()) => rest = after,
                Err(Error::Store(StoreError::NoSpace)) if part.len() > 1 => most = part.len() / 2,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::disk::CheckOnOpen;
    use crate::disk::faults::Faults;
    use crate::error::{Code, Denied, Refused, VerifyError};
    use crate::event::EventKind;
    use crate::id::{KeyId, ProjectId};
    use crate::key::NewKey;
    use crate::lifecycle::{Revoke, Rotate};
    use crate::project::{NewProject, ProjectRecord};
    use crate::requirement::Requirement;
    use crate::store::StoreOptions;

    struct Bench {
        _folder: tempfile::TempDir,
        path: std::path::PathBuf,
        faults: Arc<Faults>,
    }

    impl Bench {
        fn new() -> (Self, Store) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store");
            let bench = Bench {
                _folder: folder,
                path,
                faults: Arc::default(),
            };
            let store = bench
                .options()
                .prefix("acme")
                .unwrap()
                .create(&bench.path)
                .unwrap();
            (bench, store)
        }

        fn options(&self) -> StoreOptions {
            StoreOptions::new()
                .faults(Arc::clone(&self.faults))
                .flush_every(Duration::ZERO)
        }
    }

    fn create(store: &Store) -> Result<(KeyId, String), Error> {
        let created = store.create(&NewKey::new("k"))?;
        Ok((created.key.id, created.token.unwrap().expose().to_owned()))
    }

    fn outcome(store: &Store, token: &str) -> Result<(), Code> {
        match store.verify(token, &Requirement::new()) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.code()),
        }
    }

    fn assert_whole(store: &Store) {
        let report = store
            .check_integrity(&mut |_, _| ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(report.damage, Vec::<String>::new());
    }

    #[test]
    fn on_a_full_disk_nothing_is_created_and_everything_can_be_taken_away() {
        let (bench, store) = Bench::new();
        let keys: Vec<_> = (0..60).map(|_| create(&store).unwrap()).collect();
        let (rotated, old) = &keys[0];
        let new = store.rotate(*rotated, &Rotate::with_grace(60)).unwrap();
        let new = new.token.unwrap().expose().to_owned();
        let reserve = i64::try_from(crate::limits::RESERVE_BYTES / 4096).unwrap();
        // The disk fills up to the reserve, by others.
        bench.faults.limit_free_blocks(reserve);
        assert_eq!(create(&store).unwrap_err().code(), Code::NO_SPACE);
        assert_eq!(
            store
                .rotate(keys[1].0, &Rotate::with_grace(60))
                .unwrap_err()
                .code(),
            Code::NO_SPACE
        );
        assert_eq!(outcome(&store, old), Ok(()));
        store.finish_rotation(*rotated).unwrap();
        assert_eq!(outcome(&store, old), Err(Code::NOT_FOUND));
        assert_eq!(outcome(&store, &new), Ok(()));
        for (at, (id, token)) in keys.iter().enumerate().skip(1) {
            if at % 2 == 0 {
                store.revoke(*id, &Revoke::default()).unwrap();
                assert_eq!(outcome(&store, token), Err(Code::REVOKED));
            } else {
                store.disable(*id).unwrap();
                assert_eq!(outcome(&store, token), Err(Code::DISABLED));
            }
        }
        assert_eq!(
            store.flush().map_err(|e| e.code()),
            Err(Code::NO_SPACE),
            "uses wait"
        );
        assert_whole(&store);
        bench.faults.no_limit();
        create(&store).unwrap();
    }

    #[test]
    fn creating_on_a_disk_that_fills_up_stops_before_the_last_revocation_would() {
        let (bench, store) = Bench::new();
        bench.faults.limit_free_blocks(1_400);
        let mut keys = Vec::new();
        let refused = loop {
            match create(&store) {
                Ok(key) => keys.push(key),
                Err(error) => break error,
            }
            assert!(keys.len() < 100_000, "the disk never filled up");
        };
        assert_eq!(refused.code(), Code::NO_SPACE);
        assert!(!keys.is_empty());
        for (id, token) in &keys {
            store.revoke(*id, &Revoke::default()).unwrap();
            assert_eq!(outcome(&store, token), Err(Code::REVOKED));
        }
        assert_whole(&store);
    }

    #[test]
    fn a_disk_that_is_full_without_a_reserve_refuses_clearly_and_loses_nothing() {
        let (bench, store) = Bench::new();
        let keys: Vec<_> = (0..30).map(|_| create(&store).unwrap()).collect();
        bench.faults.limit_free_blocks(0);
        let mut refused = 0;
        for (id, token) in &keys {
            match store.revoke(*id, &Revoke::default()) {
                Ok(_) => assert_eq!(outcome(&store, token), Err(Code::REVOKED)),
                Err(error) => {
                    refused += 1;
                    let code = error.code();
                    assert!(
                        code == Code::NO_SPACE || code == Code::OUTCOME_UNKNOWN,
                        "{error}"
                    );
                    assert_eq!(outcome(&store, token), Ok(()), "it goes on reading");
                }
            }
        }
        bench.faults.no_limit();
        for (id, token) in &keys {
            store.revoke(*id, &Revoke::default()).unwrap();
            assert_eq!(outcome(&store, token), Err(Code::REVOKED));
        }
        assert_whole(&store);
        assert!(refused > 0, "the disk was never full");
    }

    /// Every operation of a run fails once, one run after another: what was acknowledged is there
    /// afterwards, and what was refused is not, unless the outcome was said to be unknown.
    fn every_operation_fails(sticky: bool) {
        let (bench, store) = Bench::new();
        let (first, first_token) = create(&store).unwrap();
        store.close().unwrap();
        let mut fired_last = true;
        let mut at = 0;
        let mut runs = 0;
        while fired_last {
            let Ok(store) = bench
                .options()
                .check_on_open(CheckOnOpen::Never)
                .open(&bench.path)
            else {
                panic!("the store does not open after run {runs}");
            };
            let before = bench.faults.fired();
            bench.faults.fail_after(at, sticky);
            let created = create(&store);
            let (victim, victim_token) = match &created {
                Ok((id, token)) => (*id, token.clone()),
                Err(_) => (first, first_token.clone()),
            };
            let revoked = created
                .as_ref()
                .ok()
                .map(|_| store.revoke(victim, &Revoke::default()));
            let checked = outcome(&store, &first_token);
            let closed = store.close();
            bench.faults.never_fail();
            fired_last = bench.faults.fired() > before;

            let store = bench.options().open(&bench.path).unwrap();
            assert!(
                checked == Ok(()) || checked.is_err_and(|code| !code.is_denial()),
                "an error is never turned into a denial: {checked:?}"
            );
            assert_eq!(outcome(&store, &first_token), Ok(()), "run {runs}");
            match (&created, revoked) {
                (Ok(_), Some(Ok(_))) => {
                    assert_eq!(
                        outcome(&store, &victim_token),
                        Err(Code::REVOKED),
                        "run {runs}"
                    );
                }
                (Ok(_), Some(Err(error))) => {
                    let now = outcome(&store, &victim_token);
                    let unknown = error.code() == Code::OUTCOME_UNKNOWN;
                    assert!(now == Ok(()) || unknown, "run {runs}: {error}: {now:?}");
                }
                (Ok(_), None) => unreachable!("a created key is revoked"),
                (Err(error), _) => {
                    assert!(matches!(error, Error::Store(_)), "{error}");
                }
            }
            drop(closed);
            assert_whole(&store);
            store.close().unwrap();
            at += 3;
            runs += 1;
            assert!(runs < 2_000, "the faults never end");
        }
        assert!(runs > 10, "only {runs} runs: the fuse was not used");
    }

    #[test]
    fn an_operation_that_fails_once_loses_nothing_that_was_acknowledged() {
        every_operation_fails(false);
    }

    #[test]
    fn operations_that_go_on_failing_lose_nothing_that_was_acknowledged() {
        every_operation_fails(true);
    }

    #[test]
    fn a_verification_that_cannot_read_is_an_error_and_no_denial() {
        let (bench, store) = Bench::new();
        let (_, token) = create(&store).unwrap();
        store.close().unwrap();
        let store = bench
            .options()
            .page_cache_bytes(0)
            .open(&bench.path)
            .unwrap();
        bench.faults.fail_after(0, true);
        let failed = store.verify(&token, &Requirement::new());
        assert!(matches!(failed, Err(VerifyError::Store(_))), "{failed:?}");
        bench.faults.never_fail();
        // The next call tries to open the file again.
        assert_eq!(outcome(&store, &token), Ok(()));
        assert_eq!(
            outcome(&store, "acme_live_x"),
            Err(Denied::Malformed.code())
        );
    }

    #[test]
    fn a_panic_of_the_engine_is_an_error_and_the_torn_handle_is_never_used_again() {
        let (bench, store) = Bench::new();
        let (id, token) = create(&store).unwrap();
        store.close().unwrap();
        let store = bench
            .options()
            .page_cache_bytes(0)
            .open(&bench.path)
            .unwrap();
        bench.faults.panic_next();
        let failed = store.verify(&token, &Requirement::new()).unwrap_err();
        assert_eq!(failed.code(), Code::CORRUPTED, "{failed}");
        // The file was opened anew, with the full check.
        assert_eq!(outcome(&store, &token), Ok(()));
        bench.faults.panic_next();
        assert!(store.revoke(id, &Revoke::default()).is_err());
        // Nothing of the torn handle holds a lock: another one opens the file for itself.
        store.close().unwrap();
        let store = bench.options().exclusive(true).open(&bench.path).unwrap();
        assert_eq!(outcome(&store, &token), Ok(()));
        store.revoke(id, &Revoke::default()).unwrap();
        assert_whole(&store);
    }

    #[test]
    fn a_cache_that_cannot_catch_up_answers_nothing() {
        let (bench, writer) = Bench::new();
        let (id, token) = create(&writer).unwrap();
        let reader = bench.options().page_cache_bytes(0).apart();
        let reader = reader.open(&bench.path).unwrap();
        for _ in 0..2 {
            assert_eq!(outcome(&reader, &token), Ok(()), "it is in the cache");
        }
        writer.revoke(id, &Revoke::default()).unwrap();
        bench.faults.fail_after(0, true);
        for _ in 0..3 {
            assert_eq!(outcome(&reader, &token), Err(Code::IO));
        }
        bench.faults.never_fail();
        assert_eq!(outcome(&reader, &token), Err(Code::REVOKED));
    }

    #[test]
    fn a_handle_that_could_not_be_opened_again_says_why_and_is_opened_when_it_can_be() {
        let (bench, store) = Bench::new();
        let (id, token) = create(&store).unwrap();
        store.close().unwrap();
        // Without keys in memory, which are verified while the file is away.
        let options = || bench.options().page_cache_bytes(0).key_cache_bytes(0);
        let store = options().open(&bench.path).unwrap();
        let break_it = |store: &Store| {
            // Not a verification, which may find a snapshot that it read in before.
            bench.faults.fail_after(0, false);
            assert_eq!(store.get(id).unwrap_err().code(), Code::IO);
        };
        let aside = bench.path.with_extension("aside");
        break_it(&store);
        std::fs::rename(&bench.path, &aside).unwrap();
        assert_eq!(outcome(&store, &token), Err(Code::NO_STORE));
        std::fs::copy(&aside, &bench.path).unwrap();
        assert_eq!(outcome(&store, &token), Err(Code::REPLACED));
        std::fs::rename(&aside, &bench.path).unwrap();
        assert_eq!(
            outcome(&store, &token),
            Err(Code::REPLACED),
            "until it is opened again"
        );
        let replaced = store;
        let store = options().open(&bench.path).unwrap();
        replaced.close().unwrap();
        assert_eq!(outcome(&store, &token), Ok(()));

        break_it(&store);
        let alone = options().exclusive(true).apart();
        let alone = alone.open(&bench.path).unwrap();
        assert_eq!(outcome(&store, &token), Err(Code::LOCKED));
        alone.close().unwrap();
        store.revoke(id, &Revoke::default()).unwrap();
        assert_eq!(outcome(&store, &token), Err(Code::REVOKED));

        break_it(&store);
        store.close().unwrap();
        assert_eq!(
            outcome(&store, &token),
            Err(Code::CLOSED),
            "not opened again"
        );
        options().exclusive(true).open(&bench.path).unwrap();
    }

    /// The thread that opened the file again held the handle and waited for the lock of a transaction
    /// whose owner waited for the handle; both, and all who came, ran into their deadlines.
    #[test]
    fn after_a_fault_nobody_waits_for_somebody_who_waits() {
        let (bench, store) = Bench::new();
        store.close().unwrap();
        let options = bench.options().page_cache_bytes(64 * 1024);
        let store = options.open(&bench.path).unwrap();
        let busy = std::sync::atomic::AtomicU64::new(0);
        let left = std::sync::atomic::AtomicI64::new(2_000);
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while left.fetch_sub(1, relaxed) > 0 {
                        let done = create(&store).and_then(|(id, token)| {
                            let _ = outcome(&store, &token);
                            store.revoke(id, &Revoke::default()).map(|_| ())
                        });
                        let is_busy = done.is_err_and(|error| error.code() == Code::BUSY);
                        busy.fetch_add(u64::from(is_busy), relaxed);
                    }
                });
            }
            let mut number = 7_u64;
            while left.load(relaxed) > 0 {
                number = number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                std::thread::sleep(Duration::from_millis(3 + (number >> 60)));
                let after = i64::try_from(number >> 33 & 63).unwrap();
                bench.faults.fail_after(after, false);
            }
        });
        bench.faults.never_fail();
        assert!(bench.faults.fired() > 10, "hardly a fault");
        assert_eq!(busy.load(relaxed), 0);
        assert_whole(&store);
    }

    #[test]
    fn uses_are_counted_where_no_key_fits_into_memory() {
        for bytes in [0, 1_000] {
            let (bench, store) = Bench::new();
            let (id, token) = create(&store).unwrap();
            store.close().unwrap();
            let options = bench.options().key_cache_bytes(bytes);
            let store = options.open(&bench.path).unwrap();
            for _ in 0..3 {
                assert_eq!(outcome(&store, &token), Ok(()));
            }
            store.flush().unwrap();
            assert_eq!(store.get(id).unwrap().used.uses, 3, "{bytes} bytes");
        }
    }

    #[test]
    fn neither_a_flush_nor_a_change_of_another_key_makes_the_cache_begin_anew() {
        let (bench, store) = Bench::new();
        let keys: Vec<_> = (0..3).map(|_| create(&store).unwrap()).collect();
        for (_, token) in &keys {
            assert_eq!(outcome(&store, token), Ok(()));
        }
        let [first, others @ ..] = &keys[..] else {
            panic!("there are three");
        };
        let from_memory = || {
            // The first one catches up with the file, the others must not need it.
            assert_eq!(outcome(&store, &first.1), Ok(()));
            bench.faults.fail_after(0, true);
            for (_, token) in others {
                assert_eq!(outcome(&store, token), Ok(()));
            }
            bench.faults.never_fail();
        };
        store.flush().unwrap();
        from_memory();
        create(&store).unwrap();
        store.disable(create(&store).unwrap().0).unwrap();
        from_memory();
        assert_eq!(bench.faults.fired(), 0, "nothing was read");
    }

    #[test]
    fn a_flush_writes_what_waited_when_it_began_and_ends_under_traffic() {
        let (_bench, store) = Bench::new();
        let (known, _) = create(&store).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let noted = std::sync::atomic::AtomicU64::new(0);
        let (ended, end) = std::sync::mpsc::channel();
        // Before the others, so that there is room for it.
        let inner = store.inner().unwrap();
        inner.note_use((known, 1), inner.clock.now());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut at = 0u128;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    at += 1;
                    let id = KeyId::from_bytes(at.to_be_bytes());
                    inner.note_use((id, 1), inner.clock.now());
                    noted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
            while noted.load(std::sync::atomic::Ordering::Relaxed) < 5_000 {
                std::thread::yield_now();
            }
            let flushing = store.clone();
            scope.spawn(move || {
                ended
                    .send(flushing.flush().map_err(|e| e.to_string()))
                    .unwrap();
            });
            let flushed = end.recv_timeout(Duration::from_secs(60));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            flushed.expect("it does not end").unwrap();
        });
        assert_eq!(store.get(known).unwrap().used.uses, 1);
    }

    #[test]
    fn a_key_in_memory_loses_no_use_while_others_wait_for_a_full_disk_and_nothing_grows() {
        use crate::limits::{RESERVE_BYTES, USAGE_WAITING};
        let (bench, store) = Bench::new();
        let keys: Vec<_> = (0..2).map(|_| create(&store).unwrap()).collect();
        let [(known, token), (late, of_late)] = &keys[..] else {
            panic!("there are two");
        };
        assert_eq!(outcome(&store, token), Ok(()));
        let inner = store.inner().unwrap();
        for at in 0..=USAGE_WAITING as u128 {
            inner.note_use((KeyId::from_bytes(at.to_be_bytes()), 1), inner.clock.now());
        }
        inner.note_use((*late, 1), inner.clock.now());
        bench
            .faults
            .limit_free_blocks(i64::try_from(RESERVE_BYTES / 4096).unwrap());
        for _ in 0..2 {
            assert_eq!(store.flush().unwrap_err().code(), Code::NO_SPACE);
            // A look takes nothing from where it would have to wait for room.
            assert_eq!(store.get(*known).unwrap().used.uses, 1);
            assert_eq!(store.get(*late).unwrap().used.uses, 0, "no room");
        }
        bench.faults.no_limit();
        store.flush().unwrap();
        assert_eq!(outcome(&store, of_late), Ok(()));
        for id in [known, late] {
            assert_eq!(store.get(*id).unwrap().used.uses, 1);
        }
    }

    #[test]
    fn a_change_waits_for_those_before_it_no_longer_than_its_deadline() {
        let (bench, store) = Bench::new();
        let (id, token) = create(&store).unwrap();
        let quick = Duration::from_millis(50);
        store.close().unwrap();
        let store = bench
            .options()
            .timeouts(quick, quick)
            .open(&bench.path)
            .unwrap();
        let (begun, wait_for_it) = std::sync::mpsc::channel();
        let (end, until_told) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let slow = store.clone();
            scope.spawn(move || {
                slow.change(Room::FromReserve, |_, _| {
                    begun.send(()).unwrap();
                    // A change that nobody ends is ended by the test's own.
                    let _ = until_told.recv_timeout(Duration::from_secs(60));
                    Ok(())
                })
                .unwrap();
            });
            wait_for_it.recv().unwrap();
            let refused = store.revoke(id, &Revoke::default()).unwrap_err();
            let still_running = end.send(()).is_ok();
            assert_eq!(refused.code(), Code::BUSY);
            assert!(still_running);
        });
        store.revoke(id, &Revoke::default()).unwrap();
        assert_eq!(outcome(&store, &token), Err(Code::REVOKED));
    }

    /// Lets callers come while a first one is in the middle of its change, so that all of them
    /// share its transaction. Answers what each was told, the first one first.
    fn sharing<T: Send>(
        store: &Store,
        first: impl FnOnce() -> Result<(), Error> + Send,
        others: usize,
        each: impl Fn(usize) -> T + Sync,
    ) -> (Result<(), Error>, Vec<T>) {
        let first = Mutex::new(Some(first));
        let (begun, wait_for_it) = std::sync::mpsc::channel();
        let slow = || {
            store.change(Room::FromReserve, |_, _| {
                // Where it is run again the others have come already.
                let Some(first) = first.lock().unwrap().take() else {
                    return Ok(());
                };
                begun.send(()).unwrap();
                let since = std::time::Instant::now();
                while store.inner().unwrap().disk.waiting() < others
                    && since.elapsed().as_secs() < 60
                {
                    std::thread::yield_now();
                }
                first()
            })
        };
        std::thread::scope(|scope| {
            let slow = scope.spawn(slow);
            wait_for_it.recv().unwrap();
            let each = &each;
            let others: Vec<_> = (0..others)
                .map(|number| scope.spawn(move || each(number)))
                .collect();
            let told = slow.join().unwrap();
            (
                told,
                others.into_iter().map(|h| h.join().unwrap()).collect(),
            )
        })
    }

    #[test]
    fn a_change_that_panics_fails_none_of_those_who_share_its_transaction() {
        let (_bench, store) = Bench::new();
        for round in 0..5 {
            let told = sharing(
                &store,
                || Ok(()),
                6,
                |number| {
                    if number != round {
                        return create(&store).map(|(_, token)| token);
                    }
                    store.change(Room::FromReserve, |_, _| panic!("injected panic"))
                },
            );
            told.0.unwrap();
            for (number, told) in told.1.into_iter().enumerate() {
                match told {
                    Ok(token) => assert_eq!(outcome(&store, &token), Ok(())),
                    Err(error) => {
                        assert_eq!((error.code(), number), (Code::CORRUPTED, round), "{error}");
                    }
                }
            }
        }
        assert_eq!(store.info().unwrap().keys, 5 * 5);
        assert_whole(&store);
    }

    #[test]
    fn a_change_that_fails_after_it_has_written_is_undone_and_its_neighbours_are_made_again() {
        let (_bench, store) = Bench::new();
        let runs = std::sync::atomic::AtomicUsize::new(0);
        let told = sharing(
            &store,
            || Ok(()),
            6,
            |number| {
                store.change(Room::FromReserve, |writer, _| {
                    runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let policy = writer.state().policy;
                    let sequence = writer.apply_store(EventKind::PolicyChanged { policy })?;
                    if number == 3 {
                        return Err(Refused::NameTaken("after it has written".into()).into());
                    }
                    Ok(sequence)
                })
            },
        );
        told.0.unwrap();
        let mut sequences = Vec::new();
        for (number, told) in told.1.into_iter().enumerate() {
            match told {
                Ok(sequence) => sequences.push(sequence),
                Err(error) => assert_eq!((error.code(), number), (Code::NAME_TAKEN, 3)),
            }
        }
        sequences.sort_unstable();
        assert_eq!(sequences, [2, 3, 4, 5, 6]);
        assert!(runs.into_inner() <= 2 * 6, "nobody runs a third time");
        assert_eq!(store.info().unwrap().sequence, 6);
        assert_whole(&store);
    }

    #[test]
    fn who_is_refused_by_a_neighbours_change_that_did_not_happen_is_judged_anew() {
        let (_bench, store) = Bench::new();
        let project = NewProject::new("shop");
        let told = sharing(
            &store,
            || Ok(()),
            4,
            |number| {
                store.change(Room::FromReserve, |writer, now| {
                    if writer.project_named("shop")?.is_some() {
                        return Err(Refused::NameTaken("shop".into()).into());
                    }
                    let (record, kind) = ProjectRecord::create(&project, now.clock)?;
                    let id = ProjectId::generate(now.clock.unix())?;
                    writer.apply_project(id, None, Some(record), kind)?;
                    if number < 3 {
                        return Err(StoreError::Internal("injected".into()).into());
                    }
                    Ok(())
                })
            },
        );
        told.0.unwrap();
        let codes: Vec<Code> = told
            .1
            .into_iter()
            .map(|told| told.map_or_else(|error| error.code(), |()| Code::OK))
            .collect();
        // The one that does not fail makes it: no shop was there but those that were undone.
        assert_eq!(codes[3], Code::OK);
        for code in &codes[..3] {
            assert!([Code::INTERNAL, Code::NAME_TAKEN].contains(code), "{code}");
        }
        assert_eq!(store.info().unwrap().projects, 1);
    }

    #[test]
    fn after_a_shared_commit_that_failed_each_caller_is_told_of_its_own_change() {
        let (bench, store) = Bench::new();
        let (mut unmade, mut before) = (0, 0);
        for operations in 0..12 {
            let told = sharing(
                &store,
                || {
                    bench.faults.fail_after(operations, false);
                    Ok(())
                },
                4,
                |_| create(&store),
            );
            bench.faults.never_fail();
            let all = store.info().or_else(|_| store.info()).unwrap().keys - before;
            before += all;
            let (mut made, mut unknown) = (0, 0);
            for told in told.1 {
                match told {
                    Ok((_, token)) => {
                        assert_eq!(outcome(&store, &token), Ok(()));
                        made += 1;
                    }
                    Err(error) if error.code() == Code::OUTCOME_UNKNOWN => unknown += 1,
                    Err(_) => unmade += 1,
                }
            }
            assert!(
                (made..=made + unknown).contains(&all),
                "{made} {unknown} {all}"
            );
        }
        assert!(unmade > 0, "no commit failed");
        assert_whole(&store);
    }

    #[test]
    fn a_file_that_is_replaced_under_those_who_share_a_transaction_gets_none_of_their_changes() {
        let (bench, store) = Bench::new();
        let (_, token) = create(&store).unwrap();
        let aside = bench.path.with_extension("aside");
        let told = sharing(
            &store,
            || {
                std::fs::copy(&bench.path, &aside).unwrap();
                std::fs::rename(&aside, &bench.path).unwrap();
                Ok(())
            },
            4,
            |_| create(&store).map(|_| ()).map_err(|error| error.code()),
        );
        assert_eq!(told.0.unwrap_err().code(), Code::REPLACED);
        assert_eq!(told.1, [Err(Code::REPLACED); 4]);
        assert_eq!(outcome(&store, &token), Err(Code::REPLACED));
    }

    #[test]
    fn on_a_full_disk_many_callers_take_away_at_once() {
        let (bench, store) = Bench::new();
        let keys: Vec<_> = (0..64).map(|_| create(&store).unwrap()).collect();
        let reserve = i64::try_from(crate::limits::RESERVE_BYTES / 4096).unwrap();
        bench.faults.limit_free_blocks(reserve);
        std::thread::scope(|scope| {
            for part in keys.chunks(8) {
                let store = &store;
                scope.spawn(move || {
                    assert_eq!(create(store).unwrap_err().code(), Code::NO_SPACE);
                    for (id, token) in part {
                        store.revoke(*id, &Revoke::default()).unwrap();
                        assert_eq!(outcome(store, token), Err(Code::REVOKED));
                    }
                });
            }
        });
        assert_whole(&store);
    }

    #[test]
    fn who_waits_too_long_for_its_turn_is_busy_and_was_not_run() {
        let (bench, store) = Bench::new();
        store.close().unwrap();
        let quick = Duration::from_millis(50);
        let store = bench
            .options()
            .timeouts(quick, quick)
            .open(&bench.path)
            .unwrap();
        let (begun, wait_for_it) = std::sync::mpsc::channel();
        let (end, until_told) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let slow = &store;
            let slow = scope.spawn(move || {
                slow.change(Room::FromReserve, |_, _| {
                    begun.send(()).unwrap();
                    let _ = until_told.recv_timeout(Duration::from_secs(60));
                    Ok(())
                })
            });
            wait_for_it.recv().unwrap();
            let waiting: Vec<_> = (0..5).map(|_| scope.spawn(|| create(&store))).collect();
            for told in waiting {
                let told = told.join().unwrap();
                assert_eq!(told.unwrap_err().code(), Code::BUSY);
            }
            end.send(()).unwrap();
            // It was run, and waits for its commit however long it took to get there.
            slow.join().unwrap().unwrap();
        });
        assert_eq!(store.info().unwrap().keys, 0);
        create(&store).unwrap();
    }

    /// As `every_operation_fails`, with several callers at once.
    fn every_operation_fails_beside_others(sticky: bool) {
        const CALLERS: usize = 4;
        let (bench, store) = Bench::new();
        create(&store).unwrap();
        store.close().unwrap();
        let (mut at, mut runs, mut fired_last) = (0, 0, true);
        while fired_last {
            let options = bench.options().check_on_open(CheckOnOpen::Never);
            let store = options.open(&bench.path).unwrap();
            let before = bench.faults.fired();
            bench.faults.fail_after(at, sticky);
            let told: Vec<_> = std::thread::scope(|scope| {
                let callers: Vec<_> = (0..CALLERS)
                    .map(|_| {
                        scope.spawn(|| {
                            let (id, token) = create(&store)?;
                            Ok::<_, Error>((token, store.revoke(id, &Revoke::default())))
                        })
                    })
                    .collect();
                callers.into_iter().map(|c| c.join().unwrap()).collect()
            });
            let closed = store.close();
            bench.faults.never_fail();
            fired_last = bench.faults.fired() > before;
            drop(closed);

            let store = bench.options().open(&bench.path).unwrap();
            for told in told {
                match told {
                    Ok((token, Ok(_))) => {
                        assert_eq!(outcome(&store, &token), Err(Code::REVOKED), "run {runs}");
                    }
                    Ok((token, Err(error))) => {
                        let now = outcome(&store, &token);
                        let unknown = error.code() == Code::OUTCOME_UNKNOWN;
                        assert!(now == Ok(()) || unknown, "run {runs}: {error}: {now:?}");
                    }
                    Err(error) => assert!(matches!(error, Error::Store(_)), "{error}"),
                }
            }
            assert_whole(&store);
            store.close().unwrap();
            at += 5;
            runs += 1;
            assert!(runs < 2_000, "the faults never end");
        }
        assert!(runs > 10, "only {runs} runs: the fuse was not used");
    }

    #[test]
    fn an_operation_that_fails_once_loses_nothing_that_any_of_several_callers_was_told() {
        every_operation_fails_beside_others(false);
    }

    #[test]
    fn operations_that_go_on_failing_lose_nothing_that_any_of_several_callers_was_told() {
        every_operation_fails_beside_others(true);
    }
}

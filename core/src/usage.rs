//! Last used and use counts: kept in memory per secret, and written in batches. They are
//! statistics, never a ground for a decision, and a crash can lose what was not written yet.
//!
//! A key in the cache is counted in its cell. Here is what waits of all others, and that is bounded
//! however fast keys are verified and however long nothing can be written: a secret that is beyond
//! the bound is not noted.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::thread::Thread;

use crate::cache::Used;
use crate::disk::schema::Usage;
use crate::id::KeyId;
use crate::limits::{USAGE_ROWS, USAGE_WAITING};

/// So many that wait are written early, and so many are taken from the cache's cells at once.
pub(crate) const MANY: usize = USAGE_WAITING / 2;

/// A key's secret, by the key and the generation of the secret.
pub(crate) type SecretId = (KeyId, u32);

/// Uses that were not written yet: those that wait, and those that are being written, which are
/// seen until they are in the file, so that no use is ever seen to go back.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    held: Mutex<Held>,
    writing: Mutex<()>,
    seen: RwLock<()>,
    /// Who is woken where many wait.
    flusher: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct Held {
    waiting: BTreeMap<SecretId, Usage>,
    taken: BTreeMap<SecretId, Usage>,
}

impl Held {
    /// Has a use wait, if there is room for its secret.
    fn wait(&mut self, secret: SecretId, usage: Usage) {
        let has_room = self.waiting.len() + self.taken.len() < USAGE_WAITING;
        if has_room || self.waiting.contains_key(&secret) {
            merge(&mut self.waiting, secret, usage);
        }
    }
}

fn merge(marks: &mut BTreeMap<SecretId, Usage>, secret: SecretId, usage: Usage) {
    let mark = marks.entry(secret).or_default();
    *mark = mark.merged(usage);
}

/// What a cell counted, as it is written.
pub(crate) fn counted(used: Used) -> (SecretId, Usage) {
    let Used {
        key_id,
        generation,
        at: last_used,
        uses,
    } = used;
    ((key_id, generation), Usage { last_used, uses })
}

impl Marks {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One writer at a time, since what is taken is one batch.
    pub(crate) fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be held from before a snapshot is taken until its uses were merged with those here: what
    /// the snapshot does not have yet is not forgotten meanwhile. For the moment between a commit
    /// and the forgetting its uses may be counted twice, never left out.
    pub(crate) fn seeing(&self) -> RwLockReadGuard<'_, ()> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes a thread from now on where many wait.
    pub(crate) fn wake(&self, flusher: &Thread) {
        self.flusher.get_or_init(|| flusher.clone());
    }

    /// Whether so many wait that they are to be written early.
    pub(crate) fn are_many(&self) -> bool {
        self.lock().waiting.len() >= MANY
    }

    /// Notes a use at a time.
    pub(crate) fn note(&self, secret: SecretId, at: i64) {
        let usage = Usage {
            last_used: at,
            uses: 1,
        };
        self.add([(secret, usage)]);
    }

    /// Notes what cells counted that are given up.
    pub(crate) fn add_all(&self, used: impl IntoIterator<Item = Used>) {
        let mut used = used.into_iter().peekable();
        if used.peek().is_some() {
            self.add(used.map(counted));
        }
    }

    fn add(&self, uses: impl IntoIterator<Item = (SecretId, Usage)>) {
        let mut held = self.lock();
        let before = held.waiting.len();
        for (secret, usage) in uses {
            held.wait(secret, usage);
        }
        let became_many = before < MANY && held.waiting.len() >= MANY;
        drop(held);
        if became_many && let Some(flusher) = self.flusher.get() {
            flusher.unpark();
        }
    }

    /// What was noted of a key and is not known to be written yet, by the generation of the secret;
    /// one may be there twice.
    pub(crate) fn of(&self, key: KeyId) -> Vec<(u32, Usage)> {
        let held = self.lock();
        let both = [&held.taken, &held.waiting].into_iter();
        both.flat_map(|marks| marks.range((key, 0)..=(key, u32::MAX)))
            .map(|((_, generation), usage)| (*generation, *usage))
            .collect()
    }

    /// Takes what waits, to be written. It is still seen until [`Marks::written`] or
    /// [`Marks::put_back`].
    pub(crate) fn take(&self) {
        let mut held = self.lock();
        held.taken = std::mem::take(&mut held.waiting);
    }

    /// Takes what cells counted beside that, without its having to wait for room.
    pub(crate) fn take_counted(&self, used: Vec<Used>) {
        let mut held = self.lock();
        for (secret, usage) in used.into_iter().map(counted) {
            merge(&mut held.taken, secret, usage);
        }
    }

    /// The first rows of what was taken, in the order of the table, which writes far fewer pages.
    pub(crate) fn batch(&self) -> Vec<(SecretId, Usage)> {
        let held = self.lock();
        let rows = held.taken.iter().take(USAGE_ROWS);
        rows.map(|(secret, usage)| (*secret, *usage)).collect()
    }

    /// Forgets some of what was taken: it is in the file.
    pub(crate) fn written(&self, batch: &[(SecretId, Usage)]) {
        let _nobody = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.lock();
        for (secret, _) in batch {
            held.taken.remove(secret);
        }
    }

    /// Puts back what of it could not be written: all of it, so that a failure loses nothing. While
    /// that is more than may wait, nothing else is noted.
    pub(crate) fn put_back(&self) {
        let mut held = self.lock();
        for (secret, usage) in std::mem::take(&mut held.taken) {
            merge(&mut held.waiting, secret, usage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: KeyId = KeyId::from_bytes([1; 16]);
    const SECRET: SecretId = (KEY, 1);

    const fn usage(last_used: i64, uses: u64) -> Usage {
        Usage { last_used, uses }
    }

    /// What was noted of a key's secrets.
    fn sum(marks: &Marks, (key, generation): SecretId) -> Usage {
        let of_key = marks.of(key).into_iter();
        let own = of_key.filter(|(noted, _)| *noted == generation);
        own.fold(Usage::default(), |sum, (_, usage)| sum.merged(usage))
    }

    fn secret(number: usize) -> SecretId {
        (KeyId::from_bytes((number as u128 + 1).to_be_bytes()), 1)
    }

    fn waits(marks: &Marks) -> usize {
        let held = marks.lock();
        held.waiting.len() + held.taken.len()
    }

    #[test]
    fn what_could_not_be_written_is_merged_with_what_came_since() {
        let marks = Marks::default();
        let other = (KeyId::from_bytes([2; 16]), 1);
        marks.note(SECRET, 10);
        marks.note(other, 3);
        marks.take();
        let taken = [(SECRET, usage(10, 1)), (other, usage(3, 1))];
        assert_eq!(marks.batch(), taken);
        marks.written(&taken[1..]);
        assert_eq!(sum(&marks, other), Usage::default());
        assert_eq!(
            sum(&marks, SECRET),
            usage(10, 1),
            "seen while it is written"
        );
        marks.note(SECRET, 7);
        assert_eq!(sum(&marks, SECRET), usage(10, 2));
        marks.put_back();
        assert_eq!(sum(&marks, SECRET), usage(10, 2));
        marks.take();
        assert_eq!(marks.batch(), [(SECRET, usage(10, 2))]);
        marks.written(&marks.batch());
        assert_eq!(waits(&marks), 0);
    }

    #[test]
    fn what_was_noted_of_several_generations_of_a_key_is_seen_also_while_it_is_written() {
        let marks = Marks::default();
        for (at, generation) in (10..).zip([1, 2, 3]) {
            for key in [0, 1, 2] {
                marks.note((KeyId::from_bytes([key; 16]), generation), at);
            }
        }
        let of_key = [(1, usage(10, 1)), (2, usage(11, 1)), (3, usage(12, 1))];
        assert_eq!(marks.of(KEY), of_key);
        marks.take();
        assert_eq!(marks.of(KEY), of_key);
    }

    #[test]
    fn however_often_nothing_can_be_written_what_waits_is_bounded_and_none_of_it_is_lost() {
        let marks = Marks::default();
        let noted = |numbers: std::ops::Range<usize>| {
            for number in numbers {
                marks.note(secret(number), 10);
            }
        };
        noted(0..USAGE_WAITING + 1);
        assert_eq!(waits(&marks), USAGE_WAITING);
        for attempt in 1..=3 {
            marks.take();
            noted(USAGE_WAITING..2 * USAGE_WAITING);
            assert_eq!(waits(&marks), USAGE_WAITING, "while it is written");
            marks.put_back();
            noted(0..1);
            assert_eq!(waits(&marks), USAGE_WAITING);
            assert_eq!(sum(&marks, secret(0)), usage(10, attempt + 1));
        }
        // What cells counted need not wait for room, and what waits is no more for it.
        marks.take();
        let used = (0..MANY).map(|number| Used {
            key_id: secret(USAGE_WAITING + number).0,
            generation: 1,
            at: 10,
            uses: 1,
        });
        marks.take_counted(used.collect());
        marks.put_back();
        noted(2 * USAGE_WAITING..3 * USAGE_WAITING);
        assert_eq!(waits(&marks), USAGE_WAITING + MANY);
        marks.take();
        let mut written = 0;
        while let batch = marks.batch()
            && !batch.is_empty()
        {
            assert!(batch.len() <= USAGE_ROWS);
            marks.written(&batch);
            written += batch.len();
        }
        assert_eq!(written, USAGE_WAITING + MANY);
        noted(0..USAGE_WAITING);
        assert_eq!(waits(&marks), USAGE_WAITING, "there is room again");
    }
}

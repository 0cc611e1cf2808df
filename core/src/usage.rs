//! Last used and use counts: kept in memory per secret, and written in batches. They are
//! statistics, never a ground for a decision, and a crash can lose what was not written yet.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use crate::cache::Used;
use crate::disk::schema::Usage;
use crate::id::KeyId;

/// A key's secret, by the key and the generation of the secret.
pub(crate) type SecretId = (KeyId, u32);

/// Uses that were not written yet: those that wait, and those that are being written, which are
/// seen until they are in the file, so that no use is ever seen to go back.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    held: Mutex<Held>,
    writing: Mutex<()>,
    seen: RwLock<()>,
}

#[derive(Debug, Default)]
struct Held {
    waiting: BTreeMap<SecretId, Usage>,
    taken: BTreeMap<SecretId, Usage>,
}

impl Held {
    fn wait(&mut self, secret: SecretId, usage: Usage) {
        let mark = self.waiting.entry(secret).or_default();
        *mark = mark.merged(usage);
    }
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

    /// Notes a use at a time.
    pub(crate) fn note(&self, secret: SecretId, at: i64) {
        self.lock().wait(
            secret,
            Usage {
                last_used: at,
                uses: 1,
            },
        );
    }

    /// Notes what the cache counted.
    pub(crate) fn add_all(&self, used: impl IntoIterator<Item = Used>) {
        let mut used = used.into_iter().peekable();
        if used.peek().is_none() {
            return;
        }
        let mut held = self.lock();
        for used in used {
            let usage = Usage {
                last_used: used.at,
                uses: used.uses,
            };
            held.wait((used.key_id, used.generation), usage);
        }
    }

    /// What was noted of a secret and is not known to be written yet.
    pub(crate) fn of(&self, secret: SecretId) -> Usage {
        let held = self.lock();
        let [waiting, taken] =
            [&held.waiting, &held.taken].map(|map| map.get(&secret).copied().unwrap_or_default());
        taken.merged(waiting)
    }

    /// What was noted of a key's secrets of some generations and is not known to be written yet.
    pub(crate) fn of_generations(&self, key: KeyId, which: impl Fn(u32) -> bool) -> Usage {
        let held = self.lock();
        let all = [&held.taken, &held.waiting].into_iter().flat_map(|map| {
            let secrets = map.range((key, 0)..=(key, u32::MAX));
            secrets.filter(|((_, generation), _)| which(*generation))
        });
        all.fold(Usage::default(), |sum, (_, usage)| sum.merged(*usage))
    }

    /// Takes what waits, in the order of the table, which writes far fewer pages. All of it is
    /// still seen until [`Marks::written`] or [`Marks::put_back`].
    pub(crate) fn take(&self) -> Vec<(SecretId, Usage)> {
        let mut held = self.lock();
        held.taken = std::mem::take(&mut held.waiting);
        held.taken.iter().map(|(id, usage)| (*id, *usage)).collect()
    }

    /// Forgets some of what was taken: it is in the file.
    pub(crate) fn written(&self, batch: &[(SecretId, Usage)]) {
        let _nobody = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.lock();
        for (secret, _) in batch {
            held.taken.remove(secret);
        }
    }

    /// Puts back what of it could not be written.
    pub(crate) fn put_back(&self) {
        let mut held = self.lock();
        for (secret, usage) in std::mem::take(&mut held.taken) {
            held.wait(secret, usage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: SecretId = (KeyId::from_bytes([1; 16]), 1);

    #[test]
    fn what_could_not_be_written_is_merged_with_what_came_since() {
        let marks = Marks::default();
        let other = (KeyId::from_bytes([2; 16]), 1);
        marks.note(SECRET, 10);
        marks.note(other, 3);
        let usage = |last_used, uses| Usage { last_used, uses };
        let taken = [(SECRET, usage(10, 1)), (other, usage(3, 1))];
        assert_eq!(marks.take(), taken);
        marks.written(&taken[1..]);
        assert_eq!(marks.of(other), Usage::default());
        assert_eq!(marks.of(SECRET), usage(10, 1), "seen while it is written");
        marks.note(SECRET, 7);
        assert_eq!(marks.of(SECRET), usage(10, 2));
        marks.put_back();
        assert_eq!(marks.of(SECRET), usage(10, 2));
        let taken = marks.take();
        assert_eq!(taken, [(SECRET, usage(10, 2))]);
        marks.written(&taken);
        assert_eq!(marks.of(SECRET), Usage::default());
    }

    #[test]
    fn what_was_noted_of_several_generations_of_a_key_is_seen_together() {
        let marks = Marks::default();
        let secret = |key: u8, generation| (KeyId::from_bytes([key; 16]), generation);
        let noted = [(1, 1), (1, 2), (1, 3), (2, 1), (0, 1)];
        for (at, (key, generation)) in (10..).zip(noted) {
            marks.note(secret(key, generation), at);
        }
        let earlier = |marks: &Marks| marks.of_generations(secret(1, 0).0, |g| g < 3);
        let both = Usage {
            last_used: 11,
            uses: 2,
        };
        assert_eq!(earlier(&marks), both);
        assert_eq!(marks.take().len(), 5);
        assert_eq!(earlier(&marks), both, "seen while it is written");
    }
}

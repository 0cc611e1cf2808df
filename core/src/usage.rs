//! Last used and use counts: kept in memory per secret, and written in batches. They are
//! statistics, never a ground for a decision, and a crash can lose what was not written yet.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::schema::Usage;
use crate::id::KeyId;

/// A key's secret, by the key and the generation of the secret.
pub(crate) type SecretId = (KeyId, u32);

/// Uses that were not written yet.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<HashMap<SecretId, Usage>>);

impl Marks {
    fn lock(&self) -> MutexGuard<'_, HashMap<SecretId, Usage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a use at a time.
    pub(crate) fn note(&self, secret: SecretId, at: i64) {
        self.add(
            secret,
            Usage {
                last_used: at,
                uses: 1,
            },
        );
    }

    fn add(&self, secret: SecretId, usage: Usage) {
        let mut marks = self.lock();
        let mark = marks.entry(secret).or_default();
        *mark = mark.merged(usage);
    }

    /// What was noted of a secret and is not written yet.
    pub(crate) fn of(&self, secret: SecretId) -> Usage {
        self.lock().get(&secret).copied().unwrap_or_default()
    }

    /// Takes out at most so many.
    pub(crate) fn take(&self, most: usize) -> Vec<(SecretId, Usage)> {
        let mut marks = self.lock();
        let some: Vec<SecretId> = marks.keys().take(most).copied().collect();
        let mut taken: Vec<(SecretId, Usage)> = some
            .into_iter()
            .filter_map(|id| Some((id, marks.remove(&id)?)))
            .collect();
        // In the order of the table, which writes far fewer pages.
        taken.sort_unstable_by_key(|(id, _)| *id);
        taken
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&self, taken: Vec<(SecretId, Usage)>) {
        for (secret, usage) in taken {
            self.add(secret, usage);
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
        marks.note(SECRET, 10);
        let taken = marks.take(5);
        assert_eq!(marks.of(SECRET), Usage::default());
        marks.note(SECRET, 7);
        marks.put_back(taken);
        assert_eq!(
            marks.of(SECRET),
            Usage {
                last_used: 10,
                uses: 2
            }
        );
    }
}

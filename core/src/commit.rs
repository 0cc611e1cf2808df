//! The funnel: every change of the store goes through [`Store::change`], one write transaction
//! from the reading of the current record to the commit. When it returns, the change is durable
//! and every verification that starts afterwards sees it.

use crate::disk::WriteFailure;
use crate::disk::read::Reader;
use crate::disk::write::{Stamp, Writer};
use crate::error::{Error, StoreError};
use crate::limits;
use crate::store::{Inner, Store};
use crate::time::Now;

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

impl Store {
    /// Runs a change: `f` reads the current records inside the transaction and applies the next
    /// ones. A refusal leaves nothing behind.
    pub(crate) fn change<T>(
        &self,
        room: Room,
        f: impl FnOnce(&mut Writer<'_>, Now) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.inner.check_open()?;
        if let Room::Bytes(bytes) = room {
            self.inner.disk.ensure_room(bytes)?;
        }
        let stamp = Stamp {
            actor: &self.actor,
            at_ms: self.inner.clock.now_ms(),
        };
        self.inner.commit(stamp, |writer| {
            let now = self.inner.now(writer.state());
            f(writer, now)
        })
    }

    /// Writes the last-used times and use counts that were kept in memory, in transactions of at
    /// most 1,000 rows. What could not be written is kept.
    ///
    /// # Errors
    /// What the store says; NO_SPACE while the reserve is not whole.
    pub fn flush(&self) -> Result<(), Error> {
        self.inner.check_open()?;
        self.inner.flush_marks()
    }
}

impl Inner {
    fn commit<T>(
        &self,
        stamp: Stamp<'_>,
        f: impl FnOnce(&mut Writer<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut written = None;
        let result = self.disk.write(|transaction| {
            let mut writer = Writer::open(transaction, &self.ring, stamp)?;
            let value = f(&mut writer)?;
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
            Err(WriteFailure::Before(error)) => Err(error),
            Err(WriteFailure::InCommit(error)) => Err(self.unhappened(error, written)),
        }
    }

    /// After a commit that failed: whether it happened is read from the file, opened anew. Where
    /// that cannot be read either, the outcome is unknown, and said to be.
    fn unhappened(&self, error: StoreError, written: Option<(u64, [u8; 32])>) -> Error {
        self.disk.open_anew();
        let stands = self.disk.read(|transaction| {
            let reader = Reader::new(transaction, &self.ring);
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

    /// Writes the kept last-used times.
    pub(crate) fn flush_marks(&self) -> Result<(), Error> {
        let _one = self.marks.writing();
        loop {
            let taken = self.marks.take(limits::USAGE_ROWS);
            if taken.is_empty() {
                return Ok(());
            }
            let stamp = Stamp {
                actor: "keyfob",
                at_ms: self.clock.now_ms(),
            };
            let written = self
                .disk
                .ensure_room(ONE_CHANGE)
                .map_err(Error::from)
                .and_then(|()| {
                    self.commit(stamp, |writer| {
                        if let Some(mark) = self.mark_candidate() {
                            writer.advance_mark(mark);
                        }
                        for ((key_id, generation), usage) in &taken {
                            writer.add_usage(*key_id, *generation, *usage)?;
                        }
                        Ok(())
                    })
                });
            if let Err(error) = written {
                self.marks.put_back();
                return Err(error);
            }
            self.marks.written();
        }
    }
}

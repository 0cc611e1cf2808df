//! Reading the log: since a sequence, by key, by project, by time; verifying its chain; pruning it
//! while it stays provable.

use std::collections::HashMap;

use crate::commit::Room;
use crate::disk::codec::{check_event, decode_event};
use crate::disk::read::Reader;
use crate::disk::schema::State;
use crate::error::{Error, Misuse, Refused, StoreError};
use crate::event::{Event, EventKind, Subject};
use crate::id::{KeyId, ProjectId};
use crate::limits;
use crate::project::check_project_name;
use crate::store::Store;
use crate::time::Timestamp;

/// Events looked at in one snapshot.
const BATCH: usize = 1_024;

/// Which events are meant: those for which everything that is set holds.
///
/// By key, the log is followed from event to event; by project and by time it is scanned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct LogQuery {
    /// After this sequence; none begins where the log does.
    pub after: Option<u64>,
    /// About this key.
    pub key: Option<KeyId>,
    /// About the project of this name, or a key of it that was not pruned.
    pub project: Option<String>,
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// What a verification of the chain found: every event follows from the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ChainCheck {
    /// The first event that the log holds; 0 where it holds none.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The hash of the last. Noted elsewhere, it proves what the log said by then.
    pub head: [u8; 32],
}

impl LogQuery {
    fn admits(&self, event: &Event) -> bool {
        let seconds = event.at_ms.div_euclid(1_000);
        self.after.is_none_or(|after| event.sequence > after)
            && self.from.is_none_or(|from| seconds >= from.unix())
            && self.until.is_none_or(|until| seconds < until.unix())
    }
}

impl Store {
    /// At most so many events that a query means, in order.
    ///
    /// # Errors
    /// GONE where the log was pruned beyond the sequence asked for, never a shortened list;
    /// NO_SUCH_PROJECT.
    pub fn log(&self, query: &LogQuery, most: usize) -> Result<Vec<Event>, Error> {
        if let Some(project) = &query.project {
            check_project_name(project)?;
        }
        if let (Some(key), None) = (query.key, &query.project)
            && let Some(history) = self.history(query, key, most)?
        {
            return Ok(history);
        }
        let mut projects: HashMap<KeyId, Option<ProjectId>> = HashMap::new();
        let mut out = Vec::new();
        let mut at = query.after;
        while out.len() < most {
            let (events, last) = self.read(|reader| {
                let from = begin(reader, at)?;
                let project = named(reader, query)?;
                let events = reader.events(from + 1.., BATCH)?;
                let last = events.last().map(|event| event.sequence);
                let mut kept = Vec::new();
                for event in events {
                    let about = match project {
                        None => true,
                        Some(project) => is_of(reader, event.subject, project, &mut projects)?,
                    };
                    let key = query
                        .key
                        .is_none_or(|key| event.subject == Subject::Key(key));
                    if about && key && query.admits(&event) {
                        kept.push(event);
                    }
                }
                Ok::<_, Error>((kept, last))
            })?;
            out.extend(events);
            match last {
                None => break,
                last => at = last,
            }
        }
        out.truncate(most);
        Ok(out)
    }

    /// The events of one key, followed back from its last; none where the key is not there to
    /// begin from.
    fn history(
        &self,
        query: &LogQuery,
        key: KeyId,
        most: usize,
    ) -> Result<Option<Vec<Event>>, Error> {
        self.read(|reader| {
            begin(reader, query.after)?;
            let Some(record) = reader.key(key)? else {
                return Ok(None);
            };
            let mut events = Vec::new();
            let mut at = record.sequence;
            while at > query.after.unwrap_or(0) {
                // The history ends where the log was cut.
                let Some(event) = reader.event(at)? else {
                    break;
                };
                if event.subject != Subject::Key(key) || event.previous >= at {
                    return Err(StoreError::Corrupted(format!(
                        "event {at} is not the one that key {key} names"
                    ))
                    .into());
                }
                at = event.previous;
                if query.admits(&event) {
                    events.push(event);
                }
            }
            events.reverse();
            events.truncate(most);
            Ok(Some(events))
        })
    }

    /// Verifies the chain: every event that the log holds follows from the one before, from the
    /// cut to the head.
    ///
    /// # Errors
    /// CORRUPTED, naming the first event that does not follow.
    pub fn verify_log(&self) -> Result<ChainCheck, Error> {
        Ok(self.read(|reader| {
            verify_chain(reader, &reader.state()?, &mut |_| Ok::<_, StoreError>(()))
        })?)
    }

    /// Removes the events up to and including a sequence. The hash at the cut is kept, so that
    /// the rest stays provable. Answers how many were removed.
    ///
    /// # Errors
    /// Misuse where the sequence is beyond the last event; PEPPER_REFUSED while a change of
    /// peppers is under way.
    pub fn prune_log(&self, through: u64) -> Result<u64, Error> {
        let (mut removed, mut most) = (0, self.few_enough(limits::BATCH)?);
        loop {
            let batch = self.change(Room::FromReserve, |writer, _| {
                let state = writer.state();
                if through > state.sequence {
                    return Err(Misuse::argument(
                        "sequence",
                        format!("the last event is {}", state.sequence),
                    )
                    .into());
                }
                if state.rechain.is_some() {
                    return Err(Refused::PepperRefused(
                        "a change of peppers is under way; finish it first",
                    )
                    .into());
                }
                let (count, last) = writer.remove_events(through, most)?;
                if let Some(cut) = last {
                    let kind = EventKind::LogPruned { through: cut.0 };
                    writer.apply_state(kind, |state| state.cut = cut)?;
                }
                Ok(count)
            });
            match batch {
                Ok(count) => {
                    removed += count;
                    if count < most as u64 {
                        return Ok(removed);
                    }
                }
                // What is kept back on a full disk does not do for so many.
                Err(Error::Store(StoreError::NoSpace)) if most > 1 => most /= 2,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Where reading begins; GONE where the log no longer reaches back that far.
fn begin(reader: &Reader<'_>, after: Option<u64>) -> Result<u64, StoreError> {
    let cut = reader.state()?.cut.0;
    match after {
        None => Ok(cut),
        Some(after) if after < cut => Err(StoreError::Gone { first: cut + 1 }),
        Some(after) => Ok(after),
    }
}

fn named(reader: &Reader<'_>, query: &LogQuery) -> Result<Option<ProjectId>, Error> {
    match &query.project {
        None => Ok(None),
        Some(name) => match reader.project_named(name)? {
            Some((id, _)) => Ok(Some(id)),
            None => Err(Refused::NoSuchProject(name.clone()).into()),
        },
    }
}

fn is_of(
    reader: &Reader<'_>,
    subject: Subject,
    project: ProjectId,
    known: &mut HashMap<KeyId, Option<ProjectId>>,
) -> Result<bool, StoreError> {
    Ok(match subject {
        Subject::Store => false,
        Subject::Project(id) => id == project,
        Subject::Key(id) => {
            let of = match known.get(&id) {
                Some(of) => *of,
                None => {
                    let of = reader.key(id)?.and_then(|record| record.project);
                    known.insert(id, of);
                    of
                }
            };
            of == Some(project)
        }
    })
}

/// Verifies the chain of one snapshot; `done` is told of so many events more.
pub(crate) fn verify_chain<E: From<StoreError>>(
    reader: &Reader<'_>,
    state: &State,
    done: &mut dyn FnMut(u64) -> Result<(), E>,
) -> Result<ChainCheck, E> {
    let corrupted = |text: String| Err(StoreError::Corrupted(text).into());
    let (mut sequence, mut hash) = state.cut;
    let mut first = 0;
    loop {
        let rows = reader.raw_events(sequence, BATCH)?;
        if rows.is_empty() {
            break;
        }
        let count = rows.len();
        for (next, row) in rows {
            // While a new pepper comes in, the chain is new up to a place and old after it.
            if let Some(rechain) = state.rechain.filter(|rechain| rechain.through == sequence) {
                if hash != rechain.new_hash {
                    return corrupted(format!("event {sequence} has another hash than was noted"));
                }
                hash = rechain.old_hash;
            }
            if next != sequence + 1 && !follows_a_restore(sequence, &row)? {
                return corrupted(format!("event {} is missing", sequence + 1));
            }
            hash = check_event(reader.ring(), &hash, next, &row)?;
            sequence = next;
            if first == 0 {
                first = next;
            }
        }
        done(count as u64)?;
    }
    if sequence != state.sequence || hash != state.head {
        return corrupted(format!(
            "the log ends at event {sequence}, and {} was noted",
            state.sequence
        ));
    }
    Ok(ChainCheck {
        first,
        last: state.sequence,
        head: state.head,
    })
}

/// A restore goes on from the higher of two sequences, and says from which it came.
fn follows_a_restore(sequence: u64, row: &[u8]) -> Result<bool, StoreError> {
    let (event, _) = decode_event(row)?;
    Ok(
        matches!(event.kind, EventKind::Restored { sequence_before, .. } if sequence_before == sequence),
    )
}

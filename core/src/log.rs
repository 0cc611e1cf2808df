//! Reading the log: since a sequence, by key, by project, by time; verifying its chain; pruning it
//! while it stays provable.

use std::collections::HashMap;

use crate::commit::Room;
use crate::disk::codec::{check_event, decode_event};
use crate::disk::read::{Reader, event};
use crate::disk::schema::{Rechain, State};
use crate::error::{Error, Misuse, Refused, StoreError};
use crate::event::{Event, EventKind, Subject};
use crate::id::{KeyId, ProjectId};
use crate::limits;
use crate::project::check_project_asked;
use crate::store::Store;
use crate::tag::Keyring;
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
    /// About this project or a key of it: the name of a project that exists, or the id of any,
    /// also of one that was deleted or pruned. Where a text is both, the name goes first. A key
    /// that was pruned is known to be of the project as long as the log reaches back to its
    /// creation.
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
    /// Every event is checked before it is answered: its hash must follow from that of the event
    /// before it, and no event may be missing between them or at the end. By key, this is asked
    /// of the key's own events. With a pepper that shows that the store wrote them; without one it
    /// shows only that they fit each other, and who can write the file can make them fit:
    /// [`verify_log`](Self::verify_log), and its head noted elsewhere, tell more.
    ///
    /// # Errors
    /// GONE where the log was pruned beyond the sequence asked for, never a shortened list;
    /// CORRUPTED, naming the first event that does not follow; NO_SUCH_PROJECT.
    pub fn log(&self, query: &LogQuery, most: usize) -> Result<Vec<Event>, Error> {
        if let Some(project) = &query.project {
            check_project_asked(project)?;
        }
        if let (Some(key), None) = (query.key, &query.project)
            && let Some(history) = self.history(query, key, most)?
        {
            return Ok(history);
        }
        let mut about = About::new(query, self.read(|reader| asked(reader, query))?);
        let (mut out, mut at) = (Vec::new(), query.after);
        while out.len() < most {
            let last = self.read(|reader| {
                let state = reader.state()?;
                let from = begin(&state, at)?;
                let mut chain = Chain::after(reader, &state, from)?;
                let rows = reader.raw_events(from, BATCH)?;
                let ends = rows.len() < BATCH;
                for (sequence, row) in rows {
                    if out.len() == most {
                        return Ok(None);
                    }
                    chain.follow(sequence, &row)?;
                    let event = event(sequence, &row)?;
                    if about.means(reader, &event)? {
                        out.push(event);
                    }
                }
                if ends {
                    chain.ends_at(&state)?;
                }
                Ok::<_, StoreError>((!ends).then_some(chain.sequence))
            })?;
            match last {
                None => break,
                last => at = last,
            }
        }
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
        Ok(self.read(|reader| {
            let state = reader.state()?;
            let after = begin(&state, query.after)?;
            let Some(record) = reader.key(key)? else {
                return Ok(None);
            };
            let mut events = Vec::new();
            let mut at = record.sequence;
            // The history ends where the log was cut.
            while at > after {
                let missing = || StoreError::Corrupted(format!("event {at} is missing"));
                let row = reader.raw_event(at)?.ok_or_else(missing)?;
                Chain::after(reader, &state, at - 1)?.follow(at, &row)?;
                let event = event(at, &row)?;
                if event.subject != Subject::Key(key) || event.previous >= at {
                    return Err(StoreError::Corrupted(format!(
                        "event {at} is not the one that key {key} names"
                    )));
                }
                at = event.previous;
                if query.admits(&event) {
                    events.push(event);
                }
            }
            events.reverse();
            events.truncate(most);
            Ok::<_, StoreError>(Some(events))
        })?)
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
            let batch = self.change_alone(Room::FromReserve, |writer, _| {
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
fn begin(state: &State, after: Option<u64>) -> Result<u64, StoreError> {
    let cut = state.cut.0;
    match after {
        None => Ok(cut),
        Some(after) if after < cut => Err(StoreError::Gone { first: cut + 1 }),
        Some(after) => Ok(after),
    }
}

/// The project that a query means. Of one that was pruned nothing is left but what the log says.
fn asked(reader: &Reader<'_>, query: &LogQuery) -> Result<Option<ProjectId>, Error> {
    let Some(asked) = &query.project else {
        return Ok(None);
    };
    let id = match reader.project_meant(asked)? {
        Some((id, _)) => Some(id),
        None => ProjectId::parse(asked.as_bytes()),
    };
    id.map(Some)
        .ok_or_else(|| Refused::NoSuchProject(asked.clone()).into())
}

/// Which events a scan is after.
struct About<'a> {
    query: &'a LogQuery,
    project: Option<ProjectId>,
    /// The projects of the keys met so far.
    known: HashMap<KeyId, Option<ProjectId>>,
}

impl<'a> About<'a> {
    fn new(query: &'a LogQuery, project: Option<ProjectId>) -> Self {
        About {
            query,
            project,
            known: HashMap::new(),
        }
    }

    fn means(&mut self, reader: &Reader<'_>, event: &Event) -> Result<bool, StoreError> {
        let key = self
            .query
            .key
            .is_none_or(|key| event.subject == Subject::Key(key));
        if !key || !self.query.admits(event) {
            return Ok(false);
        }
        let Some(project) = self.project else {
            return Ok(true);
        };
        Ok(match event.subject {
            Subject::Store => false,
            Subject::Project(id) => id == project,
            Subject::Key(id) => {
                let of = match self.known.get(&id) {
                    Some(of) => *of,
                    None => {
                        let of = project_of(reader, id, event)?;
                        self.known.insert(id, of);
                        of
                    }
                };
                of == Some(project)
            }
        })
    }
}

/// The project of the key that an event is about. A key that was pruned is followed back to its
/// creation, which says it.
fn project_of(
    reader: &Reader<'_>,
    id: KeyId,
    event: &Event,
) -> Result<Option<ProjectId>, StoreError> {
    if let Some(record) = reader.key(id)? {
        return Ok(record.project);
    }
    let mut at = event.clone();
    loop {
        if let EventKind::KeyCreated { key, .. }
        | EventKind::KeyImported { key }
        | EventKind::KeyRestored { key, .. } = at.kind
        {
            return Ok(key.project);
        }
        if at.previous >= at.sequence {
            return Ok(None);
        }
        match reader.event(at.previous)? {
            Some(before) if before.subject == Subject::Key(id) => at = before,
            _ => return Ok(None),
        }
    }
}

/// Goes from event to event, and takes none that does not follow from the one before.
struct Chain<'a> {
    ring: &'a Keyring,
    rechain: Option<Rechain>,
    /// The event that it stands at.
    sequence: u64,
    hash: [u8; 32],
}

impl<'a> Chain<'a> {
    /// Stands at the last event up to a sequence, or at the cut of the log.
    fn after(reader: &'a Reader<'_>, state: &State, sequence: u64) -> Result<Self, StoreError> {
        let last = reader.last_event_through(sequence)?;
        let (sequence, hash) = last
            .filter(|(sequence, _)| *sequence > state.cut.0)
            .unwrap_or(state.cut);
        Ok(Chain {
            ring: reader.ring(),
            rechain: state.rechain,
            sequence,
            hash,
        })
    }

    /// Takes the next event, if it is the next.
    fn follow(&mut self, next: u64, row: &[u8]) -> Result<(), StoreError> {
        let corrupted = |text: String| Err(StoreError::Corrupted(text));
        let at = self.sequence;
        // While a new pepper comes in, the chain is new up to a place and old after it.
        if let Some(rechain) = self.rechain.filter(|rechain| rechain.through == at) {
            if self.hash != rechain.new_hash {
                return corrupted(format!("event {at} has another hash than was noted"));
            }
            self.hash = rechain.old_hash;
        }
        if next.checked_sub(1) != Some(at) && !follows_a_restore(at, next, row)? {
            return corrupted(format!("event {} is missing", at.saturating_add(1)));
        }
        self.hash = check_event(self.ring, &self.hash, next, row)?;
        self.sequence = next;
        Ok(())
    }

    /// Whether the store noted this as the last event.
    fn ends_at(&self, state: &State) -> Result<(), StoreError> {
        if self.sequence == state.sequence && self.hash == state.head {
            return Ok(());
        }
        Err(StoreError::Corrupted(format!(
            "the log ends at event {}, and {} was noted",
            self.sequence, state.sequence
        )))
    }
}

/// Verifies the chain of one snapshot; `done` is told of so many events more.
pub(crate) fn verify_chain<E: From<StoreError>>(
    reader: &Reader<'_>,
    state: &State,
    done: &mut dyn FnMut(u64) -> Result<(), E>,
) -> Result<ChainCheck, E> {
    let mut chain = Chain::after(reader, state, state.cut.0)?;
    let mut first = 0;
    loop {
        let rows = reader.raw_events(chain.sequence, BATCH)?;
        if rows.is_empty() {
            break;
        }
        let count = rows.len();
        for (next, row) in rows {
            chain.follow(next, &row)?;
            if first == 0 {
                first = next;
            }
        }
        done(count as u64)?;
    }
    chain.ends_at(state)?;
    Ok(ChainCheck {
        first,
        last: state.sequence,
        head: state.head,
    })
}

/// A restore goes on from the higher of two sequences, and says from which it came.
fn follows_a_restore(sequence: u64, next: u64, row: &[u8]) -> Result<bool, StoreError> {
    let (event, _) = decode_event(next, row)?;
    Ok(
        matches!(event.kind, EventKind::Restored { sequence_before, .. } if sequence_before == Some(sequence)),
    )
}

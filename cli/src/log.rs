//! `keyfob log`: who did what to which key, and when.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use clap::Args;
use keyfob::{Event, EventKind, LogQuery, ProjectId, Store, Subject};
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::show::moment;
use crate::text::{harmless, padded};
use crate::view::EventView;
use crate::when::{When, parse_time, shown};

/// Characters of a key's id, the most common subject.
const ID_CHARS: usize = 22;
/// Events that are read at once.
const BATCH: usize = 1_000;
/// How often --follow looks, in steps that notice Ctrl-C.
const STEP: Duration = Duration::from_millis(100);
const STEPS: u32 = 5;

#[derive(Args, Debug)]
pub(crate) struct LogArgs {
    /// Only what came after this sequence number
    #[arg(long, value_name = "SEQUENCE", help_heading = "Filter")]
    after: Option<u64>,
    /// Only what happened to this key
    #[arg(long, help_heading = "Filter")]
    key: Option<String>,
    /// Only what happened to this project, and to its keys
    #[arg(long, help_heading = "Filter")]
    project: Option<String>,
    /// Only what happened then or later; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time, help_heading = "Filter")]
    from: Option<When>,
    /// Only what happened before then; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time, help_heading = "Filter")]
    until: Option<When>,
    /// At most so many events, the first of those that are meant
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// At most so many events, the last of those that are meant
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["after", "limit"])]
    last: Option<usize>,
    /// Go on printing what happens, until Ctrl-C
    #[arg(long, conflicts_with = "limit")]
    follow: bool,
    /// Instead: check that every event follows from the one before
    #[arg(long, conflicts_with_all = ["after", "key", "project", "from", "until", "limit", "last", "follow"])]
    verify: bool,
}

pub(crate) fn run(args: &LogArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        if args.verify {
            return verify(store, session);
        }
        let mut query = LogQuery::default();
        query.after = args.after;
        query.key = args
            .key
            .as_deref()
            .map(|key| find(store, key))
            .transpose()?;
        query.project.clone_from(&args.project);
        query.from = args.from.and_then(When::ago);
        query.until = args.until.and_then(When::ago);
        // So that Ctrl-C closes the store.
        crate::interrupt::finishing(|| print_all(args, query, store, session))
    })
}

fn print_all(
    args: &LogArgs,
    mut query: LogQuery,
    store: &Store,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let mut left = args.limit.unwrap_or(usize::MAX);
    let mut first = true;
    let mut names = HashMap::new();
    let mut widths = Widths::default();
    loop {
        crate::interrupt::check()?;
        let most = left.min(BATCH);
        let head = store.info()?.sequence;
        let (events, at_end) = match args.last {
            Some(last) if first => (last_events(store, &query, last)?, true),
            _ => {
                let events = store.log(&query, most)?;
                let at_end = events.len() < most;
                (events, at_end)
            }
        };
        first = false;
        widths.fit(&events);
        for event in &events {
            print(session, store, &mut names, &widths, event)?;
        }
        left -= events.len().min(left);
        // What a filter left out up to the head is not looked at again.
        let read_to = events.last().map(|last| last.sequence);
        query.after = query.after.max(read_to).max(at_end.then_some(head));
        if session.screen.is_lost() || left == 0 {
            break;
        }
        if at_end {
            if !args.follow {
                break;
            }
            session.screen.flush();
            (0..STEPS).try_for_each(|_| {
                std::thread::sleep(STEP);
                crate::interrupt::check()
            })?;
        }
    }
    Ok(Exit::Done)
}

/// The last events that a query means. They are looked for from the end, in parts that grow, so
/// that a long log is read only as far back as is needed.
fn last_events(store: &Store, query: &LogQuery, most: usize) -> Result<Vec<Event>, Failure> {
    let info = store.info()?;
    let mut back = u64::try_from(most.max(BATCH)).unwrap_or(u64::MAX);
    loop {
        let start = info
            .sequence
            .saturating_sub(back)
            .max(info.log_begins_after);
        let mut part = query.clone();
        part.after = Some(start);
        let mut kept = VecDeque::new();
        loop {
            crate::interrupt::check()?;
            let events = store.log(&part, BATCH)?;
            let (count, last) = (events.len(), events.last().map(|event| event.sequence));
            kept.extend(events);
            kept.drain(..kept.len().saturating_sub(most));
            part.after = part.after.max(last);
            if count < BATCH {
                break;
            }
        }
        if kept.len() >= most || start == info.log_begins_after {
            return Ok(kept.into());
        }
        back = back.saturating_mul(4);
    }
}

/// How wide the columns are: as the widest so far, so that what follows stands below what was
/// printed.
#[derive(Default)]
struct Widths {
    actor: usize,
    event: usize,
}

impl Widths {
    fn fit(&mut self, events: &[Event]) {
        for event in events {
            self.actor = self.actor.max(harmless(&event.actor).width());
            self.event = self.event.max(event.kind.name().len());
        }
    }
}

/// The key of an id, pruned ones too: the log knows them longer than the listing.
fn find(store: &Store, key: &str) -> Result<keyfob::KeyId, Failure> {
    match keyfob::KeyId::parse(key.as_bytes()) {
        Some(id) => Ok(id),
        None => Ok(store.resolve(key)?),
    }
}

fn verify(store: &Store, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let chain = store.verify_log()?;
    let head = hex::encode(chain.head);
    if session.screen.json {
        session
            .screen
            .document(&json!({ "first": chain.first, "last": chain.last, "head": head }))?;
    } else {
        session.screen.line(format!(
            "every event from {} to {} follows from the one before",
            chain.first, chain.last
        ));
        session.screen.line(format!(
            "note elsewhere, for `keyfob check --expect`: {}:{head}",
            chain.last
        ));
    }
    Ok(Exit::Done)
}

fn print(
    session: &mut Session<'_, '_>,
    store: &Store,
    names: &mut HashMap<ProjectId, String>,
    widths: &Widths,
    event: &Event,
) -> Result<(), Failure> {
    if session.screen.json {
        return session.screen.document(&EventView::from(event));
    }
    let subject = match event.subject {
        Subject::Key(id) => id.to_string(),
        Subject::Project(id) => project_name(store, names, id, &event.kind)?,
        _ => String::new(),
    };
    let details = details(&event.kind);
    let line = format!(
        "{:>5}  {}  {}  {}  {}{}",
        event.sequence,
        moment(event.at_ms),
        padded(&harmless(&event.actor), widths.actor),
        padded(event.kind.name(), widths.event),
        padded(&harmless(&subject), ID_CHARS),
        harmless(&details),
    );
    session.screen.line(line.trim_end());
    Ok(())
}

/// The name of a project, as far as it can be had: a deleted one is known by its creation alone.
fn project_name(
    store: &Store,
    names: &mut HashMap<ProjectId, String>,
    id: ProjectId,
    kind: &EventKind,
) -> Result<String, Failure> {
    if let EventKind::ProjectCreated { name } = kind {
        names.insert(id, name.clone());
    } else if !names.contains_key(&id) {
        names.extend(
            store
                .projects()?
                .into_iter()
                .map(|project| (project.id, project.name)),
        );
    }
    Ok(names.get(&id).cloned().unwrap_or_else(|| id.to_string()))
}

/// What an event says beyond its name and subject, for people.
fn details(kind: &EventKind) -> String {
    match kind {
        EventKind::KeyCreated { name, within: None } | EventKind::KeyImported { name } => {
            format!("  {name:?}")
        }
        EventKind::KeyCreated {
            name,
            within: Some(by),
        } => format!("  {name:?}, by key {by}"),
        EventKind::KeyUpdated { fields } | EventKind::ProjectUpdated { fields } => {
            format!("  {}", fields.join(", "))
        }
        EventKind::KeyRevoked { reason, note: None } => format!("  {reason}"),
        EventKind::KeyRevoked {
            reason,
            note: Some(note),
        } => format!("  {reason}: {note}"),
        EventKind::KeyRotated {
            grace_expires_at: Some(until),
        } => {
            format!("  old secret good until {}", shown(*until))
        }
        EventKind::KeyRotated {
            grace_expires_at: None,
        } => "  old secret ended".to_owned(),
        EventKind::ClockReset { from, to } => format!("  from {} to {}", shown(*from), shown(*to)),
        EventKind::LogPruned { through } => format!("  up to {through}"),
        EventKind::Restored {
            sequence_before,
            backup_sequence,
            keys,
        } => {
            let keys = crate::selection::counted(*keys);
            format!("  {keys}, backup at {backup_sequence}, store was at {sequence_before}")
        }
        EventKind::KeyRestored { disabled: true } => "  disabled".to_owned(),
        _ => String::new(),
    }
}

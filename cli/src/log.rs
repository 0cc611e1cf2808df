//! `keyfob log`: who did what to which key, and when.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use clap::Args;
use keyfob::{
    Environment, Error, Event, EventKind, KeyField, KeyTerms, LogQuery, Policy, ProjectField,
    ProjectId, ScopeSet, Store, Subject, Timestamp,
};
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::show::{joined, moment};
use crate::text::{harmless, padded};
use crate::view::EventView;
use crate::when::{When, length, parse_time, shown};

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
    /// Only what happened to this project, and to its keys: its name, or a deleted one's id
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
    let mut names = Names::default();
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
    names: &mut Names,
    widths: &Widths,
    event: &Event,
) -> Result<(), Failure> {
    let project = match event.subject {
        Subject::Project(id) => names.of_event(store, id, &event.kind)?,
        _ => None,
    };
    if session.screen.json {
        let view = EventView::new(event, project.as_deref());
        return session.screen.document(&view);
    }
    let subject = match event.subject {
        Subject::Key(id) => id.to_string(),
        Subject::Project(id) => project.unwrap_or_else(|| id.to_string()),
        _ => String::new(),
    };
    let bound_to = match &event.kind {
        EventKind::KeyCreated { key, .. }
        | EventKind::KeyImported { key }
        | EventKind::KeyRestored { key, .. } => match key.project {
            Some(id) => Some(names.of(store, id)?.unwrap_or_else(|| id.to_string())),
            None => None,
        },
        _ => None,
    };
    let details = details(&event.kind, bound_to.as_deref()).join(", ");
    let line = format!(
        "{:>5}  {}  {}  {}  {}  {}",
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

/// The names of projects met so far, none for those of which nothing is left but the log.
#[derive(Default)]
struct Names(HashMap<ProjectId, Option<String>>);

impl Names {
    /// The name of the project that an event is about; most such events say it.
    fn of_event(
        &mut self,
        store: &Store,
        id: ProjectId,
        kind: &EventKind,
    ) -> Result<Option<String>, Failure> {
        if let Some(name) = kind.project_name() {
            self.0.insert(id, Some(name.to_owned()));
        }
        self.of(store, id)
    }

    fn of(&mut self, store: &Store, id: ProjectId) -> Result<Option<String>, Failure> {
        if let Some(name) = self.0.get(&id) {
            return Ok(name.clone());
        }
        let name = match store.project_by_id(id) {
            Ok(project) => Some(project.name),
            Err(Error::Refused(_)) => None,
            Err(error) => return Err(error.into()),
        };
        self.0.insert(id, name.clone());
        Ok(name)
    }
}

fn scopes(scopes: &ScopeSet) -> String {
    if scopes.is_empty() {
        "no scopes".to_owned()
    } else {
        format!("scopes {}", joined(scopes.iter()))
    }
}

fn owner(owner: Option<&String>) -> String {
    owner.map_or_else(|| "no owner".to_owned(), |owner| format!("owner {owner}"))
}

fn expires(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "never expires".to_owned(),
        |at| format!("expires {}", shown(at)),
    )
}

fn not_before(at: Option<Timestamp>) -> String {
    at.map_or_else(
        || "good at once".to_owned(),
        |at| format!("not before {}", shown(at)),
    )
}

fn addresses<T: ToString>(list: &[T]) -> String {
    if list.is_empty() {
        "from any address".to_owned()
    } else {
        format!("only from {}", joined(list.iter().map(T::to_string)))
    }
}

/// What a key was given; what it was not given is left out.
fn terms(key: &KeyTerms, project: Option<&str>) -> Vec<String> {
    let mut out = vec![format!("{:?}", key.name), scopes(&key.scopes)];
    out.extend(project.map(|project| format!("project {project}")));
    if key.environment != Environment::live() {
        out.push(format!("environment {}", key.environment));
    }
    out.extend(key.owner.as_ref().map(|name| owner(Some(name))));
    out.extend(key.expires_at.map(|at| expires(Some(at))));
    out.extend(key.not_before.map(|at| not_before(Some(at))));
    if !key.ip_list.is_empty() {
        out.push(addresses(&key.ip_list));
    }
    out
}

fn key_field(field: &KeyField) -> String {
    match field {
        KeyField::Name(name) => format!("name {name:?}"),
        KeyField::Scopes(set) => scopes(set),
        KeyField::Owner(name) => owner(name.as_ref()),
        KeyField::ExpiresAt(at) => expires(*at),
        KeyField::NotBefore(at) => not_before(*at),
        KeyField::IpList(list) => addresses(list),
        KeyField::RotationDueAfter(Some(seconds)) => format!("rotation every {}", length(*seconds)),
        KeyField::RotationDueAfter(None) => "no rotation period".to_owned(),
        other => other.name().to_owned(),
    }
}

fn policy(policy: &Policy) -> Vec<String> {
    let lifetime = |what: &str, seconds: i64| format!("{what} lifetime {}", length(seconds));
    let mut out = Vec::new();
    out.extend(policy.default_lifetime.map(|s| lifetime("default", s)));
    out.extend(policy.longest_lifetime.map(|s| lifetime("longest", s)));
    if policy.expiry_required {
        out.push("expiry required".to_owned());
    }
    let most = policy.most_keys_per_owner;
    out.extend(most.map(|most| format!("at most {most} keys of an owner")));
    out
}

/// What an event says beyond its name and subject, for people; `project` is the one that the key
/// of a creation is bound to.
fn details(kind: &EventKind, project: Option<&str>) -> Vec<String> {
    match kind {
        EventKind::PolicyChanged { policy: set } if policy(set).is_empty() => {
            vec!["none".to_owned()]
        }
        EventKind::StoreCreated { policy: set } | EventKind::PolicyChanged { policy: set } => {
            policy(set)
        }
        EventKind::KeyCreated { key, within } => {
            let mut out = terms(key, project);
            out.extend(within.map(|by| format!("by key {by}")));
            out
        }
        EventKind::KeyImported { key } => terms(key, project),
        EventKind::KeyUpdated { changed } => changed.iter().map(key_field).collect(),
        EventKind::ProjectCreated {
            scopes: set,
            owner: name,
            ..
        } => {
            let mut out = vec![scopes(set)];
            out.extend(name.as_ref().map(|name| owner(Some(name))));
            out
        }
        EventKind::ProjectUpdated { changed, .. } => changed
            .iter()
            .map(|field| match field {
                ProjectField::Scopes(set) => scopes(set),
                ProjectField::Owner(name) => owner(name.as_ref()),
                other => other.name().to_owned(),
            })
            .collect(),
        EventKind::KeyRevoked { reason, note } => vec![match note {
            None => reason.to_string(),
            Some(note) => format!("{reason}: {note}"),
        }],
        EventKind::KeyRotated {
            generation,
            grace_expires_at,
        } => vec![
            format!("secret {generation}"),
            match grace_expires_at {
                Some(until) => format!("old secret good until {}", shown(*until)),
                None => "old secret ended".to_owned(),
            },
        ],
        EventKind::ClockReset { from, to } => {
            vec![format!("from {} to {}", shown(*from), shown(*to))]
        }
        EventKind::LogPruned { through } => vec![format!("up to {through}")],
        EventKind::Restored {
            sequence_before,
            backup_sequence,
            keys,
        } => vec![
            crate::selection::counted(*keys),
            format!("backup at {backup_sequence}"),
            match sequence_before {
                Some(before) => format!("store was at {before}"),
                None => "what the store was at could not be read".to_owned(),
            },
        ],
        EventKind::KeyRestored { key, disabled } => {
            let mut out = terms(key, project);
            out.extend(disabled.then(|| "disabled".to_owned()));
            out
        }
        EventKind::ProjectRestored {
            scopes: set,
            owner: name,
            enabled,
            deleted,
            ..
        } => {
            let mut out = vec![scopes(set)];
            out.extend(name.as_ref().map(|name| owner(Some(name))));
            out.extend((!enabled).then(|| "disabled".to_owned()));
            out.extend(deleted.then(|| "deleted".to_owned()));
            out
        }
        _ => Vec::new(),
    }
}

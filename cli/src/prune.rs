//! `keyfob prune`.

use clap::Args;
use keyfob::{Filter, LogQuery, Order, Prune, Store, Timestamp};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::interrupt::finishing;
use crate::progress::Progress;
use crate::selection::counted;
use crate::session::Session;
use crate::when::{When, now, parse_time, shown};

#[derive(Args, Debug)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Go on without asking
    #[arg(long)]
    yes: bool,
}

/// What is removed: at least one of these.
#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
struct WhatArgs {
    /// Remove keys that were revoked before then; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    revoked_before: Option<When>,
    /// Remove keys that expired before then; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    expired_before: Option<When>,
    /// Remove events up to this one; the rest of the log stays provable
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "log_before")]
    log_through: Option<u64>,
    /// Remove events from before then; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    log_before: Option<When>,
}

/// A time that what is removed lies before. One that lies ahead is a mistake: it would remove
/// everything, today's revocations too.
fn past(option: &str, when: Option<When>) -> Result<Option<Timestamp>, Failure> {
    match when.and_then(When::ago) {
        Some(before) if before > now() => Err(Failure::usage(format!(
            "{option} lies in the future ({}); give a time that has passed, or a duration such as \
             90d, which counts back from now",
            shown(before)
        ))),
        before => Ok(before),
    }
}

/// How many keys a pruning removes.
fn count(store: &Store, prune: &Prune) -> Result<u64, Failure> {
    let before = |bound: Option<Timestamp>, at: Option<Timestamp>| {
        bound.zip(at).is_some_and(|(bound, at)| at < bound)
    };
    let mut found = 0;
    for key in store.keys(&Filter::default(), Order::Created) {
        let key = key?;
        let revoked_at = key.revocation.map(|revocation| revocation.at);
        let goes = before(prune.revoked_before, revoked_at)
            || before(prune.expired_before, key.expires_at);
        found += u64::from(goes);
    }
    Ok(found)
}

/// The last event that is to be removed.
fn through(args: &WhatArgs, store: &Store) -> Result<Option<u64>, Failure> {
    let Some(before) = past("--log-before", args.log_before)? else {
        return Ok(args.log_through);
    };
    let mut query = LogQuery::default();
    query.from = Some(before);
    let first_kept = store.log(&query, 1)?.first().map(|event| event.sequence);
    Ok(Some(match first_kept {
        Some(sequence) => sequence - 1,
        None => store.info()?.sequence,
    }))
}

pub(crate) fn run(args: &PruneArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let mut prune = Prune::default();
        prune.revoked_before = past("--revoked-before", args.what.revoked_before)?;
        prune.expired_before = past("--expired-before", args.what.expired_before)?;
        let through = through(&args.what, store)?;
        let keys = if prune == Prune::default() {
            0
        } else {
            count(store, &prune)?
        };
        let mut removed = Vec::new();
        if keys > 0 {
            removed.push(counted(keys));
        }
        if let Some(through) = through
            && through > store.info()?.log_begins_after
        {
            removed.push(format!("the log up to event {through}"));
        }
        if !removed.is_empty() {
            let what = format!("remove {} for good", removed.join(" and "));
            session.confirm(&what, args.yes)?;
        }
        let progress = Progress::endless(session.screen, "pruning");
        let pruned = if prune == Prune::default() {
            keyfob::Pruned::default()
        } else {
            finishing(|| store.prune(&prune))?
        };
        let events = match through {
            Some(through) => finishing(|| store.prune_log(through))?,
            None => 0,
        };
        drop(progress);
        if session.screen.json {
            session.screen.document(&json!({
                "keys": pruned.keys,
                "projects": pruned.projects,
                "events": events,
            }))?;
        }
        session.screen.note(format!(
            "removed {}, {} and {}",
            counted(pruned.keys),
            crate::text::counted(pruned.projects, "project"),
            crate::text::counted(events, "event")
        ));
        Ok(Exit::Done)
    })
}

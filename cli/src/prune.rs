//! `keyfob prune`.

use clap::Args;
use keyfob::{LogQuery, Prune};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::interrupt::finishing;
use crate::progress::Progress;
use crate::session::Session;
use crate::when::{When, parse_time};

#[derive(Args, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct PruneArgs {
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

pub(crate) fn run(args: &PruneArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let mut prune = Prune::default();
        prune.revoked_before = args.revoked_before.and_then(When::ago);
        prune.expired_before = args.expired_before.and_then(When::ago);
        let progress = Progress::endless(session.screen, "pruning");
        let pruned = if prune == Prune::default() {
            keyfob::Pruned::default()
        } else {
            finishing(|| store.prune(&prune))?
        };
        let mut through = args.log_through;
        if let Some(before) = args.log_before.and_then(When::ago) {
            let mut query = LogQuery::default();
            query.from = Some(before);
            let first_kept = store.log(&query, 1)?.first().map(|event| event.sequence);
            through = Some(match first_kept {
                Some(sequence) => sequence - 1,
                None => store.info()?.sequence,
            });
        }
        let events = match through {
            Some(through) => finishing(|| store.prune_log(through))?,
            None => 0,
        };
        drop(progress);
        if session.screen.json {
            session.screen.document(&json!({
                "keys": pruned.keys,
                "projects": pruned.projects,
                "tombstones": pruned.tombstones,
                "events": events,
            }))?;
        }
        session.screen.note(format!(
            "removed {}, {} and {}",
            crate::selection::counted(pruned.keys),
            crate::text::counted(pruned.projects, "project"),
            crate::text::counted(events, "event")
        ));
        Ok(Exit::Done)
    })
}

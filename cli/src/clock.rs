//! `keyfob clock`: the mark of the latest time, so that a clock set back revives nothing.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::table;
use crate::when::{now, rfc3339, shown};

#[derive(Args, Debug)]
pub(crate) struct ClockArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Set the mark to what the clock shows, after a clock that was wrong moved it ahead
    Reset,
}

pub(crate) fn run(args: &ClockArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        if args.verb.is_some() {
            crate::interrupt::finishing(|| store.reset_clock())?;
            session.screen.note("set the mark to the clock");
        }
        let info = store.info()?;
        let ahead = info.mark.seconds_since(now()) > 0;
        if session.screen.json {
            session.screen.document(&json!({
                "mark": rfc3339(info.mark),
                "clock": rfc3339(now()),
                "mark_ahead": ahead,
                "clock_ahead": info.clock_ahead,
            }))?;
            return Ok(Exit::Done);
        }
        let rows = [("mark", shown(info.mark)), ("clock", shown(now()))];
        table::details(session.screen, &rows);
        if ahead {
            session.screen.note(
                "the clock is behind the latest time that it showed; expiry goes by that time, and \
                 `keyfob clock reset` mends it where it was wrong",
            );
        }
        if info.clock_ahead {
            session
                .screen
                .note("the clock runs more than a day ahead of what was expected");
        }
        Ok(Exit::Done)
    })
}

//! `keyfob check`.

use clap::Args;
use keyfob::{CheckOnOpen, Error, StoreError};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::interrupt::breaking_off;
use crate::progress::Progress;
use crate::session::Session;
use crate::text::harmless;

/// A sequence and the hash that the log had there.
#[derive(Clone, Debug)]
struct Expected {
    sequence: u64,
    hash: [u8; 32],
}

fn expected(text: &str) -> Result<Expected, String> {
    const FORM: &str = "use SEQUENCE:HASH, as `keyfob info` prints it";
    let (sequence, hash) = text.split_once(':').ok_or(FORM)?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(hash, &mut bytes).map_err(|_| FORM)?;
    Ok(Expected {
        sequence: sequence.parse().map_err(|_| FORM)?,
        hash: bytes,
    })
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Also hold the log to what was noted earlier: sequence and hash
    #[arg(long, value_name = "SEQUENCE:HASH", value_parser = expected)]
    expect: Option<Expected>,
}

pub(crate) fn run(args: &CheckArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let path = session.path()?;
    // The check that an open may make is part of the one that follows.
    let opened = session
        .options()?
        .check_on_open(CheckOnOpen::Never)
        .open(path);
    let store = match opened {
        Ok(store) => store,
        // Too damaged to open is damage too.
        Err(error @ Error::Store(StoreError::Corrupted(_) | StoreError::Truncated(_))) => {
            return report(session, &[error.to_string()], None);
        }
        Err(error) => return Err(error.into()),
    };
    session
        .screen
        .note("checking; changes by other processes wait meanwhile");
    let progress = Progress::new(session.screen, "checking");
    let found = breaking_off("the store was not checked to its end", || {
        store.check_integrity(&mut |done, all| progress.go_on(done, all))
    })?;
    drop(progress);
    let mut damage = found.damage.clone();
    if let Some(expected) = &args.expect
        && damage.is_empty()
        && !store.check_expected(expected.sequence, &expected.hash)?
    {
        damage.push(format!(
            "the log has another event at {}, or none: this is not the store that the hash was \
             noted from, or its log was rewritten",
            expected.sequence
        ));
    }
    let exit = report(session, &damage, Some(&found));
    store.close()?;
    exit
}

fn report(
    session: &mut Session<'_, '_>,
    damage: &[String],
    found: Option<&keyfob::IntegrityReport>,
) -> Result<Exit, Failure> {
    let whole = damage.is_empty();
    if session.screen.json {
        session.screen.document(&json!({
            "whole": whole,
            "damage": damage,
            "keys": found.map(|found| found.keys),
            "projects": found.map(|found| found.projects),
            "events": found.map(|found| found.events),
            "sequence": found.map(|found| found.sequence),
            "head": found.map(|found| hex::encode(found.head)),
        }))?;
    } else if let (true, Some(found)) = (whole, found) {
        session.screen.line(format!(
            "whole: {} keys, {} projects, {} events",
            found.keys, found.projects, found.events
        ));
        session.screen.line(format!(
            "note elsewhere, for --expect: {}:{}",
            found.sequence,
            hex::encode(found.head)
        ));
    } else {
        for line in damage {
            session.screen.line(format!("damaged: {}", harmless(line)));
        }
        session
            .screen
            .note("restore a backup with `keyfob restore`; keep this file until then");
    }
    Ok(if whole { Exit::Done } else { Exit::No })
}

//! `keyfob check`.

use clap::Args;
use keyfob::{CheckOnOpen, Error, IntegrityReport, Store, StoreError};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::interrupt::breaking_off;
use crate::progress::Progress;
use crate::session::Session;
use crate::text::{counted, harmless, shell_word};

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
        Err(error) => return report(session, &[damage(error)?], None),
    };
    session
        .screen
        .note("checking; changes by other processes wait meanwhile");
    let progress = Progress::new(session.screen, "checking");
    let found = breaking_off("the store was not checked to its end", || {
        Ok(store.check_integrity(&mut |done, all| progress.go_on(done, all)))
    })?;
    drop(progress);
    let exit = match found {
        Ok(found) if found.is_whole() => whole(args, &store, session, &found),
        Ok(found) => report(session, &found.damage, Some(&found)),
        Err(error) => report(session, &[damage(error)?], None),
    };
    store.close()?;
    exit
}

/// What an error says of the file, where it says that this is no whole store; every other says that
/// the store could not be looked at.
fn damage(error: Error) -> Result<String, Failure> {
    match error {
        // Its own advice is to run this.
        Error::Store(StoreError::Corrupted(what)) => Ok(what),
        Error::Store(
            error @ (StoreError::Truncated(_)
            | StoreError::EmptyFile(_)
            | StoreError::NotAStore { .. }),
        ) => Ok(error.to_string()),
        error => Err(error.into()),
    }
}

/// A store without damage; left is whether it is the one that was expected.
fn whole(
    args: &CheckArgs,
    store: &Store,
    session: &mut Session<'_, '_>,
    found: &IntegrityReport,
) -> Result<Exit, Failure> {
    let Some(expected) = &args.expect else {
        return report(session, &[], Some(found));
    };
    let sequence = expected.sequence;
    match store.check_expected(sequence, &expected.hash) {
        Ok(true) => report(session, &[], Some(found)),
        Ok(false) if sequence > found.sequence => {
            let what = format!(
                "the log ends at {}, before {sequence}: an older copy was put in its place, or this \
                 is another store",
                found.sequence
            );
            report(session, &[what], Some(found))
        }
        Ok(false) => {
            let what = format!(
                "the log has another event at {sequence}: it was rewritten, or this is another store"
            );
            report(session, &[what], Some(found))
        }
        Err(Error::Store(StoreError::Gone { first })) => Err(Failure::usage(format!(
            "the log was pruned and begins at {first}, so that nothing can be said of {sequence}; \
             note a newer one"
        ))),
        Err(error) => Err(error.into()),
    }
}

fn report(
    session: &mut Session<'_, '_>,
    damage: &[String],
    found: Option<&IntegrityReport>,
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
            "whole: {}, {}, {}",
            counted(found.keys, "key"),
            counted(found.projects, "project"),
            counted(found.events, "event")
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
        let store = shell_word(&session.path()?);
        session.screen.note(if found.is_some_and(IntegrityReport::is_whole) {
            format!(
                "the rows fit each other, so look for who could write {store}, and compare it with a \
                 backup of your own: `keyfob --store BACKUP log`"
            )
        } else {
            format!(
                "keep a copy of {store}, then restore a backup: keyfob --store {store} restore BACKUP"
            )
        });
    }
    Ok(if whole { Exit::Done } else { Exit::No })
}

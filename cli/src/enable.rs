//! `keyfob enable` and `keyfob disable`, and how a verb goes over many keys.

use clap::Args;
use keyfob::{BulkOutcome, Error, KeyId, KeyInfo, Selection, Store, limits};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::progress::Progress;
use crate::selection::{SelectionArgs, counted};
use crate::session::Session;
use crate::view::KeyView;

#[derive(Args, Debug)]
pub(crate) struct EnableArgs {
    #[command(flatten)]
    selection: SelectionArgs,
}

pub(crate) fn run(
    args: &EnableArgs,
    enable: bool,
    session: &mut Session<'_, '_>,
) -> Result<Exit, Failure> {
    let (verb, done) = if enable {
        ("enable", "enabled")
    } else {
        ("disable", "disabled")
    };
    session.with_store(|store, session| {
        let ids = args.selection.resolve(store)?;
        apply(
            session,
            &ids,
            (verb, done),
            &args.selection,
            |id| {
                if enable {
                    store.enable(id)
                } else {
                    store.disable(id)
                }
            },
            |batch| {
                Ok(if enable {
                    store.enable_many(batch)
                } else {
                    store.disable_many(batch)
                })
            },
            store,
        )
    })
}

/// Does one verb to the keys: to one that was named at once, else after a question, batch by batch.
pub(crate) fn apply(
    session: &mut Session<'_, '_>,
    ids: &[KeyId],
    (verb, done): (&'static str, &'static str),
    selection: &SelectionArgs,
    one: impl FnOnce(KeyId) -> Result<KeyInfo, Error>,
    many: impl Fn(&Selection) -> Result<BulkOutcome, Error>,
    store: &Store,
) -> Result<Exit, Failure> {
    let all = ids.len() as u64;
    if all > 0 && !selection.names_one() {
        session.confirm(&format!("{verb} {}", counted(all)), selection.yes)?;
    }
    if let [id] = ids {
        let before = store.get(*id)?;
        let key = crate::interrupt::finishing(|| one(*id))?;
        session.screen.note(if before.sequence == key.sequence {
            format!("key {id}, {}, is {done} already", key.hint)
        } else {
            format!("{done} key {id}, {}", key.hint)
        });
        if session.screen.json {
            session.screen.document(&KeyView::from(&key))?;
        }
        return Ok(Exit::Done);
    }
    let (mut changed, mut unchanged, mut result) = (0, 0, Ok(Exit::Done));
    let progress = Progress::new(session.screen, verb);
    for batch in ids.chunks(limits::BATCH) {
        if let Err(failure) = crate::interrupt::check() {
            result = Err(failure);
            break;
        }
        let outcome = crate::interrupt::finishing(|| many(&Selection::Keys(batch.to_vec())))?;
        changed += outcome.changed;
        unchanged += outcome.unchanged;
        progress.update(changed + unchanged, all);
        if let Some(error) = outcome.stopped {
            result = Err(error.into());
            break;
        }
    }
    drop(progress);
    if session.screen.json {
        session
            .screen
            .document(&json!({ "changed": changed, "unchanged": unchanged }))?;
    } else {
        let rest = if unchanged > 0 {
            format!("; {} stayed as they were", counted(unchanged))
        } else {
            String::new()
        };
        session
            .screen
            .note(format!("{done} {}{rest}", counted(changed)));
    }
    result
}

//! `keyfob backup`, `keyfob restore` and `keyfob compact`.

use std::path::PathBuf;

use clap::Args;
use keyfob::{KeyId, KeyInfo, Restore};
use serde_json::json;

use crate::error::{Exit, Failure, missing_folder};
use crate::interrupt::breaking_off;
use crate::progress::Progress;
use crate::session::Session;
use crate::table::{self, Column};
use crate::text::counted;
use crate::view::KeyView;

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// The file to write; there must be none yet
    file: PathBuf,
}

pub(crate) fn backup(args: &BackupArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    if let Some(folder) = missing_folder(&args.file) {
        let folder = folder.display();
        return Err(Failure::usage(format!("there is no folder {folder}")));
    }
    session.with_store(|store, session| {
        let progress = Progress::new(session.screen, "backing up");
        let backup = breaking_off("no backup was written", || {
            store.backup(&args.file, &mut |done, all| progress.go_on(done, all))
        })?;
        drop(progress);
        if session.screen.json {
            session.screen.document(&json!({
                "file": args.file.to_string_lossy(),
                "sequence": backup.sequence,
                "keys": backup.keys,
                "bytes": backup.bytes,
            }))?;
        }
        session.screen.note(format!(
            "wrote {}: {}, sequence {}, {} bytes",
            args.file.display(),
            crate::selection::counted(backup.keys),
            backup.sequence,
            backup.bytes
        ));
        Ok(Exit::Done)
    })
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text.as_bytes())
        .ok_or_else(|| "use the whole id, 22 letters and digits".to_owned())
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// Disable every key that comes in, to be enabled one by one; keys that are there stay as they
    /// are
    #[arg(long)]
    disable_all: bool,
    /// A key to bring back although it was pruned since; repeat it for more
    #[arg(long = "key", value_name = "ID", value_parser = key_id)]
    keys: Vec<KeyId>,
    /// Accept, into a store with a pepper, a backup from before it had one
    ///
    /// Nothing but its origin says that nobody altered it.
    #[arg(long)]
    trust_backup: bool,
    /// Take the place of a file that does not begin as a store does; it is kept beside
    #[arg(long)]
    replace_other_file: bool,
    /// Go on without asking
    #[arg(long)]
    yes: bool,
}

pub(crate) fn restore(args: &RestoreArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let path = session.path()?;
    let options = session.options()?;
    std::fs::metadata(&args.file)
        .map_err(|error| Failure::io(format!("backup {}", args.file.display()), error))?;
    session.confirm(
        &format!("restore {} into {}", args.file.display(), path.display()),
        args.yes,
    )?;
    let mut restore = Restore::default();
    restore.disable_all = args.disable_all;
    restore.named.clone_from(&args.keys);
    restore.trust_unkeyed = args.trust_backup;
    restore.replace_other_file = args.replace_other_file;
    let progress = Progress::new(session.screen, "checking the backup");
    let restored = breaking_off("nothing was changed", || {
        options.restore(&path, &args.file, &restore, &mut |done, all| {
            progress.go_on(done, all)
        })
    })?;
    drop(progress);
    if session.screen.json {
        session.screen.document(&json!({
            "keys": restored.keys,
            "projects": restored.projects,
            "sequence": restored.sequence,
            "common_sequence": restored.common_sequence,
            "kept_away": restored.kept_away,
            "conflicts": restored.conflicts.iter().map(KeyView::from).collect::<Vec<_>>(),
            "project_conflicts": restored.project_conflicts,
            "uncertain": restored.uncertain.iter().map(KeyView::from).collect::<Vec<_>>(),
            "set_aside": restored.set_aside.as_ref().map(|path| path.to_string_lossy()),
        }))?;
        return Ok(Exit::Done);
    }
    session.screen.note(format!(
        "brought in {} and {}; the store is at sequence {}",
        crate::selection::counted(restored.keys),
        counted(restored.projects, "project"),
        restored.sequence
    ));
    if let Some(aside) = &restored.set_aside {
        session
            .screen
            .note(format!("what could not be read is at {}", aside.display()));
    }
    if restored.kept_away > 0 {
        session.screen.note(format!(
            "{} of the backup stay away, because they were removed here; `--key ID` brings back one \
             that was not revoked",
            crate::selection::counted(restored.kept_away)
        ));
    }
    for project in &restored.project_conflicts {
        session.screen.note(format!(
            "project {project} was changed both here and in the backup; look at it and enable it"
        ));
    }
    keys(
        session,
        "these keys were changed both here and in the backup; they are disabled, or revoked where \
         either says so. Look at each and enable it:",
        &restored.conflicts,
    );
    keys(
        session,
        "there was nothing to read, so that what happened to these keys after the backup is not \
         known; any of them may have been revoked since:",
        &restored.uncertain,
    );
    Ok(Exit::Done)
}

/// A list of keys under the sentence that says what is the matter with them.
fn keys(session: &mut Session<'_, '_>, what: &str, keys: &[KeyInfo]) {
    if keys.is_empty() {
        return;
    }
    session.screen.note(what);
    let columns = [
        Column::Whole("ID"),
        Column::Breaks("NAME"),
        Column::Whole("HINT"),
        Column::Whole("STATE"),
    ];
    table::print(
        session.screen,
        &columns,
        keys.iter().map(|key| {
            vec![
                key.id.to_string(),
                key.name.clone(),
                key.hint.clone(),
                key.state.name().to_owned(),
            ]
        }),
    );
}

pub(crate) fn compact(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let progress = Progress::endless(session.screen, "compacting");
        // Ctrl-C ends it at once: the engine keeps the file whole at every moment of it.
        let compacted = store.compact()?;
        drop(progress);
        if session.screen.json {
            session.screen.document(&json!({
                "bytes_before": compacted.bytes_before,
                "bytes_after": compacted.bytes_after,
            }))?;
        }
        session.screen.note(format!(
            "the file has {} bytes; it had {}",
            compacted.bytes_after, compacted.bytes_before
        ));
        Ok(Exit::Done)
    })
}

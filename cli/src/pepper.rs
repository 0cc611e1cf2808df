//! `keyfob pepper`, and the files that peppers are in. A pepper is never printed, and never an
//! argument.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use keyfob::{Pepper, StoreError};
use rustix::fs::{Mode, OFlags};
use serde_json::json;
use zeroize::Zeroizing;

use crate::error::{Exit, Failure};
use crate::interrupt::breaking_off;
use crate::progress::Progress;
use crate::session::Session;

#[derive(Args, Debug)]
pub(crate) struct PepperArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Write a new random pepper into a file that only you can read
    Generate {
        /// The file to write; there must be none yet
        file: PathBuf,
    },
    /// Introduce a pepper, or change to another one; --pepper-file names the present one
    Set {
        /// The file with the new pepper
        file: PathBuf,
    },
    /// Remove the pepper; --pepper-file names it
    Remove,
}

/// Reads the pepper of a regular file that nobody else can read. A FIFO or a device is refused: it
/// would be waited for, and it keeps no pepper for the next run.
pub(crate) fn read(path: &Path) -> Result<Pepper, Failure> {
    /// A pepper with room for blanks around it; a longer file holds something else.
    const MOST: u64 = 1_024;
    const OTHERS: u32 = 0o077;
    let failed = |error| Failure::io(format!("pepper file {}", path.display()), error);
    let how = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, how, Mode::empty()).map_err(|error| failed(error.into()))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(StoreError::NotAFile {
            path: path.to_owned(),
            what: if metadata.is_dir() {
                "a directory"
            } else {
                "a FIFO or a device, and a pepper is read from files alone"
            },
        }
        .into());
    }
    if metadata.mode() & OTHERS != 0 {
        let how = "read or written by others, and it holds a pepper";
        return Err(StoreError::InsecurePermissions {
            path: path.to_owned(),
            how,
        }
        .into());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(2_048));
    file.take(MOST).read_to_end(&mut bytes).map_err(failed)?;
    // What is no text is no pepper either.
    Pepper::from_hex(str::from_utf8(&bytes).unwrap_or_default()).map_err(|error| Failure::Told {
        text: format!("pepper file {}: {error}", path.display()),
        error: error.into(),
    })
}

fn generate(path: &Path) -> Result<(), Failure> {
    const MODE: u32 = 0o600;
    let pepper = Pepper::generate()?;
    let failed = |error| Failure::io(format!("pepper file {}", path.display()), error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)
        .map_err(failed)?;
    file.write_all(pepper.expose_hex().as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

/// After a change of peppers that was broken off.
const AGAIN: &str = "the change is half done and both peppers are needed; give the same command \
                     again to finish it";

pub(crate) fn run(args: &PepperArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Generate { file } => {
            generate(file)?;
            session.screen.note(format!(
                "wrote a new pepper to {}; keep a copy of it elsewhere, without it a store that \
                 uses it cannot be opened",
                file.display()
            ));
            document(session, &json!({ "file": file.to_string_lossy() }))
        }
        Verb::Set { file } => {
            let (path, options, new) = (session.path()?, session.options()?, read(file)?);
            let progress = Progress::new(session.screen, "tagging");
            breaking_off(AGAIN, || {
                options.set_pepper(path, new, &mut |done, all| progress.go_on(done, all))
            })?;
            drop(progress);
            session.screen.note(format!(
                "the store's pepper is that of {} now; every other process has to open it anew",
                file.display()
            ));
            document(session, &json!({ "pepper": "set" }))
        }
        Verb::Remove => {
            let (path, options) = (session.path()?, session.options()?);
            let progress = Progress::new(session.screen, "tagging");
            breaking_off(AGAIN, || {
                options.remove_pepper(path, &mut |done, all| progress.go_on(done, all))
            })?;
            drop(progress);
            session
                .screen
                .note("the store has no pepper now; every other process has to open it anew");
            document(session, &json!({ "pepper": "none" }))
        }
    }
}

fn document(session: &mut Session<'_, '_>, document: &serde_json::Value) -> Result<Exit, Failure> {
    if session.screen.json {
        session.screen.document(document)?;
    }
    Ok(Exit::Done)
}

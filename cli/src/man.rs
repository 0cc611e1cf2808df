//! `keyfob man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::args::Cli;
use crate::error::{Exit, Failure};
use crate::session::Session;

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The folder for the pages; without it the first page goes to standard output
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command())
            .render(&mut page)
            .map_err(|error| Failure::io("man page", error))?;
        session.screen.bytes(&page);
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| Failure::io(format!("man pages in {}", folder.display()), error))?;
    session
        .screen
        .note(format!("wrote the man pages into {}", folder.display()));
    Ok(Exit::Done)
}

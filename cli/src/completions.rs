//! `keyfob completions`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::args::Cli;
use crate::error::{Exit, Failure};
use crate::session::Session;

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
    /// The folder for the file, made where it is missing; without it the text goes to standard output
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &CompletionsArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    const NAME: &str = "keyfob";
    let Some(folder) = &args.folder else {
        let mut script = Vec::new();
        clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
        session.screen.bytes(&script);
        return Ok(Exit::Done);
    };
    let file = std::fs::create_dir_all(folder)
        .and_then(|()| clap_complete::generate_to(args.shell, &mut Cli::command(), NAME, folder))
        .map_err(|error| Failure::io(format!("completions in {}", folder.display()), error))?;
    session.screen.note(format!("wrote {}", file.display()));
    Ok(Exit::Done)
}

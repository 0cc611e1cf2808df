//! `keyfob completions`.

use clap::{Args, CommandFactory as _};

use crate::args::Cli;
use crate::error::Exit;
use crate::session::Session;

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &CompletionsArgs, session: &mut Session<'_, '_>) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "keyfob", &mut script);
    session.screen.bytes(&script);
    Exit::Done
}

//! The command `keyfob`, as a library: [`run`] takes what a process is given and answers the
//! status that it ends with. Python's package installs the same command through it.
//!
//! A file for each verb or noun of the command; `session.rs` is what they share, `output.rs` where
//! text leaves, `error.rs` the one place where errors become messages and exit codes. Everything
//! goes through the public API of the crate `keyfob`.

mod args;
mod backup;
mod check;
mod clock;
mod completions;
mod create;
mod enable;
mod error;
mod fault;
mod import;
mod info;
mod init;
mod interrupt;
mod list;
mod log;
mod man;
mod output;
mod pepper;
mod policy;
mod progress;
mod project;
mod prune;
mod redact;
mod revoke;
mod rotate;
mod scan;
mod selection;
mod session;
mod show;
mod table;
mod text;
mod update;
mod verify;
mod view;
mod when;

use std::ffi::OsString;

use anstream::stream::RawStream;
use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::error::{Exit, Failure};
pub use crate::output::Input;
use crate::output::Screen;
use crate::session::Session;

/// Runs the command with its arguments (the first is its own name) and answers the status that
/// the process should end with: 0 done or valid, 1 the answer is no, 2 usage, 3 the store could
/// not be used, 4 no such key or project or its state refuses the change, 130 Ctrl-C.
///
/// ```
/// let (mut out, mut err) = (Vec::new(), Vec::new());
/// let status = keyfob_cli::run(["keyfob", "--version"], &b""[..], &mut out, &mut err);
/// assert_eq!(status, 0);
/// assert!(out.starts_with(b"keyfob "));
/// ```
pub fn run<I, T>(
    args: I,
    mut stdin: impl Input,
    mut stdout: impl RawStream,
    mut stderr: impl RawStream,
) -> u8
where
    I: IntoIterator<Item = T>,
    T: Into<OsString>,
{
    interrupt::install();
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let mut screen = Screen::new(&mut stdin, &mut stdout, &mut stderr);
    // Before anything is parsed, so that errors of usage are shown as was asked for too.
    screen.json = args.iter().skip(1).any(|arg| arg == "--json");
    let result = fault::caught(|| dispatch(args, &mut screen));
    let written = screen.finish();
    match result.and_then(|exit| written.map(|()| exit)) {
        Ok(exit) => exit.status(),
        Err(failure) => {
            screen.failure(&failure);
            failure.status()
        }
    }
}

fn dispatch(args: Vec<OsString>, screen: &mut Screen<'_>) -> Result<Exit, Failure> {
    if args.iter().skip(1).any(|arg| redact::holds_token(arg)) {
        return Err(Failure::TokenInArgument);
    }
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return Err(Failure::Clap(error)),
        Err(help) => {
            let text = help.render();
            screen.raw(&if screen.colour() {
                text.ansi().to_string()
            } else {
                text.to_string()
            });
            return Ok(Exit::Done);
        }
    };
    let Cli { global, command } = cli;
    screen.json = global.json;
    let mut session = Session { global, screen };
    run_command(command, &mut session).map_err(|failure| failure.in_words(&session.global))
}

fn run_command(command: Command, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(&args, session),
        Command::Create(args) => create::run(args, session),
        Command::List(args) => list::run(args, session),
        Command::Show(args) => show::run(&args, session),
        Command::Update(args) => update::run(args, session),
        Command::Enable(args) => enable::run(&args, true, session),
        Command::Disable(args) => enable::run(&args, false, session),
        Command::Revoke(args) => revoke::run(args, session),
        Command::Rotate(args) => rotate::run(args, session),
        Command::Verify(args) => verify::verify(&args, session),
        Command::Explain(args) => verify::explain(&args, session),
        Command::Project(args) => project::run(args, session),
        Command::Log(args) => log::run(&args, session),
        Command::Import(args) => import::run(args, session),
        Command::Backup(args) => backup::backup(&args, session),
        Command::Restore(args) => backup::restore(&args, session),
        Command::Check(args) => check::run(&args, session),
        Command::Prune(args) => prune::run(&args, session),
        Command::Compact => backup::compact(session),
        Command::Info => info::run(session),
        Command::Clock(args) => clock::run(&args, session),
        Command::Pepper(args) => pepper::run(&args, session),
        Command::Policy(args) => policy::run(&args, session),
        Command::Scan(args) => scan::run(&args, session),
        Command::Completions(args) => completions::run(&args, session),
        Command::Man(args) => man::run(&args, session),
    }
}

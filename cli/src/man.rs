//! `keyfob man`.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::Cli;
use crate::error::{Exit, Failure};
use crate::session::Session;

/// What every page says beside the options of its command, in roff.
const SECTIONS: &str = r#".SH ENVIRONMENT
An option on the command line goes before its variable.
.TP
\fBKEYFOB_STORE\fR
The file that holds the store, as \fB\-\-store\fR.
.TP
\fBKEYFOB_TOKEN\fR
The token, where standard input is empty or a terminal.
.TP
\fBKEYFOB_PEPPER_FILE\fR
The file with the store's pepper, as \fB\-\-pepper\-file\fR; those of the past follow, separated by ':'.
.TP
\fBKEYFOB_ACTOR\fR
Who does this, as \fB\-\-actor\fR. Without either it is the system's name for the user, then \fBUSER\fR.
.TP
\fBKEYFOB_GROUP\fR
Set to anything but an empty text, 0, no or false: as \fB\-\-group\fR.
.TP
\fBCOLUMNS\fR
How wide a table on a terminal may be.
.TP
\fBNO_COLOR\fR
Set to anything: no colour.
.SH "EXIT STATUS"
.TP
\fB0\fR
Done, or valid.
.TP
\fB1\fR
The answer is no: denied; \fBcheck\fR found damage, \fBscan\fR a token that works; \fBimport\fR refused a line; a question was answered with no.
.TP
\fB2\fR
The command line is wrong, no token was given, or nobody could be asked.
.TP
\fB3\fR
The store could not be used; the answer is neither yes nor no.
.TP
\fB4\fR
No such key or project, or its state refuses the change.
.TP
\fB130\fR
Ctrl\-C.
.SH FILES
.TP
the store
One file, at the path of \fB\-\-store\fR; there is no other beside it. It is created with mode 0600, with \fB\-\-group\fR 0660.
.TP
\fI.NAME.damaged\-TIME\fR, \fINAME.damaged\-TIME\fR
What \fBrestore\fR could not read and set aside, beside the store; it says where.
.TP
the pepper
A regular file with 64 hexadecimal characters, mode 0600, that \fBpepper generate\fR writes.
.SH "KEYS AND TIMES"
KEY is a key id, or its last six or more characters. WHEN is a date (2027\-01\-31, midnight UTC), RFC 3339
(2027\-01\-31T12:00:00Z), a duration (90d, 12h, 1y) or, where it makes sense, never. A year has 365 days.
"#;

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The folder for the pages, made where it is missing; without it the first page goes to
    /// standard output
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut top = Cli::command().disable_help_subcommand(true);
    top.build();
    let Some(folder) = &args.folder else {
        let page = page(&Man::new(top.clone()), &top).map_err(|e| Failure::io("man page", e))?;
        session.screen.bytes(&page);
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| pages(&top, folder))
        .map_err(|error| Failure::io(format!("man pages in {}", folder.display()), error))?;
    session
        .screen
        .note(format!("wrote the man pages into {}", folder.display()));
    Ok(Exit::Done)
}

/// A page for a command and each of those below it.
fn pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        pages(below, folder)?;
    }
    let man = Man::new(command.clone());
    std::fs::write(folder.join(man.get_filename()), page(&man, command)?)
}

fn page(man: &Man, command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    page.extend(SECTIONS.as_bytes());
    man.render_version_section(&mut page)?;
    Ok(page)
}

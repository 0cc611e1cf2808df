//! Where text leaves: standard output holds what was asked for and nothing else, standard error
//! everything else. A reader that went away is no error.

use std::io::{self, BufReader, BufWriter, ErrorKind, IsTerminal, Read, Write};

use anstream::AutoStream;
use anstream::ColorChoice;
use anstream::stream::RawStream;
use anstyle::Style;
use keyfob::Token;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::Failure;
use crate::redact::redact;
use crate::text::harmless_lines;

/// What a command reads: tokens, lines of an import, answers to questions.
pub trait Input: Read {
    /// Whether a person is at the other end.
    fn is_terminal(&self) -> bool {
        false
    }
}

impl Input for io::Stdin {
    fn is_terminal(&self) -> bool {
        IsTerminal::is_terminal(self)
    }
}

impl Input for std::fs::File {
    fn is_terminal(&self) -> bool {
        IsTerminal::is_terminal(self)
    }
}

impl Input for &[u8] {}

/// Width of a terminal that does not tell its own.
const WIDTH: u16 = 80;

/// The three streams, and how to write to them.
pub(crate) struct Screen<'a> {
    pub(crate) stdin: BufReader<&'a mut dyn Input>,
    out: BufWriter<&'a mut dyn Write>,
    err: &'a mut dyn Write,
    /// Whether JSON was asked for.
    pub(crate) json: bool,
    out_terminal: bool,
    err_terminal: bool,
    out_colour: bool,
    err_colour: bool,
    /// What went wrong with standard output.
    lost: Option<io::Error>,
}

fn colour(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

impl<'a> Screen<'a> {
    pub(crate) fn new(
        stdin: &'a mut impl Input,
        stdout: &'a mut impl RawStream,
        stderr: &'a mut impl RawStream,
    ) -> Self {
        Screen {
            json: false,
            out_terminal: stdout.is_terminal(),
            err_terminal: stderr.is_terminal(),
            out_colour: colour(stdout),
            err_colour: colour(stderr),
            stdin: BufReader::new(stdin),
            out: BufWriter::new(stdout),
            err: stderr,
            lost: None,
        }
    }

    /// Whether standard output shows colour.
    pub(crate) fn colour(&self) -> bool {
        self.out_colour
    }

    /// How wide a table may be: as the terminal, or as `COLUMNS` says of it. What is read by a
    /// program has no bound, so that it can be cut and searched line by line.
    pub(crate) fn width(&self) -> Option<u16> {
        let said = || std::env::var("COLUMNS").ok()?.parse().ok();
        let found = || Some(terminal_size::terminal_size()?.0.0);
        self.out_terminal.then(|| {
            said()
                .filter(|width| *width > 0)
                .or_else(found)
                .unwrap_or(WIDTH)
        })
    }

    /// Whether progress can be shown.
    pub(crate) fn shows_progress(&self) -> bool {
        self.err_terminal && !self.json
    }

    /// Whether a question can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.stdin.get_ref().is_terminal() && self.err_terminal
    }

    /// Whether nobody reads standard output any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.lost.is_none() {
            self.lost = self.out.write_all(bytes).err();
        }
    }

    /// Text on standard output, as it is.
    pub(crate) fn raw(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    /// Bytes on standard output, as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }

    /// A line on standard output.
    pub(crate) fn line(&mut self, text: impl AsRef<str>) {
        self.write(text.as_ref().as_bytes());
        self.write(b"\n");
    }

    /// A JSON document on a line of standard output.
    pub(crate) fn document(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        // It may hold a token.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2_048));
        serde_json::to_writer(&mut *bytes, document)
            .map_err(|error| Failure::io("encode JSON", error.into()))?;
        bytes.push(b'\n');
        self.write(&bytes);
        Ok(())
    }

    /// A token, alone on standard output. That nobody took it is an error: it cannot be had again.
    pub(crate) fn token(&mut self, token: &Token) -> Result<(), Failure> {
        self.write(token.as_bytes());
        self.write(b"\n");
        self.deliver()
    }

    /// Makes sure that what was written has arrived, where losing it would lose a token.
    pub(crate) fn deliver(&mut self) -> Result<(), Failure> {
        self.flush();
        match self.lost.take() {
            None => Ok(()),
            Some(source) => Err(Failure::io(
                "the token could not be written, and cannot be had again; rotate the key",
                source,
            )),
        }
    }

    pub(crate) fn flush(&mut self) {
        if self.lost.is_none() {
            self.lost = self.out.flush().err();
        }
    }

    /// A line for people, beside what was asked for; none where JSON was.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        if !self.json {
            self.warn(text);
        }
    }

    /// A line on standard error.
    pub(crate) fn warn(&mut self, text: impl AsRef<str>) {
        self.flush();
        let text = harmless_lines(&redact(text.as_ref()));
        // Where standard error is gone there is nobody to tell.
        let _ = writeln!(self.err, "{text}");
    }

    /// A question, on standard error without a line end.
    pub(crate) fn ask(&mut self, text: &str) {
        self.flush();
        let _ = write!(self.err, "{} ", harmless_lines(text));
        let _ = self.err.flush();
    }

    pub(crate) fn failure(&mut self, failure: &Failure) {
        self.flush();
        let text = if self.json {
            failure.json()
        } else if self.err_colour && matches!(failure, Failure::Clap(_)) {
            // clap's own colours, around words that were typed; those hold no token.
            redact(&failure.human(true))
        } else {
            let text = harmless_lines(&redact(&failure.human(false)));
            match text.split_once(": ") {
                Some((label, rest)) if self.err_colour && matches!(label, "error" | "denied") => {
                    let bold = Style::new()
                        .bold()
                        .fg_color(Some(anstyle::AnsiColor::Red.into()));
                    format!("{bold}{label}:{bold:#} {rest}")
                }
                _ => text,
            }
        };
        let _ = writeln!(self.err, "{}", text.trim_end());
    }

    /// Writes what is left. A reader that went away had enough.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.flush();
        match self.lost.take() {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::io("standard output", error))
            }
            _ => Ok(()),
        }
    }

    /// The text in a style, where standard output shows colour.
    pub(crate) fn styled(&self, text: &str, style: Style) -> String {
        if self.out_colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

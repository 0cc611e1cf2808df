//! `keyfob import`: keys that another system issued, line by line.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::PathBuf;

use clap::Args;
use keyfob::{Environment, ForeignFormat, ImportDefaults, KeyId, ScopeSet, Store, limits};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::one_of;
use crate::create::expiry;
use crate::error::{Exit, Failure};
use crate::interrupt::{check, finishing};
use crate::progress::Progress;
use crate::session::Session;
use crate::text::counted;
use crate::when::{When, parse};

/// Longest part of a line that is kept: one byte more than any row can have, so that the library
/// refuses it.
const LINE_BYTES: usize = 8 * limits::RECORD_BYTES + 1;
/// Lines in one transaction.
const BATCH: usize = limits::BATCH;

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// What a line is
    #[arg(long, value_parser = one_of(&ForeignFormat::ALL, |format| format.name()))]
    format: ForeignFormat,
    /// The file with a key on each line; - is standard input
    file: PathBuf,
    /// The name of keys that come without one
    #[arg(long)]
    name: Option<String>,
    /// What keys may do of which the format says nothing; repeat it for more
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// The project that all of them are bound to
    #[arg(long)]
    project: Option<String>,
    /// The environment of keys that come without one
    #[arg(long = "env", value_name = "ENV")]
    environment: Option<Environment>,
    /// The owner of keys that come without one
    #[arg(long)]
    owner: Option<String>,
    /// When keys expire that come without an expiry
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    expires: Option<When>,
    /// A label for all of them; repeat it for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

/// A line of the file, with its number.
struct Line {
    number: u64,
    bytes: Zeroizing<Vec<u8>>,
}

/// Reads the next line without its end; what is longer than any row is cut.
fn read_line(from: &mut impl BufRead, number: u64) -> std::io::Result<Option<Line>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    let mut any = false;
    loop {
        let part = from.fill_buf()?;
        if part.is_empty() {
            break;
        }
        any = true;
        let end = part.iter().position(|&byte| byte == b'\n');
        let taken = end.unwrap_or(part.len());
        let room = LINE_BYTES - bytes.len();
        bytes.extend_from_slice(&part[..taken.min(room)]);
        from.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() {
            break;
        }
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(any.then_some(Line { number, bytes }))
}

#[derive(Default)]
struct Counts {
    imported: u64,
    refused: u64,
}

pub(crate) fn run(args: ImportArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut defaults = ImportDefaults::default();
    defaults.name = args.name;
    defaults.scopes = ScopeSet::parse(&args.scopes)?;
    defaults.project = args.project;
    defaults.environment = args.environment;
    defaults.owner = args.owner;
    defaults.expires = expiry(args.expires);
    defaults.tags = args.tags.into_iter().collect();
    let failed = |error| Failure::io(args.file.display().to_string(), error);
    let from_stdin = args.file.as_os_str() == "-";
    let mut file = if from_stdin {
        None
    } else {
        Some(BufReader::new(File::open(&args.file).map_err(failed)?))
    };
    // What is no regular file has no length to go by.
    let length = match &file {
        Some(file) => file.get_ref().metadata().map_err(failed)?.len(),
        None => 0,
    };
    session.with_store(|store, session| {
        let progress = match length {
            0 => Progress::endless(session.screen, "importing"),
            _ => Progress::new(session.screen, "importing"),
        };
        let mut counts = Counts::default();
        let mut number = 0;
        let mut ended = false;
        while !ended {
            check()?;
            let mut batch = Vec::new();
            while batch.len() < BATCH {
                number += 1;
                let line = match &mut file {
                    Some(file) => read_line(file, number),
                    None => read_line(&mut session.screen.stdin, number),
                };
                match line.map_err(failed)? {
                    None => {
                        ended = true;
                        break;
                    }
                    // An empty line between two keys is no key.
                    Some(line) if line.bytes.trim_ascii().is_empty() => {}
                    Some(line) => batch.push(line),
                }
            }
            import(
                (session, &progress),
                store,
                args.format,
                &batch,
                &defaults,
                &mut counts,
            )?;
            if let Some(Ok(position)) = file.as_mut().map(Seek::stream_position) {
                progress.update(position, length);
            }
        }
        drop(progress);
        let Counts { imported, refused } = counts;
        session.screen.note(format!(
            "imported {}; {} {} refused",
            counted(imported, "key"),
            counted(refused, "line"),
            if refused == 1 { "was" } else { "were" }
        ));
        Ok(if refused == 0 { Exit::Done } else { Exit::No })
    })
}

fn import(
    (session, progress): (&mut Session<'_, '_>, &Progress),
    store: &Store,
    format: ForeignFormat,
    batch: &[Line],
    defaults: &ImportDefaults,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let (texts, numbers): (Vec<&str>, Vec<u64>) = batch
        .iter()
        .filter_map(|line| Some((str::from_utf8(&line.bytes).ok()?, line.number)))
        .unzip();
    let imported = finishing(|| store.import(format, &texts, defaults))?;
    let mut results = numbers.into_iter().zip(imported.results).peekable();
    for line in batch {
        let result = match results.next_if(|(number, _)| *number == line.number) {
            Some((_, result)) => result.map_err(Failure::from),
            None if str::from_utf8(&line.bytes).is_err() => Err(Failure::usage("not UTF-8")),
            // The import stopped before this line.
            None => break,
        };
        progress.aside(|| tell(session, line.number, result, counts))?;
    }
    imported.stopped.map_or(Ok(()), |error| Err(error.into()))
}

/// What became of a line. No reason ever holds the key.
fn tell(
    session: &mut Session<'_, '_>,
    number: u64,
    result: Result<KeyId, Failure>,
    counts: &mut Counts,
) -> Result<(), Failure> {
    match result {
        Ok(id) => {
            counts.imported += 1;
            if session.screen.json {
                session
                    .screen
                    .document(&json!({ "line": number, "id": id.to_string(), "error": null }))?;
            }
        }
        Err(failure) => {
            counts.refused += 1;
            if session.screen.json {
                session
                    .screen
                    .document(&json!({ "line": number, "id": null, "error": failure.view() }))?;
            } else {
                session
                    .screen
                    .note(format!("line {number}: {}", failure.human(false)));
            }
        }
    }
    Ok(())
}

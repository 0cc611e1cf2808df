//! The one place where errors become messages and exit codes.

use std::io;

use keyfob::{Code, Denied, Error, Misuse, StoreError, VerifyError};
use serde::Serialize;

/// How a command ended that did what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Done, or valid.
    Done,
    /// The answer is no.
    No,
}

impl Exit {
    pub(crate) const fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::No => 1,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the library says.
    Keyfob(Error),
    /// The verification says no.
    Denied(Denied),
    /// An `Authorization` value without a bearer token.
    NoCredentials,
    /// The command line is wrong, as clap says it.
    Clap(clap::Error),
    /// The command line is wrong.
    Usage(String),
    /// A token, which others could see, was given as an argument.
    TokenInArgument,
    /// A file other than the store, or standard input or output, could not be used.
    Io { what: String, source: io::Error },
    /// Ctrl-C, and what is so now.
    Interrupted(&'static str),
}

#[derive(Serialize)]
struct Document {
    error: ErrorView,
}

/// An error as `--json` shows it.
#[derive(Serialize)]
pub(crate) struct ErrorView {
    code: Option<u16>,
    name: &'static str,
    message: String,
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Failure::Usage(text.into())
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Failure::Io {
            what: what.into(),
            source,
        }
    }

    /// The number of the one table, where it has one.
    fn code(&self) -> Option<Code> {
        Some(match self {
            Failure::Keyfob(error) => error.code(),
            Failure::Denied(denied) => denied.code(),
            Failure::Clap(_) | Failure::Usage(_) | Failure::TokenInArgument => {
                Code::INVALID_ARGUMENT
            }
            Failure::Io { .. } => Code::IO,
            Failure::Interrupted(_) => Code::INTERRUPTED,
            Failure::NoCredentials => return None,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Failure::NoCredentials => "NO_CREDENTIALS",
            other => other.code().map_or("UNKNOWN", Code::name),
        }
    }

    /// The status that the process ends with.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::NoCredentials => Exit::No.status(),
            Failure::Interrupted(_) => 130,
            other => match other.code().map_or(900, Code::number) {
                100..=199 => 2,
                200..=299 => 1,
                300..=399 => 4,
                _ => 3,
            },
        }
    }

    /// What is now true and what to do next, with the advice that only makes sense here.
    fn message(&self) -> String {
        match self {
            Failure::Keyfob(error) => {
                let text = error.to_string();
                match advice(error) {
                    Some(advice) => format!("{text}\n{advice}"),
                    None => text,
                }
            }
            Failure::Denied(denied) => denied.to_string(),
            Failure::NoCredentials => "the Authorization value holds no bearer token".to_owned(),
            Failure::Clap(error) => error.to_string(),
            Failure::Usage(text) => text.clone(),
            Failure::TokenInArgument => "an argument looks like a token, and other users of this \
                machine can see arguments; give tokens on standard input or in KEYFOB_TOKEN, name \
                keys by their id, and rotate or revoke this one if it is real"
                .to_owned(),
            Failure::Io { what, source } => format!("{what}: {source}"),
            Failure::Interrupted(what_is_so) => format!("interrupted; {what_is_so}"),
        }
    }

    /// One line for people, or several.
    pub(crate) fn human(&self, colour: bool) -> String {
        let text = self.message();
        let label =
            |word: &str, number: Code| format!("{word}: {} ({})", number.name(), number.number());
        match self {
            Failure::Clap(error) if colour => error.render().ansi().to_string(),
            Failure::Clap(_) | Failure::Interrupted(_) => text,
            Failure::Denied(denied) => format!("{}: {text}", label("denied", denied.code())),
            Failure::Keyfob(Error::Denied(denied)) => {
                format!("{}: {text}", label("denied", denied.code()))
            }
            Failure::NoCredentials => format!("denied: {}: {text}", self.name()),
            _ => format!("error: {text}"),
        }
    }

    /// The error as a member of a JSON document.
    pub(crate) fn view(&self) -> ErrorView {
        let mut message = self.message();
        if let Failure::Clap(_) = self {
            // The usage and the hint at --help are for people.
            let first = message.split("\n\n").next().unwrap_or_default();
            let lines = first.trim_start_matches("error: ").lines().map(str::trim);
            message = lines.collect::<Vec<_>>().join(" ");
        }
        ErrorView {
            code: self.code().map(Code::number),
            name: self.name(),
            message: crate::redact::redact(&message),
        }
    }

    /// One JSON object.
    pub(crate) fn json(&self) -> String {
        let document = Document { error: self.view() };
        serde_json::to_string(&document).unwrap_or_default()
    }
}

/// What the command knows beyond the library: its own options.
fn advice(error: &Error) -> Option<&'static str> {
    let Error::Store(error) = error else {
        return None;
    };
    Some(match error {
        StoreError::NoStore(_) => "`keyfob init --prefix PREFIX` creates one",
        StoreError::PepperRequired | StoreError::WrongPepper => {
            "name its file with --pepper-file or KEYFOB_PEPPER_FILE"
        }
        StoreError::InsecurePermissions { .. } => {
            "--group admits the file's group; --allow-insecure-permissions puts up with it"
        }
        StoreError::NetworkFileSystem(_) => "--allow-network-file-system puts up with it",
        _ => return None,
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Keyfob(error)
    }
}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Self {
        Failure::Keyfob(misuse.into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Keyfob(error.into())
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Denied(denied) => Failure::Denied(denied),
            VerifyError::Store(error) => error.into(),
            // A family that is yet to come: neither yes nor no.
            other => Failure::Keyfob(StoreError::Internal(other.to_string()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_the_status_of_its_family() {
        let status = |error: Error| Failure::from(error).status();
        assert_eq!(status(Misuse::InvalidCursor.into()), 2);
        assert_eq!(status(Denied::Expired.into()), 1);
        assert_eq!(status(keyfob::Refused::NoSuchKey(String::new()).into()), 4);
        assert_eq!(status(StoreError::Busy.into()), 3);
        assert_eq!(status(StoreError::Poisoned.into()), 3);
        assert_eq!(Failure::Interrupted("").status(), 130);
    }
}

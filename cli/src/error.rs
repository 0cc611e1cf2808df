//! The one place where errors become messages and exit codes.

use std::io;
use std::path::{Path, PathBuf};

use keyfob::{Code, Denied, Error, Misuse, Refused, StoreError, VerifyError};
use serde::Serialize;

use crate::args::Global;
use crate::text::shell_word;

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
    /// The same in the words of the command: with its options, and paths that can be pasted.
    Told { error: Error, text: String },
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
    /// A question was answered with no.
    Declined,
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

    /// A panic that nobody caught.
    pub(crate) fn panicked(what: String) -> Self {
        let error = StoreError::Internal(what);
        Failure::Told {
            text: internal(&error),
            error: error.into(),
        }
    }

    /// The number of the one table, where it has one.
    fn code(&self) -> Option<Code> {
        Some(match self {
            Failure::Keyfob(error) | Failure::Told { error, .. } => error.code(),
            Failure::Denied(denied) => denied.code(),
            Failure::Clap(_) | Failure::Usage(_) | Failure::TokenInArgument => {
                Code::INVALID_ARGUMENT
            }
            Failure::Io { .. } => Code::IO,
            Failure::Interrupted(_) => Code::INTERRUPTED,
            Failure::NoCredentials | Failure::Declined => return None,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Failure::NoCredentials => "NO_CREDENTIALS",
            Failure::Declined => "DECLINED",
            other => other.code().map_or("UNKNOWN", Code::name),
        }
    }

    /// The status that the process ends with.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Failure::NoCredentials | Failure::Declined => Exit::No.status(),
            Failure::Interrupted(_) => 130,
            other => match other.code().map_or(900, Code::number) {
                100..=199 => 2,
                200..=299 => 1,
                300..=399 => 4,
                _ => 3,
            },
        }
    }

    /// An error of the library in the words of the command.
    pub(crate) fn in_words(self, global: &Global) -> Self {
        match self {
            Failure::Keyfob(error) => match words(&error, global) {
                Some(text) => Failure::Told { error, text },
                None => Failure::Keyfob(error),
            },
            other => other,
        }
    }

    /// What is now true and what to do next.
    fn message(&self) -> String {
        match self {
            Failure::Keyfob(error) => error.to_string(),
            Failure::Denied(denied) => denied.to_string(),
            Failure::NoCredentials => "the Authorization value holds no bearer token".to_owned(),
            Failure::Clap(error) => error.to_string(),
            Failure::Told { text, .. } | Failure::Usage(text) => text.clone(),
            Failure::TokenInArgument => "an argument looks like a token, and other users of this \
                machine can see arguments; give tokens on standard input or in KEYFOB_TOKEN, name \
                keys by their id, and rotate or revoke this one if it is real"
                .to_owned(),
            Failure::Io { what, source } => format!("{what}: {source}"),
            Failure::Declined => "nothing was done".to_owned(),
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
            Failure::Clap(_) | Failure::Declined | Failure::Interrupted(_) => text,
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

/// A fault of our own, and what to do after it.
fn internal(error: &StoreError) -> String {
    format!(
        "{error}\nthe store is as the last finished change left it; `keyfob check` says whether it \
         is whole"
    )
}

/// The folder of a file, where it is not there.
pub(crate) fn missing_folder(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let named = !folder.as_os_str().is_empty();
    (named && !folder.exists()).then(|| folder.to_owned())
}

/// What the command knows beyond the library: its own options, the paths that it was given, and
/// how they are typed.
fn words(error: &Error, global: &Global) -> Option<String> {
    let error = match error {
        Error::Store(error) => error,
        Error::Refused(Refused::NoSuchProject(name)) => {
            return Some(format!(
                "no project named {name:?} in this store; create it first: keyfob project create \
                 {} --scope SCOPE",
                shell_word(Path::new(name))
            ));
        }
        _ => return None,
    };
    let store = global.store.as_deref();
    let no_folder = |folder: PathBuf| {
        let (shown, word) = (folder.display(), shell_word(&folder));
        format!("there is no folder {shown}; if that is no typing error: mkdir -p {word}")
    };
    let peppers = || {
        let files = global.peppers();
        let shown: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        shown.join(", ")
    };
    Some(match error {
        StoreError::NoStore(path) => match missing_folder(path) {
            Some(folder) => format!("no store at {}: {}", path.display(), no_folder(folder)),
            None => format!(
                "no store at {}; create it first: keyfob --store {} init --prefix PREFIX",
                path.display(),
                shell_word(path)
            ),
        },
        StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            no_folder(missing_folder(store?)?)
        }
        StoreError::PepperRequired => "the store has a pepper; name its file with --pepper-file \
             or KEYFOB_PEPPER_FILE"
            .to_owned(),
        StoreError::WrongPepper => format!(
            "the pepper is not this store's; given was {}, and --pepper-file or KEYFOB_PEPPER_FILE \
             has to name the one that the store was created with or changed to",
            peppers()
        ),
        StoreError::PepperNotExpected => format!(
            "the store has no pepper, and {} was given; leave it out (KEYFOB_PEPPER_FILE too), or \
             introduce it: keyfob pepper set FILE, without --pepper-file",
            peppers()
        ),
        StoreError::InsecurePermissions { path, how } => {
            let away = match () {
                () if path.is_dir() => "o-w",
                () if global.group => "o-rwx",
                () => "go-rwx",
            };
            let also = if path.is_dir() || global.group {
                ""
            } else {
                "; --group admits the file's group"
            };
            format!(
                "{} can be {how}; take that away: chmod {away} {}\n--allow-insecure-permissions \
                 puts up with it{also}",
                path.display(),
                shell_word(path)
            )
        }
        StoreError::NetworkFileSystem(_) => {
            format!("{error}\n--allow-network-file-system puts up with it")
        }
        StoreError::Internal(_) => internal(error),
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
        assert_eq!(status(Refused::NoSuchKey(String::new()).into()), 4);
        assert_eq!(status(StoreError::Busy.into()), 3);
        assert_eq!(status(StoreError::Poisoned.into()), 3);
        assert_eq!(Failure::Interrupted("").status(), 130);
    }
}

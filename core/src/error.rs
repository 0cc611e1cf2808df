//! What can go wrong, sorted by blame, and the one table of numbers.
//!
//! Four families: [`Denied`] (the holder's token is not good for what is asked), [`Misuse`] (the
//! caller's code passed something that can never be right), [`Refused`] (a change that the state
//! of the store does not admit) and [`StoreError`] (the store could not answer). A verification
//! fails with [`VerifyError`], everything else with [`Error`]. Each has a [`Code`], the same
//! number in every language.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::id::KeyId;
use crate::scope::Scope;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal,)*) => {
        impl Code {
            $($(#[doc = $doc])* pub const $name: Code = Code($number);)*

            /// Every code that exists, in the order of the numbers.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The name, the same in every language: `NO_SUCH_KEY`.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => stringify!($name),)*
                    _ => "UNKNOWN",
                }
            }

            /// What it means, a sentence or two, for where there is no error to say more.
            pub fn meaning(self) -> &'static str {
                let text = match self.0 {
                    $($number => concat!($($doc),*),)*
                    _ => "A number that this version does not know.",
                };
                text.trim_start()
            }
        }
    };
}

/// A number of an outcome, the same in Rust, C, C++, Python and on the command line.
///
/// Numbers are never reused. 0 to 2 are no errors; 100-199 misuse; 200-299 denials; 300-399 a
/// change refused; 400-499 the store; 900-999 a fault of keyfob's own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

codes! {
    /// It worked.
    OK = 0,
    /// The end of an iteration.
    DONE = 1,
    /// An Authorization value holds no bearer token: nothing was presented, and nothing verified.
    NO_CREDENTIALS = 2,
    /// An argument can never be right, as the message says.
    INVALID_ARGUMENT = 100,
    /// A scope does not parse.
    INVALID_SCOPE = 101,
    /// A time or a duration is out of range, or in the wrong order.
    INVALID_TIME = 102,
    /// A value is past its bound.
    LIMIT_EXCEEDED = 103,
    /// A cursor of another store or another listing, or one that was altered.
    INVALID_CURSOR = 104,
    /// A pepper is not 64 hexadecimal characters, or not of this use.
    INVALID_PEPPER = 105,
    /// Any of no scopes at all was required.
    EMPTY_REQUIREMENT = 106,
    /// A pointer is NULL that must not be. In C only, as those up to 110.
    NULL_ARGUMENT = 107,
    /// The caller's buffer is too small; nothing was done.
    BUFFER_TOO_SMALL = 108,
    /// An option, a flag or a number that this version does not know was asked for.
    UNKNOWN_OPTION = 109,
    /// A text is not UTF-8.
    NOT_UTF8 = 110,
    /// Not a token: the shape or the checksum is wrong.
    MALFORMED = 200,
    /// No key has this id and secret.
    NOT_FOUND = 201,
    /// The key, or its project, was taken away for good.
    REVOKED = 202,
    /// The key, or its project, is disabled.
    DISABLED = 203,
    /// The key is not good yet.
    NOT_YET_VALID = 204,
    /// The key, or the grace of its old secret, has ended.
    EXPIRED = 205,
    /// The key is of another environment.
    WRONG_ENVIRONMENT = 206,
    /// The key is bound to another project, or no project was stated.
    WRONG_PROJECT = 207,
    /// The key has an IP list and the address is not on it, or was not given.
    IP_NOT_ALLOWED = 208,
    /// The key does not grant what is required.
    INSUFFICIENT_SCOPE = 209,
    /// The key belongs to another owner.
    WRONG_OWNER = 210,
    /// No key has this id.
    NO_SUCH_KEY = 300,
    /// No project has this name.
    NO_SUCH_PROJECT = 301,
    /// A project of this name exists.
    NAME_TAKEN = 302,
    /// The key is revoked, which is final.
    KEY_IS_REVOKED = 303,
    /// The key is expired; give it a later expiry first.
    KEY_IS_EXPIRED = 304,
    /// A scope goes beyond what the project, or the creating key, allows.
    SCOPE_NOT_ALLOWED = 305,
    /// The request id was used for another request.
    REQUEST_ID_REUSED = 306,
    /// Several keys end in these characters.
    AMBIGUOUS_KEY = 307,
    /// The store's policy does not admit the expiry.
    POLICY_REFUSED = 308,
    /// The owner has as many keys as the policy admits.
    TOO_MANY_KEYS = 309,
    /// A key with this digest exists, or existed.
    DIGEST_TAKEN = 310,
    /// The string may not be imported, as the message says.
    NOT_IMPORTABLE = 311,
    /// The project is disabled.
    PROJECT_IS_DISABLED = 312,
    /// The pepper verb does not fit the store's state.
    PEPPER_REFUSED = 313,
    /// The creating key may not give this away: project, owner, environment or expiry.
    BEYOND_PARENT = 314,
    /// The clock is so far behind the latest time that it showed that the key would be expired
    /// from the start.
    CLOCK_IS_BEHIND = 315,
    /// The caller's own callback stopped the work.
    INTERRUPTED = 316,
    /// There is no file at the path.
    NO_STORE = 400,
    /// There is a file at the path already.
    STORE_EXISTS = 401,
    /// The file is not a keyfob store.
    NOT_A_STORE = 402,
    /// The file was written by a newer keyfob.
    NEWER_FORMAT = 403,
    /// The store has a pepper, and it was not given.
    PEPPER_REQUIRED = 404,
    /// The pepper is not this store's.
    WRONG_PEPPER = 405,
    /// Another process holds the store in a way that excludes this open.
    LOCKED = 406,
    /// The store did not become free in time.
    BUSY = 407,
    /// The store is open for reading only, or its file cannot be written.
    READ_ONLY = 408,
    /// The disk, or what is kept of it for revocations, is full.
    NO_SPACE = 409,
    /// The file is damaged, or was altered by something other than keyfob.
    CORRUPTED = 410,
    /// Another file stands at the path now.
    REPLACED = 411,
    /// The store's sequence is below the least that the caller accepts.
    ROLLED_BACK = 412,
    /// The log no longer reaches back that far.
    GONE = 413,
    /// The process was forked after the store was opened.
    FORKED = 414,
    /// The store was closed.
    CLOSED = 415,
    /// A commit failed in a way that leaves open whether it happened.
    OUTCOME_UNKNOWN = 416,
    /// The last writer crashed; open the store once for writing.
    NEEDS_RECOVERY = 417,
    /// The operating system reported an error.
    IO = 418,
    /// A pepper was given, and the store has none.
    PEPPER_NOT_EXPECTED = 419,
    /// Others can read or write the file or its folder.
    INSECURE_PERMISSIONS = 420,
    /// The path is a directory, a FIFO, a device or a socket.
    NOT_A_FILE = 421,
    /// The path is a symbolic link that leads nowhere.
    DANGLING_LINK = 422,
    /// The file is empty.
    EMPTY_FILE = 423,
    /// The file is shorter than its own header says.
    TRUNCATED = 424,
    /// The file lies on a network file system.
    NETWORK_FILE_SYSTEM = 425,
    /// The operating system denies access to the file.
    PERMISSION_DENIED = 426,
    /// An option at open contradicts the file.
    OPTIONS_CONTRADICT = 427,
    /// keyfob found itself in a state that it believed impossible.
    INTERNAL = 900,
    /// An earlier internal fault left this handle unusable; open the store again. In C only.
    POISONED = 901,
}

impl Code {
    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The code of a number, if there is one.
    pub fn from_number(number: u16) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.0 == number)
    }

    /// Whether this says that a token is not good for what is asked (200-299).
    pub const fn is_denial(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a token is not good for what is asked.
///
/// The precise reason is for the caller's own log. What goes to the holder over HTTP should be
/// coarse: [`Denied::http_status`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The shape, the prefix or the checksum is wrong: a typing error, or no token of this store.
    #[error("not a token of this store: its shape, prefix or checksum is wrong")]
    Malformed,
    /// No key has this id and secret.
    #[error("no key has this id and secret")]
    NotFound,
    /// The key was revoked, or its project was deleted.
    #[error("the key is revoked, or its project was deleted")]
    Revoked,
    /// The key, or its project, is disabled.
    #[error("the key, or its project, is disabled")]
    Disabled,
    /// The key's not-before lies ahead.
    #[error("the key is not valid yet")]
    NotYetValid,
    /// The key has expired, or the grace of this old secret has ended.
    #[error("the key has expired, or the grace of its old secret has ended")]
    Expired,
    /// The key is of another environment than the one required.
    #[error("the key is of another environment")]
    WrongEnvironment,
    /// The key is bound to a project that was not stated.
    #[error("the key is bound to another project, or no project was stated")]
    WrongProject,
    /// The key has an IP list, and the address was not given or is not on it.
    #[error("the key is not allowed from this address, or no address was given")]
    IpNotAllowed,
    /// The key does not grant the required scopes.
    #[error("the key does not grant the required scopes")]
    InsufficientScope,
    /// The key belongs to another owner than the one required, or than the stated project's.
    #[error("the key belongs to another owner")]
    WrongOwner,
}

impl Denied {
    /// The number, the same in every language.
    pub const fn code(self) -> Code {
        match self {
            Denied::Malformed => Code::MALFORMED,
            Denied::NotFound => Code::NOT_FOUND,
            Denied::Revoked => Code::REVOKED,
            Denied::Disabled => Code::DISABLED,
            Denied::NotYetValid => Code::NOT_YET_VALID,
            Denied::Expired => Code::EXPIRED,
            Denied::WrongEnvironment => Code::WRONG_ENVIRONMENT,
            Denied::WrongProject => Code::WRONG_PROJECT,
            Denied::IpNotAllowed => Code::IP_NOT_ALLOWED,
            Denied::InsufficientScope => Code::INSUFFICIENT_SCOPE,
            Denied::WrongOwner => Code::WRONG_OWNER,
        }
    }

    /// Every denial, in the order of the numbers.
    pub const ALL: [Denied; 11] = [
        Denied::Malformed,
        Denied::NotFound,
        Denied::Revoked,
        Denied::Disabled,
        Denied::NotYetValid,
        Denied::Expired,
        Denied::WrongEnvironment,
        Denied::WrongProject,
        Denied::IpNotAllowed,
        Denied::InsufficientScope,
        Denied::WrongOwner,
    ];

    /// What to answer over HTTP: 401 where another token could help (RFC 6750, `invalid_token`),
    /// 403 where the token is good but not for this.
    pub const fn http_status(self) -> u16 {
        match self {
            Denied::Malformed
            | Denied::NotFound
            | Denied::Revoked
            | Denied::Disabled
            | Denied::NotYetValid
            | Denied::Expired => 401,
            Denied::WrongEnvironment
            | Denied::WrongProject
            | Denied::IpNotAllowed
            | Denied::InsufficientScope
            | Denied::WrongOwner => 403,
        }
    }
}

/// As much of a text as can be shown: who passes a token by mistake must not find its secret in the
/// error, and no secret begins within so many characters.
fn cut(text: &str) -> String {
    const SHOWN: usize = 24;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// A path, but for what may be a token in it, passed in its place or as a text that is no path: of
/// so many letters and digits on end only the first are shown. A digest of 64, as folders are named
/// after, is shown whole.
pub(crate) fn shown(path: &Path) -> String {
    const LONGEST: usize = 64;
    const SHOWN: usize = 8;
    let path = path.to_string_lossy();
    let mut out = String::with_capacity(path.len());
    for part in path.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if word.len() > LONGEST {
            let (first, rest) = (&word[..SHOWN], &part[word.len()..]);
            out.extend([first, "…", rest]);
        } else {
            out.push_str(part);
        }
    }
    out
}

/// The caller passed something that can never be right; nothing was read or written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// An argument can never be right.
    #[error("{what}: {why}")]
    InvalidArgument {
        /// Which argument.
        what: &'static str,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A scope does not parse.
    #[error("scope {scope:?}: {why}")]
    InvalidScope {
        /// The scope as it was given, cut to a length that can be shown.
        scope: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A time or duration is out of range, or in the wrong order.
    #[error("{what}: {why}")]
    InvalidTime {
        /// Which time.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A value is past its bound.
    #[error("{what} is {got}, and at most {most} is allowed")]
    LimitExceeded {
        /// Which value, and its unit.
        what: &'static str,
        /// How much was given.
        got: u64,
        /// The bound.
        most: u64,
    },
    /// The cursor is of another store or another listing, or was altered.
    #[error("the cursor is not one that this store gave for this listing; start again without it")]
    InvalidCursor,
    /// The pepper is not usable.
    #[error("pepper: {0}")]
    InvalidPepper(&'static str),
    /// A list of scopes is required that has none, as one that came about by accident may.
    #[error("an empty list of scopes is required; name at least one, or leave it out")]
    EmptyRequirement,
}

impl Misuse {
    /// The number, the same in every language.
    pub const fn code(&self) -> Code {
        match self {
            Misuse::InvalidArgument { .. } => Code::INVALID_ARGUMENT,
            Misuse::InvalidScope { .. } => Code::INVALID_SCOPE,
            Misuse::InvalidTime { .. } => Code::INVALID_TIME,
            Misuse::LimitExceeded { .. } => Code::LIMIT_EXCEEDED,
            Misuse::InvalidCursor => Code::INVALID_CURSOR,
            Misuse::InvalidPepper(_) => Code::INVALID_PEPPER,
            Misuse::EmptyRequirement => Code::EMPTY_REQUIREMENT,
        }
    }

    pub(crate) fn argument(what: &'static str, why: impl Into<String>) -> Self {
        Misuse::InvalidArgument {
            what,
            why: why.into(),
        }
    }

    /// A scope that breaks a rule, as much of it as can be shown.
    pub(crate) fn invalid_scope(scope: &str, why: &'static str) -> Self {
        let scope = cut(scope);
        Misuse::InvalidScope { scope, why }
    }

    /// Refuses what is longer than its bound.
    pub(crate) fn check_limit(what: &'static str, got: usize, most: usize) -> Result<(), Misuse> {
        if got > most {
            return Err(Misuse::LimitExceeded {
                what,
                got: got as u64,
                most: most as u64,
            });
        }
        Ok(())
    }
}

/// A change that the state of the store does not admit; nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No key has this id.
    #[error("no key {0} in this store")]
    NoSuchKey(String),
    /// No project has this name.
    #[error("no project named {0:?} in this store; create it first")]
    NoSuchProject(String),
    /// A project of this name exists.
    #[error("a project named {0:?} exists already")]
    NameTaken(String),
    /// The key is revoked, which is final; create a new one.
    #[error("key {0} is revoked, which is final; create a new key")]
    KeyIsRevoked(KeyId),
    /// The key is expired.
    #[error("key {0} is expired; give it a later expiry first")]
    KeyIsExpired(KeyId),
    /// A scope goes beyond what is allowed.
    #[error("scope {scope:?} goes beyond what {whose} allows")]
    ScopeNotAllowed {
        /// The scope, cut to a length that can be shown.
        scope: String,
        /// Whose allowance: the project's or the creating key's.
        whose: &'static str,
    },
    /// The request id was used for another request.
    #[error(
        "request id {0:?} was used for another request within the last 24 hours; use a new one"
    )]
    RequestIdReused(String),
    /// Several keys end in these characters.
    #[error("{count} keys end in {suffix:?}; give more characters, or the whole id")]
    AmbiguousKey {
        /// The characters.
        suffix: String,
        /// How many keys end in them.
        count: usize,
    },
    /// The policy does not admit the expiry.
    #[error("the store's policy does not admit this: {0}")]
    PolicyRefused(&'static str),
    /// The owner has as many keys as the policy admits.
    #[error(
        "owner {owner:?} has as many keys that are neither revoked nor expired as the store's policy admits ({most}); revoke one first, or raise the policy's bound"
    )]
    TooManyKeys {
        /// The owner.
        owner: String,
        /// The most that the policy admits.
        most: u64,
    },
    /// A key with this digest exists, or existed.
    #[error("this string was imported before, as key {0}")]
    DigestTaken(KeyId),
    /// The string may not be imported.
    #[error("not importable: {0}")]
    NotImportable(&'static str),
    /// The project is disabled.
    #[error("project {0:?} is disabled; enable it first")]
    ProjectIsDisabled(String),
    /// The pepper verb does not fit the store's state.
    #[error("{0}")]
    PepperRefused(&'static str),
    /// The creating key may not give this away.
    #[error("the creating key may not give this away: {0}")]
    BeyondParent(&'static str),
    /// The clock is so far behind the store's mark that the key would be expired from the start.
    #[error(
        "the clock is {0} seconds behind the latest time that it showed, by which the key would be \
         expired from the start; set the clock right, or run `keyfob clock reset` if that time was \
         wrong"
    )]
    ClockIsBehind(i64),
    /// The callback that was told of the progress stopped the work.
    #[error("stopped before its end, as was asked")]
    Interrupted,
}

impl Refused {
    /// The number, the same in every language.
    pub const fn code(&self) -> Code {
        match self {
            Refused::NoSuchKey(_) => Code::NO_SUCH_KEY,
            Refused::NoSuchProject(_) => Code::NO_SUCH_PROJECT,
            Refused::NameTaken(_) => Code::NAME_TAKEN,
            Refused::KeyIsRevoked(_) => Code::KEY_IS_REVOKED,
            Refused::KeyIsExpired(_) => Code::KEY_IS_EXPIRED,
            Refused::ScopeNotAllowed { .. } => Code::SCOPE_NOT_ALLOWED,
            Refused::RequestIdReused(_) => Code::REQUEST_ID_REUSED,
            Refused::AmbiguousKey { .. } => Code::AMBIGUOUS_KEY,
            Refused::PolicyRefused(_) => Code::POLICY_REFUSED,
            Refused::TooManyKeys { .. } => Code::TOO_MANY_KEYS,
            Refused::DigestTaken(_) => Code::DIGEST_TAKEN,
            Refused::NotImportable(_) => Code::NOT_IMPORTABLE,
            Refused::ProjectIsDisabled(_) => Code::PROJECT_IS_DISABLED,
            Refused::PepperRefused(_) => Code::PEPPER_REFUSED,
            Refused::BeyondParent(_) => Code::BEYOND_PARENT,
            Refused::ClockIsBehind(_) => Code::CLOCK_IS_BEHIND,
            Refused::Interrupted => Code::INTERRUPTED,
        }
    }

    /// A scope that goes beyond what is allowed, as much of it as can be shown.
    pub(crate) fn scope_not_allowed(scope: &Scope, whose: &'static str) -> Self {
        let scope = cut(scope.as_str());
        Refused::ScopeNotAllowed { scope, whose }
    }
}

/// The store could not answer. Never turned into a denial, and never into a stale answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no file at the path.
    #[error("no store at {}; create one first", shown(.0))]
    NoStore(PathBuf),
    /// There is a file at the path already.
    #[error("{} exists already; open it, or choose another path", shown(.0))]
    StoreExists(PathBuf),
    /// The file is not a keyfob store.
    #[error("{} is not a keyfob store: {why}", shown(path))]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// How one can tell.
        why: &'static str,
    },
    /// The file was written by a newer keyfob.
    #[error(
        "the store has format {found}, and this keyfob knows formats up to {known}; upgrade keyfob"
    )]
    NewerFormat {
        /// The file's format.
        found: u32,
        /// The newest that this version reads.
        known: u32,
    },
    /// The store has a pepper, and it was not given.
    #[error("the store has a pepper; give it at open")]
    PepperRequired,
    /// The pepper is not this store's.
    #[error("the pepper is not this store's; give the one that it was created with or changed to")]
    WrongPepper,
    /// A pepper was given, and the store has none.
    #[error(
        "a pepper was given, and the store has none; introduce it with `keyfob pepper set`, or open without"
    )]
    PepperNotExpected,
    /// Another process holds the store in a way that excludes this open.
    #[error("another process has the store open in a way that excludes this; close it there first")]
    Locked,
    /// The store did not become free in time.
    #[error("the store is busy: another process held it longer than the time limit; try again")]
    Busy,
    /// The store is open for reading only, or its file cannot be written.
    #[error("the store is open for reading only; open it for writing to change it")]
    ReadOnly,
    /// The disk, or what is kept of it for revocations, is full.
    #[error(
        "no space left for this change; free some disk space (revoking, disabling and finishing a rotation still work)"
    )]
    NoSpace,
    /// The file is damaged, or was altered by something other than keyfob.
    #[error("the store is corrupted: {0}; run `keyfob check`, and restore a backup")]
    Corrupted(String),
    /// Another file stands at the path now.
    #[error("another file stands at {} now, or none; open the store again", shown(.0))]
    Replaced(PathBuf),
    /// The store's sequence is below the least that the caller accepts.
    #[error(
        "the store is at sequence {found}, below {least}, the least that was asked for: an older copy was put in its place"
    )]
    RolledBack {
        /// The store's sequence.
        found: u64,
        /// The least that the caller accepts.
        least: u64,
    },
    /// The log no longer reaches back that far.
    #[error(
        "the log begins at sequence {first}; what came before was pruned, so start afresh from a listing"
    )]
    Gone {
        /// The first sequence that the log still holds.
        first: u64,
    },
    /// A child of a process that has the store for itself: the parent goes on with it.
    #[error(
        "the process was forked while it had the store open exclusively, and the parent still has it; open it after the fork, or without `exclusive`"
    )]
    Forked,
    /// The store was closed.
    #[error("the store was closed; open it again")]
    Closed,
    /// A commit failed in a way that leaves open whether it happened.
    #[error(
        "the commit failed and may or may not have happened ({0}); read the state before trying again"
    )]
    OutcomeUnknown(String),
    /// The last writer crashed.
    #[error("the last writer crashed; open the store once for writing, then for reading only")]
    NeedsRecovery,
    /// The operating system reported an error.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Others can read or write the file or its folder, or own it.
    #[error(
        "{} can be {how}; change that with chmod or chown, or allow it when opening",
        shown(path)
    )]
    InsecurePermissions {
        /// The file or folder.
        path: PathBuf,
        /// Who can do what.
        how: &'static str,
    },
    /// The path is a directory, a FIFO, a device or a socket.
    #[error("{} is {what}, not a file", shown(path))]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The path is a symbolic link that leads nowhere.
    #[error("{} is a symbolic link that leads nowhere; mend or remove it", shown(.0))]
    DanglingLink(PathBuf),
    /// The file is empty.
    #[error("{} is empty: it never was a store, or was emptied; restore a backup, or remove it and create a store", shown(.0))]
    EmptyFile(PathBuf),
    /// The file is shorter than its own header says.
    #[error("{} was cut short; restore a backup", shown(.0))]
    Truncated(PathBuf),
    /// The file lies on a network file system.
    #[error("{} lies on a network file system, where locks and shared reads cannot be trusted; use a local disk, or allow it when opening", shown(.0))]
    NetworkFileSystem(PathBuf),
    /// The operating system denies access to the file.
    #[error("access to {} is denied; run as the user who owns it", shown(.0))]
    PermissionDenied(PathBuf),
    /// An option at open contradicts the file.
    #[error("{0}")]
    OptionsContradict(String),
    /// keyfob found itself in a state that it believed impossible.
    #[error("internal fault: {0}; please report it")]
    Internal(String),
    /// An earlier internal fault left this handle unusable. What C calls answer after a panic; no call
    /// of this library does.
    #[error("an earlier fault left this store handle unusable; open the store again")]
    Poisoned,
}

impl StoreError {
    /// The number, the same in every language.
    pub const fn code(&self) -> Code {
        match self {
            StoreError::NoStore(_) => Code::NO_STORE,
            StoreError::StoreExists(_) => Code::STORE_EXISTS,
            StoreError::NotAStore { .. } => Code::NOT_A_STORE,
            StoreError::NewerFormat { .. } => Code::NEWER_FORMAT,
            StoreError::PepperRequired => Code::PEPPER_REQUIRED,
            StoreError::WrongPepper => Code::WRONG_PEPPER,
            StoreError::PepperNotExpected => Code::PEPPER_NOT_EXPECTED,
            StoreError::Locked => Code::LOCKED,
            StoreError::Busy => Code::BUSY,
            StoreError::ReadOnly => Code::READ_ONLY,
            StoreError::NoSpace => Code::NO_SPACE,
            StoreError::Corrupted(_) => Code::CORRUPTED,
            StoreError::Replaced(_) => Code::REPLACED,
            StoreError::RolledBack { .. } => Code::ROLLED_BACK,
            StoreError::Gone { .. } => Code::GONE,
            StoreError::Forked => Code::FORKED,
            StoreError::Closed => Code::CLOSED,
            StoreError::OutcomeUnknown(_) => Code::OUTCOME_UNKNOWN,
            StoreError::NeedsRecovery => Code::NEEDS_RECOVERY,
            StoreError::Io { .. } => Code::IO,
            StoreError::InsecurePermissions { .. } => Code::INSECURE_PERMISSIONS,
            StoreError::NotAFile { .. } => Code::NOT_A_FILE,
            StoreError::DanglingLink(_) => Code::DANGLING_LINK,
            StoreError::EmptyFile(_) => Code::EMPTY_FILE,
            StoreError::Truncated(_) => Code::TRUNCATED,
            StoreError::NetworkFileSystem(_) => Code::NETWORK_FILE_SYSTEM,
            StoreError::PermissionDenied(_) => Code::PERMISSION_DENIED,
            StoreError::OptionsContradict(_) => Code::OPTIONS_CONTRADICT,
            StoreError::Internal(_) => Code::INTERNAL,
            StoreError::Poisoned => Code::POISONED,
        }
    }

    pub(crate) fn io(what: &'static str, source: std::io::Error) -> Self {
        match source.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => Self::NoSpace,
            _ => Self::Io { what, source },
        }
    }
}

/// Why a verification did not succeed: the token is not good, or the store could not say.
///
/// Over HTTP a denial is 401 or 403, as [`Denied::http_status`] says, and an error of the store is
/// 503: the same request may be good in a moment. A request without credentials is no error here
/// (`Ok(None)` of [`Store::verify_authorization`](crate::Store::verify_authorization)); it is 401.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is not good for what is required.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store could not answer; the token may be good or not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VerifyError {
    /// The number, the same in every language.
    pub const fn code(&self) -> Code {
        match self {
            VerifyError::Denied(denied) => denied.code(),
            VerifyError::Store(error) => error.code(),
        }
    }
}

/// Why anything but a verification did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller passed something that can never be right.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// A token that was presented to prove a right is not good for it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The state of the store does not admit the change.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The number, the same in every language.
    pub const fn code(&self) -> Code {
        match self {
            Error::Misuse(misuse) => misuse.code(),
            Error::Denied(denied) => denied.code(),
            Error::Refused(refused) => refused.code(),
            Error::Store(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_and_every_name_stands_once_and_in_order() {
        for pair in Code::ALL.windows(2) {
            assert!(
                pair[0].number() < pair[1].number(),
                "{:?} {:?}",
                pair[0],
                pair[1]
            );
        }
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(!names.contains(&"UNKNOWN"));
    }

    /// The numbers stand in programs in other languages: a change here is a change of all of them.
    #[test]
    fn every_code_has_the_number_that_it_was_given_once() {
        let table: &[(&str, u16)] = &[
            ("OK", 0),
            ("DONE", 1),
            ("NO_CREDENTIALS", 2),
            ("INVALID_ARGUMENT", 100),
            ("INVALID_SCOPE", 101),
            ("INVALID_TIME", 102),
            ("LIMIT_EXCEEDED", 103),
            ("INVALID_CURSOR", 104),
            ("INVALID_PEPPER", 105),
            ("EMPTY_REQUIREMENT", 106),
            ("NULL_ARGUMENT", 107),
            ("BUFFER_TOO_SMALL", 108),
            ("UNKNOWN_OPTION", 109),
            ("NOT_UTF8", 110),
            ("MALFORMED", 200),
            ("NOT_FOUND", 201),
            ("REVOKED", 202),
            ("DISABLED", 203),
            ("NOT_YET_VALID", 204),
            ("EXPIRED", 205),
            ("WRONG_ENVIRONMENT", 206),
            ("WRONG_PROJECT", 207),
            ("IP_NOT_ALLOWED", 208),
            ("INSUFFICIENT_SCOPE", 209),
            ("WRONG_OWNER", 210),
            ("NO_SUCH_KEY", 300),
            ("NO_SUCH_PROJECT", 301),
            ("NAME_TAKEN", 302),
            ("KEY_IS_REVOKED", 303),
            ("KEY_IS_EXPIRED", 304),
            ("SCOPE_NOT_ALLOWED", 305),
            ("REQUEST_ID_REUSED", 306),
            ("AMBIGUOUS_KEY", 307),
            ("POLICY_REFUSED", 308),
            ("TOO_MANY_KEYS", 309),
            ("DIGEST_TAKEN", 310),
            ("NOT_IMPORTABLE", 311),
            ("PROJECT_IS_DISABLED", 312),
            ("PEPPER_REFUSED", 313),
            ("BEYOND_PARENT", 314),
            ("CLOCK_IS_BEHIND", 315),
            ("INTERRUPTED", 316),
            ("NO_STORE", 400),
            ("STORE_EXISTS", 401),
            ("NOT_A_STORE", 402),
            ("NEWER_FORMAT", 403),
            ("PEPPER_REQUIRED", 404),
            ("WRONG_PEPPER", 405),
            ("LOCKED", 406),
            ("BUSY", 407),
            ("READ_ONLY", 408),
            ("NO_SPACE", 409),
            ("CORRUPTED", 410),
            ("REPLACED", 411),
            ("ROLLED_BACK", 412),
            ("GONE", 413),
            ("FORKED", 414),
            ("CLOSED", 415),
            ("OUTCOME_UNKNOWN", 416),
            ("NEEDS_RECOVERY", 417),
            ("IO", 418),
            ("PEPPER_NOT_EXPECTED", 419),
            ("INSECURE_PERMISSIONS", 420),
            ("NOT_A_FILE", 421),
            ("DANGLING_LINK", 422),
            ("EMPTY_FILE", 423),
            ("TRUNCATED", 424),
            ("NETWORK_FILE_SYSTEM", 425),
            ("PERMISSION_DENIED", 426),
            ("OPTIONS_CONTRADICT", 427),
            ("INTERNAL", 900),
            ("POISONED", 901),
        ];
        let all: Vec<_> = Code::ALL
            .iter()
            .map(|code| (code.name(), code.number()))
            .collect();
        assert_eq!(all, table, "a new code goes into this table too");
    }

    #[test]
    fn a_code_is_found_by_its_number_and_no_other_number_is_a_code() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
        }
        assert_eq!(Code::from_number(211), None);
    }

    #[test]
    fn a_path_is_shown_but_for_a_token_in_it() {
        let token = format!("acme_live_{}", "a1B2c3D4".repeat(9));
        for (path, expected) in [
            (token.clone(), "acme_live_a1B2c3D4…".to_owned()),
            (
                format!("/tmp/my key is {}\n/ä.redb", &token[1..]),
                "/tmp/my key is cme_live_a1B2c3D4…\n/ä.redb".to_owned(),
            ),
            (
                format!("/{0}/{0}", "0".repeat(64)),
                format!("/{0}/{0}", "0".repeat(64)),
            ),
            (format!("{}é", "x".repeat(65)), "xxxxxxxx…é".to_owned()),
            ("/srv//keys.redb/".into(), "/srv//keys.redb/".into()),
            (String::new(), String::new()),
        ] {
            assert_eq!(shown(Path::new(&path)), expected);
        }
        let error = StoreError::NoStore(token.into());
        assert!(!error.to_string().contains("D4a1"), "{error}");
    }

    #[test]
    fn denials_are_the_two_hundreds_and_nothing_else() {
        for code in Code::ALL {
            let denial = Denied::ALL.iter().any(|denied| denied.code() == *code);
            assert_eq!(code.is_denial(), denial, "{code:?}");
        }
    }
}

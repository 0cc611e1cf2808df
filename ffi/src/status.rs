//! Statuses: the numbers of the Rust library, as C knows them.

use std::ffi::{c_char, c_int};
use std::sync::LazyLock;

use keyfob_core::{Code, Denied};

use crate::guard::caught;
use crate::text::Text;

/// How a call came out: one of \ref keyfob_statuses. Any other number is as well defined; it
/// is one that this version does not know.
pub type keyfob_status = i32;

pub(crate) const OK: keyfob_status = 0;

pub(crate) fn of(code: Code) -> keyfob_status {
    code.number().into()
}

pub(crate) fn code_of(status: keyfob_status) -> Option<Code> {
    Code::from_number(status.try_into().ok()?)
}

/// The values of \ref keyfob_status; the same names and numbers in every language.
///
/// 0 to 2 are no errors; 100-199 misuse of the API; 200-299 denials of a verification; 300-399 a
/// change that was refused; 400-499 the store; 900-999 a fault of keyfob's own. Numbers are never
/// reused, and new ones may come: treat what you do not know as a failure.
#[repr(C)]
pub enum keyfob_statuses {
    /// It worked.
    KEYFOB_OK = 0,
    /// The end of an iteration.
    KEYFOB_DONE = 1,
    /// An Authorization value holds no bearer token: nothing was presented, and nothing verified.
    KEYFOB_NO_CREDENTIALS = 2,
    /// An argument can never be right, as the message says.
    KEYFOB_INVALID_ARGUMENT = 100,
    /// A scope does not parse.
    KEYFOB_INVALID_SCOPE = 101,
    /// A time or a duration is out of range, or in the wrong order.
    KEYFOB_INVALID_TIME = 102,
    /// A value is past its bound.
    KEYFOB_LIMIT_EXCEEDED = 103,
    /// A cursor of another store or another listing, or one that was altered.
    KEYFOB_INVALID_CURSOR = 104,
    /// A pepper is not 64 hexadecimal characters, or not of this use.
    KEYFOB_INVALID_PEPPER = 105,
    /// Any of no scopes at all was required.
    KEYFOB_EMPTY_REQUIREMENT = 106,
    /// A pointer is NULL that must not be. In C only, as those up to 110.
    KEYFOB_NULL_ARGUMENT = 107,
    /// The caller's buffer is too small; nothing was done.
    KEYFOB_BUFFER_TOO_SMALL = 108,
    /// An option, a flag or a number that this version does not know was asked for.
    KEYFOB_UNKNOWN_OPTION = 109,
    /// A text is not UTF-8.
    KEYFOB_NOT_UTF8 = 110,
    /// Not a token: the shape or the checksum is wrong.
    KEYFOB_MALFORMED = 200,
    /// No key has this id and secret.
    KEYFOB_NOT_FOUND = 201,
    /// The key, or its project, was taken away for good.
    KEYFOB_REVOKED = 202,
    /// The key, or its project, is disabled.
    KEYFOB_DISABLED = 203,
    /// The key is not good yet.
    KEYFOB_NOT_YET_VALID = 204,
    /// The key, or the grace of its old secret, has ended.
    KEYFOB_EXPIRED = 205,
    /// The key is of another environment.
    KEYFOB_WRONG_ENVIRONMENT = 206,
    /// The key is bound to another project, or no project was stated.
    KEYFOB_WRONG_PROJECT = 207,
    /// The key has an IP list and the address is not on it, or was not given.
    KEYFOB_IP_NOT_ALLOWED = 208,
    /// The key does not grant what is required.
    KEYFOB_INSUFFICIENT_SCOPE = 209,
    /// The key belongs to another owner.
    KEYFOB_WRONG_OWNER = 210,
    /// No key has this id.
    KEYFOB_NO_SUCH_KEY = 300,
    /// No project has this name.
    KEYFOB_NO_SUCH_PROJECT = 301,
    /// A project of this name exists.
    KEYFOB_NAME_TAKEN = 302,
    /// The key is revoked, which is final.
    KEYFOB_KEY_IS_REVOKED = 303,
    /// The key is expired; give it a later expiry first.
    KEYFOB_KEY_IS_EXPIRED = 304,
    /// A scope goes beyond what the project, or the creating key, allows.
    KEYFOB_SCOPE_NOT_ALLOWED = 305,
    /// The request id was used for another request.
    KEYFOB_REQUEST_ID_REUSED = 306,
    /// Several keys end in these characters.
    KEYFOB_AMBIGUOUS_KEY = 307,
    /// The store's policy does not admit the expiry.
    KEYFOB_POLICY_REFUSED = 308,
    /// The owner has as many keys as the policy admits.
    KEYFOB_TOO_MANY_KEYS = 309,
    /// A key with this digest exists, or existed.
    KEYFOB_DIGEST_TAKEN = 310,
    /// The string may not be imported, as the message says.
    KEYFOB_NOT_IMPORTABLE = 311,
    /// The project is disabled.
    KEYFOB_PROJECT_IS_DISABLED = 312,
    /// The pepper verb does not fit the store's state.
    KEYFOB_PEPPER_REFUSED = 313,
    /// The creating key may not give this away: project, owner, environment or expiry.
    KEYFOB_BEYOND_PARENT = 314,
    /// The clock is so far behind the latest time that it showed that the key would be expired
    /// from the start.
    KEYFOB_CLOCK_IS_BEHIND = 315,
    /// The caller's own callback stopped the work.
    KEYFOB_INTERRUPTED = 316,
    /// There is no file at the path.
    KEYFOB_NO_STORE = 400,
    /// There is a file at the path already.
    KEYFOB_STORE_EXISTS = 401,
    /// The file is not a keyfob store.
    KEYFOB_NOT_A_STORE = 402,
    /// The file was written by a newer keyfob.
    KEYFOB_NEWER_FORMAT = 403,
    /// The store has a pepper, and it was not given.
    KEYFOB_PEPPER_REQUIRED = 404,
    /// The pepper is not this store's.
    KEYFOB_WRONG_PEPPER = 405,
    /// Another process holds the store in a way that excludes this open.
    KEYFOB_LOCKED = 406,
    /// The store did not become free in time.
    KEYFOB_BUSY = 407,
    /// The store is open for reading only, or its file cannot be written.
    KEYFOB_READ_ONLY = 408,
    /// The disk, or what is kept of it for revocations, is full.
    KEYFOB_NO_SPACE = 409,
    /// The file is damaged, or was altered by something other than keyfob.
    KEYFOB_CORRUPTED = 410,
    /// Another file stands at the path now.
    KEYFOB_REPLACED = 411,
    /// The store's sequence is below the least that the caller accepts.
    KEYFOB_ROLLED_BACK = 412,
    /// The log no longer reaches back that far.
    KEYFOB_GONE = 413,
    /// The process was forked after the store was opened.
    KEYFOB_FORKED = 414,
    /// The store was closed.
    KEYFOB_CLOSED = 415,
    /// A commit failed in a way that leaves open whether it happened.
    KEYFOB_OUTCOME_UNKNOWN = 416,
    /// The last writer crashed; open the store once for writing.
    KEYFOB_NEEDS_RECOVERY = 417,
    /// The operating system reported an error.
    KEYFOB_IO = 418,
    /// A pepper was given, and the store has none.
    KEYFOB_PEPPER_NOT_EXPECTED = 419,
    /// Others can read or write the file or its folder.
    KEYFOB_INSECURE_PERMISSIONS = 420,
    /// The path is a directory, a FIFO, a device or a socket.
    KEYFOB_NOT_A_FILE = 421,
    /// The path is a symbolic link that leads nowhere.
    KEYFOB_DANGLING_LINK = 422,
    /// The file is empty.
    KEYFOB_EMPTY_FILE = 423,
    /// The file is shorter than its own header says.
    KEYFOB_TRUNCATED = 424,
    /// The file lies on a network file system.
    KEYFOB_NETWORK_FILE_SYSTEM = 425,
    /// The operating system denies access to the file.
    KEYFOB_PERMISSION_DENIED = 426,
    /// An option at open contradicts the file.
    KEYFOB_OPTIONS_CONTRADICT = 427,
    /// keyfob found itself in a state that it believed impossible.
    KEYFOB_INTERNAL = 900,
    /// An earlier internal fault left this handle unusable; open the store again. In C only.
    KEYFOB_POISONED = 901,
}

/// A name and a meaning for each status, with their NULs.
static WORDS: LazyLock<Vec<(Code, Text, Text)>> = LazyLock::new(|| {
    let words = |code: &Code| (*code, Text::new(code.name()), Text::new(code.meaning()));
    Code::ALL.iter().map(words).collect()
});

fn words(status: keyfob_status, which: fn(&(Code, Text, Text)) -> &Text) -> Option<&'static Text> {
    let code = code_of(status)?;
    caught(|| WORDS.iter().find(|words| words.0 == code).map(which)).flatten()
}

/// The name of a status without its prefix, "NO_SUCH_KEY"; "UNKNOWN" of one that this version does
/// not know. Never NULL; it lives as long as the library.
///
/// Threads: any.
///
/// \param status  any number
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_status_name(status: keyfob_status) -> *const c_char {
    words(status, |words| &words.1).map_or(c"UNKNOWN".as_ptr(), Text::as_ptr)
}

/// What a status means, a sentence or two. An error has more to say: \ref keyfob_error_message.
/// Never NULL; it lives as long as the library.
///
/// Threads: any.
///
/// \param status  any number
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_status_message(status: keyfob_status) -> *const c_char {
    let unknown = c"A number that this version does not know.".as_ptr();
    words(status, |words| &words.2).map_or(unknown, Text::as_ptr)
}

/// Whether a status says that a token is not good for what is asked: 1 for 200-299, else 0. An
/// error of the store is no denial, and \ref KEYFOB_NO_CREDENTIALS neither: no token was there.
///
/// Threads: any.
///
/// \param status  any number
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_status_is_denial(status: keyfob_status) -> c_int {
    (200..300).contains(&status).into()
}

/// What to answer over HTTP where a verification came out so: 200; 401 without credentials, or
/// where another token could help (RFC 6750, invalid_token); 403 where the token is good, but not
/// for this; 503 where the store could not answer; 500 for anything else.
///
/// Threads: any.
///
/// \param status  any number
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_status_http_status(status: keyfob_status) -> c_int {
    let denied = Denied::ALL
        .iter()
        .find(|denied| of(denied.code()) == status);
    match (denied, code_of(status)) {
        (Some(denied), _) => denied.http_status().into(),
        (None, Some(Code::OK)) => 200,
        (None, Some(Code::NO_CREDENTIALS)) => 401,
        _ if (200..300).contains(&status) => 401, // a denial of a version to come
        _ if (400..500).contains(&status) => 503,
        _ => 500,
    }
}

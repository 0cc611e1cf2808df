//! What the tests of the store share: a store in a folder of its own, under a clock that the test
//! moves, and short ways to say what a key is and which code comes out.

#![allow(
    dead_code,
    reason = "every test is a crate of its own and uses a part of this"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyfob::{
    Clock, Code, Created, Environment, Error, KeyId, NewKey, NewProject, Requirement, ScopeSet,
    Store, StoreOptions, Timestamp, Token, Verified, VerifyError,
};
use tempfile::TempDir;

/// When the clock of a test begins.
pub(crate) const START: i64 = 1_800_000_000;

/// A store in a folder of its own.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = folder();
        let clock = Clock::manual(Timestamp::from_unix(START));
        let store = options(&clock)
            .create(folder.path().join("keys.redb"))
            .expect("a new store");
        Home {
            folder,
            clock,
            store,
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("keys.redb")
    }

    /// Closes the store and opens it again, under the same clock.
    pub(crate) fn reopen(&mut self) {
        self.store.close().expect("it closes");
        self.store = options(&self.clock).open(self.path()).expect("it opens");
    }

    /// A second store on the same file, as another process has one.
    pub(crate) fn beside(&self) -> Store {
        let apart = options(&self.clock).apart();
        apart.open(self.path()).expect("it opens")
    }

    pub(crate) fn key(&self, change: impl FnOnce(&mut NewKey)) -> (KeyId, Token) {
        let mut new = NewKey::new("key");
        change(&mut new);
        made(self.store.create(&new).expect("a key"))
    }

    pub(crate) fn project(&self, name: &str, allowed: &[&str], owner: Option<&str>) {
        let mut new = NewProject::new(name);
        new.scopes = scopes(allowed);
        new.owner = owner.map(str::to_owned);
        self.store.create_project(&new).expect("a project");
    }
}

/// A folder in memory where there is one: a test of what is decided need not wait for a disk.
pub(crate) fn folder() -> TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary folder")
}

/// The options of every test: no thread that flushes, a clock that the test moves.
pub(crate) fn options(clock: &Clock) -> StoreOptions {
    StoreOptions::new()
        .prefix("acme")
        .expect("a prefix")
        .actor("test")
        .expect("an actor")
        .clock(clock.clone())
        .flush_every(Duration::ZERO)
}

pub(crate) fn made(created: Created) -> (KeyId, Token) {
    (created.key.id, created.token.expect("shown once, here"))
}

pub(crate) fn at(offset: i64) -> Timestamp {
    Timestamp::from_unix(START + offset)
}

pub(crate) fn scopes(texts: &[&str]) -> ScopeSet {
    ScopeSet::parse(texts).expect("scopes")
}

pub(crate) fn environment(text: &str) -> Environment {
    Environment::parse(text).expect("an environment")
}

/// Requires nothing but a live key without a project.
pub(crate) fn plain() -> Requirement {
    Requirement::new()
}

pub(crate) fn code(outcome: &Result<Verified, VerifyError>) -> Code {
    outcome
        .as_ref()
        .map_or_else(VerifyError::code, |_| Code::OK)
}

pub(crate) fn verify(store: &Store, token: &str, requirement: &Requirement) -> Code {
    code(&store.verify(token, requirement))
}

/// The code of a change.
pub(crate) fn code_of<T>(outcome: &Result<T, Error>) -> Code {
    outcome.as_ref().map_or_else(Error::code, |_| Code::OK)
}

/// The token with its environment rewritten, under a checksum that is right again.
pub(crate) fn with_environment(token: &str, from: &str, to: &str) -> String {
    let text = token.replacen(&format!("_{from}_"), &format!("_{to}_"), 1);
    with_checksum(&text[..text.len() - 6])
}

/// The token with the first character of its secret changed, under a right checksum.
pub(crate) fn with_wrong_secret(token: &str) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let first = bytes.len() - 6 - 43;
    bytes[first] = if bytes[first] == b'A' { b'B' } else { b'A' };
    let text = String::from_utf8(bytes).expect("ASCII");
    with_checksum(&text[..text.len() - 6])
}

/// The text with the checksum of a token behind it.
pub(crate) fn with_checksum(text: &str) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = crc32fast::hash(text.as_bytes()) as usize;
    let mut sum = [b'0'; 6];
    for place in sum.iter_mut().rev() {
        *place = ALPHABET[number % 62];
        number /= 62;
    }
    format!("{text}{}", String::from_utf8_lossy(&sum))
}

/// Runs one test of this binary in a process of its own, with a path in its environment, as
/// another user where one is named; answers what it wrote into the file `answer`.
pub(crate) fn child(test: &str, path: &Path, user: Option<u32>) -> std::process::Command {
    use std::os::unix::process::CommandExt;
    let mut command = std::process::Command::new(std::env::current_exe().expect("this test"));
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

/// The variable that tells a test that it is a child's part.
pub(crate) const CHILD: &str = "KEYFOB_TEST_CHILD";

/// The path that a child was given; none in the process of the tests themselves.
pub(crate) fn child_path() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

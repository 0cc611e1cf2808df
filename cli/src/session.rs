//! What every command shares: its options, the store it opens, what it reads and asks.

use std::io::{BufRead as _, Read as _};
use std::path::PathBuf;

use keyfob::{Pepper, Store, StoreOptions};
use zeroize::Zeroizing;

use crate::args::Global;
use crate::error::Failure;
use crate::output::Screen;

/// Longest `Authorization` value that is read; longer ones hold no token.
const HEADER_BYTES: u64 = 8 * 1024;

/// A command that runs.
pub(crate) struct Session<'s, 'a> {
    pub(crate) global: Global,
    pub(crate) screen: &'s mut Screen<'a>,
}

impl Session<'_, '_> {
    /// The path of the store.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        match &self.global.store {
            Some(path) if !path.as_os_str().is_empty() => Ok(path.clone()),
            _ => Err(Failure::usage(
                "no store is named; give --store FILE, or set KEYFOB_STORE",
            )),
        }
    }

    fn actor(&self) -> String {
        match &self.global.actor {
            Some(actor) => actor.clone(),
            None => {
                let uid = nix::unistd::getuid();
                let known = nix::unistd::User::from_uid(uid).ok().flatten();
                let told = ["USER", "LOGNAME"]
                    .into_iter()
                    .filter_map(|name| std::env::var(name).ok());
                who(known.map(|user| user.name), told, uid.as_raw())
            }
        }
    }

    /// The options of a store, with the peppers that were named.
    pub(crate) fn options(&self) -> Result<StoreOptions, Failure> {
        const GROUP: u32 = 0o660;
        let mut options = StoreOptions::new()
            .actor(&self.actor())?
            .allow_insecure_permissions(self.global.allow_insecure_permissions)
            .allow_network_file_system(self.global.allow_network_file_system);
        if self.global.group {
            options = options.file_mode(GROUP)?;
        }
        if let Some(least) = self.global.least_sequence {
            options = options.least_sequence(least);
        }
        let mut peppers = self.peppers()?.into_iter();
        if let Some(current) = peppers.next() {
            options = options.pepper(current);
        }
        Ok(peppers.fold(options, StoreOptions::retired_pepper))
    }

    fn peppers(&self) -> Result<Vec<Pepper>, Failure> {
        let files = self.global.peppers();
        files.iter().map(|file| crate::pepper::read(file)).collect()
    }

    /// Opens the store, does something with it, and closes it.
    pub(crate) fn with_store<T>(
        &mut self,
        work: impl FnOnce(&Store, &mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let store = self.options()?.open(self.path()?)?;
        let result = work(&store, self);
        if let Err(error) = crate::interrupt::finishing(|| store.close()) {
            // What was changed is durable; what can be lost here is statistics.
            self.screen
                .note(format!("warning: closing the store: {error}"));
        }
        result
    }

    /// The token that was given: on standard input, else in `KEYFOB_TOKEN`.
    pub(crate) fn token(&mut self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        // One more than is ever looked at, and a line end.
        const MOST: u64 = keyfob::limits::PRESENTED_BYTES as u64 + 3;
        if !self.screen.stdin.get_ref().is_terminal() {
            let read = self.read_line_end_off(MOST)?;
            if !read.is_empty() {
                return Ok(read);
            }
        }
        std::env::var_os("KEYFOB_TOKEN")
            .map(|token| Zeroizing::new(token.into_encoded_bytes()))
            .filter(|token| !token.is_empty())
            .ok_or_else(|| {
                // An unset variable in a script is a mistake of the script, not of the holder.
                Failure::usage(
                    "no token was given; pipe it into standard input, or set KEYFOB_TOKEN",
                )
            })
    }

    /// The whole `Authorization` value on standard input.
    pub(crate) fn header(&mut self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if self.screen.stdin.get_ref().is_terminal() {
            return Err(Failure::usage(
                "pipe the value of the header into standard input",
            ));
        }
        self.read_line_end_off(HEADER_BYTES)
    }

    fn read_line_end_off(&mut self, most: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let capacity = usize::try_from(most).unwrap_or_default();
        // Of its full length from the start: growing would leave a copy behind.
        let mut text = Zeroizing::new(Vec::with_capacity(capacity + 1));
        // Past the buffer, which nobody wipes.
        self.screen
            .stdin
            .get_mut()
            .take(most)
            .read_to_end(&mut text)
            .map_err(|error| Failure::io("standard input", error))?;
        let len = match text.as_slice() {
            [rest @ .., b'\r', b'\n'] | [rest @ .., b'\n'] => rest.len(),
            all => all.len(),
        };
        text.truncate(len);
        Ok(text)
    }

    /// Asks whether to go on; refuses where there is nobody to ask.
    pub(crate) fn confirm(&mut self, what: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !self.screen.can_ask() {
            return Err(Failure::usage(format!(
                "this would {what}; there is no terminal to ask on, so say --yes if it is meant"
            )));
        }
        self.screen.ask(&format!("This will {what}. Go on? [y/N]"));
        let mut answer = String::new();
        self.screen
            .stdin
            .read_line(&mut answer)
            .map_err(|error| Failure::io("standard input", error))?;
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            Ok(())
        } else {
            Err(Failure::Declined)
        }
    }
}

/// Who does this: the name that the system has for the real user; what the environment says only
/// where it has none, since anybody can set that.
fn who(known: Option<String>, told: impl IntoIterator<Item = String>, uid: u32) -> String {
    let fits = |name: &String| {
        (1..=keyfob::limits::ACTOR_BYTES).contains(&name.len())
            && !name.chars().any(char::is_control)
    };
    known
        .into_iter()
        .chain(told)
        .find(fits)
        .unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::who;

    #[test]
    fn the_system_is_asked_who_somebody_is_before_the_environment() {
        let known = |name: &str| Some(name.to_owned());
        let told = || ["other".to_owned()];
        assert_eq!(who(known("ana"), told(), 7), "ana");
        assert_eq!(who(None, told(), 7), "other");
        assert_eq!(who(known("a\nb"), told(), 7), "other");
        assert_eq!(who(None, [String::new(), "x".repeat(201)], 7), "uid 7");
    }
}

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
        if let Some(actor) = &self.global.actor {
            return actor.clone();
        }
        let fits = |name: &String| {
            (1..=keyfob::limits::ACTOR_BYTES).contains(&name.len())
                && !name.chars().any(char::is_control)
        };
        ["USER", "LOGNAME"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(fits)
            .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
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
        let mut peppers = self.peppers()?.into_iter();
        if let Some(current) = peppers.next() {
            options = options.pepper(current);
        }
        Ok(peppers.fold(options, StoreOptions::retired_pepper))
    }

    fn peppers(&self) -> Result<Vec<Pepper>, Failure> {
        let mut files = self.global.pepper_files.clone();
        if files.is_empty()
            && let Some(named) = std::env::var_os("KEYFOB_PEPPER_FILE")
        {
            files = std::env::split_paths(&named)
                .filter(|path| !path.as_os_str().is_empty())
                .collect();
        }
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
        let environment = std::env::var_os("KEYFOB_TOKEN")
            .map(|token| Zeroizing::new(token.into_encoded_bytes()));
        if self.screen.stdin.get_ref().is_terminal() {
            return environment.ok_or_else(|| {
                Failure::usage("pipe the token into standard input, or set KEYFOB_TOKEN")
            });
        }
        let read = self.read_line_end_off(MOST)?;
        match environment {
            Some(token) if read.is_empty() => Ok(token),
            _ => Ok(read),
        }
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
            Err(Failure::usage("nothing was changed"))
        }
    }
}

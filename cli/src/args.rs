//! What the user typed: the options of every command, and which command it is. The options of a
//! command stand in its own file.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

/// Styles of help and of errors of usage.
const STYLES: clap::builder::Styles = clap::builder::Styles::styled();

/// An embedded store of API keys: one file, no server.
#[derive(Parser, Debug)]
#[command(name = "keyfob", version, propagate_version = true, styles = STYLES, max_term_width = 100)]
#[command(after_help = "\
Exit status: 0 done or valid; 1 the answer is no; 2 usage; 3 the store could not be used;
4 no such key or project, or its state refuses the change; 130 Ctrl-C.

KEY is a key id, or its last six or more characters. WHEN is a date (2027-01-31, midnight UTC),
RFC 3339 (2027-01-31T12:00:00Z), a duration (90d, 12h, 1y) or, where it makes sense, never.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A value that is one of several, which help and completions then name.
pub(crate) fn one_of<T: Clone + Send + Sync + 'static>(
    all: &'static [T],
    name: fn(&T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(name)).try_map(move |text| {
        let found = all.iter().find(|one| name(one) == text);
        found.cloned().ok_or("none of the possible values")
    })
}

/// The options that every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The file that holds the store
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "KEYFOB_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<PathBuf>,
    /// The file that holds the store's pepper [env: `KEYFOB_PEPPER_FILE`]
    ///
    /// A regular file of 64 hexadecimal characters that only its owner can read. Repeat it for
    /// peppers of the past, the current one first; in `KEYFOB_PEPPER_FILE` they are separated by ':'.
    #[arg(long = "pepper-file", global = true, value_name = "FILE")]
    pub(crate) pepper_files: Vec<PathBuf>,
    /// Who does this, as the log shows it; the system's name for the user unless it is given
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "KEYFOB_ACTOR",
        hide_env_values = true
    )]
    pub(crate) actor: Option<String>,
    /// Print JSON, errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Admit the file's group: create the store with mode 0660, or accept it
    #[arg(long, global = true, env = "KEYFOB_GROUP", value_parser = clap::builder::FalseyValueParser::new(), hide_env_values = true)]
    pub(crate) group: bool,
    /// Refuse a store whose log ends before this: an older copy
    #[arg(long, global = true, value_name = "SEQUENCE")]
    pub(crate) least_sequence: Option<u64>,
    /// Put up with a store, or a folder, that others can read or write
    #[arg(long, global = true)]
    pub(crate) allow_insecure_permissions: bool,
    /// Put up with a network file system, where locks may not hold
    #[arg(long, global = true)]
    pub(crate) allow_network_file_system: bool,
}

impl Global {
    /// The files with the store's peppers, the current one first.
    pub(crate) fn peppers(&self) -> Vec<PathBuf> {
        if !self.pepper_files.is_empty() {
            return self.pepper_files.clone();
        }
        let named = std::env::var_os("KEYFOB_PEPPER_FILE").unwrap_or_default();
        std::env::split_paths(&named)
            .filter(|path| !path.as_os_str().is_empty())
            .collect()
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Create a store
    Init(crate::init::InitArgs),
    /// Create a key and print its token, which is shown only here
    Create(crate::create::CreateArgs),
    /// List keys as a table
    List(crate::list::ListArgs),
    /// Show all there is to know of keys
    Show(crate::show::ShowArgs),
    /// Change a key; what is not named stays
    Update(crate::update::UpdateArgs),
    /// Enable disabled keys again
    Enable(crate::enable::EnableArgs),
    /// Disable keys until they are enabled again
    Disable(crate::enable::EnableArgs),
    /// Revoke keys, for good
    Revoke(crate::revoke::RevokeArgs),
    /// Give a key a new secret and print its token, which is shown only here
    Rotate(crate::rotate::RotateArgs),
    /// Verify a token from standard input or `KEYFOB_TOKEN`
    Verify(crate::verify::VerifyArgs),
    /// Show every check of a verification with its outcome; changes nothing
    Explain(crate::verify::VerifyArgs),
    /// Create, list and change projects, which bound what their tokens may do
    Project(crate::project::ProjectArgs),
    /// Show who did what to which key, and when
    Log(crate::log::LogArgs),
    /// Import keys that another system issued
    Import(crate::import::ImportArgs),
    /// Write a consistent copy of the store, while it is in use
    Backup(crate::backup::BackupArgs),
    /// Restore a backup
    Restore(crate::backup::RestoreArgs),
    /// Check every row of the store, and the chain of its log
    Check(crate::check::CheckArgs),
    /// Remove revoked and expired keys from the listing, or events from the log
    Prune(crate::prune::PruneArgs),
    /// Give unused space of the file back to the system
    Compact,
    /// Show what the store is: its format, numbers, sequence and policy
    Info,
    /// Show the store's mark of the latest time, or set it to the clock
    Clock(crate::clock::ClockArgs),
    /// Make, introduce, change and remove the store's pepper
    Pepper(crate::pepper::PepperArgs),
    /// Show or change what the store asks of every key
    Policy(crate::policy::PolicyArgs),
    /// Find tokens of this store in files and folders
    Scan(crate::scan::ScanArgs),
    /// Print completions for a shell
    Completions(crate::completions::CompletionsArgs),
    /// Print the man page, or write one for each command into a folder
    Man(crate::man::ManArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    /// Every command below this one, with its whole name.
    fn commands(command: &clap::Command, name: &str, all: &mut Vec<(String, clap::Command)>) {
        all.push((name.to_owned(), command.clone()));
        let below = command.get_subcommands();
        for below in below.filter(|below| below.get_name() != "help") {
            commands(below, &format!("{name} {}", below.get_name()), all);
        }
    }

    fn all_commands() -> Vec<(String, clap::Command)> {
        let mut top = Cli::command();
        top.build();
        let mut all = Vec::new();
        commands(&top, "keyfob", &mut all);
        all
    }

    #[test]
    fn every_option_and_command_has_a_help_of_one_line() {
        for (name, command) in all_commands() {
            assert!(command.get_about().is_some(), "{name}");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                let one_line = (1..=110).contains(&help.chars().count());
                assert!(one_line, "{name} {}: {help:?}", arg.get_id());
            }
        }
    }

    #[test]
    fn the_options_of_every_command_stand_under_a_heading_of_their_own() {
        let mut globals = Vec::new();
        for arg in Cli::command().get_arguments() {
            globals.push(arg.get_id().clone());
        }
        globals.retain(|id| !["help", "version"].contains(&id.as_str()));
        assert!(globals.len() > 7, "{globals:?}");
        for (name, command) in all_commands() {
            let mut order = Vec::new();
            for arg in command.get_arguments() {
                let heading = arg.get_help_heading();
                let global = globals.contains(arg.get_id());
                assert_eq!(
                    heading == Some("Global options"),
                    global,
                    "{name} {}",
                    arg.get_id()
                );
                if heading.is_some() && order.last() != Some(&heading) {
                    order.push(heading);
                }
            }
            let last = order.last().copied().flatten();
            assert_eq!(last, Some("Global options"), "{name}: {order:?}");
            let mut once = order.clone();
            once.dedup();
            assert_eq!(once, order, "{name}: a heading is interrupted");
        }
    }

    #[test]
    fn the_page_of_the_command_names_every_command_and_option() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        let page = std::fs::read_to_string(page).unwrap();
        let words: Vec<&str> = page
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .collect();
        for (name, command) in all_commands() {
            let own = name.trim_start_matches("keyfob").trim_start();
            assert!(page.contains(own), "docs/cli.md does not name `{own}`");
            for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
                if let Some(long) = arg
                    .get_long()
                    .filter(|long| !["help", "version"].contains(long))
                {
                    let option = format!("--{long}");
                    assert!(
                        words.contains(&option.as_str()),
                        "docs/cli.md does not name {option} of {name}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_description_of_the_arguments_is_sound() {
        Cli::command().debug_assert();
    }
}

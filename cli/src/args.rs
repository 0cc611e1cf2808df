//! What the user typed: the options of every command, and which command it is. The options of a
//! command stand in its own file.

use std::path::PathBuf;

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

/// The options that every command takes.
#[derive(Args, Debug)]
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
    /// The file that holds the store's pepper, 64 hexadecimal characters; repeat it for peppers of
    /// the past, the current one first [env: `KEYFOB_PEPPER_FILE`, several separated by ':']
    #[arg(long = "pepper-file", global = true, value_name = "FILE")]
    pub(crate) pepper_files: Vec<PathBuf>,
    /// Who does this, as the log shows it; the operating system's user unless it is given
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
    /// Admit the file's group: create the store with mode 0660, or accept one that has it
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

    #[test]
    fn the_description_of_the_arguments_is_sound() {
        Cli::command().debug_assert();
    }
}

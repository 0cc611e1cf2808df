//! Which keys a command is about: named ones, or those that a filter means.

use clap::Args;
use keyfob::{Environment, Filter, KeyId, KeyState, Order, Scope, Store};

use crate::args::one_of;
use crate::error::Failure;
use crate::when::{When, parse_duration, parse_time};

/// Conditions on keys; all of those that are given must hold.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Filter")]
pub(crate) struct FilterArgs {
    /// Bound to this project: its name, or the id of one that was deleted
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Belongs to this owner
    #[arg(long)]
    owner: Option<String>,
    /// Of this environment
    #[arg(long = "env", value_name = "ENV")]
    environment: Option<Environment>,
    /// In this state; repeat it for more
    #[arg(long = "state", value_name = "STATE", value_delimiter = ',',
        value_parser = one_of(&KeyState::ALL, |state| state.name()))]
    states: Vec<KeyState>,
    /// Grants this scope by its own scopes
    #[arg(long)]
    scope: Option<Scope>,
    /// Its name holds this part, whatever the case
    #[arg(long = "name-part", value_name = "TEXT")]
    name_part: Option<String>,
    /// Has this tag
    #[arg(long)]
    tag: Option<String>,
    /// Created (imported keys: issued) then or later; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    created_after: Option<When>,
    /// Created (imported keys: issued) before then; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    created_before: Option<When>,
    /// Expires then or later, or never; a duration counts from now on
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    expires_after: Option<When>,
    /// Expires before then; a duration counts from now on
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    expires_before: Option<When>,
    /// Expires within so much time from now, and has not yet
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires_within: Option<i64>,
    /// Never used, with any of its secrets
    #[arg(long)]
    never_used: bool,
    /// In this store before then, and not used since; a duration counts back from now
    #[arg(long, value_name = "WHEN", value_parser = parse_time)]
    unused_since: Option<When>,
    /// Due for rotation
    #[arg(long)]
    rotation_due: bool,
}

impl FilterArgs {
    pub(crate) fn filter(&self) -> Filter {
        let mut filter = Filter::default();
        filter.project.clone_from(&self.project);
        filter.owner.clone_from(&self.owner);
        filter.environment.clone_from(&self.environment);
        filter.states.clone_from(&self.states);
        filter.scope.clone_from(&self.scope);
        filter.name_part.clone_from(&self.name_part);
        filter.tag.clone_from(&self.tag);
        filter.created_after = self.created_after.and_then(When::ago);
        filter.created_before = self.created_before.and_then(When::ago);
        filter.expires_after = self.expires_after.and_then(When::ahead);
        filter.expires_before = self.expires_before.and_then(When::ahead);
        filter.expires_within = self.expires_within;
        filter.never_used = self.never_used;
        filter.unused_since = self.unused_since.and_then(When::ago);
        filter.rotation_due = self.rotation_due;
        filter
    }
}

/// Named keys, or a filter.
#[derive(Args, Debug, Default)]
pub(crate) struct SelectionArgs {
    /// Key ids, or their last six or more characters
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Go on without asking
    #[arg(long)]
    pub(crate) yes: bool,
    // Last, since its heading goes on to what follows.
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

impl SelectionArgs {
    /// Whether it is one key, and that by its name: what a filter means is for who asks to see
    /// first, however few keys it is.
    pub(crate) fn names_one(&self) -> bool {
        self.keys.len() == 1
    }

    /// The keys that are meant, each once. Revoked ones only where they are named or asked for.
    pub(crate) fn resolve(&self, store: &Store) -> Result<Vec<KeyId>, Failure> {
        let mut filter = self.filter.filter();
        if !self.keys.is_empty() {
            if !filter.is_empty() {
                return Err(Failure::usage("name keys or a filter, not both"));
            }
            let mut ids = Vec::new();
            for key in &self.keys {
                let id = store.resolve(key)?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            return Ok(ids);
        }
        if filter.is_empty() {
            return Err(Failure::usage(
                "name at least one key, or a filter such as --project or --owner",
            ));
        }
        if filter.states.is_empty() {
            let standing = |state: &KeyState| *state != KeyState::Revoked;
            filter.states = KeyState::ALL.into_iter().filter(standing).collect();
        }
        let keys = store.keys(&filter, Order::Created);
        Ok(keys
            .map(|key| key.map(|key| key.id))
            .collect::<Result<_, _>>()?)
    }
}

/// `1 key`, `3 keys`.
pub(crate) fn counted(count: u64) -> String {
    crate::text::counted(count, "key")
}

//! `keyfob policy`, and the options of a policy.

use clap::Args;
use keyfob::Policy;
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::table;
use crate::when::{length, parse_duration};

/// A bound as it is given: a value, or none, which takes it away.
#[derive(Clone, Copy, Debug)]
struct Bound<T>(Option<T>);

fn lifetime(text: &str) -> Result<Bound<i64>, String> {
    if text == "none" {
        return Ok(Bound(None));
    }
    parse_duration(text).map(|seconds| Bound(Some(seconds)))
}

fn most(text: &str) -> Result<Bound<u64>, String> {
    if text == "none" {
        return Ok(Bound(None));
    }
    text.parse()
        .map(|most| Bound(Some(most)))
        .map_err(|_| "use a number, or none".to_owned())
}

/// What a policy may say; what is not given stays.
#[derive(Args, Debug)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyFlags {
    /// The lifetime of a key that is created without naming an expiry, or none
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    default_lifetime: Option<Bound<i64>>,
    /// The longest lifetime of a key, or none
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    longest_lifetime: Option<Bound<i64>>,
    /// Whether every key must expire
    #[arg(long, value_name = "BOOL")]
    expiry_required: Option<bool>,
    /// The most keys of one owner that are neither revoked nor expired, or none
    #[arg(long, value_name = "NUMBER", value_parser = most)]
    most_keys_per_owner: Option<Bound<u64>>,
}

impl PolicyFlags {
    pub(crate) fn applied_to(&self, policy: Policy) -> Policy {
        Policy {
            default_lifetime: self
                .default_lifetime
                .map_or(policy.default_lifetime, |bound| bound.0),
            longest_lifetime: self
                .longest_lifetime
                .map_or(policy.longest_lifetime, |bound| bound.0),
            expiry_required: self.expiry_required.unwrap_or(policy.expiry_required),
            most_keys_per_owner: self
                .most_keys_per_owner
                .map_or(policy.most_keys_per_owner, |bound| bound.0),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    #[command(flatten)]
    flags: PolicyFlags,
}

/// A policy as `--json` shows it.
pub(crate) fn document(policy: &Policy) -> serde_json::Value {
    json!({
        "default_lifetime": policy.default_lifetime,
        "longest_lifetime": policy.longest_lifetime,
        "expiry_required": policy.expiry_required,
        "most_keys_per_owner": policy.most_keys_per_owner,
    })
}

/// A policy for people.
pub(crate) fn rows(policy: &Policy) -> Vec<(&'static str, String)> {
    let lifetime = |seconds: Option<i64>| seconds.map_or_else(|| "none".to_owned(), length);
    vec![
        ("default lifetime", lifetime(policy.default_lifetime)),
        ("longest lifetime", lifetime(policy.longest_lifetime)),
        (
            "expiry required",
            if policy.expiry_required { "yes" } else { "no" }.to_owned(),
        ),
        (
            "most keys per owner",
            policy
                .most_keys_per_owner
                .map_or_else(|| "none".to_owned(), |most| most.to_string()),
        ),
    ]
}

pub(crate) fn run(args: &PolicyArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let before = store.policy()?;
        let policy = args.flags.applied_to(before);
        if policy != before {
            crate::interrupt::finishing(|| store.set_policy(policy))?;
            session
                .screen
                .note("changed the policy, for keys that are created or changed from now on");
        }
        if session.screen.json {
            session.screen.document(&document(&policy))?;
        } else {
            table::details(session.screen, &rows(&policy));
        }
        Ok(Exit::Done)
    })
}

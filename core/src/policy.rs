//! The policy of a store: what it asks of every key that is created or changed.

use serde::{Deserialize, Serialize};

use crate::error::{Misuse, Refused};
use crate::limits;
use crate::time::{Now, Timestamp};

/// What a store asks of the expiry of keys, and how many keys an owner may have.
///
/// A policy is judged when a key is created, imported or given another expiry; keys that exist
/// already stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    /// The lifetime of a key that is created without naming an expiry, in seconds.
    pub default_lifetime: Option<i64>,
    /// The longest lifetime from the time of the change, in seconds.
    pub longest_lifetime: Option<i64>,
    /// Whether a key must expire.
    pub expiry_required: bool,
    /// The most keys of one owner that are neither revoked, by themselves or with their project,
    /// nor expired. Each creation looks at the owner's keys, revoked ones too, until it has found
    /// so many: prune what is no longer needed.
    pub most_keys_per_owner: Option<u64>,
}

impl Policy {
    /// Refuses what no store can hold to.
    pub(crate) fn check(&self) -> Result<(), Misuse> {
        for (what, value) in [
            ("default lifetime", self.default_lifetime),
            ("longest lifetime", self.longest_lifetime),
        ] {
            if value.is_some_and(|seconds| seconds <= 0 || seconds > limits::HORIZON_SECONDS) {
                return Err(Misuse::InvalidTime {
                    what,
                    why: "must be from 1 second to 1,000 years",
                });
            }
        }
        if let (Some(default), Some(longest)) = (self.default_lifetime, self.longest_lifetime)
            && default > longest
        {
            return Err(Misuse::InvalidTime {
                what: "default lifetime",
                why: "must not be longer than the longest lifetime",
            });
        }
        Ok(())
    }

    /// Judges the expiry that a key is to have, given at or from now on. One that lies ahead of
    /// the clock and not of the mark would be no expiry but an end: expiry goes by the later.
    pub(crate) fn judge_expiry(
        &self,
        expires_at: Option<Timestamp>,
        now: Now,
    ) -> Result<(), Refused> {
        if expires_at.is_some_and(|at| now.latest() >= at) {
            return Err(Refused::ClockIsBehind(now.mark.seconds_since(now.clock)));
        }
        let now = now.clock;
        match (expires_at, self.longest_lifetime) {
            (None, _) if self.expiry_required => Err(Refused::PolicyRefused(
                "every key must expire; give an expiry",
            )),
            (None, Some(_)) => Err(Refused::PolicyRefused(
                "there is a longest lifetime, so every key must expire; give an expiry",
            )),
            (Some(at), Some(longest)) if at.unix().saturating_sub(now.unix()) > longest => Err(
                Refused::PolicyRefused("the expiry lies beyond the longest lifetime"),
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds)
    }

    fn now(seconds: i64) -> Now {
        Now {
            clock: at(seconds),
            mark: at(seconds),
        }
    }

    #[test]
    fn an_expiry_at_the_longest_lifetime_is_admitted_and_one_second_later_is_not() {
        let policy = Policy {
            longest_lifetime: Some(100),
            ..Policy::default()
        };
        assert!(policy.judge_expiry(Some(at(1_100)), now(1_000)).is_ok());
        assert!(policy.judge_expiry(Some(at(1_101)), now(1_000)).is_err());
        assert!(policy.judge_expiry(None, now(1_000)).is_err());
    }

    #[test]
    fn a_store_without_a_policy_admits_everything() {
        assert!(Policy::default().judge_expiry(None, now(0)).is_ok());
        assert!(
            Policy::default()
                .judge_expiry(Some(at(i64::MAX)), now(0))
                .is_ok()
        );
    }

    #[test]
    fn a_default_beyond_the_longest_lifetime_is_misuse() {
        let mut policy = Policy {
            default_lifetime: Some(10),
            ..Policy::default()
        };
        assert!(policy.check().is_ok());
        policy.longest_lifetime = Some(9);
        assert!(policy.check().is_err());
        policy.longest_lifetime = Some(0);
        assert!(policy.check().is_err());
    }
}

//! What is set of a store as a whole: its policy, and the mark of its clock.

use crate::commit::{ONE_CHANGE, Room};
use crate::error::Error;
use crate::event::EventKind;
use crate::policy::Policy;
use crate::store::Store;

impl Store {
    /// The policy of the store.
    ///
    /// # Errors
    /// What the store says.
    pub fn policy(&self) -> Result<Policy, Error> {
        Ok(self.read(|reader| reader.state())?.policy)
    }

    /// Changes the policy of the store, for keys that are created or changed from now on.
    ///
    /// # Errors
    /// Misuse where a lifetime is not positive, or the default is beyond the longest.
    pub fn set_policy(&self, policy: Policy) -> Result<(), Error> {
        policy.check()?;
        self.change(Room::Bytes(ONE_CHANGE), |writer, _| {
            if writer.state().policy != policy {
                let kind = EventKind::PolicyChanged { policy };
                writer.apply_state(kind, |state| state.policy = policy)?;
            }
            Ok(())
        })
    }

    /// Sets the mark of the latest time to what the clock shows, after a clock that was wrong
    /// moved it ahead.
    ///
    /// # Errors
    /// What the store says.
    pub fn reset_clock(&self) -> Result<(), Error> {
        self.change(Room::FromReserve, |writer, now| {
            let kind = EventKind::ClockReset {
                from: now.mark,
                to: now.clock,
            };
            writer.apply_state(kind, |state| state.mark = now.clock)?;
            Ok(())
        })
    }
}

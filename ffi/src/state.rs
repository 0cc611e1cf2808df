//! What a key can be, and why it can be revoked: the numbers and their names.

use std::ffi::c_char;

use keyfob_core::{KeyState, Reason};

/// What a key is at a time: the first that applies. Each is a bit, so that a filter can name
/// several.
#[repr(C)]
pub enum keyfob_key_states {
    /// Taken away for good, or its project was deleted.
    KEYFOB_STATE_REVOKED = 1,
    /// Disabled, or its project is.
    KEYFOB_STATE_DISABLED = 2,
    /// Its not-before lies ahead.
    KEYFOB_STATE_NOT_YET_VALID = 4,
    /// Its expiry has passed.
    KEYFOB_STATE_EXPIRED = 8,
    /// Good.
    KEYFOB_STATE_ACTIVE = 16,
}

pub(crate) fn state_number(state: KeyState) -> u32 {
    use keyfob_key_states as states;
    match state {
        KeyState::Revoked => states::KEYFOB_STATE_REVOKED as u32,
        KeyState::Disabled => states::KEYFOB_STATE_DISABLED as u32,
        KeyState::NotYetValid => states::KEYFOB_STATE_NOT_YET_VALID as u32,
        KeyState::Expired => states::KEYFOB_STATE_EXPIRED as u32,
        KeyState::Active => states::KEYFOB_STATE_ACTIVE as u32,
        _ => 0, // one of a version to come; a test holds that there is none today
    }
}

/// Why a key was revoked: the reasons of RFC 5280, section 5.3.1, that fit an API key.
#[repr(C)]
pub enum keyfob_reasons {
    /// No reason was given.
    KEYFOB_REASON_UNSPECIFIED = 0,
    /// The token leaked, or may have.
    KEYFOB_REASON_KEY_COMPROMISE = 1,
    /// The holder's relation to the owner changed.
    KEYFOB_REASON_AFFILIATION_CHANGED = 3,
    /// Another key took its place.
    KEYFOB_REASON_SUPERSEDED = 4,
    /// What the key was for has ended.
    KEYFOB_REASON_CESSATION_OF_OPERATION = 5,
    /// The holder no longer may do what the key allows.
    KEYFOB_REASON_PRIVILEGE_WITHDRAWN = 9,
}

/// The numbers are those of the RFC.
pub(crate) fn reason_number(reason: Reason) -> u32 {
    use keyfob_reasons as reasons;
    match reason {
        Reason::KeyCompromise => reasons::KEYFOB_REASON_KEY_COMPROMISE as u32,
        Reason::AffiliationChanged => reasons::KEYFOB_REASON_AFFILIATION_CHANGED as u32,
        Reason::Superseded => reasons::KEYFOB_REASON_SUPERSEDED as u32,
        Reason::CessationOfOperation => reasons::KEYFOB_REASON_CESSATION_OF_OPERATION as u32,
        Reason::PrivilegeWithdrawn => reasons::KEYFOB_REASON_PRIVILEGE_WITHDRAWN as u32,
        _ => 0,
    }
}

pub(crate) fn reason_of(number: u32) -> Option<Reason> {
    Reason::ALL
        .into_iter()
        .find(|reason| reason_number(*reason) == number)
}

/// The name of a state, "not_yet_valid"; "unknown" of any other number. Never NULL; it lives as
/// long as the library.
///
/// Threads: any.
///
/// \param state  one of \ref keyfob_key_states
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_key_state_name(state: u32) -> *const c_char {
    let name = match state {
        1 => c"revoked",
        2 => c"disabled",
        4 => c"not_yet_valid",
        8 => c"expired",
        16 => c"active",
        _ => c"unknown",
    };
    name.as_ptr()
}

/// The name of a reason, "key_compromise"; "unknown" of any other number. Never NULL; it lives as
/// long as the library.
///
/// Threads: any.
///
/// \param reason  one of \ref keyfob_reasons
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_reason_name(reason: u32) -> *const c_char {
    let name = match reason {
        0 => c"unspecified",
        1 => c"key_compromise",
        3 => c"affiliation_changed",
        4 => c"superseded",
        5 => c"cessation_of_operation",
        9 => c"privilege_withdrawn",
        _ => c"unknown",
    };
    name.as_ptr()
}

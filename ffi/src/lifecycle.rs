//! The verbs of one key that exists.

use std::ffi::c_char;

use keyfob_core::{Change, Code, KeyId, KeyInfo, KeyUpdate, Reason, Revoke, Rotate, Timestamp};

use crate::create::{KEYFOB_TOKEN_MAX, expiry, ip_list, metadata, pairs, scopes, tags};
use crate::error::{Fault, keyfob_error};
use crate::key::{keyfob_key, time};
use crate::out::{Buffer, Out};
use crate::sized::{Place, named, only, read, sized, unknown};
use crate::state::reason_of;
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{bytes, keyfob_pair, keyfob_text, text};

/// The id that a text is.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn key_id(data: *const c_char, size: usize) -> Result<KeyId, Fault> {
    // SAFETY: as above.
    parse_key_id(unsafe { text(data, size, "key_id") }?)
}

/// What is no id is none of any key. It is not repeated: it may be a token, passed in the wrong place.
pub(crate) fn parse_key_id(text: &str) -> Result<KeyId, Fault> {
    let why = "no key has this id: an id is 22 characters of 0-9, A-Z and a-z";
    let id = KeyId::parse(text.as_bytes());
    id.ok_or_else(|| Fault::misuse(Code::NO_SUCH_KEY, why.into()))
}

/// Bits of keyfob_key_update.set and keyfob_key_update.clear: which fields an update is about.
#[repr(C)]
pub enum keyfob_key_fields {
    /// What people call it; cannot be cleared.
    KEYFOB_KEY_NAME = 1,
    /// What it may do.
    KEYFOB_KEY_SCOPES = 2,
    /// Whom it belongs to.
    KEYFOB_KEY_OWNER = 4,
    /// When it expires; cleared means never. An expired key may be given a later one.
    KEYFOB_KEY_EXPIRY = 8,
    /// From when on it is good.
    KEYFOB_KEY_NOT_BEFORE = 16,
    /// All of its metadata at once.
    KEYFOB_KEY_METADATA = 32,
    /// All of its tags.
    KEYFOB_KEY_TAGS = 64,
    /// All of its IP list; only clearing empties it, after which it is good from any address.
    KEYFOB_KEY_IP_LIST = 128,
    /// After how many seconds since the last rotation it should be rotated.
    KEYFOB_KEY_ROTATION_DUE_AFTER = 256,
}

/// What is changed of a key. A field stays as it is unless its bit is set: in `set` it becomes what
/// is given here, in `clear` it becomes empty. Prefix, environment and project are fixed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_key_update {
    /// sizeof(keyfob_key_update).
    pub size: u32,
    /// These become what is given: bits of \ref keyfob_key_fields.
    pub set: u32,
    /// These become empty: bits of \ref keyfob_key_fields.
    pub clear: u32,
    /// When it expires: one of \ref keyfob_expiry_kinds.
    pub expiry_kind: u32,
    /// The time, or the seconds, of the kinds that have one.
    pub expires: i64,
    /// From when on it is good, in seconds since 1970.
    pub not_before: i64,
    /// After how many seconds since the last rotation it should be rotated.
    pub rotation_due_after: i64,
    /// What people call it.
    pub name: keyfob_text,
    /// Whom it belongs to.
    pub owner: keyfob_text,
    /// What it may do.
    pub scopes: *const keyfob_text,
    /// How many.
    pub scopes_count: usize,
    /// All of its metadata.
    pub metadata: *const keyfob_pair,
    /// How many.
    pub metadata_count: usize,
    /// Single pairs, which need no bit: set where there is a value, removed where it is not stated.
    /// They are looked at after `metadata`.
    pub metadata_pairs: *const keyfob_pair,
    /// How many.
    pub metadata_pairs_count: usize,
    /// All of its tags.
    pub tags: *const keyfob_text,
    /// How many.
    pub tags_count: usize,
    /// All of its IP list.
    pub ip_list: *const keyfob_text,
    /// How many.
    pub ip_list_count: usize,
}

sized!(keyfob_key_update, 152 {
    size: u32,
    set: u32,
    clear: u32,
    expiry_kind: u32,
    expires: i64,
    not_before: i64,
    rotation_due_after: i64,
    name: keyfob_text,
    owner: keyfob_text,
    scopes: *const keyfob_text,
    scopes_count: usize,
    metadata: *const keyfob_pair,
    metadata_count: usize,
    metadata_pairs: *const keyfob_pair,
    metadata_pairs_count: usize,
    tags: *const keyfob_text,
    tags_count: usize,
    ip_list: *const keyfob_text,
    ip_list_count: usize,
});

/// What happens to a field, by its bits in both masks.
pub(crate) fn change<T>(
    (set, clear): (u32, u32),
    bit: u32,
    (what, is_given): (&str, bool),
    value: impl FnOnce() -> Result<T, Fault>,
) -> Result<Change<T>, Fault> {
    named(set & bit != 0, is_given, what)?;
    Ok(match (set & bit != 0, clear & bit != 0) {
        (false, false) => Change::Keep,
        (false, true) => Change::Clear,
        (true, false) => Change::Set(value()?),
        (true, true) => {
            let why = format!("the bit {bit:#x} is in set and in clear; use one of both");
            return Err(Fault::misuse(Code::INVALID_ARGUMENT, why));
        }
    })
}

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
pub(crate) unsafe fn update(from: *const keyfob_key_update) -> Result<KeyUpdate, Fault> {
    use keyfob_key_fields as fields;
    if from.is_null() {
        return Err(Fault::null("update"));
    }
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    let name = fields::KEYFOB_KEY_NAME as u32;
    only(asked.set, 511, "keyfob_key_update.set")?;
    only(asked.clear, 511 & !name, "keyfob_key_update.clear")?;
    let masks = (asked.set, asked.clear);
    let mut update = KeyUpdate::default();
    // SAFETY: as above.
    unsafe {
        let is_named = asked.set & name != 0;
        named(is_named, !asked.name.data.is_null(), "name")?;
        if is_named {
            let name = asked.name.stated("name")?.ok_or(Fault::null("name"))?;
            update.name = Some(name.to_owned());
        }
        update.scopes = change(
            masks,
            fields::KEYFOB_KEY_SCOPES as u32,
            ("scopes", !asked.scopes.is_null()),
            || scopes(asked.scopes, asked.scopes_count),
        )?;
        update.owner = change(
            masks,
            fields::KEYFOB_KEY_OWNER as u32,
            ("owner", !asked.owner.data.is_null()),
            || {
                Ok(asked
                    .owner
                    .stated("owner")?
                    .ok_or(Fault::null("owner"))?
                    .to_owned())
            },
        )?;
        update.expires = change(
            masks,
            fields::KEYFOB_KEY_EXPIRY as u32,
            ("expires", asked.expiry_kind != 0 || asked.expires != 0),
            || expiry(asked.expiry_kind, asked.expires),
        )?;
        update.not_before = change(
            masks,
            fields::KEYFOB_KEY_NOT_BEFORE as u32,
            ("not_before", asked.not_before != 0),
            || Ok(Timestamp::from_unix(asked.not_before)),
        )?;
        update.metadata = change(
            masks,
            fields::KEYFOB_KEY_METADATA as u32,
            ("metadata", !asked.metadata.is_null()),
            || metadata(asked.metadata, asked.metadata_count),
        )?;
        update.metadata_pairs = pairs(asked.metadata_pairs, asked.metadata_pairs_count)?;
        update.tags = change(
            masks,
            fields::KEYFOB_KEY_TAGS as u32,
            ("tags", !asked.tags.is_null()),
            || tags(asked.tags, asked.tags_count),
        )?;
        update.ip_list = change(
            masks,
            fields::KEYFOB_KEY_IP_LIST as u32,
            ("ip_list", !asked.ip_list.is_null()),
            || ip_list(asked.ip_list, asked.ip_list_count),
        )?;
        update.rotation_due_after = change(
            masks,
            fields::KEYFOB_KEY_ROTATION_DUE_AFTER as u32,
            ("rotation_due_after", asked.rotation_due_after != 0),
            || Ok(asked.rotation_due_after),
        )?;
    }
    Ok(update)
}

/// A verb of one key that answers the key.
///
/// # Safety
/// The pointers are as the functions below say.
unsafe fn on_key(
    store: *const keyfob_store,
    id: (*const c_char, usize),
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
    verb: impl FnOnce(&keyfob_store, KeyId) -> Result<KeyInfo, Fault>,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let key = unsafe { Out::new(key) };
    let body = |handle: &keyfob_store| {
        // SAFETY: the caller's text.
        let id = unsafe { key_id(id.0, id.1) }?;
        let info = verb(handle, id)?;
        key.give(|| keyfob_key::new(info));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// One key, with its state now and its use.
///
/// Errors: NO_SUCH_KEY; NOT_UTF8, NULL_ARGUMENT; what the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param key_id       the id of the key
/// \param key_id_size  its length, or KEYFOB_NUL
/// \param[out] key     the key; free it with keyfob_key_free(); may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_get_key(
    store: *const keyfob_store,
    key_id: *const c_char,
    key_id_size: usize,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_key(store, (key_id, key_id_size), key, err, |handle, id| {
            Ok(handle.store.get(id)?)
        })
    }
}

/// Changes what an update names of a key.
///
/// Errors: NO_SUCH_KEY, KEY_IS_REVOKED; SCOPE_NOT_ALLOWED where the project does not admit the
/// scopes; POLICY_REFUSED; TOO_MANY_KEYS; CLOCK_IS_BEHIND where the new expiry has passed by the
/// store's mark; INVALID_ARGUMENT and others where a field is not of its form; what the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param key_id       the id of the key
/// \param key_id_size  its length, or KEYFOB_NUL
/// \param update       what is changed
/// \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_update_key(
    store: *const keyfob_store,
    key_id: *const c_char,
    key_id_size: usize,
    update: *const keyfob_key_update,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_key(store, (key_id, key_id_size), key, err, |handle, id| {
            Ok(handle.store.update(id, &self::update(update)?)?)
        })
    }
}

/// Disables a key until it is enabled again; not to be confused with revoking it.
///
/// Errors: NO_SUCH_KEY, KEY_IS_REVOKED; what the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param key_id       the id of the key
/// \param key_id_size  its length, or KEYFOB_NUL
/// \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_disable_key(
    store: *const keyfob_store,
    key_id: *const c_char,
    key_id_size: usize,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_key(store, (key_id, key_id_size), key, err, |handle, id| {
            Ok(handle.store.disable(id)?)
        })
    }
}

/// Enables a key again.
///
/// Errors: NO_SUCH_KEY, KEY_IS_REVOKED; what the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param key_id       the id of the key
/// \param key_id_size  its length, or KEYFOB_NUL
/// \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_enable_key(
    store: *const keyfob_store,
    key_id: *const c_char,
    key_id_size: usize,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_key(store, (key_id, key_id_size), key, err, |handle, id| {
            Ok(handle.store.enable(id)?)
        })
    }
}

/// Bits of keyfob_revoke_options.flags.
#[repr(C)]
pub enum keyfob_revoke_flags {
    /// Of keyfob_store_revoke_token(): end the whole key where its old secret is presented, and not
    /// that secret alone.
    KEYFOB_REVOKE_WHOLE_KEY = 1,
}

/// Why a key is revoked.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_revoke_options {
    /// sizeof(keyfob_revoke_options).
    pub size: u32,
    /// Bits of \ref keyfob_revoke_flags.
    pub flags: u32,
    /// One of \ref keyfob_reasons.
    pub reason: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// Free text, at most 1,000 bytes without control characters.
    pub note: keyfob_text,
}

sized!(keyfob_revoke_options, 32 {
    size: u32,
    flags: u32,
    reason: u32,
    reserved: u32,
    note: keyfob_text,
});

/// Why, and whether the whole key ends.
///
/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
pub(crate) unsafe fn revocation(
    from: *const keyfob_revoke_options,
) -> Result<(Revoke, bool), Fault> {
    let whole_key = keyfob_revoke_flags::KEYFOB_REVOKE_WHOLE_KEY as u32;
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(asked.flags, whole_key, "keyfob_revoke_options.flags")?;
    only(asked.reserved, 0, "keyfob_revoke_options.reserved")?;
    let reason: Option<Reason> = reason_of(asked.reason);
    let reason = reason
        .ok_or_else(|| unknown(&format!("{} as keyfob_revoke_options.reason", asked.reason)))?;
    let mut revoke = Revoke::because(reason);
    // SAFETY: as above.
    revoke.note = unsafe { asked.note.stated("note") }?.map(str::to_owned);
    Ok((revoke, asked.flags & whole_key != 0))
}

/// Revokes a key, for good. Every verification that starts after this returned refuses it, in every
/// thread and every process. Revoking twice is no error, and changes nothing.
///
/// Errors: NO_SUCH_KEY; INVALID_ARGUMENT, LIMIT_EXCEEDED where the note is not of its form;
/// UNKNOWN_OPTION; what the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param key_id       the id of the key
/// \param key_id_size  its length, or KEYFOB_NUL
/// \param revoke       why; NULL for no reason
/// \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_revoke_key(
    store: *const keyfob_store,
    key_id: *const c_char,
    key_id_size: usize,
    revoke: *const keyfob_revoke_options,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_key(store, (key_id, key_id_size), key, err, |handle, id| {
            Ok(handle.store.revoke(id, &revocation(revoke)?.0)?)
        })
    }
}

/// Revokes by possession: who presents a token that is good now ends it, whatever environment,
/// project, address or expiry say. The current secret ends the key; the old one, during a grace,
/// ends itself, unless KEYFOB_REVOKE_WHOLE_KEY asks for all of it.
///
/// Errors: MALFORMED, NOT_FOUND where no secret of this store was presented; those of
/// keyfob_store_revoke_key().
///
/// Threads: any.
///
/// \param store       the store
/// \param token       the token, any bytes
/// \param token_size  its length, or KEYFOB_NUL
/// \param revoke      why; NULL for no reason
/// \param[out] key    the key as it is afterwards; free it with keyfob_key_free(); may be NULL
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_revoke_token(
    store: *const keyfob_store,
    token: *const c_char,
    token_size: usize,
    revoke: *const keyfob_revoke_options,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let key = unsafe { Out::new(key) };
    let body = |handle: &keyfob_store| {
        // SAFETY: the caller's pointers.
        let (token, (revoke, whole_key)) =
            unsafe { (bytes(token, token_size, "token")?, revocation(revoke)?) };
        let info = handle.store.revoke_token(token, whole_key, &revoke)?;
        key.give(|| keyfob_key::new(info));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// How a key is given a new secret.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_rotate_options {
    /// sizeof(keyfob_rotate_options).
    pub size: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// How long the old secret stays good, in seconds: at most 90 days, never beyond the key's
    /// expiry. 0 ends the secret that is replaced now. While a grace runs this says nothing: the
    /// newest secret is the one that ends, and the old one keeps its deadline.
    pub grace: i64,
    /// Makes the rotation repeatable, as for a creation.
    pub request_id: keyfob_text,
}

sized!(keyfob_rotate_options, 32 {
    size: u32,
    reserved: u32,
    grace: i64,
    request_id: keyfob_text,
});

/// Bits of keyfob_rotate_result.flags.
#[repr(C)]
pub enum keyfob_rotate_result_flags {
    /// The grace is shorter than what was asked for.
    KEYFOB_ROTATED_GRACE_CUT = 1,
    /// This is the answer to a request that was made before; the token is empty.
    KEYFOB_ROTATED_REPLAYED = 2,
}

/// What a rotation answers beside the token.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_rotate_result {
    /// sizeof(keyfob_rotate_result), set by the caller.
    pub size: u32,
    /// Bits of \ref keyfob_rotate_result_flags.
    pub flags: u32,
    /// Until when the old token stays good, in seconds since 1970; KEYFOB_NO_TIME where it ended at
    /// once.
    pub grace_expires_at: i64,
}

sized!(keyfob_rotate_result, 16 {
    size: u32,
    flags: u32,
    grace_expires_at: i64,
});

/// Gives a key a new secret under the same id. The new token is put into the caller's buffer and
/// cannot be had again. Where a request id made the rotation earlier, the token is empty and
/// *token_size 0.
///
/// Errors: NULL_ARGUMENT, BUFFER_TOO_SMALL before anything is stored; NO_SUCH_KEY, KEY_IS_REVOKED,
/// KEY_IS_EXPIRED; INVALID_TIME where the grace is negative; REQUEST_ID_REUSED; what the store
/// says.
///
/// Threads: any.
///
/// \param store            the store
/// \param key_id           the id of the key
/// \param key_id_size      its length, or KEYFOB_NUL
/// \param rotate           how; NULL for no grace
/// \param[out] token       a buffer of the caller's for the token and its NUL
/// \param token_capacity   its size; at least keyfob_token_max()
/// \param[out] token_size  the length of the token without the NUL; may be NULL
/// \param[out] rotated     what came of the old token; its size is set by the caller; may be NULL
/// \param[out] key         the key as it is afterwards; free it with keyfob_key_free(); may be NULL
/// \param[out] err         why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_rotate_key(
    store: *const keyfob_store,
    key_id: *const c_char,
    key_id_size: usize,
    rotate: *const keyfob_rotate_options,
    token: *mut c_char,
    token_capacity: usize,
    token_size: *mut usize,
    rotated: *mut keyfob_rotate_result,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (token, place, key) = unsafe {
        (
            Buffer::new(token, token_capacity, token_size),
            Place::new(rotated),
            Out::new(key),
        )
    };
    let body = |handle: &keyfob_store| {
        let (place, token) = (place?, token.holding(KEYFOB_TOKEN_MAX, "token")?);
        // SAFETY: the caller's struct.
        let (id, asked) = unsafe { (self::key_id(key_id, key_id_size)?, read(rotate)?) };
        only(asked.reserved, 0, "keyfob_rotate_options.reserved")?;
        let mut how = Rotate::with_grace(asked.grace);
        // SAFETY: the caller's text.
        how.request_id = unsafe { asked.request_id.stated("request_id") }?.map(str::to_owned);
        let answer = handle.store.rotate(id, &how)?;
        use keyfob_rotate_result_flags as flags;
        let bit = |holds, bit: flags| if holds { bit as u32 } else { 0 };
        place.give(&keyfob_rotate_result {
            size: 0,
            flags: bit(answer.grace_cut, flags::KEYFOB_ROTATED_GRACE_CUT)
                | bit(answer.replayed, flags::KEYFOB_ROTATED_REPLAYED),
            grace_expires_at: time(answer.grace_expires_at),
        });
        key.give(|| keyfob_key::new(answer.key));
        token.give_token(answer.token.as_ref()); // last, so that no failure leaves it there
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Ends the grace of a key's old secret now. No error where none runs.
///
/// Errors: NO_SUCH_KEY, KEY_IS_REVOKED; what the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param key_id       the id of the key
/// \param key_id_size  its length, or KEYFOB_NUL
/// \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_finish_rotation(
    store: *const keyfob_store,
    key_id: *const c_char,
    key_id_size: usize,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        on_key(store, (key_id, key_id_size), key, err, |handle, id| {
            Ok(handle.store.finish_rotation(id)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of what was passed stood in the message, and with it seven characters of the
    /// secret of a token, or all of a shorter one that was imported.
    #[test]
    fn what_is_passed_in_the_place_of_a_key_id_stands_in_no_message() {
        let fault = parse_key_id("acme_live_1secretsecretsecret").unwrap_err();
        assert_eq!(fault.code(), Code::NO_SUCH_KEY);
        let Fault::Misuse(_, message) = fault else {
            panic!("another fault");
        };
        assert!(!message.contains("secret"), "{message}");
    }
}

//! What the store tells of a key, and of several.

use std::ffi::{c_char, c_int};

use keyfob_core::{KeyInfo, KeyState, Reason, SecretUse, Timestamp};

use crate::error::keyfob_error;
use crate::guard::{answer, free, read, read_text};
use crate::out::Out;
use crate::status::keyfob_status;
use crate::text::{Text, bytes};

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

/// Which of a key's secrets a question is about.
#[repr(C)]
pub enum keyfob_secrets {
    /// All that it ever had, together: no rotation makes a key look unused.
    KEYFOB_SECRETS_ALL = 0,
    /// The newest.
    KEYFOB_SECRETS_CURRENT = 1,
    /// The one before the last rotation, while its grace runs.
    KEYFOB_SECRETS_PREVIOUS = 2,
    /// Those that are no longer good.
    KEYFOB_SECRETS_EARLIER = 3,
}

/// There is no such time.
pub(crate) const NO_TIME: i64 = i64::MIN;

pub(crate) fn time(at: Option<Timestamp>) -> i64 {
    at.map_or(NO_TIME, Timestamp::unix)
}

/// What the store told of a key, as it was then.
pub struct keyfob_key {
    info: KeyInfo,
    id: Text,
    hint: Text,
    name: Text,
    scopes: Vec<Text>,
    project: Option<Text>,
    environment: Text,
    owner: Option<Text>,
    metadata: Vec<(Text, Text)>,
    tags: Vec<Text>,
    ip_list: Vec<Text>,
    note: Option<Text>,
}

impl keyfob_key {
    pub(crate) fn new(info: KeyInfo) -> Self {
        let texts = |texts: &mut dyn Iterator<Item = String>| texts.map(Text::new).collect();
        let note = info
            .revocation
            .as_ref()
            .and_then(|revoked| revoked.note.as_ref());
        keyfob_key {
            id: Text::new(info.id.to_text()),
            hint: Text::new(&info.hint),
            name: Text::new(&info.name),
            scopes: info
                .scopes
                .iter()
                .map(|scope| Text::new(scope.as_str()))
                .collect(),
            project: info.project.as_ref().map(Text::new),
            environment: Text::new(info.environment.as_str()),
            owner: info.owner.as_ref().map(Text::new),
            metadata: info
                .metadata
                .iter()
                .map(|(key, value)| (Text::new(key), Text::new(value)))
                .collect(),
            tags: info.tags.iter().map(Text::new).collect(),
            ip_list: texts(&mut info.ip_list.iter().map(ToString::to_string)),
            note: note.map(Text::new),
            info,
        }
    }

    pub(crate) fn info(&self) -> &KeyInfo {
        &self.info
    }

    fn used(&self, which: u32) -> Option<SecretUse> {
        Some(match which {
            0 => self.info.all_uses(),
            1 => self.info.used,
            2 => self.info.old_secret?.used,
            3 => self.info.used_before,
            _ => return None,
        })
    }
}

/// Its id, 22 letters and digits; in its tokens too, and public. NULL only of NULL, as of all texts
/// that a key cannot be without.
///
/// Threads: one at a time.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_id(key: *const keyfob_key, size: *mut usize) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| Some(&key.id)) }
}

/// Its id as bytes, which sort as the text does.
///
/// Threads: one at a time.
///
/// \param key      the key
/// \param[out] id  16 bytes of the caller's; zeros where key is NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_id_bytes(key: *const keyfob_key, id: *mut u8) {
    // SAFETY: the caller's object.
    let bytes = unsafe { read(key, [0; 16], |key| *key.info.id.as_bytes()) };
    // SAFETY: 16 bytes of the caller's.
    unsafe { put_bytes(id, &bytes) }
}

/// Puts bytes where the caller has room for them.
///
/// # Safety
/// `to` is NULL, or so many bytes of the caller's to be written to.
pub(crate) unsafe fn put_bytes<const N: usize>(to: *mut u8, bytes: &[u8; N]) {
    if !to.is_null() {
        // SAFETY: as above; memory of ours does not overlap theirs.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, N) };
    }
}

/// What may be shown of its token: prefix, environment and the last six characters of the id.
///
/// Threads: one at a time.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_hint(
    key: *const keyfob_key,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| Some(&key.hint)) }
}

/// What people call it.
///
/// Threads: one at a time.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_name(
    key: *const keyfob_key,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| Some(&key.name)) }
}

/// How many scopes it has.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_scope_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.scopes.len()) }
}

/// One of its scopes, in the order of their bytes. NULL beyond the last.
///
/// Threads: one at a time.
///
/// \param key    the key
/// \param index  which, from 0
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_scope(
    key: *const keyfob_key,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.scopes.get(index)) }
}

/// The name of the project that it is bound to; NULL without one.
///
/// Threads: one at a time.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_project(
    key: *const keyfob_key,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.project.as_ref()) }
}

/// Its environment.
///
/// Threads: one at a time.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_environment(
    key: *const keyfob_key,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| Some(&key.environment)) }
}

/// Whom it belongs to; NULL where that was not said.
///
/// Threads: one at a time.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_owner(
    key: *const keyfob_key,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.owner.as_ref()) }
}

/// What it was when the store told of it, its project included: one of \ref keyfob_key_states.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_state(key: *const keyfob_key) -> u32 {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| state_number(key.info.state)) }
}

/// 1 where its state is so because of its project, which is disabled or was deleted; else 0.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_state_by_project(key: *const keyfob_key) -> c_int {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.info.state_by_project.into()) }
}

/// When it was created, in seconds since 1970; of an imported key, when it was issued, where its
/// line said so.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_created_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read(key, NO_TIME, |key| key.info.created_at.unix()) }
}

/// When it was last changed, in seconds since 1970.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_updated_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read(key, NO_TIME, |key| key.info.updated_at.unix()) }
}

/// When it expires, in seconds since 1970: it is good until the second before. KEYFOB_NO_TIME for
/// never.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_expires_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read(key, NO_TIME, |key| time(key.info.expires_at)) }
}

/// From when on it is good, in seconds since 1970; KEYFOB_NO_TIME where that is not stated.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_not_before(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read(key, NO_TIME, |key| time(key.info.not_before)) }
}

/// How many pairs of metadata it has.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_metadata_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.metadata.len()) }
}

/// The key of one of its pairs, in the order of their bytes. NULL beyond the last.
///
/// Threads: one at a time.
///
/// \param key    the key
/// \param index  which, from 0
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_metadata_key(
    key: *const keyfob_key,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.metadata.get(index).map(|pair| &pair.0)) }
}

/// The value of one of its pairs. NULL beyond the last.
///
/// Threads: one at a time.
///
/// \param key    the key
/// \param index  which, from 0
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_metadata_value(
    key: *const keyfob_key,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.metadata.get(index).map(|pair| &pair.1)) }
}

/// The value of the pair with a key. NULL where there is none.
///
/// Threads: one at a time.
///
/// \param key        the key
/// \param name       the key of the pair
/// \param name_size  its length, or KEYFOB_NUL
/// \param size       where the length of the value without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_metadata(
    key: *const keyfob_key,
    name: *const c_char,
    name_size: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's text.
    let name = unsafe { bytes(name, name_size, "name") }.unwrap_or_default();
    // SAFETY: the caller's object and size.
    unsafe {
        read_text(key, size, |key| {
            let position = key
                .info
                .metadata
                .keys()
                .position(|k| k.as_bytes() == name)?;
            key.metadata.get(position).map(|pair| &pair.1)
        })
    }
}

/// How many tags it has.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_tag_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.tags.len()) }
}

/// One of its tags, in the order of their bytes. NULL beyond the last.
///
/// Threads: one at a time.
///
/// \param key    the key
/// \param index  which, from 0
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_tag(
    key: *const keyfob_key,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.tags.get(index)) }
}

/// How many ranges its IP list has; 0 where it is good from any address.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_ip_range_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.ip_list.len()) }
}

/// One of the ranges of its IP list, "192.0.2.0/24". NULL beyond the last.
///
/// Threads: one at a time.
///
/// \param key    the key
/// \param index  which, from 0
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_ip_range(
    key: *const keyfob_key,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.ip_list.get(index)) }
}

/// When it was revoked, in seconds since 1970; KEYFOB_NO_TIME where it was not.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_revoked_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        read(key, NO_TIME, |key| {
            time(key.info.revocation.as_ref().map(|revoked| revoked.at))
        })
    }
}

/// Why it was revoked: one of \ref keyfob_reasons.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_revocation_reason(key: *const keyfob_key) -> u32 {
    // SAFETY: the caller's object.
    unsafe {
        read(key, 0, |key| {
            key.info
                .revocation
                .as_ref()
                .map_or(0, |revoked| reason_number(revoked.reason))
        })
    }
}

/// Free text of who revoked it; NULL without one.
///
/// Threads: one at a time.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_revocation_note(
    key: *const keyfob_key,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { read_text(key, size, |key| key.note.as_ref()) }
}

/// When its current secret was made, in seconds since 1970.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_rotated_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read(key, NO_TIME, |key| key.info.rotated_at.unix()) }
}

/// After how many seconds since then it should be rotated; 0 where that is not stated.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_rotation_due_after(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.info.rotation_due_after.unwrap_or(0)) }
}

/// When that is, in seconds since 1970; KEYFOB_NO_TIME where it is not stated, and of a revoked
/// key.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_rotation_due_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { read(key, NO_TIME, |key| time(key.info.rotation_due_at)) }
}

/// Until when its old secret stays good, in seconds since 1970; KEYFOB_NO_TIME while no grace runs.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_grace_expires_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        read(key, NO_TIME, |key| {
            time(key.info.old_secret.map(|old| old.grace_expires_at))
        })
    }
}

/// When some of its secrets were last used, in seconds since 1970; KEYFOB_NO_TIME where they never
/// were. What a process has not written yet is in its own answers, and not in those of others.
///
/// Threads: one at a time.
///
/// \param key      the key
/// \param secrets  which: one of \ref keyfob_secrets
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_last_used_at(key: *const keyfob_key, secrets: u32) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        read(key, NO_TIME, |key| {
            time(key.used(secrets).and_then(|used| used.last_used_at))
        })
    }
}

/// How many verifications some of its secrets passed, those of one second counted as one while the
/// key is in a process's memory.
///
/// Threads: one at a time.
///
/// \param key      the key
/// \param secrets  which: one of \ref keyfob_secrets
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_use_count(key: *const keyfob_key, secrets: u32) -> u64 {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.used(secrets).map_or(0, |used| used.uses)) }
}

/// 1 where its current secret was issued elsewhere and imported; else 0.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_imported(key: *const keyfob_key) -> c_int {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.info.imported.into()) }
}

/// The sequence of the last event on it.
///
/// Threads: one at a time.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_sequence(key: *const keyfob_key) -> u64 {
    // SAFETY: the caller's object.
    unsafe { read(key, 0, |key| key.info.sequence) }
}

/// A copy of a key, which is then the caller's: to keep one that an iterator or a list lent.
///
/// Errors: NULL_ARGUMENT.
///
/// Threads: one at a time.
///
/// \param key        the key
/// \param[out] copy  the copy; free it with keyfob_key_free()
/// \param[out] err   why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_key_clone(
    key: *const keyfob_key,
    copy: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (out, key) = unsafe { (Out::new(copy), key.as_ref()) };
    let body = || {
        let key = key.ok_or(crate::error::Fault::null("key"))?;
        out.required("copy")?
            .give(|| keyfob_key::new(key.info.clone()));
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// Frees a key.
///
/// Threads: one at a time.
///
/// \param key  a key; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_free(key: *mut keyfob_key) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(key) }
}

/// Several keys.
pub struct keyfob_key_list(Vec<keyfob_key>);

impl keyfob_key_list {
    pub(crate) fn new(keys: impl IntoIterator<Item = KeyInfo>) -> Self {
        keyfob_key_list(keys.into_iter().map(keyfob_key::new).collect())
    }
}

/// How many keys there are.
///
/// Threads: one at a time.
///
/// \param list  the list
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_list_count(list: *const keyfob_key_list) -> usize {
    // SAFETY: the caller's object.
    unsafe { read(list, 0, |list| list.0.len()) }
}

/// One of them. NULL beyond the last.
///
/// Threads: one at a time.
///
/// \param list   the list
/// \param index  which, from 0
/// \return a key that lives as long as the list, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_list_at(
    list: *const keyfob_key_list,
    index: usize,
) -> *const keyfob_key {
    let at = |list: &keyfob_key_list| list.0.get(index).map_or(std::ptr::null(), |key| key as _);
    // SAFETY: the caller's object.
    unsafe { read(list, std::ptr::null(), at) }
}

/// Frees a list of keys.
///
/// Threads: one at a time.
///
/// \param list  a list of keys; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_list_free(list: *mut keyfob_key_list) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(list) }
}

/// The name of a state, "not_yet_valid"; "unknown" of any other number. Never NULL; it lives as long
/// as the library.
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

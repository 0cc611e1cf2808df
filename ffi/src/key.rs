//! What the store tells of a key, and of several.

use std::ffi::{c_char, c_int};

use keyfob_core::{KeyInfo, SecretUse, Timestamp};

use crate::error::keyfob_error;
use crate::guard::{access, access_text, answer, free};
use crate::out::Out;
use crate::state::{reason_number, state_number};
use crate::status::keyfob_status;
use crate::text::{Text, bytes};

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
/// Threads: any.
///
/// \param key   the key
/// \param size  where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_id(key: *const keyfob_key, size: *mut usize) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(key, size, |key| Some(&key.id)) }
}

/// Its id as bytes, which sort as the text does.
///
/// Threads: any.
///
/// \param key      the key
/// \param[out] id  16 bytes of the caller's; zeros where key is NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_id_bytes(key: *const keyfob_key, id: *mut u8) {
    // SAFETY: the caller's object.
    let bytes = unsafe { access(key, [0; 16], |key| *key.info.id.as_bytes()) };
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
/// Threads: any.
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
    unsafe { access_text(key, size, |key| Some(&key.hint)) }
}

/// What people call it.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| Some(&key.name)) }
}

/// How many scopes it has.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_scope_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.scopes.len()) }
}

/// One of its scopes, in the order of their bytes. NULL beyond the last.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.scopes.get(index)) }
}

/// The name of the project that it is bound to; NULL without one.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.project.as_ref()) }
}

/// Its environment.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| Some(&key.environment)) }
}

/// Whom it belongs to; NULL where that was not said.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.owner.as_ref()) }
}

/// What it was when the store told of it, its project included: one of \ref keyfob_key_states.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_state(key: *const keyfob_key) -> u32 {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| state_number(key.info.state)) }
}

/// 1 where its state is so because of its project, which is disabled or was deleted; else 0.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_state_by_project(key: *const keyfob_key) -> c_int {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.info.state_by_project.into()) }
}

/// When it was created, in seconds since 1970; of an imported key, when it was issued, where its
/// line said so.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_created_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(key, NO_TIME, |key| key.info.created_at.unix()) }
}

/// When it was last changed, in seconds since 1970.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_updated_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(key, NO_TIME, |key| key.info.updated_at.unix()) }
}

/// When it expires, in seconds since 1970: it is good until the second before. KEYFOB_NO_TIME for
/// never.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_expires_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(key, NO_TIME, |key| time(key.info.expires_at)) }
}

/// From when on it is good, in seconds since 1970; KEYFOB_NO_TIME where that is not stated.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_not_before(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(key, NO_TIME, |key| time(key.info.not_before)) }
}

/// How many pairs of metadata it has.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_metadata_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.metadata.len()) }
}

/// The key of one of its pairs, in the order of their bytes. NULL beyond the last.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.metadata.get(index).map(|pair| &pair.0)) }
}

/// The value of one of its pairs. NULL beyond the last.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.metadata.get(index).map(|pair| &pair.1)) }
}

/// The value of the pair with a key. NULL where there is none.
///
/// Threads: any.
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
        access_text(key, size, |key| {
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
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_tag_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.tags.len()) }
}

/// One of its tags, in the order of their bytes. NULL beyond the last.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.tags.get(index)) }
}

/// How many ranges its IP list has; 0 where it is good from any address.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_ip_range_count(key: *const keyfob_key) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.ip_list.len()) }
}

/// One of the ranges of its IP list, "192.0.2.0/24". NULL beyond the last.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.ip_list.get(index)) }
}

/// When it was revoked, in seconds since 1970; KEYFOB_NO_TIME where it was not.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_revoked_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        access(key, NO_TIME, |key| {
            time(key.info.revocation.as_ref().map(|revoked| revoked.at))
        })
    }
}

/// Why it was revoked: one of \ref keyfob_reasons.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_revocation_reason(key: *const keyfob_key) -> u32 {
    // SAFETY: the caller's object.
    unsafe {
        access(key, 0, |key| {
            key.info
                .revocation
                .as_ref()
                .map_or(0, |revoked| reason_number(revoked.reason))
        })
    }
}

/// Free text of who revoked it; NULL without one.
///
/// Threads: any.
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
    unsafe { access_text(key, size, |key| key.note.as_ref()) }
}

/// When its current secret was made, in seconds since 1970.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_rotated_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(key, NO_TIME, |key| key.info.rotated_at.unix()) }
}

/// After how many seconds since then it should be rotated; 0 where that is not stated.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_rotation_due_after(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.info.rotation_due_after.unwrap_or(0)) }
}

/// When that is, in seconds since 1970; KEYFOB_NO_TIME where it is not stated, and of a revoked
/// key.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_rotation_due_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(key, NO_TIME, |key| time(key.info.rotation_due_at)) }
}

/// Until when its old secret stays good, in seconds since 1970; KEYFOB_NO_TIME while no grace runs,
/// and of a revoked key.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_grace_expires_at(key: *const keyfob_key) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        access(key, NO_TIME, |key| {
            time(key.info.old_secret.map(|old| old.grace_expires_at))
        })
    }
}

/// When some of its secrets were last used, in seconds since 1970; KEYFOB_NO_TIME where they never
/// were. What a process has not written yet is in its own answers, and not in those of others.
///
/// Threads: any.
///
/// \param key      the key
/// \param secrets  which: one of \ref keyfob_secrets
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_last_used_at(key: *const keyfob_key, secrets: u32) -> i64 {
    // SAFETY: the caller's object.
    unsafe {
        access(key, NO_TIME, |key| {
            time(key.used(secrets).and_then(|used| used.last_used_at))
        })
    }
}

/// How many verifications some of its secrets passed, those of one second counted as one while the
/// key is in a process's memory.
///
/// Threads: any.
///
/// \param key      the key
/// \param secrets  which: one of \ref keyfob_secrets
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_use_count(key: *const keyfob_key, secrets: u32) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.used(secrets).map_or(0, |used| used.uses)) }
}

/// 1 where its current secret was issued elsewhere and imported; else 0.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_imported(key: *const keyfob_key) -> c_int {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.info.imported.into()) }
}

/// The sequence of the last event on it.
///
/// Threads: any.
///
/// \param key  the key
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_sequence(key: *const keyfob_key) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(key, 0, |key| key.info.sequence) }
}

/// A copy of a key, which is then the caller's: to keep one that an iterator or a list lent.
///
/// Errors: NULL_ARGUMENT.
///
/// Threads: any.
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

//! Creating keys: one, many, or by another key.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{c_char, c_int};
use std::net::IpAddr;

use ipnet::IpNet;
use keyfob_core::{
    BulkCreated, Code, Created, Environment, Error, Expiry, NewKey, ScopeSet, Timestamp, Token,
    limits,
};

use crate::error::{Fault, keyfob_error};
use crate::guard::{access, answer, free};
use crate::key::keyfob_key;
use crate::out::{Buffer, Out};
use crate::sized::{read, sized, unknown};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{array, keyfob_pair, keyfob_text, texts};
use crate::verified::keyfob_verified;

/// The size of a buffer that holds any token of this ABI, its NUL included. keyfob_token_max()
/// tells that of the library that is loaded.
pub const KEYFOB_TOKEN_MAX: usize = 111;

const _: () = assert!(KEYFOB_TOKEN_MAX == limits::TOKEN_BYTES + 1);

/// The size of a buffer that holds any token, its NUL included.
///
/// Threads: any.
///
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_token_max() -> usize {
    KEYFOB_TOKEN_MAX
}

/// Which kind of expiry is stated.
#[repr(C)]
pub enum keyfob_expiry_kinds {
    /// As the store's policy says; without one, never.
    KEYFOB_EXPIRY_DEFAULT = 0,
    /// Never.
    KEYFOB_EXPIRY_NEVER = 1,
    /// At a time, in seconds since 1970: the key is good until the second before.
    KEYFOB_EXPIRY_AT = 2,
    /// So many seconds from now.
    KEYFOB_EXPIRY_IN = 3,
}

pub(crate) fn expiry(kind: u32, value: i64) -> Result<Expiry, Fault> {
    Ok(match (kind, value) {
        (0, 0) => Expiry::Default,
        (1, 0) => Expiry::Never,
        (2, at) => Expiry::At(Timestamp::from_unix(at)),
        (3, seconds) => Expiry::In(seconds),
        (0 | 1, _) => {
            let why = "expires: a value is given without a kind; set expiry_kind to KEYFOB_EXPIRY_AT or KEYFOB_EXPIRY_IN";
            return Err(Fault::misuse(Code::INVALID_ARGUMENT, why.into()));
        }
        (kind, _) => return Err(unknown(&format!("{kind} as expiry_kind"))),
    })
}

/// What a key is made from. Only the name is needed; a key without scopes verifies only where no
/// scope is required.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_new_key {
    /// sizeof(keyfob_new_key).
    pub size: u32,
    /// When it expires: one of \ref keyfob_expiry_kinds.
    pub expiry_kind: u32,
    /// The time, or the seconds, of the kinds that have one.
    pub expires: i64,
    /// From when on it is good, in seconds since 1970; 0 where that is not stated.
    pub not_before: i64,
    /// After how many seconds since the last rotation it should be rotated, a reminder that
    /// listings show; 0 where that is not stated.
    pub rotation_due_after: i64,
    /// What people call it: 1-200 bytes without control characters; need not be unique.
    pub name: keyfob_text,
    /// The name of the project that it is bound to, for good.
    pub project: keyfob_text,
    /// "live" unless another is named; part of the token, and fixed.
    pub environment: keyfob_text,
    /// The caller's own id of whom it belongs to; where none is named, the project's owner.
    pub owner: keyfob_text,
    /// Makes the creation repeatable: within 24 hours the same actor's same request answers what
    /// was made, without the token.
    pub request_id: keyfob_text,
    /// What it may do; at most 64.
    pub scopes: *const keyfob_text,
    /// How many.
    pub scopes_count: usize,
    /// The caller's own pairs: at most 32, 4 KiB together.
    pub metadata: *const keyfob_pair,
    /// How many.
    pub metadata_count: usize,
    /// Labels to list by: at most 16 of 64 bytes.
    pub tags: *const keyfob_text,
    /// How many.
    pub tags_count: usize,
    /// The only addresses that it is good from, "192.0.2.0/24" or "2001:db8::1"; at most 32. None
    /// means any.
    pub ip_list: *const keyfob_text,
    /// How many.
    pub ip_list_count: usize,
}

sized!(keyfob_new_key, 176 {
    size: u32,
    expiry_kind: u32,
    expires: i64,
    not_before: i64,
    rotation_due_after: i64,
    name: keyfob_text,
    project: keyfob_text,
    environment: keyfob_text,
    owner: keyfob_text,
    request_id: keyfob_text,
    scopes: *const keyfob_text,
    scopes_count: usize,
    metadata: *const keyfob_pair,
    metadata_count: usize,
    tags: *const keyfob_text,
    tags_count: usize,
    ip_list: *const keyfob_text,
    ip_list_count: usize,
});

/// # Safety
/// As [`texts`].
pub(crate) unsafe fn scopes(data: *const keyfob_text, count: usize) -> Result<ScopeSet, Fault> {
    // SAFETY: as above.
    Ok(ScopeSet::parse(unsafe { texts(data, count, "scopes") }?)?)
}

/// # Safety
/// As [`texts`].
pub(crate) unsafe fn tags(
    data: *const keyfob_text,
    count: usize,
) -> Result<BTreeSet<String>, Fault> {
    // SAFETY: as above.
    let tags = unsafe { texts(data, count, "tags") }?;
    Ok(tags.into_iter().map(str::to_owned).collect())
}

/// # Safety
/// As [`texts`].
pub(crate) unsafe fn ip_list(data: *const keyfob_text, count: usize) -> Result<Vec<IpNet>, Fault> {
    // SAFETY: as above.
    let ranges = unsafe { texts(data, count, "ip_list") }?;
    // Named by its place, and not repeated: it may be a token, passed in the wrong place.
    let parse = |(place, range): (usize, &str)| {
        let address = || range.parse::<IpAddr>().map(IpNet::from).ok();
        range.parse().ok().or_else(address).ok_or_else(|| {
            let why = "is neither an address nor a range such as 192.0.2.0/24";
            Fault::misuse(
                Code::INVALID_ARGUMENT,
                format!("ip_list: the entry at {place}, counted from 0, {why}"),
            )
        })
    };
    ranges.into_iter().enumerate().map(parse).collect()
}

/// Pairs; a value that is not stated is none.
///
/// # Safety
/// As [`array`], and as for the texts of each.
pub(crate) unsafe fn pairs(
    data: *const keyfob_pair,
    count: usize,
) -> Result<BTreeMap<String, Option<String>>, Fault> {
    // SAFETY: as above.
    let all = unsafe { array(data, count, "metadata") }?;
    let mut out = BTreeMap::new();
    for (place, pair) in all.iter().enumerate() {
        // SAFETY: as above.
        let (key, value) = unsafe {
            (
                pair.key.stated("a key of metadata")?,
                pair.value.stated("a value of metadata")?,
            )
        };
        let key = key.ok_or(Fault::null("a key of metadata"))?;
        if out
            .insert(key.to_owned(), value.map(str::to_owned))
            .is_some()
        {
            let why = format!(
                "metadata: the key of the entry at {place}, counted from 0, stands there twice"
            );
            return Err(Fault::misuse(Code::INVALID_ARGUMENT, why));
        }
    }
    Ok(out)
}

/// Pairs that all have a value.
///
/// # Safety
/// As [`pairs`].
pub(crate) unsafe fn metadata(
    data: *const keyfob_pair,
    count: usize,
) -> Result<BTreeMap<String, String>, Fault> {
    // SAFETY: as above.
    let pairs = unsafe { pairs(data, count) }?;
    let whole = |(key, value): (String, Option<String>)| {
        Ok((key, value.ok_or(Fault::null("a value of metadata"))?))
    };
    pairs.into_iter().map(whole).collect()
}

/// A time of a struct of the caller's, where 0 is none.
pub(crate) fn at(seconds: i64) -> Option<Timestamp> {
    (seconds != 0).then_some(Timestamp::from_unix(seconds))
}

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
unsafe fn new_key(from: *const keyfob_new_key) -> Result<NewKey, Fault> {
    if from.is_null() {
        return Err(Fault::null("new_key"));
    }
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    // SAFETY: as above.
    unsafe {
        let mut new = NewKey::new(asked.name.stated("name")?.unwrap_or_default());
        new.scopes = scopes(asked.scopes, asked.scopes_count)?;
        new.project = asked.project.stated("project")?.map(str::to_owned);
        if let Some(environment) = asked.environment.stated("environment")? {
            new.environment = Environment::parse(environment)?;
        }
        new.owner = asked.owner.stated("owner")?.map(str::to_owned);
        new.expires = expiry(asked.expiry_kind, asked.expires)?;
        new.not_before = at(asked.not_before);
        new.metadata = metadata(asked.metadata, asked.metadata_count)?;
        new.tags = tags(asked.tags, asked.tags_count)?;
        if asked.ip_list_count == 0 && !asked.ip_list.is_null() {
            let why = "ip_list: it is empty; pass NULL for a key that is good from anywhere";
            return Err(Fault::misuse(Code::INVALID_ARGUMENT, why.to_owned()));
        }
        new.ip_list = ip_list(asked.ip_list, asked.ip_list_count)?;
        new.rotation_due_after =
            (asked.rotation_due_after != 0).then_some(asked.rotation_due_after);
        new.request_id = asked.request_id.stated("request_id")?.map(str::to_owned);
        Ok(new)
    }
}

/// # Safety
/// The pointers are as the functions below say.
unsafe fn created(
    store: *const keyfob_store,
    asked: *const keyfob_new_key,
    token: Buffer,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
    create: impl FnOnce(&keyfob_store, &NewKey) -> Result<Created, Fault>,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let key = unsafe { Out::new(key) };
    let body = |handle: &keyfob_store| {
        let token = token.holding(KEYFOB_TOKEN_MAX, "token")?;
        // SAFETY: the caller's struct.
        let new = unsafe { new_key(asked) }?;
        let created = create(handle, &new)?;
        key.give(|| keyfob_key::new(created.key));
        token.give_token(created.token.as_ref()); // last, so that no failure leaves it there
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// Creates a key. Its token is put into the caller's buffer and cannot be had again: hand it to its
/// holder, and wipe the buffer with keyfob_memzero(). Where a request id made the key earlier, the
/// token is empty and *token_size 0, and the key is the one that was made.
///
/// Errors: NULL_ARGUMENT, BUFFER_TOO_SMALL before anything is stored; INVALID_ARGUMENT,
/// INVALID_SCOPE, INVALID_TIME, LIMIT_EXCEEDED, NOT_UTF8, UNKNOWN_OPTION where a field is not of
/// its form; NO_SUCH_PROJECT, PROJECT_IS_DISABLED, SCOPE_NOT_ALLOWED where the project does not
/// admit it; POLICY_REFUSED, TOO_MANY_KEYS where the policy does not; CLOCK_IS_BEHIND where the key
/// would be expired from the start; REQUEST_ID_REUSED; what the store says.
///
/// Threads: any.
///
/// \param store            the store
/// \param new_key          what the key is made from
/// \param[out] token       a buffer of the caller's for the token and its NUL
/// \param token_capacity   its size; at least keyfob_token_max()
/// \param[out] token_size  the length of the token without the NUL; may be NULL
/// \param[out] key         the key; free it with keyfob_key_free(); may be NULL
/// \param[out] err         why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_create_key(
    store: *const keyfob_store,
    new_key: *const keyfob_new_key,
    token: *mut c_char,
    token_capacity: usize,
    token_size: *mut usize,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        let token = Buffer::new(token, token_capacity, token_size);
        created(store, new_key, token, key, err, |handle, new| {
            Ok(handle.store.create(new)?)
        })
    }
}

/// Lets a key make another one of at most its own scopes, project, owner, environment and expiry.
/// Project, owner, expiry and IP list are the creating key's where they are not named; the
/// environment must be named where it is not "live". The creating key is judged anew.
///
/// Errors: those of keyfob_store_create_key(); a denial where the creating key is no longer good;
/// SCOPE_NOT_ALLOWED, BEYOND_PARENT where it may not give that away.
///
/// Threads: any.
///
/// \param store            the store
/// \param parent           the creating key, from keyfob_store_verify_full()
/// \param new_key          what the key is made from
/// \param[out] token       a buffer of the caller's for the token and its NUL
/// \param token_capacity   its size; at least keyfob_token_max()
/// \param[out] token_size  the length of the token without the NUL; may be NULL
/// \param[out] key         the key; free it with keyfob_key_free(); may be NULL
/// \param[out] err         why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_create_key_within(
    store: *const keyfob_store,
    parent: *const keyfob_verified,
    new_key: *const keyfob_new_key,
    token: *mut c_char,
    token_capacity: usize,
    token_size: *mut usize,
    key: *mut *mut keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        let (parent, token) = (
            parent.as_ref(),
            Buffer::new(token, token_capacity, token_size),
        );
        created(store, new_key, token, key, err, |handle, new| {
            let parent = parent.ok_or(Fault::null("parent"))?;
            Ok(handle.store.create_within(parent.verified(), new)?)
        })
    }
}

/// The keys that a bulk creation made, with their tokens, which are wiped when it is freed.
pub struct keyfob_created_list(Vec<OneCreated>);

struct OneCreated {
    key: keyfob_key,
    token: Option<Token>,
    replayed: bool,
}

/// Creates many keys, in transactions of at most 10,000. A request that is refused ends its whole
/// transaction; what was created before it is durable. So that no token is lost, the list is given
/// whatever the status is, once the arguments were looked at.
///
/// Errors: those of keyfob_store_create_key(), as the reason why it stopped before the end.
///
/// Threads: any.
///
/// \param store         the store
/// \param new_keys      what each is made from: so many pointers
/// \param count         how many
/// \param[out] created  the first so many that were created; free it with
///                      keyfob_created_list_free()
/// \param[out] err      why it stopped; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_create_keys(
    store: *const keyfob_store,
    new_keys: *const *const keyfob_new_key,
    count: usize,
    created: *mut *mut keyfob_created_list,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(created) };
    let body = |handle: &keyfob_store| {
        let out = out.required("created")?;
        // SAFETY: the caller's array.
        let asked = unsafe { array(new_keys, count, "new_keys") }?;
        // SAFETY: the caller's structs.
        let new: Result<Vec<_>, Fault> = asked.iter().map(|one| unsafe { new_key(*one) }).collect();
        let BulkCreated { done, stopped, .. } = handle.store.create_many(&new?);
        let one = |created: Created| OneCreated {
            key: keyfob_key::new(created.key),
            token: created.token,
            replayed: created.replayed,
        };
        out.give(|| keyfob_created_list(done.into_iter().map(one).collect()));
        stopped.map_or(Ok(()), |error: Error| Err(error.into()))
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// How many keys were created.
///
/// Threads: any.
///
/// \param created  the list
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_created_list_count(created: *const keyfob_created_list) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(created, 0, |created| created.0.len()) }
}

/// One of the keys, in the order of the requests. NULL beyond the last.
///
/// Threads: any.
///
/// \param created  the list
/// \param index    which, from 0
/// \return a key that lives as long as the list, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_created_list_key(
    created: *const keyfob_created_list,
    index: usize,
) -> *const keyfob_key {
    let key = |created: &keyfob_created_list| {
        let one = created.0.get(index);
        one.map_or(std::ptr::null(), |one| &raw const one.key)
    };
    // SAFETY: the caller's object.
    unsafe { access(created, std::ptr::null(), key) }
}

/// 1 where a key is the answer to a request that was made before, and so comes without its token;
/// else 0.
///
/// Threads: any.
///
/// \param created  the list
/// \param index    which, from 0
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_created_list_replayed(
    created: *const keyfob_created_list,
    index: usize,
) -> c_int {
    let replayed = |created: &keyfob_created_list| {
        let one = created.0.get(index);
        one.is_some_and(|one| one.replayed).into()
    };
    // SAFETY: the caller's object.
    unsafe { access(created, 0, replayed) }
}

/// Puts the token of a key into the caller's buffer; an empty text where a request id made the key
/// earlier. The token stays in the list until it is freed.
///
/// Errors: NULL_ARGUMENT; BUFFER_TOO_SMALL; INVALID_ARGUMENT beyond the last.
///
/// Threads: any.
///
/// \param created          the list
/// \param index            which, from 0
/// \param[out] token       a buffer of the caller's for the token and its NUL
/// \param token_capacity   its size; at least keyfob_token_max()
/// \param[out] token_size  the length of the token without the NUL; may be NULL
/// \param[out] err         why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_created_list_token(
    created: *const keyfob_created_list,
    index: usize,
    token: *mut c_char,
    token_capacity: usize,
    token_size: *mut usize,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (created, token) = unsafe {
        (
            created.as_ref(),
            Buffer::new(token, token_capacity, token_size),
        )
    };
    let body = || {
        let token = token.holding(KEYFOB_TOKEN_MAX, "token")?;
        let created = created.ok_or(Fault::null("created"))?;
        let one = created
            .0
            .get(index)
            .ok_or_else(|| beyond(index, created.0.len()))?;
        token.give_token(one.token.as_ref());
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// An index that a list does not have.
pub(crate) fn beyond(index: usize, count: usize) -> Fault {
    let why = format!("index: it is {index}, and there are {count}");
    Fault::misuse(Code::INVALID_ARGUMENT, why)
}

/// Frees the list, and wipes the tokens in it.
///
/// Threads: one at a time.
///
/// \param created  the list; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_created_list_free(created: *mut keyfob_created_list) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(created) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_named_by_its_place_and_not_repeated() {
        let texts = ["192.0.2.1", "acme_live_1secret"].map(|text| keyfob_text {
            data: text.as_ptr().cast(),
            size: text.len(),
        });
        // SAFETY: two texts that live on.
        let fault = unsafe { ip_list(texts.as_ptr(), texts.len()) }.unwrap_err();
        assert_eq!(fault.code(), Code::INVALID_ARGUMENT);
        let Fault::Misuse(_, message) = fault else {
            panic!("another fault");
        };
        assert!(
            message.contains("at 1,") && !message.contains("secret"),
            "{message}"
        );
    }
}

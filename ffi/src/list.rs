//! Finding keys: filters, listings that can be resumed, and questions about many.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keyfob_core::{Code, Environment, Filter, KeyInfo, KeyState, Order, PageRequest, Scope, Store};

use crate::create::at;
use crate::error::{Fault, keyfob_error};
use crate::guard::{free, on_handle, status};
use crate::id::KEYFOB_ID_MAX;
use crate::key::keyfob_key;
use crate::key_list::keyfob_key_list;
use crate::out::{Buffer, Lent, Out, Value};
use crate::sized::{only, read, sized, unknown};
use crate::state::state_number;
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{Text, keyfob_text, text};

/// Bits of keyfob_filter.flags.
#[repr(C)]
pub enum keyfob_filter_flags {
    /// Never used, with any of the secrets that it ever had.
    KEYFOB_FILTER_NEVER_USED = 1,
    /// Due for rotation, and not revoked.
    KEYFOB_FILTER_ROTATION_DUE = 2,
}

/// Which keys are meant: those for which everything that is stated holds. Zeros mean every key. A
/// time or a duration of 0 is one that is not stated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_filter {
    /// sizeof(keyfob_filter).
    pub size: u32,
    /// Bits of \ref keyfob_filter_flags.
    pub flags: u32,
    /// In one of these states: bits of \ref keyfob_key_states; 0 means any.
    pub states: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// Bound to this project: the name of one that exists, or the id of any, also of one that was
    /// deleted.
    pub project: keyfob_text,
    /// Belongs to this owner.
    pub owner: keyfob_text,
    /// Of this environment.
    pub environment: keyfob_text,
    /// Grants this scope by its own scopes, whatever its project allows.
    pub scope: keyfob_text,
    /// Its name holds this part, whatever the case.
    pub name_part: keyfob_text,
    /// Has this tag.
    pub tag: keyfob_text,
    /// Created at this time or later, in seconds since 1970.
    pub created_after: i64,
    /// Created before this time.
    pub created_before: i64,
    /// Expires at this time or later, or never.
    pub expires_after: i64,
    /// Expires before this time.
    pub expires_before: i64,
    /// Expires within so many seconds from now, and has not yet.
    pub expires_within: i64,
    /// In this store before this time, and not used at it or later, with any of the secrets that it
    /// ever had.
    pub unused_since: i64,
}

sized!(keyfob_filter, 160 {
    size: u32,
    flags: u32,
    states: u32,
    reserved: u32,
    project: keyfob_text,
    owner: keyfob_text,
    environment: keyfob_text,
    scope: keyfob_text,
    name_part: keyfob_text,
    tag: keyfob_text,
    created_after: i64,
    created_before: i64,
    expires_after: i64,
    expires_before: i64,
    expires_within: i64,
    unused_since: i64,
});

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
pub(crate) unsafe fn filter(from: *const keyfob_filter) -> Result<Filter, Fault> {
    use keyfob_filter_flags as flags;
    let (never_used, rotation_due) = (
        flags::KEYFOB_FILTER_NEVER_USED as u32,
        flags::KEYFOB_FILTER_ROTATION_DUE as u32,
    );
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(
        asked.flags,
        never_used | rotation_due,
        "keyfob_filter.flags",
    )?;
    only(asked.reserved, 0, "keyfob_filter.reserved")?;
    let states = KeyState::ALL;
    let known = states
        .into_iter()
        .fold(0, |all, state| all | state_number(state));
    only(asked.states, known, "keyfob_filter.states")?;
    let mut filter = Filter::default();
    // SAFETY: as above.
    unsafe {
        filter.project = asked.project.stated("project")?.map(str::to_owned);
        filter.owner = asked.owner.stated("owner")?.map(str::to_owned);
        if let Some(environment) = asked.environment.stated("environment")? {
            filter.environment = Some(Environment::parse(environment)?);
        }
        if let Some(scope) = asked.scope.stated("scope")? {
            filter.scope = Some(Scope::parse(scope)?);
        }
        filter.name_part = asked.name_part.stated("name_part")?.map(str::to_owned);
        if filter.name_part.as_deref() == Some("") {
            let why = "name_part: it is empty, which every name holds; leave it unstated for all";
            return Err(Fault::misuse(Code::INVALID_ARGUMENT, why.to_owned()));
        }
        filter.tag = asked.tag.stated("tag")?.map(str::to_owned);
    }
    let named = |state: &KeyState| asked.states & state_number(*state) != 0;
    filter.states = states.into_iter().filter(named).collect();
    filter.created_after = at(asked.created_after);
    filter.created_before = at(asked.created_before);
    filter.expires_after = at(asked.expires_after);
    filter.expires_before = at(asked.expires_before);
    filter.expires_within = (asked.expires_within != 0).then_some(asked.expires_within);
    filter.unused_since = at(asked.unused_since);
    filter.never_used = asked.flags & never_used != 0;
    filter.rotation_due = asked.flags & rotation_due != 0;
    Ok(filter)
}

/// Values of keyfob_list_options.order. Ties go by id.
#[repr(C)]
pub enum keyfob_orders {
    /// By creation in this store, which is the order of the ids.
    KEYFOB_ORDER_CREATED = 0,
    /// By name, byte by byte. No index has it: each page looks at every key that the filter leaves,
    /// so that few large pages cost less than many small ones.
    KEYFOB_ORDER_NAME = 1,
    /// By expiry; keys that never expire come last.
    KEYFOB_ORDER_EXPIRES = 2,
}

/// Bits of keyfob_list_options.flags.
#[repr(C)]
pub enum keyfob_list_flags {
    /// The last first.
    KEYFOB_LIST_REVERSE = 1,
}

/// How keys are listed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_list_options {
    /// sizeof(keyfob_list_options).
    pub size: u32,
    /// Bits of \ref keyfob_list_flags.
    pub flags: u32,
    /// One of \ref keyfob_orders.
    pub order: u32,
    /// How many keys are read at once, from 1 to 1,000; 0 for 100. What is read at once is of one
    /// moment, and is held in memory.
    pub page_size: u32,
    /// Where to go on: what keyfob_key_iter_cursor() gave for the same filter and order.
    pub after: keyfob_text,
}

sized!(keyfob_list_options, 32 {
    size: u32,
    flags: u32,
    order: u32,
    page_size: u32,
    after: keyfob_text,
});

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
unsafe fn page(from: *const keyfob_list_options) -> Result<PageRequest, Fault> {
    let reverse = keyfob_list_flags::KEYFOB_LIST_REVERSE as u32;
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(asked.flags, reverse, "keyfob_list_options.flags")?;
    let mut page = PageRequest::default();
    page.order = match asked.order {
        0 => Order::Created,
        1 => Order::Name,
        2 => Order::Expires,
        other => return Err(unknown(&format!("{other} as keyfob_list_options.order"))),
    };
    page.reverse = asked.flags & reverse != 0;
    if asked.page_size != 0 {
        page.limit = usize::try_from(asked.page_size).unwrap_or(usize::MAX);
    }
    // SAFETY: as above.
    page.cursor = unsafe { asked.after.stated("after") }?.map(str::to_owned);
    Ok(page)
}

/// The keys of a listing, one after the other. It has a reference to the store of its own, and no
/// read stays open between two calls: what is created, changed or pruned meanwhile neither repeats
/// nor hides another key.
pub struct keyfob_key_iter {
    store: Store,
    poisoned: Arc<AtomicBool>,
    filter: Filter,
    page: PageRequest,
    read: VecDeque<KeyInfo>,
    /// Whether there may be more than what was read.
    more: bool,
    /// What was lent last, in a place of its own, where it stays.
    lent: Option<Box<keyfob_key>>,
    cursor: Option<Text>,
}

impl keyfob_key_iter {
    fn next(&mut self) -> Result<bool, Fault> {
        while self.read.is_empty() && self.more {
            let page = self.store.list(&self.filter, &self.page)?;
            self.more = page.cursor.is_some();
            self.page.cursor = page.cursor;
            self.read = page.keys.into();
        }
        let Some(info) = self.read.pop_front() else {
            return Ok(false);
        };
        self.lent = Some(Box::new(keyfob_key::new(info)));
        self.cursor = None;
        Ok(true)
    }

    /// Where a listing goes on behind the key that was lent last; where none was, where it began.
    fn cursor(&mut self) -> Result<&Text, Fault> {
        if self.cursor.is_none() {
            let text = match &self.lent {
                None => self.page.cursor.clone().unwrap_or_default(),
                Some(key) => self
                    .store
                    .cursor_after(&self.filter, &self.page, key.info())?,
            };
            self.cursor = Some(Text::new(text));
        }
        self.cursor.as_ref().ok_or(Fault::Panicked)
    }
}

/// Lists the keys that a filter means.
///
/// Errors: NO_SUCH_PROJECT; INVALID_CURSOR where the cursor is of another store or another listing;
/// INVALID_SCOPE, INVALID_ARGUMENT, INVALID_TIME, LIMIT_EXCEEDED, UNKNOWN_OPTION, NOT_UTF8 where
/// something is not of its form; NULL_ARGUMENT; what the store says.
///
/// Threads: any.
///
/// \param store      the store
/// \param filter     which keys; NULL for every key
/// \param listing    how; NULL for the order of creation
/// \param[out] iter  the keys; free it with keyfob_key_iter_free()
/// \param[out] err   why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_list_keys(
    store: *const keyfob_store,
    filter: *const keyfob_filter,
    listing: *const keyfob_list_options,
    iter: *mut *mut keyfob_key_iter,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(iter) };
    let body = |handle: &keyfob_store| {
        let out = out.required("iter")?;
        // SAFETY: the caller's structs.
        let (filter, page) = unsafe { (self::filter(filter)?, page(listing)?) };
        let mut iter = keyfob_key_iter {
            store: handle.store.clone(),
            poisoned: Arc::clone(&handle.poisoned),
            filter,
            more: true,
            read: VecDeque::new(),
            lent: None,
            cursor: None,
            page,
        };
        // What is not of its form is told here, and not by the first step.
        let first = iter.store.list(&iter.filter, &iter.page)?;
        let began = iter.page.cursor.clone().unwrap_or_default();
        iter.cursor = Some(Text::new(began));
        iter.more = first.cursor.is_some();
        iter.page.cursor = first.cursor;
        iter.read = first.keys.into();
        out.give(|| iter);
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The next key. It is lent until the next call of this function, or until the iterator is freed;
/// keyfob_key_clone() keeps it.
///
/// Errors: DONE (1) at the end, which is no error and makes no error object; what the store says;
/// CLOSED where the store was closed before more was read; NULL_ARGUMENT. After an error the same
/// key may be asked for again.
///
/// Threads: one at a time.
///
/// \param iter      the iterator
/// \param[out] key  the key; NULL at the end and on failure
/// \param[out] err  why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_key_iter_next(
    iter: *mut keyfob_key_iter,
    key: *mut *const keyfob_key,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (iter, key) = unsafe { (iter.as_mut(), Lent::new(key)) };
    let Some(iter) = iter else {
        // SAFETY: the caller's place.
        return unsafe { status(err, || Err(Fault::null("iter"))) };
    };
    let poisoned = Arc::clone(&iter.poisoned);
    let body = || {
        let key = key.required("key")?;
        if !iter.next()? {
            return Ok(Code::DONE);
        }
        key.lend(iter.lent.as_deref());
        Ok(Code::OK)
    };
    // SAFETY: the caller's place.
    unsafe { on_handle(&poisoned, err, body) }
}

/// Where a listing of the same filter and order goes on behind the key that was given last: text
/// for keyfob_list_options.after, which may be shown to a client and comes back unchanged or not at
/// all. Empty where no key was given yet and the listing began at the beginning.
///
/// Errors: CLOSED and others that the store says; NULL_ARGUMENT.
///
/// Threads: one at a time.
///
/// \param iter         the iterator
/// \param[out] cursor  a text that is lent until the next key is asked for; NULL on failure
/// \param[out] size    where its length without the NUL goes; may be NULL
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_key_iter_cursor(
    iter: *mut keyfob_key_iter,
    cursor: *mut *const c_char,
    size: *mut usize,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (iter, cursor, size) = unsafe { (iter.as_mut(), Lent::new(cursor), Value::new(size)) };
    let Some(iter) = iter else {
        // SAFETY: the caller's place.
        return unsafe { status(err, || Err(Fault::null("iter"))) };
    };
    let poisoned = Arc::clone(&iter.poisoned);
    let body = || {
        let cursor = cursor.required("cursor")?;
        let text = iter.cursor()?;
        cursor.point(text.as_ptr());
        size.give(text.len());
        Ok(Code::OK)
    };
    // SAFETY: the caller's place.
    unsafe { on_handle(&poisoned, err, body) }
}

/// Frees an iterator, and what it lent.
///
/// Threads: one at a time.
///
/// \param iter  the iterator; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_key_iter_free(iter: *mut keyfob_key_iter) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(iter) }
}

/// How many keys a filter means. Scans them.
///
/// Errors: as keyfob_store_list_keys().
///
/// Threads: any.
///
/// \param store       the store
/// \param filter      which keys; NULL for every key
/// \param[out] count  how many
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_count_keys(
    store: *const keyfob_store,
    filter: *const keyfob_filter,
    count: *mut u64,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let count = unsafe { Value::new(count) };
    let body = |handle: &keyfob_store| {
        let count = count.required("count")?;
        // SAFETY: the caller's struct.
        let filter = unsafe { self::filter(filter) }?;
        count.give(handle.store.count(&filter)?);
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The keys that a filter means that were used the longest ago, those never used first. Scans.
///
/// Errors: as keyfob_store_list_keys(); LIMIT_EXCEEDED for more than 10,000.
///
/// Threads: any.
///
/// \param store      the store
/// \param filter     which keys; NULL for every key
/// \param most       at most so many
/// \param[out] keys  the keys; free it with keyfob_key_list_free()
/// \param[out] err   why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_least_recently_used(
    store: *const keyfob_store,
    filter: *const keyfob_filter,
    most: usize,
    keys: *mut *mut keyfob_key_list,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(keys) };
    let body = |handle: &keyfob_store| {
        let out = out.required("keys")?;
        // SAFETY: the caller's struct.
        let filter = unsafe { self::filter(filter) }?;
        let keys = handle.store.least_recently_used(&filter, most)?;
        out.give(|| keyfob_key_list::new(keys));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The id of the key that a text means: an id, or its last six or more characters where only one
/// key ends in them. Scans every id where it is not whole.
///
/// Errors: NO_SUCH_KEY; AMBIGUOUS_KEY; INVALID_ARGUMENT where there are fewer than six characters;
/// BUFFER_TOO_SMALL, NULL_ARGUMENT, NOT_UTF8; what the store says.
///
/// Threads: any.
///
/// \param store        the store
/// \param suffix       the id, or how it ends
/// \param suffix_size  its length, or KEYFOB_NUL
/// \param[out] key_id  a buffer of the caller's for the id and its NUL
/// \param capacity     its size; at least KEYFOB_ID_MAX
/// \param[out] err     why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_resolve_key(
    store: *const keyfob_store,
    suffix: *const c_char,
    suffix_size: usize,
    key_id: *mut c_char,
    capacity: usize,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let buffer = unsafe { Buffer::new(key_id, capacity, std::ptr::null_mut()) };
    let body = |handle: &keyfob_store| {
        let buffer = buffer.holding(KEYFOB_ID_MAX, "key_id")?;
        // SAFETY: the caller's text.
        let suffix = unsafe { text(suffix, suffix_size, "suffix") }?;
        let id = handle.store.resolve(suffix)?;
        buffer.give(&id.to_text());
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

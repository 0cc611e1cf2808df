//! How a store is created or opened.

use std::time::Duration;

use keyfob_core::{CheckOnOpen, Clock, Policy, StoreOptions, Timestamp};

use crate::error::{Fault, keyfob_error};
use crate::guard::{access, answer, free};
use crate::out::Out;
use crate::pepper::keyfob_pepper;
use crate::sized::{named, only, read, sized, unknown};
use crate::status::keyfob_status;
use crate::text::{array, keyfob_text};

/// Bits of keyfob_store_options.flags.
#[repr(C)]
pub enum keyfob_open_flags {
    /// Open for reading only: every change answers READ_ONLY, and last-used times are not kept.
    KEYFOB_OPEN_READ_ONLY = 1,
    /// Open for this process alone: any other open is LOCKED, and a child of a fork is FORKED.
    KEYFOB_OPEN_EXCLUSIVE = 2,
    /// Read the first page of the file with system calls instead of mapping it, which a program
    /// needs that truncates the file itself; each verification is slower by them.
    KEYFOB_OPEN_NO_MAPPING = 4,
    /// Keep no key in memory: each verification reads the file.
    KEYFOB_OPEN_NO_KEY_CACHE = 8,
    /// Write last-used times only on close and on keyfob_store_flush().
    KEYFOB_OPEN_NO_FLUSHING = 16,
    /// Put up with a file, or a folder, that others own, read or write.
    KEYFOB_OPEN_ALLOW_INSECURE_PERMISSIONS = 32,
    /// Put up with a network file system, where locks may not hold.
    KEYFOB_OPEN_ALLOW_NETWORK_FILE_SYSTEM = 64,
}

/// Values of keyfob_store_options.check: when the whole file is checked as it is opened.
#[repr(C)]
pub enum keyfob_checks_on_open {
    /// Where nobody else has the store open and it was not closed cleanly.
    KEYFOB_CHECK_AUTO = 0,
    /// Each time.
    KEYFOB_CHECK_ALWAYS = 1,
    /// Not at all.
    KEYFOB_CHECK_NEVER = 2,
}

/// Bits of keyfob_policy.flags.
#[repr(C)]
pub enum keyfob_policy_flags {
    /// Every key must expire.
    KEYFOB_POLICY_EXPIRY_REQUIRED = 1,
    /// keyfob_policy.most_keys_per_owner holds; without it there is no such bound.
    KEYFOB_POLICY_MOST_KEYS_PER_OWNER = 2,
}

/// What a store asks of the expiry of keys, and how many keys an owner may have. It is judged when
/// a key is created, imported or given another expiry; keys that exist already stay as they are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_policy {
    /// sizeof(keyfob_policy).
    pub size: u32,
    /// Bits of \ref keyfob_policy_flags.
    pub flags: u32,
    /// The lifetime of a key that is created without naming an expiry, in seconds; 0 for none.
    pub default_lifetime: i64,
    /// The longest lifetime from the time of the change, in seconds; 0 for none.
    pub longest_lifetime: i64,
    /// The most keys of one owner that are neither revoked nor expired, where its flag is set.
    pub most_keys_per_owner: u64,
}

sized!(keyfob_policy, 32 {
    size: u32,
    flags: u32,
    default_lifetime: i64,
    longest_lifetime: i64,
    most_keys_per_owner: u64,
});

impl keyfob_policy {
    pub(crate) fn of(policy: &Policy) -> Self {
        let Policy {
            default_lifetime,
            longest_lifetime,
            expiry_required,
            most_keys_per_owner,
        } = *policy;
        use keyfob_policy_flags as flags;
        let bit = |holds, bit: flags| if holds { bit as u32 } else { 0 };
        keyfob_policy {
            size: 0,
            flags: bit(expiry_required, flags::KEYFOB_POLICY_EXPIRY_REQUIRED)
                | bit(
                    most_keys_per_owner.is_some(),
                    flags::KEYFOB_POLICY_MOST_KEYS_PER_OWNER,
                ),
            default_lifetime: default_lifetime.unwrap_or(0),
            longest_lifetime: longest_lifetime.unwrap_or(0),
            most_keys_per_owner: most_keys_per_owner.unwrap_or(0),
        }
    }

    pub(crate) fn policy(self) -> Result<Policy, Fault> {
        use keyfob_policy_flags as flags;
        let (required, most) = (
            flags::KEYFOB_POLICY_EXPIRY_REQUIRED as u32,
            flags::KEYFOB_POLICY_MOST_KEYS_PER_OWNER as u32,
        );
        only(self.flags, required | most, "keyfob_policy.flags")?;
        named(
            self.flags & most != 0,
            self.most_keys_per_owner != 0,
            "keyfob_policy.most_keys_per_owner",
        )?;
        Ok(Policy {
            default_lifetime: (self.default_lifetime != 0).then_some(self.default_lifetime),
            longest_lifetime: (self.longest_lifetime != 0).then_some(self.longest_lifetime),
            expiry_required: self.flags & required != 0,
            most_keys_per_owner: (self.flags & most != 0).then_some(self.most_keys_per_owner),
        })
    }
}

/// A clock that a test sets, for keyfob_store_options.clock.
pub struct keyfob_clock(Clock);

/// A clock that stands at a time until it is moved, for tests.
///
/// Errors: NULL_ARGUMENT.
///
/// Threads: any.
///
/// \param now         what it shows, in seconds since 1970
/// \param[out] clock  the clock; free it with keyfob_clock_free()
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_clock_new(
    now: i64,
    clock: *mut *mut keyfob_clock,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(clock) };
    let body = || {
        let out = out.required("clock")?;
        out.give(|| keyfob_clock(Clock::manual(Timestamp::from_unix(now))));
        Ok(())
    };
    // SAFETY: the caller's place.
    unsafe { answer(err, body) }
}

/// Sets a clock, as somebody would who sets that of the machine; no time passes by it. Every store
/// that was opened with it sees that at once.
///
/// Threads: any.
///
/// \param clock  the clock; NULL is allowed
/// \param now    what it shows from now on, in seconds since 1970
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_clock_set(clock: *const keyfob_clock, now: i64) {
    // SAFETY: the caller's clock.
    unsafe { access(clock, (), |clock| clock.0.set(Timestamp::from_unix(now))) }
}

/// Lets time pass by a clock; or takes it back, where it is negative.
///
/// Threads: any.
///
/// \param clock    the clock; NULL is allowed
/// \param seconds  how long
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_clock_advance(clock: *const keyfob_clock, seconds: i64) {
    // SAFETY: the caller's clock.
    unsafe { access(clock, (), |clock| clock.0.advance(seconds)) }
}

/// Frees a clock. Stores that were opened with it keep it, and go on showing its time.
///
/// Threads: one at a time.
///
/// \param clock  the clock; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_clock_free(clock: *mut keyfob_clock) {
    // SAFETY: the caller's clock, which is theirs no longer.
    unsafe { free(clock) }
}

/// How a store is created or opened. All zeros but for the size: a store without a pepper, shared
/// between processes, its file for its owner alone.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_store_options {
    /// sizeof(keyfob_store_options).
    pub size: u32,
    /// Bits of \ref keyfob_open_flags.
    pub flags: u32,
    /// The prefix of the store's tokens, [a-z][a-z0-9_]{0,19}: needed to create one, and compared
    /// with the file's where one is opened.
    pub prefix: keyfob_text,
    /// Who does what is done through this store, as the log shows it: 1-200 bytes; "unknown" where
    /// it is not stated.
    pub actor: keyfob_text,
    /// The store's pepper, if it has one.
    pub pepper: *const keyfob_pepper,
    /// Peppers of the past: accepted only while a change of peppers is under way, and by
    /// keyfob_restore() for a backup of their time.
    pub retired_peppers: *const *const keyfob_pepper,
    /// How many.
    pub retired_peppers_count: usize,
    /// The policy that a new store begins with, compared with the file's where one is opened; NULL
    /// where none is stated.
    pub policy: *const keyfob_policy,
    /// Where the time is read; NULL for the system's clock.
    pub clock: *const keyfob_clock,
    /// Refuse a store whose sequence is lower, with ROLLED_BACK: an older copy was put in its
    /// place. 0 refuses none.
    pub least_sequence: u64,
    /// Memory that the engine may use for pages, in bytes; 0 for 16 MiB.
    pub page_cache_bytes: u64,
    /// Memory for keys that were verified, in bytes, 121 for each key; 0 for 16 MiB.
    pub key_cache_bytes: u64,
    /// How long a read waits for a lock of another process, in milliseconds; 0 for 250.
    pub read_timeout_ms: u32,
    /// How long a change waits for those before it, in milliseconds; 0 for 2,000.
    pub write_timeout_ms: u32,
    /// How often last-used times are written, in milliseconds; 0 for 5,000.
    pub flush_every_ms: u32,
    /// The mode of a new file, and the most that an existing one may have: 0600, 0640 or 0660; 0
    /// for 0600.
    pub file_mode: u32,
    /// One of \ref keyfob_checks_on_open.
    pub check: u32,
    /// Reserved; 0.
    pub reserved: u32,
}

sized!(keyfob_store_options, 128 {
    size: u32,
    flags: u32,
    prefix: keyfob_text,
    actor: keyfob_text,
    pepper: *const keyfob_pepper,
    retired_peppers: *const *const keyfob_pepper,
    retired_peppers_count: usize,
    policy: *const keyfob_policy,
    clock: *const keyfob_clock,
    least_sequence: u64,
    page_cache_bytes: u64,
    key_cache_bytes: u64,
    read_timeout_ms: u32,
    write_timeout_ms: u32,
    flush_every_ms: u32,
    file_mode: u32,
    check: u32,
    reserved: u32,
});

/// The options of the Rust library that a caller asks for.
///
/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
pub(crate) unsafe fn options(from: *const keyfob_store_options) -> Result<StoreOptions, Fault> {
    use keyfob_open_flags as open;
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(asked.flags, 127, "keyfob_store_options.flags")?;
    only(asked.reserved, 0, "keyfob_store_options.reserved")?;
    let has = |flag: open| asked.flags & flag as u32 != 0;
    let mut options = StoreOptions::new()
        .read_only(has(open::KEYFOB_OPEN_READ_ONLY))
        .exclusive(has(open::KEYFOB_OPEN_EXCLUSIVE))
        .map_header(!has(open::KEYFOB_OPEN_NO_MAPPING))
        .allow_insecure_permissions(has(open::KEYFOB_OPEN_ALLOW_INSECURE_PERMISSIONS))
        .allow_network_file_system(has(open::KEYFOB_OPEN_ALLOW_NETWORK_FILE_SYSTEM))
        .least_sequence(asked.least_sequence);
    // SAFETY: the caller's texts.
    let (prefix, actor) = unsafe { (asked.prefix.stated("prefix")?, asked.actor.stated("actor")?) };
    if let Some(prefix) = prefix {
        options = options.prefix(prefix)?;
    }
    if let Some(actor) = actor {
        options = options.actor(actor)?;
    }
    // SAFETY: the caller's objects.
    if let Some(pepper) = unsafe { asked.pepper.as_ref() } {
        options = options.pepper(pepper.copy()?);
    }
    // SAFETY: the caller's array.
    let retired = unsafe {
        array(
            asked.retired_peppers,
            asked.retired_peppers_count,
            "retired_peppers",
        )
    }?;
    for pepper in retired {
        // SAFETY: the caller's objects.
        let pepper = unsafe { pepper.as_ref() }.ok_or(Fault::null("a retired pepper"))?;
        options = options.retired_pepper(pepper.copy()?);
    }
    if !asked.policy.is_null() {
        // SAFETY: the caller's struct.
        options = options.policy(unsafe { read(asked.policy) }?.policy()?)?;
    }
    // SAFETY: the caller's object.
    if let Some(clock) = unsafe { asked.clock.as_ref() } {
        options = options.clock(clock.0.clone());
    }
    if asked.page_cache_bytes != 0 {
        options = options.page_cache_bytes(bytes(asked.page_cache_bytes));
    }
    if has(open::KEYFOB_OPEN_NO_KEY_CACHE) {
        options = options.key_cache_bytes(0);
    } else if asked.key_cache_bytes != 0 {
        options = options.key_cache_bytes(bytes(asked.key_cache_bytes));
    }
    if asked.read_timeout_ms != 0 || asked.write_timeout_ms != 0 {
        options = options.timeouts(
            milliseconds(asked.read_timeout_ms).unwrap_or(StoreOptions::READ_TIMEOUT),
            milliseconds(asked.write_timeout_ms).unwrap_or(StoreOptions::WRITE_TIMEOUT),
        );
    }
    if has(open::KEYFOB_OPEN_NO_FLUSHING) {
        options = options.flush_every(Duration::ZERO);
    } else if let Some(interval) = milliseconds(asked.flush_every_ms) {
        options = options.flush_every(interval);
    }
    if asked.file_mode != 0 {
        options = options.file_mode(asked.file_mode)?;
    }
    Ok(options.check_on_open(match asked.check {
        0 => CheckOnOpen::Auto,
        1 => CheckOnOpen::Always,
        2 => CheckOnOpen::Never,
        other => return Err(unknown(&format!("{other} as keyfob_store_options.check"))),
    }))
}

/// More than there is address space for is as much as there is.
fn bytes(asked: u64) -> usize {
    usize::try_from(asked).unwrap_or(usize::MAX)
}

fn milliseconds(asked: u32) -> Option<Duration> {
    (asked != 0).then(|| Duration::from_millis(asked.into()))
}

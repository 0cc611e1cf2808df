//! The hot path: a verification into a struct of the caller's. It allocates nothing, makes no error
//! object, and looks at no thread-local.

use std::ffi::c_char;
use std::sync::atomic::Ordering;

use keyfob_core::{Code, Timestamp, Verified, VerifyError, limits};

use crate::error::Fault;
use crate::guard::caught;
use crate::key::time;
use crate::requirement::{keyfob_request, keyfob_requirement, request};
use crate::sized::{Place, sized, stated_size};
use crate::status::{OK, keyfob_status, of};
use crate::store::keyfob_store;
use crate::text::bytes;
use crate::verified::is_previous;

/// Bits of keyfob_verification.flags.
#[repr(C)]
pub enum keyfob_verification_flags {
    /// The token holds the old secret of a rotation, whose grace runs: its holder should change to
    /// the new one.
    KEYFOB_VERIFIED_PREVIOUS_SECRET = 1,
}

/// What a verification tells of a token that is good. Of each text only its bytes and a NUL are
/// written; what was there before may stand behind it. Where a verification fails all of it is
/// zeros, but for the size.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_verification {
    /// sizeof(keyfob_verification), set by the caller.
    pub size: u32,
    /// Bits of \ref keyfob_verification_flags.
    pub flags: u32,
    /// When the token ends, with the key or with the grace, in seconds since 1970; KEYFOB_NO_TIME
    /// for never.
    pub expires_at: i64,
    /// The length of environment.
    pub environment_size: u8,
    /// The length of project; 0 where the key is bound to none.
    pub project_size: u8,
    /// The length of owner; 0 where the key has none.
    pub owner_size: u8,
    /// Reserved; 0.
    pub reserved: [u8; 5],
    /// The id of the key: 22 characters and a NUL.
    pub key_id: [c_char; 24],
    /// The environment of the key, and a NUL.
    pub environment: [c_char; 24],
    /// The name of the project that the key is bound to, and a NUL.
    pub project: [c_char; 72],
    /// Whom the key belongs to, and a NUL.
    pub owner: [c_char; 136],
}

sized!(keyfob_verification, 280 {
    size: u32,
    flags: u32,
    expires_at: i64,
    environment_size: u8,
    project_size: u8,
    owner_size: u8,
    reserved: [u8; 5],
    key_id: [c_char; 24],
    environment: [c_char; 24],
    project: [c_char; 72],
    owner: [c_char; 136],
});

const _: () = assert!(
    limits::ENVIRONMENT_BYTES < 24 && limits::PROJECT_NAME_BYTES < 72 && limits::OWNER_BYTES < 136
);

/// Puts a text and a NUL into an array of the caller's, and says how long it is.
///
/// # Safety
/// `to` points to so many bytes.
unsafe fn put<const N: usize>(to: *mut [c_char; N], text: &[u8]) -> u8 {
    let length = text.len().min(N - 1); // it fits, as is asserted above
    // SAFETY: as above; memory of ours does not overlap theirs.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), to.cast(), length);
        to.cast::<u8>().add(length).write(0);
    }
    u8::try_from(length).unwrap_or(0)
}

/// Writes what there is to tell, and nothing else.
///
/// # Safety
/// `out` points to a whole struct of the caller's.
unsafe fn fill(out: *mut keyfob_verification, verified: &Verified) {
    // SAFETY: as above. Nothing is read, and no reference is made to what may not be initialised.
    unsafe {
        (&raw mut (*out).flags).write(is_previous(verified).into());
        (&raw mut (*out).expires_at).write(time(verified.expires_at()));
        put(&raw mut (*out).key_id, &verified.key_id_text());
        let size = put(
            &raw mut (*out).environment,
            verified.environment().as_bytes(),
        );
        (&raw mut (*out).environment_size).write(size);
        let size = put(
            &raw mut (*out).project,
            verified.project().unwrap_or_default().as_bytes(),
        );
        (&raw mut (*out).project_size).write(size);
        let size = put(
            &raw mut (*out).owner,
            verified.owner_bytes().unwrap_or_default(),
        );
        (&raw mut (*out).owner_size).write(size);
        (&raw mut (*out).reserved).write([0; 5]);
    }
}

/// Gives the answer of a verification.
///
/// # Safety
/// `out` is NULL, or points to a struct of the caller's, as long as its size says.
#[inline]
unsafe fn give(out: *mut keyfob_verification, verified: &Verified) -> Result<(), Fault> {
    if out.is_null() {
        return Ok(());
    }
    // SAFETY: as above.
    if unsafe { stated_size(out) }? == size_of::<keyfob_verification>() {
        // SAFETY: all of it is there.
        unsafe { fill(out, verified) };
        return Ok(());
    }
    // SAFETY: zeros are good for it.
    let mut whole: keyfob_verification = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    unsafe {
        fill(&raw mut whole, verified);
        Place::new(out)?.give(&whole);
    }
    Ok(())
}

/// Makes the answer zeros, as far as its size can be believed.
///
/// # Safety
/// As [`give`].
#[cold]
unsafe fn clear(out: *mut keyfob_verification) {
    // SAFETY: as above.
    let _ = unsafe { Place::new(out) };
}

/// The status of a verification, and its answer, where there is one. Both are looked at where they
/// are: to move them would cost more than all the rest.
///
/// # Safety
/// As [`give`].
#[inline]
unsafe fn answer(
    out: *mut keyfob_verification,
    judged: &Result<Verified, VerifyError>,
) -> Result<keyfob_status, Fault> {
    match judged {
        // SAFETY: as above.
        Ok(verified) => unsafe { give(out, verified) }.map(|()| OK),
        Err(error) => Ok(of(error.code())),
    }
}

/// A verification on a handle; where it does not succeed there is no answer.
///
/// # Safety
/// `store` is NULL, or a handle that is not closed during the call; `out` as in [`give`].
#[inline]
unsafe fn verifying(
    store: *const keyfob_store,
    out: *mut keyfob_verification,
    verify: impl FnOnce(&keyfob_store) -> Result<keyfob_status, Fault>,
) -> keyfob_status {
    // SAFETY: as above.
    let status = match unsafe { store.as_ref() } {
        None => of(Code::NULL_ARGUMENT),
        Some(handle) if handle.poisoned.load(Ordering::Acquire) => of(Code::POISONED),
        Some(handle) => {
            let verify = || verify(handle).unwrap_or_else(|fault| of(fault.code()));
            caught(verify).unwrap_or_else(|| {
                handle.poisoned.store(true, Ordering::Release);
                of(Code::INTERNAL)
            })
        }
    };
    if status != OK {
        // SAFETY: as above.
        unsafe { clear(out) };
    }
    status
}

/// Whether a token is good for what is required, now. It is only where the status is 0.
///
/// Answered from memory where the key is there: no system call, no lock, no allocation. It writes
/// nothing to the file; that the token was used is noted in memory. There is no error object: the
/// status says all that there is to say of a denial. Why the store could not answer is said by any
/// other call on it.
///
/// Errors: MALFORMED, NOT_FOUND, REVOKED, DISABLED, NOT_YET_VALID, EXPIRED, WRONG_ENVIRONMENT,
/// WRONG_OWNER, WRONG_PROJECT, IP_NOT_ALLOWED, INSUFFICIENT_SCOPE, in this order: the first check
/// that fails. INVALID_ARGUMENT, NOT_UTF8, UNKNOWN_OPTION, NULL_ARGUMENT of what else was passed.
/// What the store says, BUSY, IO, CORRUPTED and others, is neither yes nor no: answer 503.
///
/// Threads: any.
///
/// \param store              the store
/// \param token              the token as it was presented, any bytes
/// \param token_size         its length, or KEYFOB_NUL
/// \param requirement        what is required
/// \param request            what only the request knows; NULL for nothing
/// \param[out] verification  what there is to tell of the token; its size is set by the caller; may
///                           be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_verify(
    store: *const keyfob_store,
    token: *const c_char,
    token_size: usize,
    requirement: *const keyfob_requirement,
    request: *const keyfob_request,
    verification: *mut keyfob_verification,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        verifying(store, verification, |handle| {
            let token = bytes(token, token_size, "token")?;
            let request = self::request(requirement, request)?;
            answer(verification, &handle.store.verify(token, request))
        })
    }
}

/// Whether a token would be good at another time, for tests and questions. Clock and mark play no
/// part, and nothing is noted or counted. It reads the file.
///
/// Errors: as keyfob_store_verify().
///
/// Threads: any.
///
/// \param store              the store
/// \param token              the token, any bytes
/// \param token_size         its length, or KEYFOB_NUL
/// \param requirement        what is required
/// \param request            what only the request knows; NULL for nothing
/// \param at                 the time, in seconds since 1970
/// \param[out] verification  what there is to tell of the token; its size is set by the caller; may
///                           be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_verify_at(
    store: *const keyfob_store,
    token: *const c_char,
    token_size: usize,
    requirement: *const keyfob_requirement,
    request: *const keyfob_request,
    at: i64,
    verification: *mut keyfob_verification,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        verifying(store, verification, |handle| {
            let token = bytes(token, token_size, "token")?;
            let request = self::request(requirement, request)?;
            let at = Timestamp::from_unix(at);
            answer(verification, &handle.store.verify_at(token, request, at))
        })
    }
}

/// Whether the token of an HTTP Authorization header is good: the whole value, "Bearer TOKEN". As
/// keyfob_store_verify() in everything else.
///
/// Errors: as keyfob_store_verify(); NO_CREDENTIALS where the value is empty or of another scheme,
/// which HTTP answers with 401 and no error code; MALFORMED where there is anything after the
/// token, or several values.
///
/// Threads: any.
///
/// \param store              the store
/// \param value              the value of the header, any bytes; NULL with a size of 0 where there is
///                           none
/// \param value_size         its length, or KEYFOB_NUL
/// \param requirement        what is required
/// \param request            what only the request knows; NULL for nothing
/// \param[out] verification  what there is to tell of the token; its size is set by the caller; may
///                           be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_verify_authorization(
    store: *const keyfob_store,
    value: *const c_char,
    value_size: usize,
    requirement: *const keyfob_requirement,
    request: *const keyfob_request,
    verification: *mut keyfob_verification,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    unsafe {
        verifying(store, verification, |handle| {
            let value = bytes(value, value_size, "value")?;
            let request = self::request(requirement, request)?;
            match handle
                .store
                .verify_authorization(value, request)
                .transpose()
            {
                Some(judged) => answer(verification, &judged),
                None => Ok(of(Code::NO_CREDENTIALS)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::undocumented_unsafe_blocks,
        reason = "every pointer is NULL, or to a local that outlives the call and is as long as is said"
    )]

    use std::ptr::null;

    use keyfob_core::{NewKey, Revoke, StoreOptions};

    use super::*;
    use crate::requirement::keyfob_requirement_nothing;

    /// A store with a key of an owner, and the key's token.
    fn home() -> (tempfile::TempDir, keyfob_store, String) {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions::new().prefix("acme").unwrap();
        let store = options.create(folder.path().join("keys.redb")).unwrap();
        let mut new = NewKey::new("CI");
        new.owner = Some("tenant-7".into());
        let token = store.create(&new).unwrap().token.unwrap();
        (
            folder,
            keyfob_store::new(store, std::sync::Arc::default()),
            token.expose().to_owned(),
        )
    }

    /// A struct full of what an earlier call may have left there.
    fn used() -> keyfob_verification {
        let mut out: keyfob_verification = unsafe { std::mem::zeroed() };
        unsafe { (&raw mut out).write_bytes(0x55, 1) };
        out.size = u32::try_from(size_of::<keyfob_verification>()).unwrap();
        out
    }

    fn verify(store: &keyfob_store, token: &str, out: *mut keyfob_verification) -> Option<Code> {
        let (text, size) = (token.as_ptr().cast(), token.len());
        let status = unsafe {
            keyfob_store_verify(store, text, size, keyfob_requirement_nothing(), null(), out)
        };
        crate::status::code_of(status)
    }

    fn texts(out: &keyfob_verification) -> [&std::ffi::CStr; 4] {
        fn of<const N: usize>(text: &[c_char; N]) -> &std::ffi::CStr {
            let bytes = unsafe { &*(&raw const *text).cast::<[u8; N]>() };
            std::ffi::CStr::from_bytes_until_nul(bytes).unwrap()
        }
        [
            of(&out.key_id),
            of(&out.environment),
            of(&out.project),
            of(&out.owner),
        ]
    }

    #[test]
    fn a_verification_tells_of_the_key_from_the_file_and_from_memory() {
        let (_folder, store, token) = home();
        let id = &token[token.len() - 71..][..22];
        for _ in 0..2 {
            let mut out = used();
            assert_eq!(verify(&store, &token, &raw mut out), Some(Code::OK));
            let [key_id, environment, project, owner] = texts(&out);
            assert_eq!(key_id.to_str(), Ok(id));
            assert_eq!((environment, project, owner), (c"live", c"", c"tenant-7"));
            let sizes = (out.environment_size, out.project_size, out.owner_size);
            assert_eq!(sizes, (4, 0, 8));
            assert_eq!(
                (out.flags, out.expires_at, out.reserved),
                (0, i64::MIN, [0; 5])
            );
        }
    }

    #[test]
    fn a_refusal_leaves_nothing_of_what_was_there_before() {
        let (_folder, store, token) = home();
        let mut out = used();
        assert_eq!(verify(&store, &token, &raw mut out), Some(Code::OK));
        let id = keyfob_core::KeyId::parse(&token.as_bytes()[token.len() - 71..][..22]);
        store.store.revoke(id.unwrap(), &Revoke::default()).unwrap();
        for mut out in [used(), out] {
            assert_eq!(verify(&store, &token, &raw mut out), Some(Code::REVOKED));
            let whole = (&raw const out).cast::<[u8; size_of::<keyfob_verification>()]>();
            assert!(unsafe { *whole }[4..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_size_that_no_version_had_is_no_yes_and_nothing_is_written() {
        let (_folder, store, token) = home();
        for wrong in [4, 8, size_of::<keyfob_verification>() - 1] {
            let mut out = used();
            out.size = u32::try_from(wrong).unwrap();
            let refused = verify(&store, &token, &raw mut out);
            assert_eq!(refused, Some(Code::INVALID_ARGUMENT));
            let whole = (&raw const out).cast::<[u8; size_of::<keyfob_verification>()]>();
            assert!(unsafe { *whole }[4..].iter().all(|byte| *byte == 0x55));
        }
    }

    #[test]
    fn a_size_that_was_never_set_is_no_yes() {
        let (_folder, store, token) = home();
        let mut out = used();
        out.size = 0;
        let refused = verify(&store, &token, &raw mut out);
        assert_eq!(refused, Some(Code::INVALID_ARGUMENT));
    }

    #[test]
    fn a_requirement_that_could_not_be_compiled_lets_nobody_in() {
        let (_folder, store, token) = home();
        let mut out = used();
        let text = token.as_ptr().cast();
        let refused = unsafe {
            keyfob_store_verify(
                &raw const store,
                text,
                token.len(),
                null(),
                null(),
                &raw mut out,
            )
        };
        assert_eq!(refused, of(Code::NULL_ARGUMENT));
    }

    #[test]
    fn without_a_store_or_a_token_nobody_is_let_in() {
        let (_folder, store, token) = home();
        let verify = |store: *const keyfob_store, data: *const c_char, size| unsafe {
            let nothing = keyfob_requirement_nothing();
            keyfob_store_verify(store, data, size, nothing, null(), std::ptr::null_mut())
        };
        let text = token.as_ptr().cast();
        assert_eq!(verify(null(), text, token.len()), of(Code::NULL_ARGUMENT));
        assert_eq!(verify(&raw const store, null(), 5), of(Code::NULL_ARGUMENT));
        assert_eq!(verify(&raw const store, null(), 0), of(Code::MALFORMED));
        store.poisoned.store(true, Ordering::Release);
        assert_eq!(
            verify(&raw const store, text, token.len()),
            of(Code::POISONED)
        );
    }
}

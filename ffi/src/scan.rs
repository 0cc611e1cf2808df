//! Scan: tokens where they do not belong.

use std::ffi::{c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use keyfob_core::{Finding, FoundToken};

use crate::error::keyfob_error;
use crate::guard::{access, access_text, free};
use crate::key::keyfob_key;
use crate::out::Out;
use crate::progress::{keyfob_progress_fn, telling};
use crate::sized::{Place, sized};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store, path};
use crate::text::{Text, bytes};

/// A token that was found. Its text is not in it.
pub struct keyfob_finding {
    path: Option<Text>,
    offset: u64,
    line: u64,
    hint: Text,
    key_id: Text,
    key: Option<keyfob_key>,
    works: bool,
}

impl keyfob_finding {
    fn in_file(found: Finding) -> Self {
        keyfob_finding {
            path: Some(Text::new(found.path.as_os_str().as_bytes())),
            offset: found.offset,
            line: found.line,
            hint: Text::new(&found.hint),
            key_id: Text::new(found.key_id.to_text()),
            key: found.key.map(keyfob_key::new),
            works: found.works,
        }
    }

    fn in_bytes(found: FoundToken) -> Self {
        keyfob_finding {
            path: None,
            offset: found.range.start as u64,
            line: found.line,
            hint: Text::new(&found.hint),
            key_id: Text::new(found.key_id.to_text()),
            key: found.key.map(keyfob_key::new),
            works: found.works,
        }
    }
}

/// The file that it stands in; NULL where bytes were scanned.
///
/// Threads: any.
///
/// \param finding  the finding
/// \param size     where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the finding, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_path(
    finding: *const keyfob_finding,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(finding, size, |finding| finding.path.as_ref()) }
}

/// Where it begins, in bytes from the beginning.
///
/// Threads: any.
///
/// \param finding  the finding
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_offset(finding: *const keyfob_finding) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(finding, 0, |finding| finding.offset) }
}

/// On which line, from 1.
///
/// Threads: any.
///
/// \param finding  the finding
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_line(finding: *const keyfob_finding) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(finding, 0, |finding| finding.line) }
}

/// What may be shown of it. NULL only of NULL.
///
/// Threads: any.
///
/// \param finding  the finding
/// \param size     where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the finding
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_hint(
    finding: *const keyfob_finding,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(finding, size, |finding| Some(&finding.hint)) }
}

/// The id of the key that it says it is of. NULL only of NULL.
///
/// Threads: any.
///
/// \param finding  the finding
/// \param size     where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the finding
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_key_id(
    finding: *const keyfob_finding,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(finding, size, |finding| Some(&finding.key_id)) }
}

/// That key, where the token's secret is one of its own. NULL where no key of this store has it:
/// any more, or ever.
///
/// Threads: any.
///
/// \param finding  the finding
/// \return a key that lives as long as the finding, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_key(finding: *const keyfob_finding) -> *const keyfob_key {
    // SAFETY: the caller's object.
    unsafe {
        access(finding, std::ptr::null(), |finding| {
            finding
                .key
                .as_ref()
                .map_or(std::ptr::null(), |key| &raw const *key)
        })
    }
}

/// 1 where the token is good now, whatever environment, project, address or scope a verification
/// may ask for; else 0. One that is not may become so: of a key that is disabled, or not valid yet.
///
/// Threads: any.
///
/// \param finding  the finding
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_works(finding: *const keyfob_finding) -> c_int {
    // SAFETY: the caller's object.
    unsafe { access(finding, 0, |finding| finding.works.into()) }
}

/// Is told of a token that was found, in the thread that scans and with no lock held, so that it
/// may revoke it. The finding is lent until it returns. It must return: neither throw nor
/// longjmp().
///
/// \param finding  what was found
/// \param user     what was passed beside it
pub type keyfob_scan_found_fn =
    Option<unsafe extern "C" fn(finding: *const keyfob_finding, user: *mut c_void)>;

/// Is told of a file or a folder that could not be read. It must return: neither throw nor
/// longjmp().
///
/// \param path      which, with a NUL behind it; lent until it returns
/// \param os_errno  why, the errno of the operating system; 0 where it has none
/// \param user      what was passed beside it
pub type keyfob_scan_skipped_fn =
    Option<unsafe extern "C" fn(path: *const c_char, os_errno: c_int, user: *mut c_void)>;

/// What a scan went through.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_scan_result {
    /// sizeof(keyfob_scan_result), set by the caller.
    pub size: u32,
    /// Reserved; 0.
    pub reserved: u32,
    /// Files that were read to their end.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Tokens that were found; one that stands in two places counts twice.
    pub findings: u64,
    /// How many of them work.
    pub working: u64,
    /// Files and folders that could not be read.
    pub skipped: u64,
}

sized!(keyfob_scan_result, 48 {
    size: u32,
    reserved: u32,
    files: u64,
    bytes: u64,
    findings: u64,
    working: u64,
    skipped: u64,
});

/// Finds the tokens of this store in a file, or in all files of a folder and the folders in it, by
/// their prefix, shape and checksum; not in what is compressed, encrypted or in UTF-16, and not
/// strings that were imported. Symbolic links are not followed in a folder. Nothing is left out
/// because of its name.
///
/// Errors: INVALID_ARGUMENT where neither a file nor a folder is at the path; INTERRUPTED;
/// NULL_ARGUMENT; what the store says. What was found until then has been told.
///
/// Threads: any.
///
/// \param store         the store
/// \param path          the file or folder
/// \param path_size     its length, or KEYFOB_NUL
/// \param found         is told of each token; may be NULL
/// \param skipped       is told of what could not be read; may be NULL
/// \param progress      is told how many bytes were read, of 0; may be NULL
/// \param user          is passed to them
/// \param[out] scanned  what was gone through; its size is set by the caller; may be NULL
/// \param[out] err      why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_scan(
    store: *const keyfob_store,
    path: *const c_char,
    path_size: usize,
    found: keyfob_scan_found_fn,
    skipped: keyfob_scan_skipped_fn,
    progress: keyfob_progress_fn,
    user: *mut c_void,
    scanned: *mut keyfob_scan_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's struct and callback.
    let (place, mut progress) = unsafe { (Place::new(scanned), telling(progress, user)) };
    let mut tell_found = |one: Finding| {
        if let Some(found) = found {
            let one = keyfob_finding::in_file(one);
            // SAFETY: the caller's callback.
            unsafe { found(&raw const one, user) };
        }
    };
    let mut tell_skipped = |path: &Path, error: &std::io::Error| {
        if let Some(skipped) = skipped {
            let path = Text::new(path.as_os_str().as_bytes());
            // SAFETY: the caller's callback.
            unsafe { skipped(path.as_ptr(), error.raw_os_error().unwrap_or(0), user) };
        }
    };
    let body = |handle: &keyfob_store| {
        let place = place?;
        // SAFETY: the caller's bytes.
        let at = unsafe { self::path(path, path_size, "path") }?;
        let scanned = handle
            .store
            .scan(at, &mut tell_found, &mut tell_skipped, &mut progress)?;
        place.give(&keyfob_scan_result {
            size: 0,
            reserved: 0,
            files: scanned.files,
            bytes: scanned.bytes,
            findings: scanned.findings,
            working: scanned.working,
            skipped: scanned.skipped,
        });
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The tokens that were found in bytes.
pub struct keyfob_finding_list(Vec<keyfob_finding>);

/// Finds the tokens of this store in bytes, in the order in which they begin, as
/// keyfob_store_scan() does in a file.
///
/// Errors: NULL_ARGUMENT; what the store says.
///
/// Threads: any.
///
/// \param store          the store
/// \param data           the bytes
/// \param size           how many, or KEYFOB_NUL
/// \param[out] findings  the tokens; free it with keyfob_finding_list_free()
/// \param[out] err       why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_scan_bytes(
    store: *const keyfob_store,
    data: *const c_char,
    size: usize,
    findings: *mut *mut keyfob_finding_list,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(findings) };
    let body = |handle: &keyfob_store| {
        let out = out.required("findings")?;
        // SAFETY: the caller's bytes.
        let data = unsafe { bytes(data, size, "data") }?;
        let found = handle.store.scan_bytes(data)?;
        out.give(|| keyfob_finding_list(found.into_iter().map(keyfob_finding::in_bytes).collect()));
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// How many tokens were found.
///
/// Threads: any.
///
/// \param list  the list
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_list_count(list: *const keyfob_finding_list) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(list, 0, |list| list.0.len()) }
}

/// One of them. NULL beyond the last.
///
/// Threads: any.
///
/// \param list   the list
/// \param index  which, from 0
/// \return a finding that lives as long as the list, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_list_at(
    list: *const keyfob_finding_list,
    index: usize,
) -> *const keyfob_finding {
    // SAFETY: the caller's object.
    unsafe {
        access(list, std::ptr::null(), |list| {
            list.0
                .get(index)
                .map_or(std::ptr::null(), |finding| &raw const *finding)
        })
    }
}

/// Frees a list of findings.
///
/// Threads: one at a time.
///
/// \param list  a list of findings; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_finding_list_free(list: *mut keyfob_finding_list) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(list) }
}

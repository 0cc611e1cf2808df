//! Import: keys that another system issued.

use std::ffi::{c_char, c_void};
use std::ops::ControlFlow;

use keyfob_core::{
    Code, Environment, Error, ForeignFormat, ImportDefaults, Imported, KeyId, Refused, limits,
};

use crate::create::{expiry, scopes, tags};
use crate::error::{Fault, keyfob_error};
use crate::guard::{access, access_text, free};
use crate::out::Out;
use crate::progress::{keyfob_progress_fn, telling};
use crate::sized::{read, sized, unknown};
use crate::status::{OK, keyfob_status, of};
use crate::store::{keyfob_store, on_store};
use crate::text::{Text, keyfob_text, texts};

/// What a line of an import is in: the bare string or a JSON object for the first three, a JSON
/// object with the foreign system's own column names for the others.
#[repr(C)]
pub enum keyfob_import_formats {
    /// The original string.
    KEYFOB_IMPORT_RAW = 1,
    /// SHA-256 of the original string, in hexadecimal.
    KEYFOB_IMPORT_SHA256_HEX = 2,
    /// SHA-256 of the original string, in base64.
    KEYFOB_IMPORT_SHA256_BASE64 = 3,
    /// A row of djangorestframework-api-key 3.
    KEYFOB_IMPORT_DRF_API_KEY = 4,
    /// A row of django-rest-knox 4.2 or 5.
    KEYFOB_IMPORT_KNOX = 5,
    /// Prefix, short token and hash of the long token, of Seam's prefixed-api-key.
    KEYFOB_IMPORT_PREFIXED_API_KEY = 6,
    /// A row of Laravel Sanctum's personal_access_tokens.
    KEYFOB_IMPORT_SANCTUM = 7,
    /// A key of Unkey.
    KEYFOB_IMPORT_UNKEY = 8,
}

/// The formats in the order of their numbers, from 1; a test holds their names against the
/// enumerators.
fn format_of(number: u32) -> Result<ForeignFormat, Fault> {
    let place = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1));
    let format = place.and_then(|place| ForeignFormat::ALL.get(place).copied());
    format.ok_or_else(|| unknown(&format!("{number} as the format of an import")))
}

/// The name of a format, "drf-api-key"; "unknown" of any other number. Never NULL; it lives as long
/// as the library.
///
/// Threads: any.
///
/// \param format  one of \ref keyfob_import_formats
/// \since 0.1
#[unsafe(no_mangle)]
pub extern "C" fn keyfob_import_format_name(format: u32) -> *const c_char {
    let name = match format {
        1 => c"raw",
        2 => c"sha256-hex",
        3 => c"sha256-base64",
        4 => c"drf-api-key",
        5 => c"knox",
        6 => c"prefixed-api-key",
        7 => c"sanctum",
        8 => c"unkey",
        _ => c"unknown",
    };
    name.as_ptr()
}

/// What an import gives to its keys where their lines do not say it themselves.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_import_defaults {
    /// sizeof(keyfob_import_defaults).
    pub size: u32,
    /// When keys expire whose line has no expiry, or says never: one of \ref keyfob_expiry_kinds.
    pub expiry_kind: u32,
    /// The time, or the seconds, of the kinds that have one.
    pub expires: i64,
    /// The name of keys whose line has none.
    pub name: keyfob_text,
    /// The name of the project that every key of the import is bound to.
    pub project: keyfob_text,
    /// The environment of keys whose line has none; "live" where this is not stated.
    pub environment: keyfob_text,
    /// Whom keys belong to whose line does not say; where this is not stated, the project's owner.
    pub owner: keyfob_text,
    /// The scopes of keys whose line has none.
    pub scopes: *const keyfob_text,
    /// How many.
    pub scopes_count: usize,
    /// The tags of every key of the import.
    pub tags: *const keyfob_text,
    /// How many.
    pub tags_count: usize,
}

sized!(keyfob_import_defaults, 112 {
    size: u32,
    expiry_kind: u32,
    expires: i64,
    name: keyfob_text,
    project: keyfob_text,
    environment: keyfob_text,
    owner: keyfob_text,
    scopes: *const keyfob_text,
    scopes_count: usize,
    tags: *const keyfob_text,
    tags_count: usize,
});

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
unsafe fn defaults(from: *const keyfob_import_defaults) -> Result<ImportDefaults, Fault> {
    let mut defaults = ImportDefaults::default();
    // SAFETY: as above.
    unsafe {
        let asked = read(from)?;
        defaults.name = asked.name.stated("name")?.map(str::to_owned);
        defaults.scopes = scopes(asked.scopes, asked.scopes_count)?;
        defaults.project = asked.project.stated("project")?.map(str::to_owned);
        let environment = asked.environment.stated("environment")?;
        defaults.environment = environment.map(Environment::parse).transpose()?;
        defaults.owner = asked.owner.stated("owner")?.map(str::to_owned);
        defaults.expires = expiry(asked.expiry_kind, asked.expires)?;
        defaults.tags = tags(asked.tags, asked.tags_count)?;
    }
    Ok(defaults)
}

/// What became of the lines of an import: of the first so many of them.
pub struct keyfob_import_result(Vec<Result<Text, keyfob_error>>);

/// Brings in keys that another system issued, a line each; their holders keep the strings that they
/// have. Each line has its own result, and one that is refused refuses only itself. Importing the
/// same lines again is safe at any time: each that is there answers DIGEST_TAKEN. The results are
/// given whatever the status is, once the arguments were looked at: the keys in them are durable.
///
/// Errors: UNKNOWN_OPTION of a format that this version does not know; INVALID_ARGUMENT and others
/// where a default is not of its form; NOT_UTF8, NULL_ARGUMENT of any line. As the reason why it
/// stopped before the last line: what the store says; NO_SUCH_PROJECT, PROJECT_IS_DISABLED for the
/// project of the defaults; INTERRUPTED.
///
/// Threads: any.
///
/// \param store          the store
/// \param format         what the lines are in: one of \ref keyfob_import_formats
/// \param lines          the lines
/// \param lines_count    how many
/// \param defaults       what the lines do not say; NULL for nothing
/// \param progress       is told how many lines are done, after each 10,000; may be NULL
/// \param user           is passed to it
/// \param[out] imported  what became of them; free it with keyfob_import_result_free()
/// \param[out] err       why it stopped; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_import(
    store: *const keyfob_store,
    format: u32,
    lines: *const keyfob_text,
    lines_count: usize,
    defaults: *const keyfob_import_defaults,
    progress: keyfob_progress_fn,
    user: *mut c_void,
    imported: *mut *mut keyfob_import_result,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (out, mut progress) = unsafe { (Out::new(imported), telling(progress, user)) };
    let body = |handle: &keyfob_store| {
        let out = out.required("imported")?;
        let format = format_of(format)?;
        // SAFETY: the caller's pointers.
        let (lines, defaults) = unsafe {
            (
                texts(lines, lines_count, "lines")?,
                self::defaults(defaults)?,
            )
        };
        let mut done = Vec::with_capacity(lines.len());
        let stopped = in_batches(handle, format, &lines, &defaults, &mut done, &mut progress);
        if done.is_empty() && matches!(stopped, Some(Error::Misuse(_))) {
            // A default that is not of its form: nothing was begun.
            return stopped.map_or(Ok(()), |error| Err(error.into()));
        }
        let one = |result: Result<KeyId, Error>| match result {
            Ok(id) => Ok(Text::new(id.to_text())),
            Err(error) => Err(keyfob_error::from(Fault::from(error))),
        };
        out.give(|| keyfob_import_result(done.into_iter().map(one).collect()));
        stopped.map_or(Ok(()), |error| Err(error.into()))
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// A transaction of lines at a time, as the store would take them itself, with a word between two.
fn in_batches(
    handle: &keyfob_store,
    format: ForeignFormat,
    lines: &[&str],
    defaults: &ImportDefaults,
    done: &mut Vec<Result<KeyId, Error>>,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Option<Error> {
    let mut batches = lines.chunks(limits::BATCH).peekable();
    if batches.peek().is_none() {
        // The defaults are looked at all the same.
        return handle.store.import(format, &[], defaults).err();
    }
    for batch in batches {
        match handle.store.import(format, batch, defaults) {
            Ok(Imported {
                results, stopped, ..
            }) => {
                done.extend(results);
                if stopped.is_some() {
                    return stopped;
                }
            }
            Err(error) => return Some(error),
        }
        if progress(done.len() as u64, lines.len() as u64).is_break() && done.len() < lines.len() {
            return Some(Refused::Interrupted.into());
        }
    }
    None
}

/// How many lines were done.
///
/// Threads: any.
///
/// \param imported  what became of the lines
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_import_result_count(
    imported: *const keyfob_import_result,
) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(imported, 0, |imported| imported.0.len()) }
}

/// What became of a line: KEYFOB_OK, or why it was refused: NOT_IMPORTABLE; DIGEST_TAKEN;
/// SCOPE_NOT_ALLOWED; POLICY_REFUSED, TOO_MANY_KEYS; CLOCK_IS_BEHIND; INVALID_ARGUMENT and others
/// where something in it is not of its form; itself INVALID_ARGUMENT beyond the last.
///
/// Threads: any.
///
/// \param imported  what became of the lines
/// \param index     which, from 0
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_import_result_status(
    imported: *const keyfob_import_result,
    index: usize,
) -> keyfob_status {
    // SAFETY: the caller's object.
    unsafe {
        access(imported, of(Code::NULL_ARGUMENT), |imported| {
            imported
                .0
                .get(index)
                .map_or(of(Code::INVALID_ARGUMENT), |line| {
                    line.as_ref().map_or_else(keyfob_error::status, |_| OK)
                })
        })
    }
}

/// The id of the key that a line became; NULL where it was refused, and beyond the last.
///
/// Threads: any.
///
/// \param imported  what became of the lines
/// \param index     which, from 0
/// \param size      where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the results, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_import_result_key_id(
    imported: *const keyfob_import_result,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe {
        access_text(imported, size, |imported| {
            imported.0.get(index).and_then(|line| line.as_ref().ok())
        })
    }
}

/// Why a line was refused. NULL where it was not, and beyond the last.
///
/// Threads: any.
///
/// \param imported  what became of the lines
/// \param index     which, from 0
/// \return an error that lives as long as the results, or NULL; it is not freed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_import_result_error(
    imported: *const keyfob_import_result,
    index: usize,
) -> *const keyfob_error {
    // SAFETY: the caller's object.
    unsafe {
        access(imported, std::ptr::null(), |imported| {
            match imported.0.get(index) {
                Some(Err(error)) => &raw const *error,
                _ => std::ptr::null(),
            }
        })
    }
}

/// Frees the results of an import.
///
/// Threads: one at a time.
///
/// \param imported  the results of an import; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_import_result_free(imported: *mut keyfob_import_result) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(imported) }
}

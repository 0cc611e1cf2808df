//! What Python passes, as the library wants it. No value is ever in a message of an error here: it
//! may be a token that stands in the wrong place.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::IpAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use keyfob::{
    Change, Environment, Expiry, KeyId, Misuse, Pepper, Policy, ProjectId, Reason, Refused, Revoke,
    Scope, ScopeSet, Timestamp, limits,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyIterator, PyString};

use crate::error::{misuse, of_one, raise};
use crate::info::is_shown;

/// An argument that may be left out.
pub(crate) type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// The keywords that several verbs share, and so read in one place.
pub(crate) type Keywords<'a, 'py> = &'a Bound<'py, PyDict>;

/// The keywords that were passed, with their values; None is as good as not passed. `names` is the
/// class of `keyfob._keywords` that has all of them.
///
/// # Errors
/// A `TypeError` where one is no text, as a mapping may have it, or is None and unknown.
pub(crate) fn stated<'py>(
    verb: &str,
    names: &str,
    keywords: Option<Keywords<'_, 'py>>,
) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let mut all = passed(keywords)?;
    for (name, value) in &all {
        if value.is_none() {
            let known = value.py().import("keyfob._keywords")?.getattr(names)?;
            if !known.getattr("__annotations__")?.contains(name)? {
                return Err(unexpected(verb, name));
            }
        }
    }
    all.retain(|(_, value)| !value.is_none());
    Ok(all)
}

/// The same where None is a value of its own.
pub(crate) fn passed<'py>(
    keywords: Option<Keywords<'_, 'py>>,
) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let Some(keywords) = keywords else {
        return Ok(Vec::new());
    };
    let each = keywords.iter();
    each.map(|(name, value)| Ok((text("a keyword", &name)?.to_owned(), value)))
        .collect()
}

/// What Python says itself of a keyword that a function does not have. A mapping may have anything for
/// one, and a token is longer than any name here.
pub(crate) fn unexpected(verb: &str, keyword: &str) -> PyErr {
    const SHOWN: usize = 32;
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let named = if keyword.len() <= SHOWN && letters(keyword) {
        format!(" '{keyword}'")
    } else {
        String::new()
    };
    PyTypeError::new_err(format!(
        "{verb}() got an unexpected keyword argument{named}"
    ))
}

/// Whether a value is a mapping. PyO3's own check prints what it meets on the way, such as Ctrl-C,
/// together with the value, and goes on: here it is raised.
pub(crate) fn is_mapping(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static MAPPING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if value.is_instance_of::<PyDict>() {
        return Ok(true);
    }
    value.is_instance(MAPPING.import(value.py(), "collections.abc", "Mapping")?)
}

/// A mapping as a `dict`.
pub(crate) fn mapping<'py>(
    what: &str,
    wanted: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyDict>> {
    if !is_mapping(value)? {
        return Err(wrong_type(what, wanted, value));
    }
    let dict = value.py().get_type::<PyDict>().call1((value,))?;
    Ok(dict.cast_into()?)
}

/// One of the three of `keyfob._enums.Special`.
#[derive(Clone, Copy)]
pub(crate) enum Special {
    Any,
    Keep,
    Never,
}

/// Whether a value is that one.
pub(crate) fn is_special(value: &Bound<'_, PyAny>, special: Special) -> PyResult<bool> {
    static ANY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static KEEP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static NEVER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (cell, name) = match special {
        Special::Any => (&ANY, "ANY"),
        Special::Keep => (&KEEP, "KEEP"),
        Special::Never => (&NEVER, "NEVER"),
    };
    Ok(value.is(cell.import(value.py(), "keyfob._enums", name)?))
}

pub(crate) fn wrong_type(what: &str, wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let found = value.get_type();
    let found = found
        .name()
        .map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{what} must be {wanted}, not {found}"))
}

/// The text of a `str`; Python's lone surrogates are no text.
pub(crate) fn text<'a>(what: &'static str, value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    let Ok(string) = value.cast::<PyString>() else {
        return Err(wrong_type(what, "a str", value));
    };
    string.to_str().map_err(|_| {
        let why = "it holds a surrogate, which is no character".to_owned();
        misuse(value.py(), Misuse::InvalidArgument { what, why })
    })
}

/// The text of an argument, for where a verb has nothing to say about it. PyO3's own reading would show
/// one with lone surrogates in its error, and it may be a token.
pub(crate) struct Text(String);

impl FromPyObject<'_, '_> for Text {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        owned("the text", &value).map(Text)
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.0
    }
}

pub(crate) fn owned(what: &'static str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    text(what, value).map(str::to_owned)
}

pub(crate) fn maybe_owned(what: &'static str, value: Given<'_, '_>) -> PyResult<Option<String>> {
    value.map(|value| owned(what, value)).transpose()
}

pub(crate) fn flag(what: &str, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    match value.cast::<PyBool>() {
        Ok(flag) => Ok(flag.is_true()),
        Err(_) => Err(wrong_type(what, "a bool", value)),
    }
}

/// A number that is not negative.
pub(crate) fn number<T: TryFrom<u64>>(what: &'static str, value: &Bound<'_, PyAny>) -> PyResult<T> {
    if !value.is_instance_of::<PyInt>() {
        return Err(wrong_type(what, "an int", value));
    }
    let number = value
        .extract::<u64>()
        .ok()
        .and_then(|n| T::try_from(n).ok());
    number.ok_or_else(|| invalid(value.py(), what, "it is negative, or too large"))
}

/// The text of a `str` that came from outside. Lone surrogates are no fault of whoever asks: in their
/// place is a character that is in no token, and in the name of no project.
pub(crate) fn text_from_outside<'a>(
    what: &str,
    wanted: &str,
    value: &'a Bound<'_, PyAny>,
) -> PyResult<Cow<'a, str>> {
    match value.cast::<PyString>() {
        Ok(string) => Ok(string.to_string_lossy()),
        Err(_) => Err(wrong_type(what, wanted, value)),
    }
}

/// What was presented as a token, or in a header that may hold one.
pub(crate) fn presented<'a>(token: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(bytes) = token.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    Ok(match text_from_outside("token", "a str or bytes", token)? {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

/// The values of an iterable; what it raises itself is no fault of its type.
pub(crate) fn each_of<'py>(
    what: &str,
    wanted: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyIterator>> {
    value.try_iter().map_err(|error| {
        if error.is_instance_of::<PyTypeError>(value.py()) {
            wrong_type(what, wanted, value)
        } else {
            error
        }
    })
}

/// A single str, or an iterable of them: a str is one, and not an iterable of its letters. Of more than
/// `most`, as an iterable without an end has them, one more is read, for the library to refuse.
pub(crate) fn texts(
    what: &'static str,
    most: usize,
    value: &Bound<'_, PyAny>,
) -> PyResult<Vec<String>> {
    if value.is_instance_of::<PyString>() {
        return Ok(vec![text(what, value)?.to_owned()]);
    }
    each_of(what, "a str or an iterable of str", value)?
        .take(most + 1)
        .map(|each| Ok(text(what, &each?)?.to_owned()))
        .collect()
}

pub(crate) fn scopes(value: &Bound<'_, PyAny>) -> PyResult<ScopeSet> {
    let texts = texts("scopes", limits::SCOPES, value)?;
    ScopeSet::parse(texts).map_err(|error| misuse(value.py(), error))
}

pub(crate) fn scope(value: &Bound<'_, PyAny>) -> PyResult<Scope> {
    Scope::parse(text("scope", value)?).map_err(|error| misuse(value.py(), error))
}

pub(crate) fn tags(value: &Bound<'_, PyAny>) -> PyResult<BTreeSet<String>> {
    let (what, most) = ("tags", limits::TAGS);
    let texts = texts(what, most, value)?;
    if texts.len() > most {
        let (got, most) = (texts.len() as u64, most as u64);
        return Err(misuse(
            value.py(),
            Misuse::LimitExceeded { what, got, most },
        ));
    }
    Ok(texts.into_iter().collect())
}

pub(crate) fn environment(value: &Bound<'_, PyAny>) -> PyResult<Environment> {
    let text = text("environment", value)?;
    Environment::parse(text).map_err(|error| misuse(value.py(), error))
}

pub(crate) fn metadata(value: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, String>> {
    pairs(value, |value| Ok(text("metadata", value)?.to_owned()))
}

/// Single pairs: None takes one away.
pub(crate) fn metadata_pairs(
    value: &Bound<'_, PyAny>,
) -> PyResult<BTreeMap<String, Option<String>>> {
    pairs(value, |value| {
        let kept = !value.is_none();
        kept.then(|| Ok(text("metadata", value)?.to_owned()))
            .transpose()
    })
}

fn pairs<T>(
    value: &Bound<'_, PyAny>,
    read: impl Fn(&Bound<'_, PyAny>) -> PyResult<T>,
) -> PyResult<BTreeMap<String, T>> {
    let mut out = BTreeMap::new();
    for (name, value) in mapping("metadata", "a mapping of str to str", value)? {
        out.insert(text("metadata", &name)?.to_owned(), read(&value)?);
    }
    Ok(out)
}

/// An address as a `str` or of `ipaddress`.
pub(crate) fn address(value: &Bound<'_, PyAny>) -> PyResult<IpAddr> {
    let parsed = printed("ip", value)?.parse();
    parsed.map_err(|_| invalid(value.py(), "ip", "not an IPv4 or IPv6 address"))
}

/// Ranges as `str` or of `ipaddress`; one where one will do. A single address is the range of it.
///
/// # Errors
/// Misuse for no range: a list that came out empty would let everybody in.
pub(crate) fn ranges(value: &Bound<'_, PyAny>) -> PyResult<Vec<IpNet>> {
    let one = |value: &Bound<'_, PyAny>| {
        let text = printed("ip_list", value)?;
        let range = text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        range.map_err(|_| invalid(value.py(), "ip_list", "not an IP address or range"))
    };
    // A network of `ipaddress` is an iterable of its addresses.
    if value.is_instance_of::<PyString>() || is_of_ipaddress(value)? {
        return Ok(vec![one(value)?]);
    }
    let wanted = "an IP address or range, or an iterable of them";
    let each = each_of("ip_list", wanted, value)?.take(limits::IP_RANGES + 1);
    let ranges: Vec<_> = each.map(|each| one(&each?)).collect::<PyResult<_>>()?;
    if ranges.is_empty() {
        let why = "an empty list would admit every address; leave it out, or pass None, for that";
        return Err(invalid(value.py(), "ip_list", why));
    }
    Ok(ranges)
}

fn is_of_ipaddress(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.get_type().module()?.to_str()? == "ipaddress")
}

fn printed<'a>(what: &'static str, value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    if value.is_instance_of::<PyString>() {
        return text(what, value).map(Cow::Borrowed);
    }
    if is_of_ipaddress(value)? {
        return Ok(Cow::Owned(value.str()?.extract()?));
    }
    Err(wrong_type(what, "a str, or of ipaddress", value))
}

fn invalid(py: Python<'_>, what: &'static str, why: &str) -> PyErr {
    let why = why.to_owned();
    misuse(py, Misuse::InvalidArgument { what, why })
}

pub(crate) fn key_id(value: &Bound<'_, PyAny>) -> PyResult<KeyId> {
    let text = text("key_id", value)?;
    // The text is not shown: it may be a token.
    KeyId::parse(text.as_bytes()).ok_or_else(|| {
        raise(
            value.py(),
            &Refused::NoSuchKey("of this id".to_owned()).into(),
        )
    })
}

pub(crate) fn project_id(value: &Bound<'_, PyAny>) -> PyResult<ProjectId> {
    let parsed = text("project_id", value)?.parse();
    parsed.map_err(|error| misuse(value.py(), error))
}

/// Single ids, as `texts` reads texts.
pub(crate) fn key_ids(value: &Bound<'_, PyAny>) -> PyResult<Vec<KeyId>> {
    if value.is_instance_of::<PyString>() {
        return Ok(vec![key_id(value)?]);
    }
    each_of("keys", "an iterable of key ids", value)?
        .enumerate()
        .map(|(index, each)| {
            key_id(&each?).map_err(|error| of_one(value.py(), error, "keys", index))
        })
        .collect()
}

/// Why, and a note.
pub(crate) fn revocation(reason: Given<'_, '_>, note: Given<'_, '_>) -> PyResult<Revoke> {
    let mut revoke = Revoke::default();
    if let Some(reason) = reason {
        let names = "the reasons of keyfob.Reason";
        revoke.reason = word("reason", reason, Reason::from_name, names)?;
    }
    revoke.note = maybe_owned("note", note)?;
    Ok(revoke)
}

/// 32 bytes, or 64 hexadecimal characters.
pub(crate) fn pepper(value: &Bound<'_, PyAny>) -> PyResult<Pepper> {
    let Ok(bytes) = value.cast::<PyBytes>() else {
        if !value.is_instance_of::<PyString>() {
            return Err(wrong_type("pepper", "a str or bytes", value));
        }
        let hex = text("pepper", value)?;
        return Pepper::from_hex(hex).map_err(|error| misuse(value.py(), error));
    };
    let wrong = Misuse::InvalidPepper("give 32 bytes, or 64 hexadecimal characters");
    let bytes = bytes
        .as_bytes()
        .try_into()
        .map_err(|_| misuse(value.py(), wrong))?;
    Ok(Pepper::new(bytes))
}

/// One, or several.
pub(crate) fn peppers(value: &Bound<'_, PyAny>) -> PyResult<Vec<Pepper>> {
    if value.is_instance_of::<PyString>() || value.is_instance_of::<PyBytes>() {
        return Ok(vec![pepper(value)?]);
    }
    each_of(
        "retired_pepper",
        "a str or bytes, or an iterable of them",
        value,
    )?
    .map(|each| pepper(&each?))
    .collect()
}

/// A path as a `str` or an `os.PathLike`. PyO3's own reading would show one with lone surrogates in its
/// error, and it may be a text with a token in it.
pub(crate) struct FilePath(PathBuf);

impl FromPyObject<'_, '_> for FilePath {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let py = value.py();
        let wrong = || wrong_type("a path", "a str or os.PathLike", &value);
        let path = if value.is_instance_of::<PyString>() {
            value.to_owned()
        } else if value.get_type().hasattr("__fspath__")? {
            py.import("os")?.call_method1("fspath", (value,))?
        } else {
            return Err(wrong());
        };
        if !path.is_instance_of::<PyString>() {
            return Err(wrong());
        }
        let path = path.extract::<OsString>();
        let path =
            path.map_err(|_| invalid(py, "path", "it holds a character that no file name has"))?;
        Ok(FilePath(path.into()))
    }
}

impl AsRef<Path> for FilePath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

/// A member of one of the enums, or its text.
pub(crate) fn word<T>(
    what: &'static str,
    value: &Bound<'_, PyAny>,
    from_name: impl Fn(&str) -> Option<T>,
    names: &str,
) -> PyResult<T> {
    from_name(text(what, value)?)
        .ok_or_else(|| invalid(value.py(), what, &format!("use one of {names}")))
}

/// An aware `datetime`, of any zone, as whole seconds; a fraction is cut off.
pub(crate) fn timestamp(what: &'static str, value: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    if !is_instance(value, "datetime")? {
        return Err(wrong_type(what, "an aware datetime", value));
    }
    if value.call_method0("utcoffset")?.is_none() {
        let why = "it has no time zone; give it one, such as datetime.timezone.utc";
        return Err(misuse(py, Misuse::InvalidTime { what, why }));
    }
    let epoch = EPOCH.get_or_try_init(py, || {
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        let epoch = datetime
            .getattr("datetime")?
            .call_method1("fromtimestamp", (0, utc))?;
        PyResult::Ok(epoch.unbind())
    })?;
    let unix = whole_seconds(what, &value.sub(epoch)?)?;
    if !is_shown(unix) {
        let why = "in UTC it is before the year 1, or after 9999";
        return Err(misuse(py, Misuse::InvalidTime { what, why }));
    }
    Ok(Timestamp::from_unix(unix))
}

pub(crate) fn maybe_time(what: &'static str, at: Given<'_, '_>) -> PyResult<Option<Timestamp>> {
    at.map(|at| timestamp(what, at)).transpose()
}

/// A `timedelta` as whole seconds; a fraction is cut off.
pub(crate) fn seconds(what: &'static str, value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if !is_instance(value, "timedelta")? {
        return Err(wrong_type(what, "a timedelta", value));
    }
    whole_seconds(what, value)
}

/// A `timedelta` that is not negative.
pub(crate) fn wait(what: &'static str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    if !is_instance(value, "timedelta")? {
        return Err(wrong_type(what, "a timedelta", value));
    }
    value.extract().map_err(|_| {
        let why = "it must not be negative";
        misuse(value.py(), Misuse::InvalidTime { what, why })
    })
}

fn is_instance(value: &Bound<'_, PyAny>, class: &str) -> PyResult<bool> {
    value.is_instance(&value.py().import("datetime")?.getattr(class)?)
}

/// A subclass may have any number of days.
fn whole_seconds(what: &'static str, duration: &Bound<'_, PyAny>) -> PyResult<i64> {
    let part = |name| PyResult::Ok(duration.getattr(name)?.extract::<i64>().ok());
    let (days, seconds) = (part("days")?, part("seconds")?);
    let whole = days
        .and_then(|days| days.checked_mul(24 * 60 * 60))
        .zip(seconds)
        .and_then(|(days, seconds)| days.checked_add(seconds));
    whole.ok_or_else(|| {
        let why = "it is out of range";
        misuse(duration.py(), Misuse::InvalidTime { what, why })
    })
}

/// A `keyfob.Policy`.
pub(crate) fn policy(value: &Bound<'_, PyAny>) -> PyResult<Policy> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.import(value.py(), "keyfob._info", "Policy")?;
    if !value.is_instance(class)? {
        return Err(wrong_type("policy", "a keyfob.Policy", value));
    }
    let lifetime = |what| -> PyResult<Option<i64>> {
        let given = value.getattr(what)?;
        let named = !given.is_none();
        named.then(|| seconds(what, &given)).transpose()
    };
    let most = value.getattr("most_keys_per_owner")?;
    Ok(Policy {
        default_lifetime: lifetime("default_lifetime")?,
        longest_lifetime: lifetime("longest_lifetime")?,
        expiry_required: flag("expiry_required", &value.getattr("expiry_required")?)?,
        most_keys_per_owner: (!most.is_none())
            .then(|| number("most_keys_per_owner", &most))
            .transpose()?,
    })
}

/// When a new key expires: not stated, never, at a time, or after a while.
pub(crate) fn expiry(expires_at: Given<'_, '_>, expires_in: Given<'_, '_>) -> PyResult<Expiry> {
    match (expires_at, expires_in) {
        (Some(_), Some(_)) => Err(two_expiries()),
        (Some(at), None) if is_special(at, Special::Never)? => Ok(Expiry::Never),
        (Some(at), None) => Ok(Expiry::At(timestamp("expires_at", at)?)),
        (None, Some(duration)) => {
            let seconds = seconds("expires_in", duration)?;
            if seconds <= 0 {
                let why = "it must be at least a second";
                let what = "expires_in";
                return Err(misuse(duration.py(), Misuse::InvalidTime { what, why }));
            }
            Ok(Expiry::In(seconds))
        }
        (None, None) => Ok(Expiry::Default),
    }
}

pub(crate) fn two_expiries() -> PyErr {
    PyTypeError::new_err("expires_at and expires_in are two ways to say the same; pass one of them")
}

/// What an update does to a field: KEEP leaves it, None clears it, anything else takes its place.
pub(crate) fn change<'py, T>(
    value: &Bound<'py, PyAny>,
    read: impl Fn(&Bound<'py, PyAny>) -> PyResult<T>,
) -> PyResult<Change<T>> {
    if value.is_none() {
        Ok(Change::Clear)
    } else if is_special(value, Special::Keep)? {
        Ok(Change::Keep)
    } else {
        read(value).map(Change::Set)
    }
}

//! Which keys are meant: the keywords of `list`, wherever they are taken.

use keyfob::{Filter, KeyState, Misuse, Selection};
use pyo3::prelude::*;

use crate::arguments::{self as read, Keywords, Special, is_special, owned, timestamp};
use crate::error::misuse;

/// # Errors
/// A `TypeError` for a keyword that `verb` does not have, and what the values say.
pub(crate) fn filter(verb: &str, keywords: Option<Keywords<'_, '_>>) -> PyResult<Filter> {
    let mut filter = Filter::default();
    for (name, value) in read::stated(verb, "KeyFilter", keywords)? {
        let value = &value;
        match name.as_str() {
            "project" => filter.project = Some(owned("project", value)?),
            "owner" => filter.owner = Some(owned("owner", value)?),
            "environment" => filter.environment = Some(read::environment(value)?),
            "state" => filter.states = states(value)?,
            "scope" => filter.scope = Some(read::scope(value)?),
            "name_contains" => filter.name_part = Some(name_part(value)?),
            "tag" => filter.tag = Some(owned("tag", value)?),
            "created_after" => filter.created_after = Some(timestamp("created_after", value)?),
            "created_before" => filter.created_before = Some(timestamp("created_before", value)?),
            "expires_after" => filter.expires_after = Some(timestamp("expires_after", value)?),
            "expires_before" => filter.expires_before = Some(timestamp("expires_before", value)?),
            "expires_within" => {
                filter.expires_within = Some(read::seconds("expires_within", value)?);
            }
            "never_used" => filter.never_used = read::flag("never_used", value)?,
            "unused_since" => filter.unused_since = Some(timestamp("unused_since", value)?),
            "rotation_due" => filter.rotation_due = read::flag("rotation_due", value)?,
            unknown => return Err(read::unexpected(verb, unknown)),
        }
    }
    Ok(filter)
}

fn states(value: &Bound<'_, PyAny>) -> PyResult<Vec<KeyState>> {
    let find = |name: &String| KeyState::from_name(name);
    let refuse = |why: &str| {
        let why = why.to_owned();
        misuse(value.py(), Misuse::InvalidArgument { what: "state", why })
    };
    let names = read::texts("state", KeyState::ALL.len(), value)?;
    let found: Option<Vec<_>> = names.iter().map(find).collect();
    let found = found.ok_or_else(|| refuse("use the states of keyfob.KeyState"))?;
    if found.is_empty() {
        return Err(refuse(
            "no state at all would mean keys of every state; leave it out for that",
        ));
    }
    Ok(found)
}

fn name_part(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let part = owned("name_contains", value)?;
    if part.is_empty() {
        let why = "every name holds an empty text; leave it out for every key".to_owned();
        let what = "name_contains";
        return Err(misuse(value.py(), Misuse::InvalidArgument { what, why }));
    }
    Ok(part)
}

/// Which keys a verb of many is about: ids, a filter, or all.
///
/// # Errors
/// Misuse for a filter of nothing, and for a part that is None: one that came about by accident would
/// mean more keys than it was to.
pub(crate) fn selection(verb: &str, keys: &Bound<'_, PyAny>) -> PyResult<Selection> {
    if is_special(keys, Special::Any)? {
        return Ok(Selection::Filter(Filter::default()));
    }
    if !read::is_mapping(keys)? {
        return read::key_ids(keys).map(Selection::Keys);
    }
    let refuse = |why: &str| {
        let (what, why) = ("keys", why.to_owned());
        misuse(keys.py(), Misuse::InvalidArgument { what, why })
    };
    let stated = read::mapping("keys", "a mapping", keys)?;
    let filter = filter(verb, Some(&stated))?;
    if filter.is_empty() {
        return Err(refuse(
            "a filter of nothing would mean every key; pass keyfob.ANY for that",
        ));
    }
    if stated.values().iter().any(|value| value.is_none()) {
        return Err(refuse(
            "a part of the filter is None, as if it were left out; leave it out where that is meant",
        ));
    }
    Ok(Selection::Filter(filter))
}

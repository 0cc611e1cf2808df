//! How a store is opened: the keywords of `open`, and of what opens a store itself.

use keyfob::{CheckOnOpen, StoreOptions};
use pyo3::prelude::*;

use crate::arguments::{self as read, Keywords, flag, number, text, wait};
use crate::clock::ManualClock;
use crate::error::misuse;

/// How a store may be opened.
const MODES: [&str; 3] = ["shared", "exclusive", "readonly"];

/// The options of their keywords, and the mode.
///
/// # Errors
/// A `TypeError` for a keyword that `verb` does not have, and what the values say.
pub(crate) fn options(
    py: Python<'_>,
    verb: &str,
    keywords: Option<Keywords<'_, '_>>,
) -> PyResult<(StoreOptions, &'static str)> {
    let refuse = |error| misuse(py, error);
    let mut options = StoreOptions::new();
    let mut mode = MODES[0];
    let (mut reads, mut writes) = (StoreOptions::READ_TIMEOUT, StoreOptions::WRITE_TIMEOUT);
    for (name, value) in read::stated(verb, "StoreOptions", keywords)? {
        let value = &value;
        options = match name.as_str() {
            "mode" => {
                mode = read::word("mode", value, mode_of, "shared, exclusive, readonly")?;
                options
            }
            "prefix" => options.prefix(text("prefix", value)?).map_err(refuse)?,
            "pepper" => options.pepper(read::pepper(value)?),
            "retired_pepper" => {
                let retired = read::peppers(value)?.into_iter();
                retired.fold(options, StoreOptions::retired_pepper)
            }
            "actor" => options.actor(text("actor", value)?).map_err(refuse)?,
            "policy" => options.policy(read::policy(value)?).map_err(refuse)?,
            "least_sequence" => options.least_sequence(number("least_sequence", value)?),
            "file_mode" => options
                .file_mode(number("file_mode", value)?)
                .map_err(refuse)?,
            "read_timeout" => {
                reads = wait("read_timeout", value)?;
                options
            }
            "write_timeout" => {
                writes = wait("write_timeout", value)?;
                options
            }
            "check_on_open" => {
                let names = "auto, always, never";
                options.check_on_open(read::word("check_on_open", value, check_of, names)?)
            }
            "page_cache_bytes" => options.page_cache_bytes(number("page_cache_bytes", value)?),
            "key_cache_bytes" => options.key_cache_bytes(number("key_cache_bytes", value)?),
            "map_header" => options.map_header(flag("map_header", value)?),
            "flush_every" => options.flush_every(wait("flush_every", value)?),
            "allow_insecure_permissions" => {
                options.allow_insecure_permissions(flag("allow_insecure_permissions", value)?)
            }
            "allow_network_file_system" => {
                options.allow_network_file_system(flag("allow_network_file_system", value)?)
            }
            "clock" => match value.cast::<ManualClock>() {
                Ok(manual) => options.clock(manual.get().clock.clone()),
                Err(_) => return Err(read::wrong_type("clock", "a keyfob.ManualClock", value)),
            },
            unknown => return Err(read::unexpected(verb, unknown)),
        };
    }
    let options = options
        .exclusive(mode == "exclusive")
        .read_only(mode == "readonly")
        .timeouts(reads, writes);
    Ok((options, mode))
}

fn mode_of(name: &str) -> Option<&'static str> {
    MODES.into_iter().find(|known| *known == name)
}

fn check_of(name: &str) -> Option<CheckOnOpen> {
    match name {
        "auto" => Some(CheckOnOpen::Auto),
        "always" => Some(CheckOnOpen::Always),
        "never" => Some(CheckOnOpen::Never),
        _ => None,
    }
}

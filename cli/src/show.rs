//! `keyfob show`: a key, for people.

use clap::Args;
use keyfob::{KeyInfo, SecretUse};

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::table::{self, BY_PROJECT};
use crate::text::counted;
use crate::view::KeyView;
use crate::when::{length, now, relative, shown, shown_with_distance};

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The keys
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
}

/// Values with blanks between them, or a dash where there is none.
pub(crate) fn joined(values: impl Iterator<Item = impl ToString>) -> String {
    let all: Vec<String> = values.map(|value| value.to_string()).collect();
    if all.is_empty() {
        "-".to_owned()
    } else {
        all.join(" ")
    }
}

fn used(used: &SecretUse) -> String {
    match used.last_used_at {
        None => "never".to_owned(),
        Some(at) => format!("{}, {}", shown_with_distance(at), counted(used.uses, "use")),
    }
}

/// The state, and whether it is so because of the project: `disabled (project)`.
pub(crate) fn state(key: &KeyInfo) -> String {
    let why = if key.state_by_project { BY_PROJECT } else { "" };
    format!("{}{why}", key.state.name())
}

/// What there is to know of a key, a line each.
pub(crate) fn rows(key: &KeyInfo) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("id", key.id.to_string()),
        ("hint", key.hint.clone()),
        ("name", key.name.clone()),
        ("state", state(key)),
        ("scopes", joined(key.scopes.iter())),
        ("project", key.project.clone().unwrap_or_default()),
        ("environment", key.environment.to_string()),
        ("owner", key.owner.clone().unwrap_or_default()),
        ("created", shown_with_distance(key.created_at)),
        ("updated", shown_with_distance(key.updated_at)),
        (
            "expires",
            key.expires_at
                .map_or_else(|| "never".to_owned(), shown_with_distance),
        ),
        (
            "not before",
            key.not_before.map(shown_with_distance).unwrap_or_default(),
        ),
        ("last used", used(&key.all_uses())),
        ("secret made", shown_with_distance(key.rotated_at)),
    ];
    if key.all_uses() != key.used {
        rows.push(("secret last used", used(&key.used)));
    }
    if key.imported {
        rows.push((
            "secret",
            "imported, becomes native when the key is rotated".to_owned(),
        ));
    }
    if let Some(old) = &key.old_secret {
        rows.push((
            "old secret",
            format!("good until {}", shown_with_distance(old.grace_expires_at)),
        ));
        rows.push(("old secret last used", used(&old.used)));
    }
    if let Some(at) = key.rotation_due_at {
        let after = key.rotation_due_after.map(length).unwrap_or_default();
        rows.push((
            "rotation due",
            format!("{} (every {after})", relative(at, now())),
        ));
    }
    if let Some(revocation) = &key.revocation {
        rows.push(("revoked", shown_with_distance(revocation.at)));
        rows.push(("reason", revocation.reason.name().to_owned()));
        rows.push(("note", revocation.note.clone().unwrap_or_default()));
    }
    if !key.ip_list.is_empty() {
        rows.push(("addresses", joined(key.ip_list.iter())));
    }
    if !key.tags.is_empty() {
        rows.push(("tags", joined(key.tags.iter())));
    }
    rows.extend(
        key.metadata
            .iter()
            .map(|(name, value)| ("meta", format!("{name}={value}"))),
    );
    rows.push(("sequence", key.sequence.to_string()));
    rows
}

pub(crate) fn run(args: &ShowArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        for (at, name) in args.keys.iter().enumerate() {
            let key = store.get(store.resolve(name)?)?;
            if session.screen.json {
                session.screen.document(&KeyView::from(&key))?;
            } else {
                if at > 0 {
                    session.screen.line("");
                }
                table::details(session.screen, &rows(&key));
            }
        }
        Ok(Exit::Done)
    })
}

/// A time of a table: how far away, or a dash.
pub(crate) fn distance(at: Option<keyfob::Timestamp>, none: &str) -> String {
    at.map_or_else(|| none.to_owned(), |at| relative(at, now()))
}

/// A time alone, for lines of a log.
pub(crate) fn moment(milliseconds: i64) -> String {
    shown(keyfob::Timestamp::from_unix(milliseconds.div_euclid(1_000)))
}

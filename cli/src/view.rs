//! The documents of `--json`, as `docs/cli-json.md` describes them. Every member is always there;
//! times are RFC 3339 in UTC, durations whole seconds.

use std::collections::{BTreeMap, BTreeSet};

use keyfob::{
    Event, EventKind, KeyField, KeyInfo, KeyTerms, ProjectField, ProjectInfo, Scope, ScopeSet,
    SecretUse, Subject, Timestamp,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::when::{rfc3339, rfc3339_ms};

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(rfc3339)
}

/// When a secret was used.
#[derive(Serialize)]
pub(crate) struct UseView {
    last_used_at: Option<String>,
    uses: u64,
}

impl From<SecretUse> for UseView {
    fn from(used: SecretUse) -> Self {
        UseView {
            last_used_at: time(used.last_used_at),
            uses: used.uses,
        }
    }
}

#[derive(Serialize)]
struct OldSecretView {
    grace_expires_at: String,
    used: UseView,
}

#[derive(Serialize)]
struct RevocationView<'a> {
    at: String,
    reason: &'static str,
    note: Option<&'a str>,
}

/// A key.
#[derive(Serialize)]
pub(crate) struct KeyView<'a> {
    id: String,
    hint: &'a str,
    name: &'a str,
    state: &'static str,
    state_by_project: bool,
    scopes: Vec<&'a str>,
    project: Option<&'a str>,
    environment: &'a str,
    owner: Option<&'a str>,
    created_at: String,
    updated_at: String,
    expires_at: Option<String>,
    not_before: Option<String>,
    last_used_at: Option<String>,
    metadata: &'a BTreeMap<String, String>,
    tags: &'a BTreeSet<String>,
    ip_list: Vec<String>,
    rotated_at: String,
    rotation_due_after: Option<i64>,
    rotation_due_at: Option<String>,
    used: UseView,
    old_secret: Option<OldSecretView>,
    used_before: UseView,
    revocation: Option<RevocationView<'a>>,
    imported: bool,
    sequence: u64,
}

impl<'a> From<&'a KeyInfo> for KeyView<'a> {
    fn from(key: &'a KeyInfo) -> Self {
        KeyView {
            id: key.id.to_string(),
            hint: &key.hint,
            name: &key.name,
            state: key.state.name(),
            state_by_project: key.state_by_project,
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            project: key.project.as_deref(),
            environment: key.environment.as_str(),
            owner: key.owner.as_deref(),
            created_at: rfc3339(key.created_at),
            updated_at: rfc3339(key.updated_at),
            expires_at: time(key.expires_at),
            not_before: time(key.not_before),
            last_used_at: time(key.last_used_at()),
            metadata: &key.metadata,
            tags: &key.tags,
            ip_list: key.ip_list.iter().map(ToString::to_string).collect(),
            rotated_at: rfc3339(key.rotated_at),
            rotation_due_after: key.rotation_due_after,
            rotation_due_at: time(key.rotation_due_at),
            used: key.used.into(),
            old_secret: key.old_secret.map(|old| OldSecretView {
                grace_expires_at: rfc3339(old.grace_expires_at),
                used: old.used.into(),
            }),
            used_before: key.used_before.into(),
            revocation: key.revocation.as_ref().map(|revocation| RevocationView {
                at: rfc3339(revocation.at),
                reason: revocation.reason.name(),
                note: revocation.note.as_deref(),
            }),
            imported: key.imported,
            sequence: key.sequence,
        }
    }
}

/// A key with its new token, the only place that ever holds it.
#[derive(Serialize)]
pub(crate) struct IssuedView<'a> {
    pub(crate) key: KeyView<'a>,
    pub(crate) token: Option<&'a str>,
    pub(crate) replayed: bool,
    /// Of a rotation alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grace_cut: Option<bool>,
}

/// A project.
#[derive(Serialize)]
pub(crate) struct ProjectView<'a> {
    id: String,
    name: &'a str,
    scopes: Vec<&'a str>,
    owner: Option<&'a str>,
    enabled: bool,
    deleted_at: Option<String>,
    created_at: String,
    updated_at: String,
}

impl<'a> From<&'a ProjectInfo> for ProjectView<'a> {
    fn from(project: &'a ProjectInfo) -> Self {
        ProjectView {
            id: project.id.to_string(),
            name: &project.name,
            scopes: project.scopes.iter().map(Scope::as_str).collect(),
            owner: project.owner.as_deref(),
            enabled: project.enabled,
            deleted_at: time(project.deleted_at),
            created_at: rfc3339(project.created_at),
            updated_at: rfc3339(project.updated_at),
        }
    }
}

/// An event.
#[derive(Serialize)]
pub(crate) struct EventView<'a> {
    sequence: u64,
    at: String,
    actor: &'a str,
    event: &'static str,
    key: Option<String>,
    project: Option<String>,
    project_name: Option<&'a str>,
    details: Map<String, Value>,
    hash: String,
}

impl<'a> EventView<'a> {
    /// The event, with the name of the project that it is about, as far as it is known.
    pub(crate) fn new(event: &'a Event, project_name: Option<&'a str>) -> Self {
        let (key, project) = match event.subject {
            Subject::Key(id) => (Some(id.to_string()), None),
            Subject::Project(id) => (None, Some(id.to_string())),
            _ => (None, None),
        };
        EventView {
            sequence: event.sequence,
            at: rfc3339_ms(event.at_ms),
            actor: &event.actor,
            event: event.kind.name(),
            key,
            project,
            project_name,
            details: details(&event.kind),
            hash: hex::encode(event.hash),
        }
    }
}

fn scopes(scopes: &ScopeSet) -> Value {
    scopes.iter().map(Scope::as_str).collect()
}

fn addresses(list: &[impl ToString]) -> Value {
    list.iter().map(ToString::to_string).collect()
}

fn terms(key: &KeyTerms) -> Value {
    json!({
        "name": key.name,
        "scopes": scopes(&key.scopes),
        "project": key.project.map(|id| id.to_string()),
        "environment": key.environment.as_str(),
        "owner": key.owner,
        "expires_at": time(key.expires_at),
        "not_before": time(key.not_before),
        "ip_list": addresses(&key.ip_list),
    })
}

/// The new value of a field of a key; none where the log does not say it.
fn key_value(field: &KeyField) -> Option<Value> {
    Some(match field {
        KeyField::Name(name) => json!(name),
        KeyField::Scopes(set) => scopes(set),
        KeyField::Owner(owner) => json!(owner),
        KeyField::ExpiresAt(at) | KeyField::NotBefore(at) => json!(time(*at)),
        KeyField::IpList(list) => addresses(list),
        KeyField::RotationDueAfter(seconds) => json!(seconds),
        _ => return None,
    })
}

fn project_value(field: &ProjectField) -> Option<Value> {
    Some(match field {
        ProjectField::Scopes(set) => scopes(set),
        ProjectField::Owner(owner) => json!(owner),
        _ => return None,
    })
}

/// The names of changed fields, and the new values of those that the log has.
fn changes(fields: impl Iterator<Item = (&'static str, Option<Value>)>) -> Value {
    let (mut names, mut values) = (Vec::new(), Map::new());
    for (name, value) in fields {
        names.push(name);
        values.extend(value.map(|value| (name.to_owned(), value)));
    }
    json!({ "fields": names, "values": values })
}

/// What an event says beyond its name.
pub(crate) fn details(kind: &EventKind) -> Map<String, Value> {
    let value = match kind {
        EventKind::StoreCreated { policy: set } | EventKind::PolicyChanged { policy: set } => {
            json!({ "policy": crate::policy::document(set) })
        }
        EventKind::KeyCreated { key, within } => {
            let mut value = terms(key);
            value["within"] = json!(within.map(|id| id.to_string()));
            value
        }
        EventKind::KeyImported { key } => terms(key),
        EventKind::ProjectCreated {
            name,
            scopes: set,
            owner,
        } => {
            json!({ "name": name, "scopes": scopes(set), "owner": owner })
        }
        EventKind::KeyUpdated { changed } => {
            changes(changed.iter().map(|field| (field.name(), key_value(field))))
        }
        EventKind::ProjectUpdated { changed, .. } => changes(
            changed
                .iter()
                .map(|field| (field.name(), project_value(field))),
        ),
        EventKind::KeyRevoked { reason, note } => json!({ "reason": reason.name(), "note": note }),
        EventKind::KeyRotated {
            generation,
            grace_expires_at,
        } => {
            json!({ "generation": generation, "grace_expires_at": time(*grace_expires_at) })
        }
        EventKind::ClockReset { from, to } => json!({ "from": rfc3339(*from), "to": rfc3339(*to) }),
        EventKind::LogPruned { through } => json!({ "through": through }),
        EventKind::Restored {
            sequence_before,
            backup_sequence,
            keys,
        } => json!({
            "sequence_before": sequence_before,
            "backup_sequence": backup_sequence,
            "keys": keys,
        }),
        EventKind::KeyRestored { key, disabled } => {
            let mut value = terms(key);
            value["disabled"] = json!(disabled);
            value
        }
        EventKind::ProjectRestored {
            name,
            scopes: set,
            owner,
            enabled,
            deleted,
        } => json!({
            "name": name,
            "scopes": scopes(set),
            "owner": owner,
            "enabled": enabled,
            "deleted": deleted,
        }),
        // The rest have no details; what is yet to come is named, at least.
        _ => json!({}),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

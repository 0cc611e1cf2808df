//! The shared vectors of verdicts, which the suites of the other languages read too.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Home, at, code, environment, scopes, with_environment, with_wrong_secret};
use keyfob::{
    Change, Code, Expiry, KeyId, KeyUpdate, NewProject, ProjectUpdate, Prune, Requirement, Revoke,
    Rotate, ScopeSet,
};
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../tests/vectors/verdicts.json")).expect("JSON")
}

fn text<'a>(row: &'a Value, member: &str) -> Option<&'a str> {
    row.get(member)?.as_str()
}

fn texts<'a>(row: &'a Value, member: &str) -> Vec<&'a str> {
    let all = row.get(member).and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn named(row: &Value, member: &str) -> String {
    text(row, member)
        .unwrap_or_else(|| panic!("{member} in {row}"))
        .to_owned()
}

/// No member but these, so that a misspelt one is not passed over.
fn known(row: &Value, members: &[&str]) {
    for name in row.as_object().expect("an object").keys() {
        assert!(members.contains(&name.as_str()), "{name} in {row}");
    }
}

fn set(row: &Value) -> ScopeSet {
    scopes(&texts(row, "scopes"))
}

/// The store that the vectors describe, and its tokens by name.
fn build(vectors: &Value) -> (Home, BTreeMap<String, String>) {
    let home = Home::new();
    assert_eq!(vectors["start"].as_i64(), Some(common::START));
    assert_eq!(text(vectors, "prefix"), Some("acme"));
    let mut tokens = BTreeMap::new();
    let mut ids: BTreeMap<String, KeyId> = BTreeMap::new();
    let create_project = |row: &Value, member: &str| {
        let mut new = NewProject::new(named(row, member));
        new.scopes = set(row);
        new.owner = text(row, "owner").map(str::to_owned);
        home.store.create_project(&new).expect("a project");
    };
    for row in vectors["projects"].as_array().expect("projects") {
        known(row, &["name", "scopes", "owner"]);
        create_project(row, "name");
    }
    for row in vectors["keys"].as_array().expect("keys") {
        known(
            row,
            &[
                "ref",
                "scopes",
                "project",
                "environment",
                "owner",
                "expires_at",
                "not_before",
                "ip_list",
            ],
        );
        let name = named(row, "ref");
        let (id, token) = home.key(|new| {
            new.name.clone_from(&name);
            new.scopes = set(row);
            new.project = text(row, "project").map(str::to_owned);
            new.owner = text(row, "owner").map(str::to_owned);
            new.ip_list = texts(row, "ip_list")
                .iter()
                .map(|r| r.parse().expect("a range"))
                .collect();
            new.not_before = row.get("not_before").and_then(Value::as_i64).map(at);
            if let Some(offset) = row.get("expires_at").and_then(Value::as_i64) {
                new.expires = Expiry::At(at(offset));
            }
            if let Some(text) = text(row, "environment") {
                new.environment = environment(text);
            }
        });
        assert!(
            tokens
                .insert(name.clone(), token.expose().to_owned())
                .is_none(),
            "{name} twice"
        );
        ids.insert(name, id);
    }
    for row in vectors["operations"].as_array().expect("operations") {
        known(
            row,
            &[
                "op",
                "key",
                "grace",
                "token",
                "seconds",
                "project",
                "scopes",
                "owner",
                "expires_at",
            ],
        );
        let key = || ids[&named(row, "key")];
        let project = || named(row, "project");
        match named(row, "op").as_str() {
            "rotate" => {
                let grace = row["grace"].as_i64().expect("a grace");
                let rotated = home
                    .store
                    .rotate(key(), &Rotate::with_grace(grace))
                    .expect("rotates");
                let token = rotated.token.expect("shown once").expose().to_owned();
                tokens.insert(named(row, "token"), token);
            }
            "finish_rotation" => drop(home.store.finish_rotation(key()).expect("finishes")),
            "disable" => drop(home.store.disable(key()).expect("disables")),
            "enable" => drop(home.store.enable(key()).expect("enables")),
            "revoke" => drop(
                home.store
                    .revoke(key(), &Revoke::default())
                    .expect("revokes"),
            ),
            "update_key" => {
                let mut update = KeyUpdate::default();
                let offset = row["expires_at"].as_i64().expect("an expiry");
                update.expires = Change::Set(Expiry::At(at(offset)));
                home.store.update(key(), &update).expect("updates");
            }
            "advance" => home
                .clock
                .advance(row["seconds"].as_i64().expect("seconds")),
            "prune" => {
                let mut prune = Prune::default();
                prune.revoked_before = Some(home.clock.now());
                home.store.prune(&prune).expect("prunes");
            }
            "create_project" => create_project(row, "project"),
            "update_project" => {
                let mut update = ProjectUpdate::default();
                update.scopes = Change::Set(set(row));
                home.store
                    .update_project(&project(), &update)
                    .expect("updates");
            }
            "disable_project" => drop(home.store.disable_project(&project()).expect("disables")),
            "delete_project" => drop(home.store.delete_project(&project()).expect("deletes")),
            other => panic!("no operation {other}"),
        }
    }
    (home, tokens)
}

fn altered(token: &str, how: Option<&str>) -> String {
    let last = token.len() - 1;
    match how {
        None => token.to_owned(),
        Some("cut") => token[..last].to_owned(),
        Some("checksum") => {
            format!(
                "{}{}",
                &token[..last],
                if token.ends_with('0') { "1" } else { "0" }
            )
        }
        Some("blank") => format!(" {token}"),
        Some("prefix") => format!("b{}", &token[1..]),
        Some("nothing") => String::new(),
        Some("secret") => with_wrong_secret(token),
        Some("environment") => with_environment(token, "test", "live"),
        Some(other) => panic!("no alteration {other}"),
    }
}

fn requirement(row: &Value) -> Requirement {
    known(
        row,
        &["all", "any", "project", "environment", "owner", "ip"],
    );
    let mut requirement = Requirement::new()
        .scopes(texts(row, "all"))
        .expect("scopes");
    if row.get("any").is_some() {
        requirement = requirement.any_scopes(texts(row, "any")).expect("scopes");
    }
    requirement = match text(row, "project") {
        None => requirement,
        Some("*") => requirement.any_project(),
        Some(name) => requirement.project(name).expect("a project"),
    };
    requirement = match text(row, "environment") {
        None => requirement,
        Some("*") => requirement.any_environment(),
        Some(name) => requirement.environment(environment(name)),
    };
    if let Some(owner) = text(row, "owner") {
        requirement = requirement.owner(owner).expect("an owner");
    }
    match text(row, "ip") {
        None => requirement,
        Some(ip) => requirement.ip(ip.parse().expect("an address")),
    }
}

#[test]
fn every_verdict_of_the_shared_vectors_holds() {
    let vectors = vectors();
    let (home, tokens) = build(&vectors);
    let cases = vectors["cases"].as_array().expect("cases");
    let mut met = BTreeSet::new();
    let mut names = BTreeSet::new();
    for row in cases {
        known(
            row,
            &[
                "case",
                "token",
                "alter",
                "requirement",
                "at",
                "expected",
                "code",
            ],
        );
        let case = named(row, "case");
        assert!(names.insert(case.clone()), "{case} stands twice");
        let token = altered(&tokens[&named(row, "token")], text(row, "alter"));
        let when = at(row["at"].as_i64().expect("a time"));
        let answer = code(
            &home
                .store
                .verify_at(token, &requirement(&row["requirement"]), when),
        );
        assert_eq!(answer.name(), named(row, "expected"), "{case}");
        assert_eq!(
            Some(u64::from(answer.number())),
            row["code"].as_u64(),
            "{case}"
        );
        met.insert(answer);
    }
    assert!(cases.len() >= 60);
    for expected in Code::ALL
        .iter()
        .filter(|code| code.is_denial() || **code == Code::OK)
    {
        assert!(met.contains(expected), "no case answers {expected:?}");
    }
}

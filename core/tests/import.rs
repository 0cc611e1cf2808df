//! Import through the public API: keys of every format go on working as they were issued, have
//! what native keys have, and nothing that was refused, revoked or pruned comes in by it.

use std::path::Path;

use keyfob::{
    Change, Clock, Code, Denied, Environment, Expiry, Filter, ForeignFormat, ImportDefaults,
    Imported, KeyId, KeyState, KeyUpdate, MatchedSecret, NewProject, PageRequest, Pepper, Policy,
    Prune, Reason, Requirement, Revoke, Rotate, ScopeSet, Store, StoreOptions, Timestamp,
    VerifyError,
};
use prefixed_api_key::PrefixedApiKeyController;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Within the life of the rows that the real packages made, and after the end of those that were
/// made expired.
const NOW: i64 = 1_795_600_000;

const KEY: &str = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";

fn options(clock: &Clock) -> StoreOptions {
    let options = StoreOptions::new().prefix("acme").unwrap();
    options.actor("importer").unwrap().clock(clock.clone())
}

fn clock() -> Clock {
    Clock::manual(Timestamp::from_unix(NOW))
}

struct Home {
    store: Store,
    clock: Clock,
    folder: tempfile::TempDir,
}

fn home() -> Home {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = options(&clock).create(folder.path().join("keys")).unwrap();
    Home {
        store,
        clock,
        folder,
    }
}

fn defaults() -> ImportDefaults {
    ImportDefaults::default()
}

fn import(store: &Store, format: ForeignFormat, lines: &[&str]) -> Imported {
    let imported = store.import(format, lines, &defaults()).unwrap();
    assert!(imported.stopped.is_none(), "{imported:?}");
    assert_eq!(imported.results.len(), lines.len());
    imported
}

fn one(store: &Store, format: ForeignFormat, line: &str) -> Result<KeyId, keyfob::Error> {
    import(store, format, &[line]).results.remove(0)
}

fn refusal(store: &Store, format: ForeignFormat, line: &str) -> Code {
    one(store, format, line).unwrap_err().code()
}

/// What a verification that asks for nothing answers.
fn answer(store: &Store, text: impl AsRef<[u8]>) -> Result<KeyId, Denied> {
    answer_to(store, text, &Requirement::new())
}

fn answer_to(
    store: &Store,
    text: impl AsRef<[u8]>,
    requirement: &Requirement,
) -> Result<KeyId, Denied> {
    match store.verify(text, requirement) {
        Ok(verified) => Ok(verified.key_id()),
        Err(VerifyError::Denied(denied)) => Err(denied),
        Err(other) => panic!("{other}"),
    }
}

/// Every string that differs from a key in one character, or has one more or one less.
fn neighbours(key: &str) -> Vec<Vec<u8>> {
    let key = key.as_bytes();
    let mut all = vec![[key, b"x"].concat(), [b"x", key].concat()];
    for at in 0..key.len() {
        let mut other = key.to_vec();
        other[at] ^= 1;
        all.push(other);
        all.push([&key[..at], &key[at + 1..]].concat());
    }
    all.retain(|other| other != key);
    all
}

/// A key goes in, its holder's string verifies, and no other string does.
fn accepts_only(store: &Store, id: KeyId, key: &str) {
    assert_eq!(answer(store, key), Ok(id), "{key}");
    for other in neighbours(key) {
        let text = String::from_utf8_lossy(&other).into_owned();
        assert_eq!(answer(store, &other), Err(Denied::NotFound), "{text}");
    }
}

fn hex_sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn sanctum_row(id: u64, hashed: &str) -> String {
    json!({
        "id": id, "tokenable_type": "App\\Models\\User", "tokenable_id": 7, "name": "phone",
        "token": hex_sha256(hashed), "abilities": ["orders:read"], "expires_at": null,
        "created_at": "2025-01-01T00:00:00.000000Z",
    })
    .to_string()
}

fn unkey_row(key: &str) -> String {
    use base64::Engine as _;
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(key));
    json!({
        "keyId": "key_2cGKbMxRyIzhCxo1Idjz8q",
        "hash": {"value": hash, "variant": "sha256_base64"},
        "name": "payments", "externalId": "user_1234", "permissions": ["documents.read"],
        "expires": 1_893_456_000_000_i64, "enabled": true, "meta": {"plan": "pro"},
    })
    .to_string()
}

#[test]
fn keys_of_the_real_django_packages_go_on_working_exactly_where_the_packages_say_so() {
    let rows: Value = serde_json::from_str(include_str!("../testdata/foreign_rows.json")).unwrap();
    for format in [ForeignFormat::DrfApiKey, ForeignFormat::Knox] {
        let Home {
            store,
            folder: _folder,
            ..
        } = home();
        let rows = rows[format.name()].as_array().unwrap();
        let lines: Vec<String> = rows.iter().map(|made| made["row"].to_string()).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let imported = import(&store, format, &lines);
        let (mut good, mut ended) = (0, 0);
        for (made, result) in rows.iter().zip(imported.results) {
            let (id, key) = (result.unwrap(), made["key"].as_str().unwrap());
            let info = store.get(id).unwrap();
            assert!(info.imported);
            if made["works"].as_bool().unwrap() {
                accepts_only(&store, id, key);
                assert_eq!(info.state, KeyState::Active);
                good += 1;
            } else {
                let denied = answer(&store, key).unwrap_err();
                let state = match denied {
                    Denied::Revoked => KeyState::Revoked,
                    Denied::Expired => KeyState::Expired,
                    other => panic!("{other}"),
                };
                assert_eq!(info.state, state, "{made}");
                ended += 1;
            }
        }
        assert!(good > 0 && ended > 0, "{format}");
    }
}

#[test]
fn keys_that_django_hashed_slowly_are_refused() {
    let rows: Value = serde_json::from_str(include_str!("../testdata/foreign_rows.json")).unwrap();
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    for made in rows["drf-api-key-refused"].as_array().unwrap() {
        let line = made["row"].to_string();
        let refused = refusal(&store, ForeignFormat::DrfApiKey, &line);
        assert_eq!(refused, Code::NOT_IMPORTABLE);
    }
}

#[test]
fn keys_of_the_real_prefixed_api_key_crate_go_on_working() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let controller = PrefixedApiKeyController::configure()
        .prefix("mycompany".to_owned())
        .seam_defaults()
        .finalize()
        .unwrap();
    for _ in 0..5 {
        let (key, hash) = controller.generate_key_and_hash();
        assert!(controller.check_hash(&key, &hash));
        let line = json!({
            "prefix": key.prefix(), "short_token": key.short_token(), "long_token_hash": hash,
        });
        let id = one(&store, ForeignFormat::PrefixedApiKey, &line.to_string()).unwrap();
        accepts_only(&store, id, &key.to_string());
        let name = format!("imported {}", key.short_token());
        assert_eq!(store.get(id).unwrap().name, name);
    }
}

#[test]
fn every_other_format_goes_on_working() {
    use base64::Engine as _;
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let key = |n: u8| format!("{KEY}{n}{n}");
    let base64 = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(key(3)));
    let hashed = "acme_Zy3rPqX0aTtq9YwLk5sJd2mVb8nCf1Hg4uRe7xKoab12cd34";
    for (format, line, presented) in [
        (ForeignFormat::Raw, key(1), key(1)),
        (ForeignFormat::Sha256Hex, hex_sha256(&key(2)), key(2)),
        (ForeignFormat::Sha256Base64, base64, key(3)),
        (
            ForeignFormat::Sanctum,
            sanctum_row(74, hashed),
            format!("74|{hashed}"),
        ),
        (ForeignFormat::Unkey, unkey_row(&key(4)), key(4)),
    ] {
        let id = one(&store, format, &line).unwrap();
        accepts_only(&store, id, &presented);
    }
}

#[test]
fn what_a_line_says_is_taken_over_and_what_it_does_not_say_comes_from_the_defaults() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    store
        .create_project(&{
            let mut project = NewProject::new("web");
            project.scopes = ScopeSet::parse(["documents.read", "orders:*"]).unwrap();
            project.owner = Some("org_1".into());
            project
        })
        .unwrap();
    let mut defaults = defaults();
    defaults.name = Some("from the old system".into());
    defaults.scopes = ScopeSet::parse(["orders:read"]).unwrap();
    defaults.project = Some("web".into());
    defaults.environment = Some(Environment::parse("test").unwrap());
    defaults.expires = Expiry::In(100);
    defaults.tags = ["old".to_owned()].into();
    let mut ids = Vec::new();
    for (format, line) in [
        (ForeignFormat::Unkey, unkey_row("a")),
        (ForeignFormat::Raw, KEY.to_owned()),
    ] {
        let mut imported = store.import(format, &[&line], &defaults).unwrap();
        ids.push(imported.results.remove(0).unwrap());
    }
    let said = store.get(ids[0]).unwrap();
    assert_eq!(said.name, "payments");
    assert_eq!(said.owner.as_deref(), Some("user_1234"));
    assert_eq!(said.scopes, ScopeSet::parse(["documents.read"]).unwrap());
    assert_eq!(said.expires_at, Some(Timestamp::from_unix(1_893_456_000)));
    assert_eq!(said.metadata["plan"], "pro");
    assert_eq!(said.metadata["imported_id"], "key_2cGKbMxRyIzhCxo1Idjz8q");
    let unsaid = store.get(ids[1]).unwrap();
    assert_eq!(unsaid.name, "from the old system");
    assert_eq!(unsaid.owner.as_deref(), Some("org_1"), "of the project");
    assert_eq!(unsaid.scopes, defaults.scopes);
    assert_eq!(unsaid.expires_at, Some(Timestamp::from_unix(NOW + 100)));
    for info in [said, unsaid] {
        assert_eq!(info.project.as_deref(), Some("web"));
        assert_eq!(info.environment.as_str(), "test");
        assert!(info.tags.contains("old") && info.imported);
        assert_eq!(info.updated_at, Timestamp::from_unix(NOW));
    }
}

#[test]
fn an_empty_list_of_scopes_is_nothing_and_not_the_default() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let mut defaults = defaults();
    defaults.scopes = ScopeSet::parse(["*"]).unwrap();
    let line = json!({"key": KEY, "scopes": []}).to_string();
    let mut imported = store
        .import(ForeignFormat::Raw, &[&line], &defaults)
        .unwrap();
    let info = store.get(imported.results.remove(0).unwrap()).unwrap();
    assert_eq!(info.scopes, ScopeSet::empty());
}

#[test]
fn a_key_keeps_when_it_was_created_unless_that_lies_ahead() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let id = |key: &str, created_at: i64| {
        let line = json!({"key": key, "created_at": created_at}).to_string();
        one(&store, ForeignFormat::Raw, &line).unwrap()
    };
    let before = store.get(id(KEY, 1_600_000_000)).unwrap();
    assert_eq!(before.created_at, Timestamp::from_unix(1_600_000_000));
    assert_eq!(before.rotated_at, before.created_at, "so is its secret");
    assert_eq!(before.updated_at, Timestamp::from_unix(NOW));
    let ahead = store.get(id(&format!("{KEY}x"), NOW + 5)).unwrap();
    assert_eq!(ahead.created_at, Timestamp::from_unix(NOW));
    let mut filter = Filter::default();
    filter.created_before = Some(Timestamp::from_unix(1_700_000_000));
    let page = store.list(&filter, &PageRequest::default()).unwrap();
    assert_eq!(page.keys.len(), 1);
}

#[test]
fn a_refused_line_refuses_only_itself() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let again = hex_sha256(KEY);
    let lines = [
        KEY.to_owned(),
        "password".to_owned(),
        format!("{KEY}2"),
        String::new(),
        KEY.to_owned(),
        json!({"key": format!("{KEY}3"), "scopes": ["no such"]}).to_string(),
        json!({"key": format!("{KEY}4"), "environment": "Live"}).to_string(),
        json!({"key": format!("{KEY}5"), "name": "n".repeat(201)}).to_string(),
        json!({"key": format!("{KEY}6"), "owner": "a\u{7}b"}).to_string(),
        json!({"key": format!("{KEY}7"), "metadata": {"k": "v".repeat(513)}}).to_string(),
        json!({"key": format!("{KEY}8"), "name": "n".repeat(200)}).to_string(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let imported = import(&store, ForeignFormat::Raw, &lines);
    let codes: Vec<_> = imported
        .results
        .iter()
        .map(|result| {
            result
                .as_ref()
                .map_or_else(keyfob::Error::code, |_| Code::OK)
        })
        .collect();
    let expected = [
        Code::OK,
        Code::NOT_IMPORTABLE,
        Code::OK,
        Code::NOT_IMPORTABLE,
        Code::DIGEST_TAKEN,
        Code::INVALID_SCOPE,
        Code::INVALID_ARGUMENT,
        Code::LIMIT_EXCEEDED,
        Code::INVALID_ARGUMENT,
        Code::LIMIT_EXCEEDED,
        Code::OK,
    ];
    assert_eq!(codes, expected);
    let first = *imported.results[0].as_ref().unwrap();
    let taken = imported.results[4].as_ref().unwrap_err().to_string();
    assert!(taken.contains(&first.to_string()), "{taken}");
    for error in imported.results.iter().filter_map(|r| r.as_ref().err()) {
        assert!(!error.to_string().contains(KEY), "{error}");
    }
    assert_eq!(
        refusal(&store, ForeignFormat::Sha256Hex, &again),
        Code::DIGEST_TAKEN,
        "in another transaction and format"
    );
    let page = store.list(&Filter::default(), &PageRequest::default());
    assert_eq!(page.unwrap().keys.len(), 3);
}

#[test]
fn a_default_that_can_be_right_for_no_line_refuses_the_whole_import() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let refused = |change: &dyn Fn(&mut ImportDefaults)| {
        let mut defaults = defaults();
        change(&mut defaults);
        let refused = store.import(ForeignFormat::Raw, &[KEY], &defaults);
        refused.unwrap_err().code()
    };
    let code = refused(&|defaults| defaults.name = Some(String::new()));
    assert_eq!(code, Code::INVALID_ARGUMENT);
    let code = refused(&|defaults| defaults.owner = Some("o".repeat(129)));
    assert_eq!(code, Code::LIMIT_EXCEEDED);
    let past = Expiry::At(Timestamp::from_unix(NOW));
    let code = refused(&|defaults| defaults.expires = past);
    assert_eq!(code, Code::INVALID_TIME);
    assert_eq!(answer(&store, KEY), Err(Denied::Malformed));
}

#[test]
fn the_project_must_be_there_enabled_and_admit_the_scopes() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let mut defaults = defaults();
    defaults.project = Some("web".into());
    let all = |defaults: &ImportDefaults| {
        let lines = [
            json!({"key": KEY, "scopes": ["orders:read"]}).to_string(),
            json!({"key": format!("{KEY}2"), "scopes": ["users:read"]}).to_string(),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        store.import(ForeignFormat::Raw, &lines, defaults).unwrap()
    };
    let none = all(&defaults);
    assert!(none.results.is_empty());
    assert_eq!(none.stopped.unwrap().code(), Code::NO_SUCH_PROJECT);
    let mut project = NewProject::new("web");
    project.scopes = ScopeSet::parse(["orders:*"]).unwrap();
    store.create_project(&project).unwrap();
    store.disable_project("web").unwrap();
    let disabled = all(&defaults).stopped.unwrap();
    assert_eq!(disabled.code(), Code::PROJECT_IS_DISABLED);
    store.enable_project("web").unwrap();
    let imported = all(&defaults);
    assert!(imported.stopped.is_none());
    let beyond = imported.results[1].as_ref().unwrap_err();
    assert_eq!(beyond.code(), Code::SCOPE_NOT_ALLOWED);

    let id = *imported.results[0].as_ref().unwrap();
    assert_eq!(answer(&store, KEY), Err(Denied::WrongProject));
    let stated = Requirement::new().project("web").unwrap();
    assert_eq!(answer_to(&store, KEY, &stated), Ok(id));
    store.disable_project("web").unwrap();
    assert_eq!(answer_to(&store, KEY, &stated), Err(Denied::Disabled));
    store.delete_project("web").unwrap();
    assert_eq!(answer_to(&store, KEY, &stated), Err(Denied::Revoked));
}

#[test]
fn a_string_of_the_store_s_own_shape_is_refused_whatever_its_checksum() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let created = store.create(&keyfob::NewKey::new("own")).unwrap();
    let token = created.token.unwrap();
    let own = token.expose().to_owned();
    let mistyped = format!(
        "{}{}",
        &own[..own.len() - 1],
        if own.ends_with('0') { '1' } else { '0' }
    );
    for text in [&own, &mistyped] {
        let refused = one(&store, ForeignFormat::Raw, text).unwrap_err();
        assert_eq!(refused.code(), Code::NOT_IMPORTABLE);
        assert!(!refused.to_string().contains(text.as_str()));
    }
    assert_eq!(
        answer(&store, KEY),
        Err(Denied::Malformed),
        "still a store without imported keys"
    );
}

#[test]
fn the_same_string_under_another_hash_is_the_same_string_where_the_line_shows_it() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let rows: Value = serde_json::from_str(include_str!("../testdata/foreign_rows.json")).unwrap();
    for format in [ForeignFormat::DrfApiKey, ForeignFormat::Knox] {
        let made = &rows[format.name()][0];
        one(&store, format, &made["row"].to_string()).unwrap();
        let key = made["key"].as_str().unwrap();
        assert_eq!(refusal(&store, ForeignFormat::Raw, key), Code::DIGEST_TAKEN);
    }
}

#[test]
fn a_store_without_imported_keys_answers_malformed_and_one_with_some_not_found() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let foreign = format!("{KEY}other");
    assert_eq!(answer(&store, &foreign), Err(Denied::Malformed));
    one(&store, ForeignFormat::Raw, KEY).unwrap();
    assert_eq!(answer(&store, &foreign), Err(Denied::NotFound));
    assert_eq!(answer(&store, "x".repeat(512)), Err(Denied::NotFound));
    assert_eq!(answer(&store, "x".repeat(513)), Err(Denied::Malformed));
    assert_eq!(answer(&store, ""), Err(Denied::Malformed));
    assert_eq!(answer(&store, [0xff, 0, 0x80]), Err(Denied::NotFound));
}

#[test]
fn revoked_expired_and_disabled_rows_come_in_as_what_they_are() {
    let Home {
        store,
        clock,
        folder: _folder,
    } = home();
    let rows: Value = serde_json::from_str(include_str!("../testdata/foreign_rows.json")).unwrap();
    let rows = rows["drf-api-key"].as_array().unwrap();
    let revoked = rows.iter().find(|made| made["row"]["revoked"] == true);
    let revoked = revoked.unwrap();
    let line = revoked["row"].to_string();
    let id = one(&store, ForeignFormat::DrfApiKey, &line).unwrap();
    let key = revoked["key"].as_str().unwrap();
    assert_eq!(answer(&store, key), Err(Denied::Revoked));
    let info = store.get(id).unwrap();
    let revocation = info.revocation.unwrap();
    assert_eq!(revocation.reason, Reason::Unspecified);
    assert_eq!(revocation.at, Timestamp::from_unix(NOW));
    assert_eq!(store.enable(id).unwrap_err().code(), Code::KEY_IS_REVOKED);

    let mut disabled: Value = serde_json::from_str(&unkey_row(KEY)).unwrap();
    disabled["enabled"] = json!(false);
    let id = one(&store, ForeignFormat::Unkey, &disabled.to_string()).unwrap();
    assert_eq!(answer(&store, KEY), Err(Denied::Disabled));
    store.enable(id).unwrap();
    assert_eq!(answer(&store, KEY), Ok(id));

    let expired = format!("{KEY}2");
    let line = json!({"key": expired, "expires_at": NOW}).to_string();
    let id = one(&store, ForeignFormat::Raw, &line).unwrap();
    assert_eq!(answer(&store, &expired), Err(Denied::Expired));
    let mut update = KeyUpdate::default();
    update.expires = Change::Set(Expiry::In(10));
    store.update(id, &update).unwrap();
    assert_eq!(answer(&store, &expired), Ok(id));
    clock.set(Timestamp::from_unix(NOW + 10));
    assert_eq!(answer(&store, &expired), Err(Denied::Expired));
}

#[test]
fn the_policy_is_held_for_what_is_still_good_and_for_nothing_else() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let mut policy = Policy {
        longest_lifetime: Some(1_000),
        most_keys_per_owner: Some(2),
        ..Policy::default()
    };
    let store = options(&clock).policy(policy).unwrap();
    let store = store.create(folder.path().join("keys")).unwrap();
    let line = |n: u32, expires_at: Option<i64>| {
        json!({"key": format!("{KEY}{n}"), "owner": "o", "expires_at": expires_at}).to_string()
    };
    let lines = [
        line(0, None),
        line(1, Some(NOW + 1_001)),
        line(2, Some(NOW - 1)),
        line(3, Some(NOW + 1_000)),
        line(4, Some(NOW - 1)),
        line(5, Some(NOW + 1)),
        line(6, Some(NOW + 1)),
        line(7, Some(NOW - 1)),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let imported = import(&store, ForeignFormat::Raw, &lines);
    let codes: Vec<_> = imported
        .results
        .iter()
        .map(|result| {
            result
                .as_ref()
                .map_or_else(keyfob::Error::code, |_| Code::OK)
        })
        .collect();
    let expected = [
        Code::POLICY_REFUSED,
        Code::POLICY_REFUSED,
        Code::OK,
        Code::OK,
        Code::OK,
        Code::OK,
        Code::TOO_MANY_KEYS,
        Code::OK,
    ];
    assert_eq!(codes, expected);
    let revoked = json!({
        "prefix": "p", "short_token": "s", "long_token_hash": hex_sha256("l"), "owner": "o",
        "revoked": true,
    });
    one(&store, ForeignFormat::PrefixedApiKey, &revoked.to_string()).unwrap();
    assert_eq!(answer(&store, "p_s_l"), Err(Denied::Revoked));
    assert_eq!(
        refusal(&store, ForeignFormat::Raw, &line(8, Some(NOW + 1))),
        Code::TOO_MANY_KEYS,
        "counted over several transactions"
    );

    policy.default_lifetime = Some(500);
    store.set_policy(policy).unwrap();
    let id = one(&store, ForeignFormat::Raw, &format!("{KEY}x")).unwrap();
    let expires_at = store.get(id).unwrap().expires_at;
    assert_eq!(expires_at, Some(Timestamp::from_unix(NOW + 500)));
}

#[test]
fn an_expiry_beyond_the_horizon_is_the_horizon() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let line = json!({"key": KEY, "expires_at": 253_402_300_799_i64}).to_string();
    let id = one(&store, ForeignFormat::Raw, &line).unwrap();
    let horizon = NOW + keyfob::limits::HORIZON_SECONDS;
    let expires_at = store.get(id).unwrap().expires_at.unwrap();
    assert_eq!(expires_at, Timestamp::from_unix(horizon));
}

#[test]
fn an_imported_key_is_disabled_bound_to_addresses_and_revoked_like_any_other() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let id = one(&store, ForeignFormat::Raw, KEY).unwrap();
    store.disable(id).unwrap();
    assert_eq!(answer(&store, KEY), Err(Denied::Disabled));
    store.enable(id).unwrap();
    let mut update = KeyUpdate::default();
    update.ip_list = Change::Set(vec!["10.0.0.0/8".parse().unwrap()]);
    update.scopes = Change::Set(ScopeSet::parse(["a:*"]).unwrap());
    store.update(id, &update).unwrap();
    assert_eq!(answer(&store, KEY), Err(Denied::IpNotAllowed));
    let inside = Requirement::new().ip("10.1.2.3".parse().unwrap());
    assert_eq!(answer_to(&store, KEY, &inside), Ok(id));
    let scoped = inside.clone().scopes(["a:b"]).unwrap();
    assert_eq!(answer_to(&store, KEY, &scoped), Ok(id));
    let beyond = inside.clone().scopes(["b"]).unwrap();
    assert_eq!(
        answer_to(&store, KEY, &beyond),
        Err(Denied::InsufficientScope)
    );
    let test = inside.environment(Environment::parse("test").unwrap());
    assert_eq!(answer_to(&store, KEY, &test), Err(Denied::WrongEnvironment));
    assert_eq!(store.get(id).unwrap().used.uses, 2);
    store.revoke(id, &Revoke::default()).unwrap();
    assert_eq!(answer(&store, KEY), Err(Denied::Revoked));
}

#[test]
fn whoever_holds_the_foreign_string_can_revoke_by_it() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let id = one(&store, ForeignFormat::Raw, KEY).unwrap();
    let wrong = store.revoke_token(format!("{KEY}x"), false, &Revoke::default());
    assert_eq!(wrong.unwrap_err().code(), Code::NOT_FOUND);
    let info = store.revoke_token(KEY, false, &Revoke::default()).unwrap();
    assert_eq!((info.id, info.state), (id, KeyState::Revoked));
    assert_eq!(answer(&store, KEY), Err(Denied::Revoked));
}

#[test]
fn a_rotated_key_is_native_and_its_old_string_works_through_the_grace() {
    let Home {
        store,
        clock,
        folder: _folder,
    } = home();
    let id = one(&store, ForeignFormat::Raw, KEY).unwrap();
    let rotated = store.rotate(id, &Rotate::with_grace(100)).unwrap();
    assert!(!rotated.key.imported);
    let token = rotated.token.unwrap();
    let matched = |text: &str| {
        let verified = store.verify(text, &Requirement::new()).unwrap();
        assert_eq!(verified.key_id(), id);
        verified.matched()
    };
    assert_eq!(matched(KEY), MatchedSecret::Previous);
    assert_eq!(matched(token.expose()), MatchedSecret::Current);
    for other in neighbours(KEY) {
        assert_eq!(answer(&store, &other), Err(Denied::NotFound));
    }
    clock.set(Timestamp::from_unix(NOW + 100));
    assert_eq!(answer(&store, KEY), Err(Denied::Expired));
    assert_eq!(answer(&store, token.expose()), Ok(id));

    let second = store.rotate(id, &Rotate::with_grace(0)).unwrap();
    assert_eq!(answer(&store, KEY), Err(Denied::NotFound));
    assert_eq!(answer(&store, token.expose()), Err(Denied::NotFound));
    assert_eq!(answer(&store, second.token.unwrap().expose()), Ok(id));
    assert_eq!(
        refusal(&store, ForeignFormat::Raw, KEY),
        Code::DIGEST_TAKEN,
        "the string was replaced for good"
    );
}

#[test]
fn the_end_of_a_rotation_ends_the_foreign_string() {
    let Home {
        store,
        folder: _folder,
        ..
    } = home();
    let id = one(&store, ForeignFormat::Raw, KEY).unwrap();
    let rotated = store.rotate(id, &Rotate::with_grace(100)).unwrap();
    store.finish_rotation(id).unwrap();
    assert_eq!(answer(&store, KEY), Err(Denied::NotFound));
    assert_eq!(answer(&store, rotated.token.unwrap().expose()), Ok(id));

    let other = format!("{KEY}2");
    let id = one(&store, ForeignFormat::Raw, &other).unwrap();
    let rotated = store.rotate(id, &Rotate::with_grace(100)).unwrap();
    let info = store.revoke_token(&other, false, &Revoke::default());
    assert_eq!(info.unwrap().state, KeyState::Active, "only the old secret");
    assert_eq!(answer(&store, &other), Err(Denied::NotFound));
    assert_eq!(answer(&store, rotated.token.unwrap().expose()), Ok(id));
}

#[test]
fn a_pruned_key_does_not_come_back() {
    let Home {
        store,
        clock,
        folder: _folder,
    } = home();
    let expired = format!("{KEY}2");
    let line = json!({"key": expired, "expires_at": NOW - 1}).to_string();
    let ids = [
        one(&store, ForeignFormat::Raw, KEY).unwrap(),
        one(&store, ForeignFormat::Raw, &line).unwrap(),
    ];
    store.revoke(ids[0], &Revoke::default()).unwrap();
    clock.set(Timestamp::from_unix(NOW + 10));
    let mut prune = Prune::default();
    prune.revoked_before = Some(Timestamp::from_unix(NOW + 10));
    prune.expired_before = Some(Timestamp::from_unix(NOW + 10));
    assert_eq!(store.prune(&prune).unwrap().keys, 2);
    for (key, id) in [KEY, expired.as_str()].into_iter().zip(ids) {
        assert_eq!(store.get(id).unwrap_err().code(), Code::NO_SUCH_KEY);
        assert_eq!(answer(&store, key), Err(Denied::NotFound));
        let digest = hex_sha256(key);
        for (format, line) in [
            (ForeignFormat::Raw, key),
            (ForeignFormat::Sha256Hex, &*digest),
        ] {
            let refused = one(&store, format, line).unwrap_err();
            assert_eq!(refused.code(), Code::DIGEST_TAKEN);
            assert!(refused.to_string().contains(&id.to_string()));
        }
    }
}

/// The same string under two schemes, by hashes alone, so that no import could tell: the first as
/// SHA-256, the second as SHA-512.
fn imported_twice(store: &Store) -> [KeyId; 2] {
    let sha512 = hex::encode(sha2::Sha512::digest(KEY));
    let row = json!({
        "digest": sha512, "token_key": KEY[..15], "user_id": 1, "created": NOW, "expiry": null,
    });
    let ids = [
        one(store, ForeignFormat::Sha256Hex, &hex_sha256(KEY)).unwrap(),
        one(store, ForeignFormat::Knox, &row.to_string()).unwrap(),
    ];
    assert!(answer(store, KEY).is_ok());
    ids
}

#[test]
fn a_string_that_was_taken_away_under_one_scheme_is_not_good_under_another() {
    type Taken = fn(&Home, KeyId);
    let prune: Taken = |home, id| {
        home.store.revoke(id, &Revoke::default()).unwrap();
        home.clock.advance(1);
        let mut prune = Prune::default();
        prune.revoked_before = Some(home.clock.now());
        assert_eq!(home.store.prune(&prune).unwrap().keys, 1);
    };
    let expire: Taken = |home, id| {
        let mut update = KeyUpdate::default();
        update.expires = Change::Set(Expiry::In(1));
        home.store.update(id, &update).unwrap();
        home.clock.advance(1);
    };
    let ways: [(&str, Taken, Denied); 6] = [
        (
            "revoked",
            |home, id| drop(home.store.revoke(id, &Revoke::default()).unwrap()),
            Denied::Revoked,
        ),
        ("pruned", prune, Denied::NotFound),
        (
            "rotated away",
            |home, id| drop(home.store.rotate(id, &Rotate::with_grace(0)).unwrap()),
            Denied::NotFound,
        ),
        (
            "at the end of its grace",
            |home, id| {
                home.store.rotate(id, &Rotate::with_grace(1)).unwrap();
                home.clock.advance(1);
            },
            Denied::Expired,
        ),
        (
            "disabled",
            |home, id| drop(home.store.disable(id).unwrap()),
            Denied::Disabled,
        ),
        ("expired", expire, Denied::Expired),
    ];
    for (how, take_away, expected) in ways {
        for which in [0, 1] {
            let home = home();
            let ids = imported_twice(&home.store);
            take_away(&home, ids[which]);
            assert_eq!(
                answer(&home.store, KEY),
                Err(expected),
                "{how}, key {which}"
            );
            let explained = home.store.explain(KEY, &Requirement::new()).unwrap();
            assert_eq!(
                explained.outcome.unwrap_err(),
                expected,
                "{how}, key {which}"
            );
        }
    }
}

#[test]
fn revoking_by_a_string_ends_every_key_that_it_opens() {
    for before in [None, Some(0), Some(1)] {
        let Home {
            store,
            folder: _folder,
            ..
        } = home();
        let ids = imported_twice(&store);
        if let Some(which) = before {
            store.revoke(ids[which], &Revoke::default()).unwrap();
        }
        store.revoke_token(KEY, false, &Revoke::default()).unwrap();
        for id in ids {
            assert_eq!(store.get(id).unwrap().state, KeyState::Revoked);
        }
        let again = store.revoke_token(KEY, false, &Revoke::default());
        assert_eq!(again.unwrap_err().code(), Code::NOT_FOUND);
    }
}

#[test]
fn imported_keys_are_found_again_under_a_pepper() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let path = folder.path().join("keys");
    let peppered = || options(&clock).pepper(Pepper::new([7; 32]));
    let store = peppered().create(&path).unwrap();
    let id = one(&store, ForeignFormat::Raw, KEY).unwrap();
    accepts_only(&store, id, KEY);
    store.close().unwrap();
    let store = peppered().open(&path).unwrap();
    accepts_only(&store, id, KEY);
    assert_eq!(refusal(&store, ForeignFormat::Raw, KEY), Code::DIGEST_TAKEN);
}

#[test]
fn the_string_itself_is_nowhere_in_the_file() {
    let Home { store, folder, .. } = home();
    one(&store, ForeignFormat::Raw, KEY).unwrap();
    store.close().unwrap();
    let bytes = std::fs::read(folder.path().join("keys")).unwrap();
    assert!(!bytes.windows(16).any(|part| part == &KEY.as_bytes()[8..24]));
}

#[test]
fn a_long_import_goes_in_by_several_transactions_in_the_order_of_its_lines() {
    let Home { store, folder, .. } = home();
    let lines: Vec<String> = (0..25_000)
        .map(|n| match n {
            12_345 => "no digest".to_owned(),
            20_001 => hex_sha256("key 3"),
            n => json!({"digest": hex_sha256(&format!("key {n}")), "name": n.to_string()})
                .to_string(),
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let imported = import(&store, ForeignFormat::Sha256Hex, &lines);
    for (n, result) in imported.results.iter().enumerate() {
        match n {
            12_345 => assert_eq!(result.as_ref().unwrap_err().code(), Code::NOT_IMPORTABLE),
            20_001 => assert_eq!(result.as_ref().unwrap_err().code(), Code::DIGEST_TAKEN),
            _ => assert!(result.is_ok()),
        }
    }
    let ids: Vec<KeyId> = imported
        .results
        .iter()
        .filter_map(|r| r.as_ref().ok())
        .copied()
        .collect();
    assert_eq!(ids.len(), 24_998);
    let first: Vec<_> = imported.results[..10_000].iter().flatten().collect();
    assert!(first.is_sorted());
    for n in [0, 9_999, 10_000, 19_999, 24_999] {
        assert_eq!(
            answer(&store, format!("key {n}")),
            Ok(*imported.results[n].as_ref().unwrap())
        );
    }
    // The whole file holds together, indexes, sums and chain.
    store.close().unwrap();
    let reopened = options(&clock()).check_on_open(keyfob::CheckOnOpen::Always);
    let reopened = reopened.open(folder.path().join("keys")).unwrap();
    assert_eq!(answer(&reopened, "key 24999"), Ok(ids[ids.len() - 1]));
}

#[test]
fn a_store_that_cannot_be_written_stops_the_import_before_its_first_line() {
    let Home {
        store,
        clock,
        folder,
    } = home();
    store.close().unwrap();
    let path: &Path = &folder.path().join("keys");
    let store = options(&clock).read_only(true).open(path).unwrap();
    let imported = store
        .import(ForeignFormat::Raw, &[KEY], &defaults())
        .unwrap();
    assert!(imported.results.is_empty());
    assert_eq!(imported.stopped.unwrap().code(), Code::READ_ONLY);
}

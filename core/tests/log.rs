//! The log: it tells what changed, in few bytes, and what was edited in the file is not shown as
//! true.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Home, at, code_of, environment, options, scopes};
use keyfob::{
    Change, Code, Event, EventKind, Expiry, Filter, ForeignFormat, ImportDefaults, KeyField, KeyId,
    KeyTerms, KeyUpdate, LogQuery, NewKey, Policy, ProjectField, ProjectUpdate, Revoke, Rotate,
    Store,
};
use redb::{Database, ReadableTable, TableDefinition};

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");

/// Version, generation and hash stand before the record of an event.
const HEAD: usize = 34;

/// Edits the log behind the store's back.
fn edit(home: &Home, edit: impl FnOnce(&mut redb::Table<'_, u64, &'static [u8]>)) -> Store {
    home.store.close().unwrap();
    let database = Database::open(home.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    edit(&mut transaction.open_table(EVENTS).unwrap());
    transaction.commit().unwrap();
    drop(database);
    options(&home.clock).open(home.path()).unwrap()
}

/// A store whose first key was disabled by `test`, event 4, and of which much happened since.
fn history() -> (Home, KeyId) {
    let home = Home::new();
    let (id, _) = home.key(|new| new.name = "one".into());
    let (other, _) = home.key(|_| {});
    home.store.disable(id).unwrap();
    home.store.disable(other).unwrap();
    home.store.enable(id).unwrap();
    home.store.revoke(id, &Revoke::default()).unwrap();
    (home, id)
}

/// Puts another actor into an event, which so says that somebody else did it.
fn blame_another(events: &mut redb::Table<'_, u64, &'static [u8]>, sequence: u64) {
    let mut row = events.get(sequence).unwrap().unwrap().value().to_vec();
    let at = row[HEAD..].windows(4).position(|part| part == b"test");
    row[HEAD + at.unwrap()] = b'b';
    events.insert(sequence, row.as_slice()).unwrap();
}

fn of_key(id: KeyId) -> LogQuery {
    let mut query = LogQuery::default();
    query.key = Some(id);
    query
}

/// What a reading answers: the sequences, or the error's text.
fn read(store: &Store, query: &LogQuery, most: usize) -> Result<Vec<u64>, String> {
    match store.log(query, most) {
        Ok(events) => Ok(events.iter().map(|event: &Event| event.sequence).collect()),
        Err(error) => {
            assert_eq!(error.code(), Code::CORRUPTED, "{error}");
            Err(error.to_string())
        }
    }
}

#[test]
fn an_edited_event_is_named_and_not_shown() {
    let (home, id) = history();
    let store = edit(&home, |events| blame_another(events, 4));
    let query = LogQuery::default();
    let named = |answer: Result<Vec<u64>, String>| {
        let text = answer.expect_err("an edited event was shown");
        assert!(text.contains("event 4 "), "{text}");
    };
    named(read(&store, &query, 100));
    named(read(&store, &of_key(id), 100));
    let mut since = LogQuery::default();
    since.after = Some(3);
    named(read(&store, &since, 1));
    since.after = Some(4);
    assert_eq!(read(&store, &since, 100), Ok(vec![5, 6, 7]));
    assert_eq!(code_of(&store.verify_log()), Code::CORRUPTED);
}

#[test]
fn an_event_whose_hash_was_edited_too_is_found_by_the_one_after_it() {
    let (home, id) = history();
    let store = edit(&home, |events| {
        let mut row = events.get(6).unwrap().unwrap().value().to_vec();
        row[5] ^= 1;
        events.insert(6, row.as_slice()).unwrap();
    });
    for query in [LogQuery::default(), of_key(id)] {
        assert!(read(&store, &query, 100).is_err());
    }
    let mut since = LogQuery::default();
    since.after = Some(6);
    let text = read(&store, &since, 100).unwrap_err();
    assert!(text.contains("event 7 "), "{text}");
}

#[test]
fn events_that_were_taken_away_are_missed() {
    for gone in [3, 7] {
        let (home, id) = history();
        let store = edit(&home, |events| {
            events.remove(gone).unwrap();
        });
        for query in [LogQuery::default(), of_key(id)] {
            let text = read(&store, &query, 100).unwrap_err();
            assert!(
                text.contains(&format!("event {gone} ")) || gone == 7,
                "{text}"
            );
        }
    }
}

#[test]
fn what_is_left_of_a_pruned_log_is_read_as_true_from_its_cut_on() {
    let (home, id) = history();
    home.store.prune_log(3).unwrap();
    let all = vec![4, 5, 6, 7, 8];
    assert_eq!(read(&home.store, &LogQuery::default(), 100), Ok(all));
    assert_eq!(read(&home.store, &of_key(id), 100), Ok(vec![4, 6, 7]));
    let store = edit(&home, |events| blame_another(events, 4));
    assert!(read(&store, &LogQuery::default(), 100).is_err());
    assert!(read(&store, &of_key(id), 100).is_err());
}

#[test]
fn the_pages_of_a_long_log_are_checked_from_one_to_the_next() {
    const MANY: usize = 3_000;
    let home = Home::new();
    let keys: Vec<NewKey> = (0..MANY).map(|i| NewKey::new(format!("k{i}"))).collect();
    assert!(home.store.create_many(&keys).stopped.is_none());
    let mut query = LogQuery::default();
    let mut seen = Vec::new();
    loop {
        let page = read(&home.store, &query, 700).unwrap();
        query.after = page.last().copied().or(query.after);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, (1..=MANY as u64 + 1).collect::<Vec<_>>());
    assert_eq!(read(&home.store, &LogQuery::default(), 9_999), Ok(seen));
    let store = edit(&home, |events| blame_another(events, 2_500));
    assert!(read(&store, &LogQuery::default(), 9_999).is_err());
    let before: Vec<u64> = (1..=2_499).collect();
    let query = LogQuery::default();
    assert_eq!(
        read(&store, &query, 2_499),
        Ok(before),
        "what is true is shown"
    );
}

// ---- projects ----

/// A project that was deleted with one key in it, and another of the same name with one; the ids
/// of both, and the key of the first.
fn twice() -> (Home, [keyfob::ProjectId; 2], KeyId) {
    let home = Home::new();
    let make = || {
        home.project("shop", &[], None);
        let (id, _) = home.key(|new| new.project = Some("shop".into()));
        (home.store.project("shop").unwrap().id, id)
    };
    let (first, key) = make();
    home.store.delete_project("shop").unwrap();
    let (second, _) = make();
    (home, [first, second], key)
}

#[test]
fn a_deleted_project_is_asked_for_by_its_id() {
    let (home, [first, second], key) = twice();
    let log = |project: &str| {
        let mut query = LogQuery::default();
        query.project = Some(project.into());
        read(&home.store, &query, 100)
    };
    assert_eq!(log(&first.to_string()), Ok(vec![2, 3, 4]));
    for of_second in ["shop", &second.to_string()] {
        assert_eq!(log(of_second), Ok(vec![5, 6]));
    }
    let listed = |project: &str| -> Vec<KeyId> {
        let mut filter = Filter::default();
        filter.project = Some(project.into());
        let keys = home.store.keys(&filter, keyfob::Order::Created);
        keys.map(|key| key.unwrap().id).collect()
    };
    assert_eq!(listed(&first.to_string()), [key]);
    assert_eq!((listed("shop").len(), listed("shop")[0] == key), (1, false));
    let gone = home.store.deleted_projects().unwrap();
    assert_eq!((gone.len(), gone[0].id), (1, first));
    assert_eq!(gone[0].deleted_at, Some(home.clock.now()));
    assert_eq!(home.store.project_by_id(first).unwrap(), gone[0]);
    assert_eq!(home.store.project_by_id(second).unwrap().deleted_at, None);
    assert_eq!(home.store.projects().unwrap().len(), 1);

    let mut selected = Filter::default();
    selected.project = Some(first.to_string());
    let revoked = home
        .store
        .revoke_many(
            &keyfob::Selection::Filter(selected.clone()),
            &Revoke::default(),
        )
        .unwrap();
    assert_eq!((revoked.changed, revoked.stopped.is_none()), (1, true));
    selected.project = Some("0000000000000000000000".into());
    assert_eq!(code_of(&home.store.count(&selected)), Code::NO_SUCH_PROJECT);
}

#[test]
fn the_log_of_a_project_and_its_keys_is_read_also_after_they_were_pruned() {
    let (home, [first, _], key) = twice();
    home.store.disable(key).unwrap();
    home.store.revoke(key, &Revoke::default()).unwrap();
    home.clock.advance(1);
    let mut prune = keyfob::Prune::default();
    prune.revoked_before = Some(home.clock.now());
    let pruned = home.store.prune(&prune).unwrap();
    assert_eq!((pruned.keys, pruned.projects), (1, 1));
    assert!(home.store.deleted_projects().unwrap().is_empty());
    assert_eq!(
        code_of(&home.store.project_by_id(first)),
        Code::NO_SUCH_PROJECT
    );
    let mut query = LogQuery::default();
    query.project = Some(first.to_string());
    let all = vec![2, 3, 4, 7, 8, 9, 10];
    assert_eq!(read(&home.store, &query, 100), Ok(all));
    query.after = Some(7);
    assert_eq!(
        read(&home.store, &query, 100),
        Ok(vec![8, 9, 10]),
        "its creation lies before what is read"
    );
}

// ---- what an event tells ----

fn all(store: &Store) -> Vec<Event> {
    store.log(&LogQuery::default(), usize::MAX).unwrap()
}

fn last(home: &Home) -> EventKind {
    all(&home.store).pop().unwrap().kind
}

/// What the last key was given, created or imported.
fn last_terms(home: &Home) -> KeyTerms {
    match last(home) {
        EventKind::KeyCreated { key, .. } | EventKind::KeyImported { key } => *key,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_creation_says_what_was_given_and_to_whom() {
    let home = Home::new();
    home.project("shop", &["a:*"], Some("ann"));
    let project = home.store.project("shop").unwrap().id;
    let (id, token) = home.key(|new| {
        new.name = "full".into();
        new.scopes = scopes(&["a:b"]);
        new.project = Some("shop".into());
        new.environment = environment("test");
        new.expires = Expiry::In(1_000);
        new.not_before = Some(at(5));
        new.ip_list = vec!["10.0.0.0/8".parse().unwrap()];
        new.metadata = BTreeMap::from([("private".into(), "pair".into())]);
        new.tags = BTreeSet::from(["label".into()]);
    });
    let terms = last_terms(&home);
    assert_eq!(terms.name, "full");
    assert_eq!(terms.scopes, scopes(&["a:b"]));
    assert_eq!(terms.project, Some(project));
    assert_eq!(terms.environment, environment("test"));
    assert_eq!(terms.owner.as_deref(), Some("ann"), "the project's");
    assert_eq!(
        (terms.expires_at, terms.not_before),
        (Some(at(1_000)), Some(at(5)))
    );
    assert_eq!(terms.ip_list, ["10.0.0.0/8".parse().unwrap()]);

    let mut rotate = Rotate::with_grace(50);
    rotate.request_id = Some("r".into());
    let second = home.store.rotate(id, &rotate).unwrap().token.unwrap();
    let rotated = EventKind::KeyRotated {
        generation: 2,
        grace_expires_at: Some(at(50)),
    };
    assert_eq!(last(&home), rotated);

    let mut defaults = ImportDefaults::default();
    defaults.owner = Some("bob".into());
    defaults.scopes = scopes(&["c"]);
    let raw = "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf2Sa";
    let imported = home.store.import(ForeignFormat::Raw, &[raw], &defaults);
    assert!(imported.unwrap().results[0].is_ok());
    let terms = last_terms(&home);
    assert_eq!(
        (terms.owner.as_deref(), &terms.scopes),
        (Some("bob"), &scopes(&["c"]))
    );
    let told = format!("{:?}", all(&home.store));
    for token in [token.expose(), second.expose()] {
        let secret = &token[token.len() - 49..token.len() - 6];
        assert!(!told.contains(secret), "a secret is in the log");
    }
    for private in [raw, "private", "label"] {
        assert!(!told.contains(private), "{private}");
    }
}

#[test]
fn an_update_says_what_became_of_what_grants_and_what_else_it_touched() {
    let home = Home::new();
    let (id, _) = home.key(|new| {
        new.owner = Some("ann".into());
        new.expires = Expiry::In(100);
    });
    let mut update = KeyUpdate::default();
    update.name = Some("b".into());
    update.scopes = Change::Set(scopes(&["a:b"]));
    update.owner = Change::Clear;
    update.expires = Change::Set(Expiry::In(200));
    update.not_before = Change::Set(at(3));
    update.ip_list = Change::Set(vec!["::1/128".parse().unwrap()]);
    update.metadata = Change::Set(BTreeMap::from([("private".into(), "pair".into())]));
    update.tags = Change::Set(BTreeSet::from(["label".into()]));
    update.rotation_due_after = Change::Set(9);
    home.store.update(id, &update).unwrap();
    let changed = vec![
        KeyField::Name("b".into()),
        KeyField::Scopes(scopes(&["a:b"])),
        KeyField::Owner(None),
        KeyField::ExpiresAt(Some(at(200))),
        KeyField::NotBefore(Some(at(3))),
        KeyField::Metadata,
        KeyField::Tags,
        KeyField::IpList(vec!["::1/128".parse().unwrap()]),
        KeyField::RotationDueAfter(Some(9)),
    ];
    assert_eq!(last(&home), EventKind::KeyUpdated { changed });
    update.expires = Change::Clear;
    home.store.update(id, &update).unwrap();
    let changed = vec![KeyField::ExpiresAt(None)];
    assert_eq!(
        last(&home),
        EventKind::KeyUpdated { changed },
        "only what differs"
    );
}

#[test]
fn the_events_of_a_project_and_of_the_policy_say_what_holds_since() {
    let home = Home::new();
    let created = EventKind::StoreCreated {
        policy: Policy::default(),
    };
    assert_eq!(last(&home), created);
    let policy = Policy {
        longest_lifetime: Some(1_000),
        ..Policy::default()
    };
    home.store.set_policy(policy).unwrap();
    assert_eq!(last(&home), EventKind::PolicyChanged { policy });

    let name = "shop".to_owned();
    home.project("shop", &["a:*"], Some("ann"));
    let created = EventKind::ProjectCreated {
        name: name.clone(),
        scopes: scopes(&["a:*"]),
        owner: Some("ann".into()),
    };
    assert_eq!(last(&home), created);
    let mut update = ProjectUpdate::default();
    update.scopes = Change::Clear;
    update.owner = Change::Set("bob".into());
    home.store.update_project("shop", &update).unwrap();
    let updated = EventKind::ProjectUpdated {
        name: name.clone(),
        changed: vec![
            ProjectField::Scopes(scopes(&[])),
            ProjectField::Owner(Some("bob".into())),
        ],
    };
    assert_eq!(last(&home), updated);
    home.store.disable_project("shop").unwrap();
    home.store.enable_project("shop").unwrap();
    home.store.delete_project("shop").unwrap();
    home.store.prune(&keyfob::Prune::default()).unwrap();
    let events = all(&home.store);
    assert_eq!(last(&home), EventKind::ProjectPruned { name });
    assert!(
        events[2..]
            .iter()
            .all(|event| event.kind.project_name() == Some("shop")),
        "each can be read alone"
    );
}

#[test]
fn a_key_of_a_name_and_two_scopes_takes_at_most_330_bytes_with_its_event() {
    const KEYS: usize = 4_000;
    let home = Home::new();
    let keys: Vec<NewKey> = (0..KEYS)
        .map(|number| {
            let mut new = NewKey::new(format!("key {number}"));
            new.scopes = scopes(&["orders:read", "stock:read"]);
            new
        })
        .collect();
    assert!(home.store.create_many(&keys).stopped.is_none());
    let sizes = home.store.table_sizes().unwrap();
    let per_key = |table: &str| {
        let (_, rows, bytes) = sizes.iter().find(|(name, ..)| *name == table).unwrap();
        bytes / rows
    };
    let (record, event) = (per_key("keys"), per_key("events"));
    assert!(record + event <= 330, "record {record}, event {event}");
}

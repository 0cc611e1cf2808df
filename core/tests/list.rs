//! Listing: any filter in any order is the plain filter and sort over every key; a cursor goes on
//! where it stopped, whatever happened to the keys meanwhile, and is good for nothing else.

mod common;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use common::{Home, START, at, code_of, environment, options, plain, scopes, verify};
use keyfob::{
    Change, Clock, Code, Expiry, Filter, KeyId, KeyInfo, KeyState, KeyUpdate, NewKey, Order,
    PageRequest, Prune, Revoke, Rotate, Scope, Selection, Store, Timestamp,
};
use proptest::prelude::*;

fn page(order: Order, reverse: bool, limit: usize) -> PageRequest {
    let mut page = PageRequest::default();
    page.order = order;
    page.reverse = reverse;
    page.limit = limit;
    page
}

/// Every key of a listing, page by page; `between` runs after each page.
fn walk(
    store: &Store,
    filter: &Filter,
    mut page: PageRequest,
    mut between: impl FnMut(usize),
) -> Vec<KeyInfo> {
    let mut keys = Vec::new();
    for number in 0.. {
        let found = store.list(filter, &page).expect("a page");
        assert!(found.keys.len() <= page.limit);
        assert!(
            found.keys.len() == page.limit || found.cursor.is_none(),
            "only the last page may be short"
        );
        keys.extend(found.keys);
        match found.cursor {
            None => break,
            cursor => page.cursor = cursor,
        }
        between(number);
    }
    keys
}

/// A store with keys of every kind: 60 keys in two projects, of three owners, in every state.
fn filled() -> Home {
    let home = Home::new();
    home.project("p0", &["*"], None);
    home.project("p1", &["*"], Some("o1"));
    for i in 0_i64..60 {
        let kind = usize::try_from(i % 4).unwrap();
        let (id, token) = home.key(|new| {
            new.name = format!("{} {}", ["Ci", "ci", "Émile", "x"][kind], i % 7);
            new.scopes = scopes(&[["a:b", "a:*", "c", "*"][kind]]);
            new.project = (i % 3 != 0).then(|| format!("p{}", i % 2));
            new.owner = (i % 5 != 0).then(|| format!("o{}", i % 3));
            new.environment = environment(["live", "test"][usize::from(i % 4 == 1)]);
            new.expires = if i % 3 == 1 {
                Expiry::In(10 + i % 9 * 10)
            } else {
                Expiry::Never
            };
            new.not_before = (i % 11 == 2).then(|| at(5_000)).filter(|_| i % 3 != 1);
            new.tags = BTreeSet::from([format!("t{}", i % 4)]);
            new.rotation_due_after = (i % 6 == 0).then_some(20 + i);
            new.metadata = BTreeMap::new();
        });
        if i % 4 == 0 {
            let requirement = plain().any_project().any_environment();
            let _ = home.store.verify(token.expose(), &requirement);
        }
        match i % 10 {
            3 => drop(home.store.revoke(id, &Revoke::default()).unwrap()),
            5 => drop(home.store.disable(id).unwrap()),
            8 => drop(home.store.rotate(id, &Rotate::with_grace(i)).unwrap()),
            _ => {}
        }
        if i % 13 == 0 {
            home.clock.advance(1);
        }
    }
    home.clock.advance(30);
    home
}

/// The same filter, written down a second time over what the store tells of a key.
fn means(filter: &Filter, key: &KeyInfo, now: Timestamp) -> bool {
    let used = key.last_used_at();
    let conditions = [
        filter.project.is_none() || filter.project == key.project,
        filter.owner.is_none() || filter.owner == key.owner,
        filter
            .environment
            .as_ref()
            .is_none_or(|e| *e == key.environment),
        filter.states.is_empty() || filter.states.contains(&key.state),
        filter
            .scope
            .as_ref()
            .is_none_or(|s| key.scopes.iter().any(|own| own.covers(s))),
        filter
            .name_part
            .as_ref()
            .is_none_or(|part| key.name.to_lowercase().contains(&part.to_lowercase())),
        filter.tag.as_ref().is_none_or(|tag| key.tags.contains(tag)),
        filter.created_after.is_none_or(|t| key.created_at >= t),
        filter.created_before.is_none_or(|t| key.created_at < t),
        // Never is later than any time.
        filter
            .expires_after
            .is_none_or(|t| key.expires_at.is_none_or(|e| e >= t)),
        filter
            .expires_before
            .is_none_or(|t| key.expires_at.is_some_and(|e| e < t)),
        filter.expires_within.is_none_or(|s| {
            key.expires_at
                .is_some_and(|e| e >= now && e.unix() - now.unix() <= s)
        }),
        !filter.never_used || used.is_none(),
        filter
            .unused_since
            .is_none_or(|t| key.created_at < t && used.is_none_or(|u| u < t)),
        !filter.rotation_due
            || key.state != KeyState::Revoked && key.rotation_due_at.is_some_and(|due| now >= due),
    ];
    conditions.into_iter().all(|condition| condition)
}

fn compare(order: Order, a: &KeyInfo, b: &KeyInfo) -> Ordering {
    let by_id = a.id.cmp(&b.id);
    match order {
        Order::Created => by_id,
        Order::Name => a.name.as_bytes().cmp(b.name.as_bytes()).then(by_id),
        _ => {
            let end = |key: &KeyInfo| key.expires_at.map_or(i64::MAX, Timestamp::unix);
            end(a).cmp(&end(b)).then(by_id)
        }
    }
}

fn some<T: std::fmt::Debug + Clone>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![4 => Just(None), 1 => strategy.prop_map(Some)]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let names = (
        some((0..2).prop_map(|i| format!("p{i}"))),
        some((0..4).prop_map(|i| format!("o{i}"))),
        some(prop_oneof![Just("live"), Just("test"), Just("dev")]),
        proptest::collection::vec(proptest::sample::select(&KeyState::ALL[..]), 0..3),
        some(prop_oneof![Just("a:b"), Just("a"), Just("c"), Just("a:*")]),
        some(prop_oneof![Just("ci"), Just("CI 1"), Just("éM"), Just("")]),
        some((0..5).prop_map(|i| format!("t{i}"))),
    );
    let times = (
        some(-2_i64..40),
        some(-2_i64..40),
        some(0_i64..120),
        some(0_i64..120),
        some(0_i64..100),
        proptest::bool::weighted(0.1),
        some(-2_i64..40),
        proptest::bool::weighted(0.1),
    );
    (names, times).prop_map(|(names, times)| {
        let mut filter = Filter::default();
        let (project, owner, env, states, scope, part, tag) = names;
        filter.project = project;
        filter.owner = owner;
        filter.environment = env.map(environment);
        filter.states = states;
        filter.scope = scope.map(|text| Scope::parse(text).expect("a scope"));
        filter.name_part = part.map(str::to_owned);
        filter.tag = tag;
        filter.created_after = times.0.map(at);
        filter.created_before = times.1.map(at);
        filter.expires_after = times.2.map(at);
        filter.expires_before = times.3.map(at);
        filter.expires_within = times.4;
        filter.never_used = times.5;
        filter.unused_since = times.6.map(at);
        filter.rotation_due = times.7;
        filter
    })
}

#[test]
fn any_listing_is_the_plain_filter_and_sort_over_every_key() {
    let home = filled();
    let now = home.clock.now();
    let everything = PageRequest::default();
    let all = home
        .store
        .list(&Filter::default(), &everything)
        .unwrap()
        .keys;
    assert_eq!(all.len(), 60);
    let orders = proptest::sample::select(&[Order::Created, Order::Name, Order::Expires][..]);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let input = (
        any_filter(),
        orders,
        any::<bool>(),
        prop_oneof![1_usize..9, Just(60), Just(1_000)],
    );
    runner
        .run(&input, |(filter, order, reverse, limit)| {
            let mut expected: Vec<_> = all
                .iter()
                .filter(|key| means(&filter, key, now))
                .cloned()
                .collect();
            expected.sort_by(|a, b| compare(order, a, b));
            if reverse {
                expected.reverse();
            }
            let listed = walk(&home.store, &filter, page(order, reverse, limit), |_| {});
            prop_assert_eq!(&listed, &expected);
            let counted = home.store.count(&filter).unwrap();
            prop_assert_eq!(counted, expected.len() as u64);
            Ok(())
        })
        .unwrap();
}

#[test]
fn the_test_store_has_keys_of_every_state_and_both_uses() {
    let home = filled();
    for state in KeyState::ALL {
        let mut filter = Filter::default();
        filter.states = vec![state];
        assert!(home.store.count(&filter).unwrap() > 0, "{state:?}");
    }
    let mut unused = Filter::default();
    unused.never_used = true;
    let count = home.store.count(&unused).unwrap();
    assert!(count > 0 && count < 60);
    let keys = home
        .store
        .list(&Filter::default(), &PageRequest::default())
        .unwrap()
        .keys;
    assert!(keys.iter().any(|key| key.old_secret.is_some()));
}

#[test]
fn pages_of_exactly_the_keys_end_without_an_empty_one() {
    let home = Home::new();
    for i in 0..6 {
        home.key(|new| {
            new.expires = Expiry::In(100 + i);
        });
    }
    for order in [Order::Created, Order::Name] {
        for reverse in [false, true] {
            for limit in [1, 2, 3, 6, 7] {
                let mut pages = 1;
                let keys = walk(
                    &home.store,
                    &Filter::default(),
                    page(order, reverse, limit),
                    |_| {
                        pages += 1;
                    },
                );
                assert_eq!(
                    (keys.len(), pages),
                    (6, 6_usize.div_ceil(limit)),
                    "{order:?} {limit}"
                );
            }
        }
    }
}

#[test]
fn keys_that_come_go_and_change_between_pages_hide_and_repeat_no_other() {
    for order in [Order::Created, Order::Name, Order::Expires] {
        for reverse in [false, true] {
            for limit in [1, 3, 7] {
                let home = Home::new();
                let make = |i: i64| {
                    let (id, _) = home.key(|new| {
                        new.name = format!("k{}", i * 37 % 11);
                        new.expires = if i % 2 == 0 {
                            Expiry::In(1_000 + i * 53 % 17)
                        } else {
                            Expiry::Never
                        };
                    });
                    id
                };
                let ids: Vec<KeyId> = (0..24).map(make).collect();
                let doomed: BTreeSet<KeyId> = ids.iter().copied().step_by(5).collect();
                let mut left: Vec<KeyId> = doomed.iter().copied().collect();
                let mut next = 100;
                let keys = walk(
                    &home.store,
                    &Filter::default(),
                    page(order, reverse, limit),
                    |n| {
                        home.clock.advance(1);
                        if next < 140 {
                            make(next);
                            next += 1;
                        }
                        if let Some(id) = left.pop() {
                            home.store.revoke(id, &Revoke::default()).unwrap();
                        }
                        if n % 2 == 1 {
                            let mut prune = Prune::default();
                            prune.revoked_before = Some(home.clock.now());
                            home.store.prune(&prune).unwrap();
                        }
                    },
                );
                let seen: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
                let unique: BTreeSet<KeyId> = seen.iter().copied().collect();
                let what = format!("{order:?} reverse {reverse} by {limit}");
                assert_eq!(unique.len(), seen.len(), "a key was shown twice: {what}");
                for id in ids.iter().filter(|id| !doomed.contains(id)) {
                    assert!(unique.contains(id), "a key was missed: {what}");
                }
            }
        }
    }
}

#[test]
fn names_that_change_between_pages_hide_and_repeat_no_other_key() {
    for reverse in [false, true] {
        for limit in [1, 2, 5] {
            let home = Home::new();
            let ids: Vec<KeyId> = (0..20)
                .map(|i| home.key(|new| new.name = format!("m{:02}", i * 7 % 20)).0)
                .collect();
            let renamed: BTreeSet<KeyId> = ids.iter().copied().step_by(3).collect();
            let mut left: Vec<KeyId> = renamed.iter().copied().collect();
            let filter = Filter::default();
            let request = page(Order::Name, reverse, limit);
            let keys = walk(&home.store, &filter, request, |number| {
                // To the front of the order, to its back, and to the middle.
                if let Some(id) = left.pop() {
                    let mut update = KeyUpdate::default();
                    update.name = Some(format!("{}{number}", ["a", "z", "m1"][number % 3]));
                    home.store.update(id, &update).unwrap();
                }
            });
            let still: Vec<&KeyInfo> = keys.iter().filter(|k| !renamed.contains(&k.id)).collect();
            let seen: BTreeSet<KeyId> = still.iter().map(|key| key.id).collect();
            let what = format!("reverse {reverse} by {limit}");
            assert_eq!(seen.len(), still.len(), "a key was shown twice: {what}");
            assert_eq!(seen.len(), 20 - renamed.len(), "a key was missed: {what}");
            let mut sorted = keys.clone();
            sorted.sort_by(|a, b| compare(Order::Name, a, b));
            if reverse {
                sorted.reverse();
            }
            assert_eq!(keys, sorted, "the pages are in order: {what}");
        }
    }
}

#[test]
fn every_key_by_name_comes_once_whatever_is_renamed_meanwhile() {
    const MANY: usize = 2_100;
    let home = Home::new();
    let requests: Vec<NewKey> = (0..MANY)
        .map(|i| NewKey::new(format!("m{:04}", i * 7_919 % MANY)))
        .collect();
    assert!(home.store.create_many(&requests).stopped.is_none());
    let filter = Filter::default();
    let (mut seen, mut pruned) = (Vec::new(), 0);
    for key in home.store.keys(&filter, Order::Name) {
        let key = key.unwrap();
        if seen.len() == 10 {
            let last = home
                .store
                .list(&filter, &page(Order::Name, true, 2))
                .unwrap();
            let mut update = KeyUpdate::default();
            update.name = Some("a".into());
            home.store.update(last.keys[0].id, &update).unwrap();
            update.name = Some("z".into());
            home.store.update(key.id, &update).unwrap();
            home.store
                .revoke(last.keys[1].id, &Revoke::default())
                .unwrap();
            home.clock.advance(1);
            let mut prune = Prune::default();
            prune.revoked_before = Some(home.clock.now());
            pruned = home.store.prune(&prune).unwrap().keys;
        }
        seen.push(key.id);
    }
    let unique: BTreeSet<KeyId> = seen.iter().copied().collect();
    assert_eq!((pruned, seen.len(), unique.len()), (1, MANY - 1, MANY - 1));
}

#[test]
fn time_that_passes_between_pages_hides_no_key_that_expires_later() {
    for reverse in [false, true] {
        let home = Home::new();
        for i in 0..10 {
            home.key(|new| new.expires = Expiry::In(10 * (i + 1)));
        }
        let mut filter = Filter::default();
        filter.expires_within = Some(1_000);
        let mut page = page(Order::Expires, reverse, 3);
        let first = home.store.list(&filter, &page).unwrap();
        assert_eq!(first.keys.len(), 3);
        // The keys of the first page, read forwards, have expired by now.
        home.clock.advance(45);
        page.cursor = first.cursor;
        let rest = walk(&home.store, &filter, page, |_| {});
        let ends: Vec<i64> = rest
            .iter()
            .map(|k| k.expires_at.unwrap().unix() - START)
            .collect();
        let expected = if reverse {
            vec![70, 60, 50]
        } else {
            vec![50, 60, 70, 80, 90, 100]
        };
        assert_eq!(ends, expected);
    }
}

#[test]
fn a_listing_can_be_stopped_behind_any_key_and_go_on_there() {
    let home = filled();
    let mut filter = Filter::default();
    filter.project = Some("p1".into());
    for order in [Order::Created, Order::Name, Order::Expires] {
        for reverse in [false, true] {
            let whole = home
                .store
                .list(&filter, &page(order, reverse, 1_000))
                .unwrap()
                .keys;
            assert!(whole.len() > 10);
            let mut next = page(order, reverse, 1_000);
            for (place, key) in whole.iter().enumerate() {
                next.cursor = Some(home.store.cursor_after(&filter, &next, key).unwrap());
                let rest = home.store.list(&filter, &next).unwrap().keys;
                assert_eq!(rest, whole[place + 1..], "{order:?} {reverse} {place}");
            }
            // It is good for this listing alone.
            let other = home.store.list(&Filter::default(), &next);
            assert_eq!(code_of(&other), Code::INVALID_CURSOR);
        }
    }
}

#[test]
fn an_altered_cursor_is_refused_whichever_character_was_changed() {
    let home = filled();
    for order in [Order::Created, Order::Name, Order::Expires] {
        let mut request = page(order, false, 5);
        let cursor = home
            .store
            .list(&Filter::default(), &request)
            .unwrap()
            .cursor
            .unwrap();
        let code_with = |text: String, request: &mut PageRequest| {
            request.cursor = Some(text);
            code_of(&home.store.list(&Filter::default(), request))
        };
        assert_eq!(code_with(cursor.clone(), &mut request), Code::OK);
        for at in 0..cursor.len() {
            for other in ["A", "B", "_", "=", " ", "é"] {
                let mut text = cursor.clone();
                text.replace_range(at..=at, other);
                if text != cursor {
                    assert_eq!(code_with(text, &mut request), Code::INVALID_CURSOR, "{at}");
                }
            }
            assert_eq!(
                code_with(cursor[..at].into(), &mut request),
                Code::INVALID_CURSOR
            );
        }
        assert_eq!(
            code_with(format!("{cursor}A"), &mut request),
            Code::INVALID_CURSOR
        );
    }
}

#[test]
fn a_cursor_is_good_for_its_own_store_and_listing_alone() {
    let (home, other) = (filled(), filled());
    let mut request = page(Order::Created, false, 5);
    let cursor = home
        .store
        .list(&Filter::default(), &request)
        .unwrap()
        .cursor;
    request.cursor.clone_from(&cursor);
    let listed = |store: &Store, filter: &Filter, request: &PageRequest| {
        code_of(&store.list(filter, request))
    };
    assert_eq!(listed(&home.store, &Filter::default(), &request), Code::OK);
    assert_eq!(
        listed(&home.beside(), &Filter::default(), &request),
        Code::OK,
        "another handle"
    );
    assert_eq!(
        listed(&other.store, &Filter::default(), &request),
        Code::INVALID_CURSOR
    );
    let mut filter = Filter::default();
    filter.owner = Some("o1".into());
    assert_eq!(
        listed(&home.store, &filter, &request),
        Code::INVALID_CURSOR,
        "another filter"
    );
    for (order, reverse) in [
        (Order::Name, false),
        (Order::Expires, false),
        (Order::Created, true),
    ] {
        let mut request = page(order, reverse, 5);
        request.cursor.clone_from(&cursor);
        assert_eq!(
            listed(&home.store, &Filter::default(), &request),
            Code::INVALID_CURSOR
        );
    }
    request.limit = 7;
    assert_eq!(
        listed(&home.store, &Filter::default(), &request),
        Code::OK,
        "pages of another size"
    );
}

#[test]
fn a_listing_that_can_never_be_right_is_refused() {
    let home = Home::new();
    let mut filter = Filter::default();
    filter.project = Some("nowhere".into());
    let request = PageRequest::default();
    assert_eq!(
        code_of(&home.store.list(&filter, &request)),
        Code::NO_SUCH_PROJECT
    );
    filter.project = Some("No Name".into());
    assert_eq!(
        code_of(&home.store.list(&filter, &request)),
        Code::INVALID_ARGUMENT
    );
    let mut filter = Filter::default();
    filter.expires_within = Some(-1);
    assert_eq!(
        code_of(&home.store.list(&filter, &request)),
        Code::INVALID_TIME
    );
    let none = page(Order::Created, false, 0);
    assert_eq!(
        code_of(&home.store.list(&Filter::default(), &none)),
        Code::INVALID_ARGUMENT
    );
}

#[test]
fn more_keys_than_are_looked_at_at_once_are_listed_in_every_order() {
    const MANY: usize = 2_300;
    let home = Home::new();
    let requests: Vec<NewKey> = (0..MANY)
        .map(|i| {
            let mut new = NewKey::new(format!("k{:04}", i * 7_919 % MANY));
            new.owner = Some(if i % 100 == 0 { "rare" } else { "many" }.into());
            new.expires = if i % 2 == 0 {
                Expiry::In(10 + i64::try_from(i * 31 % 500).unwrap())
            } else {
                Expiry::Never
            };
            new
        })
        .collect();
    assert!(home.store.create_many(&requests).stopped.is_none());
    let mut all: Vec<KeyInfo> = home
        .store
        .keys(&Filter::default(), Order::Created)
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(all.len(), MANY);
    let mut rare = Filter::default();
    rare.name_part = Some("k000".into());
    let mut of_many = Filter::default();
    of_many.owner = Some("many".into());
    for order in [Order::Created, Order::Name, Order::Expires] {
        for reverse in [false, true] {
            all.sort_by(|a, b| compare(order, a, b));
            if reverse {
                all.reverse();
            }
            for filter in [&Filter::default(), &rare, &of_many] {
                let limit = if order == Order::Name { 1_000 } else { 333 };
                let listed = walk(&home.store, filter, page(order, reverse, limit), |_| {});
                let expected = all
                    .iter()
                    .filter(|key| means(filter, key, home.clock.now()))
                    .map(|key| key.id);
                let listed: Vec<KeyId> = listed.iter().map(|key| key.id).collect();
                let expected: Vec<KeyId> = expected.collect();
                assert_eq!(listed, expected, "{order:?} {reverse} {filter:?}");
                let id = |key: Result<KeyInfo, _>| key.map(|key: KeyInfo| key.id);
                let unpaged: Result<Vec<KeyId>, keyfob::Error> = if reverse {
                    home.store.keys_reversed(filter, order).map(id).collect()
                } else {
                    home.store.keys(filter, order).map(id).collect()
                };
                assert_eq!(unpaged.unwrap(), expected, "{order:?} {reverse} {filter:?}");
            }
        }
    }
}

#[test]
fn the_least_recently_used_come_first_and_those_never_used_before_them() {
    let home = Home::new();
    let keys: Vec<_> = (0..6).map(|_| home.key(|_| {})).collect();
    for i in [4, 1, 3, 0] {
        home.clock.advance(10);
        assert_eq!(verify(&home.store, keys[i].1.expose(), &plain()), Code::OK);
    }
    let found = |most| -> Vec<usize> {
        let report = home
            .store
            .least_recently_used(&Filter::default(), most)
            .unwrap();
        let place = |key: &KeyInfo| keys.iter().position(|(id, _)| *id == key.id).unwrap();
        report.iter().map(place).collect()
    };
    let all = found(10);
    let unused: BTreeSet<usize> = all[..2].iter().copied().collect();
    assert_eq!(unused, BTreeSet::from([2, 5]));
    assert_eq!(all[2..], [4, 1, 3, 0]);
    assert_eq!(found(3), all[..3]);
    assert_eq!(found(0), Vec::<usize>::new());
    let too_many = home
        .store
        .least_recently_used(&Filter::default(), keyfob::limits::BATCH + 1);
    assert_eq!(code_of(&too_many), Code::LIMIT_EXCEEDED);
}

#[test]
fn by_creation_an_imported_key_stands_where_it_was_imported() {
    let home = Home::new();
    let (first, _) = home.key(|_| {});
    home.clock.advance(1);
    let imported = issued_long_ago(&home);
    home.clock.advance(1);
    let (last, _) = home.key(|_| {});
    let filter = Filter::default();
    let keys = home.store.keys_reversed(&filter, Order::Created);
    let ids: Vec<KeyId> = keys.map(|key| key.unwrap().id).collect();
    assert_eq!(ids, [last, imported, first]);
    assert!(home.store.get(imported).unwrap().created_at < at(-1));
}

fn issued_long_ago(home: &Home) -> KeyId {
    let line =
        r#"{"hash":"m2tYd0u8J5z1qgXr7n0eWcVbA4kLhPoT3iSfQyEuNjE=","createdAt":1000000000000}"#;
    let imported = home.store.import(
        keyfob::ForeignFormat::Unkey,
        &[line],
        &keyfob::ImportDefaults::default(),
    );
    *imported.unwrap().results[0].as_ref().unwrap()
}

fn unused_since(time: Timestamp) -> Filter {
    let mut filter = Filter::default();
    filter.unused_since = Some(time);
    filter
}

#[test]
fn a_key_is_unused_since_a_time_only_if_it_was_there_before() {
    let home = Home::new();
    let (old, token) = home.key(|_| {});
    home.clock.advance(100);
    home.key(|new| new.name = "new".into());
    let found = |time: i64| -> Vec<KeyId> {
        let filter = unused_since(at(time));
        let keys = home.store.keys(&filter, Order::Created);
        keys.map(|key| key.unwrap().id).collect()
    };
    assert_eq!(found(0), []);
    assert_eq!(found(1), [old]);
    assert_eq!(found(100), [old], "the new one was made at that time");
    assert_eq!(found(101).len(), 2);
    assert_eq!(verify(&home.store, token.expose(), &plain()), Code::OK);
    assert_eq!(found(100), [], "used at that time");
    assert_eq!(found(101).len(), 2);
}

#[test]
fn an_imported_key_was_not_there_before_its_import() {
    let home = Home::new();
    let id = issued_long_ago(&home);
    assert!(home.store.get(id).unwrap().created_at < at(-1));
    assert_eq!(home.store.count(&unused_since(at(0))).unwrap(), 0);
    assert_eq!(home.store.count(&unused_since(at(1))).unwrap(), 1);
}

#[test]
fn no_rotation_makes_a_used_key_look_unused() {
    for flushed in [false, true] {
        for grace in [0, 10] {
            let mut home = Home::new();
            let (id, token) = home.key(|_| {});
            // Uses of one second count as one.
            for second in 48..=50 {
                home.clock.set(at(second));
                assert_eq!(verify(&home.store, token.expose(), &plain()), Code::OK);
            }
            if flushed {
                home.store.flush().unwrap();
            }
            let what = format!("grace {grace}, flushed {flushed}");
            let hold = |home: &Home, when: &str| {
                let key = home.store.get(id).unwrap();
                assert_eq!(key.last_used_at(), Some(at(50)), "{when}: {what}");
                assert_eq!(key.all_uses().uses, 3, "{when}: {what}");
                let mut never = Filter::default();
                never.never_used = true;
                let count = |filter: &Filter| home.store.count(filter).unwrap();
                assert_eq!(count(&never), 0, "{when}: {what}");
                assert_eq!(count(&unused_since(at(50))), 0, "{when}: {what}");
                assert_eq!(count(&unused_since(at(51))), 1, "{when}: {what}");
            };
            for times in 0..3 {
                home.store.rotate(id, &Rotate::with_grace(grace)).unwrap();
                hold(&home, &format!("rotated {times}"));
                home.clock.advance(20);
                hold(&home, &format!("its grace over {times}"));
            }
            home.store.rotate(id, &Rotate::with_grace(100)).unwrap();
            home.store.finish_rotation(id).unwrap();
            hold(&home, "finished");
            home.reopen();
            hold(&home, "reopened");
            home.store.revoke(id, &Revoke::default()).unwrap();
            hold(&home, "revoked");
        }
    }
}

#[test]
fn a_revoked_key_has_no_old_secret_and_is_due_for_nothing() {
    let home = Home::new();
    let due = |home: &Home| {
        let mut filter = Filter::default();
        filter.rotation_due = true;
        home.store.count(&filter).unwrap()
    };
    let make = |project: Option<&str>| {
        let (id, _) = home.key(|new| {
            new.rotation_due_after = Some(10);
            new.project = project.map(str::to_owned);
        });
        home.store.rotate(id, &Rotate::with_grace(1_000)).unwrap();
        id
    };
    home.project("shop", &[], None);
    let keys = [make(None), make(Some("shop"))];
    home.clock.advance(10);
    assert_eq!(due(&home), 2);
    home.store.revoke(keys[0], &Revoke::default()).unwrap();
    home.store.delete_project("shop").unwrap();
    for id in keys {
        let key = home.store.get(id).unwrap();
        assert_eq!(key.state, KeyState::Revoked);
        assert_eq!(key.state_by_project, key.project.is_some());
        assert!(key.old_secret.is_none() && key.rotation_due_at.is_none());
    }
    assert_eq!(due(&home), 0);
}

#[test]
fn a_text_of_a_filter_is_bounded_by_what_a_key_can_hold() {
    use keyfob::limits::{KEY_NAME_BYTES, OWNER_BYTES, TAG_BYTES};
    let home = Home::new();
    type Fill = fn(&mut Filter, String);
    let texts: [(Fill, usize); 3] = [
        (|filter, text| filter.name_part = Some(text), KEY_NAME_BYTES),
        (|filter, text| filter.owner = Some(text), OWNER_BYTES),
        (|filter, text| filter.tag = Some(text), TAG_BYTES),
    ];
    for (fill, most) in texts {
        for (length, expected) in [
            (most, Code::OK),
            (most + 1, Code::LIMIT_EXCEEDED),
            (20_000, Code::LIMIT_EXCEEDED),
        ] {
            let mut filter = Filter::default();
            fill(&mut filter, "x".repeat(length));
            let listed = home.store.list(&filter, &PageRequest::default());
            assert_eq!(code_of(&listed), expected, "{filter:?}");
            let many = home.store.disable_many(&Selection::Filter(filter));
            let stopped = many.stopped.map_or(Code::OK, |error| error.code());
            assert_eq!(stopped, expected);
        }
    }
    let mut filter = Filter::default();
    filter.states = vec![KeyState::Active; 20_000];
    let listed = home.store.list(&filter, &PageRequest::default());
    assert_eq!(code_of(&listed), Code::LIMIT_EXCEEDED);
}

#[test]
fn a_key_is_resolved_by_its_id_or_an_unambiguous_end_of_it() {
    let home = Home::new();
    let (id, _) = home.key(|_| {});
    home.key(|_| {});
    let text = id.to_string();
    for part in [&text[..], &text[16..], &text[1..]] {
        assert_eq!(home.store.resolve(part).unwrap(), id, "{part}");
    }
    for (part, code) in [
        (&text[17..], Code::INVALID_ARGUMENT),
        ("", Code::INVALID_ARGUMENT),
        ("key", Code::INVALID_ARGUMENT),
        ("ABCDEF-", Code::INVALID_ARGUMENT),
        ("0000000000000000000000", Code::NO_SUCH_KEY),
    ] {
        assert_eq!(code_of(&home.store.resolve(part)), code, "{part}");
    }
    let missing = if text.ends_with("000000") {
        "111111"
    } else {
        "000000"
    };
    assert_eq!(code_of(&home.store.resolve(missing)), Code::NO_SUCH_KEY);
}

#[test]
fn the_indexes_follow_every_change() {
    let mut home = Home::new();
    home.project("shop", &[], None);
    let (id, _) = home.key(|new| {
        new.owner = Some("ann".into());
        new.project = Some("shop".into());
        new.expires = Expiry::In(100);
    });
    let count = |home: &Home, change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        let listed = walk(
            &home.store,
            &filter,
            page(Order::Expires, false, 10),
            |_| {},
        )
        .len();
        assert_eq!(listed as u64, home.store.count(&filter).unwrap());
        listed
    };
    assert_eq!(count(&home, &|f| f.owner = Some("ann".into())), 1);
    assert_eq!(
        count(&home, &|f| f.owner = Some("an".into())),
        0,
        "no prefix of an owner"
    );
    let mut update = KeyUpdate::default();
    update.owner = Change::Set("bob".into());
    update.expires = Change::Set(Expiry::In(500));
    home.store.update(id, &update).unwrap();
    home.reopen();
    assert_eq!(count(&home, &|f| f.owner = Some("ann".into())), 0);
    assert_eq!(count(&home, &|f| f.owner = Some("bob".into())), 1);
    assert_eq!(count(&home, &|f| f.expires_before = Some(at(101))), 0);
    assert_eq!(count(&home, &|f| f.expires_before = Some(at(501))), 1);
    home.store.revoke(id, &Revoke::default()).unwrap();
    home.clock.advance(1);
    let mut prune = Prune::default();
    prune.revoked_before = Some(home.clock.now());
    home.store.prune(&prune).unwrap();
    for change in [
        &(|f: &mut Filter| f.owner = Some("bob".into())) as &dyn Fn(&mut Filter),
        &|f: &mut Filter| f.project = Some("shop".into()),
        &|f: &mut Filter| f.expires_after = Some(at(0)),
    ] {
        assert_eq!(count(&home, change), 0);
    }
}

#[test]
fn a_listing_and_a_single_look_tell_the_same_of_a_key() {
    let home = filled();
    let reopened = options(&Clock::manual(home.clock.now()))
        .apart()
        .open(home.path())
        .unwrap();
    home.store.flush().unwrap();
    for key in home.store.keys(&Filter::default(), Order::Name) {
        let key = key.unwrap();
        assert_eq!(home.store.get(key.id).unwrap(), key);
        assert_eq!(reopened.get(key.id).unwrap(), key, "through another handle");
    }
}

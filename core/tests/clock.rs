//! A clock that is wrong: behind the mark of the latest time, or far ahead of it.

mod common;

use common::{Home, at, code_of, plain, verify};
use keyfob::{
    Change, Code, Expiry, ForeignFormat, ImportDefaults, KeyUpdate, NewKey, Policy, Requirement,
    limits,
};

/// A store whose mark lies 1,000 seconds ahead of its clock.
fn behind() -> Home {
    let home = Home::new();
    home.clock.advance(1_000);
    home.key(|_| {});
    home.clock.advance(-1_000);
    home
}

fn expiring(expires: Expiry) -> NewKey {
    let mut new = NewKey::new("key");
    new.expires = expires;
    new
}

#[test]
fn a_key_that_would_be_expired_from_the_start_is_refused_with_what_mends_the_clock() {
    let home = behind();
    for expires in [Expiry::In(1), Expiry::In(1_000), Expiry::At(at(1_000))] {
        let refused = home.store.create(&expiring(expires)).unwrap_err();
        assert_eq!(refused.code(), Code::CLOCK_IS_BEHIND);
        assert!(
            refused.to_string().contains("keyfob clock reset"),
            "{refused}"
        );
        assert!(refused.to_string().contains("1000 seconds"), "{refused}");
    }
    let good = home.store.create(&expiring(Expiry::In(1_001))).unwrap();
    assert_eq!(
        good.key.expires_at,
        Some(at(1_001)),
        "the lifetime is as asked"
    );
    assert_eq!(
        verify(&home.store, good.token.unwrap().expose(), &plain()),
        Code::OK
    );
    home.store.create(&expiring(Expiry::Never)).unwrap();

    let mut update = KeyUpdate::default();
    update.expires = Change::Set(Expiry::In(1_000));
    let refused = home.store.update(good.key.id, &update);
    assert_eq!(code_of(&refused), Code::CLOCK_IS_BEHIND);
    update.expires = Change::Set(Expiry::In(1_002));
    home.store.update(good.key.id, &update).unwrap();

    home.store.reset_clock().unwrap();
    home.store.create(&expiring(Expiry::In(1))).unwrap();
}

#[test]
fn the_policy_s_own_lifetime_is_refused_as_well_where_the_clock_is_behind() {
    let home = behind();
    let policy = Policy {
        default_lifetime: Some(500),
        ..Policy::default()
    };
    home.store.set_policy(policy).unwrap();
    let refused = home.store.create(&NewKey::new("key"));
    assert_eq!(code_of(&refused), Code::CLOCK_IS_BEHIND);
    let line = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";
    let defaults = ImportDefaults::default();
    let imported = home.store.import(ForeignFormat::Raw, &[line], &defaults);
    let refused = imported.unwrap().results.remove(0);
    assert_eq!(code_of(&refused), Code::CLOCK_IS_BEHIND);
}

#[test]
fn an_expiry_that_has_passed_by_the_mark_does_not_keep_a_key_from_other_changes() {
    let home = Home::new();
    let (id, _) = home.key(|new| new.expires = Expiry::In(100));
    home.clock.advance(1_000);
    home.key(|_| {});
    home.clock.advance(-1_000);
    let mut update = KeyUpdate::default();
    update.name = Some("renamed".into());
    home.store.update(id, &update).unwrap();
}

#[test]
fn info_shows_mark_and_clock() {
    let home = behind();
    let info = home.store.info().unwrap();
    assert_eq!((info.mark, info.clock), (at(1_000), at(0)));
    assert!(!info.clock_ahead);
}

/// Opened with a clock that is wrong by years, nothing tells that from a store that lay idle.
#[test]
fn a_clock_that_is_ahead_when_the_store_is_opened_moves_the_mark_and_a_reset_mends_it() {
    let mut home = Home::new();
    let (_, token) = home.key(|new| new.expires = Expiry::In(10_000));
    home.clock.set(at(1_000_000));
    home.reopen();
    home.key(|_| {});
    home.clock.set(at(0));
    assert_eq!(home.store.info().unwrap().mark, at(1_000_000));
    assert_eq!(
        verify(&home.store, token.expose(), &Requirement::new()),
        Code::EXPIRED
    );
    home.store.reset_clock().unwrap();
    assert_eq!(
        verify(&home.store, token.expose(), &Requirement::new()),
        Code::OK
    );
}

#[test]
fn a_clock_moves_the_mark_until_it_runs_a_second_more_than_a_day_ahead() {
    for (ahead, moves) in [(0, true), (1, false)] {
        let home = Home::new();
        let to = at(limits::CLOCK_AHEAD_SECONDS + ahead);
        home.clock.set(to);
        home.key(|_| {});
        let info = home.store.info().unwrap();
        assert_eq!(info.clock_ahead, !moves);
        assert_eq!(info.mark, if moves { to } else { at(0) });
    }
}

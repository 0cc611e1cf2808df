//! Uses that wait to be written: they are bounded however many keys are verified, and written early
//! where they are many.

mod common;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use common::{Home, options, plain};
use keyfob::{Filter, KeyId, NewKey, Order, Store, Token, limits};

/// So many are written early.
const MANY: usize = limits::USAGE_WAITING / 2;

fn keys(store: &Store, count: usize) -> Vec<(KeyId, Token)> {
    let new: Vec<_> = (0..count).map(|_| NewKey::new("key")).collect();
    let created = store.create_many(&new);
    assert!(created.stopped.is_none());
    created.done.into_iter().map(common::made).collect()
}

fn use_all(store: &Store, keys: &[(KeyId, Token)]) {
    for (_, token) in keys {
        store.verify(token.expose(), &plain()).unwrap();
    }
}

/// At first nothing but the interval bounded what waits of keys that are not in memory: a process
/// that verified a million of them within it grew by 70 MiB.
#[test]
fn uses_of_many_keys_that_memory_does_not_hold_are_written_long_before_the_interval() {
    for bytes in [0, 4 * 1024] {
        let home = Home::new();
        let keys = keys(&home.store, MANY + 100);
        let store = options(&home.clock)
            .apart()
            .key_cache_bytes(bytes)
            .flush_every(Duration::from_secs(24 * 60 * 60));
        let store = store.open(home.path()).unwrap();
        use_all(&store, &keys);
        // As another process sees it.
        let begun = Instant::now();
        while home.store.get(keys[0].0).unwrap().used.uses == 0 {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{bytes} bytes: nothing was written"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_use_of_a_key_beyond_what_may_wait_is_lost_and_one_after_a_flush_is_counted() {
    let home = Home::new();
    let keys = keys(&home.store, limits::USAGE_WAITING + 100);
    home.store.close().unwrap();
    let store = options(&home.clock).key_cache_bytes(0);
    let store = store.open(home.path()).unwrap();
    let (first, further) = keys.split_at(limits::USAGE_WAITING);
    let used = || -> HashSet<KeyId> {
        let everything = Filter::default();
        let all = store.keys(&everything, Order::Created);
        let used = all.map(Result::unwrap).filter(|key| key.used.uses > 0);
        used.map(|key| key.id).collect()
    };
    use_all(&store, &keys);
    // Those that wait already are counted on.
    use_all(&store, &first[..1]);
    let those_of_first: HashSet<_> = first.iter().map(|(id, _)| *id).collect();
    assert_eq!(used(), those_of_first);
    store.flush().unwrap();
    assert_eq!(used(), those_of_first);
    assert_eq!(store.get(first[0].0).unwrap().used.uses, 2);
    use_all(&store, further);
    assert_eq!(used().len(), keys.len());
}

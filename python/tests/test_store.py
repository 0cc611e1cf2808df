"""The store as a whole: its policy, copies of it, and the check of its file."""

import _thread
import functools
import json
import operator
import pickle
import re
import signal
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import keyfob
import pytest
from keyfob import Code, Policy


def test_a_policy_says_when_keys_expire_that_do_not_say_it(store: keyfob.Store) -> None:
    assert store.policy() == Policy()
    policy = Policy(
        default_lifetime=timedelta(days=1),
        longest_lifetime=timedelta(days=2),
        expiry_required=True,
        most_keys_per_owner=2,
    )
    store.set_policy(policy)
    assert store.policy() == policy
    key = store.create("a", owner="ann").key
    assert key.expires_at == key.created_at + timedelta(days=1)
    for expiry in ({"expires_at": keyfob.NEVER}, {"expires_in": timedelta(days=3)}):
        with pytest.raises(keyfob.RefusedError) as caught:
            store.create("b", **expiry)
        assert caught.value.code is Code.POLICY_REFUSED
    store.create("b", owner="ann")
    with pytest.raises(keyfob.RefusedError) as caught:
        store.create("c", owner="ann")
    assert caught.value.code is Code.TOO_MANY_KEYS
    changed = [event for event in store.log() if event.kind is keyfob.EventKind.POLICY_CHANGED]
    assert [event.details["policy"] for event in changed] == [policy]


def test_a_policy_that_no_store_can_hold_to_is_misuse(store: keyfob.Store) -> None:
    with pytest.raises(keyfob.MisuseError):
        store.set_policy(Policy(longest_lifetime=timedelta(0)))
    with pytest.raises(TypeError, match="keyfob.Policy"):
        store.set_policy({"expiry_required": True})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="default_lifetime"):
        store.set_policy(Policy(default_lifetime=1))  # type: ignore[arg-type]


def test_a_backup_is_a_store_of_its_own(store: keyfob.Store, tmp_path: Path) -> None:
    issued = store.create("a")
    copy = tmp_path / "copy.redb"
    made = store.backup(copy)
    assert (made.keys, made.sequence) == (1, issued.key.sequence)
    assert made.bytes == copy.stat().st_size
    store.revoke(issued.key.id)
    with keyfob.Store.open(copy) as backup:
        assert backup.check(issued.token)
    with pytest.raises(keyfob.StoreExists):
        store.backup(copy)


def test_the_check_reads_everything_and_answers_damage(
    store: keyfob.Store, tmp_path: Path
) -> None:
    store.create_project("shop")
    issued = store.create("a", project="shop")
    report = store.check_integrity()
    assert report.damage == ()
    assert (report.keys, report.projects, report.events) == (1, 1, 3)
    assert report.sequence == issued.key.sequence
    assert report.head == list(store.log())[-1].hash
    copy = tmp_path / "copy.redb"
    store.backup(copy)
    data = copy.read_bytes()
    assert b"shop" in data
    copy.write_bytes(data.replace(b"shop", b"shoq"))
    with keyfob.Store.open(copy) as damaged:
        assert damaged.check_integrity().damage


def test_the_store_tells_of_itself(store: keyfob.Store, path: Path) -> None:
    store.create_project("shop")
    issued = store.create("a", project="shop")
    stats = store.stats()
    assert (stats.path, stats.prefix, stats.read_only) == (path, "acme", False)
    assert (stats.keys, stats.projects, stats.digests, stats.tombstones) == (1, 1, 0, 0)
    assert (stats.format, stats.pepper, stats.log_begins_after) == (1, "none", 0)
    last = list(store.log())[-1]
    assert (stats.sequence, stats.head) == (issued.key.sequence, last.hash)
    assert stats.file_bytes == path.stat().st_size
    assert stats.mark <= stats.clock and not stats.clock_ahead
    assert stats.policy == Policy() and len(stats.store_id) == 16
    assert re.fullmatch(stats.scanner_expression, issued.token)
    assert pickle.loads(pickle.dumps(stats)) == stats
    assert json.loads(json.dumps(stats.to_dict()))["path"] == str(path)
    tables = store.table_sizes()
    assert tables["keys"][0] == 1 and all(size >= 0 for _, size in tables.values())


def test_uses_are_written_when_that_is_asked(path: Path) -> None:
    never = timedelta(0)
    with keyfob.Store.open(path, create=True, prefix="acme", flush_every=never) as store:
        issued = store.create("a")
        store.verify(issued.token)
        copy = path.with_name("copy.redb")
        store.backup(copy)
        store.flush()
        after = path.with_name("after.redb")
        store.backup(after)
    for file, uses in ((copy, 0), (after, 1)):
        with keyfob.Store.open(file) as backup:
            assert backup.get(issued.key.id).used.uses == uses


def test_a_compaction_gives_back_what_is_not_used(store: keyfob.Store, path: Path) -> None:
    store.create_many([{"name": "a", "metadata": {"k": "v" * 500}}] * 2_000)
    store.revoke_many(keyfob.ANY)
    store.prune(revoked_before=store.stats().clock + timedelta(seconds=1))
    store.prune_log(store.stats().sequence)
    done = store.compact()
    assert done.bytes_after == path.stat().st_size < done.bytes_before


def test_a_clock_that_was_wrong_is_reset(path: Path) -> None:
    clock = keyfob.ManualClock(datetime(2050, 1, 1, tzinfo=timezone.utc))
    with keyfob.Store.open(path, create=True, prefix="acme", clock=clock) as store:
        clock.advance(timedelta(hours=12))
        store.create("a")
        clock.advance(-timedelta(hours=12))
        with pytest.raises(keyfob.RefusedError) as caught:
            store.create("b", expires_in=timedelta(hours=1))
        assert caught.value.code is Code.CLOCK_IS_BEHIND
        store.reset_clock()
        assert store.stats().mark == clock.now()
        store.create("b", expires_in=timedelta(hours=1))


def test_the_log_is_checked_and_pruned_and_stays_provable(store: keyfob.Store) -> None:
    first, second, third = (store.create(name).key for name in "abc")
    events = list(store.log())
    chain = store.verify_log()
    assert (chain.first, chain.last, chain.head) == (1, third.sequence, events[-1].hash)
    assert store.check_expected(second.sequence, events[second.sequence - 1].hash)
    assert not store.check_expected(second.sequence, events[0].hash)
    assert not store.check_expected(third.sequence + 9, chain.head)
    assert store.prune_log(first.sequence) == first.sequence
    assert store.verify_log().first == second.sequence
    assert store.stats().log_begins_after == first.sequence
    with pytest.raises(keyfob.StoreError) as caught:
        store.check_expected(1, events[0].hash)
    assert caught.value.code is Code.GONE
    with pytest.raises(keyfob.MisuseError, match="the last event"):
        store.prune_log(1_000)
    with pytest.raises(keyfob.MisuseError, match="32 bytes"):
        store.check_expected(1, b"")


def test_a_restore_brings_back_what_is_missing_and_nothing_that_was_revoked(
    store: keyfob.Store, path: Path
) -> None:
    copy = path.with_name("copy.redb")
    kept, revoked = store.create("a"), store.create("b")
    store.backup(copy)
    store.revoke(revoked.key.id)
    restored = keyfob.Store.restore(path, copy, actor="ops")
    assert (restored.keys, restored.conflicts, restored.uncertain) == (0, (), ())
    assert store.check(kept.token) and not store.check(revoked.token)
    store.close()
    path.unlink()
    restored = keyfob.Store.restore(path, copy, disable_all=True)
    assert restored.keys == 2 and restored.set_aside is None
    assert {key.id for key in restored.uncertain} == {kept.key.id, revoked.key.id}
    assert restored.to_dict()["uncertain"][0]["state"] == "disabled"
    with keyfob.Store.open(path) as again:
        assert [key.state for key in again.list()] == [keyfob.KeyState.DISABLED] * 2


def test_a_restore_of_what_is_no_backup_says_so(store: keyfob.Store, path: Path) -> None:
    other = path.with_name("other.redb")
    keyfob.Store.open(other, create=True, prefix="other").close()
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.restore(path, other)
    assert caught.value.code is Code.OPTIONS_CONTRADICT
    with pytest.raises(keyfob.StoreNotFound):
        keyfob.Store.restore(path, path.with_name("nothing"))
    with pytest.raises(TypeError, match=r"restore\(\) got an unexpected keyword argument 'dry'"):
        keyfob.Store.restore(path, other, dry=True)  # type: ignore[call-arg]


def test_a_key_that_was_pruned_comes_back_where_it_is_named(path: Path) -> None:
    clock = keyfob.ManualClock(datetime(2050, 1, 1, tzinfo=timezone.utc))
    copy = path.with_name("copy.redb")
    with keyfob.Store.open(path, create=True, prefix="acme", clock=clock) as store:
        key = store.create("a", expires_in=timedelta(hours=1)).key
        store.backup(copy)
        clock.advance(timedelta(days=1))
        store.prune(expired_before=clock.now())
        assert keyfob.Store.restore(path, copy, clock=clock).kept_away == 1
        assert keyfob.Store.restore(path, copy, named=key.id, clock=clock).keys == 1
        assert store.get(key.id).name == "a"


def test_a_pepper_is_introduced_changed_and_removed(path: Path) -> None:
    first, second = b"\1" * 32, "ab" * 32
    with keyfob.Store.open(path, create=True, prefix="acme") as store:
        token = store.create("a").token
    keyfob.Store.set_pepper(path, first, actor="ops")
    with keyfob.Store.open(path, pepper=first) as store:
        assert store.check(token) and store.stats().pepper == "set"
    keyfob.Store.set_pepper(path, second, pepper=first)
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.open(path, pepper=first)
    assert caught.value.code is Code.WRONG_PEPPER
    with pytest.raises(keyfob.RefusedError) as same:
        keyfob.Store.set_pepper(path, second, pepper=second)
    assert same.value.code is Code.PEPPER_REFUSED
    with pytest.raises(keyfob.MisuseError) as wrong:
        keyfob.Store.set_pepper(path, "5ecre7", pepper=second)
    assert "5ecre7" not in str(wrong.value)
    with keyfob.Store.open(path, pepper=second, retired_pepper=first) as store:
        assert store.check(token)
    keyfob.Store.remove_pepper(path, pepper=second)
    with keyfob.Store.open(path) as store:
        assert store.check(token) and store.stats().pepper == "none"


def broken_off(work: "Callable[[], object]") -> None:
    """Does work with a Ctrl-C that was pressed before, and that only the work itself can notice: no
    byte code of Python's runs between the two calls, nor for a path that is a `str`."""
    done: list[object] = []
    calls = map(operator.methodcaller("__call__"), (_thread.interrupt_main, work))
    # A process in the background has been told to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            done.extend(calls)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(done) == 1, "the work came to its end"


def test_ctrl_c_breaks_off_a_backup_and_nothing_is_left_of_it(
    store: keyfob.Store, path: Path
) -> None:
    store.create("a")
    before, copy = sorted(path.parent.iterdir()), str(path.with_name("copy.redb"))
    broken_off(functools.partial(store.backup, copy))
    assert sorted(path.parent.iterdir()) == before
    assert store.backup(copy).keys == 1


def test_ctrl_c_breaks_off_checks_and_scans(store: keyfob.Store, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(store.create("a").token)
    for work in (store.check_integrity, functools.partial(store.scan, str(tmp_path))):
        broken_off(work)
        assert work()


def test_ctrl_c_breaks_off_a_restore_before_anything_is_written(
    store: keyfob.Store, path: Path
) -> None:
    copy = str(path.with_name("copy.redb"))
    store.backup(copy)
    sequence = store.create("a").key.sequence
    broken_off(functools.partial(keyfob.Store.restore, str(path), copy))
    assert store.stats().sequence == sequence


def test_a_change_of_peppers_that_ctrl_c_broke_off_goes_on_where_it_stopped(path: Path) -> None:
    first, second = b"\1" * 32, b"\2" * 32
    with keyfob.Store.open(path, create=True, prefix="acme", pepper=first) as store:
        token = store.create("a").token
    change = functools.partial(keyfob.Store.set_pepper, str(path), second, pepper=first)
    broken_off(change)
    with keyfob.Store.open(path, pepper=second, retired_pepper=first) as store:
        assert store.stats().pepper == "changing" and store.check(token)
    change()
    with keyfob.Store.open(path, pepper=second) as store:
        assert store.stats().pepper == "set" and store.check(token)


def test_ctrl_c_breaks_off_an_import_between_two_transactions(store: keyfob.Store) -> None:
    rows = [f"q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf{number:05}" for number in range(10_001)]
    broken_off(functools.partial(store.import_keys, "raw", rows))
    assert store.count() == 10_000
    done = store.import_keys("raw", rows)
    assert [row.code for row in done.rows[9_999:]] == [Code.DIGEST_TAKEN, Code.OK]

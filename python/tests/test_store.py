"""The store as a whole: its policy, copies of it, and the check of its file."""

from datetime import timedelta
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

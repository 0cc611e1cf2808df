"""Projects, and the log."""

from datetime import datetime, timedelta, timezone

import keyfob
import pytest
from keyfob import Code, EventKind


def test_a_project_is_created_changed_and_found(store: keyfob.Store) -> None:
    project = store.create_project("shop", scopes=["orders:*"], owner="ann")
    assert (project.name, project.owner, project.enabled) == ("shop", "ann", True)
    assert store.project("shop") == project
    changed = store.update_project("shop", scopes=["stock:read"])
    assert (set(changed.scopes), changed.owner) == ({"stock:read"}, "ann")
    assert store.update_project("shop", owner=None).owner is None
    store.create_project("bank")
    assert [project.name for project in store.projects()] == ["bank", "shop"]
    with pytest.raises(keyfob.RefusedError) as caught:
        store.create_project("shop")
    assert caught.value.code is Code.NAME_TAKEN


def test_a_project_bounds_its_keys_from_the_next_verification_on(store: keyfob.Store) -> None:
    store.create_project("shop", scopes=["orders:*"])
    with pytest.raises(keyfob.RefusedError) as caught:
        store.create("a", project="shop", scopes="stock:read")
    assert caught.value.code is Code.SCOPE_NOT_ALLOWED
    token = store.create("a", project="shop", scopes="orders:read").token
    assert store.verify(token, project="shop").scopes == {"orders:read"}
    store.update_project("shop", scopes=None)
    assert store.verify(token, project="shop").scopes == frozenset()


def test_a_project_that_is_disabled_or_deleted_takes_its_tokens_with_it(
    store: keyfob.Store,
) -> None:
    store.create_project("shop")
    issued = store.create("a", project="shop")
    assert not store.disable_project("shop").enabled
    with pytest.raises(keyfob.KeyDisabled):
        store.verify(issued.token, project="shop")
    assert store.get(issued.key.id).state_by_project
    assert store.enable_project("shop").enabled
    assert store.check(issued.token, project="shop")
    assert store.delete_project("shop").deleted_at is not None
    with pytest.raises(keyfob.KeyRevoked):
        store.verify(issued.token, project="shop")
    assert store.projects() == []
    assert [project.name for project in store.projects(deleted=True)] == ["shop"]


def test_the_log_tells_what_was_done_in_order(store: keyfob.Store) -> None:
    store.create_project("shop", scopes="*", owner="ann")
    issued = store.create("a", project="shop", scopes="b", expires_in=timedelta(days=1))
    store.update(issued.key.id, name="c", metadata={"d": "e"}, ip_list="10.0.0.0/8")
    store.rotate(issued.key.id, grace=timedelta(hours=1))
    store.finish_rotation(issued.key.id)
    store.disable(issued.key.id)
    store.enable(issued.key.id)
    store.revoke(issued.key.id, reason="superseded", note="over")
    store.update_project("shop", owner=None)
    store.delete_project("shop")
    events = list(store.log())
    assert [event.kind for event in events] == [
        EventKind.STORE_CREATED,
        EventKind.PROJECT_CREATED,
        EventKind.KEY_CREATED,
        EventKind.KEY_UPDATED,
        EventKind.KEY_ROTATED,
        EventKind.ROTATION_FINISHED,
        EventKind.KEY_DISABLED,
        EventKind.KEY_ENABLED,
        EventKind.KEY_REVOKED,
        EventKind.PROJECT_UPDATED,
        EventKind.PROJECT_DELETED,
    ]
    assert [event.sequence for event in events] == list(range(1, 12))
    created, updated, rotated, revoked = events[2], events[3], events[4], events[8]
    assert created.key_id == issued.key.id and created.project_id is None
    assert created.details["key"]["scopes"] == {"b"}
    assert created.details["key"]["expires_at"] == issued.key.expires_at
    assert created.details["key"]["project_id"] == events[1].project_id
    assert dict(updated.details["changed"]) == {
        "name": "c",
        "metadata": None,
        "ip_list": store.get(issued.key.id).ip_list,
    }
    assert rotated.details["generation"] == 2
    assert dict(revoked.details) == {"reason": keyfob.Reason.SUPERSEDED, "note": "over"}
    assert dict(events[9].details["changed"]) == {"owner": None}
    assert events[10].details["name"] == "shop"
    assert created.previous == 0 and updated.previous == created.sequence
    assert all(len(event.hash) == 32 for event in events)
    assert created.at.tzinfo is timezone.utc
    assert abs(created.at - issued.key.created_at) < timedelta(seconds=2)


def test_the_log_is_asked_by_sequence_key_project_and_time(store: keyfob.Store) -> None:
    store.create_project("shop")
    one, two = store.create("a", project="shop").key, store.create("b").key
    store.disable(two.id)

    def sequences(**keywords: object) -> list[int]:
        return [event.sequence for event in store.log(**keywords)]  # type: ignore[arg-type]

    now = datetime.now(timezone.utc)
    assert sequences(after=3) == [4, 5]
    assert sequences(key_id=two.id) == [4, 5]
    assert sequences(key_id=two.id, after=4) == [5]
    assert sequences(project="shop") == [2, 3]
    assert sequences(project=store.project("shop").id) == [2, 3]
    assert sequences(since=now - timedelta(hours=1)) == [1, 2, 3, 4, 5]
    assert sequences(until=now - timedelta(hours=1)) == []
    assert one.sequence == 3


def test_a_log_of_more_than_a_batch_is_read_to_its_end(store: keyfob.Store) -> None:
    key = store.create("a").key
    for _ in range(150):
        store.disable(key.id)
        store.enable(key.id)
    assert [event.sequence for event in store.log()] == list(range(1, 303))


def test_a_project_is_found_by_its_id_also_once_it_is_deleted(store: keyfob.Store) -> None:
    project = store.create_project("shop")
    assert store.project_by_id(project.id) == project
    store.create("a", project="shop")
    store.delete_project("shop")
    assert store.project_by_id(project.id).deleted_at is not None
    assert [deleted.id for deleted in store.projects(deleted=True)] == [project.id]
    with pytest.raises(keyfob.NoSuchProject):
        store.project_by_id("02p5oQZoHTv0zeY5yG21K3")
    with pytest.raises(keyfob.MisuseError, match="project id"):
        store.project_by_id("shop")

"""The verbs of many keys: creating, importing, revoking, disabling and changing them."""

import decimal
import hashlib
import json
import pickle
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import keyfob
import pytest
from keyfob import ANY, BulkOutcome, Code, KeyFilter, KeyState, NewKey


@pytest.fixture
def ids(store: keyfob.Store) -> "list[str]":
    requests: list[NewKey] = [
        {"name": f"key {number}", "owner": owner, "tags": "batch"}
        for number, owner in enumerate(["ann", "ann", "bob"])
    ]
    return [issued.key.id for issued in store.create_many(requests)]


def states(store: keyfob.Store) -> "list[KeyState]":
    return [key.state for key in store.list()]


def test_many_are_created_in_the_order_of_their_requests(store: keyfob.Store) -> None:
    later = datetime(2050, 1, 1, tzinfo=timezone.utc)
    requests: list[NewKey] = [
        {"name": "one", "scopes": ["a", "b"], "expires_at": later, "metadata": {"k": "v"}},
        {"name": "two", "environment": "test", "owner": None},
    ]
    one, two = store.create_many(request for request in requests)
    assert (one.key.name, one.key.expires_at) == ("one", later)
    assert one.key.metadata == {"k": "v"}
    assert store.check(one.token, scopes=["a", "b"])
    assert two.key.environment == "test" and two.key.owner is None
    assert store.create_many([]) == []


def test_a_request_that_is_refused_ends_those_of_its_transaction(store: keyfob.Store) -> None:
    with pytest.raises(keyfob.NoSuchProject) as caught:
        store.create_many([{"name": "one"}, {"name": "two", "project": "nothing"}])
    assert caught.value.outcome == []
    assert store.count() == 0


def test_a_request_is_a_mapping_with_a_name_and_the_keywords_of_create(
    store: keyfob.Store,
) -> None:
    with pytest.raises(keyfob.MisuseError, match=r"^requests\[0\]: a request: it needs a name"):
        store.create_many([{"owner": "ann"}])  # type: ignore[typeddict-item]
    with pytest.raises(TypeError, match=r"create_many\(\) got an unexpected keyword .*'scope'"):
        store.create_many([{"name": "a", "scope": "b"}])  # type: ignore[typeddict-unknown-key]
    with pytest.raises(TypeError, match=r"^requests\[0\]: a request must be a mapping, not str"):
        store.create_many(["a"])  # type: ignore[list-item]
    assert store.count() == 0


def test_many_are_named_by_ids_by_a_filter_or_all(
    store: keyfob.Store, ids: "list[str]"
) -> None:
    assert store.disable_many(ids[:2]) == BulkOutcome(changed=2, unchanged=0)
    assert store.disable_many(id for id in ids) == BulkOutcome(changed=1, unchanged=2)
    assert states(store) == [KeyState.DISABLED] * 3
    assert store.enable_many({"owner": "ann"}) == BulkOutcome(changed=2, unchanged=0)
    assert store.enable_many(ids[2]).changed == 1
    assert store.disable_many(KeyFilter(tag="batch", owner="bob", never_used=True)).changed == 1
    assert store.enable_many(ANY) == BulkOutcome(changed=1, unchanged=2)
    assert states(store) == [KeyState.ACTIVE] * 3


def test_a_filter_of_nothing_is_refused_since_it_would_mean_every_key(
    store: keyfob.Store, ids: "list[str]"
) -> None:
    owner = None
    for nothing in ({}, {"owner": owner}):
        with pytest.raises(keyfob.MisuseError, match="pass keyfob.ANY"):
            store.revoke_many(nothing)
    assert states(store) == [KeyState.ACTIVE] * 3
    with pytest.raises(TypeError, match=r"revoke_many\(\) got an unexpected keyword .*'ownr'"):
        store.revoke_many({"ownr": "ann"})
    with pytest.raises(TypeError, match="an iterable of key ids, not int"):
        store.revoke_many(1)  # type: ignore[arg-type]
    assert store.revoke_many([]) == BulkOutcome(changed=0, unchanged=0)


def test_many_are_revoked_with_a_reason(store: keyfob.Store, ids: "list[str]") -> None:
    outcome = store.revoke_many({"owner": "ann"}, reason="superseded", note="moved")
    assert outcome.to_dict() == {"changed": 2, "unchanged": 0}
    for key_id in ids[:2]:
        revocation = store.get(key_id).revocation
        assert revocation is not None
        assert (revocation.reason, revocation.note) == (keyfob.Reason.SUPERSEDED, "moved")
    assert store.revoke_many(ANY).changed == 1
    assert store.enable_many(ANY) == BulkOutcome(changed=0, unchanged=3)


def test_many_are_changed_with_the_keywords_of_update(
    store: keyfob.Store, ids: "list[str]"
) -> None:
    outcome = store.update_many(
        {"owner": "ann"}, owner="eve", scopes="a", metadata_pairs={"team": "blue"}, tags=None
    )
    assert outcome.changed == 2
    changed = store.get(ids[0])
    assert (changed.owner, changed.name) == ("eve", "key 0")
    assert changed.scopes == {"a"} and changed.tags == set()
    assert changed.metadata == {"team": "blue"}
    assert store.get(ids[2]).owner == "bob"
    assert store.update_many(ANY, owner=keyfob.KEEP).unchanged == 3
    with pytest.raises(TypeError, match=r"update_many\(\) got an unexpected keyword .*'reason'"):
        store.update_many(ANY, reason="a")  # type: ignore[call-arg]


def test_what_stops_a_verb_of_many_says_how_far_it_got(
    store: keyfob.Store, ids: "list[str]"
) -> None:
    unknown = "02p5oQZoHTv0zeY5yG21K3"
    with pytest.raises(keyfob.NoSuchKey) as caught:
        store.disable_many([*ids, unknown])
    assert caught.value.outcome == BulkOutcome(changed=0, unchanged=0)
    assert states(store) == [KeyState.ACTIVE] * 3
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.outcome == caught.value.outcome
    store.close()
    with pytest.raises(keyfob.StoreClosed) as closed:
        store.revoke_many(ids)
    assert closed.value.outcome == BulkOutcome(changed=0, unchanged=0)


def test_what_is_not_of_its_form_says_which_it_is_and_that_nothing_was_done(
    store: keyfob.Store, ids: "list[str]"
) -> None:
    none = BulkOutcome(changed=0, unchanged=0)
    with pytest.raises(keyfob.NoSuchKey, match=r"^keys\[1\]: no key of this id") as unknown:
        store.enable_many([ids[0], "x"])
    assert unknown.value.outcome == none
    with pytest.raises(TypeError, match=r"^keys\[0\]: key_id must be a str, not int") as no_text:
        store.disable_many([1])  # type: ignore[list-item]
    assert vars(no_text.value)["outcome"] == none
    with pytest.raises(keyfob.MisuseError, match="pass keyfob.ANY") as nothing:
        store.update_many({}, name="b")
    assert nothing.value.outcome == none
    for arguments in ({"note": "x" * 10_000}, {"reason": "no reason"}):
        with pytest.raises(keyfob.MisuseError) as misused:
            store.revoke_many(ids, **arguments)
        assert misused.value.outcome == none
    with pytest.raises(keyfob.MisuseError) as misused:
        store.update_many(ids, scopes="!")
    assert misused.value.outcome == none
    assert states(store) == [KeyState.ACTIVE] * 3

    with pytest.raises(keyfob.MisuseError, match=r'^requests\[2\]: scope "!"') as malformed:
        store.create_many([{"name": "a"}, {"name": "b"}, {"name": "c", "scopes": "!"}])
    assert malformed.value.outcome == [] and malformed.value.code is Code.INVALID_SCOPE
    assert pickle.loads(pickle.dumps(malformed.value)).outcome == []

    def requests() -> Iterator[NewKey]:
        yield {"name": "a"}
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="^gone$") as own:
        store.create_many(requests())
    assert vars(own.value)["outcome"] == []
    assert store.count() == 3


def test_batches_before_the_one_that_is_refused_are_kept_and_told(path: Path) -> None:
    with keyfob.Store.open(path, create=True, prefix="acme") as store:
        requests: list[NewKey] = [{"name": "a"}] * 10_000
        with pytest.raises(keyfob.NoSuchProject) as caught:
            store.create_many([*requests, {"name": "b", "project": "nothing"}])
        assert len(caught.value.outcome) == store.count() == 10_000
        assert store.check(caught.value.outcome[-1].token)


def test_keys_of_others_are_imported_from_lines_each_with_its_result(
    store: keyfob.Store, tmp_path: Path
) -> None:
    first, second = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6", "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf0001"
    file = tmp_path / "keys.txt"
    file.write_text(f"{first}\r\npassword\n{second}\n{first}", newline="")
    store.create_project("shop", scopes="orders:*")
    with file.open(newline="") as lines:
        done = store.import_keys(
            "raw",
            lines,
            name="moved",
            scopes="orders:read",
            project="shop",
            owner="ann",
            environment="test",
            expires_in=timedelta(days=90),
            tags=["moved"],
        )
    assert [row.code for row in done.rows] == [
        Code.OK,
        Code.NOT_IMPORTABLE,
        Code.OK,
        Code.DIGEST_TAKEN,
    ]
    assert done.rows[3].key_id == done.rows[0].key_id and done.rows[1].key_id is None
    key = store.verify(first, scopes="orders:read", project="shop", environment="test")
    assert key.id == done.rows[0].key_id
    info = store.get(key.id)
    assert info.imported and info.tags == {"moved"} and info.owner == "ann"
    assert info.expires_at is not None
    for text in (repr(done), json.dumps(done.to_dict())):
        assert first not in text and "password" not in text
    assert pickle.loads(pickle.dumps(done)) == done


def test_a_row_is_a_mapping_or_a_line_in_text_or_bytes(store: keyfob.Store) -> None:
    string = "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf%04d"
    digests = [hashlib.sha256((string % number).encode()).hexdigest() for number in range(3)]
    expires = datetime(2050, 6, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    row = {
        "digest": digests[0],
        "name": "Jürgen",
        "owner": uuid.UUID(int=7),
        "scopes": ["a"],
        "expires_at": expires,
        "metadata": {"k": "v"},
    }
    done = store.import_keys("sha256-hex", [row, digests[1].encode(), digests[2], b"\xff\n"])
    assert [row.code for row in done.rows] == [Code.OK] * 3 + [Code.NOT_IMPORTABLE]
    key = store.get(store.verify(string % 0, scopes="a").id)
    assert (key.name, key.expires_at) == ("Jürgen", expires)
    assert key.metadata == {"k": "v"}
    assert key.owner == "00000000-0000-0000-0000-000000000007"
    assert store.check(string % 1) and store.check(string % 2)


def test_a_mapping_that_can_be_no_line_refuses_only_itself(store: keyfob.Store) -> None:
    secret = "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf0001"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    around: dict[str, object] = {"digest": secret}
    around["self"] = around
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    refused: list[Any] = [
        {"digest": secret.encode()},
        {"digest": {secret}},
        {"digest": secret, "created_at": decimal.Decimal(1)},
        {"digest": secret, ("a", "b"): 1},
        {"digest": secret, "n": 10**5000},
        {"digest": secret, "deep": deep},
        around,
    ]
    done = store.import_keys("sha256-hex", [*refused, {"digest": digest}])
    assert [row.code for row in done.rows] == [Code.NOT_IMPORTABLE] * len(refused) + [Code.OK]
    messages = [row.message or "" for row in done.rows]
    assert messages[2] == (
        "not importable: a row holds a Decimal, which no format has; leave it out"
    )
    assert messages[6] == "not importable: a row cannot be written as JSON: ValueError"
    assert not any(secret in message for message in messages)
    assert store.check(secret)


def test_what_is_no_row_is_a_type_error_that_does_not_show_it(store: keyfob.Store) -> None:
    secret = "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf0001"
    for row in (1, [secret]):
        with pytest.raises(TypeError, match="a row must be a str, bytes or a mapping") as caught:
            store.import_keys("sha256-hex", [row])  # type: ignore[list-item]
        assert secret not in str(caught.value)
        assert vars(caught.value)["outcome"] == keyfob.Imported(rows=())
    for rows in (secret, {"digest": secret}):
        with pytest.raises(TypeError, match="rows must be an iterable of rows") as caught:
            store.import_keys("raw", rows)
        assert secret not in str(caught.value)
    with pytest.raises(keyfob.MisuseError, match="not one of raw, sha256-hex"):
        store.import_keys("csv", [])


@pytest.mark.parametrize("raised", [ConnectionError("gone"), KeyboardInterrupt(), TypeError("a")])
def test_what_rows_raise_themselves_says_what_was_imported_before(
    path: Path, raised: BaseException
) -> None:
    def rows() -> Iterator[str]:
        yield from (hashlib.sha256(b"%d" % number).hexdigest() for number in range(10_001))
        raise raised

    with keyfob.Store.open(path, create=True, prefix="acme") as store:
        with pytest.raises(type(raised)) as caught:
            store.import_keys("sha256-hex", rows())
        assert caught.value is raised
        done = vars(raised)["outcome"]
        assert isinstance(done, keyfob.Imported)
        assert len(done.rows) == store.count() == 10_000


def test_what_keeps_any_row_from_being_taken_is_raised(store: keyfob.Store) -> None:
    line = "q8ZtJw5mPz0RvK3yX7bNc1Ld6HgTf0001"
    with pytest.raises(keyfob.NoSuchProject) as caught:
        store.import_keys("raw", [line], project="nothing")
    assert caught.value.outcome == keyfob.Imported(rows=())
    with pytest.raises(keyfob.MisuseError):
        store.import_keys("raw", [line], owner="")
    assert store.count() == 0


def test_a_filter_with_a_part_that_came_out_empty_is_refused(store: keyfob.Store) -> None:
    store.create("a", owner="ann")
    store.create("b", owner="bob")
    parts: list[dict[str, Any]] = [{"state": []}, {"state": iter(())}, {"name_contains": ""}]
    for part in parts:
        (name,) = part
        for verb in (
            lambda: store.list(**part),
            lambda: store.count(**part),
            lambda: store.least_recently_used(1, **part),
            lambda: store.revoke_many({"owner": "ann", **part}),
        ):
            with pytest.raises(keyfob.MisuseError, match=f"{name}: .*leave it out"):
                verb()
    for named in ({"owner": "ann", "tag": None}, {"owner": "ann", "state": None}):
        for many in (store.revoke_many, store.disable_many, store.enable_many, store.update_many):
            with pytest.raises(keyfob.MisuseError, match="is None"):
                many(named)
    assert store.count(state="active", owner=None) == 2

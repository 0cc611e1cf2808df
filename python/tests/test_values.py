"""What a store answers is a value: frozen, hashable, picklable, plain data where that is asked."""

import copy
import dataclasses
import importlib.metadata
import json
import pickle
from datetime import timedelta

import keyfob
import pytest
from keyfob import Code, KeyState, Reason


@pytest.fixture
def values(store: keyfob.Store) -> "list[object]":
    project = store.create_project("shop", scopes=["orders:*"], owner="ann")
    issued = store.create(
        "a", project="shop", metadata={"a": "b"}, ip_list="10.0.0.0/8", expires_in=timedelta(days=1)
    )
    store.rotate(issued.key.id, grace=timedelta(hours=1))
    rotated = store.update(issued.key.id, metadata={"b": "c"}, ip_list=["192.0.2.0/24"])
    revoked = store.revoke(issued.key.id, note="over")
    assert rotated.old_secret and revoked.revocation
    return [
        project,
        rotated,
        rotated.used,
        rotated.old_secret,
        revoked,
        revoked.revocation,
        store.check("nothing"),
        rotated.metadata,
        *store.log(),
        *store.scan_bytes(issued.token),
        store.import_keys("raw", ["too short"]),
        store.disable_many(keyfob.ANY),
        store.verify_log(),
        store.check_integrity(),
        store.compact(),
        store.stats(),
    ]


def test_values_are_hashed_pickled_and_copied(values: "list[object]") -> None:
    for value in values:
        protocols = range(pickle.HIGHEST_PROTOCOL + 1)
        pickled = [pickle.loads(pickle.dumps(value, protocol)) for protocol in protocols]
        for same in (*pickled, copy.copy(value), copy.deepcopy(value)):
            assert same == value
            assert hash(same) == hash(value)
            assert repr(same) == repr(value)
    assert len(set(values)) == len(values)


def test_values_are_not_changed(values: "list[object]") -> None:
    for value in values:
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError, TypeError)):
            value.name = "another"  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        values[7]["a"] = "b"  # type: ignore[index]


def test_values_become_plain_data_that_json_takes(values: "list[object]") -> None:
    for value in values:
        if isinstance(value, keyfob.FrozenMap):
            continue
        plain = value.to_dict()  # type: ignore[attr-defined]
        fields = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
        assert list(plain) == fields
        assert json.loads(json.dumps(plain)) == plain


def test_plain_data_of_a_key_is_what_an_api_would_answer(store: keyfob.Store) -> None:
    key = store.create("a", scopes=["b", "a"], rotation_due_after=timedelta(days=1)).key
    plain = key.to_dict()
    assert plain["scopes"] == ["a", "b"]
    assert plain["state"] == "active"
    assert plain["created_at"] == key.created_at.isoformat()
    assert plain["rotation_due_after"] == 86_400
    assert plain["used"] == {"last_used_at": None, "uses": 0}
    assert plain["expires_at"] is None


def test_enums_are_iterable_picklable_and_their_own_text() -> None:
    assert "expired" in list(KeyState)
    assert pickle.loads(pickle.dumps(Reason.SUPERSEDED)) is Reason.SUPERSEDED
    assert f"{KeyState.ACTIVE}" == str(KeyState.ACTIVE) == "active"
    assert json.dumps([KeyState.ACTIVE, Code.EXPIRED]) == '["active", 205]'
    for special in (keyfob.ANY, keyfob.KEEP, keyfob.NEVER):
        assert pickle.loads(pickle.dumps(special)) is special
        assert repr(special) == f"keyfob.{special.name}"


def test_the_version_is_that_of_the_wheel() -> None:
    assert keyfob.__version__ == importlib.metadata.version("keyfob")


def test_the_package_exports_every_name_of_its_parts() -> None:
    parts = (keyfob._enums, keyfob._info, keyfob._keywords, keyfob._native, keyfob.errors)
    names = [name for part in parts for name in part.__all__]
    assert sorted(names) == sorted(keyfob.__all__)
    for name in names:
        assert hasattr(keyfob, name), name


def test_the_package_needs_no_other_unless_an_extra_is_asked_for() -> None:
    needed = importlib.metadata.requires("keyfob") or []
    assert [each for each in needed if "extra ==" not in each] == []

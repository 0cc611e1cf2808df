"""What a verification asks for, and what it answers."""

import copy
import gc
import ipaddress
import itertools
import json
import pickle
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import keyfob
import pytest
from keyfob import ANY, Code, _native
from keyfob._http import required


def test_a_verified_key_says_what_the_decision_knew(store: keyfob.Store) -> None:
    store.create_project("shop", scopes=["orders:*"])
    issued = store.create(
        "CI",
        scopes=["orders:read", "orders:write"],
        project="shop",
        owner="ann",
        environment="test",
        expires_in=timedelta(days=1),
        metadata={"team": "blue"},
    )
    key = store.verify(issued.token, project="shop", environment="test", scopes="orders:read")
    assert key.id == issued.key.id
    assert key.owner == "ann"
    assert key.project == "shop"
    assert key.environment == "test"
    assert key.scopes == {"orders:read", "orders:write"}
    assert key.expires_at == issued.key.expires_at
    assert key.matched is keyfob.MatchedSecret.CURRENT
    assert key.name == "CI"
    assert key.metadata == {"team": "blue"}


def test_name_and_metadata_are_read_as_they_are_by_then(store: keyfob.Store) -> None:
    key = store.verify(store.create("before").token)
    store.update(key.id, name="after", metadata={"a": "b"})
    assert (key.name, dict(key.metadata)) == ("after", {"a": "b"})


def test_two_verified_keys_are_equal_where_they_are_of_the_same_key(store: keyfob.Store) -> None:
    issued, other = store.create("a"), store.create("a")
    key = store.verify(issued.token)
    assert key == store.verify(issued.token)
    assert hash(key) == hash(store.verify(issued.token))
    assert key != store.verify(other.token)
    assert key != issued.key.id
    assert repr(key) == f"<keyfob.VerifiedKey {key.id}>"


def test_a_verified_key_is_asked_for_a_scope(store: keyfob.Store) -> None:
    store.create_project("shop", scopes=["orders:*"])
    token = store.create("a", scopes="orders:*", project="shop").token
    key = store.verify(token, project="shop")
    assert key.has_scope("orders:read") and key.has_scope("orders:write")
    assert not key.has_scope("stock:read")
    store.update_project("shop", scopes="orders:read")
    narrowed = store.verify(token, project="shop")
    assert narrowed.has_scope("orders:read") and not narrowed.has_scope("orders:write")
    for nothing in ("orders:*", "*", "", "not a scope", "ord\ud800"):
        with pytest.raises(keyfob.MisuseError):
            key.has_scope(nothing)
    with pytest.raises(TypeError, match="scope must be a str, not list"):
        key.has_scope(["orders:read"])  # type: ignore[arg-type]


def test_a_verified_key_becomes_plain_data_and_is_not_pickled(store: keyfob.Store) -> None:
    issued = store.create("a", scopes=["b", "a"], owner="ann", expires_in=timedelta(days=1))
    key = store.verify(issued.token)
    assert issued.key.expires_at is not None
    assert key.to_dict() == {
        "id": issued.key.id,
        "owner": "ann",
        "project": None,
        "environment": "live",
        "scopes": ["a", "b"],
        "expires_at": issued.key.expires_at.isoformat(),
        "matched": "current",
    }
    assert json.loads(json.dumps(key.to_dict())) == key.to_dict()
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="only a verification makes a verified key"):
            copied(key)


def test_a_verified_key_goes_on_without_its_store_being_named(path: Path) -> None:
    key = keyfob.Store.open(path, create=True, prefix="acme").create("a")
    verified = keyfob.Store.open(path).verify(key.token)
    gc.collect()
    assert verified.name == "a"


def refusal(store: keyfob.Store, token: str, **asked: Any) -> "tuple[str | None, str | None]":
    """The key that is named where a token is refused: by `check`, and by `verify`."""
    denied = store.check(token, **asked)
    with pytest.raises(keyfob.VerificationError) as caught:
        store.verify(token, **asked)
    assert isinstance(denied, keyfob.Denied)
    return denied.key_id, caught.value.key_id


def other_secret(store: keyfob.Store, path: Path, key_id: str) -> str:
    """A token of a key with a secret that is not its own: what a rotation would have given it."""
    file = path.with_name(f"copy-{key_id}.redb")
    store.backup(file)
    with keyfob.Store.open(file) as elsewhere:
        return elsewhere.rotate(key_id).token


def test_a_refusal_names_the_key_where_the_secret_was_its_own(
    store: keyfob.Store, path: Path
) -> None:
    one, two = store.create("a"), store.create("b")
    revoked = store.create("c")
    store.revoke(revoked.key.id)
    for issued, asked in ((one, {"scopes": "x"}), (two, {"owner": "eve"}), (revoked, {})):
        assert refusal(store, issued.token, **asked) == (issued.key.id, issued.key.id)
    # And none where it was not, also after a refusal that had one.
    wrong = other_secret(store, path, one.key.id)
    for token in (wrong, "nothing", one.token[:-1]):
        assert refusal(store, two.token, owner="eve") == (two.key.id, two.key.id)
        assert refusal(store, token) == (None, None)
    assert store.check("nothing") is store.check("nothing")
    header = f"Bearer {one.token}"
    with pytest.raises(keyfob.InsufficientScope) as caught:
        store.verify_authorization(header, scopes="x")
    assert caught.value.key_id == one.key.id
    with pytest.raises(keyfob.MalformedToken) as malformed:
        store.verify_authorization(f"{header} more")
    assert malformed.value.key_id is None


def owner_or_reason(store: keyfob.Store, token: str) -> "str | None":
    """Typed as an application has it: `if not key` tells mypy and pyright which of the two it is."""
    key = store.check(token)
    if not key:
        return key.code.name
    return key.owner


def test_an_answer_is_told_apart_by_its_truth(store: keyfob.Store) -> None:
    assert owner_or_reason(store, store.create("a", owner="ann").token) == "ann"
    assert owner_or_reason(store, "nothing") == "MALFORMED"


def test_a_question_names_no_key(store: keyfob.Store) -> None:
    issued = store.create("a")
    with pytest.raises(keyfob.InsufficientScope) as caught:
        store.verify_at(issued.token, datetime.now(timezone.utc), scopes="x")
    assert caught.value.key_id is None


def test_the_key_of_a_refusal_is_that_of_the_thread_that_asked(
    store: keyfob.Store, path: Path
) -> None:
    keys = [store.create(f"key {number}") for number in range(4)]
    tokens = [issued.token for issued in keys]
    wrong = [other_secret(store, path, issued.key.id) for issued in keys]
    together, mixed = threading.Barrier(len(keys)), list[object]()

    def ask(number: int) -> None:
        together.wait()
        for _ in range(200):
            good = store.check(tokens[number], scopes="x")
            bad = store.check(wrong[number])
            mixed.append((number, getattr(good, "key_id", 0), getattr(bad, "key_id", 0)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(keys))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(mixed) == 800
    assert set(mixed) == {(number, keys[number].key.id, None) for number in range(len(keys))}


def test_verify_raises_and_check_answers_the_same_denial(store: keyfob.Store) -> None:
    issued = store.create("a", scopes="orders:read")
    with pytest.raises(keyfob.InsufficientScope) as caught:
        store.verify(issued.token, scopes="orders:write")
    denied = store.check(issued.token, scopes="orders:write")
    assert not denied
    assert isinstance(denied, keyfob.Denied)
    assert denied.code is caught.value.code is Code.INSUFFICIENT_SCOPE
    assert denied.http_status == caught.value.http_status == 403
    assert denied.message == str(caught.value)
    assert denied.key_id == caught.value.key_id == issued.key.id
    assert denied.to_dict() == {
        "code": 209,
        "message": denied.message,
        "http_status": 403,
        "key_id": issued.key.id,
    }


def test_check_answers_a_key_where_the_token_is_good(store: keyfob.Store) -> None:
    issued = store.create("a")
    key = store.check(issued.token)
    assert key
    assert isinstance(key, keyfob.VerifiedKey)
    assert key.id == issued.key.id


def test_a_single_scope_is_one_and_several_are_all_required(store: keyfob.Store) -> None:
    token = store.create("a", scopes=["orders:read", "stock:*"]).token
    assert store.check(token, scopes="orders:read")
    assert store.check(token, scopes=("orders:read", "stock:write"))
    assert store.check(token, scopes=(scope for scope in ["orders:read"]))
    assert not store.check(token, scopes=["orders:read", "orders:write"])
    assert store.check(token, any_scopes=["orders:write", "orders:read"])
    assert not store.check(token, any_scopes="orders:write")
    assert not store.check(token, scopes="orders:write", any_scopes="orders:read")


def test_a_list_of_no_scopes_requires_nothing_by_accident_and_is_misuse(
    store: keyfob.Store,
) -> None:
    token = store.create("a", scopes="a:b").token
    once = (scope for scope in ["a:b"])
    assert store.check(token, scopes=once)
    asks: list[dict[str, Any]] = [
        {"scopes": once},
        {"scopes": []},
        {"scopes": ()},
        {"scopes": "".split()},
        {"any_scopes": []},
        {"any_scopes": "a:b", "scopes": []},
        {"any_scopes": [], "scopes": "a:b"},
    ]
    for asked in asks:
        for verb in (store.verify, store.check, store.verify_authorization, store.explain):
            with pytest.raises(keyfob.MisuseError, match="empty list of scopes") as caught:
                verb(token, **asked)
            assert caught.value.code is Code.EMPTY_REQUIREMENT
    assert store.check(token, scopes=None, any_scopes=None)


def test_more_scopes_than_may_be_required_are_not_read(store: keyfob.Store) -> None:
    token = store.create("a", scopes="a:b").token
    assert store.check(token, scopes=["a:b"] * 64)
    for kind in ("scopes", "any_scopes"):
        endless: dict[str, Any] = {kind: itertools.repeat("a:b")}
        with pytest.raises(keyfob.MisuseError, match="at most 64") as caught:
            store.check(token, **endless)
        assert caught.value.code is Code.LIMIT_EXCEEDED
        many: dict[str, Any] = {kind: ("a:b",) * 65}
        with pytest.raises(keyfob.MisuseError, match="at most 64"):
            store.check(token, **many)


def test_a_project_is_stated_by_name_or_any(store: keyfob.Store) -> None:
    store.create_project("shop", scopes="*")
    token = store.create("a", project="shop").token
    assert store.check(token, project="shop")
    assert store.check(token, project=ANY)
    for project in (None, "other", ""):
        denied = store.check(token, project=project)
        assert isinstance(denied, keyfob.Denied) and denied.code is Code.WRONG_PROJECT


def test_the_environment_is_live_unless_another_or_any_is_stated(store: keyfob.Store) -> None:
    live, test = store.create("a").token, store.create("b", environment="test").token
    assert store.check(live) and store.check(live, environment="live")
    assert store.check(test, environment="test") and store.check(test, environment=ANY)
    for denied in (store.check(test), store.check(live, environment="test")):
        assert isinstance(denied, keyfob.Denied) and denied.code is Code.WRONG_ENVIRONMENT
    with pytest.raises(keyfob.MisuseError, match="environment"):
        store.check(live, environment="No Environment")


@pytest.mark.parametrize(
    "address", ["10.1.2.3", ipaddress.ip_address("10.1.2.3"), "::ffff:10.1.2.3"]
)
def test_an_address_is_text_or_of_ipaddress(store: keyfob.Store, address: str) -> None:
    token = store.create("a", ip_list="10.0.0.0/8").token
    assert store.check(token, ip=address)
    assert not store.check(token, ip="11.1.2.3")
    assert not store.check(token)


def test_an_address_that_is_none_is_misuse(store: keyfob.Store) -> None:
    with pytest.raises(keyfob.MisuseError, match="ip: not an IPv4 or IPv6 address"):
        store.check("x", ip="10.0.0")


@pytest.mark.parametrize(
    "text",
    ["", "acme_live_", "\ud800", "a\0b", b"\xff\xfe", "x" * 100_000, "acme_live_\u00e4\u20ac"],
    ids=["empty", "prefix", "surrogate", "NUL", "not UTF-8", "long", "not ASCII"],
)
def test_whatever_was_presented_is_malformed_and_no_fault_of_the_caller(
    store: keyfob.Store, text: "str | bytes"
) -> None:
    with pytest.raises(keyfob.MalformedToken):
        store.verify(text)


def test_bytes_are_a_token_as_well(store: keyfob.Store) -> None:
    issued = store.create("a")
    assert store.verify(issued.token.encode()).id == issued.key.id


@pytest.mark.parametrize("token", [None, 1, bytearray(b"x"), ["x"]])
def test_a_token_of_another_type_is_a_type_error(store: keyfob.Store, token: object) -> None:
    with pytest.raises(TypeError, match="token must be a str or bytes"):
        store.verify(token)  # type: ignore[arg-type]


def test_another_time_is_asked_for_by_verify_at_and_nothing_is_counted(
    store: keyfob.Store,
) -> None:
    start = datetime.now(timezone.utc)
    token = store.create("a", expires_in=timedelta(days=2)).token
    assert store.verify_at(token, start + timedelta(days=1))
    with pytest.raises(keyfob.KeyExpired):
        store.verify_at(token, start + timedelta(days=3))
    assert store.refusals()[Code.EXPIRED] == 0


def test_refusals_are_counted_by_code(store: keyfob.Store) -> None:
    for _ in range(3):
        store.check("nothing")
    counts = store.refusals()
    assert counts[Code.MALFORMED] == 3
    assert sum(counts.values()) == 3


def test_an_error_of_the_store_is_raised_by_check_too(store: keyfob.Store, path: Path) -> None:
    token = store.create("a").token
    path.unlink()
    with pytest.raises(keyfob.StoreReplaced):
        store.create("b")
    with pytest.raises(keyfob.StoreReplaced):
        store.check(token)


def test_a_revocation_is_seen_by_the_next_verification_of_every_thread(
    store: keyfob.Store,
) -> None:
    issued = store.create("a")
    assert store.check(issued.token)
    store.revoke(issued.key.id)
    seen: list[object] = []
    threads = [
        threading.Thread(target=lambda: seen.append(store.check(issued.token))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [getattr(denied, "code", None) for denied in seen] == [Code.REVOKED] * 4


def test_verifying_leaves_no_objects_behind(store: keyfob.Store) -> None:
    token = store.create("a", scopes="a").token

    def verify() -> None:
        for _ in range(1_000):
            store.check(token, scopes="a")
            store.check("nothing")

    verify()
    gc.collect()
    before = len(gc.get_objects())
    verify()
    gc.collect()
    assert len(gc.get_objects()) - before < 100


def test_a_project_that_none_can_be_named_is_a_refusal_also_where_it_is_no_text(
    store: keyfob.Store,
) -> None:
    store.create_project("shop", scopes="*")
    for token in (store.create("a").token, store.create("b", project="shop").token):
        for name in ("", "Shop", "a\0b", "x" * 70_000, "\ud800", "shop\ud800", "\ufffd"):
            with pytest.raises(keyfob.WrongProject):
                store.verify(token, project=name)


def test_the_token_of_a_header_is_verified_and_no_header_is_no_credentials(
    store: keyfob.Store,
) -> None:
    issued = store.create("a", scopes="a")
    key = store.verify_authorization(f"bearer  {issued.token} ", scopes="a")
    assert key is not None and key.id == issued.key.id
    for value in (None, "", "Basic dXNlcjpwYXNz", b""):
        assert store.verify_authorization(value) is None
    for value in (f"Bearer {issued.token}, {issued.token}", "Bearer \ud800", f"Bearer {issued.token}\ud800"):
        with pytest.raises(keyfob.MalformedToken):
            store.verify_authorization(value)
    assert store.verify_authorization("Basic \ud800") is None
    with pytest.raises(keyfob.InsufficientScope):
        store.verify_authorization(f"Bearer {issued.token}", scopes="b")


def test_an_explanation_has_every_step_also_after_the_first_that_fails(
    store: keyfob.Store,
) -> None:
    issued = store.create("a", scopes="a", environment="test")
    store.disable(issued.key.id)
    explained = store.explain(issued.token, scopes="b")
    assert (explained.code, explained.key_id) == (Code.DISABLED, issued.key.id)
    assert [outcome.check for outcome in explained.checks] == list(keyfob.Check)
    failed = {outcome.check: outcome.code for outcome in explained.checks if not outcome.passed}
    assert failed == {
        "disabled": Code.DISABLED,
        "environment": Code.WRONG_ENVIRONMENT,
        "scopes": Code.INSUFFICIENT_SCOPE,
    }
    nothing = store.explain("nothing")
    assert (nothing.code, nothing.key_id) == (Code.MALFORMED, None)
    assert nothing.checks[-1].passed is None
    assert sum(store.refusals().values()) == 0


def test_what_is_asked_is_told_apart_however_it_is_written(store: keyfob.Store) -> None:
    token = store.create("a", scopes=["ab", "c"]).token
    test = store.create("b", scopes=["ab", "c"], environment="test").token
    for _ in range(2):  # read, and then known
        assert store.check(token, scopes="ab") and store.check(token, scopes=["c", "ab"])
        assert not store.check(token, scopes=("a", "b")) and not store.check(token, scopes=("abc",))
        assert not store.check(token, scopes="a") and store.check(token, any_scopes=("a", "c"))
        assert not store.check(token, scopes="a", any_scopes="c")
        assert store.check(token, scopes="c", any_scopes="ab")
        assert not store.check(token, scopes="ab", environment="test")
        assert store.check(test, scopes={"ab", "c"}, environment="test")
        assert store.check(test, scopes=iter(["ab"]), environment=ANY, project=ANY)
        for wrong in ("a\0b", "\xff", "ab\xfdc", ["ab", ""], ["ab", "\ud800"], "x:*"):
            with pytest.raises(keyfob.MisuseError):
                store.check(token, scopes=wrong)
        for other in (1, [1], [["ab"]]):
            with pytest.raises(TypeError, match="scopes must be a str"):
                store.check(token, scopes=other)  # type: ignore[arg-type]
        with pytest.raises(keyfob.MisuseError):
            store.check(token, scopes=[f"s{number}" for number in range(65)])


def test_what_an_iterable_raises_itself_is_raised(store: keyfob.Store) -> None:
    class Broken:
        def __iter__(self) -> "Iterator[str]":
            raise LookupError("no connection")

    token = store.create("a").token
    for call in (
        lambda: store.check(token, scopes=Broken()),
        lambda: store.create("b", tags=Broken()),
        lambda: store.revoke_many(Broken()),
    ):
        with pytest.raises(LookupError, match="no connection"):
            call()


def test_more_is_asked_than_is_remembered_and_every_answer_is_right(store: keyfob.Store) -> None:
    token = store.create("a", scopes=["s:7", "s:1999"]).token
    for _ in range(2):
        good = [number for number in range(2_000) if store.check(token, scopes=f"s:{number}")]
        assert good == [7, 1_999]


def test_scopes_that_verify_while_they_are_read_are_no_trap(store: keyfob.Store) -> None:
    token = store.create("a", scopes="a").token

    def scopes() -> "Iterator[str]":
        assert store.check(token, scopes="a") and not store.check(token, scopes="b")
        yield "a"

    assert store.check(token, scopes=scopes())


def test_a_requirement_is_checked_without_a_store() -> None:
    _native._check_requirement(scopes=["a", "b"], any_scopes="c", project=ANY, environment="test", owner="ann")
    _native._check_requirement(scopes=None, any_scopes=None, project=None, environment=None, owner=None)
    with pytest.raises(keyfob.MisuseError, match="holds no '\\*'"):
        _native._check_requirement(scopes="orders:*")
    with pytest.raises(keyfob.MisuseError, match="an empty list"):
        _native._check_requirement(any_scopes=())
    # As every integration asks it, when the application starts.
    empty: list[Iterable[str]] = [[], (), iter(())]
    for nothing in empty:
        with pytest.raises(keyfob.MisuseError, match="an empty list"):
            required(scopes=nothing)
    assert "scopes" not in required(scopes=None)
    with pytest.raises(TypeError, match="owner must be a str, not int"):
        _native._check_requirement(owner=1)  # type: ignore[arg-type]

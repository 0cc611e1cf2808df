"""What is raised: codes, classes, and what is never in them."""

import copy
import errno
import pickle
from collections.abc import Callable
from pathlib import Path

import keyfob
import pytest
from keyfob import Code, _native, errors


def test_the_codes_are_those_of_the_library() -> None:
    assert [(code.name, code.value) for code in Code] == _native._codes()


def test_each_denial_has_a_class_of_its_own() -> None:
    names = {
        Code.MALFORMED: "MalformedToken",
        Code.NOT_FOUND: "TokenNotFound",
        Code.REVOKED: "KeyRevoked",
        Code.DISABLED: "KeyDisabled",
        Code.NOT_YET_VALID: "KeyNotYetValid",
        Code.EXPIRED: "KeyExpired",
        Code.WRONG_ENVIRONMENT: "WrongEnvironment",
        Code.WRONG_PROJECT: "WrongProject",
        Code.IP_NOT_ALLOWED: "IpNotAllowed",
        Code.INSUFFICIENT_SCOPE: "InsufficientScope",
        Code.WRONG_OWNER: "WrongOwner",
    }
    assert set(names) == {code for code in Code if 200 <= code < 300}
    for code, name in names.items():
        kind = type(errors._error(code, "text", None, None))
        assert kind.__name__ == name
        assert issubclass(kind, keyfob.VerificationError)
        assert getattr(keyfob, name) is kind


@pytest.mark.parametrize("code", [code for code in Code if code >= 100], ids=lambda c: c.name)
def test_every_code_is_raised_as_its_family_and_survives_pickle(code: Code) -> None:
    family = {
        1: keyfob.MisuseError,
        2: keyfob.VerificationError,
        3: keyfob.RefusedError,
        4: keyfob.StoreError,
        9: keyfob.InternalError,
    }[code // 100]
    error = errors._error(code, "what happened", 5, "an id")
    assert isinstance(error, family) and isinstance(error, keyfob.KeyfobError)
    for same in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(same) is type(error)
        assert (same.code, same.key_id, str(same)) == (code, "an id", "what happened")
        if isinstance(same, keyfob.StoreError):
            assert same.errno == 5


def test_an_error_of_a_store_has_the_number_of_the_builtin_that_it_is(store: keyfob.Store) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        keyfob.Store.open(f"{store.path}.missing")
    with pytest.raises(FileExistsError) as there:
        store.backup(store.path)
    errors_of_stores = [missing.value, there.value, keyfob.StoreBusy("busy")]
    numbers = [errno.ENOENT, errno.EEXIST, errno.ETIMEDOUT]
    for error, number in zip(errors_of_stores, numbers, strict=True):
        for same in (error, pickle.loads(pickle.dumps(error))):
            assert same.errno == number and str(same) == str(error)
            assert type(OSError(number, "")) in type(same).__mro__
    assert keyfob.StoreCorrupted("damaged").errno is None


def test_every_exception_is_exported() -> None:
    for name in errors.__all__:
        assert getattr(keyfob, name) is getattr(errors, name)
        assert name in keyfob.__all__


@pytest.mark.parametrize("detach", [False, True])
def test_a_panic_is_an_internal_error_and_the_store_goes_on(
    store: keyfob.Store, detach: bool, capfd: "pytest.CaptureFixture[str]"
) -> None:
    with pytest.raises(keyfob.InternalError, match="a panic was caught") as caught:
        getattr(_native, "_panic")(detach)  # a planted one, in the wheel of the tests alone
    assert isinstance(caught.value, Exception)
    assert caught.value.code is Code.INTERNAL
    assert store.check(store.create("a").token)


def test_what_is_not_there_is_a_lookup_error(store: keyfob.Store) -> None:
    for key_id in ("", "no id", "02p5oQZoHTv0zeY5yG21K3"):
        with pytest.raises(keyfob.NoSuchKey) as caught:
            store.get(key_id)
        assert isinstance(caught.value, LookupError)
    with pytest.raises(keyfob.NoSuchProject):
        store.project("nothing")


def test_a_token_in_the_wrong_place_is_in_no_error(store: keyfob.Store) -> None:
    token = store.create("a").token
    secret = token[-40:-6]
    calls: list[Callable[[], object]] = [
        lambda: store.get(token),
        lambda: store.check(token, scopes=token + "*"),
        lambda: store.check(token, environment=token),
        lambda: store.check(token, ip=token),
        lambda: store.create("b", scopes=token + "*"),
        lambda: store.create("b", ip_list=token),
        lambda: store.revoke(token, reason=token),
        lambda: store.list(state=token),
        lambda: store.list(order=token),
        lambda: store.create("b", expires_in=token),  # type: ignore[arg-type]
        lambda: store.create("b", expires_at=token),  # type: ignore[arg-type]
        lambda: store.create("b", metadata=token),  # type: ignore[arg-type]
        lambda: store.create(1),  # type: ignore[arg-type]
        lambda: store.create_many([{"name": "b", "environment": token}]),
        lambda: store.revoke_many([token]),
        lambda: store.revoke_many({"state": token}),
        lambda: store.update_many(keyfob.ANY, expires_in=token),  # type: ignore[arg-type]
        lambda: store.import_keys(token, []),
        lambda: store.import_keys("raw", token),
        lambda: store.project_by_id(token),
        lambda: store.count(order=token),  # type: ignore[call-arg]
        lambda: store.resolve(token),
        lambda: keyfob.Store.open(store.path, pepper=token),
        lambda: keyfob.Store.set_pepper(store.path, token),
        lambda: store.verify_at(token, token),  # type: ignore[arg-type]
        lambda: store.verify(token).has_scope(token + "*"),
    ]
    for call in calls:
        with pytest.raises((keyfob.KeyfobError, TypeError)) as caught:
            call()
        assert secret not in str(caught.value) and secret not in repr(caught.value)


def test_the_key_that_a_refusal_names_is_in_it(store: keyfob.Store) -> None:
    key = store.create("a").key
    store.revoke(key.id)
    with pytest.raises(keyfob.RefusedError) as caught:
        store.rotate(key.id)
    assert caught.value.code is Code.KEY_IS_REVOKED
    assert caught.value.key_id == key.id


def test_a_number_that_is_none_says_which_argument_it_is(
    store: keyfob.Store, path: Path
) -> None:
    for number in (-1, 2**70):
        uses: dict[str, Callable[[], object]] = {
            "limit": lambda: store.list(limit=number),
            "most": lambda: store.least_recently_used(number),
            "after": lambda: store.log(after=number),
            "through": lambda: store.prune_log(number),
            "sequence": lambda: store.check_expected(number, bytes(32)),
            "least_sequence": lambda: keyfob.Store.open(path, least_sequence=number),
            "most_keys_per_owner": lambda: store.set_policy(
                keyfob.Policy(most_keys_per_owner=number)
            ),
        }
        for name, use in uses.items():
            with pytest.raises(keyfob.MisuseError, match=f"^{name}: it is negative, or too large"):
                use()
    with pytest.raises(TypeError, match="limit must be an int, not str"):
        store.list(limit="1")  # type: ignore[arg-type]


def test_a_keyword_that_may_be_a_token_is_not_shown(store: keyfob.Store) -> None:
    token = store.create("a").token
    for keyword in (token, token[:32] + " ", "a b", "é"):
        for use in (
            lambda: store.create("b", **{keyword: 1}),  # type: ignore[arg-type]
            lambda: store.create_many([{"name": "b", keyword: 1}]),  # type: ignore[misc]
            lambda: store.revoke_many({keyword: 1}),
            lambda: store.update(token, **{keyword: 1}),  # type: ignore[arg-type]
        ):
            with pytest.raises((TypeError, keyfob.NoSuchKey)) as caught:
                use()
            assert keyword not in str(caught.value)
    with pytest.raises(TypeError, match="unexpected keyword argument 'ownr'"):
        store.create("b", ownr="ann")  # type: ignore[call-arg]


def test_a_wrong_type_names_the_argument_and_what_it_takes(
    store: keyfob.Store, path: Path
) -> None:
    token = store.create("a").token
    uses: dict[str, Callable[[], object]] = {
        "ip must be a str, or of ipaddress, not int": lambda: store.check(token, ip=5),  # type: ignore[arg-type]
        "pepper must be a str or bytes, not int": lambda: keyfob.Store.open(path, pepper=5),  # type: ignore[arg-type]
        "note must be a str, not int": lambda: store.revoke("0" * 22, note=5),  # type: ignore[arg-type]
        "actor must be a str, not int": lambda: store.with_actor(5),  # type: ignore[arg-type]
        "cursor must be a str, not int": lambda: store.list(cursor=5),  # type: ignore[arg-type]
        "project must be a str, not int": lambda: store.log(project=5),  # type: ignore[arg-type]
        "name must be a str, not int": lambda: store.create_project(5),  # type: ignore[arg-type]
    }
    for message, use in uses.items():
        with pytest.raises(TypeError, match=message):
            use()

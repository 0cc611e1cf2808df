"""No token is in anything that can be printed, logged, pickled or shown in a traceback.

What a user's own code keeps of a token (`issued.token` is a plain str) is theirs; here it is looked
for in all that keyfob makes.
"""

import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import keyfob
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyfob import _http

SECRET = slice(-49, -6)  # the 43 characters before the checksum


def shown(value: object) -> Iterator[str]:
    """Every way in which a value becomes text or bytes, as text."""
    yield repr(value)
    yield str(value)
    yield f"{value}"
    yield f"{value!r:>10}"
    yield "%s %r" % (value, value)
    yield repr([value, {"a": value}])
    yield repr(dir(value))
    yield repr(getattr(value, "__dict__", ""))
    if hasattr(value, "to_dict"):
        yield json.dumps(value.to_dict())
    makes: list[Callable[[Any], object]] = [
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        vars,
        dict,
        list,
        bytes,
    ]
    for make in makes:
        try:
            made = make(value)
        except Exception as error:
            yield from raised(error)
        else:
            yield repr(made)


def raised(error: BaseException) -> Iterator[str]:
    """What a log, a debugger or a reporter of errors has of an exception, locals of all frames but
    the tests' own included: also of those that keyfob calls, such as json's."""
    for each in (error, error.__cause__, error.__context__):
        if each is not None:
            yield f"{each!r} {each} {each.args} {vars(each)} {getattr(each, '__notes__', '')}"
            for frame, _ in traceback.walk_tb(each.__traceback__):
                if frame.f_code.co_filename != __file__:
                    yield repr(frame.f_locals)


class Stop(BaseException):
    """As Ctrl-C is, or the end of a greenlet."""


class Stopping(datetime):
    """A time that stops whoever writes it down."""

    def isoformat(self, *_: Any, **__: Any) -> str:
        raise Stop


def circular(value: object) -> "dict[str, object]":
    around: dict[str, object] = {"secret": value}
    around["self"] = around
    return around


def outcome(call: Callable[[], object]) -> Iterator[str]:
    """What is shown of what a call answers or raises."""
    try:
        answer = call()
    except (Exception, Stop) as error:
        yield from raised(error)
        try:
            yield repr(pickle.loads(pickle.dumps(error)))
        except Exception as again:
            yield from raised(again)
    else:
        yield from shown(answer)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[keyfob.Store]:
    path = tmp_path_factory.mktemp("secrecy") / "keys.redb"
    with keyfob.Store.open(path, create=True, prefix="acme") as store:
        store.create_project("shop", scopes=["orders:*"])
        yield store


@pytest.fixture(scope="module")
def log() -> Iterator[io.StringIO]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


#: What happens to a token on its way: it is cut, it is mistyped, something is put around it.
DAMAGE: list[Callable[[str], Any]] = [
    lambda token: token,
    lambda token: token.encode(),
    lambda token: token + " ",
    lambda token: token[:-1],
    lambda token: token[1:],
    lambda token: token.swapcase(),
    lambda token: token + "\ud800",
    lambda token: f"Bearer {token}",
    lambda token: f"Bearer {token}".encode(),
    lambda token: f"Bearer {token}, Bearer {token}",
    lambda token: [token],
    lambda token: {token: token},
    lambda token: bytearray(token.encode()),
]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=st.sampled_from(DAMAGE),
    state=st.sampled_from(["good", "disabled", "revoked", "rotated", "of a project"]),
    name=st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=20),
)
def test_no_token_is_in_what_keyfob_answers_raises_or_logs(
    store: keyfob.Store,
    log: io.StringIO,
    damage: Callable[[str], Any],
    state: str,
    name: str,
) -> None:
    issued = store.create(name, scopes="orders:read", project="shop" if state == "of a project" else None)
    secrets = [issued.token[SECRET]]
    key_id = issued.key.id
    if state == "rotated":
        rotated = store.rotate(key_id)
        secrets.append(rotated.token[SECRET])
    if state == "disabled":
        store.disable(key_id)
    if state == "revoked":
        store.revoke(key_id)
    given = damage(issued.token)
    child = store.create("child").token
    in_project = store.create("in a project", project="shop").key.id
    # What a server hands over as a header is text, or bytes.
    header = given if isinstance(given, (str, bytes)) else issued.token
    guard = _http.Guard(store)
    asked = _http.required("orders:read")
    calls: list[Callable[[], object]] = [
        lambda: issued,
        lambda: store,
        lambda: store.verify(given),
        lambda: store.check(given),
        lambda: store.check(given, scopes="orders:write"),
        lambda: store.verify_authorization(given),
        lambda: store.explain(given),
        lambda: guard.decide([header], [], asked, None),
        lambda: guard.decide([header, header], [], asked, None),
        lambda: guard.decide([], [header], asked, None),
        lambda: guard,
        lambda: store.check("", scopes=given),
        lambda: store.check("", project=given),
        lambda: store.check("", environment=given),
        lambda: store.check("", owner=given),
        lambda: store.check("", ip=given),
        lambda: store.get(given),
        lambda: store.update(given, name="other"),
        lambda: store.revoke(given),
        lambda: store.revoke(key_id, note=given, reason=given),
        lambda: store.revoke_many([given]),
        lambda: store.revoke_many({"owner": given, "state": given}),
        lambda: store.revoke_many({given: "leaked"}),
        lambda: store.resolve(given),
        lambda: store.create_many([given]),
        lambda: store.create_many([{"name": name, "expires_in": given}]),
        lambda: store.create_many([{"name": name, given: None}]),  # type: ignore[misc]
        lambda: store.create_within(given, name),
        lambda: store.import_keys(given, []),
        lambda: store.import_keys("raw", [given]),
        lambda: store.import_keys("raw", [{"secret": given, "name": given, "expires_at": given}]),
        lambda: store.import_keys("raw", [{"secret": given, "n": 10**5000}]),
        lambda: store.import_keys("raw", [circular(given)]),
        lambda: store.import_keys("raw", [{"secret": given, "time": Stopping(2030, 1, 1)}]),
        lambda: store.import_keys("raw", [], tags=given, project=given),
        lambda: store.scan_bytes(given),
        lambda: store.scan(given),
        lambda: store.scan(f"my key is {given}\ud800"),
        lambda: store.backup(f"/nothing/here/{given}"),
        lambda: keyfob.Store.open(given),
        lambda: keyfob.Store.restore(given, given),
        lambda: store.stats(),
        lambda: keyfob.Store.set_pepper(store.path, given),
        lambda: store.prune_log(given),
        lambda: store.check_expected(1, given),
        lambda: store.rotate(given),
        lambda: store.list(cursor=given, limit=1),
        lambda: list(store.list(project=given)),
        lambda: store.project(given),
        lambda: store.with_actor(given) and None,
        lambda: store.create(name, scopes=given),
        lambda: store.create(name, scopes=given, project="shop"),
        lambda: store.create_many([{"name": name, "scopes": [given], "project": "shop"}]),
        lambda: store.create_within(store.verify(child), name, scopes=given),
        lambda: store.update(in_project, scopes=given),
        lambda: store.update_many([in_project], scopes=given),
        lambda: store.create(name, expires_at=given),
        lambda: keyfob.Store.open(store.path, mode=given),
        lambda: keyfob.Store.open(store.path, pepper=given),
        lambda: store.get(key_id),
        lambda: list(store.log(key_id=key_id)),
        # The last: where the token is good, it ends it.
        lambda: store.revoke_token(given),
    ]
    for number, call in enumerate(calls):
        for text in outcome(call):
            for secret in secrets:
                assert secret not in text and secret.swapcase() not in text, f"call {number}: {text}"
    written = log.getvalue()
    assert not any(secret in written for secret in secrets)


def test_the_sweep_finds_a_token_where_there_is_one(store: keyfob.Store) -> None:
    token = store.create("planted").token

    class Careless:
        def __init__(self) -> None:
            self.token = token

    def careless() -> object:
        raise ValueError(token)

    assert any(token[SECRET] in text for text in outcome(Careless))
    assert any(token[SECRET] in text for text in outcome(careless))

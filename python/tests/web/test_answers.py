"""What a request is answered: one table, the same for every framework, each under its real server."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from harness import FRAMEWORKS, Answer, Header, Keys, Server, keys, serving

NO_KEY = 'Bearer realm="api"'
INVALID = 'Bearer realm="api", error="invalid_token"'
INSUFFICIENT = 'Bearer realm="api", error="insufficient_scope"'
#: What the body of a refusal says, by its challenge.
DETAILS = {
    NO_KEY: "an API key is required",
    INVALID: "the API key is not valid",
    INSUFFICIENT: "the API key is not good for this",
}
READ = INSUFFICIENT + ', scope="orders:read"'
EITHER = INSUFFICIENT + ', scope="orders:read orders:admin"'


@dataclass(frozen=True)
class Row:
    """A request, in whose headers `{name}` is the token of a key, and what it is answered."""

    name: str
    path: str
    headers: tuple[Header, ...]
    #: The key that is let in, None for a route that needs none; or the challenge, text with a blank.
    expected: str | None


def bearer(key: str) -> Header:
    return ("Authorization", b"Bearer {%s}" % key.encode())


def row(name: str, expected: str | None, *headers: Header, path: str = "/read") -> Row:
    return Row(name, path, headers, expected)


BASIC: Header = ("Authorization", b"Basic dXNlcjpwYXNz")
API_KEY: Header = ("X-API-Key", b"{reader}")
#: Below what every server takes.
LONG = b"x" * 6_000

TABLE = [
    row("an open route, no key", None, path="/open"),
    row("an open route, a bad key", None, bearer("typo"), path="/open"),
    row("no key", NO_KEY),
    row("a bearer", "reader", bearer("reader")),
    row("a lower-case name of header and scheme", "reader", ("authorization", b"bearer {reader}")),
    row("blanks round the token", "reader", ("Authorization", b"  BEARER   {reader}\t ")),
    row("the other header", "reader", API_KEY),
    row("the other header in lower case, with blanks", "reader", ("x-api-key", b" {reader} ")),
    row("both headers, the bearer is good", "reader", bearer("reader"), ("X-API-Key", b"{typo}")),
    row("both headers, the bearer is bad", INVALID, bearer("typo"), API_KEY),
    row("another scheme", NO_KEY, BASIC),
    row("another scheme and the other header", "reader", BASIC, API_KEY),
    row("two bearers", INVALID, bearer("reader"), bearer("reader")),
    row("two bearers and the other header", INVALID, bearer("reader"), bearer("typo"), API_KEY),
    row("a bearer and another scheme", INVALID, bearer("reader"), BASIC),
    row("two of another scheme and the other header", "reader", BASIC, BASIC, API_KEY),
    row("two of the other header", INVALID, API_KEY, API_KEY),
    row("two of the other header, and a bearer", "reader", bearer("reader"), API_KEY, API_KEY),
    row("two words behind the scheme", INVALID, ("Authorization", b"Bearer {reader} {reader}")),
    row("a token without a scheme", NO_KEY, ("Authorization", b"{reader}")),
    row("an empty header", NO_KEY, ("Authorization", b"")),
    row("a scheme with nothing behind it", NO_KEY, ("Authorization", b"Bearer ")),
    row("the other header, empty", NO_KEY, ("X-API-Key", b"")),
    row("bytes that are not ASCII", INVALID, ("Authorization", b"Bearer \xe4\xff\xfe")),
    row("bytes that are not ASCII in the other header", INVALID, ("X-API-Key", b"{reader}\xc3\xa9")),
    row("a long bearer", INVALID, ("Authorization", b"Bearer " + LONG)),
    row("a long value of the other header", INVALID, ("X-API-Key", LONG)),
    row("not a token", INVALID, ("Authorization", b"Bearer xyz")),
    row("a typing error", INVALID, bearer("typo")),
    row("an unknown key", INVALID, bearer("unknown")),
    row("a revoked key", INVALID, bearer("revoked")),
    row("a disabled key", INVALID, bearer("disabled")),
    row("an expired key", INVALID, bearer("expired")),
    row("a secret that was rotated away", INVALID, bearer("old")),
    row("a key of another environment", READ, bearer("test")),
    row("a key of a project, which is not stated", READ, bearer("shop")),
    row("a key of the project that is stated", "shop", bearer("shop"), path="/shop"),
    row("a key of another project", INSUFFICIENT, bearer("books"), path="/shop"),
    row("a key of no project", "reader", bearer("reader"), path="/shop"),
    row("a key for this address", "here", bearer("here")),
    row("a key for other addresses", READ, bearer("elsewhere")),
    row("a key without the scope", READ, bearer("other")),
    row("a key whose pattern grants the scope", "pattern", bearer("pattern")),
    row("the first of two scopes", "reader", bearer("reader"), path="/either"),
    row("the second of two scopes", "admin", bearer("admin"), path="/either"),
    row("neither of two scopes", EITHER, bearer("other"), path="/either"),
    row("no key where none is needed", None, path="/optional"),
    row("another scheme where no key is needed", None, BASIC, path="/optional"),
    row("a good key where none is needed", "other", bearer("other"), path="/optional"),
    row("a bad key where none is needed", INVALID, bearer("typo"), path="/optional"),
    row("a key for other addresses", INSUFFICIENT, bearer("elsewhere"), path="/optional"),
    row("no key, for a handler that fails", NO_KEY, path="/broken"),
]


@dataclass
class Served:
    """A framework that is served, the keys that it knows, and how it answered before there were any."""

    server: Server
    keys: Keys
    without_store: Answer
    #: The bodies of what was answered to tokens that are not good.
    invalid: set[bytes] = field(default_factory=set)

    def get(self, row: Row) -> Answer:
        def value(header: bytes) -> bytes:
            for name, token in self.keys.tokens.items():
                header = header.replace(b"{%s}" % name.encode(), token.encode())
            return header

        return self.server.get(row.path, *((name, value(text)) for name, text in row.headers))


@pytest.fixture(scope="module", params=list(FRAMEWORKS))
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp(request.param)
    path, log = folder / "keys.redb", folder / "log"
    app = f"apps.{request.param}"
    with serving(FRAMEWORKS[request.param], app, log, KEYFOB_PATH=str(path)) as server:
        without_store = server.get("/read", ("Authorization", b"Bearer xyz"))
        with keys(path) as made:
            served = Served(server, made, without_store)
            yield served
            # Its handler raises, with the whole request in reach of the traceback.
            for kind in (b"text/html", b"text/plain"):
                broken = row("", "reader", bearer("reader"), ("Accept", kind + b", */*;q=0.1"), path="/broken")
                assert served.get(broken).status == 500
    # Now that the server has stopped, all that it had to say is there.
    said = server.log() + repr(server.answers)
    assert "planted" in said
    assert [secret for secret in made.secrets() if secret in said] == []


@pytest.mark.parametrize("row", TABLE, ids=[f"{row.name}, {row.path}" for row in TABLE])
def test_the_table_of_answers_holds(served: Served, row: Row) -> None:
    answer = served.get(row)
    challenges = answer.values("WWW-Authenticate")
    assert answer.values("Retry-After") == []
    if row.expected is not None and " " in row.expected:
        assert answer.values("Content-Type") == ["application/json"]
        assert challenges == [row.expected]
        assert answer.status == (403 if row.expected.startswith(INSUFFICIENT) else 401)
        kind = next(each for each in reversed(DETAILS) if row.expected.startswith(each))
        assert answer.json() == {"detail": DETAILS[kind]}
        if kind == INVALID:
            # Nothing tells a typing error from a key that was revoked.
            served.invalid.add(answer.body)
            assert len(served.invalid) == 1
        return
    assert (answer.status, challenges) == (200, [])
    assert answer.json() == body(served.keys, row)


def body(keys: Keys, row: Row) -> Any:
    if row.path == "/open":
        return {"open": True}
    if row.path == "/optional":
        return {"id": row.expected and keys.ids[row.expected]}
    key = keys.store.get(keys.ids[str(row.expected)])
    return {"id": key.id, "project": key.project, "scopes": sorted(key.scopes)}


def test_a_store_that_cannot_be_opened_is_503_and_is_opened_once_it_can(served: Served) -> None:
    answer = served.without_store
    assert answer.status == 503
    assert answer.values("Retry-After") == ["1"]
    assert answer.values("WWW-Authenticate") == []
    assert answer.values("Content-Type") == ["application/json"]
    assert answer.json() == {"detail": "API keys cannot be checked now"}
    assert served.get(row("", "reader", bearer("reader"))).status == 200


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key"])
def test_a_header_that_is_too_long_for_a_server_is_neither_let_in_nor_a_fault(
    served: Served, name: str
) -> None:
    try:
        answer = served.server.get("/read", (name, b"Bearer " + b"x" * 65_536))
    except ConnectionError:
        return  # The server did not read it to its end.
    assert 400 <= answer.status < 500


def test_a_change_by_another_process_holds_for_the_next_request(served: Served) -> None:
    issued = served.keys.store.create("short-lived", scopes="orders:read")
    served.keys.tokens["short-lived"] = issued.token
    asked = row("", "short-lived", bearer("short-lived"))
    assert served.get(asked).status == 200
    command = [sys.executable, "-m", "keyfob", "disable", issued.key.id]
    path = ["--store", str(served.keys.store.path)]
    subprocess.run([*command, *path], check=True, stdout=subprocess.DEVNULL)
    assert served.get(asked).status == 401
    served.keys.store.enable(issued.key.id)
    assert served.get(asked).status == 200
    served.keys.store.revoke(issued.key.id)
    assert served.get(asked).status == 401


def test_a_refusal_is_in_the_log_with_its_reason_and_the_key(served: Served) -> None:
    for name in ("revoked", "other", "unknown"):
        served.get(row("", None, bearer(name)))
    ids = served.keys.ids
    for line in (
        f"keyfob INFO refused: REVOKED, key {ids['revoked']}",
        f"keyfob INFO refused: INSUFFICIENT_SCOPE, key {ids['other']}",
        "keyfob INFO refused: NOT_FOUND, key unknown",
        "keyfob ERROR no answer: NO_STORE: ",
    ):
        assert line in served.server.log()


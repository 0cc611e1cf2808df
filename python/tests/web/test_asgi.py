"""The middleware for ASGI, beside what the table of answers says of it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyfob
import pytest
from direct import DENIAL, ask, messages, scope_of
from keyfob._http import Guard
from keyfob.asgi import (
    Application,
    Auth,
    KeyMiddleware,
    Receive,
    Scope,
    Scopes,
    Send,
    User,
    path_below_root,
)
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

NO_KEY = (401, {"detail": "an API key is required"})
INVALID = (401, {"detail": "the API key is not valid"})
NOT_FOR_THIS = (403, {"detail": "the API key is not good for this"})
NO_ANSWER = (503, {"detail": "API keys cannot be checked now"})


class Inner:
    """An application that keeps the scope which it was given, and answers 200 and `true`."""

    scope: Scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
        await send({"type": f"{kind}.start", "status": 200, "headers": []})
        await send({"type": f"{kind}.body", "body": b"true"})


PASSED = (200, True)


@pytest.fixture
def inner() -> Inner:
    return Inner()


def test_the_lifespan_passes_and_what_is_neither_it_nor_a_request_does_not(
    inner: Inner, store: keyfob.Store
) -> None:
    app = KeyMiddleware(inner, store)
    lifespan = {"type": "lifespan", "asgi": {"version": "3.0"}}
    messages(app, lifespan)
    assert inner.scope is lifespan
    with pytest.raises(ValueError, match="webtransport: only http and websocket"):
        messages(app, {"type": "webtransport"})


def test_the_application_finds_the_key_and_the_scope_of_the_server_stays_as_it_was(
    inner: Inner, store: keyfob.Store
) -> None:
    issued = store.create("a", scopes="orders:*", owner="ann")
    scope = scope_of("/", [("Authorization", f"Bearer {issued.token}")])
    before = dict(scope)
    messages(KeyMiddleware(inner, store), scope)
    assert scope == before
    assert inner.scope["keyfob"].id == issued.key.id
    assert "orders:read" in inner.scope["auth"].scopes
    user = inner.scope["user"]
    assert user.key.id == user.identity == issued.key.id
    assert (user.is_authenticated, user.display_name) == (True, "ann")


def test_without_a_key_the_user_is_whom_others_found_or_nobody(
    inner: Inner, store: keyfob.Store
) -> None:
    app = KeyMiddleware(inner, store, optional=True)
    assert ask(app) == PASSED
    assert inner.scope["keyfob"] is None
    user = inner.scope["user"]
    assert (user.is_authenticated, user.display_name, user.identity) == (False, "", "")
    assert "authenticated" not in inner.scope["auth"].scopes

    assert ask(app, auth="theirs", user="ann") == PASSED
    assert (inner.scope["auth"], inner.scope["user"]) == ("theirs", "ann")
    assert ask(app, store.create("a").token, auth="theirs", user="ann") == PASSED
    assert isinstance(inner.scope["auth"], Auth) and isinstance(inner.scope["user"], User)


def test_a_key_without_an_owner_is_displayed_by_its_id(store: keyfob.Store) -> None:
    key = store.verify(store.create("a").token)
    assert User(key).display_name == key.id


def test_the_scopes_of_a_key_hold_what_they_grant(store: keyfob.Store) -> None:
    key = store.verify(store.create("a", scopes=["orders:*", "stock:read"]).token)
    scopes = Scopes(key)
    assert "orders:read" in scopes and "orders:write" in scopes and "stock:read" in scopes
    assert "authenticated" in scopes
    assert "stock:write" not in scopes
    anything: Any = 1
    assert anything not in scopes
    assert set(scopes) == {"orders:*", "stock:read"} and len(scopes) == 2
    with pytest.raises(keyfob.MisuseError, match="it is a pattern"):
        assert "orders:*" in scopes
    nothing = Scopes(None)
    assert (list(nothing), len(nothing), "authenticated" in nothing) == ([], 0, False)


def starlette(store: keyfob.Store, **keywords: Any) -> Application:
    @requires("orders:read")
    async def read(request: Request) -> JSONResponse:
        return JSONResponse(request.user.identity)

    @requires(["authenticated", "orders:write"], status_code=404)
    def write(request: Request) -> JSONResponse:
        return JSONResponse(request.user.identity)

    @requires("authenticated")
    async def any_key(request: Request) -> JSONResponse:
        return JSONResponse(request.user.identity)

    routes = [Route("/read", read), Route("/write", write), Route("/any", any_key)]
    return Starlette(
        routes=[Mount("/v1", routes=routes)],
        middleware=[Middleware(KeyMiddleware, store, **keywords)],
    )


def test_requires_of_starlette_asks_what_the_scopes_grant(store: keyfob.Store) -> None:
    app = starlette(store)
    pattern, reader = store.create("a", scopes="orders:*"), store.create("b", scopes="orders:read")
    other = store.create("c", scopes="stock:read")

    def status(path: str, issued: keyfob.Issued) -> int:
        sent = messages(app, scope_of(path, [("X-API-Key", issued.token)]))
        return int(sent[0]["status"])

    assert [status("/v1/read", each) for each in (pattern, reader, other)] == [200, 200, 403]
    assert [status("/v1/write", each) for each in (pattern, reader, other)] == [200, 404, 404]
    assert [status("/v1/any", each) for each in (pattern, reader, other)] == [200, 200, 200]
    assert ask(app, pattern.token, "/v1/any") == (200, pattern.key.id)


def test_requires_refuses_who_has_no_key(store: keyfob.Store) -> None:
    for app in (starlette(store, optional=True), starlette(store, exempt=["/v1/any", "/v1/read"])):
        for path in ("/v1/any", "/v1/read"):
            assert messages(app, scope_of(path, []))[0]["status"] == 403


def test_an_exempt_path_is_equal_or_it_is_not(inner: Inner, store: keyfob.Store) -> None:
    app = KeyMiddleware(inner, store, exempt=["/healthz", "/"])
    assert ask(app, None, "/healthz") == ask(app, None, "/") == PASSED
    assert ask(app, "not read there", "/healthz") == PASSED
    for path in ("/healthz/", "/healthz/more", "/Healthz", "//healthz", "/healthz/../healthz", ""):
        assert ask(app, None, path) == NO_KEY
    assert ask(KeyMiddleware(inner, store, exempt="/healthz"), None, "/healthz") == PASSED
    with pytest.raises(ValueError, match="exempt: a path begins with /"):
        KeyMiddleware(inner, store, exempt=["/docs", "healthz"])


def test_an_exempt_path_is_below_the_root_path_of_the_application(
    inner: Inner, store: keyfob.Store
) -> None:
    app = KeyMiddleware(inner, store, exempt=["/healthz", "/v1", "/v1x/healthz"])
    assert ask(app, None, "/v1/healthz", root_path="/v1") == PASSED
    # Which of them a server means that leaves the root out, applications do not agree on.
    outside = ("/healthz", "/v1x/healthz", "/v2/healthz")
    for path in (*outside, "/v1/v1/healthz", "/v1/", "/v1", "*", ""):
        assert ask(app, None, path, root_path="/v1") == NO_KEY
    assert ask(app, None, "/v1/healthz") == NO_KEY
    for root in ("/", "/v1/"):
        assert ask(app, None, root + "healthz", root_path=root) == NO_KEY

    mounted = Starlette(routes=[Mount("/v1", app)])
    assert ask(mounted, None, "/v1/healthz") == PASSED
    assert ask(mounted, None, "/v1/orders") == NO_KEY


def first_below_root(scope: Scope) -> str:
    return path_below_root(scope).removeprefix("/").partition("/")[0]


def test_a_project_is_named_by_a_function_of_the_scope(inner: Inner, store: keyfob.Store) -> None:
    for name in ("shop", "books"):
        store.create_project(name, scopes="*")
    token = store.create("a", project="shop").token
    app = KeyMiddleware(inner, store, project=first_below_root)
    assert ask(app, token, "/shop/orders") == PASSED
    for path in ("/books/orders", "/", "*", "//shop/orders"):
        assert ask(app, token, path) == NOT_FOR_THIS
    assert ask(KeyMiddleware(inner, store, project=keyfob.ANY), token) == PASSED


def test_the_path_of_a_project_is_below_the_root_path_of_the_application(
    inner: Inner, store: keyfob.Store
) -> None:
    for name in ("shop", "v1", "v1x"):
        store.create_project(name, scopes="*")
    shop, mount = store.create("a", project="shop").token, store.create("b", project="v1").token
    mounted = Starlette(routes=[Mount("/v1", KeyMiddleware(inner, store, project=first_below_root))])
    assert ask(mounted, shop, "/v1/shop/orders") == PASSED
    assert ask(mounted, mount, "/v1/shop/orders") == NOT_FOR_THIS
    app = KeyMiddleware(inner, store, project=first_below_root)
    # A router sees the project v1x there, or nothing at all.
    assert ask(app, shop, "/v1x/shop/orders", root_path="/v1") == NOT_FOR_THIS
    for path, below in (("/v1/a/b", "/a/b"), ("/v1/", "/"), ("/v1", ""), ("/v1x/a", ""), ("/a", "")):
        assert path_below_root(scope_of(path, [], root_path="/v1")) == below


def test_a_project_that_a_request_names_is_a_refusal_where_none_can_have_the_name(
    inner: Inner, store: keyfob.Store
) -> None:
    tokens = [store.create("a").token]
    store.create_project("7", scopes="*")
    tokens.append(store.create("b", project="7").token)
    names: list[Any] = ["", "\0", "\ud800", "7\ud800", "\ufffd", "x" * 70_000, "Shop", "a b", -7, 10**400]

    def answers(project: Any) -> list[tuple[int, Any]]:
        app = KeyMiddleware(inner, store, project=lambda scope: project)
        return [ask(app, token) for token in tokens]

    for name in names:
        assert answers(name) == [NOT_FOR_THIS, NOT_FOR_THIS]
    for named in (7, "7"):
        assert answers(named) == [PASSED, PASSED]
    for wrong in (True, 7.0, b"7", ["7"]):
        with pytest.raises(TypeError, match="project must be a str"):
            answers(wrong)
        with pytest.raises(TypeError, match="project must be a str"):
            KeyMiddleware(inner, store, project=wrong)  # type: ignore[arg-type]


def test_an_environment_and_an_owner_are_asked_for(inner: Inner, store: keyfob.Store) -> None:
    token = store.create("a", environment="test", owner="ann").token
    assert ask(KeyMiddleware(inner, store), token) == NOT_FOR_THIS
    assert ask(KeyMiddleware(inner, store, environment="test"), token) == PASSED
    app = KeyMiddleware(inner, store, environment=keyfob.ANY, owner="bob")
    assert ask(app, token) == NOT_FOR_THIS


def test_the_other_header_has_the_name_that_it_is_given_or_is_not_read(
    inner: Inner, store: keyfob.Store
) -> None:
    token = store.create("a").token

    def status(app: Application, name: str) -> int:
        return int(messages(app, scope_of("/", [(name, token)]))[0]["status"])

    app = KeyMiddleware(inner, store, header="X-Token")
    assert (status(app, "X-Token"), status(app, "X-API-Key")) == (200, 401)
    app = KeyMiddleware(inner, store, header=None)
    assert (status(app, "X-API-Key"), ask(app, token)) == (401, PASSED)


def test_the_realm_is_in_the_challenge_and_can_be_quoted(inner: Inner, store: keyfob.Store) -> None:
    sent = messages(KeyMiddleware(inner, store, realm="the shop"), scope_of("/", []))
    assert (b"www-authenticate", b'Bearer realm="the shop"') in sent[0]["headers"]
    for realm in ('a"b', "a\\b", "a\r\nb", "\u00e4"):
        with pytest.raises(ValueError, match="realm: use printable ASCII"):
            KeyMiddleware(inner, store, realm=realm)


class OfDjango:
    """As a request of Django's: it can be iterated, and most have nothing in them."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


def test_a_requirement_that_can_never_be_right_is_refused_when_the_application_is_built(
    inner: Inner,
) -> None:
    def never() -> keyfob.Store:
        raise AssertionError("no store is needed to say it")

    for keyword, misused, match in (
        ("scopes", "orders:*", "holds no '\\*'"),
        ("scopes", "orders read", "a segment is of"),
        ("scopes", "", "scope"),
        ("any_scopes", [], "an empty list of scopes"),
        ("scopes", [], "an empty list of scopes"),
        ("environment", "Live", "environment"),
    ):
        with pytest.raises(keyfob.MisuseError, match=match):
            KeyMiddleware(inner, never, **{keyword: misused})  # type: ignore[arg-type]
    for keyword, other in (
        ("scopes", OfDjango()),
        ("any_scopes", OfDjango()),
        ("scopes", {"orders:read": "Read orders"}),
        ("scopes", b""),
        ("scopes", 1),
        ("scopes", [b"orders:read"]),
        ("any_scopes", [["orders:read"]]),
        ("environment", 1),
        ("owner", 1),
        ("project", 1.5),
    ):
        with pytest.raises(TypeError, match=f"{keyword} must be a str"):
            KeyMiddleware(inner, never, **{keyword: other})  # type: ignore[arg-type]
    for good in ("orders:read", ["orders:read"], {"orders:read"}, iter(["orders:read"])):
        KeyMiddleware(inner, never, scopes=good)


def test_a_store_that_another_thread_opened_meanwhile_is_no_function_to_open_it(
    store: keyfob.Store,
) -> None:
    class Overtaken(Guard):
        """Between any two looks at what it was given, another thread has opened the store."""

        seen = False

        @property
        def _store(self) -> Any:
            self.seen, before = True, self.seen
            return store if before else lambda: store

        @_store.setter
        def _store(self, given: Any) -> None:
            """The other thread's stays."""

    assert Overtaken(store).store is store


def test_a_store_that_cannot_answer_does_not_keep_an_application_from_starting(
    inner: Inner, store: keyfob.Store
) -> None:
    store.close()
    assert ask(KeyMiddleware(inner, store), "xyz") == NO_ANSWER


def test_a_store_whose_file_is_gone_is_no_answer(
    inner: Inner, store: keyfob.Store, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = store.create("a").token
    app = KeyMiddleware(inner, store)
    assert ask(app, token) == PASSED
    path.unlink()
    with pytest.raises(keyfob.StoreReplaced):
        store.create("b")
    start, body = messages(app, scope_of("/", [("X-API-Key", token)]))
    assert (start["status"], json.loads(body["body"])) == NO_ANSWER
    assert (b"retry-after", b"1") in start["headers"]
    assert "no answer: REPLACED: " in caplog.text and token not in caplog.text
    with pytest.raises(keyfob.StoreReplaced):
        store.close()


@pytest.mark.parametrize("client", [None, ("", 0), ("testclient", 50_000)])
def test_a_client_without_an_address_is_on_no_list(
    inner: Inner, store: keyfob.Store, client: object
) -> None:
    app = KeyMiddleware(inner, store)
    listed, other = store.create("a", ip_list="0.0.0.0/0"), store.create("b")
    assert ask(app, listed.token, client=client) == NOT_FOR_THIS
    assert ask(app, other.token, client=client) == PASSED


def test_a_link_local_address_is_one_without_its_network_card(
    inner: Inner, store: keyfob.Store
) -> None:
    app = KeyMiddleware(inner, store)
    token = store.create("a", ip_list="fe80::/10").token
    assert ask(app, token, client=("fe80::1%eth0", 1)) == PASSED
    assert ask(app, token, client=("fd00::1%eth0", 1)) == NOT_FOR_THIS


def test_a_websocket_is_refused_as_a_request_is_where_the_server_can_answer_it(
    inner: Inner, store: keyfob.Store
) -> None:
    app = KeyMiddleware(inner, store, scopes="a")
    socket = scope_of("/", [], type="websocket", extensions=DENIAL)
    start, body = messages(app, socket)
    assert start["type"] == "websocket.http.response.start"
    assert body["type"] == "websocket.http.response.body"
    request = messages(app, scope_of("/", []))
    assert [start["status"], start["headers"]] == [request[0]["status"], request[0]["headers"]]
    assert body["body"] == request[1]["body"]


@pytest.mark.parametrize("more", [{}, {"extensions": None}, {"extensions": {}}])
def test_a_websocket_is_closed_before_it_was_accepted_where_the_server_cannot(
    inner: Inner, store: keyfob.Store, more: dict[str, Any]
) -> None:
    app = KeyMiddleware(inner, store)
    sent = messages(app, scope_of("/", [], type="websocket", **more))
    reason = "an API key is required"
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": reason}]


def test_a_websocket_with_a_good_key_passes(inner: Inner, store: keyfob.Store) -> None:
    issued = store.create("a")
    assert ask(KeyMiddleware(inner, store), issued.token, type="websocket") == PASSED
    assert inner.scope["keyfob"].id == issued.key.id


def test_a_verification_is_made_in_the_thread_of_the_event_loop(
    inner: Inner, store: keyfob.Store
) -> None:
    threads: list[int] = []

    def project(scope: Scope) -> None:
        threads.append(threading.get_ident())

    assert ask(KeyMiddleware(inner, store, project=project), store.create("a").token) == PASSED
    assert threads == [threading.get_ident()]


def of_keyfob(error: BaseException) -> Iterator[dict[str, Any]]:
    """The locals of the package's own frames in a traceback."""
    traceback = error.__traceback__
    while traceback is not None:
        if str(traceback.tb_frame.f_globals["__name__"]).startswith("keyfob."):
            yield traceback.tb_frame.f_locals
        traceback = traceback.tb_next


def test_no_frame_of_the_package_holds_the_token_in_a_traceback(
    inner: Inner, store: keyfob.Store
) -> None:
    token = store.create("a").token

    def fail() -> keyfob.Store:
        raise RuntimeError("planted")

    def wrong(scope: Scope) -> Any:
        return 1.5

    for app in (KeyMiddleware(inner, fail), KeyMiddleware(inner, store, project=wrong)):
        for name, value in (("Authorization", f"Bearer {token}"), ("X-API-Key", token)):
            with pytest.raises((RuntimeError, TypeError)) as caught:
                messages(app, scope_of("/", [(name, value)]))
            seen = list(of_keyfob(caught.value))
            assert len(seen) >= 3
            for variables in seen:
                # What the server handed over is the server's: any frame of any application has it.
                own = {name: of for name, of in variables.items() if name != "scope"}
                assert token not in repr(own)


def test_the_module_needs_no_package_beside_keyfob() -> None:
    code = (
        "import sys, keyfob.asgi\n"
        # The last is of CPython 3.10 to 3.12, and in no list of theirs.
        "known = set(sys.stdlib_module_names) | {'keyfob', '_xxsubinterpreters'}\n"
        "print({name.partition('.')[0] for name in sys.modules} - known - before)"
    )
    code = "import sys\nbefore = {name.partition('.')[0] for name in sys.modules}\n" + code
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "set()\n"

"""The dependency for FastAPI, beside what the table of answers says of it."""

import subprocess
import sys
import threading
from typing import Annotated, Any

import keyfob
import pytest
from direct import DENIAL, ask, messages, scope_of
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Security, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from keyfob import VerifiedKey
from keyfob.asgi import KeyMiddleware
from keyfob.fastapi import KeyAuth

NOT_FOR_THIS = (403, {"detail": "the API key is not good for this"})
INVALID = (401, {"detail": "the API key is not valid"})
NO_KEY = (401, {"detail": "an API key is required"})
PASSED = (200, True)


async def true() -> bool:
    return True


def test_the_documentation_shows_both_places_for_a_token_and_the_scopes(
    store: keyfob.Store,
) -> None:
    app, auth = FastAPI(), KeyAuth(store)
    app.get("/read", dependencies=[Security(auth, scopes=["orders:read"])])(true)
    app.get("/any", dependencies=[Depends(auth)])(true)
    app.get("/bearer", dependencies=[Depends(KeyAuth(store, header=None))])(true)
    app.get("/open")(true)
    shown = app.openapi()
    assert shown["components"]["securitySchemes"] == {
        "Bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
        "X-API-Key": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "An API key.",
        },
    }
    asked = {path: of["get"].get("security") for path, of in shown["paths"].items()}
    assert asked == {
        "/read": [{"Bearer": ["orders:read"]}, {"X-API-Key": ["orders:read"]}],
        "/any": [{"Bearer": []}, {"X-API-Key": []}],
        "/bearer": [{"Bearer": []}],
        "/open": None,
    }
    # Neither is a parameter of a route.
    assert all("parameters" not in of["get"] for of in shown["paths"].values())


def test_two_dependencies_of_one_request_both_hold(store: keyfob.Store) -> None:
    app, auth = FastAPI(), KeyAuth(store)
    Reader = Annotated[VerifiedKey, Security(auth, scopes=["orders:read"])]
    Keeper = Annotated[VerifiedKey, Security(auth, scopes=["stock:write"])]

    async def both(reader: Reader, keeper: Keeper) -> bool:
        return reader == keeper

    app.get("/")(both)
    for scopes, answer in (
        (["orders:read", "stock:write"], PASSED),
        (["*"], PASSED),
        (["orders:read"], NOT_FOR_THIS),
        (["stock:write"], NOT_FOR_THIS),
    ):
        assert ask(app, store.create("a", scopes=scopes).token) == answer


def test_scopes_of_the_dependency_of_security_and_of_what_is_around_it_add_up(
    store: keyfob.Store,
) -> None:
    app, auth = FastAPI(), KeyAuth(store, scopes="a", any_scopes=["d", "e"])

    async def around(key: Annotated[VerifiedKey, Security(auth, scopes=["b"])]) -> VerifiedKey:
        return key

    async def route(key: Annotated[VerifiedKey, Security(around, scopes=["c"])]) -> Any:
        return sorted(key.scopes)

    app.get("/")(route)
    good = ["a", "b", "c", "e"]
    assert ask(app, store.create("a", scopes=good).token) == (200, good)
    for lacking in good:
        scopes = [scope for scope in good if scope != lacking]
        assert ask(app, store.create("b", scopes=scopes).token) == NOT_FOR_THIS


def test_an_application_and_a_router_ask_for_all_of_their_routes(store: keyfob.Store) -> None:
    auth = KeyAuth(store)
    app = FastAPI(dependencies=[Depends(auth)])
    router = APIRouter(dependencies=[Security(auth, scopes=["orders:read"])])
    router.get("/orders")(true)
    app.get("/")(true)
    app.include_router(router)
    token, reader = store.create("a").token, store.create("b", scopes="orders:read").token
    assert ask(app) == ask(app, None, "/orders") == NO_KEY
    assert (ask(app, token), ask(app, token, "/orders")) == (PASSED, NOT_FOR_THIS)
    assert ask(app, reader, "/orders") == PASSED


def test_a_dependency_is_overridden_in_the_tests_of_an_application(store: keyfob.Store) -> None:
    app, auth = FastAPI(), KeyAuth(store)

    async def route(key: Annotated[str, Security(auth, scopes=["orders:read"])]) -> str:
        return key

    app.get("/")(route)
    app.dependency_overrides[auth] = lambda: "a key"
    assert ask(app) == (200, "a key")
    app.dependency_overrides.clear()
    assert ask(app) == NO_KEY


def test_a_refusal_is_an_http_exception_that_handlers_of_the_application_see(
    store: keyfob.Store,
) -> None:
    app = FastAPI(dependencies=[Depends(KeyAuth(store))])
    app.get("/")(true)

    @app.exception_handler(HTTPException)
    async def handler(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"own": error.detail}, 418, error.headers)

    start, body = messages(app, scope_of("/", [("X-API-Key", "xyz")]))
    assert (start["status"], body["body"]) == (418, b'{"own":"the API key is not valid"}')
    challenge = b'Bearer realm="api", error="invalid_token"'
    assert (b"www-authenticate", challenge) in start["headers"]


def test_a_project_is_named_by_a_function_of_the_connection(store: keyfob.Store) -> None:
    def project(connection: HTTPConnection) -> str:
        return str(connection.path_params["project"])

    for name in ("shop", "books"):
        store.create_project(name, scopes="*")
    app, auth = FastAPI(), KeyAuth(store, project=project)
    app.get("/{project}/orders", dependencies=[Depends(auth)])(true)
    token = store.create("a", project="shop").token
    assert ask(app, token, "/shop/orders") == PASSED
    assert ask(app, token, "/books/orders") == NOT_FOR_THIS


def forbidden() -> None:
    raise HTTPException(403, "not from here")


class OfTenant(KeyAuth):
    async def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, scopes: SecurityScopes, x_tenant: str = Header()
    ) -> VerifiedKey | None:
        key = await super().__call__(connection, scopes)
        if key is None or key.owner != x_tenant:
            raise HTTPException(403, "not your tenant")
        return key


class FromHere(KeyAuth):
    async def __call__(
        self,
        connection: HTTPConnection,
        scopes: SecurityScopes,
        _header: None = None,
        _here: None = Depends(forbidden),
    ) -> VerifiedKey | None:
        return await super().__call__(connection, scopes, _header)


class WithNothingElse(KeyAuth):
    async def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, scopes: SecurityScopes
    ) -> VerifiedKey | None:
        return await super().__call__(connection, scopes)


@pytest.mark.parametrize("header", ["X-API-Key", None])
def test_what_a_call_of_a_subclass_depends_on_itself_holds(
    store: keyfob.Store, header: str | None
) -> None:
    app = FastAPI()
    for path, kind in {"/tenant": OfTenant, "/here": FromHere, "/nothing": WithNothingElse}.items():
        auth = kind(store, header=header)
        app.get(path, dependencies=[Security(auth, scopes=["orders:read"])])(true)
    token = store.create("a", scopes="orders:read", owner="ann").token
    other = store.create("b", owner="ann").token

    def status(path: str, token: str, tenant: str = "ann") -> int:
        headers = [("Authorization", f"Bearer {token}"), ("X-Tenant", tenant)]
        return int(messages(app, scope_of(path, headers))[0]["status"])

    assert [status("/tenant", token, tenant) for tenant in ("ann", "bob")] == [200, 403]
    assert ask(app, token, "/tenant")[0] == 422
    assert ask(app, token, "/here") == (403, {"detail": "not from here"})
    assert (ask(app, token, "/nothing"), ask(app, None, "/nothing")) == (PASSED, NO_KEY)
    assert [status(path, other) for path in ("/tenant", "/nothing")] == [403, 403]


def test_an_environment_and_an_owner_are_asked_for(store: keyfob.Store) -> None:
    app = FastAPI()
    auth = KeyAuth(store, environment="test", owner="ann", project=keyfob.ANY)
    app.get("/", dependencies=[Depends(auth)])(true)
    assert ask(app, store.create("a", environment="test", owner="ann").token) == PASSED
    assert ask(app, store.create("a", environment="test", owner="bob").token) == NOT_FOR_THIS
    assert ask(app, store.create("a", owner="ann").token) == NOT_FOR_THIS


def test_an_optional_key_is_none_where_there_is_no_token(store: keyfob.Store) -> None:
    app, auth = FastAPI(), KeyAuth(store, optional=True)

    async def route(key: Annotated[VerifiedKey | None, Depends(auth)]) -> bool:
        return key is None

    app.get("/")(route)
    assert ask(app) == PASSED
    assert ask(app, "xyz") == INVALID
    assert ask(app, store.create("a").token) == (200, False)


def test_the_dependency_asks_again_behind_the_middleware(store: keyfob.Store) -> None:
    app = FastAPI(dependencies=[Security(KeyAuth(store), scopes=["orders:read"])])
    app.add_middleware(KeyMiddleware, store=store, exempt="/docs")
    app.get("/")(true)
    assert ask(app) == NO_KEY
    assert ask(app, store.create("a", scopes="orders:read").token) == PASSED
    assert ask(app, store.create("a").token) == NOT_FOR_THIS


def test_a_verification_is_made_in_the_thread_of_the_event_loop(store: keyfob.Store) -> None:
    threads: list[int] = []

    def project(connection: HTTPConnection) -> None:
        threads.append(threading.get_ident())

    app = FastAPI(dependencies=[Depends(KeyAuth(store, project=project))])
    app.get("/")(true)
    assert ask(app, store.create("a").token) == PASSED
    assert threads == [threading.get_ident()]


def with_socket(store: keyfob.Store) -> FastAPI:
    app, auth = FastAPI(), KeyAuth(store)

    @app.websocket("/")
    async def socket(
        websocket: WebSocket, key: Annotated[VerifiedKey, Security(auth, scopes=["a"])]
    ) -> None:
        await websocket.accept()
        await websocket.send_text(key.id)

    return app


def test_a_websocket_is_refused_as_a_request_is_where_the_server_can_answer_it(
    store: keyfob.Store,
) -> None:
    socket = scope_of("/", [("X-API-Key", "xyz")], type="websocket", extensions=DENIAL)
    start, *rest = messages(with_socket(store), socket)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert b"".join(each["body"] for each in rest) == b'{"detail":"the API key is not valid"}'
    challenge = b'Bearer realm="api", error="invalid_token"'
    assert (b"www-authenticate", challenge) in start["headers"]


def test_a_websocket_is_closed_before_it_was_accepted_where_the_server_cannot(
    store: keyfob.Store,
) -> None:
    sent = messages(with_socket(store), scope_of("/", [], type="websocket"))
    reason = "an API key is required"
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": reason}]


def test_a_websocket_with_a_good_key_is_accepted(store: keyfob.Store) -> None:
    issued = store.create("a", scopes="a")
    headers = [("Authorization", f"Bearer {issued.token}")]
    sent = messages(with_socket(store), scope_of("/", headers, type="websocket"))
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
    assert sent[1]["text"] == issued.key.id


def test_a_scope_that_can_never_be_right_is_misuse_and_no_refusal(store: keyfob.Store) -> None:
    with pytest.raises(keyfob.MisuseError, match="holds no '\\*'"):
        KeyAuth(store, scopes="orders:*")
    app = FastAPI(dependencies=[Security(KeyAuth(store), scopes=["orders:*"])])
    app.get("/")(true)
    token = store.create("a", scopes="*").token
    with pytest.raises(keyfob.MisuseError, match="holds no '\\*'") as caught:
        ask(app, token)
    # No frame of the package holds the token.
    traceback, seen = caught.value.__traceback__, 0
    while traceback is not None:
        if str(traceback.tb_frame.f_globals["__name__"]).startswith("keyfob."):
            seen += 1
            assert token not in repr(traceback.tb_frame.f_locals)
        traceback = traceback.tb_next
    assert seen == 2


def test_without_fastapi_the_module_says_what_to_install() -> None:
    code = "import sys; sys.modules['fastapi'] = None; import keyfob.fastapi"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = failed.stderr.strip().splitlines()[-1]
    assert last == "ImportError: keyfob.fastapi needs FastAPI: pip install 'keyfob[fastapi]'"

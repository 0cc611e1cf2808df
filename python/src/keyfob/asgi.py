"""API keys for any ASGI application: a middleware of its own, with no package beside keyfob.

    app = KeyMiddleware(app, store, scopes="orders:read", exempt=["/healthz"])
    app = Starlette(middleware=[Middleware(KeyMiddleware, store=store)])

A verification is called on the event loop itself: it is shorter than handing it to a thread would be.
"""

from __future__ import annotations

from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    MutableMapping,
    Sequence,
)
from typing import Any, TypeAlias

from ._http import AnyOf, Guard, ProjectName, Refusal, Required, required
from ._native import Store, VerifiedKey

__all__ = ["Auth", "KeyMiddleware", "Scopes", "User", "path_below_root"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
# Every framework has types of its own for the three, which admit no others.
Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class KeyMiddleware:
    """Lets pass what comes with a good key, and answers the rest by the table of the integrations: HTTP
    requests and WebSockets; the lifespan passes.

    A WebSocket that is refused gets the same answer where the server can give one (the extension
    `websocket.http.response`), and is closed with 1008 before it was accepted where it cannot.

    The application finds in its scope `keyfob`, the `VerifiedKey`, or None where no key was asked for;
    and what Starlette's `@requires`, `request.auth` and `request.user` read, `auth` and `user`. Without
    a key these two are left to whoever set them before.

    `store` is an open store, or a function that opens it, called at the first request. `scopes`,
    `any_scopes`, `project`, `environment` and `owner` are those of `Store.verify`; `project` may be a
    function of the ASGI scope, which is asked before any routing: see `path_below_root`.

    `exempt` are paths that need no key, and where none is read. A path is the whole path of the request
    as `path_below_root` answers it: it is equal or it is not, so that `/healthz` is neither `/healthz/`
    nor `/healthz/more`.

    `optional` lets pass what has no token; a token that is not good is still refused. `realm` is what the
    challenge names, `header` where a token may be beside `Authorization`, None for nowhere.

    Raises `TypeError` and `MisuseError` for a requirement that can never be right, `ValueError` for a
    realm that no header can quote and for a path that begins with no `/`.
    """

    def __init__(
        self,
        app: Application,
        store: Store | Callable[[], Store],
        *,
        scopes: str | Iterable[str] | None = None,
        any_scopes: str | Iterable[str] | None = None,
        project: str | AnyOf | Callable[[Scope], ProjectName] | None = None,
        environment: str | AnyOf | None = None,
        owner: str | None = None,
        exempt: str | Iterable[str] = (),
        optional: bool = False,
        realm: str = "api",
        header: str | None = "X-API-Key",
    ) -> None:
        self._app = app
        self._guard = Guard(store, realm=realm, header=header)
        self._header = header.lower().encode("latin-1") if header is not None else None
        self._project = project if callable(project) else None
        stated = None if callable(project) else project
        self._asked = required(scopes, any_scopes, stated, environment, owner)
        self._exempt = frozenset([exempt] if isinstance(exempt, str) else exempt)
        self._optional = optional
        if not all(path.startswith("/") for path in self._exempt):
            raise ValueError("exempt: a path begins with /")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            raise ValueError(f"{scope['type']}: only http and websocket can be asked for a key")
        key = None if path_below_root(scope) in self._exempt else self._decide(scope)
        if isinstance(key, Refusal):
            await _answer(key, scope, send)
            return
        # A scope belongs to whoever made it; what this adds is for the application alone.
        inner = dict(scope, keyfob=key)
        if key is not None:
            inner.update(auth=Auth(key), user=User(key))
        else:
            inner.setdefault("auth", Auth(None))
            inner.setdefault("user", User(None))
        await self._app(inner, receive, send)

    def _decide(self, scope: Scope) -> VerifiedKey | Refusal | None:
        asked: Required = self._asked
        if self._project is not None:
            asked = {**asked, "project": self._project(scope)}
        client = scope.get("client")
        decided = self._guard.decide(
            _values(scope, b"authorization"),
            _values(scope, self._header),
            asked,
            client[0] if client else None,
        )
        if self._optional and isinstance(decided, Refusal) and decided.code is None:
            return None
        return decided


def path_below_root(scope: Scope) -> str:
    """The path of a request as the router of the application sees it, decoded: below the `root_path`,
    which is where the application is mounted, or its server has put it.

    It begins with `/`, or is empty where the path does not lead below the root. Some servers leave the
    root out of the path, and applications do not agree on what is meant then.
    """
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    below = path.removeprefix(root)
    return below if path.startswith(root) and below.startswith("/") else ""


class Auth:
    """What `request.auth` is behind the middleware."""

    def __init__(self, key: VerifiedKey | None) -> None:
        #: What the key may do; nothing where there is none.
        self.scopes: Scopes = Scopes(key)


class User:
    """What `request.user` is behind the middleware: a key, which has no name but its id, or nobody."""

    def __init__(self, key: VerifiedKey | None) -> None:
        #: The key; None for nobody.
        self.key: VerifiedKey | None = key

    @property
    def is_authenticated(self) -> bool:
        """Whether there is a key."""
        return self.key is not None

    @property
    def display_name(self) -> str:
        """The owner of the key, its id where it has none; empty for nobody."""
        return (self.key.owner or self.key.id) if self.key else ""

    @property
    def identity(self) -> str:
        """The id of the key; empty for nobody."""
        return self.key.id if self.key else ""


class Scopes(Collection[str]):
    """The scopes of a key, where `in` asks what they grant: `orders:read` is in `orders:*`.

    `authenticated` is in those of every key, as `@requires("authenticated")` expects. Where there is no
    key, nothing is.
    """

    def __init__(self, key: VerifiedKey | None) -> None:
        self._key = key

    def __contains__(self, scope: object) -> bool:
        """Raises `MisuseError` for what is no scope."""
        if self._key is None or not isinstance(scope, str):
            return False
        return scope == "authenticated" or self._key.has_scope(scope)

    def __iter__(self) -> Iterator[str]:
        return iter(self._key.scopes if self._key else ())

    def __len__(self) -> int:
        return len(self._key.scopes) if self._key else 0


def _values(scope: Scope, wanted: bytes | None) -> Sequence[bytes]:
    return [value for name, value in scope["headers"] if name == wanted]


async def _answer(refusal: Refusal, scope: Scope, send: Send) -> None:
    kind = "http.response"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail})
            return
        kind = "websocket.http.response"
    body = refusal.body
    headers = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **refusal.headers,
    }
    await send(
        {
            "type": f"{kind}.start",
            "status": refusal.status,
            "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        }
    )
    await send({"type": f"{kind}.body", "body": body})

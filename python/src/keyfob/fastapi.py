"""API keys for FastAPI: a dependency that the documentation of the API shows.

    auth = KeyAuth(store)
    Reader = Annotated[VerifiedKey, Security(auth, scopes=["orders:read"])]

    @app.get("/orders")
    async def orders(key: Reader): ...

It needs FastAPI: `pip install 'keyfob[fastapi]'`.
"""

# Annotations stay what they are: FastAPI reads them of an instance, where it cannot look up names.

import inspect
from collections.abc import Callable, Iterable

try:
    from fastapi import Depends, HTTPException, WebSocketException
    from fastapi.openapi.models import APIKey, HTTPBearer
    from fastapi.openapi.models import SecurityBase as SecurityModel
    from fastapi.requests import HTTPConnection
    from fastapi.security import SecurityScopes
    from fastapi.security.base import SecurityBase
except ImportError as _missing:
    raise ImportError("keyfob.fastapi needs FastAPI: pip install 'keyfob[fastapi]'") from _missing

from ._http import AnyOf, Guard, ProjectName, Refusal, Required, required
from ._native import Store, VerifiedKey

__all__ = ["KeyAuth"]


class KeyAuth(SecurityBase):
    """A dependency that answers the `VerifiedKey` of a request, and refuses what has none by the table of
    the integrations: for `Depends`, for `Security` with scopes, for `dependencies=[...]` of an application,
    a router or a route, for HTTP and for WebSockets.

    A refusal is FastAPI's `HTTPException`, so that handlers of it see it. A WebSocket that is refused is
    closed with 1008 where the server cannot answer it otherwise.

    `store` is an open store, or a function that opens it, called at the first request. `scopes`,
    `any_scopes`, `project`, `environment` and `owner` are those of `Store.verify`. What `Security` names is
    required beside `scopes`. `project` may be a function of the connection:
    `lambda connection: connection.path_params["project"]`.

    `optional` answers None where there is no token; a token that is not good is still refused.
    `realm` is what the challenge names, `header` where a token may be beside `Authorization`, None for
    nowhere.

    A subclass may have a `__call__` of its own with dependencies of its own, and calls this one with the
    connection and the scopes. The documentation then shows the bearer alone.

    Raises `TypeError` and `MisuseError` for a requirement that can never be right, `ValueError` for a
    realm that no header can quote. What `Security` names is looked at by each request.
    """

    def __init__(
        self,
        store: Store | Callable[[], Store],
        *,
        scopes: str | Iterable[str] | None = None,
        any_scopes: str | Iterable[str] | None = None,
        project: str | AnyOf | Callable[[HTTPConnection], ProjectName] | None = None,
        environment: str | AnyOf | None = None,
        owner: str | None = None,
        optional: bool = False,
        realm: str = "api",
        header: str | None = "X-API-Key",
    ) -> None:
        self.model: SecurityModel = HTTPBearer(description="An API key.")
        self.scheme_name: str = "Bearer"
        self._guard = Guard(store, realm=realm, header=header)
        self._project = project if callable(project) else None
        stated = None if callable(project) else project
        self._asked = required(scopes, any_scopes, stated, environment, owner)
        self._optional = optional
        self.__signature__: inspect.Signature = _signature(inspect.signature(self.__call__), header)

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, _header: None = None
    ) -> VerifiedKey | None:
        """The key of a request; None where there is no token and it is optional."""
        asked: Required = self._asked
        if scopes.scopes:
            asked = {**asked, "scopes": (*asked.get("scopes", ()), *scopes.scopes)}
        if self._project is not None:
            asked = {**asked, "project": self._project(connection)}
        name = self._guard.header
        decided = self._guard.decide(
            connection.headers.getlist("authorization"),
            connection.headers.getlist(name) if name is not None else (),
            asked,
            connection.client.host if connection.client else None,
        )
        if not isinstance(decided, Refusal):
            return decided
        if self._optional and decided.code is None:
            return None
        if connection.scope["type"] == "websocket" and "websocket.http.response" not in (
            connection.scope.get("extensions") or {}
        ):
            raise WebSocketException(1008, decided.detail)
        raise HTTPException(decided.status, decided.detail, decided.headers)


class _Header(SecurityBase):
    """The other place for a token, for the documentation: it reads nothing."""

    def __init__(self, name: str) -> None:
        described = {"in": "header", "name": name, "description": "An API key."}
        self.model: SecurityModel = APIKey.model_validate(described)
        self.scheme_name: str = name

    async def __call__(self) -> None:
        pass


def _signature(of_call: inspect.Signature, header: str | None) -> inspect.Signature:
    """What FastAPI is to call. A security scheme has one place for a token; a second place is another scheme,
    which the documentation shows as the alternative where another dependency brings it."""
    parameters = dict(of_call.parameters)
    # The `__call__` of a subclass may have none; its other parameters are its own.
    if "_header" in parameters:
        other = parameters["_header"]
        if header is None:
            del parameters["_header"]
        else:
            parameters["_header"] = other.replace(default=Depends(_Header(header)))
    return of_call.replace(parameters=list(parameters.values()))

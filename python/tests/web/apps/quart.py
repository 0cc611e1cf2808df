"""Quart, behind the middleware of ASGI: one of it for each path that asks for something."""

from typing import Any

from keyfob.asgi import Application, KeyMiddleware, Receive, Scope, Send
from quart import Quart, request

from . import open_store, shown

quart = Quart(__name__)
quart.debug = True


def key() -> Any:
    return request.scope["keyfob"]  # type: ignore[typeddict-item]


@quart.get("/open")
async def free() -> dict[str, bool]:
    return {"open": True}


@quart.get("/read")
@quart.get("/either")
@quart.get("/shop")
async def shown_key() -> dict[str, Any]:
    return shown(key())


@quart.get("/optional")
async def optional() -> dict[str, Any]:
    return {"id": key() and key().id}


@quart.get("/broken")
async def broken() -> str:
    raise RuntimeError("planted")


GUARDED: dict[str, Application] = {
    "/read": KeyMiddleware(quart, open_store, scopes="orders:read"),
    "/either": KeyMiddleware(quart, open_store, any_scopes=["orders:read", "orders:admin"]),
    "/shop": KeyMiddleware(quart, open_store, project="shop"),
    "/optional": KeyMiddleware(quart, open_store, optional=True),
    "/broken": KeyMiddleware(quart, open_store, scopes="orders:read"),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    application = GUARDED.get(scope.get("path", ""), quart)
    await application(scope, receive, send)

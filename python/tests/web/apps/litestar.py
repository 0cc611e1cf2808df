"""Litestar, with the middleware of ASGI on each route."""

from typing import Any

from keyfob.asgi import KeyMiddleware
from litestar import Litestar, Request, get
from litestar.middleware import DefineMiddleware

from . import open_store, shown


def asking(**keywords: object) -> list[DefineMiddleware]:
    return [DefineMiddleware(KeyMiddleware, store=open_store, **keywords)]


@get("/open")
async def free() -> dict[str, bool]:
    return {"open": True}


@get("/read", middleware=asking(scopes="orders:read"))
async def read(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return shown(request.user.key)


@get("/either", middleware=asking(any_scopes=["orders:read", "orders:admin"]))
async def either(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return shown(request.user.key)


@get("/shop", middleware=asking(project="shop"))
async def shop(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return shown(request.user.key)


@get("/optional", middleware=asking(optional=True))
async def optional(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"id": request.user.identity or None}


@get("/broken", middleware=asking(scopes="orders:read"))
async def broken() -> None:
    raise RuntimeError("planted")


# Its own configuration of logging would take the place of the one for all applications.
app = Litestar(
    [free, read, either, shop, optional, broken], debug=True, logging_config=None
)

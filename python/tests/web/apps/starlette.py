"""Starlette, with the middleware on each route that asks for more than the one on all of them."""

from keyfob.asgi import KeyMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from . import open_store, shown


def asking(**keywords: object) -> list[Middleware]:
    return [Middleware(KeyMiddleware, open_store, **keywords)]  # type: ignore[arg-type]


async def free(request: Request) -> JSONResponse:
    return JSONResponse({"open": True})


async def key(request: Request) -> JSONResponse:
    return JSONResponse(shown(request.scope["keyfob"]))


async def optional(request: Request) -> JSONResponse:
    found = request.scope["keyfob"]
    return JSONResponse({"id": found and found.id})


async def broken(request: Request) -> JSONResponse:
    raise RuntimeError("planted")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.scope["keyfob"].id)
    await websocket.close()


app = Starlette(
    debug=True,
    routes=[
        Route("/open", free),
        Route("/read", key, middleware=asking(scopes="orders:read")),
        Route("/either", key, middleware=asking(any_scopes=["orders:read", "orders:admin"])),
        Route("/shop", key, middleware=asking(project="shop")),
        Route("/optional", optional, middleware=asking(optional=True)),
        Route("/broken", broken, middleware=asking(scopes="orders:read")),
        WebSocketRoute("/socket", socket, middleware=asking(scopes="orders:read")),
    ],
)

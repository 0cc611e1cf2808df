"""No framework: a dictionary of ASGI applications."""

import json
from collections.abc import Callable
from typing import Any

from keyfob.asgi import Application, KeyMiddleware, Receive, Scope, Send

from . import open_store, shown


def answering(body: Callable[[Any], object]) -> Application:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        answer = json.dumps(body(scope["keyfob"])).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return application


def broken(key: object) -> object:
    raise RuntimeError("planted")


async def socket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["keyfob"].id})
    await send({"type": "websocket.close"})


ROUTES: dict[str, Application] = {
    "/open": KeyMiddleware(answering(lambda key: {"open": True}), open_store, exempt="/open"),
    "/read": KeyMiddleware(answering(shown), open_store, scopes="orders:read"),
    "/either": KeyMiddleware(
        answering(shown), open_store, any_scopes=["orders:read", "orders:admin"]
    ),
    "/shop": KeyMiddleware(answering(shown), open_store, project="shop"),
    "/optional": KeyMiddleware(
        answering(lambda key: {"id": key and key.id}), open_store, optional=True
    ),
    "/broken": KeyMiddleware(answering(broken), open_store, scopes="orders:read"),
    "/socket": KeyMiddleware(socket, open_store, scopes="orders:read"),
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        await ROUTES[scope["path"]](scope, receive, send)

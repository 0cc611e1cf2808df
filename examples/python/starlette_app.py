"""Starlette: a middleware that asks for a key, and `@requires` for scopes.

    keyfob --store keys.redb init --prefix acme
    keyfob --store keys.redb create "CI deploy" --scope orders:read
    uvicorn starlette_app:app --workers 4
"""

from keyfob import Store
from keyfob.asgi import KeyMiddleware
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


@requires("orders:read")
async def orders(request: Request) -> JSONResponse:
    return JSONResponse({"key": request.user.key.id})


app = Starlette(
    routes=[Route("/orders", orders)],
    middleware=[Middleware(KeyMiddleware, Store.open("keys.redb"))],
)

"""Any ASGI application: a middleware that needs no other package.

    keyfob --store keys.redb init --prefix acme
    keyfob --store keys.redb create "CI deploy" --scope orders:read
    uvicorn asgi_app:app --workers 4
"""

import json

from keyfob import Store
from keyfob.asgi import KeyMiddleware, Receive, Scope, Send


async def orders(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = json.dumps({"key": scope["keyfob"].id}).encode()
        await send({"type": "http.response.body", "body": body})


app = KeyMiddleware(orders, Store.open("keys.redb"), scopes="orders:read")

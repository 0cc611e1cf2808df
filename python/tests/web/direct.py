"""Asks an ASGI application without a server between."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from keyfob.asgi import Application, Message, Scope

#: What a server says that can answer a WebSocket with a response.
DENIAL: dict[str, object] = {"websocket.http.response": {}}


def scope_of(path: str, headers: Iterable[tuple[str, str]], **more: Any) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        **more,
    }


def messages(app: Application, scope: Scope) -> list[Message]:
    """What the application sends."""
    sent: list[Message] = []
    first = "websocket.connect" if scope["type"] == "websocket" else "http.request"

    async def receive() -> Message:
        return {"type": first}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return sent


def ask(
    app: Application, token: str | None = None, path: str = "/", **more: Any
) -> tuple[int, Any]:
    """The status and the body of the answer to a request with a token as its bearer."""
    headers = [] if token is None else [("Authorization", f"Bearer {token}")]
    start, *rest = messages(app, scope_of(path, headers, **more))
    return start["status"], json.loads(b"".join(message["body"] for message in rest))

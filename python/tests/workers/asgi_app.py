"""The application under test for ASGI: a verification is made on the event loop, and a change in
another thread. It opens its store when it is imported."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import keyfob
from answers import answer

store = keyfob.Store.open(os.environ["KEYS"])


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    argument, more = b"", True
    while more:
        message = await receive()
        argument += message["body"]
        more = message.get("more_body", False)
    verb = scope["path"][1:]
    if verb == "check":
        done = answer(store, verb, argument.decode())
    else:
        done = await asyncio.to_thread(answer, store, verb, argument.decode())
    body = json.dumps(done).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body})

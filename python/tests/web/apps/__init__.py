"""One application for each framework, `app`, all with the same routes, each of which answers JSON:

| route | asks for | answers |
|---|---|---|
| `/open` | nothing | `{"open": true}` |
| `/read` | the scope `orders:read` | `shown(key)` |
| `/either` | `orders:read` or `orders:admin` | `shown(key)` |
| `/shop` | a key that is good for the project `shop` | `shown(key)` |
| `/optional` | nothing, but no bad token | `{"id": null}`, or the id of the key |
| `/broken` | the scope `orders:read` | its handler raises, where the framework is told to debug |
| `/socket` | the scope `orders:read`, of a WebSocket, where there are any | the id of the key, as its first message |

The store at `KEYFOB_PATH` is opened at the first request: the tests begin with one that is not there.
"""

import logging
import os
from typing import Any

import keyfob

PATH = os.environ["KEYFOB_PATH"]

# All that the framework, the server and keyfob have to say.
logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")


def open_store() -> keyfob.Store:
    return keyfob.Store.open(PATH)


def shown(key: keyfob.VerifiedKey) -> dict[str, Any]:
    return {"id": key.id, "project": key.project, "scopes": sorted(key.scopes)}

"""The application under test for WSGI: it opens its store when it is imported. Whether that is
before or after the fork is up to the server."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import keyfob
from answers import answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

store = keyfob.Store.open(
    os.environ["KEYS"],
    mode="exclusive" if os.environ["MODE"] == "exclusive" else "shared",
)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    argument = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode()
    body = json.dumps(answer(store, environ["PATH_INFO"][1:], argument)).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

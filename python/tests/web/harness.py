"""The real servers of the frameworks, spoken to in bytes, and the keys that the tests need."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import keyfob

HERE = Path(__file__).resolve().parent

#: A header as it goes over the wire.
Header = tuple[str, bytes]

#: The frameworks, by the name of their module in apps/, and the server of each: its command, in which
#: `{app}` is the application and `{fd}` the listening socket that it is given.
UVICORN = ("-m", "uvicorn", "{app}:app", "--fd", "{fd}", "--log-level", "trace")
GUNICORN = ("-m", "gunicorn", "{app}:app", "--bind", "fd://{fd}", "--log-level", "debug")
FRAMEWORKS: dict[str, Sequence[str]] = {
    "asgi": (*UVICORN, "--http", "httptools"),
    "starlette": (*UVICORN, "--http", "h11"),
    "fastapi": (*UVICORN, "--http", "httptools"),
    "litestar": (*UVICORN, "--http", "httptools"),
    "quart": (*UVICORN, "--http", "h11"),
    "flask": (*GUNICORN, "--workers", "2"),
    "django": (*GUNICORN, "--workers", "2", "--preload"),
    "django_async": (*UVICORN, "--http", "httptools"),
    "drf": (*GUNICORN, "--threads", "2"),
    "ninja": GUNICORN,
    "ninja_async": (*UVICORN, "--http", "h11"),
}


@dataclass(frozen=True)
class Answer:
    """What came back, to the byte."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A server that runs, and all that it said: its log, and its answers."""

    def __init__(self, port: int, log: Path) -> None:
        self.port = port
        self._log = log
        self.answers: list[Answer] = []

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def get(self, path: str, *headers: Header) -> Answer:
        """One request in a connection of its own. Headers go out byte by byte as they are given."""
        lines = [f"GET {path} HTTP/1.1".encode(), b"Host: test", b"Connection: close"]
        lines += [name.encode() + b": " + value for name, value in headers]
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
            response = http.client.HTTPResponse(connection, method="GET")
            response.begin()
            answer = Answer(response.status, response.getheaders(), response.read())
        self.answers.append(answer)
        return answer


@contextmanager
def serving(
    command: Sequence[str], app: str, log: Path, folder: Path = HERE, **environment: str
) -> Iterator[Server]:
    """Runs a server of `app`, which is in `folder`, until the end of the block."""
    # It is given a socket that listens already: nobody else can take its port, and whoever connects
    # before it is ready waits.
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, log.open("wb") as file:
        port: int = listener.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, *(part.format(app=app, fd=listener.fileno()) for part in command)],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )
    server = Server(port, log)
    try:
        try:
            yield server
        except OSError as error:
            raise AssertionError(f"{error!r}; the server said:\n{server.log()}") from error
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@dataclass(frozen=True)
class Keys:
    """A store with a key for every fate. Keys are called by the names that the table uses."""

    store: keyfob.Store
    ids: dict[str, str]
    tokens: dict[str, str]

    def secrets(self) -> list[str]:
        """What no log and no answer may hold: of every token what stands behind its key's id."""
        return [token[-49:] for token in self.tokens.values()]


@contextmanager
def keys(path: Path) -> Iterator[Keys]:
    """Makes the store at `path`."""
    # A key that has expired is one that was made long ago.
    clock = keyfob.ManualClock(datetime(2020, 1, 1, tzinfo=timezone.utc))
    with keyfob.Store.open(path, create=True, prefix="acme", clock=clock) as store:
        issued = {"expired": store.create("expired", scopes="*", expires_in=timedelta(hours=1))}
    with keyfob.Store.open(path) as store:
        store.create_project("shop", scopes="orders:*")
        store.create_project("books", scopes="orders:*")
        here, elsewhere = "127.0.0.1", "10.0.0.0/8"
        issued |= {
            "reader": store.create("reader", scopes=["orders:read", "stock:read"]),
            "pattern": store.create("pattern", scopes="orders:*"),
            "admin": store.create("admin", scopes="orders:admin"),
            "other": store.create("other", scopes="stock:read"),
            "shop": store.create("shop", scopes="orders:read", project="shop"),
            "books": store.create("books", scopes="orders:read", project="books"),
            "test": store.create("test", scopes="*", environment="test"),
            "here": store.create("here", scopes="*", ip_list=here),
            "elsewhere": store.create("elsewhere", scopes="*", ip_list=elsewhere),
            "revoked": store.create("revoked", scopes="*"),
            "disabled": store.create("disabled", scopes="*"),
            "old": store.create("old", scopes="*"),
        }
        store.rotate(issued["old"].key.id)
        store.revoke(issued["revoked"].key.id)
        store.disable(issued["disabled"].key.id)
        ids = {name: each.key.id for name, each in issued.items()}
        tokens = {name: each.token for name, each in issued.items()}
        # One that was typed wrong, and one of another store of the same prefix.
        wrong = "B" if tokens["reader"].endswith("A") else "A"
        tokens["typo"] = tokens["reader"][:-1] + wrong
        beside = path.with_name("other.redb")
        with keyfob.Store.open(beside, create=True, prefix="acme") as other:
            tokens["unknown"] = other.create("unknown").token
        yield Keys(store, ids, tokens)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def own_frames(error: BaseException | None) -> Iterator[str]:
    """What a report with local variables shows of the package's own frames."""
    traceback = error.__traceback__ if error else None
    while traceback is not None:
        if str(traceback.tb_frame.f_globals["__name__"]).startswith("keyfob."):
            yield repr(traceback.tb_frame.f_locals)
        traceback = traceback.tb_next

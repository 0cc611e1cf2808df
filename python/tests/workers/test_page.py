"""The files of the page about servers run by the command that each names in its first line."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import keyfob
import pytest
from celery_app import configured
from deployments import PATIENCE

PAGE = Path(__file__).resolve().parents[3] / "docs/python-servers.md"
FILE = re.compile(r"^```python\n# (\S+): ([^\n]*)\n(.*?)^```", re.M | re.S)
FILES = FILE.findall(PAGE.read_text("utf-8"))
#: The command of each, and its file's name and text.
BLOCKS = {command: (name, text) for name, command, text in FILES}

GUNICORN = "gunicorn --workers 4 app:app"
GEVENT = "gunicorn --workers 4 --worker-class gevent app:app"
UVICORN = "uvicorn --workers 4 app:app"
CELERY = "celery --app tasks worker"
POOL = "python pool.py"


def test_every_block_of_the_page_is_a_file_with_its_command() -> None:
    assert PAGE.read_text("utf-8").count("```python\n") == len(FILES)
    assert BLOCKS.keys() == {GUNICORN, GEVENT, UVICORN, CELERY, POOL}


@contextmanager
def started(
    command: str,
    folder: Path,
    *more: str,
    inherited: tuple[int, ...] = (),
    environment: Mapping[str, str] = {},
) -> Iterator[subprocess.Popen[str]]:
    """Runs a command of the page beside its file, until the end of the block."""
    name, text = BLOCKS[command]
    (folder / name).write_text(text, "utf-8")
    program, *arguments = command.split()
    log = folder / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [Path(sys.executable).with_name(program), *arguments, *more],
            cwd=folder,
            env={**os.environ, **environment},
            pass_fds=inherited,
            stdout=said,
            stderr=said,
            text=True,
        )
    try:
        yield process
    except Exception as error:
        raise AssertionError(f"{error!r}; it said:\n{log.read_text('utf-8', 'replace')}") from error
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


class Client:
    """Asks a server, each time in a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port

    def status(self, token: str | None = None) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            connection.request("GET", "/", headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()


@contextmanager
def serving(command: str, folder: Path, *more: str) -> Iterator[Client]:
    """A server of the page, on a port that nobody else has."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        fd = listener.fileno()
        given = {
            "uvicorn": ("--fd", f"{fd}"),
            # Workers that have only begun when everything is over do not hear of it.
            "gunicorn": ("--bind", f"fd://{fd}", "--graceful-timeout", "1"),
        }[command.split()[0]]
        with started(command, folder, *given, *more, inherited=(fd,)):
            yield Client(listener.getsockname()[1])


@pytest.mark.parametrize("more", [(), ("--preload",)], ids=["as it is", "preload"])
def test_the_application_for_gunicorn_verifies(tmp_path: Path, more: tuple[str, ...]) -> None:
    with serving(GUNICORN, tmp_path, *more) as client:
        # The workers made the store, whichever came first.
        assert client.status() == 401
        with keyfob.Store.open(tmp_path / "keys.redb") as store:
            good, other = store.create("a", scopes="orders:read"), store.create("b")
        asked = (None, "x", other.token, good.token)
        assert [client.status(token) for token in asked] == [401, 401, 403, 200]


@pytest.mark.parametrize("command", [GEVENT, UVICORN])
def test_the_applications_with_an_event_loop_verify_and_change(
    tmp_path: Path, command: str
) -> None:
    with serving(command, tmp_path) as client:
        assert client.status() == 401
        with keyfob.Store.open(tmp_path / "keys.redb") as store:
            token = store.create("a").token
        assert client.status(token) == 204
        # By whichever of the workers it is.
        assert {client.status(token) for _ in range(20)} == {401}


def test_the_task_for_celery_revokes(tmp_path: Path) -> None:
    client = configured(tmp_path, publish="outbox")
    for folder in ("data_in", "data_out"):
        (tmp_path / folder).mkdir()
    broker = {
        "CELERY_BROKER_URL": "filesystem://",
        "CELERY_RESULT_BACKEND": f"file://{tmp_path / 'results'}",
    }
    with keyfob.Store.open(tmp_path / "keys.redb", create=True, prefix="acme") as store:
        issued = store.create("a")
        with started(CELERY, tmp_path, environment=broker):
            result = client.send_task("tasks.revoke", [issued.key.id])
            # A worker may read a message that is not all written; one that is moved here is.
            for message in (tmp_path / "outbox").iterdir():
                message.rename(tmp_path / "data_in" / message.name)
            assert result.get(timeout=PATIENCE, interval=0.005) == "revoked"
        with pytest.raises(keyfob.KeyRevoked):
            store.verify(issued.token)


def test_the_pool_of_multiprocessing_makes_its_keys(tmp_path: Path) -> None:
    with started(POOL, tmp_path) as process:
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "log").read_text("utf-8") == "3\n"

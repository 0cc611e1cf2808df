"""The servers that the tests start, and how they are asked. Each has the application of this
folder over a store, in several worker processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from answers import Answer

HERE = Path(__file__).resolve().parent
WORKERS = 3
#: When a server that does not answer is given up, in seconds: a fault, and nothing is timed by it.
PATIENCE = 60


class NoAnswer(Exception):
    """The worker was gone before it had answered."""


class _Started:
    """A server in a process of its own, with what it says in a file."""

    def __init__(
        self, command: str, folder: Path, settings: dict[str, str], inherited: int | None
    ) -> None:
        self._said = folder / "server.log"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, *command.split()],
                cwd=HERE,
                env={**os.environ, **settings},
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                pass_fds=[] if inherited is None else [inherited],
            )

    @property
    def said(self) -> str:
        return self._said.read_text("utf-8", "replace")

    def stop(self, ask: Callable[[subprocess.Popen[bytes]], None]) -> int:
        """Ends the server as its operator would, and answers its exit status."""
        try:
            ask(self.process)
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.communicate()


class OverHttp:
    """A server whose workers answer HTTP on one socket, that listens before it is started: so the
    first request waits for the first worker."""

    def __init__(
        self, command: str, keys: Path, *, by_signal: bool = True, mode: str = "shared"
    ) -> None:
        self._by_signal = by_signal
        self._address = str(keys.with_name("socket"))
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self._address)
            listening.listen(128)
            fd = listening.fileno()
            self.server = _Started(
                command.replace("FD", str(fd)), keys.parent, {"KEYS": str(keys), "MODE": mode}, fd
            )

    def ask(self, verb: str, argument: str) -> Answer:
        connection = http.client.HTTPConnection("workers", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE)
        try:
            connection.sock.connect(self._address)
            connection.request("POST", f"/{verb}", argument.encode())
            answered: Answer = json.loads(connection.getresponse().read())
        except (ConnectionError, http.client.HTTPException) as error:
            raise NoAnswer(f"{error!r}, and the server said:\n{self.server.said}") from error
        finally:
            connection.close()
        return answered

    def stop(self) -> int:
        def end(process: subprocess.Popen[bytes]) -> None:
            if self._by_signal:
                process.send_signal(signal.SIGTERM)
            elif process.stdin is not None:
                process.stdin.close()

        return self.server.stop(end)


class OverCelery:
    """A Celery worker with a prefork pool, whose broker is a folder."""

    def __init__(self, keys: Path) -> None:
        from celery_app import configured

        self._folder = folder = keys.with_name("broker")
        folder.mkdir()
        self._client = configured(folder, publish="outbox")
        self._publishing = threading.Lock()
        command = f"-m celery -A celery_app worker --pool prefork --concurrency {WORKERS}"
        command += " --without-gossip --without-mingle --without-heartbeat"
        settings = {"KEYS": str(keys), "QUEUE": str(folder)}
        self.server = _Started(command, keys.parent, settings, None)

    def ask(self, verb: str, argument: str) -> Answer:
        with self._publishing:
            result = self._client.send_task("answer", [verb, argument])
            # A worker may read a message that is not all written; one that is moved here is.
            for message in (self._folder / "outbox").iterdir():
                message.rename(self._folder / "queue" / message.name)
        answered: Answer = result.get(timeout=PATIENCE, interval=0.005)
        return answered

    def stop(self) -> int:
        return self.server.stop(lambda process: process.send_signal(signal.SIGTERM))


class Deployment(Protocol):
    """What the tests know of each of them."""

    server: _Started

    def ask(self, verb: str, argument: str) -> Answer:
        """What some worker answers, or `NoAnswer`."""

    def stop(self) -> int:
        """The status that the main process ends with when it is told to."""


def gunicorn(keys: Path, options: str = "", *, mode: str = "shared") -> OverHttp:
    command = f"-m gunicorn --workers {WORKERS} --bind fd://FD --no-control-socket {options}"
    return OverHttp(f"{command} --config gunicorn_settings.py wsgi_app:app", keys, mode=mode)


def uvicorn(keys: Path) -> OverHttp:
    return OverHttp(f"-m uvicorn --workers {WORKERS} --fd FD asgi_app:app", keys)


def processes(keys: Path, method: str) -> OverHttp:
    return OverHttp(f"processes.py {method} {WORKERS} FD", keys, by_signal=False)


#: By name: how each is started, and whether its main process has the store open as well.
DEPLOYMENTS: dict[str, tuple[Callable[[Path], Deployment], bool]] = {
    "gunicorn-sync": (gunicorn, False),
    "gunicorn-gthread": (partial(gunicorn, options="--threads 4"), False),
    "gunicorn-gevent": (partial(gunicorn, options="--worker-class gevent"), False),
    "gunicorn-preload": (partial(gunicorn, options="--preload"), True),
    "gunicorn-preload-gthread": (partial(gunicorn, options="--preload --threads 4"), True),
    "uvicorn": (uvicorn, False),
    "celery-prefork": (OverCelery, True),
    "multiprocessing-fork": (partial(processes, method="fork"), True),
    "multiprocessing-spawn": (partial(processes, method="spawn"), True),
    "multiprocessing-forkserver": (partial(processes, method="forkserver"), True),
}

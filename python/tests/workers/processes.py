"""The application under test for multiprocessing: some processes that answer HTTP on one socket,
until the standard input ends.

    processes.py METHOD NUMBER SOCKET

METHOD is how the processes are started. Where they are forked they have the store that `wsgi_app`
opened in the main process; where they are spawned each imports it for itself.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from wsgi_app import app, store


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class Server(WSGIServer):
    def __init__(self, listening: socket.socket) -> None:
        super().__init__(("", 0), Quiet, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_name, self.server_port = "workers", 0
        self.setup_environ()
        self.set_app(app)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        return self.socket.accept()[0], ("a client", 0)


def work(listening: socket.socket) -> None:
    Server(listening).serve_forever()


def main(method: str, number: str, descriptor: str) -> None:
    context: Any = multiprocessing.get_context(method)
    listening = socket.socket(fileno=int(descriptor))
    workers = [context.Process(target=work, args=(listening,)) for _ in range(int(number))]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    for worker in workers:
        worker.terminate()
        worker.join()
    store.create("made by the main process")


if __name__ == "__main__":
    main(*sys.argv[1:])

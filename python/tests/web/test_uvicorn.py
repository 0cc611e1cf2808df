"""What is uvicorn's own: WebSockets, and the address that a proxy reports."""

import http.client
import socket
from collections.abc import Iterator

import pytest
from harness import Header, Keys, Server, keys, serving

#: At the level `debug`, the package that uvicorn reads WebSockets with logs the headers of each handshake.
COMMAND = ("-m", "uvicorn", "{app}:app", "--fd", "{fd}", "--log-level", "info", "--ws", "websockets")
HANDSHAKE = b"""\
GET /socket HTTP/1.1
Host: test
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==
"""


@pytest.fixture(scope="module", params=["asgi", "starlette", "fastapi"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Keys]]:
    folder = tmp_path_factory.mktemp(request.param)
    path, app = folder / "keys.redb", f"apps.{request.param}"
    with (
        keys(path) as made,
        serving(COMMAND, app, folder / "log", KEYFOB_PATH=str(path)) as server,
    ):
        yield server, made
    assert [secret for secret in made.secrets() if secret in server.log()] == []


def handshake(server: Server, *headers: Header) -> tuple[http.client.HTTPResponse, bytes]:
    """The answer to a handshake, and its body, or the first message behind it."""
    lines = [*HANDSHAKE.splitlines(), *(name.encode() + b": " + value for name, value in headers)]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        response = http.client.HTTPResponse(connection, method="GET")
        response.begin()
        if response.status != 101:
            return response, response.read()
        # One frame of text, without a mask and short.
        kind, length = response.fp.read(2)
        assert kind == 0x81
        return response, response.fp.read(length)


def test_a_good_key_opens_a_websocket(served: tuple[Server, Keys]) -> None:
    server, keys = served
    token = keys.tokens["reader"].encode()
    for header in (("Authorization", b"Bearer " + token), ("X-API-Key", token)):
        response, message = handshake(server, header)
        assert (response.status, message.decode()) == (101, keys.ids["reader"])


@pytest.mark.parametrize(
    ("key", "status", "error"),
    [
        (None, 401, ""),
        ("typo", 401, ', error="invalid_token"'),
        ("revoked", 401, ', error="invalid_token"'),
        ("other", 403, ', error="insufficient_scope", scope="orders:read"'),
    ],
)
def test_the_handshake_of_a_websocket_is_refused_as_a_request_is(
    served: tuple[Server, Keys], key: str | None, status: int, error: str
) -> None:
    server, keys = served
    headers = [("X-API-Key", keys.tokens[key].encode())] if key else []
    response, body = handshake(server, *headers)
    assert response.status == status
    assert response.headers.get_all("WWW-Authenticate") == [f'Bearer realm="api"{error}']
    assert response.headers.get_all("Content-Type") == ["application/json"]
    answer = server.get("/read", *headers)
    assert (answer.status, answer.body) == (status, body)


def test_the_address_is_the_one_that_a_trusted_proxy_reports(served: tuple[Server, Keys]) -> None:
    server, keys = served
    header = ("X-API-Key", keys.tokens["elsewhere"].encode())
    assert server.get("/read", header).status == 403
    # uvicorn trusts a proxy on its own machine, and this is where the test is.
    assert server.get("/read", header, ("X-Forwarded-For", b"10.1.2.3")).status == 200
    assert server.get("/read", header, ("X-Forwarded-For", b"11.1.2.3")).status == 403

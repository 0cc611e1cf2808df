"""What a request is answered over HTTP: the one table that every integration shares.

| the request | answer | `WWW-Authenticate` |
|---|---|---|
| no token | 401 | `Bearer realm="api"` |
| a token that is not good, for whatever reason | 401 | `... error="invalid_token"` |
| a good token, but not for this | 403 | `... error="insufficient_scope", scope="..."` |
| the store could not answer | 503, `Retry-After: 1` | |

After RFC 6750, section 3. The body is JSON, `{"detail": ...}`, and the same for all tokens that are not
good: the reason is for the log, the logger `keyfob`, with the key's id and never a token.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, TypeAlias, TypedDict

from ._enums import Code, Special
from ._native import Store, VerifiedKey, _check_requirement
from .errors import KeyfobError, MisuseError, VerificationError

AnyOf: TypeAlias = Literal[Special.ANY]
#: What a function may name a project by; variables of a URL may be numbers.
ProjectName: TypeAlias = str | int | AnyOf | None

#: What the configuration of a framework may name: how the store is opened, and what a guard is told.
SETTINGS = ("PATH", "PEPPER", "ACTOR", "GROUP", "REALM", "HEADER")

logger = logging.getLogger("keyfob")


class Required(TypedDict, total=False):
    """What a route asks of every key: keywords of `Store.verify`, of which a project may be a number."""

    scopes: tuple[str, ...]
    any_scopes: tuple[str, ...]
    project: ProjectName
    environment: str | AnyOf | None
    owner: str | None


def required(
    scopes: str | Iterable[str] | None = None,
    any_scopes: str | Iterable[str] | None = None,
    project: ProjectName = None,
    environment: str | AnyOf | None = None,
    owner: str | None = None,
) -> Required:
    """The requirement of a route, from the keywords of its integration.

    Raises `TypeError` and `MisuseError` for one that can never be right: so that an application fails
    when it starts, and not at its first request.
    """
    if callable(scopes):
        raise TypeError("the decorator was given a view; write it with parentheses, also empty ones")
    asked = Required(project=_named(project), environment=environment, owner=owner)
    if scopes is not None:
        asked["scopes"] = _listed("scopes", scopes)
    if any_scopes is not None:
        asked["any_scopes"] = _listed("any_scopes", any_scopes)
    _check_requirement(**asked)  # type: ignore[arg-type]
    return asked


def _listed(what: str, scopes: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(scopes, str):
        return (scopes,)
    # A request is iterable as well, Django's by the lines of its body: mostly there are none, and
    # nothing would be required.
    lists = isinstance(scopes, (Collection, Iterator))
    if not lists or isinstance(scopes, (bytes, bytearray, Mapping)):
        raise TypeError(f"{what} must be a str or a list of str, not {type(scopes).__name__}")
    return tuple(scopes)


def _named(project: ProjectName) -> str | AnyOf | None:
    """A project by its name: a variable of a URL may be a number, a truth value names nothing."""
    if isinstance(project, int) and not isinstance(project, bool):
        return str(project)
    return project  # type: ignore[return-value]


@dataclass(frozen=True)
class Refusal:
    """The answer to a request that has no token good for it."""

    #: 401, 403 or 503.
    status: int
    #: What the body says as its `detail`.
    detail: str
    #: The headers of the answer, beside those of its body.
    headers: dict[str, str]
    #: Why, for the application's own use; None where there was no token.
    code: Code | None = None

    @property
    def body(self) -> bytes:
        """The body, of the type `application/json`."""
        return json.dumps({"detail": self.detail}, separators=(",", ":")).encode()


class Guard:
    """Reads the token of a request, asks the store, and knows the answer: what an integration is built
    around. Any thread may use it.

    `store` is an open store, or a function that opens it, called at the first request. `realm` is
    what the challenge names. `header` is where a token may be beside `Authorization: Bearer`, which
    decides where both are there; None for that alone.

    Raises `ValueError` for a realm that no header can quote.
    """

    def __init__(
        self,
        store: Store | Callable[[], Store],
        *,
        realm: str = "api",
        header: str | None = "X-API-Key",
    ) -> None:
        if not (realm.isascii() and realm.isprintable()) or '"' in realm or "\\" in realm:
            raise ValueError("realm: use printable ASCII without quotes and backslashes")
        self._store = store
        self.realm = realm
        self.header = header
        self._variable = "HTTP_" + header.upper().replace("-", "_") if header else ""

    @property
    def challenge(self) -> str:
        """The `WWW-Authenticate` for a request without a token."""
        return f'Bearer realm="{self.realm}"'

    @property
    def store(self) -> Store:
        """The store, opened if it was not."""
        # Read once: another thread may set it at any time.
        store = self._store
        if not isinstance(store, Store):
            # Two threads may both open it: it is the same store for both.
            store = self._store = store()
        return store

    def decide(
        self,
        authorization: Sequence[str | bytes],
        header: Sequence[str | bytes],
        asked: Required,
        peer: str | None,
    ) -> VerifiedKey | Refusal:
        """The key of a request, or what to answer it.

        `authorization` and `header` are all values of the two headers, as they came. `peer` is the
        address that the request came from, for keys with a list of ranges; what is no address (a
        Unix socket, a test client) counts as none.

        Raises `MisuseError` for a requirement that can never be right.
        """
        try:
            key, ip = None, _address(peer)
            now: Any = {**asked, "project": _named(asked.get("project"))}
            if authorization:
                key = self.store.verify_authorization(_value(authorization), **now, ip=ip)
            if key is None and _value(header):
                key = self.store.verify(_value(header), **now, ip=ip)
        except VerificationError as why:
            return self.refused(why.http_status, why.code, why.key_id, asked)
        except MisuseError:
            raise
        except KeyfobError as error:
            logger.error("no answer: %s: %s", error.code.name, error)
            return Refusal(503, "API keys cannot be checked now", {"Retry-After": "1"}, error.code)
        finally:
            # What a traceback shows of this frame must not be a token.
            del authorization, header
        return key or self.missing()

    def decide_wsgi(self, environ: Mapping[str, Any], asked: Required) -> VerifiedKey | Refusal:
        """`decide` for the request of a WSGI environment, or of what Django has in its place."""
        try:
            return self.decide(
                [environ["HTTP_AUTHORIZATION"]] if "HTTP_AUTHORIZATION" in environ else [],
                [environ[self._variable]] if self._variable in environ else [],
                asked,
                environ.get("REMOTE_ADDR"),
            )
        finally:
            # As in `decide`.
            del environ

    def missing(self) -> Refusal:
        """The answer to a request without a token."""
        return self._challenge(401, "an API key is required", "")

    def refused(self, status: int, code: Code, key_id: str | None, asked: Required) -> Refusal:
        """Logs a refusal, and answers it."""
        logger.info("refused: %s, key %s", code.name, key_id or "unknown")
        return self.answer(status, code, asked)

    def answer(self, status: int, code: Code, asked: Required) -> Refusal:
        """The answer to a request whose token is not good (401), or not for this (403)."""
        if status == 401:
            return self._challenge(401, "the API key is not valid", ', error="invalid_token"', code)
        scopes = " ".join((*asked.get("scopes", ()), *asked.get("any_scopes", ())))
        error = ', error="insufficient_scope"' + (f', scope="{scopes}"' if scopes else "")
        return self._challenge(403, "the API key is not good for this", error, code)

    def _challenge(self, status: int, detail: str, error: str, code: Code | None = None) -> Refusal:
        return Refusal(status, detail, {"WWW-Authenticate": self.challenge + error}, code)


def _value(lines: Sequence[str | bytes]) -> bytes:
    """The value of a header, empty for none. Several lines are one list (RFC 9110, section 5.3), which is
    what a proxy or a WSGI server has made of them already; blanks around a value are no part of it."""
    return b",".join(
        line if isinstance(line, bytes) else line.encode("latin-1", "replace") for line in lines
    ).strip(b" \t")


def _address(peer: str | None) -> IPv4Address | IPv6Address | None:
    try:
        # A link-local address names its network card, fe80::1%eth0, which no range does.
        return ip_address(peer.partition("%")[0]) if peer else None
    except ValueError:
        return None

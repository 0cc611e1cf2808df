"""API keys in django-ninja: an `auth` for an API, a router or an operation.

    api = NinjaAPI(auth=KeyAuth())
    answer_refusals(api)

    @api.get("/orders", auth=KeyAuth("orders:read"))
    def orders(request: KeyRequest) -> dict[str, object]:
        return {"project": request.auth.project}

The store is that of the setting `KEYFOB`, as in `keyfob.django`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from django.http import HttpRequest, HttpResponse

try:
    from ninja import NinjaAPI
    from ninja.errors import AuthenticationError, HttpError
    from ninja.security.base import AuthBase
except ModuleNotFoundError as _missing:
    what = "keyfob.django.ninja needs django-ninja: pip install 'keyfob[ninja]'"
    raise ImportError(what) from _missing

from .._http import AnyOf, Refusal, Required, required
from .._native import VerifiedKey
from ._guard import KeyRefused, decide, guard, response_of

__all__ = ["KeyAuth", "KeyRequest", "answer_refusals"]


class KeyRequest(HttpRequest):
    """A request as an operation with a key sees it, for annotations."""

    #: The key.
    auth: VerifiedKey


class KeyAuth(AuthBase):
    """Lets a request pass that has a key good for what is required; `request.auth` is the `VerifiedKey`.

    The keywords are those of `Store.verify`; `project` may be a function of the request and the URL's
    variables: `project=lambda request, shop: shop`.

    A request without a token is left to the next `auth` of a list, one with a bad token is refused: put it
    last. It is a plain function also for asynchronous operations: a verification waits for nothing, and
    what ninja tests is the key itself.
    """

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __init__(
        self,
        scopes: str | Iterable[str] | None = None,
        *,
        any_scopes: str | Iterable[str] | None = None,
        project: str | AnyOf | Callable[..., str | AnyOf | None] | None = None,
        environment: str | AnyOf | None = None,
        owner: str | None = None,
    ) -> None:
        if isinstance(scopes, HttpRequest):
            # Of a class ninja makes an object with every request, and lets it in.
            raise TypeError("auth was given a class; write it with parentheses: auth=KeyAuth()")
        self._project = project if callable(project) else None
        stated = None if callable(project) else project
        self._asked = required(scopes, any_scopes, stated, environment, owner)
        named = (*self._asked.get("scopes", ()), *self._asked.get("any_scopes", ()))
        if named:
            # ninja names a scheme after its class, and knows no scopes.
            kind = type(self)
            name = ".".join((kind.__name__, *(re.sub(r"[^\w.-]", ".", scope) for scope in named)))
            description = f"Scopes: {' '.join(named)}"
            self.__class__ = type(name, (kind,), {"openapi_description": description})
        super().__init__()

    def __call__(self, request: HttpRequest) -> VerifiedKey | None:
        """The key; None where there is no token.

        Raises a `KeyRefused` for a bad token, and where the store could not answer.
        """
        asked = self._asked
        if self._project is not None:
            variables = request.resolver_match.kwargs if request.resolver_match else {}
            asked = Required(**{**asked, "project": self._project(request, **variables)})
        decided = decide(request, asked)
        if isinstance(decided, VerifiedKey):
            return decided
        if decided.code is None:
            return None
        raise _Refused(decided)


class _Refused(KeyRefused, HttpError):
    """With the right status and body also where `answer_refusals` was not called."""

    def __init__(self, refusal: Refusal) -> None:
        HttpError.__init__(self, refusal.status, refusal.detail)
        self.refusal = refusal


def answer_refusals(api: NinjaAPI) -> None:
    """Gives the refusals of an API their headers, the challenge among them, which ninja has no place for.
    Where no `KeyAuth` was asked, ninja's answer is as it was."""

    @api.exception_handler(KeyRefused)
    def refused(request: HttpRequest, exception: KeyRefused) -> HttpResponse:
        return exception.response()

    @api.exception_handler(AuthenticationError)
    def missing(request: HttpRequest, exception: AuthenticationError) -> HttpResponse:
        if getattr(request, "keyfob_key", request) is not None:
            # Another `auth` alone has refused it.
            return api.on_exception(request, HttpError(exception.status_code, exception.message))
        return response_of(guard().missing())

"""The middleware that answers for `require_key`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ._guard import KeyRefused, varying

__all__ = ["KeyMiddleware"]


class KeyMiddleware:
    """Answers the `KeyRefused` that a view raises, and keeps Django's cache from giving one key's
    responses to another, whatever asked for the key.

    It verifies nothing itself: before the view nobody can say what has to be required, and what is
    not stated is not granted. Its place among the others does not matter.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _finished(request, response)
        return _awaited(request, response)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Django's hook for what views raise."""
        return exception.response() if isinstance(exception, KeyRefused) else None


async def _awaited(request: HttpRequest, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return _finished(request, await response)


def _finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    return varying(response) if hasattr(request, "keyfob_key") else response

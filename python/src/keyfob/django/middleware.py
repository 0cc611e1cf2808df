"""The middleware that answers for `require_key`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from ._guard import KeyRefused

__all__ = ["KeyRefusedMiddleware"]


class KeyRefusedMiddleware(MiddlewareMixin):
    """Answers the `KeyRefused` that a view raises. It guards no view, since before the view nobody can say
    what has to be required: that is for `key_required` and `require_key`."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Django's hook for what views raise."""
        return exception.response() if isinstance(exception, KeyRefused) else None

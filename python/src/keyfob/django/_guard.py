"""The guard of the configured store, and how it meets Django's requests and responses."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers

from .._enums import Code
from .._http import Guard, Refusal, Required
from .._native import Store, VerifiedKey


class KeyRequest(HttpRequest):
    """A request as a guarded view sees it, for annotations."""

    #: The key.
    keyfob_key: VerifiedKey


class OptionalKeyRequest(HttpRequest):
    """A request as a view sees it that is guarded with `optional`, for annotations."""

    #: The key; None where the request has no token.
    keyfob_key: VerifiedKey | None


class KeyRefused(Exception):
    """The request has no key that is good for what was asked, or the store could not answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal

    @property
    def status(self) -> int:
        """What the request is answered: 401, 403 or 503."""
        return self.refusal.status

    @property
    def code(self) -> Code | None:
        """Why, for the log; None where there was no token."""
        return self.refusal.code

    def response(self) -> HttpResponse:
        """The answer."""
        return response_of(self.refusal)


def setting(name: str, default: object = None) -> Any:
    """What the setting KEYFOB has under a name. No caller binds a name to the pepper: a traceback
    would show it."""
    try:
        return settings.KEYFOB.get(name, default)
    except AttributeError:
        raise ImproperlyConfigured('no store is named: set KEYFOB = {"PATH": ...}') from None


def open_store() -> Store:
    """Opens the configured store."""
    if not setting("PATH"):
        raise ImproperlyConfigured('no store is named: set KEYFOB = {"PATH": ...}')
    return Store.open(
        setting("PATH"),
        pepper=setting("PEPPER"),
        actor=setting("ACTOR"),
        file_mode=0o660 if setting("GROUP") else None,
    )


@cache
def guard() -> Guard:
    """The guard of the configured store, which is opened at the first request."""
    return Guard(open_store, realm=setting("REALM", "api"), header=setting("HEADER", "X-API-Key"))


@receiver(setting_changed)
def _forget(*, setting: str, **_: object) -> None:
    if setting == "KEYFOB":
        guard.cache_clear()


def store() -> Store:
    """The configured store, opened if it was not: to create keys, to list and revoke them.

    Raises `StoreError` where it cannot be opened, `ImproperlyConfigured` where none is named.
    """
    return guard().store


def decide(request: HttpRequest, asked: Required) -> VerifiedKey | Refusal:
    """The key of a request, also as its `keyfob_key`, or what to answer it. What it is answered is not
    for Django's cache from now on."""
    # Django REST framework wraps Django's request, and a cache may hold either of the two.
    plain = vars(request).get("_request", request)
    each: Any
    for each in (plain, request):
        each.__class__ = _never_stored(type(each))  # type: ignore[arg-type]
    decided = guard().decide_wsgi(plain.META, asked)
    plain.keyfob_key = decided if isinstance(decided, VerifiedKey) else None
    return decided


# Kinds of requests are few, but for the mocks of tests, each of which has a class of its own.
@lru_cache(16)
def _never_stored(kind: type[Any]) -> type[Any]:
    """A class of requests that Django's cache stores no responses of, whatever stands above or below the
    guard: `UpdateCacheMiddleware` and `cache_page` ask the request whether they may, and what they have
    noted there themselves does not count. A cached response would be given to whoever asks next."""
    if hasattr(kind, "_cache_update_cache"):
        return kind
    refuses = property(lambda request: False, lambda request, value: None)
    return type(kind.__name__, (kind,), {"_cache_update_cache": refuses})


def response_of(refusal: Refusal) -> HttpResponse:
    """The response of a refusal."""
    return HttpResponse(
        refusal.body,
        status=refusal.status,
        headers=refusal.headers,
        content_type="application/json",
    )


def personal(response: object) -> Any:
    """The response, which now says that it is for this key alone, so that no cache on its way gives it to
    another; a view that calls its response public knows better. What is no response is for Django to
    complain of."""
    if isinstance(response, HttpResponseBase):
        header = guard().header
        patch_vary_headers(response, ["Authorization", *([header] if header else [])])
        if "public" not in response.get("Cache-Control", "").lower():
            patch_cache_control(response, private=True)
    return response

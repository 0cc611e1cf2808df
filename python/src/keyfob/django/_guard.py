"""The guard of the configured store, and how it meets Django's requests and responses."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from .._enums import Code
from .._http import Guard, Refusal, Required
from .._native import Store, VerifiedKey


class KeyRequest(HttpRequest):
    """A request as a guarded view sees it, for annotations."""

    #: The key; None where the view is `optional` and the request has no token.
    keyfob_key: VerifiedKey


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
    """The key of a request, also as its `keyfob_key`, or what to answer it."""
    decided = guard().decide_wsgi(request.META, asked)
    request.keyfob_key = decided if isinstance(decided, VerifiedKey) else None  # type: ignore[attr-defined]
    return decided


def response_of(refusal: Refusal) -> HttpResponse:
    """The response of a refusal."""
    return HttpResponse(
        refusal.body,
        status=refusal.status,
        headers=refusal.headers,
        content_type="application/json",
    )


def varying(response: object) -> Any:
    """The response, which now says that it depends on the key, so that Django's cache gives it to no one
    else. What is no response is for Django to complain of."""
    if isinstance(response, HttpResponseBase):
        header = guard().header
        patch_vary_headers(response, ["Authorization", *([header] if header else [])])
    return response

"""The system checks: `manage.py check --tag keyfob`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.views.debug import SafeExceptionReporterFilter

from .._enums import Code
from .._http import SETTINGS
from ..errors import KeyfobError, StoreError
from ._guard import guard, open_store, setting

__all__ = ["TAG", "check_authentication", "check_settings"]

#: What the checks are found by.
TAG = "keyfob"

_HINTS = {
    Code.NO_STORE: "Create it with `manage.py keyfob init --prefix PREFIX`.",
    Code.INSECURE_PERMISSIONS: "Let its owner alone read it (chmod 600), or its group too, with GROUP.",
    Code.PERMISSION_DENIED: "The site has to run as the owner of the file, or in its group, with GROUP.",
    Code.PEPPER_REQUIRED: 'Set KEYFOB["PEPPER"].',
    Code.WRONG_PEPPER: 'KEYFOB["PEPPER"] is that of another store.',
}


def check_settings(**_: object) -> list[CheckMessage]:
    """Whether KEYFOB can be right, and whether its store opens."""
    if not isinstance(getattr(settings, "KEYFOB", None), Mapping):
        hint = 'Set KEYFOB = {"PATH": BASE_DIR / "keys.redb"}.'
        return [Error("KEYFOB is not a dictionary.", hint=hint, id="keyfob.E001")]
    found: list[CheckMessage] = [
        Error(f"KEYFOB has no {name!r}.", hint=_known(name), id="keyfob.E002")
        for name in settings.KEYFOB
        if name not in SETTINGS
    ]
    if not setting("PATH"):
        hint = 'Set KEYFOB["PATH"] to the file of the store.'
        return [*found, Error("KEYFOB names no store.", hint=hint, id="keyfob.E003")]
    try:
        guard()
        open_store().close()
    except StoreError as error:
        # A warning: the store may be made, or be another's to read, where this runs.
        what = f"The store cannot be used: {error}"
        found.append(Warning(what, hint=_HINTS.get(error.code), id="keyfob.W001"))
    except (KeyfobError, ValueError, TypeError) as error:
        found.append(Error(f"KEYFOB cannot be right: {error}", id="keyfob.E004"))
    header = setting("HEADER", "X-API-Key")
    if header and not SafeExceptionReporterFilter.hidden_settings.search(str(header)):
        hint = "Name it so that Django hides it, with API, AUTH, KEY, SECRET or TOKEN."
        what = f"Django shows the header {header}, and so tokens, in its reports of errors."
        found.append(Warning(what, hint=hint, id="keyfob.W002"))
    return found


def check_authentication(**_: object) -> list[CheckMessage]:
    """Whether Django REST framework answers 401, and not 403, where there is no token."""
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.settings import api_settings

    from .drf import KeyAuthentication

    classes: list[Any] = list(api_settings.DEFAULT_AUTHENTICATION_CLASSES)
    if not any(issubclass(kind, KeyAuthentication) for kind in classes):
        return []
    if classes[0].authenticate_header is not BaseAuthentication.authenticate_header:
        return []
    return [
        Warning(
            "Requests without a token are answered 403, not 401.",
            hint="Put KeyAuthentication first into DEFAULT_AUTHENTICATION_CLASSES: the first has the challenge.",
            id="keyfob.W003",
        )
    ]


def _known(name: object) -> str:
    near = get_close_matches(str(name).upper(), SETTINGS, 1)
    return f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(SETTINGS)}."

"""API keys in Django: a decorator for views, a middleware, system checks and `manage.py keyfob`.

    INSTALLED_APPS = [..., "keyfob.django"]
    KEYFOB = {"PATH": BASE_DIR / "keys.redb"}

    from keyfob.django import KeyRequest, key_required

    @key_required("orders:read")
    def orders(request: KeyRequest) -> JsonResponse:
        return JsonResponse({"project": request.keyfob_key.project})

`KEYFOB` has, beside `PATH`: `PEPPER`, the store's, if it has one; `ACTOR`, who makes the changes that
the site makes, as the log shows it; `GROUP`, true where the file's group may read and write it; `REALM`,
what the challenge names (`api`); `HEADER`, the header for tokens beside `Authorization` (`X-API-Key`;
None for none). The store is opened at the first request of each worker.

`keyfob.django.drf` is for Django REST framework, `keyfob.django.ninja` for django-ninja. What a request
is answered that has no key good for it is the table in `docs/python-web.md`.
"""

from __future__ import annotations

try:
    import django as _django
except ModuleNotFoundError as _missing:
    raise ImportError("keyfob.django needs Django: pip install 'keyfob[django]'") from _missing

from ._guard import KeyRefused, KeyRequest, OptionalKeyRequest, store
from ._views import key_required, require_key

del _django

__all__ = [
    "KeyRefused",
    "KeyRequest",
    "OptionalKeyRequest",
    "key_required",
    "require_key",
    "store",
]

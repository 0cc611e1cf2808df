"""A Django project with the packages that are moved away from, and views behind each step's check.

Each line of its standard input is JSON of a step, and what it is about; what comes of it is printed as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from typing import Any

import django
from django.conf import settings

HERE = os.path.dirname(os.path.abspath(__file__))

if not settings.configured:
    settings.configure(
        SECRET_KEY="not used for anything",
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="project",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": os.path.join(HERE, "db.sqlite3"),
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "keyfob.django",
            "rest_framework",
            "rest_framework_api_key",
            "knox",
        ],
        PASSWORD_HASHERS=[
            f"django.contrib.auth.hashers.{kind}PasswordHasher"
            for kind in ("PBKDF2", "PBKDF2SHA1", "Scrypt", "Argon2", "BCryptSHA256")
        ],
        KEYFOB={"PATH": os.environ["KEYFOB_STORE"]},
        SESSION_TTL=timedelta(hours=10),
    )
    django.setup()

import drf_keys  # noqa: E402
import knox_keys  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402
from keyfob.django import store  # noqa: E402
from knox.auth import TokenAuthentication  # noqa: E402
from knox.models import AuthToken  # noqa: E402
from rest_framework.permissions import IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_api_key.models import APIKey  # noqa: E402
from rest_framework_api_key.permissions import HasAPIKey  # noqa: E402

DAY = timedelta(days=1)


class _View(APIView):
    def get(self, request: Any) -> Response:
        return Response(str(request.user))


def _view(**attributes: Any) -> Any:
    return type("View", (_View,), {"authentication_classes": [], **attributes}).as_view()


def _guarded(authentication: type) -> Any:
    return _view(authentication_classes=[authentication], permission_classes=[IsAuthenticated])


urlpatterns = [
    path("drf/old", _view(permission_classes=[HasAPIKey])),
    path("drf/either", _view(permission_classes=[drf_keys.HasEitherKey])),
    path("drf/new", _view(permission_classes=[drf_keys.HasKey])),
    path("knox/old", _guarded(TokenAuthentication)),
    path("knox/either", _guarded(knox_keys.EitherAuthentication)),
    path("knox/new", _guarded(knox_keys.KeyAuthentication)),
]


def issue_drf(rows: dict[str, Any]) -> dict[str, str]:
    """Keys by name: how many days they are good for, and how they are hashed."""
    tokens = {}
    for name, row in rows.items():
        expiry = row.get("days") and timezone.now() + DAY * row["days"]
        key, tokens[name] = APIKey.objects.create_key(name=name, expiry_date=expiry)
        if "hasher" in row:
            key.hashed_key = make_password(tokens[name], hasher=row["hasher"])
        key.revoked = row.get("revoked", False)
        key.save()
    return tokens


def issue_knox(rows: dict[str, Any]) -> dict[str, str]:
    tokens = {}
    for name, row in rows.items():
        user = get_user_model().objects.create_user(name, is_active=row.get("active", True))
        days = row.get("days")
        _, tokens[name] = AuthToken.objects.create(user, expiry=days and DAY * days)
    return tokens


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """The status that each token is answered, and the text where it is 200, or else `Retry-After`."""
    client, answers = Client(), {}
    for name, token in request["tokens"].items():
        header = f"{request['scheme']} {token}"
        got = client.get(f"/{request['path']}", headers={"Authorization": header})
        told = got.json() if got.status_code == 200 else got.headers.get("Retry-After")
        answers[name] = [got.status_code, told]
    return answers


def users(_request: None) -> dict[str, int]:
    return {user.get_username(): user.pk for user in get_user_model().objects.all()}


def deactivate(name: str) -> int:
    return get_user_model().objects.filter(username=name).update(is_active=False)


def log_in(name: str) -> str:
    return knox_keys.log_in(get_user_model().objects.get(username=name))


def log_in_knox(name: str) -> str:
    token: str = AuthToken.objects.create(get_user_model().objects.get(username=name))[1]
    return token


def log_out(token: str) -> None:
    request = type("Request", (), {"auth": store().verify(token, environment="session")})
    knox_keys.log_out(request)


def rename_drf(names: list[str]) -> int:
    old, new = names
    return APIKey.objects.filter(name=old).update(name=new)


STEPS = {
    "issue-drf": issue_drf,
    "issue-knox": issue_knox,
    "ask": ask,
    "users": users,
    "deactivate": deactivate,
    "log-in": log_in,
    "log-in-knox": log_in_knox,
    "log-out": log_out,
    "rename-drf": rename_drf,
    "remaining-drf": lambda _: sorted(row["name"] for row in drf_keys.remaining()),
    "take-back-drf": lambda _: drf_keys.take_back(),
    "take-back-knox": lambda _: knox_keys.take_back(),
    "close-store": lambda _: store().close(),
}

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    for line in sys.stdin:
        step, asked = json.loads(line)
        print(json.dumps(STEPS[step](asked)), flush=True)

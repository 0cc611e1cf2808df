"""One Django for the tests of all three integrations in this process: it can be configured once only.

Tests say by `override_settings` what they need beside it.
"""

from typing import Any

import django
from django.conf import settings
from django.urls import URLPattern

settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["keyfob.django", "rest_framework", "drf_spectacular"],
    KEYFOB={"PATH": "nowhere.redb"},
    LOGGING_CONFIG=None,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["keyfob.django.drf.KeyAuthentication"],
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
        "UNAUTHENTICATED_USER": None,
    },
    SECRET_KEY="for tests",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
)
django.setup()


class Urls:
    """The routes of a test, for `override_settings(ROOT_URLCONF=Urls(...))`."""

    def __init__(self, *patterns: URLPattern | Any) -> None:
        self.urlpatterns = list(patterns)

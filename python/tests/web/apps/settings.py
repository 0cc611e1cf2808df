"""What all applications of Django's have in common."""

from typing import Any

from django.conf import settings

from . import PATH


def configure(urls: str, **more: Any) -> None:
    """Sets Django up for the routes of a module."""
    settings.configure(
        DEBUG=True,
        SECRET_KEY="for tests",
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        ROOT_URLCONF=urls,
        KEYFOB={"PATH": PATH},
        **{"INSTALLED_APPS": ["keyfob.django"], **more},
    )

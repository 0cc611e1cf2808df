"""What Django has to know of the app."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.core.checks import register


class KeyfobConfig(AppConfig):
    """The app: its checks and its command."""

    name = "keyfob.django"
    label = "keyfob"
    verbose_name: str = "API keys"

    def ready(self) -> None:
        """Registers the checks, and what describes the keys where drf-spectacular is used."""
        from . import checks

        register(checks.check_settings, checks.TAG)
        if apps.is_installed("rest_framework"):
            register(checks.check_authentication, checks.TAG)
        if apps.is_installed("drf_spectacular"):
            from . import _spectacular as _spectacular

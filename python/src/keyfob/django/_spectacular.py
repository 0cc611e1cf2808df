"""What drf-spectacular says of `KeyAuthentication`; imported by the app, which knows whether it is used."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tokens are bearer tokens."""

    target_class = "keyfob.django.drf.KeyAuthentication"
    match_subclasses = True
    name = "keyfob"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The scheme, as OpenAPI describes it."""
        return {"type": "http", "scheme": "bearer"}

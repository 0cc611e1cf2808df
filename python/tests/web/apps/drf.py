"""Django REST framework: authentication for all views, scopes as permissions."""

from .settings import configure

# Before the imports of what reads them.
configure(
    __name__,
    INSTALLED_APPS=["keyfob.django", "rest_framework"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["keyfob.django.drf.KeyAuthentication"],
        "UNAUTHENTICATED_USER": None,
    },
)

from typing import Any

from django.core.wsgi import get_wsgi_application
from django.urls import path
from keyfob.django.drf import HasScope, KeyAuthentication, KeyRequest
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from . import shown


class OfShop(KeyAuthentication):
    def get_project(self, request: Request) -> str:
        return str(request.parser_context["kwargs"]["shop"])


class Read(APIView):
    permission_classes = [HasScope("orders:read")]

    def get(self, request: KeyRequest) -> Response:
        return Response(shown(request.auth))


class Broken(Read):
    def get(self, request: KeyRequest) -> Response:
        raise RuntimeError("planted")


@api_view()
@authentication_classes([])
def get_open(request: Request) -> Response:
    return Response({"open": True})


@api_view()
@permission_classes([HasScope(any_scopes=["orders:read", "orders:admin"])])
def either(request: Any) -> Response:
    return Response(shown(request.auth))


@api_view()
@authentication_classes([OfShop])
@permission_classes([IsAuthenticated])
def get_shop(request: Any, shop: str) -> Response:
    return Response(shown(request.auth))


@api_view()
def optional(request: Request) -> Response:
    return Response({"id": request.auth and request.user.pk})


urlpatterns = [
    path("open", get_open),
    path("read", Read.as_view()),
    path("either", either),
    path("optional", optional),
    path("broken", Broken.as_view()),
    path("<slug:shop>", get_shop),
]
app = get_wsgi_application()

"""Django under WSGI: the decorator, on functions and on a class."""

from .settings import configure

# Before the imports of what reads them.
configure(__name__)

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views import View
from keyfob.django import KeyRequest, OptionalKeyRequest, key_required

from . import shown


def get_open(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"open": True})


@key_required("orders:read")
def read(request: KeyRequest) -> JsonResponse:
    return JsonResponse(shown(request.keyfob_key))


class Either(View):
    def get(self, request: KeyRequest) -> JsonResponse:
        return JsonResponse(shown(request.keyfob_key))


@key_required(project=lambda request, shop: shop)
def get_shop(request: KeyRequest, shop: str) -> JsonResponse:
    return JsonResponse(shown(request.keyfob_key))


@key_required(optional=True)
def optional(request: OptionalKeyRequest) -> JsonResponse:
    return JsonResponse({"id": request.keyfob_key and request.keyfob_key.id})


@key_required("orders:read")
def broken(request: KeyRequest) -> JsonResponse:
    raise RuntimeError("planted")


urlpatterns = [
    path("open", get_open),
    path("read", read),
    path("either", key_required(any_scopes=["orders:read", "orders:admin"])(Either.as_view())),
    path("optional", optional),
    path("broken", broken),
    path("<slug:shop>", get_shop),
]
app = get_wsgi_application()

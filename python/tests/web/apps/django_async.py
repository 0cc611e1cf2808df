"""Django under ASGI: asynchronous views, which are guarded by the decorator, or ask for the key inside."""

from .settings import configure

# Before the imports of what reads them.
configure(__name__, MIDDLEWARE=["keyfob.django.middleware.KeyRefusedMiddleware"])

from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views import View
from keyfob.django import KeyRequest, OptionalKeyRequest, key_required, require_key

from . import shown


async def get_open(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"open": True})


async def read(request: HttpRequest) -> JsonResponse:
    return JsonResponse(shown(require_key(request, "orders:read")))


class Either(View):
    async def get(self, request: KeyRequest) -> JsonResponse:
        return JsonResponse(shown(request.keyfob_key))


# Not `async`: a thread of Django's runs it.
def get_shop(request: HttpRequest, shop: str) -> JsonResponse:
    return JsonResponse(shown(require_key(request, project=shop)))


@key_required(optional=True)
async def optional(request: OptionalKeyRequest) -> JsonResponse:
    return JsonResponse({"id": request.keyfob_key and request.keyfob_key.id})


@key_required("orders:read")
async def broken(request: KeyRequest) -> JsonResponse:
    raise RuntimeError("planted")


urlpatterns = [
    path("open", get_open),
    path("read", read),
    path("either", key_required(any_scopes=["orders:read", "orders:admin"])(Either.as_view())),
    path("optional", optional),
    path("broken", broken),
    path("<slug:shop>", get_shop),
]
app = get_asgi_application()

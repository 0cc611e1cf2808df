"""django-ninja under ASGI, with asynchronous operations."""

from .settings import configure

# Before the imports of what reads them.
configure(__name__)

from typing import Any

from django.core.asgi import get_asgi_application
from django.http import HttpRequest
from django.urls import path
from keyfob.django.ninja import KeyAuth, KeyRequest, answer_refusals
from ninja import NinjaAPI

from . import shown

api = NinjaAPI(auth=KeyAuth("orders:read"))
answer_refusals(api)


@api.get("/open", auth=None)
async def get_open(request: HttpRequest) -> Any:
    return {"open": True}


@api.get("/read")
async def read(request: KeyRequest) -> Any:
    return shown(request.auth)


@api.get("/either", auth=KeyAuth(any_scopes=["orders:read", "orders:admin"]))
async def either(request: KeyRequest) -> Any:
    return shown(request.auth)


@api.get("/optional", auth=[KeyAuth(), lambda request: "anonymous"])
async def optional(request: Any) -> Any:
    return {"id": None if request.auth == "anonymous" else request.auth.id}


@api.get("/broken")
async def broken(request: KeyRequest) -> Any:
    raise RuntimeError("planted")


@api.get("/{shop}", auth=KeyAuth(project=lambda request, shop: shop))
async def get_shop(request: KeyRequest, shop: str) -> Any:
    return shown(request.auth)


urlpatterns = [path("", api.urls)]
app = get_asgi_application()

"""Django's cache of whole responses gives what one key was answered to nobody else, wherever it stands."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keyfob
import pytest
import site_of_tests as site_of_tests
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client, override_settings
from django.urls import path as route
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, cache_page
from harness import bearer
from keyfob.django import KeyRequest, OptionalKeyRequest, key_required, require_key
from keyfob.django.drf import HasScope
from keyfob.django.drf import KeyRequest as KeyRequestOfDrf
from keyfob.django.ninja import KeyAuth, answer_refusals
from keyfob.django.ninja import KeyRequest as KeyRequestOfNinja
from ninja import NinjaAPI
from ninja.decorators import decorate_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from site_of_tests import Urls

UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
REFUSED = "keyfob.django.middleware.KeyRefusedMiddleware"
#: Where the cache of the site may stand: nowhere, and round about the middleware that is ours.
STACKS = {
    "no cache of the site": [],
    "the cache alone": [UPDATE, FETCH],
    "ours above": [REFUSED, UPDATE, FETCH],
    "ours between": [UPDATE, REFUSED, FETCH],
    "ours below": [UPDATE, FETCH, REFUSED],
}
HEADERS: dict[str, Callable[[str], dict[str, str]]] = {
    "Authorization": bearer,
    "X-API-Key": lambda token: {"X-API-Key": token},
}


def show(request: KeyRequest) -> JsonResponse:
    return JsonResponse({"key": request.keyfob_key.name})


async def show_later(request: KeyRequest) -> JsonResponse:
    return JsonResponse({"key": request.keyfob_key.name})


def show_any(request: OptionalKeyRequest) -> JsonResponse:
    return JsonResponse({"key": request.keyfob_key and request.keyfob_key.name})


def ask_inside(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"key": require_key(request).name})


class Keyed(APIView):
    permission_classes = [HasScope()]

    def get(self, request: KeyRequestOfDrf) -> Response:
        return Response({"key": request.auth.name})


class CachedMethod(Keyed):
    @method_decorator(cache_page(60))
    def get(self, request: KeyRequestOfDrf) -> Response:
        return super().get(request)


class AskInside(APIView):
    authentication_classes: Any = []

    def get(self, request: Request) -> Response:
        return Response({"key": require_key(request).name})


class CachedAskInside(AskInside):
    @method_decorator(cache_page(60))
    def get(self, request: Request) -> Response:
        return super().get(request)


api = NinjaAPI(auth=KeyAuth(), urls_namespace="cached")
answer_refusals(api)


@api.get("/plain")
def operation(request: KeyRequestOfNinja) -> dict[str, str]:
    return {"key": request.auth.name}


@api.get("/decorated")
@decorate_view(cache_page(60))
def cached_operation(request: KeyRequestOfNinja) -> dict[str, str]:
    return {"key": request.auth.name}


calls: list[HttpRequest] = []


def unguarded(request: HttpRequest) -> HttpResponse:
    calls.append(request)
    return HttpResponse("in")


GUARDED: dict[str, Any] = {
    "decorated": key_required()(show),
    "decorated-async": key_required()(show_later),
    "decorated-below-cache": cache_page(60)(key_required()(show)),
    "decorated-above-cache": key_required()(cache_page(60)(show)),
    "decorated-public": key_required()(cache_control(public=True)(show)),
    "inside": ask_inside,
    "inside-cached": cache_page(60)(ask_inside),
    "drf": Keyed.as_view(),
    "drf-below-cache": cache_page(60)(Keyed.as_view()),
    "drf-method-cached": CachedMethod.as_view(),
    "drf-inside": AskInside.as_view(),
    "drf-inside-cached": CachedAskInside.as_view(),
}
URLS = Urls(
    *(route(name, view) for name, view in GUARDED.items()),
    route("ninja/", api.urls),
    route("optional", key_required(optional=True)(show_any)),
    route("optional-cached", cache_page(60)(key_required(optional=True)(show_any))),
    route("unguarded", cache_page(60)(unguarded)),
)
KEYED = [*GUARDED, "ninja/plain", "ninja/decorated"]


@pytest.fixture(autouse=True)
def site(path: Path) -> Iterator[None]:
    cache.clear()
    with override_settings(KEYFOB={"PATH": path}, ROOT_URLCONF=URLS):
        yield
    cache.clear()


@pytest.mark.parametrize("header", list(HEADERS))
@pytest.mark.parametrize("stack", list(STACKS))
def test_a_response_to_one_key_is_for_no_other_and_for_nobody_without(
    stack: str, header: str, store: keyfob.Store
) -> None:
    first, second = store.create("first"), store.create("second")
    client, wrong = Client(raise_request_exception=False), list[object]()
    with override_settings(MIDDLEWARE=STACKS[stack]):
        for name in KEYED:
            for issued in (first, second, first):
                answer = client.get(f"/{name}", headers=HEADERS[header](issued.token))
                if answer.status_code != 200 or answer.json() != {"key": issued.key.name}:
                    wrong.append((name, issued.key.name, answer.status_code, answer.content))
            # Without our middleware what is required inside is refused as an error.
            refused = 401 if REFUSED in STACKS[stack] or "inside" not in name else 500
            answer = client.get(f"/{name}")
            if answer.status_code != refused:
                wrong.append((name, None, answer.status_code, answer.content))
        # What needs no key, and is told by it all the same.
        for name in ("optional", "optional-cached"):
            for each in (None, first, second, None):
                headers = HEADERS[header](each.token) if each else {}
                answer = client.get(f"/{name}", headers=headers)
                if answer.json() != {"key": each and each.key.name}:
                    wrong.append((name, each and each.key.name, answer.status_code, answer.content))
    assert wrong == []


@pytest.mark.parametrize("stack", list(STACKS))
def test_what_asks_for_no_key_is_cached_as_ever(stack: str, store: keyfob.Store) -> None:
    calls.clear()
    token = store.create("a").token
    with override_settings(MIDDLEWARE=STACKS[stack]):
        for headers in ({}, {"X-API-Key": token}, {}):
            assert Client().get("/unguarded", headers=headers).content == b"in"
    assert len(calls) == 1


def test_a_guarded_request_is_still_of_the_class_that_it_was(store: keyfob.Store) -> None:
    headers = bearer(store.create("a").token)
    for name in ("decorated", "drf"):
        request = Client().get(f"/{name}", headers=headers).wsgi_request
        assert isinstance(request, HttpRequest)
        assert repr(request) == f"<WSGIRequest: GET '/{name}'>"

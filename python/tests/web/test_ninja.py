"""The auth for django-ninja, beside what the table of answers says of it."""

import asyncio
import inspect
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyfob
import pytest
import site_of_tests as site_of_tests
from django.http import HttpRequest
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path as route
from harness import bearer
from keyfob.django import KeyRefused, require_key
from keyfob.django.ninja import KeyAuth, KeyRequest, answer_refusals
from ninja import NinjaAPI, Router
from ninja.security import HttpBearer
from ninja.utils import is_async_callable
from site_of_tests import Urls

NOT_FOR_THIS = {"detail": "the API key is not good for this"}
INVALID = {"detail": "the API key is not valid"}


@pytest.fixture(autouse=True)
def site(path: Path) -> Iterator[None]:
    with override_settings(KEYFOB={"PATH": path}):
        yield


def api_of(name: str, **keywords: Any) -> NinjaAPI:
    return NinjaAPI(urls_namespace=name, **keywords)


def show(request: KeyRequest) -> dict[str, str]:
    return {"key": request.auth.id}


def served(api: NinjaAPI) -> Any:
    return override_settings(ROOT_URLCONF=Urls(route("", api.urls)))


def test_what_ninja_tests_for_truth_is_the_key_and_never_a_coroutine(store: keyfob.Store) -> None:
    auth = KeyAuth("orders:read")
    assert not is_async_callable(auth) and not auth.is_async
    assert not inspect.iscoroutinefunction(type(auth).__call__)
    factory = RequestFactory()
    assert auth(factory.get("/")) is None
    issued = store.create("a", scopes="orders:read")
    assert auth(factory.get("/", headers=bearer(issued.token))) == store.verify(issued.token)
    for token in ("acme", store.create("b").token, issued.token[:-1]):
        with pytest.raises(KeyRefused):
            auth(factory.get("/", headers=bearer(token)))


def test_neither_kind_of_operation_runs_without_a_good_key(store: keyfob.Store) -> None:
    api, ran = api_of("kinds", auth=KeyAuth("orders:read")), []
    answer_refusals(api)

    @api.get("/plain")
    def plain(request: KeyRequest) -> str:
        ran.append(request.auth.id)
        return "in"

    # Of a path with an asynchronous operation, ninja runs all in its event loop.
    @api.get("/both")
    async def asynchronous(request: KeyRequest) -> str:
        ran.append(request.auth.id)
        return "in"

    @api.post("/both")
    def beside(request: KeyRequest) -> str:
        ran.append(request.auth.id)
        return "in"

    async def ask(method: str, url: str, headers: dict[str, str]) -> int:
        response = await getattr(AsyncClient(), method)(url, headers=headers)
        return int(response.status_code)

    good, other = store.create("a", scopes="orders:read"), store.create("b")
    with served(api):
        for method, url in (("get", "/plain"), ("get", "/both"), ("post", "/both")):
            for headers, status in (
                ({}, 401),
                (bearer("acme"), 401),
                (bearer(other.token), 403),
                (bearer(good.token), 200),
            ):
                assert getattr(Client(), method)(url, headers=headers).status_code == status
                assert asyncio.run(ask(method, url, headers)) == status
    assert ran == [good.key.id] * 6


def test_without_the_handlers_nobody_gets_in_either_and_only_headers_are_missing(
    store: keyfob.Store, tmp_path: Path
) -> None:
    api = api_of("bare", auth=KeyAuth("orders:read"))
    api.get("/")(show)
    with served(api):
        assert Client().get("/").status_code == 401
        answer = Client().get("/", headers=bearer("acme"))
        assert (answer.status_code, answer.json()) == (401, INVALID)
        answer = Client().get("/", headers=bearer(store.create("a").token))
        assert (answer.status_code, answer.json()) == (403, NOT_FOR_THIS)
        with override_settings(KEYFOB={"PATH": tmp_path / "none.redb"}):
            assert Client().get("/", headers=bearer("acme")).status_code == 503


def test_what_an_operation_requires_inside_is_answered_as_well(store: keyfob.Store) -> None:
    api = api_of("inside")
    answer_refusals(api)

    @api.get("/{scope}")
    def inside(request: HttpRequest, scope: str) -> dict[str, str]:
        return {"key": require_key(request, scope).id}

    issued = store.create("a", scopes="orders:read")
    with override_settings(DEBUG=True), served(api):
        answer = Client().get("/orders:write", headers=bearer(issued.token))
        assert (answer.status_code, answer.json()) == (403, NOT_FOR_THIS)
        assert answer.headers["WWW-Authenticate"].endswith('scope="orders:write"')
        assert Client().get("/orders:read", headers=bearer(issued.token)).json() == {
            "key": issued.key.id
        }


def test_an_auth_of_a_list_leaves_what_has_no_token_to_the_others(store: keyfob.Store) -> None:
    def staff(request: HttpRequest) -> str | None:
        return request.headers.get("X-Staff")

    api, router = api_of("list", auth=[staff, KeyAuth()]), Router(auth=KeyAuth("orders:read"))
    answer_refusals(api)
    api.get("/")(lambda request: str(request.auth))
    router.get("/")(show)
    api.add_router("/orders", router)
    issued = store.create("a", scopes="orders:read")
    with served(api):
        assert Client().get("/", headers={"X-Staff": "ann"}).json() == "ann"
        assert issued.key.id in Client().get("/", headers=bearer(issued.token)).json()
        assert Client().get("/").headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert Client().get("/orders/", headers=bearer(issued.token)).json() == {
            "key": issued.key.id
        }
        assert Client().get("/orders/", headers={"X-Staff": "ann"}).status_code == 401


def test_the_documentation_shows_bearers_with_the_scopes() -> None:
    class Derived(KeyAuth):
        pass

    api = api_of("documented", auth=KeyAuth())
    api.get("/any")(show)
    api.get("/read", auth=KeyAuth("orders:read"))(show)
    api.get("/either", auth=Derived(any_scopes=["a:b", "c"]))(show)
    schema = api.get_openapi_schema(path_prefix="")
    bearer = {"type": "http", "scheme": "bearer"}
    assert schema["components"]["securitySchemes"] == {
        "KeyAuth": bearer,
        "KeyAuth.orders.read": {**bearer, "description": "Scopes: orders:read"},
        "Derived.a.b.c": {**bearer, "description": "Scopes: a:b c"},
    }
    assert schema["paths"]["/read"]["get"]["security"] == [{"KeyAuth.orders.read": []}]
    assert isinstance(Derived("a"), Derived)


@pytest.mark.parametrize("auth", [KeyAuth("orders:read"), "ninja's own"])
def test_nothing_is_logged_or_answered_of_a_header_while_debugging(
    auth: Any, store: keyfob.Store, caplog: pytest.LogCaptureFixture
) -> None:
    class Own(HttpBearer):
        def authenticate(self, request: HttpRequest, token: str) -> None:
            """Nobody."""

    ours = isinstance(auth, KeyAuth)
    api = api_of("debugged-ours" if ours else "debugged-own", auth=auth if ours else Own())
    answer_refusals(api)

    @api.get("/")
    def broken(request: HttpRequest) -> None:
        raise RuntimeError("planted")

    token = store.create("a", scopes="orders:read").token
    caplog.set_level(logging.DEBUG)
    said = []
    with override_settings(DEBUG=True), served(api):
        for value in (f"Bearer {token}", f"Token {token}", token, f"Bearer {token} {token}"):
            said.append(Client().get("/", headers={"Authorization": value}).content.decode())
        said.append(Client().get("/", headers={"X-API-Key": token}).content.decode())
    said += [record.getMessage() for record in caplog.records]
    assert ("planted" in "".join(said)) == ours
    # ninja's own does log it, so that this would be seen.
    assert (token[-49:] in "".join(said)) == (not ours)


def test_without_ninja_the_import_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keyfob.django.ninja")
    monkeypatch.setitem(sys.modules, "ninja", None)
    with pytest.raises(ImportError, match=r"pip install 'keyfob\[ninja\]'"):
        import keyfob.django.ninja

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
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path as route
from harness import bearer
from keyfob.django import KeyRefused, key_required, require_key
from keyfob.django.ninja import KeyAuth, KeyRequest, answer_refusals
from ninja import NinjaAPI, Router
from ninja.decorators import decorate_view
from ninja.errors import HttpError
from ninja.security import APIKeyQuery, HttpBasicAuth, HttpBearer
from ninja.testing import TestClient
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


def test_the_client_for_tests_of_ninja_s_own_is_answered_as_well(store: keyfob.Store) -> None:
    api = api_of("client", auth=KeyAuth("orders:read"))
    answer_refusals(api)
    api.get("/")(show)
    issued = store.create("a", scopes="orders:read")
    client = TestClient(api)
    assert client.get("/").status_code == 401
    # It makes no capitals of names itself, as servers do.
    for name in ("AUTHORIZATION", "X-API-KEY"):
        scheme = "Bearer " if name == "AUTHORIZATION" else ""
        assert client.get("/", headers={name: f"{scheme}acme"}).json() == INVALID
        answer = client.get("/", headers={name: scheme + issued.token})
        assert answer.json() == {"key": issued.key.id}


def test_what_is_no_auth_lets_nobody_in(store: keyfob.Store) -> None:
    ran: list[HttpRequest] = []
    headers = bearer(store.create("a", scopes="orders:read").token)
    wrong: Any
    for at, (wrong, told) in enumerate(
        (
            (KeyAuth, "write it with parentheses"),
            ([KeyAuth], "write it with parentheses"),
            (key_required("orders:read"), "keyfob.django.ninja.KeyAuth"),
        )
    ):
        api = api_of(f"no-auth-{at}", auth=wrong)
        api.get("/plain")(lambda request: ran.append(request))

        @api.api_operation(["GET", "POST"], "/async")
        async def asynchronous(request: HttpRequest) -> None:
            ran.append(request)

        with served(api):
            for method, url in (("get", "/plain"), ("get", "/async"), ("post", "/async")):
                for sent in ({}, headers):
                    with pytest.raises(TypeError, match=told):
                        getattr(Client(), method)(url, headers=sent)
    assert ran == []


def test_the_decorator_of_views_guards_an_operation_once_its_parameters_are_read(
    store: keyfob.Store,
) -> None:
    api = api_of("decorated")

    @api.get("/")
    @key_required("orders:read")
    def page(request: HttpRequest, page: int) -> HttpResponse:
        return HttpResponse(f"page {page}")

    headers = bearer(store.create("a", scopes="orders:read").token)
    with served(api):
        assert Client().get("/?page=one").status_code == 422
        assert Client().get("/?page=1").status_code == 401
        assert Client().get("/?page=1", headers=headers).content == b"page 1"


def test_a_refusal_of_others_is_theirs_where_no_key_was_asked_for(store: keyfob.Store) -> None:
    class Basic(HttpBasicAuth):
        def authenticate(self, request: HttpRequest, username: str, password: str) -> None:
            """Nobody."""

    class Query(APIKeyQuery):
        def authenticate(self, request: HttpRequest, key: str | None) -> None:
            """Nobody."""

    api = api_of("others")
    answer_refusals(api)
    api.get("/basic", auth=Basic())(show)
    api.get("/query", auth=Query())(show)
    api.get("/both", auth=[Basic(), KeyAuth()])(show)

    # A key that somebody else has asked for, and that was good.
    @api.get("/keyed", auth=Basic())
    @decorate_view(key_required())
    def keyed(request: HttpRequest) -> None:
        """Is never run."""

    key = {"X-API-Key": store.create("a").token}
    with served(api):
        answer = Client().get("/keyed", headers=key)
        assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
        for name in ("basic", "query"):
            for headers in ({}, {"Authorization": "Basic dXNlcjpwYXNz"}, bearer("acme")):
                answer = Client().get(f"/{name}?key=1", headers=headers)
                assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
                assert "WWW-Authenticate" not in answer.headers
        assert Client().get("/both").headers["WWW-Authenticate"] == 'Bearer realm="api"'

    # It is what the application makes of it, too.
    api = api_of("others-reworded", auth=Basic())
    answer_refusals(api)
    api.get("/basic")(show)

    @api.exception_handler(HttpError)
    def reworded(request: HttpRequest, exception: HttpError) -> HttpResponse:
        return HttpResponse("reworded", status=exception.status_code)

    with served(api):
        assert Client().get("/basic").content == b"reworded"


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

"""The app for Django, beside what the table of answers says of it."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyfob
import pytest
from asgiref.sync import iscoroutinefunction
from django.core.checks import CheckMessage, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path as route
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control
from harness import bearer, own_frames
from keyfob.django import KeyRefused, KeyRequest, OptionalKeyRequest, key_required, require_key
from keyfob.django import store as configured_store
from site_of_tests import Urls

PEPPER = "5ec2e7" * 10 + "beef"
MIDDLEWARE = "keyfob.django.middleware.KeyRefusedMiddleware"


@pytest.fixture(autouse=True)
def site(path: Path) -> Iterator[None]:
    with override_settings(KEYFOB={"PATH": path}):
        yield


def show(request: KeyRequest, **variables: str) -> JsonResponse:
    return JsonResponse({"key": request.keyfob_key.id, **variables})


def show_any(request: OptionalKeyRequest) -> JsonResponse:
    return JsonResponse({"key": request.keyfob_key and request.keyfob_key.id})


def test_a_guarded_view_is_of_the_kind_that_it_was() -> None:
    async def asynchronous(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert not iscoroutinefunction(key_required()(show))
    assert iscoroutinefunction(key_required()(asynchronous))
    assert key_required()(show).__name__ == "show"
    with pytest.raises(TypeError, match="write it with parentheses"):
        key_required(show)  # type: ignore[arg-type]
    not_a_view: Any = RequestFactory().get("/")
    with pytest.raises(TypeError, match=r"django-ninja has keyfob\.django\.ninja\.KeyAuth"):
        key_required()(not_a_view)


def test_the_project_can_be_an_argument_of_the_view(store: keyfob.Store) -> None:
    for name in ("shop", "books"):
        store.create_project(name, scopes="orders:*")
    headers = bearer(store.create("a", project="shop", scopes="orders:read").token)
    view = key_required("orders:read", project=lambda request, shop: shop)(show)
    with override_settings(ROOT_URLCONF=Urls(route("<shop>", view))):
        assert Client().get("/shop", headers=headers).status_code == 200
        assert Client().get("/books", headers=headers).status_code == 403


def test_a_method_of_a_class_can_be_guarded(store: keyfob.Store) -> None:
    class Orders(View):
        @method_decorator(key_required("orders:read"))
        def get(self, request: KeyRequest) -> HttpResponse:
            return show(request)

        def post(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("in")

    class Asynchronous(View):
        @method_decorator(key_required("orders:read"))
        async def get(self, request: KeyRequest) -> HttpResponse:
            return show(request)

    @method_decorator(key_required("orders:read"), name="dispatch")
    class Whole(View):
        def get(self, request: KeyRequest) -> HttpResponse:
            return show(request)

    issued = store.create("a", scopes="orders:read")
    views = {"plain": Orders, "async": Asynchronous, "whole": Whole}
    urls = Urls(*(route(name, view.as_view()) for name, view in views.items()))
    with override_settings(ROOT_URLCONF=urls):
        for name in views:
            assert Client().get(f"/{name}").status_code == 401
            answer = Client().get(f"/{name}", headers=bearer(issued.token))
            assert answer.json() == {"key": issued.key.id}
        assert Client().post("/plain").status_code == 200
        assert Client().post("/whole").status_code == 401


def test_of_a_view_that_answers_nothing_django_complains(store: keyfob.Store) -> None:
    def nothing(request: HttpRequest) -> None:
        """Answers nothing."""

    headers = bearer(store.create("a").token)
    view: Any = nothing
    with (
        override_settings(ROOT_URLCONF=Urls(route("", key_required()(view)))),
        pytest.raises(ValueError, match="didn't return an HttpResponse"),
    ):
        Client().get("/", headers=headers)


def test_views_that_need_a_key_need_no_csrf_token_and_optional_ones_do(store: keyfob.Store) -> None:
    headers = bearer(store.create("a").token)
    urls = Urls(
        route("guarded", key_required()(show)),
        route("optional", key_required(optional=True)(show_any)),
    )
    middleware = ["django.middleware.csrf.CsrfViewMiddleware"]
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware):
        client = Client(enforce_csrf_checks=True)
        assert client.post("/guarded", headers=headers).status_code == 200
        assert client.post("/guarded").status_code == 401
        assert client.post("/optional", headers=headers).status_code == 403


def test_of_a_class_the_whole_is_exempt_from_csrf_and_never_a_method_alone(
    store: keyfob.Store,
) -> None:
    class Method(View):
        @method_decorator(key_required())
        def post(self, request: KeyRequest) -> HttpResponse:
            return show(request)

    @method_decorator(key_required(), name="dispatch")
    class Whole(View):
        def post(self, request: KeyRequest) -> HttpResponse:
            return show(request)

    class Plain(View):
        def post(self, request: KeyRequest) -> HttpResponse:
            return show(request)

    class Asynchronous(View):
        async def post(self, request: KeyRequest) -> HttpResponse:
            return show(request)

    headers = bearer(store.create("a").token)
    urls = Urls(
        route("method", Method.as_view()),
        route("dispatch", Whole.as_view()),
        route("as_view", key_required()(Plain.as_view())),
        route("async", key_required()(Asynchronous.as_view())),
        route("both", key_required()(Method.as_view())),
    )
    middleware = ["django.middleware.csrf.CsrfViewMiddleware"]
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=middleware):
        client = Client(enforce_csrf_checks=True)
        for name in ("dispatch", "as_view", "async", "both"):
            assert client.post(f"/{name}", headers=headers).status_code == 200
            assert client.post(f"/{name}").status_code == 401
        answer = client.post("/method", headers=headers)
        assert answer.status_code == 403 and "CSRF" in answer.content.decode()


def test_a_response_says_that_it_is_one_keys_alone_unless_its_view_calls_it_public(
    store: keyfob.Store,
) -> None:
    headers = bearer(store.create("a").token)
    urls = Urls(
        route("guarded", key_required()(show)),
        route("short", key_required()(cache_control(max_age=60)(show))),
        route("public", key_required()(cache_control(public=True)(show))),
        route("open", lambda request: HttpResponse("in")),
    )
    with override_settings(ROOT_URLCONF=urls):
        for name, said in (
            ("guarded", "private"),
            ("short", "max-age=60, private"),
            ("public", "public"),
        ):
            answer = Client().get(f"/{name}", headers=headers)
            assert answer.headers["Cache-Control"] == said
            assert answer.headers["Vary"] == "Authorization, X-API-Key"
        assert Client().get("/guarded").headers["Vary"] == "Authorization, X-API-Key"
        assert not {"Vary", "Cache-Control"} & set(Client().get("/open").headers)


def test_a_view_can_ask_for_what_it_learns_inside_and_the_middleware_answers(
    store: keyfob.Store,
) -> None:
    async def asynchronous(request: HttpRequest, scope: str) -> HttpResponse:
        return JsonResponse({"key": require_key(request, scope).id})

    def plain(request: HttpRequest, scope: str) -> HttpResponse:
        return JsonResponse({"key": require_key(request, scope).id})

    issued = store.create("a", scopes="orders:read")
    urls = Urls(
        route("plain/<scope>", plain),
        route("async/<scope>", asynchronous),
        route("open", lambda request: HttpResponse("in")),
    )

    async def ask(url: str, token: str) -> Any:
        return await AsyncClient().get(url, headers=bearer(token))

    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[MIDDLEWARE]):
        for kind in ("plain", "async"):
            for url, status in ((f"/{kind}/orders:read", 200), (f"/{kind}/orders:write", 403)):
                for answer in (
                    Client().get(url, headers=bearer(issued.token)),
                    asyncio.run(ask(url, issued.token)),
                ):
                    assert answer.status_code == status
            refused = Client().get(f"/{kind}/orders:write")
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        # It asks for a key where a view does, and nowhere else.
        assert Client().get("/open").status_code == 200
    # Without the middleware nobody gets in either.
    with override_settings(ROOT_URLCONF=urls):
        assert Client(raise_request_exception=False).get("/plain/a").status_code == 500


def test_a_refusal_that_is_raised_says_what_it_is(store: keyfob.Store) -> None:
    request = RequestFactory().get("/", headers=bearer(store.create("a").token))
    with pytest.raises(KeyRefused, match="the API key is not good for this") as caught:
        require_key(request, "orders:read")
    assert (caught.value.status, caught.value.code) == (403, keyfob.Code.INSUFFICIENT_SCOPE)
    with pytest.raises(KeyRefused) as caught:
        require_key(RequestFactory().get("/"))
    assert (caught.value.status, caught.value.code) == (401, None)
    with pytest.raises(keyfob.MisuseError):
        require_key(request, "orders:*")


def test_the_settings_say_how_the_store_is_opened_and_what_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "other.redb"
    with keyfob.Store.open(
        path, create=True, prefix="acme", pepper=PEPPER, file_mode=0o660
    ) as made:
        token = made.create("a").token
    more = {"ACTOR": "the shop", "GROUP": True, "REALM": "shop", "HEADER": "X-Shop-Token"}
    ask = Urls(route("", key_required()(show)))
    with override_settings(KEYFOB={"PATH": path, "PEPPER": PEPPER, **more}, ROOT_URLCONF=ask):
        assert Client().get("/").headers["WWW-Authenticate"] == 'Bearer realm="shop"'
        assert Client().get("/", headers={"X-API-Key": token}).status_code == 401
        assert Client().get("/", headers={"X-Shop-Token": token}).status_code == 200
        configured_store().create("b")
        assert list(configured_store().log())[-1].actor == "the shop"
    with override_settings(KEYFOB={"PATH": path, "PEPPER": PEPPER, "GROUP": True, "HEADER": None}):
        view: Any = key_required()(show)
        view(RequestFactory().get("/", headers=bearer(token)))
        answer = view(RequestFactory().get("/", headers={"X-API-Key": token}))
        assert (answer.status_code, answer.headers["Vary"]) == (401, "Authorization")


def test_the_address_of_a_request_is_its_remote_addr(store: keyfob.Store) -> None:
    headers = bearer(store.create("a", ip_list="10.0.0.0/8").token)
    with override_settings(ROOT_URLCONF=Urls(route("", key_required()(show)))):
        assert Client(REMOTE_ADDR="10.1.2.3").get("/", headers=headers).status_code == 200
        for address in ("192.0.2.1", "", "unix:"):
            assert Client(REMOTE_ADDR=address).get("/", headers=headers).status_code == 403


def test_a_site_without_a_store_says_what_to_set() -> None:
    nothing: dict[str, object] = {}
    for wrong in (nothing, None):
        with (
            override_settings(KEYFOB=wrong),
            pytest.raises(ImproperlyConfigured, match='KEYFOB = {"PATH": ...}'),
        ):
            configured_store()


def test_checks_find_nothing_where_all_is_right(store: keyfob.Store) -> None:
    assert run_checks(tags=["keyfob"]) == []
    assert store.check(store.create("still open").token)


def test_checks_say_what_is_wrong_and_what_to_do(path: Path, tmp_path: Path) -> None:
    def found(**settings: Any) -> CheckMessage:
        with override_settings(KEYFOB=settings):
            (message,) = run_checks(tags=["keyfob"])
        assert PEPPER not in str(message)
        return message

    missing = found(PATH=path)
    assert missing.id == "keyfob.W001" and "manage.py keyfob init" in str(missing.hint)
    keyfob.Store.open(path, create=True, prefix="acme").close()
    typo = found(PATH=path, PEPER=PEPPER)
    assert (typo.id, typo.hint) == ("keyfob.E002", "Did you mean 'PEPPER'?")
    assert found(PATH=path, COLOUR=1).hint == "There are PATH, PEPPER, ACTOR, GROUP, REALM, HEADER."
    assert found().id == "keyfob.E003"
    assert found(PATH=path, REALM='a "realm"').id == "keyfob.E004"
    assert found(PATH=path, PEPPER="5ec2e7").id == "keyfob.E004"
    assert found(PATH=path, PEPPER=PEPPER).id == "keyfob.W001"
    shown = found(PATH=path, HEADER="X-Shop")
    assert shown.id == "keyfob.W002" and "X-Shop" in shown.msg
    path.chmod(0o644)
    readable = found(PATH=path)
    assert readable.id == "keyfob.W001" and "chmod 600" in str(readable.hint)
    with override_settings(KEYFOB=[path]):
        (message,) = run_checks(tags=["keyfob"])
        assert message.id == "keyfob.E001"


def test_no_page_report_log_or_traceback_shows_a_token_or_the_pepper(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    own: list[str] = []

    def remember(**_: object) -> None:
        own.extend(own_frames(sys.exc_info()[1]))

    def broken(request: KeyRequest) -> HttpResponse:
        raise RuntimeError("planted")

    async def asynchronous(request: KeyRequest) -> HttpResponse:
        raise RuntimeError("planted")

    def inside(request: HttpRequest) -> HttpResponse:
        require_key(request)
        raise RuntimeError("planted")

    def wrong(request: HttpRequest) -> Any:
        return 1.5

    urls = Urls(
        route("broken", key_required()(broken)),
        route("async", key_required()(asynchronous)),
        route("misuse", key_required(project=wrong)(broken)),
        route("inside", inside),
    )
    client, pages = Client(raise_request_exception=False), []

    def ask(*, pepper: str, headers: dict[str, str]) -> set[int]:
        with override_settings(KEYFOB={"PATH": path, "PEPPER": pepper}):
            answers = [
                client.get(f"/{name}", headers=headers)
                for name in ("broken", "async", "misuse", "inside")
            ]
        pages.extend(answers)
        return {answer.status_code for answer in answers}

    got_request_exception.connect(remember)
    with override_settings(DEBUG=True, ROOT_URLCONF=urls, MIDDLEWARE=[MIDDLEWARE]):
        assert ask(pepper=PEPPER, headers=bearer("5ec2e7")) == {503}
        with keyfob.Store.open(path, create=True, prefix="acme", pepper=PEPPER) as store:
            token = store.create("a").token
        assert ask(pepper=PEPPER, headers=bearer("5ec2e7")) == {401, 500}
        for headers in (bearer(token), {"X-API-Key": token}):
            assert ask(pepper=PEPPER, headers=headers) == {500}
            # What is no form of a pepper is as secret.
            assert ask(pepper="5ec2e7", headers=headers) == {500}
    got_request_exception.disconnect(remember)
    said = [page.content.decode() for page in pages]
    said += [record.getMessage() for record in caplog.records]
    assert "planted" in "".join(said) and "HTTP_AUTHORIZATION" in "".join(said)
    assert len(own) >= 20
    assert [text for text in said + own if token[-49:] in text or "5ec2e7" in text] == []


SETTINGS = """
from pathlib import Path
INSTALLED_APPS = ["keyfob.django"]
SECRET_KEY = "for tests"
KEYFOB = {"PATH": Path("keys.redb"), "PEPPER": PEPPER, "GROUP": True}
"""


def manage(*arguments: str, folder: Path, text: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([".", *sys.path]),
            # The settings are above what a shell says.
            "KEYFOB_STORE": "elsewhere",
            "KEYFOB_PEPPER_FILE": "elsewhere",
        },
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_manage_runs_the_command_on_the_configured_store(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(f"PEPPER = {PEPPER!r}{SETTINGS}")
    shop = ("--settings", "shop", "--pythonpath=.")
    assert manage("keyfob", *shop, "init", "--prefix", "acme", folder=tmp_path).returncode == 0
    made = manage("keyfob", "create", "CI", "--scope", "a", *shop, folder=tmp_path)
    assert made.returncode == 0, made.stderr
    path = tmp_path / "keys.redb"
    assert path.stat().st_mode & 0o777 == 0o660
    with keyfob.Store.open(path, pepper=PEPPER, file_mode=0o660) as store:
        assert store.verify(made.stdout.strip(), scopes="a").name == "CI"
    refused = manage("keyfob", "verify", "--scope", "b", *shop, folder=tmp_path, text=made.stdout)
    assert refused.returncode == 1 and "INSUFFICIENT_SCOPE" in refused.stderr + refused.stdout
    wrong = manage("keyfob", "no-such-verb", *shop, folder=tmp_path)
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr
    other = manage("keyfob", "--store", "none.redb", "list", *shop, folder=tmp_path)
    assert other.returncode == 3
    shown = manage("help", "keyfob", *shop, folder=tmp_path)
    assert shown.returncode == 0 and "rotate" in shown.stdout


@pytest.mark.parametrize("pepper", [bytes.fromhex(PEPPER), None], ids=["bytes", "none"])
def test_manage_knows_the_pepper_of_the_settings_and_none_beside(
    pepper: "bytes | None", tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(f"PEPPER = {pepper!r}{SETTINGS}")
    made = manage("keyfob", "init", "--prefix", "acme", "--settings=shop", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    keyfob.Store.open(tmp_path / "keys.redb", pepper=pepper, file_mode=0o660).close()


def test_manage_says_what_to_set_where_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text('INSTALLED_APPS = ["keyfob.django"]')
    told = manage("keyfob", "list", "--settings=shop", folder=tmp_path)
    assert (told.returncode, told.stderr) == (
        2,
        'error: no store is named: set KEYFOB = {"PATH": ...}\n',
    )


def test_the_command_is_not_for_programs() -> None:
    with pytest.raises(CommandError, match=r"keyfob\.django\.store\(\)"):
        call_command("keyfob")


def test_without_django_the_import_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keyfob.django")
    monkeypatch.setitem(sys.modules, "django", None)
    with pytest.raises(ImportError, match=r"pip install 'keyfob\[django\]'"):
        import keyfob.django

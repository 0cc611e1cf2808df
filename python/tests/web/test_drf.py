"""Authentication and permissions for Django REST framework, beside what the table of answers says of them."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keyfob
import pytest
import site_of_tests as site_of_tests
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings
from django.urls import path as route
from drf_spectacular.generators import SchemaGenerator
from harness import bearer
from keyfob.django.drf import HasScope, KeyAuthentication, KeyPermission, KeyRequest, KeyUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

FACTORY = APIRequestFactory()
NOT_FOR_THIS = {"detail": "the API key is not good for this"}
INVALID = {"detail": "the API key is not valid"}


class Staff(BaseAuthentication):
    """Authenticates who says so, as a session would."""

    def authenticate(self, request: Request) -> Any:
        staff = request.headers.get("X-Staff")
        return (
            (SimpleNamespace(is_authenticated=True, is_staff=staff == "yes"), None)
            if staff
            else None
        )


@pytest.fixture(autouse=True)
def site(path: Path) -> Iterator[None]:
    with override_settings(KEYFOB={"PATH": path}):
        yield


def ask(
    *permissions: Any, by: Any = (KeyAuthentication,), headers: "dict[str, str] | None" = None
) -> Response:
    class Orders(APIView):
        authentication_classes = by
        permission_classes = permissions

        def get(self, request: KeyRequest) -> Response:
            return Response({"user": str(request.user), "key": request.auth and request.auth.id})

    answer = Orders.as_view()(FACTORY.get("/", headers=headers))
    assert isinstance(answer, Response)
    return answer


def test_the_user_of_a_request_is_the_key_unless_a_class_says_another(store: keyfob.Store) -> None:
    class Owners(KeyAuthentication):
        def get_user(self, key: keyfob.VerifiedKey) -> object | None:
            return {"ann": "Ann"}.get(key.owner or "")

    issued = store.create("a", owner="ann")
    headers = bearer(issued.token)
    assert ask(headers=headers).data == {"user": issued.key.id, "key": issued.key.id}
    assert ask(by=[Owners], headers=headers).data == {"user": "Ann", "key": issued.key.id}
    # Whoever the key stands for is gone.
    nobody = ask(by=[Owners], headers=bearer(store.create("b", owner="bob").token))
    assert (nobody.status_code, nobody.data) == (401, INVALID)
    assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'


@pytest.mark.parametrize(
    "user",
    [
        None,
        False,
        0,
        SimpleNamespace(is_authenticated=False),
        SimpleNamespace(is_authenticated=True, is_active=False),
    ],
    ids=["none", "false", "zero", "not authenticated", "not active"],
)
def test_a_key_of_nobody_who_may_come_in_is_refused(
    user: object, store: keyfob.Store, caplog: pytest.LogCaptureFixture
) -> None:
    class Owners(KeyAuthentication):
        def get_user(self, key: keyfob.VerifiedKey) -> object | None:
            return user

    caplog.set_level(logging.INFO, "keyfob")
    issued = store.create("a", scopes="a", owner="ann")
    for permission in (HasScope("a"), AllowAny):
        answer = ask(permission, by=[Owners], headers=bearer(issued.token))
        assert (answer.status_code, answer.data) == (401, INVALID)
    assert caplog.messages == [f"refused: WRONG_OWNER, key {issued.key.id}"] * 2


def test_a_user_who_has_to_be_awaited_is_an_error(store: keyfob.Store) -> None:
    async def nobody() -> None:
        """Finds no user."""

    waiting = nobody()

    class Owners(KeyAuthentication):
        def get_user(self, key: keyfob.VerifiedKey) -> object | None:
            return waiting

    with pytest.raises(TypeError, match="cannot be asynchronous"):
        ask(HasScope(), by=[Owners], headers=bearer(store.create("a").token))
    waiting.close()


def test_a_key_as_user_is_authenticated_and_may_nothing_else(store: keyfob.Store) -> None:
    key = store.verify(store.create("a").token)
    user = KeyUser(key)
    assert user.is_authenticated and user.is_active
    assert not (user.is_anonymous or user.is_staff or user.is_superuser)
    assert user.pk == key.id and user == KeyUser(key) and len({user, KeyUser(key)}) == 1
    assert not (
        user.has_perm("orders.view")
        or user.has_perms(["orders.view"])
        or user.has_module_perms("orders")
    )
    headers = bearer(store.create("b").token)
    assert ask(IsAuthenticated, headers=headers).status_code == 200
    assert ask(IsAdminUser, headers=headers).status_code == 403
    request = Request(FACTORY.get("/", headers=headers), authenticators=[KeyAuthentication()])
    throttle = type("Throttle", (UserRateThrottle,), {"rate": "1/s"})()
    assert request.user.pk in throttle.get_cache_key(request, APIView())


def test_a_class_states_what_is_required_of_every_key(store: keyfob.Store) -> None:
    class OfShop(KeyAuthentication):
        project = "shop"
        environment = keyfob.ANY
        owner = "ann"

    store.create_project("shop", scopes="*")
    good = store.create("a", project="shop", owner="ann", environment="test").token
    assert ask(by=[OfShop], headers=bearer(good)).status_code == 200
    assert ask(headers=bearer(good)).status_code == 403
    assert ask(by=[OfShop], headers=bearer(store.create("b", owner="bob").token)).status_code == 403


def test_a_missing_scope_is_refused_by_the_table_and_logged(
    store: keyfob.Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "keyfob")
    issued = store.create("a", scopes="orders:read")
    answer = ask(HasScope("orders:read", "orders:write"), headers=bearer(issued.token))
    assert (answer.status_code, answer.data) == (403, NOT_FOR_THIS)
    challenge = 'Bearer realm="api", error="insufficient_scope", scope="orders:read orders:write"'
    assert answer.headers["WWW-Authenticate"] == challenge
    assert caplog.messages == [f"refused: INSUFFICIENT_SCOPE, key {issued.key.id}"]
    assert ask(HasScope("orders:read"), headers=bearer(issued.token)).status_code == 200


def test_permissions_that_a_view_makes_itself_answer_by_the_table(store: keyfob.Store) -> None:
    class Orders(APIView):
        def get_permissions(self) -> Any:
            staff = getattr(self.request.user, "is_staff", False)
            return [HasScope("orders:admin" if staff else "orders:read")()]

        def get(self, request: KeyRequest) -> Response:
            return Response("in")

    class Either(Orders):
        def get_permissions(self) -> Any:
            return [(HasScope("orders:read") | IsAdminUser)()]

    other, good = store.create("a"), store.create("b", scopes="orders:read")
    elsewhere = bearer(store.create("c", scopes="*", environment="test").token)
    for view, own in ((Orders, True), (Either, False)):
        found: list[Any] = [
            view.as_view()(FACTORY.get("/", headers=headers))
            for headers in ({}, bearer(other.token), bearer(good.token))
        ]
        assert [answer.status_code for answer in found] == [401, 403, 200]
        assert (found[0].data == {"detail": "an API key is required"}) == own
        assert (found[1].data == NOT_FOR_THIS) == own
        assert ("WWW-Authenticate" in found[1].headers) == own
        # A view that asks for the user first, while there is none yet.
        assert view.as_view()(FACTORY.get("/", headers=elsewhere)).status_code == 403


@pytest.mark.parametrize(
    ("permission", "status"),
    [
        (HasScope("a") | HasScope("b"), 200),
        (HasScope("b") | HasScope("c"), 403),
        (HasScope("a") & HasScope("b"), 403),
        (HasScope("a") & IsAuthenticated, 200),
        (~HasScope("a"), 403),
        (~HasScope("b"), 200),
        (HasScope("b") | IsAdminUser, 403),
        (HasScope(any_scopes=["a", "b"]), 200),
        (HasScope(any_scopes="b"), 403),
        (HasScope("a", any_scopes=["b", "c"]), 403),
        (HasScope(), 200),
    ],
)
def test_scopes_compose_as_permissions_do(
    permission: Any, status: int, store: keyfob.Store
) -> None:
    headers = bearer(store.create("a", scopes="a").token)
    assert ask(permission, headers=headers).status_code == status
    view = APIView()
    view.permission_classes = [permission]
    # The same for an object of the view.
    request = Request(FACTORY.get("/", headers=headers), authenticators=[KeyAuthentication()])
    try:
        allowed = permission().has_object_permission(request, view, object())
    except Exception as error:
        assert getattr(error, "status_code", None) == status == 403
    else:
        assert allowed == (status == 200)


def test_an_operand_leaves_the_answer_to_the_others(store: keyfob.Store) -> None:
    class Admins(KeyAuthentication):
        def get_user(self, key: keyfob.VerifiedKey) -> object | None:
            return SimpleNamespace(is_staff=True)

    headers = bearer(store.create("a", scopes="a").token)
    for permission in (HasScope("b"), HasScope(any_scopes=["b", "c"])):
        beside = (HasScope("a"), permission | IsAdminUser)
        assert ask(*beside, by=[Admins], headers=headers).status_code == 200


def test_without_a_token_every_composition_is_401_with_a_challenge() -> None:
    for permission in (
        HasScope("a"),
        HasScope("a") | IsAdminUser,
        HasScope("a") & HasScope("b"),
        IsAuthenticated,
        IsAuthenticated & ~HasScope("a"),
    ):
        answer = ask(permission)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_who_has_no_key_has_not_the_scope_that_a_negation_is_of() -> None:
    assert ask(~HasScope("a")).status_code == 200


def test_who_came_in_without_a_key_has_no_scopes(store: keyfob.Store) -> None:
    both = [KeyAuthentication, Staff]
    answer = ask(HasScope("a"), by=both, headers={"X-Staff": "no"})
    assert (answer.status_code, answer.data) == (403, NOT_FOR_THIS)
    assert ask(HasScope("a") | IsAdminUser, by=both, headers={"X-Staff": "yes"}).status_code == 200
    # Nor where keys are not asked for at all.
    assert ask(HasScope("a"), by=[Staff]).status_code == 403
    assert ask(HasScope("a"), by=[]).status_code == 403


def test_a_bad_token_is_not_left_to_the_next_class(store: keyfob.Store) -> None:
    answer = ask(by=[KeyAuthentication, Staff], headers={**bearer("acme"), "X-Staff": "yes"})
    assert (answer.status_code, answer.data) == (401, INVALID)


def test_handlers_of_errors_are_told_no_more_than_the_holder(store: keyfob.Store) -> None:
    def show(error: Any, context: object) -> Response:
        return Response({"codes": error.get_codes(), "all": error.get_full_details()})

    revoked = store.create("a")
    store.revoke(revoked.key.id)
    with override_settings(REST_FRAMEWORK={**settings.REST_FRAMEWORK, "EXCEPTION_HANDLER": show}):
        first, second = (ask(headers=bearer(token)).data for token in (revoked.token, "acme"))
    assert first == second
    assert first["codes"] == "invalid_token"


def test_a_check_finds_the_order_in_which_nobody_is_told_to_send_a_token(
    store: keyfob.Store,
) -> None:
    key = "keyfob.django.drf.KeyAuthentication"
    session = "rest_framework.authentication.SessionAuthentication"
    for classes, found in (
        ([key, session], []),
        ([session, key], ["keyfob.W003"]),
        ([session], []),
    ):
        with override_settings(REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": classes}):
            assert [message.id for message in run_checks(tags=["keyfob"])] == found
    # What the check is about.
    assert ask(IsAuthenticated, by=[KeyAuthentication, SessionAuthentication]).status_code == 401
    assert ask(IsAuthenticated, by=[Staff, KeyAuthentication]).status_code == 403


def test_a_permission_of_ones_own_can_name_its_scopes(store: keyfob.Store) -> None:
    class Reads(KeyPermission):
        scopes = ("orders:read",)

    assert ask(Reads, headers=bearer(store.create("a").token)).status_code == 403
    assert ask(Reads, headers=bearer(store.create("b", scopes="orders:*").token)).status_code == 200


def test_the_schema_says_that_tokens_are_bearers() -> None:
    class Orders(APIView):
        def get(self, request: Request) -> Response:
            """Orders."""
            return Response()

    class Derived(KeyAuthentication):
        pass

    class Others(Orders):
        authentication_classes = [Derived]

    patterns = [route("a", Orders.as_view()), route("b", Others.as_view())]
    generator: Any = SchemaGenerator
    schema = generator(patterns=patterns).get_schema(request=None, public=True)
    assert schema["components"]["securitySchemes"] == {
        "keyfob": {"type": "http", "scheme": "bearer"}
    }
    assert {"keyfob": []} in schema["paths"]["/a"]["get"]["security"]
    assert {"keyfob": []} in schema["paths"]["/b"]["get"]["security"]


def test_without_the_framework_the_import_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keyfob.django.drf")
    monkeypatch.setitem(sys.modules, "rest_framework.authentication", None)
    with pytest.raises(ImportError, match=r"pip install 'keyfob\[drf\]'"):
        import keyfob.django.drf

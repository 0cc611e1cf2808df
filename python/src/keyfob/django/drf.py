"""API keys in Django REST framework: authentication, and scopes as permissions.

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["keyfob.django.drf.KeyAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    }

    class Orders(APIView):
        permission_classes = [HasScope("orders:read")]

        def get(self, request: KeyRequest) -> Response:
            return Response({"project": request.auth.project})

The store is that of the setting `KEYFOB`, as in `keyfob.django`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING, ClassVar

try:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException, NotAuthenticated
    from rest_framework.permissions import BasePermission
    from rest_framework.request import Request
except ModuleNotFoundError as _missing:
    what = "keyfob.django.drf needs Django REST framework: pip install 'keyfob[drf]'"
    raise ImportError(what) from _missing

from .._enums import Code
from .._http import AnyOf, Refusal, Required, required
from .._native import VerifiedKey
from ._guard import decide, guard

if TYPE_CHECKING:
    from rest_framework.views import APIView

__all__ = ["HasScope", "KeyAuthentication", "KeyDenied", "KeyPermission", "KeyRequest", "KeyUser"]

_WORDS = {401: "invalid_token", 403: "insufficient_scope", 503: "unavailable"}


class KeyRequest(Request):
    """A request as a view with a key sees it, for annotations."""

    #: The key.
    auth: VerifiedKey


class KeyDenied(APIException):
    """The request has no key that is good for it, or the store could not answer (503).

    It is not an `AuthenticationFailed`: in those the framework replaces what the challenge says.
    """

    def __init__(self, refusal: Refusal) -> None:
        # Handlers of errors show this word to the holder, who is not told more than by the table.
        word = _WORDS[refusal.status] if refusal.code else NotAuthenticated.default_code
        super().__init__(refusal.detail, word)
        self.refusal = refusal
        self.status_code: int = refusal.status
        # Where `exception_handler` looks for headers.
        self.auth_header: str | None = refusal.headers.get("WWW-Authenticate")
        self.wait: int = int(refusal.headers.get("Retry-After", 0))


@dataclass(frozen=True)
class KeyUser:
    """`request.user` of a request with a key, where keys stand for no user of Django's."""

    #: The key.
    key: VerifiedKey
    #: It is: the key was verified.
    is_authenticated: ClassVar[bool] = True
    #: It is not.
    is_anonymous: ClassVar[bool] = False
    #: It is: of a key that is disabled there is no user.
    is_active: ClassVar[bool] = True
    #: It is not.
    is_staff: ClassVar[bool] = False
    #: It is not.
    is_superuser: ClassVar[bool] = False

    @property
    def pk(self) -> str:
        """The key's id, which throttles count by."""
        return self.key.id

    def __str__(self) -> str:
        return self.key.id

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Whether it has a permission of Django's: it has none."""
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Whether it has all of these permissions of Django's: it has none."""
        return not list(perm_list)

    def has_module_perms(self, module: str) -> bool:
        """Whether it has any permission of this app: it has none."""
        return False


class KeyAuthentication(BaseAuthentication):
    """Authenticates requests by their keys: `request.auth` is the `VerifiedKey`, `request.user` what
    `get_user` answers.

    A request without a token is left to the next class, or anonymous; one with a bad token is refused.
    Put it first where there are several: the first says the challenge of a 401, and without one it is a
    403. Subclasses state what is required of every key.
    """

    #: The project that requests are about, as in `Store.verify`.
    project: str | AnyOf | None = None
    #: The environment, `live` unless another is named.
    environment: str | AnyOf | None = None
    #: Whom keys have to belong to.
    owner: str | None = None

    def get_project(self, request: Request) -> str | AnyOf | None:
        """The project that this request is about; `request.parser_context["kwargs"]` has the variables
        of the URL."""
        return self.project

    def get_user(self, key: VerifiedKey) -> object | None:
        """Whom a key stands for. Override it to answer a user of Django's. The key is refused for None, and
        for a user who is not active or not authenticated."""
        return KeyUser(key)

    def authenticate(self, request: Request) -> tuple[object, VerifiedKey] | None:
        """The user and the key of a request; None where it has no token.

        Raises `KeyDenied` for a bad token, and where the store could not answer, and `TypeError` where
        `get_user` is asynchronous, which nothing here awaits.
        """
        asked = required(None, None, self.get_project(request), self.environment, self.owner)
        decided = decide(request, asked)
        if isinstance(decided, Refusal):
            if decided.code is None:
                return None
            if decided.status == 403:
                # The same, with the scopes that the permissions are going to ask for.
                decided = guard().answer(403, decided.code, _scopes_of(request))
            raise KeyDenied(decided)
        user = self.get_user(decided)
        if isawaitable(user):
            raise TypeError("get_user has to answer a user; it cannot be asynchronous")
        if not (
            user and getattr(user, "is_authenticated", True) and getattr(user, "is_active", True)
        ):
            raise KeyDenied(guard().refused(401, Code.WRONG_OWNER, decided.id, asked))
        return user, decided

    def authenticate_header(self, request: Request) -> str:
        """The challenge for a request without a token."""
        return guard().challenge


class KeyPermission(BasePermission):
    """Requires scopes of the key that authenticated the request; `HasScope` makes one."""

    #: All of these are required.
    scopes: tuple[str, ...] = ()
    #: One of these is required, where there are any.
    any_scopes: tuple[str, ...] = ()

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the key has the scopes.

        Raises `KeyDenied`, which has the precise answer, where the view lists the permission itself; among
        the operands of `|`, `&` and `~` it is False, and the framework's own answer.
        """
        key = request.auth
        if isinstance(key, VerifiedKey) and self._granted(key):
            return True
        if any(map(self._equals, view.get_permissions())):
            if request.successful_authenticator is None:
                if any(isinstance(how, KeyAuthentication) for how in request.authenticators or ()):
                    raise KeyDenied(guard().missing())
            else:
                asked = required(self.scopes or None, self.any_scopes or None)
                key_id = key.id if isinstance(key, VerifiedKey) else None
                raise KeyDenied(guard().refused(403, Code.INSUFFICIENT_SCOPE, key_id, asked))
        return False

    def has_object_permission(self, request: Request, view: APIView, obj: object) -> bool:
        """The same for every object, so that `~` works for objects as well."""
        return self.has_permission(request, view)

    def _equals(self, other: object) -> bool:
        # Views make their permissions, and may make their classes, anew each time that they are asked.
        return isinstance(other, KeyPermission) and (self.scopes, self.any_scopes) == (
            other.scopes,
            other.any_scopes,
        )

    def _granted(self, key: VerifiedKey) -> bool:
        return all(map(key.has_scope, self.scopes)) and (
            not self.any_scopes or any(map(key.has_scope, self.any_scopes))
        )


def _scopes_of(request: Request) -> Required:
    view = (request.parser_context or {}).get("view")
    asked = [
        kind
        for kind in getattr(view, "permission_classes", ())
        if isinstance(kind, type) and issubclass(kind, KeyPermission)
    ]
    return required(
        [scope for kind in asked for scope in kind.scopes] or None,
        [scope for kind in asked for scope in kind.any_scopes] or None,
    )


def HasScope(*scopes: str, any_scopes: Iterable[str] = ()) -> type[KeyPermission]:
    """A permission class: the key has all of `scopes`, and one of `any_scopes` where there are any.

    It composes, as permission classes do: `HasScope("orders:read") | IsAdminUser`.
    """
    if isinstance(any_scopes, str):
        any_scopes = (any_scopes,)
    asked = {"scopes": scopes, "any_scopes": tuple(any_scopes)}
    required(scopes or None, asked["any_scopes"] or None)
    return type("HasScope", (KeyPermission,), asked)

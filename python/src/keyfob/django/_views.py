"""What views are guarded with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from .._http import AnyOf, Required, required
from .._native import VerifiedKey
from ._guard import KeyRefused, decide, personal, response_of

_View = TypeVar("_View", bound=Callable[..., HttpResponseBase | Awaitable[HttpResponseBase]])


def key_required(
    scopes: str | Iterable[str] | None = None,
    *,
    any_scopes: str | Iterable[str] | None = None,
    project: str | AnyOf | Callable[..., str | AnyOf | None] | None = None,
    environment: str | AnyOf | None = None,
    owner: str | None = None,
    optional: bool = False,
) -> Callable[[_View], _View]:
    """A decorator for views, also asynchronous ones: they run where the request has a key that is good
    for what is required, and find it as `request.keyfob_key`.

    The keywords are those of `Store.verify`. `project` may be a function of the view's arguments:
    `project=lambda request, shop: shop`. With `optional` the view runs without a token as well, and
    `keyfob_key` is None; a bad token is refused all the same. Without it the view is exempt from Django's
    protection against forged requests (CSRF), which the need for a token replaces.

    Of a class, decorate what `as_view()` returns, `key_required("orders:read")(Orders.as_view())`, or
    `dispatch` by `method_decorator`; not that of an asynchronous class, which answers what is awaited.
    Another method is guarded as well, but not exempt from the protection against forged requests.
    """
    stated = None if callable(project) else project
    asked = required(scopes, any_scopes, stated, environment, owner)

    def refusal(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse | None:
        now = asked
        if callable(project):
            now = Required(**{**asked, "project": project(request, *args, **kwargs)})
        decided = decide(request, now)
        if isinstance(decided, VerifiedKey) or (optional and decided.code is None):
            return None
        return response_of(decided)

    def decorate(view: _View) -> _View:
        if not callable(view):
            # A request, where this was taken for an `auth` of django-ninja's: all that it calls and that
            # answers something lets the request in.
            raise TypeError("key_required decorates views; django-ninja has keyfob.django.ninja.KeyAuth")
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> object:
                answer = refusal(request, *args, **kwargs)
                if answer is None:
                    return personal(await view(request, *args, **kwargs))
                return personal(answer)

            return cast(_View, _exempt(guarded, optional))

        @wraps(view)
        def guarded_view(request: HttpRequest, *args: Any, **kwargs: Any) -> object:
            answer = refusal(request, *args, **kwargs)
            if answer is None:
                return personal(view(request, *args, **kwargs))
            return personal(answer)

        return cast(_View, _exempt(guarded_view, optional))

    return decorate


def _exempt(view: Callable[..., object], optional: bool) -> object:
    if not optional:
        # No browser adds a token by itself, as it does a cookie, so that there is nothing to forge.
        view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def require_key(
    request: HttpRequest,
    scopes: str | Iterable[str] | None = None,
    *,
    any_scopes: str | Iterable[str] | None = None,
    project: str | AnyOf | None = None,
    environment: str | AnyOf | None = None,
    owner: str | None = None,
) -> VerifiedKey:
    """The key of a request, inside of a view that learns only there what has to be required.

    Raises `KeyRefused` where it is not good for that, which `keyfob.django.middleware.KeyRefusedMiddleware`
    answers, and `MisuseError` for a requirement that can never be right.
    """
    decided = decide(request, required(scopes, any_scopes, project, environment, owner))
    if isinstance(decided, VerifiedKey):
        return decided
    raise KeyRefused(decided)

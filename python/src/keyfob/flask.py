"""API keys in Flask: an extension, a decorator for views, and the key of the request.

    from flask import Flask
    from keyfob.flask import Keyfob, current_key

    app = Flask(__name__)
    app.config["KEYFOB_PATH"] = "keys.redb"
    keys = Keyfob(app)

    @app.get("/orders")
    @keys.required("orders:read")
    def orders() -> dict[str, object]:
        return {"project": current_key.project}

What a request is answered that has no key good for it is the table in `docs/python-web.md`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from types import FunctionType
from typing import TypeVar, cast
from weakref import WeakSet

from ._http import SETTINGS, AnyOf, Guard, ProjectName, Refusal, Required, required
from ._native import Store, VerifiedKey

try:
    from flask import Flask, current_app, request
    from werkzeug.exceptions import default_exceptions
    from werkzeug.local import LocalProxy
except ModuleNotFoundError as _missing:
    raise ImportError("keyfob.flask needs Flask: pip install 'keyfob[flask]'") from _missing

__all__ = ["Keyfob", "current_key"]

_View = TypeVar("_View", bound=Callable[..., object])

#: Where the key of a request is in its WSGI environment: of the request alone, which `flask.g` is not
#: where a test keeps an application context open.
_KEY = "keyfob.key"

_NAMES = {f"KEYFOB_{name}" for name in SETTINGS}


def _current() -> VerifiedKey:
    key = request.environ.get(_KEY)
    if not isinstance(key, VerifiedKey):
        raise RuntimeError("no API key was verified for this request")
    return key


#: The key of the request that is handled, like `flask.request` a proxy. It is false where the view is
#: `optional` and the request has no token; there, and where no view asked for a key, its attributes
#: raise `RuntimeError`.
current_key: VerifiedKey = LocalProxy(_current)  # type: ignore[assignment]


class Keyfob:
    """The extension: guards views with the keys of one store.

    `store` is an open store, or a function that opens it, called at the first request; without it the
    store is that of the application's configuration, and opened at the first request of each worker:

    | | |
    |---|---|
    | `KEYFOB_PATH` | the store's file |
    | `KEYFOB_PEPPER` | its pepper, if it has one |
    | `KEYFOB_ACTOR` | who makes the changes that the application makes, as the log shows it |
    | `KEYFOB_GROUP` | true where the file's group may read and write it |
    | `KEYFOB_REALM` | what the challenge names; `api` |
    | `KEYFOB_HEADER` | the header for tokens beside `Authorization`; `X-API-Key`; None for none |

    With an application it calls `init_app`.
    """

    def __init__(
        self, app: Flask | None = None, store: Store | Callable[[], Store] | None = None
    ) -> None:
        self._given = store
        #: The views as they were before they were guarded.
        self._unguarded: WeakSet[FunctionType] = WeakSet()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Sets up an application; its configuration has to be there.

        Raises `RuntimeError` where no store is named, for a `KEYFOB_...` that means nothing, and for
        an application that was set up already; `ValueError` for a realm that no header can quote.
        """
        if unknown := {name for name in app.config if name.startswith("KEYFOB_")} - _NAMES:
            known = ", ".join(sorted(_NAMES))
            raise RuntimeError(f"no such setting: {', '.join(sorted(unknown))}; there are {known}")
        if self._given is None and not app.config.get("KEYFOB_PATH"):
            raise RuntimeError("no store is named; set KEYFOB_PATH, or pass `store`")
        if "keyfob" in app.extensions:
            raise RuntimeError("this application has a Keyfob already, and views ask only one")
        guard = Guard(
            self._given or (lambda: _open(app)),
            realm=app.config.get("KEYFOB_REALM", "api"),
            header=app.config.get("KEYFOB_HEADER", "X-API-Key"),
        )
        app.extensions["keyfob"] = (self, guard)
        app.before_request(self._refuse_what_was_to_be_guarded)

    @property
    def store(self) -> Store:
        """The store of the current application, opened if it was not.

        Raises `StoreError` where it cannot be opened.
        """
        return self._guard().store

    @property
    def current(self) -> VerifiedKey:
        """The key of the request that is handled, itself and no proxy: for `Store.create_within`, and to
        keep it.

        Raises `RuntimeError` where no key was verified for the request.
        """
        return _current()

    def required(
        self,
        scopes: str | Iterable[str] | None = None,
        *,
        any_scopes: str | Iterable[str] | None = None,
        project: str | AnyOf | Callable[..., ProjectName] | None = None,
        environment: str | AnyOf | None = None,
        owner: str | None = None,
        optional: bool = False,
    ) -> Callable[[_View], _View]:
        """A decorator for views, also asynchronous ones and those of blueprints and `MethodView`s: they
        run where the request has a key that is good for what is required, and find it as `current_key`.

        The keywords are those of `Store.verify`. `project` may be a function of the URL's variables:
        `project=lambda shop: shop`. With `optional` the view runs without a token as well; a bad one is
        refused all the same. Flask's own answers to `OPTIONS` (a CORS preflight) are not guarded, and a
        function of `before_request` does not run for them.

        Next to `@app.get` it stands below. A view that is registered as it was before is not called: its
        requests raise `RuntimeError`. So do those behind such a function of `before_request`.

        A refusal is raised as werkzeug's `Unauthorized`, `Forbidden` or `ServiceUnavailable` with the
        finished response in it, for handlers of errors to see.

        Raises `TypeError` and `MisuseError` for a requirement that can never be right.
        """
        stated = None if callable(project) else project
        asked = required(scopes, any_scopes, stated, environment, owner)

        def admitted() -> bool:
            if request.method == "OPTIONS" and getattr(
                request.url_rule, "provide_automatic_options", False
            ):
                return False
            now = asked
            if callable(project):
                now = Required(**{**asked, "project": project(**request.view_args or {})})
            self._admit(now, optional)
            return True

        def decorate(view: _View) -> _View:
            if not callable(view):
                raise TypeError(f"a view is a function, and not {type(view).__name__}")
            if isinstance(view, FunctionType):
                self._unguarded.add(view)
            if inspect.iscoroutinefunction(view):

                @wraps(view)
                async def guarded(*args: object, **kwargs: object) -> object:
                    return await view(*args, **kwargs) if admitted() else None

                return cast(_View, guarded)

            @wraps(view)
            def guarded_view(*args: object, **kwargs: object) -> object:
                return view(*args, **kwargs) if admitted() else None

            return cast(_View, guarded_view)

        return decorate

    def _guard(self) -> Guard:
        keys, guard = current_app.extensions.get("keyfob", (None, None))
        if keys is not self or not isinstance(guard, Guard):
            raise RuntimeError("this Keyfob is not the application's; call its init_app(app)")
        return guard

    def _admit(self, asked: Required, optional: bool) -> None:
        decided = self._guard().decide_wsgi(request.environ, asked)
        if isinstance(decided, VerifiedKey):
            request.environ[_KEY] = decided
        elif not (optional and decided.code is None):
            raise _refusal(decided)

    def _refuse_what_was_to_be_guarded(self) -> None:
        running: list[object] = [current_app.view_functions.get(request.endpoint or "")]
        for blueprint in (None, *request.blueprints):
            running += current_app.before_request_funcs.get(blueprint, ())
        for each in running:
            if isinstance(each, FunctionType) and each in self._unguarded:
                raise RuntimeError(
                    f"{each.__qualname__} was registered before it was guarded, so that it is open: "
                    "write the decorator of Keyfob below the one that registers it"
                )


def _open(app: Flask) -> Store:
    # No name is bound to the pepper, which a traceback would show.
    return Store.open(
        app.config["KEYFOB_PATH"],
        pepper=app.config.get("KEYFOB_PEPPER"),
        actor=app.config.get("KEYFOB_ACTOR"),
        file_mode=0o660 if app.config.get("KEYFOB_GROUP") else None,
    )


def _refusal(refusal: Refusal) -> Exception:
    response = current_app.response_class(
        refusal.body, refusal.status, refusal.headers, mimetype="application/json"
    )
    return default_exceptions[refusal.status](refusal.detail, response=response)

"""The extension for Flask, beside what the table of answers says of it."""

import inspect
import logging
import sys
from pathlib import Path
from typing import Any

import keyfob
import pytest
from flask import Blueprint, Flask, Response
from flask.typing import ResponseReturnValue
from harness import GUNICORN, bearer, own_frames, serving
from keyfob.flask import Keyfob, current_key
from werkzeug.debug import DebuggedApplication
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

PEPPER = "5ec2e7" * 10 + "beef"


@pytest.fixture
def keys(store: keyfob.Store) -> Keyfob:
    return Keyfob(store=store)


@pytest.fixture
def app(keys: Keyfob) -> Flask:
    app = Flask("tests")
    keys.init_app(app)
    return app


def test_views_of_a_factory_ask_the_store_of_the_application_that_runs(tmp_path: Path) -> None:
    keys, shops, tokens = Keyfob(), [], []
    blueprint = Blueprint("orders", __name__)

    @blueprint.get("/orders")
    @keys.required("orders:read")
    def orders() -> ResponseReturnValue:
        return {"key": current_key.id}

    for number in range(2):
        path = tmp_path / f"{number}.redb"
        with keyfob.Store.open(path, create=True, prefix="acme") as store:
            tokens.append(store.create("a", scopes="orders:read").token)
        app = Flask("tests")
        app.config["KEYFOB_PATH"] = path
        keys.init_app(app)
        app.register_blueprint(blueprint)
        shops.append(app)
    answers = [
        [app.test_client().get("/orders", headers=bearer(token)).status_code for token in tokens]
        for app in shops
    ]
    assert answers == [[200, 401], [401, 200]]
    with shops[1].app_context():
        assert keys.store.path == tmp_path / "1.redb"


def test_the_configuration_says_how_the_store_is_opened_and_what_is_answered(path: Path) -> None:
    with keyfob.Store.open(
        path, create=True, prefix="acme", pepper=PEPPER, file_mode=0o660
    ) as made:
        token = made.create("a").token
    app = Flask("tests")
    app.config.update(
        KEYFOB_PATH=str(path),
        KEYFOB_PEPPER=PEPPER,
        KEYFOB_ACTOR="the shop",
        KEYFOB_GROUP=True,
        KEYFOB_REALM="shop",
        KEYFOB_HEADER="X-Shop-Token",
    )
    keys = Keyfob(app)
    app.get("/")(keys.required()(lambda: {"key": current_key.id}))
    client = app.test_client()
    assert client.get("/").headers["WWW-Authenticate"] == 'Bearer realm="shop"'
    assert client.get("/", headers={"X-API-Key": token}).status_code == 401
    assert client.get("/", headers={"X-Shop-Token": token}).status_code == 200
    with app.app_context():
        keys.store.create("b")
        assert list(keys.store.log())[-1].actor == "the shop"


def test_only_the_bearer_is_read_where_the_header_is_none(app: Flask, store: keyfob.Store) -> None:
    alone = Flask("tests")
    alone.config["KEYFOB_HEADER"] = None
    keys = Keyfob(alone, store)
    alone.get("/")(keys.required()(lambda: "in"))
    token = store.create("a").token
    assert alone.test_client().get("/", headers={"X-API-Key": token}).status_code == 401
    assert alone.test_client().get("/", headers=bearer(token)).status_code == 200


def test_an_application_that_is_set_up_wrongly_does_not_start(store: keyfob.Store) -> None:
    app = Flask("tests")
    with pytest.raises(RuntimeError, match="no store is named; set KEYFOB_PATH"):
        Keyfob(app)
    app.config["KEYFOB_PEPER"] = PEPPER
    with pytest.raises(
        RuntimeError, match="no such setting: KEYFOB_PEPER; .*KEYFOB_PEPPER"
    ) as caught:
        Keyfob(app, store)
    assert PEPPER not in str(caught.value)
    del app.config["KEYFOB_PEPER"]
    app.config["KEYFOB_REALM"] = 'a "realm"'
    with pytest.raises(ValueError, match="realm"):
        Keyfob(app, store)
    app.config["KEYFOB_REALM"] = "a realm"
    Keyfob(app, store)
    with pytest.raises(RuntimeError, match="has a Keyfob already"):
        Keyfob(app, store)


def test_a_view_of_an_application_that_was_not_set_up_is_a_fault_and_not_open(keys: Keyfob) -> None:
    app = Flask("tests")
    app.testing = True
    app.get("/")(keys.required()(lambda: "in"))
    with pytest.raises(RuntimeError, match="init_app"):
        app.test_client().get("/")


def test_the_keyfob_of_another_application_is_a_fault_and_not_its_store(
    app: Flask, store: keyfob.Store
) -> None:
    partner = Keyfob(store=store)
    app.testing = True
    app.get("/")(partner.required()(lambda: "in"))
    headers = bearer(store.create("a").token)
    with pytest.raises(RuntimeError, match=r"not the application's; call its init_app\(app\)"):
        app.test_client().get("/", headers=headers)
    with app.app_context(), pytest.raises(RuntimeError, match="not the application's"):
        assert partner.store


def test_a_decorator_without_parentheses_says_so(keys: Keyfob) -> None:
    with pytest.raises(TypeError, match="write it with parentheses"):
        keys.required(lambda: "in")  # type: ignore[arg-type]
    not_a_view: Any = object()
    with pytest.raises(TypeError, match="a view is a function, and not object"):
        keys.required()(not_a_view)


@pytest.mark.parametrize("of_blueprint", [False, True])
def test_a_view_that_was_registered_before_it_was_guarded_does_not_run(
    app: Flask, keys: Keyfob, store: keyfob.Store, of_blueprint: bool
) -> None:
    blueprint = Blueprint("orders", __name__)
    ran = []

    @keys.required()
    @(blueprint if of_blueprint else app).get("/orders")
    def orders() -> str:
        ran.append("orders")
        return "in"

    app.get("/other")(lambda: "in")
    app.register_blueprint(blueprint)
    app.testing = True
    headers = bearer(store.create("a").token)
    for given in (headers, {}):
        with pytest.raises(RuntimeError, match=r"orders was registered .* below the one that registers it"):
            app.test_client().get("/orders", headers=given)
    assert ran == []
    assert app.test_client().get("/other").status_code == 200
    assert app.test_client().get("/nowhere").status_code == 404


@pytest.mark.parametrize("of_blueprint", [False, True])
def test_a_guard_before_requests_that_was_registered_before_it_asks_lets_nothing_through(
    app: Flask, keys: Keyfob, of_blueprint: bool
) -> None:
    blueprint = Blueprint("orders", __name__)

    @keys.required()
    @(blueprint if of_blueprint else app).before_request
    def guard() -> None:
        """Nothing else to do."""

    blueprint.get("/orders")(lambda: "in")
    app.register_blueprint(blueprint)
    app.testing = True
    with pytest.raises(RuntimeError, match="guard was registered before it was guarded"):
        app.test_client().get("/orders")


def test_a_guarded_view_is_of_the_kind_that_it_was(keys: Keyfob) -> None:
    def plain() -> str:
        """Of a kind."""
        return "in"

    async def asynchronous() -> str:
        return "in"

    assert keys.required()(plain).__name__ == "plain"
    assert keys.required()(plain).__doc__ == "Of a kind."
    assert not inspect.iscoroutinefunction(keys.required()(plain))
    assert inspect.iscoroutinefunction(keys.required()(asynchronous))


def test_an_asynchronous_view_does_not_run_without_a_good_key(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    ran = []

    @app.get("/")
    @keys.required("orders:read")
    async def view() -> str:
        ran.append(current_key.id)
        return "in"

    other, reader = store.create("other"), store.create("reader", scopes="orders:read")
    client = app.test_client()
    assert client.get("/").status_code == 401
    assert client.get("/", headers=bearer(other.token)).status_code == 403
    assert ran == []
    assert client.get("/", headers=bearer(reader.token)).status_code == 200
    assert ran == [reader.key.id]


def test_a_preflight_needs_no_key_and_an_options_view_of_ones_own_does(
    app: Flask, keys: Keyfob
) -> None:
    app.get("/automatic")(keys.required()(lambda: "in"))
    app.add_url_rule("/own", "own", keys.required()(lambda: "in"), methods=["GET", "OPTIONS"])
    client = app.test_client()
    answer = client.options("/automatic")
    assert answer.status_code == 200 and "GET" in answer.headers["Allow"]
    assert client.head("/automatic").status_code == 401
    assert client.options("/own").status_code == 401


def test_all_of_a_blueprint_is_guarded_before_its_requests(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    blueprint = Blueprint("orders", __name__)

    @blueprint.before_request
    @keys.required("orders:read")
    def guard() -> None:
        """Nothing else to do."""

    blueprint.get("/orders")(lambda: {"key": current_key.id})
    blueprint.add_url_rule("/own", "own", lambda: "in", methods=["GET", "OPTIONS"])
    app.register_blueprint(blueprint)
    issued = store.create("a", scopes="orders:read")
    client = app.test_client()
    assert client.get("/orders").status_code == 401
    assert client.get("/orders", headers=bearer(issued.token)).json == {"key": issued.key.id}
    # A preflight is Flask's own answer there as well, and an answer of the blueprint is none of Flask's.
    preflight = client.options("/orders")
    assert preflight.status_code == 200 and "GET" in preflight.headers["Allow"]
    assert client.options("/own").status_code == client.head("/orders").status_code == 401


def test_a_guard_before_requests_has_the_variables_of_the_url(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    ran = []
    blueprint = Blueprint("orders", __name__, url_prefix="/<shop>")

    @blueprint.before_request
    @keys.required(project=lambda shop: shop)
    async def guard() -> None:
        ran.append(current_key.id)

    blueprint.get("/orders")(lambda shop: {"shop": shop})
    app.register_blueprint(blueprint)
    for name in ("shop", "books"):
        store.create_project(name, scopes="*")
    issued = store.create("a", project="shop")
    client, headers = app.test_client(), bearer(issued.token)
    assert client.get("/shop/orders", headers=headers).json == {"shop": "shop"}
    assert client.get("/books/orders", headers=headers).status_code == 403
    assert client.options("/books/orders").status_code == 200
    assert ran == [issued.key.id]


def test_the_project_can_be_a_variable_of_the_url(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    for name in ("shop", "books"):
        store.create_project(name, scopes="orders:*")
    token = store.create("a", project="shop", scopes="orders:read").token

    @app.get("/<shop>/orders/<int:number>")
    @keys.required("orders:read", project=lambda shop, number: shop)
    def order(shop: str, number: int) -> dict[str, object]:
        return {"shop": shop}

    client = app.test_client()
    assert client.get("/shop/orders/1", headers=bearer(token)).json == {"shop": "shop"}
    assert client.get("/books/orders/1", headers=bearer(token)).status_code == 403
    assert client.get("/nowhere/orders/1", headers=bearer(token)).status_code == 403


def test_the_project_can_be_a_number_of_the_url(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    app.get("/<int:shop>")(keys.required(project=lambda shop: shop)(lambda shop: {"shop": shop}))
    store.create_project("7", scopes="*")
    headers = bearer(store.create("a", project="7").token)
    client = app.test_client()
    assert client.get("/7", headers=headers).json == {"shop": 7}
    assert client.get("/8", headers=headers).status_code == 403


def test_the_key_itself_creates_keys_within_its_own_bounds(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    @app.get("/")
    @keys.required()
    def view() -> dict[str, object]:
        assert keys.current == current_key
        return {"key": keys.store.create_within(keys.current, "b", scopes="orders:read").key.id}

    token = store.create("a", scopes="orders:*").token
    answer = app.test_client().get("/", headers=bearer(token))
    assert store.get(answer.json["key"]).name == "b"  # type: ignore[index]
    with app.test_request_context(), pytest.raises(RuntimeError, match="no API key was verified"):
        assert keys.current


def test_the_current_key_is_that_of_the_request_and_of_no_request_before(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    @app.get("/guarded")
    @keys.required()
    def guarded() -> dict[str, object]:
        return {"key": current_key.id}

    @app.get("/open")
    def free() -> dict[str, object]:
        return {"known": bool(current_key)}

    token = store.create("a").token
    # As in tests that keep an application context, whose `g` is that of all requests in it.
    with app.app_context():
        client = app.test_client()
        assert client.get("/guarded", headers=bearer(token)).status_code == 200
        assert client.get("/open", headers=bearer(token)).json == {"known": False}
    with app.test_request_context(), pytest.raises(RuntimeError, match="no API key was verified"):
        assert current_key.id


def test_the_address_of_a_request_is_what_the_application_makes_of_it(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    app.get("/")(keys.required()(lambda: "in"))
    headers = bearer(store.create("a", ip_list="10.0.0.0/8").token)
    forwarded = {**headers, "X-Forwarded-For": "10.1.2.3"}
    assert app.test_client().get("/", headers=forwarded).status_code == 403
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    assert app.test_client().get("/", headers=forwarded).status_code == 200
    assert app.test_client().get("/", headers=headers).status_code == 403


PRELOADED = """
import keyfob
from flask import Flask
from keyfob.flask import Keyfob

app = Flask(__name__)
keys = Keyfob(app, keyfob.Store.open("keys.redb"))

@app.get("/create")
@keys.required()
def create():
    return {"key": keys.store.create("made by a worker").key.id}
"""


def test_workers_that_inherit_an_open_store_lose_no_change(
    store: keyfob.Store, tmp_path: Path
) -> None:
    (tmp_path / "preloaded.py").write_text(PRELOADED)
    command = (*GUNICORN, "--workers", "3", "--preload")
    issued = store.create("a")
    good = ("Authorization", b"Bearer " + issued.token.encode())
    with serving(command, "preloaded", tmp_path / "log", folder=tmp_path) as server:
        made = {server.get("/create", good).json()["key"] for _ in range(12)}
        store.revoke(issued.key.id)
        assert {server.get("/create", good).status for _ in range(12)} == {401}
    assert made == {key.id for key in store.list(name_contains="worker")}
    assert not store.check_integrity().damage


def test_handlers_of_errors_see_a_refusal_with_its_response(
    app: Flask, keys: Keyfob, store: keyfob.Store
) -> None:
    app.get("/")(keys.required("orders:read")(lambda: "in"))

    @app.errorhandler(403)
    def forbidden(error: HTTPException) -> ResponseReturnValue:
        response = error.get_response()
        assert isinstance(response, Response)
        return {"error": error.description}, 403, dict(response.headers)

    answer = app.test_client().get("/", headers=bearer(store.create("a").token))
    assert answer.json == {"error": "the API key is not good for this"}
    assert answer.headers["WWW-Authenticate"].endswith('scope="orders:read"')
    assert app.test_client().get("/").json == {"detail": "an API key is required"}


def test_a_requirement_that_can_never_be_right_is_refused_without_a_store() -> None:
    for scopes in ("orders:*", "orders read", ""):
        with pytest.raises(keyfob.MisuseError, match="scope"):
            Keyfob().required(scopes)


@pytest.mark.parametrize("pepper", [PEPPER, "5ec2e7"], ids=["a pepper", "no pepper at all"])
def test_no_page_log_or_traceback_shows_a_token_or_the_pepper(
    path: Path, pepper: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = Flask("tests")
    app.debug = True
    app.config.update(KEYFOB_PATH=path, KEYFOB_PEPPER=pepper)
    keys, raised = Keyfob(app), []

    @app.get("/broken")
    @keys.required()
    def broken() -> str:
        raise RuntimeError("planted")

    @app.get("/misuse")
    @keys.required(project=lambda: 1.5)  # type: ignore[arg-type, return-value]
    def misuse() -> str:
        return "in"

    @app.teardown_request
    def remember(error: BaseException | None) -> None:
        raised.append(error)

    client = Client(DebuggedApplication(app, evalex=False))
    pages = [client.get("/broken", headers=bearer("5ec2e7"))]
    with keyfob.Store.open(path, create=True, prefix="acme", pepper=PEPPER) as store:
        token = store.create("a", scopes="*").token
    for headers in (bearer("5ec2e7"), bearer(token), {"X-API-Key": token}):
        pages += [client.get(url, headers=headers) for url in ("/broken", "/misuse")]
    refused = [503, 401, 500] if pepper == PEPPER else [500, 500, 500]
    assert [page.status_code for page in pages] == [*refused, 500, 500, 500, 500]
    said = [page.text for page in pages] + [record.getMessage() for record in caplog.records]
    assert ("planted" if pepper == PEPPER else "64 hexadecimal characters") in "".join(said)
    own = [text for error in raised for text in own_frames(error)]
    assert len(own) >= 10
    assert [text for text in said + own if token[-49:] in text or "5ec2e7" in text] == []


def test_without_flask_the_import_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keyfob.flask")
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(ImportError, match=r"pip install 'keyfob\[flask\]'"):
        import keyfob.flask

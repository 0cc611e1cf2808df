"""Flask, with views of every kind: plain, asynchronous, of a class, of a blueprint."""

from typing import Any

from flask import Blueprint, Flask
from flask.views import MethodView
from keyfob.flask import Keyfob, current_key

from . import PATH, shown

app = Flask(__name__)
app.debug = True
app.config["KEYFOB_PATH"] = PATH
keys = Keyfob(app)
shops = Blueprint("shops", __name__)


@app.get("/open")
def get_open() -> Any:
    return {"open": True}


@app.get("/read")
@keys.required("orders:read")
def read() -> Any:
    return shown(current_key)


@app.get("/either")
@keys.required(any_scopes=["orders:read", "orders:admin"])
async def either() -> Any:
    return shown(current_key)


@shops.get("/<shop>")
@keys.required(project=lambda shop: shop)
def get_shop(shop: str) -> Any:
    return shown(current_key)


class Optional(MethodView):
    decorators = [keys.required(optional=True)]

    def get(self) -> Any:
        return {"id": current_key.id if current_key else None}


@app.get("/broken")
@keys.required("orders:read")
def broken() -> Any:
    raise RuntimeError("planted")


app.add_url_rule("/optional", view_func=Optional.as_view("optional"))
app.register_blueprint(shops)

"""Flask: a decorator for views, and the key of the request.

    keyfob --store keys.redb init --prefix acme
    keyfob --store keys.redb create "CI deploy" --scope orders:read
    gunicorn flask_app:app --workers 4
"""

from flask import Flask
from keyfob.flask import Keyfob, current_key

app = Flask(__name__)
app.config["KEYFOB_PATH"] = "keys.redb"
keys = Keyfob(app)


@app.get("/orders")
@keys.required("orders:read")
def orders() -> dict[str, str]:
    return {"key": current_key.id}

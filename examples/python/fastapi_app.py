"""FastAPI: a dependency, which the documentation at /docs shows with its scopes.

    keyfob --store keys.redb init --prefix acme
    keyfob --store keys.redb create "CI deploy" --scope orders:read
    uvicorn fastapi_app:app --workers 4
"""

from typing import Annotated

from fastapi import FastAPI, Security
from keyfob import Store, VerifiedKey
from keyfob.fastapi import KeyAuth

app = FastAPI()
auth = KeyAuth(Store.open("keys.redb"))
Reader = Annotated[VerifiedKey, Security(auth, scopes=["orders:read"])]


@app.get("/orders")
async def orders(key: Reader) -> dict[str, str]:
    return {"key": key.id}

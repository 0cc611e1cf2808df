"""FastAPI, with its dependency in all the ways that one is asked for."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from keyfob import VerifiedKey
from keyfob.fastapi import KeyAuth

from . import open_store, shown

app = FastAPI(debug=True)
auth = KeyAuth(open_store)
Reader = Annotated[VerifiedKey, Security(auth, scopes=["orders:read"])]
either = KeyAuth(open_store, any_scopes=["orders:read", "orders:admin"])
shop = KeyAuth(open_store, project="shop")
perhaps = KeyAuth(open_store, optional=True)
broken = APIRouter(dependencies=[Security(auth, scopes=["orders:read"])])


@app.get("/open")
async def get_open() -> dict[str, bool]:
    return {"open": True}


@app.get("/read")
async def read(key: Reader) -> Any:
    return shown(key)


@app.get("/either")
async def get_either(key: Annotated[VerifiedKey, Depends(either)]) -> Any:
    return shown(key)


# Not `async`: a thread of FastAPI's runs it, behind the same dependency.
@app.get("/shop")
def get_shop(key: Annotated[VerifiedKey, Depends(shop)]) -> Any:
    return shown(key)


@app.get("/optional")
async def get_optional(key: Annotated[VerifiedKey | None, Depends(perhaps)]) -> Any:
    return {"id": key and key.id}


@app.websocket("/socket")
async def socket(websocket: WebSocket, key: Reader) -> None:
    await websocket.accept()
    await websocket.send_text(key.id)
    await websocket.close()


@broken.get("/broken")
async def get_broken() -> None:
    raise RuntimeError("planted")


app.include_router(broken)

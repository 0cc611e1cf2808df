"""The FastAPI application that requests a second are measured of, for uvicorn.

KEYFOB_BENCH_CHECK says what guards its route: nothing, keyfob, or one of the rivals, each as its own
pages show it. KEYFOB_BENCH_FOLDER takes the databases, and the token to present, in the file `token`.
"""

import os
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import APIKeyHeader

FOLDER = Path(os.environ["KEYFOB_BENCH_FOLDER"])
header = APIKeyHeader(name="X-API-Key")


def show(token):
    (FOLDER / "token").write_text(token)


def nothing():
    show("none")

    async def guard():
        return None

    return Depends(guard)


def keyfob():
    import keyfob
    from keyfob.fastapi import KeyAuth

    store = keyfob.Store.open(FOLDER / "application.redb", create=True, prefix="bench")
    show(store.create("bench", scopes="orders:read").token)
    return Security(KeyAuth(store), scopes=["orders:read"])


def with_sqlite():
    """hashlib and sqlite3, in a plain function, which FastAPI calls in a thread of its pool."""
    import hashlib
    import secrets
    import sqlite3

    path, token = FOLDER / "application.sqlite", secrets.token_urlsafe(32)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS keys (digest BLOB PRIMARY KEY, scopes TEXT) WITHOUT ROWID")
    connection.execute("INSERT INTO keys VALUES (?, ?)", (hashlib.sha256(token.encode()).digest(), "orders:read"))
    connection.commit()
    show(token)

    def guard(token: Annotated[str, Depends(header)]):
        other = sqlite3.connect(path)
        try:
            row = other.execute(
                "SELECT scopes FROM keys WHERE digest = ?", (hashlib.sha256(token.encode()).digest(),)
            ).fetchone()
        finally:
            other.close()
        if row is None or "orders:read" not in row[0].split():
            raise HTTPException(401)

    return Depends(guard)


def with_django():
    """djangorestframework-api-key is of Django, whose database asks for a thread."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="bench", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "application.django")}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework_api_key"])
    django.setup()
    from django.core.management import call_command
    from rest_framework_api_key.models import APIKey

    call_command("migrate", verbosity=0)
    show(APIKey.objects.create_key(name="bench")[1])

    def guard(token: Annotated[str, Depends(header)]):
        if not APIKey.objects.is_valid(token):
            raise HTTPException(401)

    return Depends(guard)


def keyshield(cached):
    import asyncio

    from keyshield import ApiKeyService
    from keyshield.hasher.argon2 import Argon2ApiKeyHasher
    from keyshield.repositories.in_memory import InMemoryApiKeyRepository
    from keyshield.services.cached import CachedApiKeyService

    kind = CachedApiKeyService if cached else ApiKeyService
    # Without the 100 to 300 ms that it adds to each answer.
    service = kind(
        repo=InMemoryApiKeyRepository(), hasher=Argon2ApiKeyHasher(pepper="bench"), min_delay=0, max_delay=0)
    made = []

    async def guard(token: Annotated[str, Depends(header)]):
        await service.verify_key(token)

    async def create():
        made.append((await service.create(name="bench"))[1])

    import threading

    # uvicorn's loop runs already where it imports this.
    thread = threading.Thread(target=lambda: asyncio.run(create()))
    thread.start()
    thread.join()
    show(made[0])
    return Depends(guard)


GUARDS = {
    "nothing": nothing,
    "keyfob": keyfob,
    "sqlite": with_sqlite,
    "django": with_django,
    "keyshield": lambda: keyshield(False),
    "keyshield-cached": lambda: keyshield(True),
}

app = FastAPI()


@app.get("/", dependencies=[GUARDS[os.environ["KEYFOB_BENCH_CHECK"]]()])
async def orders():
    return {"orders": []}

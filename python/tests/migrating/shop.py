"""Keys of keyshield in a database of its own, and the page's functions over them.

Each line of its standard input is JSON of a step, and what it is about; what comes of it is printed as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import keyfob
import keyshield_keys
from keyshield import ApiKeyService
from keyshield.domain.errors import ApiKeyError
from keyshield.hasher.argon2 import Argon2ApiKeyHasher
from keyshield.repositories.sql import SqlAlchemyApiKeyRepository
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

HERE = os.path.dirname(os.path.abspath(__file__))
DAY = timedelta(days=1)


async def issue(service: ApiKeyService, rows: dict[str, Any]) -> dict[str, list[str]]:
    """The id and token of each key."""
    issued = {}
    for name, row in rows.items():
        expires_at = datetime.now(timezone.utc) + DAY * row["days"] if "days" in row else None
        entity, token = await service.create(
            name=name, expires_at=expires_at, scopes=row.get("scopes")
        )
        if not row.get("active", True):
            entity.disable()
            await service.update(entity)
        issued[name] = [entity.id_, token]
    return issued


async def old(service: ApiKeyService, tokens: dict[str, str]) -> dict[str, str]:
    """What keyshield says of each token: the key's name, or the error's."""
    answers = {}
    for name, token in tokens.items():
        try:
            answers[name] = str((await service.verify_key(token)).name)
        except ApiKeyError as error:
            answers[name] = type(error).__name__
    return answers


async def either(service: ApiKeyService, request: dict[str, Any]) -> dict[str, str]:
    """What the check of both says of each token: the key's name, or the error's."""
    answers = {}
    for name, token in request["tokens"].items():
        try:
            key = await keyshield_keys.verify_either(service, token, request["scopes"])
            answers[name] = key.name
        except (ApiKeyError, keyfob.VerificationError, RuntimeError) as error:
            answers[name] = type(error).__name__
            assert token not in str(error)
    return answers


async def remaining(service: ApiKeyService, _: None) -> list[str]:
    return await keyshield_keys.remaining(service)


async def take_back(service: ApiKeyService, _: None) -> None:
    await keyshield_keys.take_back(service)


STEPS = {
    "issue": issue,
    "old": old,
    "either": either,
    "remaining": remaining,
    "take-back": take_back,
}


async def main() -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{HERE}/keyshield.sqlite3")
    hasher = Argon2ApiKeyHasher(pepper="not used for anything")
    async with AsyncSession(engine) as session:
        repository = SqlAlchemyApiKeyRepository(session)
        await repository.ensure_table(engine)
        service = ApiKeyService(repository, hasher, min_delay=0, max_delay=0)
        for line in sys.stdin:
            step, asked = json.loads(line)
            answered = await STEPS[step](service, asked)
            await session.commit()
            print(json.dumps(answered), flush=True)
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())

"""What else runs while a store is called: on gevent's hub, and on the loop of asyncio."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyfob
import pytest
from deployments import HERE


@pytest.fixture
def token(store: keyfob.Store) -> str:
    return store.create("a key").token


def test_a_call_blocks_the_hub_of_gevent_and_one_in_its_threadpool_does_not(
    store: keyfob.Store, path: Path, token: str
) -> None:
    # In a process of its own, where everything is patched and the key was never verified.
    printed = subprocess.run(
        [sys.executable, str(HERE / "counting_gevent.py"), str(path), token],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    counted = json.loads(printed)
    assert counted.pop("a change in a thread of the pool") > 0
    assert counted == {"the first verification of a key": 0, "the next": 0, "a change": 0}
    assert sorted(key.name for key in store.list()) == ["a", "a key", "b"]


def test_a_change_blocks_the_loop_of_asyncio_and_one_in_a_thread_does_not(
    store: keyfob.Store, token: str
) -> None:
    async def counted() -> dict[str, int]:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        running = asyncio.create_task(other())
        await asyncio.sleep(0)

        def during(call: Callable[..., Any], *arguments: Any) -> int:
            begin = turns
            call(*arguments)
            return turns - begin

        found = {"verify": during(store.verify, token), "change": during(store.create, "b")}
        begin = turns
        await asyncio.to_thread(store.create, "c")
        found["change in a thread"] = turns - begin
        running.cancel()
        return found

    found = asyncio.run(counted())
    assert found.pop("change in a thread") > 0
    assert found == {"verify": 0, "change": 0}

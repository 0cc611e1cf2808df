"""A process that verifies for months is not to grow."""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import keyfob
import pytest

CALLS = 1_000_000


def growth(work: Callable[[], object], calls: int) -> "tuple[int, int]":
    """How many objects of Python's and bytes of memory so many calls leave behind, after what they
    need once is there."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    for _ in itertools.repeat(None, calls // 10):
        work()
    blocks, memory = sys.getallocatedblocks(), resident()
    for _ in itertools.repeat(None, calls):
        work()
    return sys.getallocatedblocks() - blocks, resident() - memory


def test_a_million_verifications_leave_nothing_behind(store: keyfob.Store) -> None:
    good = store.create("a", scopes="orders:read").token
    disabled = store.create("b")
    store.disable(disabled.key.id)
    mistyped = good[:-1] + ("0" if good[-1] != "0" else "1")
    header = f"Bearer {good}"

    def raises() -> None:
        with pytest.raises(keyfob.KeyDisabled):
            store.verify(disabled.token)

    # Ten of them, one that raises: pytest's own part of that takes longer than the rest.
    turns = [
        lambda: store.check(good),
        lambda: store.check(good, scopes="orders:read"),
        lambda: store.check(good, scopes=["orders:read"], any_scopes=("orders:read", "b")),
        lambda: store.check(good, environment=keyfob.ANY, project=keyfob.ANY),
        lambda: store.verify(good.encode(), scopes="orders:read").scopes,
        lambda: store.verify_authorization(header),
        lambda: store.check(mistyped),
        lambda: store.check(disabled.token),
        lambda: store.check(good, scopes="orders:write"),
        raises,
    ]

    def each() -> None:
        for turn in turns:
            turn()

    blocks, memory = growth(each, CALLS // len(turns))
    assert blocks < 1_000 and memory < 2**20


def test_an_object_left_behind_by_each_call_is_noticed() -> None:
    kept: list[object] = []
    blocks, _ = growth(lambda: kept.append(object()), 10_000)
    assert blocks > 5_000
    chunks: list[bytes] = []
    _, memory = growth(lambda: chunks.append(bytes(100)), CALLS // 10)
    assert memory > 2**20

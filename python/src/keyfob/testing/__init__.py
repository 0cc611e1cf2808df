"""For the tests of programs that use a store: stores that are thrown away, and keys for whatever
is handed one.

    from keyfob.testing import fake_key, temporary_store

    with temporary_store() as store:
        token = store.create("a key", scopes="orders:read").token

    key = fake_key(scopes="orders:read", owner="ann")

`keyfob.testing.fixtures` has the same as fixtures of pytest. Nothing else of keyfob imports this
module, and it imports no test framework.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from .._enums import ANY, NEVER
from .._native import ManualClock, Store, VerifiedKey
from ..errors import NoSuchProject

__all__ = ["fake_key", "temporary_store"]


@contextmanager
def temporary_store(
    *, prefix: str = "test", actor: str = "tests", clock: ManualClock | None = None
) -> Iterator[Store]:
    """A new store, which is closed and removed at the end of the block.

    It is in memory (`/dev/shm`) where the system has that: every change waits for its disk.
    `prefix` is that of its tokens, `actor` who the log shows, and `clock` where it reads the time;
    else that is the system's.

    A child of a fork that leaves the block leaves the file to its parent.

    Raises `MisuseError` for a prefix or an actor that is not of its form.
    """
    owner = os.getpid()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="keyfob-", dir=memory))
    try:
        with Store.open(
            folder / "keys.redb", create=True, prefix=prefix, actor=actor, clock=clock
        ) as store:
            yield store
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


def fake_key(
    *,
    scopes: str | Iterable[str] = (),
    project: str | None = None,
    owner: str | None = None,
    environment: str = "live",
    name: str = "fake",
    metadata: Mapping[str, str] | None = None,
    expires_at: datetime | None = None,
) -> VerifiedKey:
    """A verified key, to call with it what an application guards by one.

    It is no imitation: only a verification makes a `VerifiedKey`, so a key with these fields is
    created in a hidden store of this process, and its token verified there. Each call makes another
    key. The application's own store knows nothing of it: what looks its `id` up there finds no key.

    `expires_at` is what the key says of itself, in the past as well. Raises `MisuseError` for what
    is not of its form.
    """
    store = _hidden(os.getpid())
    if project is not None:
        make_project(store, project)
    issued = store.create(
        name,
        scopes=scopes,
        project=project,
        owner=owner,
        environment=environment,
        metadata=metadata,
        expires_at=NEVER if expires_at is None else expires_at,
    )
    return store.verify(issued.token, project=ANY, environment=ANY)


def make_project(store: Store, name: str) -> None:
    """Sees to it that a project is there; a new one bounds nothing."""
    try:
        store.project(name)
    except NoSuchProject:
        store.create_project(name, scopes="*")


@functools.cache
def _hidden(_process: int) -> Store:
    """The store of `fake_key`, kept until the process ends. A child of a fork makes one for itself:
    the file of its parent may go before it does."""
    until_exit = ExitStack()
    # Its clock stands early, so that an application's test may say of a key that it expired.
    early = ManualClock(datetime(2000, 1, 1, tzinfo=timezone.utc))
    store = until_exit.enter_context(temporary_store(prefix="fake", clock=early))
    atexit.register(until_exit.close)
    return store

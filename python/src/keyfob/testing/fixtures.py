"""Fixtures of pytest, for the tests of programs that use a store. They are there where the
`conftest.py` at the root of the tests asks for them:

    pytest_plugins = ["keyfob.testing.fixtures"]

A fixture of the same name in a `conftest.py` or a module takes the place of one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Protocol

import pytest

from .._native import Issued, ManualClock, Store
from . import make_project, temporary_store

__all__ = ["KeyFactory", "keyfob_clock", "keyfob_key", "keyfob_store"]


class KeyFactory(Protocol):
    """What the fixture `keyfob_key` is: a function that creates a key in `keyfob_store`."""

    def __call__(
        self,
        name: str = "a key",
        *,
        scopes: str | Iterable[str] = (),
        project: str | None = None,
        owner: str | None = None,
        environment: str = "live",
        metadata: Mapping[str, str] | None = None,
        expires_in: timedelta | None = None,
    ) -> Issued:
        """Creates a key, and its project where that is not there."""


@pytest.fixture
def keyfob_clock() -> ManualClock:
    """The clock of `keyfob_store`. It stands at the time that the test began, until it is moved."""
    return ManualClock(datetime.now(timezone.utc).replace(microsecond=0))


@pytest.fixture
def keyfob_store(keyfob_clock: ManualClock) -> Iterator[Store]:
    """A store of this test alone, by `keyfob_clock`."""
    with temporary_store(clock=keyfob_clock) as store:
        yield store


@pytest.fixture
def keyfob_key(keyfob_store: Store) -> KeyFactory:
    """A function that creates a key in `keyfob_store`; what it returns has the `token`."""

    def create(
        name: str = "a key",
        *,
        scopes: str | Iterable[str] = (),
        project: str | None = None,
        owner: str | None = None,
        environment: str = "live",
        metadata: Mapping[str, str] | None = None,
        expires_in: timedelta | None = None,
    ) -> Issued:
        if project is not None:
            make_project(keyfob_store, project)
        return keyfob_store.create(
            name,
            scopes=scopes,
            project=project,
            owner=owner,
            environment=environment,
            metadata=metadata,
            expires_in=expires_in,
        )

    return create

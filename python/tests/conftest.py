"""A store of its own for each test, and the vectors that all languages read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyfob
import pytest

VECTORS = Path(__file__).resolve().parents[2] / "tests/vectors"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.redb"


@pytest.fixture
def store(path: Path) -> Iterator[keyfob.Store]:
    with keyfob.Store.open(path, create=True, prefix="acme", actor="tests") as store:
        yield store

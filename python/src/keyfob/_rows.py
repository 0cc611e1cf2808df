"""Rows of another system's database, as the lines that an import reads."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime


def line_of(row: object) -> str:
    """The line of a row: JSON, with times in ISO 8601.

    Raises `TypeError` for what is no row, without a word of what is in it: it may be a key.
    """
    if not isinstance(row, Mapping):
        raise TypeError(f"a row must be a str, bytes or a mapping, not {type(row).__name__}")
    return json.dumps(dict(row), default=_plain, ensure_ascii=False)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"a row holds a {type(value).__name__}, which no format has; leave it out")

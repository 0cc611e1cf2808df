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
    why = f"a row must be a str, bytes or a mapping, not {type(row).__name__}"
    try:
        if isinstance(row, Mapping):
            return json.dumps(dict(row), default=_plain, ensure_ascii=False)
    except TypeError as error:
        why = str(error)
    finally:
        # What a traceback shows of this frame, or of json's, must not be a key.
        del row
    raise TypeError(why)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(f"a row holds a {type(value).__name__}, which no format has; leave it out")

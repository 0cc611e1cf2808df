"""Rows of another system's database, as the lines that an import reads."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime


class _Unknown(TypeError):
    """A value of a type that no format has."""


def line_of(row: object) -> tuple[str, str | None]:
    """The line of a row: JSON, with times in ISO 8601; or no line, and why it has none.

    Raises `TypeError` for what is no row, and what a mapping itself raises. No word of what is in a
    row is in what is answered or raised here: it may be a key.
    """
    kind = type(row).__name__
    # What a traceback shows of this frame, or of json's, must not be a key either.
    try:
        fields = dict(row) if isinstance(row, Mapping) else None
    finally:
        del row
    if fields is None:
        raise TypeError(f"a row must be a str, bytes or a mapping, not {kind}")
    try:
        return json.dumps(fields, default=_plain, ensure_ascii=False), None
    except BaseException as error:
        failed = error.with_traceback(None)
    finally:
        del fields
    if isinstance(failed, _Unknown):
        return "", str(failed)
    if isinstance(failed, Exception):
        return "", f"a row cannot be written as JSON: {type(failed).__name__}"
    raise failed


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    raise _Unknown(f"a row holds a {type(value).__name__}, which no format has; leave it out")

"""What the tests have gunicorn do beside its arguments: with --preload its main process has the
store open, and makes a key with it when everything is over."""

from __future__ import annotations

import sys
from typing import Any


def on_exit(_server: Any) -> None:
    served = sys.modules.get("wsgi_app")
    if served is not None:
        served.store.create("made by the main process")

"""The application under test for Celery. The main process imports it, so that the workers of the
prefork pool inherit the open store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keyfob
from answers import Answer, answer
from celery import Celery, signals


def configured(folder: Path, publish: str = "queue") -> Celery:
    """An application whose broker and results are files of a folder; what it publishes goes into
    the one of this name."""
    for name in ("queue", "control", "results", publish):
        (folder / name).mkdir(exist_ok=True)
    app = Celery("keys", broker="filesystem://", backend=f"file://{folder / 'results'}")
    app.conf.update(
        broker_transport_options={
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / publish),
            "control_folder": str(folder / "control"),
            "polling_interval": 0.01,
        },
        broker_connection_retry_on_startup=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
    )
    return app


if "KEYS" in os.environ:
    app = configured(Path(os.environ["QUEUE"]))
    store = keyfob.Store.open(os.environ["KEYS"])

    def task(verb: str, argument: str) -> Answer:
        return answer(store, verb, argument)

    def made_by_the_main_process(**_: Any) -> None:
        store.create("made by the main process")

    app.task(task, name="answer")
    signals.worker_shutdown.connect(made_by_the_main_process)

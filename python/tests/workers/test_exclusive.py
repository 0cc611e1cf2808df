"""A store that one process has for itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keyfob
from clients import audit, from_each_worker
from deployments import HERE, gunicorn


def test_a_store_that_was_opened_exclusively_before_the_fork_says_what_to_do(
    tmp_path: Path,
) -> None:
    keys = tmp_path / "keys.redb"
    keyfob.Store.open(keys, create=True, prefix="acme").close()
    deployment = gunicorn(keys, "--preload", mode="exclusive")
    try:
        answers = [
            *from_each_worker(deployment.ask, "create", "a"),
            *from_each_worker(deployment.ask, "check", "no token"),
        ]
    finally:
        status = deployment.stop()
    assert status == 0, deployment.server.said
    for answer in answers:
        assert answer["error"] == "StoreForked"
        assert "open it after the fork, or without `exclusive`" in str(answer["message"])
    # The main process, whose store it is, was not disturbed.
    assert audit(keys).names == ["made by the main process"]


def test_a_second_process_cannot_open_a_store_that_one_has_for_itself(tmp_path: Path) -> None:
    keys = tmp_path / "keys.redb"
    with keyfob.Store.open(keys, create=True, prefix="acme", mode="exclusive"):
        auditor = [sys.executable, str(HERE / "audit.py"), str(keys)]
        refused = subprocess.run(auditor, stderr=subprocess.PIPE, text=True, check=False)
    assert refused.returncode == 1
    assert "keyfob.errors.StoreLocked" in refused.stderr

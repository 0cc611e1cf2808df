"""Workers that are killed while they write."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import keyfob
import pytest
from clients import Written, audit, from_each_worker, write
from deployments import gunicorn

KILLS = 5
#: Writes that are answered between one kill and the next.
BETWEEN = 30


@pytest.mark.parametrize("options", ["", "--preload"], ids=["opened by each worker", "inherited"])
def test_a_worker_that_is_killed_amid_writes_loses_nothing_and_stops_nobody(
    tmp_path: Path, options: str
) -> None:
    keys = tmp_path / "keys.redb"
    keyfob.Store.open(keys, create=True, prefix="acme").close()
    deployment = gunicorn(keys, options)
    written, killed, killing = Written(), list[Any](), threading.Lock()

    def done() -> bool:
        with killing:
            # Those that answered and were not killed are there.
            there = written.pids.difference(killed)
            if there and len(killed) < KILLS and written.count >= BETWEEN * (len(killed) + 1):
                killed.append(max(there))
                os.kill(killed[-1], signal.SIGKILL)
            return len(killed) == KILLS and written.count >= BETWEEN * (KILLS + 2)

    try:
        write(deployment.ask, written, done)
        # Those that took the places of the killed ones are there as well. (gunicorn loses a SIGTERM
        # that comes while a worker boots, and waits for it for half a minute.)
        after = from_each_worker(deployment.ask, "check", "no token")
    finally:
        status = deployment.stop()
    assert status == 0, deployment.server.said
    assert written.pids > set(killed), deployment.server.said
    assert not {answer["pid"] for answer in after}.intersection(killed)
    assert written.errors() == []
    print("UNANSWERED", len(written.unanswered), written.count, len(set(written.pids)))

    found = audit(keys)
    ours = [key for key in found.keys if key[1].startswith("client ")]
    states = {key: state for key, _, state in ours}
    names = sorted(name for _, name, _ in ours)
    assert (found.damage, found.checked) == ([], 0)
    # What was answered is there, and nothing that was not asked for; of the rest nobody knows.
    assert set(written.created) <= set(names) <= set(written.attempted)
    assert len(names) == len(set(names))
    assert {str(answer["id"]) for answer in written.revoked} <= found.revoked <= set(written.doomed)
    assert {str(answer["id"]) for answer in written.created.values()} <= states.keys()
    # Whatever a killed worker held, the others went on without it.
    with keyfob.Store.open(keys) as store:
        assert store.create("afterwards").token

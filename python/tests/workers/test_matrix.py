"""One store under each server and pool, in several worker processes that change it at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keyfob
import pytest
from answers import Answer
from clients import Audit, Written, audit, command, from_each_worker, write
from deployments import DEPLOYMENTS, WORKERS

WRITES = 200


@dataclass(frozen=True)
class Outcome:
    """What one deployment did, from its start to its end."""

    main_has_the_store: bool
    written: Written
    #: Answers for one key: before and after the command `keyfob` revoked it.
    before: list[Answer]
    after: list[Answer]
    status: int
    found: Audit


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def outcome(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcome]:
    keys = Path(tmp_path_factory.mktemp("keys")) / "keys.redb"
    with keyfob.Store.open(keys, create=True, prefix="acme") as store:
        shared = store.create("revoked by the command")
    start, main_has_the_store = DEPLOYMENTS[request.param]
    deployment = start(keys)
    try:
        written = Written()
        write(
            deployment.ask,
            written,
            lambda: written.count >= WRITES and len(written.pids) == WORKERS,
        )
        before = from_each_worker(deployment.ask, "check", shared.token)
        revoking = command(keys, "revoke", shared.key.id)
        assert revoking.returncode == 0, revoking.stderr
        after = from_each_worker(deployment.ask, "check", shared.token)
    finally:
        status = deployment.stop()
        print(deployment.server.said)
    yield Outcome(main_has_the_store, written, before, after, status, audit(keys))


def test_every_worker_took_part_and_every_request_was_answered(outcome: Outcome) -> None:
    assert len(outcome.written.pids) == WORKERS
    assert outcome.written.unanswered == []
    assert outcome.written.errors() == []


def test_every_change_that_was_answered_is_there_once(outcome: Outcome) -> None:
    created = {str(answer["id"]): name for name, answer in outcome.written.created.items()}
    revoked = {str(answer["id"]) for answer in outcome.written.revoked}
    theirs = [key for key in outcome.found.keys if key[1].startswith("client ")]
    assert sorted((key, name) for key, name, _ in theirs) == sorted(created.items())
    assert outcome.found.revoked & created.keys() == revoked
    for kind, subjects in (("key_created", created.keys()), ("key_revoked", revoked)):
        logged = [key for key in outcome.found.events_of(kind) if key in created]
        assert sorted(map(str, logged)) == sorted(subjects)


def test_a_key_that_the_command_revoked_is_refused_by_every_worker(outcome: Outcome) -> None:
    for answers, good in ((outcome.before, True), (outcome.after, False)):
        assert len({answer["pid"] for answer in answers}) == WORKERS
        assert {answer.get("good") for answer in answers} == {good}
    assert {answer["pid"] for answer in outcome.before} == {
        answer["pid"] for answer in outcome.after
    }


def test_the_file_is_whole_and_its_log_unbroken(outcome: Outcome) -> None:
    assert outcome.found.damage == []
    assert outcome.found.checked == 0


def test_the_main_process_ends_well_and_its_store_went_on(outcome: Outcome) -> None:
    assert outcome.status == 0
    made = [name for name in outcome.found.names if name == "made by the main process"]
    assert len(made) == outcome.main_has_the_store

"""Clients that write through a deployment, several at once, and remember what was answered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answers import Answer
from deployments import HERE, WORKERS, NoAnswer

CLIENTS = 4
#: When it is a fault that some worker has not answered, in requests.
ENOUGH = 20_000


@dataclass
class Written:
    """What was asked, and what was answered to it. Every list is only ever appended to."""

    #: The names of the keys that were asked for, whether or not an answer came.
    attempted: list[str] = field(default_factory=list)
    #: The answers to creations, by name.
    created: dict[str, Answer] = field(default_factory=dict)
    #: The ids of the keys whose revocation was asked for.
    doomed: list[str] = field(default_factory=list)
    #: The answers to revocations.
    revoked: list[Answer] = field(default_factory=list)
    #: Why a request had no answer, of each that had none.
    unanswered: list[str] = field(default_factory=list)

    @property
    def pids(self) -> set[Any]:
        return {answer["pid"] for answer in [*list(self.created.values()), *list(self.revoked)]}

    @property
    def count(self) -> int:
        return len(self.created) + len(self.revoked)

    def errors(self) -> list[Answer]:
        return [answer for answer in (*self.created.values(), *self.revoked) if "error" in answer]


def write(ask: Callable[[str, str], Answer], written: Written, done: Callable[[], bool]) -> None:
    """Creates keys and revokes every second of them, by several clients at once, until it is done.
    Where a worker goes without an answer, so that nobody knows, the client goes on."""

    def client(number: int) -> None:
        turn = 0
        while not done():
            assert written.count < ENOUGH, f"these alone answered: {written.pids}"
            turn += 1
            name = f"client {number}, key {turn}"
            written.attempted.append(name)
            try:
                answer = written.created[name] = ask("create", name)
                if turn % 2 and "id" in answer:
                    written.doomed.append(str(answer["id"]))
                    written.revoked.append(ask("revoke", str(answer["id"])))
            except NoAnswer as why:
                written.unanswered.append(str(why))

    together(client)


def together(client: Callable[[int], None]) -> None:
    """Runs the clients at once; what one of them raises is raised."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        for running in [pool.submit(client, number) for number in range(CLIENTS)]:
            running.result()


def from_each_worker(ask: Callable[[str, str], Answer], verb: str, argument: str) -> list[Answer]:
    """Asks the same until each worker has answered it; all answers that came."""
    answers: list[Answer] = []

    def client(_number: int) -> None:
        while len({answer["pid"] for answer in list(answers)}) < WORKERS:
            assert len(answers) < ENOUGH, "some worker never answered"
            answers.append(ask(verb, argument))

    together(client)
    return answers


@dataclass(frozen=True)
class Audit:
    """What a process that took no part finds in the store."""

    damage: list[str]
    #: Ids and states by name, a list since a name may be there twice.
    keys: list[tuple[str, str, str]]
    #: Kinds of events, and whose.
    events: list[tuple[str, str | None]]
    #: What the command `keyfob check` ended with: 0 where every row and the log's chain are whole.
    checked: int

    @property
    def names(self) -> list[str]:
        return sorted(name for _, name, _ in self.keys)

    @property
    def revoked(self) -> set[str]:
        return {key for key, _, state in self.keys if state == "revoked"}

    def events_of(self, kind: str) -> list[str | None]:
        return [key for event, key in self.events if event == kind]


def command(keys: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "keyfob", *arguments],
        env={**os.environ, "KEYFOB_STORE": str(keys)},
        capture_output=True,
        text=True,
        check=False,
    )


def audit(keys: Path) -> Audit:
    printed = subprocess.run(
        [sys.executable, str(HERE / "audit.py"), str(keys)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    found = json.loads(printed)
    return Audit(
        damage=found["damage"],
        keys=[tuple(key) for key in found["keys"]],
        events=[tuple(event) for event in found["events"]],
        checked=command(keys, "check").returncode,
    )

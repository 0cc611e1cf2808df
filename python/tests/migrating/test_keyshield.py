"""The way from keyshield, step by step as docs/migrating.md has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from steps import Program

ROWS: dict[str, dict[str, Any]] = {
    "deploy": {"scopes": ["orders:read", "orders:write"], "days": 30},
    "report": {"scopes": ["orders:read"]},
    "inactive": {"scopes": ["orders:read"], "active": False},
    "strange": {"scopes": ["orders:read", "read all orders"]},
    "never used": {"scopes": ["orders:read"]},
}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with Program(tmp_path, "shop.py") as program:
        yield program


def test_keys_move_in_when_they_are_used_and_keyfob_decides_from_then_on(program: Program) -> None:
    issued: dict[str, list[str]] = program.do("issue", ROWS)
    ids = {name: key for name, (key, _) in issued.items()}
    tokens = {name: token for name, (_, token) in issued.items()}
    used = {name: token for name, token in tokens.items() if name != "never used"}

    def either(scope: str) -> dict[str, str]:
        answers: dict[str, str] = program.do("either", {"tokens": used, "scopes": [scope]})
        return answers

    # A key that may too little moves in as well: what it may do is the same as before.
    refused = {"inactive": "KeyInactive", "strange": "RuntimeError"}
    assert either("orders:write") == {"deploy": "deploy", "report": "InsufficientScope"} | refused
    assert either("orders:read") == {"deploy": "deploy", "report": "report"} | refused

    with program.open() as store:
        keys = {key.name: key for key in store.list()}
        assert keys.keys() == {"deploy", "report"}
        deploy, report = keys["deploy"], keys["report"]
        assert deploy.scopes == {"orders:read", "orders:write"}
        assert dict(deploy.metadata) == {"keyshield_id": ids["deploy"]}
        assert deploy.expires_at is not None and report.expires_at is None
        assert abs(deploy.expires_at - deploy.created_at - timedelta(days=30)) < timedelta(
            minutes=1
        )
        # Step 5: keyfob alone.
        assert store.verify(tokens["report"], scopes="orders:read").id == report.id
        store.revoke(deploy.id)
    assert either("orders:read")["deploy"] == "KeyRevoked"
    left = {ids["strange"], ids["never used"]}
    assert set(program.do("remaining")) == left

    # Going back would revive what was revoked, unless keyshield is told.
    asked = {name: tokens[name] for name in ("deploy", "report")}
    assert program.do("old", asked) == {"deploy": "deploy", "report": "report"}
    program.do("take-back")
    assert program.do("old", asked) == {"deploy": "KeyInactive", "report": "report"}


@pytest.mark.parametrize("gone", ["a key that moved in", "the log's beginning", "a key made here"])
def test_where_nobody_knows_what_was_pruned_going_back_takes_away_what_is_not_in_the_store(
    program: Program, gone: str
) -> None:
    issued: dict[str, list[str]] = program.do("issue", ROWS)
    tokens = {name: token for name, (_, token) in issued.items()}
    used = {name: tokens[name] for name in ("deploy", "report")}
    program.do("either", {"tokens": used, "scopes": ["orders:read"]})
    with program.open() as store:
        keys = {key.name: key.id for key in store.list()}
        made_here = store.create("made here").key.id
    program.prune(made_here if gone == "a key made here" else keys["deploy"])
    if gone == "the log's beginning":
        with program.open() as store:
            store.prune_log(store.stats().sequence)
    program.do("take-back")
    good = {"report"}
    if gone == "a key made here":
        good = tokens.keys() - {"inactive"}
    answers = program.do("old", tokens)
    assert {name for name, said in answers.items() if said == name} == good

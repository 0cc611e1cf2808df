"""The way from django-rest-knox, step by step as docs/migrating.md has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import page
import pytest
from keyfob import KeyState, WrongEnvironment
from steps import Program

ROWS: dict[str, dict[str, Any]] = {
    "ann": {},
    "bob": {"days": 100},
    "eve": {"active": False},
    "old": {"days": -1},
}


class Moving:
    """The program, and the tokens by user."""

    def __init__(self, program: Program) -> None:
        self.program = program
        program.write("export_knox.py", page.export("AuthToken"))
        self.tokens: dict[str, str] = program.do("issue-knox", ROWS)
        self.users: dict[str, int] = program.do("users")

    def good(self, path: str, **tokens: str) -> set[str]:
        """The users whose tokens are let through, as the views saw them."""
        tokens = tokens or self.tokens
        asked = {"path": f"knox/{path}", "scheme": "Token", "tokens": tokens}
        answers = self.program.do("ask", asked)
        assert {status for status, _ in answers.values()} <= {200, 401}
        assert all(user == name for name, (status, user) in answers.items() if status == 200)
        return {name for name, (status, _) in answers.items() if status == 200}

    def do_import(self) -> None:
        (commands,) = [command for command in page.COMMANDS if "knox" in command]
        done = self.program.shell(commands)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Moving]:
    with Program(tmp_path, "project.py", "manage.py") as program:
        yield Moving(program)


def test_sessions_go_on_with_their_user_and_their_expiry(moving: Moving) -> None:
    moving.do_import()
    with moving.program.open() as store:
        keys = {key.owner: key for key in store.list()}
    assert keys.keys() == {str(moving.users[name]) for name in ("ann", "bob", "old")}
    ann, bob, old = (keys[str(moving.users[name])] for name in ("ann", "bob", "old"))
    assert (ann.name, ann.expires_at, ann.state) == ("session", None, KeyState.ACTIVE)
    assert bob.expires_at is not None
    assert abs(bob.expires_at - bob.created_at - timedelta(days=100)) < timedelta(minutes=1)
    assert old.state is KeyState.EXPIRED
    assert moving.good("new") == moving.good("either") == {"ann", "bob"}
    # knox forgets what has expired when it is asked, so it comes last.
    assert moving.good("old") == {"ann", "bob"}


def test_a_session_moves_in_when_it_is_used_and_keyfob_decides_from_then_on(
    moving: Moving,
) -> None:
    assert moving.good("new") == set()
    assert moving.good("either") == {"ann", "bob"}
    assert moving.good("new") == {"ann", "bob"}
    moving.program.do("log-out", moving.tokens["ann"])
    assert moving.good("either") == {"bob"}
    # Going back would let her in again, unless the old table is told.
    assert moving.good("old") == {"ann", "bob"}
    moving.program.do("take-back-knox")
    assert moving.good("old") == {"bob"}


def test_a_login_is_a_key_of_keyfob_and_a_user_who_leaves_is_refused(moving: Moving) -> None:
    token = moving.program.do("log-in", "bob")
    assert token.startswith("acme_")
    for path, good in (("old", set()), ("either", {"bob"}), ("new", {"bob"})):
        assert moving.good(path, bob=token) == good
    moving.program.do("deactivate", "bob")
    assert moving.good("new", bob=token) == moving.good("either", bob=token) == set()


def test_a_session_that_was_pruned_is_not_good_again_after_going_back(moving: Moving) -> None:
    moving.do_import()
    with moving.program.open() as store:
        (ann,) = store.list(owner=str(moving.users["ann"]))
    moving.program.prune(ann.id)
    assert moving.good("either") == {"bob"}
    moving.program.do("take-back-knox")
    assert moving.good("old") == {"bob"}


def test_going_back_ends_one_session_of_a_user_and_not_the_others(moving: Moving) -> None:
    assert moving.good("either", ann=moving.tokens["ann"]) == {"ann"}
    other = moving.program.do("log-in-knox", "ann")
    moving.program.do("log-out", moving.tokens["ann"])
    moving.program.do("take-back-knox")
    assert moving.good("old", ann=moving.tokens["ann"]) == set()
    assert moving.good("old", ann=other) == {"ann"}


def test_an_ordinary_key_of_a_user_is_no_session_and_a_session_no_ordinary_key(
    moving: Moving,
) -> None:
    moving.do_import()
    session = moving.program.do("log-in", "ann")
    with moving.program.open() as store:
        ann = str(moving.users["ann"])
        for scopes in ("orders:read", "*"):
            job = store.create("export job", owner=ann, scopes=scopes).token
            assert moving.good("new", ann=job) == moving.good("either", ann=job) == set()
        for token in (session, moving.tokens["bob"]):
            with pytest.raises(WrongEnvironment):
                store.verify(token)


def test_a_store_that_does_not_answer_is_503_and_the_old_package_is_not_asked(
    moving: Moving,
) -> None:
    moving.program.do("close-store")
    for path in ("either", "new"):
        tokens = {"ann": moving.tokens["ann"]}
        asked = {"path": f"knox/{path}", "scheme": "Token", "tokens": tokens}
        assert moving.program.do("ask", asked) == {"ann": [503, "1"]}

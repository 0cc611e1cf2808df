"""The way from djangorestframework-api-key, step by step as docs/migrating.md has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyfob
import page
import pytest
from keyfob import KeyState
from steps import Program

ROWS: dict[str, dict[str, Any]] = {
    "deploy": {},
    "for ten years": {"days": 3650},
    "expired": {"days": -1},
    "revoked": {"revoked": True},
    "slow": {"hasher": "pbkdf2_sha256"},
    "slow and expired": {"hasher": "pbkdf2_sha256", "days": -1},
    "scrypt": {"hasher": "scrypt"},
    "argon2": {"hasher": "argon2"},
    "bcrypt": {"hasher": "bcrypt_sha256"},
    "never used": {"hasher": "pbkdf2_sha1"},
}
FAST = {name for name, row in ROWS.items() if "hasher" not in row}
GOOD = ROWS.keys() - {"expired", "revoked", "slow and expired"}


class Moving:
    """The program, and the tokens by name."""

    def __init__(self, program: Program, rows: dict[str, dict[str, Any]]) -> None:
        self.program = program
        program.write("export_drf.py", page.export("APIKey"))
        self.tokens: dict[str, str] = program.do("issue-drf", rows)

    def good(self, path: str, *names: str) -> set[str]:
        """The names whose tokens are let through."""
        tokens = {name: self.tokens[name] for name in names or self.tokens}
        asked = {"path": f"drf/{path}", "scheme": "Api-Key", "tokens": tokens}
        answers = self.program.do("ask", asked)
        assert {status for status, _ in answers.values()} <= {200, 403}
        return {name for name, (status, _) in answers.items() if status == 200}

    def do_import(self) -> Any:
        (commands,) = [command for command in page.COMMANDS if "drf" in command]
        return self.program.shell(commands)

    def keys(self) -> dict[str, keyfob.KeyInfo]:
        with self.program.open() as store:
            found = list(store.list())
        assert len({key.name for key in found}) == len(found)
        return {key.name: key for key in found}


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Moving]:
    with Program(tmp_path, "project.py", "manage.py") as program:
        yield Moving(program, ROWS)


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Moving]:
    """With one key of each kind, since those that are hashed slowly are issued slowly."""
    with Program(tmp_path, "project.py", "manage.py") as program:
        yield Moving(program, {name: ROWS[name] for name in ("deploy", "slow")})


def test_every_key_works_through_all_steps_as_it_did_before(moving: Moving) -> None:
    # The row that is never used is as slow as version 2 left it, so it is not asked for here.
    used = set(ROWS) - {"never used"}
    imported = moving.do_import()
    # Of the slow ones every line is refused, and says why.
    assert imported.returncode == 1
    assert imported.stderr.count("a slow password hash") == len(ROWS) - len(FAST), imported
    assert moving.keys().keys() == FAST

    assert moving.good("new") == GOOD & FAST
    assert moving.good("either", *used) == GOOD & used
    assert moving.keys().keys() == FAST | GOOD & used
    assert moving.program.do("remaining-drf") == ["never used"]
    assert moving.good("new") == GOOD & used

    # Importing again brings in nothing twice. (The package hashes a key anew when it is shown, also
    # where it has expired; so that one comes in now, as expired as it is.)
    before = moving.keys()
    assert moving.do_import().returncode == 1
    after = moving.keys()
    assert after.pop("slow and expired").state is KeyState.EXPIRED
    # Not as a whole: when they were last used is written now and then.
    assert {key.id: key.sequence for key in after.values()} == {
        key.id: key.sequence for key in before.values()
    }
    assert moving.good("old") == GOOD


def test_names_expiries_and_revocations_come_along(moving: Moving) -> None:
    moving.do_import()
    keys = moving.keys()
    assert {name: key.state for name, key in keys.items()} == {
        "deploy": KeyState.ACTIVE,
        "for ten years": KeyState.ACTIVE,
        "expired": KeyState.EXPIRED,
        "revoked": KeyState.REVOKED,
    }
    assert keys["deploy"].expires_at is None
    ten_years = keys["for ten years"]
    assert ten_years.expires_at is not None
    assert abs((ten_years.expires_at - ten_years.created_at).days - 3650) <= 1
    for name, key in keys.items():
        assert key.imported and key.metadata["imported_id"] == moving.tokens[name].split(".")[0]


def test_what_keyfob_took_away_stays_away_while_both_are_asked_and_after_going_back(
    moving: Moving,
) -> None:
    moving.do_import()
    assert moving.good("either", "slow") == {"slow"}
    keys = moving.keys()
    with moving.program.open() as store:
        store.revoke(keys["slow"].id)
        store.rotate(keys["for ten years"].id)
    assert moving.good("either", "deploy", "for ten years", "slow") == {"deploy"}
    # The old table knows nothing of it, until it is told.
    assert moving.good("old") == GOOD
    moving.program.do("take-back-drf")
    assert moving.good("old") == GOOD - {"slow", "for ten years"}


def test_a_key_that_was_pruned_is_not_good_again_after_going_back(few: Moving) -> None:
    few.do_import()
    assert few.program.do("remaining-drf") == ["slow"]
    assert few.good("either") == {"deploy", "slow"}
    keys = few.keys()
    few.program.prune(keys["deploy"].id, keys["slow"].id)
    assert few.good("either") == set()
    # Nor are their holders among those who are sent a new key.
    assert few.program.do("remaining-drf") == []
    assert few.good("old") == {"deploy", "slow"}
    few.program.do("take-back-drf")
    assert few.good("old") == set()


def test_going_back_leaves_no_row_good_that_the_store_cannot_read(few: Moving) -> None:
    few.do_import()
    with few.program.open() as store:
        store.revoke(few.keys()["deploy"].id)
    few.program.do("rename-drf", ["deploy", "de\nploy"])
    few.program.do("take-back-drf")
    # The other is hashed slowly: it never moved in, and is as good as it was.
    assert few.good("old") == {"slow"}


def test_a_store_that_does_not_answer_is_503_and_the_old_package_is_not_asked(few: Moving) -> None:
    few.program.do("close-store")
    for path in ("either", "new"):
        tokens = {"deploy": few.tokens["deploy"]}
        asked = {"path": f"drf/{path}", "scheme": "Api-Key", "tokens": tokens}
        assert few.program.do("ask", asked) == {"deploy": [503, "1"]}

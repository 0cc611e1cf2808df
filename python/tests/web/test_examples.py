"""The examples run as their first lines say, and docs/python-web.md shows them as they are."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import keyfob
import pytest
import site_of_tests as site_of_tests  # Of Django's, parts of an application need settings.
from harness import serving

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((ROOT / "examples/python").glob("*.py"))
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs/python-web.md").read_text("utf-8"), re.M | re.S
)


def commands(example: Path) -> list[list[str]]:
    """The commands of the docstring, in the order in which they are typed."""
    lines = re.findall(r"^    (\w.*)$", example.read_text("utf-8").split('"""')[1], re.M)
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.stem for example in EXAMPLES])
def test_an_example_runs_by_its_own_commands(example: Path, tmp_path: Path) -> None:
    init, create, (server, app, *options) = commands(example)
    (tmp_path / example.name).write_bytes(example.read_bytes())
    token = ""
    for program, *arguments in (init, create):
        assert program == "keyfob"
        made = subprocess.run(
            [sys.executable, "-m", "keyfob", *arguments],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        token = made.stdout.strip()
    socket = {"uvicorn": ("--fd", "{fd}"), "gunicorn": ("--bind", "fd://{fd}")}[server]
    command = ("-m", server, app, *options, *socket)
    with (
        keyfob.Store.open(tmp_path / "keys.redb") as store,
        serving(command, app, tmp_path / "log", folder=tmp_path) as running,
    ):
        (key,) = store.list()
        other = store.create("other", scopes="stock:read").token.encode()
        good = ("Authorization", b"Bearer " + token.encode())
        assert running.get("/orders").status == 401
        assert running.get("/orders", ("X-API-Key", other)).status == 403
        answer = running.get("/orders", good)
        assert (answer.status, answer.json()) == (200, {"key": key.id})
        store.revoke(key.id)
        # By whichever of the workers it is.
        assert {running.get("/orders", good).status for _ in range(20)} == {401}


def test_the_guide_shows_every_example_as_it_is() -> None:
    shown = {block for block in BLOCKS if block.startswith('"""')}
    assert shown == {example.read_text("utf-8") for example in EXAMPLES}


@pytest.mark.parametrize("block", [block for block in BLOCKS if not block.startswith('"""')])
def test_the_other_code_of_the_guide_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keyfob.Store.open("keys.redb", create=True, prefix="acme").close()
    exec(compile(block, "block", "exec"), {"__name__": "block"})

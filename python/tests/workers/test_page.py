"""The code of the page about servers runs as it stands there."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs/python-servers.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split("\n", 1)[0][:30] for block in BLOCKS])
def test_the_code_of_the_page_runs(block: str, tmp_path: Path) -> None:
    # As a script, since what is spawned imports it again.
    (tmp_path / "block.py").write_text(block, "utf-8")
    subprocess.run([sys.executable, "block.py"], cwd=tmp_path, check=True)


def test_the_wsgi_application_of_the_page_answers_as_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page: dict[str, Any] = {"__name__": "app"}
    exec(compile(BLOCKS[0], "block", "exec"), page)
    answered = []
    with page["store"] as store:
        good, other = store.create("a", scopes="orders:read"), store.create("b")
        for header in (None, "Bearer x", f"Bearer {other.token}", f"bearer {good.token}"):
            environ = {} if header is None else {"HTTP_AUTHORIZATION": header}
            page["app"](environ, lambda status, _headers: answered.append(status[:3]))
    assert answered == ["401", "401", "403", "200"]


def test_the_page_has_code_for_each_server() -> None:
    said = "\n".join(BLOCKS)
    assert all(
        word in said for word in ("gunicorn", "gevent", "uvicorn", "Celery", "multiprocessing")
    )

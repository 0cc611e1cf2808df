"""The code of the pages for Python programmers runs as it stands there.

A block that begins with the name of a file, `# conftest.py` or `# test_....py`, is that file: those of a page are
a suite of tests, that passes.
"""

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "docs/python.md", "docs/python-testing.md", "python/README.md"]
FILE = re.compile(r"# (conftest|test_\w+)\.py\n")


def blocks(page: str) -> "list[str]":
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S)


BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page))
    if not FILE.match(block)
]
SUITES = [page for page in PAGES if any(map(FILE.match, blocks(page)))]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_code_of_the_pages_runs(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "block", "exec"), {"__name__": "block"})


@pytest.mark.parametrize("page", SUITES)
def test_the_tests_of_the_pages_pass(page: str, pytester: pytest.Pytester) -> None:
    files = {named[1]: block for block in blocks(page) if (named := FILE.match(block))}
    pytester.makepyfile(**files)
    tests = sum(block.count("def test_") for block in files.values())
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=tests)


def test_every_page_has_code() -> None:
    found = {str(block.id).rsplit("-", 1)[0] for block in BLOCKS}
    assert found == set(PAGES)
    assert SUITES == ["docs/python-testing.md"]

"""The code of docs/migrating.md: its files, its commands, and the exports of docs/importing.md."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"
_PAGE = (DOCS / "migrating.md").read_text("utf-8")
_BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```", _PAGE, re.M | re.S)

#: The files of the page, by the name that each begins with.
FILES = {
    block.split("\n", 1)[0].removeprefix("# "): block for kind, block in _BLOCKS if kind == "python"
}
#: The commands of the page, in its order.
COMMANDS = [block for kind, block in _BLOCKS if kind == "sh"]


def export(model: str) -> str:
    """The lines of importing.md that print the rows of a model."""
    text = (DOCS / "importing.md").read_text("utf-8")
    for block in re.findall(r"(?:^    .*\n)+", text, re.M):
        lines = [line[4:] for line in block.splitlines()]
        if lines[0].startswith("import json;") and f"import {model}" in lines[0]:
            return "\n".join(lines) + "\n"
    raise LookupError(f"importing.md exports no {model}")


def write(folder: Path) -> None:
    """Puts the page's files into a folder."""
    for name, block in FILES.items():
        (folder / name).write_text(block, "utf-8")

"""The command `keyfob`, also as `python -m keyfob`."""

from __future__ import annotations

import sys
from typing import NoReturn

from ._native import _command


def main() -> NoReturn:
    """Runs the command with this process's arguments, and ends the process with its status."""
    sys.exit(_command(["keyfob", *sys.argv[1:]]))


if __name__ == "__main__":
    main()

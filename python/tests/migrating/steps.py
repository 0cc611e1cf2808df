"""A folder with a program that has the page's files, and a store beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import keyfob
import page

HERE = Path(__file__).resolve().parent


class Program:
    """A program of this folder, started in another one, that does a step after the other."""

    def __init__(self, folder: Path, *files: str) -> None:
        self._folder = folder
        for name in files:
            shutil.copy(HERE / name, folder)
        page.write(folder)
        self.keys = folder / "keys.redb"
        keyfob.Store.open(self.keys, create=True, prefix="acme").close()
        # The `python` and `keyfob` of the page are those of the tests.
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        self._environment = {**os.environ, "PATH": path, "KEYFOB_STORE": str(self.keys)}
        self._process = subprocess.Popen(
            [sys.executable, files[0]],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()
        if error is None:
            assert self._process.returncode == 0

    def do(self, step: str, about: Any = None) -> Any:
        """What comes of a step."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([step, about]), file=self._process.stdin, flush=True)
        answered = self._process.stdout.readline()
        assert answered, f"{step}: the program ended, and said why on its standard error"
        return json.loads(answered)

    def open(self) -> keyfob.Store:
        return keyfob.Store.open(self.keys)

    def prune(self, *ids: str) -> None:
        """Revokes keys, and removes them from the store, later by its clock."""
        with self.open() as store:
            later = max(store.revoke(key).updated_at for key in ids) + timedelta(hours=1)
        clock = keyfob.ManualClock(later)
        with keyfob.Store.open(self.keys, clock=clock) as store:
            store.prune(revoked_before=later)
            assert not {key.id for key in store.list()} & set(ids)

    def write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text, "utf-8")

    def shell(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Runs commands of the page in the program's folder."""
        return subprocess.run(
            ["bash", "-eu", "-c", commands],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

"""`manage.py keyfob ...`: the command `keyfob` on the configured store."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from keyfob._native import _command
from keyfob.django._guard import setting


class Command(BaseCommand):
    """Passes its arguments on; the store, its pepper and GROUP come from the settings."""

    help = "Manages the API keys of the configured store, as the command keyfob does."

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        """Runs the command, and ends the process with its status."""
        arguments = _without_django(argv[2:])
        try:
            os.environ["KEYFOB_STORE"] = os.fspath(setting("PATH", ""))
        except ImproperlyConfigured as error:
            self.stderr.write(f"error: {error}")
            sys.exit(2)
        os.environ["KEYFOB_GROUP"] = "1" if setting("GROUP") else "0"
        os.environ["KEYFOB_PEPPER_FILE"] = _pepper_file() if setting("PEPPER") else ""
        sys.exit(_command([f"{os.path.basename(argv[0])} {argv[1]}", *arguments]))

    def print_help(self, prog_name: str, subcommand: str) -> None:
        """`manage.py help keyfob`."""
        _command([f"{prog_name} {subcommand}", "--help"])

    def handle(self, *args: object, **options: object) -> NoReturn:
        """`call_command` would end the program that calls it."""
        raise CommandError("run `manage.py keyfob`; a program uses keyfob.django.store()")


def _without_django(given: list[str]) -> list[str]:
    """The arguments without those that Django has read."""
    kept: list[str] = []
    rest = iter(given)
    for argument in rest:
        if argument in ("--settings", "--pythonpath"):
            next(rest, None)
        elif not argument.startswith(("--settings=", "--pythonpath=")):
            kept.append(argument)
    return kept


def _pepper_file() -> str:
    """The name of a file in memory that holds the pepper, for as long as this process runs."""
    file = os.memfd_create("keyfob-pepper", os.MFD_CLOEXEC)
    os.fchmod(file, 0o600)
    os.write(
        file,
        setting("PEPPER").hex().encode()
        if isinstance(setting("PEPPER"), bytes)
        else setting("PEPPER").encode(),
    )
    return f"/proc/self/fd/{file}"

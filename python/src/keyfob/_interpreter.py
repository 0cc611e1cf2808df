"""The native module is for one interpreter of a process: what it keeps belongs to that.

CPython itself refuses it to an isolated interpreter alone, from 3.12 on, and in words that do not say
what to do; one that shares the GIL, as mod_wsgi makes them, would be handed objects of another.
"""

import importlib


def refuse_a_sub_interpreter() -> None:
    """Raises `ImportError` unless this is the main interpreter of the process."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # as of 3.13, and before
        try:
            interpreters = importlib.import_module(name)
        except ImportError:
            continue
        if interpreters.get_current() != interpreters.get_main():
            raise ImportError(
                "keyfob cannot be imported in a sub-interpreter; under mod_wsgi, set WSGIApplicationGroup %{GLOBAL}"
            )
        return

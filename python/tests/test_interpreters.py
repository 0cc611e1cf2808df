"""A sub-interpreter is told, in words of ours, that it cannot have keyfob."""

import subprocess
import sys

import pytest

# What CPython calls its own interface to them, from 3.13 and before.
MODULES = ["_interpreters", "_xxsubinterpreters"]
PROGRAM = """
{first}
import {module} as interpreters
made = interpreters.create({arguments})
interpreters.run_string(made, '''
try:
    import keyfob
except ImportError as error:
    print(error, flush=True)
''')
"""


@pytest.mark.parametrize("first", ["", "import keyfob"])
@pytest.mark.parametrize("isolated", [True, False])
def test_a_sub_interpreter_is_refused_with_a_message_that_says_what_to_do(
    isolated: bool, first: str
) -> None:
    new = sys.version_info >= (3, 13)
    arguments = ("'isolated'" if isolated else "'legacy'") if new else f"isolated={isolated}"
    program = PROGRAM.format(first=first, module=MODULES[0 if new else 1], arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("keyfob cannot be imported in a sub-interpreter; under mod_wsgi")

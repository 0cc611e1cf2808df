"""The command that the package installs, on the files of the package."""

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import keyfob
import pytest

SCRIPT = [str(Path(sysconfig.get_path("scripts")) / "keyfob")]
MODULE = [sys.executable, "-m", "keyfob"]


def run(
    command: "list[str]", *arguments: str, path: Path, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, "KEYFOB_STORE": str(path)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", [SCRIPT, MODULE], ids=["script", "module"])
def test_the_command_and_the_package_use_the_same_store(
    command: "list[str]", store: keyfob.Store, path: Path
) -> None:
    made = run(command, "create", "made by the command", "--scope", "a", path=path)
    assert made.returncode == 0, made.stderr
    key = store.verify(made.stdout.strip(), scopes="a")
    assert key.name == "made by the command"
    issued = store.create("made by the package")
    good = run(command, "verify", path=path, text=issued.token)
    assert good.returncode == 0 and issued.key.id in good.stdout
    store.revoke(issued.key.id)
    refused = run(command, "verify", path=path, text=issued.token)
    assert refused.returncode == 1 and "REVOKED" in refused.stderr + refused.stdout


def test_the_command_ends_with_its_own_status(path: Path) -> None:
    assert run(SCRIPT, "--version", path=path).stdout == f"keyfob {keyfob.__version__}\n"
    assert run(SCRIPT, "no-such-verb", path=path).returncode == 2
    assert run(SCRIPT, "list", path=path).returncode == 3


def test_all_of_a_long_output_is_written(path: Path) -> None:
    written = run(SCRIPT, "completions", "bash", path=path).stdout
    assert len(written) > 10_000 and written.endswith("\n")


def test_an_argument_that_is_no_text_is_passed_on_as_it_is(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.redb"
    arguments = [os.fsencode(SCRIPT[0]), b"--store", path, b"init", b"--prefix", b"acme"]
    subprocess.run(arguments, check=True, capture_output=True)
    assert os.path.exists(path)


def test_a_revocation_by_another_process_is_seen_by_the_next_verification(
    store: keyfob.Store, path: Path
) -> None:
    issued = store.create("a")
    assert store.check(issued.token)
    assert run(SCRIPT, "revoke", issued.key.id, path=path).returncode == 0
    with pytest.raises(keyfob.KeyRevoked):
        store.verify(issued.token)


def test_ctrl_c_ends_the_command_with_its_own_status(store: keyfob.Store, path: Path) -> None:
    environment = {**os.environ, "KEYFOB_STORE": str(path)}
    with subprocess.Popen(
        [*SCRIPT, "log", "--follow"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        assert "store_created" in following.stdout.readline()
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate()
    assert following.returncode == 130
    assert "Traceback" not in errors

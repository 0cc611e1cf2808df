"""`keyfob.testing`: stores and keys for the tests of programs that use one."""

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import keyfob
import pytest
from keyfob.testing import fake_key, temporary_store

pytest_plugins = ["pytester"]


def test_a_temporary_store_is_gone_after_its_block() -> None:
    with temporary_store() as store:
        issued = store.create("a")
        assert issued.token.startswith("test_")
        assert [event.actor for event in store.log()] == ["tests", "tests"]
        folder = store.path.parent
        assert store.path.exists()
    assert not folder.exists()
    with pytest.raises(keyfob.StoreClosed):
        store.check(issued.token)


def test_a_temporary_store_is_gone_after_an_exception_as_well() -> None:
    with pytest.raises(RuntimeError, match="mine"):
        with temporary_store() as store:
            raise RuntimeError("mine")
    assert not store.path.parent.exists()


def test_a_temporary_store_takes_a_prefix_an_actor_and_a_clock() -> None:
    clock = keyfob.ManualClock(datetime(2050, 1, 1, tzinfo=timezone.utc))
    with temporary_store(prefix="acme", actor="ann", clock=clock) as store:
        issued = store.create("a", expires_in=timedelta(hours=1))
        assert issued.token.startswith("acme_")
        assert next(store.log()).actor == "ann"
        clock.advance(timedelta(hours=1))
        assert store.check(issued.token).code is keyfob.Code.EXPIRED  # type: ignore[union-attr]


def test_an_application_may_open_a_temporary_store_by_its_path() -> None:
    with temporary_store() as store, keyfob.Store.open(store.path) as theirs:
        assert theirs.check(store.create("a").token)
    clock = keyfob.ManualClock(datetime(2050, 1, 1, tzinfo=timezone.utc))
    with temporary_store(clock=clock) as store:
        with keyfob.Store.open(store.path, clock=clock) as theirs:
            assert theirs.create("a").key.created_at == clock.now()
        with pytest.raises(keyfob.StoreError, match="clock"):
            keyfob.Store.open(store.path)


LEFT = """
import os, sys
from keyfob.testing import temporary_store
with temporary_store() as store:
    child = os.fork()
    if child == 0:
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    assert store.path.exists() and store.create("parent").token
    print(store.path)
"""


def test_a_child_of_a_fork_leaves_the_temporary_store_to_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEFT], stdout=subprocess.PIPE, text=True, check=True
    )
    assert not Path(done.stdout.strip()).parent.exists()


def test_a_fake_key_is_a_verified_key_with_the_fields_that_it_is_given() -> None:
    expired = datetime(2020, 1, 1, tzinfo=timezone.utc)
    key = fake_key(
        scopes=["orders:read", "stock:*"],
        project="shop",
        owner="ann",
        environment="test",
        name="till",
        metadata={"team": "blue"},
        expires_at=expired,
    )
    assert type(key) is keyfob.VerifiedKey
    assert key.scopes == {"orders:read", "stock:*"}
    assert key.has_scope("stock:count") and not key.has_scope("orders:write")
    assert (key.project, key.owner, key.environment) == ("shop", "ann", "test")
    assert (key.name, dict(key.metadata), key.expires_at) == ("till", {"team": "blue"}, expired)


def test_a_fake_key_may_do_nothing_unless_it_is_said_and_each_is_another() -> None:
    one, other = fake_key(), fake_key(scopes="a", project="shop")
    assert (one.scopes, one.project, one.owner, one.expires_at) == (frozenset(), None, None, None)
    assert other.scopes == {"a"}
    assert one != other


FORKED = """
import os, sys
from keyfob.testing import _hidden, fake_key
fake_key()
ours = _hidden(os.getpid()).path
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert ours.exists()
assert fake_key(name="either").name == "either"
print(_hidden(os.getpid()).path)
"""


def test_a_child_of_a_fork_makes_its_own_fake_keys_and_both_tidy_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], stdout=subprocess.PIPE, text=True, check=True
    )
    paths = set(done.stdout.split())
    assert len(paths) == 2
    assert not any(Path(path).parent.exists() for path in paths)


def test_the_module_needs_no_test_framework() -> None:
    code = "import sys, keyfob.testing; sys.exit('pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, keyfob; sys.exit('keyfob.testing' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


SUITE = """
from datetime import datetime, timedelta, timezone

import keyfob
import pytest

seen = []


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_store_of_its_own(turn, keyfob_store, keyfob_key):
    assert list(keyfob_store.list()) == []
    issued = keyfob_key(scopes="orders:read", project="shop", owner="ann", metadata={"a": "b"})
    key = keyfob_store.verify(issued.token, scopes="orders:read", project="shop")
    assert (key.name, key.owner, key.metadata) == ("a key", "ann", {"a": "b"})
    keyfob_key("another", project="shop")
    seen.append(keyfob_store.path)
    assert len(set(seen)) == turn


def test_the_clock_moves_the_store(keyfob_store, keyfob_key, keyfob_clock):
    token = keyfob_key(expires_in=timedelta(days=1)).token
    keyfob_clock.advance(timedelta(hours=23))
    assert keyfob_store.check(token)
    keyfob_clock.advance(timedelta(hours=1))
    with pytest.raises(keyfob.KeyExpired):
        keyfob_store.verify(token)


class TestAnotherClock:
    @pytest.fixture
    def keyfob_clock(self):
        return keyfob.ManualClock(datetime(2050, 1, 1, tzinfo=timezone.utc))

    def test_takes_its_place(self, keyfob_key):
        assert keyfob_key(environment="test").key.created_at.year == 2050


def test_the_stores_before_are_gone():
    assert not any(path.exists() for path in seen)
"""


def test_the_fixtures_are_there_where_they_are_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(errors=4, passed=1)
    pytester.makeconftest('pytest_plugins = ["keyfob.testing.fixtures"]')
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=5)

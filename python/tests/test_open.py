"""How a store is opened and closed."""

import os
import pickle
from datetime import datetime, timedelta, timezone
from pathlib import Path

import keyfob
import pytest


def test_a_store_that_is_not_there_is_not_created_unless_that_is_asked(path: Path) -> None:
    with pytest.raises(keyfob.StoreNotFound) as caught:
        keyfob.Store.open(path, prefix="acme")
    assert isinstance(caught.value, FileNotFoundError)
    assert caught.value.code is keyfob.Code.NO_STORE
    assert not path.exists()


def test_create_opens_a_store_that_is_there(store: keyfob.Store, path: Path) -> None:
    key = store.create("a").key
    with keyfob.Store.open(os.fspath(path), create=True, prefix="acme") as again:
        assert again.get(key.id) == key


def test_a_new_store_needs_a_prefix(path: Path) -> None:
    with pytest.raises(keyfob.MisuseError, match="prefix") as caught:
        keyfob.Store.open(path, create=True)
    assert isinstance(caught.value, ValueError)


def test_another_prefix_contradicts_the_file(store: keyfob.Store, path: Path) -> None:
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.open(path, prefix="other")
    assert caught.value.code is keyfob.Code.OPTIONS_CONTRADICT


def test_an_unknown_mode_says_which_there_are(path: Path) -> None:
    with pytest.raises(keyfob.MisuseError, match="one of shared, exclusive, readonly"):
        keyfob.Store.open(path, mode="private")  # type: ignore[arg-type]


def test_a_store_that_is_read_only_refuses_changes(store: keyfob.Store, path: Path) -> None:
    token = store.create("a").token
    store.close()
    with keyfob.Store.open(path, mode="readonly") as readonly:
        assert readonly.mode == "readonly"
        assert readonly.check(token)
        with pytest.raises(keyfob.StoreReadOnly):
            readonly.create("b")


def test_everything_after_close_raises_closed_and_closing_again_does_nothing(
    store: keyfob.Store,
) -> None:
    token = store.create("a").token
    store.close()
    store.close()
    with pytest.raises(keyfob.StoreClosed):
        store.verify(token)
    with pytest.raises(keyfob.StoreClosed):
        store.check(token)
    with pytest.raises(keyfob.StoreClosed):
        list(store.list())


def test_leaving_the_block_closes_the_store_and_lets_exceptions_through(path: Path) -> None:
    with pytest.raises(RuntimeError, match="mine"):
        with keyfob.Store.open(path, create=True, prefix="acme") as store:
            raise RuntimeError("mine")
    with pytest.raises(keyfob.StoreClosed):
        store.create("a")


@pytest.mark.parametrize("pepper", ["ab" * 32, b"\xab" * 32], ids=["hexadecimal", "bytes"])
def test_a_store_with_a_pepper_opens_with_it_alone(path: Path, pepper: "str | bytes") -> None:
    with keyfob.Store.open(path, create=True, prefix="acme", pepper=pepper) as store:
        token = store.create("a").token
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.open(path)
    assert caught.value.code is keyfob.Code.PEPPER_REQUIRED
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.open(path, pepper=b"\xcd" * 32)
    assert caught.value.code is keyfob.Code.WRONG_PEPPER
    with keyfob.Store.open(path, pepper=b"\xab" * 32) as store:
        assert store.check(token)


def test_a_pepper_of_another_form_is_refused_and_not_shown(path: Path) -> None:
    for pepper in ("5ecre7" * 3, b"5ecre7"):
        with pytest.raises(keyfob.MisuseError) as caught:
            keyfob.Store.open(path, create=True, prefix="acme", pepper=pepper)
        assert caught.value.code is keyfob.Code.INVALID_PEPPER
        assert "5ecre7" not in str(caught.value)


def test_a_file_that_others_can_read_is_refused_unless_that_is_allowed(
    store: keyfob.Store, path: Path
) -> None:
    store.close()
    path.chmod(0o644)
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.open(path)
    assert caught.value.code is keyfob.Code.INSECURE_PERMISSIONS
    keyfob.Store.open(path, allow_insecure_permissions=True).close()


def test_a_new_file_has_the_mode_that_is_asked_for(path: Path) -> None:
    keyfob.Store.open(path, create=True, prefix="acme", file_mode=0o640).close()
    assert path.stat().st_mode & 0o777 == 0o640


def test_an_older_copy_is_refused_by_the_least_sequence(store: keyfob.Store, path: Path) -> None:
    sequence = store.create("a").key.sequence
    store.close()
    keyfob.Store.open(path, least_sequence=sequence).close()
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.open(path, least_sequence=sequence + 1)
    assert caught.value.code is keyfob.Code.ROLLED_BACK


def test_timeouts_are_durations_that_are_not_negative(path: Path) -> None:
    wait = timedelta(milliseconds=10)
    keyfob.Store.open(path, create=True, prefix="acme", read_timeout=wait).close()
    keyfob.Store.open(path, write_timeout=wait).close()
    for option in ("read_timeout", "write_timeout", "flush_every"):
        with pytest.raises(keyfob.MisuseError, match=f"{option}: it must not be negative") as caught:
            keyfob.Store.open(path, **{option: timedelta(-1)})  # type: ignore[arg-type]
        assert caught.value.code is keyfob.Code.INVALID_TIME
    with pytest.raises(TypeError, match="read_timeout"):
        keyfob.Store.open(path, read_timeout=2)  # type: ignore[arg-type]


def test_a_store_goes_by_the_clock_that_it_is_given(path: Path) -> None:
    clock = keyfob.ManualClock(datetime(2050, 1, 1, tzinfo=timezone.utc))
    with keyfob.Store.open(path, create=True, prefix="acme", clock=clock) as store:
        issued = store.create("a", expires_in=timedelta(hours=1))
        assert issued.key.created_at == clock.now() == datetime(2050, 1, 1, tzinfo=timezone.utc)
        clock.advance(timedelta(minutes=59))
        assert store.check(issued.token)
        clock.set(datetime(2050, 1, 1, 1, tzinfo=timezone.utc))
        with pytest.raises(keyfob.KeyExpired):
            store.verify(issued.token)
    assert repr(clock) == "<keyfob.ManualClock 2050-01-01 01:00:00+00:00>"


def test_the_log_names_the_actor_of_each_handle(store: keyfob.Store) -> None:
    store.create("a")
    store.with_actor("somebody else").create("b")
    assert [event.actor for event in store.log()] == ["tests", "tests", "somebody else"]


def test_a_store_shows_its_path_and_mode_and_is_not_pickled(
    store: keyfob.Store, path: Path
) -> None:
    assert repr(store) == f"<keyfob.Store path='{path}' mode='shared'>"
    assert (store.path, store.prefix, store.mode) == (path, "acme", "shared")
    with pytest.raises(TypeError, match="open it where it is used"):
        pickle.dumps(store)


def test_a_child_of_a_fork_goes_on_with_the_store(store: keyfob.Store) -> None:
    token = store.create("before").token
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.create("child")
            status = 0 if store.check(token) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    store.create("parent")
    assert sorted(key.name for key in store.list()) == ["before", "child", "parent"]


def test_a_child_of_a_fork_makes_iterators_of_its_own(store: keyfob.Store) -> None:
    """One of its parent may be held by a thread that the child does not have."""
    for name in ("a", "b"):
        store.create(name)
    keys, events = store.list(order="name"), store.log()
    assert next(keys).name == "a" and next(events).sequence == 1
    child = os.fork()
    if child == 0:
        refused = 0
        try:
            for use in (lambda: next(keys), lambda: keys.cursor, lambda: next(events)):
                try:
                    use()
                except keyfob.StoreForked as error:
                    refused += "make another one" in str(error)
            mine = (len(list(store.list())), next(store.log()).sequence)
            os._exit(0 if (refused, mine) == (3, (2, 1)) else 2)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert [key.name for key in keys] == ["b"] and next(events).sequence == 2


def test_a_child_of_a_fork_may_not_use_an_exclusive_store(path: Path) -> None:
    with keyfob.Store.open(path, create=True, prefix="acme", mode="exclusive") as store:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                store.create("child")
            except keyfob.StoreForked:
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        store.create("parent")


def test_the_options_of_opening_are_taken(path: Path) -> None:
    policy = keyfob.Policy(default_lifetime=timedelta(days=1))
    options: keyfob.StoreOptions = {
        "prefix": "acme",
        "policy": policy,
        "check_on_open": "always",
        "page_cache_bytes": 1 << 20,
        "key_cache_bytes": 0,
        "map_header": False,
        "flush_every": timedelta(seconds=1),
        "read_timeout": timedelta(seconds=1),
        "retired_pepper": [b"\0" * 32, "ab" * 32],
    }
    with keyfob.Store.open(path, create=True, **options) as store:
        assert store.policy() == policy
        token = store.create("a").token
        assert store.check(token) and store.check(token)
    with pytest.raises(keyfob.StoreError) as caught:
        keyfob.Store.open(path, policy=keyfob.Policy(expiry_required=True))
    assert caught.value.code is keyfob.Code.OPTIONS_CONTRADICT
    keyfob.Store.open(path, policy=None, least_sequence=None, check_on_open="never").close()


@pytest.mark.parametrize(
    ("option", "value", "kind", "message"),
    [
        ("check_on_open", "sometimes", keyfob.MisuseError, "one of auto, always, never"),
        ("key_cache_bytes", -1, keyfob.MisuseError, "negative, or too large"),
        ("least_sequence", 1 << 64, keyfob.MisuseError, "negative, or too large"),
        ("page_cache_bytes", "much", TypeError, "page_cache_bytes must be an int, not str"),
        ("map_header", 1, TypeError, "map_header must be a bool, not int"),
        ("flush_every", 5, TypeError, "flush_every must be a timedelta, not int"),
        ("flush_every", timedelta(-1), keyfob.MisuseError, "not be negative"),
        ("clock", timezone.utc, TypeError, "clock must be a keyfob.ManualClock"),
        ("policy", {}, TypeError, "policy must be a keyfob.Policy"),
        ("retired_pepper", 1, TypeError, "retired_pepper must be a str or bytes, or an iterable"),
        ("retired_pepper", ["ab"], keyfob.MisuseError, "pepper"),
        ("prefix", 1, TypeError, "prefix must be a str, not int"),
        ("file_mode", 0o666, keyfob.MisuseError, "0600, 0640 or 0660"),
        ("peper", b"", TypeError, r"open\(\) got an unexpected keyword argument 'peper'"),
    ],
)
def test_an_option_that_is_not_of_its_form_says_what_is(
    path: Path, option: str, value: object, kind: "type[Exception]", message: str
) -> None:
    keyfob.Store.open(path, create=True, prefix="acme").close()
    with pytest.raises(kind, match=message):
        keyfob.Store.open(path, **{option: value})  # type: ignore[arg-type]


def test_a_store_that_is_only_read_cannot_be_checked_as_it_is_opened(path: Path) -> None:
    keyfob.Store.open(path, create=True, prefix="acme").close()
    with pytest.raises(keyfob.MisuseError, match="read-only"):
        keyfob.Store.open(path, mode="readonly", check_on_open="always")


def test_more_memory_for_keys_than_there_may_be_is_refused(path: Path) -> None:
    for much in (3 * 2**30 + 1, 2**35, 2**63):
        with pytest.raises(keyfob.MisuseError, match="key_cache_bytes is .* at most") as caught:
            keyfob.Store.open(path, create=True, prefix="acme", key_cache_bytes=much)
        assert caught.value.code is keyfob.Code.LIMIT_EXCEEDED
    assert not path.exists()


def test_a_path_is_text_or_has_one(path: Path, tmp_path: Path) -> None:
    class Elsewhere:
        def __init__(self, found: "str | bytes") -> None:
            self.found = found

        def __fspath__(self) -> "str | bytes":
            return self.found

    odd = str(tmp_path / "not utf-8 \udcff.redb")
    with keyfob.Store.open(odd, create=True, prefix="acme") as store:
        assert store.path == Path(odd) and Path(odd).is_file()
    with keyfob.Store.open(Elsewhere(odd)) as store:  # type: ignore[arg-type]
        assert store.path == Path(odd)
    with pytest.raises(keyfob.MisuseError, match="path: it holds a character"):
        keyfob.Store.open(str(path) + "\ud800", create=True, prefix="acme")
    for no_path in (1, None, odd.encode("utf-8", "surrogateescape"), Elsewhere(b"keys.redb")):
        with pytest.raises(TypeError, match="a path must be a str or os.PathLike, not"):
            keyfob.Store.open(no_path)  # type: ignore[arg-type]


def test_a_path_is_shown_in_an_error_but_for_a_token_in_it(store: keyfob.Store) -> None:
    with pytest.raises(keyfob.StoreNotFound, match="no store at /no/such.redb; create one first"):
        keyfob.Store.open("/no/such.redb")
    token = store.create("a").token
    with pytest.raises(keyfob.MisuseError, match="path: my key is acme_live_.{8}…: No such file"):
        store.scan(f"my key is {token}")

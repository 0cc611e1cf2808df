"""The life of a key: create, list, update, disable, revoke, rotate."""

import copy
import ipaddress
import itertools
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import keyfob
import pytest
from keyfob import KEEP, NEVER, Code, KeyState, Reason


def test_a_key_has_what_it_was_given(store: keyfob.Store) -> None:
    store.create_project("shop", scopes="*")
    start = datetime.now(timezone.utc).replace(microsecond=0)
    key = store.create(
        "CI",
        scopes=["a:b", "c"],
        expires_at=start + timedelta(days=2),
        not_before=start + timedelta(days=1),
        project="shop",
        environment="test",
        owner="ann",
        metadata={"team": "blue"},
        tags=["x", "y"],
        ip_list=["10.0.0.0/8", ipaddress.ip_network("2001:db8::/32"), "192.0.2.7"],
        rotation_due_after=timedelta(days=30),
    ).key
    assert key.name == "CI"
    assert key.scopes == frozenset({"a:b", "c"})
    assert key.expires_at == start + timedelta(days=2)
    assert key.not_before == start + timedelta(days=1)
    assert (key.project, key.environment, key.owner) == ("shop", "test", "ann")
    assert key.metadata == {"team": "blue"}
    assert key.tags == {"x", "y"}
    assert set(key.ip_list) == {
        ipaddress.ip_network(text) for text in ("10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32")
    }
    assert key.rotation_due_after == timedelta(days=30)
    assert key.rotation_due_at == key.rotated_at + timedelta(days=30)
    assert key.state is KeyState.NOT_YET_VALID and not key.state_by_project
    assert key.created_at.tzinfo is timezone.utc
    assert key.hint.startswith("acme_test_") and key.hint.endswith(key.id[-6:])
    assert store.get(key.id) == key


def test_a_single_network_is_a_list_of_one(store: keyfob.Store) -> None:
    network = ipaddress.ip_network("10.0.0.0/8")
    assert store.create("a", ip_list=network).key.ip_list == (network,)
    assert store.create("a", ip_list="10.0.0.0/8").key.ip_list == (network,)


@pytest.mark.parametrize(
    "zone",
    [timezone.utc, timezone(timedelta(hours=2)), timezone(timedelta(hours=-5, minutes=-30))],
)
def test_a_time_of_any_zone_is_the_same_instant(store: keyfob.Store, zone: timezone) -> None:
    instant = datetime(2050, 6, 1, 12, tzinfo=timezone.utc)
    key = store.create("a", expires_at=instant.astimezone(zone)).key
    assert key.expires_at == instant


def test_a_time_of_a_named_zone_is_the_instant_that_its_rules_say(store: keyfob.Store) -> None:
    try:
        berlin = ZoneInfo("Europe/Berlin")
    except KeyError:  # a machine without the database of zones: the test above has fixed ones
        berlin = timezone(timedelta(hours=2))  # type: ignore[assignment]
    key = store.create("a", expires_at=datetime(2030, 7, 1, 12, tzinfo=berlin)).key
    assert key.expires_at == datetime(2030, 7, 1, 10, tzinfo=timezone.utc)


def test_a_fraction_of_a_second_is_cut_off(store: keyfob.Store) -> None:
    at = datetime(2050, 6, 1, 12, 0, 0, 999_999, tzinfo=timezone.utc)
    assert store.create("a", expires_at=at).key.expires_at == at.replace(microsecond=0)


def test_a_time_without_a_zone_is_refused(store: keyfob.Store) -> None:
    with pytest.raises(keyfob.MisuseError, match="no time zone") as caught:
        store.create("a", expires_at=datetime(2050, 6, 1))
    assert caught.value.code is keyfob.Code.INVALID_TIME


def test_a_duration_of_nothing_or_less_is_refused_as_an_expiry(store: keyfob.Store) -> None:
    for duration in (timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=1)):
        with pytest.raises(keyfob.MisuseError) as caught:
            store.create("a", expires_in=duration)
        assert caught.value.code is keyfob.Code.INVALID_TIME


def test_two_ways_to_say_the_expiry_are_a_type_error(store: keyfob.Store) -> None:
    at, duration = datetime(2050, 1, 1, tzinfo=timezone.utc), timedelta(days=1)
    with pytest.raises(TypeError, match="pass one of them"):
        store.create("a", expires_at=at, expires_in=duration)
    key = store.create("a").key
    for expires_at in (at, None):
        with pytest.raises(TypeError, match="pass one of them"):
            store.update(key.id, expires_at=expires_at, expires_in=duration)


def test_never_is_an_expiry_that_is_absent(store: keyfob.Store) -> None:
    assert store.create("a", expires_at=NEVER).key.expires_at is None


def test_a_request_that_is_repeated_answers_the_same_key_without_the_token(
    store: keyfob.Store,
) -> None:
    first = store.create("a", request_id="one")
    again = store.create("a", request_id="one")
    assert again.key.id == first.key.id
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(keyfob.TokenNotShown, match="rotate the key"):
        again.token
    with pytest.raises(keyfob.RefusedError) as caught:
        store.create("b", request_id="one")
    assert caught.value.code is keyfob.Code.REQUEST_ID_REUSED


def test_a_token_is_shown_in_token_and_nowhere_else(store: keyfob.Store) -> None:
    issued = store.create("a")
    secret = issued.token[-49:-6]
    assert type(issued.token) is str and store.check(issued.token)
    shown = [repr(issued), str(issued), f"{issued}", "%s" % issued, repr([issued])]
    shown += [repr(issued.key), json.dumps(issued.key.to_dict()), repr(store.check(issued.token))]
    for text in shown:
        assert secret not in text
    assert repr(issued) == f"<keyfob.Issued {issued.key.hint}>"
    with pytest.raises(TypeError):
        vars(issued)


@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_holds_a_token_is_neither_copied_nor_pickled(
    store: keyfob.Store, copied: object
) -> None:
    issued = store.create("a")
    with pytest.raises(TypeError, match="pass on .key"):
        copied(issued)  # type: ignore[operator]


def test_an_update_changes_what_is_passed_and_keeps_the_rest(store: keyfob.Store) -> None:
    key = store.create("a", scopes="a", owner="ann", metadata={"k": "v", "l": "w"}, tags="x").key
    changed = store.update(key.id, name="b", owner=KEEP, metadata_pairs={"k": "new", "l": None})
    assert (changed.name, changed.owner) == ("b", "ann")
    assert changed.metadata == {"k": "new"}
    assert (changed.scopes, changed.tags) == (key.scopes, key.tags)


def test_none_clears_a_field_and_a_name_is_not_cleared(store: keyfob.Store) -> None:
    key = store.create(
        "a",
        scopes="a",
        owner="ann",
        expires_in=timedelta(days=1),
        metadata={"k": "v"},
        tags="x",
        ip_list="10.0.0.0/8",
        rotation_due_after=timedelta(days=1),
        not_before=datetime(2020, 1, 1, tzinfo=timezone.utc),
    ).key
    cleared = store.update(
        key.id,
        scopes=None,
        owner=None,
        expires_at=None,
        not_before=None,
        metadata=None,
        tags=None,
        ip_list=None,
        rotation_due_after=None,
    )
    assert not cleared.scopes and not cleared.metadata and not cleared.tags
    assert cleared.ip_list == ()
    assert cleared.owner is None and cleared.rotation_due_after is None
    assert cleared.expires_at is None and cleared.not_before is None
    with pytest.raises(keyfob.MisuseError, match="not cleared"):
        store.update(key.id, name=None)  # type: ignore[arg-type]


def test_an_update_gives_a_key_an_expiry_from_now_or_none(store: keyfob.Store) -> None:
    key = store.create("a").key
    expires_at = store.update(key.id, expires_in=timedelta(days=1)).expires_at
    assert expires_at is not None and expires_at > key.created_at
    assert store.update(key.id, expires_at=NEVER).expires_at is None


def test_a_key_is_disabled_and_enabled_again(store: keyfob.Store) -> None:
    issued = store.create("a")
    assert store.disable(issued.key.id).state is KeyState.DISABLED
    with pytest.raises(keyfob.KeyDisabled):
        store.verify(issued.token)
    assert store.enable(issued.key.id).state is KeyState.ACTIVE
    assert store.check(issued.token)


def test_a_revocation_is_final_and_keeps_its_first_reason(store: keyfob.Store) -> None:
    issued = store.create("a")
    revoked = store.revoke(issued.key.id, reason=Reason.KEY_COMPROMISE, note="leaked")
    assert revoked.state is KeyState.REVOKED
    assert revoked.revocation is not None
    assert (revoked.revocation.reason, revoked.revocation.note) == (Reason.KEY_COMPROMISE, "leaked")
    assert store.revoke(issued.key.id, reason="superseded").revocation == revoked.revocation
    with pytest.raises(keyfob.KeyRevoked):
        store.verify(issued.token)
    with pytest.raises(keyfob.RefusedError):
        store.enable(issued.key.id)
    with pytest.raises(keyfob.MisuseError, match="reason"):
        store.revoke(issued.key.id, reason="because")


def test_a_rotation_keeps_the_id_and_the_old_token_until_its_grace_ends(
    store: keyfob.Store,
) -> None:
    first = store.create("a")
    second = store.rotate(first.key.id, grace=timedelta(days=1))
    assert second.key.id == first.key.id
    assert second.grace_expires_at is not None and not second.grace_cut
    assert second.key.old_secret is not None
    assert second.key.old_secret.grace_expires_at == second.grace_expires_at
    old = store.verify(first.token)
    assert old.matched is keyfob.MatchedSecret.PREVIOUS
    assert old.expires_at == second.grace_expires_at
    assert store.verify(second.token).matched is keyfob.MatchedSecret.CURRENT
    assert store.finish_rotation(first.key.id).old_secret is None
    assert not store.check(first.token)
    assert store.check(second.token)


def test_a_rotation_without_a_grace_ends_the_old_token_at_once(store: keyfob.Store) -> None:
    first = store.create("a")
    second = store.rotate(first.key.id)
    assert second.grace_expires_at is None
    assert not store.check(first.token) and store.check(second.token)


def test_a_listing_has_the_keys_that_all_that_is_passed_means(store: keyfob.Store) -> None:
    store.create_project("shop", scopes="*")
    soon = timedelta(days=1)
    store.create("one", project="shop", owner="ann", tags="x", scopes="orders:*")
    store.create("two", environment="test", expires_in=soon, rotation_due_after=soon)
    revoked = store.create("three", owner="ann").key
    store.revoke(revoked.id)

    def names(**keywords: object) -> list[str]:
        return [key.name for key in store.list(order="name", **keywords)]  # type: ignore[arg-type]

    tomorrow = datetime.now(timezone.utc) + timedelta(days=1, hours=1)
    assert names() == ["one", "three", "two"]
    assert names(reverse=True) == ["two", "three", "one"]
    assert names(project="shop") == ["one"]
    assert names(owner="ann") == ["one", "three"]
    assert names(owner="ann", state="active") == ["one"]
    assert names(state=[KeyState.REVOKED, KeyState.ACTIVE]) == ["one", "three", "two"]
    assert names(environment="test") == ["two"]
    assert names(scope="orders:read") == ["one"]
    assert names(name_contains="T") == ["three", "two"]
    assert names(tag="x") == ["one"]
    assert names(created_before=tomorrow) == ["one", "three", "two"]
    assert names(created_after=tomorrow) == []
    assert names(expires_before=tomorrow) == ["two"]
    assert names(expires_after=tomorrow) == ["one", "three"]
    assert names(expires_within=timedelta(days=2)) == ["two"]
    assert names(never_used=True) == ["one", "three", "two"]
    assert names(unused_since=tomorrow) == ["one", "three", "two"]
    assert names(rotation_due=True) == []


def test_words_that_are_none_of_the_enum_are_misuse(store: keyfob.Store) -> None:
    with pytest.raises(keyfob.MisuseError, match="state"):
        store.list(state="lost")
    with pytest.raises(keyfob.MisuseError, match="created, name, expires"):
        store.list(order="random")
    with pytest.raises(keyfob.NoSuchProject):
        list(store.list(project="nothing"))


def test_pages_follow_each_other_by_their_cursor(store: keyfob.Store) -> None:
    made = [store.create(f"key {number}").key.id for number in range(5)]
    found, cursor, pages = [], None, 0
    while True:
        page = store.list(limit=2, cursor=cursor)
        found += [key.id for key in page]
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    assert sorted(found) == sorted(made) and pages == 3
    with pytest.raises(keyfob.MisuseError) as caught:
        list(store.list(limit=2, cursor="nonsense"))
    assert caught.value.code is keyfob.Code.INVALID_CURSOR
    for limit in (0, 1_001):
        with pytest.raises(keyfob.MisuseError):
            list(store.list(limit=limit))


def test_a_listing_without_a_limit_goes_through_all_pages(store: keyfob.Store) -> None:
    for number in range(120):
        store.create(f"key {number}")
    listing = store.list()
    assert iter(listing) is listing
    assert len({key.id for key in listing}) == 120
    assert next(listing, None) is None


def test_a_listing_that_is_not_read_to_its_end_keeps_nobody_from_writing(
    store: keyfob.Store,
) -> None:
    store.create("a")
    listing = store.list()
    next(listing)
    store.create("b")
    store.close()
    assert next(listing, None) is None


def test_a_listing_that_is_left_anywhere_goes_on_from_there(store: keyfob.Store) -> None:
    made = [store.create(f"key {number}").key for number in range(7)]
    for order in ("created", "name", "expires"):
        for limit in (None, 5):
            listing = store.list(order=order, limit=limit, reverse=True)
            assert listing.cursor is None
            found = [next(listing).id for _ in range(3)]
            assert listing.cursor is not None
            found += [key.id for key in store.list(order=order, reverse=True, cursor=listing.cursor)]
            assert sorted(found) == sorted(key.id for key in made)
    assert list(store.list(tag="none")) == [] and store.list(tag="none").cursor is None


def test_keys_are_counted_and_unused_ones_reported_by_the_keywords_of_list(
    store: keyfob.Store,
) -> None:
    one, two, three = (store.create(name, tags="t" if name == "c" else None) for name in "abc")
    assert store.count() == 3 and store.count(tag="t") == 1
    meant: keyfob.KeyFilter = {"tag": "t"}
    assert store.count(**meant) == len(list(store.list(**meant))) == 1
    assert store.count(state=[KeyState.ACTIVE, "revoked"], owner=None) == 3
    store.verify(two.token)
    assert {key.id for key in store.least_recently_used(2)} == {one.key.id, three.key.id}
    assert [key.id for key in store.least_recently_used(9, never_used=False)][-1] == two.key.id
    assert [key.id for key in store.least_recently_used(9, tag="t")] == [three.key.id]
    with pytest.raises(TypeError, match=r"count\(\) got an unexpected keyword argument 'tags'"):
        store.count(tags="t")  # type: ignore[call-arg]
    with pytest.raises(keyfob.MisuseError):
        store.least_recently_used(10_001)
    with pytest.raises(TypeError, match="never_used must be a bool, not str"):
        store.count(never_used="no")  # type: ignore[arg-type]


def test_a_key_is_resolved_by_the_end_of_its_id(store: keyfob.Store) -> None:
    key = store.create("a").key
    assert store.resolve(key.id) == store.resolve(key.hint[-6:]) == key.id
    store.prune()
    with pytest.raises(keyfob.NoSuchKey):
        store.resolve("000000")
    with pytest.raises(keyfob.MisuseError, match="at least the last 6"):
        store.resolve(key.id[-5:])


def test_threads_that_share_a_listing_have_each_key_once(store: keyfob.Store) -> None:
    for number in range(150):
        store.create(f"key {number}")
    listing, found = store.list(), list[str]()
    threads = [
        threading.Thread(target=lambda: found.extend(key.id for key in listing)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(set(found)) == 150


def test_what_was_verified_is_counted_as_used(store: keyfob.Store) -> None:
    issued = store.create("a")
    assert issued.key.last_used_at is None and issued.key.used.uses == 0
    store.verify(issued.token)
    key = store.get(issued.key.id)
    assert key.used.uses == 1
    assert key.last_used_at is not None and key.used.last_used_at == key.last_used_at
    assert not store.rotate(key.id).key.used.uses
    assert store.get(key.id).used_before.uses == 1


def test_pruning_takes_away_what_was_revoked_or_expired_before_a_time(path: Path) -> None:
    clock = keyfob.ManualClock(datetime(2050, 1, 1, tzinfo=timezone.utc))
    with keyfob.Store.open(path, create=True, prefix="acme", clock=clock) as store:
        revoked, kept = store.create("a").key, store.create("b").key
        expired = store.create("c", expires_in=timedelta(hours=1)).key
        store.revoke(revoked.id)
        clock.advance(timedelta(days=1))
        assert store.prune(revoked_before=clock.now()) == keyfob.Pruned(keys=1, projects=0)
        assert store.prune(expired_before=clock.now()).keys == 1
        assert store.prune() == keyfob.Pruned(keys=0, projects=0)
        for key in (revoked, expired):
            with pytest.raises(keyfob.NoSuchKey):
                store.get(key.id)
        assert [key.id for key in store.list()] == [kept.id]


def test_a_key_makes_another_of_at_most_its_own_rights(store: keyfob.Store) -> None:
    store.create_project("shop", scopes="*")
    parent = store.create("p", scopes="orders:*", project="shop", owner="ann", ip_list="10.0.0.0/8")
    verified = store.verify(parent.token, project="shop", ip="10.1.2.3")
    child = store.create_within(verified, "c", scopes="orders:read", metadata={"k": "v"})
    assert (child.key.project, child.key.owner) == ("shop", "ann")
    assert child.key.ip_list == parent.key.ip_list and child.key.metadata == {"k": "v"}
    created = list(store.log(key_id=child.key.id))[0]
    assert created.details["within"] == parent.key.id
    with pytest.raises(keyfob.RefusedError) as caught:
        store.create_within(verified, "d", scopes="stock:read")
    assert caught.value.code is keyfob.Code.SCOPE_NOT_ALLOWED
    with pytest.raises(keyfob.RefusedError) as beyond:
        store.create_within(verified, "d", owner="eve")
    assert beyond.value.code is keyfob.Code.BEYOND_PARENT
    store.revoke(parent.key.id)
    with pytest.raises(keyfob.KeyRevoked) as revoked:
        store.create_within(verified, "d", scopes="orders:read")
    assert revoked.value.key_id == parent.key.id
    with pytest.raises(TypeError):
        store.create_within(parent.key, "d")  # type: ignore[arg-type]


def test_who_presents_a_token_that_is_good_may_end_it(store: keyfob.Store) -> None:
    first = store.create("a", scopes="a", environment="test")
    second = store.rotate(first.key.id, grace=timedelta(days=1))
    # The old one ends itself alone.
    assert store.revoke_token(first.token).state is KeyState.ACTIVE
    assert not store.check(first.token, environment="test")
    assert store.check(second.token, environment="test")
    revoked = store.revoke_token(second.token.encode(), reason=Reason.KEY_COMPROMISE, note="mine")
    assert revoked.state is KeyState.REVOKED and revoked.revocation is not None
    assert (revoked.revocation.reason, revoked.revocation.note) == (Reason.KEY_COMPROMISE, "mine")
    with pytest.raises(keyfob.TokenNotFound):
        store.revoke_token(second.token)
    with pytest.raises(keyfob.MalformedToken):
        store.revoke_token("\ud800")


def test_an_old_token_ends_the_whole_key_where_that_is_asked(store: keyfob.Store) -> None:
    first = store.create("a")
    second = store.rotate(first.key.id, grace=timedelta(days=1))
    assert store.revoke_token(first.token, whole_key=True).state is KeyState.REVOKED
    assert not store.check(second.token)


class Raises:
    """An iterable that cannot be iterated, for a reason of its own."""

    def __iter__(self) -> Iterator[Any]:
        raise ZeroDivisionError


def test_an_empty_list_of_ranges_is_refused_wherever_it_is_stated(store: keyfob.Store) -> None:
    issued = store.create("a", ip_list="10.0.0.0/8")
    parent = store.verify(issued.token, ip="10.0.0.1")
    nothing: list[Iterable[str]] = [[], (), iter(())]
    for empty in nothing:
        for make in (
            lambda: store.create("b", ip_list=empty),
            lambda: store.create_many([{"name": "b", "ip_list": empty}]),
            lambda: store.create_within(parent, "b", ip_list=empty),
            lambda: store.update(issued.key.id, ip_list=empty),
        ):
            with pytest.raises(keyfob.MisuseError, match="ip_list: an empty list would admit every"):
                make()
    assert store.count() == 1
    assert store.update(issued.key.id, ip_list=None).ip_list == ()


def test_what_an_iterable_raises_itself_is_raised(store: keyfob.Store) -> None:
    for field in ("scopes", "tags", "ip_list"):
        with pytest.raises(ZeroDivisionError):
            store.create("a", **{field: Raises()})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ip_list must be an IP address or range.*not int"):
        store.create("a", ip_list=5)  # type: ignore[arg-type]


def test_lists_are_not_read_beyond_their_bound(store: keyfob.Store) -> None:
    for field, each in (("scopes", "a:b"), ("tags", "a"), ("ip_list", "10.0.0.0/8")):
        with pytest.raises(keyfob.MisuseError, match="at most") as caught:
            store.create("a", **{field: itertools.repeat(each)})  # type: ignore[arg-type]
        assert caught.value.code is Code.LIMIT_EXCEEDED


class Days(timedelta):
    """A duration that says another number of days than it has."""

    days = property(lambda self: self.said)
    said: int


def test_a_time_that_utc_cannot_show_is_refused(store: keyfob.Store) -> None:
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    late = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))
    clock = keyfob.ManualClock(datetime(2030, 1, 1, tzinfo=timezone.utc))
    key_id = store.create("a").key.id
    for at in (early, late):
        for use in (
            lambda: store.create("b", not_before=at),
            lambda: store.create_many([{"name": "b"}, {"name": "c", "not_before": at}]),
            lambda: store.update(key_id, not_before=at),
            lambda: store.count(created_after=at),
            lambda: store.log(since=at),
            lambda: clock.set(at),
        ):
            with pytest.raises(keyfob.MisuseError, match="before the year 1, or after 9999") as no:
                use()
            assert no.value.code is Code.INVALID_TIME
    assert [key.name for key in store.list()] == ["a"]
    first = datetime.min.replace(tzinfo=timezone.utc)
    assert store.update(key_id, not_before=first).not_before == first


def test_a_time_in_the_file_that_python_cannot_show_keeps_nobody_from_reading(
    store: keyfob.Store, path: Path
) -> None:
    command = [sys.executable, "-m", "keyfob", "--store", str(path), "create", "early"]
    subprocess.run([*command, "--not-before", "0000-12-31T00:00:00Z"], check=True, timeout=60)
    (key,) = store.list()
    assert key.not_before == datetime.min.replace(tzinfo=timezone.utc)
    assert key.to_dict()["not_before"] == "0001-01-01T00:00:00+00:00"
    assert list(store.log())[-1].details["key"]["not_before"] == key.not_before


def test_a_clock_beyond_the_years_that_there_are_shows_the_last_or_first() -> None:
    clock = keyfob.ManualClock(datetime.max.replace(tzinfo=timezone.utc))
    clock.advance(timedelta.max)
    assert clock.now().year == 9999
    clock.advance(timedelta.min)
    clock.advance(timedelta.min)
    assert clock.now() == datetime.min.replace(tzinfo=timezone.utc)
    assert "0001-01-01" in repr(clock)


def test_a_duration_that_says_more_days_than_there_are_is_refused(store: keyfob.Store) -> None:
    clock = keyfob.ManualClock(datetime(2030, 1, 1, tzinfo=timezone.utc))
    for days in (2**62, -(2**62), 2**70):
        duration = Days(1)
        duration.said = days
        for use in (
            lambda: store.create("a", expires_in=duration),
            lambda: store.create("a", rotation_due_after=duration),
            lambda: clock.advance(duration),
        ):
            with pytest.raises(keyfob.MisuseError, match="out of range") as caught:
                use()
            assert caught.value.code is Code.INVALID_TIME

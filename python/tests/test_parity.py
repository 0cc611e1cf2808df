"""Python has every operation that the library has."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keyfob
import pytest

CORE = Path(__file__).resolve().parents[2] / "core/src"

#: Public methods of the library that Python has under another form, and which.
OTHERWISE = {
    "Store": {
        "cursor_after": "the iterator of `list` has it as its `cursor`",
        "deleted_projects": "projects(deleted=True)",
        "import": "import_keys, since `import` is a word of Python's",
        "info": "stats",
        "keys": "list without a limit",
        "keys_reversed": "list(reverse=True)",
        "on_refusal": "a refusal says which key it is about: Denied.key_id, VerificationError.key_id",
    },
    "StoreOptions": {
        "apart": "for the library's own tests of what processes see of each other",
        "create": "Store.open(create=True)",
        "exclusive": "mode",
        "new": "there is nothing to make: they are keywords",
        "open": "Store.open",
        "open_or_create": "Store.open(create=True)",
        "read_only": "mode",
        "remove_pepper": "Store.remove_pepper",
        "restore": "Store.restore",
        "set_pepper": "Store.set_pepper",
        "timeouts": "read_timeout, write_timeout",
    },
}


def methods(text: str, of: str) -> "list[str]":
    """The public methods of a type, in its `impl` blocks at the left margin."""
    blocks = re.findall(rf"^impl {of} \{{\n(.*?)^\}}", text, re.M | re.S)
    return [name for block in blocks for name in re.findall(r"^    pub (?:const )?fn (\w+)", block, re.M)]


def lacking(of: str, ours: "set[str]", least: int) -> "list[str]":
    found = [
        name for file in CORE.rglob("*.rs") for name in methods(file.read_text("utf-8"), of)
    ]
    assert len(found) > least
    assert set(OTHERWISE[of]) <= set(found), "what the library lacks needs no reason here"
    return sorted(set(found) - ours - set(OTHERWISE[of]))


def test_no_operation_of_the_store_is_missing_in_python() -> None:
    assert lacking("Store", set(dir(keyfob.Store)), 50) == []


def test_no_option_of_opening_is_missing_in_python() -> None:
    assert lacking("StoreOptions", set(keyfob.StoreOptions.__annotations__), 20) == []


def test_what_is_said_to_be_otherwise_is_not_there_under_its_own_name() -> None:
    assert not set(OTHERWISE["Store"]) & set(dir(keyfob.Store))
    assert not set(OTHERWISE["StoreOptions"]) & set(keyfob.StoreOptions.__annotations__)


def test_an_operation_that_is_missing_would_be_found() -> None:
    text = (
        "impl Store {\n    pub fn verify(&self) {\n    }\n    fn own(&self) {}\n}\n"
        "impl Other {\n    pub fn not(&self) {}\n}\n"
        "impl Store {\n    #[inline]\n    pub fn revoke(&self) {}\n}\n"
    )
    assert methods(text, "Store") == ["verify", "revoke"]


def keywords(verb: "Callable[..., Any]") -> "set[str]":
    parameters = inspect.signature(verb).parameters.values()
    return {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}


def test_the_types_of_keywords_are_those_that_the_signatures_show() -> None:
    store = keyfob.Store
    paging = {"order", "reverse", "limit", "cursor"}
    assert keywords(store.list) - paging == set(keyfob.KeyFilter.__annotations__)
    assert keywords(store.create) == set(keyfob.NewKey.__annotations__) - {"name"}
    assert keywords(store.create_within) == keywords(store.create)
    assert keywords(store.update_many) == keywords(store.update)
    assert keywords(store.open) - {"create"} == set(keyfob.StoreOptions.__annotations__)


def test_every_keyword_that_a_signature_shows_is_taken(store: keyfob.Store) -> None:
    key = store.create("a").key
    verified = store.verify(store.create("b").token)
    calls: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (keyfob.Store.open, (store.path,)),
        (store.list, ()),
        (store.create, ("c",)),
        (store.create_within, (verified, "c")),
        (store.update, (key.id,)),
        (store.update_many, (keyfob.ANY,)),
        (store.update_project, ("shop",)),
    ]
    for verb, arguments in calls:
        assert keywords(verb)
        for keyword in sorted(keywords(verb)):
            # Of no type that any of them has.
            with pytest.raises(TypeError) as caught:
                verb(*arguments, **{keyword: object()})
            assert "unexpected" not in str(caught.value)
        for value in (1, None):
            with pytest.raises(TypeError, match="got an unexpected keyword argument 'nothing'"):
                verb(*arguments, nothing=value)
    for keyword in keyfob.KeyFilter.__annotations__:
        wrong: dict[str, Any] = {keyword: object()}
        for call in (
            lambda: store.count(**wrong),
            lambda: store.least_recently_used(1, **wrong),
            lambda: store.disable_many(wrong),
        ):
            with pytest.raises(TypeError) as caught:
                call()
            assert "unexpected" not in str(caught.value)

"""Python has every operation that the library has."""

import re
from pathlib import Path

import keyfob

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

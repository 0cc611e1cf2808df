"""Tokens of the store that lie where they do not belong."""

import json
from pathlib import Path

import keyfob
import pytest


def test_tokens_are_found_in_the_files_of_a_folder(store: keyfob.Store, tmp_path: Path) -> None:
    good, revoked = store.create("good"), store.create("revoked")
    store.revoke(revoked.key.id)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".env").write_text(f"A=1\nTOKEN={good.token}\n")
    (folder / "old.log").write_bytes(b"\xff\0" + revoked.token.encode())
    (folder / "empty").touch()
    scanned = store.scan(folder)
    first, second = scanned.findings
    assert (first.path, first.line, first.offset) == (folder / ".env", 2, 10)
    assert first.works and first.key_id == good.key.id
    assert first.key is not None and first.key.name == "good"
    assert (second.path.name, second.works, second.hint) == ("old.log", False, revoked.key.hint)
    assert (scanned.files, scanned.skipped) == (3, ())
    assert scanned.bytes == sum(file.stat().st_size for file in folder.iterdir())
    for text in (repr(scanned), json.dumps(scanned.to_dict())):
        assert good.token not in text and revoked.token not in text


def test_a_single_file_is_scanned_and_what_is_none_is_misuse(
    store: keyfob.Store, tmp_path: Path
) -> None:
    file = tmp_path / "notes"
    file.write_text("nothing")
    assert store.scan(file).findings == ()
    with pytest.raises(keyfob.MisuseError):
        store.scan(tmp_path / "missing")


def test_what_cannot_be_read_is_told_and_the_rest_is_scanned(
    store: keyfob.Store, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "token").write_text(store.create("a").token)
    # Root reads it whatever its mode says.
    hidden = folder / "vanishing"
    hidden.write_text("x")
    hidden.chmod(0)
    scanned = store.scan(folder)
    assert len(scanned.findings) == 1
    assert scanned.files + len(scanned.skipped) == 2
    assert all(where == hidden and why for where, why in scanned.skipped)


def test_tokens_are_found_in_bytes_and_in_text_by_their_place_there(store: keyfob.Store) -> None:
    issued = store.create("a")
    text = f"größer\n„{issued.token}“, {issued.token}"
    first, second = store.scan_bytes(text)
    assert text[first.start : first.end] == text[second.start : second.end] == issued.token
    assert first.line == second.line == 2 and first.works
    data = text.encode()
    for found in store.scan_bytes(data):
        assert data[found.start : found.end] == issued.token.encode()
    assert store.scan_bytes("") == store.scan_bytes(b"\xff") == ()


def test_a_token_of_no_key_is_found_and_works_nowhere(store: keyfob.Store, path: Path) -> None:
    other_path = path.with_name("other.redb")
    with keyfob.Store.open(other_path, create=True, prefix="acme") as other:
        issued = other.create("a")
    (found,) = store.scan_bytes(issued.token)
    assert (found.key_id, found.key, found.works) == (issued.key.id, None, False)


def test_what_is_neither_bytes_nor_text_is_refused(store: keyfob.Store) -> None:
    with pytest.raises(TypeError, match="data must be bytes or a str, not int"):
        store.scan_bytes(1)  # type: ignore[arg-type]
    with pytest.raises(keyfob.MisuseError, match="surrogate"):
        store.scan_bytes("\ud800")

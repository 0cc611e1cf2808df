"""The vectors that all languages share (tests/vectors/README.md), as far as they can be asked of
the package: what it answers about tokens, scopes and requirements."""

import zlib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import keyfob
import pytest
from conftest import vectors
from keyfob import ANY, Code

TOKENS = vectors("tokens.json")["cases"]
SCOPES = vectors("scopes.json")
VERDICTS = vectors("verdicts.json")
AUTHORIZATION = vectors("authorization.json")["cases"]


def presented(case: Any, member: str = "text") -> "str | bytes":
    return bytes.fromhex(case["hex"]) if "hex" in case else case[member]


def code_of(answer: "keyfob.VerifiedKey | keyfob.Denied") -> Code:
    return Code.OK if isinstance(answer, keyfob.VerifiedKey) else answer.code


def test_every_token_of_the_vectors_is_told_from_what_is_none(tmp_path: Path) -> None:
    stores: dict[str, keyfob.Store] = {}
    for case in TOKENS:
        prefix = case["prefix"]
        if prefix not in stores:
            path = tmp_path / prefix
            stores[prefix] = keyfob.Store.open(path, create=True, prefix=prefix)
        answer = stores[prefix].check(presented(case))
        assert code_of(answer) == case["code"], case["case"]
    for store in stores.values():
        store.close()
    assert len(TOKENS) > 50


@pytest.mark.parametrize("case", SCOPES["parse"], ids=lambda case: case["case"])
def test_scopes_parse_as_the_vectors_say(store: keyfob.Store, case: Any) -> None:
    if case["code"] == 0:
        key = store.create("a", scopes=case["scopes"]).key
        assert sorted(key.scopes, key=str.encode) == case["sorted"]
        return
    with pytest.raises(keyfob.MisuseError) as caught:
        store.create("a", scopes=case["scopes"])
    assert caught.value.code == case["code"]


@pytest.mark.parametrize("case", SCOPES["grants"], ids=lambda case: case["case"])
def test_scopes_grant_as_the_vectors_say(store: keyfob.Store, case: Any) -> None:
    store.create("a", scopes=case["scopes"])
    assert bool(list(store.list(scope=case["required"]))) is case["expected"]


@pytest.mark.parametrize("case", SCOPES["narrowed"], ids=lambda case: case["case"])
def test_a_project_narrows_scopes_as_the_vectors_say(store: keyfob.Store, case: Any) -> None:
    store.create_project("shop", scopes="*")
    token = store.create("a", project="shop", scopes=case["scopes"]).token
    store.update_project("shop", scopes=case["ceiling"])
    assert store.verify(token, project="shop").scopes == set(case["expected"])


@pytest.mark.parametrize("case", SCOPES["subset"], ids=lambda case: case["case"])
def test_a_project_refuses_scopes_beyond_it_as_the_vectors_say(
    store: keyfob.Store, case: Any
) -> None:
    store.create_project("shop", scopes=case["wider"])
    if case["expected"]:
        store.create("a", project="shop", scopes=case["scopes"])
        return
    with pytest.raises(keyfob.RefusedError) as caught:
        store.create("a", project="shop", scopes=case["scopes"])
    assert caught.value.code is Code.SCOPE_NOT_ALLOWED
    assert f'"{case["first_beyond"]}"' in str(caught.value)


ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def resealed(body: str) -> str:
    """The body under a checksum that is right: the CRC-32 in six characters (docs/TOKEN.md)."""
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = ALPHABET[digit] + digits
    return body + digits


def altered(token: str, alter: "str | None") -> str:
    body = token[:-6]
    secret = len(body) - 43
    if alter is None:
        return token
    return {
        "cut": token[:-1],
        "checksum": token[:-1] + ("1" if token[-1] == "0" else "0"),
        "blank": " " + token,
        "prefix": "b" + token[1:],
        "nothing": "",
        "secret": resealed(
            body[:secret] + ("B" if body[secret] == "A" else "A") + body[secret + 1 :]
        ),
        "environment": resealed("acme_live_" + body.split("_", 2)[2]),
    }[alter]


def keywords(requirement: Any) -> "dict[str, Any]":
    known = {"all": "scopes", "any": "any_scopes"}
    out = {known.get(name, name): value for name, value in requirement.items()}
    return {name: ANY if value == "*" else value for name, value in out.items()}


def test_every_verdict_of_the_vectors_is_answered(tmp_path: Path) -> None:
    start = datetime.fromtimestamp(VERDICTS["start"], timezone.utc)
    clock = keyfob.ManualClock(start)

    def at(offset: int) -> datetime:
        return start + timedelta(seconds=offset)

    with keyfob.Store.open(
        tmp_path / "keys.redb", create=True, prefix=VERDICTS["prefix"], clock=clock
    ) as store:
        for project in VERDICTS["projects"]:
            store.create_project(**project)
        tokens, ids = {}, {}
        for key in VERDICTS["keys"]:
            times = {name: at(key[name]) for name in ("not_before", "expires_at") if name in key}
            issued = store.create(key["ref"], **{**key_terms(key), **times})
            tokens[key["ref"]], ids[key["ref"]] = issued.token, issued.key.id
        for step in VERDICTS["operations"]:
            operate(store, clock, step, tokens, ids, at)
        for case in VERDICTS["cases"]:
            token = altered(tokens[case["token"]], case.get("alter"))
            try:
                store.verify_at(token, at(case["at"]), **keywords(case["requirement"]))
                code = Code.OK
            except keyfob.VerificationError as error:
                code = error.code
            assert (code, code.name) == (case["code"], case["expected"]), case["case"]
    assert len(VERDICTS["cases"]) >= 100


def key_terms(key: Any) -> "dict[str, Any]":
    names = ("scopes", "project", "environment", "owner", "ip_list")
    return {name: key[name] for name in names if name in key}


def operate(
    store: keyfob.Store, clock: keyfob.ManualClock, step: Any, tokens: Any, ids: Any, at: Any
) -> None:
    """One step of `operations`; what is left of it when its members are taken out is an error."""
    step = dict(step)
    op = step.pop("op")
    if op == "rotate":
        grace = timedelta(seconds=step.pop("grace"))
        tokens[step.pop("token")] = store.rotate(ids[step.pop("key")], grace=grace).token
    elif op in ("finish_rotation", "disable", "enable", "revoke"):
        getattr(store, op)(ids[step.pop("key")])
    elif op == "update_key":
        store.update(ids[step.pop("key")], expires_at=at(step.pop("expires_at")))
    elif op == "advance":
        clock.advance(timedelta(seconds=step.pop("seconds")))
    elif op == "prune":
        store.prune(revoked_before=clock.now())
    else:
        getattr(store, op)(step.pop("project"), **step)
        step.clear()
    assert not step, op


@pytest.mark.parametrize("case", AUTHORIZATION, ids=lambda case: case["case"])
def test_an_authorization_value_holds_what_the_vectors_say(store: keyfob.Store, case: Any) -> None:
    value = presented(case, "value")
    if case["expected"] == "none":
        assert store.verify_authorization(value) is None
        return
    with pytest.raises(keyfob.VerificationError) as caught:
        store.verify_authorization(value)
    if case["expected"] == "malformed":
        assert caught.value.code == case["code"]
    else:
        assert caught.value.code is code_of(store.check(bytes.fromhex(case["token_hex"])))

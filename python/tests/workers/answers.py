"""What a worker answers, under whatever server it runs: always with its process id."""

from __future__ import annotations

import os

import keyfob

Answer = dict[str, "str | int | bool"]


def answer(store: keyfob.Store, verb: str, argument: str) -> Answer:
    """Does what one request asks: creates a key of a name, revokes one by its id, or says
    whether a token is good. An error is answered as well, by its class and its message."""
    done: Answer = {"pid": os.getpid()}
    try:
        if verb == "create":
            issued = store.create(argument)
            done |= {"id": issued.key.id, "token": issued.token}
        elif verb == "revoke":
            done["id"] = store.revoke(argument).id
        elif verb == "check":
            done["good"] = bool(store.check(argument))
        else:
            raise ValueError(f"no verb: {verb}")
    except keyfob.KeyfobError as error:
        done |= {"error": type(error).__name__, "message": str(error)}
    return done

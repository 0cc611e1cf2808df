"""Counts how far other greenlets come while one calls the store: `counting_gevent.py STORE TOKEN`.

Prints JSON, the turns that another greenlet had during each call.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import keyfob  # noqa: E402


def main(path: str, token: str) -> None:
    turns = 0

    def other() -> None:
        nonlocal turns
        while True:
            gevent.sleep(0)
            turns += 1

    def during(call: Callable[..., Any], *arguments: Any) -> int:
        gevent.sleep(0)
        begin = turns
        call(*arguments)
        return turns - begin

    running = gevent.spawn(other)
    pool = gevent.get_hub().threadpool
    store = keyfob.Store.open(path)
    counted = {
        "the first verification of a key": during(store.verify, token),
        "the next": during(store.verify, token),
        "a change": during(store.create, "a"),
        "a change in a thread of the pool": during(lambda: pool.apply(store.create, ("b",))),
    }
    running.kill()
    json.dump(counted, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

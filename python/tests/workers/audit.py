"""What a process that took no part finds in a store: `audit.py STORE` prints it as JSON."""

from __future__ import annotations

import json
import sys

import keyfob


def main(path: str) -> None:
    with keyfob.Store.open(path) as store:
        report = store.check_integrity()
        keys = [(key.id, key.name, key.state.value) for key in store.list()]
        events = [(event.kind.value, event.key_id) for event in store.log()]
    json.dump({"damage": report.damage, "keys": keys, "events": events}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])

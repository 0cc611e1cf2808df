#!/usr/bin/env python3
"""One verification from Python, by keyfob and by what is used today, in nanoseconds.

    verifications.py STORE TOKENS FOLDER ROUNDS

TOKENS is a file with a token of STORE on each line, FOLDER takes the databases. Each line that is
printed is a name, a time (or what is missing), a remark, and for keyfob the ratio to hashlib and
what that may be at most, with tabs between. The samples of all but the slow ones are taken in turn.
"""

import asyncio
import hashlib
import itertools
import platform
import sqlite3
import sys
import time
import warnings
from pathlib import Path
from statistics import median

# Keys of djangorestframework-api-key: making one takes its package a millisecond.
DJANGO_KEYS = 1_000
# Keys of keyshield: making one takes it a tenth of a second.
KEYSHIELD_KEYS = 10


def sampled(rounds, contenders):
    """Times of one call by (calls, run), taken in turn, after one round that is not counted."""
    samples = [[] for _ in contenders]
    for turn in range(rounds + 1):
        for (calls, run), own in zip(contenders, samples):
            begin = time.perf_counter_ns()
            run(calls)
            if turn:
                own.append((time.perf_counter_ns() - begin) / calls)
    return samples


def repeated(call):
    def run(calls):
        for _ in range(calls):
            call()

    return run


def tell(name, nanoseconds, remark="", ratio="", most=""):
    print(name, nanoseconds, remark, ratio, most, sep="\t")


def with_keyfob(path, tokens, rounds):
    """One key, beside hashlib with the same token: neither call has anything of ours around it."""
    import keyfob

    with keyfob.Store.open(path) as store:
        token = tokens[0]
        wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
        at_hand = token.encode()

        # Loops of their own: a lambda around a call would be a tenth of the fastest one.
        def hashing(calls):
            sha256 = hashlib.sha256
            for _ in itertools.repeat(None, calls):
                sha256(at_hand).digest()

        def checking(presented):
            def run(calls):
                check = store.check
                for _ in itertools.repeat(None, calls):
                    check(presented)

            return run

        def with_a_scope(calls):
            check = store.check
            for _ in itertools.repeat(None, calls):
                check(token, scopes="orders:read")

        def raising(calls):
            verify = store.verify
            for _ in itertools.repeat(None, calls):
                try:
                    verify(wrong)
                except keyfob.MalformedToken:
                    continue
                raise ValueError("a wrong token was good")

        if not store.check(token, scopes="orders:read") or store.check(wrong):
            raise ValueError("the store is not the one of these tokens")
        rows = [
            ("hashlib.sha256(token).digest()", "one token, as bytes", "", hashing),
            ("keyfob: store.check(token), an object returned", "the same token, as str", 0.5, checking(token)),
            ("keyfob: store.check(token, scopes=\"orders:read\")", "", "", with_a_scope),
            ("keyfob: store.check of a mistyped token, a Denied returned", "", "", checking(wrong)),
            ("keyfob: store.verify of a mistyped token, raised and caught", "", "", raising),
        ]
        samples = sampled(rounds, [(1_000, run) for *_, run in rows])
        for (name, remark, most, _), own in zip(rows, samples):
            ratio = median(each / floor for each, floor in zip(own, samples[0]))
            tell(name, median(own), remark, *(() if own is samples[0] else (ratio, most)))


def hashing(tokens):
    tokens = itertools.cycle(tokens)
    return lambda: hashlib.sha256(next(tokens).encode()).digest()


def with_sqlite(tokens, folder):
    """hashlib and sqlite3: a connection that is kept, one SELECT, the same checks as in Rust."""
    path = folder / "python.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE keys (digest BLOB PRIMARY KEY, revoked INTEGER, expires INTEGER, scopes TEXT) WITHOUT ROWID")
    rows = sorted((hashlib.sha256(token.encode()).digest(), 0, 2**62, "orders:read stock:read") for token in tokens)
    connection.executemany("INSERT INTO keys VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    tokens = itertools.cycle(tokens)
    select = "SELECT revoked, expires, scopes FROM keys WHERE digest = ?"

    def judge(connection):
        row = connection.execute(select, (hashlib.sha256(next(tokens).encode()).digest(),)).fetchone()
        if row is None or row[0] or row[1] <= time.time() or "orders:read" not in row[2].split():
            raise ValueError("a good token was refused")

    def kept():
        judge(connection)

    def anew():
        other = sqlite3.connect(path)
        judge(other)
        other.close()

    return kept, anew


def with_django(folder):
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="bench", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "django.sqlite")}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "rest_framework_api_key"])
    django.setup()
    from django.core.management import call_command
    from django.db import transaction
    from rest_framework_api_key.models import APIKey

    call_command("migrate", verbosity=0)
    with transaction.atomic():
        keys = [APIKey.objects.create_key(name=f"key {number}")[1] for number in range(DJANGO_KEYS)]
    keys = itertools.cycle(keys)

    def verify():
        if not APIKey.objects.is_valid(next(keys)):
            raise ValueError("a good key was refused")

    return verify


def with_keyshield():
    """Its service on the default settings, over the repository in memory; then the one with a cache."""
    from keyshield import ApiKeyService
    from keyshield.hasher.argon2 import Argon2ApiKeyHasher
    from keyshield.repositories.in_memory import InMemoryApiKeyRepository
    from keyshield.services.cached import CachedApiKeyService

    # It adds 100 to 300 ms to each answer, unless it is told not to.
    def service(kind, **more):
        return kind(repo=InMemoryApiKeyRepository(), hasher=Argon2ApiKeyHasher(pepper="bench"), **more)

    async def measure(service, rounds):
        keys = [(await service.create(name=f"key {number}"))[1] for number in range(KEYSHIELD_KEYS)]
        for key in keys:
            await service.verify_key(key)
        times = []
        for key in itertools.islice(itertools.cycle(keys), rounds):
            begin = time.perf_counter_ns()
            await service.verify_key(key)
            times.append(time.perf_counter_ns() - begin)
        return median(times)

    def run(kind, rounds, **more):
        return asyncio.run(measure(service(kind, **more), rounds))

    none = {"min_delay": 0, "max_delay": 0}
    return (
        ("keyshield, default settings", run(ApiKeyService, 10), "argon2, and the delay that it adds to each answer"),
        ("keyshield without its delay", run(ApiKeyService, 10, **none), "argon2"),
        ("keyshield with its cache, without its delay", run(CachedApiKeyService, 500, **none), "a revocation elsewhere is seen up to 300 s later"),
    )


def main():
    warnings.simplefilter("ignore")
    tokens = Path(sys.argv[2]).read_text().split()
    folder, rounds = Path(sys.argv[3]), int(sys.argv[4])
    with_keyfob(sys.argv[1], tokens, rounds)
    python = f"CPython {platform.python_version()}"
    names = ["hashlib.sha256(token).digest(), random tokens"]
    remarks = [python]
    contenders = [(1_000, repeated(hashing(tokens)))]
    kept, anew = with_sqlite(tokens, folder)
    names += ["hashlib and sqlite3, one connection kept", "hashlib and sqlite3, connected each time"]
    remarks += [f"{len(tokens):,} keys"] * 2
    contenders += [(100, repeated(kept)), (20, repeated(anew))]
    missing = []
    try:
        contenders.append((10, repeated(with_django(folder))))
        names.append("djangorestframework-api-key, is_valid over sqlite3")
        remarks.append(f"{DJANGO_KEYS:,} keys")
    except ImportError as error:
        missing.append(("djangorestframework-api-key", error, ""))
    for name, own, remark in zip(names, sampled(rounds, contenders), remarks):
        tell(name, median(own), remark)
    try:
        missing += with_keyshield()
    except ImportError as error:
        missing.append(("keyshield", error, ""))
    for row in missing:
        tell(*row)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What keyfob costs an application in Python: its import, and the requests a second of a FastAPI app.

    rates.py FOLDER ROUNDS SECONDS

Each line that is printed is a name, a figure with its unit and a remark, with tabs between. Requests come from `wrk`, over 16 connections, each app is one worker of uvicorn, and
they take turns: SECONDS of each in every one of ROUNDS.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

HOME = Path(__file__).resolve().parent
GUARDS = [
    ("nothing", "without a check", ""),
    ("keyfob", "keyfob, a scope asked for", ""),
    ("sqlite", "hashlib and sqlite3", "a connection for each request, in a thread"),
    ("django", "djangorestframework-api-key", "is_valid over sqlite3, in a thread"),
    ("keyshield", "keyshield, without its delay", "argon2"),
    ("keyshield-cached", "keyshield with its cache, without its delay", "a revocation elsewhere is seen up to 300 s later"),
]


def tell(name, figure, remark=""):
    print(name, figure, remark, sep="\t")


def import_time(rounds):
    """The milliseconds that `import keyfob` adds to an interpreter that starts and ends."""
    def lasted(program):
        begin = time.perf_counter_ns()
        subprocess.run([sys.executable, "-c", program], check=True)
        return (time.perf_counter_ns() - begin) / 1e6

    pairs = [(lasted("pass"), lasted("import keyfob")) for _ in range(rounds + 1)][1:]
    # What it needs of the standard library is what most of it is.
    tell("import keyfob", f"{median(after - before for before, after in pairs):.1f} ms",
         f"beside {median(before for before, _ in pairs):.1f} ms for an interpreter that starts and ends")


class Server:
    """One app under uvicorn, until it is stopped."""

    def __init__(self, guard, folder):
        self.folder = folder / guard
        self.folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {**os.environ, "KEYFOB_BENCH_CHECK": guard, "KEYFOB_BENCH_FOLDER": str(self.folder)}
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "--app-dir", HOME, "application:app", "--port", str(self.port),
             "--no-access-log", "--log-level", "warning"],
            env=environment, stdout=log, stderr=subprocess.STDOUT)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text().strip().splitlines()[-1]) from None
                time.sleep(0.05)
        self.token = (self.folder / "token").read_text()

    def rate(self, seconds):
        """Requests a second, all of them answered with 200."""
        # The token is one of this run alone, in a store that goes away with it.
        said = subprocess.run(
            ["wrk", "-t1", "-c16", f"-d{seconds}s", "-H", f"X-API-Key: {self.token}", f"http://127.0.0.1:{self.port}/"],
            stdout=subprocess.PIPE, text=True, check=True).stdout
        if "Non-2xx" in said:
            raise RuntimeError("it refused a good key")
        return float(re.search(r"Requests/sec:\s*([\d.]+)", said)[1])

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    folder, rounds, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    import_time(10 * rounds)
    if shutil.which("wrk") is None:
        tell("requests a second of a FastAPI app", "-", "not measured: wrk is not here")
        return
    servers, missing, rates = {}, {}, {}
    try:
        for guard, _, _ in GUARDS:
            try:
                servers[guard] = Server(guard, folder)
            except RuntimeError as error:
                missing[guard] = error
        for turn in range(rounds + 1):
            for guard, server in servers.items():
                rate = server.rate(seconds)
                if turn:
                    rates.setdefault(guard, []).append(rate)
    finally:
        for server in servers.values():
            server.stop()
    for guard, name, remark in GUARDS:
        what = f"requests a second of a FastAPI app: {name}"
        if guard in missing:
            tell(what, "-", f"not measured: {missing[guard]}")
            continue
        beside = f"{median(rate / base for rate, base in zip(rates[guard], rates['nothing'])):.2f} × without"
        remark = f"{beside}; {remark}" if remark else beside
        rate = median(rates[guard])
        tell(what, f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}", "" if guard == "nothing" else remark)


if __name__ == "__main__":
    main()

"""What the machine itself allows: the disk, SQLite, and the HTTP client of the product alone."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from benchmarks.messages import Feed


def fdatasync(folder: Path, seconds: float) -> float:
    """Appends of 4 KB a second, each flushed to the disk."""
    block = os.urandom(4096)
    path = folder / "append.bin"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:

        def append() -> None:
            os.write(file, block)
            os.fdatasync(file)

        return _rate(append, seconds)
    finally:
        os.close(file)
        path.unlink()


def sqlite_rows(folder: Path, now: datetime, seconds: float, group: int) -> float:
    """Rows a second with a message of 1.5 KB each, `group` of them in a commit; WAL, synchronous=FULL, plain sqlite3."""
    path = folder / f"rows-{group}.db"
    feed = Feed(now)
    rows = [(feed.message(index),) for index in range(group)]
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, raw BLOB NOT NULL)")

        def commit() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO message (raw) VALUES (?)", rows)
            connection.execute("COMMIT")

        return _rate(commit, seconds) * group
    finally:
        connection.close()
        for file in folder.glob(path.name + "*"):
            file.unlink()


def posts(url: str, seconds: float, threads: int) -> float:
    """POSTs a second of 2 KB by the product's HTTP client alone, `threads` at once in one process."""
    from interface.services.http_client import Poster
    from interface.services.target import Target

    body = b'{"made-up": "' + b"x" * 2000 + b'"}'
    counts = [0] * threads
    began = time.perf_counter()
    until = began + seconds

    def work(number: int) -> None:
        poster = Poster(Target(f"{url}/v1/scheduled-appointment", "bench"))
        while time.perf_counter() < until:
            if poster.post(body).status != 200:
                return
            counts[number] += 1
        poster.close()

    workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - began)


def _rate(step: Callable[[], None], seconds: float) -> float:
    step()
    began = now = time.perf_counter()
    done = 0
    while now < began + seconds:
        step()
        done += 1
        now = time.perf_counter()
    return done / (now - began)

"""What a store that has grown costs: the same daemon on 10,000 and on 1,000,000 stored messages.

Both stores are filled by SQL with copies of what a real run stored (sealed values are not bound to their rows), ten
messages to a patient (each patient's all over the time), one request to three messages; what is still open is the same in
both, for it is no history. Then both daemons run side by side and are measured in turn, so that a disturbance hits both.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks import daemon as product
from benchmarks.console import ADDRESSES, page_ms
from benchmarks.daemon import Daemon
from benchmarks.figures import Figure
from benchmarks.processes import BenchError
from benchmarks.suite import Effort, Figures, start_once, way
from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.store import Store, open_store

SIZES = (10_000, 1_000_000)
SEED = 600
"""Messages of the real run that are copied."""
MESSAGES_A_PATIENT, MESSAGES_A_REQUEST = 10, 3
OPEN = 300
"""Held requests in each store."""
CLAIMS, CLAIMED = 20, 32
CHUNK = 50_000
_CPU = "  processor a message"


def grow(path: Path, messages: int) -> None:
    """Fill a store that holds a real run up to so many messages, with their patients and requests."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("PRAGMA synchronous=OFF")
        store.execute("PRAGMA cache_size=-262144")
        store.execute("PRAGMA foreign_keys=OFF")
        _templates(store)
        first = dict(store.execute("SELECT name, next FROM counters"))
        for begin in range(0, messages, CHUNK):
            count = min(CHUNK, messages - begin)
            store.execute("BEGIN")
            for kind, share in (
                ("patient", MESSAGES_A_PATIENT),
                ("request", MESSAGES_A_REQUEST),
                ("message", 1),
            ):
                known = {f"first_{name}": number for name, number in first.items()}
                known |= {"patients": messages // MESSAGES_A_PATIENT}
                _insert(store, kind, known, begin // share, (begin + count) // share)
            store.execute("COMMIT")
        for name, number in (
            ("patient", messages // MESSAGES_A_PATIENT),
            ("request", messages // MESSAGES_A_REQUEST),
            ("message", messages),
        ):
            store.execute("UPDATE counters SET next = next + ? WHERE name = ?", (number, name))
        store.execute(
            "UPDATE requests SET state = 'held', due_at = NULL WHERE id IN"
            " (SELECT id FROM requests WHERE state = 'delivered' ORDER BY id DESC LIMIT ?)",
            (OPEN,),
        )
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _templates(store: sqlite3.Connection) -> None:
    """What the real run stored, numbered from 0."""
    for name, table in (("m", "messages"), ("p", "patients"), ("r", "requests")):
        store.execute(
            f"CREATE TEMP TABLE t_{name} AS SELECT row_number() OVER (ORDER BY id) - 1 AS place, id FROM {table}"
            + (" WHERE state IN ('delivered', 'superseded')" if table == "requests" else "")
        )
        store.execute(f"CREATE UNIQUE INDEX temp.t_{name}_place ON t_{name} (place)")


_SERIES = "WITH RECURSIVE n(n) AS (SELECT :begin UNION ALL SELECT n + 1 FROM n WHERE n + 1 < :end) "
_ROWS = {
    # the new row's columns; what is not named is copied. n: its number; first_*: where the new ids begin
    "patient": (
        ("patients", {"id": ":first + n.n", "due_at": "NULL", "in_flight": "NULL"}, "id"),
        ("charts", {"patient_id": ":first + n.n"}, "patient_id"),
    ),
    "request": (
        (
            "requests",
            {
                "id": ":first + n.n",
                "patient_id": ":first_patient + n.n * 3 * 7919 % :patients",
                "message_id": ":first_message + n.n * 3",
                "appointment_key": "randomblob(16)",
                "correlation_id": "lower(hex(randomblob(16)))",
                "supersedes": "NULL",
            },
            "id",
        ),
        ("request_bodies", {"request_id": ":first + n.n"}, "request_id"),
    ),
    "message": (
        (
            "messages",
            {
                "id": ":first + n.n",
                "control_id": "'G' || n.n",
                "dedupe_key": "randomblob(16)",
                "content_digest": "randomblob(16)",
                "patient_id": ":first_patient + n.n * 7919 % :patients",
                "request_id": "NULL",
                "state": "'done'",
                "decision": "coalesce(decision, 'chart')",
            },
            "id",
        ),
        ("message_bodies", {"message_id": ":first + n.n"}, "message_id"),
        ("message_notes", {"message_id": ":first + n.n"}, "message_id"),
    ),
}


def _insert(store: sqlite3.Connection, kind: str, known: dict[str, int], begin: int, end: int) -> None:
    short = kind[0]
    known = known | {"begin": begin, "end": end, "first": known[f"first_{kind}"]}
    (templates,) = store.execute(f"SELECT count(*) FROM t_{short}").fetchone()
    for table, made, key in _ROWS[kind]:
        columns = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(made.get(column, f"o.{column}") for column in columns)
        store.execute(
            f"{_SERIES} INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM n"
            f" JOIN t_{short} t ON t.place = n.n % {templates} JOIN {table} o ON o.{key} = t.id",
            known,
        )
    if kind == "patient":
        store.execute(
            f"{_SERIES} INSERT INTO patient_keys (key_hash, patient_id) SELECT randomblob(16), :first + n.n FROM n",
            known,
        )
    if kind == "request":
        store.execute(
            f"{_SERIES} INSERT INTO attempts"
            " (request_id, started_at, finished_at, status, verdict, detail, possible_duplicate)"
            " SELECT :first + n.n, 1, 2, 200, 'delivered', 'HTTP 200: accepted (delivered)', 0 FROM n",
            known,
        )


@contextlib.contextmanager
def _opened(settings: Path) -> Iterator[Store]:
    read = load_settings(settings)
    keyring = load_or_create(read.store.key, read.directory, lambda _: None, create=False)
    with open_store(read.store_url, keyring, create=False) as store:
        yield store


def claim_ms(settings: Path) -> float:
    """Milliseconds of a claim of 32 requests of as many patients, in a transaction of its own; no daemon runs."""
    with contextlib.closing(sqlite3.connect(settings.parent / "bench.db", isolation_level=None)) as store:
        store.execute("BEGIN")
        store.execute("UPDATE requests SET state = 'delivered' WHERE state IN ('waiting', 'sending')")
        store.execute("UPDATE patients SET in_flight = NULL, due_at = NULL WHERE in_flight IS NOT NULL")
        store.execute(
            "UPDATE requests SET state = 'waiting', due_at = 1 WHERE id IN (SELECT max(id) FROM requests"
            " WHERE state = 'delivered' GROUP BY patient_id ORDER BY max(id) DESC LIMIT ?)",
            (CLAIMS * CLAIMED,),
        )
        store.execute(
            "UPDATE patients SET due_at = 1 WHERE id IN (SELECT patient_id FROM requests WHERE state = 'waiting')"
        )
        store.execute("COMMIT")
    took = []
    with _opened(settings) as opened:
        for _ in range(CLAIMS):
            began = time.perf_counter()
            claimed = opened.work.claim(time.time(), CLAIMED)
            took.append((time.perf_counter() - began) * 1000)
            if len(claimed) != CLAIMED:
                raise BenchError(f"only {len(claimed)} of {CLAIMED} could be claimed")
    return median(took)


def growth(effort: Effort) -> Figures:
    """Everything, for both sizes; the ratio of the large store to the small one below each."""
    sizes = SIZES if effort.rounds > 1 else (SIZES[0], SIZES[1] // 10)
    with product.running_sink() as url:
        settings = {}
        for size in sizes:
            settings[size] = product.settings_file(effort.folder / f"grown-{size}", url)
            _real_run(settings[size], url, effort)
            grow(settings[size].parent / "bench.db", size)
            bytes_ = (settings[size].parent / "bench.db").stat().st_size
            yield Figure(f"grown_{size}_file", f"store of {size:,} messages", "MB", bytes_ / 1e6)
        yield from _both(settings, "start", "start to listening", "s", effort.starts, start_once)
        name = "start to the work's taking up what is open"
        yield from _both(settings, "taken_up", name, "s", effort.starts, _taken_up)
        yield from _way(settings, url, effort)
        yield from _acks(settings, url, effort)
        yield from _both(settings, "claim", "claim of 32 requests", "ms", effort.rounds, claim_ms)
        for key, what, address in ADDRESSES:
            yield from _both(settings, f"page_{key}", what, "ms", effort.rounds, _page(address))


def _page(address: str) -> Callable[[Path], float]:
    return lambda settings: page_ms(settings, address)


def _taken_up(settings: Path) -> float:
    process, _, _ = product.start(settings)
    with process:
        process.says(r"\bwork-started\b")
        return time.monotonic() - process.started


def _real_run(settings: Path, url: str, effort: Effort) -> None:
    process, port, took = product.start(settings)
    with process:
        daemon = Daemon(process, port, url, effort.now, settings, took)
        before = daemon.posts()["told"]
        daemon.load(8, count=SEED)
        daemon.until_told(int(before) + SEED)


@contextlib.contextmanager
def _daemons(
    settings: dict[int, Path], url: str, effort: Effort, first: int, *, standing_still: bool
) -> Iterator[dict[Path, Daemon]]:
    """A daemon on each store; the messages they are sent begin at index `first`."""
    with contextlib.ExitStack() as stack:
        found = {}
        for path in settings.values():
            process, port, took = product.start(path, standing_still=standing_still)
            stack.enter_context(process)
            if not standing_still:
                process.says(r"\bwork-started\b")
            found[path] = Daemon(process, port, url, effort.now, path, took, next_index=first)
        yield found


def _way(settings: dict[int, Path], url: str, effort: Effort) -> Figures:
    with _daemons(settings, url, effort, SEED, standing_still=False) as daemons:
        spent: dict[Path, list[float]] = {path: [] for path in daemons}

        def drained(path: Path) -> float:
            found = way(daemons[path], 64, 1000)
            spent[path].append(found["cpu"])
            return found["rate"]

        for daemon in daemons.values():
            way(daemon, 64, 300)  # warm
        rounds = 2 * effort.rounds
        yield from _both(settings, "way", "whole way, message to POST, 64 conn", "/s", rounds, drained)
        yield from _both(settings, "way_cpu", _CPU, "ms", rounds, lambda path: spent[path].pop())
        name = "memory of all processes (PSS)"
        yield from _both(
            settings, "memory", name, "MB", 1, lambda path: sum(daemons[path].memory().values()) / 1e6
        )


def _acks(settings: dict[int, Path], url: str, effort: Effort) -> Figures:
    """With the work standing still: what one daemon has behind it must not slow down the other."""
    with _daemons(settings, url, effort, 10_000_000, standing_still=True) as daemons:
        spent: dict[Path, list[float]] = {path: [] for path in daemons}

        def acks(connections: int) -> Callable[[Path], float]:
            def load(path: Path) -> float:
                before = daemons[path].cpu()["door"]
                found = daemons[path].load(connections, seconds=effort.ack_seconds / 2)
                spent[path].append((daemons[path].cpu()["door"] - before) / found["sent"] * 1000)
                return float(found["rate"])

            return load

        rounds = 2 * effort.rounds
        for connections in (1, 8, 64):
            name, key = f"durable ACKs, work standing still, {connections} conn", f"acks_{connections}"
            yield from _both(settings, key, name, "/s", rounds, acks(connections))
            yield from _both(settings, f"{key}_cpu", _CPU, "ms", rounds, lambda path: spent[path].pop())


def _both(
    settings: dict[int, Path],
    key: str,
    what: str,
    unit: str,
    rounds: int,
    measure: Callable[[Path], float],
) -> Figures:
    """Measure in turn, so that a disturbance of some seconds hits both."""
    found: dict[int, list[float]] = {size: [] for size in settings}
    for _ in range(rounds):
        for size, path in settings.items():
            found[size].append(measure(path))
    small, large = found
    for size, runs in found.items():
        yield Figure.of(f"grown_{size}_{key}", f"{what}, {size:,} messages", unit, runs)
    ratio = median(found[large]) / median(found[small])
    yield Figure(
        f"grown_ratio_{key}", "  the large store to the small one", "x" if unit == "/s" else "times", ratio
    )

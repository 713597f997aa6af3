"""The parts of the benchmark: what each starts, sends and counts. benchmarks/README.md says it in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import daemon as product
from benchmarks import limits, sink
from benchmarks.daemon import Daemon, running
from benchmarks.figures import Figure
from benchmarks.pieces import STEPS
from benchmarks.processes import BenchError, Process, python, run_json
from benchmarks.sizes import COUNTS, DOCUMENT

CONNECTIONS = (1, 8, 64)
GENERATOR_BOUND = 0.85
"""A load generator that was busy for this share of the time may have been what was measured."""
WAY = 64
"""Connections for the whole way."""
SLOW_API_MS = 50


@dataclass(frozen=True)
class Effort:
    """How long and how often is measured; seconds are those of one run."""

    now: datetime
    folder: Path
    rounds: int = 5
    ack_seconds: float = 2.5
    way_seconds: float = 4.0
    open_seconds: float = 60.0
    """Of the whole way at a fixed rate, which is run once."""
    probe_seconds: float = 5.0
    """Of each rate that is tried in search of the highest one."""
    small_seconds: float = 1.2
    starts: int = 5
    kills: int = 3


FULL = Effort
QUICK = partial(
    Effort,
    rounds=1,
    ack_seconds=1.0,
    way_seconds=2.0,
    open_seconds=10.0,
    probe_seconds=3.0,
    small_seconds=0.5,
    starts=2,
    kills=1,
)

Figures = Iterator[Figure]


# ------------------------------------------------------------------------------------------ limits, pieces


def machine(effort: Effort) -> Figures:
    """What the disk, SQLite and the HTTP client allow."""
    folder, seconds = effort.folder, effort.small_seconds
    folder.mkdir(parents=True, exist_ok=True)

    def runs(measure: Callable[[], float]) -> list[float]:
        return [measure() for _ in range(effort.rounds)]

    flushes = runs(lambda: limits.fdatasync(folder, seconds))
    yield Figure.of("limit_fdatasync", "append + fdatasync, 4 KB", "/s", flushes)
    for group in (1, 64):
        rows = runs(lambda group=group: limits.sqlite_rows(folder, effort.now, seconds, group))  # type: ignore[misc]
        what = f"SQLite WAL FULL, rows, {group} a commit"
        yield Figure.of(f"limit_sqlite_{group}", what, "/s", rows)
    with product.running_sink() as url:
        posts = runs(lambda: limits.posts(url, seconds, threads=32))
    yield Figure.of("limit_posts", "POSTs by the product's client alone, 32 threads", "/s", posts)


def pieces(effort: Effort) -> Figures:
    """Reading and deciding inside one process."""
    command = python("benchmarks.pieces", effort.now.isoformat(), effort.small_seconds)
    found = [run_json("pieces", command, timeout=120) for _ in range(effort.rounds)]

    def each(name: str) -> list[float]:
        return [float(run[name]) for run in found]

    note = f"messages of {found[0]['bytes'] / 1000:.1f} KB"
    yield Figure.of("parse_python_hl7", "python-hl7: parse", "/s", each("python_hl7"), note)
    yield Figure.of("parse_open", "our reader: open", "/s", each("open"))
    yield Figure.of("parse_fields_20", "our reader: open and read 20 fields", "/s", each("fields_20"))
    ratio = [run["fields_20"] / run["python_hl7"] for run in found]
    yield Figure.of("parse_ratio", "  that to python-hl7's parse", "x", ratio)
    total = [run["read_us"] + run["decide_us"] for run in found]
    yield Figure.of("engine", "engine: read and decide one message", "us", total)
    parse = [1e6 / run["python_hl7"] for run in found]
    ratio = [mine / theirs for mine, theirs in zip(total, parse, strict=True)]
    yield Figure.of("engine_ratio", "  that to python-hl7's parse of the message", "times", ratio)
    for step in (*STEPS, "other"):
        cost = [(run["read_us"] + run["decide_us"]) * run[f"share_{step}"] for run in found]
        share = sum(each(f"share_{step}")) / len(found)
        yield Figure.of(f"engine_{step}", f"  of it {step}", "us", cost, f"{share:.0%}")
    yield Figure.of("engine_new", "engine: the same, every patient new", "us", each("new_us"))
    yield Figure.of("engine_fresh", "engine: the same, nothing seen before", "us", each("fresh_us"))


def sizes(effort: Effort) -> Figures:
    """What large messages cost: by their bytes, by their segments."""
    command = python("benchmarks.sizes", effort.now.isoformat(), effort.small_seconds / 2)
    found = [run_json("sizes", command, timeout=120) for _ in range(effort.rounds)]
    megabytes = DOCUMENT / 1e6

    def marginal(run: dict[str, float], kind: str, few: int, many: int) -> float:
        """Microseconds of each segment group beyond the few."""
        return (run[f"{kind}_{many}"] - run[f"{kind}_{few}"]) / (many - few) * 1000

    each = [(run["document"] - run["small"]) / megabytes for run in found]
    title = f"{megabytes:.0f} MB of embedded PDF, read and decided, a MB"
    yield Figure.of("size_mb", title, "ms", each, "of the processor, beyond the same message without it")
    few, some, many = COUNTS
    for kind, name in (("dg1", "DG1"), ("rxe", "orders (ORC, TQ1, RXE, RXR)")):
        yield Figure.of(
            f"size_{kind}", f"{many} {name}, each", "us", [marginal(run, kind, some, many) for run in found]
        )
        ratios = [marginal(run, kind, some, many) / marginal(run, kind, few, some) for run in found]
        yield Figure.of(f"size_ratio_{kind}", f"  that to each of {some}", "times", ratios)
    with running(effort.folder / "sizes", effort.now) as daemon:
        way(daemon, 8, 200)  # warm
        count = 10 * effort.rounds
        small, large = way(daemon, 1, 10 * count), way(daemon, 1, count, DOCUMENT)
        more = {
            name[3:]: (large[name] - small.get(name, 0.0)) / megabytes
            for name in large
            if name.startswith("cpu")
        }
        note = ", ".join(f"{name[1:]} {value:.1f}" for name, value in more.items() if name)
        title = "the same on the whole way, all processes, a MB"
        yield Figure("size_mb_all", title, "ms", more[""], (), f"{note}; {count} messages")


# ------------------------------------------------------------------------------------------ ACKs


def receivers(effort: Effort) -> Figures:
    """ACKs of receivers that store nothing."""
    names = {
        "python-hl7": "python-hl7's server (parses, stores nothing)",
        "twisted": "bare Twisted, fixed ACK",
    }
    for name, title in names.items():
        with Process(name, python("benchmarks.receivers", name)) as process:
            port = int(process.says(r"port (\d+)")[1])
            key = name.replace("-", "_")

            def send(connections: int, port: int = port) -> dict[str, Any]:
                return product.run_load(
                    port, connections, effort.now, seconds=effort.ack_seconds / 2, ring=True
                )

            yield from acks_of(effort, send, f"ack_{key}", title)


def acks(effort: Effort) -> Figures:
    """Durable ACKs: stored and flushed, then answered; the work standing still, then everything running."""
    with running(effort.folder / "still", effort.now, standing_still=True) as daemon:
        daemon.load(8, count=200)  # warm
        yield from acks_of(effort, _timed(daemon, effort), "ack_still", "durable ACKs, work standing still")
    with running(effort.folder / "secure", effort.now, standing_still=True, secure=True) as daemon:
        daemon.load(8, count=200)
        yield from acks_of(effort, _timed(daemon, effort), "ack_tls", "the same over TLS")
    with running(effort.folder / "busy", effort.now) as daemon:
        daemon.load(64, seconds=effort.ack_seconds / 2)  # from here on the work always has something to do
        before, began = daemon.posts()["told"], time.monotonic()
        yield from acks_of(effort, _timed(daemon, effort), "ack_busy", "durable ACKs, everything running")
        posted, behind = daemon.posts()["told"] - before, daemon.next_index - daemon.posts()["told"]
        note = f"{behind:.0f} behind" if behind else "idle at times: the work kept up"
        rate = posted / (time.monotonic() - began)
        yield Figure("ack_busy_posts", "POSTs meanwhile", "/s", rate, (rate,), note)


def _timed(daemon: Daemon, effort: Effort) -> Callable[[int], dict[str, Any]]:
    return lambda connections: daemon.load(connections, seconds=effort.ack_seconds)


def acks_of(effort: Effort, send: Callable[[int], dict[str, Any]], key: str, title: str) -> Figures:
    """ACKs a second and latencies of a receiver; `send`: a run with so many connections."""
    found: dict[int, list[dict[str, Any]]] = {connections: [] for connections in CONNECTIONS}
    for _ in range(effort.rounds):
        for connections in CONNECTIONS:  # in turn, so that a disturbance of some seconds hits one run of each
            found[connections].append(send(connections))
    for connections, runs in found.items():
        name, at = f"{key}_{connections}", f"{title}, {connections} conn"
        bound = max(run["cpu"] for run in runs)
        note = "the load generator may be the limit" if bound > GENERATOR_BOUND else ""
        yield Figure.of(name, at, "/s", [run["rate"] for run in runs], note)
        for share in ("p50", "p99"):
            yield Figure.of(f"{name}_{share}", f"  {share}", "ms", [run[share] * 1000 for run in runs])


# ------------------------------------------------------------------------------------------ the whole way


def whole_way(effort: Effort) -> Figures:
    """Message to POST: offered closed loop, over when the last POST is there. Then memory and the start."""
    with running(effort.folder / "way", effort.now) as daemon:
        rate = way(daemon, 64, 300)["rate"]  # warm; how many messages a run can take
        for connections in CONNECTIONS:
            count = int(min(max(rate * effort.way_seconds, 200), 30_000) * (1 if connections == WAY else 0.6))
            runs = [way(daemon, connections, count) for _ in range(effort.rounds)]
            key, title = f"way_{connections}", f"whole way, message to POST, {connections} conn"
            rates = [run["rate"] for run in runs]
            yield Figure.of(key, title, "/s", rates, f"{count} messages a run{missing(runs)}")
            yield Figure.of(f"{key}_acks", "  ACKs meanwhile", "/s", [run["acks"] for run in runs])
            yield Figure.of(f"{key}_p50", "  ACK p50", "ms", [run["p50"] * 1000 for run in runs])
            yield Figure.of(f"{key}_p99", "  ACK p99", "ms", [run["p99"] * 1000 for run in runs])
            if connections == WAY:
                yield from _processors(runs)
        sink.ask(daemon.sink, f"/delay/{SLOW_API_MS}")
        runs = [
            way(daemon, WAY, int(max(200, min(rate, 600) * effort.way_seconds))) for _ in range(effort.rounds)
        ]
        title = f"whole way, an API that takes {SLOW_API_MS} ms, {WAY} conn"
        yield Figure.of("way_slow_api", title, "/s", [run["rate"] for run in runs], missing(runs).strip("; "))
        yield memory_of(daemon)
        settings = daemon.settings
        stored = daemon.next_index
        first = daemon.started_in
    again = [start_once(settings) for _ in range(effort.starts)]
    yield Figure("start_new", "start to listening, new store", "s", first, (first,))
    yield Figure.of("start", "start to listening", "s", again, f"{stored} messages stored")


def _processors(runs: list[dict[str, float]]) -> Figures:
    """Processor time a message, of all processes and of each."""
    yield Figure.of("way_cpu", "  processor a message", "ms", [run["cpu"] for run in runs])
    for key in runs[-1]:
        if key.startswith("cpu_"):
            yield Figure.of(f"way_{key}", f"    of it {key[4:]}", "ms", [run.get(key, 0.0) for run in runs])


def memory_of(daemon: Daemon, key: str = "memory") -> Figure:
    """Proportional set size of all processes of a daemon, right now."""
    each = {name: size / 1e6 for name, size in daemon.memory().items()}
    note = ", ".join(f"{name} {size:.0f}" for name, size in each.items())
    total = sum(each.values())
    return Figure(
        key,
        "memory of all processes (PSS)",
        "MB",
        total,
        (total,),
        f"{note}; after {daemon.next_index} messages",
    )


def way(daemon: Daemon, connections: int, count: int, document: int = 0) -> dict[str, float]:
    """Offer `count` messages, wait for the last POST; rates, latencies, and processor milliseconds a message."""
    before, cpu = int(daemon.posts()["told"]), daemon.cpu()
    sent = daemon.load(connections, count=count, document=document)
    after = daemon.until_told(before + count)
    posts = int(after["told"]) - before
    spent = daemon.cpu()
    each = {name: (value - cpu.get(name, 0.0)) / count * 1000 for name, value in spent.items()}
    if not posts:
        raise BenchError("whole way: no POST arrived; last lines of the daemon:\n  " + _last(daemon))
    return {
        "rate": posts / (after["last"] - sent["began"]),
        "missing": count - posts,
        "acks": sent["rate"],
        "p50": sent["p50"],
        "p99": sent["p99"],
        **{f"cpu_{name}": milliseconds for name, milliseconds in each.items()},
        "cpu": sum(each.values()),
    }


def missing(runs: list[dict[str, float]]) -> str:
    """What a reader must know when POSTs and messages are not the same in number."""
    missing = [int(run["missing"]) for run in runs]
    return f"; POSTS MISSING (below 0: too many): {missing}" if any(missing) else ""


def _last(daemon: Daemon) -> str:
    return "\n  ".join(daemon.process.lines[-5:])


def start_once(settings: Path) -> float:
    """Seconds from the start of a daemon to its open port; it is stopped again."""
    process, _, took = product.start(settings)
    process.stop()
    return took

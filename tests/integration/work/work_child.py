"""The work as a process with an engine that posts every message: run by tests, and imported by their conftest.

Messages are JSON: {"patient": "K1", "n": 3, "do": "post" | "cancel" | "chart" | "broken" | "die", "day": "2026-03-09"}.
"""

import argparse
import os
import random
import signal
from dataclasses import dataclass, field, replace
from datetime import UTC, date
from types import SimpleNamespace

import orjson

from interface.chart.apart import NOBODY, Apart
from interface.chart.guarding import Guard, no_guard
from interface.chart.model import Chart
from interface.chart.outcome import Close, NewRequest, Outcome
from interface.chart.settle import Sent, not_known
from interface.delivery.schedule import Schedule
from interface.rules import Policy
from interface.services.limits import Limits
from interface.services.logs import configure
from interface.services.posting import posting_to
from interface.services.target import Target
from interface.services.work import clock_at, work
from interface.store.crypto import Master
from interface.store.lock import StoreLock
from interface.store.store import open_store

KEYRING = Master(b"k" * 32)
QUICK = Schedule(first=0.02, cap=0.05, pause=0.05, slow=0.05, slowest=50.0)


@dataclass(frozen=True)
class PostEverything:
    """Decides as each message says; nothing supersedes anything, so that each request can be followed."""

    policy: Policy = field(default_factory=Policy)
    guard: Guard = no_guard
    apart: Apart = field(default_factory=lambda: NOBODY)
    sent: Sent = not_known

    def read(self, raw, *, received_at, listener):
        told = orjson.loads(raw)
        return SimpleNamespace(keys=(told["patient"],), told=told)

    def decide(self, reading, charts, *, now, new_id):
        told, chart = reading.told, charts.get(reading.keys[0])
        if told["do"] == "broken":
            raise ValueError("ANNA EXAMPLE")
        if told["do"] == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        chart = Chart([told["patient"]]) if chart is None else chart.copy()
        opened, _, _ = chart.snapshots.pop("open", "").partition(" ")
        requests = ()
        if told["do"] == "post":
            day = date.fromisoformat(told["day"]) if told.get("day") else None
            requests = (NewRequest(new_id(), "A", "waiting", (), orjson.dumps(told), b"{}", day, None),)
            chart.snapshots["open"] = f"{requests[0].id} {day or date.max}"
        elif told["do"] == "cancel" and opened:
            requests = (Close(int(opened), "withdrawn", ()),)
        return Outcome(told["do"], (), chart, requests)

    def resettle(self, chart, *, now, new_id):
        chart = chart.copy()
        opened, _, day = chart.snapshots.pop("open", "").partition(" ")
        if not opened or day >= now.date().isoformat():
            return Outcome("chart", ())
        return Outcome("chart", (), chart, (Close(int(opened), "expired", ()),))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store", help="its URL")
    parser.add_argument("api")
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--cap", type=float, default=QUICK.cap, help="the longest wait of retries and probes")
    parser.add_argument("--now")
    parser.add_argument("--timeout", type=float, default=30.0)
    options = parser.parse_args()
    schedule = replace(QUICK, cap=options.cap, pause=options.cap)
    configure()
    random.seed(1)
    target = Target(options.api, "key", connect_seconds=options.timeout, read_seconds=options.timeout)
    if options.store.startswith("sqlite"):
        lock = StoreLock.beside(options.store, "work")
        lock.acquire(wait=10)
    with posting_to(target, options.concurrency) as posting, open_store(options.store, KEYRING) as store:
        work(
            store,
            PostEverything(),
            posting,
            clock=clock_at(options.now, UTC),
            limits=Limits(options.concurrency, options.rate, 10.0, schedule),
        )


if __name__ == "__main__":
    main()

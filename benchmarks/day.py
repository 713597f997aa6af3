"""A day of feed squeezed into minutes: is memory flat, and is one alert said for one cause?

`python -m benchmarks.day [--messages N] [--away SECONDS]`: sends N messages (default: 300,000) as fast as they are taken.
After a third of them the API fails for a while. Then everything may come to rest. Printed are memory, store and what waited
after each tenth, and every alert; exit 1 when memory grew by more than a tenth from the fourth tenth to the last,
when an alert was said for which there was no cause or more than once, or when a message did not lead to its POST.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import sink
from benchmarks.daemon import RESULTS, Daemon, running
from benchmarks.processes import ROOT, BenchError, python

CONNECTIONS = 16
PARTS = 10
CAUSE = "destination-away"
ALERTS = """
[alerts]
hold_minutes = 0.05
settle_minutes = 0.05
away_minutes = 0.1
"""
"""The day is squeezed, and what has to hold for minutes of it with it."""
FLAT = 1.1
REST_SECONDS = 180.0
"""No POST for so long: a standstill. After an outage the first comes by a probe."""
MIB = 1024 * 1024


def main() -> int:
    """Send a day, and judge what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.day", description=__doc__)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--away", type=float, default=20.0, help="seconds for which the API fails")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="where the store is made")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="day-", dir=args.folder) as made:
        try:
            return _day(Path(made) / "site", args.messages, args.away)
        except BenchError as error:
            print(error, file=sys.stderr)
            return 1


def _day(folder: Path, messages: int, away: float) -> int:
    began = time.monotonic()
    with running(folder, datetime.now(UTC), more=ALERTS) as daemon:
        used = [
            _part(daemon, messages // PARTS, part, away if part == PARTS // 3 else 0.0)
            for part in range(PARTS)
        ]
        posts = daemon.until_told(daemon.next_index, quiet=REST_SECONDS)["told"]
        # what is over has to be so for a while; and a stopped circuit comes back by a probe
        edges = _until_over(daemon.settings)
    took = time.monotonic() - began
    said = [(edge["alert"], edge["event"]) for edge in edges]
    print(f"\n{daemon.next_index:,} messages in {took:,.0f} s, {posts:,.0f} POSTs; alerts: {said or 'none'}")
    faults = []
    if posts < daemon.next_index:
        faults.append(f"{daemon.next_index - posts:,.0f} POSTs are missing")
    if used[-1] > FLAT * used[PARTS // 3]:
        faults.append(f"memory grew: {used[PARTS // 3] // MIB} to {used[-1] // MIB} MiB")
    if said != [(CAUSE, "begins"), (CAUSE, "ends")]:
        faults.append("the API was away once: one begin and one end were to be said")
    for fault in faults:
        print(f"NOT WELL: {fault}")
    return 1 if faults else 0


def _part(daemon: Daemon, count: int, part: int, away: float) -> int:
    """Send a tenth; bytes of memory afterwards (PSS of all processes)."""
    if away:
        sink.ask(daemon.sink, "/status/503")
        end = time.monotonic() + away
        sent = 0
        while time.monotonic() < end and sent < count:
            daemon.load(CONNECTIONS, count=min(1000, count - sent))
            sent += 1000
        time.sleep(max(0.0, end - time.monotonic()))
        sink.ask(daemon.sink, "/status/200")
        count -= min(count, sent)
    if count:
        daemon.load(CONNECTIONS, count=count)
    memory = sum(daemon.memory().values())
    behind = daemon.next_index - daemon.posts()["told"]
    print(
        f"{part + 1:2}/{PARTS}  {daemon.next_index:9,} sent  {memory // MIB:5} MiB  {behind:9,.0f} not POSTed yet",
        flush=True,
    )
    return memory


def _until_over(settings: Path) -> list[dict[str, Any]]:
    """What was said, oldest first, once nothing is on any more."""
    end = time.monotonic() + 60
    while True:
        done = subprocess.run(
            python("interface", "alerts", "--json", "-c", settings),
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0 or time.monotonic() > end:
            told = json.loads(done.stdout)
            return list(reversed(told["latest"]))
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())

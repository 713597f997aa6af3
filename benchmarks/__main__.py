"""`make bench`: measure, print a table, keep the numbers, compare with the run before."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import goals, report
from benchmarks.daemon import RESULTS
from benchmarks.figures import Section
from benchmarks.growth import growth
from benchmarks.parts import PARTS, SLOW
from benchmarks.processes import BenchError, NotHereError
from benchmarks.suite import FULL, QUICK


def main() -> int:
    """Run the parts asked for; 0 when all could be measured, 1 when one could not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="seconds instead of minutes, one run each: for trying"
    )
    parser.add_argument(
        "--only", action="append", choices=tuple(PARTS), help="this part alone; may be repeated"
    )
    parser.add_argument(
        "part",
        nargs="?",
        choices=("growth",),
        help="measure what a store that has grown costs, and nothing else",
    )
    parser.add_argument("--now", type=_a_time, help="the time that messages bear (default: the present)")
    parser.add_argument("--folder", type=Path, help="where stores are made (default: benchmarks/results)")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # so that everything started is stopped on the way out
    RESULTS.mkdir(exist_ok=True)
    mode = "quick" if args.quick else "full"
    when = datetime.now(UTC)
    environment = describe()
    print(" · ".join(f"{name} {value}" for name, value in environment.items()))
    before = report.previous(RESULTS, mode)
    against = " · against the latest earlier value (! a fifth worse)" if before else ""
    print(f"value · lowest to highest run{against}")
    stores = Path(args.folder or RESULTS)
    stores.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="stores-", dir=stores))
    began = time.monotonic()
    sections: list[Section] = []
    failed = []
    try:
        effort = (QUICK if args.quick else FULL)(args.now or when, folder)
        parts = {"growth": ("a store that has grown", growth)} if args.part else PARTS
        for key, (title, measure) in parts.items():
            if key not in args.only if args.only else args.quick and key in SLOW:
                continue
            section = Section(key, title)
            try:
                section.figures.extend(measure(effort))
            except BenchError as error:
                failed.append(f"{key}: {error}")
            except NotHereError as lacking:
                print(f"\n{title}\n  LEFT OUT  {lacking}")
            sections.append(section)
            _show(section, before)
        sections.append(report.ratios(sections))
        _show(sections[-1], before)
        print("\n".join(goals.lines_of(sections)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    environment["load_after"] = _load()
    path = RESULTS / f"{when.strftime('%Y-%m-%dT%H%M%SZ')}.json"
    written = report.document(mode, when.isoformat(timespec="seconds"), environment, sections)
    path.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    print(f"\n{time.monotonic() - began:.0f} s; written to {path.relative_to(RESULTS.parent.parent)}")
    for line in failed:
        print(f"NOT MEASURED  {line}", file=sys.stderr)
    return 1 if failed else 0


def _show(section: Section, before: dict[str, float]) -> None:
    if section.figures:
        print("\n".join(report.lines_of(section, before)), flush=True)


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _a_time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone()


def _load() -> str:
    return f"{os.getloadavg()[0]:.2f}"


def describe() -> dict[str, Any]:
    """The machine and what runs on it, as far as the numbers hang on it."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "kernel": platform.release(),
        "load": _load(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

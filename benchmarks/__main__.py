"""`make bench`: measure, print a table, keep the numbers, compare with the run before."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sqlite3
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import goals, report
from benchmarks.beside import beside, peer
from benchmarks.daemon import RESULTS
from benchmarks.figures import Section
from benchmarks.growth import growth
from benchmarks.page import page
from benchmarks.parts import PARTS, SLOW, Part
from benchmarks.processes import ROOT, BenchError, NotHereError
from benchmarks.suite import FULL, QUICK, Effort


def main() -> int:
    """Run the parts asked for; 0 when all could be measured, 1 when one could not, 2 for wrong usage."""
    args = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)  # so that everything started is stopped on the way out
    RESULTS.mkdir(exist_ok=True)
    mode = "quick" if args.quick else "full"
    when = datetime.now(UTC)
    environment = describe()
    print(" · ".join(f"{name} {value}" for name, value in environment.items()))
    before = report.previous(RESULTS, mode)
    against = " · against the latest earlier value (! a fifth worse)" if before else ""
    print(f"value · goal · lowest to highest run{against}")
    stores = Path(args.folder or RESULTS)
    stores.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stores-", dir=stores, ignore_cleanup_errors=True) as folder:
        effort = (QUICK if args.quick else FULL)(args.now or when, Path(folder))
        sections, failed = _measured(_chosen(args), effort, before)
    peers = {each.key: each.name for each in args.beside}
    sections.append(report.ratios(sections, peers))
    _show(sections[-1], before)
    for line in goals.lines_of(sections):
        print(line)
    environment["load_after"] = _load()
    run = report.Run(mode, when.isoformat(timespec="seconds"), environment, sections)
    path = RESULTS / f"{when.strftime('%Y-%m-%dT%H%M%SZ')}.json"
    path.write_text(json.dumps(run.as_json(), indent=1) + "\n", "utf-8")
    path.with_suffix(".html").write_text(page(run, before, peers), "utf-8")
    print(
        f"\n{time.monotonic() - began:.0f} s; written to {path.relative_to(ROOT)}, and as a page beside it (.html)"
    )
    for line in failed:
        print(f"NOT MEASURED  {line}", file=sys.stderr)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
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
    parser.add_argument(
        "--beside", action="append", type=peer, default=[], metavar="HOST:PORT[/NAME]",
        help="another MLLP receiver that runs there gets the same load; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--beside-sink", type=int, metavar="PORT", help="count the POSTs that it makes to 127.0.0.1:PORT"
    )
    parser.add_argument("--now", type=_a_time, help="the time that messages bear (default: the present)")
    parser.add_argument("--folder", type=Path, help="where stores are made (default: benchmarks/results)")
    return parser.parse_args()


def _chosen(args: argparse.Namespace) -> dict[str, tuple[str, Part]]:
    """What is to be measured: title and measure by name, in order."""
    if args.part:
        return {"growth": ("a store that has grown", growth)}
    found = {
        name: part
        for name, part in PARTS.items()
        if (name in args.only if args.only else not args.quick or name not in SLOW)
    }
    if args.beside:
        found["beside"] = ("beside", partial(beside, peers=args.beside, sink_port=args.beside_sink))
    return found


def _measured(
    parts: dict[str, tuple[str, Part]], effort: Effort, before: dict[str, float]
) -> tuple[list[Section], list[str]]:
    """Everything, shown part by part; and what could not be measured."""
    sections, failed = [], []
    for key, (title, measure) in parts.items():
        section = Section(key, title)
        try:
            section.figures.extend(measure(effort))
        except BenchError as error:
            failed.append(f"{key}: {error}")
        except NotHereError as lacking:
            print(f"\n{title}\n  LEFT OUT  {lacking}")
        sections.append(section)
        _show(section, before)
    return sections, failed


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

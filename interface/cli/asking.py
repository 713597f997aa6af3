"""What the commands share that ask the work for something: the site, the question before, progress, what came of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from interface.cli.common import UsageError, settings_of
from interface.cli.output import facts, is_terminal, many, safe_text, tell
from interface.cli.run import a_time
from interface.cli.said import work_says
from interface.cli.stored import add_json_argument, add_settings_again, open_store_of

if TYPE_CHECKING:
    from interface.chart.decide import Engine
    from interface.services.asking import Asking
    from interface.services.clock import Clock
    from interface.services.portions import Grouping, Portion
    from interface.settings import Settings
    from interface.store.records.reading import Command
    from interface.store.store import Store

WAIT_SECONDS = 60.0
LINE_SECONDS = 5.0
SHOWN = 20
"""Requests and patients that an answer names; the JSON answer has all."""


@dataclass(frozen=True)
class Site:
    """A site's settings, mapping, store and clock."""

    settings: Settings
    engine: Engine
    store: Store
    clock: Clock


def add_site_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every such subcommand takes; given before it, settings and JSON mean the same."""
    add_settings_again(parser)
    parser.add_argument(
        "--now",
        metavar="TIME",
        type=a_time,
        help="decide as if it were then; give what `run --now` was given",
    )
    add_json_argument(parser)


def add_asking_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what changes charts only after a question."""
    add_site_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="change nothing: show what would be changed")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_wait_argument(parser)


def add_wait_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--wait`."""
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=WAIT_SECONDS,
        help=f"how long a running daemon may take for a portion (default: {WAIT_SECONDS:g})",
    )


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise UsageError(f"{text!r} is not a number of seconds")
    return float(text)


@contextmanager
def open_site(args: argparse.Namespace) -> Iterator[Site]:
    """The site of the settings, with today's mapping; the store is neither made nor brought up to date."""
    from interface.services.clock import Clock
    from interface.services.engines import engine_now

    settings = settings_of(args)
    with work_says(tell), open_store_of(settings) as store:
        clock = Clock(args.now, settings.site.zone)
        yield Site(settings, engine_now(settings, store, clock.now()), store, clock)


def grouping(site: Site) -> Grouping:
    """Finds out which patients hang together."""
    from interface.services.portions import Grouping

    return Grouping(site.engine, site.store.patients, site.store.work)


def a_person_is_asked(*, yes: bool) -> bool:
    """Whether somebody reads the question on a terminal: patients are named to nobody else, for standard error may be
    kept as a log.
    """
    return not yes and is_terminal(sys.stdin) and is_terminal(sys.stderr)


def confirm(question: str, *, yes: bool, otherwise: str = "--dry-run to look first") -> bool:
    """Ask on a terminal. `otherwise`: what else there is to do.

    Raises:
        UsageError: there is none, and `--yes` was not given.

    """
    if yes:
        return True
    if not is_terminal(sys.stdin):
        raise UsageError(f"{question} There is no terminal to ask on: give --yes, or {otherwise}")
    print(f"{safe_text(question)} Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().casefold() in ("y", "yes"):
        return True
    tell("nothing was done")
    return False


@contextmanager
def progress(total: int, what: str, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """How many of `total` are done, on standard error: a bar on a terminal, else a line every few seconds."""
    if not shown:
        yield lambda _: None
        return
    if not is_terminal(sys.stderr):
        done, last = 0, time.monotonic()

        def line(more: int) -> None:
            nonlocal done, last
            done += more
            if time.monotonic() - last >= LINE_SECONDS:
                last = time.monotonic()
                tell(f"{done} of {total} {what}")

        yield line
        return
    from rich.console import Console
    from rich.progress import Progress

    # standard output is not rich's to redirect: the answer may go into a pipe
    with Progress(
        console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.update(task, advance=more)


@dataclass
class Done:
    """What came of commands together."""

    commands: list[int] = field(default_factory=list)
    numbers: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("patients", "messages", "posted"), 0)
    )
    split: list[int] = field(default_factory=list)
    merged: list[tuple[int, int | None]] = field(default_factory=list)
    requests: list[tuple[int, str]] = field(default_factory=list)
    failed: list[tuple[list[int], str]] = field(default_factory=list)
    """Patients, and why their charts could not be rebuilt."""
    keys: set[str] = field(default_factory=set)
    """By which settings the charts got their keys, as each command told it."""

    def take(self, command: Command) -> None:
        """What one command came to."""
        told = command.result or {}
        self.commands.append(command.id)
        self.keys |= {told["keys"]} if "keys" in told else set()
        for name in self.numbers:
            self.numbers[name] += int(told.get(name, 0))
        self.split += told.get("split", [])
        self.merged += [(old, into) for old, into in told.get("merged", [])]
        self.requests += [(number, state) for number, state in told.get("changed", [])]

    def end(self, command: Command) -> None:
        """What came of the last of them, which brings nothing but that all are done."""
        if command.state != "done":
            self.failed.append(([], str((command.result or {}).get("problem", ""))))

    def as_json(self) -> dict[str, Any]:
        """The JSON answer."""
        return {
            "dry_run": False,
            "commands": self.commands,
            **self.numbers,
            "split": self.split,
            "merged": [{"patient": old, "into": into} for old, into in self.merged],
            "requests": [{"id": number, "state": state} for number, state in self.requests],
            "failed": [{"patients": patients, "problem": why} for patients, why in self.failed],
        }

    def show(self) -> None:
        """Print it for people."""
        numbers = self.numbers
        facts(
            {
                "rebuilt": f"{many(numbers['patients'], 'chart')} from {many(numbers['messages'], 'message')}",
                "split": _some([f"patient {id_} has a chart of its own" for id_ in self.split]),
                "merged": _some([_merged(old, into) for old, into in self.merged]),
                "requests": _some([f"{number} {state}" for number, state in self.requests]) or "none changed",
                "asked anew": str(numbers["posted"]) if numbers["posted"] else "",
            }
        )
        for patients, why in self.failed:
            whose = f"patient {', '.join(str(id_) for id_ in patients)}: " if patients else ""
            tell(f"not rebuilt: {whose}{why}")


def _merged(old: int, into: int | None) -> str:
    return f"patient {old} is part of patient {into} now" if into else f"nothing is left of patient {old}"


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN} more (--json names all)" if len(texts) > SHOWN else ""
    return "; ".join(texts[:SHOWN]) + more


def rebuild(
    site: Site, portions: list[Portion], charts: int, wait: float, done: Done, *, everybody: bool
) -> None:
    """Have portions rebuilt; `done` takes what comes of each. One that fails is tried in halves, so that only what
    can't be done is left. When it was `everybody`, and nothing failed, the store learns where all charts stand now.

    Raises:
        NotAnsweredError: the daemon took too long.

    """
    from interface.services.asking import Asking

    asking = Asking(site.store, site.engine, site.clock, patience=wait)
    with progress(charts, "charts rebuilt") as shown:
        while portions:
            portions = _rebuild(asking, portions, done, shown)
    if everybody and not done.failed:
        asking.ask("keyed", [{"keys": sorted(done.keys)}], lambda _, command: done.end(command))


def _rebuild(
    asking: Asking, portions: list[Portion], done: Done, shown: Callable[[int], None]
) -> list[Portion]:
    """Have portions rebuilt; gives the halves of those that could not be."""
    again: list[Portion] = []

    def take(place: int, command: Command) -> None:
        portion = portions[place]
        halves = portion.halves()
        if command.state == "done":
            done.take(command)
        elif halves:
            again.extend(halves)
            return
        else:
            done.failed.append((portion.patients, str((command.result or {}).get("problem", ""))))
        shown(len(portion.groups))

    asking.ask("rebuild", (portion.arguments for portion in portions), take)
    return again

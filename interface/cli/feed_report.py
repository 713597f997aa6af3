"""`feed-report`: what a sender's feed is like and lacks, to be mailed to the sending team."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from interface.cli.common import UsageError, add_settings_option, at_site
from interface.cli.feed_source import FileSource
from interface.cli.output import is_terminal, print_json, tell
from interface.cli.run import a_time
from interface.cli.stored import ago, whole
from interface.cli.writing import write_whole
from interface.errors import InterfaceError
from interface.rules import Policy, Rulebook, load_rulebook
from interface.services.feed_source import JournalSource, Source

if TYPE_CHECKING:
    from interface.report.model import Report

DEFAULT_SAMPLE = 200
DEFAULT_LIMIT = 10_000
_JOURNAL_ONLY = ("since", "until", "listener", "limit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's flags."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="HL7 files, `-` is standard input; none: the journal"
    )
    add_settings_option(parser)
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write one page that can be mailed; - is standard output"
    )
    parser.add_argument("--sender", metavar="NAME", help="only messages whose MSH-3 or MSH-4 is NAME")
    parser.add_argument(
        "--no-control-ids", action="store_true", help="leave MSH-10 out, where it may hold patients' numbers"
    )
    parser.add_argument(
        "--sample",
        metavar="N",
        type=sample,
        default=DEFAULT_SAMPLE,
        help=f"hold N messages of each sender and type against the standard, or `all` (default: {DEFAULT_SAMPLE})",
    )
    parser.add_argument("--now", metavar="TIME", type=a_time, help="make the report as if it were then")
    journal = parser.add_argument_group("of the journal")
    journal.add_argument(
        "--since", metavar="TIME", type=ago, help="from then on: 30m, 2h, 3d (ago), 2026-03-05"
    )
    journal.add_argument("--until", metavar="TIME", type=ago, help="before then")
    journal.add_argument("--listener", metavar="NAME", help="only what came on it")
    journal.add_argument(
        "--limit", metavar="N", type=whole, help=f"at most the newest N messages (default: {DEFAULT_LIMIT})"
    )


def sample(text: str) -> int | None:
    """How many messages are looked at closely; None for `all`. Raises UsageError."""
    return None if text == "all" else whole(text)


def run(args: argparse.Namespace) -> int:
    """Make the report. Exit 0 whatever the feed is like; 1 only when not one message could be read."""
    if args.files and (given := [name for name in _JOURNAL_ONLY if getattr(args, name) is not None]):
        raise UsageError(f"feed-report: --{given[0]} is for the journal: leave FILE out")
    if str(args.html) == "-" and args.json:
        raise UsageError("feed-report: --html - writes the page to standard output: no --json")
    if args.html is not None and not args.html.absolute().parent.is_dir():
        raise UsageError(f"feed-report: cannot write {args.html}: there is no such folder")
    report = make(args)
    if args.html is not None:
        _write_page(report, args.html)
    if args.json:
        from interface.report.as_json import as_json

        print_json(as_json(report))
    elif args.html is None:
        from interface.report.as_text import as_text

        width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else 100
        print(as_text(report, min(width, 120)), end="")
    return 0 if report.readable else 1


def make(args: argparse.Namespace) -> Report:
    """Read all messages and count.

    Raises:
        InterfaceError: there is not one message.

    """
    from interface.chart.decide import Engine
    from interface.report.collect import Collector

    with _source(args) as source:
        # the site's already where there are settings: they are read by now
        now = datetime.now(UTC) if args.now is None else at_site(args.now, None)
        totals = source.totals()
        if not totals:
            raise InterfaceError("feed-report: there is no message to report on")
        engine = Engine(_rulebook(args), source.policy)
        collector = Collector(engine, totals, now=now, sample=args.sample)
        with progress(totals.total()) as advance:
            for entry in source.entries():
                collector.take(entry)
                advance()
        notes = list(source.notes)
    if args.sample is not None:
        notes.append(
            f"hl7apy and python-hl7 looked at up to {args.sample} messages of each sender and type, evenly spread"
        )
    return collector.report(control_ids=not args.no_control_ids, notes=tuple(notes))


@contextmanager
def _source(args: argparse.Namespace) -> Iterator[Source]:
    if args.files:
        yield FileSource(args.files, _policy(args), args.sender)
        return
    from interface.cli.stored import open_views
    from interface.store.records.lists import MessageFilter

    policy = _policy(args, needed=True)
    where = MessageFilter(listener=args.listener, since=args.since, until=args.until)
    with open_views(args) as views:
        yield JournalSource(views, where, args.limit or DEFAULT_LIMIT, policy, args.sender)


def _rulebook(args: argparse.Namespace) -> Rulebook:
    """The mapping, with the site's overlay where its settings are given or the journal is looked at."""
    if args.files and args.config is None:
        return load_rulebook()
    from interface.cli.common import settings_of

    return settings_of(args).rulebook()


def _policy(args: argparse.Namespace, needed: bool = False) -> Policy:
    """The site's policy; over files without `-c` that of `explain`."""
    if args.config is None and not needed:
        return Policy()
    from interface.cli.common import settings_of

    return settings_of(args).policy()


def _write_page(report: Report, target: Path) -> None:
    from interface.report.as_html import as_html

    page = as_html(report)
    if str(target) == "-":
        print(page)
        return
    try:
        write_whole(target, page, mode=None)  # it has no value of a message: to be passed on
    except OSError as error:
        raise InterfaceError(f"feed-report: cannot write {target}: {error.strerror}") from None
    tell(f"wrote {target} ({len(page) // 1024 + 1} KB)")


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """Show how far it is, on standard error: a bar on a terminal, else a line every ten seconds."""
    if is_terminal(sys.stderr):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda: bar.update(task, advance=1)
        return
    last, done = time.monotonic(), 0

    def advance() -> None:
        nonlocal last, done
        done += 1
        if time.monotonic() - last >= 10:
            last = time.monotonic()
            tell(f"{done} of {total} messages")

    yield advance

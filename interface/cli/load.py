"""`load`: history into the charts before go-live, from HL7 files and from tables; nothing is requested."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interface.cli.common import UsageError, add_settings_option, check_listener, settings_of
from interface.cli.output import facts, heading, is_terminal, print_json, safe_text, table
from interface.cli.run import a_time
from interface.cli.said import work_says
from interface.history.columns import KINDS

if TYPE_CHECKING:
    from interface.cli.load_files import Bad, File
    from interface.cli.load_judge import Judge, Tally
    from interface.services.clock import Clock
    from interface.services.history import HistoryStore
    from interface.settings import Settings
    from interface.store.store import Store

    Known = Callable[[Sequence[str]], Collection[str]]

SHOWN = 20
"""Reasons that the summary shows of each kind; the JSON answer has all."""
BATCH = 100
LINE_SECONDS = 5.0
STALLED = (
    "the daemon charts nothing of it at the moment: is its work up, is it waiting for the API? Going on to wait; "
    "Ctrl-C is safe: what is stored is charted by the daemon, the rest by loading again"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="HL7 files, or CSV of problems or medications; `-` is standard input",
    )
    add_settings_option(parser)
    parser.add_argument("--dry-run", action="store_true", help="store nothing: say what would come of it")
    parser.add_argument(
        "--kind", choices=KINDS, help="what the tables hold, where their headings do not tell"
    )
    parser.add_argument(
        "--as-of",
        metavar="TIME",
        type=_as_of,
        help="when what the tables say held, where no column as_of says it (default: the day the file was written)",
    )
    parser.add_argument(
        "--listener",
        metavar="NAME",
        default="",
        help="read as what comes on this listener of the settings: its rules, time zone, character set",
    )
    parser.add_argument(
        "--ignore",
        metavar="HEADING",
        action="append",
        default=[],
        help="a heading to pass over; may be repeated",
    )
    parser.add_argument(
        "--now",
        metavar="TIME",
        type=a_time,
        help="decide as if it were then; give what `run --now` was given",
    )
    parser.add_argument("--json", action="store_true", help="the summary as JSON")


def _as_of(text: str) -> str:
    """An HL7 time, as a cell of the column as_of is read: what names no zone is of the site, not of this machine."""
    from interface.history.rows import hl7_date

    found = hl7_date(text)
    if len(found) < len("20260305"):
        raise UsageError(f"load: --as-of {text!r} is no day; write 2026-03-05, or 2026-03-05T10:00")
    return found


def run(args: argparse.Namespace) -> int:
    """Load everything; 1 when a line was bad or a message failed, else 0."""
    from interface.chart.decide import Engine
    from interface.cli.load_files import STDIN, look_at
    from interface.cli.load_judge import Judge, Tally
    from interface.rules.policy import history_of
    from interface.services.clock import Clock

    settings = settings_of(args)
    if args.files.count(STDIN) > 1:
        raise UsageError("load: standard input can be read once only; give `-` once")
    check_listener("load", args.listener, [entry.name for entry in settings.listeners])
    clock = Clock(args.now, settings.site.zone)
    engine = Engine(settings.rulebook(), settings.policy())
    files = [look_at(name, args.kind, args.ignore, args.as_of, clock.at()) for name in args.files]
    summary = Summary(Tally(), len(files), args.dry_run)
    judge = Judge(engine, clock.at, summary.tally, history_of(args.listener))
    began = time.monotonic()
    with progress(sum(file.size for file in files)) as shown:
        try:
            if args.dry_run:
                _try(settings, judge, files, shown)
            else:
                _load(settings, clock, judge, files, summary, shown)
        except KeyboardInterrupt:
            shown.say("interrupted; load the same files again: nothing is lost, nothing doubles")
            raise
    summary.seconds = time.monotonic() - began
    if args.json:
        print_json(summary.as_json())
    else:
        summary.show()
    return 1 if summary.tally.bad or summary.failed else 0


def _try(settings: Settings, judge: Judge, files: list[File], shown: Progress) -> None:
    """Look at everything and store nothing. Who is known already is asked of the store, if there is one."""
    from interface.store.keys import load_or_create
    from interface.store.store import open_store, store_exists

    def look(known: Known) -> None:
        for _ in _batches(judge, known, files, shown):
            pass

    if not store_exists(settings.store_url):
        look(lambda _: ())
        return
    master = load_or_create(
        settings.store.key, settings.directory, shown.say, create=False, off=settings.store.clear
    )
    with open_store(settings.store_url, master, create=False) as store:
        look(store.patients.owners)


def _load(
    settings: Settings, clock: Clock, judge: Judge, files: list[File], summary: Summary, shown: Progress
) -> None:
    """Store everything and see it charted."""
    from interface.rules.policy import reads_as
    from interface.services.history import HistoryStore
    from interface.services.taken import Source, arrival

    with open_or_make(settings, shown.say) as store, work_says(shown.say):
        history = HistoryStore(
            store,
            judge.engine,
            clock,
            judge.kept_under,
            waiting=shown.waiting,
            stalled=lambda: shown.say(STALLED),
        )
        charset = judge.engine.policy.listener_charsets.get(reads_as(judge.kept_under))
        for batch in _batches(judge, store.patients.owners, files, shown):
            for place, raw in batch:
                source = Source(judge.kept_under, safe_text(place), charset)
                history.add(arrival(raw, source, time.time())[1])
        history.flush()
        history.chart()
        summary.take(history)


@contextmanager
def open_or_make(settings: Settings, say: Callable[[str], None]) -> Iterator[Store]:
    """The site's store. It and its key are made when there is none, as the daemon's first start does."""
    from interface.store.keys import load_or_create
    from interface.store.store import may_make_key, open_store, presence_at, store_exists

    url = settings.store_url
    master = load_or_create(
        settings.store.key, settings.directory, say, create=may_make_key(url), off=settings.store.clear
    )
    # beside a daemon nothing is brought up to date: it may be of an older version
    alone = not store_exists(url)
    if not alone:
        door = presence_at(url, "door")
        alone = not door.is_held()
        door.release()
    with open_store(url, master, create=alone) as store:
        yield store


def _batches(
    judge: Judge, known: Known, files: list[File], shown: Progress
) -> Iterator[list[tuple[str, bytes]]]:
    """The messages in batches, before whose storing it was asked which of their patients are known."""
    messages = _messages(judge, files, shown)
    while batch := list(itertools.islice(messages, BATCH)):
        judge.ask(known)
        yield batch


def _messages(judge: Judge, files: list[File], shown: Progress) -> Iterator[tuple[str, bytes]]:
    """The messages to store, each with its place; what is bad is said on the way."""
    from interface.cli.load_files import Piece

    tally = judge.tally

    def bad(entry: Bad) -> None:
        if entry.fault:
            tally.add_bad(entry)
            shown.say(f"{entry.place}: {entry.text}")
        else:
            tally.left_out[entry.text] += 1

    for file in files:
        for piece in file.pieces(shown.read):
            if not isinstance(piece, Piece):
                bad(piece)
                continue
            for found in judge.judge(file, piece):
                if isinstance(found, bytes):
                    yield piece.place, found
                else:
                    bad(found)


@dataclass
class Summary:
    """What came of it all."""

    tally: Tally
    files: int
    dry_run: bool
    seconds: float = 0.0
    new: int = 0
    known: int = 0
    decisions: Counter[str] | None = None
    failures: Counter[str] | None = None

    @property
    def failed(self) -> int:
        """Messages that the charts could not take in."""
        return sum((self.failures or Counter()).values())

    def take(self, history: HistoryStore) -> None:
        """What the store says of the messages."""
        self.new, self.known = history.came.stored, history.came.known
        self.decisions, self.failures = history.decisions()

    def as_json(self) -> dict[str, Any]:
        """The JSON answer."""
        from interface.cli.load_judge import counted

        tally = self.tally
        messages: dict[str, Any] = {"taken": tally.taken, "ignored": sum(tally.ignored.values())}
        if not self.dry_run:
            messages |= {"new": self.new, "loaded_before": self.known}
        return {
            "dry_run": self.dry_run,
            "files": self.files,
            "messages": messages,
            "patients": {"all": len(tally.patients), "new": tally.new_patients},
            "problems": len(tally.problems),
            "medications": len(tally.medications),
            "decisions": dict(self.decisions or {}),
            "failed": counted(self.failures or Counter()),
            "ignored": counted(tally.ignored),
            "left_out": counted(tally.left_out),
            "bad": {
                "count": tally.bad,
                "listed": [{"place": bad.place, "text": bad.text} for bad in tally.listed],
            },
            "seconds": round(self.seconds, 3),
        }

    def show(self) -> None:
        """Print it for people."""
        tally = self.tally
        if self.dry_run:
            print("dry run: nothing was stored; this is what the files hold")
        came = "" if self.dry_run else f": {self.new} new, {self.known} loaded before"
        ignored = f"; {sum(tally.ignored.values())} ignored" if tally.ignored else ""
        decisions = ", ".join(f"{number} {name}" for name, number in sorted((self.decisions or {}).items()))
        facts(
            {
                "files": self.files,
                "messages": f"{tally.taken}{came}{ignored}",
                "patients": f"{len(tally.patients)}, {tally.new_patients} of them new",
                "problems": str(len(tally.problems)),
                "medications": str(len(tally.medications)),
                "decisions": decisions,
                "left out": f"{sum(tally.left_out.values())} values" if tally.left_out else "",
                "bad": f"{tally.bad}, named above; correct them and load the file again"
                if tally.bad
                else "none",
                "time": f"{self.seconds:.1f} s",
            }
        )
        _reasons("ignored", tally.ignored)
        _reasons("left out", tally.left_out)
        _reasons("failed", self.failures or Counter())


def _reasons(what: str, reasons: Counter[str]) -> None:
    if not reasons:
        return
    heading(f"{what}:")
    table(
        ("count", "reason"), [(number, text) for text, number in reasons.most_common(SHOWN)], right=("count",)
    )
    if len(reasons) > SHOWN:
        print(f"… and {len(reasons) - SHOWN} more reasons: --json shows all")


class Progress:
    """How far it is, on standard error."""

    def read(self, count: int) -> None:
        """So many more bytes were read."""

    def waiting(self, count: int) -> None:
        """So many messages are stored and not charted yet."""

    def say(self, line: str) -> None:
        """A line for the person in front of it."""
        print(safe_text(line), file=sys.stderr, flush=True)


class _Lines(Progress):
    """A line every few seconds."""

    def __init__(self, total: int) -> None:
        self._total, self._read, self._last = total, 0, time.monotonic()

    def read(self, count: int) -> None:
        """So many more bytes were read."""
        self._read += count
        self._line("")

    def waiting(self, count: int) -> None:
        """So many messages are stored and not charted yet."""
        self._line(f", {count} messages to be charted")

    def _line(self, more: str) -> None:
        if time.monotonic() - self._last >= LINE_SECONDS:
            self._last = time.monotonic()
            share = f" of {self._total}" if self._total else ""
            self.say(f"{self._read}{share} bytes read{more}")


class _Bar(Progress):
    """A bar of the bytes read, and how many messages are to be charted."""

    def __init__(self, bar: Any, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=total or None)

    def read(self, count: int) -> None:
        """So many more bytes were read."""
        self._bar.update(self._task, advance=count)

    def waiting(self, count: int) -> None:
        """So many messages are stored and not charted yet."""
        self._bar.update(self._task, description=f"{count} to be charted")

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._bar.console.print(safe_text(line), markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(total: int) -> Iterator[Progress]:
    """Show how far it is: a bar on a terminal, else a line every few seconds. `total`: bytes."""
    if not is_terminal(sys.stderr):
        yield _Lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, total)

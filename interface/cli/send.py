"""`send`: an MLLP client that waits for each ACK and says what came of it."""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from interface.cli.common import UsageError, read_file
from interface.cli.output import facts, heading, is_terminal, print_json, safe_text, table
from interface.cli.tls_options import add_tls_options, tls_of

if TYPE_CHECKING:
    from interface.cli.mllp import Answer, Outgoing

LISTED = 100
"""How many messages that were not taken are listed; all are counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="HL7 files, framed or not; `-` is standard input"
    )
    parser.add_argument("--to", required=True, metavar="HOST:PORT", type=address, help="the receiver")
    parser.add_argument(
        "--timeout", type=positive, default=30.0, metavar="SECONDS", help="for each ACK (default: 30)"
    )
    parser.add_argument("--repeat", type=count, default=1, metavar="N", help="send everything N times")
    parser.add_argument(
        "--connections", type=count, default=1, metavar="N", help="send over N connections at once"
    )
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    add_tls_options(parser)


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        UsageError: it is neither.

    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(f"send: --to {text!r} is not HOST:PORT, such as 127.0.0.1:2575")
    return host, int(port)


def count(text: str) -> int:
    """A whole number from 1. Raises UsageError."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= 1_000_000):
        raise UsageError(f"send: {text!r} is not a number from 1")
    return int(text)


def positive(text: str) -> float:
    """Seconds, more than none, at most a day. Raises UsageError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise UsageError(f"send: {text!r} is not a number of seconds")
    return seconds


def run(args: argparse.Namespace) -> int:
    """Send everything; 0 when every message was positively ACKed, else 1."""
    from interface.cli.mllp import Place, send_all

    host, port = args.to
    place = Place(host, port, tls_of(args, "send"))
    messages = collect(args.files)
    total = len(messages) * args.repeat
    tally = Tally()
    began = time.monotonic()
    with progress(total, tally) as advance:

        def report(answer: "Answer") -> None:
            tally.add(answer)
            advance()

        send_all(
            (message for _ in range(args.repeat) for message in messages),
            place,
            connections=min(args.connections, total),
            timeout=args.timeout,
            report=report,
        )
    seconds = time.monotonic() - began
    if args.json:
        print_json(tally.summary(seconds))
    else:
        show(tally, seconds)
    return 0 if tally.all_well else 1


def collect(files: Sequence[str]) -> "list[Outgoing]":
    """The messages of the files, in order, their bytes unchanged but for blank lines at their ends.

    Raises:
        UsageError: a file cannot be read or holds no message.

    """
    from interface.cli.mllp import Outgoing
    from interface.hl7.batch import messages_in_file

    found: list[Outgoing] = []
    for name in files:
        messages = messages_in_file(read_file(name))
        if not messages:
            raise UsageError(f"send: {name} holds no message")
        found += [Outgoing(name, number, _without_blank_lines(raw)) for number, raw in enumerate(messages, 1)]
    return found


_BLANK_LINES = re.compile(rb"(\r\n|\r(?!\n)|\n)[ \t\r\n]+\Z")


def _without_blank_lines(raw: bytes) -> bytes:
    """A message with one line end behind its last segment: what stands between two of a file belongs to neither."""
    return raw if b"\0" in raw else _BLANK_LINES.sub(rb"\1", raw)  # UTF-16 stays as it is


class Tally:
    """What came of the messages so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: list[Answer] = []
        self.waits: list[float] = []
        self.all_well = True

    def add(self, answer: "Answer") -> None:
        """Count one answer."""
        self.counts[answer.code] += 1
        if answer.well:
            self.waits.append(answer.seconds)
            return
        self.all_well = False
        if len(self.refused) < LISTED:
            self.refused.append(answer)

    @property
    def sent(self) -> int:
        """Messages whose bytes went out."""
        return sum(self.counts.values()) - self.counts["not sent"]

    def line(self) -> str:
        """The counts in one line."""
        codes = ("AA", "AE", "AR", *sorted(set(self.counts) - {"AA", "AE", "AR", "no answer"}), "no answer")
        return ", ".join([f"{self.sent} sent", *(f"{self.counts[code]} {safe_text(code)}" for code in codes)])

    def wait(self, share: float) -> float | None:
        """The ACK time in milliseconds that `share` of the ACKs stayed within; None when there were none."""
        if not self.waits:
            return None
        ordered = sorted(self.waits)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 3)

    def summary(self, seconds: float) -> dict[str, Any]:
        """The JSON answer."""
        codes = {code: self.counts[code] for code in ("AA", "AE", "AR")}
        others = {
            code: number for code, number in self.counts.items() if code.isupper() and code not in codes
        }
        return {
            "sent": self.sent,
            "acks": codes | others,
            "no_answer": self.counts["no answer"],
            **{
                code.replace(" ", "_"): self.counts[code]
                for code in ("not asked", "not sent", "unreadable", "other id")
            },
            "seconds": round(seconds, 3),
            "per_second": round(self.sent / seconds, 1) if seconds else None,
            "ack_ms": {"p50": self.wait(0.5), "p99": self.wait(0.99)},
            "not_taken": [
                {
                    "file": answer.outgoing.file,
                    "message": answer.outgoing.number,
                    "control_id": answer.control_id,
                    "answer": answer.code,
                    "text": answer.text,
                }
                for answer in self.refused
            ],
        }


def show(tally: Tally, seconds: float) -> None:
    """Print the summary, and the messages that were not taken."""
    rate = f"{tally.sent / seconds:.1f} messages a second" if seconds else ""
    p50, p99 = tally.wait(0.5), tally.wait(0.99)
    waits = (
        f"half within {p50:.1f} ms, 99 of 100 within {p99:.1f} ms"
        if p50 is not None and p99 is not None
        else ""
    )
    facts({"messages": tally.line(), "time": f"{seconds:.1f} s", "rate": rate, "ACKs": waits})
    if tally.refused:
        heading("not taken:")
        rows = [(a.outgoing.file, a.outgoing.number, a.control_id, a.code, a.text) for a in tally.refused]
        table(("file", "message", "control id", "answer", "reason"), rows, right=("message",))


@contextmanager
def progress(total: int, tally: Tally) -> Iterator[Callable[[], None]]:
    """Show how far it is, on standard error: a bar on a terminal, else a line every few seconds."""
    if is_terminal(sys.stderr):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda: bar.update(task, advance=1, description=tally.line())
        return
    last = time.monotonic()

    def advance() -> None:
        nonlocal last
        if time.monotonic() - last >= 5:
            last = time.monotonic()
            print(f"{sum(tally.counts.values())} of {total}: {tally.line()}", file=sys.stderr, flush=True)

    yield advance

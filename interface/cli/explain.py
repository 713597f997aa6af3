"""`explain`: offline, what the program would do with messages, and where each value comes from."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interface.chart.decide import Engine
from interface.chart.outcome import Outcome, fields_json, left_out_json
from interface.chart.registry import Registry
from interface.cli.common import UsageError, add_later_option, read_file
from interface.cli.run import a_time
from interface.hl7.batch import messages_in_file
from interface.rules import Policy, Reading, load_rulebook

if TYPE_CHECKING:
    from interface.hl7.conformance import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's flags."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="HL7 files; `-` is standard input")
    parser.add_argument("-c", "--config", metavar="FILE", type=Path, help="the site's settings file")
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    parser.add_argument(
        "--now", metavar="TIME", type=a_time, help="decide as if it were then (2026-03-05T10:00:00-06:00)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="also where a message departs from the HL7 version it declares"
    )
    parser.add_argument(
        "--listener", metavar="NAME", default="", help="as if they came on this listener of the settings file"
    )
    add_later_option(parser, "--mask", "hide patient data")


def run(args: argparse.Namespace) -> int:
    """Exit 1 only when a message was rejected."""
    now = args.now or datetime.now(UTC)
    book, policy = load_rulebook(), Policy()
    if args.config is not None:
        from interface.settings import load_settings

        settings = load_settings(args.config)
        book, policy = settings.rulebook(), settings.policy()
        check_listener(args.listener, [entry.name for entry in settings.listeners])
    messages = list(read_messages(args.files))
    explained = list(explain(Engine(book, policy), messages, now, args.listener))
    findings = [departures(raw) if args.strict else None for raw in messages]
    if args.json:
        from interface.cli.output import print_json

        print_json(
            {"messages": [as_json(*entry, found) for entry, found in zip(explained, findings, strict=True)]}
        )
    else:
        from interface.cli.explain_text import print_explained

        for entry, found in zip(explained, findings, strict=True):
            print_explained(*entry, found)
    return 1 if any(outcome.decision == "reject" for _, outcome in explained) else 0


def check_listener(name: str, known: list[str]) -> None:
    """Raise UsageError for a listener that the settings do not have."""
    if name and name not in known:
        raise UsageError(f"explain: no listener {name!r} in the settings; there are {', '.join(known)}")


def departures(raw: bytes) -> tuple[Finding, ...]:
    """Where a message departs from the HL7 version it declares; no decision depends on it."""
    from interface.hl7.conformance import conformance  # brings hl7apy: only for those who ask

    return conformance(raw)


def read_messages(names: Iterable[str]) -> Iterator[bytes]:
    """The messages of files, in order; a file that holds none is one message to be rejected."""
    for name in names:
        data = read_file(name)
        yield from messages_in_file(data) or [data]


def explain(
    engine: Engine, messages: Iterable[bytes], now: datetime, listener: str = ""
) -> Iterator[tuple[Reading, Outcome]]:
    """Decide each message in order; together they build up the charts."""
    charts = Registry()
    ids = itertools.count(1)
    for raw in messages:
        reading = engine.read(raw, received_at=now, listener=listener)
        outcome = engine.decide(reading, charts.find(reading.keys), now=now, new_id=ids.__next__)
        charts.keep(reading, outcome)
        yield reading, outcome


def as_json(reading: Reading, outcome: Outcome, findings: Sequence[Finding] | None = None) -> dict[str, Any]:
    """One message as `explain --json` prints it; with `conformance` when it was asked for (`findings`)."""
    shown = outcome.decision in ("post", "hold")
    answer: dict[str, Any] = {
        "control_id": reading.control_id,
        "type": reading.type,
        "decision": outcome.decision,
        "reasons": [{"code": reason.code, "text": reason.text} for reason in outcome.reasons],
        "request": outcome.request if shown else None,
        "fields": fields_json(outcome.fields) if shown else [],
        "left_out": left_out_json(outcome.left_out),
        "said": list(outcome.said),
    }
    if findings is not None:
        answer["conformance"] = [{"where": found.where, "text": found.text} for found in findings]
    return answer

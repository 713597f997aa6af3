"""`explain`: offline, what the program would do with messages, and where each value comes from."""

from __future__ import annotations

import argparse
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interface.chart.decide import Engine
from interface.chart.holds import release_of
from interface.chart.outcome import Outcome, fields_json, left_out_json
from interface.chart.registry import Registry
from interface.cli.common import UsageError, read_file
from interface.cli.output import print_json
from interface.cli.run import a_time
from interface.cli.screen import COLOUR_CHOICES, open_screen
from interface.hl7.batch import messages_in_file
from interface.hl7.message import Message
from interface.rules import Policy, Reading, Rulebook, load_rulebook
from interface.rules.facts import Reason
from interface.rules.table_rows import TableRows

_MSH = re.compile(rb"(?i)M\0?S\0?H")

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
    parser.add_argument(
        "--mask", action="store_true", help="hide patient data, so that the answer can be mailed"
    )
    parser.add_argument(
        "--color",
        choices=COLOUR_CHOICES,
        default="auto",
        help="colours: auto (the default: on a terminal, unless NO_COLOR is set), always, never",
    )


def run(args: argparse.Namespace) -> int:
    """Exit 1 only when a message was rejected."""
    now = args.now or datetime.now(UTC)
    book, policy = load_rulebook(), Policy()
    engine = Engine(book, policy)
    if args.config is not None:
        from interface.cli.explain_staging import guarded
        from interface.settings import load_settings

        settings = load_settings(args.config)
        book, policy = settings.rulebook(), settings.policy()
        check_listener(args.listener, [entry.name for entry in settings.listeners])
        engine = guarded(Engine(book, policy), settings)
    sent = list(read_messages(args.files))
    messages = [raw for _, raw in sent]
    explained = explain(engine, messages, now, args.listener)
    answers = [
        as_json(*entry, departures(raw) if args.strict else None)
        for entry, raw in zip(explained, messages, strict=True)
    ]
    with_table_rows(answers, messages, book, policy.listener_charsets.get(args.listener))
    if args.mask:
        from interface.shown.mask import Mask

        answers = Mask(messages).answers(answers)
    if args.json:
        print_json({"messages": answers})
    else:
        from interface.cli.explain_text import print_explained, print_summary

        screen = open_screen(args.color)
        for (file, _), answer in zip(sent, answers, strict=True):
            told = len(args.files) > 1 or answer["decision"] == "reject"
            print_explained(screen, answer, file if told and not args.mask else "")
        if len(answers) > 1:
            print_summary(screen, answers)
    return 1 if any(answer["decision"] == "reject" for answer in answers) else 0


def check_listener(name: str, known: list[str]) -> None:
    """Raise UsageError for a listener that the settings do not have."""
    if name and name not in known:
        raise UsageError(f"explain: no listener {name!r} in the settings; there are {', '.join(known)}")


def with_table_rows(
    answers: Sequence[dict[str, Any]], messages: Sequence[bytes], book: Rulebook, charset: str | None = None
) -> None:
    """Add to the fields of each answer the row of a code table that brought the value (`table`), where one did."""
    rows = TableRows(book)
    said: dict[str, Message] = {}
    for answer, raw in zip(answers, messages, strict=True):
        if answer["decision"] == "reject":
            continue
        said[""] = said[answer["control_id"]] = Message(raw, charset)
        for entry in answer["fields"]:
            before, _, path = entry["source"].rpartition(":")
            if before in said:
                row = rows.row(entry["rule"], entry["field"], entry["value"], path, said[before])
                if row:
                    entry["table"] = row


def departures(raw: bytes) -> tuple[Finding, ...]:
    """Where a message departs from the HL7 version it declares; no decision depends on it."""
    from interface.hl7.conformance import conformance  # brings hl7apy: only for those who ask

    return conformance(raw)


def read_messages(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The messages of files, in order, each with its file; a file that holds none is one message to be rejected."""
    for name in names:
        data = read_file(name)
        found = messages_in_file(data)
        if not any(_MSH.search(message) for message in found):
            found = [data]  # in a program or a picture many things look like frames
        yield from ((name, message) for message in found)


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
        "reasons": [reason_json(reason, held=outcome.decision == "hold") for reason in outcome.reasons],
        "request": outcome.request if shown else None,
        "fields": fields_json(outcome.fields) if shown else [],
        "left_out": left_out_json(outcome.left_out),
        "said": list(outcome.said),
    }
    if findings is not None:
        answer["conformance"] = [{"where": found.where, "text": found.text} for found in findings]
    return answer


def reason_json(reason: Reason, *, held: bool) -> dict[str, str]:
    """A reason; of a hold with `release`, what releases it, where a row of the holds tells."""
    release = release_of(reason.code) if held else ""
    return {"code": reason.code, "text": reason.text} | ({"release": release} if release else {})

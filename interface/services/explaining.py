"""What would become of messages, and where each value comes from: worked out in memory, nothing is stored."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from interface.chart.decide import Engine
from interface.chart.holds import release_of
from interface.chart.kept import fields_json, left_out_json
from interface.chart.outcome import Outcome
from interface.chart.registry import Registry
from interface.hl7.batch import messages_in_file
from interface.hl7.message import Message
from interface.rules import Reading, Rulebook
from interface.rules.facts import Reason
from interface.rules.table_rows import TableRows

if TYPE_CHECKING:
    from interface.hl7.conformance import Finding

_MSH = re.compile(rb"(?i)M\0?S\0?H")


def messages_in(data: bytes) -> list[bytes]:
    """The messages of a file, whatever is around them; one that holds none is one message to be rejected."""
    found = messages_in_file(data)
    if not any(_MSH.search(message) for message in found):
        return [data]  # in a program or a picture many things look like frames
    return found


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
    release = release_of(reason.code, reason.text) if held else ""
    return {"code": reason.code, "text": reason.text} | ({"release": release} if release else {})


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

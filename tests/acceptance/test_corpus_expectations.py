"""Real-world messages, each held against what a person who read it expects: corpus_expectations.csv.

Decisions, reasons, problems and medications were written down by reading the messages and the design, before the
program was asked; the two last columns were taken from its answers after each was read beside its message. Where table
and program differ the mapping is wrong, or the reading was: then the row is corrected by hand. A row holds file names,
types, codes, field names and counts, never a value. Its columns:

- `decision`, `reasons` at `NOW`, the day on which appointments of nearly all of them are past; `problems` by system and
  `medications`, `+` active and `-` not, as the chart has them then
- the same at `then`, the message's own time (UTC)
- `then_filled`: the fields of the request as far as it could be composed; without a request those of what the chart has
- `then_left_out`: where what was left out stood
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from corpus import CORPUS, FILES, needs_corpus

from interface.chart.compose import compose
from interface.chart.decide import Engine
from interface.chart.model import Appointment
from interface.chart.outcome import Outcome
from interface.chart.registry import Registry
from interface.hl7.batch import messages_in_file
from interface.rules import Policy, load_rulebook

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TABLE = Path(__file__).with_name("corpus_expectations.csv")
with TABLE.open(newline="") as lines:
    ROWS = list(csv.DictReader(lines))

COLUMNS = (
    *("file", "number", "type"),
    *("decision", "reasons", "problems", "medications"),
    *("then", "then_decision", "then_reasons", "then_problems", "then_medications"),
    *("then_filled", "then_left_out"),
)
_SYSTEMS = {
    "2.16.840.1.113883.6.90": "ICD10",
    "2.16.840.1.113883.6.103": "ICD9",
    "2.16.840.1.113883.6.96": "SNOMED",
}
_NOBODY = Appointment("V:", "", {})
_INDEX = re.compile(r"\[\d+\]")

pytestmark = needs_corpus


def raw_of(row: dict[str, str]) -> bytes:
    data = (CORPUS / row["file"]).read_bytes()
    return (messages_in_file(data) or [data])[int(row["number"])]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_rulebook(), Policy())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['file'].rpartition('__')[2]}#{row['number']}")
def test_a_message_comes_to_what_its_reader_expects(engine: Engine, row: dict[str, str]) -> None:
    told = row_of(engine, row["file"], int(row["number"]), raw_of(row), NOW, row["then"])
    differing = {name: (row[name], told[name]) for name in COLUMNS if row[name] != told[name]}
    assert not differing, "expected and found"


def test_each_message_has_one_row() -> None:
    there = [
        (f"{file.parent.name}/{file.name}", str(number))
        for file in FILES
        for number in range(len(messages_in_file(file.read_bytes())) or 1)
    ]
    assert [(row["file"], row["number"]) for row in ROWS] == there


def test_no_row_holds_a_value_of_its_message(engine: Engine) -> None:
    for row in ROWS:
        reading = engine.read(raw_of(row), received_at=NOW)
        values = {
            leaf.value
            for facts in (reading.facts, *reading.problems, *reading.orders)
            for field, fact in facts.items()
            for leaf in fact.leaves
            if isinstance(leaf.value, str) and len(leaf.value) > 3 and field != "appointment.status"
        }
        words = {
            word for name in COLUMNS[3:] if name != "then" for word in row[name].replace("*", " ").split()
        }
        assert not values & words, row["file"]


# what the program makes of a message, in the words of the table


def row_of(engine: Engine, file: str, number: int, raw: bytes, now: datetime, then: str) -> dict[str, str]:
    """The message alone, decided at `now` and `then` (ISO 8601, UTC; empty: only now)."""
    today = _told(engine, raw, now)
    row = {"file": file, "number": str(number), "type": today["type"], "then": then}
    row |= {name: today[name] for name in ("decision", "reasons", "problems", "medications")}
    if then:
        told = _told(engine, raw, datetime.fromisoformat(then).replace(tzinfo=UTC))
        row |= {f"then_{name}": told[name] for name in told if name != "type"}
    return {column: row.get(column, "") for column in COLUMNS}


def _told(engine: Engine, raw: bytes, now: datetime) -> dict[str, str]:
    reading = engine.read(raw, received_at=now)
    ids = itertools.count(1)
    outcome = engine.decide(reading, Registry().find(reading.keys), now=now, new_id=ids.__next__)
    known = _known(engine, outcome, now, 2)
    fields = outcome.fields or _known(engine, outcome, now, 1)["fields"]
    return {
        "type": reading.type,
        "decision": outcome.decision,
        "reasons": _counted(reason.code for reason in outcome.reasons),
        "problems": _counted(
            f"{_SYSTEMS.get(entry['codeSystem'], 'other')}{'+' if entry['active'] else '-'}"
            for entry in known["request"].get("diagnoses", ())
        ),
        "medications": _counted(
            "+" if entry["active"] else "-" for entry in known["request"].get("medications", ())
        ),
        "filled": _counted(_INDEX.sub("", entry.field) for entry in fields),
        "left_out": _counted(entry.source for entry in outcome.left_out),
    }


def _known(engine: Engine, outcome: Outcome, now: datetime, version: int) -> dict[str, Any]:
    """What a request would say of the patient now; of version 2, which also has what is no longer active."""
    if outcome.chart is None:
        return {"request": {}, "fields": ()}
    draft = compose(engine.book, Policy(api_version=version), outcome.chart, _NOBODY, "", engine.today(now))
    return {"request": draft.request, "fields": draft.fields}


def _counted(names: Iterable[str]) -> str:
    """`a b*2`: each name once, in order, with how often it came."""
    return " ".join(f"{name}*{number}" if number > 1 else name for name, number in Counter(names).items())

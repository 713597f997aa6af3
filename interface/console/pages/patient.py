"""One patient's chart: every fact with where it came from, what counts and what does not and why, and the messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from interface.chart.model import Chart
from interface.chart.shown import head_of, shown
from interface.console.asked import Around, Asked, Page, RefusedError, Shown
from interface.console.pages.messages import decided
from interface.console.sources import cut, request_cell, source_cell
from interface.services.charts_shown import add_request_states, chart_of, family_of, merges_of
from interface.services.mending import chart_text
from interface.shown.charts import fact_text, state_text
from interface.store.database import Store
from interface.store.records.lists import MessageSummary, PatientSummary

MOST_ROWS = 500
"""Of each table."""
MOST_MESSAGES = 500
"""Whose control ids are looked up."""
LISTED = 50
HEAD = 120
"""Characters of what stands at the top."""


@dataclass(frozen=True, slots=True)
class What:
    """The patient, the chart as it is shown (None: it can't be opened), and the messages that made it."""

    row: PatientSummary | None
    chart: Chart | None = None
    document: Mapping[str, Any] | None = None
    family: frozenset[int] = frozenset()
    messages: Sequence[MessageSummary] = ()
    merges: Sequence[MessageSummary] = ()


def read(store: Store, asked: Asked, around: Around) -> What:
    """The patient of the path."""
    id_ = asked.ids[0]
    row = store.patients.by_id((id_,)).get(id_)
    if row is None:
        return What(None)
    chart, engine = chart_of(row), around.kept.engine()
    document = None
    if chart is not None:
        at = datetime.fromtimestamp(asked.now + around.work_ahead, asked.zone or UTC)
        document = shown(chart, engine.book, engine.policy, engine.today(at))
        add_request_states(store, document["appointments"])
    family = family_of(store, row)
    messages = store.patients.messages_of(family, limit=MOST_MESSAGES)
    return What(row, chart, document, frozenset(family), messages, merges_of(store, family))


def values(asked: Asked, what: What) -> Shown:
    """The chart, masked where the viewer does not see patient data."""
    row = what.row
    if row is None:
        raise RefusedError(404, "There is no such patient, or the chart is no longer kept.")
    document = what.document or {name: [] for name in ("patient", "problems", "medications", "appointments")}
    known = {found.control_id: found.id for found in reversed(what.messages) if found.control_id}
    return Shown(
        f"Patient {row.id}",
        {
            "patient": row,
            "head": _head(asked, what, row),
            "problem": chart_text(row.id) if what.document is None else "",
            "part_of": row.merged_into,
            "merged": sorted(what.family - {row.id}),
            "tables": [
                _table("Known of the patient", FACTS, [_fact(asked, e, known) for e in document["patient"]]),
                _table("Problems", PROBLEMS, [_problem(asked, e, known) for e in document["problems"]]),
                _table("Medications", ORDERS, [_order(asked, e, known) for e in document["medications"]]),
                _table("Appointments", VISITS, [_visit(asked, e) for e in document["appointments"]]),
            ],
            "merges": [_message(asked, found) for found in what.merges[-LISTED:]],
            "messages": [_message(asked, found) for found in what.messages[:LISTED]],
            "more_messages": len(what.messages) > LISTED,
            "message_columns": MESSAGES,
            "command": f"hl7-interface patients rebuild --id {row.id} --dry-run",
        },
        seen=(f"patient {row.id}",),
    )


FACTS = (
    {"key": "field", "label": "what", "tight": True},
    {"key": "value", "label": "value"},
    {"key": "source", "label": "source"},
    {"key": "at", "label": "as of", "tight": True},
)
PROBLEMS = (
    {"key": "code", "label": "code"},
    {"key": "label", "label": "problem"},
    {"key": "date", "label": "since", "tight": True},
    {"key": "state", "label": "state"},
    {"key": "source", "label": "source"},
)
ORDERS = (
    {"key": "drug", "label": "medication"},
    {"key": "period", "label": "from, to", "tight": True},
    {"key": "state", "label": "state"},
    {"key": "order", "label": "order"},
    {"key": "source", "label": "source"},
)
VISITS = (
    {"key": "date", "label": "day", "tight": True},
    {"key": "kind", "label": "kind"},
    {"key": "status", "label": "status"},
    {"key": "clinician", "label": "clinician"},
    {"key": "request", "label": "last request"},
    {"key": "number", "label": "number"},
)
MESSAGES = (
    {"key": "message", "label": "message", "tight": True},
    {"key": "received", "label": "received", "tight": True},
    {"key": "type", "label": "type", "tight": True},
    {"key": "decision", "label": "decision"},
    {"key": "why", "label": "why"},
)


def _table(title: str, columns: Sequence[Mapping[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "title": title,
        "id": title.lower().replace(" ", "-"),
        "columns": columns,
        "count": len(rows),
        "rows": rows[:MOST_ROWS],
    }


def _head(asked: Asked, what: What, row: PatientSummary) -> list[tuple[str, Any]]:
    veil = asked.viewer.veil
    head = head_of(what.chart or Chart([]))
    numbers = (what.document or {}).get("numbers", [])
    return [
        ("name", veil(cut(head.name, HEAD))),
        ("MRN", veil(cut(head.mrn, HEAD))),
        ("born", veil(cut(head.birth_date, HEAD))),
        ("numbers", veil(cut(", ".join(numbers), HEAD))),
        ("open requests", row.open_requests),
        ("changed", {"at": row.changed_at}),
        ("known since", {"at": row.created_at}),
    ]


def _fact(asked: Asked, entry: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, Any]:
    return {
        "field": entry["field"].removeprefix("patient."),
        "value": asked.viewer.veil(cut(fact_text(entry))),
        "source": source_cell(asked, entry["source"] or "", entry["rule"], known),
        "at": _day(entry["at"]),
    }


def _state(entry: Mapping[str, Any]) -> dict[str, Any]:
    level = "good" if entry["active"] else "calm"
    said = state_text(entry)
    head, colon, why = said.partition(": " if not entry["active"] else ", ")
    return {"badge": head, "level": level, "small": cut(why) if colon else ""}


def _problem(asked: Asked, entry: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, Any]:
    veil = asked.viewer.veil
    return {
        "code": veil(cut(f"{entry['system']} {entry['code']}".strip())),
        "label": veil(cut(entry["label"])),
        "date": veil(cut(entry["date"])),
        "state": _state(entry),
        "source": source_cell(asked, entry["source"] or "", _day(entry["at"]), known),
    }


def _order(asked: Asked, entry: Mapping[str, Any], known: Mapping[str, int]) -> dict[str, Any]:
    veil = asked.viewer.veil
    drug = " · ".join(str(part) for part in (entry["drug"], entry["code"], entry["text"]) if part)
    return {
        "drug": veil(cut(drug)),
        "period": veil(cut(" – ".join(str(part) for part in (entry["start"], entry["stop"]) if part))),
        "state": _state(entry),
        "order": veil(cut(entry["key"])),
        "source": source_cell(asked, entry["source"] or "", _day(entry["at"]), known),
    }


def _visit(asked: Asked, entry: Mapping[str, Any]) -> dict[str, Any]:
    veil = asked.viewer.veil
    where = ", ".join(str(part) for part in (entry["clinician"], entry["clinic"], entry["type"]) if part)
    return {
        "date": veil(cut(entry["date"])),
        "kind": entry["kind"],
        "status": cut(entry["status"]),
        "clinician": veil(cut(where)),
        "request": request_cell(asked, entry["request"], entry["request_state"]),
        "number": veil(cut(entry["key"])),
    }


def _day(text: object) -> str:
    """A time of the chart, to the minute."""
    return str(text or "")[:16].replace("T", " ")


def _message(asked: Asked, row: MessageSummary) -> dict[str, Any]:
    text, level = decided(row)
    return {
        "key": f"message-{row.id}",
        "message": {
            "text": f"message {row.id}",
            "href": f"/messages/{row.id}" if asked.has("/messages/{id}") else "",
            "small": "left out by a person" if row.set_aside else "",
        },
        "received": {"at": row.received_at},
        "type": row.message_type or "not HL7",
        "decision": {"badge": text, "level": level},
        "why": cut("; ".join(str(reason.get("text") or reason.get("code") or "") for reason in row.reasons)),
    }


PAGE = Page("/patients/{id}", "patient.html", read, values, entry="Patients")

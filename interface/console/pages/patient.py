"""One patient's chart: every fact with where it came from, what counts and what does not and why, and the messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from interface.chart.model import Chart
from interface.chart.shown import head_of, shown
from interface.console.asked import Around, Asked, Page, RefusedError, Shown
from interface.console.listing import reason_of
from interface.console.pages.messages import decided
from interface.console.sources import cut, request_cell, source_cell, veil
from interface.services.charts_shown import (
    add_request_states,
    changed_with,
    chart_of,
    family_of,
    merges_of,
)
from interface.services.mending import chart_text
from interface.shown.charts import fact_text, state_text
from interface.shown.fields import name_of
from interface.shown.sources import source_of
from interface.store.records.lists import MessageSummary, NamedMessage, PatientSummary
from interface.store.store import Store

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
    named: Mapping[str, NamedMessage] = field(default_factory=dict)
    """The messages that the chart's sources name, by control id."""
    merges: Sequence[MessageSummary] = ()
    changed_with: Sequence[int] = ()


def read(store: Store, asked: Asked, around: Around) -> What:
    """The patient of the path."""
    id_ = asked.ids[0]
    row = store.patients.by_id((id_,)).get(id_)
    if row is None:
        return What(None)
    chart, engine = chart_of(row), around.kept.engine()
    document = None
    if chart is not None:
        at = asked.local(asked.now + around.work_ahead)
        document = shown(chart, engine.book, engine.policy, engine.today(at))
        add_request_states(store, document["appointments"])
    family = family_of(store, row)
    messages = store.patients.messages_of(family, limit=MOST_MESSAGES)
    named = _named(store, document or {}, family, messages)
    merges, others = merges_of(store, family), changed_with(store, chart, family)
    return What(row, chart, document, frozenset(family), messages, named, merges, others)


def _named(
    store: Store, document: Mapping[str, Any], family: set[int], newest: Sequence[MessageSummary]
) -> dict[str, NamedMessage]:
    """The messages that sources name, where one alone of this patient has the control id.

    When the newest are all of his they need not be looked up.
    """
    times = Counter(row.control_id for row in newest)
    whole = len(newest) < MOST_MESSAGES
    found = {
        row.control_id: NamedMessage(
            row.id, row.control_id, row.patient_id or 0, row.message_type, row.received_at
        )
        for row in newest
        if whole and row.control_id and times[row.control_id] == 1
    }
    sources = [entry["source"] or "" for part in PARTS for entry in document.get(part, ())]
    wanted = {control_id_of(source) for source in sources} - {""} - found.keys()
    for control_id, those in store.views.named(wanted).items() if wanted else ():
        own = [one for one in those if one.patient_id in family]
        if len(own) == 1:
            found[control_id] = own[0]
    return found


PARTS = ("patient", "problems", "medications", "appointments")


def control_id_of(source: str) -> str:
    """The message that a chart's source names; '' for none. A deleted fact has the control id alone."""
    found = source_of(source)
    return found.control_id or ("" if found.place or source.startswith("settings:") else source)


def values(asked: Asked, what: What) -> Shown:
    """The chart, masked where the viewer does not see patient data."""
    row = what.row
    if row is None:
        raise RefusedError(404, "There is no such patient, or the chart is no longer kept.")
    return Shown(
        f"Patient {row.id}",
        {
            "patient": row,
            "head": _head(asked, what, row),
            "problem": chart_text(row.id) if what.document is None else "",
            "part_of": row.merged_into,
            "merged": sorted(what.family - {row.id}),
            "changed_with": what.changed_with,
            "tables": []
            if what.document is None
            else _tables(asked, what.document, _Said(asked, what.named)),
            "merges": [_message(asked, found) for found in what.merges[-LISTED:]],
            "messages": [_message(asked, found) for found in what.messages[:LISTED]],
            "more_messages": len(what.messages) > LISTED,
            "message_columns": MESSAGES,
            "command": f"hl7-interface patients rebuild --id {row.id} --dry-run",
        },
        seen=(f"patient {row.id}",),
    )


def _tables(asked: Asked, document: Mapping[str, Any], said: _Said) -> list[dict[str, Any]]:
    """What is known. Of a chart that can't be opened there are none: "none known" would be said of medications."""
    return [
        _table("Known of the patient", FACTS, [_fact(asked, e, said) for e in document["patient"]]),
        _table("Problems", PROBLEMS, [_problem(asked, e, said) for e in document["problems"]]),
        _table("Medications", ORDERS, [_order(asked, e, said) for e in document["medications"]]),
        _table("Appointments", VISITS, [_visit(asked, e, said) for e in document["appointments"]]),
    ]


AS_OF = {"key": "at", "label": "as of", "tight": True}
"""When it was said last."""
FACTS = (
    {"key": "field", "label": "what", "tight": True},
    {"key": "value", "label": "value"},
    {"key": "source", "label": "source"},
    AS_OF,
)
PROBLEMS = (
    {"key": "code", "label": "code"},
    {"key": "label", "label": "problem"},
    {"key": "date", "label": "since", "tight": True},
    {"key": "state", "label": "state"},
    {"key": "source", "label": "source"},
    AS_OF,
)
ORDERS = (
    {"key": "drug", "label": "medication"},
    {"key": "period", "label": "from, to", "tight": True},
    {"key": "state", "label": "state"},
    {"key": "order", "label": "order"},
    {"key": "source", "label": "source"},
    AS_OF,
)
VISITS = (
    {"key": "date", "label": "day", "tight": True},
    {"key": "kind", "label": "kind", "tight": True},
    {"key": "status", "label": "status", "tight": True},
    {"key": "clinician", "label": "clinician"},
    {"key": "request", "label": "last request"},
    {"key": "number", "label": "number"},
    {"key": "source", "label": "source", "tight": True},
    AS_OF,
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
    head = head_of(what.chart or Chart([]))
    numbers = (what.document or {}).get("numbers", [])
    return [
        ("name", veil(asked, head.name, HEAD)),
        ("MRN", veil(asked, head.mrn, HEAD)),
        ("born", veil(asked, head.birth_date, HEAD)),
        ("numbers", veil(asked, ", ".join(numbers), HEAD)),
        ("open requests", row.open_requests),
        ("changed", {"at": row.changed_at}),
        ("known since", {"at": row.created_at}),
    ]


@dataclass(frozen=True, slots=True)
class _Said:
    """Where an entry was said, and when it was said last."""

    asked: Asked
    named: Mapping[str, NamedMessage]

    def where(self, entry: Mapping[str, Any], rule: str = "") -> dict[str, Any]:
        """Its place, with a link to the message."""
        known = {control_id: one.id for control_id, one in self.named.items()}
        return source_cell(self.asked, entry["source"] or "", rule, known)

    def when(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """When the message was received, and the event's time that it bears; of one that is not known that alone."""
        found = self.named.get(control_id_of(entry["source"] or ""))
        own = _minute(self.asked, entry["at"])
        if found is None:
            return {"text": own, "small": "event" if own else ""}
        return {"at": found.received_at, "small": f"event {own}" if own else ""}


def _fact(asked: Asked, entry: Mapping[str, Any], said: _Said) -> dict[str, Any]:
    return {
        "field": {"text": name_of(entry["field"]), "small": entry["field"].removeprefix("patient.")},
        "value": veil(asked, fact_text(entry)),
        "source": said.where(entry, entry["rule"]),
        "at": said.when(entry),
    }


def _state(entry: Mapping[str, Any]) -> dict[str, Any]:
    level = "good" if entry["active"] else "calm"
    said = state_text(entry)
    head, colon, why = said.partition(": " if not entry["active"] else ", ")
    return {"badge": head, "level": level, "small": cut(why) if colon else ""}


def _problem(asked: Asked, entry: Mapping[str, Any], said: _Said) -> dict[str, Any]:
    return {
        "code": veil(asked, f"{entry['system']} {entry['code']}".strip()),
        "label": veil(asked, entry["label"]),
        "date": veil(asked, entry["date"]),
        "state": _state(entry),
        "source": said.where(entry),
        "at": said.when(entry),
    }


def _order(asked: Asked, entry: Mapping[str, Any], said: _Said) -> dict[str, Any]:
    drug = " · ".join(str(part) for part in (entry["drug"], entry["code"], entry["text"]) if part)
    return {
        "drug": veil(asked, drug),
        "period": veil(asked, " – ".join(str(part) for part in (entry["start"], entry["stop"]) if part)),
        "state": _state(entry),
        "order": veil(asked, entry["key"]),
        "source": said.where(entry),
        "at": said.when(entry),
    }


def _visit(asked: Asked, entry: Mapping[str, Any], said: _Said) -> dict[str, Any]:
    where = ", ".join(str(part) for part in (entry["clinician"], entry["clinic"], entry["type"]) if part)
    return {
        "date": veil(asked, entry["date"]),
        "kind": entry["kind"],
        "status": cut(entry["status"]),
        "clinician": veil(asked, where),
        "request": request_cell(asked, entry["request"], entry["request_state"]),
        "number": veil(asked, entry["key"]),
        "source": said.where(entry),
        "at": said.when(entry),
    }


def _minute(asked: Asked, text: str) -> str:
    """A time of the chart, which is in UTC, as the site's clocks show it, to the minute."""
    if not text:
        return ""
    return f"{asked.local(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()):%Y-%m-%d %H:%M}"


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
        "why": cut(reason_of(row.reasons)),
    }


PAGE = Page("/patients/{id}", "patient.html", read, values, entry="Patients")

"""What one message changed in the charts: worked out when it is asked for, by replaying its patient's messages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interface.chart.changes import Change
from interface.chart.difference import Difference
from interface.chart.replay import BY_ITSELF, ChartChanged
from interface.chart.shown import number_text
from interface.console.asked import Around, Asked, Page, RefusedError, Shown, Veiled
from interface.console.pages.message import patient_link
from interface.console.sources import cut, source_cell, veil
from interface.errors import InterfaceError
from interface.services.engines import engine_now
from interface.services.what_changed import WhatChanged, what_changed
from interface.shown.changes import RULES_OF_NOW, STATES, field_text, value_text, whence_text
from interface.shown.sources import source_of
from interface.store.records.lists import MessageSummary
from interface.store.store import Store

MOST = 2_000
"""Messages that are replayed for one: a second's work, in the process that takes messages."""
SECONDS = 6.0
"""A page has ten."""
MOST_CHANGES = 200
"""Entries of one chart that are shown."""
HEAD = 120
"""Characters of what stands above a table."""


@dataclass(frozen=True, slots=True)
class What:
    """The message, and what it changed."""

    row: MessageSummary
    found: WhatChanged
    known: Mapping[str, int] = field(default_factory=dict)
    """Our ids of the messages that sources name, by control id."""


def read(store: Store, asked: Asked, around: Around) -> What:
    """Work it out; reads only. RefusedError: there is no such message, or no mapping."""
    number = asked.ids[0]
    row = store.patients.messages_by_id((number,)).get(number)
    if row is None:
        raise RefusedError(404, "There is no such message, or it is no longer kept.")
    now = asked.now + around.work_ahead
    try:
        engine = engine_now(around.settings, store, now)
    except InterfaceError as error:
        raise RefusedError(503, f"The mapping on the disk can't be read: {error}") from None
    until = time.monotonic() + SECONDS
    found = what_changed(
        engine,
        store.patients,
        number,
        asked.local(now),
        most=MOST,
        over=lambda: time.monotonic() > until,
    )
    return What(row, found, _known(store, row, found))


def _known(store: Store, row: MessageSummary, found: WhatChanged) -> dict[str, int]:
    """Which messages the sources name, where one alone of these patients has the control id up to this one."""
    sources = [entry.source for chart in found.charts for change in chart.changes for entry in change.fields]
    names = {name for source in sources if (name := source_of(source).control_id)}
    patients = {number for number in (row.patient_id, *found.patients) if number is not None}
    family = store.patients.family(patients) if names else set()
    own = {
        name: [one.id for one in those if one.patient_id in family and one.id <= row.id]
        for name, those in store.views.named(names).items()
    }
    return {name: those[0] for name, those in own.items() if len(those) == 1}


def values(asked: Asked, what: What) -> Shown:
    """The charts and their tables, masked where the viewer does not see patient data."""
    found, row = what.found, what.row
    patients = {number for number in (row.patient_id, *found.patients) if number is not None}
    return Shown(
        f"Message {row.id}: what it changed",
        {
            "number": row.id,
            "type": row.message_type or "not HL7",
            "decision": row.decision or "",
            "told": found.told,
            "why": found.why,
            "rules": RULES_OF_NOW,
            "replayed": found.replayed,
            "notes": found.notes,
            "charts": [
                _chart(asked, what, chart, patient)
                for chart, patient in zip(found.charts, found.patients, strict=True)
            ],
        },
        seen=(f"message {row.id}", *(f"patient {patient}" for patient in sorted(patients))),
    )


def _chart(asked: Asked, what: What, chart: ChartChanged, patient: int | None) -> dict[str, Any]:
    return {
        "patient": patient_link(asked, patient),
        "numbers": [veil(asked, number_text(key), HEAD) for key in chart.keys],
        "new": chart.new,
        "without_number": chart.without_number,
        "joined": [[veil(asked, number_text(key), HEAD) for key in keys] for keys in chart.joined],
        "changes": [_change(asked, what, change) for change in chart.changes[:MOST_CHANGES]],
        "more": max(0, len(chart.changes) - MOST_CHANGES),
    }


def _change(asked: Asked, what: What, change: Change) -> dict[str, Any]:
    return {
        "said": change.said,
        "about": veil(asked, change.about, HEAD) if change.about else None,
        "rows": [_row(asked, what, change, entry) for entry in change.fields],
    }


def _row(asked: Asked, what: What, change: Change, entry: Difference) -> dict[str, Any]:
    def shown(value: Any) -> Veiled | None:
        if value is None:
            return None
        text = value_text(value)
        return Veiled(cut(text), masked=False) if entry.field in STATES else veil(asked, text)

    return {
        "field": field_text(change, entry.field),
        "name": entry.field.partition(":")[0],  # behind it may stand a visit's number
        "before": shown(entry.before),
        "after": shown(entry.after),
        "source": _source(asked, what, entry),
    }


def _source(asked: Asked, what: What, entry: Difference) -> dict[str, Any]:
    """The place, with a link; of what went where it had come from."""
    row, source = what.row, entry.source
    if source == BY_ITSELF:
        return {
            "text": whence_text(source, row.control_id, row.message_type),
            "href": f"/messages/{row.id}#MSH-9",
        }
    found = source_of(source)
    if not found.control_id and found.place:
        source = f"{row.control_id}:{source}" if row.control_id else source
    known = dict(what.known)
    if entry.after is not None and row.control_id:
        known[row.control_id] = row.id  # what came is this message's, whoever else has its control id
    named = source_of(source).control_id
    own = named == row.control_id and known.get(named, row.id) == row.id
    cell = source_cell(asked, source, "", known)
    other = "" if own else f"message {known.get(named, named)}"
    said = f"it had come from {other or 'there'}" if entry.after is None else other
    return cell | {"small": cut(said)}


PAGE = Page("/messages/{id}/changed", "changed.html", read, values, entry="Messages")

"""Messages decided anew: what it would change is worked out first, on what is stored, and shown field by field."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from interface.chart.difference import Difference
from interface.console import many_ids
from interface.console.asked import Around, Asked, AskMany, RefusedError, Shown
from interface.errors import InterfaceError
from interface.services.engines import engine_now
from interface.services.portions import Grouping, Portion
from interface.services.trial import ChartChange, Found, MessageChange, RequestChanged, Told, Trial
from interface.store.database import Store
from interface.store.records.console import Several
from interface.store.records.lists import MessageSummary
from interface.store.unsettled import MESSAGES

REPROCESS = "reprocess"
MOST_MESSAGES = 200
"""Messages that are tried at once: each chart is rebuilt in memory."""
TRY_SECONDS = 6.0
"""Trying goes on for so long: a page has ten seconds."""
TOO_MUCH = (
    "What would change takes too long to work out for so many: choose fewer, or use `messages reprocess`."
)


@dataclass(frozen=True, slots=True)
class Trying:
    """What deciding messages anew would change."""

    ids: tuple[int, ...]
    """The messages that it can be done to."""
    left_out: tuple[int, ...]
    """Those that a person left out of the charts: they stay so."""
    charts: int
    replayed: int
    found: tuple[Found, ...]
    failed: tuple[tuple[tuple[int, ...], str], ...]
    """Patients, and why their charts can't be rebuilt."""
    group: Several | None
    more: bool
    once: str


def try_again(store: Store, asked: Asked, around: Around, group: Several | None, once: str) -> Trying:
    """Work it out. RefusedError: it can't be."""
    rows, more = _messages(store, asked, group)
    chosen = tuple(row.id for row in rows if not row.set_aside)
    trial, groups = _trial(store, asked, around, [row for row in rows if not row.set_aside])
    charts, replayed = groups.count()
    until = time.monotonic() + TRY_SECONDS
    found: list[Found] = []
    failed: list[tuple[tuple[int, ...], str]] = []
    for portion in _each(groups):
        if time.monotonic() > until:
            raise RefusedError(400, TOO_MUCH)
        outcome = trial.look(portion)
        if isinstance(outcome, str):
            failed.append((tuple(portion.patients), outcome))
        else:
            found.append(outcome)
    left_out = tuple(row.id for row in rows if row.set_aside)
    return Trying(chosen, left_out, charts, replayed, tuple(found), tuple(failed), group, more, once)


def asked_again(
    store: Store, asked: Asked, around: Around, ids: Sequence[int], once: str, back: str
) -> AskMany:
    """The commands that decide these messages anew: one for each family of patients, so that one that fails is alone."""
    if len(ids) > MOST_MESSAGES:
        raise RefusedError(400, f"At most {MOST_MESSAGES} messages at a time.")
    _, groups = _trial(store, asked, around, _decided(store, ids))
    groups.count()
    portions = [portion.arguments for portion in _each(groups)]
    subjects = tuple(f"message {number}" for number in ids)
    return AskMany("rebuild", portions, REPROCESS, subjects, back, once)


def _each(groups: Grouping) -> list[Portion]:
    return [Portion((group,)) for portion in groups.portions() for group in portion.groups]


def _trial(
    store: Store, asked: Asked, around: Around, rows: Sequence[MessageSummary]
) -> tuple[Trial, Grouping]:
    now = asked.now + around.work_ahead
    try:
        engine = engine_now(around.settings, store, now)
    except InterfaceError as error:
        raise RefusedError(503, f"The mapping on the disk can't be read: {error}") from None
    at: datetime = asked.local(now)
    groups = Grouping(engine, store.patients, store.work)
    groups.messages(((row.id, row.patient_id) for row in rows), "again")
    return Trial(engine, store, lambda: at), groups


def _messages(store: Store, asked: Asked, group: Several | None) -> tuple[list[MessageSummary], bool]:
    """The messages that are meant, and whether there are more of the group. Of requests those that asked for them."""
    ids = asked.query.wholes("id")
    of_messages = asked.query.choice("of_messages", ("yes",)) == "yes"
    if group is not None:
        of_messages = group.kind in MESSAGES
        ids = ids or store.unsettled.ids(group, MOST_MESSAGES + 1)
    if not ids:
        raise RefusedError(400, "Nothing is chosen: go back and choose at least one.")
    more = len(ids) > MOST_MESSAGES
    ids = ids[:MOST_MESSAGES]
    if not of_messages:
        known = store.patients.requests_by_id(ids)
        ids = sorted({row.message_id for row in known.values() if row.message_id is not None})
        if not ids:
            raise RefusedError(404, "No message is stored that asked for these requests.")
    return _decided(store, ids), more


def _decided(store: Store, ids: Sequence[int]) -> list[MessageSummary]:
    found = store.patients.messages_by_id(ids)
    for wanted in ids:
        if wanted not in found:
            raise RefusedError(404, f"There is no message {wanted}.")
        if found[wanted].state == "new":
            raise RefusedError(400, f"Message {wanted} is not decided yet: the work will do it.")
    return [found[wanted] for wanted in sorted(found)]


# ------------------------------------------------------------------------------------------ what is shown


def shown_trial(asked: Asked, what: Trying, back: str) -> Shown:
    """What would change, message by message, request by request, chart by chart."""
    messages = [change for found in what.found for change in found.messages]
    requests = [change for found in what.found for change in found.requests]
    charts = [change for found in what.found for change in found.charts]
    changed = [change for change in messages if change.changed]
    return Shown(
        f"Decide again: {len(what.ids)} messages",
        {
            "deed": REPROCESS,
            "title": "Decide again?",
            "trial": {
                "messages": [_message(asked, change) for change in changed],
                "same": len(messages) - len(changed),
                "requests": [_request(asked, change) for change in requests],
                "charts": [_chart(asked, change) for change in charts],
                "charts_count": what.charts,
                "replayed": what.replayed,
                "failed": [(_whose(patients), why) for patients, why in what.failed],
                "left_out": what.left_out,
                "count": len(what.ids),
            },
            "most": f"{MOST_MESSAGES}" if what.more else "",
            "ids": many_ids.written(what.ids),
            "once": what.once,
            "back": back,
        },
        seen=(
            *(f"message {number}" for number in what.ids),
            *(f"patient {change.patient}" for change in charts if change.patient),
            *(
                f"request {change.id or change.instead_of}"
                for change in requests
                if change.id or change.instead_of
            ),
        ),
    )


def _whose(patients: Sequence[int]) -> str:
    return f"patient {', '.join(str(number) for number in patients)}" if patients else "a new patient"


def _message(asked: Asked, change: MessageChange) -> dict[str, Any]:
    there = asked.has("/messages/{id}")
    return {
        "name": f"message {change.row.id}",
        "href": f"/messages/{change.row.id}" if there else "",
        "type": change.row.message_type,
        "before": _told(change.before),
        "after": _told(change.after),
        "made": change.made,
    }


def _told(told: Told) -> dict[str, str]:
    return {
        "decision": told.decision or "failed",
        "why": "; ".join(reason.text or reason.code for reason in told.reasons),
    }


def _request(asked: Asked, change: RequestChanged) -> dict[str, Any]:
    known = change.id or change.instead_of
    there = known is not None and asked.has("/requests/{id}")
    name = f"request {change.id}" if change.id else "a new request"
    return {
        "name": name + (f", instead of {change.instead_of}" if change.instead_of else ""),
        "href": f"/requests/{known}" if there else "",
        "date": asked.viewer.veil(change.date) if change.date else None,
        "before": change.before if change.id else "",
        "after": change.after,
        "why": "; ".join(reason.text or reason.code for reason in change.reasons),
        "fields": _fields(asked, change.fields),
    }


def _chart(asked: Asked, change: ChartChange) -> dict[str, Any]:
    there = change.patient is not None and asked.has("/patients/{id}")
    name = f"patient {change.patient}" if change.patient else "a new patient"
    return {
        "name": name + (f" becomes part of patient {change.into}" if change.into else ""),
        "href": f"/patients/{change.patient}" if there else "",
        "numbers": [asked.viewer.veil(entry) for entry in change.numbers],
        "fields": _fields(asked, change.fields),
    }


def _fields(asked: Asked, fields: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "field": entry.field,
            "before": asked.viewer.veil(entry.before) if entry.before is not None else None,
            "after": asked.viewer.veil(entry.after) if entry.after is not None else None,
            "source": " · ".join(filter(None, (entry.source, entry.rule))),
        }
        for entry in fields
    ]

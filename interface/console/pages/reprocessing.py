"""Messages decided anew, charts made anew: what it would change is worked out first, on what is stored, field by field."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from interface.chart.difference import Difference
from interface.console import many_ids
from interface.console.asked import Around, Asked, AskMany, RefusedError, Shown
from interface.errors import InterfaceError
from interface.services.engines import engine_now
from interface.services.portions import Grouping, Portion
from interface.services.trial import (
    OUTDATED,
    ChartChange,
    Found,
    MessageChange,
    RequestChanged,
    Told,
    Trial,
)
from interface.shown.fields import name_of, reason_text
from interface.store.records.console import Several
from interface.store.records.lists import MessageSummary
from interface.store.store import Store
from interface.store.unsettled import MESSAGES

REPROCESS = "reprocess"
REBUILD = "rebuild"
RECORDS: Mapping[str, str] = {REPROCESS: "message", REBUILD: "patient"}
"""What it is done to."""
MOST = 200
"""Messages or patients that are tried at once: each chart is rebuilt in memory."""
MOST_REPLAYED = 5000
"""Messages that one chart is made of, with all that is part of it: it is tried in one go, 2,000 take half a second."""
TRY_SECONDS = 6.0
"""Charts are tried one after another for so long: a page has ten seconds."""
COMMANDS: Mapping[str, str] = {REPROCESS: "messages reprocess", REBUILD: "patients rebuild"}
TOO_LONG = "What would change takes too long to work out for so many: choose fewer, or use `{}`."
TOO_MUCH = "What would change is not worked out here for a chart of more than {:,} messages; this one has {:,}: use `{}`."
NOTHING = "Nothing is chosen: go back and choose at least one."


@dataclass(frozen=True, slots=True)
class Trying:
    """What deciding messages anew, or making charts anew, would change."""

    deed: str
    ids: tuple[int, ...]
    """The messages or patients that it can be done to."""
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
    """Work out what deciding messages anew would change. RefusedError: it can't be."""
    rows, more = _messages(store, asked, group)
    trial, groups = _trial(store, asked, around)
    chosen = tuple(row.id for row in rows if not row.set_aside)
    groups.messages(((row.id, row.patient_id) for row in rows if not row.set_aside), "again")
    left_out = tuple(row.id for row in rows if row.set_aside)
    return _tried(Trying(REPROCESS, chosen, left_out, 0, 0, (), (), group, more, once), trial, groups)


def try_rebuilding(store: Store, asked: Asked, around: Around, once: str) -> Trying:
    """Work out what making charts anew would change. RefusedError: it can't be."""
    ids = _charted(store, asked.query.wholes("id"))
    trial, groups = _trial(store, asked, around)
    groups.patients(ids)
    return _tried(Trying(REBUILD, ids, (), 0, 0, (), (), None, False, once), trial, groups)


def _tried(what: Trying, trial: Trial, groups: Grouping) -> Trying:
    charts, replayed = groups.count()
    until = time.monotonic() + TRY_SECONDS
    found: list[Found] = []
    failed: list[tuple[tuple[int, ...], str]] = []
    for portion in _each(groups):
        if (size := sum(group.size for group in portion.groups)) > MOST_REPLAYED:
            raise RefusedError(400, TOO_MUCH.format(MOST_REPLAYED, size, COMMANDS[what.deed]))
        if time.monotonic() > until:
            raise RefusedError(400, TOO_LONG.format(COMMANDS[what.deed]))
        outcome = trial.look(portion)
        if isinstance(outcome, str):
            failed.append((tuple(portion.patients), outcome))
        else:
            found.append(outcome)
    return replace(what, charts=charts, replayed=replayed, found=tuple(found), failed=tuple(failed))


def asked_again(
    store: Store, asked: Asked, around: Around, deed: str, ids: Sequence[int], once: str, back: str
) -> AskMany:
    """The commands that decide these messages, or make these charts, anew: one for each family of patients, so that one that
    fails is alone.
    """
    if len(ids) > MOST:
        raise RefusedError(400, f"At most {MOST} {RECORDS[deed]}s at a time.")
    _, groups = _trial(store, asked, around)
    if deed == REBUILD:
        groups.patients(_charted(store, ids))
    else:
        groups.messages(((row.id, row.patient_id) for row in _decided(store, ids)), "again")
    groups.count()
    portions = [portion.arguments for portion in _each(groups)]
    subjects = tuple(f"{RECORDS[deed]} {number}" for number in ids)
    return AskMany("rebuild", portions, deed, subjects, back, once)


def _each(groups: Grouping) -> list[Portion]:
    return [Portion((group,)) for portion in groups.portions() for group in portion.groups]


def _trial(store: Store, asked: Asked, around: Around) -> tuple[Trial, Grouping]:
    now = asked.now + around.work_ahead
    try:
        engine = engine_now(around.settings, store, now)
    except InterfaceError as error:
        raise RefusedError(503, f"The mapping on the disk can't be read: {error}") from None
    at: datetime = asked.local(now)
    return Trial(engine, store, lambda: at), Grouping(engine, store.patients, store.work)


def _messages(store: Store, asked: Asked, group: Several | None) -> tuple[list[MessageSummary], bool]:
    """The messages that are meant, and whether there are more of the group. Of requests those that asked for them."""
    ids = asked.query.wholes("id")
    of_messages = asked.query.choice("of_messages", ("yes",)) == "yes"
    if group is not None:
        of_messages = group.kind in MESSAGES
        ids = ids or store.unsettled.ids(group, MOST + 1)
    if not ids:
        raise RefusedError(400, NOTHING)
    more = len(ids) > MOST
    ids = ids[:MOST]
    if not of_messages:
        known = store.patients.requests_by_id(ids)
        ids = sorted({row.message_id for row in known.values() if row.message_id is not None})
        if not ids:
            raise RefusedError(404, "No message is stored that asked for these requests.")
    return _decided(store, ids), more


def _charted(store: Store, ids: Sequence[int]) -> tuple[int, ...]:
    """These patients, as they were asked for. RefusedError: one is not there."""
    if not ids:
        raise RefusedError(400, NOTHING)
    if len(ids) > MOST:
        raise RefusedError(400, f"At most {MOST} patients at a time.")
    known = store.patients.by_id(ids)
    for wanted in ids:
        if wanted not in known:
            raise RefusedError(404, f"There is no patient {wanted}, or the chart is no longer kept.")
    return tuple(ids)


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
    title, button = _names(what)
    return Shown(
        title,
        {
            "deed": what.deed,
            "title": f"{button}?" if what.deed == REBUILD else "Decide again?",
            "button": button,
            "trial": {
                "rebuild": what.deed == REBUILD,
                "messages": [_message(asked, change) for change in changed],
                "same": len(messages) - len(changed),
                "requests": [_request(asked, change) for change in requests],
                "charts": [_chart(asked, change) for change in charts],
                "charts_count": what.charts,
                "replayed": what.replayed,
                "failed": [(_whose(patients), why) for patients, why in what.failed],
                "left_out": what.left_out,
                "count": len(what.ids),
                "possible": bool(what.found),
            },
            "most": f"{MOST}" if what.more else "",
            "ids": many_ids.written(what.ids),
            "once": what.once,
            "back": back,
        },
        seen=(
            *(f"{RECORDS[what.deed]} {number}" for number in what.ids),
            *(f"patient {change.patient}" for change in charts if change.patient),
            *(
                f"request {change.id or change.instead_of}"
                for change in requests
                if change.id or change.instead_of
            ),
        ),
    )


def _names(what: Trying) -> tuple[str, str]:
    """Of the page, and of the button."""
    count = len(what.ids)
    if what.deed == REBUILD:
        said = f"patient {what.ids[0]}" if count == 1 else f"{count} patients"
        return f"Rebuild: {said}", f"Rebuild {said}"
    said = f"{count} message{'' if count == 1 else 's'}"
    return f"Decide again: {said}", f"Decide {said} again"


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
        "why": "; ".join(reason_text(reason.code, reason.text) for reason in told.reasons),
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
        "outdated": change.kind == OUTDATED,
        "why": "; ".join(reason_text(reason.code, reason.text) for reason in change.reasons),
        "fields": _fields(asked, change.fields),
    }


def _chart(asked: Asked, change: ChartChange) -> dict[str, Any]:
    there = change.patient is not None and asked.has("/patients/{id}")
    name = f"patient {change.patient}" if change.patient else "a new patient"
    becomes = f" becomes part of patient {change.into}" if change.into else ""
    if change.kind == "merged" and not becomes:
        becomes = ": nothing is left of it"
    return {
        "name": name + becomes,
        "href": f"/patients/{change.patient}" if there else "",
        "numbers": [asked.viewer.veil(entry) for entry in change.numbers],
        "fields": _fields(asked, change.fields),
    }


def _fields(asked: Asked, fields: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "field": entry.field,
            "name": name_of(entry.field),
            "before": asked.viewer.veil(entry.before) if entry.before is not None else None,
            "after": asked.viewer.veil(entry.after) if entry.after is not None else None,
            "source": " · ".join(filter(None, (entry.source, entry.rule))),
        }
        for entry in fields
    ]

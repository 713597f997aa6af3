"""What people get to see of patients' charts, as `patients` and the console show them: reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from interface.chart import apart
from interface.chart.model import Chart, decode_chart
from interface.rules import Policy
from interface.rules.site import NOTHING, Site
from interface.rules.tables import normal
from interface.store.records.lists import MessageSummary, PatientSummary, RequestFilter, RequestSummary
from interface.store.store import Store

_MERGES = ("merged", "already-merged", "number-retired", "number-moved", "moved", "renumbered", "linked")
"""Codes of reasons of messages that say whose chart things are in."""
_PAGE = 500
MOST_REQUESTS = 200
"""Of a patient, the newest, that are looked through for what one message composed."""


def key_of(policy: Policy, mrn: str, authority: str | None, site: Site = NOTHING) -> str:
    """The identity key that charts hold for a number; the site's own authority is empty, one with a root of its own (`site`:
    the overlay's lists) that root.
    """
    if authority == apart.AUTHORITY:
        return apart.key_of(mrn.strip())
    row = site.root((authority,)) if authority else None
    if row is not None:
        return f"{'' if row.root == policy.mrn_root else row.root}|{mrn.strip()}"
    own = {normal(name) for name in policy.mrn_authority}
    named = normal(authority or "")
    return f"{'' if named in own else named}|{mrn.strip()}"


def chart_of(row: PatientSummary) -> Chart | None:
    """The chart; None when it cannot be opened."""
    if row.chart is None:
        return None
    try:
        return decode_chart(row.chart)
    except ValueError:
        return None


def add_request_states(store: Store, appointments: list[dict[str, Any]]) -> None:
    """Say of each appointment, as JSON has it, what became of its last request."""
    known = store.patients.requests_by_id(entry["request"] for entry in appointments if entry["request"])
    for entry in appointments:
        found = known.get(entry["request"])
        entry["request_state"] = found.state if found is not None else None


def family_of(store: Store, row: PatientSummary) -> set[int]:
    """Whose messages are shown with this patient: of one whose chart is part of another's only his own."""
    return store.patients.family((row.id,)) if row.merged_into is None else {row.id}


def changed_with(store: Store, chart: Chart | None, family: set[int]) -> list[int]:
    """Whose charts a merge or move changed together with this one: the message may be among theirs."""
    owners = store.patients.owners(chart.led_to) if chart is not None and chart.led_to else {}
    return sorted(set(owners.values()) - family)


def merges_of(store: Store, family: Iterable[int]) -> list[MessageSummary]:
    """The messages that say whose chart things are in, oldest first."""
    found = [
        row
        for row in _messages(store, list(family))
        if any(reason.get("code") in _MERGES for reason in row.reasons)
    ]
    return found[::-1]


def _messages(store: Store, family: list[int]) -> Iterator[MessageSummary]:
    before = None
    while page := store.patients.messages_of(family, before=before, limit=_PAGE):
        yield from page
        before = page[-1].id


def composed_by(store: Store, message: MessageSummary) -> list[RequestSummary]:
    """The other requests that a message composed, beside its own, oldest first: one that tells something of the person
    completes the requests of several visits.
    """
    if message.request_id is None or message.patient_id is None:
        return []
    rows = store.views.requests(RequestFilter(patient_id=message.patient_id), limit=MOST_REQUESTS)
    own = message.request_id
    return [row for row in reversed(rows) if row.message_id == message.id and row.id != own]

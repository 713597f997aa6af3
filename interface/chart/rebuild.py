"""Charts made anew from a patient's messages: how new rules reach old traffic, and how a wrong merge is undone.

The messages are replayed in the order of arrival into charts that begin empty; so no old fact ever meets a newer chart.
What was requested is not replayed: the requests of the old charts go over to the new ones, and the open ones are settled.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from interface.chart.decide import Engine
from interface.chart.model import NO_VISIT, OPEN, PERSON, Asked, Chart, change
from interface.chart.outcome import Close, NewRequest, Outcome, RequestChange
from interface.chart.registry import Registry
from interface.chart.settle import Settling
from interface.rules.facts import Reason

if TYPE_CHECKING:
    from interface.rules.reading import Reading

_GONE = Reason("rebuilt", "the appointment is no longer in the chart, which was rebuilt from its messages")
_RELEASED = Reason("completes-held", "the request that was held goes out by today's rules")
_CANCELLED = Reason(
    "cancelled", "the appointment is cancelled, says the chart, which was rebuilt from its messages"
)


@dataclass(frozen=True)
class Told:
    """A stored message, read again."""

    id: int
    reading: Reading
    received_at: datetime
    patient: int | None
    """In whose chart it was."""
    again: bool = False
    """Decide it anew, too: what it would post now is posted."""
    request: int | None = None
    """The request that it made."""
    held: bool = False
    """It was decided `hold`."""


@dataclass
class Patient:
    """A rebuilt chart."""

    chart: Chart
    id: int | None
    """The patient's row; None: a new one."""
    arrived: set[str] = field(default_factory=set)
    """Appointments whose requests are another patient's rows so far."""
    requests: list[RequestChange] = field(default_factory=list)


@dataclass(frozen=True)
class Decided:
    """What became of a message."""

    told: Told
    patient: Patient | None
    """In whose chart it is now."""
    outcome: Outcome
    request: int | None = None
    """The request that it made now, else the one of before: which message made a request is never forgotten."""
    stands: bool = False
    """What was decided before counts: it made a request then, and asks for nothing new now."""
    made: bool = False
    """It asks for something new."""


@dataclass(frozen=True)
class Rebuilt:
    """All that a rebuilding changes."""

    patients: tuple[Patient, ...]
    messages: tuple[Decided, ...]
    absorbed: Mapping[int, Patient | None]
    """Patients whose rows have no chart of their own any more, and whose charts theirs are part of."""
    closed: tuple[tuple[int, Close], ...]
    """Open requests whose appointment no message makes any more, and whose rows they are."""


def rebuild(
    engine: Engine,
    told: Sequence[Told],
    old: Mapping[int, Chart],
    *,
    now: datetime,
    new_id: Callable[[], int],
) -> Rebuilt:
    """Make the charts of these messages anew. `told`: in the order of arrival; `old`: the charts they made before."""
    registry, outcomes = _replay(engine, told, now)
    patients = _rows(registry, told, old)
    of = {key: patient for patient in patients for key in patient.chart.keys}
    left = _hand_over(patients, old)
    settlings = {
        id(patient): engine.settling(patient.chart, now=now, trigger="", new_id=new_id)
        for patient in patients
    }
    for patient in patients:
        _settle(patient, settlings[id(patient)])
    messages = []
    for entry, outcome in zip(told, outcomes, strict=True):
        owner = next((of[key] for key in entry.reading.keys[:1] if key in of), None)
        messages.append(_decide(engine, entry, outcome, owner, settlings))
    for patient in patients:
        patient.requests = settlings[id(patient)].changes
    taken = {patient.id for patient in patients}
    absorbed = {
        id_: next((of[key] for key in chart.keys if key in of), None)
        for id_, chart in old.items()
        if id_ not in taken
    }
    closed = [
        (id_, Close(number, "withdrawn", (_GONE,)))
        for id_, asked in left
        for number in (*asked.beside, asked.id)
    ]
    return Rebuilt(tuple(patients), tuple(messages), absorbed, tuple(closed))


def _replay(engine: Engine, told: Sequence[Told], now: datetime) -> tuple[Registry, list[Outcome]]:
    registry, nowhere, outcomes = Registry(), itertools.count(1), []
    for entry in told:
        then = min(entry.received_at, now)
        outcome = engine.decide(
            entry.reading, registry.find(entry.reading.keys), now=then, new_id=nowhere.__next__
        )
        registry.keep(entry.reading, outcome)
        outcomes.append(outcome)
    return registry, outcomes


def _rows(registry: Registry, told: Sequence[Told], old: Mapping[int, Chart]) -> list[Patient]:
    """Give each chart the row that its own messages are in; else the row that had its number; else a new one."""
    by_number = {key: id_ for id_, chart in old.items() for key in chart.keys}
    wanted: list[tuple[int, Chart]] = []
    charts = registry.all()
    for chart in charts:
        own = [
            t.patient for t in told if t.patient is not None and t.reading.keys[:1] == tuple(chart.keys[:1])
        ]
        any_of = [
            t.patient for t in told if t.patient is not None and set(t.reading.keys[:1]) <= set(chart.keys)
        ]
        wanted += [(id_, chart) for id_ in (*own, *any_of)]
        wanted += [(by_number[key], chart) for key in chart.keys if key in by_number]
    rows: dict[int, int] = {}
    for id_, chart in wanted:
        if id(chart) not in rows and id_ not in rows.values():
            rows[id(chart)] = id_
    return [Patient(chart, rows.get(id(chart))) for chart in charts]


def _hand_over(patients: list[Patient], old: Mapping[int, Chart]) -> list[tuple[int, Asked]]:
    """What was asked for each appointment goes over to the new chart; gives the open ones that found no appointment."""
    asked: dict[str, list[tuple[int, Asked]]] = {}
    for id_, chart in old.items():
        for key, appointment in chart.appointments.items():
            if appointment.asked is not None:
                asked.setdefault(key, []).append((id_, appointment.asked))
    places = [(patient, key) for patient in patients for key in patient.chart.appointments]
    handed: dict[tuple[int, str], Asked] = {}
    # first to each what was its own: a person's key, and that of a visit without a number, stand in several charts
    for may_go in (_is_own, partial(_may_be_anothers, old=old)):
        for patient, key in places:
            known = asked.get(key, [])
            found = next((entry for entry in known if may_go(entry, patient, key)), None)
            if found is None or (id(patient), key) in handed:
                continue
            known.remove(found)
            handed[id(patient), key] = found[1]
            if found[0] != patient.id:
                patient.arrived.add(key)
    for patient, key in places:
        appointments = patient.chart.appointments
        appointments[key] = change(appointments[key], asked=handed.get((id(patient), key)))
    return [entry for known in asked.values() for entry in known if entry[1].state in OPEN]


def _is_own(asked: tuple[int, Asked], patient: Patient, _key: str) -> bool:
    """Whether it was asked for this patient's row."""
    return asked[0] == patient.id


def _may_be_anothers(
    asked: tuple[int, Asked], patient: Patient, key: str, *, old: Mapping[int, Chart]
) -> bool:
    """Whether what was asked for another's row under the same key may be for this one: a key that names no visit must be
    of the same number.
    """
    return key not in (PERSON, NO_VISIT) or not set(patient.chart.keys).isdisjoint(old[asked[0]].keys)


def _settle(patient: Patient, settling: Settling) -> None:
    for key, appointment in list(patient.chart.appointments.items()):
        if appointment.status == "cancelled":
            settling.close(appointment, "withdrawn", _CANCELLED)
        else:
            settling.refresh(appointment, moved=key in patient.arrived)


def _goes_out(chart: Chart, request: int | None) -> bool:
    """Whether the request waits to be sent, or was sent."""
    asked = (entry.asked for entry in chart.appointments.values())
    return any(last is not None and last.id == request and last.state == "waiting" for last in asked)


def _decide(
    engine: Engine,
    entry: Told,
    outcome: Outcome,
    owner: Patient | None,
    settlings: Mapping[int, Settling],
) -> Decided:
    if owner is None or not entry.again or outcome.decision not in ("post", "hold", "chart"):
        return Decided(entry, owner, outcome, entry.request)
    settling = settlings[id(owner)]
    before = len(settling.changes)
    settling.trigger = entry.reading.control_id
    anew = engine.decide_again(entry.reading, settling)
    made = [made.id for made in settling.changes[before:] if isinstance(made, NewRequest)]
    if made:
        return Decided(entry, owner, anew or outcome, made[-1], made=True)
    if entry.held and _goes_out(owner.chart, entry.request):
        posted = change(anew or outcome, decision="post", reasons=(_RELEASED,))
        return Decided(entry, owner, posted, entry.request)
    return Decided(entry, owner, anew or outcome, entry.request, stands=entry.request is not None)

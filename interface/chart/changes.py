"""What one message changed in a chart, entry by entry: the patient, problems, medications, appointments. Pure.

A chart is told as entries with values, each value with its source; two charts are compared entry by entry, by what an
entry is and not by where it stands. Requests are no part of it, nor what only says that something is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from interface.chart.difference import Difference
from interface.chart.model import Appointment, Chart, Order, Problem
from interface.chart.shown import HIDDEN, facts_shown, number_text, shown, source_text
from interface.rules.facts import Fact, Leaf, Scalar, text_of
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook

ACTIVE, BOOKED, CANCELLED = "active", "booked", "cancelled"
_STATUS = {"other": "complete, pending or wait-listed"}
_TOLD_BY_STATE = ("order.control", "order.status", "order.inpatient", "order.confidential")
"""Facts of an order that count only for its state."""
_DAY = "upcomingAppointmentDate"
_MRG = "MRG-1"


@dataclass(frozen=True)
class Value:
    """A value of an entry, and where it came from (`CONTROLID:PID-5.1`)."""

    value: Scalar
    source: str = ""


@dataclass(frozen=True)
class Entry:
    """One thing that a chart knows."""

    part: str
    """`patient`, `number`, `problem`, `medication`, `appointment` or `visit`."""
    identity: tuple[object, ...]
    """What tells it from others of its part."""
    marks: frozenset[object]
    """What it is about: entries that share one are about the same, under another number or said by another visit."""
    values: Mapping[str, Value]
    about: str = ""
    """Which one it is, for people (patient data); empty: its values tell, or nothing may."""
    stands: str = ""
    """State or status, see `_came` and `_turned`."""


@dataclass(frozen=True)
class Change:
    """What happened to one entry."""

    part: str
    kind: str
    """A key of `WORDS`."""
    about: str
    """Which entry (patient data); may be empty."""
    fields: tuple[Difference, ...]

    @property
    def said(self) -> str:
        """What happened, in words: `Appointment moved`."""
        return f"{_NAMES[self.part]} {WORDS[self.kind]}"


_NAMES = {
    "patient": "Patient",
    "number": "Retired number",
    "problem": "Problem",
    "medication": "Medication",
    "appointment": "Appointment",
    "visit": "Visit",
}
WORDS = {
    "added": "added",
    "added-inactive": "added, not active",
    "repeated": "said by another visit or list, too",
    "made": "made",
    "made-cancelled": "noted as cancelled",
    "ended": "ended",
    "resumed": "active again",
    "moved": "moved to another day",
    "cancelled": "cancelled",
    "booked-again": "booked again",
    "changed": "changed",
    "gone": "no longer in the chart",
}
"""By kind of change what is said of it."""


def changes(
    before: Chart | None, after: Chart | None, book: Rulebook, policy: Policy, today: date
) -> tuple[Change, ...]:
    """What differs between two states of a chart (None: there was or is none), both judged on one day."""
    old, new = (list(entries(chart, book, policy, today)) for chart in (before, after))
    known = {(entry.part, mark) for entry in old for mark in entry.marks}
    found = []
    for was, is_ in _pairs(old, new):
        if fields := tuple(_differences(was, is_)):
            entry = was if is_ is _NOTHING else is_
            found.append(Change(entry.part, _kind(was, is_, known), entry.about, fields))
    return tuple(found)


_NOTHING = Entry("", (), frozenset(), {})
"""Stands where an entry was not there before, or is not after."""


def _kind(was: Entry, is_: Entry, known: Collection[object]) -> str:
    if is_ is _NOTHING:
        return "gone"
    return _came(is_, known) if was is _NOTHING else _turned(was, is_)


def _came(entry: Entry, known: Collection[object]) -> str:
    if entry.part in ("appointment", "visit"):
        return "made-cancelled" if entry.stands == CANCELLED else "made"
    if entry.part == "problem" and any((entry.part, mark) in known for mark in entry.marks):
        return "repeated"
    return "added-inactive" if entry.stands and entry.stands != ACTIVE else "added"


def _turned(was: Entry, is_: Entry) -> str:
    if was.stands != is_.stands:
        for stands, here, gone in ((ACTIVE, "resumed", "ended"), (CANCELLED, "cancelled", "booked-again")):
            if is_.stands == stands:
                return here
            if was.stands == stands and (stands != CANCELLED or is_.stands == BOOKED):
                return gone
    day = was.values.get(_DAY)
    return "moved" if day is not None and day.value != _value(is_.values.get(_DAY)) else "changed"


def _value(found: Value | None) -> Scalar | None:
    return found.value if found is not None else None


def _differences(was: Entry, is_: Entry) -> Iterator[Difference]:
    for field in dict.fromkeys((*is_.values, *was.values)):
        before, after = was.values.get(field), is_.values.get(field)
        if _value(before) != _value(after):
            told = after or before
            yield Difference(field, _value(before), _value(after), told.source if told is not None else "")


def _pairs(old: list[Entry], new: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Which entry after is which before: the same one, else one that is about the same."""
    left: dict[object, list[Entry]] = {}
    for entry in old:
        left.setdefault((entry.part, entry.identity), []).append(entry)
    paired: dict[int, Entry] = {}
    for entry in new:
        if found := left.get((entry.part, entry.identity)):
            paired[id(entry)] = found.pop(0)
    gone = {id(entry): entry for found in left.values() for entry in found}
    alike: dict[object, list[Entry]] = {}
    for entry in gone.values():
        for mark in entry.marks:
            alike.setdefault((entry.part, mark), []).append(entry)
    for entry in new:
        if id(entry) not in paired:
            candidates = [one for mark in entry.marks for one in alike.get((entry.part, mark), ())]
            was = next((one for one in candidates if id(one) in gone), None)
            if was is not None:
                paired[id(entry)] = gone.pop(id(was))
    yield from ((paired.get(id(entry), _NOTHING), entry) for entry in new)
    yield from ((entry, _NOTHING) for entry in old if id(entry) in gone)


# ------------------------------------------------------------------------------------------ a chart as entries


def entries(chart: Chart | None, book: Rulebook, policy: Policy, today: date) -> Iterator[Entry]:
    """All that a chart knows. Of what is confidential or on the site's list only that it is there."""
    if chart is None:
        return
    document = shown(chart, book, policy, today)
    if facts := _patient(document["patient"]):
        yield Entry("patient", (), frozenset(((),)), facts)
    for key in chart.keys[1:]:
        number = number_text(key)
        values = {"numbers": Value(number, _MRG)}
        yield Entry("number", (key,), frozenset((key,)), values, number)
    for problem, told in zip(chart.problems, document["problems"], strict=True):
        yield _problem(problem, told)
    for order, told in zip(chart.orders, document["medications"], strict=True):
        yield _medication(order, told)
    for appointment in chart.appointments.values():
        if not appointment.is_person:
            yield _appointment(appointment)


def _patient(facts: Iterable[Mapping[str, Any]]) -> dict[str, Value]:
    return {
        fact["field"]: Value(fact["value"], fact["source"]) for fact in facts if fact["value"] is not None
    }


def _fact(field: str, fact: Fact | None) -> dict[str, Value]:
    """A fact's values, leaf by leaf."""
    return _patient(facts_shown(field, fact)) if fact is not None else {}


def _leaves(field: str, leaves: Iterable[Leaf], message: str) -> dict[str, Value]:
    return {f"{field}{leaf.path}": Value(leaf.value, source_text(leaf.source, message)) for leaf in leaves}


def _stands(told: Mapping[str, Any]) -> str:
    """`active`, or why not."""
    return ACTIVE if told["active"] else told["why"] or "not active"


def _problem(problem: Problem, told: Mapping[str, Any]) -> Entry:
    stands = _stands(told)
    values = {"problem.state": Value(stands, told["source"])}
    hidden = told["why"] in HIDDEN
    if not hidden:
        values |= _leaves("problem", problem.leaves, problem.message)
        if (named := problem.named) is not None:
            values |= _leaves("problem", named.leaves, named.message)
        values["problem.system"] = Value(
            problem.system, source_text(problem.leaves[0].source, problem.message)
        )
        values |= _fact("problem.date", problem.date) | _fact("problem.resolved", problem.resolved)
    if problem.visit:
        values["problem.visit"] = Value(problem.visit, source_text("PV1-19", problem.message))
    about = "" if hidden else " ".join(filter(None, (problem.system, problem.code, problem.label)))
    coded = (problem.system, problem.code)
    identity = (*coded, problem.visit, problem.listed, problem.instance)
    return Entry("problem", identity, frozenset((coded,)), values, about, stands)


def _medication(order: Order, told: Mapping[str, Any]) -> Entry:
    stands = _stands(told)
    values = {"order.state": Value(stands, told["source"])}
    hidden = told["why"] in HIDDEN
    if not hidden:
        for field, fact in order.facts.items():
            if field not in _TOLD_BY_STATE:
                values |= _fact(field, fact)
    if order.visit:
        values["order.visit"] = Value(order.visit, source_text("PV1-19", order.ended_message))
    about = "" if hidden else told["drug"] or told["code"] or told["text"]
    return Entry("medication", order.ids, frozenset(order.ids), values, about, stands)


def _appointment(entry: Appointment) -> Entry:
    day = entry.facts.get(_DAY)
    said = max((fact.at, fact.message) for fact in entry.facts.values()) if entry.facts else ("", "")
    number = source_text("PV1-19" if entry.is_visit else "SCH-2", day.message if day is not None else said[1])
    values = {
        "appointment.status": Value(_STATUS.get(entry.status, entry.status)),
        "appointment.id": Value(entry.key[2:], number),
    }
    for field, fact in entry.facts.items():
        values |= _fact(field, fact)
    placer = text_of(entry.facts, "appointment.placer")
    marks: set[object] = (
        {("day", entry.date, text_of(entry.facts, "appointment.type"))} if entry.date else set()
    )
    marks |= {("placer", placer)} if placer else set()
    part = "visit" if entry.is_visit else "appointment"
    return Entry(part, (entry.key,), frozenset(marks), values, entry.date, entry.status)

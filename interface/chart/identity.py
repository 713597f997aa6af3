"""One message that says whose chart things are in: persons become one, numbers change, things move (HL7 v2, chapter 3).

Unlike every other message it may change several charts. Waiting requests go with what they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from interface.chart.holds import hold
from interface.chart.model import Asked, Chart
from interface.chart.outcome import NOBODYS, Other, Outcome
from interface.chart.people import (
    absorb,
    give_up_number,
    keep_number,
    lead_to_each_other,
    move,
    renumber,
    take_number,
)
from interface.chart.settle import Composed, Settling
from interface.chart.update import take_patient, take_protection
from interface.chart.visits import number_now
from interface.rules.facts import Reason, text_of

if TYPE_CHECKING:
    from interface.rules.reading import Move, Reading

MakeSettling = Callable[[Chart], Settling]

_ANOTHERS = Reason("older", "older than the move of the number in PID to another person: only kept")
_MOVED_ON = Reason("older", "the number in MRG has moved on since: only kept")
_CANCELLED = Reason("cancelled", "the appointment is cancelled, said a message under the other number")
_TWICE = Reason("superseded", "the same appointment stood under both numbers: the newer request stays")


@dataclass
class _Person:
    """A chart being changed, and where its parts come from."""

    chart: Chart
    origins: list[str]
    """A key of each chart it was made of: its own first. Empty: the person was not known."""
    arrived: set[str] = field(default_factory=set)
    """Appointments that stood in another chart before."""
    twice: list[Asked] = field(default_factory=list)
    """Requests that are to end: their appointment stood in two charts."""


class People:
    """The charts of everyone in the message, found by their keys."""

    def __init__(self, charts: Mapping[str, Chart]):
        self._by_key: dict[str, _Person] = {}
        self.all: list[_Person] = []
        """Everyone, each once."""
        for key, chart in charts.items():
            known = next((person for person in self.all if key in person.chart.keys), None)
            self._by_key[key] = known or self._add(_Person(chart.copy(), [key]))

    def _add(self, person: _Person) -> _Person:
        self.all.append(person)
        return person

    def get(self, key: str) -> _Person | None:
        """The person with this number, when there is one."""
        return self._by_key.get(key)

    def of(self, key: str) -> _Person:
        """The person with this number; a new one when nobody has it."""
        if key not in self._by_key:
            self._by_key[key] = self._add(_Person(Chart([key]), []))
        return self._by_key[key]

    def give(self, key: str, person: _Person) -> None:
        """A number leads to this person from now on."""
        self._by_key[key] = person
        if key not in person.chart.keys:
            person.chart.keys.append(key)

    def absorb(self, person: _Person, retired: _Person) -> None:
        """Two persons are one."""
        person.twice += absorb(person.chart, retired.chart)
        person.origins += retired.origins
        person.arrived |= set(retired.chart.appointments)
        self.all.remove(retired)
        self._by_key.update((key, person) for key, owner in self._by_key.items() if owner is retired)


def decide_identity(reading: Reading, charts: Mapping[str, Chart], settling_of: MakeSettling) -> Outcome:
    """What follows from a merge, move or change of numbers. `charts`: of every known key in `reading.keys`."""
    trouble = _trouble(reading)
    if trouble is not None:
        return Outcome("hold", (trouble,), request={}, left_out=reading.left_out, said=reading.said)
    known = {key: charts[key] for key in reading.keys if key in charts}
    people = People(known)
    reasons: dict[Reason, None] = {}
    for group in reading.moves:
        person = people.get(group.key)
        if person is not None and reading.at < person.chart.gained.get(group.key, ""):
            reasons[_ANOTHERS] = None
            continue
        reasons.update(dict.fromkeys(_HOW[reading.event.identity](people, group, reading)))
    main = people.of(reading.moves[0].key)
    for person in people.all:
        if person is not main:  # the message will be the main person's
            lead_to_each_other(person.chart, main.chart)
    settled = [(person, *_settle(person, settling_of(person.chart))) for person in people.all]
    return _outcome(reading, people, known, tuple(reasons), settled)


def _trouble(reading: Reading) -> Reason | None:
    """Why nothing can be done: a number that can't be told. Nothing is done by halves."""
    needs_prior = reading.event.identity in ("merge", "move-number", "move-account")
    for group in reading.moves:
        if not group.key:
            return Reason("no-mrn", f"{hold('no-mrn').text}: {group.why or 'PID-3 is empty'}")
        if needs_prior and not group.prior:
            return Reason("no-prior-mrn", f"{reading.type}: {hold('no-prior-mrn').text}: {group.why}")
    return None


# ---------------------------------------------------------------- what each kind does


def _take_patient(person: _Person, group: Move, reading: Reading) -> None:
    """What PID says; older than the deletion of the person (A29) only that he is protected."""
    if reading.at >= person.chart.removed.get("", ""):
        take_patient(person.chart, group.facts, (group.key,))
    else:
        take_protection(person.chart, group.facts)


def _merge(people: People, group: Move, reading: Reading) -> list[Reason]:
    reasons = []
    for prior in group.prior:
        person, retired = people.of(group.key), people.get(prior)
        if prior == group.key:
            reasons.append(Reason("same-number", "PID and MRG have the same number: nothing to merge"))
            continue
        if retired is None:
            people.give(prior, person)
            reasons.append(
                Reason(
                    "number-retired",
                    "nobody has the number in MRG: messages under it count as this patient's",
                )
            )
        elif retired is person:
            reasons.append(Reason("already-merged", "both numbers are one patient's already"))
        elif retired.chart.gained.get(prior, "") > reading.at:
            reasons.append(_MOVED_ON)
            continue
        else:
            own, since = retired.chart.keys[:1], retired.chart.own_since
            mrn = retired.chart.patient.get("patient.mrn.extension")
            people.absorb(person, retired)
            if own != [prior] and since > max(reading.at, person.chart.own_since):
                keep_number(person.chart, mrn, own[0], since)
            reasons.append(
                Reason("merged", f"{reading.type} makes two patients one; the number in MRG is retired")
            )
        if _takes_over(person.chart, group.key, prior, reading.at):
            take_number(person.chart, group.facts.get("patient.mrn.extension"), group.key)
        if person.chart.keys[0] == group.key:
            person.chart.own_since = max(reading.at, person.chart.own_since)
    person = people.of(group.key)
    _take_patient(person, group, reading)
    if group.account:
        renumber(person.chart, reading.at, account=(group.account, text_of(group.facts, "visit.account")))
    return reasons


def _takes_over(chart: Chart, key: str, prior: str, at: str) -> bool:
    """Whether the number in PID becomes the patient's own by a merge that retires `prior`.

    One that another merge has retired in favour of a third does not: the merges came in another order, or one came twice.
    It does when the number that took its place is what this merge retires (a circle), unless this one is older than that.
    """
    if chart.keys[0] == key:
        return False  # it is already
    mrn = chart.patient.get("patient.mrn.extension")
    # later news under it say nothing of the merges
    since = chart.own_since or (mrn.at if mrn is not None else "")
    return chart.keys[0] == prior and max(since, chart.removed.get("", "")) <= at


def _renumber(people: People, group: Move, reading: Reading) -> list[Reason]:
    person = people.of(group.key)
    _take_patient(person, group, reading)
    touched, twice = renumber(
        person.chart,
        reading.at,
        visit=(group.visit, text_of(group.facts, "visit.number")),
        account=(group.account, text_of(group.facts, "visit.account")),
    )
    person.twice += twice
    if touched:
        return [
            Reason("renumbered", f"{reading.type} gives an account or visit (MRG-3, MRG-5) another number")
        ]
    return [Reason("not-known", "nothing is known of the account or visit in MRG-3 or MRG-5")]


def _move_number(people: People, group: Move, reading: Reading) -> list[Reason]:
    person = people.of(group.key)
    _take_patient(person, group, reading)
    reasons = []
    for prior in group.prior:
        before = people.get(prior)
        if before is person:
            reasons.append(Reason("same-patient", "the number in MRG is this patient's already"))
            continue
        if before is not None and before.chart.gained.get(prior, "") > reading.at:
            reasons.append(_MOVED_ON)
            continue
        if before is not None:
            give_up_number(before.chart, prior, group.facts)
        people.give(prior, person)
        person.chart.gained[prior] = max(reading.at, person.chart.gained.get(prior, ""))
        reasons.append(
            Reason(
                "number-moved",
                "the number in MRG is this patient's from now on; what was charted under it stays",
            )
        )
    return reasons


def _move_part(people: People, group: Move, reading: Reading) -> list[Reason]:
    """A44 moves an account, A45 a visit; then it may have a new number."""
    person = people.of(group.key)
    _take_patient(person, group, reading)
    visit, account = text_of(group.facts, "visit.number"), text_of(group.facts, "visit.account")
    what = (
        {"visit": group.visit or visit}
        if reading.event.identity == "move-visit"
        else {"account": group.account}
    )
    reasons = []
    for prior in group.prior:
        before = people.of(prior)  # of nobody who is known, too: older news of the visit may be on its way
        if before is person:
            continue
        if before.chart.gained.get(prior, "") > reading.at:
            reasons.append(_MOVED_ON)
            continue
        if person.chart.removed.get(number_now(person.chart, group.visit or visit), "") > reading.at:
            reasons.append(Reason("older", "the visit has moved on since: only kept"))
            continue
        number_before = len(person.chart.problems) + len(person.chart.orders) + len(person.chart.appointments)
        arrived, twice = move(before.chart, person.chart, reading.at, **what)
        person.arrived |= set(arrived)
        person.twice += twice
        if number_before < len(person.chart.problems) + len(person.chart.orders) + len(
            person.chart.appointments
        ):
            reasons.append(
                Reason("moved", f"{reading.type} moves what belongs to it to this patient; only it moves")
            )
    _, twice = renumber(
        person.chart, reading.at, visit=(group.visit, visit), account=(group.account, account)
    )
    person.twice += twice
    if f"V:{group.visit}" in person.arrived:
        person.arrived.add(f"V:{number_now(person.chart, visit)}")
    return reasons or [Reason("not-known", "nothing is known of the account or visit that moves")]


_HOW: dict[str, Callable[[People, Move, Reading], list[Reason]]] = {
    "merge": _merge,
    "renumber": _renumber,
    "move-number": _move_number,
    "move-account": _move_part,
    "move-visit": _move_part,
}


# ---------------------------------------------------------------- what becomes of the requests


def _settle(person: _Person, settling: Settling) -> tuple[Settling, Composed | None]:
    """The person's open requests as they are now; the one that this released from a hold."""
    released: Composed | None = None
    for asked in person.twice:
        settling.end(asked, "superseded", _TWICE)
    for key, appointment in list(person.chart.appointments.items()):
        if appointment.status == "cancelled":
            settling.close(appointment, "withdrawn", _CANCELLED)
            continue
        released = settling.refresh(appointment, moved=key in person.arrived) or released
    return settling, released


def _outcome(
    reading: Reading,
    people: People,
    known: Collection[str],
    reasons: tuple[Reason, ...],
    settled: list[tuple[_Person, Settling, Composed | None]],
) -> Outcome:
    main = people.of(reading.moves[0].key)
    released = next((composed for _, _, composed in settled if composed is not None), None)
    draft = released.draft if released is not None else None
    if draft is not None:
        reasons = (Reason("completes-held", "completes a request that was held"), *reasons)
    changes = {id(person): tuple(settling.changes) for person, settling, _ in settled}
    others = tuple(
        Other(_key_of(person, known), person.chart, changes[id(person)], tuple(person.origins[1:]))
        for person in people.all
        if person is not main
        and (person.origins or person.chart.keys)  # who is new and has no number is nobody
    )
    said = tuple(
        dict.fromkeys(text for group in reading.moves for fact in group.facts.values() for text in fact.said)
    )
    return Outcome(
        "post" if draft is not None else "chart",
        reasons,
        chart=main.chart,
        requests=changes[id(main)],
        request=draft.request if draft is not None else None,
        placed=tuple(draft.placed) if draft is not None else (),
        left_out=(*reading.left_out, *(draft.left_out if draft is not None else ())),
        said=(*reading.said, *said),
        key=_key_of(main, known),
        absorbed=tuple(main.origins[1:]),
        others=others,
    )


def _key_of(person: _Person, known: Collection[str]) -> str:
    """A key that leads to the chart as it is kept now; of a new person one that leads to nobody so far."""
    if person.origins:
        return person.origins[0]
    return next((key for key in person.chart.keys if key not in known), NOBODYS)

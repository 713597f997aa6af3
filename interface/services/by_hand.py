"""What persons ask to be done with requests: `retry` and `discard`, each a portion of requests in one transaction.

One that can't be done is named in the answer with why; the others of the portion are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from interface.chart.by_hand import give_up, reopen
from interface.chart.decide import Engine
from interface.chart.kept import with_note
from interface.chart.model import Appointment, Asked, Chart
from interface.rules.facts import Reason
from interface.services.mending import readable_chart
from interface.services.plan import Plan, reasons
from interface.store.records.reading import Command, PatientRow
from interface.store.records.turn import CommandDone, DiscardRow, HurryRow, ReopenRow

RETRIED = ("dead", "discarded", "waiting")
DISCARDED = ("held", "waiting", "dead")
"""The states in which a person may send a request again, and give one up."""


class HandStore(Protocol):
    """What is read from the store."""

    def load_patients_by_id(self, ids: Iterable[int]) -> dict[int, PatientRow]:
        """The rows of these patients."""

    def family(self, ids: Iterable[int]) -> set[int]:
        """These patients and all whose charts were merged with theirs."""

    def request_owners(self, ids: Iterable[int]) -> dict[int, int]:
        """Patient ids by request id."""

    def request_states(self, ids: Iterable[int]) -> dict[int, str]:
        """States by request id."""

    def request_details(self, ids: Iterable[int]) -> dict[int, tuple[str, bytes]]:
        """Appointment and provenance by request id."""


class CannotError(Exception):
    """Why a command can't be carried out; no patient data."""


@dataclass(frozen=True, slots=True)
class Waits:
    """A command that waits until nothing of these patients is being sent."""

    patients: frozenset[int]


@dataclass
class _Work:
    """One command while it is planned."""

    now: datetime
    states: Mapping[int, str]
    owners: Mapping[int, int]
    details: Mapping[int, tuple[str, bytes]]
    charts: dict[int, Chart]
    """Of the requests' patients and of all whose charts are theirs, as far as they can be opened."""
    before: Mapping[int, Chart]
    plan: Plan = field(default_factory=Plan)

    def of(self, number: int) -> tuple[int, Appointment] | None:
        """In whose chart a request's appointment is, and the appointment; None: in nobody's (any more)."""
        known = [
            (owner, appointment)
            for owner, chart in self.charts.items()
            for appointment in chart.appointments.values()
        ]
        key = self.details[number][0] if number in self.details else ""
        last = [entry for entry in known if number in _numbers(entry[1].asked)]
        own = [entry for entry in known if entry[1].key == key]
        own.sort(key=lambda entry: entry[0] != self.owners[number])
        return next(iter((*last, *own)), None)

    def keep(self, owner: int, chart: Chart) -> None:
        """A chart as the command leaves it."""
        self.plan.take(chart, (), owner, self.before[owner], None)
        self.charts[owner] = chart


class ByHand:
    """Plans what persons do to requests. One thread's."""

    def __init__(self, store: HandStore, new_request: Callable[[], int]) -> None:
        self._store = store
        self._new_request = new_request

    def plan(self, engine: Engine, command: Command, now: datetime, busy: Collection[int]) -> Plan | Waits:
        """What `retry` or `discard` changes; Waits while a request's patient is in `busy`."""
        wanted = sorted({int(entry) for entry in command.arguments.get("requests", ())})
        owners = self._store.request_owners(wanted)
        family = self._store.family(owners.values()) if owners else set()
        if not family.isdisjoint(busy):
            return Waits(frozenset(family))
        rows = self._store.load_patients_by_id(family)
        charts = {id_: chart for id_, row in rows.items() if (chart := readable_chart(row)) is not None}
        work = _Work(
            now,
            self._store.request_states(wanted),
            owners,
            self._store.request_details(wanted),
            charts,
            dict(charts),
        )
        refused = []
        for number in wanted:
            why = self._one(engine, work, command, number)
            if why:
                refused.append([number, why])
        result = {"requests": len(wanted), "done": len(wanted) - len(refused), "refused": refused}
        work.plan.commands.append(CommandDone(command.id, "done", result))
        return work.plan

    def _one(self, engine: Engine, work: _Work, command: Command, number: int) -> str:
        """Do it with one request; says why not, in words without patient data."""
        state = work.states.get(number)
        if state is None:
            return f"there is no request {number}"
        if command.kind == "discard":
            return self._discard(engine, work, command.arguments, number, state)
        if state == "discarded" and command.arguments.get("given_up") is False:
            return "it was given up meanwhile"
        return self._retry(engine, work, number, state)

    # ------------------------------------------------------------------------------------------ retry

    def _retry(self, engine: Engine, work: _Work, number: int, state: str) -> str:
        if state == "waiting":
            work.plan.by_hand.append(HurryRow(number, work.owners[number]))
            return ""
        if state == "held":
            return "it is held: what releases it stands in `requests show`"
        if state not in RETRIED:
            return f"it is {state}"
        if work.owners[number] not in work.charts:
            return "the stored chart of its patient cannot be opened"
        found = work.of(number)
        if found is None:
            return "its appointment is no longer in the patient's chart"
        owner, appointment = found
        asked = appointment.asked
        if asked is not None and number not in _numbers(asked):
            return self._overtaken(asked.id)
        chart = work.charts[owner].copy()
        settling = engine.settling(chart, now=work.now, trigger="", new_id=self._new_request)
        composed = reopen(settling, appointment, number)
        if isinstance(composed, str):
            return composed
        work.keep(owner, chart)
        document = settling.detail(composed)
        why = reasons(composed.holds)
        row = ReopenRow(
            number,
            owner,
            state,
            composed.state,
            composed.body,
            document,
            composed.date,
            why,
            composed.until,
        )
        work.plan.by_hand.append(row)
        return ""

    def _overtaken(self, newer: int) -> str:
        state = self._store.request_states((newer,)).get(newer, "gone")
        return f"request {newer} is newer for its appointment ({state})"

    # ------------------------------------------------------------------------------------------ discard

    def _discard(
        self, engine: Engine, work: _Work, arguments: Mapping[str, Any], number: int, state: str
    ) -> str:
        if state not in DISCARDED:
            return f"it is {state}"
        found = work.of(number)
        if found is not None and number in _numbers(found[1].asked):
            owner, appointment = found
            chart = work.charts[owner].copy()
            settling = engine.settling(chart, now=work.now, trigger="", new_id=self._new_request)
            give_up(settling, appointment, number)
            work.keep(owner, chart)
        who, why = str(arguments.get("who", "")), str(arguments.get("why", ""))
        row = DiscardRow(
            number,
            work.owners[number],
            state,
            with_note(work.details.get(number, ("", b""))[1], {"by": who, "why": why}),
            reasons((Reason("discarded", f"given up by {who}" if who else "given up by a person"),)),
        )
        work.plan.by_hand.append(row)
        return ""


def _numbers(asked: Asked | None) -> tuple[int, ...]:
    return () if asked is None else (*asked.beside, asked.id)

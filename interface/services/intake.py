"""One turn of intake: journalled messages in arrival order become charts, decisions and requests, all in
memory.

The plan is stored whole or not at all. Until it is (`Intake.stored`), nothing here remembers it: after a
failed commit the same rows are simply planned again.

A decision that would rewrite or close a request which is being POSTed at this moment waits until that attempt
is back, and with it the patient's later messages; they stay `new` in the journal. So a cancellation is never
lost to an attempt that fails and is tried again, and a crash in between costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from interface.chart.apart import NOBODY, Apart
from interface.chart.decide import Engine
from interface.chart.guarding import Guard
from interface.chart.model import Chart
from interface.chart.outcome import Close, NewRequest, Outcome
from interface.rules.reading import Reading
from interface.services import mending
from interface.services.by_hand import CannotError, Waits
from interface.services.charts import ChartCache
from interface.services.commands import Commanding, CommandStore
from interface.services.guarding import sent_by
from interface.services.logs import event, where
from interface.services.mending import chart_text, readable_chart
from interface.services.plan import Plan, reasons
from interface.services.purging import Purging
from interface.store.errors import StoreError
from interface.store.records.reading import Command, JournalRow, PatientRow
from interface.store.records.reasons import reasons_json
from interface.store.records.turn import CommandDone, MessageDone

log = logging.getLogger(__name__)

CACHED_CHARTS = 320
"""Patients last heard of, about 20 KB each. A chart that is not held is read from the store: 60 us."""
MOST_DEFERRED = 1024
"""When so many messages wait for attempts, no more are taken: each is read again in every turn."""
MOST_BEGINNINGS = 4
"""How often intake begins with a message that ends the process each time."""


class _ChartUnreadableError(Exception):
    """The patient's stored chart cannot be opened."""

    def __init__(self, patient: int) -> None:
        super().__init__(patient)
        self.patient = patient


class Intake:
    """Plans turns. One thread's."""

    def __init__(
        self,
        engine: Engine,
        store: CommandStore,
        *,
        new_patient: Callable[[], int],
        new_request: Callable[[], int],
        cached: int = CACHED_CHARTS,
        purging: Purging | None = None,
    ) -> None:
        """`new_patient` and `new_request` give row ids that were never given before; some may stay unused."""
        self._engine = engine
        self._store = store
        self._new_patient = new_patient
        self._new_request = new_request
        self._commanding = Commanding(
            engine, store, new_patient=new_patient, new_request=new_request, purging=purging
        )
        if purging is not None:
            purging.forget = self.forget
        self._command_blocks: frozenset[int] = frozenset()
        self._cache = ChartCache(cached)
        self._deferred: dict[int, frozenset[int]] = {}

    def use(self, engine: Engine) -> None:
        """Decide by another mapping from now on; what the environment forbids and who is charted apart stays."""
        known = self._engine
        engine = replace(engine, guard=known.guard, apart=known.apart, sent=known.sent)
        self._engine = self._commanding.engine = engine

    def obey(self, guard: Guard, apart: Apart = NOBODY) -> None:
        """From now on this is what the environment forbids, and these are charted apart."""
        engine = replace(self._engine, guard=guard, apart=apart, sent=sent_by(self._store))
        self._engine = self._commanding.engine = engine

    @property
    def environment(self) -> str:
        """For which environment requests are composed."""
        return self._engine.policy.environment

    @property
    def deferred(self) -> int:
        """How many messages wait for an attempt; ask the journal for so many more."""
        return len(self._deferred)

    @property
    def blocked(self) -> frozenset[int]:
        """Patients for whom a message or a command waits until nothing of theirs is being sent."""
        return self._command_blocks.union(*self._deferred.values())

    def is_deferred(self, message: int) -> bool:
        """Whether a message waits for an attempt."""
        return message in self._deferred

    def plan(self, rows: Sequence[JournalRow], now: datetime, sending: Mapping[int, int]) -> Plan:
        """Decide journal rows, which come in arrival order; `sending`: the requests being POSTed now, and whose.

        Raises what the store raises while charts are read; a message that cannot be decided is `failed` and
        the next one goes on.
        """
        plan = Plan(
            deferred=dict(self._deferred), blocked=set(self.blocked), rows={row.id: row for row in rows}
        )
        readings = [(row, self._read(plan, row)) for row in rows if row.id not in self._deferred]
        self._load(plan, {key for _, reading in readings if reading is not None for key in reading.keys})
        for row, reading in readings:
            if reading is None:
                continue
            try:
                self._decide(plan, row, reading, now, sending)
            except _ChartUnreadableError as found:
                # set aside as one of this patient's: rebuilding the chart takes it in and decides it
                text = chart_text(found.patient)
                plan.messages.append(_failed(row, "chart-unreadable", text, found.patient))
            except Exception as broken:
                plan.messages.append(_mapping_error(row, broken))
        return plan

    def settle(
        self, patients: Sequence[PatientRow], now: datetime, sending: Container[int], *, expire: bool = True
    ) -> Plan:
        """What a new day changes for these patients; those who must wait are in `Plan.unsettled`.

        `expire` False: the day is not certain; patients of whom a request would expire stay as they are.
        """
        plan = Plan(deferred=dict(self._deferred))
        for row in patients:
            try:
                self._note(plan, row)
                chart = self._chart(plan, row.id)
                outcome = self._engine.resettle(chart, now=now, new_id=self._new_request)
                if _touches(outcome, sending):
                    plan.unsettled.add(row.id)
                elif expire or not _expires(outcome):
                    plan.take(outcome.chart, outcome.requests, row.id, chart, None)
            except _ChartUnreadableError:
                event(log, logging.ERROR, "chart-unreadable", patient=row.id)
            except Exception as broken:
                event(log, logging.ERROR, "settle-failed", patient=row.id, error=where(broken))
        return plan

    def carry_out(self, command: Command, now: datetime, sending: Mapping[int, int]) -> Plan | None:
        """What a person's command changes; None: it waits until nothing of its patients is being sent."""
        try:
            found = self._commanding.plan(command, now, set(sending.values()))
        except CannotError as why:
            found = Plan(commands=[CommandDone(command.id, "failed", {"problem": str(why)})])
        except StoreError:
            raise
        except Exception as broken:
            event(log, logging.ERROR, "command-failed", command=command.id, error=where(broken))
            found = Plan(commands=[CommandDone(command.id, "failed", {"problem": where(broken)})])
        self._wait_for(found.patients if isinstance(found, Waits) else frozenset())
        if isinstance(found, Waits):
            return None
        found.deferred = dict(self._deferred)
        return found

    def wait_for_no_command(self) -> None:
        """Whoever has the turn carries out the one that waited here."""
        self._wait_for(frozenset())

    def _wait_for(self, patients: frozenset[int]) -> None:
        """A command waits for these patients from now on, and no longer for others."""
        blocked, self._command_blocks = self._command_blocks, patients
        if blocked:
            self.released(blocked - patients)

    def refused(self, row: JournalRow, why: str) -> Plan:
        """What there is left to do with a message whose changes the store refuses: it is `failed`."""
        text = f"its changes could not be stored: {why}"
        return Plan([_failed(row, "store-refused", text)], deferred=dict(self._deferred), rows={row.id: row})

    def stored(self, plan: Plan) -> None:
        """The plan is in the store: from now on its charts are what is known."""
        self._cache.put(plan.charts)
        self._deferred = dict(plan.deferred)

    def forget(self) -> None:
        """Trust nothing remembered: the store had trouble."""
        self._cache.clear()

    def renew(self) -> None:
        """Another node may have decided messages meanwhile: begin as after a start."""
        self._cache.clear()
        self._deferred = {}
        self._command_blocks = frozenset()

    def released(self, patients: Container[int]) -> None:
        """Attempts of these patients are back, or a command no longer waits for them: what waited behind it is decided in
        the next turn.

        With it what waited behind it: a merge holds up the messages of both patients.
        """
        freed: set[int] = set()
        more = {patient for patient in self.blocked if patient in patients}
        while more - freed:
            freed |= more
            more = {p for about in self._deferred.values() if not about.isdisjoint(freed) for p in about}
        self._deferred = {m: about for m, about in self._deferred.items() if about.isdisjoint(freed)}

    def _read(self, plan: Plan, row: JournalRow) -> Reading | None:
        """The reading; None when the message is done with: it is `failed`."""
        if not row.readable:
            plan.messages.append(_failed(row, "message-unreadable", mending.MESSAGE))
            return None
        if row.attempts >= MOST_BEGINNINGS:
            text = f"processing was begun {row.attempts} times and never came to an end"
            plan.messages.append(_failed(row, "intake-crashed", text))
            return None
        try:
            return self._engine.read(row.raw, received_at=row.received_at, listener=row.listener)
        except Exception as broken:
            plan.messages.append(_mapping_error(row, broken))
            return None

    def _load(self, plan: Plan, keys: set[str]) -> None:
        """Bring in the charts of these keys that are not at hand: one query for all."""
        wanted = [key for key in sorted(keys) if self._cache.find(key) is None]
        if wanted:
            for key, row in self._store.load_patients(wanted).items():
                plan.ids[key] = row.id
                self._note(plan, row)

    def _note(self, plan: Plan, row: PatientRow) -> None:
        """Decode a stored chart, unless a newer one is at hand."""
        if row.id in plan.charts or self._cache.get(row.id) is not None:
            return
        chart = readable_chart(row)
        if chart is None:
            plan.unreadable.add(row.id)
        else:
            plan.charts[row.id] = chart

    def _find(self, plan: Plan, reading: Reading) -> dict[str, int]:
        """The patients that the keys lead to; keys of nobody are left out."""
        found = {}
        for key in reading.keys:
            patient = plan.ids[key] if key in plan.ids else self._cache.find(key)
            if patient is not None:
                found[key] = patient
        return found

    def _chart(self, plan: Plan, patient: int) -> Chart:
        if patient in plan.unreadable:
            raise _ChartUnreadableError(patient)
        chart = plan.charts[patient] if patient in plan.charts else self._cache.get(patient)
        if chart is None:
            raise _ChartUnreadableError(patient)
        return chart

    def _decide(
        self, plan: Plan, row: JournalRow, reading: Reading, now: datetime, sending: Mapping[int, int]
    ) -> None:
        ids = self._find(plan, reading)
        about = frozenset(ids.values())
        if not about.isdisjoint(plan.blocked):
            plan.deferred[row.id] = about
            plan.blocked |= about
            return
        charts = {key: self._chart(plan, patient) for key, patient in ids.items()}
        outcome = self._engine.decide(reading, charts, now=now, new_id=self._new_request)
        if _must_wait(outcome, about, sending):
            plan.deferred[row.id] = about
            plan.blocked |= about
            return
        if _brings_together(outcome):
            plan.idle |= about
        patient, request = self._take(plan, row.id, reading, ids, charts, outcome)
        why, note = reasons(outcome.reasons), outcome.note
        plan.messages.append(MessageDone(row.id, "done", outcome.decision, why, note, patient, request))

    def _take(
        self,
        plan: Plan,
        message: int,
        reading: Reading,
        ids: dict[str, int],
        charts: dict[str, Chart],
        outcome: Outcome,
    ) -> tuple[int | None, int | None]:
        """Take an outcome into the plan: the message's patient and request."""
        key = outcome.key or next(iter(reading.keys), "")
        patient = ids.get(key)
        if patient is None and outcome.chart is not None:
            patient = self._new_patient()
        # the message's own patient last: a number that others give up leads to him
        for other in outcome.others:
            owner = ids[other.key] if other.key in ids else self._new_patient()
            self._retire(plan, other.absorbed, ids, charts, owner)
            plan.take(other.chart, other.requests, owner, charts.get(other.key), message)
        if patient is not None:
            self._retire(plan, outcome.absorbed, ids, charts, patient)
        return patient, plan.take(outcome.chart, outcome.requests, patient, charts.get(key), message)

    def _retire(
        self, plan: Plan, keys: Iterable[str], ids: dict[str, int], charts: dict[str, Chart], into: int
    ) -> None:
        for key in keys:
            plan.retire(ids[key], charts[key], into)


def _must_wait(outcome: Outcome, about: frozenset[int], sending: Mapping[int, int]) -> bool:
    """Whether an attempt must come back first. Of a merge or move nobody may have a request that is being sent."""
    if _brings_together(outcome):
        return not about.isdisjoint(sending.values())
    return _touches(outcome, sending)


def _brings_together(outcome: Outcome) -> bool:
    return bool(outcome.absorbed or outcome.others)


def _touches(outcome: Outcome, sending: Container[int]) -> bool:
    """Whether the outcome changes a request that is being POSTed. (Superseding one does not: it just goes
    first.)
    """
    return any(change.id in sending for change in outcome.requests if not isinstance(change, NewRequest))


def _expires(outcome: Outcome) -> bool:
    return any(isinstance(change, Close) and change.state == "expired" for change in outcome.requests)


def _failed(row: JournalRow, code: str, text: str, patient: int | None = None) -> MessageDone:
    event(log, logging.ERROR, "message-failed", message=row.id, reason=code, text=text)
    return MessageDone(row.id, "failed", None, reasons_json([(code, text)]), patient_id=patient)


def _mapping_error(row: JournalRow, broken: Exception) -> MessageDone:
    """A message that our own rules or code broke on: where, never the exception's text."""
    return _failed(row, "mapping-error", where(broken))

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
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from interface.services.charts import ChartCache
from interface.services.courier import where
from interface.services.engine import (
    Change,
    Chart,
    Codec,
    Engine,
    Outcome,
    Reading,
    Reason,
    is_new,
    is_rewrite,
)
from interface.services.logs import event
from interface.store.records import (
    CloseRow,
    JournalRow,
    MessageDone,
    NewRequestRow,
    PatientRow,
    PatientWrite,
    RewriteRow,
    reasons_json,
)

log = logging.getLogger(__name__)

CACHED_CHARTS = 4096
OPEN = ("waiting", "held")
"""States in which a request may still be changed."""
MOST_DEFERRED = 1024
"""When so many messages wait for attempts, no more are taken: each is read again in every turn."""
MOST_BEGINNINGS = 4
"""How often intake begins with a message that ends the process each time."""


class PatientStore(Protocol):
    """What intake reads from the store."""

    def load_patients(self, keys: Iterable[str]) -> dict[str, PatientRow]:
        """The rows of known keys."""


RequestRow = NewRequestRow | RewriteRow | CloseRow


@dataclass(slots=True)
class Plan:
    """What a turn changes, in the order it was decided. `deferred`: messages that wait for an attempt."""

    messages: list[MessageDone] = field(default_factory=list)
    patients: dict[int, PatientWrite] = field(default_factory=dict)
    """Charts to store by patient id."""
    made: dict[int, NewRequestRow] = field(default_factory=dict)
    """Requests made in this turn, as they stand at its end."""
    changes: list[RewriteRow | CloseRow] = field(default_factory=list)
    """Changes of requests that are in the store already."""
    charts: dict[int, Chart] = field(default_factory=dict)
    """Charts read or made in this turn by patient id."""
    ids: dict[str, int | None] = field(default_factory=dict)
    """Patient ids by identity key, as far as this turn knows better than the cache; None: no longer
    anybody's.
    """
    unreadable: set[int] = field(default_factory=set)
    deferred: dict[int, int] = field(default_factory=dict)
    """Patient id by message id."""
    blocked: set[int] = field(default_factory=set)
    """Patients whose messages wait for an attempt."""
    unsettled: set[int] = field(default_factory=set)
    """Patients who could not be settled because of an attempt."""
    decisions: list[str] = field(default_factory=list)
    keys_disagreed: int = 0

    @property
    def requests(self) -> list[RequestRow]:
        """All changes of requests."""
        return [*self.made.values(), *self.changes]


class _ChartUnreadableError(Exception):
    """The patient's stored chart cannot be opened."""


class Intake:
    """Plans turns. One thread's."""

    def __init__(
        self,
        engine: Engine,
        store: PatientStore,
        codec: Codec,
        *,
        new_patient: Callable[[], int],
        new_request: Callable[[], int],
        cached: int = CACHED_CHARTS,
    ) -> None:
        """`new_patient` and `new_request` give row ids that were never given before; some may stay unused."""
        self._engine = engine
        self._store = store
        self._codec = codec
        self._new_patient = new_patient
        self._new_request = new_request
        self._cache = ChartCache(cached)
        self._deferred: dict[int, int] = {}

    @property
    def deferred(self) -> int:
        """How many messages wait for an attempt; ask the journal for so many more."""
        return len(self._deferred)

    def is_deferred(self, message: int) -> bool:
        """Whether a message waits for an attempt."""
        return message in self._deferred

    def plan(self, rows: Sequence[JournalRow], now: datetime, sending: Container[int]) -> Plan:
        """Decide journal rows, which come in arrival order; `sending` are the requests being POSTed now.

        Raises what the store raises while charts are read; a message that cannot be decided is `failed` and
        the next one goes on.
        """
        plan = Plan(deferred=dict(self._deferred), blocked=set(self._deferred.values()))
        readings = [(row, self._read(plan, row)) for row in rows if row.id not in self._deferred]
        self._load(plan, {key for _, reading in readings if reading is not None for key in reading.keys})
        for row, reading in readings:
            if reading is None:
                continue
            try:
                self._decide(plan, row, reading, now, sending)
            except _ChartUnreadableError:
                plan.messages.append(
                    _failed(row, "chart-unreadable", "the patient's stored chart cannot be opened")
                )
            except Exception as broken:
                plan.messages.append(_mapping_error(row, broken))
        return plan

    def settle(self, patients: Sequence[PatientRow], now: datetime, sending: Container[int]) -> Plan:
        """What a new day changes for these patients; those who must wait are in `Plan.unsettled`."""
        plan = Plan(deferred=dict(self._deferred))
        for row in patients:
            try:
                self._note(plan, row)
                chart = self._chart(plan, row.id)
                outcome = self._engine.resettle(chart, now=now, new_id=self._new_request)
                if _touches(outcome, sending):
                    plan.unsettled.add(row.id)
                else:
                    _Change.of(self._codec, outcome, row.id, chart, None, plan.made).enter(plan)
            except _ChartUnreadableError:
                event(log, logging.ERROR, "chart-unreadable", patient=row.id)
            except Exception as broken:
                event(log, logging.ERROR, "settle-failed", patient=row.id, error=where(broken))
        return plan

    def stored(self, plan: Plan) -> None:
        """The plan is in the store: from now on its charts are what is known."""
        self._cache.put(plan.charts)
        self._deferred = dict(plan.deferred)

    def forget(self) -> None:
        """Trust nothing remembered: the store had trouble."""
        self._cache.clear()

    def released(self, patients: Container[int]) -> None:
        """Attempts of these patients are back: what waited for them is decided in the next turn."""
        self._deferred = {
            message: patient for message, patient in self._deferred.items() if patient not in patients
        }

    def _read(self, plan: Plan, row: JournalRow) -> Any | None:
        """The reading; None when the message is done with: it is `failed`."""
        if not row.readable:
            plan.messages.append(_failed(row, "message-unreadable", "the stored message cannot be opened"))
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
        if not row.readable:
            plan.unreadable.add(row.id)
            return
        try:
            plan.charts[row.id] = self._codec.decode(row.chart)
        except Exception as broken:
            event(log, logging.ERROR, "chart-unreadable", patient=row.id, error=where(broken))
            plan.unreadable.add(row.id)

    def _find(self, plan: Plan, reading: Reading) -> int | None:
        """The patient the keys lead to: that of the first known key."""
        found = [plan.ids[key] if key in plan.ids else self._cache.find(key) for key in reading.keys]
        known = [patient for patient in found if patient is not None]
        if len(set(known)) > 1:
            plan.keys_disagreed += 1
        return known[0] if known else None

    def _chart(self, plan: Plan, patient: int) -> Chart:
        if patient in plan.unreadable:
            raise _ChartUnreadableError
        chart = plan.charts[patient] if patient in plan.charts else self._cache.get(patient)
        if chart is None:
            raise _ChartUnreadableError
        return chart

    def _decide(
        self, plan: Plan, row: JournalRow, reading: Any, now: datetime, sending: Container[int]
    ) -> None:
        patient = self._find(plan, reading)
        if patient is not None and patient in plan.blocked:
            plan.deferred[row.id] = patient
            return
        chart = None if patient is None else self._chart(plan, patient)
        outcome: Outcome = self._engine.decide(reading, chart, now=now, new_id=self._new_request)
        if patient is not None and _touches(outcome, sending):
            plan.deferred[row.id] = patient
            plan.blocked.add(patient)
            return
        is_first = patient is None and outcome.chart is not None
        patient = self._new_patient() if is_first else patient
        change = _Change.of(self._codec, outcome, patient, chart, row.id, plan.made)
        done = MessageDone(
            row.id,
            "done",
            outcome.decision,
            _reasons(outcome.reasons),
            outcome.note,
            patient,
            change.request_id,
        )
        change.enter(plan)
        plan.messages.append(done)
        plan.decisions.append(outcome.decision)


@dataclass(frozen=True, slots=True)
class _Change:
    """An outcome as rows: made whole first, so that what cannot be made leaves nothing in the plan."""

    patient: int | None
    chart: Chart | None
    write: PatientWrite | None
    gone: tuple[str, ...]
    requests: list[RequestRow]
    request_id: int | None

    @classmethod
    def of(
        cls,
        codec: Codec,
        outcome: Outcome,
        patient: int | None,
        before: Chart | None,
        message: int | None,
        made: dict[int, NewRequestRow],
    ) -> _Change:
        """The rows of an outcome for `patient`, whose chart was `before`."""
        if outcome.requests and patient is None:
            raise ValueError("requests without a patient")
        made = dict(made)
        rows: list[RequestRow] = []
        for change in outcome.requests:
            rows += _rows(change, patient or 0, message, made)
        content = [change.id for change in outcome.requests if is_new(change)]
        content += [change.id for change in outcome.requests if is_rewrite(change)]
        after = outcome.chart
        write: PatientWrite | None = None
        gone: tuple[str, ...] = ()
        if after is not None and patient is not None:
            keys = tuple(after.keys)
            before_keys = () if before is None else tuple(before.keys)
            gone = tuple(key for key in before_keys if key not in keys)
            same = before is not None and set(keys) == set(before_keys)
            write = PatientWrite(patient, codec.encode(after), before is None, None if same else keys)
        return cls(patient, after, write, gone, rows, content[0] if content else None)

    def enter(self, plan: Plan) -> None:
        """Take it into the plan."""
        for row in self.requests:
            if isinstance(row, NewRequestRow):
                plan.made[row.id] = row
            else:
                plan.changes.append(row)
        if self.write is None or self.chart is None:
            return
        earlier = plan.patients.get(self.write.id)
        plan.patients[self.write.id] = self.write if earlier is None else _both(earlier, self.write)
        plan.charts[self.write.id] = self.chart
        plan.ids.update(dict.fromkeys(self.gone))
        plan.ids.update(dict.fromkeys(self.chart.keys, self.write.id))


def _both(earlier: PatientWrite, later: PatientWrite) -> PatientWrite:
    """Two writes of one patient in one turn: the later chart, the patient as new and with the keys as said
    last.
    """
    keys = earlier.keys if later.keys is None else later.keys
    return PatientWrite(later.id, later.chart, earlier.new or later.new, keys)


def _touches(outcome: Outcome, sending: Container[int]) -> bool:
    """Whether the outcome changes a request that is being POSTed. (Superseding one does not: it just goes
    first.)
    """
    return any(change.id in sending for change in outcome.requests if not is_new(change))


def _rows(
    change: Change, patient: int, message: int | None, made: dict[int, NewRequestRow]
) -> Iterator[RequestRow]:
    """The store's rows for one change. `made`: requests made in this turn so far, kept up to date here.

    The store looks for rows to change before it makes new ones; so what was made in this turn is changed in
    memory.
    """
    reasons = _reasons(change.reasons)
    if is_new(change):
        made[change.id] = NewRequestRow(
            change.id,
            patient,
            message,
            change.appointment,
            change.state,
            change.body,
            change.detail,
            change.appointment_date,
            reasons,
            change.supersedes,
        )
        yield made[change.id]
        replaced = None if change.supersedes is None else made.get(change.supersedes)
        if replaced is not None and replaced.state in OPEN:
            made[replaced.id] = replace(replaced, state="superseded")
            yield made[replaced.id]
    elif change.id in made:
        if made[change.id].state in OPEN:
            made[change.id] = _changed(made[change.id], change, message, reasons)
            yield made[change.id]
    elif is_rewrite(change):
        yield RewriteRow(
            change.id,
            patient,
            change.state,
            change.body,
            change.detail,
            change.appointment_date,
            reasons,
            message,
        )
    else:
        yield CloseRow(change.id, patient, change.state, reasons)


def _changed(row: NewRequestRow, change: Change, message: int | None, reasons: str) -> NewRequestRow:
    if not is_rewrite(change):
        return replace(row, state=change.state, reasons=reasons)
    return replace(
        row,
        state=change.state,
        body=change.body,
        detail=change.detail,
        appointment_date=change.appointment_date,
        reasons=reasons,
        message_id=row.message_id if message is None else message,
    )


def _reasons(reasons: Sequence[Reason]) -> str:
    return reasons_json((reason.code, reason.text) for reason in reasons)


def _failed(row: JournalRow, code: str, text: str) -> MessageDone:
    event(log, logging.ERROR, "message-failed", message=row.id, reason=code, text=text)
    return MessageDone(row.id, "failed", None, reasons_json([(code, text)]))


def _mapping_error(row: JournalRow, broken: Exception) -> MessageDone:
    """A message that our own rules or code broke on: where, never the exception's text."""
    return _failed(row, "mapping-error", where(broken))

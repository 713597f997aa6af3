"""What a turn of the work changes, gathered while it decides: outcomes become the rows of one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from interface.chart.model import OPEN, Chart, encode_chart
from interface.chart.model import change as changed
from interface.chart.outcome import Close, NewRequest, RequestChange, Rewrite
from interface.rules.facts import Reason
from interface.store.records.reading import JournalRow
from interface.store.records.reasons import reasons_json
from interface.store.records.roster import RosterWrite
from interface.store.records.turn import (
    CloseRow,
    CommandDone,
    DiscardRow,
    HurryRow,
    Joins,
    MessageAgain,
    MessageDone,
    NewRequestRow,
    NewRound,
    PatientWrite,
    Picking,
    ReopenRow,
    RewriteRow,
)

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
    rows: Mapping[int, JournalRow] = field(default_factory=dict)
    """The messages that were looked at, by their id."""
    unreadable: set[int] = field(default_factory=set)
    deferred: dict[int, frozenset[int]] = field(default_factory=dict)
    """By message id the patients it is about."""
    blocked: set[int] = field(default_factory=set)
    """Patients whose messages wait for an attempt: nothing more of theirs is claimed."""
    idle: set[int] = field(default_factory=set)
    """Patients of whom no node may be sending anything: those of merges and rebuilt charts."""
    again: list[MessageAgain] = field(default_factory=list)
    commands: list[CommandDone] = field(default_factory=list)
    by_hand: list[ReopenRow | HurryRow | DiscardRow] = field(default_factory=list)
    rounds: list[NewRound | Picking] = field(default_factory=list)
    """What persons change of the production test."""
    seen: dict[str, str] = field(default_factory=dict)
    """What the store is to remember of the settings."""
    roster: list[RosterWrite] = field(default_factory=list)
    """Test patients to import, to remove or to forget."""
    woken: set[int] = field(default_factory=set)
    """Patients who were settled because the time of a held request had come."""
    guards_changed: bool = False
    """What the environment forbids is another from now on: all open requests are settled anew."""
    unsettled: set[int] = field(default_factory=set)
    """Patients who could not be settled because of an attempt."""
    joins: Joins | None = None
    """What webhooks said of requests."""

    @property
    def requests(self) -> list[RequestRow]:
        """All changes of requests."""
        return [*self.made.values(), *self.changes]

    def take(
        self,
        after: Chart | None,
        changes: Sequence[RequestChange],
        patient: int | None,
        before: Chart | None,
        message: int | None,
    ) -> int | None:
        """Take in what was decided for `patient`, whose chart was `before`; gives the request it is about.

        Raises, with nothing taken in, when the chart cannot be encoded or requests have no patient.
        """
        if patient is None:
            if changes:
                raise ValueError("requests without a patient")
            return None
        if after is not None:
            self._write(patient, before, after)
        self.change(changes, patient, message)
        return next((change.id for change in changes if not isinstance(change, Close)), None)

    def change(self, changes: Iterable[RequestChange], patient: int, message: int | None) -> None:
        """Changes of requests that are the patient's."""
        for change in changes:
            self._change(change, patient, message)

    def retire(self, patient: int, chart: Chart, into: int | None) -> None:
        """A patient whose chart is part of another's from now on: the row stays, for messages and requests of before."""
        self._write(patient, chart, Chart([]), into)

    def renew(self, patient: int, before: Chart | None, after: Chart) -> None:
        """A chart that was rebuilt; it is its own, whatever it was before."""
        self._write(patient, before, after, 0)

    def _write(self, patient: int, before: Chart | None, after: Chart, into: int | None = None) -> None:
        """A chart to store; of several of one patient in a turn the last, with all that was said of the keys."""
        document = encode_chart(after)
        earlier = self.patients.get(patient)
        keys = None if earlier is None else earlier.keys
        if before is None:
            keys = tuple(after.keys)
        elif before.keys != after.keys:
            if set(before.keys) != set(after.keys):
                keys = tuple(after.keys)
            given_up = [key for key in before.keys if key not in after.keys]
            # one that leads to somebody else already has not been given up to nobody
            self.ids.update((key, None) for key in given_up if self.ids.get(key, patient) == patient)
        is_new = before is None or (earlier is not None and earlier.new)
        self.patients[patient] = PatientWrite(patient, document, is_new, keys, into)
        self.charts[patient] = after
        for key in after.keys:
            self.ids[key] = patient

    def _change(self, change: RequestChange, patient: int, message: int | None) -> None:
        """One change of a request. The store changes rows before it makes new ones, so what was made in this
        turn is changed here.
        """
        made = self.made.get(change.id)
        if isinstance(change, NewRequest):
            self.made[change.id] = _new(change, patient, message)
            replaced = None if change.supersedes is None else self.made.get(change.supersedes)
            if replaced is not None and replaced.state in OPEN:
                self.made[replaced.id] = changed(replaced, state="superseded")
        elif made is not None:
            if made.state in OPEN:
                self.made[made.id] = changed(_changed(made, change, message), patient_id=patient)
        elif isinstance(change, Rewrite):
            self.changes.append(_rewrite(change, patient, message))
        else:
            self.changes.append(CloseRow(change.id, patient, change.state, reasons(change.reasons)))


@lru_cache(1024)
def reasons(why: tuple[Reason, ...]) -> str:
    """Reasons as the store's columns hold them. Messages have a few dozen; written anew they cost 5 us of 270."""
    return reasons_json((reason.code, reason.text) for reason in why)


def _new(change: NewRequest, patient: int, message: int | None) -> NewRequestRow:
    return NewRequestRow(
        change.id,
        patient,
        message,
        change.appointment,
        change.state,
        change.body,
        change.detail,
        change.appointment_date,
        reasons(change.reasons),
        change.supersedes,
        change.until,
    )


def _rewrite(change: Rewrite, patient: int, message: int | None) -> RewriteRow:
    return RewriteRow(
        change.id,
        patient,
        change.state,
        change.body,
        change.detail,
        change.appointment_date,
        reasons(change.reasons),
        message,
        change.until,
    )


def _changed(row: NewRequestRow, change: Rewrite | Close, message: int | None) -> NewRequestRow:
    why = reasons(change.reasons)
    if isinstance(change, Close):
        return changed(row, state=change.state, reasons=why)
    return changed(
        row,
        state=change.state,
        body=change.body,
        detail=change.detail,
        appointment_date=change.appointment_date,
        reasons=why,
        message_id=row.message_id if message is None else message,
        wake_at=change.until,
    )

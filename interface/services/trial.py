"""What a rebuilding would change, worked out on the stored messages while nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from interface.chart.decide import Engine
from interface.chart.difference import Difference, differences
from interface.chart.kept import kept_beside
from interface.chart.model import OPEN, Chart
from interface.chart.model import change as changed
from interface.chart.outcome import Close, NewRequest, RequestChange, Rewrite
from interface.chart.rebuild import Decided, Patient
from interface.chart.shown import number_text, shown, values_shown
from interface.rules.facts import Reason
from interface.services.by_hand import CannotError
from interface.services.commands import Commanding, Rebuilding
from interface.services.logs import where
from interface.services.portions import Portion
from interface.store.errors import StoreError
from interface.store.records.lists import MessageSummary, RequestDetail, RequestSummary
from interface.store.store import Store

OUTDATED = "outdated"
"""A request that is over and would be composed otherwise now: nothing goes out because of it by itself."""


@dataclass(frozen=True)
class Told:
    """What was decided of a message, before or after."""

    decision: str | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class MessageChange:
    """A message that is decided anew."""

    row: MessageSummary
    patient: int | None
    """In whose chart it will be; None: in nobody's, or in a new one."""
    before: Told
    after: Told
    stands: bool
    """It made a request then and asks for nothing new now: what was decided then stays."""
    made: bool
    """It asks for something new."""

    @property
    def changed(self) -> bool:
        """Whether something else is decided now."""
        if self.stands:
            return False
        return self.made or _gist(self.before) != _gist(self.after)


@dataclass(frozen=True)
class RequestChanged:
    """A request that is made, composed anew, or ends; or one that was sent and would be composed otherwise now."""

    id: int | None
    """None: a new one."""
    instead_of: int | None
    """Of a new one the request that it is compared with: the open one it takes the place of, else the last that was made."""
    patient: int | None
    """None: a new chart's."""
    appointment: str
    date: str | None
    before: str | None
    """State; None: there is none."""
    after: str
    reasons: tuple[Reason, ...]
    fields: tuple[Difference, ...]

    @property
    def kind(self) -> str:
        """What happens to it, in one or two words."""
        if self.id is None:
            return "newly held" if self.after == "held" else "newly posted"
        if self.before not in OPEN:
            return OUTDATED
        if self.after not in OPEN:
            return self.after
        if self.before != self.after:
            return "released" if self.after == "waiting" else "newly held"
        return "changed" if self.fields else "moved"


@dataclass(frozen=True)
class ChartChange:
    """A chart that becomes another."""

    patient: int | None
    """None: a new one."""
    into: int | None
    """The patient whose chart it becomes part of; None: it is one of its own."""
    numbers: tuple[str, ...]
    """Before; of a new one after."""
    fields: tuple[Difference, ...]

    @property
    def kind(self) -> str:
        """`changed`, `new` or `merged`."""
        if self.into is not None or not self.fields:
            return "merged"
        return "changed" if self.patient is not None else "new"


@dataclass(frozen=True)
class Found:
    """What the rebuilding of a portion would change."""

    messages: tuple[MessageChange, ...]
    requests: tuple[RequestChanged, ...]
    charts: tuple[ChartChange, ...]
    patients: int
    replayed: int


class Trial:
    """Works rebuildings out. Reads only; one thread's."""

    def __init__(self, engine: Engine, store: Store, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._store = store
        self._now = now
        self._new = count(store.work.next_ids()[1])
        self._commanding = Commanding(engine, store.work, new_patient=_nobody, new_request=self._new.__next__)

    def look(self, portion: Portion) -> Found | str:
        """What it would change; a text: why it can't be done. Raises StoreError."""
        now = self._now()
        try:
            found = self._commanding.rebuilding(portion.arguments, now, self._new.__next__)
            return self._found(found, now)
        except CannotError as why:
            return str(why)
        except StoreError:
            raise
        except Exception as broken:  # its text may hold patient data
            return where(broken)

    def _found(self, found: Rebuilding, now: datetime) -> Found:
        chosen = [decided for decided in found.rebuilt.messages if decided.told.again]
        rows = self._store.patients.messages_by_id(decided.told.id for decided in chosen)
        last = _last_asked(found.old.values())
        requests = [
            self._request(change, patient.id, last)
            for patient in found.rebuilt.patients
            for change in _in_the_end(patient.requests)
        ]
        requests += [self._request(close, owner, last) for owner, close in found.rebuilt.closed]
        return Found(
            messages=tuple(
                _message(decided, rows[decided.told.id]) for decided in chosen if decided.told.id in rows
            ),
            requests=tuple(entry for entry in requests if entry is not None),
            charts=tuple(self._charts(found, now)),
            patients=len(found.rebuilt.patients),
            replayed=len(found.rebuilt.messages),
        )

    # ------------------------------------------------------------------------------------------ requests

    def _request(
        self, change: RequestChange, patient: int | None, last: Mapping[str, int]
    ) -> RequestChanged | None:
        """None: nothing that one would see (it is the same under the same patient)."""
        made = isinstance(change, NewRequest)
        known = change.id
        if isinstance(change, NewRequest):
            known = change.supersedes or last.get(change.appointment, 0)
        stored = self._store.views.request(known) if known else None
        before = stored.summary if stored is not None else None
        is_over = not made and (before is None or before.state not in OPEN)
        if isinstance(change, Close):
            fields: tuple[Difference, ...] = ()
            day = before.appointment_date if before is not None else None
        else:
            fields = _differences(stored, change.body, change.detail)
            day = change.appointment_date
        if not fields and (is_over or _is_as_before(before, change, patient)):
            return None
        return RequestChanged(
            id=None if made else change.id,
            instead_of=known or None if made else None,
            patient=patient,
            appointment=(change.appointment if isinstance(change, NewRequest) else _appointment(stored)),
            date=day.isoformat() if day is not None else None,
            before=before.state if before is not None else None,
            after=before.state if is_over and before is not None else change.state,
            reasons=() if is_over else change.reasons,
            fields=fields,
        )

    # ------------------------------------------------------------------------------------------ charts

    def _charts(self, found: Rebuilding, now: datetime) -> list[ChartChange]:
        engine, today = self._engine, self._engine.today(now)

        def values(chart: Chart | None) -> dict[str, Any]:
            document = shown(chart if chart is not None else Chart([]), engine.book, engine.policy, today)
            return values_shown(document)

        changes = []
        for patient in found.rebuilt.patients:
            old = found.old.get(patient.id) if patient.id is not None else None
            fields = differences(values(old), values(patient.chart))
            if fields or old is None:
                changes.append(_chart_change(patient, old, fields))
        for id_, into in found.rebuilt.absorbed.items():
            old = found.old[id_]
            if old.keys:  # else it is part of another chart already
                numbers = tuple(number_text(key) for key in old.keys)
                changes.append(ChartChange(id_, into.id if into is not None else None, numbers, ()))
        return changes


def _chart_change(patient: Patient, old: Chart | None, fields: tuple[Difference, ...]) -> ChartChange:
    keys = old.keys if old is not None and old.keys else patient.chart.keys
    return ChartChange(patient.id, None, tuple(number_text(key) for key in keys), fields)


def _message(decided: Decided, row: MessageSummary) -> MessageChange:
    reasons = tuple(
        Reason(str(reason.get("code", "")), str(reason.get("text", ""))) for reason in row.reasons
    )
    before = Told(row.decision, reasons)
    after = before if decided.stands else Told(decided.outcome.decision, decided.outcome.reasons)
    owner = decided.patient.id if decided.patient is not None else None
    return MessageChange(row, owner, before, after, decided.stands, decided.made)


def _gist(told: Told) -> tuple[str | None, frozenset[str]]:
    """What makes two decisions the same. Reasons count where something is held: why nothing was asked for depends on
    what came in between (no date was known then, today it equals what was sent since).
    """
    codes = frozenset(reason.code for reason in told.reasons)
    return told.decision, codes if told.decision == "hold" else frozenset()


def _differences(stored: RequestDetail | None, body: bytes, detail: bytes) -> tuple[Difference, ...]:
    """Between what was stored, or of what was sent the last that was, and what would be now."""
    was, whence = None, []
    if stored is not None:
        was = _json(_last_sent(stored))
        whence = kept_beside(stored.detail).get("fields", [])
    return differences(was or {}, _json(body) or {}, whence, kept_beside(detail).get("fields", []))


def _last_sent(stored: RequestDetail) -> bytes | None:
    sent = stored.attempts[-1].body if stored.attempts else None
    open_now = stored.summary.state in OPEN
    return stored.body if open_now or sent is None else sent


def _appointment(stored: RequestDetail | None) -> str:
    return (stored.appointment or "") if stored is not None else ""


def _json(document: bytes | None) -> Any:
    try:
        return json.loads(document) if document is not None else None
    except ValueError:
        return None


def _is_as_before(before: RequestSummary | None, change: RequestChange, patient: int | None) -> bool:
    if before is None or not isinstance(change, Rewrite):
        return False
    codes = [reason["code"] for reason in before.reasons]
    same = before.state == change.state and before.patient_id == patient
    return same and codes == [reason.code for reason in change.reasons]


def _last_asked(charts: Iterable[Chart]) -> dict[str, int]:
    """The request that was made last, by appointment."""
    return {
        entry.key: entry.asked.id
        for chart in charts
        for entry in chart.appointments.values()
        if entry.asked is not None
    }


def _in_the_end(changes: Sequence[RequestChange]) -> list[RequestChange]:
    """The changes without those that a later one of them takes the place of."""
    made = {change.id: change for change in changes if isinstance(change, NewRequest)}
    replaced = {change.supersedes for change in made.values()}
    left: dict[int, RequestChange] = {}
    for change in changes:
        if change.id in replaced or (change.id in made and not isinstance(change, NewRequest)):
            continue
        if isinstance(change, NewRequest):
            instead_of = change.supersedes
            while instead_of in made:
                instead_of = made[instead_of].supersedes
            left[change.id] = changed(change, supersedes=instead_of)
        else:
            left[change.id] = change
    return list(left.values())


def _nobody() -> int:
    raise AssertionError("a trial makes no patient")

"""The work's loop: turns that read and decide in memory, store everything in one short transaction together
with new claims, and only then hand the claimed requests to the couriers; and what the loop waits for
between them.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from interface.services.attempts import Ledger, expired, unreadable
from interface.services.clock import Clock
from interface.services.courier import Couriers, Job
from interface.services.intake import MOST_BEGINNINGS, MOST_DEFERRED, Intake, PatientStore, Plan
from interface.services.logs import event
from interface.services.work_stats import WorkStats
from interface.store.errors import StoreError
from interface.store.records import (
    AttemptDone,
    Claimed,
    CloseRow,
    Committed,
    JournalRow,
    PatientRow,
    Turn,
)

log = logging.getLogger(__name__)

ROWS = 64
"""Messages in one turn."""
CAREFUL_ROWS = ROWS
"""After a start, so many messages are tried one by one: if one of them ended the last process, it is found
out.
"""
PAGE = 256
"""Patients settled in one transaction when the day changes."""
POLL_SECONDS = 1.0
STORE_RETRY_SECONDS = 1.0
DRAIN_STORE_SECONDS = 5.0
"""How long the last verdicts are offered to a store that fails while the process ends."""


class WorkStore(PatientStore, Protocol):
    """What the loop needs of the store: `interface.store.work.Work`."""

    def new_messages(self, limit: int = ROWS) -> list[JournalRow]:
        """Undecided messages in arrival order."""

    def note_attempts(self, ids: Sequence[int]) -> None:
        """Count that intake begins with these messages."""

    def load_patients_by_id(self, ids: Iterable[int]) -> dict[int, PatientRow]:
        """The rows of these patients."""

    def patients_with_open_requests_before(
        self, day: date, *, after: int = 0, limit: int = PAGE
    ) -> list[PatientRow]:
        """Patients with unsent requests dated before `day`, by id."""

    def commit(self, turn: Turn) -> Committed:
        """Store a turn whole or raise StoreError."""


@dataclass(frozen=True, slots=True)
class _DayChange:
    """How far the patients (by id) have been settled for a day. `after` None: all of them."""

    day: date
    after: int | None = 0


class WorkLoop:
    """The turns. Everything it needs is passed in; it holds no descriptor and never sleeps."""

    def __init__(
        self,
        store: WorkStore,
        intake: Intake,
        couriers: Couriers,
        ledger: Ledger,
        stats: WorkStats,
        clock: Clock,
    ) -> None:
        """`clock` also says where the day begins and ends for appointments."""
        self._store = store
        self._intake = intake
        self._couriers = couriers
        self._ledger = ledger
        self._stats = stats
        self._clock = clock
        self._careful = CAREFUL_ROWS
        self._noted: set[int] = set()
        """Messages whose beginning this process has counted: a failing store must not count against them."""
        self._sending: dict[int, int] = {}
        """Patient id by request id, for every request handed out and not yet back."""
        self._ended: list[AttemptDone] = []
        self._closes: list[CloseRow] = []
        """Attempts, and what they close, that are not stored yet."""
        self._resettle: set[int] = set()
        """Patients to be settled once nothing of theirs is being sent."""
        self._day: _DayChange | None = None
        self._alarms: list[float] = []
        self.draining = False

    @property
    def idle(self) -> bool:
        """Nothing is being sent and every verdict is stored."""
        return not self._sending and not self._ended and not self._couriers.in_flight

    def patience(self) -> float:
        """Seconds until something may be due, at most the poll."""
        now = self._clock.now()
        return max(0.0, min([POLL_SECONDS, *(alarm - now for alarm in self._alarms)]))

    def turn(self) -> bool:
        """One turn; True when there is more to do at once. Raises StoreError: nothing of it was stored."""
        began = time.perf_counter()
        self._collect()
        looked_at = self._clock.now()
        day, resettle = self._day, set(self._resettle)
        try:
            stored, more = self._one_turn()
        except StoreError:
            self._day, self._resettle = day, resettle
            self._intake.forget()
            raise
        self._alarms = [alarm for alarm in self._alarms if alarm > looked_at]
        if stored:
            self._stats.turn(time.perf_counter() - began)
        return more

    def report(self) -> None:
        """Report numbers when it is time."""
        self._stats.report(self._clock.now())

    def _collect(self) -> None:
        """Take attempts that ended; from here on their requests count as no longer being sent."""
        attempts = self._couriers.collect()
        for attempt in attempts:
            self._sending.pop(attempt.job.request_id, None)
            self._ended.append(self._ledger.conclude(attempt))
        if attempts:
            self._intake.released({attempt.job.patient_id for attempt in attempts})

    def _one_turn(self) -> tuple[bool, bool]:
        if self.draining:
            return self._commit(Plan(), claims=0), False
        settled = self._settle_day() or self._settle_again()
        if settled is not None:
            return self._commit(settled, claims=0), True
        rows, limit = self._rows()
        plan = self._intake.plan(rows, self._clock.at(), self._sending)
        stored = self._commit(plan, claims=self._couriers.free)
        return stored, len(rows) >= limit or bool(self._ended)

    def _rows(self) -> tuple[list[JournalRow], int]:
        """The next messages and how many were asked for, those that wait for an attempt left out.

        The first ones after a start come alone, for one of them may have ended the last process.
        """
        waiting = self._intake.deferred
        if waiting >= MOST_DEFERRED:
            return [], ROWS
        limit = 1 if self._careful else ROWS
        found = self._store.new_messages(limit + waiting)
        rows = [row for row in found if not self._intake.is_deferred(row.id)][:limit]
        if self._careful:
            self._careful = self._careful - 1 if rows else 0
            fresh = [row.id for row in rows if row.id not in self._noted and row.attempts < MOST_BEGINNINGS]
            self._store.note_attempts(fresh)
            self._noted.update(fresh)
        return rows, limit

    def _commit(self, plan: Plan, claims: int) -> bool:
        """Store the plan and the attempts that ended, claim up to `claims` requests; False: nothing to do."""
        if not (claims or plan.messages or plan.patients or plan.requests or self._ended):
            self._plan_is_stored(plan)
            return False
        turn = Turn(
            now=self._clock.now(),
            messages=plan.messages,
            patients=list(plan.patients.values()),
            requests=[*plan.requests, *self._closes],
            attempts=self._ended,
            claims=claims,
        )
        committed = self._store.commit(turn)
        self._plan_is_stored(plan)
        self._after_commit(turn, plan)
        for claimed in committed.claimed:
            self._send(claimed)
        return bool(turn.messages or turn.patients or turn.requests or turn.attempts or committed.claimed)

    def _plan_is_stored(self, plan: Plan) -> None:
        self._intake.stored(plan)
        self._resettle |= plan.unsettled

    def _after_commit(self, turn: Turn, plan: Plan) -> None:
        self._ended, self._closes = [], []
        self._stats.attempts(list(turn.attempts))
        self._alarms += [
            attempt.due_at
            for attempt in turn.attempts
            if attempt.due_at is not None and attempt.due_at - turn.now < POLL_SECONDS
        ]
        for decision in plan.decisions:
            self._stats.count(f"messages_{decision}")
        self._stats.count("messages_failed", sum(message.state == "failed" for message in plan.messages))
        self._stats.count("keys_disagreed", plan.keys_disagreed)

    def _send(self, claimed: Claimed) -> None:
        """Hand a claimed request out, unless it cannot be read or its day has passed since it was settled."""
        now = self._clock.now()
        if not claimed.readable:
            self._ended.append(unreadable(claimed, now))
        elif claimed.appointment_date is not None and claimed.appointment_date < self._today():
            back, close = expired(claimed, now)
            self._ended.append(back)
            self._closes.append(close)
            self._resettle.add(claimed.patient_id)
        else:
            self._sending[claimed.request_id] = claimed.patient_id
            self._couriers.put(Job(claimed.request_id, claimed.patient_id, claimed.body, claimed.attempts))

    def _settle_day(self) -> Plan | None:
        """A page of patients for a new day; None when all are settled. Nothing is claimed meanwhile."""
        today = self._today()
        if self._day is None or self._day.day != today:
            self._day = _DayChange(today)
        if self._day.after is None:
            return None
        patients = self._store.patients_with_open_requests_before(today, after=self._day.after, limit=PAGE)
        if not patients:
            self._day = _DayChange(today, after=None)
            return None
        self._day = _DayChange(today, after=patients[-1].id)
        return self._settled(patients)

    def _settle_again(self) -> Plan | None:
        """Patients that had to wait for an attempt."""
        ready = self._resettle - set(self._sending.values())
        if not ready:
            return None
        self._resettle -= ready
        return self._settled(list(self._store.load_patients_by_id(sorted(ready)).values()))

    def _settled(self, patients: list[PatientRow]) -> Plan:
        return self._intake.settle(patients, self._clock.at(), self._sending)

    def _today(self) -> date:
        return self._clock.today()


class Wakes:
    """What the loop waits for: bytes or the end of standard input, a courier that came back, SIGTERM."""

    def __init__(self, couriers: Couriers, stdin: int | None = 0) -> None:
        """`stdin` None: nobody wakes or ends us by it. Takes over SIGTERM and SIGINT of the process."""
        self._couriers = couriers
        self._stdin = stdin
        self._signal_out, self._signal_in = os.pipe()
        os.set_blocking(self._signal_in, False)
        self.ending = False

    def listen_to_signals(self) -> None:
        """SIGTERM ends us. SIGINT, which Ctrl-C sends to all, is for the door: it then closes our input."""
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def end(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self.ending = True
        with suppress(BlockingIOError):
            os.write(self._signal_in, b"\0")

    def wait(self, seconds: float) -> None:
        """Until something happens, at most so long."""
        sources = [self._couriers.fileno(), self._signal_out]
        if self._stdin is not None:
            sources.append(self._stdin)
        ready, _, _ = select.select(sources, [], [], seconds)
        if self._signal_out in ready:
            os.read(self._signal_out, 4096)
        if self._stdin in ready and self._stdin is not None and not os.read(self._stdin, 65536):
            self._stdin = None
            self.ending = True

    def close(self) -> None:
        """Close the pipe for signals."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(self._signal_out)
        os.close(self._signal_in)


def run(
    loop: WorkLoop, wakes: Wakes, drain_seconds: float, pause: Callable[[float], None] = time.sleep
) -> None:
    """Turn after turn until asked to end; then until what is being sent is back or `drain_seconds` over."""
    trouble = ""
    more = True
    ends = float("inf")
    while not (loop.draining and (loop.idle or time.monotonic() > ends)):
        wakes.wait(0.0 if more else loop.patience())
        if wakes.ending and not loop.draining:
            loop.draining = True
            ends = time.monotonic() + drain_seconds
            event(log, logging.INFO, "work-draining")
        try:
            more = loop.turn()
            loop.report()
        except StoreError as failed:
            more = False
            if str(failed) != trouble:
                event(log, logging.ERROR, "store-failing", problem=failed)
            trouble = str(failed)
            if loop.draining:
                ends = min(ends, time.monotonic() + DRAIN_STORE_SECONDS)
            pause(STORE_RETRY_SECONDS)
        else:
            if trouble:
                event(log, logging.INFO, "store-well-again")
            trouble = ""

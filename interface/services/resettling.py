"""Which patients are to be settled: all with open requests for a new day, after a start and by a new mapping, those whose
held requests' time has come, and those who had to wait for an attempt.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from interface.services.clock import Clock
from interface.services.deciding import Deciding
from interface.services.new_messages import FEWEST_ROWS, PLAN_SECONDS
from interface.services.outgoing import Outgoing
from interface.services.plan import Plan
from interface.store.records.reading import PatientRow

PAGE = 256
"""Patients settled in one transaction."""
TIMER_SECONDS = 1.0
"""How often it is looked whose held requests' time has come."""
TIMER_PAGE = 32
"""How many held requests a turn looks at because their time has come, at most: as many as are settled in PLAN_SECONDS, as
of messages.
"""

_FIRST, _AT_ONCE = 0.0, -1.0
"""When to look for whose time has come: when it is asked first; again in the next turn."""


class ResettlingStore(Protocol):
    """What is needed of the store: `interface.store.work.Work`."""

    def patients_with_open_requests(
        self, *, after: int = 0, limit: int = PAGE, day: date | None = None
    ) -> list[PatientRow]:
        """Patients with unsent requests, by id; with `day` those alone for whom it may change something."""

    def load_patients_by_id(self, ids: Iterable[int]) -> dict[int, PatientRow]:
        """The rows of known patients."""

    def patients_held_until(self, *, after: int = 0, limit: int = TIMER_PAGE) -> list[PatientRow]:
        """Patients with a request that is held until a time, by id."""

    def patients_to_wake(self, now: float, limit: int = TIMER_PAGE) -> list[int]:
        """Whose held requests' holds are over by themselves, one for each request."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """How far the settling has come."""

    day: date | None = None
    """For which day; None: for none yet."""
    after: int | None = 0
    """Up to which patient, by id; None: all of them."""
    again: frozenset[int] = frozenset()
    """Patients to be settled once nothing of theirs is being sent."""
    timed: int | None = 0
    """Up to which patient, by id, those who are only held until a time; None: all of them. A new day changes nothing for
    them (they are composed when the time comes), and messages and claims need not wait for them.
    """

    def is_through(self, day: date) -> bool:
        """Whether all are settled for the day, but for those who wait."""
        return self.day == day and self.after is None

    def and_again(self, patients: Iterable[int]) -> Unsettled:
        """These patients, too."""
        return replace(self, again=self.again.union(patients))

    def without(self, patients: Iterable[int]) -> Unsettled:
        """Not these who waited: they are settled."""
        return replace(self, again=self.again.difference(patients))


class Resettling:
    """One thread's, the loop's."""

    def __init__(self, store: ResettlingStore, deciding: Deciding, outgoing: Outgoing, clock: Clock) -> None:
        self._store = store
        self._timer_look = _FIRST
        """When to look next whose time has come, by the clock that never jumps."""
        self._to_wake: list[int] = []
        """Whose time has come, by the last look."""
        self._gives_way = False
        """The last turn was theirs who are held until a time."""
        self._at_once = FEWEST_ROWS
        """How many of those a turn takes."""
        self._intake = deciding.intake
        self._keeper = deciding.keeper
        self._outgoing = outgoing
        self._clock = clock
        self.unsettled = Unsettled()

    def anew(self) -> None:
        """All open requests are to be settled, before anything is claimed."""
        self.unsettled = replace(self.unsettled, day=None, timed=0)

    def again(self, patients: Iterable[int]) -> None:
        """These patients are to be settled once nothing of theirs is being sent."""
        if patients:
            self.unsettled = self.unsettled.and_again(patients)

    def go_back(self, before: Unsettled) -> None:
        """Nothing is stored of what was settled since then."""
        self.unsettled = before.and_again(self.unsettled.again)

    def is_wanted(self) -> bool:
        """Whether somebody is to be settled now, as far as is known without asking the store often. Raises StoreError."""
        today = self._clock.today()
        if self.unsettled.day not in (None, today) and self._keeper.is_settled(today):
            # another node has settled the new day, but for what we are sending
            self.unsettled = replace(self.unsettled, day=today, after=None)
            self.again(self._outgoing.sending.values())
        left = not self.unsettled.is_through(today) or self.unsettled.timed is not None
        return left or bool(self._ready()) or self._somebody_wakes()

    def next(self, page: int) -> Plan | None:
        """At most so many patients who are to be settled now; None: nobody is. Nothing is claimed meanwhile: what is
        composed depends on the day (what has ended, what is too old). Raises StoreError.
        """
        return self._for_the_day(page) or self._after_attempts(page) or self._held_until_a_time(page)

    def _for_the_day(self, page: int) -> Plan | None:
        today = self._clock.today()
        if self.unsettled.day != today:
            self.unsettled = replace(self.unsettled, day=today, after=0)
            self.again(self._outgoing.sending.values())  # not open now, but they may be again
        after = self.unsettled.after
        if after is None:
            return None
        patients = self._store.patients_with_open_requests(after=after, limit=page, day=today)
        if not patients:
            self._keeper.settled(today)
            self.unsettled = replace(self.unsettled, after=None)
            return None
        self.unsettled = replace(self.unsettled, after=patients[-1].id)
        return self._settled(patients)

    def _after_attempts(self, page: int) -> Plan | None:
        ready = sorted(self._ready())[:page]
        if not ready:
            return None
        self.unsettled = self.unsettled.without(ready)
        return self._settled(list(self._store.load_patients_by_id(ready).values()))

    def _somebody_wakes(self) -> bool:
        """Whether a held request's time has come; asked of the store each second."""
        at = self._clock.steady()
        if not self._to_wake and at >= self._timer_look:
            self._timer_look = at + TIMER_SECONDS
            self._to_wake = self._store.patients_to_wake(self._clock.now())
        return bool(self._to_wake)

    def _held_until_a_time(self, page: int) -> Plan | None:
        """Every other turn: thousands may be held until the same minute, and messages and claims go on meanwhile."""
        if self._gives_way:
            self._gives_way = False
            return None
        began, at_once = time.perf_counter(), min(page, self._at_once)
        plan = self._in_time(at_once) or self._not_in_time(at_once)
        self._gives_way = plan is not None
        if plan is not None:
            each = max((time.perf_counter() - began) / at_once, 1e-6)
            self._at_once = max(FEWEST_ROWS, min(TIMER_PAGE, int(PLAN_SECONDS / each)))
        return plan

    def _in_time(self, at_once: int) -> Plan | None:
        if not self._somebody_wakes():
            return None
        if len(self._to_wake) >= TIMER_PAGE:
            self._timer_look = _AT_ONCE  # there may be more
        woken, self._to_wake = self._to_wake[:at_once], self._to_wake[at_once:]
        plan = self._settled(list(self._store.load_patients_by_id(woken).values()))
        plan.woken = set(woken) - plan.unsettled
        return plan

    def _not_in_time(self, at_once: int) -> Plan | None:
        """Those whose time has not come: by what was read anew it may be another."""
        after = self.unsettled.timed
        if after is None:
            return None
        patients = self._store.patients_held_until(after=after, limit=at_once)
        self.unsettled = replace(self.unsettled, timed=patients[-1].id if patients else None)
        return self._settled(patients) if patients else None

    @property
    def goes_on(self) -> bool:
        """Whether there is more of those who are held until a time, as far as is known."""
        return bool(self._to_wake) or self._timer_look == _AT_ONCE or self.unsettled.timed is not None

    def _ready(self) -> frozenset[int]:
        """Those who waited, and nothing of theirs is being sent any more."""
        again = self.unsettled.again
        return again.difference(self._outgoing.being_sent.values()) if again else again

    def _settled(self, patients: list[PatientRow]) -> Plan:
        sending = self._outgoing.being_sent
        return self._intake.settle(patients, self._clock.at(), sending, expire=self._clock.sure)

"""Which patients are to be settled: all with open requests for a new day, after a start and by a new mapping, those whose
held requests' time has come, and those who had to wait for an attempt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol

from interface.services.clock import Clock
from interface.services.deciding import Deciding
from interface.services.outgoing import Outgoing
from interface.services.plan import Plan
from interface.store.records.reading import PatientRow

PAGE = 256
"""Patients settled in one transaction."""
TIMER_SECONDS = 1.0
"""How often it is looked whose held requests' time has come."""


class ResettlingStore(Protocol):
    """What is needed of the store: `interface.store.work.Work`."""

    def patients_with_open_requests(self, *, after: int = 0, limit: int = PAGE) -> list[PatientRow]:
        """Patients with unsent requests, by id."""

    def load_patients_by_id(self, ids: Iterable[int]) -> dict[int, PatientRow]:
        """The rows of known patients."""

    def patients_to_wake(self, now: float, limit: int = PAGE) -> list[PatientRow]:
        """Patients with a held request whose hold is over by itself."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """How far the settling has come."""

    day: date | None = None
    """For which day; None: for none yet."""
    after: int | None = 0
    """Up to which patient, by id; None: all of them."""
    again: frozenset[int] = frozenset()
    """Patients to be settled once nothing of theirs is being sent."""

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
        self._timer_look = float("-inf")
        """When to look next whose time has come, by the clock that never jumps."""
        self._to_wake: list[PatientRow] = []
        """Whose time has come, by the last look."""
        self._intake = deciding.intake
        self._keeper = deciding.keeper
        self._outgoing = outgoing
        self._clock = clock
        self.unsettled = Unsettled()

    def anew(self) -> None:
        """All open requests are to be settled, before anything is claimed."""
        self.unsettled = replace(self.unsettled, day=None)

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
            self.unsettled = Unsettled(today, None, self.unsettled.again)
            self.again(self._outgoing.sending.values())
        return not self.unsettled.is_through(today) or bool(self._ready()) or self._somebody_wakes()

    def next(self, page: int) -> Plan | None:
        """At most so many patients who are to be settled now; None: nobody is. Nothing is claimed meanwhile: what is
        composed depends on the day (what has ended, what is too old). Raises StoreError.
        """
        return self._for_the_day(page) or self._after_attempts(page) or self._in_time(page)

    def _for_the_day(self, page: int) -> Plan | None:
        today = self._clock.today()
        if self.unsettled.day != today:
            self.unsettled = Unsettled(today, 0, self.unsettled.again)
            self.again(self._outgoing.sending.values())  # not open now, but they may be again
        after = self.unsettled.after
        if after is None:
            return None
        patients = self._store.patients_with_open_requests(after=after, limit=page)
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

    def _in_time(self, page: int) -> Plan | None:
        if not self._somebody_wakes():
            return None
        woken, self._to_wake = self._to_wake[:page], []
        if len(woken) == page:
            self._timer_look = float("-inf")  # there may be more
        # the rows may be older than what was decided since: charts at hand count
        plan = self._settled(list(self._store.load_patients_by_id(row.id for row in woken).values()))
        plan.woken = {row.id for row in woken} - plan.unsettled
        return plan

    def _ready(self) -> frozenset[int]:
        """Those who waited, and nothing of theirs is being sent any more."""
        again = self.unsettled.again
        return again.difference(self._outgoing.being_sent.values()) if again else again

    def _settled(self, patients: list[PatientRow]) -> Plan:
        sending = self._outgoing.being_sent
        return self._intake.settle(patients, self._clock.at(), sending, expire=self._clock.sure)

"""The next messages of the journal, as many as one turn should take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from interface.services.intake import MOST_BEGINNINGS, MOST_DEFERRED, Intake
from interface.store.records.reading import JournalRow

ROWS = 64
"""Messages in one turn, at most."""
TIMES_AS_MANY = 2
"""So many times as many where requests go in panels: what came back and couriers wait for a turn less often there, and a
commit's flush is shared by more. 1,430 patients a second in place of 1,370."""
FEWEST_ROWS = 4
PLAN_SECONDS = 0.03
"""How much of the processor a turn may take to decide: it holds up what came back and commands of persons."""
CAREFUL_ROWS = ROWS
"""After a start, so many messages are tried one by one: if one of them ended the last process, it is found
out.
"""


class MessageStore(Protocol):
    """What is needed of the store: `interface.store.work.Work`."""

    def new_messages(self, limit: int = ROWS) -> list[JournalRow]:
        """Undecided messages in arrival order."""

    def note_attempts(self, ids: Sequence[int]) -> None:
        """Count that intake begins with these messages."""


class NewMessages:
    """One thread's, the loop's."""

    def __init__(self, store: MessageStore, intake: Intake, *, panels: bool = False) -> None:
        """`panels`: whether requests go in panels."""
        self._store = store
        self._intake = intake
        self._times = TIMES_AS_MANY if panels else 1
        self.careful = CAREFUL_ROWS
        """How many more come alone."""
        self.at_once = FEWEST_ROWS
        """How many a turn takes: as many as are decided in PLAN_SECONDS."""
        self._noted: set[int] = set()
        """Messages whose beginning this process has counted: a failing store must not count against them."""

    def next(self, *, alone: bool) -> tuple[list[JournalRow], int]:
        """The next messages and how many were asked for, those that wait for an attempt left out. Raises StoreError.

        The first ones after a start come alone, for one of them may have ended the last process.
        """
        waiting = self._intake.deferred
        if waiting >= MOST_DEFERRED:
            return [], ROWS
        limit = 1 if self.careful or alone else self.at_once
        found = self._store.new_messages(limit + waiting)
        rows = [row for row in found if not self._intake.is_deferred(row.id)][:limit]
        if self.careful:
            self.careful = self.careful - 1 if rows else 0
            fresh = [row.id for row in rows if row.id not in self._noted and row.attempts < MOST_BEGINNINGS]
            self._store.note_attempts(fresh)
            self._noted.update(fresh)
        return rows, limit

    def took(self, count: int, seconds: float) -> None:
        """Deciding so many took so much of the processor: the next turn takes as many as fit."""
        if count:
            in_time = int(PLAN_SECONDS / max(seconds / count, 1e-6))
            self.at_once = max(FEWEST_ROWS, min(ROWS, in_time)) * self._times

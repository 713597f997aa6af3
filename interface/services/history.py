"""History on its way into the charts: into the journal in small transactions, then charted by whoever does the work.

A running daemon charts it, for it alone may; where none runs, this process does. What is known already is not
stored twice, however often and after whatever it is brought again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from interface.chart.decide import Engine
from interface.rules.policy import HISTORY
from interface.services.clock import Clock
from interface.services.journal import MAX_BYTES, MAX_ROWS, REST_SECONDS
from interface.services.offline import work_off_if_free
from interface.store.errors import NotStored
from interface.store.records.arrivals import Arrival, Stored
from interface.store.store import Store

AHEAD = 1024
"""Rows that may wait for a running daemon: a message that comes in meanwhile waits behind so many, a second or two."""
POLL_SECONDS = 0.05
STALLED_SECONDS = 15.0
"""After so long without one row charted by the daemon, it is said."""
STORE_TRIES = 5
STORE_RETRY_SECONDS = 1.0


@dataclass
class Came:
    """What came of the rows so far."""

    stored: int = 0
    known: int = 0
    """Rows that the journal had already."""
    ids: list[int] = field(default_factory=list)

    def add(self, batch: Sequence[Stored]) -> None:
        """Count a batch that is stored."""
        new = [row.id for row in batch if row.duplicate_of is None]
        self.ids += new
        self.stored += len(new)
        self.known += len(batch) - len(new)


class HistoryStore:
    """The store as `load` uses it, beside a running daemon or without one. One thread's."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        clock: Clock,
        kept_under: str = HISTORY,
        *,
        waiting: Callable[[int], None] = lambda _: None,
        stalled: Callable[[], None] = lambda: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`kept_under`: the listener's name of these rows in the journal. `waiting` is told how many rows are not charted
        yet; `stalled` when a daemon runs and charts none.
        """
        self.came = Came()
        self._store, self._engine, self._clock = store, engine, clock
        self._kept_under = kept_under
        self._door, self._work = store.presence("door"), store.presence("work")
        self._waiting, self._stalled, self._pause = waiting, stalled, pause
        self._batch: list[Arrival] = []
        self._size = 0

    def add(self, arrival: Arrival) -> None:
        """Take a row in; it is stored with others. Raises NotStored: then none of the batch is."""
        if self._batch and (len(self._batch) >= MAX_ROWS or self._size + len(arrival.raw) > MAX_BYTES):
            self.flush()
        self._batch.append(arrival)
        self._size += len(arrival.raw)

    def flush(self) -> None:
        """Store what was taken in, and let a running daemon keep up."""
        if not self._batch:
            return
        self.came.add(self._append())
        self._batch, self._size = [], 0
        self._pause(REST_SECONDS)
        if self._door.is_held():
            self.chart(AHEAD)

    def _append(self) -> list[Stored]:
        now = time.time()
        for left in reversed(range(STORE_TRIES)):
            try:
                return self._store.journal.append(self._batch, now, window=now)
            except NotStored:
                if not left:
                    raise
                self._pause(STORE_RETRY_SECONDS)
        raise AssertionError("unreachable")

    def chart(self, most: int = 0) -> None:
        """Return when at most so many rows of history are not charted yet. Raises StoreError."""
        before, since = -1, time.monotonic()
        while (now := self._look()) > most:
            if now != before:
                before, since = now, time.monotonic()
            if time.monotonic() - since > STALLED_SECONDS:
                self._stalled()
                since = time.monotonic()
            if self._door.is_held() or not self._work_off():
                self._pause(POLL_SECONDS)

    def _look(self) -> int:
        number = self._store.views.waiting(self._kept_under)
        self._waiting(number)
        return number

    def _work_off(self) -> bool:
        """Do the work ourselves; False: somebody else does. A daemon that starts meanwhile takes over."""
        return work_off_if_free(
            self._work,
            self._store,
            self._engine,
            self._clock,
            progress=self._glance(),
            until=self._door.is_held,
        )

    def _glance(self) -> Callable[[], None]:
        """Looks how far it is, a few times a second."""
        last = time.monotonic()

        def glance() -> None:
            nonlocal last
            if time.monotonic() - last > 5 * POLL_SECONDS:
                last = time.monotonic()
                self._look()

        return glance

    def decisions(self) -> tuple[Counter[str], Counter[str]]:
        """What was decided of the rows that are new: decisions, and the reasons of those that came into no chart."""
        decided: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for start in range(0, len(self.came.ids), 500):
            for state, decision, reasons in self._store.views.decided(self.came.ids[start : start + 500]):
                decided[decision or state] += 1
                # held: whose it is can't be told by the daemon's rules
                if state == "failed" or decision == "hold":
                    failed[str(reasons[0]["text"]) if reasons else "failed"] += 1
        return decided, failed

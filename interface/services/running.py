"""The work's process, turn after turn: what wakes it, a reload, chores, a store in trouble, and how it comes to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from interface.chart.decide import Engine
from interface.services.logs import event
from interface.services.loop import WorkLoop
from interface.services.wakes import Wakes
from interface.store.errors import StoreError

log = logging.getLogger(__name__)

CHORE_REST_SECONDS = 0.02
"""Between two portions of a chore: SQLite's lock is the journal's meanwhile."""
STORE_RETRY_SECONDS = 1.0
DRAIN_STORE_SECONDS = 5.0
"""How long the last verdicts are offered to a store that fails while the process ends."""


class StoreTrouble:
    """Says once that the store fails, in other words once each, and once that it does no more."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` is told why nothing goes on; of an empty text, that it does."""
        self._tell = tell
        self._told: set[str] = set()

    def failed(self, why: StoreError) -> None:
        """Nothing could be done."""
        if not self._told:
            event(log, logging.ERROR, "store-failing", problem=why)
        if str(why) not in self._told:
            self._told.add(str(why))
            self._tell(str(why))

    def over(self) -> None:
        """Something was done."""
        if self._told:
            event(log, logging.WARNING, "store-well-again")
            self._tell("")
            self._told.clear()


def run(
    loop: WorkLoop,
    wakes: Wakes,
    drain_seconds: float,
    pause: Callable[[float], None] = time.sleep,
    reload: Callable[[], Engine | None] = lambda: None,
    chores: Callable[[], bool] = lambda: False,
) -> None:
    """Turn after turn until asked to end; then until what is being sent is back or `drain_seconds` over.

    `reload` gives the engine of a mapping that was changed; None: the old one stays. `chores` does a portion of what
    there is to do in idle turns, and says whether there is more.
    """
    trouble = StoreTrouble(loop.trouble)
    more, tidying = True, False
    ends = float("inf")
    while not (loop.draining and (loop.idle or time.monotonic() > ends)):
        wakes.wait(0.0 if more else CHORE_REST_SECONDS if tidying else loop.patience())
        if wakes.ending and not loop.draining:
            loop.draining = True
            ends = time.monotonic() + drain_seconds
            event(log, logging.INFO, "work-draining")
        if wakes.reload_wanted():
            if (engine := reload()) is not None:
                loop.use(engine)
            loop.hurry()
        try:
            more = loop.turn()
            loop.report()
            tidying = not more and not loop.draining and chores()
        except StoreError as failed:
            more = tidying = False
            trouble.failed(failed)
            if loop.draining:
                ends = min(ends, time.monotonic() + DRAIN_STORE_SECONDS)
            pause(STORE_RETRY_SECONDS)
        else:
            trouble.over()

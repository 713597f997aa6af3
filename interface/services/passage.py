"""What may be handed out to couriers now, and what is said of the destination: in the log, in the store, in numbers.

It holds the one value `Destination` of the process; what decides is in `interface.delivery`.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from interface.delivery.destination import Destination, Room
from interface.delivery.pacing import Pacing
from interface.delivery.schedule import DEFAULT, Schedule
from interface.delivery.verdict import NOT_AUTHORISED, Verdict
from interface.services.courier import Attempt
from interface.services.logs import event
from interface.store.work_state import DESTINATION

log = logging.getLogger(__name__)


REPLIES = 5
"""The last ones that clocks are compared by."""
AGREE_SECONDS = 3.0
"""Clocks that are less apart agree."""


class Passage:
    """One thread's, the work's loop."""

    def __init__(
        self,
        rand: Callable[[], float],
        schedule: Schedule = DEFAULT,
        *,
        limit: float | None = None,
        steady: Callable[[], float] = time.monotonic,
        renew_key: Callable[[], None] = lambda: None,
    ) -> None:
        """`rand` gives numbers in [0, 1). `limit`: POSTs per second; None: no limit. `steady`: a clock that never
        jumps. `renew_key` takes the API key anew.
        """
        self._rand = rand
        self._schedule = schedule
        self._steady = steady
        self._renew_key = renew_key
        self.destination = Destination(pacing=Pacing(limit, schedule.slowest, schedule.doubling, at=steady()))
        self.wakes = False
        """It works again: what failed meanwhile should be due. The loop takes it back when that is stored."""
        self._ahead: deque[float] = deque(maxlen=REPLIES)
        self._known: tuple[object, ...] = ()
        self._shown: tuple[tuple[object, ...], dict[str, Any]] = (), {}

    # ------------------------------------------------------------------------------------------ for the loop

    def room(self, free: int, in_flight: int, ahead: int = 0) -> Room:
        """What may be claimed when so many couriers are free, so many POSTs are out, and so many more may wait."""
        return self.destination.room(free, in_flight, self._steady(), ahead)

    def about_to_probe(self) -> None:
        """A probe goes out: with the key as it is now, if it was the key that was not accepted."""
        if self.destination.breaker.reason == NOT_AUTHORISED:
            self._renew_key()

    def sent(self, posts: int, probe: int | None = None) -> None:
        """So many POSTs were handed out; `probe`: the request that went as one."""
        if posts:
            self.destination = self.destination.sent(posts, self._steady(), probe)

    def not_sent(self, request: int) -> None:
        """It was handed out and came back unsent."""
        self.destination = self.destination.not_sent(request)

    def wait(self) -> float:
        """Seconds until something may go out that may not now; infinite: nothing is held back by time."""
        return max(0.0, self.destination.wait(self._steady()))

    def hurry(self) -> None:
        """Somebody may have put something right: a destination that is stopped is tried at once."""
        self.destination = self.destination.hurried(self._steady())

    # ------------------------------------------------------------------------------------------ for the ledger

    def took(self, attempt: Attempt, verdict: Verdict) -> None:
        """A POST ended; of a panel only the first attempt is told of here."""
        before, steady = self.destination, self._steady()
        self.destination = before.after(
            verdict,
            attempt.job.patient_id,
            attempt.job.request_id,
            now=attempt.ended,
            steady=steady,
            seconds=max(0.0, attempt.ended - attempt.started),
            rand=self._rand(),
            schedule=self._schedule,
        )
        if (ahead := attempt.reply.clock_ahead) is not None:
            self._ahead.append(ahead)
        self._say(before, attempt, steady)

    def clock_ahead(self) -> float | None:
        """By how many seconds this machine's clock is ahead of the API's, by the last replies: the least of them, for
        one that took its time tells of another time. None: nobody told.
        """
        least = min(self._ahead, key=abs, default=None)
        return None if least is None else 0.0 if abs(least) < AGREE_SECONDS else float(round(least))

    def failed_alone(self, failing_since: float, now: float) -> bool:
        """Whether a request has been failing for the schedule's day while others passed, and do so now."""
        if self.destination.breaker.stop:
            return False
        return self.destination.passed.others_passed(failing_since, now, self._schedule.dead_after)

    def _say(self, before: Destination, attempt: Attempt, steady: float) -> None:
        was, now = before.breaker, self.destination.breaker
        if now.stop == "paused" and (was.stop, was.reason) != (now.stop, now.reason):
            event(log, logging.ERROR, "destination-paused", reason=now.reason, status=attempt.reply.status)
        elif now.stop == "open" and was.stop != "open":
            event(log, logging.WARNING, "destination-away", patients=len(now.failed))
        elif was.stop and not now.stop:
            self.wakes = True
            seconds = round(steady - was.since)
            event(log, logging.INFO, "destination-works-again", was=was.stop, seconds=seconds)
        if self.destination.pacing.slowed and not before.pacing.until(steady).slowed:
            wait = round(self.destination.pacing.held_until - steady, 1)
            event(log, logging.WARNING, "destination-slowed", seconds=wait)

    # ------------------------------------------------------------------------------------------ what is told

    def restore(self, text: str | None, now: float) -> None:
        """Go on from what the process before had told."""
        try:
            told = json.loads(text or "{}")
        except ValueError:
            told = {}
        if isinstance(told, dict):
            self.destination = Destination.restored(told, self.destination.pacing, now, self._steady())

    def shown(self, now: float) -> dict[str, Any]:
        """The state for people and for the next start; times are POSIX seconds of the clock `now` is of."""
        news = self._news(now)
        if news != self._shown[0]:  # counted back anew each time, its times would differ by moments
            self._shown = news, self.destination.kept(now, self._steady())
        return self._shown[1]

    def to_tell(self, now: float) -> dict[str, str]:
        """What the store does not know yet; nothing when it does."""
        if self._news(now) == self._known:
            return {}
        return {DESTINATION: json.dumps(self.shown(now), sort_keys=True)}

    def stored(self, now: float) -> None:
        """The store knows what `to_tell` gave."""
        self._known = self._news(now)

    def _news(self, now: float) -> tuple[object, ...]:
        steady = self._steady()
        # a calendar that was set changes all times that are told
        return (*self.destination.news(steady), round((now - steady) / 60))

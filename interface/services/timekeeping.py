"""The clock once a turn: what there is to say when it jumps, what follows from that, and what the store is told of it."""

from __future__ import annotations

import json
import logging
from datetime import date

from interface.delivery.timeline import Jump
from interface.services.clock import Clock
from interface.services.logs import event
from interface.store.records.turn import Turn
from interface.store.work_state import CLOCK

log = logging.getLogger(__name__)

TELL_SECONDS = 900.0
"""How often the store is told how late it is."""


class Timekeeping:
    """One thread's, the loop's."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.all_is_due = False
        """What was due by another time is due now: nothing waits for the difference."""
        self._sure = True
        """The day was certain in the last turn."""
        self._told: float | None = None

    def begin(self, told: str | None, witness: float | None = None) -> None:
        """Go on from what the process before has told the store; `witness`: the time by the server's clock."""
        _say(self.clock.begin(told_time(told), witness))
        self._sure = self.clock.sure

    def look(self) -> bool:
        """Hold the clocks against each other. True: the day is certain again: what was not given up for its date may be
        now.
        """
        jump = self.clock.look()
        _say(jump)
        self.all_is_due = self.all_is_due or (jump is not None and jump.believed)
        before, self._sure = self._sure, self.clock.sure
        return self._sure and not before

    def not_before(self) -> date | None:
        """Nothing for an appointment before this day may be sent; None: whatever day."""
        return None if self.clock.sure else self.clock.latest_day()

    def to_tell(self, now: float) -> dict[str, str]:
        """What the next start holds its clock against, when it is time. A time that was made up is none."""
        known = self._told is not None and 0 <= now - self._told < TELL_SECONDS
        return {} if known or self.clock.started else {CLOCK: json.dumps({"at": round(now)})}

    def stored(self, turn: Turn) -> None:
        """What a turn tells is stored."""
        if CLOCK in turn.told:
            self._told = turn.now
        if turn.wake:
            self.all_is_due = False


def told_time(text: str | None) -> float | None:
    """How late it was when the work last told the store (`CLOCK`); None: never, or not understood."""
    try:
        at = json.loads(text or "{}")["at"]
    except (ValueError, KeyError, TypeError):
        return None
    return float(at) if isinstance(at, int | float) else None


def _say(jump: Jump | None) -> None:
    if jump is not None:
        level = logging.WARNING if jump.believed else logging.ERROR
        what = "clock-believed" if jump.lasted else "clock-jumped"
        event(log, level, what, seconds=round(jump.seconds), believed="yes" if jump.believed else "not-yet")

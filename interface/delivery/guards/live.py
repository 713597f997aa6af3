"""Production: nothing goes out before the switch is thrown, and what was held until then goes out in its turn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from interface.chart.guarding import FREE, Case, Ruling, share_of
from interface.chart.holds import hold
from interface.delivery.guards.life import GoingLive, Life
from interface.rules.facts import Reason

_NOT_LIVE = Ruling((hold("not-live"),))
_TOO_OLD = Reason("dropped", "dropped on going live: it had been held for longer than was wanted")
_TOO_SOON = Reason("dropped", "dropped on going live: its appointment was before the day that was named")
_TRIAL = Reason(
    "processing-id", "the last message of its appointment is not of production: its MSH-11 is T or D"
)


@dataclass(frozen=True, slots=True)
class LiveGuard:
    """The guard of production."""

    life: Life

    def __call__(self, case: Case) -> Ruling:
        """What it says to a request."""
        if case.appointment.trial:  # taken before production, which ignores such messages
            return Ruling(drop=_TRIAL)
        if not self.life.live:
            return _NOT_LIVE
        asked = case.appointment.asked
        going = self.life.going
        if going is None or asked is None or asked.state != "held" or asked.id >= going.below:
            return FREE
        early = case.due is not None and case.due > going.at  # it would not have gone out before
        if asked.id < going.drop_below and not early:
            return Ruling(drop=_TOO_OLD)
        if case.appointment.date and case.appointment.date < going.from_day:
            return Ruling(drop=_TOO_SOON)
        return self._in_turn(case, asked.id, going)

    def _in_turn(self, case: Case, number: int, going: GoingLive) -> Ruling:
        # whole seconds: a datetime knows no less than a microsecond, and the timer may be faster by that much
        turn = float(math.floor(going.at + going.seconds * share_of(str(number))))
        if case.now.timestamp() >= turn:
            return FREE
        at = datetime.fromtimestamp(turn, UTC).astimezone(case.now.tzinfo)
        text = f"{hold('paced').text}: at {at:%Y-%m-%d %H:%M}"
        return Ruling((Reason("paced", text),), until=turn)

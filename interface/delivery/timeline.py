"""Which time to go by when the machine's clock jumps.

Two clocks are held against each other: the wall clock, which can be set by anybody, and a steady one, which only
counts. While they agree the wall clock is right. When they do not, the day decides: within the same day the new time is
taken at once; another day is believed when the wall clock has kept to it for a while. For a day longer no request is
given up for its date and none is sent that is past by either time: a wrong year at a boot, corrected an hour later,
costs nothing.

Pure: times come in, values go out. Times are POSIX seconds (`wall`) and seconds of the steady clock (`steady`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

TOLERANCE = 5.0
"""Seconds by which the clocks may disagree from one look to the next: what is less is followed unsaid."""

SMALL = 600.0
"""A jump beyond this brings the next midnight at a wrong hour if it is a mistake (of a time zone, say)."""

FAR = 3 * 86_400.0
"""A jump beyond this is more likely a mistake than a machine that was suspended."""

LASTING = 300.0
LASTING_FAR = 3600.0
"""How long the wall clock must keep to another day until it is believed: five minutes, an hour after a far jump."""

WARY = 86_400.0
"""How long a new day is believed only for what can be taken back."""

Day = Callable[[float], date]
"""The day of a POSIX time at the site."""


@dataclass(frozen=True, slots=True)
class Jump:
    """What there is to say: by how many seconds the time changed, and whether it is believed."""

    seconds: float
    believed: bool
    lasted: bool = False
    """It is believed because it has lasted."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The time that is gone by, and the one that may be right instead."""

    offset: float
    """POSIX time minus steady time, as it is believed."""
    other: float | None = None
    """The same of the line that is not believed: the wall clock's while in doubt, the one left for a day after."""
    since: float = 0.0
    """Steady time: since when there are two."""
    doubt: bool = False
    """The wall clock has jumped to another day and is not believed yet."""

    @staticmethod
    def begun(
        wall: float, steady: float, last: float | None, day: Day, witness: float | None = None
    ) -> Timeline:
        """At a start. `last`: the time that was last known, None: never. `witness`: the time by another machine's clock.

        Far ahead of the last the wall clock is believed for what can be taken back (the program may just have been off for
        long); on an earlier day it is in doubt, for time does not go back, and so it is on another day than the witness's.
        """
        if witness is not None and abs(wall - witness) > SMALL and day(wall) != day(witness):
            return Timeline(witness - steady, wall - steady, steady, doubt=True)
        if last is None or _follows(wall, last, day):
            return Timeline(wall - steady)
        if wall > last:
            return Timeline(wall - steady, last - steady, steady)
        return Timeline(last - steady, wall - steady, steady, doubt=True)

    @property
    def sure(self) -> bool:
        """Whether there is but one time."""
        return self.other is None

    def now(self, wall: float, steady: float) -> float:
        """The time to go by. A jump that nobody has looked at yet does not count."""
        agrees = abs(wall - steady - self.offset) <= TOLERANCE
        return wall if agrees and not self.doubt else steady + self.offset

    def latest(self, now: float, steady: float) -> float:
        """The later of the times that may be right."""
        return now if self.other is None else max(now, steady + self.other)

    def seen(self, wall: float, steady: float, day: Day) -> tuple[Timeline, Jump | None]:
        """After a look at both clocks; what there is to say of it."""
        shown = wall - steady
        moved = shown - self.offset
        if self.doubt and self.other is not None:
            return self._doubted(shown, steady, day)
        if abs(moved) <= TOLERANCE:
            over = self.other is not None and steady - self.since >= WARY
            return replace(self, offset=shown, other=None if over else self.other), None
        if self.other is not None and _follows(wall, steady + self.other, day):
            return Timeline(shown), Jump(moved, believed=True)  # back to the time that was left
        if day(steady + self.offset) == day(wall):
            if abs(moved) <= SMALL:
                return replace(self, offset=shown), Jump(moved, believed=True)
            return Timeline(shown, self.offset, steady), Jump(moved, believed=True)
        return Timeline(self.offset, shown, steady, doubt=True), Jump(moved, believed=False)

    def _doubted(self, shown: float, steady: float, day: Day) -> tuple[Timeline, Jump | None]:
        """The same while the wall clock is not believed."""
        other = shown if self.other is None else self.other
        moved = shown - self.offset
        if day(steady + shown) == day(steady + self.offset):
            back = None if abs(moved) <= TOLERANCE else Jump(moved, believed=True)
            return Timeline(shown), back or Jump(shown - other, believed=True)
        if day(steady + shown) != day(steady + other) and abs(shown - other) > TOLERANCE:
            return replace(self, other=shown, since=steady), Jump(shown - other, believed=False)
        lasting = LASTING if abs(moved) <= FAR else LASTING_FAR
        if steady - self.since < lasting:
            return replace(self, other=shown), None
        return Timeline(shown, self.offset, steady), Jump(moved, believed=True, lasted=True)


def _follows(wall: float, known: float, day: Day) -> bool:
    """Whether a time may well be what comes after a known one: the same day, or a few days on."""
    return day(wall) == day(known) or 0 <= wall - known <= FAR

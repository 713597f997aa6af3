"""The one clock of a process: every time that is stored, compared or shown comes from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo

from interface.delivery.timeline import Jump, Timeline


def boot_seconds() -> float:
    """Seconds of a clock that never jumps; where the machine has one, of one that counts while it is suspended."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Clock:
    """The time to go by, or (for demonstrations) a time that starts at `start` and goes on as real time does.

    Where the machine's clock jumps, `interface.delivery.timeline` says what to go by; `look` once a turn.

    A started clock runs on the steady one. A process that takes over from another should be given where that
    one's clock had come to, or what is due stays so for as long as the first had run.
    """

    def __init__(
        self,
        start: datetime | None = None,
        zone: tzinfo | None = None,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = boot_seconds,
    ) -> None:
        """`start` must be aware; None: the real time. `zone`: where the days begin; None: that of `start`, else
        the machine's. `wall` and `steady`: POSIX seconds, and seconds that only count.
        """
        self.steady = steady
        self.started = start is not None
        offset = 0.0 if start is None else start.timestamp() - steady()
        self._wall = wall if start is None else lambda: offset + steady()
        self._zone = start.tzinfo if zone is None and start is not None else zone
        self._line = Timeline(self._wall() - steady())

    def now(self) -> float:
        """POSIX seconds, UTC."""
        return self._line.now(self._wall(), self.steady())

    def at(self) -> datetime:
        """The same as an aware datetime in the clock's zone."""
        return self._of(self.now())

    def today(self) -> date:
        """The calendar day in the clock's zone: what the rules take for today when they are given `at()`."""
        return self.at().date()

    @property
    def doubtful(self) -> bool:
        """The machine's clock has jumped to another day and is not believed yet: what depends on the day waits."""
        return self._line.doubt

    @property
    def sure(self) -> bool:
        """Whether the day is certain: nothing is given up for its date while it is not."""
        return self._line.sure

    def latest_day(self) -> date:
        """The later of the days that may be right."""
        return self._of(self._line.latest(self.now(), self.steady())).date()

    def begin(self, last: float | None, witness: float | None = None) -> Jump | None:
        """At a start, by the time that was last known and what another machine's clock shows now (POSIX seconds, None: not
        known); what there is to say of it. A started clock is as it was told.
        """
        if self.started:
            return None
        wall = self._wall()
        steady = self.steady()
        self._line = Timeline.begun(wall, steady, last, self._day, witness)
        if self._line.other is None:
            return None
        believed = not self._line.doubt
        other = self._line.other if believed else self._line.offset
        return Jump(wall - steady - other, believed)

    def look(self) -> Jump | None:
        """Hold the clocks against each other; what there is to say of it."""
        self._line, jump = self._line.seen(self._wall(), self.steady(), self._day)
        return jump

    def _of(self, posix: float) -> datetime:
        return datetime.fromtimestamp(posix, UTC).astimezone(self._zone)

    def _day(self, posix: float) -> date:
        return self._of(posix).date()

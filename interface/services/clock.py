"""The one clock of a process: every time that is stored, compared or shown comes from it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, tzinfo


class Clock:
    """The real time, or (for demonstrations) a time that starts at `start` and goes on as real time does.

    A started clock runs on the monotonic one. A process that takes over from another should be given where that
    one's clock had come to, or what is due stays so for as long as the first had run.
    """

    def __init__(self, start: datetime | None = None, zone: tzinfo | None = None) -> None:
        """`start` must be aware; None: the real time. `zone`: where the days begin; None: that of `start`, else
        the machine's.
        """
        self._offset = None if start is None else start.timestamp() - time.monotonic()
        self._zone = start.tzinfo if zone is None and start is not None else zone

    def now(self) -> float:
        """POSIX seconds, UTC."""
        return time.time() if self._offset is None else self._offset + time.monotonic()

    def at(self) -> datetime:
        """The same as an aware datetime in the clock's zone."""
        return datetime.fromtimestamp(self.now(), UTC).astimezone(self._zone)

    def today(self) -> date:
        """The calendar day in the clock's zone: what the rules take for today when they are given `at()`."""
        return self.at().date()

"""Windows of the week: when a feed is expected to speak.

`Mon-Fri 07:00-18:00`, `Sat 08:00-12:00`, `Sun,Mon 22:00-06:00` (until the next morning), `06:00-20:00` (every day). Times
are those of a zone; a day that the zone makes longer or shorter is as long as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
MOST_DAYS = 15
"""Silence is measured so far back: longer ones are all the same."""

_WINDOW = re.compile(
    r"(?:([A-Za-z]{3}(?:\s*[-,]\s*[A-Za-z]{3})*)\s+)?(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)"
)
_HOW = 'write it as in "Mon-Fri 07:00-18:00", "Sat,Sun 08:00-12:00" or "06:00-22:00"'


@dataclass(frozen=True, slots=True)
class Window:
    """From a minute of some days on, for some minutes."""

    days: tuple[int, ...]
    """0: Monday."""
    start: int
    """Minutes since midnight."""
    end: int
    """The same; above 1440: of the next day."""


@dataclass(frozen=True, slots=True)
class Week:
    """The windows of a feed in the time of a zone."""

    windows: tuple[Window, ...]
    zone: tzinfo | None = None
    """None: this machine's."""

    def expected(self, since: float, until: float) -> float:
        """Seconds within the windows between two moments (POSIX), at most of the last `MOST_DAYS`."""
        since = max(since, until - MOST_DAYS * 86400.0)
        return sum(max(0.0, min(until, end) - max(since, start)) for start, end in self._spans(since, until))

    def _spans(self, since: float, until: float) -> Iterator[tuple[float, float]]:
        """The windows that touch a time, as POSIX seconds, none twice: those that overlap are one."""
        spans: list[tuple[float, float]] = []
        day = self._day(since) - timedelta(days=1)  # a window of the day before may reach into this one
        last = self._day(until)
        while day <= last:
            spans += [
                (self._at(day, window.start), self._at(day, window.end))
                for window in self.windows
                if day.weekday() in window.days
            ]
            day += timedelta(days=1)
        end = float("-inf")
        for start, stop in sorted(spans):
            if stop > end:
                yield max(start, end), stop
                end = stop

    def _day(self, moment: float) -> date:
        return datetime.fromtimestamp(moment, UTC).astimezone(self.zone).date()

    def _at(self, day: date, minute: int) -> float:
        days, rest = divmod(minute, DAY_MINUTES)
        day += timedelta(days=days)
        return datetime(day.year, day.month, day.day, rest // 60, rest % 60, tzinfo=self.zone).timestamp()


def windows_of(texts: Iterable[str]) -> tuple[Window, ...]:
    """The windows that these texts write. Raises ValueError, which says how they are written."""
    return tuple(_window(text) for text in texts)


def _window(text: str) -> Window:
    found = _WINDOW.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"is not a window of the week: {_HOW}")
    days, *numbers = found.groups()
    first, first_minute, last, last_minute = map(int, numbers)
    start, end = first * 60 + first_minute, last * 60 + last_minute
    if first_minute > 59 or last_minute > 59 or start >= DAY_MINUTES or end > DAY_MINUTES:
        raise ValueError(f"has a time that no day has: {_HOW}")
    if end <= start:
        end += DAY_MINUTES
    return Window(_days(days) if days else tuple(range(7)), start, end)


def _days(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        names = [name.strip().capitalize() for name in part.split("-")]
        if not 1 <= len(names) <= 2 or any(name not in DAYS for name in names):
            raise ValueError(f"names no day of the week: {', '.join(DAYS)}; {_HOW}")
        first, last = DAYS.index(names[0]), DAYS.index(names[-1])
        found.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return tuple(sorted(found))


def written(window: Window) -> str:
    """A window as settings write it."""
    end = window.end if window.end <= DAY_MINUTES else window.end - DAY_MINUTES
    times = f"{window.start // 60:02d}:{window.start % 60:02d}-{end // 60:02d}:{end % 60:02d}"
    return times if len(window.days) == 7 else f"{_days_written(window.days)} {times}"


def _days_written(days: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)

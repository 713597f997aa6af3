"""Windows of the week for feeds, proposed from what was seen: in which hours of the week a feed has spoken, week after week.

A proposal is what the history bears out, on the careful side: an hour counts when the feed spoke in it in nearly all weeks,
and the silence that is allowed is longer than any it kept within its hours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from interface.alerting.week import Window, written

HOUR = 3600
WEEKS = 4
"""So far is looked back."""
LEAST_DAYS = 7
"""Less history proposes nothing."""
SHARE = 0.75
"""In so many of the weeks it must have spoken in an hour."""
LEAST_HOURS = 5
"""A week of fewer hours is no feed to be watched."""
BUSY, STEADY = 60, 12
"""Messages of the quietest of its hours, as a rule: above, half an hour of silence is much; above, an hour is."""

Sender = tuple[str, str, str]
"""Listener, MSH-3, MSH-4; the last two empty: the whole listener."""


@dataclass(frozen=True, slots=True)
class HourSeen:
    """An hour of the past."""

    begins: float
    """POSIX seconds, at a whole hour."""
    messages: Mapping[Sender, int] = field(default_factory=dict)
    """By sender, as far as they were looked at."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A feed that could be watched."""

    listener: str
    application: str
    facility: str
    windows: tuple[str, ...]
    minutes: int

    @property
    def name(self) -> str:
        """As alerts would call it."""
        sender = "/".join(filter(None, (self.application, self.facility)))
        return f"{self.listener}: {sender}" if sender else self.listener

    def toml(self) -> str:
        """The lines to paste."""
        lines = ["[[alerts.feed]]", f"listener = {_quoted(self.listener)}"]
        lines += [
            f"{name} = {_quoted(value)}"
            for name, value in (("application", self.application), ("facility", self.facility))
            if value
        ]
        lines.append(f"windows = [{', '.join(_quoted(window) for window in self.windows)}]")
        lines.append(f"minutes = {self.minutes}")
        return "\n".join(lines)


def proposals(hours: Sequence[HourSeen], zone: tzinfo | None) -> list[Proposal]:
    """What could be watched, the listeners and then their senders; nothing where the history is too short.

    A sender is proposed beside its listener only where there are several: else they are the same.
    """
    spoken = [hour for hour in hours if hour.messages]
    if (
        not spoken
        or (max(h.begins for h in hours) - min(h.begins for h in spoken)) < LEAST_DAYS * 86_400 - HOUR
    ):
        return []
    first = min(hour.begins for hour in spoken)
    counted: dict[Sender, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    for hour in spoken:
        for (listener, application, facility), number in hour.messages.items():
            counted[listener, "", ""][hour.begins] += number
            if application or facility:
                counted[listener, application, facility][hour.begins] += number
    past = [hour.begins for hour in hours if hour.begins >= first]
    senders: dict[str, int] = defaultdict(int)
    for listener, application, facility in counted:
        senders[listener] += bool(application or facility)
    found = []
    for sender in sorted(counted):
        whole = not (sender[1] or sender[2])
        if whole or senders[sender[0]] > 1:
            proposal = _proposal(sender, counted[sender], past, zone)
            if proposal is not None:
                found.append(proposal)
    return found


def _proposal(
    sender: Sender, counts: Mapping[float, int], past: Iterable[float], zone: tzinfo | None
) -> Proposal | None:
    weeks: dict[tuple[int, int], list[int]] = defaultdict(list)
    for begins in past:
        local = datetime.fromtimestamp(begins, UTC).astimezone(zone)
        weeks[local.weekday(), local.hour].append(counts.get(begins, 0))
    heard = {
        place
        for place, numbers in weeks.items()
        if sum(number > 0 for number in numbers) >= SHARE * len(numbers)
    }
    if len(heard) < LEAST_HOURS:
        return None
    windows = tuple(written(window) for window in _windows(heard))
    if not windows:
        return None
    quietest = sorted(sorted(weeks[place])[len(weeks[place]) // 4] for place in heard)
    usual = quietest[len(quietest) // 10]
    missing = any(not number for place in heard for number in weeks[place])
    minutes = 30 if usual >= BUSY else 60 if usual >= STEADY else 120
    return Proposal(*sender, windows, 2 * minutes if missing else minutes)


def _windows(heard: set[tuple[int, int]]) -> list[Window]:
    """Hours of the week as few windows: those of days that are alike are one. Of a day's first and last hour nobody knows
    which part the feed speaks in: they are left out. What goes over midnight is cut there.
    """
    days: dict[tuple[int, int], list[int]] = defaultdict(list)
    for day in range(7):
        for first, last in _runs(sorted(hour for weekday, hour in heard if weekday == day)):
            start, end = first + (first > 0), last - (last < 24)
            if start < end:
                days[start, end].append(day)
    return [
        Window(tuple(on), start * 60, end * 60)
        for (start, end), on in sorted(days.items(), key=lambda item: (item[1], item[0]))
    ]


def _runs(hours: Sequence[int]) -> list[tuple[int, int]]:
    """Hours that follow each other, as first and end."""
    runs: list[tuple[int, int]] = []
    for hour in hours:
        if runs and hour == runs[-1][1]:
            runs[-1] = (runs[-1][0], hour + 1)
        else:
            runs.append((hour, hour + 1))
    return runs


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'

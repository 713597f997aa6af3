"""When messages came, and whether the sender's clock is right."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from interface.hl7.datatypes.dtm import parse_dtm
from interface.hl7.message import Message
from interface.report.model import MEND, Clock, Finding, Volume
from interface.report.seen import Seen, Tally

_AHEAD = timedelta(minutes=5)
_LATE = timedelta(hours=1)
_ANY_ZONE = timedelta(hours=15)
"""How far a time may be off only because its zone is not known."""
_MOST_DAYS, _MOST_HOURS, _MOST_SKEWS = 3700, 90_000, 20_000

_ASKS = {
    "ahead": "Set the clock of the sending system (NTP), and send MSH-7 with its offset (-0600).",
    "late": "Nothing, if a queue was waiting. Else set the clock, and send MSH-7 with its offset (-0600).",
    "future": "Set the clock of the sending system (NTP), and send times with their offset (-0600).",
    "event-behind": "Fill EVN-2 with the time the event was recorded; MSH-7 is when the message was made, so not before.",
    "event-old": "Nothing, if these were sent later on purpose. Else send messages when their event happens.",
    "none": "Fill MSH-7 with the time the message was made, as YYYYMMDDHHMMSS-0600.",
}


class Times:
    """Counts messages by day and hour, and what is odd about their times."""

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._days: Counter[str] = Counter()
        self._hours: Counter[int] = Counter()
        self._by_hour: Counter[str] = Counter()
        self._odd: Tally[tuple[str, str, str]] = Tally()
        self._skews: list[float] = []
        self._messages = 0

    def take(self, seen: Seen) -> None:
        """Look at one message."""
        message = seen.message
        made = _time(message, "MSH", 7, seen.zone) if message is not None else None
        if message is not None:
            self._messages += 1
            if made is None:
                self._odd.add(("none", "MSH-7", "no time in MSH-7"), seen)
            else:
                self._compare(made, message, seen)
        self._count(seen.entry.received_at or (made[0] if made is not None else None), seen.zone)

    def _count(self, moment: datetime | None, zone: ZoneInfo | None) -> None:
        if moment is None:
            return
        self._first = moment if self._first is None else min(self._first, moment)
        self._last = moment if self._last is None else max(self._last, moment)
        local = moment.astimezone(zone or UTC)
        day, hour = local.strftime("%Y-%m-%d"), local.strftime("%Y-%m-%dT%H")
        if day in self._days or len(self._days) < _MOST_DAYS:
            self._days[day] += 1
        if hour in self._by_hour or len(self._by_hour) < _MOST_HOURS:
            self._by_hour[hour] += 1
        self._hours[local.hour] += 1

    def _compare(self, made: tuple[datetime, bool], message: Message, seen: Seen) -> None:
        moment, sure = made
        received = seen.entry.received_at
        slack = timedelta() if sure else _ANY_ZONE
        if received is not None:
            skew = moment - received
            if sure and len(self._skews) < _MOST_SKEWS:
                self._skews.append(skew.total_seconds())
            if skew > _AHEAD + slack:
                self._odd.add(("ahead", "MSH-7", "MSH-7 is more than 5 minutes ahead of our clock"), seen)
            elif -skew > _LATE + slack:
                self._odd.add(("late", "MSH-7", "MSH-7 is more than an hour before the message came"), seen)
        elif moment > seen.now + _AHEAD + slack:
            self._odd.add(("future", "MSH-7", "MSH-7 lies in the future"), seen)
        recorded = _time(message, "EVN", 2, seen.zone)
        if recorded is None:
            return
        event = message.first("EVN")
        if recorded[0] > moment + _AHEAD + (timedelta() if sure == recorded[1] else _ANY_ZONE):
            self._odd.add(("event-behind", "EVN-2", "EVN-2 is later than MSH-7"), seen, event)
        elif moment - recorded[0] > timedelta(days=1):
            self._odd.add(("event-old", "EVN-2", "EVN-2 is more than a day before MSH-7"), seen, event)

    def findings(self) -> Iterator[Finding]:
        """What is odd about the times."""
        for row in self._odd:
            code, where, what = row.key
            yield row.finding(MEND, "clock", code, where, what, _ASKS[code], of=self._messages)

    def clock(self) -> Clock:
        """The sender's clock against ours."""
        if not self._skews:
            return Clock()
        return Clock(len(self._skews), min(self._skews), statistics.median(self._skews), max(self._skews))

    def volume(self) -> Volume:
        """How many messages came when."""
        return Volume(
            _utc(self._first),
            _utc(self._last),
            dict(sorted(self._days.items())),
            tuple(self._hours[hour] for hour in range(24)),
            max(self._by_hour.values(), default=0),
        )


def _utc(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else ""


def _time(message: Message, name: str, field: int, zone: ZoneInfo | None) -> tuple[datetime, bool] | None:
    """A time with a time of day, and whether its zone is known; None: there is none."""
    segment = message.first(name)
    stamp = parse_dtm(segment.text(field).strip()) if segment is not None else None
    if stamp is None or stamp.hour is None or stamp.month is None or stamp.day is None:
        return None
    offset = stamp.offset_minutes
    given = timezone(timedelta(minutes=offset)) if offset is not None else zone or UTC
    try:
        moment = datetime(
            stamp.year,
            stamp.month,
            stamp.day,
            stamp.hour,
            stamp.minute or 0,
            min(stamp.second or 0, 59),
            tzinfo=given,
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # what can't be moved to another zone any more is no time of a message
    if not 1900 <= moment.year <= 9000:
        return None
    return moment, offset is not None or zone is not None

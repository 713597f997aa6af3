"""Dates and times: DT, TS and DTM (HL7 v2, chapter 2A), and as sent in the wild."""

import datetime
import re
from datetime import UTC, timedelta, timezone
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

Precision = Literal["year", "month", "day", "hour", "minute", "second"]

_OFFSET = r"(?:\s*(?P<offset>Z|z|[+-]\d{2}:?\d{2}|[+-]\d{2}(?=\Z)))?"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_FORMS = tuple(
    re.compile(form + r"\s*", re.ASCII)
    for form in (
        # HL7: YYYY[MM[DD[HH[MM[SS[.S…]]]]]][±ZZZZ]
        r"(?P<year>\d{4})(?:(?P<month>\d{2})(?:(?P<day>\d{2})(?:(?P<hour>\d{2})(?:(?P<minute>\d{2})"
        # or without the point, as many engines write milliseconds
        r"(?:(?P<second>\d{2})(?:(?:\.|(?=\d{1,6}(?!\d)))(?P<fraction>\d*))?)?)?)?)?)?"
        + r"(?:(?P<offset>Z|z|[+-]\d{4}|[+-]\d{2}:\d{2}))?",
        # ISO 8601: 2026-03, 2026-03-05, 2026-03-05T10:00:00Z, 20260305T100000; also with blanks or slashes
        r"(?P<year>\d{4})(?P<s>[-/])(?P<month>\d{1,2})(?:(?P=s)(?P<day>\d{1,2})(?:[Tt\s]\s*"
        + _CLOCK
        + _OFFSET
        + ")?)?",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})[Tt\s]\s*" + _CLOCK + _OFFSET,
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})[Tt\s](?P<hour>\d{2})(?P<minute>\d{2})"
        r"(?:(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?" + _OFFSET,
        # as written in the United States: 1/15/2025, 01-15-2025 14:30:00, 01/15/2025 2:30 PM
        r"(?P<month>\d{1,2})(?P<s>[-/])(?P<day>\d{1,2})(?P=s)(?P<year>\d{4})(?:[T\s]\s*"
        + _CLOCK
        + _OFFSET
        + ")?",
    )
)
_LONGEST = 64  # characters; a date is shorter
_FARTHEST = 14 * 60  # minutes; no zone is farther from UTC


class DTM(msgspec.Struct, frozen=True, gc=False):
    """A time as exact as it was sent: what was not is None; `fraction` is the digits behind the point."""

    year: int
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    fraction: str = ""
    offset_minutes: int | None = None

    @property
    def precision(self) -> Precision:
        """The smallest unit that was sent."""
        for unit in ("second", "minute", "hour", "day", "month"):
            if getattr(self, unit) is not None:
                return unit
        return "year"

    @property
    def has_time(self) -> bool:
        """Whether a time of day was sent that is not midnight: 00:00 is how systems write "no time"."""
        return bool(self.hour or self.minute or self.second or self.fraction.strip("0"))

    def date(self) -> datetime.date | None:
        """The day as sent, in whatever zone; None when less than a day is known."""
        if self.month is None or self.day is None:
            return None
        return datetime.date(self.year, self.month, self.day)

    def moment(self, default: ZoneInfo) -> datetime.datetime:
        """The time, aware: at its own offset, else in `default`. Missing parts count as the earliest."""
        zone = default if self.offset_minutes is None else timezone(timedelta(minutes=self.offset_minutes))
        microsecond = int(self.fraction[:6].ljust(6, "0")) if self.fraction else 0
        return datetime.datetime(
            self.year,
            self.month or 1,
            self.day or 1,
            self.hour or 0,
            self.minute or 0,
            self.second or 0,
            microsecond,
            tzinfo=zone,
        )

    def in_zone(self, zone: ZoneInfo, default: ZoneInfo) -> datetime.date:
        """The day in `zone`, of a time without an offset read in `default`.

        A date without a time, or at 00:00, is never converted. Raises ValueError when no day was sent.
        """
        day = self.date()
        if day is None:
            raise ValueError("a day is needed, only a year or month was sent")
        if not self.has_time or (self.offset_minutes is None and zone.key == default.key):
            return day
        try:
            return self.moment(default).astimezone(UTC).astimezone(zone).date()
        except OverflowError:  # the first or last day of the calendar
            return day


def parse_dtm(text: str) -> DTM | None:
    """Read a date or time; None when it is none or impossible (30 February, hour 24).

    HL7's own forms with fractions, and offsets behind any precision; ISO 8601; month first, with slashes.
    """
    # nothing longer is remembered
    return _parsed(text if len(text) <= _LONGEST else text.strip()[: _LONGEST + 1])


@lru_cache(maxsize=1024)
def _parsed(text: str) -> DTM | None:
    text = text.strip()
    if len(text) in (8, 14) and text.isascii() and text.isdigit():
        return _of_digits(text)  # nearly all are: a fourth of the time
    if not text or len(text) > _LONGEST:
        return None
    for form in _FORMS:
        found = form.fullmatch(text)
        if found:
            return _checked(found.groupdict())
    return None


def _of_digits(text: str) -> DTM | None:
    """YYYYMMDD or YYYYMMDDHHMMSS."""
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    clock = text[8:] or "000000"
    hour, minute, second = int(clock[:2]), int(clock[2:4]), int(clock[4:])
    try:
        datetime.datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return DTM(year, month, day) if len(text) == 8 else DTM(year, month, day, hour, minute, second)


def _checked(parts: dict[str, str | None]) -> DTM | None:
    def number(name: str) -> int | None:
        digits = parts.get(name)
        return int(digits) if digits else None

    year, month, day = number("year"), number("month"), number("day")
    hour, minute, second = number("hour"), number("minute"), number("second")
    if half := parts.get("half"):
        if hour is None or not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "Pp" else 0)
    offset = _minutes(parts.get("offset"))
    try:
        datetime.datetime(
            year or 0, _first(month), _first(day), hour or 0, minute or 0, second or 0, tzinfo=UTC
        )
    except ValueError:
        return None
    if offset is not None and abs(offset) > _FARTHEST:
        return None
    return DTM(year or 0, month, day, hour, minute, second, parts.get("fraction") or "", offset)


def _first(part: int | None) -> int:
    return 1 if part is None else part  # a zero that was sent is impossible, and stays it


def _minutes(offset: str | None) -> int | None:
    if not offset:
        return None
    if offset in "Zz":
        return 0
    digits = offset[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if int(digits[2:]) > 59:
        return _FARTHEST + 1
    return -minutes if offset[0] == "-" else minutes

"""Days as people and spreadsheets write them. Which of two numbers is the month is never guessed."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

Order = Literal["month-first", "day-first"]
ORDERS: tuple[Order, ...] = ("month-first", "day-first")

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_YEAR_FIRST = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})(?:[T ]?\d{2}:?\d{2}.*)?", re.ASCII)
_NUMBERS = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?: .*)?", re.ASCII)
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[-\s./]*([A-Za-z]{3,9})\.?[-\s,./]*(\d{4})", re.ASCII)
_MONTH_DAY = re.compile(r"([A-Za-z]{3,9})\.?\s*(\d{1,2})(?:st|nd|rd|th)?[\s,]+(\d{4})", re.ASCII)

NO_DATE = "is no date; write 1950-03-04"
AMBIGUOUS = "can be read in two ways; write 1950-03-04, or say --dates month-first or --dates day-first"


class DateError(ValueError):
    """A text is no date, or can be read in two ways; the text says what to do, without the value."""


def day_of(text: str, order: Order | None = None) -> str:
    """A day as `yyyy-MM-dd`; a time of day behind it is passed over. `order`: how 3/4/1950 is meant. Raises DateError."""
    text = text.strip()
    if found := _YEAR_FIRST.fullmatch(text):
        return _day(found[1], found[3], found[4])
    if found := _DAY_MONTH.fullmatch(text):
        return _day(found[3], _month(found[2]), found[1])
    if found := _MONTH_DAY.fullmatch(text):
        return _day(found[3], _month(found[1]), found[2])
    if found := _NUMBERS.fullmatch(text):
        return _of_numbers(int(found[1]), int(found[3]), found[4], order)
    raise DateError(NO_DATE)


def _of_numbers(first: int, second: int, year: str, order: Order | None) -> str:
    if order == "month-first" or (order is None and (second > 12 or first == second)):
        return _day(year, first, second)
    if order == "day-first" or (order is None and first > 12):
        return _day(year, second, first)
    raise DateError(AMBIGUOUS)


def _month(name: str) -> int:
    number = _MONTHS.get(name[:3].lower())
    if number is None:
        raise DateError(NO_DATE)
    return number


def _day(year: str | int, month: str | int, day: str | int) -> str:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        raise DateError(NO_DATE) from None

"""Many ids in one field of a form: what was counted is what is done, whatever else comes in between. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from interface.console.asked import MOST_ID, RefusedError

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MOST = 5000
"""Ids that one form is about. Each is written as its distance to the one before, so that thousands fit a form."""


def written(ids: Iterable[int]) -> str:
    """The ids as text, ascending."""
    parts, before = [], 0
    for number in sorted(set(ids)):
        parts.append(_text(number - before))
        before = number
    return ".".join(parts)


def read_ids(text: str) -> list[int]:
    """The ids that `written` wrote. RefusedError: it did not."""
    parts = text.split(".") if text else []
    if len(parts) > MOST:
        raise RefusedError(400, f"At most {MOST:,} at a time.")
    found, number = [], 0
    for part in parts:
        step = _number(part)
        number += step
        if not 0 < number < MOST_ID or not step:
            raise RefusedError(400, "This form is damaged: go back and begin anew.")
        found.append(number)
    return found


def _text(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


def _number(part: str) -> int:
    known: Sequence[int] = [_DIGITS.find(character) for character in part]
    if not 0 < len(known) <= 13 or min(known) < 0:
        return 0
    number = 0
    for digit in known:
        number = number * 36 + digit
    return number

"""The command by which a list goes on: the one that was given, from another place on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from interface.cli.common import PROGRAM, is_age
from interface.shown.text import HARMFUL

_PLACE = "--before"
_TIMES = ("--since", "--until")
_NUMBER = "--mrn"


def going_on(
    given: Sequence[str], before: object, times: Mapping[str, float | None], *, kept: bool = False
) -> str:
    """A line for a shell that lists what comes next.

    Args:
        given: the words behind the program's name, as they were given.
        before: the place where the list goes on.
        times: `--since` and `--until` as POSIX seconds. An age (`2h`) is written as the time that it was: by the next
            command it would be another.
        kept: the line may be kept as a log: a patient's number is left open in it.

    """
    words = [PROGRAM]
    rest = iter(given)
    for word in rest:
        name, joined, value = word.partition("=")
        if name == _PLACE or name in _TIMES or (name == _NUMBER and kept):
            text = value if joined else next(rest, "")
            if name != _PLACE:
                words += [name, "MRN" if name == _NUMBER else _fixed(text, times.get(name))]
        elif word != "--":
            words.append(word)
    return " ".join(_quoted(word) for word in (*words, _PLACE, str(before)))


def _fixed(text: str, seconds: float | None) -> str:
    if seconds is None or not is_age(text):
        return text
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _quoted(word: str) -> str:
    """As a shell reads it; what a terminal must not get is an escape of the shell's own ($'…', bash and zsh)."""
    if not HARMFUL.search(word):
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + re.sub(HARMFUL, lambda found: f"\\U{ord(found.group()):08x}", plain) + "'"

"""Sources as provenance names them: a place in a message, of an earlier one behind its control id."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLACE = re.compile(r"[A-Z][A-Z0-9]{2}(?:\[\d+\])?(?:-\d+(?:\[\d+\])?(?:\.\d+){0,2})?")
_EARLIER = re.compile(r"^(.+):(?=[A-Z][A-Z0-9]{2}(?:\[\d+\])?(?:-|$))", re.DOTALL)


class Source(NamedTuple):
    """A source, taken apart."""

    control_id: str
    """Of an earlier message; '': of the one that was decided, or of none."""
    place: str
    """`PID-5.1`; '' where it is no place in a message (`settings:site.mrn_root`)."""


def source_of(text: str) -> Source:
    """The parts of a source."""
    found = _EARLIER.match(text)
    control_id, rest = (found[1], text[found.end() :]) if found else ("", text)
    return Source(control_id, rest if _PLACE.fullmatch(rest) else "")

"""Writing messages of our own: segments from texts, delimiters in them escaped (HL7 v2, chapter 2).

Not by python-hl7: its escape writes what is not ASCII as single bytes, so that a name would come back broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .delimiters import STANDARD
from .escapes import escape
from .message import is_null


def components(*parts: str) -> str:
    """A field's repetition from its components, each escaped; empty ones at the end are left off."""
    return "^".join(map(_written, parts)).rstrip("^")


def _written(text: str) -> str:
    """A component's text; one of two quotes alone would be HL7 null, and is written by their codes."""
    written = escape(text, STANDARD)
    return written.replace('""', "\\X2222\\") if is_null(text) else written


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment from its fields by number, as `components` gives them; empty ones at the end are left off."""
    last = max((number for number, text in fields.items() if text), default=0)
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))])


def header(fields: Mapping[int, str]) -> str:
    """MSH with the usual delimiters; `fields` from MSH-3 on."""
    shifted = {number - 1: text for number, text in fields.items()}
    return segment("MSH", {1: STANDARD.encoding_characters, **shifted})


def message(segments: Iterable[str]) -> bytes:
    """The segments as bytes in UTF-8 (MSH-18 should say so: `UNICODE UTF-8`)."""
    return ("\r".join(segments) + "\r").encode()

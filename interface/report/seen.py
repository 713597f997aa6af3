"""One message as the report looks at it, and counting what was seen in many."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from interface.chart.outcome import Outcome
from interface.hl7.message import Message, Segment
from interface.report.model import CodeCount, Finding, Position
from interface.report.privacy import Private, Sightings, control_id_label, looks_like_code
from interface.rules.reading import Reading


@dataclass(frozen=True)
class Entry:
    """A message to be reported on."""

    number: int
    """Its place among those read, or its id in the journal."""
    raw: bytes
    listener: str = ""
    received_at: datetime | None = None
    """From the journal, aware; None: it comes from a file."""
    duplicates: int = 0
    """How often it came again (counted by the journal)."""


@dataclass(frozen=True)
class Seen:
    """A message that was read and decided."""

    entry: Entry
    type: str
    """As `type_label` shows it."""
    message: Message | None
    """None: it is no HL7."""
    reading: Reading
    outcome: Outcome
    zone: ZoneInfo | None
    """For times without an offset; None: not known."""
    now: datetime
    """When the report is made, aware."""

    @property
    def patient(self) -> str:
        """Whose it is; empty when that can't be told."""
        return self.reading.keys[0] if self.reading.keys else ""

    @cached_property
    def private(self) -> Private | None:
        """Its patient's values; None when it is no HL7."""
        return Private(self.message) if self.message is not None else None

    def position(self, segment: Segment | None = None) -> Position:
        """Where something of it stands."""
        control_id = control_id_label(self.reading.control_id)
        if segment is None or self.message is None:
            return Position(self.entry.number, control_id)
        index = next((n for n, one in enumerate(self.message.segments, 1) if one is segment), 0)
        return Position(self.entry.number, control_id, segment.path, index)

    def segment_of(self, path: str) -> Segment | None:
        """The segment that a path of this message (`DG1[2]-3.1`) stands in."""
        if self.message is None:
            return None
        name, _, ordinal = path.partition("-")[0].partition("[")
        same = self.message.all(name)
        number = int(ordinal.rstrip("]")) if ordinal.rstrip("]").isdecimal() else 1
        return same[number - 1] if 0 < number <= len(same) else None


def digest(data: bytes) -> bytes:
    """What is remembered of something, to know it again: eight bytes, which nobody can read back."""
    return hashlib.blake2b(data, digest_size=8).digest()


def sight(known: Sightings, seen: Seen, path: str, *texts: str) -> None:
    """Count one more of what these texts name at a path; one that is no code, or the patient's elsewhere, taints it."""
    known.add(seen.patient)
    if not known.tainted:
        known.tainted = any(
            not looks_like_code(text) or (seen.private is not None and seen.private.holds(text, path))
            for text in texts
        )


Key = TypeVar("Key", bound=Hashable)

MOST_KEYS = 2000
"""Kinds of a thing that are told apart for one sender; a feed that is made to have more costs no more memory."""


@dataclass(slots=True)
class Row(Generic[Key]):
    """One counted thing."""

    key: Key
    count: int
    types: Counter[str]
    example: Position

    def finding(
        self,
        level: str,
        kind: str,
        code: str,
        where: str,
        what: str,
        ask: str = "",
        *,
        of: int = 0,
        unit: str = "messages",
        codes: tuple[CodeCount, ...] = (),
    ) -> Finding:
        """What was counted, with words to it (see `Finding`)."""
        types = dict(sorted(self.types.items(), key=lambda item: (-item[1], item[0])))
        return Finding(level, kind, code, where, what, ask, self.count, of, unit, types, self.example, codes)


class Tally(Generic[Key]):
    """Counts things by key, each with its message types and its first example. At most `MOST_KEYS` of them."""

    def __init__(self) -> None:
        self._rows: dict[Key, Row[Key]] = {}

    def add(self, key: Key, seen: Seen, segment: Segment | None = None, times: int = 1) -> None:
        """Count `times` of a thing in a message."""
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= MOST_KEYS:
                return
            row = self._rows[key] = Row(key, 0, Counter(), seen.position(segment))
        row.count += times
        row.types[seen.type] += times

    def __iter__(self) -> Iterator[Row[Key]]:
        return iter(sorted(self._rows.values(), key=lambda row: -row.count))

"""HL7 paths as rules write them (`PID-5`, `SCH-11.4`, `RXE-1.2.1`), and the values they lead to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from interface.hl7.message import Repetition, Segment
from interface.hl7.segments import FIELDS, LOCAL_FIELDS
from interface.rules.source import nearest

_PATH = re.compile(r"^([A-Z][A-Z0-9]{2})-([1-9]\d*)(?:\.([1-9]\d*)(?:\.([1-9]\d*))?)?$")


_MOST_PARTS = 40


class Scope(Protocol):
    """Where a rule looks: a message, or one group of its segments."""

    def all(self, name: str) -> Sequence[Segment]:
        """The segments of that name, in order."""
        ...


@dataclass(frozen=True)
class Path:
    """A field, or a component or subcomponent of it (0: the whole)."""

    segment: str
    field: int
    component: int = 0
    subcomponent: int = 0

    @classmethod
    def parse(cls, text: str) -> Path | None:
        """The path, or None when `text` is none."""
        match = _PATH.match(text)
        if not match:
            return None
        segment, field, component, subcomponent = match.groups()
        return cls(segment, int(field), int(component or 0), int(subcomponent or 0))

    @property
    def trouble(self) -> str:
        """Why the standard has no such field; empty when it has one, or the segment is a site's own (Z…)."""
        if self.segment.startswith("Z"):
            return ""
        if self.segment not in FIELDS:
            return f"HL7 has no segment {self.segment}{nearest(self.segment, FIELDS)}"
        most = FIELDS[self.segment]
        if most and self.field > most + LOCAL_FIELDS:
            return f"{self.segment} has {most} fields"
        return (
            "" if max(self.component, self.subcomponent) <= _MOST_PARTS else "no data type has so many parts"
        )

    def __str__(self) -> str:
        text = f"{self.segment}-{self.field}"
        if self.component:
            text += f".{self.component}"
        return f"{text}.{self.subcomponent}" if self.subcomponent else text

    def repetitions(self, scope: Scope) -> Sequence[Repetition]:
        """Every repetition of the field in every segment of that name."""
        segments = scope.all(self.segment)
        if not segments:
            return ()
        if len(segments) == 1:
            return segments[0].reps(self.field)
        return [repetition for segment in segments for repetition in segment.reps(self.field)]

    def text(self, repetition: Repetition) -> str:
        """The text the path means in that repetition, outer blanks off; `""` when absent or null."""
        if self.subcomponent:
            return repetition.sub(self.component, self.subcomponent).strip()
        return repetition.component(self.component or 1).strip()

    @cached_property
    def _written(self) -> str:
        return str(self)

    def source(self, repetition: Repetition) -> str:
        """Where that text stands, for provenance: `PID-3[2].1`."""
        if repetition.is_first:
            return self._written  # nearly always
        if self.component:
            return repetition.at(self.component, self.subcomponent)
        return repetition.path


def read_path(text: str) -> Path | str:
    """The path that `text` is; else why it is none."""
    path = Path.parse(text)
    if path is None:
        return f"'{text}' is no HL7 path; write it as PID-5 or PID-5.1"
    return f"'{text}' leads nowhere: {path.trouble}" if path.trouble else path

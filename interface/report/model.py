"""The report as frozen values. They hold no patient data: whatever renders them need not think of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

STOPS, LOSES, MEND, STANDARD, NOTE, OURS = "stops", "loses", "mend", "standard", "note", "ours"
LEVELS: Mapping[str, str] = {
    STOPS: "stops requests",
    LOSES: "loses data",
    MEND: "should be mended",
    STANDARD: "departs from the HL7 version",
    NOTE: "left out on purpose",
    OURS: "for us, not for the sender",
}
"""How much a finding hurts, worst first, and how it is called."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where an example stands, without any value of it."""

    message: int
    """The number among the messages that were read; from the journal its id there."""
    control_id: str
    """MSH-10; empty when it is not to be shown."""
    segment: str = ""
    """`DG1[2]`; empty for the message as a whole."""
    index: int = 0
    """Which segment of the message that is, MSH being 1; 0 for the message as a whole."""


@dataclass(frozen=True, slots=True)
class CodeCount:
    """A code and how often it came; codes that must not be shown stand together as `(free text)`."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know of a feed."""

    level: str
    """A key of `LEVELS`."""
    kind: str
    """Stable: `held`, `unknown-code`, `conformance` …"""
    code: str
    """What of that kind, stable too: `missing:patient.birthDate`, a table's name …"""
    where: str
    """HL7 path without ordinals, or several with commas between."""
    what: str
    """A sentence without values of messages."""
    ask: str
    """What the sending team should change; empty: nothing."""
    count: int
    of: int
    """Out of how many; 0: not known."""
    unit: str
    """What is counted: messages, requests, appointments, diagnoses, drugs, values."""
    types: Mapping[str, int] = field(default_factory=dict)
    """The count by message type, largest first."""
    example: Position | None = None
    codes: tuple[CodeCount, ...] = ()

    @property
    def rank(self) -> tuple[int, int, str, str, str]:
        """Sorts by what hurts most."""
        return (list(LEVELS).index(self.level), -self.count, self.kind, self.code, self.where)


@dataclass(frozen=True, slots=True)
class Shares:
    """Of the requests that were composed (posted or held): how many hold problems, medications, both, none."""

    requests: int = 0
    problems: int = 0
    """Problems, with or without medications."""
    medications: int = 0
    both: int = 0
    none: int = 0


@dataclass(frozen=True, slots=True)
class TypeReport:
    """The messages of one type from one sender."""

    type: str
    messages: int
    decisions: Mapping[str, int]
    reasons: tuple[tuple[str, str, int], ...]
    """(decision, reason code, count), largest first."""
    shares: Shares
    checked: int
    """How many were looked at by hl7apy and python-hl7."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A thing every request needs, and how often it was not there."""

    name: str
    where: str
    missing: int
    of: int
    unit: str


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A source of our mapping that the sender never fills."""

    path: str
    fields: tuple[str, ...]
    """The fields that would take it, as the mapping names them."""
    of: int
    """In how many segments it was looked for."""
    instead: str
    """Another source of these fields that the sender does fill; empty: none."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The sender's clock against ours (journal), in seconds; positive: the sender is ahead."""

    messages: int = 0
    least: float = 0.0
    median: float = 0.0
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Volume:
    """How many messages came when."""

    first: str = ""
    """UTC, `2026-03-02T15:00:00Z`; empty when no message had a time."""
    last: str = ""
    days: Mapping[str, int] = field(default_factory=dict)
    """By `2026-03-02`, in order."""
    hours: tuple[int, ...] = (0,) * 24
    """By hour of the day."""
    busiest_hour: int = 0
    """The most messages within one hour by the clock."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """One sender's feed."""

    listener: str
    """Empty when the messages came from files."""
    application: str
    facility: str
    messages: int
    types: tuple[TypeReport, ...]
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]
    never_filled: tuple[FieldUse, ...]
    numbers: Mapping[str, int]
    """By authority and type: how often such a number stood in PID-3."""
    z_segments: Mapping[str, int]
    """By name: in how many messages."""
    versions: Mapping[str, int]
    """By MSH-12."""
    differences: Mapping[str, int]
    """Between both readers, by kind: in how many of the messages that were looked at."""
    shares: Shares
    clock: Clock
    volume: Volume
    control_ids_shown: bool

    @property
    def name(self) -> str:
        """The sender in one line."""
        parts = [part for part in (self.application, self.facility) if part]
        who = " | ".join(parts) or "(MSH-3 and MSH-4 empty)"
        return f"{who} (listener {self.listener})" if self.listener else who

    def decided(self, decision: str) -> int:
        """How many messages came to that decision."""
        return sum(kind.decisions.get(decision, 0) for kind in self.types)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole report."""

    made_at: datetime
    program: str
    source: str
    """`files` or `journal`."""
    messages: int
    senders: tuple[SenderReport, ...]
    """Most messages first."""
    notes: tuple[str, ...] = ()
    """What was limited or assumed."""

    @property
    def readable(self) -> int:
        """How many messages were not rejected."""
        return self.messages - sum(sender.decided("reject") for sender in self.senders)

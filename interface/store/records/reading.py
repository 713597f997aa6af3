"""What the work reads of the store to decide by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A journalled message that waits for intake."""

    id: int
    listener: str
    raw: bytes
    received_at: datetime
    """Aware, UTC."""
    control_id: str
    """MSH-10, MSH-9 below: whatever the sender put there."""
    attempts: int = 0
    """How often intake has begun with it and not come to an end."""
    readable: bool = True
    """False: the stored body cannot be opened (`raw` is empty); finish it as `failed`."""
    message_type: str = ""


@dataclass(frozen=True, slots=True)
class PatientRow:
    """A patient's chart as it is stored."""

    id: int
    chart: bytes
    in_flight: int | None = None
    """Id of the request that is being sent."""
    readable: bool = True
    """False: the chart cannot be opened (`chart` is empty)."""


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A message that was done with, to be read again."""

    id: int
    listener: str
    raw: bytes
    received_at: datetime
    """Aware, UTC."""
    patient_id: int | None
    set_aside: bool
    readable: bool = True
    request_id: int | None = None
    """The request that it made."""
    decision: str | None = None
    kept: bool = True
    """False: its body is no longer stored (`raw` is empty)."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asked the work to do."""

    id: int
    kind: str
    arguments: dict[str, Any]
    state: str
    """waiting, done or failed."""
    result: dict[str, Any] | None = None
    created_at: float = 0.0
    ended_at: float | None = None
    readable: bool = True
    """False: what is asked cannot be opened (`arguments` is empty); finish it as `failed`."""


@dataclass(frozen=True, slots=True)
class AskedRow:
    """A stored request, for whoever must find out from the rows what was asked."""

    id: int
    patient_id: int
    state: str
    appointment: str | None
    """None: it cannot be opened."""
    body: bytes | None
    """None: it cannot be opened."""
    codes: tuple[str, ...]
    """Of the reasons why it is held."""
    environment: str = "sandbox"
    """For which environment it was composed."""
    wake_at: float | None = None
    """Of a held one: when its hold is over by itself."""

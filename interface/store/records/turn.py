"""What one turn of the work changes, claims and is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import msgspec

from interface.delivery.outcomes import Outcome
from interface.store.leases import Hold
from interface.store.records.roster import RosterWrite


class MessageDone(msgspec.Struct, frozen=True, gc=False):
    """Intake has come to an end with a message."""

    id: int
    state: str
    """`done` or `failed`."""
    decision: str | None
    """post, chart, hold, cancel, ignore, reject; None when failed."""
    reasons: str = "[]"
    """JSON text, see `reasons_json`."""
    note: bytes | None = None
    patient_id: int | None = None
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class MessageAgain:
    """A message that was done with, looked at again by a person's command."""

    id: int
    patient_id: int | None
    set_aside: bool
    """A person took it out of the chart: rebuilding leaves it out."""
    decided: MessageDone | None = None
    """What was decided now; None: what was decided then stands."""


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A command that has come to its end."""

    id: int
    state: str
    """done or failed."""
    result: dict[str, Any]
    """What is told to who asked; no patient data but ids of ours."""


class PatientWrite(msgspec.Struct, frozen=True, gc=False):
    """A chart to store."""

    id: int
    chart: bytes
    new: bool
    """True: the patient's row is made (id from `Work.next_ids`)."""
    keys: tuple[str, ...] | None = None
    """All identity keys of the patient; those it no longer has are taken away, those of other patients move
    here. None: as they are stored."""
    merged_into: int | None = None
    """The patient whose chart this one's is part of from now on; 0: it is a chart of its own again; None: as it is."""


class NewRequestRow(msgspec.Struct, frozen=True, gc=False):
    """A request to store; it is due at once when waiting."""

    id: int
    patient_id: int
    message_id: int | None
    """The journal row that triggered it."""
    appointment: str
    state: str
    """`waiting` or `held`."""
    body: bytes
    detail: bytes
    appointment_date: date | None
    reasons: str = "[]"
    supersedes: int | None = None
    """That row is closed as `superseded` when it still is waiting or held."""
    wake_at: float | None = None
    """Of a held one: when its hold is over by itself, POSIX seconds."""


class RewriteRow(msgspec.Struct, frozen=True, gc=False):
    """New content for a request that is still waiting or held. A held one that is to wait is due at once; one
    that waits for its next attempt already goes on waiting as long as it would have.
    """

    id: int
    patient_id: int
    """The patient it belongs to from now on."""
    state: str
    body: bytes
    detail: bytes
    appointment_date: date | None
    reasons: str = "[]"
    message_id: int | None = None
    """None: as it is stored."""
    wake_at: float | None = None
    """Of a held one: when its hold is over by itself, POSIX seconds."""


class CloseRow(msgspec.Struct, frozen=True, gc=False):
    """The end of a request that is still waiting or held."""

    id: int
    patient_id: int
    state: str
    """`withdrawn`, `expired` or `superseded`."""
    reasons: str = "[]"


@dataclass(frozen=True, slots=True)
class ReopenRow:
    """A dead or discarded request that a person lets go again, with new content; due at once when waiting."""

    id: int
    patient_id: int
    """The patient it belongs to from now on."""
    was: str
    """Its state before; one that is no longer in it stays as it is."""
    state: str
    """`waiting` or `held`."""
    body: bytes
    detail: bytes
    appointment_date: date | None
    reasons: str = "[]"
    wake_at: float | None = None
    """Of a held one: when its hold is over by itself, POSIX seconds."""


@dataclass(frozen=True, slots=True)
class HurryRow:
    """A waiting request that is due now, because a person says so."""

    id: int
    patient_id: int


@dataclass(frozen=True, slots=True)
class DiscardRow:
    """A request that a person gives up."""

    id: int
    patient_id: int
    was: str
    """Its state before; one that is no longer in it stays as it is."""
    detail: bytes
    """Provenance, and who gave it up and why."""
    reasons: str = "[]"


class AttemptDone(msgspec.Struct, frozen=True, gc=False):
    """One POST and what it means for its request, which is `sending`."""

    request_id: int
    patient_id: int
    started_at: float
    finished_at: float
    status: int | None
    """HTTP status; None when there was no answer."""
    verdict: str
    detail: str
    """One line, no patient data."""
    new_state: str
    """`delivered`, `waiting` or `dead`."""
    due_at: float | None = None
    """When to try again; with `waiting`."""
    correlation_id: str | None = None
    """The request's own, of the reply that took it."""
    named: str | None = None
    """An id in a reply that did not take it: a webhook may bear it all the same."""
    panel_id: str | None = None
    """The id of the panel that it went in."""
    awaited: bool = True
    """Whether webhooks are to come once it is delivered: not of a path that only validates."""
    possible_duplicate: bool = False
    """True: the API may have taken it; stays with the request."""
    body: bytes | None = None
    """What was sent, when it was not the stored body. (A body that is rewritten later is kept by the store.)"""
    reply: bytes | None = None
    """The beginning of what the API answered when it did not take the request; may repeat patient data."""
    fence: int | None = None
    """The claim's number: where it is no longer the newest, the attempt is kept and nothing else changes. None:
    whichever it is."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A claimed request, `sending`, that ends without having been sent: it counts as no attempt."""

    request_id: int
    patient_id: int
    new_state: str
    """`expired`, `dead`; or `waiting`, as before it was claimed."""
    reasons: str | None
    """JSON text, see `reasons_json`; None: as they are."""
    fence: int | None = None
    """As that of an attempt."""


@dataclass(frozen=True, slots=True)
class Joins:
    """New webhooks and the requests that they are about."""

    events: Mapping[int, tuple[int, ...]]
    """For each webhook every request that it names; (): none that is known."""
    fresh: Sequence[tuple[int, int]]
    """Pairs of a webhook and a request that it had not counted for."""
    outcomes: Mapping[int, Outcome]
    """What came of these requests, these webhooks counted."""


@dataclass(frozen=True, slots=True)
class NewRound:
    """A person begins the production test anew."""

    by: str
    """The login name."""
    why: str
    """May hold patient data."""


@dataclass(frozen=True, slots=True)
class Picking:
    """Who chooses what the production test takes: persons, or the program."""

    by_hand: bool


Wake = Literal["", "failed", "all"]
"""Which waiting requests are due at once: `failed`: all but those the API asked to wait; `all`; none."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that one turn of the work changes: stored whole or not at all."""

    now: float
    messages: Sequence[MessageDone] = ()
    patients: Sequence[PatientWrite] = ()
    requests: Sequence[NewRequestRow | RewriteRow | CloseRow] = ()
    attempts: Sequence[AttemptDone | Unsent] = ()
    """What came of claimed requests; stored before `requests`, which may change those that wait again."""
    again: Sequence[MessageAgain] = ()
    commands: Sequence[CommandDone] = ()
    by_hand: Sequence[ReopenRow | HurryRow | DiscardRow] = ()
    """What persons do to requests."""
    roster: Sequence[RosterWrite] = ()
    """Test patients to import, to remove or to forget."""
    rounds: Sequence[NewRound | Picking] = ()
    """What persons change of the production test."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """What to remember of the settings."""
    claims: int = 0
    """How many requests to claim in the same transaction."""
    blocked: frozenset[int] = frozenset()
    """Patients of whom nothing is claimed: a merge waits until both are idle."""
    idle: frozenset[int] = frozenset()
    """Patients of whom no node may be sending anything for this to be stored: merges, rebuilt charts."""
    hold: Hold | None = None
    """Whose turn it is; without one only attempts are stored and requests claimed."""
    give_back: bool = False
    """Others may have the turn after this."""
    probe: bool = False
    """Claim whatever is due first, though its time has not come."""
    not_before: date | None = None
    """Claim nothing for an appointment before this day; None: whatever day."""
    wake: Wake = ""
    woken: frozenset[int] = frozenset()
    """Patients whose held requests were looked at because their time had come."""
    told: Mapping[str, str] = field(default_factory=dict)
    """What the work tells of itself: JSON texts by name."""
    environment: str = "sandbox"
    """For which environment requests are composed."""
    joins: Joins | None = None
    """What webhooks said of requests; needs the turn."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A request that is now `sending`."""

    request_id: int
    patient_id: int
    body: bytes
    attempts: int
    """Attempts that have come to an end before."""
    appointment_date: date | None
    possible_duplicate: bool = False
    created_at: float = 0.0
    readable: bool = True
    """False: the stored body cannot be opened; finish it as `dead`."""
    failing_since: float | None = None
    """When an attempt of it first failed in a way that may be its own fault; None: none has."""
    paused_at: float | None = None
    """When an attempt of it last paused the destination; None: none has."""
    fence: int | None = None
    """The number of this claim of the patient."""
    message_id: int | None = None
    """The message that asked for it."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What came of a turn."""

    claimed: tuple[Claimed, ...] = ()
    missed: tuple[int, ...] = ()
    """Ids of rewrites and closes that found their request neither waiting nor held (it is being sent or has
    ended).
    """
    late: tuple[int, ...] = ()
    """Requests whose attempt came back after the claim was taken from us."""
    overtaken: tuple[int, ...] = ()
    """Requests that would wait again after an attempt, had not a newer one been made to supersede them meanwhile."""

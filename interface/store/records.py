"""The values that go into the store and come out of it: frozen, plain, without a trace of SQL.

Times are POSIX seconds (float, UTC) where a machine compares them and aware UTC datetimes where the rules
read them. Bytes named `body`, `detail`, `chart`, `note` and `raw` are in the clear here and sealed in the
store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from interface.store.leases import Hold


def reasons_json(reasons: Iterable[tuple[str, str]]) -> str:
    """(code, text) pairs as the JSON text that `reasons` columns hold: `[{"code": …, "text": …}]`; no
    patient data.
    """
    return json.dumps([{"code": code, "text": text} for code, text in reasons], ensure_ascii=False)


def reasons_of(text: str) -> tuple[tuple[str, str], ...]:
    """What `reasons_json` made; empty when it is damaged."""
    try:
        return tuple((str(entry["code"]), str(entry["text"])) for entry in json.loads(text))
    except (ValueError, TypeError, KeyError):
        return ()


# ------------------------------------------------------------------------------------------------ the door


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as the listener took it, to be journalled."""

    listener: str
    sender_application: str
    """MSH-3 whole, as sent; '' when it could not be read."""
    sender_facility: str
    """MSH-4 whole, as sent."""
    control_id: str
    """MSH-10; '' when missing: then there is no duplicate check."""
    message_type: str
    """`SIU^S12`, or ''."""
    processing_id: str
    """MSH-11.1."""
    peer: str
    """Address and port of the sender."""
    raw: bytes
    receipt: str
    """`stored`, or the kind of reject (`no-msh`, `undecodable`, `missing-type`, `missing-control-id`)."""
    received_at: float


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of an arrival."""

    id: int
    """The journal row's id; for a duplicate that of the first row."""
    receipt: str
    """`stored`, `duplicate`, `conflict` (stored, and flagged), or the kind of reject."""
    duplicate_of: int | None = None


# ------------------------------------------------------------------------------------------------ the work


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A journalled message that waits for intake."""

    id: int
    listener: str
    raw: bytes
    received_at: datetime
    """Aware, UTC."""
    control_id: str
    attempts: int = 0
    """How often intake has begun with it and not come to an end."""
    readable: bool = True
    """False: the stored body cannot be opened (`raw` is empty); finish it as `failed`."""


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
class MessageDone:
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
class CommandDone:
    """A command that has come to its end."""

    id: int
    state: str
    """done or failed."""
    result: dict[str, Any]
    """What is told to who asked; no patient data but ids of ours."""


@dataclass(frozen=True, slots=True)
class PatientWrite:
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


@dataclass(frozen=True, slots=True)
class NewRequestRow:
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


@dataclass(frozen=True, slots=True)
class RewriteRow:
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


@dataclass(frozen=True, slots=True)
class CloseRow:
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


@dataclass(frozen=True, slots=True)
class AttemptDone:
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
    """`expired` or `dead`."""
    reasons: str
    """JSON text, see `reasons_json`."""
    fence: int | None = None
    """As that of an attempt."""


Wake = Literal["", "failed", "all"]
"""Which waiting requests are due at once: `failed`: all but those the API asked to wait; `all`; none."""


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
    told: Mapping[str, str] = field(default_factory=dict)
    """What the work tells of itself: JSON texts by name."""


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


# ------------------------------------------------------------------------------------------------ the views


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages a list shows; None: all."""

    state: str | None = None
    decision: str | None = None
    message_type: str | None = None
    control_id: str | None = None
    listener: str | None = None
    sender: str | None = None
    """MSH-3 or MSH-4 of the message."""
    code: str | None = None
    """A reason's code."""
    patient_key: str | None = None
    """An identity key as charts hold it; compared by its keyed hash. Of all whose charts are part of the patient's."""
    since: float | None = None
    until: float | None = None
    """Before this time."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests a list shows; None: all."""

    state: str | None = None
    code: str | None = None
    """A reason's code."""
    last_status: int | None = None
    """HTTP status of the last attempt."""
    message_type: str | None = None
    """Of the message that asked for it."""
    sender: str | None = None
    """MSH-3 or MSH-4 of that message."""
    patient_key: str | None = None
    """An identity key as charts hold it; compared by its keyed hash. Of all whose charts are part of the patient's."""
    appointment_date: date | None = None
    since: float | None = None
    """Made at or after this time."""
    until: float | None = None


@dataclass(frozen=True, slots=True)
class PatientSummary:
    """One patient of a list, with the chart."""

    id: int
    merged_into: int | None
    """The patient whose chart this one's is part of; None: a chart of its own."""
    created_at: float
    changed_at: float
    open_requests: int
    """waiting, held or being sent."""
    chart: bytes | None
    """None: it cannot be opened."""

    @property
    def cursor(self) -> PatientCursor:
        """Where the list goes on behind this one."""
        return PatientCursor(self.changed_at, self.id)


@dataclass(frozen=True, slots=True)
class PatientCursor:
    """A place in the list of patients, which has those that changed last first."""

    changed_at: float
    id: int


@dataclass(frozen=True, slots=True)
class PatientFilter:
    """Which patients a list shows; None: all."""

    key: str | None = None
    """An identity key as charts hold it; compared by its keyed hash."""
    merged: bool = False
    """Only those whose charts are part of others'."""
    since: float | None = None
    """Changed at or after this time."""
    until: float | None = None

    def takes(self, row: PatientSummary) -> bool:
        """Whether the list shows a patient that was found by the key."""
        since_then = self.since is None or row.changed_at >= self.since
        before_then = self.until is None or row.changed_at < self.until
        return since_then and before_then and not (self.merged and row.merged_into is None)


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """One line of a list of messages."""

    id: int
    listener: str
    sender_application: str
    sender_facility: str
    control_id: str
    message_type: str
    processing_id: str
    peer: str
    received_at: float
    size: int
    receipt: str
    conflict: bool
    duplicates: int
    last_duplicate_at: float | None
    state: str
    decision: str | None
    reasons: list[dict[str, Any]]
    """`[{"code", "text"}]`."""
    processed_at: float | None
    attempts: int
    patient_id: int | None
    request_id: int | None
    set_aside: bool
    """A person took it out of the chart."""


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """One line of a list of requests."""

    id: int
    patient_id: int
    message_id: int | None
    state: str
    appointment_date: date | None
    reasons: list[dict[str, Any]]
    attempts: int
    possible_duplicate: bool
    correlation_id: str | None
    supersedes: int | None
    due_at: float | None
    created_at: float
    changed_at: float
    last_verdict: str | None
    last_status: int | None


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """One message whole."""

    summary: MessageSummary
    raw: bytes | None
    """None: `problem` says why."""
    note: bytes | None
    request: RequestSummary | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of many: what is known of it, and its bytes."""

    summary: MessageSummary
    raw: bytes | None
    """None: it is no longer kept, or can't be opened."""


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt of a request."""

    started_at: float
    finished_at: float
    status: int | None
    verdict: str
    detail: str
    possible_duplicate: bool
    body: bytes | None
    """What was sent, when it was not the stored body."""
    reply: bytes | None
    """The beginning of what the API answered when it did not take the request."""


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """One request whole."""

    summary: RequestSummary
    appointment: str | None
    body: bytes | None
    detail: bytes | None
    attempts: tuple[AttemptView, ...]
    """Oldest first."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of each kind there are."""

    messages: dict[str, int] = field(default_factory=dict)
    """By state."""
    decisions: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    """By state."""
    patients: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not been done yet."""

    new_messages: int
    oldest_message_at: float | None
    waiting_requests: int
    oldest_request_at: float | None
    """When the oldest waiting request was made."""
    sending_requests: int
    held_requests: int


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What there is to know of a database server."""

    version: str
    synchronous_commit: str
    """As it is for our connections."""
    fsync: bool
    full_page_writes: bool
    standbys: str
    """Those that a commit waits for, as the server's setting names them; '': none."""
    clock: float
    """What it takes for now, POSIX seconds."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """The store as files and versions."""

    path: str
    """What it is called: the file, or server and database."""
    schema_version: int
    size_bytes: int
    wal_bytes: int
    free_bytes: int | None
    """Free room of the file system; None: not known, it is a server's."""

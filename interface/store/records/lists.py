"""Messages, requests and patients as they are listed and shown: filters, lines of lists, and one of each whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from interface.delivery.outcomes import Outcome
from interface.store.records.webhooks import WebhookSummary


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
    only_codes: tuple[str, ...] | None = None
    """Those that have no other reasons than these."""
    other_codes: tuple[str, ...] | None = None
    """Those that have another reason than these."""
    patient_key: str | None = None
    """An identity key as charts hold it; compared by its keyed hash. Of all whose charts are part of the patient's."""
    patient_id: int | None = None
    """The same by our number of the patient."""
    since: float | None = None
    until: float | None = None
    """Before this time."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests a list shows; None: all."""

    state: str | None = None
    code: str | None = None
    """A reason's code."""
    only_codes: tuple[str, ...] | None = None
    """Those that have no other reasons than these."""
    other_codes: tuple[str, ...] | None = None
    """Those that have another reason than these."""
    last_status: int | None = None
    """HTTP status of the last attempt."""
    last_verdict: str | None = None
    correlation_id: str | None = None
    """Any that the API gave it, its panel's too."""
    environment: str | None = None
    """That it was composed for."""
    message_type: str | None = None
    """Of the message that asked for it."""
    sender: str | None = None
    """MSH-3 or MSH-4 of that message."""
    patient_key: str | None = None
    """An identity key as charts hold it; compared by its keyed hash. Of all whose charts are part of the patient's."""
    patient_id: int | None = None
    """The same by our number of the patient."""
    appointment_date: date | None = None
    since: float | None = None
    """Made at or after this time."""
    until: float | None = None
    outcome: str | None = None
    """What webhooks said of it: one of `interface.delivery.outcomes.NAMES`; `none` of those that were taken in."""
    unanswered_before: float | None = None
    """Taken in before this time, and a webhook that is to come has not."""
    id: int | None = None


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
    wake_at: float | None
    """Of a held one: when its hold is over by itself; None: it needs somebody."""
    panel_id: str | None = None
    """Version 2: the API's id of the panel it went in."""
    taken_at: float | None = None
    """When the API took it in."""
    awaited_since: float | None = None
    """The same while no webhook came and one is to come."""
    found_at: float | None = None
    insufficient_at: float | None = None
    delivered_at: float | None = None
    documents: int = 0
    events: int = 0
    environment: str = ""
    """That it was composed for."""

    @property
    def outcome(self) -> Outcome:
        """What webhooks said of it."""
        return Outcome(self.found_at, self.insufficient_at, self.delivered_at, self.documents, self.events)


@dataclass(frozen=True, slots=True)
class NamedMessage:
    """A message that has a control id."""

    id: int
    control_id: str
    patient_id: int | None
    message_type: str
    received_at: float


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
    webhooks: tuple[WebhookSummary, ...] = ()
    """Those that were about it, as they came."""

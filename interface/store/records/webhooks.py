"""Webhooks as they are received, stored and joined to requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from interface.delivery.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class WebhookArrival:
    """A webhook that is to be stored."""

    raw: bytes = field(repr=False)
    event: str
    """A published type, or `other`."""
    content: bytes = field(repr=False)
    """What makes it a repeat of another: its known fields."""
    peer: str
    received_at: float
    correlation_id: str | None = None
    """None: it has none that could be one of ours."""
    event_at: float | None = None
    """The time it bears, POSIX seconds."""


@dataclass(frozen=True, slots=True)
class WebhookStored:
    """What became of an arrival."""

    id: int
    """Its row, or the one that it repeats."""
    repeated: bool


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A stored webhook that waits to be joined."""

    id: int
    event: str
    received_at: float
    requests: tuple[int, ...] = ()
    """All that it names."""
    counted: frozenset[int] = frozenset()
    """Those of them that it has counted for before."""


@dataclass(frozen=True, slots=True)
class NewWebhooks:
    """Webhooks that wait, oldest first, and how things stand with the requests they name."""

    webhooks: tuple[NewWebhook, ...] = ()
    outcomes: dict[int, Outcome] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookFilter:
    """Which webhooks a list shows; None: all."""

    state: str | None = None
    event: str | None = None
    correlation_id: str | None = None
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class WebhookSummary:
    """One line of a list of webhooks."""

    id: int
    received_at: float
    peer: str
    event: str
    event_at: float | None
    correlation_id: str | None
    size: int
    duplicates: int
    last_duplicate_at: float | None
    state: str
    requests: tuple[int, ...] = ()
    """Those it was joined to."""


@dataclass(frozen=True, slots=True)
class WebhookDetail:
    """One webhook whole."""

    summary: WebhookSummary
    body: bytes | None
    """None: `problem` says why."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Overdue:
    """A portion of the requests that nobody has answered in time."""

    count: int
    after: tuple[float, int] | None
    """Where the next portion begins; None: this was the last."""

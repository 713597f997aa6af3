"""What webhooks say of a request, put together: whatever order they come in, whatever comes twice, the same comes out.

Contract (Webhooks): sent at least once, in no order, rarely wrong; `patient.insufficientData` and a document all the
same is published as a possible contradiction. A document that came is a fact: delivered wins, and it is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

FOUND = "patient.found"
INSUFFICIENT = "patient.insufficientData"
DELIVERED = "document.deliveryComplete"

NAMES = ("found", "insufficient", "delivered", "contradicting", "none")
"""What can be asked for: a contradicting one is a delivered one, too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a request; times are POSIX seconds, when we received the first webhook of the kind."""

    found_at: float | None = None
    insufficient_at: float | None = None
    delivered_at: float | None = None
    documents: int = 0
    """Webhooks that told of a delivery, each once."""
    events: int = 0
    """Webhooks of any type, each once."""

    @property
    def name(self) -> str:
        """One word for it; `none`: nothing that decides anything was said."""
        if self.delivered_at is not None:
            return "delivered"
        if self.insufficient_at is not None:
            return "insufficient"
        return "none" if self.found_at is None else "found"

    @property
    def contradicting(self) -> bool:
        """Whether it was said both that nothing can be delivered, and that something was."""
        return self.delivered_at is not None and self.insufficient_at is not None

    @property
    def text(self) -> str:
        """The same for people: `delivered (2 documents), though insufficient data was said`; '' for none."""
        if self.delivered_at is not None:
            many = "1 document" if self.documents == 1 else f"{self.documents} documents"
            though = ", though insufficient data was said" if self.contradicting else ""
            return f"delivered ({many}){though}"
        if self.insufficient_at is not None:
            return "insufficient data"
        if self.found_at is not None:
            return "found"
        return "webhooks of other types only" if self.events else ""


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook that is about the request."""

    kind: str
    """Its type; what is not published tells nothing but that something was said."""
    received_at: float


def after(outcome: Outcome, events: Iterable[Event]) -> Outcome:
    """What is known once these webhooks, which have not been counted before, are."""
    for event in events:
        outcome = _after_one(outcome, event)
    return outcome


def _after_one(outcome: Outcome, event: Event) -> Outcome:
    at = event.received_at
    counted = replace(outcome, events=outcome.events + 1)
    if event.kind == FOUND:
        return replace(counted, found_at=_first(outcome.found_at, at))
    if event.kind == INSUFFICIENT:
        return replace(counted, insufficient_at=_first(outcome.insufficient_at, at))
    if event.kind == DELIVERED:
        return replace(
            counted, delivered_at=_first(outcome.delivered_at, at), documents=outcome.documents + 1
        )
    return counted


def _first(known: float | None, at: float) -> float:
    return at if known is None else min(known, at)

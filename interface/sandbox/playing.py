"""What the simulated API tells of a request by webhook, and when: from a request and shares to a list. No clock, no sockets.

All that is drawn is drawn from the patient's correlation id, so that `--seed`, which repeats the ids, repeats this too,
in whatever order the requests come.
"""

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import orjson

FOUND = "patient.found"
INSUFFICIENT = "patient.insufficientData"
DELIVERED = "document.deliveryComplete"
MADE_UP = "sandbox.madeUp"
"""An event type that nobody has published."""

DOCUMENT_TYPES = ("medicalSummary", "medicationHistory", "encounterNotes", "labResults", "imagingReports")
"""Made up: what the vendor writes there is not published (nor are the keys of `data`)."""

_HOW_MANY_DOCUMENTS = (1, 1, 1, 2, 2, 3)


@dataclass(frozen=True)
class Play:
    """How it is played; shares are 0 to 1."""

    delay: tuple[float, float] = (0.2, 1.0)
    """Seconds from the request to its first event, and from each event to the next: least and most."""
    insufficient: float = 0.0
    """Share of the known patients for whom there is too little data."""
    no_answer: float = 0.0
    """Share of the known patients of whom nothing is heard this time."""
    contradict: float = 0.0
    """Share of the known patients with insufficient data and a document all the same."""
    repeat: float = 0.0
    """Share of the events that are sent once more."""
    lose: float = 0.0
    """Share of the events that are never sent."""
    early: float = 0.0
    """Share of the patients whose first event comes before the reply to the request."""
    unknown: float = 0.0
    """Share of the patients with one event more, of an id or of a type that nobody knows."""
    shuffle: bool = False
    """Events of a patient come in a wrong order."""
    panel_ids: bool = False
    """Version 2: events bear the panel's correlation id, not the patient's."""

    def __post_init__(self) -> None:
        shares = (
            *(self.insufficient, self.no_answer, self.contradict),
            *(self.repeat, self.lose, self.early, self.unknown),
        )
        if not all(0.0 <= share <= 1.0 for share in shares):
            raise ValueError("shares lie between 0 and 1")
        if not 0.0 <= self.delay[0] <= self.delay[1]:
            raise ValueError("a delay has its least seconds first, then its most")


class Kind(Enum):
    """How a sending came about."""

    PLAIN = "plain"
    EARLY = "early"
    """Before the reply to the request."""
    REPEAT = "repeat"
    CONTRADICTION = "contradiction"
    """A document after insufficient data."""
    UNKNOWN = "unknown"
    """An id or a type that nobody knows."""
    LOST = "lost"
    """Never sent."""


@dataclass(frozen=True)
class Event:
    """Contract: WebhookEvent, its time relative to the request."""

    type: str
    correlation_id: str
    batch_id: str
    happened: float
    """Seconds after the request was taken in."""
    data: dict[str, str] | None = None


@dataclass(frozen=True)
class Sending:
    """An event on its way."""

    delay: float
    """Seconds from the request to when it is sent."""
    kind: Kind
    event: Event


@dataclass(frozen=True)
class Patient:
    """A patient of a request that was taken in."""

    correlation_id: str
    """His own; of a request of version 1, the request's."""
    known: bool = True
    """Whether the networks can have anything of him."""


@dataclass(frozen=True)
class Taken:
    """A request that was taken in to be processed."""

    correlation_id: str
    """Of a panel, the panel's own."""
    patients: tuple[Patient, ...]
    batch_id: str | None = None
    """None: the request named none, one is made up."""


def play(request: Taken, how: Play) -> tuple[tuple[Sending, ...], ...]:
    """What is sent of each patient, in the order of sending."""
    batch = request.batch_id or _uuid(random.Random(f"batch of {request.correlation_id}"))  # noqa: S311
    return tuple(
        _Patient(
            patient, request.correlation_id if how.panel_ids else patient.correlation_id, batch, how
        ).sendings()
        for patient in request.patients
    )


def as_json(event: Event, taken_in_ns: int) -> bytes:
    """The webhook's body; `taken_in_ns`: when the request was taken in, in nanoseconds of POSIX time."""
    body: dict[str, Any] = {
        "type": event.type,
        "correlationId": event.correlation_id,
        "batchId": event.batch_id,
        "timestamp": _timestamp(taken_in_ns + round(event.happened * 1e9)),
    }
    if event.data is not None:
        body["data"] = event.data
    return orjson.dumps(body)


def _timestamp(nanoseconds: int) -> str:
    """UTC with nine fractional digits, as the vendor's example has it."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


class _Patient:
    """One patient's part. What becomes of him is drawn first: shares of what happens on the way don't change it."""

    def __init__(self, patient: Patient, shown_id: str, batch: str, how: Play) -> None:
        self._how = how
        self._shown_id = shown_id
        self._batch = batch
        self._random = random.Random(patient.correlation_id)  # noqa: S311 - made-up events, no secrets
        self._types = self._story(patient.known)

    def _hits(self, share: float) -> bool:
        return self._random.random() < share

    def _story(self, known: bool) -> tuple[str, ...]:
        how = self._how
        silent, contradicting = self._hits(how.no_answer), self._hits(how.contradict)
        insufficient, self._is_early = self._hits(how.insufficient), self._hits(how.early)
        documents = self._random.choice(_HOW_MANY_DOCUMENTS)
        # each of another type, so that none is taken for another's repeat
        self._documents = self._random.sample(DOCUMENT_TYPES, len(DOCUMENT_TYPES))
        if not known:
            return (INSUFFICIENT,)
        if silent:
            return ()
        if contradicting:
            return (INSUFFICIENT, DELIVERED)
        return (INSUFFICIENT,) if insufficient else (FOUND, *[DELIVERED] * documents)

    def sendings(self) -> tuple[Sending, ...]:
        """All that is sent of him, in the order of sending."""
        stranger = self._stranger()
        times = self._times(len(self._types))
        events = self._events(times)
        sent = [
            sending
            for number, (delay, event) in enumerate(zip(times, events, strict=True))
            for sending in self._sent(number, delay, event)
        ]
        if stranger is not None:
            sent.append(stranger)
        return tuple(sorted(sent, key=lambda sending: sending.delay))

    def _times(self, count: int) -> list[float]:
        times: list[float] = []
        for _ in range(count):
            times.append((times[-1] if times else 0.0) + self._gap())
        if self._is_early and times:
            times[0] = 0.0
        return times

    def _gap(self) -> float:
        return self._random.uniform(*self._how.delay)

    def _events(self, times: list[float]) -> list[Event]:
        """The events in the order in which they are sent."""
        shuffled = self._how.shuffle and len(times) > 1
        # sent in a wrong order, they have all happened before the first is sent: none bears a time to come
        happened = [times[0] * ((n + 1) / len(times)) for n in range(len(times))] if shuffled else times
        events = [self._event(type_, time) for type_, time in zip(self._types, happened, strict=True)]
        by = self._random.randrange(1, len(times)) if len(times) > 1 else 0
        return events[by:] + events[:by] if shuffled else events

    def _event(self, type_: str, happened: float) -> Event:
        data = {"documentType": self._documents.pop()} if type_ == DELIVERED else None
        return Event(type_, self._shown_id, self._batch, happened, data)

    def _sent(self, number: int, delay: float, event: Event) -> tuple[Sending, ...]:
        """An event's sendings: one, none or two."""
        lost, again, later = self._hits(self._how.lose), self._hits(self._how.repeat), delay + self._gap()
        if lost:
            return (Sending(delay, Kind.LOST, event),)
        first = Sending(delay, self._kind(number, event), event)
        return (first, Sending(later, Kind.REPEAT, event)) if again else (first,)

    def _kind(self, number: int, event: Event) -> Kind:
        if self._is_early and number == 0:
            return Kind.EARLY
        contradicts = event.type == DELIVERED and INSUFFICIENT in self._types
        return Kind.CONTRADICTION if contradicts else Kind.PLAIN

    def _stranger(self) -> Sending | None:
        """One event more, of an id or a type that nobody knows."""
        wanted, of_type, delay = self._hits(self._how.unknown), self._hits(0.5), self._gap()
        nobody = _uuid(self._random)
        if not wanted:
            return None
        event = Event(
            MADE_UP if of_type else FOUND, self._shown_id if of_type else nobody, self._batch, delay
        )
        return Sending(delay, Kind.UNKNOWN, event)


def _uuid(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))

"""What the work needs of the pure core that decides: its shape, so that the work runs without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeGuard


class Chart(Protocol):
    """What is known of a patient. Never changed in place: a decision returns a new one."""

    keys: Any
    """The identity keys (texts) the patient is found by."""


class Reading(Protocol):
    """A message as read."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The identity keys of the patient it is about; may be empty."""


class Reason(Protocol):
    """Why: a code and a sentence, without patient data."""

    @property
    def code(self) -> str:
        """A word that can be looked up."""

    @property
    def text(self) -> str:
        """A sentence."""


class Change(Protocol):
    """A change of one request; `is_new` and `is_rewrite` tell the three kinds apart."""

    @property
    def id(self) -> int:
        """The request's row id."""

    @property
    def state(self) -> str:
        """The state it gets."""

    @property
    def reasons(self) -> Sequence[Reason]:
        """Why."""


class Rewrite(Change, Protocol):
    """New content for a request that is not sent yet."""

    @property
    def body(self) -> bytes:
        """What will be POSTed."""

    @property
    def detail(self) -> bytes:
        """Where each value came from."""

    @property
    def appointment_date(self) -> date | None:
        """The day after which it is no longer sent."""


class NewRequest(Rewrite, Protocol):
    """A request to make."""

    @property
    def appointment(self) -> str:
        """The appointment's identity."""

    @property
    def supersedes(self) -> int | None:
        """The unsent request it takes the place of."""


class Outcome(Protocol):
    """What was decided of one message."""

    @property
    def decision(self) -> str:
        """post, chart, hold, cancel, ignore or reject."""

    @property
    def reasons(self) -> Sequence[Reason]:
        """Why."""

    @property
    def chart(self) -> Any | None:
        """The chart to store; None: unchanged."""

    @property
    def requests(self) -> Sequence[Any]:
        """Changes of requests, in order."""

    @property
    def note(self) -> bytes:
        """Fields and what was left out, for the message's row; patient data."""


class Engine(Protocol):
    """`interface.chart.decide.Engine`."""

    def read(self, raw: bytes, *, received_at: datetime, listener: str) -> Any:
        """Read a message (a `Reading`)."""

    def decide(self, reading: Any, chart: Any | None, *, now: datetime, new_id: Callable[[], int]) -> Any:
        """Decide it (an `Outcome`)."""

    def resettle(self, chart: Any, *, now: datetime, new_id: Callable[[], int]) -> Any:
        """What follows from a new day alone (an `Outcome`)."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How charts become bytes and come back."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


def is_new(change: Change) -> TypeGuard[NewRequest]:
    """Whether it makes a request."""
    return hasattr(change, "appointment")


def is_rewrite(change: Change) -> TypeGuard[Rewrite]:
    """Whether it gives an unsent request new content."""
    return hasattr(change, "body") and not hasattr(change, "appointment")

"""A round of the production test: ten slots, and which requests have them. Values and what follows from them; no SQL.

A slot is kept for good once the API has, or may have, said yes. Before that it is its request's while that one waits or is
being sent; whatever else becomes of the request frees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOST = 10
"""Requests that the vendor wants at most in a production test."""
ENOUGH = 5
"""And at least."""
PRODUCTION_TEST = "production-test"
"""The environment in which a claim takes a slot."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot that was taken, and what is known of its request now."""

    number: int
    """1 to 10."""
    request_id: int
    taken_at: float
    ended_at: float | None = None
    """When its last attempt ended."""
    accepted: bool = False
    doubtful: bool = False
    """An attempt may have arrived, and nobody saw the answer."""
    state: str = ""
    """The request's; empty: it is kept no longer."""

    @property
    def said_yes(self) -> bool:
        """Whether the API has accepted the request, or may have."""
        return self.accepted or self.doubtful

    @property
    def is_held(self) -> bool:
        """Whether the slot is taken still."""
        return self.said_yes or self.state in ("waiting", "sending")

    @property
    def went_out(self) -> bool:
        """Whether the API has, or may have by now, what was sent: a newer request needs a slot of its own."""
        return self.said_yes or self.state == "sending"


@dataclass(frozen=True, slots=True)
class Round:
    """A round as it stands."""

    number: int
    began_at: float
    """POSIX seconds; 0: with the store."""
    began_by: str = ""
    by_hand: bool = False
    """Persons choose; else the first complete ones are taken."""
    copied: bool = False
    """The store is a copy: which slots the round has taken since is not known, and no new one is given."""
    slots: tuple[Slot, ...] = ()
    """By number; at most one for each."""

    @property
    def held(self) -> dict[int, Slot]:
        """The taken slots by request."""
        return {slot.request_id: slot for slot in self.slots if slot.is_held}

    @property
    def free(self) -> tuple[int, ...]:
        """The numbers of the slots that may be taken."""
        if self.copied:
            return ()
        taken = {slot.number for slot in self.slots if slot.is_held}
        return tuple(number for number in range(1, MOST + 1) if number not in taken)

    @property
    def is_over(self) -> bool:
        """Whether all slots are kept for good, and none is tried again: nothing more is sent."""
        ended = [slot for slot in self.slots if slot.said_yes and slot.state not in ("waiting", "sending")]
        return len(ended) >= MOST

    @property
    def accepted(self) -> int:
        """How many requests the API has accepted."""
        return sum(slot.accepted for slot in self.slots)

    def given(self, requests: Iterable[int]) -> dict[int, int]:
        """The slot that each of these requests takes newly, as far as there are any; those that have one take none."""
        held = self.held
        return dict(zip((id_ for id_ in requests if id_ not in held), self.free, strict=False))

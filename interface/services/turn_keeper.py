"""Whose turn it is to decide messages, as one node sees it. Where one daemon has the store for itself it always is his."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Protocol

from interface.store.leases import POLL_SECONDS, Hold, Seen

LONGEST_POLL_SECONDS = 1.0
"""How often it is looked whether there is something to do, at least: a wake-up may be lost."""


class TurnStore(Protocol):
    """What is needed of the store: `interface.store.work.Work`."""

    node: str

    @property
    def shared(self) -> bool:
        """Whether other nodes may use it."""

    def take_turn(self) -> Hold | None:
        """The turn; None: another node has it."""

    def give_turn_back(self, hold: Hold) -> None:
        """Let others have it."""

    def settled(self, hold: Hold, day: date) -> None:
        """All open requests are settled for a day. TurnLost."""

    def look(self, most: int) -> Seen:
        """Who has the turn, and what there is to do."""


class TurnKeeper:
    """Takes the turn when there is something to do, and gives it back. The loop's; the pulse reads `hold`."""

    def __init__(self, store: TurnStore, renew: Callable[[], None]) -> None:
        """`renew` forgets what was known of charts and ids: somebody else may have changed them."""
        self._store = store
        self._renew = renew
        self._last: Hold | None = None
        self._settled_on = ""
        self.hold: Hold | None = None
        self.alone = not store.shared
        """Nobody waits for the turn: it is kept. Set by the pulse."""

    @property
    def poll_seconds(self) -> float:
        """How often to look whether there is something to do that nobody woke us for."""
        return POLL_SECONDS if self._store.shared else LONGEST_POLL_SECONDS

    def obtain(self, *, wanted: bool, waiting: int) -> bool:
        """Have the turn when it is to be had and there is something to do; `wanted`: there is, whatever the store says.

        `waiting` messages are known and wait. Raises StoreError.
        """
        if self.hold is not None:
            return True
        if self._store.shared:
            seen = self._store.look(waiting + 1)
            self._settled_on = seen.settled_on
            something = wanted or seen.commands or seen.new_messages > waiting
            if not (something and seen.is_free(self._store.node)):
                return False
        hold = self._store.take_turn()
        if hold is None:
            return False
        if not hold.follows(self._last):
            self._renew()
        self.hold = self._last = hold
        self._settled_on = hold.settled_on
        return True

    def settled(self, today: date) -> None:
        """All open requests are settled for today. Raises StoreError."""
        if self._store.shared and self.hold is not None and self._settled_on != today.isoformat():
            self._store.settled(self.hold, today)
            self._settled_on = today.isoformat()

    def unsettle(self) -> None:
        """What the environment forbids is another: that all were settled for today counts no more."""
        self._settled_on = ""

    def is_settled(self, today: date) -> bool:
        """Whether some node has settled all open requests for the day: before, nothing may be sent."""
        return self._settled_on == today.isoformat()

    def may_give_back(self) -> bool:
        """Whether somebody may wait for the turn."""
        return self.hold is not None and not self.alone

    def gone(self) -> None:
        """The turn is not ours any more."""
        self.hold = None

    def give_back(self) -> None:
        """Let others have it. Raises StoreError: then it lapses."""
        hold, self.hold = self.hold, None
        if hold is not None and self._store.shared:
            self._store.give_turn_back(hold)

"""Back-pressure over all listeners: a bound on the bytes that wait for the journal.

When the disk is slower than the network, the door stops reading from everybody, and the senders' own queues
hold what comes: TCP tells them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from interface.services.taken import Taken

HIGH_BYTES = 128 * 1024 * 1024
"""Bytes waiting at which all reading stops."""


class Pausable(Protocol):
    """A connection as the gate knows it."""

    def shut(self) -> None:
        """Read nothing until `open` is called."""

    def open(self) -> None:
        """The gate holds it no longer."""

    def settle(self, taken: Taken) -> None:
        """The journal is done with a frame of this connection."""

    def release(self) -> None:
        """Send the answers that are ready, in order."""


class Gate:
    """Counts what is under way between the connections and the journal. Reactor thread only."""

    def __init__(
        self,
        submit: Callable[[Sequence[Taken]], None],
        high_bytes: int = HIGH_BYTES,
        low_bytes: int | None = None,
        *,
        soon: Callable[[Callable[[], None]], object] = lambda call: call(),
    ) -> None:
        """`submit` hands frames to the journal; reading stops above `high_bytes` and goes on below
        `low_bytes`, half of them when None. `soon` calls when all is read that has come by now.
        """
        self._submit = submit
        self._soon = soon
        self._taken: list[Taken] = []
        self._high = high_bytes
        self._low = high_bytes // 2 if low_bytes is None else low_bytes
        self._connections: set[Pausable] = set()
        self.waiting_bytes = 0
        self.waiting_frames = 0
        self.is_shut = False

    def join(self, connection: Pausable) -> None:
        """A new connection; it starts paused when the gate is shut."""
        self._connections.add(connection)
        if self.is_shut:
            connection.shut()

    def leave(self, connection: Pausable) -> None:
        """A connection is gone."""
        self._connections.discard(connection)

    def take(self, batch: Sequence[Taken]) -> None:
        """Frames go to the journal, together with what other connections bring in the same turn of the reactor. Handed over
        at once, the first would be stored alone, at the cost of all: 14 us of 104 a message at 64 connections.
        """
        self.waiting_frames += len(batch)
        for taken in batch:
            self.waiting_bytes += taken.size
        waits = bool(self._taken)
        self._taken += batch
        if len(self._connections) <= 1:
            self.hand_over()
        elif not waits:
            self._soon(self.hand_over)
        if self.waiting_bytes > self._high and not self.is_shut:
            self.is_shut = True
            for connection in tuple(self._connections):
                connection.shut()

    def hand_over(self) -> None:
        """What was taken goes to the journal now."""
        if self._taken:
            taken, self._taken = self._taken, []
            self._submit(taken)

    def settled(self, batch: Sequence[Taken]) -> None:
        """The journal gives frames back (stored or not): each connection sends the answers whose turn has
        come."""
        touched: dict[Pausable, None] = {}
        for taken in batch:
            self.waiting_bytes -= taken.size
            connection: Pausable = taken.lane  # type: ignore[assignment]
            connection.settle(taken)
            touched[connection] = None
        self.waiting_frames -= len(batch)
        for connection in touched:
            connection.release()
        if self.is_shut and self.waiting_bytes <= self._low:
            self.is_shut = False
            for connection in tuple(self._connections):
                connection.open()

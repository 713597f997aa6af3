"""A listener: accepts whom it may, counts, and ends its connections in good order."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory

from interface.services.access import Network, permits
from interface.services.connection import Limits, MLLPConnection
from interface.services.descriptors import Places
from interface.services.gate import Gate
from interface.services.logs import event
from interface.services.metrics import ListenerCounts
from interface.services.pace import Pace
from interface.services.secured import SecuredConnection
from interface.services.taken import Answering, Source, Taken
from interface.services.timing import Clock
from interface.services.turned_away import TurnedAway

log = logging.getLogger(__name__)


CLOSED = "listener-closed"


class MLLPFactory(ServerFactory):
    """One listener: accepts whom it may, and holds what its connections share."""

    noisy = False

    def __init__(
        self,
        name: str,
        gate: Gate,
        counts: ListenerCounts,
        clock: Clock,
        *,
        allow: Sequence[Network] = (),
        limits: Limits | None = None,
        answering: Answering | None = None,
        secured: bool = False,
        places: Places | None = None,
        messages_per_second: float | None = None,
        charset: str | None = None,
        control_ids: Callable[[], str],
        now: Callable[[], datetime],
        closed: Callable[[], str] = str,
    ) -> None:
        """`name` as in the settings; `clock` is the reactor or a test's; `allow` empty means loopback only.

        `secured`: its connections are within TLS. `places`: those of all listeners together.
        `messages_per_second`: of one address. `charset`: of messages without MSH-18. `control_ids` and `now` (aware) give
        each ACK its MSH-10 and MSH-7. `closed` says why nobody may connect at the moment; '': they may.
        """
        self.name = name
        self.gate = gate
        self.counts = counts
        self.clock = clock
        self.allow = tuple(allow)
        self.limits = limits or Limits()
        self.answering = answering or Answering()
        self.connections: set[MLLPConnection] = set()
        self._protocol = SecuredConnection if secured else MLLPConnection
        self._places = places or Places(self.limits.max_connections)
        self._pace = None if messages_per_second is None else Pace(messages_per_second)
        self._accepted = 0
        self._of: Counter[str] = Counter()
        self._turned_away = TurnedAway()
        self._charset = charset
        self._control_ids = control_ids
        self._now = now
        self._closed = closed
        self._stopping = False
        self._whenever_empty: Callable[[], None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802
        """Accept or refuse (None: closed before any byte is read), by the address and the number of
        connections."""
        host, port = getattr(addr, "host", ""), getattr(addr, "port", 0)
        refused = self._refusal(host)
        if refused is not None:
            self.refused(refused, host, self._closed() if refused == CLOSED else "")
            return None
        self._accepted += 1
        self._places.taken += 1
        self._of[host] += 1
        peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return self._protocol(self, Source(self.name, peer, self._charset))

    def _refusal(self, host: str) -> str | None:
        if self._stopping:
            return "stopping"
        if self._closed():
            return CLOSED
        if not permits(self.allow, host):
            return "not-allowed"
        if self._accepted >= self.limits.max_connections:
            return "too-many"
        if self._places.full:
            return "too-many-files"
        return "too-many-of-address" if self._of[host] >= self.limits.max_connections_per_address else None

    def refused(self, reason: str, host: str, problem: str = "") -> None:
        """A connection was not taken, or no further. Counted always; said so that a scan cannot fill the log."""
        self.counts.refused[reason] += 1
        count = self._turned_away.to_be_said(reason, f"{host} {problem}", self.clock.seconds())
        if count is not None:
            more = {"problem": problem} if problem else {}
            event(
                log,
                logging.WARNING,
                "refused",
                listener=self.name,
                reason=reason,
                host=host,
                so_far=count,
                **more,
            )

    def connected(self, connection: MLLPConnection) -> None:
        """A connection begins."""
        self.connections.add(connection)
        self.counts.connections += 1
        self.counts.accepted += 1
        self.gate.join(connection)

    def disconnected(self, connection: MLLPConnection) -> None:
        """A connection ends."""
        self.connections.discard(connection)
        self._accepted -= 1
        self._places.taken -= 1
        host = connection.source.host
        self._of[host] -= 1
        if not self._of[host]:
            del self._of[host]
        self.counts.connections -= 1
        self.gate.leave(connection)
        if not self.connections and self._whenever_empty is not None:
            empty, self._whenever_empty = self._whenever_empty, None
            empty()

    def pause_for(self, source: Source, batch: Sequence[Taken]) -> float:
        """Seconds for which an address that has sent so much more is read no further."""
        if self._pace is None:
            return 0.0
        messages = sum(len(taken.arrivals) for taken in batch)
        return self._pace.wait(source.host, messages, self.clock.seconds())

    def settle(self, taken: Taken) -> None:
        """Make the answer and count it."""
        self.answering.settle(taken, self._now(), self._control_ids())
        self.counts.answered[taken.code or "none"] += 1
        if taken.stored is not None:
            for stored in taken.stored:
                self.counts.received[stored.receipt] += 1
            self.counts.last_message_at = time.time()
        elif taken.receipt is not None:
            self.counts.received[taken.receipt.value] += 1

    def finish(self, empty: Callable[[], None]) -> None:
        """Accept nobody, take nothing more, answer what was taken; `empty` is called when the last connection
        is gone."""
        self._stopping = True
        if not self.connections:
            empty()
            return
        self._whenever_empty = empty
        for connection in tuple(self.connections):
            connection.finish()

    def abort(self) -> None:
        """Close what is left, at once."""
        for connection in tuple(self.connections):
            connection.abort()

"""One MLLP connection: takes frames off the wire and answers them in order.

Many messages may be under way on one connection. Each frame holds a place in its connection's queue of
answers; the journal finishes frames in batches, and a connection sends what is ready from the head of its
queue. Reading pauses for five reasons, each a bit of its own; it goes on when none is left.
"""

import logging
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Shape

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from interface.hl7.framing import VT, Frame, FrameDecoder, Oversized
from interface.services.gate import Gate
from interface.services.logs import event
from interface.services.metrics import ListenerCounts
from interface.services.taken import Answering, Source, Taken, take, take_oversized
from interface.services.timing import Clock, Timer, cancel

log = logging.getLogger(__name__)

MAX_PENDING = 64
"""Frames of one connection under way at which it is read no further."""
MAX_PENDING_BYTES = 64 * 1024 * 1024
LINGER_SECONDS = 2.0
"""After the last answer we close our half and read on (discarding) so long: closing with unread bytes would
reset the connection, and a reset can destroy answers that the sender has not read yet."""
HANDSHAKE_SECONDS = 10.0
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""Seconds of silence before TCP asks whether the sender is still there, between questions, and questions
asked."""

ANSWERS = 1
"""Paused: too many answers pending."""
WRITING = 2
"""Paused: the sender does not read its answers."""
GATE = 4
"""Paused: too much waits for the journal, over all connections."""
FINISHING = 8
"""Paused for good: the connection closes when it is answered."""
PACE = 16
"""Paused for a moment: its sender is faster than its listener's messages_per_second."""

TLS_HELLO = b"\x16\x03"
"""How everyone begins who speaks TLS, and no one who speaks MLLP."""
MOST_RESTARTS = 10
"""Times that a frame may be begun anew, with all its time; who does it again and again gets no more of it."""
MOST_JUNK = 64 * 1024
"""Bytes outside frames of a sender that has not sent a frame yet: with more it speaks something else."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A listener's limits, from its section of the settings file."""

    max_message_bytes: int = 32 * 1024 * 1024
    max_connections: int = 256
    frame_seconds: float = 30.0
    max_connections_per_address: int = 128
    handshake_seconds: float = HANDSHAKE_SECONDS
    """For TLS, from the connection on."""
    max_pending: int = MAX_PENDING
    max_pending_bytes: int = MAX_PENDING_BYTES
    linger_seconds: float = LINGER_SECONDS


class Shared(Shape):
    """What the connections of one listener share."""

    gate: Gate
    counts: ListenerCounts
    clock: Clock
    limits: Limits
    answering: Answering

    def connected(self, connection: "MLLPConnection") -> None:
        """A connection begins."""

    def disconnected(self, connection: "MLLPConnection") -> None:
        """A connection ends."""

    def refused(self, reason: str, host: str, problem: str = "") -> None:
        """A connection is not taken, or no further."""

    def pause_for(self, source: Source, batch: Sequence[Taken]) -> float:
        """Seconds for which an address that has sent so much more is read no further."""
        ...

    def settle(self, taken: Taken) -> None:
        """Make a frame's answer and count it."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class MLLPConnection(Protocol):
    """One sender's connection. It is the `Lane` its frames are stored along."""

    transport: Any

    def __init__(self, shared: Shared, source: Source) -> None:
        self.shared = shared
        self.source = source
        self.broken = False
        self.seen = False
        self._decoder = FrameDecoder(shared.limits.max_message_bytes)
        self._pending: deque[Taken] = deque()
        self._pending_bytes = 0
        self._paused = 0
        self._gone = False
        self._closing = False
        self._peer_done = False
        self._junk = 0
        self._discarded = 0
        self._restarts = 0  # since a frame was whole
        self._known = False  # whether a frame has ever begun
        self._frame_since: float | None = None
        self._timer: Timer | None = None
        self._pacing: Timer | None = None
        self._socket: socket.socket | None = None  # on which answers go at once

    # ---- life ----

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Set the socket's options; let the transport pause us while the sender does not read."""
        wire = self._tcp()
        if ITCPTransport.providedBy(wire):
            wire.setTcpNoDelay(True)
            wire.setTcpKeepAlive(True)
            handle = wire.getHandle()
            for option, value in KEEPALIVE.items():
                if hasattr(socket, option):
                    handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
            self._socket = handle if wire is self.transport else None
        self.transport.registerProducer(self, True)
        self.shared.connected(self)

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: ARG002, N802
        """The connection is gone. What was taken is stored all the same; its sender will send it again."""
        self._gone = True
        self._stop_timer()
        cancel(self._pacing)
        self._pending.clear()
        if self._decoder.unfinished and not self._paused & FINISHING:
            self.shared.counts.discarded["unfinished"] += 1
        self.shared.disconnected(self)

    def readConnectionLost(self) -> None:  # noqa: N802
        """The sender is done sending but may still read: answer what it sent, then close."""
        self._peer_done = True
        if self._closing:
            self.transport.loseConnection()
        else:
            self.finish()

    def writeConnectionLost(self) -> None:  # noqa: N802
        """Our half is closed; the sender's end follows, or the linger timer."""

    # ---- reading ----

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Bytes off the wire, in pieces of any size."""
        if self._paused & FINISHING:
            return  # read only so that closing does not reset the connection
        if not self._known and not self._greeting(data):
            return
        decoder, counts = self._decoder, self.shared.counts
        counts.bytes += len(data)
        frames = decoder.feed(data)
        fresh = bool(frames)
        if frames:
            self._restarts = 0
        if decoder.junk_bytes != self._junk or decoder.discarded_frames != self._discarded:
            restarts = decoder.discarded_frames - self._discarded
            counts.junk_bytes += decoder.junk_bytes - self._junk
            counts.discarded["restarted"] += restarts
            self._restarts += restarts
            fresh = fresh or 0 < restarts <= self._restarts <= MOST_RESTARTS
            self._junk, self._discarded = decoder.junk_bytes, decoder.discarded_frames
        if frames:
            self._take(frames)
        if decoder.unfinished or (self._junk and not self._known):
            self._watch(fresh)
        else:
            self._frame_since = None

    def _greeting(self, data: bytes) -> bool:
        """Look at what comes before the first frame: False: it is not MLLP, and the connection ends."""
        if not self._junk and data.startswith(TLS_HELLO):
            self._turn_away("tls-on-plain-port", "it speaks TLS, and this port does not")
            return False
        if VT in data:
            self._known, self._frame_since = True, None
        elif self._decoder.junk_bytes > MOST_JUNK:
            self._turn_away("not-mllp", "no frame in all that it sent")
            return False
        return True

    def _turn_away(self, reason: str, problem: str) -> None:
        self.shared.refused(reason, self.source.host, problem)
        self.finish()

    def _take(self, frames: Sequence[Frame | Oversized]) -> None:
        received_at = time.time()
        batch: list[Taken] = []
        oversized = False
        for item in frames:
            if isinstance(item, Frame):
                taken = take(item.payload, self.source, self, received_at)
            else:
                taken = take_oversized(item, self)
            self._pending.append(taken)
            self._pending_bytes += taken.size
            if taken.receipt is None:
                batch.append(taken)
                continue
            self.shared.settle(taken)
            oversized = True
            event(
                log,
                logging.WARNING,
                "frame-over-limit",
                listener=self.source.listener,
                peer=self.source.peer,
            )
            break  # what is behind it in these bytes comes again
        if batch:
            self.shared.gate.take(batch)
            wait = self.shared.pause_for(self.source, batch)
            if wait:
                self._pause(PACE)
                cancel(self._pacing)
                self._pacing = self.shared.clock.callLater(wait, self._resume, PACE)
        if oversized:
            self.finish()
            self.release()
        limits = self.shared.limits
        if len(self._pending) >= limits.max_pending or self._pending_bytes >= limits.max_pending_bytes:
            self._pause(ANSWERS)

    # ---- answering ----

    def not_stored(self) -> None:
        """From the journal's thread: with `not_stored = "close"` nothing that follows may be stored."""
        if self.shared.answering.not_stored == "close":
            self.broken = True

    def settle(self, taken: Taken) -> None:
        """A frame is stored, or could not be: make its answer."""
        self.shared.settle(taken)

    def release(self) -> None:
        """Send what is ready, in order, and close when this was the end."""
        if self._gone:
            return
        pending, ready, silent = self._pending, [], False
        while pending and pending[0].settled and not silent:
            taken = pending.popleft()
            self._pending_bytes -= taken.size
            if taken.answer is not None:
                ready.append(taken.answer)
            elif taken.stored is None:
                silent = True
        if ready and not self._closing:
            self._write(b"".join(ready))
        if silent:
            # Behind an unanswered message nothing is answered: the sender's queue starts again at that
            # message.
            pending.clear()
            self.finish()
        elif self._paused & ANSWERS and self._has_room():
            self._resume(ANSWERS)
        if self._paused & FINISHING and not pending:
            self._close()

    def _write(self, answers: bytes) -> None:
        """Send what the socket takes at once; the reactor's way, round by its poll, costs 20 us of 120 a message."""
        if self._socket is not None:
            try:
                sent = self._socket.send(answers)
            except OSError:  # it is full, or gone: the transport finds out which
                sent = 0
            if sent == len(answers):
                return
            self._socket = None  # what follows goes behind what the transport has now
            answers = answers[sent:]
        self.transport.write(answers)

    def _has_room(self) -> bool:
        limits: Limits = self.shared.limits
        few = len(self._pending) * 2 <= limits.max_pending
        return few and self._pending_bytes * 2 <= limits.max_pending_bytes

    # ---- closing ----

    def finish(self) -> None:
        """Take nothing more; answer what was taken; close."""
        if self._gone or self._paused & FINISHING:
            return
        self._stop_timer()
        self._pause(FINISHING)
        if not self._pending:
            self._close()

    def _close(self) -> None:
        """Everything is answered: close our half; the rest when the sender has closed too or time is up."""
        if self._closing:
            return
        self._closing = True
        self.transport.unregisterProducer()
        if self._peer_done:
            self.transport.loseConnection()
            return
        self._end_writing()
        self.transport.resumeProducing()
        self._timer = self.shared.clock.callLater(
            self.shared.limits.linger_seconds, self.transport.abortConnection
        )

    def _end_writing(self) -> None:
        """Say behind the last answer that none follows."""
        self.transport.loseWriteConnection()

    def _tcp(self) -> Any:
        """The connection's TCP, on which its options are set."""
        return self.transport

    def abort(self) -> None:
        """Close at once, answered or not."""
        if not self._gone:
            self.transport.abortConnection()

    # ---- pausing ----

    @property
    def paused(self) -> bool:
        """Whether nothing is read."""
        return bool(self._paused)

    @property
    def finishing(self) -> bool:
        """Whether it is being ended from our side."""
        return bool(self._paused & FINISHING)

    def pauseProducing(self) -> None:  # noqa: N802
        """The transport's buffer is full: the sender does not read its answers."""
        self._pause(WRITING)

    def resumeProducing(self) -> None:  # noqa: N802
        """The sender reads again."""
        self._resume(WRITING)

    def stopProducing(self) -> None:  # noqa: N802
        """The transport is gone; connectionLost follows."""

    def shut(self) -> None:
        """The gate shuts: read nothing."""
        self._pause(GATE)

    def open(self) -> None:
        """The gate opens."""
        self._resume(GATE)

    def _pause(self, reason: int) -> None:
        if not self._paused and not self._gone:
            self.transport.pauseProducing()
        self._paused |= reason

    def _resume(self, reason: int) -> None:
        if not self._paused & reason:
            return
        self._paused &= ~reason
        if not self._paused and not self._gone:
            if self._frame_since is not None:
                self._watch(True)  # the time we did not read is not the sender's
            self.transport.resumeProducing()

    # ---- the time limit of an unfinished frame ----

    def _watch(self, fresh: bool) -> None:
        """A frame has begun (`fresh`) or goes on. The timer is not moved for each: it looks again when it
        fires."""
        now = self.shared.clock.seconds()
        if fresh or self._frame_since is None:
            self._frame_since = now
        if self._timer is None and not self._paused:
            self._timer = self.shared.clock.callLater(self.shared.limits.frame_seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._frame_since is None or self._paused:
            return
        rest = self._frame_since + self.shared.limits.frame_seconds - self.shared.clock.seconds()
        if rest > 0:
            self._timer = self.shared.clock.callLater(rest, self._look)
            return
        if not self._known:
            self._turn_away("not-mllp", "no frame in what it sent")
            return
        self.shared.counts.discarded["timeout"] += 1
        event(log, logging.WARNING, "frame-unfinished", listener=self.source.listener, peer=self.source.peer)
        self.finish()

    def _stop_timer(self) -> None:
        cancel(self._timer)
        self._timer = None

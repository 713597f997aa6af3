"""The couriers: threads that POST claimed requests and hand back what came of it. They decide and store
nothing.

What one POST is about is a parcel: one job, or several of different patients in a panel (version 2). Parcels go in by
a queue, attempts come out by a deque and one byte on a pipe that the work's loop selects on.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol

from interface.delivery.panel import alone
from interface.delivery.verdict import Reply


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed request: our row ids, the body to send as stored, and what is known of earlier attempts.

    `failing_since`: when one first failed in a way that may be the request's own fault; `paused_at`: when one last
    paused the destination. POSIX seconds; None: never. `fence`: the
    claim's number.
    """

    request_id: int
    patient_id: int
    body: bytes = field(repr=False)
    attempts: int = 0
    failing_since: float | None = None
    paused_at: float | None = None
    fence: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a job: when it began and ended (seconds, the work's clock) and the reply.

    `error` is '' unless our own code failed: then where, as `Class at module:line`. `place` is the job's in its
    parcel: the first one speaks for the POST.
    """

    job: Job
    started: float
    ended: float
    reply: Reply
    error: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """How requests travel: the body that is POSTed, and what its reply says of each, in the same order."""

    wrap: Callable[[Sequence[bytes]], bytes] = b"".join
    split: Callable[[Reply, int], tuple[Reply, ...]] = alone


ONE = Envelope()
"""Version 1: the request is the body."""


class Post(Protocol):
    """What a courier thread sends with; `http_client.Poster` is one."""

    def post(self, body: bytes) -> Reply:
        """Send and say what came back."""

    def close(self) -> None:
        """Drop the connection."""


class Couriers:
    """`count` threads. `put`, `collect` and `stop` are called by one thread, the work's loop."""

    def __init__(
        self, poster: Callable[[], Post], count: int, now: Callable[[], float], envelope: Envelope = ONE
    ) -> None:
        self._poster = poster
        self._now = now
        self._envelope = envelope
        self._parcels: SimpleQueue[tuple[Job, ...] | None] = SimpleQueue()
        self._attempts: deque[list[Attempt]] = deque()
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        os.set_blocking(self._wake_in, False)
        self._in_flight = 0
        self._count = count
        self._threads: list[threading.Thread] = []

    @property
    def in_flight(self) -> int:
        """Parcels handed out whose attempts were not collected yet."""
        return self._in_flight

    @property
    def free(self) -> int:
        """How many more parcels would start at once."""
        return max(0, self._count - self._in_flight)

    def fileno(self) -> int:
        """Readable when attempts are ready: for select()."""
        return self._wake_out

    def put(self, *jobs: Job) -> None:
        """Hand out a parcel: jobs of different patients, one POST.

        Threads (and their connections) are started as they come to be needed.
        """
        self._in_flight += 1
        if self._in_flight > len(self._threads) and len(self._threads) < self._count:
            name = f"courier-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._parcels.put(jobs)

    def collect(self) -> list[Attempt]:
        """The attempts that ended since the last call, in the order they ended; one for each job of a parcel."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake_out, 4096):
                pass
        ended: list[Attempt] = []
        while self._attempts:
            ended += self._attempts.popleft()
            self._in_flight -= 1
        return ended

    def stop(self, seconds: float) -> None:
        """Tell the threads to end and wait for them, all together at most `seconds`. Ended attempts can still
        be collected afterwards; a thread that hangs is left behind (it is a daemon thread).
        """
        for _ in self._threads:
            self._parcels.put(None)
        deadline = self._now() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._now()))

    def close(self) -> None:
        """Close the pipe. Only after `stop`, when no thread is left that could write to it."""
        if not any(thread.is_alive() for thread in self._threads):
            os.close(self._wake_out)
            os.close(self._wake_in)

    def _run(self) -> None:
        poster: Post | None = None
        while (jobs := self._parcels.get()) is not None:
            started = self._now()
            error = ""
            try:
                poster = poster or self._poster()
                reply = poster.post(self._envelope.wrap([job.body for job in jobs]))
                replies = self._envelope.split(reply, len(jobs))
            except Exception as failed:  # whatever it was, the requests must come back to the loop
                replies, error = (Reply(failure="other", together=len(jobs)),) * len(jobs), where(failed)
                _dropped(poster)
                poster = None
            ended = self._now()
            pairs = enumerate(zip(jobs, replies, strict=True))
            self._attempts.append(
                [Attempt(job, started, ended, own, error, place) for place, (job, own) in pairs]
            )
            self._wake()
        _dropped(poster)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # then the pipe is full of wake-ups already
            os.write(self._wake_in, b"\0")


def _dropped(poster: Post | None) -> None:
    with contextlib.suppress(Exception):
        if poster is not None:
            poster.close()


def where(failed: BaseException) -> str:
    """`Class at module:line` of an exception, without its text, which may hold patient data."""
    frame = failed.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return type(failed).__name__
    module = frame.tb_frame.f_globals.get("__name__", "?")
    return f"{type(failed).__name__} at {module}:{frame.tb_lineno}"

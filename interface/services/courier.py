"""The couriers: they have claimed requests POSTed and hand back what came of it. They decide and store nothing.

What one POST is about is a parcel: one job, or several of different patients in a panel (version 2). Bodies go to a
process that POSTs them (`posting`), and what came of each comes back from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from interface.delivery.panel import alone
from interface.delivery.verdict import Reply
from interface.services.posting_line import Posted, ToPost


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
class GivenBack:
    """A job that was not sent: its couriers were all busy, or the destination gave cause to think first."""

    job: Job


@dataclass(frozen=True, slots=True)
class Envelope:
    """How requests travel: the body that is POSTed, and what its reply says of each, in the same order."""

    wrap: Callable[[Sequence[bytes]], bytes] = b"".join
    split: Callable[[Reply, int], tuple[Reply, ...]] = alone


ONE = Envelope()
"""Version 1: the request is the body."""


class PostsBodies(Protocol):
    """What couriers POST with; `posting.Posting` is one."""

    def fileno(self) -> int:
        """Readable when something came back."""

    def put(self, bodies: Sequence[ToPost]) -> None:
        """POST these."""

    def collect(self) -> list[Posted]:
        """What came back since the last call."""


RESTS_SECONDS = 5.0
"""How long nothing is handed out ahead after something came back unsent."""


class Couriers:
    """At most `most` POSTs side by side. For one thread, the work's loop."""

    def __init__(
        self,
        posting: PostsBodies,
        most: int,
        now: Callable[[], float],
        envelope: Envelope = ONE,
        ahead: int = 0,
    ) -> None:
        """`now`: the work's clock, seconds. `ahead`: how many more parcels may wait for a courier that is back: else each
        waits for a turn of ours.
        """
        self._posting = posting
        self._now = now
        self._envelope = envelope
        self._most = most
        self._most_ahead = ahead
        self._ahead_from = 0.0
        """When parcels may be handed out ahead again, by the monotonic clock."""
        self._numbers = count(1)
        self._parcels: dict[int, Sequence[Job]] = {}

    @property
    def in_flight(self) -> int:
        """Parcels handed out whose attempts were not collected yet."""
        return len(self._parcels)

    @property
    def free(self) -> int:
        """How many more parcels would start at once."""
        return max(0, self._most - len(self._parcels))

    @property
    def ahead(self) -> int:
        """How many more besides `free` may be handed out, to wait for the first that is."""
        if not self._most_ahead or time.monotonic() < self._ahead_from:
            return 0
        return max(0, self._most + self._most_ahead - max(self._most, len(self._parcels)))

    @property
    def wants_more(self) -> bool:
        """Whether more should be handed out at once: a courier is free, or soon none may wait for it."""
        return self.free > 0 or self.ahead * 2 > self._most_ahead

    def fileno(self) -> int:
        """Readable when attempts are ready: for select()."""
        return self._posting.fileno()

    def put(self, parcels: Sequence[Sequence[Job]], claimed_at: float) -> None:
        """Hand out parcels: each the jobs of different patients, one POST. `claimed_at`: when their claim began, by the
        monotonic clock.
        """
        bodies = []
        for jobs in parcels:
            number = next(self._numbers)
            self._parcels[number] = jobs
            bodies.append(ToPost(number, self._envelope.wrap([job.body for job in jobs]), claimed_at))
        self._posting.put(bodies)

    def collect(self) -> list[Attempt | GivenBack]:
        """What ended since the last call, in the order it ended; one for each job of a parcel."""
        ended: list[Attempt | GivenBack] = []
        ahead = self._now() - time.monotonic()
        for posted in self._posting.collect():
            jobs = self._parcels.pop(posted.number)
            if posted.reply is None:
                self._ahead_from = time.monotonic() + RESTS_SECONDS
                ended += map(GivenBack, jobs)
                continue
            started, until = posted.started + ahead, posted.ended + ahead
            replies = self._envelope.split(posted.reply, len(jobs))
            for place, (job, reply) in enumerate(zip(jobs, replies, strict=True)):
                ended.append(Attempt(job, started, until, reply, posted.error, place))
        return ended

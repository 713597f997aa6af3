"""What is looked at from time to time so that somebody hears of it before it is too late: room on the disk, the size of
the WAL, and how many messages wait to be decided.

Each has a level at which it begins and one at which it ends, apart from each other, so that a value that sways around one
of them is told once.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from interface.services.logs import event, where
from interface.services.timing import Timer, cancel
from interface.store.database import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
LARGE_WAL_BYTES = 256 * 1024 * 1024
"""Four times what SQLite cuts it to: somebody has been reading for long, and the file can't shrink meanwhile."""
LATE_SECONDS = 600
"""A message waits a moment for its turn, and at most for the POST of its patient that is under way."""
MOST_WEBHOOKS_WAITING = 100_000
"""Webhooks that wait to be joined at which no more are taken: they are sent again."""
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """One look."""

    free_bytes: int | None
    """None: the disk is a server's."""
    wal_bytes: int
    waiting: int
    """Messages not decided yet; counted no further than a little above the limit."""
    late_seconds: int = 0
    """How long the oldest of them has been waiting."""
    size_bytes: int = 0
    """Of the store."""
    webhooks: int = 0
    """Those that wait to be joined, counted as `waiting` is."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Something that begins and ends: the names of its log lines, and the values at which it does."""

    begins: str
    ends: str
    value: Callable[[Seen], int]
    bad: int
    """It begins at this value."""
    good: int
    """It ends at this one. Below `bad`: large values are bad; above it: small ones are."""
    text: Callable[[int], str]
    """What is to be said of a value."""

    def holds(self, seen: Seen, held: bool) -> bool:
        """Whether it is so now, having been so before (`held`) or not."""
        value, upwards = self.value(seen), self.bad > self.good
        limit = self.good if held else self.bad
        if upwards:
            return value > limit if held else value >= limit
        return value < limit if held else value <= limit


def edges(disk_low_bytes: int, most_waiting: int) -> tuple[Edge, ...]:
    """Low disk, large WAL, too many messages waiting, one that waits for too long, too many webhooks waiting;
    in this order.
    """
    return (
        Edge(
            "disk-low",
            "disk-ok",
            lambda seen: sys.maxsize if seen.free_bytes is None else seen.free_bytes,
            bad=disk_low_bytes,
            good=disk_low_bytes + disk_low_bytes // 10 + 1,
            text=lambda value: (
                f"{value // MIB} MiB are free where the store is: make room, or nothing can be stored soon"
            ),
        ),
        Edge(
            "wal-large",
            "wal-ok",
            lambda seen: seen.wal_bytes,
            bad=LARGE_WAL_BYTES,
            good=LARGE_WAL_BYTES // 2,
            text=lambda value: (
                f"the store's -wal has {value // MIB} MiB: a program has been reading the store for long"
            ),
        ),
        Edge(
            "too-many-waiting",
            "few-enough-waiting",
            lambda seen: seen.waiting,
            bad=most_waiting,
            good=most_waiting - most_waiting // 10 - 1,
            text=lambda value: (
                f"{value} messages wait to be decided ([store] most_waiting): nothing more is taken"
            ),
        ),
        Edge(
            "decisions-late",
            "decisions-in-time",
            lambda seen: seen.late_seconds,
            bad=LATE_SECONDS,
            good=LATE_SECONDS // 10,
            text=lambda value: (
                f"a message has been waiting to be decided for {value // 60} min: does the work get on?"
            ),
        ),
        Edge(
            "too-many-webhooks-waiting",
            "few-enough-webhooks-waiting",
            lambda seen: seen.webhooks,
            bad=MOST_WEBHOOKS_WAITING,
            good=MOST_WEBHOOKS_WAITING - MOST_WEBHOOKS_WAITING // 10,
            text=lambda value: (
                f"{value} webhooks wait to be joined: no more are taken; does the work get on?"
            ),
        ),
    )


def look_at(store: Store, most_waiting: int) -> Seen:
    """One look at the store; a count of what waits that is well above the limit need not be exact."""
    files, since = store.stats(), store.views.oldest_new()
    late = 0 if since is None else max(0, int(time.time() - since))
    waiting = store.views.waiting_up_to(2 * most_waiting)
    webhooks = store.webhooks.waiting_up_to(2 * MOST_WEBHOOKS_WAITING)
    return Seen(files.free_bytes, files.wal_bytes, waiting, late, files.size_bytes, webhooks)


class Watch:
    """Looks every few seconds, off the reactor thread; says in the log when something begins and ends."""

    def __init__(
        self,
        look: Callable[[], Seen],
        watched: Sequence[Edge],
        reactor: Any,
        told: Callable[[Seen, dict[str, str]], None] = lambda _seen, _bad: None,
    ) -> None:
        """`look` reads the store (any thread; may raise: then the look is left out, for whatever fails is told by who
        needs it). `told` gets each look and what is bad now, text by name of its first log line, in the reactor.
        """
        self._look = look
        self._watched = tuple(watched)
        self._reactor = reactor
        self._told = told
        self._held: set[str] = set()
        self._timer: Timer | None = None
        self._stopped = False

    def start(self) -> None:
        """Look now, and from now on."""
        self._timer = None
        found = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._look)
        found.addCallbacks(self._found, self._failed)
        found.addBoth(self._again)

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        cancel(self._timer)

    def _again(self, _: object) -> None:
        if not self._stopped:
            self._timer = self._reactor.callLater(LOOK_SECONDS, self.start)

    def _failed(self, failure: Failure) -> None:
        event(log, logging.DEBUG, "not-looked", error=where(failure.value or Exception()))

    def _found(self, seen: Seen) -> None:
        bad: dict[str, str] = {}
        for edge in self._watched:
            held, text = edge.begins in self._held, edge.text(edge.value(seen))
            if edge.holds(seen, held):
                bad[edge.begins] = text
                if not held:
                    event(log, logging.ERROR, edge.begins, problem=text)
            elif held:
                event(log, logging.WARNING, edge.ends)
        self._held = set(bad)
        self._told(seen, bad)

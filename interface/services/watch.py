"""Looks every few seconds at what is to be heard of before it is too late, off the reactor thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from interface.services.logs import event, where
from interface.services.timing import Timer, cancel
from interface.store.store import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
STUCK_SECONDS = 30.0
"""A look that takes longer is told of: the disk, or the server, does not answer."""
STUCK = f"a look at the store has not come to an end in {STUCK_SECONDS:g} s: does the disk answer?"
MOST_WEBHOOKS_WAITING = 100_000
"""Webhooks that wait to be joined at which no more are taken: they are sent again."""

Look = TypeVar("Look")


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the store."""

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


def look_at(store: Store, most_waiting: int) -> Seen:
    """One look at the store; a count of what waits that is well above the limit need not be exact."""
    files, since = store.stats(), store.views.oldest_new()
    late = 0 if since is None else max(0, int(time.time() - since))
    waiting = store.views.waiting_up_to(2 * most_waiting)
    webhooks = store.webhooks.waiting_up_to(2 * MOST_WEBHOOKS_WAITING)
    return Seen(files.free_bytes, files.wal_bytes, waiting, late, files.size_bytes, webhooks)


class Watch(Generic[Look]):
    """One look after the other, each in a thread of the reactor's pool."""

    def __init__(
        self,
        look: Callable[[], Look],
        reactor: Any,
        told: Callable[[Look], None],
        failed: Callable[[bool], None] = lambda _stuck: None,
    ) -> None:
        """`look` reads the store (any thread; may raise: whatever fails is told by who needs it). `told` gets each look;
        `failed` is called when there is none, with True when it does not come to its end. Both in the reactor.
        """
        self._look = look
        self._reactor = reactor
        self._told = told
        self._failing = failed
        self._timer: Timer | None = None
        self._stopped = False

    def start(self) -> None:
        """Look now, and from now on."""
        self._timer = self._reactor.callLater(STUCK_SECONDS, self._stuck)
        found = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._look)
        found.addCallbacks(self._found, self._failed)
        found.addErrback(self._broken)
        found.addBoth(self._again)

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        cancel(self._timer)

    def _found(self, look: Look) -> None:
        if not self._stopped:
            self._told(look)

    def _stuck(self) -> None:
        self._timer = self._reactor.callLater(LOOK_SECONDS, self._stuck)
        self._failing(True)

    def _again(self, _: object) -> None:
        cancel(self._timer)
        if not self._stopped:
            self._timer = self._reactor.callLater(LOOK_SECONDS, self.start)

    def _failed(self, failure: Failure) -> None:
        event(log, logging.DEBUG, "not-looked", error=where(failure.value or Exception()))
        if not self._stopped:
            self._failing(False)

    def _broken(self, failure: Failure) -> None:
        """Our own fault: the next look is made all the same."""
        event(log, logging.ERROR, "look-failed", error=where(failure.value or Exception()))

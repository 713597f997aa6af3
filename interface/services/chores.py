"""What the work does in turns in which nothing else is to do: portion by portion, each a short transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from interface.services.logs import Seconds, event
from interface.services.purging import Purging
from interface.services.webhook_chores import WebhookChores
from interface.store.errors import StoreError
from interface.store.resealing import Resealing
from interface.store.store import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
"""How often it is looked for chores."""


class Chores:
    """One thread's: the loop's."""

    def __init__(
        self,
        store: Store,
        purging: Purging,
        may: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        webhooks: WebhookChores | None = None,
    ) -> None:
        """`may`: whether it is our turn; another node does them else."""
        self._webhooks = webhooks
        self._store = store
        self._purging = purging
        self._may = may
        self._monotonic = monotonic
        self._due = monotonic() + LOOK_SECONDS  # after a start there is enough to do

    def step(self) -> bool:
        """A portion; whether there is more to do. One that fails is told and waits: the work goes on without it."""
        if self._monotonic() < self._due:
            return False
        try:
            if not self._may():
                return False
            return self._portion()
        except StoreError as failed:
            event(log, logging.WARNING, "chore-failed", problem=failed, again_in=Seconds(LOOK_SECONDS))
            self._due = self._monotonic() + LOOK_SECONDS
            return False

    def _portion(self) -> bool:
        if reseal(self._store.resealing):
            return True
        if not self._purging.asked_for and (self._purging.under_way or self._purging.is_due()):
            return self._purging.step() is None
        if self._webhooks is not None and self._webhooks.step():
            return True
        self._due = self._monotonic() + LOOK_SECONDS
        return False

    def hurry(self) -> None:
        """Look at the next turn: keys may have been replaced."""
        self._store.keyring.look()
        self._due = 0.0


def reseal(resealing: Resealing) -> bool:
    """A portion of sealing anew; whether there is more."""
    begins = resealing.walk is None
    more = resealing.step()
    if begins and resealing.walk is not None:
        event(log, logging.INFO, "resealing")
    elif not begins and resealing.ended is not None:
        done = resealing.ended
        level = logging.ERROR if done.unreadable else logging.INFO
        event(
            log, level, "resealed", values=done.sealed, keys_dropped=done.dropped, unreadable=done.unreadable
        )
    return more

"""Webhooks become outcomes of the requests they are about: what waits is read, counted in memory, and stored in a turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from interface.delivery.outcomes import Event, Outcome, after
from interface.services.plan import Plan
from interface.store.records.turn import Joins
from interface.store.records.webhooks import NewWebhooks

PAGE = 256
"""Webhooks joined in one turn."""
LOOK_SECONDS = 0.5
"""How often it is looked for webhooks: where none come, that is all they cost."""
PAUSE_SECONDS = 0.02
"""After a full page: messages have their turns, too."""


class JoiningStore(Protocol):
    """What is needed of the store: `interface.store.work.Work`."""

    def new_webhooks(self, limit: int) -> NewWebhooks:
        """Webhooks that wait, oldest first."""


class Joining:
    """One thread's, the loop's."""

    def __init__(
        self,
        store: JoiningStore,
        look_again: Callable[[float], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`look_again` is told in how many seconds there will be something to do."""
        self._store = store
        self._look_again = look_again
        self._monotonic = monotonic
        self._look_at = 0.0

    def next(self, *, alone: bool = False) -> Plan | None:
        """What the next webhooks change; None: none wait, or it is not time to look. Raises StoreError.

        `alone`: one at a time, for the store refused one of several.
        """
        now = self._monotonic()
        if now < self._look_at:
            return None
        limit = 1 if alone else PAGE
        found = self._store.new_webhooks(limit)
        full = len(found.webhooks) == limit
        self._look_at = now + (PAUSE_SECONDS if full else LOOK_SECONDS)
        if full:
            self._look_again(PAUSE_SECONDS)
        return Plan(joins=joins_of(found)) if found.webhooks else None


def joins_of(found: NewWebhooks) -> Joins:
    """What these webhooks change. Pure."""
    fresh: list[tuple[int, int]] = []
    outcomes: dict[int, Outcome] = {}
    for webhook in found.webhooks:
        event = Event(webhook.event, webhook.received_at)
        for request in webhook.requests:
            if request not in webhook.counted:
                fresh.append((webhook.id, request))
                known = outcomes.get(request) or found.outcomes[request]
                outcomes[request] = after(known, [event])
    return Joins({webhook.id: webhook.requests for webhook in found.webhooks}, fresh, outcomes)

"""What is looked after where webhooks are missing, or come for nobody: portion by portion, once in each round of chores."""

from __future__ import annotations

import logging
from collections.abc import Callable

from interface.services.logs import event
from interface.store.errors import TurnLost
from interface.store.store import Store

log = logging.getLogger(__name__)

MOST_UNMATCHED = 100_000
"""Webhooks for ids that nobody knows that are kept; of more the oldest go."""
MOST_UNMATCHED_BYTES = 256 * 1024 * 1024
"""And so many bytes of them: whoever finds the path must not fill the disk."""
PORTION = 10_000
"""Requests counted at a time."""


class WebhookChores:
    """One thread's: the loop's. Counts requests that no webhook has answered, keeps unmatched ones within bounds, and finds
    those that two nodes have missed between them.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], float],
        unanswered: Callable[[int], None],
        expected_hours: float,
        *,
        most: tuple[int, int] = (MOST_UNMATCHED, MOST_UNMATCHED_BYTES),
    ) -> None:
        """`unanswered` is told how many requests have waited for longer than `expected_hours`; `most`: rows and bytes."""
        self._store = store
        self._now = now
        self._unanswered = unanswered
        self._hours = expected_hours
        self._most = most
        self._count = 0
        self._after: tuple[float, int] | None = None
        self._before = 0.0
        self._overdue = False
        self._dropping = False
        self._dropped = 0

    def step(self) -> bool:
        """A portion; whether there is more to do in this round."""
        if self._after is None and self._store.work.shared:
            self._store.work.look_again_for_webhooks()
        return self._drop() or self._count_overdue()

    def _drop(self) -> bool:
        beyond = self._store.retention.unmatched_beyond(*self._most)
        if beyond:
            if not self._dropping:
                event(log, logging.WARNING, "webhooks-unmatched-dropped", problem=_TOO_MANY)
            self._dropping = True
            try:
                self._dropped += self._store.retention.delete("webhooks", beyond)
            except TurnLost:
                return False  # another node does it
            return True
        if self._dropping:
            event(log, logging.WARNING, "webhooks-unmatched-few-enough", dropped=self._dropped)
            self._dropping, self._dropped = False, 0
        return False

    def _count_overdue(self) -> bool:
        if self._after is None:
            self._count, self._before = 0, self._now() - self._hours * 3600
        found = self._store.webhooks.overdue(self._before, self._after or (0.0, 0), PORTION)
        self._count += found.count
        self._after = found.after
        if found.after is not None:
            return True
        self._unanswered(self._count)
        if self._count and not self._overdue:
            event(log, logging.WARNING, "webhooks-overdue", n=self._count, hours=self._hours)
        elif self._overdue and not self._count:
            event(log, logging.INFO, "webhooks-overdue-over")
        self._overdue = bool(self._count)
        return False


_TOO_MANY = "more webhooks came for unknown ids than are kept: the oldest are dropped"

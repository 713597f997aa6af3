"""Retention: what the settings keep no longer is deleted, portion by portion, and counted.

A message goes when it is older than `journal_days` and no chart is made of it; a request `request_days` after it came to
an end; a chart `chart_days` after its last change, with what is coming, open or still kept of its requests keeping it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import msgspec

from interface.chart.model import decode_chart
from interface.services.clock import Clock
from interface.services.logs import event
from interface.settings import StoreSection
from interface.store.journal import DUPLICATE_WINDOW_SECONDS
from interface.store.retention import Found, Limits, Old, Retention

log = logging.getLogger(__name__)

DAY_SECONDS = 86400
KINDS = ("requests", "webhooks", "commands", "charts", "messages")
"""In this order: what goes first lets the others go."""


@dataclass(frozen=True)
class Keep:
    """For how many days things are kept; 0: for ever."""

    journal_days: int = 0
    request_days: int = 0
    chart_days: int = 0
    webhook_days: int = 0

    @classmethod
    def of(cls, store: StoreSection) -> Keep:
        """As the settings say."""
        return cls(store.journal_days, store.request_days, store.chart_days, store.webhook_days)

    @property
    def forever(self) -> bool:
        """Nothing ever goes."""
        return not (self.journal_days or self.request_days or self.chart_days or self.webhook_days)

    def limits(self, now: float, today: date) -> Limits:
        """The times before which things may go. Repeated messages are told for seven days, whatever is kept."""

        def before(days: int) -> float | None:
            return now - days * DAY_SECONDS if days else None

        messages = before(self.journal_days)
        if messages is not None:
            messages = min(messages, now - DUPLICATE_WINDOW_SECONDS)
        return Limits(
            today, messages, before(self.request_days), before(self.chart_days), before(self.webhook_days)
        )


FOR_EVER = Keep()


class Purging:
    """Purgings, one after the other. One thread's: the loop's, or a command's where no daemon runs."""

    def __init__(
        self, store: Retention, keep: Keep, clock: Clock, forget: Callable[[], None] = lambda: None
    ) -> None:
        """`forget`: trust no chart in memory any more, it may be gone."""
        self._store = store
        self.keep = keep
        self._clock = clock
        self.forget = forget
        self.asked_for = False
        """A person's command takes the steps: nobody else does meanwhile."""
        self._walk: Iterator[None] | None = None
        self._counts: Counter[str] = Counter()

    @property
    def under_way(self) -> bool:
        """A purging has begun and not ended."""
        return self._walk is not None

    def is_due(self) -> bool:
        """Whether the last purging is a day ago; not while the day is uncertain: what is gone is gone."""
        if self.keep.forever or not self._clock.sure:
            return False
        last = self._store.last(1)
        # one of a rehearsal's clock may lie far ahead
        recent = last and abs(self._clock.now() - last[0].began_at) < DAY_SECONDS
        return not recent or last[0].ended_at is None

    def step(self) -> dict[str, int] | None:
        """A portion; what went, once it has ended. Raises StoreError: the next step begins anew."""
        walk, self._walk = self._walk or self._run(), None
        try:
            next(walk)
        except StopIteration:
            return dict(self._counts)
        self._walk = walk
        return None

    def count(self) -> dict[str, int]:
        """How many rows of each kind would go now; nothing is changed."""
        limits = self._limits()
        gone: set[int] = set()
        counts = Counter(dict.fromkeys(KINDS, 0))
        for kind in ("requests", "webhooks", "commands"):
            counts[kind] = sum(len(found.ids) for found in self._pages(kind, limits))
        for old in self._old_charts(limits):
            counts["charts"] += 1
            gone.update(old.patients)
        counts["messages"] = sum(len(found.ids) for found in self._pages("messages", limits, frozenset(gone)))
        return dict(counts)

    def _run(self) -> Iterator[None]:
        began = self._clock.now()
        limits = self._limits()
        number = self._store.begin(began)
        self._counts = Counter(dict.fromkeys(KINDS, 0))
        for kind in ("requests", "webhooks", "commands"):
            for found in self._pages(kind, limits):
                self._counts[kind] += self._store.delete(kind, found.ids)
                yield
        for old in self._old_charts(limits):
            self._store.delete("patients", old.patients)
            self.forget()
            self._counts["charts"] += 1
            yield
        for found in self._pages("messages", limits):
            self._counts["messages"] += self._store.delete("messages", found.ids)
            yield
        while self._store.give_back():
            yield
        self._store.end(number, self._counts, self._clock.now())
        event(log, logging.INFO, "purged", **self._counts, seconds=round(self._clock.now() - began, 1))

    def _limits(self) -> Limits:
        return self.keep.limits(self._clock.now(), self._clock.today())

    def _pages(self, kind: str, limits: Limits, gone: frozenset[int] = frozenset()) -> Iterator[Found]:
        after: int | None = 0
        while after is not None:
            if kind == "messages":
                found = self._store.messages(limits, after, gone)
            elif kind == "requests":
                found = self._store.requests(limits, after)
            elif kind == "webhooks":
                found = self._store.webhooks(limits, after)
            else:
                found = self._store.commands(limits, after)
            yield found
            after = found.after

    def _old_charts(self, limits: Limits) -> Iterator[Old]:
        after: int | None = 0
        while limits.charts is not None and after is not None:
            found, after = self._store.charts(limits, after)
            yield from (old for old in found if not _is_coming(old.charts, limits.today))


def _is_coming(charts: Iterable[bytes | None], today: date) -> bool:
    """Whether an appointment is to come, or may be: of a chart that can't be opened nobody knows."""
    for document in charts:
        if document is None:
            return True
        try:
            chart = decode_chart(document)
        except msgspec.MsgspecError:
            return True
        if any(entry.date >= today.isoformat() for entry in chart.appointments.values() if entry.date):
            return True
    return False

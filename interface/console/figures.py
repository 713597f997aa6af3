"""The figures of the first page: counted now and then, remembered meanwhile, so that a million rows cost what few do.

An hour that is over does not change any more: its messages and requests are counted once and remembered. Of the hour that
runs only what is new is counted. What waits and why is counted anew, the more seldom the longer it takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from interface.chart.holds import TIMED
from interface.store.overview import MOST_FEEDS, Kind
from interface.store.records.console import FeedCount, Grouped, Outcomes
from interface.store.records.figures import Backlog

HOUR = 3600
HOURS = 168
"""A week."""
FRESH_SECONDS = 2.0
SHARE = 20
"""Figures are kept for so many times as long as counting them took."""
BUDGET_SECONDS = 0.5
"""Counting hours of the past goes on for so long, the newest first; the rest is for the next time."""
PATIENCE_SECONDS = 5.0
"""How long one waits for another who is counting just now."""


class Reads(Protocol):
    """What is read of the store's overview."""

    def first_ids(self, kind: Kind, times: Sequence[float]) -> list[int]:
        """Where hours begin."""

    def requests_between(self, first: int, end: int) -> int:
        """How many there are."""

    def feeds_between(self, first: int, end: int) -> tuple[int, list[FeedCount]]:
        """How many messages there are, and the busiest senders."""

    def outcomes(self, first: int) -> Outcomes:
        """What webhooks said of requests."""

    def unanswered(self, before: float) -> int:
        """How many requests wait for a webhook for too long."""

    def requests_in(self, state: str, *, apart: Collection[str] = ()) -> Grouped:
        """By reason."""

    def failed_messages(self) -> Grouped:
        """By reason."""

    def unassigned_messages(self, first: int) -> Grouped:
        """By reason."""


class Waiting(Protocol):
    """What is read of the store's views."""

    def backlog(self) -> Backlog:
        """What is not done yet."""

    def oldest_new(self) -> float | None:
        """The oldest message that is not decided."""


class StoreReads(Protocol):
    """What is read of a store."""

    @property
    def overview(self) -> Reads:
        """Counts."""

    @property
    def views(self) -> Waiting:
        """What waits."""


@dataclass(slots=True)
class Hour:
    """What was counted of an hour."""

    first: int
    """The first message's id."""
    first_request: int
    counted: int
    """The messages below this id are counted."""
    counted_requests: int
    messages: int = 0
    requests: int = 0
    feeds: dict[tuple[str, str, str], FeedCount] = field(default_factory=dict)
    """The busiest senders."""

    def take(self, messages: int, feeds: Sequence[FeedCount]) -> None:
        """More messages of this hour."""
        self.messages += messages
        for feed in feeds:
            key = (feed.listener, feed.application, feed.facility)
            known = self.feeds.get(key)
            more, last = (known.messages, known.last_at) if known else (0, 0.0)
            self.feeds[key] = FeedCount(*key, feed.messages + more, max(last, feed.last_at))
        if len(self.feeds) > 2 * MOST_FEEDS:
            busiest = sorted(self.feeds.items(), key=lambda item: -item[1].messages)[:MOST_FEEDS]
            self.feeds = dict(busiest)


@dataclass(frozen=True, slots=True)
class HourCount:
    """An hour as it is shown."""

    begins: float
    """POSIX seconds."""
    messages: int
    requests: int
    counted: bool
    """False: it is not counted yet."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One sender on one listener."""

    listener: str
    application: str
    facility: str
    last_at: float
    this_hour: int
    last_hour: int
    day: int
    """In the last 24 hours."""


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures at a moment."""

    at: float
    backlog: Backlog
    oldest_new_at: float | None
    held: Grouped
    dead: Grouped
    failed: Grouped
    unassigned: Grouped
    """Messages of the last week that are held because it can't be told whose they are."""
    outcomes: Outcomes
    """Of the requests of the last week."""
    unanswered: int
    hours: tuple[HourCount, ...]
    """Oldest first; the last one runs still."""
    feeds: tuple[Feed, ...]
    """Those with a message within the hours that are counted."""
    since: float
    """From then on all hours are counted."""


class Figures:
    """Counts, remembers, and tells. Any thread; one counts at a time."""

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, *, expected_seconds: float = 72 * 3600.0
    ) -> None:
        """`expected_seconds`: a request without a webhook for longer is unanswered."""
        self._expected_seconds = expected_seconds
        self._monotonic = monotonic
        self._counting = threading.Lock()
        self._hours: dict[int, Hour] = {}
        self._next = 0
        """The hour that has not begun: it stands for where the newest rows end, at each look anew."""
        self._known: Summary | None = None
        self._good_until = float("-inf")

    def summary(self, store: StoreReads, now: float, work_ahead: float = 0.0) -> Summary:
        """The figures of now (POSIX seconds), or of a moment ago. Raises what the store raises.

        `work_ahead`: seconds by which the clock of requests is ahead of ours.
        """
        known = self._known
        if known is not None and self._monotonic() < self._good_until:
            return known
        if not self._counting.acquire(timeout=0 if known is not None else PATIENCE_SECONDS):
            if known is None:
                raise TimeoutError("the figures are being counted")
            return known
        try:
            if self._known is not None and self._monotonic() < self._good_until:
                return self._known
            began = self._monotonic()
            summary = self._count(store, now, work_ahead)
            ended = self._monotonic()
            self._known, self._good_until = summary, ended + max(FRESH_SECONDS, SHARE * (ended - began))
            return summary
        finally:
            self._counting.release()

    def _count(self, store: StoreReads, now: float, work_ahead: float) -> Summary:
        current = int(now // HOUR)
        numbers = range(current - HOURS + 1, current + 1)
        self._find(store.overview, numbers, work_ahead)
        self._count_hours(store.overview, numbers)
        oldest = self._hours[numbers[0]]
        return Summary(
            now,
            store.views.backlog(),
            store.views.oldest_new(),
            store.overview.requests_in("held", apart=TIMED),
            store.overview.requests_in("dead"),
            store.overview.failed_messages(),
            store.overview.unassigned_messages(oldest.first),
            store.overview.outcomes(oldest.first_request),
            store.overview.unanswered(now + work_ahead - self._expected_seconds),
            tuple(self._shown(number) for number in numbers),
            self._feeds(current),
            self._since(numbers) * float(HOUR),
        )

    def _find(self, overview: Reads, numbers: range, work_ahead: float) -> None:
        """Where the hours begin that are not known yet, and where the one that runs ends for now."""
        self._hours.pop(self._next, None)
        self._hours = {number: hour for number, hour in self._hours.items() if number in numbers}
        self._next = numbers[-1] + 1
        wanted = [number for number in (*numbers, self._next) if number not in self._hours]
        times = [number * float(HOUR) for number in wanted]
        messages = overview.first_ids("messages", times)
        requests = overview.first_ids("requests", [at + work_ahead for at in times])
        for number, first, first_request in zip(wanted, messages, requests, strict=True):
            self._hours[number] = Hour(first, first_request, first, first_request)

    def _count_hours(self, overview: Reads, numbers: range) -> None:
        until = self._monotonic() + BUDGET_SECONDS
        for number in reversed(numbers):
            hour, following = self._hours[number], self._hours[number + 1]
            if hour.counted < following.first:
                hour.take(*overview.feeds_between(hour.counted, following.first))
                hour.counted = following.first
            if hour.counted_requests < following.first_request:
                hour.requests += overview.requests_between(hour.counted_requests, following.first_request)
                hour.counted_requests = following.first_request
            if self._monotonic() > until:
                return

    def _is_counted(self, number: int) -> bool:
        hour, following = self._hours[number], self._hours[number + 1]
        return hour.counted >= following.first and hour.counted_requests >= following.first_request

    def _since(self, numbers: range) -> int:
        """The first hour from which on all are counted."""
        since = numbers[-1] + 1
        while since > numbers[0] and self._is_counted(since - 1):
            since -= 1
        return since

    def _shown(self, number: int) -> HourCount:
        hour = self._hours[number]
        return HourCount(number * float(HOUR), hour.messages, hour.requests, self._is_counted(number))

    def _feeds(self, current: int) -> tuple[Feed, ...]:
        found: dict[tuple[str, str, str], Feed] = {}
        for number, hour in sorted(self._hours.items()):
            for key, feed in hour.feeds.items():
                known = found.get(key)
                last = max(feed.last_at, known.last_at if known else 0.0)
                this, before, day = (known.this_hour, known.last_hour, known.day) if known else (0, 0, 0)
                found[key] = Feed(
                    *key,
                    last,
                    this + feed.messages * (number == current),
                    before + feed.messages * (number == current - 1),
                    day + feed.messages * (number > current - 24),
                )
        return tuple(found[key] for key in sorted(found))

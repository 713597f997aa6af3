"""What the work reports on its standard output: one JSON object a line, `{"gauges": {...}, "counters":
{...}, "histograms": {...}, "destination": {...}}`, with the names of `measures.py`.
"""

from __future__ import annotations

import json
import os
import re
import select
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from interface.services import logs
from interface.services.measures import POST_SECONDS
from interface.store.records.figures import Backlog
from interface.store.records.turn import (
    AttemptDone,
    DiscardRow,
    HurryRow,
    Joins,
    MessageDone,
    ReopenRow,
    Unsent,
)

REPORT_SECONDS = 1.0
SHOWN = ("state", "reason", "since", "next_at", "away_since")
"""What is told of the destination; times are POSIX seconds."""
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


class WorkStats:
    """Counts in memory; asks for the backlog and writes a line when something has changed, once a second at
    most.
    """

    def __init__(
        self,
        backlog: Callable[[], Backlog],
        write: Callable[[bytes], None],
        *,
        dead: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`dead`: dead requests in the store at the start."""
        self._backlog = backlog
        self._write = write
        self._monotonic = monotonic
        self._dead = dead
        self._unanswered = 0
        self._ahead: float | None = None
        self._counters: Counter[str] = Counter()
        self._seconds = 0.0
        self._posts = [0] * (len(POST_SECONDS) + 1)
        self._post_seconds = 0.0
        self._last = b""
        self._due = 0.0

    def count(self, name: str, by: int = 1) -> None:
        """Count something by a name of ours."""
        if by:
            self._counters[_NOT_IN_A_NAME.sub("_", name.lower()) + "_total"] += by

    def messages(self, done: Iterable[MessageDone]) -> None:
        """Count messages by what became of them, once that is stored."""
        for message in done:
            self.count(f"messages_{message.decision or message.state}")

    def attempts(self, attempts: Iterable[AttemptDone | Unsent]) -> None:
        """Count attempts, and claims that were not sent, once they are stored."""
        for attempt in attempts:
            if isinstance(attempt, AttemptDone):
                self.count(f"attempts_{attempt.verdict}")
                self._took(attempt.finished_at - attempt.started_at)
            else:
                self.count(f"requests_unsent_{attempt.new_state}")
            self._dead += attempt.new_state == "dead"

    def _took(self, seconds: float) -> None:
        self._posts[bisect_left(POST_SECONDS, seconds)] += 1
        self._post_seconds += max(0.0, seconds)

    def by_hand(self, changes: Iterable[ReopenRow | HurryRow | DiscardRow]) -> None:
        """Dead requests that persons let go again or gave up are dead no more."""
        self._dead -= sum(not isinstance(change, HurryRow) and change.was == "dead" for change in changes)

    def joined(self, joins: Joins | None) -> None:
        """Count webhooks by whether they were about a request, and the requests they were about."""
        if joins is not None:
            matched = sum(bool(named) for named in joins.events.values())
            self.count("webhooks_joined", matched)
            self.count("webhooks_unmatched", len(joins.events) - matched)
            for outcome in joins.outcomes.values():
                self.count(f"outcomes_{outcome.name}")

    def unanswered(self, number: int) -> None:
        """So many requests await a webhook for too long."""
        self._unanswered = number

    def clock_ahead(self, seconds: float | None) -> None:
        """By so much this machine's clock is ahead of the API's; None: not known."""
        self._ahead = seconds

    def turn(self, seconds: float) -> None:
        """Count a turn that stored something."""
        self._counters["turns_total"] += 1
        self._seconds += seconds

    def trouble(self, text: str) -> None:
        """Tell the door why nothing goes on; empty: it does."""
        self._write(trouble_line(text))

    def report(self, now: float, destination: Mapping[str, Any] | None = None) -> None:
        """Write a line if it is time and there is news; raises what the store raises. `now`: the clock of the
        rows. `destination`: what is known of it (`Destination.kept`).
        """
        began = self._monotonic()
        if began < self._due:
            return
        backlog = self._backlog()
        # the longer the counting takes, the more seldom it is done: a long queue must not slow the work down
        self._due = began + max(REPORT_SECONDS, 20 * (self._monotonic() - began))
        line = self._line(backlog, now, destination or {})
        if line != self._last:
            self._write(line)
            self._last = line

    def _line(self, backlog: Backlog, now: float, destination: Mapping[str, Any]) -> bytes:
        oldest = backlog.oldest_request_at
        gauges: dict[str, float] = {
            "messages_new": backlog.new_messages,
            "requests_waiting": backlog.waiting_requests,
            "requests_sending": backlog.sending_requests,
            "requests_held": backlog.held_requests,
            "requests_held_for_time": backlog.held_for_time,
            "requests_dead": self._dead,
            "requests_unanswered": self._unanswered,
            "oldest_waiting_seconds": 0 if oldest is None else round(max(0.0, now - oldest)),
        }
        if self._ahead is not None:
            gauges["api_clock_ahead_seconds"] = self._ahead
        counters: dict[str, float] = {**self._counters, "turn_seconds_total": round(self._seconds, 3)}
        if logs.lost:
            counters["log_lines_lost_total"] = logs.lost
        posts = {"buckets": self._posts, "sum": round(self._post_seconds, 6)}
        told: dict[str, Any] = {
            "gauges": gauges,
            "counters": counters,
            "histograms": {"post_seconds": posts},
        }
        if destination:
            told["destination"] = {name: destination.get(name) for name in SHOWN}
        return json.dumps(told, sort_keys=True).encode() + b"\n"


def trouble_line(text: str) -> bytes:
    """The line that tells the door why nothing goes on; of an empty text, that it does."""
    return json.dumps({"trouble": text}).encode() + b"\n"


def write_if_read(line: bytes, fd: int = 1) -> None:
    """Write a line to a pipe, unless its reader is gone or too slow to take it now: the work never waits for
    it.
    """
    try:
        _, writable, _ = select.select([], [fd], [], 0)
        if writable:
            os.write(fd, line)
    except OSError:
        return

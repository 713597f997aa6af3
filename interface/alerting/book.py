"""All that outlives the process, as one value and one text: what is on, what was said, what channels have not told yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from interface.alerting.conditions import Condition
from interface.alerting.facts import STATES, Destination, Limits
from interface.alerting.state import Alerts, Edge, is_time
from interface.alerting.telling import Notice, Queue, notice_kept, notice_restored

MOST_SAID = 100
"""The latest edges that are kept for whoever asks."""


@dataclass(frozen=True, slots=True)
class Book:
    """One keeper's: what all nodes share, or what is one node's own."""

    alerts: Alerts = field(default_factory=Alerts)
    said: tuple[Notice, ...] = ()
    """The latest, oldest first."""
    queues: Mapping[str, Queue] = field(default_factory=dict)
    """By channel."""
    number: int = 0
    """Of notices so far."""
    heard: Mapping[str, float] = field(default_factory=dict)
    """When feeds spoke last."""
    looked: int = 0
    """The last message that was looked at for that: its row id."""
    destination: Destination | None = None
    """How a node sees it, for the one that speaks for all."""

    def after(
        self,
        found: Iterable[Condition],
        limits: Limits,
        now: float,
        channels: Sequence[str],
        mark: str,
        also: Iterable[str] = (),
    ) -> tuple[Book, tuple[Notice, ...]]:
        """After one more look; `channels` are told of what there is to say. `mark`: what makes ids of notices our own."""
        alerts, edges = self.alerts.after(found, limits, now, also)
        return replace(self, alerts=alerts).with_said(edges, channels, mark)

    def with_said(
        self, edges: Sequence[Edge], channels: Sequence[str], mark: str
    ) -> tuple[Book, tuple[Notice, ...]]:
        """After there is something to say."""
        if not edges:
            return self, ()
        notices = tuple(
            Notice(f"{mark}{self.number + place}", edge) for place, edge in enumerate(edges, start=1)
        )
        queues = {name: self.queues.get(name, Queue()).with_more(notices) for name in channels}
        return replace(
            self,
            said=(self.said + notices)[-MOST_SAID:],
            queues=queues,
            number=self.number + len(notices),
        ), notices

    def joined(self, stored: Book) -> Book:
        """What was kept in memory while the store could not be read, put behind what is stored there: nothing of either
        is lost; what both say is on is on once.
        """
        queues = {
            name: stored.queues.get(name, Queue()).with_more(self.queues.get(name, Queue()).notices)
            for name in {**stored.queues, **self.queues}
        }
        return replace(
            stored,
            alerts=Alerts({**self.alerts.standing, **stored.alerts.standing}),
            said=(stored.said + self.said)[-MOST_SAID:],
            queues=queues,
            number=max(stored.number, self.number),
        )

    def with_queue(self, channel: str, queue: Queue) -> Book:
        """After one channel's queue has become another."""
        return replace(self, queues={**self.queues, channel: queue})

    def text(self) -> str:
        """As it is stored: JSON, without patient data."""
        return json.dumps(
            {
                "on": self.alerts.kept(),
                "said": [notice_kept(notice) for notice in self.said],
                "queues": {name: queue.kept() for name, queue in self.queues.items() if queue.notices},
                "number": self.number,
                "heard": dict(self.heard),
                "looked": self.looked,
                "destination": None if self.destination is None else asdict(self.destination),
            }
        )

    @staticmethod
    def of_text(text: str | None) -> Book:
        """What `text` gave. Anything that is not understood is as if it had never been."""
        try:
            told = json.loads(text or "{}")
        except ValueError:
            told = {}
        if not isinstance(told, dict):
            return Book()
        said, queues, heard = told.get("said"), told.get("queues"), told.get("heard")
        return Book(
            Alerts.restored(told.get("on")),
            tuple(notice for row in said if (notice := notice_restored(row)) is not None)
            if isinstance(said, list)
            else (),
            {str(name): Queue.restored(rows) for name, rows in queues.items()}
            if isinstance(queues, dict)
            else {},
            _whole(told.get("number")),
            {str(name): float(at) for name, at in heard.items() if is_time(at)}
            if isinstance(heard, dict)
            else {},
            _whole(told.get("looked")),
            _destination(told.get("destination")),
        )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _destination(told: object) -> Destination | None:
    if not isinstance(told, dict) or told.get("state") not in STATES:
        return None
    since, away = told.get("since"), told.get("away_since")
    return Destination(
        told["state"],
        str(told.get("why", "")),
        float(since) if is_time(since) else None,
        str(told.get("node", "")),
        float(away) if is_time(away) else None,
    )

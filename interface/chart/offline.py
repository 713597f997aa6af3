"""Deciding messages one after the other with the charts in memory: `explain` and `feed-report` need no store."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from datetime import datetime

from interface.chart.decide import Engine
from interface.chart.model import decode_chart, encode_chart
from interface.chart.outcome import Outcome
from interface.rules.reading import Reading


class Offline:
    """An engine with a memory. Charts are kept as the store would keep them: a few KB each."""

    def __init__(self, engine: Engine, most_charts: int | None = None):
        """`most_charts`: the charts longest not looked at are forgotten beyond that many; None: none is."""
        self.engine = engine
        self.forgotten = 0
        """How many charts have been forgotten."""
        self._most = most_charts
        self._ids = itertools.count(1)
        self._numbers = itertools.count(1)
        self._charts: OrderedDict[int, tuple[tuple[str, ...], bytes]] = OrderedDict()
        self._owner: dict[str, int] = {}

    def take(
        self, raw: bytes, *, now: datetime, received_at: datetime | None = None, listener: str = ""
    ) -> tuple[Reading, Outcome]:
        """Read and decide the next message. `now` and `received_at` (None: now) are aware."""
        reading = self.engine.read(raw, received_at=received_at or now, listener=listener)
        number = next((self._owner[key] for key in reading.keys if key in self._owner), None)
        chart = None
        if number is not None:
            self._charts.move_to_end(number)
            chart = decode_chart(self._charts[number][1])
        outcome = self.engine.decide(reading, chart, now=now, new_id=lambda: next(self._ids))
        if outcome.chart is not None and outcome.chart.keys:
            self._keep(next(self._numbers) if number is None else number, outcome)
        return reading, outcome

    def _keep(self, number: int, outcome: Outcome) -> None:
        chart = outcome.chart
        if chart is None:
            return
        keys = tuple(chart.keys)
        self._charts[number] = (keys, encode_chart(chart))
        for key in keys:
            self._owner[key] = number
        while self._most is not None and len(self._charts) > self._most:
            oldest, (its_keys, _) = self._charts.popitem(last=False)
            for key in its_keys:
                if self._owner.get(key) == oldest:
                    del self._owner[key]
            self.forgotten += 1

"""A patient's messages once more, in the order of arrival: what each of them changes. Pure; nothing is requested."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from interface.chart.changes import Change, changes
from interface.chart.decide import Engine
from interface.chart.guarding import no_guard
from interface.chart.model import Chart
from interface.chart.outcome import Outcome
from interface.chart.registry import Registry

if TYPE_CHECKING:
    from interface.rules.reading import Reading

BY_ITSELF = "MSH-9"
"""The source of what no field says: that a message of this kind came."""


@dataclass(frozen=True)
class ChartChanged:
    """One chart, and what a message changed in it."""

    keys: tuple[str, ...]
    """Identity keys of the patient, as the message left them; of one without any more as they were (patient data)."""
    without_number: bool
    """No number leads to it any more: what it had is another person's."""
    new: bool
    """The message began it."""
    joined: tuple[tuple[str, ...], ...]
    """The keys of charts that became part of it (patient data)."""
    changes: tuple[Change, ...]
    whose: int | None = None
    """The patient for whom messages of this chart were taken; None: only other patients' messages have named it."""


class Replay:
    """Takes messages one after the other into charts that begin empty. One thread's, once."""

    def __init__(self, engine: Engine) -> None:
        # what was read before is remembered by the mapping: one of its own, for others may read meanwhile
        self._engine = dataclasses.replace(engine, book=engine.book.unshared(), guard=no_guard)
        self._charts = Registry()
        self._nobody = itertools.count(1)
        self._whose: dict[str, int | None] = {}

    def read(self, raw: bytes, received_at: datetime, listener: str) -> Reading:
        """What a message says."""
        return self._engine.read(raw, received_at=received_at, listener=listener)

    def take(self, reading: Reading, at: datetime, whose: int | None = None) -> None:
        """Take a message in, as it was decided at that time for that patient."""
        self._keep(reading, self._decide(reading, self._charts.find(reading.keys), at), whose)

    def last(self, reading: Reading, at: datetime, whose: int | None = None) -> tuple[ChartChanged, ...]:
        """Take a message in; gives the charts that it changes, its own patient's first."""
        before = self._charts.find(reading.keys)
        outcome = self._decide(reading, before, at)
        owners = self._keep(reading, outcome, whose)
        told = (
            self._changed(before, key, chart, absorbed, at, owner)
            for (key, chart, absorbed), owner in zip(_charts(reading, outcome), owners, strict=True)
        )
        return tuple(entry for entry in told if entry.changes or entry.joined)

    def _keep(self, reading: Reading, outcome: Outcome, whose: int | None) -> list[int | None]:
        """Keep the charts of an outcome; gives whose each is. A number may move, its chart's patient stays the same."""
        self._charts.keep(reading, outcome)
        charts = _charts(reading, outcome)
        owners = [self._whose.get(key) for key, _, _ in charts]
        if charts and whose is not None:
            owners[0] = whose
        for (_, chart, _), owner in zip(charts, owners, strict=True):
            self._whose.update(dict.fromkeys(chart.keys, owner))
        return owners

    @property
    def charts(self) -> list[Chart]:
        """The charts as they are now."""
        return self._charts.all()

    def _decide(self, reading: Reading, charts: Mapping[str, Chart], at: datetime) -> Outcome:
        # as history adds to charts and asks for nothing: composing requests is most of what deciding costs
        told = replace(reading, history=True)
        return self._engine.decide(told, charts, now=at, new_id=self._nobody.__next__)

    def _changed(
        self,
        before: Mapping[str, Chart],
        key: str,
        chart: Chart,
        absorbed: tuple[str, ...],
        at: datetime,
        whose: int | None,
    ) -> ChartChanged:
        engine = self._engine
        old = before.get(key)
        found = changes(old, chart, engine.book, engine.policy, engine.today(at))
        return ChartChanged(
            tuple(chart.keys or (old.keys if old is not None else ())),
            not chart.keys,
            old is None,
            tuple(tuple(before[gone].keys) for gone in absorbed if gone in before),
            tuple(_sourced(change) for change in found),
            whose,
        )


def _charts(reading: Reading, outcome: Outcome) -> list[tuple[str, Chart, tuple[str, ...]]]:
    """The charts of an outcome with a key by which each was known before, and those that became part of it."""
    if outcome.chart is None:
        return []
    own = (outcome.key or reading.keys[0], outcome.chart, outcome.absorbed)
    return [own, *((other.key, other.chart, other.absorbed) for other in outcome.others)]


def _sourced(change: Change) -> Change:
    fields = tuple(
        dataclasses.replace(entry, source=entry.source or BY_ITSELF) if entry.after is not None else entry
        for entry in change.fields
    )
    return dataclasses.replace(change, fields=fields)

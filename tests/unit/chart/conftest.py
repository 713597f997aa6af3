"""Messages in a few words, and what the engine makes of them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interface.chart.decide import Engine
from interface.chart.model import Chart, change, decode_chart, encode_chart
from interface.chart.outcome import Outcome
from interface.chart.registry import Registry
from interface.rules import Policy, Rulebook, load_rulebook
from interface.services.explaining import as_json

sys.path.insert(0, str(Path(__file__).parent))

from telling import AIP, PID, segment

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


class Story:
    """Messages fed to one engine in order, each answer as `explain --json` prints it."""

    PID = PID
    AIP = AIP

    def __init__(self, book: Rulebook | None = None, **policy: Any):
        self.engine = Engine(book or load_rulebook(), Policy(**policy))
        self.kept: dict[str, Chart] = {}
        self.charts = Registry(self.kept)
        self.ids = itertools.count(1)
        self.changes: list[Any] = []
        self.number = 0
        self.now = NOW

    def tell(
        self, kind: str, *segments: str, at: str = "", control_id: str = "", msh11: str = "P"
    ) -> dict[str, Any]:
        """One message of the given type; `at` is MSH-7, a minute later each time unless given."""
        self.number += 1
        stamp = at or f"2026030208{self.number:02d}"
        header = f"MSH|^~\\&|APP|FAC|R|R|{stamp}||{kind}|{control_id or f'M{self.number}'}|{msh11}|2.5.1"
        return self.raw("\r".join((header, *segments)).encode())

    def raw(self, raw: bytes) -> dict[str, Any]:
        reading = self.engine.read(raw, received_at=self.now)
        charts = self.charts.find(reading.keys)
        before = [encode_chart(chart) for chart in charts.values()]
        outcome = self.engine.decide(reading, charts, now=self.now, new_id=self.ids.__next__)
        after = [encode_chart(chart) for chart in charts.values()]
        assert after == before, "a decision changed a chart it was given"
        self.outcome = outcome
        self.changes = [*outcome.requests, *(change for other in outcome.others for change in other.requests)]
        self.charts.keep(reading, _as_stored(outcome))
        return as_json(reading, outcome)

    def book(
        self,
        *more: str,
        key: str = "F1",
        start: str = "20260310093000",
        pid: str = PID,
        kind: str = "SIU^S12",
        status: str = "",
        **given: Any,
    ) -> dict[str, Any]:
        """An appointment with a clinician."""
        sch = f"SCH||{key}|||||||||^^^{start}{'|' * 14 + status if status else ''}"
        return self.tell(kind, sch, pid, AIP, *more, **given)

    def settle(self, now: datetime) -> list[tuple[str, int, str]]:
        """It is so late, and the open requests of the only chart are settled; what that changed."""
        self.now = now
        outcome = self.engine.resettle(self.chart, now=now, new_id=self.ids.__next__)
        self.changes = list(outcome.requests)
        if outcome.chart is not None:
            self.kept.update(dict.fromkeys(outcome.chart.keys, outcome.chart))
        return self.states()

    @staticmethod
    def pid(**fields: str) -> str:
        """The patient with PID fields replaced: `pid(f7="1970")`."""
        return segment(PID, **fields)

    @property
    def chart(self) -> Chart:
        """The only chart there is."""
        (chart,) = self.charts.all()
        return chart

    def chart_of(self, number: str) -> Chart:
        """The chart that a number of the site's leads to."""
        return self.charts.find((f"|{number}",))[f"|{number}"]

    def states(self) -> list[tuple[str, int, str]]:
        """The changes of requests the last message made: kind, number, state."""
        return [(type(change).__name__, change.id, change.state) for change in self.changes]


def _as_stored(outcome: Outcome) -> Outcome:
    """The outcome with its charts as the store gives them back."""
    if outcome.chart is None:
        return outcome
    kept = decode_chart(encode_chart(outcome.chart))
    others = tuple(change(o, chart=decode_chart(encode_chart(o.chart))) for o in outcome.others)
    return change(outcome, chart=kept, others=others)


@pytest.fixture
def story() -> Callable[..., Story]:
    return Story


@pytest.fixture
def told(story: Callable[..., Story]) -> Story:
    """A story that begins."""
    return story()

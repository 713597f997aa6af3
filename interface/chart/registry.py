"""Charts in memory, found by key: for explaining, dry runs and rebuilding."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING

from interface.chart.model import Chart
from interface.chart.outcome import Outcome

if TYPE_CHECKING:
    from interface.rules.reading import Reading


class Registry:
    """What is known of everybody. Outcomes are kept one after the other, in the order of the messages."""

    def __init__(self, charts: MutableMapping[str, Chart] | None = None) -> None:
        """`charts`: where to keep them; None: a dict."""
        self._charts: MutableMapping[str, Chart] = {} if charts is None else charts

    def find(self, keys: Iterable[str]) -> dict[str, Chart]:
        """The charts of those of these keys that lead to one."""
        return {key: self._charts[key] for key in keys if key in self._charts}

    def keep(self, reading: Reading, outcome: Outcome) -> None:
        """Keep the charts of an outcome; keys that no chart has any more are forgotten."""
        if outcome.chart is None:
            return
        main = (outcome.key or reading.keys[0], outcome.chart, outcome.absorbed)
        changes = [main, *((other.key, other.chart, other.absorbed) for other in outcome.others)]
        for key, _, absorbed in changes:
            for old in self.find((key, *absorbed)).values():
                for gone in old.keys:
                    self._charts.pop(gone, None)
        for _, chart, _ in changes:
            self._charts.update(dict.fromkeys(chart.keys, chart))

    def all(self) -> list[Chart]:
        """Every chart that a key leads to, each once."""
        return list({id(chart): chart for chart in self._charts.values()}.values())

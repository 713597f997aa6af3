"""A measured number with everything needed to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from statistics import median
from typing import Any

MORE_IS_BETTER = ("/s", "x", "%")
"""Units. A ratio of costs has the unit `times`: less is better."""


@dataclass(frozen=True)
class Figure:
    """One row of the table. `runs` are the single results that `value` is the median of."""

    key: str
    """Its name in the JSON, the same from run to run: what a comparison goes by."""
    what: str
    unit: str
    value: float
    runs: tuple[float, ...] = ()
    note: str = ""

    @classmethod
    def of(cls, key: str, what: str, unit: str, runs: Sequence[float], note: str = "") -> Figure:
        """The median of some runs."""
        return cls(key, what, unit, median(runs), tuple(runs), note)

    @property
    def more_is_better(self) -> bool:
        """Whether a larger number is the better one."""
        return self.unit in MORE_IS_BETTER

    def as_json(self) -> dict[str, Any]:
        """Everything, for the file; null for what JSON can't say."""
        runs = [run if isfinite(run) else None for run in self.runs]
        return asdict(self) | {"value": self.value if isfinite(self.value) else None, "runs": runs}


def number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


@dataclass
class Section:
    """The figures that one part of the benchmark brought."""

    name: str
    title: str
    figures: list[Figure] = field(default_factory=list)

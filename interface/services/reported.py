"""What the work reports to the door, one JSON object a line: taken as far as the door knows the names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from interface.delivery.destination import STATES, WHY
from interface.services.measures import HISTOGRAMS, REPORTED

MAX_TROUBLE = 500
"""Characters of the work's trouble that are kept."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A histogram's numbers."""

    buckets: tuple[int, ...]
    """How many fell into each, the last without an upper bound; not cumulative."""
    total: float
    """Sum of all values."""


@dataclass(slots=True)
class WorkStats:
    """The last numbers that the work reported on its standard output."""

    gauges: dict[str, float] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)
    histograms: dict[str, Counted] = field(default_factory=dict)
    trouble: str = ""
    """Why the work can't go on just now, in one line; empty: it can."""
    destination: dict[str, Any] | None = None
    """What the work said last of where requests go: `state`, `reason`, `since`, `next_at` (ISO 8601, or None); None: it
    has said nothing, or is down."""

    def forget(self) -> None:
        """The work is gone: what it said of the present is no longer true."""
        self.gauges.clear()
        self.trouble = ""
        self.destination = None

    def take_line(self, line: bytes) -> bool:
        """Take `{"gauges": {name: number}, "counters": {name: number}, "histograms": {name: {"buckets": [number],
        "sum": number}}, "destination": {...}}` or `{"trouble": text}`; False when the line is not that. Names that are in
        no table of the door are dropped.
        """
        try:
            report = json.loads(line)
        except ValueError:
            return False
        if not isinstance(report, dict):
            return False
        trouble = report.get("trouble")
        if isinstance(trouble, str):
            self.trouble = trouble[:MAX_TROUBLE]
        for mine, theirs in ((self.gauges, report.get("gauges")), (self.counters, report.get("counters"))):
            for name, value in theirs.items() if isinstance(theirs, dict) else ():
                if name in REPORTED and isinstance(value, int | float):
                    mine[name] = float(value)
        told = report.get("histograms")
        for name, value in told.items() if isinstance(told, dict) else ():
            if (counted := _counted(name, value)) is not None:
                self.histograms[name] = counted
        told = report.get("destination")
        if isinstance(told, dict) and told.get("state") in STATES:
            self.destination = _destination(told)
        return True


def _counted(name: str, told: object) -> Counted | None:
    if name not in HISTOGRAMS or not isinstance(told, dict):
        return None
    buckets, total = told.get("buckets"), told.get("sum")
    if not isinstance(buckets, list) or len(buckets) != len(HISTOGRAMS[name].buckets) + 1:
        return None
    if not all(type(one) is int for one in buckets) or not isinstance(total, int | float):
        return None
    return Counted(tuple(buckets), float(total))


def _destination(told: Mapping[str, Any]) -> dict[str, Any]:
    """What the work said of it, with nothing in it that we do not know."""
    reason = told.get("reason")
    times = {name: told.get(name) for name in ("since", "next_at")}
    if told.get("away_since") is not None:
        times["away_since"] = told["away_since"]
    return {
        "state": told["state"],
        "reason": reason if reason in WHY else "",
        **{
            name: datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            if isinstance(at, int | float)
            else None
            for name, at in times.items()
        },
    }

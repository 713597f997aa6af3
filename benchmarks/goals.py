"""What is to be reached, beside the figures it is measured by: the one table of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure, Section, number


@dataclass(frozen=True)
class Goal:
    """A figure's bound, in the figure's unit."""

    bound: float
    at_least: bool = False
    """False: the figure has to stay below the bound."""

    def reached(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value >= self.bound if self.at_least else value < self.bound

    def margin(self, value: float) -> float:
        """How many times better than the bound a value is; below 1 it is worse. 0 where that can't be said."""
        over, under = (value, self.bound) if self.at_least else (self.bound, value)
        return over / under if under > 0 else 0.0

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '<'} {number(self.bound)}"


def _at_least(bound: float) -> Goal:
    return Goal(bound, at_least=True)


GOALS: dict[str, Goal] = {
    "engine_ratio": Goal(0.33),
    "ack_still_64": _at_least(8000),
    "ack_still_64_p99": Goal(25),
    "ack_still_1_p50": Goal(1),
    "ack_busy_64": _at_least(4000),
    "ack_busy_64_p99": Goal(40),
    "ack_open_p99": Goal(40),
    "way_slow_api": _at_least(500),
    "memory": Goal(180),
    "start": Goal(1.5),
    "open_oldest": Goal(1),
    "sustained": _at_least(800),
    "panels": _at_least(1500),
    "panels_open_oldest": Goal(1),
    "panels_sustained": _at_least(1500),
    "size_mb": Goal(5),
    "size_mb_all": Goal(5),
    "size_ratio_dg1": Goal(1.2),
    "size_ratio_rxe": Goal(1.2),
    "pg_way": _at_least(500),
    "pg_open_oldest": Goal(1),
    "pg_survivor": _at_least(90),
    "pg_recovery": Goal(5),
    "grown_1000000_start": Goal(1.5),
    "grown_1000000_memory": Goal(180),
    "grown_ratio_way_cpu": Goal(1.2),
    "grown_ratio_acks_1_cpu": Goal(1.2),
    "grown_ratio_acks_64_cpu": Goal(1.2),
}
"""By the figure's key."""


def verdict(figure: Figure) -> str:
    """`≥ 8,000 reached`, `≥ 8,000 MISSED`, or nothing where there is no goal."""
    goal = GOALS.get(figure.key)
    return f"{goal} {'reached' if goal.reached(figure.value) else 'MISSED'}" if goal else ""


def judged(sections: Sequence[Section]) -> list[tuple[Figure, Goal]]:
    """Every measured figure that has a goal."""
    return [
        (figure, GOALS[figure.key])
        for section in sections
        for figure in section.figures
        if figure.key in GOALS
    ]


def lines_of(sections: Sequence[Section]) -> list[str]:
    """How many goals are reached, and which are not, as lines of the table."""
    found = judged(sections)
    missed = [(figure, goal) for figure, goal in found if not goal.reached(figure.value)]
    lines = ["", f"{len(found) - len(missed)} of {len(found)} goals reached"]
    for figure, goal in missed:
        lines.append(
            f"  MISSED  {figure.what.strip():<58} {number(figure.value):>8} {figure.unit:<3} {goal}  ({figure.key})"
        )
    return lines

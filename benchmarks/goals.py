"""What is to be reached, beside the figures it is measured by: the one table of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure, Section, number


@dataclass(frozen=True)
class Goal:
    """A figure's bound, in the figure's unit."""

    words: str
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


def _at_least(words: str, bound: float) -> Goal:
    return Goal(words, bound, at_least=True)


GOALS: dict[str, Goal] = {
    "ack_still_64": _at_least("ACKs, still, 64 connections", 8000),
    "ack_still_64_p99": Goal("ACKs, still, 64 connections: p99", 25),
    "ack_still_1_p50": Goal("ACKs, still, 1 connection: p50", 1),
    "ack_busy_64": _at_least("ACKs, all running, 64 connections", 4000),
    "ack_busy_64_p99": Goal("ACKs, all running, 64 connections: p99", 40),
    "ack_open_p99": Goal("ACKs, all running, offered 4,000/s: p99", 40),
    "sustained": _at_least("whole way, highest rate kept", 800),
    "open_oldest": Goal("whole way, offered 800/s: oldest waiting", 1),
    "way_slow_api": _at_least("whole way, an API that takes 50 ms", 500),
    "panels": _at_least("version 2, closed loop", 1500),
    "panels_sustained": _at_least("version 2, highest rate kept", 1500),
    "panels_open_oldest": Goal("version 2, offered 1,500/s: oldest waiting", 1),
    "memory": Goal("memory of all processes", 180),
    "start": Goal("start to listening", 1.5),
    "size_mb": Goal("embedded PDF: reading and deciding a MB", 5),
    "size_ratio_dg1": Goal("each of 300 DG1 to each of 30", 1.2),
    "size_ratio_rxe": Goal("each of 300 orders to each of 30", 1.2),
    "pg_way": _at_least("PostgreSQL, one node, closed loop", 500),
    "pg_open_oldest": Goal("PostgreSQL, offered 500/s: oldest waiting", 1),
    "pg_recovery": Goal("one of two nodes killed: back at 90%", 5),
    "pg_survivor": _at_least("the survivor from 5 s on, to one node", 90),
    "grown_1000000_start": Goal("1,000,000 messages: start to listening", 1.5),
    "grown_1000000_memory": Goal("1,000,000 messages: memory", 180),
    "grown_ratio_way_cpu": Goal("whole way at 1,000,000 to 10,000", 1.2),
    "grown_ratio_acks_1_cpu": Goal("an ACK at 1,000,000 to 10,000, 1 connection", 1.2),
    "grown_ratio_acks_64_cpu": Goal("an ACK at 1,000,000 to 10,000, 64 connections", 1.2),
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
    """How many goals are reached, and which are not, as lines of the table; none where nothing has a goal."""
    found = judged(sections)
    if not found:
        return []
    missed = [(figure, goal) for figure, goal in found if not goal.reached(figure.value)]
    lines = ["", f"{len(found) - len(missed)} of {len(found)} goals reached"]
    for figure, goal in missed:
        at = f"{number(figure.value)} {figure.unit}"
        lines.append(f"  MISSED  {goal.words:<46} {at:>12}  goal {goal}  ({figure.key})")
    return lines

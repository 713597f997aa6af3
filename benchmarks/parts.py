"""The parts of the benchmark, in order."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import nodes, offered, suite
from benchmarks.suite import Effort, Figures

Part = Callable[[Effort], Figures]


def _both(*parts: Part) -> Part:
    def one_after_the_other(effort: Effort) -> Figures:
        for part in parts:
            yield from part(effort)

    return one_after_the_other


PARTS: dict[str, tuple[str, Part]] = {
    "limits": ("what the machine allows", suite.machine),
    "pieces": ("inside one process", suite.pieces),
    "sizes": ("large messages", suite.sizes),
    "receivers": ("receivers that store nothing", suite.receivers),
    "acks": ("durable ACKs", _both(suite.acks, offered.acks_offered)),
    "way": ("the whole way", suite.whole_way),
    "offered": ("the whole way at a fixed rate", offered.offered),
    "postgresql": ("PostgreSQL", nodes.postgresql),
    "panels": ("version 2: several patients in a POST", offered.panels),
}
"""Name for `--only`: title and what measures it, in order."""
SLOW = ("panels", "postgresql")
"""Left out by `--quick` unless they are asked for."""

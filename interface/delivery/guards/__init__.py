"""What each environment forbids, decided from plain values: which guard a store's life asks for."""

from __future__ import annotations

from interface.chart.guarding import Guard, no_guard
from interface.delivery.guards.life import Life
from interface.delivery.guards.live import LiveGuard


def guard_of(life: Life) -> Guard:
    """The guard of the environment that a store lives in."""
    if life.environment == "production":
        return LiveGuard(life)
    return no_guard

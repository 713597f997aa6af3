"""Entries of a chart as `interface.chart.shown` has them, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fact_text(entry: Mapping[str, Any]) -> str:
    """The value of an entry of `patient`, for people; of one without a value why."""
    value = entry["value"]
    if value is None:
        return f"none: {entry['why']}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def state_text(entry: Mapping[str, Any]) -> str:
    """Whether a problem or medication counts, and why, for people."""
    if entry["active"]:
        return f"active, {entry['why']}" if entry["why"] else "active"
    return f"not active: {entry['why']}" if entry["why"] else "not active"

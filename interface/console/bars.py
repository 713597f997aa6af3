"""Bars of a chart, in the units of its viewBox; drawn by attributes alone, for pages take no style of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 960.0, 160.0
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: of its column the left edge and width, of itself the upper edge and height."""

    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """Bars of one stretch of time beside each other, in the order of the series."""

    bars: tuple[Bar, ...]
    label: str
    """Of the whole column, in words."""
    x: float
    width: float


def ceiling(most: int) -> int:
    """The end of the scale: the next 1, 2 or 5 with zeros."""
    scale = 1
    while True:
        for step in _STEPS:
            if step * scale >= most:
                return step * scale
        scale *= 10


def columns(labels: Sequence[str], series: Sequence[Sequence[int]]) -> tuple[tuple[Column, ...], int]:
    """Columns of bars for several series of the same length, and the end of their scale (1 at least)."""
    top = ceiling(max((value for values in series for value in values), default=0) or 1)
    room = WIDTH / max(len(labels), 1)
    wide = room * (0.8 if len(labels) <= 48 else 0.92) / max(len(series), 1)
    begin = (room - wide * len(series)) / 2
    found = []
    for number, label in enumerate(labels):
        left = number * room
        bars = tuple(
            _bar(left + begin + place * wide, wide, values[number], top)
            for place, values in enumerate(series)
        )
        found.append(Column(bars, label, round(left, 2), round(room, 2)))
    return tuple(found), top


def _bar(x: float, width: float, value: int, top: int) -> Bar:
    height = HEIGHT * value / top
    if value:
        height = max(height, 1.5)  # one message in a busy week is seen, too
    return Bar(round(x, 2), round(width, 2), round(HEIGHT - height, 2), round(height, 2))


SMALL_WIDTH, SMALL_HEIGHT = 112.0, 22.0


@dataclass(frozen=True, slots=True)
class SmallBars:
    """Bars beside a line of text."""

    bars: tuple[Bar, ...]
    width: float
    height: float


def small_bars(values: Sequence[int]) -> SmallBars:
    """One bar for each value, the largest as high as there is room."""
    top = max(values, default=0) or 1
    room = SMALL_WIDTH / max(len(values), 1)
    bars = []
    for number, value in enumerate(values):
        height = max(SMALL_HEIGHT * value / top, 2.0) if value else 1.0
        bars.append(
            Bar(round(number * room, 2), round(room * 0.75, 2), round(SMALL_HEIGHT - height, 2), height)
        )
    return SmallBars(tuple(bars), SMALL_WIDTH, SMALL_HEIGHT)

"""Charts as SVG text: bars about a goal, dots on a logarithmic axis, stacked shares. Colours are classes (page.css)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log2, log10

WIDTH = 960
LABEL, RIGHT = 330, 190
"""What the words to the left and the values to the right take."""
ROW = 24
_PLOT = WIDTH - LABEL - RIGHT


@dataclass(frozen=True)
class Dot:
    """A value with its lowest and highest run; `series`: number of its colour."""

    series: int
    value: float
    low: float
    high: float
    says: str
    """What is shown when one points at it."""


@dataclass(frozen=True)
class Row:
    """A line of dots; `right`: its values in words."""

    label: str
    dots: tuple[Dot, ...]
    right: str
    emphasis: bool = False


def about_goals(rows: Sequence[tuple[str, float, bool, str]], times: int = 8) -> str:
    """Bars to the right of the goal (better) or to its left (worse), to a scale of doublings.

    `rows`: words, how many times better than the goal, whether it is reached, the value in words. What is more than `times`
    better or worse ends at the edge.
    """
    middle, half = LABEL + _PLOT / 2, _PLOT / 2
    steps = int(log2(times))
    parts = []
    for step in range(-steps, steps + 1):
        x = middle + step * half / steps
        words = "goal" if step == 0 else f"{2 ** abs(step)}× {'better' if step > 0 else 'short'}"
        parts.append(_grid(x, len(rows), words, strong=step == 0))
    for number, (label, margin, reached, right) in enumerate(rows):
        doublings = log2(margin) if margin > 0 and isfinite(margin) else (steps if reached else -steps)
        end = middle + max(-steps, min(steps, doublings)) * half / steps
        y = _top(number)
        parts.append(
            f'<rect class="{"good" if reached else "bad"}" x="{min(middle, end):.1f}" y="{y + 5}"'
            f' width="{max(abs(end - middle), 1.5):.1f}" height="14" rx="2"/>'
        )
        parts.append(_words(label, y) + _values(f"{'✓' if reached else '✗'} {right}", y))
    return _svg(parts, len(rows))


def dots(rows: Sequence[Row]) -> str:
    """Values on a logarithmic axis from a power of ten below the lowest to one above the highest; thin lines: all runs."""
    lowest = min(max(dot.low, 1e-3) for row in rows for dot in row.dots)
    highest = max(dot.high for row in rows for dot in row.dots)
    first, last = floor(log10(lowest)), max(ceil(log10(highest)), floor(log10(lowest)) + 1)

    def x(value: float) -> float:
        return LABEL + (log10(max(value, 10.0**first)) - first) / (last - first) * _PLOT

    parts = [_grid(x(10.0**power), len(rows), f"{10.0**power:,.10g}") for power in range(first, last + 1)]
    for number, row in enumerate(rows):
        y = _top(number)
        parts.append(_words(row.label, y, strong=row.emphasis) + _values(row.right, y))
        for dot in row.dots:
            middle = y + 12
            parts.append(
                f'<line class="s{dot.series}" x1="{x(dot.low):.1f}" x2="{x(dot.high):.1f}" y1="{middle}" y2="{middle}"/>'
                f'<circle class="s{dot.series}" cx="{x(dot.value):.1f}" cy="{middle}" r="5">'
                f"<title>{escape(dot.says)}</title></circle>"
            )
    return _svg(parts, len(rows))


def stacked(rows: Sequence[tuple[str, Sequence[tuple[str, float]], str]]) -> str:
    """Bars of parts, each as wide as the plot. `rows`: words, parts (words, value), the sum in words."""
    found = []
    for number, (label, parts, right) in enumerate(rows):
        y, at = _top(number), float(LABEL)
        whole = sum(value for _, value in parts) or 1.0
        found.append(_words(label, y) + _values(right, y))
        for series, (words, value) in enumerate(parts):
            width = value / whole * _PLOT
            found.append(
                f'<rect class="p{series % 6}" x="{at:.1f}" y="{y + 3}" width="{max(width - 1.5, 0.5):.1f}" height="18">'
                f"<title>{escape(words)}</title></rect>"
            )
            if width > 7 * len(words):
                found.append(f'<text class="on" x="{at + 5:.1f}" y="{y + 16}">{escape(words)}</text>')
            at += width
    return _svg(found, len(rows))


def _top(number: int) -> int:
    return 22 + number * ROW


def _grid(x: float, rows: int, words: str, *, strong: bool = False) -> str:
    bottom = _top(rows)
    line = f'<line class="{"goal" if strong else "grid"}" x1="{x:.1f}" x2="{x:.1f}" y1="18" y2="{bottom}"/>'
    return line + f'<text class="tick" x="{x:.1f}" y="12" text-anchor="middle">{escape(words)}</text>'


def _words(text: str, y: int, *, strong: bool = False) -> str:
    name = ' class="strong"' if strong else ""
    return f'<text{name} x="{LABEL - 12}" y="{y + 16}" text-anchor="end">{escape(text)}</text>'


def _values(text: str, y: int) -> str:
    return f'<text class="value" x="{WIDTH - RIGHT + 12}" y="{y + 16}">{escape(text)}</text>'


def _svg(parts: Sequence[str], rows: int) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {_top(rows) + 6}" role="img">{"".join(parts)}</svg>'

"""The report as one page to be mailed: style and pictures are in it, nothing is loaded, no script runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from interface.report import words
from interface.report.model import LEVELS, Finding, Report, SenderReport, Volume

_TEMPLATE = "feed_report.html.j2"
_MOST_DAYS = 120
_LONGEST_SPAN = 36_500  # days


class Bar(NamedTuple):
    """One bar of a chart, in the units of its viewBox."""

    x: float
    y: float
    width: float
    height: float
    label: str


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("interface.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["groupby_level"] = _by_level
    environment.globals |= {
        "words": words,
        "levels": LEVELS,
        "days": day_bars,
        "hours": hour_bars,
        "why": _why,
    }
    return environment.get_template(_TEMPLATE)


def as_html(report: Report) -> str:
    """The page. What messages say is escaped by the template, and harmless before that."""
    page: str = _template().render(report=report, senders=report.senders, anchor=_anchor)
    return page


def _anchor(sender: SenderReport, report: Report) -> str:
    return f"sender-{report.senders.index(sender) + 1}"


def _by_level(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    """Findings, sorted already, by how much they hurt."""
    return [(level, list(group)) for level, group in groupby(findings, key=lambda finding: finding.level)]


def _why(kind: str) -> str:
    from interface.report.sampled import Sampled

    return Sampled.why(kind)


def day_bars(volume: Volume, width: float = 640, height: float = 96) -> list[Bar]:
    """Messages by day; a long time is put together to at most `_MOST_DAYS` bars."""
    if not volume.days:
        return []
    first, last = (date.fromisoformat(day) for day in (min(volume.days), max(volume.days)))
    span = (first + timedelta(days=n) for n in range(min((last - first).days, _LONGEST_SPAN) + 1))
    days = [(day.isoformat(), volume.days.get(day.isoformat(), 0)) for day in span]
    step = -(-len(days) // _MOST_DAYS) or 1
    groups = [days[start : start + step] for start in range(0, len(days), step)]
    counts = [sum(count for _, count in group) for group in groups]
    labels = [group[0][0] if len(group) == 1 else f"{group[0][0]} to {group[-1][0]}" for group in groups]
    return _bars(counts, labels, width, height, widest=80)


def hour_bars(volume: Volume, width: float = 640, height: float = 96) -> list[Bar]:
    """Messages by hour of the day."""
    return _bars(list(volume.hours), [f"{hour:02}:00" for hour in range(24)], width, height, widest=width)


def _bars(counts: list[int], labels: list[str], width: float, height: float, *, widest: float) -> list[Bar]:
    if not counts:
        return []
    most = max(max(counts), 1)
    room = min(width / len(counts), widest)
    return [
        Bar(
            round(number * room + room * 0.1, 2),
            round(height - height * count / most, 2),
            round(room * 0.8, 2),
            round(height * count / most, 2),
            f"{label}: {count}",
        )
        for number, (count, label) in enumerate(zip(counts, labels, strict=True))
    ]

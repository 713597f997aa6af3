"""Which of a patient's problems are active, and what says so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from interface.chart.model import Chart, Problem
from interface.rules.facts import Fact, value_of

Coded = tuple[str, str]
"""System and code."""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Whether a problem is active today, and what says so."""

    active: bool
    source: str
    message: str
    rule: str
    why: str = ""
    """Why it is not active, without patient data."""
    aged: bool = False
    """Not active because nobody has named it for long; no message says so."""


def standing(problem: Problem, today: date, days: int) -> Standing:
    """Judge a problem on a day. `days` is how long a visit's diagnosis counts unless seen again; 0: for ever."""
    if problem.ended is not None:
        return _ended(problem.ended)
    if problem.resolved is not None and problem.is_over(today.isoformat()):
        return _ended(problem.resolved)
    own = problem.leaves[0].source
    if days and not problem.listed and problem.at[:10] < _day_before(today, days):
        why = f"not seen for {days} days: no longer active"
        return Standing(False, own, problem.message, problem.rule, why, aged=True)
    return Standing(True, own, problem.message, problem.rule)


def _ended(fact: Fact) -> Standing:
    source = fact.leaves[0].source
    return Standing(False, source, fact.message, fact.rule, f"no longer active: {source} says so")


@lru_cache(maxsize=16)
def _day_before(today: date, days: int) -> str:
    return (today - timedelta(days=days)).isoformat()


def by_code(chart: Chart) -> Iterable[list[Problem]]:
    """The problems that may be shown, each code once with all that was said of it."""
    same: dict[Coded, list[Problem]] = {}
    for problem in chart.problems:
        if not problem.gone:
            same.setdefault((problem.system, problem.code), []).append(problem)
    return same.values()


def first_date(sightings: list[Problem]) -> Fact | None:
    """The earliest date of a code that has not ended, whoever stated it."""
    return earliest_of(*(problem.date for problem in sightings if problem.ended is None))


def earliest_of(*dates: Fact | None) -> Fact | None:
    """The one whose day comes first; of none that has a day, None."""
    found, first = None, ""
    for fact in dates:
        if fact is not None and (day := value_of(fact)) and (found is None or day < first):
            found, first = fact, day
    return found

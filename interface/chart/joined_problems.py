"""The problems of two charts that become one person's."""

from __future__ import annotations

from interface.chart.known_problems import KnownProblems
from interface.chart.model import Chart, Problem
from interface.chart.stated_problems import with_first_date, with_state_of


def absorb_problems(chart: Chart, entries: list[Problem]) -> None:
    """The problems of another chart of the same person join: the newer statement counts, the earliest date stays.

    What one chart withholds stays withheld, whatever the other says.
    """
    known = KnownProblems(chart.problems)
    for entry in entries:
        _absorb(known, entry)
    chart.problems = known.entries()


def _absorb(known: KnownProblems, entry: Problem) -> None:
    if entry.gone == "withheld":
        known.withhold(entry)
        return
    if known.withheld(entry):
        return
    same = known.same(entry)
    if same is not None and same.at > entry.at:
        known.put(with_first_date(_with_later_state(same, entry), entry))
        return
    if same is not None:
        entry = with_first_date(_with_later_state(entry, same), same)
    if entry.ended is not None:
        known.end(entry)
    else:
        known.put(known.as_ended_since(entry))


def _with_later_state(entry: Problem, other: Problem) -> Problem:
    """The newer statement of two, with the state that the other says where that was said later."""
    return with_state_of(entry, other) if other.state_since > entry.state_since else entry

"""The problems of two charts that become one person's."""

from __future__ import annotations

from interface.chart.known_problems import KnownProblems
from interface.chart.model import Chart, Problem, change
from interface.chart.stated_problems import VISIT_LIST, joined, with_state_of


def absorb_problems(chart: Chart, entries: list[Problem]) -> None:
    """The problems of another chart of the same person join: the newer statement counts, the earliest date stays.

    What one chart withholds stays withheld, whatever the other says.
    """
    known = KnownProblems(chart.problems)
    numbers = _numbers(chart.problems) & _numbers(entries)
    for entry in entries:
        _absorb(known, entry)
    for number in sorted(numbers):
        _join_by_number(known, number)
    chart.problems = known.entries()


def _absorb(known: KnownProblems, entry: Problem) -> None:
    if entry.gone == "withheld":
        known.withhold(entry)
        return
    if known.withheld(entry):
        return
    same = known.same(entry)
    if same is not None and same.at > entry.at:
        known.put(joined(_with_later_state(same, entry), entry))
        if entry.ended is not None:
            known.end(entry)  # what visits said before it
        return
    if same is not None:
        entry = joined(_with_later_state(entry, same), same)
    if entry.ended is not None:
        known.end(entry)
    else:
        known.put(known.as_ended_since(entry))


def _numbers(entries: list[Problem]) -> set[str]:
    """The numbers (PRB-4) that say who gave them: one of them is one problem, whoever bears it. Without that each record may
    have been counted by itself.
    """
    return {entry.instance for entry in entries if "^" in entry.instance and _is_listed(entry)}


def _is_listed(entry: Problem) -> bool:
    """Whether it is of a problem list; what is withheld is marked as such wherever it was said."""
    return entry.listed and not any(leaf.source.startswith(VISIT_LIST) for leaf in entry.leaves[:1])


def _join_by_number(known: KnownProblems, number: str) -> None:
    """One problem under several codes: it was coded anew, and what was said of it counts, as it does within one chart."""
    same = [(place, entry) for place, entry in known.of_instance(number) if _is_listed(entry)]
    withheld = [entry for _, entry in same if entry.gone == "withheld"]
    stated = [(place, entry) for place, entry in same if entry.gone != "withheld"]
    if withheld:
        mark = max(withheld, key=lambda entry: entry.at)
        for _, entry in stated:
            if entry.released_at <= mark.at:
                coded = {"system": entry.system, "code": entry.code, "label": entry.label}
                known.withhold(change(mark, **coded, leaves=entry.leaves, named=entry.named))
        return
    newest = max((entry.at for _, entry in stated), default="")
    now = [(place, entry) for place, entry in stated if entry.at == newest]
    codes = {entry.coding for _, entry in now}
    before = [(place, entry) for place, entry in stated if entry.coding not in codes]
    gone = [entry for _, entry in now if entry.gone == "removed" and entry.state_since == newest]
    deleted = gone[0] if gone else None
    for place, entry in before:
        if deleted is None:
            known.recode(place)
        elif not entry.gone:
            known.end(change(entry, at=newest, gone="removed", ended=deleted.ended, active=False))
    over = [entry for _, entry in before] if all(entry.ended is not None for _, entry in before) else []
    over += [entry for _, entry in now if entry.ended is not None]
    last = max(over, key=lambda entry: entry.state_since, default=None)
    if deleted is None and last is not None:
        for _, entry in now:
            stands = _with_later_state(entry, last)
            (known.put if stands.ended is None else known.end)(stands)


def _with_later_state(entry: Problem, other: Problem) -> Problem:
    """The newer statement of two, with the state that the other says where that was said later."""
    return with_state_of(entry, other) if other.state_since > entry.state_since else entry

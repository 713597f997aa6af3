"""Visits of ADT: under which number a chart knows one, and whether it is cancelled (HL7 v2, chapter 3)."""

from __future__ import annotations

from interface.chart.model import Appointment, Chart, change

_MOST_RENUMBERED = 100


def same_number(one: str, other: str) -> bool:
    """Whether two visit or account numbers (`NUMBER^AUTHORITY`) are one; an authority may be missing on one side."""
    if not one or not other:
        return False
    first, _, first_authority = one.partition("^")
    second, _, second_authority = other.partition("^")
    return first == second and (
        first_authority == second_authority or not (first_authority and second_authority)
    )


def known_as(chart: Chart, number: str) -> str:
    """The number under which the chart knows the visit that a message names `number`.

    It may have another one by now, or the authority may be missing on one side. Of two that it could be it is neither.
    """
    if chart.renumbered:
        number = number_now(chart, number)
    if f"V:{number}" in chart.appointments or number in chart.snapshots:
        return number
    past = chart.snapshots or chart.removed or chart.discharges
    if not (past or chart.appointments or chart.problems or chart.orders):
        return number  # nothing is known of a new patient
    known = {key[2:] for key, entry in chart.appointments.items() if entry.is_visit}
    known.update(chart.snapshots, chart.removed, chart.discharges)
    known.update(problem.visit for problem in chart.problems)
    known.update(order.visit for order in chart.orders)
    alike = [] if number in known else [entry for entry in known if same_number(entry, number)]
    return alike[0] if len(alike) == 1 else number


def number_now(chart: Chart, number: str) -> str:
    """The number that a visit has now, whatever it had before."""
    for _ in chart.renumbered:  # never more steps than there are, whatever they lead to
        new = next((new for old, (new, _) in chart.renumbered.items() if same_number(old, number)), None)
        if new is None:
            break
        number = new
    return number


def note_renumbered(chart: Chart, old: str, new: str, at: str) -> str:
    """A visit has a new number: gives the one it has now, which may be newer still. It may get its old one back."""
    if same_number(old, new):
        return new
    if same_number(number_now(chart, new), old):
        back = {before: found for before, found in chart.renumbered.items() if same_number(before, new)}
        if any(then > at for _, then in back.values()):
            return number_now(chart, new)  # an older message in a circle
        chart.renumbered = {number: found for number, found in chart.renumbered.items() if number not in back}
    _, before_at = chart.renumbered.pop(old, ("", ""))
    chart.renumbered[old] = (new, max(at, before_at))
    if len(chart.renumbered) > _MOST_RENUMBERED:
        del chart.renumbered[next(iter(chart.renumbered))]
    return number_now(chart, new)


def note_cancelled(chart: Chart, key: str, at: str) -> bool:
    """A visit is cancelled, known or not; False when something newer has opened it since.

    Of one that is not known it is remembered, so that nothing older that arrives late books it. A visit without a number
    may be any: there only a known one is cancelled.
    """
    known = chart.appointments.get(key)
    if known is None:
        if key != "V:":
            chart.appointments[key] = Appointment(key, at, {}, "cancelled", status_at=at)
        return True
    if at < known.status_at:
        return False
    chart.appointments[key] = change(known, status="cancelled", status_at=at)
    return True

"""What of one message a chart holds: names of fields and counts, nothing of a value."""

from __future__ import annotations

from collections.abc import Iterable

from interface.chart.model import Chart
from interface.rules.facts import Fact


def said_by(chart: Chart, control_id: str) -> tuple[str, ...]:
    """What the chart has from the message with this control id: `patient.name`, `2 problems`; () for nothing."""
    if not control_id:
        return ()
    names = sorted(name for name, fact in chart.patient.items() if fact.message == control_id)
    problems = sum(
        control_id == problem.message
        or _any((problem.date, problem.ended, problem.resolved, problem.named), control_id)
        for problem in chart.problems
    )
    orders = sum(
        control_id == order.ended_message or _any(order.facts.values(), control_id) for order in chart.orders
    )
    appointments = sum(_any(entry.facts.values(), control_id) for entry in chart.appointments.values())
    counts = ((problems, "problem"), (orders, "medication"), (appointments, "appointment"))
    return (*names, *(f"{count} {what}{'s' if count > 1 else ''}" for count, what in counts if count))


def _any(facts: Iterable[Fact | None], control_id: str) -> bool:
    return any(
        control_id in (fact.message, fact.named.message if fact.named is not None else "")
        for fact in facts
        if fact is not None
    )

"""The ends of visits (A03), which end their inpatient orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interface.chart.model import Chart, Discharge, Order
from interface.chart.update import visit_of
from interface.rules.facts import text_of

if TYPE_CHECKING:
    from interface.rules.reading import Reading

_MOST_DISCHARGES = 100


def note_discharge(chart: Chart, reading: Reading) -> None:
    """Remember the end of a visit (A03), which ends its inpatient orders; or forget it (A13)."""
    event, visit = reading.event, visit_of(reading)
    known = chart.discharges.get(visit)
    if known is not None and known.at > reading.at:
        return
    if not (event.ends_inpatient_orders or event.cancels_discharge):
        return
    inpatient = text_of(reading.facts, "visit.class") in ("", "I")
    chart.discharges.pop(visit, None)
    chart.discharges[visit] = Discharge(
        reading.at, reading.control_id, event.rule, inpatient, cancelled=event.cancels_discharge
    )
    if len(chart.discharges) > _MOST_DISCHARGES:
        del chart.discharges[next(iter(chart.discharges))]


def discharge_of(chart: Chart, order: Order) -> Discharge | None:
    """The discharge that ended an inpatient order; where a number is missing, any of an inpatient since it was opened."""
    if text_of(order.facts, "order.inpatient") != "inpatient":
        return None
    since = order.state_since
    ended = [
        found
        for visit, found in chart.discharges.items()
        if not found.cancelled
        and found.at >= since
        and (visit == order.visit if visit and order.visit else found.inpatient)
    ]
    return min(ended, key=lambda found: found.at, default=None)

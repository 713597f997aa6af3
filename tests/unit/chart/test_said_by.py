"""What of one message a chart holds."""

from __future__ import annotations

from interface.chart.model import Appointment, Chart, Order, Problem
from interface.chart.said_by import said_by
from interface.rules.facts import Fact


def fact(message: str) -> Fact:
    return Fact("Smith", (), "r.yaml#x", "2026", message)


def test_names_and_counts_are_told_and_no_value() -> None:
    chart = Chart(
        ["|1"],
        patient={"patient.name": fact("M1"), "patient.birthDate": fact("M2")},
        problems=[
            Problem("ICD10", "E11.9", "x", (), "r", "2026", "M1"),
            Problem("ICD10", "I10", "x", (), "r", "2026", "M0", ended=fact("M1")),
        ],
        orders=[Order(("P:1",), {"medication.nameCode": fact("M2")}, "2026")],
        appointments={"A": Appointment("A", "2026", {"upcomingAppointmentDate": fact("M1")})},
    )
    assert said_by(chart, "M1") == ("patient.name", "2 problems", "1 appointment")
    assert said_by(chart, "M2") == ("patient.birthDate", "1 medication")
    assert said_by(chart, "M9") == said_by(chart, "") == ()

"""Requests without a date, which version 2 of the API takes: asked for a person when no date to come is known.

They stand in the chart as one entry of its appointments, with the key `PERSON`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from interface.chart.model import PERSON, Appointment, Chart
from interface.chart.settle import Settling
from interface.chart.update import clinician, goes_with, merge, visit_of
from interface.chart.visits import same_number
from interface.rules.facts import Reason, text_of
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.reading import Reading


def asks_without_date(policy: Policy, reading: Reading, target: Appointment | None, today: str) -> bool:
    """Whether a message that would post asks for the person, since `target`, if any, is a visit without a date to come.

    Only where the site wants it (`[forward] without_date`). A cancelled visit stays cancelled, and an SIU is about its
    appointment.
    """
    if policy.without_date != "post" or policy.api_version == 1 or reading.event.about == "appointment":
        return False
    return target is None or (target.is_visit and target.status == "booked" and target.date < today)


def take_person(chart: Chart, reading: Reading) -> Appointment:
    """What the message says of the clinician and the clinic; the person's entry as it stands now in the chart."""
    old = chart.appointments.get(PERSON)
    facts = dict(old.facts) if old is not None else {}
    for field, fact in (
        ("upcomingAppointmentProvider", clinician(reading.facts)),
        ("clinicName", reading.facts.get("clinicName")),
    ):
        if fact is not None:
            merge(facts, field, fact)
    before = old if old is not None else Appointment(PERSON, "", facts)
    visit, account = goes_with(reading, before)
    entry = Appointment(
        PERSON,
        max(reading.at, before.at),
        facts,
        asked=before.asked,
        account=account,
        status_at=max(reading.at if reading.event.reopens else "", before.status_at),
        visit=visit,
        trial=reading.is_trial,
    )
    chart.appointments[PERSON] = entry
    return entry


def withdraw_person(settling: Settling, reading: Reading, reason: Reason) -> bool:
    """End the person's unsent request when the visit that it was asked for is cancelled; whether there was one."""
    person = settling.chart.appointments.get(PERSON)
    if person is None or reading.at < person.status_at:
        return False
    asked_for = person.visit or text_of(person.facts, "visit.number")  # where charts of before have it
    if not same_number(asked_for, visit_of(reading)):
        return False
    return settling.close(person, "withdrawn", reason)


def why_person(reading: Reading) -> Reason:
    """Why a request goes out without a date."""
    text = f'{reading.type} asks for the records of the person: no date to come is known, and without_date is "post"'
    return Reason("request-without-date", text)

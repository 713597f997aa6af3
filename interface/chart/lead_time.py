"""Asking so many days before the visit, and not before: `[forward] send_days_before`.

A day's requests are spread over its first hours: each appointment has its own moment, which stays the same.
"""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta

from interface.chart.by_site import names_of, with_tables
from interface.chart.guarding import FREE, Ruling, share_of
from interface.chart.model import Appointment, Chart
from interface.rules.facts import Reason
from interface.rules.policy import Policy
from interface.rules.rulebook import Rulebook

FIELD = "appointment.sendDaysBefore"
"""The field of a site's rules for some appointments."""
WINDOW = (time(0), time(8))
"""Between these times of its day, the site's, each request has its moment: answers are there when people come to work."""


def lead_time(
    book: Rulebook, policy: Policy, chart: Chart, appointment: Appointment, now: datetime
) -> Ruling:
    """Whether it is too early to ask for the appointment. `now`: aware, in the site's zone.

    What was let out for the appointment's day, or has been sent, is not taken back: not by another day of the calendar,
    not by another setting.
    """
    if not appointment.date:
        return FREE
    days, rule = days_before(book, policy, appointment)
    asked = appointment.asked
    if not days or (asked is not None and asked.state == "waiting" and asked.day in ("", appointment.date)):
        return FREE
    day = date.fromisoformat(appointment.date) - timedelta(days=days)
    if day < now.date():
        return FREE
    moment = moment_of(day, f"{next(iter(chart.keys), '')} {appointment.key}", now)
    if now.timestamp() >= moment:
        return FREE
    text = f"asked for on {day}, {days} day{'s' if days > 1 else ''} before the visit"
    return Ruling((Reason("lead-time", f"{text} ({rule})" if rule else text),), until=moment)


def days_before(book: Rulebook, policy: Policy, appointment: Appointment) -> tuple[int, str]:
    """How many days before the visit it is asked for, and the site's rule that says so; empty: the setting does."""
    own = [entry for entry in book.fixed if entry.field == FIELD]
    said = names_of(with_tables(book.site, appointment)) if own else {}
    for entry in own:  # the most specific first
        if entry.condition is None or entry.condition.fits(said):
            return int(str(entry.value)), entry.name
    return policy.send_days_before, ""


def moment_of(day: date, name: str, now: datetime) -> float:
    """The moment within a day's window that is `name`'s, POSIX seconds; whole ones, so that no rounding of a time brings
    it forward. Where clocks are changed within the window it is an hour shorter or longer.
    """
    begins, ends = (datetime.combine(day, at, now.tzinfo).timestamp() for at in WINDOW)
    return float(math.ceil(begins + (ends - begins) * share_of(name)))

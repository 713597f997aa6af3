"""Asking so many days before the visit, and not before: `[forward] send_days_before`.

A day's requests are spread over its first hours: each appointment has its own moment, which stays the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from interface.chart.by_site import names_of, with_tables
from interface.chart.guarding import FREE, Ruling, share_of
from interface.chart.model import Appointment, Chart
from interface.rules.facts import Reason
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook

FIELD = "appointment.sendDaysBefore"
"""The field of a site's rules for some appointments."""
WINDOW = (time(0), time(8))
"""Between these times of its day, the site's, each request has its moment: answers are there when people come to work."""

_AT_ONCE = ("staging", "production-test")
"""Environments in which nobody's visit is what it is about: a few requests, which people wait for."""


@dataclass(frozen=True, slots=True)
class Due:
    """When an appointment is to be asked for."""

    at: float
    """POSIX seconds."""
    text: str
    """For people."""


def due_of(
    book: Rulebook, policy: Policy, chart: Chart, appointment: Appointment, now: datetime
) -> Due | None:
    """When it is to be asked for; None: at once, whatever the time. `now`: aware, in the site's zone.

    What was let out for the appointment's day, or has been sent, is not taken back: not by another day of the calendar,
    not by another setting.
    """
    if not policy.send_days_before and not book.fixed:
        return None  # nearly all sites: nothing more is looked at
    if not appointment.date or policy.environment in _AT_ONCE:
        return None
    days, rule = days_before(book, policy, appointment)
    asked = appointment.asked
    if not days or (
        asked is not None
        and asked.state == "waiting"
        and asked.day in ("", let_out_for(appointment, policy.environment))
    ):
        return None
    day = date.fromisoformat(appointment.date) - timedelta(days=days)
    moment = moment_of(day, f"{next(iter(chart.keys), '')} {appointment.key}", now)
    text = f"asked for on {day}, {days} day{'s' if days > 1 else ''} before the visit"
    return Due(moment, f"{text} ({rule})" if rule else text)


def too_early(due: Due | None, now: datetime) -> Ruling:
    """Held until its moment."""
    if due is None or now.timestamp() >= due.at:
        return FREE
    return Ruling((Reason("lead-time", due.text),), until=due.at)


def let_out_for(appointment: Appointment, environment: str) -> str:
    """The day that it is let out for, as the chart notes it. Another environment's is another: there it was a trial."""
    return f"{appointment.date}@{environment}"


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
    return float(math.floor(begins + (ends - begins) * share_of(name)))

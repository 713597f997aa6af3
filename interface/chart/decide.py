"""From a message and a chart to an outcome: the one place where decisions are made.

`Engine` is all that intake and `explain` see of the pure core. It has no clock, no store and no memory: time and chart are
passed in, and the outcome says what to keep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from interface.chart.filters import appointment_left, person_left
from interface.chart.lists import take_lists
from interface.chart.model import Appointment, Chart, change
from interface.chart.outcome import NewRequest, Outcome
from interface.chart.replaced import end_replaced
from interface.chart.settle import Composed, Settling, is_true, unchanged
from interface.chart.update import (
    end_inpatient_orders,
    forget_past,
    lend_provider,
    take_appointment,
    take_orders,
    take_patient,
    take_problems,
    take_visit,
    text_of,
    visit_key,
)
from interface.rules.facts import LeftOut, Reason
from interface.rules.policy import Policy
from interface.rules.reading import Reading, read_message
from interface.rules.rulebook import Rulebook

_NOT_PRODUCTION = ("T", "D")


@dataclass(frozen=True)
class Engine:
    """The mapping of a site, ready to decide."""

    book: Rulebook
    policy: Policy

    def read(self, raw: bytes, *, received_at: datetime, listener: str = "") -> Reading:
        """What the message says. Never raises for what a sender can send."""
        return read_message(self.book, self.policy, raw, received_at=received_at, listener=listener)

    def decide(
        self, reading: Reading, chart: Chart | None, *, now: datetime, new_id: Callable[[], int]
    ) -> Outcome:
        """What follows from the message for this patient. `now` is aware; `new_id` numbers new requests."""
        early = self._without_chart(reading)
        if early is not None:
            return early
        does = self._does(reading)
        if does == "ignore":
            return _plain(reading, "ignore", self._why_ignored(reading))
        today = self.today(now)
        fresh = chart.copy() if chart is not None else Chart(list(reading.keys))
        left = self._left(reading, chart, today)
        if left is not None:
            return left
        if not reading.keys:
            return self._unknown_patient(reading, fresh, does, today, new_id)
        step = _Step(self, reading, does, self._settling(fresh, today, reading.control_id, new_id))
        return step.run()

    def resettle(self, chart: Chart, *, now: datetime, new_id: Callable[[], int]) -> Outcome:
        """The open requests again, when the day or the settings have changed."""
        settling = self._settling(chart.copy(), self.today(now), "", new_id)
        for appointment in list(settling.chart.appointments.values()):
            settling.refresh(appointment)
        changed = settling.chart if settling.changes else None
        return Outcome("chart", (), chart=changed, requests=tuple(settling.changes))

    def today(self, now: datetime) -> date:
        """The site's calendar day."""
        return now.astimezone(self.policy.timezone or now.tzinfo).date()

    def _settling(self, chart: Chart, today: date, trigger: str, new_id: Callable[[], int]) -> Settling:
        return Settling(self.book, self.policy, chart, today, trigger, new_id)

    def _does(self, reading: Reading) -> str:
        """The event's action, as [forward] and the appointment's status change it."""
        does = reading.event.does
        wanted = self.policy.decisions.get(reading.type)
        booking = does == "post" and reading.event.about == "appointment"
        if wanted is not None and does in ("post", "chart", "ignore") and not reading.event.not_yet:
            does = wanted
        if does == "ignore" or not booking:
            return does
        status = text_of(reading.facts, "appointment.status")
        return {"cancelled": "cancel", "chart": "chart", "blocked": "ignore"}.get(status, does)

    def _left(self, reading: Reading, chart: Chart | None, today: date) -> Outcome | None:
        """A patient none of whose messages is for us: what is open of his is withdrawn."""
        known = chart.patient if chart is not None else {}
        reason = person_left(self.book, self.policy, reading.keys, reading.facts, known)
        if reason is None:
            return None
        outcome = _plain(reading, "ignore", reason)
        if chart is None:
            return outcome
        settling = self._settling(chart.copy(), today, reading.control_id, _no_request)
        for appointment in list(settling.chart.appointments.values()):
            settling.close(appointment, "withdrawn", reason)
        changed = settling.chart if settling.changes else None
        return replace(outcome, chart=changed, requests=tuple(settling.changes))

    def _why_ignored(self, reading: Reading) -> Reason:
        if text_of(reading.facts, "appointment.status") == "blocked":
            return Reason("blocked", "SCH-25 says blocked: a slot, not an appointment")
        return Reason("forward", f'{reading.type} is ignored by [forward] "{reading.type}" = "ignore"')

    def _without_chart(self, reading: Reading) -> Outcome | None:
        """Rejects and messages that are not for us."""
        event = reading.event
        if reading.reject is not None:
            return _plain(reading, "reject", reading.reject)
        if event.does == "ignore":
            if event.not_yet:
                text = f"{reading.type} is kept, but what it does is not available yet"
                return _plain(reading, "ignore", Reason("not-available-yet", text))
            return _plain(reading, "ignore", Reason("not-used", f"{reading.type} is not used: {event.say}"))
        if self.policy.environment == "production" and reading.processing_id in _NOT_PRODUCTION:
            text = f"MSH-11 is {reading.processing_id}: not a production message"
            return _plain(reading, "ignore", Reason("processing-id", text))
        if not reading.has_patient:
            return _plain(reading, "ignore", Reason("no-patient", f"{reading.type} has no PID: no patient"))
        return None

    def _unknown_patient(
        self, reading: Reading, chart: Chart, does: str, today: date, new_id: Callable[[], int]
    ) -> Outcome:
        """It can't be told whose message it is: held, with what to do; nothing is charted."""
        mrn = reading.facts.get("patient.mrn.extension")
        why = mrn.why if mrn is not None and mrn.why else "PID-3 is empty"
        reason = Reason("no-mrn", f"whose message it is can't be told: {why}")
        step = _Step(self, reading, does, self._settling(chart, today, reading.control_id, new_id))
        composed = step.so_far()
        draft = composed.draft
        return Outcome(
            "hold",
            (reason,),
            request=draft.request,
            fields=tuple(draft.fields),
            left_out=(*reading.left_out, *draft.left_out),
            said=reading.said,
        )


def _no_request() -> int:
    raise AssertionError("nothing is requested of a patient who is left alone")


def _plain(reading: Reading, decision: str, reason: Reason) -> Outcome:
    return Outcome(decision, (reason,), left_out=reading.left_out, said=reading.said)


class _Step:
    """One message and one chart: take what the message says, then settle."""

    def __init__(self, engine: Engine, reading: Reading, does: str, settling: Settling):
        self.engine = engine
        self.reading = reading
        self.does = does
        self.settling = settling
        self.chart = settling.chart
        self.today = settling.today
        self.left_out: list[LeftOut] = list(reading.left_out)
        self.said: list[str] = list(reading.said)
        self.about_appointment = reading.event.about == "appointment"
        self.key = self._key()
        self.known = self.key in self.chart.appointments

    def _key(self) -> str:
        if self.about_appointment:
            number = text_of(self.reading.facts, "appointment.id")
            return self._by_placer(f"A:{number}") if number else ""
        return visit_key(self.reading) if self.reading.event.about == "visit" else ""

    def _by_placer(self, key: str) -> str:
        """The key of the one known appointment with this placer, where the message (SCH-1 alone) names no other."""
        identity, placer = (
            self.reading.facts["appointment.id"],
            text_of(self.reading.facts, "appointment.placer"),
        )
        if key in self.chart.appointments or not identity.leaves[0].source.startswith("SCH-1"):
            return key
        known = [
            entry.key
            for entry in self.chart.appointments.values()
            if text_of(entry.facts, "appointment.placer") == placer
        ]
        return known[0] if len(known) == 1 else key

    def run(self) -> Outcome:
        """The whole step."""
        forget_past(self.chart, self.today)
        left = self._left()
        if left is not None:
            return left
        in_time = self._take()
        end_replaced(self.settling, self.reading, self.key)
        if self.does == "cancel":
            outcome = self._cancel(in_time)
        elif self.does == "post" and in_time:
            outcome = self._post()
        elif not in_time:
            outcome = self._chart(Reason("older", "older than what is known of the appointment: only kept"))
        else:
            outcome = self._chart(*self._why_chart())
        return self._with_rest(outcome)

    def _left(self) -> Outcome | None:
        """An appointment that `[filters]` leaves: nothing of the message is taken, what is open of it is withdrawn."""
        filters = self.settling.policy.filters
        if not (filters.of_appointments and self.about_appointment and self.key and self.does == "post"):
            return None
        known = self.chart.appointments.get(self.key)
        facts = {**(known.facts if known is not None else {}), **self.reading.facts}
        said = Appointment(self.key, self.reading.at, facts)
        reason = appointment_left(self.settling.book, filters, said)
        if reason is None:
            return None
        if known is not None and self.reading.at >= known.at:
            self.settling.close(known, "withdrawn", reason)
            known = self.chart.appointments[self.key]
            self.chart.appointments[self.key] = change(known, status="other", at=self.reading.at)
        return self._outcome("ignore", reason)

    def so_far(self) -> Composed:
        """What could be composed when whose message it is can't be told."""
        self._take()
        return self.settling.compose(self._target() or Appointment("", self.reading.at, {}))

    # ------------------------------------------------------------ taking

    def _take(self) -> bool:
        """Put everything the message says into the chart; False when the appointment's part is out of date."""
        reading, chart = self.reading, self.chart
        take_patient(chart, reading)
        take_problems(chart, reading, self.left_out)
        take_orders(chart, reading, self.left_out)
        take_lists(chart, reading, self.left_out)
        if reading.event.ends_inpatient_orders:
            end_inpatient_orders(chart, reading)
        if self.about_appointment and self.key:
            status = {"post": "booked", "cancel": "cancelled"}.get(self.does, "other")
            return take_appointment(chart, reading, self.key, status)
        if self.key and self.does == "post":
            take_visit(chart, reading, self.key, self.today)
            booked = self._booked()
            if booked is not None:
                lend_provider(chart, reading, booked)
        return True

    def _target(self) -> Appointment | None:
        """The appointment a request is for: the message's own, else the nearest booked one to come, else the visit."""
        if self.about_appointment:
            return self.chart.appointments.get(self.key)
        return self._booked() or (self.chart.appointments.get(self.key) if self.key else None)

    def _booked(self) -> Appointment | None:
        """The nearest booked appointment that is not past."""
        today = self.today.isoformat()
        booked = [
            entry
            for entry in self.chart.appointments.values()
            if not entry.is_visit and entry.status == "booked" and entry.date >= today
        ]
        return min(booked, key=lambda entry: entry.date, default=None)

    # ------------------------------------------------------------ deciding

    def _why_chart(self) -> tuple[Reason, ...]:
        status = text_of(self.reading.facts, "appointment.status")
        if self.about_appointment and status == "chart":
            return (Reason("status", "SCH-25 says complete, pending or wait-listed: nothing to request"),)
        return (Reason("charted", f"{self.reading.type} adds to what is known of the patient"),)

    def _cancel(self, in_time: bool) -> Outcome:
        if not in_time:
            return self._chart(Reason("older", "older than what is known of the appointment: only kept"))
        what = "appointment" if self.about_appointment else "visit"
        reasons = [Reason("cancelled", f"{self.reading.type} cancels the {what}")]
        appointment = self.chart.appointments.get(self.key)
        if not self.known:
            reasons.append(Reason("not-known", f"no such {what} is known here: nothing to withdraw"))
        elif appointment is not None:
            if appointment.status != "cancelled":
                appointment = change(appointment, status="cancelled")
                self.chart.appointments[self.key] = appointment
            if self.settling.close(appointment, "withdrawn", reasons[0]):
                reasons.append(Reason("withdrawn", "requests not yet sent are withdrawn"))
        return self._outcome("cancel", *reasons)

    def _post(self) -> Outcome:
        if self.about_appointment and not self.key:
            return self._hold_without_row(
                Reason("no-appointment-id", "SCH-2 and SCH-1 are empty: the appointment can't be told")
            )
        target = self._target()
        if is_true(self.chart, "patient.deceased"):
            return self._chart(
                Reason("deceased", "the patient is deceased (PID-30, PID-29): nothing is requested")
            )
        if target is None or target.status != "booked":
            return self._chart(self._why_no_date())
        if target.date and target.date < self.today.isoformat():
            self.settling.close(target, "expired", Reason("past-date", "the appointment's date has passed"))
            return self._chart(
                Reason("past-date", "the appointment's date has passed: a past date is not sent")
            )
        if target.is_visit and not target.date:
            return self._chart(self._why_no_date())
        left = self.settling.left(target)
        if left is not None:
            self.settling.close(target, "withdrawn", left)
            return self._chart(left)
        composed = self.settling.compose(target)
        if self.engine.policy.unchanged == "skip" and not composed.holds and unchanged(target, composed):
            return self._chart(
                Reason("unchanged", "the request is unchanged: it equals the last one for this appointment")
            )
        asked = target.asked
        if not (
            composed.holds and asked is not None and asked.state == "held" and asked.digest == composed.digest
        ):
            self.settling.ask(target, composed)
        if composed.holds:
            return self._outcome("hold", *composed.holds, composed=composed)
        why = Reason("request", f"{self.reading.type} asks for the records of this appointment")
        if asked is not None and asked.state == "held":
            why = Reason("completes-held", f"{self.reading.type} completes a request that was held")
        return self._outcome("post", why, composed=composed)

    def _why_no_date(self) -> Reason:
        admitted = text_of(self.reading.facts, "visit.admitted")
        if admitted and admitted < self.today.isoformat():
            return Reason(
                "past-date", "PV1-44 has passed, and no other date is known: a past date is not sent"
            )
        return Reason("no-date", "no appointment or visit date to come is known (SCH-11, PV2-8, PV1-44)")

    def _hold_without_row(self, reason: Reason) -> Outcome:
        composed = self.settling.compose(Appointment("", self.reading.at, dict(self.reading.facts)))
        return self._outcome("hold", reason, *composed.holds, composed=composed)

    def _chart(self, *reasons: Reason) -> Outcome:
        return self._outcome("chart", *reasons)

    def _with_rest(self, outcome: Outcome) -> Outcome:
        """Settle the patient's other open requests; one that this message completes makes the decision `post`."""
        released: Composed | None = None
        asked_now = {made.appointment for made in self.settling.changes if isinstance(made, NewRequest)}
        for key, appointment in list(self.chart.appointments.items()):
            if key not in asked_now:
                released = self.settling.refresh(appointment) or released
        outcome = replace(outcome, requests=tuple(self.settling.changes))
        if released is None or outcome.decision != "chart":
            return outcome
        done = self._outcome(
            "post", Reason("completes-held", "completes a request that was held"), composed=released
        )
        return replace(done, requests=tuple(self.settling.changes))

    def _outcome(self, decision: str, *reasons: Reason, composed: Composed | None = None) -> Outcome:
        left_out = list(self.left_out)
        request: dict[str, Any] | None = None
        fields: tuple[Any, ...] = ()
        if composed is not None:
            request, fields = composed.draft.request, tuple(composed.draft.fields)
            left_out += composed.draft.left_out
        facts = [*self.reading.facts.values()]
        facts += [fact for item in (*self.reading.problems, *self.reading.orders) for fact in item.values()]
        return Outcome(
            decision,
            reasons,
            chart=self.chart,
            requests=tuple(self.settling.changes),
            request=request,
            fields=fields,
            left_out=tuple(left_out),
            said=(*self.said, *(text for fact in facts for text in fact.said)),
        )

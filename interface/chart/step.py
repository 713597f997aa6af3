"""One message about one patient: take what it says into the chart, then say what becomes of the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interface.chart.by_hand import given_up
from interface.chart.compose import SHAPES
from interface.chart.dateless import asks_without_date, take_person, why_person, withdraw_person
from interface.chart.discharges import note_discharge
from interface.chart.draft import Placed
from interface.chart.filters import appointment_left
from interface.chart.holds import hold
from interface.chart.lists import take_confidential_lists, take_lists
from interface.chart.model import Appointment, Chart, change
from interface.chart.naming import appointment_key, known_twice
from interface.chart.orders import take_confidential_orders, take_orders
from interface.chart.outcome import NewRequest, Outcome
from interface.chart.people import (
    absorb_appointment,
    appointments_up_to,
    is_of_gone_account,
    remove_person,
    remove_visit,
)
from interface.chart.problems import take_confidential, take_problems
from interface.chart.replaced import end_replaced
from interface.chart.resources import is_empty, lists_since, resources_left
from interface.chart.settle import Composed, Settling, is_true
from interface.chart.update import (
    EMPTIED,
    appointment_facts,
    forget_past,
    lend_provider,
    take_appointment,
    take_patient,
    take_protection,
    take_visit,
    visit_key,
    visit_of,
)
from interface.chart.visits import known_as, note_cancelled
from interface.chart.withhold import note_codings
from interface.rules.facts import LeftOut, Reason, place_of, text_of
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.reading import Reading

_RETIRED = Reason(
    "number-retired",
    "a merge has retired the number: what is known is the surviving patient's, and stays",
)
_DELETED = Reason("older", "older than the deletion of the person: only kept")
_ANOTHERS = Reason(
    "older", "older than the move of the number to this person, and so perhaps another's: only kept"
)
_GIVEN_UP = Reason(
    "discarded", "a person has given this request up, and it would say the same: it is not asked for again"
)
_TWICE = Reason("superseded", "the same appointment stood under the placer's number, too: one request stays")
_HISTORY = Reason("history", "history: it adds to what is known, and nothing is requested")


def _as_known(chart: Chart, reading: Reading) -> Reading:
    """The reading, with its visit under the number that the chart knows it by."""
    sent = visit_of(reading)
    number = known_as(chart, sent) if sent else sent
    if number == sent:
        return reading
    known: Reading = change(
        reading,
        facts={**reading.facts, "visit.number": change(reading.facts["visit.number"], value=number)},
    )
    return known


class Step:
    """One message and one chart: take what the message says, then settle."""

    def __init__(self, policy: Policy, reading: Reading, does: str, settling: Settling):
        self.policy = policy
        self.reading = reading = _as_known(settling.chart, reading)
        self.does = does
        self.settling = settling
        self.chart = settling.chart
        self.today = settling.today
        self.left_out: list[LeftOut] = list(reading.left_out)
        self.about_appointment = reading.event.about == "appointment"
        self.key = self._key()
        self.known = self.key in self.chart.appointments
        self._join()
        takes_out = reading.event.cancels_when_empty and reading.event.does == "post"
        self.emptied = takes_out and does != "cancel" and self._nothing_is_left()
        if self.emptied:
            self.does = "cancel"

    def _nothing_is_left(self) -> bool:
        """Whether S20 to S22 take the last resource out of the appointment."""
        known = self.chart.appointments.get(self.key)
        if lists_since(known, self.reading.at):
            return False
        return not resources_left(known.facts if known is not None else {}, self.reading.facts)

    def _key(self) -> str:
        if self.about_appointment:
            return appointment_key(self.chart, self.reading)
        return visit_key(self.reading) if self.reading.event.about == "visit" else ""

    def run(self) -> Outcome:
        """The whole step."""
        forget_past(self.chart, self.today)
        if self.reading.at < self.chart.removed.get("", ""):
            take_protection(self.chart, self.reading.facts)
            self._take_confidential()
            return self._with_rest(self._outcome("chart", _DELETED))
        if self.reading.at < self.chart.gained.get(next(iter(self.reading.keys), ""), ""):
            return self._outcome("chart", _ANOTHERS)
        if self.reading.event.identity == "remove" and self.does == "cancel":
            if self.reading.event.about == "person":
                return self._with_rest(self._remove_person())
            # PID is not of the visit
            take_patient(self.chart, self.reading.facts, self.reading.keys)
            return self._with_rest(self._remove_visit())
        left = self._left()
        if left is not None:
            return left
        in_time = self._take()
        replaced = end_replaced(self.settling, self.reading, self.key)
        if self.does == "cancel":
            outcome = self._cancel(in_time)
        elif self.does == "post" and in_time and self.reading.history:
            outcome = self._chart(_HISTORY)
        elif self.does == "post" and in_time:
            outcome = self._post()
        elif not in_time:
            outcome = self._chart(self._older())
        else:
            outcome = self._chart(*self._why_chart())
        return self._with_rest(change(outcome, reasons=outcome.reasons + replaced) if replaced else outcome)

    def _join(self) -> None:
        """An appointment that was known by each of its numbers alone is one, now that the message names both."""
        other = known_twice(self.chart, self.reading, self.key) if self.about_appointment else None
        if other is None:
            return
        del self.chart.appointments[other.key]
        twice = absorb_appointment(self.chart, self.key, change(other, key=self.key, by_placer=False))
        if twice is not None:
            self.settling.end(twice, "superseded", _TWICE)

    def _left(self) -> Outcome | None:
        """An appointment that `[filters]` leaves: nothing of the message is taken, what is open of it is withdrawn."""
        filters = self.policy.filters
        if not (filters.of_appointments and self.about_appointment and self.key) or self.does == "cancel":
            return None
        known = self.chart.appointments.get(self.key)
        late = known is not None and self.reading.at < known.at
        if known is not None and late:
            facts = {**known.facts, **self.reading.facts}
        else:
            facts = appointment_facts(known, self.reading)
        said = Appointment(self.key, self.reading.at, facts)
        reason = appointment_left(self.settling.book, filters, said)
        if reason is None:
            return None
        if known is not None and not late:
            self.settling.close(known, "withdrawn", reason)
            known = self.chart.appointments[self.key]
            self.chart.appointments[self.key] = change(
                known, status="other", at=self.reading.at, status_at=self.reading.at
            )
        return self._outcome("ignore", reason)

    def again(self) -> Outcome:
        """Decide once more about a message whose facts are in the chart already."""
        return self._post() if self.does == "post" else self._chart(*self._why_chart())

    def so_far(self) -> Composed:
        """What could be composed when whose message it is can't be told."""
        self._take()
        return self.settling.compose(self._target() or Appointment("", self.reading.at, {}))

    # ------------------------------------------------------------ taking

    def _take(self) -> bool:
        """Put everything the message says into the chart; False when the appointment's part is out of date."""
        reading, chart = self.reading, self.chart
        take_patient(chart, reading.facts, reading.keys)
        if reading.at < chart.removed.get(visit_of(reading), ""):
            self._take_confidential()
            return False  # of a visit that was taken out, or moved to another person, since
        if chart.accounts_gone and is_of_gone_account(
            chart, text_of(reading.facts, "visit.account"), reading.at
        ):
            self._take_confidential()
            return False
        ended = SHAPES[self.policy.api_version].ended_problems
        take_problems(chart, reading, self.left_out, sends_ended=ended)
        take_orders(chart, reading, self.left_out)
        take_lists(chart, reading, self.left_out, sends_ended=ended)
        note_codings(chart, reading)
        note_discharge(chart, reading)
        if self.about_appointment and self.key:
            return take_appointment(chart, reading, self.key, self._says)
        if self.key and self.does == "cancel" and reading.event.about == "visit":
            return note_cancelled(chart, self.key, reading.at)
        if self.key and self.does == "post":
            take_visit(chart, reading, self.key, self.today)
            booked = self._booked()
            if booked is not None:
                lend_provider(chart, reading, booked)
        return True

    def _take_confidential(self) -> None:
        """What the message calls confidential is so, also where it is too old for all else: nothing releases it."""
        take_confidential(self.chart, self.reading, self.left_out)
        take_confidential_orders(self.chart, self.reading, self.left_out)
        take_confidential_lists(self.chart, self.reading, self.left_out)
        note_codings(self.chart, self.reading)

    @property
    def _says(self) -> str:
        """The state of the appointment that the message tells of; empty: none, it is news of its resources.

        Of such news SCH-25 could open it again, or a resource where it had ended because none was left.
        """
        if self.emptied:
            return EMPTIED
        if self.does != "post":
            return "cancelled" if self.does == "cancel" else "other"
        facts, known = self.reading.facts, self.chart.appointments.get(self.key)
        if self.reading.event.reopens or text_of(facts, "appointment.status") == "booked":
            return "booked"
        emptied = known is not None and known.status == "cancelled" and is_empty(known)
        return "booked" if known is not None and emptied and resources_left(known.facts, facts) else ""

    def _opens_none(self, cancelled: Appointment) -> bool:
        return cancelled.is_visit or not self.reading.event.reopens

    def _target(self) -> Appointment | None:
        """The appointment a request is for: the message's own, else the nearest booked one to come, else the visit."""
        if self.about_appointment:
            return self.chart.appointments.get(self.key)
        booked, own = self._booked(), self.chart.appointments.get(self.key)
        if booked is None and own is None and not visit_of(self.reading):
            return self._booked(visits=True)  # news of the person, whichever the visit
        return booked or own

    def _booked(self, *, visits: bool = False) -> Appointment | None:
        """The nearest booked appointment, or else visit, that is not past."""
        today = self.today.isoformat()
        booked = [
            entry
            for entry in self.chart.appointments.values()
            if entry.is_visit == visits and entry.status == "booked" and entry.date >= today
        ]
        return min(booked, key=lambda entry: entry.date, default=None)

    # ------------------------------------------------------------ deciding

    @property
    def _what(self) -> str:
        return "appointment" if self.about_appointment else "visit"

    def _older(self) -> Reason:
        return Reason("older", f"older than what is known of the {self._what}: only kept")

    def _why_chart(self) -> tuple[Reason, ...]:
        status = text_of(self.reading.facts, "appointment.status")
        if self.about_appointment and status == "chart":
            where = place_of(self.reading.facts, "appointment.status")
            return (Reason("status", f"{where} says complete, pending or wait-listed: nothing to request"),)
        charted = Reason("charted", f"{self.reading.type} adds to what is known of the patient")
        return (self.reading.event.by_site(charted),)

    def _why_cancelled(self, what: str) -> Reason:
        facts = self.reading.facts
        if self.reading.event.books and text_of(facts, "appointment.status") == "cancelled":
            where = place_of(facts, "appointment.status")
            return Reason("cancelled", f"{where} of {self.reading.type} says that the {what} is cancelled")
        return self.reading.event.by_site(Reason("cancelled", f"{self.reading.type} cancels the {what}"))

    def _cancel(self, in_time: bool) -> Outcome:
        if not in_time:
            return self._chart(self._older())
        what = self._what
        reasons = [self._why_cancelled(what)]
        appointment = self.chart.appointments.get(self.key)
        withdrawn = not self.about_appointment and withdraw_person(self.settling, self.reading, reasons[0])
        if not self.known and not withdrawn:
            reasons.append(Reason("not-known", f"no such {what} is known here: nothing to withdraw"))
        elif appointment is not None:
            if appointment.status != "cancelled":
                appointment = change(appointment, status="cancelled")
                self.chart.appointments[self.key] = appointment
            withdrawn = self.settling.close(appointment, "withdrawn", reasons[0]) or withdrawn
        if withdrawn:
            reasons.append(Reason("withdrawn", "requests not yet sent are withdrawn"))
        return self._outcome("cancel", *reasons)

    def _remove_visit(self) -> Outcome:
        """A23 takes the visit out of the chart; what something newer has booked since stays."""
        reading, entry = self.reading, self.chart.appointments.get(self.key)
        late = entry is not None and reading.at < entry.status_at
        reasons = [Reason("cancelled", f"{reading.type} takes the visit out of the chart")]
        closed = entry is not None and not late and self.settling.close(entry, "withdrawn", reasons[0])
        if withdraw_person(self.settling, reading, reasons[0]) or closed:
            reasons.append(Reason("withdrawn", "requests not yet sent are withdrawn"))
        known = self.known
        if visit := visit_of(reading):
            known = remove_visit(self.chart, visit, reading.at) or known
        if late:
            return self._chart(self._older())
        note_cancelled(self.chart, self.key, reading.at)
        if not known:
            reasons.append(Reason("not-known", "no such visit is known here: nothing to withdraw"))
        return self._outcome("cancel", *reasons)

    def _remove_person(self) -> Outcome:
        """A29 takes the person out of the chart; requests not yet sent are withdrawn."""
        chart, at = self.chart, self.reading.at
        if self.reading.keys[:1] != tuple(chart.keys[:1]):
            return self._chart(_RETIRED)
        known = bool(chart.patient or chart.problems or chart.orders)
        reasons = [Reason("cancelled", f"{self.reading.type} takes the person out of the chart")]
        late = max((fact.at for fact in chart.patient.values()), default="") > at
        if late:
            reasons = [
                Reason(
                    "older", "older than what is known of the person: that stays, what was known before goes"
                )
            ]
        closed = [
            self.settling.close(entry, "withdrawn", reasons[0]) for entry in appointments_up_to(chart, at)
        ]
        remove_person(chart, at)
        if any(closed):
            reasons.append(Reason("withdrawn", "requests not yet sent are withdrawn"))
        if late:
            return self._chart(*reasons)
        if not known:
            reasons.append(Reason("not-known", "no such person is known here: nothing to withdraw"))
        return self._outcome("cancel", *reasons)

    def _post(self) -> Outcome:
        if self.about_appointment and not self.key:
            return self._hold_without_row(hold("no-appointment-id"))
        target = self._target()
        if is_true(self.chart, "patient.deceased"):
            return self._chart(hold("deceased"))
        if asks_without_date(self.policy, self.reading, target, self.today.isoformat()):
            target = take_person(self.chart, self.reading)
        if target is not None and target.status == "cancelled" and self._opens_none(target):
            what = "visit" if target.is_visit else "appointment"
            return self._chart(
                Reason(
                    "visit-cancelled", f"the {what} is cancelled, and {self.reading.type} opens none again"
                )
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
        if composed.drop is not None:
            self.settling.close(target, "withdrawn", composed.drop)
            return self._chart(composed.drop)
        if given_up(target, composed):
            return self._chart(_GIVEN_UP)
        if self.policy.unchanged == "skip" and self.settling.unchanged(target, composed):
            what = "person" if target.is_person else "appointment"
            return self._chart(
                Reason("unchanged", f"the request is unchanged: it equals the last one for this {what}")
            )
        asked = target.asked
        composed = self.settling.as_another(composed)
        if not (
            composed.holds and asked is not None and asked.state == "held" and asked.digest == composed.digest
        ):
            self.settling.ask(target, composed)
        if composed.holds:
            return self._outcome("hold", *composed.holds, composed=composed)
        why = Reason("request", f"{self.reading.type} asks for the records of this appointment")
        if target.is_person:
            why = why_person(self.reading)
        if asked is not None and asked.state == "held":
            why = Reason("completes-held", f"{self.reading.type} completes a request that was held")
        return self._outcome("post", self.reading.event.by_site(why), composed=composed)

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
        if len(outcome.requests) < len(self.settling.changes):
            outcome = change(outcome, requests=tuple(self.settling.changes))
        if released is None or outcome.decision != "chart":
            return outcome
        return self._outcome(
            "post", Reason("completes-held", "completes a request that was held"), composed=released
        )

    def _outcome(self, decision: str, *reasons: Reason, composed: Composed | None = None) -> Outcome:
        left_out = list(self.left_out)
        request: dict[str, Any] | None = None
        placed: tuple[Placed, ...] = ()
        if composed is not None:
            request, placed = composed.draft.request, tuple(composed.draft.placed)
            left_out += composed.draft.left_out
        reading = self.reading
        items = [reading.facts, *reading.problems, *reading.orders]
        for found in reading.lists:
            items += (*found.problems, *found.orders)
        return Outcome(
            decision,
            reasons,
            chart=self.chart,
            requests=tuple(self.settling.changes),
            request=request,
            placed=placed,
            left_out=tuple(dict.fromkeys(left_out)),
            said=(
                *reading.said,
                *[text for item in items for fact in item.values() if fact.said for text in fact.said],
            ),
        )

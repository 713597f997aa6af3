"""From a message and a chart to an outcome: the one place where decisions are made.

`Engine` is all that intake and `explain` see of the pure core. It has no clock, no store and no memory: time and chart are
passed in, and the outcome says what to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from interface.chart.apart import NOBODY, Apart, charted_apart
from interface.chart.filters import person_left
from interface.chart.guarding import Guard, no_guard
from interface.chart.holds import hold
from interface.chart.identity import decide_identity
from interface.chart.model import Chart, change
from interface.chart.outcome import Outcome
from interface.chart.settle import Sent, Settling, not_known
from interface.chart.step import Step
from interface.rules.facts import Reason, place_of, text_of
from interface.rules.policy import Policy
from interface.rules.reading import Reading, read_message

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook


@dataclass(frozen=True)
class Engine:
    """The mapping of a site, ready to decide."""

    book: Rulebook
    policy: Policy
    guard: Guard = no_guard
    """What the environment forbids."""
    apart: Apart = field(default_factory=lambda: NOBODY)
    """Test patients: they are charted under keys of their own."""
    sent: Sent = not_known
    """Whether a request is over (sent, dead), as far as the store knows."""

    def read(self, raw: bytes, *, received_at: datetime, listener: str = "") -> Reading:
        """What the message says. Never raises for what a sender can send."""
        reading = read_message(self.book, self.policy, raw, received_at=received_at, listener=listener)
        return charted_apart(reading, self.apart)

    def decide(
        self, reading: Reading, charts: Mapping[str, Chart], *, now: datetime, new_id: Callable[[], int]
    ) -> Outcome:
        """What follows from the message. `charts`: those of `reading.keys` that are known, by key; none is changed.

        `now` is aware; `new_id` numbers new requests.
        """
        early = self._without_chart(reading)
        if early is not None:
            return early
        does = self._does(reading)
        if does == "ignore":
            where = place_of(reading.facts, "appointment.status")
            return _plain(
                reading, "ignore", Reason("blocked", f"{where} says blocked: a slot, not an appointment")
            )
        if reading.moves:
            return decide_identity(
                reading,
                charts,
                lambda chart: self._settling(chart, now, reading.control_id, new_id, reading.history),
            )
        known = charts.get(reading.keys[0]) if reading.keys else None
        left = self._left(reading, known, now)
        if left is not None:
            return left
        fresh = known.copy() if known is not None else Chart(list(reading.keys))
        if not reading.keys:
            return self._unknown_patient(reading, fresh, does, now, new_id)
        step = Step(
            self.policy,
            reading,
            does,
            self._settling(fresh, now, reading.control_id, new_id, reading.history),
        )
        return step.run()

    def decide_again(self, reading: Reading, settling: Settling) -> Outcome | None:
        """What the message would lead to now, its facts being in the chart already; None: to no request of its own."""
        if reading.history or reading.moves or self._without_chart(reading) is not None:
            return None
        if self._does(reading) != "post":
            return None
        return Step(self.policy, reading, "post", settling).again()

    def settling(self, chart: Chart, *, now: datetime, trigger: str, new_id: Callable[[], int]) -> Settling:
        """A settling of a chart that may be changed."""
        return self._settling(chart, now, trigger, new_id)

    def resettle(self, chart: Chart, *, now: datetime, new_id: Callable[[], int]) -> Outcome:
        """The open requests again, when the day or the settings have changed."""
        settling = self._settling(chart.copy(), now, "", new_id)
        for appointment in list(settling.chart.appointments.values()):
            settling.refresh(appointment)
        changed = settling.chart if settling.changes else None
        return Outcome("chart", (), chart=changed, requests=tuple(settling.changes))

    def release(
        self, chart: Chart, request: int, *, now: datetime, new_id: Callable[[], int]
    ) -> Outcome | None:
        """A person lets a held request of a protected patient go; None: no such request is held."""
        settling = self._settling(chart.copy(), now, "", new_id)
        for appointment in settling.chart.appointments.values():
            if appointment.asked is not None and appointment.asked.id == request:
                settling.release(appointment)
                return Outcome("chart", (), chart=settling.chart, requests=tuple(settling.changes))
        return None

    def ask_anew(
        self, chart: Chart, requests: Collection[int], *, now: datetime, new_id: Callable[[], int]
    ) -> Outcome | None:
        """Ask once more for the appointments whose last request is one of these, which was sent; None: for none of them."""
        settling = self._settling(chart.copy(), now, "", new_id)
        today = settling.today.isoformat()
        for entry in list(settling.chart.appointments.values()):
            asked = entry.asked
            past = entry.date < today and not entry.is_person
            if asked is None or asked.id not in requests or entry.status != "booked" or past:
                continue
            if settling.left(entry) is None:
                settling.ask(entry, settling.compose(entry))
        if not settling.changes:
            return None
        return Outcome("chart", (), chart=settling.chart, requests=tuple(settling.changes))

    def today(self, now: datetime) -> date:
        """The site's calendar day."""
        return self._here(now).date()

    def _here(self, now: datetime) -> datetime:
        return now.astimezone(self.policy.timezone or now.tzinfo)

    def _settling(
        self, chart: Chart, now: datetime, trigger: str, new_id: Callable[[], int], history: bool = False
    ) -> Settling:
        here = self._here(now)
        return Settling(self.book, self.policy, chart, here, trigger, new_id, self.guard, history, self.sent)

    def _does(self, reading: Reading) -> str:
        """The event's action, as the appointment's status changes it."""
        does = reading.event.does
        if does == "ignore" or not reading.event.books:
            return does
        status = text_of(reading.facts, "appointment.status")
        return {"cancelled": "cancel", "chart": "chart", "blocked": "ignore"}.get(status, does)

    def _left(self, reading: Reading, chart: Chart | None, now: datetime) -> Outcome | None:
        """A patient none of whose messages is for us: what is open of his is withdrawn."""
        if reading.event.identity:
            return None  # a deletion is a deletion whoever it is about
        known, others = (chart.patient, chart.keys) if chart is not None else ({}, ())
        reason = person_left(self.book, self.policy, (*reading.keys[:1], *others), reading.facts, known)
        if reason is None:
            return None
        outcome = _plain(reading, "ignore", reason)
        if chart is None:
            return outcome
        settling = self._settling(chart.copy(), now, reading.control_id, _no_request)
        for appointment in list(settling.chart.appointments.values()):
            settling.close(appointment, "withdrawn", reason)
        changed = settling.chart if settling.changes else None
        return change(outcome, chart=changed, requests=tuple(settling.changes))

    def _without_chart(self, reading: Reading) -> Outcome | None:
        """Rejects and messages that are not for us."""
        event = reading.event
        if reading.reject is not None:
            return _plain(reading, "reject", reading.reject)
        if event.does == "ignore":
            if event.default and event.default != "ignore":
                text = f'{reading.type} is ignored by [forward] "{event.forward}" = "ignore"'
                return _plain(reading, "ignore", Reason("forward", text))
            return _plain(reading, "ignore", Reason("not-used", f"{reading.type} is not used: {event.say}"))
        if self.policy.environment == "production" and reading.is_trial:
            text = f"MSH-11 is {reading.processing_id}: not a production message"
            return _plain(reading, "ignore", Reason("processing-id", text))
        if not reading.has_patient:
            return _plain(reading, "ignore", Reason("no-patient", f"{reading.type} has no PID: no patient"))
        if event.identity == "link":
            text = f"{reading.type} links or unlinks patients: noted, nothing is merged"
            return _plain(reading, "chart", Reason("linked", text))
        if reading.several_patients:
            return self._several_patients(reading)
        return None

    def _several_patients(self, reading: Reading) -> Outcome:
        """Two people never share a chart: of a message that names several nothing is taken."""
        does = self._does(reading)
        decision = {"post": "hold", "cancel": "hold"}.get(does, does)
        text = f"{reading.type} {hold('several-patients').text}"
        return _plain(reading, decision, Reason("several-patients", text))

    def _unknown_patient(
        self, reading: Reading, chart: Chart, does: str, now: datetime, new_id: Callable[[], int]
    ) -> Outcome:
        """It can't be told whose message it is: held, with what to do; nothing is charted."""
        mrn = reading.facts.get("patient.mrn.extension")
        why = self.book.why_of(mrn) if mrn is not None and mrn.why else "PID-3 is empty"
        reason = Reason("no-mrn", f"{hold('no-mrn').text}: {why}")
        step = Step(self.policy, reading, does, self._settling(chart, now, reading.control_id, new_id))
        draft = step.so_far().draft
        return Outcome(
            "hold",
            (reason,),
            request=draft.request,
            placed=tuple(draft.placed),
            left_out=(*reading.left_out, *draft.left_out),
            said=reading.said,
        )


def _no_request() -> int:
    raise AssertionError("nothing is requested of a patient who is left alone")


def _plain(reading: Reading, decision: str, reason: Reason) -> Outcome:
    return Outcome(decision, (reason,), left_out=reading.left_out, said=reading.said)

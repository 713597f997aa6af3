"""What the open requests of a patient are now: the one function behind holding, releasing, superseding and expiring."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec
import orjson

from interface.chart.compose import compose
from interface.chart.draft import Draft
from interface.chart.filters import appointment_left, person_left
from interface.chart.guarding import Case, Guard, no_guard, together
from interface.chart.holds import hold, hold_of
from interface.chart.kept import detail
from interface.chart.lead_time import due_of, let_out_for, too_early
from interface.chart.model import OPEN, Appointment, Asked, Chart, change
from interface.chart.outcome import Close, NewRequest, RequestChange, Rewrite
from interface.chart.reciprocity import Ledger, ledger
from interface.chart.update import RESTRICTED, VISIT_PROTECTED, is_restricted
from interface.contract.versions import version
from interface.contract.violations import Violation
from interface.rules.facts import Reason
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook

_MOST_BESIDE = 50
_PROTECTED = "protected"
_SUPERSEDED = Reason("superseded", "a newer request for this appointment takes its place")
_PLAIN = "sandbox"
"""The environment that digests do not name."""

Sent = Callable[[int], bool | None]


def not_known(_request: int) -> bool | None:
    """Where there is no store nobody knows what was sent."""
    return None


class Composed(msgspec.Struct, frozen=True, gc=False):
    """A request as it would go out now, or the reasons why it can't."""

    draft: Draft
    body: bytes
    digest: bytes
    holds: tuple[Reason, ...]
    date: date | None
    until: float | None = None
    """When a hold ends by itself, POSIX seconds; None: none does."""
    drop: Reason | None = None
    """Why the environment lets it go out never."""
    said: bytes = b""
    """The digest that it has when nothing holds it any more."""
    another: tuple[Reason, ...] = ()
    """What holds it, too, if it is to be another request than the appointment's last."""

    @property
    def state(self) -> str:
        """waiting or held."""
        return "held" if self.holds else "waiting"


@dataclass
class Settling:
    """One settling of a chart: what it looks at, and the changes it has found so far."""

    book: Rulebook
    policy: Policy
    chart: Chart
    """A copy that may be changed."""
    now: datetime
    """Aware, in the site's zone."""
    trigger: str
    """Control id of the message that is decided; empty when none is."""
    new_id: Callable[[], int]
    guard: Guard = no_guard
    """What the environment forbids."""
    history: bool = False
    """The message was loaded: a held request that it completes stays held until the next message or day."""
    sent: Sent = not_known
    """Whether a request that was let out is over (sent, dead); None: that is not known. Asked only before one is held."""
    changes: list[RequestChange] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The site's calendar day."""
        return self.now.date()

    def compose(self, appointment: Appointment) -> Composed:
        """The appointment's request from the chart, checked against the contract and what the environment forbids."""
        draft = compose(self.book, self.policy, self.chart, appointment, self.trigger, self.today)
        due = due_of(self.book, self.policy, self.chart, appointment, self.now)
        case = Case(
            draft.request,
            self.policy.api_version,
            self.chart,
            appointment,
            self.now,
            due=due.at if due is not None else None,
            known=lambda: self._known(draft),
        )
        ruling = together(self.guard(case), too_early(due, self.now))
        if ruling.withheld:
            draft.withhold(ruling.withheld)
        body, violations = version(self.policy.api_version).validated(draft.request, self.today)
        if "upcomingAppointmentDate" not in draft.request and self._needs_date(appointment):
            violations = (*violations, _NO_DATE)
        holds = [Reason(*hold_of(violation, draft.why, self.book.own_sources)) for violation in violations]
        if patient_holds := _patient_holds(self.chart):
            released = appointment.asked is not None and appointment.asked.released
            holds += [why for why in patient_holds if not (released and why.code == _PROTECTED)]
        holds += ruling.holds
        if body is None:
            body = orjson.dumps(draft.request)
        # what lacks something else does not go when the time has come
        until = ruling.until if len(holds) == len(ruling.holds) else None
        codes = [why.code for why in holds]
        digest = said = digest_of(body, codes, self.policy.environment, until)
        if codes:
            said = digest_of(body, environment=self.policy.environment)
        day = appointment.date
        return Composed(
            draft,
            body,
            digest,
            tuple(holds),
            date.fromisoformat(day) if day else None,
            until,
            ruling.drop,
            said,
            ruling.another,
        )

    def as_another(self, composed: Composed) -> Composed:
        """The same as a request of its own beside, or in the place of, the appointment's last."""
        if not composed.another:
            return composed
        known = {why.code for why in composed.holds}
        holds = (*composed.holds, *(why for why in composed.another if why.code not in known))
        codes = [why.code for why in holds]
        digest = digest_of(composed.body, codes, self.policy.environment)
        # these holds are not over by themselves, so that all of them aren't
        return change(composed, holds=holds, digest=digest, until=None)

    def detail(self, composed: Composed) -> bytes:
        """What is kept beside a request: where its values came from, and how it stands to what the chart knows now."""
        return detail(composed.draft, self._known(composed.draft))

    def _known(self, draft: Draft) -> Ledger:
        return ledger(self.book, self.policy, self.chart, draft.request, draft.left_out, self.today)

    def _needs_date(self, appointment: Appointment) -> bool:
        """Whether a date must be there though the contract does without one (version 2)."""
        if self.policy.api_version == 1:
            return False
        return not appointment.is_person or self.policy.without_date != "post"

    def ask(self, appointment: Appointment, composed: Composed) -> None:
        """A new request; an open one of the appointment is superseded unless the site wants one per message."""
        asked = appointment.asked
        opened = asked if asked is not None and asked.state in OPEN else None
        old = opened.id if opened is not None and self.policy.supersede else None
        beside = (*opened.beside, opened.id)[-_MOST_BESIDE:] if opened is not None and old is None else ()
        if opened is not None and old is not None:
            # the setting was false: without this they would go out, whatever becomes of the appointment
            self.changes += [Close(number, "superseded", (_SUPERSEDED,)) for number in opened.beside]
        made = NewRequest(
            id=self.new_id(),
            appointment=appointment.key,
            state=composed.state,
            reasons=composed.holds,
            body=composed.body,
            detail=self.detail(composed),
            appointment_date=composed.date,
            supersedes=old,
            until=composed.until,
        )
        self.changes.append(made)
        if opened is not None and beside and opened.state != made.state:
            # what holds or releases one of the appointment's requests does so with all
            self._rewrite(beside, composed)
        released = asked is not None and asked.released
        # what went out was chosen, not what comes after it
        chosen = asked.chosen if asked is not None and not composed.another else 0
        day = self.let_out(appointment, composed)
        made_now = Asked(
            made.id,
            made.state,
            composed.digest,
            False,
            beside,
            released,
            chosen=chosen,
            day=day,
            api_version=self.policy.api_version,
        )
        self._set(appointment, made_now)

    def unchanged(self, appointment: Appointment, composed: Composed) -> bool:
        """Whether the appointment's last request says the same, and is on its way or was sent.

        What would be held says the same only if that one was sent: one that is open still is to be held itself.
        """
        asked = appointment.asked
        if asked is None or asked.state != "waiting" or asked.rewritten:
            return False
        if not composed.holds:
            return asked.digest == composed.digest
        return asked.digest == composed.said and self.sent(asked.id) is True

    def close(self, appointment: Appointment, state: str, reason: Reason) -> bool:
        """End the appointment's open request unsent; False when it has none."""
        asked = appointment.asked
        if asked is None or asked.state not in OPEN:
            return False
        self.end(asked, state, reason)
        self._set(appointment, change(asked, state="closed", beside=()))
        return True

    def release(self, appointment: Appointment) -> bool:
        """A person lets a protected patient's held request go; whether it waits to be sent now."""
        asked = appointment.asked
        if asked is None or asked.state != "held":
            return False
        self._set(appointment, change(asked, released=True))
        return self.refresh(self.chart.appointments[appointment.key]) is not None

    def choose(self, appointment: Appointment, number: int) -> tuple[Reason, ...]:
        """Let this round of the production test take the appointment's held request; gives what holds it all the same."""
        asked = appointment.asked
        if asked is None or asked.state != "held":
            return ()
        chosen = change(appointment, asked=change(asked, chosen=number))
        self.chart.appointments[appointment.key] = chosen
        return () if self.refresh(chosen) is not None else self.compose(chosen).holds

    def end(self, asked: Asked, state: str, reason: Reason) -> None:
        """End an open request whose appointment is not in this chart (any more)."""
        self.changes += [Close(number, state, (reason,)) for number in (*asked.beside, asked.id)]

    def refresh(self, appointment: Appointment, *, moved: bool = False) -> Composed | None:
        """Compose an open request anew in place; the Composed when that released it from a hold.

        `moved`: it was another patient's, so it is written even when its text stays.
        """
        asked = appointment.asked
        if asked is None or asked.state not in OPEN:
            return None
        left = _CANCELLED if appointment.status == "cancelled" else self.left(appointment)
        if left is not None:
            self.close(appointment, "withdrawn", left)
            return None
        if appointment.date and appointment.date < self.today.isoformat():
            self.close(appointment, "expired", Reason("past-date", "the appointment's date has passed"))
            return None
        composed = self.compose(appointment)
        if composed.drop is not None:
            self.close(appointment, "withdrawn", composed.drop)
            return None
        if self.history and asked.state == "held" and not composed.holds:
            composed = change(composed, holds=(hold("history"),))
        stands = asked.written if asked.rewritten else asked.digest
        same = composed.digest == stands and composed.state == asked.state
        if same and not moved:
            return None
        sent = self.sent(asked.id) if asked.state == "waiting" and composed.holds else None
        if sent:
            return None  # nothing of it can be held; what it said stays what the next one is compared with
        version_now = self.policy.api_version
        with_all = moved or composed.state != asked.state or asked.api_version != version_now
        beside = asked.beside if with_all else ()
        self._rewrite((*beside, asked.id), composed)
        if same:
            return None
        released = asked.state == "held" and composed.state == "waiting"
        digest, written = asked.digest, composed.digest
        if sent is False or (asked.state == "held" and not asked.rewritten):
            digest, written = composed.digest, b""  # open still, or it never waited: it was not sent
        elif asked.rewritten and composed.state == "held" and asked.state != "held":
            digest = b""  # which version was sent, if one was, is not known here
        elif released and composed.digest == digest:
            written = b""  # held meanwhile, it stands as it was when it may have been sent
        self._set(
            appointment,
            change(
                asked,
                state=composed.state,
                digest=digest,
                rewritten=bool(written),
                written=written,
                day=self.let_out(appointment, composed),
                api_version=version_now,
            ),
        )
        return composed if released else None

    def left(self, appointment: Appointment) -> Reason | None:
        """Why nothing is requested for it, whatever is known: who opted out, and `[filters]`."""
        return person_left(self.book, self.policy, self.chart.keys, self.chart.patient) or appointment_left(
            self.book, self.policy.filters, appointment
        )

    def let_out(self, appointment: Appointment, composed: Composed) -> str:
        """For which day the appointment was let out last, this time or before; for the chart."""
        if composed.state == "waiting":
            return let_out_for(appointment, self.policy.environment)
        return appointment.asked.day if appointment.asked is not None else ""

    def _rewrite(self, numbers: Iterable[int], composed: Composed) -> None:
        state, body, told, day = composed.state, composed.body, self.detail(composed), composed.date
        self.changes += [
            Rewrite(number, state, composed.holds, body, told, day, composed.until) for number in numbers
        ]

    def _set(self, appointment: Appointment, asked: Asked) -> None:
        self.chart.appointments[appointment.key] = change(
            self.chart.appointments.get(appointment.key, appointment), asked=asked
        )


def digest_of(
    body: bytes, codes: Iterable[str] = (), environment: str = _PLAIN, until: float | None = None
) -> bytes:
    """What tells a request from one that says something else, goes elsewhere, or is held for another reason (`codes`) or
    another time.
    """
    parts = [*codes]
    if environment != _PLAIN:
        parts.append(f"@{environment}")
    if until is not None:
        parts.append(f"until {until}")
    return hashlib.blake2b(body + "".join(parts).encode(), digest_size=16).digest()


def _patient_holds(chart: Chart) -> list[Reason]:
    holds = []
    if is_true(chart, "patient.deceased"):
        holds.append(hold("deceased"))
    if is_true(chart, "patient.identityUnknown"):
        holds.append(hold("identity-unknown"))
    if _is_protected(chart):
        holds.append(hold(_PROTECTED))
    return holds


def _is_protected(chart: Chart) -> bool:
    """Whether anything protects the patient: each source speaks for itself, and one's N does not lift another's Y."""
    if is_true(chart, "patient.protected") or (RESTRICTED in chart.patient and is_restricted(chart.patient)):
        return True
    for fact in chart.patient.values():
        if fact.value is True:  # of nearly no patient: only then it is looked which it is
            break
    else:
        return False
    return is_restricted(chart.patient) or any(
        fact.value is True and name.startswith(VISIT_PROTECTED) for name, fact in chart.patient.items()
    )


def is_true(chart: Chart, field_name: str) -> bool:
    """Whether a yes/no fact of the patient is yes."""
    fact = chart.patient.get(field_name)
    return fact is not None and fact.value is True


_CANCELLED = Reason("cancelled", "the appointment is cancelled, said a message under its other number")
_NO_DATE = Violation("upcomingAppointmentDate", "missing", "upcomingAppointmentDate is missing")

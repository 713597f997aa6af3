"""How a message changes a chart: later facts take the place of earlier ones, never the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from interface.chart.model import STATE_UNSAID, Appointment, Chart, Order, change
from interface.chart.resources import PROVIDER, emptied_at, lists_since, resources_left, take_resources
from interface.chart.same_clinician import names_with_less
from interface.rules.facts import Fact, Item, place_of, text_of, value_of

if TYPE_CHECKING:
    from interface.rules.reading import Reading

_APPOINTMENT_FACTS = (
    "upcomingAppointmentDate",
    "upcomingAppointmentProvider",
    "clinicName",
    "clinicNpi",
    "appointment.type",
    "appointment.placer",
)
EMPTIED = "emptied"
"""What S20 to S22 say of an appointment that they leave no resource: it is cancelled."""
PROTECTED = "patient.protected"
"""PD1-12."""
VISIT_PROTECTED = "patient.protectedVisit"
"""PV2-22; in a chart with the visit's number behind it."""
RESTRICTED = "patient.restricted"
"""ARV-3; in a chart each with its code behind it, and without one the HL7 null that ended all."""
_ONE_RESTRICTION = f"{RESTRICTED}:"
_KEEP_PAST = timedelta(days=60)


def merge(known: dict[str, Fact], field: str, new: Fact) -> None:
    """Put a fact in its place, unless what is known is newer or says more. In whichever order they come, what stands is the
    newest that says as much as any.
    """
    old = known.get(field)
    if old is not None:
        if field == PROVIDER:
            if names_with_less(new, old):  # he is known with more, and was named as late as this
                known[field] = change(old, at=max(new.at, old.at), weak=new.weak and old.weak)
                return
            if names_with_less(old, new):
                new = change(new, at=max(new.at, old.at), weak=new.weak and old.weak)
        since = old.deleted_at or (old.at if old.deleted else "")
        if new.at < old.at:
            _merge_late(known, field, new, since)
            return
        says_less = new.value is None and not new.deleted
        if old.value is not None and not old.weak and (new.weak or says_less):
            return
        if old.value is not None and says_less:
            return
        if since and (new.weak or says_less):
            new = change(new, deleted=True, deleted_at=since)  # what is older than the deletion stays deleted
    known[field] = new


def _merge_late(known: dict[str, Fact], field: str, late: Fact, since: str) -> None:
    """A fact that is older than the one that is known: it counts where it says what that does not, and was not deleted
    since. `since`: when what is known was deleted last.
    """
    old = known[field]
    if old.value is not None and not old.weak:
        return
    if late.deleted:
        if late.at > since:
            known[field] = change(old, deleted=True, deleted_at=late.at)
    elif late.at > since and late.value is not None and (old.value is None or not late.weak):
        known[field] = change(late, deleted=True, deleted_at=since) if since and late.weak else late


def take_patient(chart: Chart, facts: Item, keys: Sequence[str]) -> None:
    """Demographics. The number is taken only where it is the patient's own: a retired one leads here, and no more."""
    known = chart.patient
    for field, fact in facts.items():
        if not field.startswith("patient.") or field == "patient.mrn.extension":
            continue
        if field == PROTECTED and fact.value is None:
            continue  # its N alone takes it back
        if field == VISIT_PROTECTED:
            _take_protection(chart, fact, text_of(facts, "visit.number"))
        elif field == RESTRICTED:
            _take_restrictions(known, fact)
        elif field in known:
            merge(known, field, fact)
        else:
            known[field] = fact
    mrn = facts.get("patient.mrn.extension")
    if mrn is not None and mrn.value is not None and keys[:1] == tuple(chart.keys[:1]):
        fact = change(mrn, value=mrn.value["extension"])
        merge(chart.patient, "patient.mrn.extension", fact)


def _take_protection(chart: Chart, fact: Fact, visit: str) -> None:
    """PV2-22 protects by visit: another visit's N does not lift it."""
    field = f"{VISIT_PROTECTED}:{visit}"
    if fact.value or (fact.value is not None and field in chart.patient):
        merge(chart.patient, field, fact)


def _take_restrictions(known: dict[str, Fact], new: Fact) -> None:
    """Each of a person's restrictions (ARV-3) is a fact of its own, so that none is lost in whichever order messages come,
    or by a merge. HL7 null ends all that is older.
    """
    split_restrictions(known)
    if new.value is None:
        for field in [name for name in known if name.startswith(_ONE_RESTRICTION)]:
            merge(known, field, new)
        merge(known, RESTRICTED, new)
        return
    for code, leaf in zip(new.value["there"], new.leaves, strict=True):
        merge(known, _ONE_RESTRICTION + code, change(new, value=True, leaves=(leaf,)))
    for code in new.value["gone"]:
        merge(known, _ONE_RESTRICTION + code, change(new, value=None, deleted=True, leaves=()))


def take_protection(chart: Chart, facts: Item) -> None:
    """Of a message that is older than the person's deletion: whom it protects is protected; it takes nothing back."""
    for field, fact in facts.items():
        if not fact.value:
            continue
        if field == PROTECTED:
            merge(chart.patient, field, fact)
        elif field == VISIT_PROTECTED:
            _take_protection(chart, fact, text_of(facts, "visit.number"))
        elif field == RESTRICTED:
            _take_restrictions(chart.patient, change(fact, value={**fact.value, "gone": []}))


def is_protection(field: str) -> bool:
    """Whether a field says that the person is protected, be it from PD1-12 or ARV-3."""
    return field in (PROTECTED, RESTRICTED) or field.startswith(_ONE_RESTRICTION)


def absorb_protection(known: dict[str, Fact], retired: Item) -> None:
    """Of two records that become one: what protects under either number goes on, for what was denied of the one says nothing
    of the other.
    """
    others = dict(retired)
    ends = [_ended_restrictions(known), _ended_restrictions(others)]
    for field in filter(is_protection, others):
        here, there = known.get(field), others[field]
        if here is None or bool(here.value) == bool(there.value):
            merge(known, field, there)
        elif there.value:
            known[field] = there
    both = [end for end in ends if end is not None]
    if len(both) == len(ends):
        known[RESTRICTED] = min(both, key=lambda end: end.at)


def _ended_restrictions(known: dict[str, Fact]) -> Fact | None:
    """Carry out the HL7 null that ended all restrictions, and take it out; None: there was none."""
    split_restrictions(known)
    ended = known.pop(RESTRICTED, None)
    for field, fact in known.items():
        if ended is not None and field.startswith(_ONE_RESTRICTION) and fact.at < ended.at:
            known[field] = change(fact, value=None, deleted=True, at=ended.at)
    return ended


def split_restrictions(known: dict[str, Fact]) -> None:
    """A chart of before has one list of all restrictions."""
    fact = known.get(RESTRICTED)
    if fact is not None and fact.value is not None:
        del known[RESTRICTED]
        for code in fact.value:
            merge(known, _ONE_RESTRICTION + code, change(fact, value=True))


def is_restricted(known: Item) -> bool:
    """Whether any restriction stands that no message has ended since."""
    ended = known.get(RESTRICTED)
    if ended is not None and ended.value is not None:
        return True  # a list of before
    return any(
        fact.value is True and name.startswith(_ONE_RESTRICTION) and (ended is None or fact.at >= ended.at)
        for name, fact in known.items()
    )


def visit_of(reading: Reading) -> str:
    """The visit number (PV1-19); empty when the message has none."""
    return text_of(reading.facts, "visit.number")


def goes_with(
    reading: Reading, old: Order | Appointment | None, *, adds: bool = False, since: str | None = None
) -> tuple[str, str]:
    """The visit and the account that something belongs to by now. `old`: what is known of it; `adds`: of what says
    nothing anew; `since`: when what is known was said, where that is not when `old` was told of last.
    """
    visit, account = visit_of(reading), text_of(reading.facts, "visit.account")
    if old is None:
        return visit, account
    if adds and old.visit:
        return old.visit, old.account or (account if visit in ("", old.visit) else "")
    if reading.at >= (old.at if since is None else since):
        return visit or old.visit, account or old.account
    return old.visit or visit, old.account or account


# ---------------------------------------------------------------- appointments


def appointment_facts(old: Appointment | None, reading: Reading) -> dict[str, Fact]:
    """What is known of an appointment when an SIU has told of it, but for what became of its resources."""
    facts = dict(old.facts) if old is not None else {}
    for field in _APPOINTMENT_FACTS:
        fact = reading.facts.get(field)
        if fact is not None:
            merge(facts, field, fact)
    leave_clinic(facts, reading.facts, old.facts if old is not None else {})
    return facts


def take_appointment(chart: Chart, reading: Reading, key: str, says: str) -> bool:
    """An SIU's appointment, value by value; False when all of it is older than what is known.

    `says`: the state that the message tells of, as in `Appointment.status`, or `EMPTIED`; empty: none, it is news of the
    resources.
    """
    old = chart.appointments.get(key)
    late = old is not None and reading.at < old.at
    facts = appointment_facts(old, reading)
    take_resources(facts, reading)
    status, status_at = _state(old, reading.at, says, facts)
    if late and status == "booked" and emptied_at(facts) > status_at:
        status, status_at = "cancelled", emptied_at(facts)
    visit, account = goes_with(reading, old)
    chart.appointments[key] = Appointment(
        key,
        old.at if late and old is not None else reading.at,
        facts,
        status,
        old.asked if old is not None else None,
        account,
        status_at,
        by_placer=named_by_placer(reading) and (old is None or old.by_placer),
        visit=visit,
        trial=old.trial if late and old is not None else reading.is_trial,
    )
    if old is None or not late:
        return True
    if says in ("cancelled", EMPTIED):
        return status == "cancelled" and status_at == reading.at
    return status == "booked" and (facts != old.facts or status != old.status)


def _state(old: Appointment | None, at: str, says: str, facts: dict[str, Fact]) -> tuple[str, str]:
    """The appointment's state when a message of that time has told of it, and since when something has said so.

    Where nobody has listed the resources yet, `EMPTIED` is a guess: an older list that comes late may have more of them.
    """
    late = old is not None and at < old.at
    if says == EMPTIED:
        if not late and old is not None and old.status == "cancelled":
            return old.status, old.status_since
        if not late and (old is None or not lists_since(old, STATE_UNSAID)):
            return "cancelled", STATE_UNSAID
        says = "cancelled"
    if old is None:
        return says or "booked", at if says else STATE_UNSAID
    guessed = old.status == "cancelled" and old.status_at == STATE_UNSAID
    emptied = old.status == "cancelled" and old.status_at and old.status_at == emptied_at(old.facts)
    if late and says == "booked" and (guessed or emptied):
        if resources_left(facts, {}):
            return says, at
        return old.status, old.status_at
    if late and says == "cancelled" and emptied:
        return says, at  # whatever was listed before it
    if says and at >= old.status_since and not (late and says == "other"):
        return says, at
    if not says and not late and old.status == "other":
        return "booked", old.status_since
    return old.status, old.status_since


def leave_clinic(facts: dict[str, Fact], told: Item, before: Item) -> None:
    """The NPI of a clinic that the site's table knows goes with the clinic, when what is told names another, and does not
    come where what is known, `before`, names another that stays.
    """
    npi, clinic = facts.get("clinicNpi"), told.get("clinicName")
    if npi is None or not npi.ids or clinic is None:
        return
    stays = clinic is not facts.get("clinicName")
    if "clinicNpi" not in told:
        if not stays:
            del facts["clinicNpi"]
    elif stays and npi is told["clinicNpi"]:
        del facts["clinicNpi"]
        if "clinicNpi" in before:
            facts["clinicNpi"] = before["clinicNpi"]


def named_by_placer(reading: Reading) -> bool:
    """Whether the message names its appointment by the placer's number (SCH-1) alone."""
    return place_of(reading.facts, "appointment.id") == "SCH-1"


def visit_key(reading: Reading) -> str:
    """The key of the visit an ADT is about."""
    return f"V:{visit_of(reading)}"


def take_visit(chart: Chart, reading: Reading, key: str, today: date) -> None:
    """What an ADT says of a visit that no SIU booked: PV2-8, then PV1-44 when it is today or later.

    A visit without either is no appointment, and leaves no trace.
    """
    old = chart.appointments.get(key)
    opens = reading.event.reopens and (old is None or reading.at >= old.status_at)
    expected, admitted = reading.facts.get("visit.expected"), reading.facts.get("visit.admitted")
    coming = [fact for fact in (expected, admitted) if value_of(fact) >= today.isoformat()]
    day = coming[0] if coming else expected if value_of(expected) else None
    if day is None and old is None:
        return
    facts = dict(old.facts) if old is not None else {}
    if day is None:
        day = _deleted_day(facts, expected, admitted)
    for field, fact in (
        ("upcomingAppointmentDate", day),
        ("upcomingAppointmentProvider", clinician(reading.facts)),
        ("clinicName", reading.facts.get("clinicName")),
    ):
        if fact is not None:
            merge(facts, field, fact)
    before = old or Appointment(key, reading.at, facts)
    late, account = reading.at < before.at, text_of(reading.facts, "visit.account")
    chart.appointments[key] = Appointment(
        key,
        before.at if late else reading.at,
        facts,
        "booked" if opens else before.status,
        before.asked,
        before.account or account if late else account or before.account,
        reading.at if opens else before.status_at,
        trial=before.trial if late else reading.is_trial,
    )


def _deleted_day(known: Item, *told: Fact | None) -> Fact | None:
    """What deletes the day that is known: HL7 null in the field it came from."""
    day = known.get("upcomingAppointmentDate")
    return next((fact for fact in told if fact and fact.deleted and day and fact.rule == day.rule), None)


def clinician(facts: Item) -> Fact | None:
    """Whom an ADT names for a request without an appointment: PV1-7, PV1-17; in version 2 then PD1-4.

    The patient's own doctor never takes the place of one whom the visit has named.
    """
    own, primary = facts.get("visit.provider"), facts.get("visit.primaryCare")
    if primary is None or primary.value is None or (own is not None and own.value is not None):
        return own
    weak: Fact = change(primary, weak=True)
    return weak


def lend_provider(chart: Chart, reading: Reading, booked: Appointment) -> None:
    """An appointment that names nobody takes the clinician of the patient's visit (PV1-7, PV1-17 of an ADT), until it names
    one.
    """
    fact, known = reading.facts.get("visit.provider"), booked.facts.get(PROVIDER)
    if fact is not None and fact.value is not None and (known is None or known.value is None):
        facts = dict(booked.facts)
        merge(facts, PROVIDER, change(fact, weak=True))
        chart.appointments[booked.key] = change(booked, facts=facts)


def forget_past(chart: Chart, today: date) -> None:
    """Appointments long past leave the chart; their requests stay in the store."""
    limit = (today - _KEEP_PAST).isoformat()
    old = [
        key
        for key, entry in chart.appointments.items()
        if (entry.date or (entry.at[:10] if entry.is_visit else limit)) < limit
    ]
    for key in old:
        del chart.appointments[key]

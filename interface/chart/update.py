"""How a message changes a chart: later facts take the place of earlier ones, never the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from interface.chart.model import Appointment, Chart, Order, Problem, change
from interface.rules.facts import Fact, Item, Leaf, LeftOut, text_of
from interface.rules.reading import Reading

_APPOINTMENT_FACTS = (
    "upcomingAppointmentDate",
    "upcomingAppointmentProvider",
    "clinicName",
    "clinicNpi",
    "appointment.type",
    "appointment.placer",
)
_RESOURCES = "appointment.resources"
_KEEP_PAST = timedelta(days=60)


def merge(known: dict[str, Fact], field: str, new: Fact) -> None:
    """Put a fact in its place, unless what is known is newer or says more."""
    old = known.get(field)
    if old is not None:
        if new.at < old.at:
            return
        says_less = new.value is None and not new.deleted
        if old.value is not None and not old.weak and (new.weak or says_less):
            return
        if old.value is not None and says_less:
            return
    known[field] = new


def take_patient(chart: Chart, facts: Item, keys: Sequence[str]) -> None:
    """Demographics. The number is taken only where it is the patient's own: a retired one leads here, and no more."""
    for field, fact in facts.items():
        if field.startswith("patient.") and field != "patient.mrn.extension":
            merge(chart.patient, field, fact)
    mrn = facts.get("patient.mrn.extension")
    if mrn is not None and mrn.value is not None and keys[:1] == tuple(chart.keys[:1]):
        fact = change(mrn, value=mrn.value["extension"])
        merge(chart.patient, "patient.mrn.extension", fact)


def visit_of(reading: Reading) -> str:
    """The visit number (PV1-19); empty when the message has none."""
    return text_of(reading.facts, "visit.number")


# ---------------------------------------------------------------- problems


def take_problems(chart: Chart, reading: Reading, left_out: list[LeftOut]) -> None:
    """DG1: without action codes those of an ADT replace what the same visit said before; else they only add."""
    visit = visit_of(reading)
    actions = [text_of(item, "problem.action") for item in reading.problems]
    codings = [item for item in reading.problems if item.get("problem.codings")]
    if reading.type.startswith("ADT") and visit and reading.problems and not any(actions):
        if reading.at < chart.snapshots.get(visit, ""):
            return
        chart.snapshots[visit] = reading.at
        chart.problems = [entry for entry in chart.problems if entry.visit != visit]
    for item in codings:
        _take_problem(chart, item, visit, text_of(reading.facts, "visit.account"), left_out)


def _take_problem(chart: Chart, item: Item, visit: str, account: str, left_out: list[LeftOut]) -> None:
    fact = item["problem.codings"]
    if fact.value is None:
        return
    confidential = item.get("problem.confidential")
    if confidential is not None and confidential.value:
        left_out += [
            LeftOut(leaf.source, str(leaf.value), "confidential: DG1-18 is Y")
            for leaf in fact.leaves
            if leaf.path.endswith(".code")
        ]
        action = "delete"  # nor is what was known of it before
    else:
        action = text_of(item, "problem.action")
        if action == "delete":
            left_out += [
                LeftOut(leaf.source, str(leaf.value), "deleted: DG1-21 is D")
                for leaf in fact.leaves
                if leaf.path.endswith(".code")
            ]
    day = _earliest(item.get("problem.date"))
    for index, coding in enumerate(fact.value):
        where = f"[{index}]"
        leaves = tuple(
            change(leaf, path=leaf.path[len(where) :]) for leaf in fact.leaves if leaf.path.startswith(where)
        )
        entry = Problem(
            coding["system"],
            coding["code"],
            coding["label"],
            leaves,
            fact.rule,
            fact.at,
            fact.message,
            visit,
            day,
            account=account,
        )
        _place_problem(chart, entry, action)


def _place_problem(chart: Chart, entry: Problem, action: str) -> None:
    def same(other: Problem) -> bool:
        return (other.system, other.code) == (entry.system, entry.code)

    if action == "delete":
        chart.problems = [other for other in chart.problems if not same(other) or other.at > entry.at]
        return
    for index, other in enumerate(chart.problems):
        if same(other) and other.visit == entry.visit:
            if other.at <= entry.at:
                chart.problems[index] = change(entry, date=_earliest(entry.date, other.date))
            return
    chart.problems.append(entry)


def _earliest(*dates: Fact | None) -> Fact | None:
    return min((fact for fact in dates if _value(fact)), key=_value, default=None)


def _value(fact: Fact | None) -> str:
    return str(fact.value) if fact is not None and fact.value is not None else ""


# ---------------------------------------------------------------- orders


def take_orders(chart: Chart, reading: Reading, left_out: list[LeftOut]) -> None:
    """ORC/RXE: each order through its life; later messages of an order change what they state and keep the rest."""
    for item in reading.orders:
        ids = _order_ids(item)
        if text_of(item, "order.confidential") == "withhold":
            drug = item.get("medication.nameCode")
            left_out += [
                LeftOut(leaf.source, str(leaf.value), "confidential: ORC-28")
                for leaf in (drug.leaves if drug is not None else ())
                if leaf.path == ".displayName"
            ]
            kept = [o for o in chart.orders if set(ids).isdisjoint(o.ids) or o.at > reading.at]
            chart.orders = kept  # nor is what was known of it before
        elif ids:
            _take_order(chart, reading, item, ids, left_out)


def text_label(name: Fact | None) -> str:
    """The label of a coded fact; empty when there is none."""
    return str(name.value["displayName"]) if name is not None and name.value is not None else ""


def _order_ids(item: Item) -> tuple[str, ...]:
    named = (("P", "order.placer"), ("F", "order.filler"), ("R", "order.prescription"))
    ids = tuple(f"{letter}:{text}" for letter, field in named if (text := text_of(item, field)))
    drug = item.get("medication.nameCode")
    if ids or drug is None or drug.value is None:
        return ids
    return (f"D:{drug.value.get('code') or drug.value['displayName'].casefold()}",)


# What an order states as a whole: a change that brings one of them leaves no old one beside it to contradict it.
_TOGETHER = (
    ("order.start", "order.stop", "order.duration"),
    ("prescription.text", "prescription.timing", "prescription.dose"),
)


def _take_order(
    chart: Chart, reading: Reading, item: Item, ids: tuple[str, ...], left_out: list[LeftOut]
) -> None:
    index, old = next(
        ((n, order) for n, order in enumerate(chart.orders) if not set(ids).isdisjoint(order.ids)), (-1, None)
    )
    newer = old is None or reading.at >= old.at
    effect, leaf = _effect(item)
    control = item.get("order.control")
    if old is None and not effect and control is not None and control.value == "none":
        drug = text_label(item.get("medication.nameCode"))
        left_out.append(
            LeftOut(control.leaves[0].source, drug, "ORC-1 opens nothing, and the order is not known")
        )
        return
    facts = dict(old.facts) if old is not None else {}
    states = effect == "open" or control is None
    for group in _TOGETHER if states and newer else ():
        if not item.keys().isdisjoint(group):
            for field in group:
                facts.pop(field, None)
    opens = states and (old is None or not newer)
    for field, fact in item.items():
        if field == "prescription.prescribedDate":
            _take_prescribed_date(facts, field, fact, opens)
        else:
            merge(facts, field, fact)
    ended = old.ended if old is not None else False
    ended_leaf = old.ended_leaf if old is not None else leaf
    message = old.ended_message if old is not None else reading.control_id
    if effect and newer:
        ended, ended_leaf, message = effect == "end", leaf, reading.control_id
    order = Order(
        ids=tuple(dict.fromkeys((*(old.ids if old is not None else ()), *ids))),
        facts=facts,
        at=reading.at if newer or old is None else old.at,
        ended=ended,
        ended_leaf=ended_leaf,
        ended_message=message,
        visit=visit_of(reading) or (old.visit if old is not None else ""),
        account=text_of(reading.facts, "visit.account") or (old.account if old is not None else ""),
    )
    if old is None:
        chart.orders.append(order)
    else:
        chart.orders[index] = order


def _take_prescribed_date(facts: dict[str, Fact], field: str, fact: Fact, opens: bool) -> None:
    """The original date (RXE-32), or that of the message that opened the order; later actions don't move it."""
    if not opens and not any(leaf.source.startswith("RXE") for leaf in fact.leaves):
        return
    known = facts.get(field)
    if known is None or not _value(known) or fact.at < known.at:
        facts[field] = fact


def _effect(item: Item) -> tuple[str, Leaf | None]:
    """`end`, `open` or nothing, and the field that says so: what ends it, ORC-1 or ORC-5, counts."""
    status, control = item.get("order.status"), item.get("order.control")
    if control is not None and control.value == "end":
        return "end", change(control.leaves[0], value=False)
    if status is not None and status.value == "end":
        return "end", change(status.leaves[0], value=False)
    if control is not None and control.value == "open":
        return "open", change(control.leaves[0], value=True)
    return "", change(control.leaves[0], value=True) if control is not None and control.leaves else None


def end_inpatient_orders(chart: Chart, reading: Reading) -> None:
    """A03 ends the orders of its inpatient visit."""
    visit = visit_of(reading)
    for index, order in enumerate(chart.orders):
        inpatient = text_of(order.facts, "order.inpatient") == "inpatient"
        if inpatient and not order.ended and order.visit == visit and order.at <= reading.at:
            chart.orders[index] = change(
                order, ended=True, ended_leaf=Leaf("", False, "EVN-1"), ended_message=reading.control_id
            )


# ---------------------------------------------------------------- appointments


def take_appointment(chart: Chart, reading: Reading, key: str, status: str) -> bool:
    """An SIU's appointment; False when the message is older than what is known of it."""
    old = chart.appointments.get(key)
    if old is not None and reading.at < old.at:
        return False
    facts = dict(old.facts) if old is not None else {}
    for field in _APPOINTMENT_FACTS:
        fact = reading.facts.get(field)
        if fact is None:
            continue
        known = facts.get(field)
        if field == "upcomingAppointmentProvider" and known is not None and _same_person(known, fact):
            continue  # the same person, now without the NPI that is known
        merge(facts, field, fact)
    _take_resources(facts, reading)
    chart.appointments[key] = Appointment(
        key, reading.at, facts, status, old.asked if old is not None else None
    )
    return True


def resources_left(known: Item, facts: Item) -> list[str]:
    """What is left of an appointment's resources after a message that takes some out (S20 to S22)."""
    before, now = known.get(_RESOURCES), facts.get(_RESOURCES)
    there = [
        *(before.value["there"] if before is not None else ()),
        *(now.value["there"] if now is not None else ()),
    ]
    gone = now.value["gone"] if now is not None else ()
    return [name for name in dict.fromkeys(there) if name not in gone]


def _take_resources(facts: dict[str, Fact], reading: Reading) -> None:
    """The resources that a message lists, or what S20 to S22 leave of them; with a clinician his part as provider goes."""
    fact = reading.facts.get(_RESOURCES)
    if fact is None:
        return
    gone = {name.partition(":")[2] for name in fact.value["gone"]}
    provider = facts.get("upcomingAppointmentProvider")
    if provider is not None and provider.value is not None and provider.value.get("npi") in gone:
        del facts["upcomingAppointmentProvider"]
    left = resources_left(facts, reading.facts) if reading.event.cancels_when_empty else fact.value["there"]
    facts[_RESOURCES] = change(fact, value={"there": left, "gone": []})


def _same_person(known: Fact, new: Fact) -> bool:
    if known.value is None or new.value is None:
        return False
    same_name = known.value.get("name") is not None and known.value.get("name") == new.value.get("name")
    return same_name and "npi" in known.value and "npi" not in new.value


def visit_key(reading: Reading) -> str:
    """The key of the visit an ADT is about."""
    return f"V:{visit_of(reading)}"


def take_visit(chart: Chart, reading: Reading, key: str, today: date) -> None:
    """What an ADT says of a visit that no SIU booked: PV2-8, then PV1-44 when it is today or later.

    A visit without either is no appointment, and leaves no trace.
    """
    old = chart.appointments.get(key)
    if old is not None and reading.at < old.at:
        return
    expected, admitted = reading.facts.get("visit.expected"), reading.facts.get("visit.admitted")
    coming = [fact for fact in (expected, admitted) if _value(fact) >= today.isoformat()]
    day = coming[0] if coming else expected if _value(expected) else None
    if day is None and old is None:
        return
    facts = dict(old.facts) if old is not None else {}
    for field, fact in (
        ("upcomingAppointmentDate", day),
        ("upcomingAppointmentProvider", reading.facts.get("visit.provider")),
        ("clinicName", reading.facts.get("clinicName")),
    ):
        if fact is not None:
            merge(facts, field, fact)
    status = old.status if old is not None and not reading.event.reopens else "booked"
    account = text_of(reading.facts, "visit.account") or (old.account if old is not None else "")
    chart.appointments[key] = Appointment(
        key, reading.at, facts, status, old.asked if old is not None else None, account
    )


def lend_provider(chart: Chart, reading: Reading, booked: Appointment) -> None:
    """An appointment that names nobody takes the clinician of the patient's visit (PV1-7, PV1-17 of an ADT)."""
    fact, known = reading.facts.get("visit.provider"), booked.facts.get("upcomingAppointmentProvider")
    if fact is not None and fact.value is not None and (known is None or known.value is None):
        facts = {**booked.facts, "upcomingAppointmentProvider": fact}
        chart.appointments[booked.key] = change(booked, facts=facts)


def forget_past(chart: Chart, today: date) -> None:
    """Appointments long past leave the chart; their requests stay in the store."""
    limit = (today - _KEEP_PAST).isoformat()
    old = [key for key, entry in chart.appointments.items() if entry.date and entry.date < limit]
    for key in old:
        del chart.appointments[key]

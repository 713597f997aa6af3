"""Whose chart things are in: merges, moves, new numbers, deletions (HL7 v2, chapter 3).

Each function changes charts that are copies already; whether anybody may do so is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from interface.chart.joined_orders import absorb_orders
from interface.chart.joined_problems import absorb_problems
from interface.chart.model import OPEN, Appointment, Asked, Chart, Discharge, Order, Problem, change
from interface.chart.naming import name_alike
from interface.chart.order_states import is_withheld
from interface.chart.update import VISIT_PROTECTED, absorb_protection, is_protection, leave_clinic, merge
from interface.chart.visits import note_renumbered, number_now, same_number
from interface.chart.withhold import spread
from interface.rules.facts import Fact, Item

_Entry = TypeVar("_Entry", Problem, Order, Appointment)


def absorb(chart: Chart, retired: Chart) -> list[Asked]:
    """Everything of a retired chart becomes part of the surviving one; later facts count, wherever they stood.

    Gives what was asked twice: of an appointment that stood in both charts the request that is to end.
    """
    chart.keys += [key for key in retired.keys if key not in chart.keys]
    for field, fact in retired.patient.items():
        if field != "patient.mrn.extension" and not is_protection(field):
            merge(chart.patient, field, fact)
    absorb_protection(chart.patient, retired.patient)
    absorb_problems(chart, retired.problems)
    absorb_orders(chart, retired.orders)
    name_alike(chart, retired)
    twice = [
        asked
        for key, appointment in retired.appointments.items()
        if (asked := absorb_appointment(chart, key, appointment)) is not None
    ]
    coded_here = set(chart.coded_together)
    chart.coded_together += [codes for codes in retired.coded_together if codes not in coded_here]
    for visit, at in retired.snapshots.items():
        chart.snapshots[visit] = max(at, chart.snapshots.get(visit, ""))
    if retired.snapshots or chart.snapshots:
        chart.problems = [entry for entry in chart.problems if not _is_before_the_list(chart, entry)]
    for visit, discharge in retired.discharges.items():
        _absorb_discharge(chart, visit, discharge)
    for visit, at in retired.removed.items():
        if visit:  # that the other number's person was deleted says nothing of this one
            chart.removed[visit] = max(at, chart.removed.get(visit, ""))
    for account, at in retired.accounts_gone.items():
        chart.accounts_gone[account] = max(at, chart.accounts_gone.get(account, ""))
    chart.renumbered = {**retired.renumbered, **chart.renumbered}
    chart.led_to += [key for key in retired.led_to if key not in chart.led_to]
    for key, at in retired.gained.items():
        chart.gained[key] = max(at, chart.gained.get(key, ""))
    if deleted := retired.removed.get("", ""):  # nothing older comes back under those numbers either
        chart.gained.update((key, max(deleted, chart.gained.get(key, ""))) for key in retired.keys)
    return twice


def _is_before_the_list(chart: Chart, entry: Problem) -> bool:
    """Whether a visit's diagnosis is older than the visit's whole list, which does not have it."""
    if entry.listed or not entry.visit or entry.gone == "withheld":
        return False
    return entry.at < chart.snapshots.get(entry.visit, "")


def _absorb_discharge(chart: Chart, visit: str, discharge: Discharge) -> None:
    known = chart.discharges.get(visit)
    if known is None or known.at < discharge.at:
        chart.discharges[visit] = discharge


def absorb_appointment(chart: Chart, key: str, appointment: Appointment) -> Asked | None:
    """Put an appointment where it may stand already; gives what was asked for it twice, and is to end."""
    known = chart.appointments.get(key)
    if known is None:
        chart.appointments[key] = appointment
        return None
    older, newer = sorted((known, appointment), key=lambda entry: entry.at)
    said_last = older if older.status_since > newer.status_since else newer
    facts = dict(older.facts)
    for field, fact in newer.facts.items():
        merge(facts, field, fact)
    leave_clinic(facts, newer.facts, older.facts)
    asked = sorted(
        (entry.asked for entry in (known, appointment) if entry.asked is not None),
        key=lambda entry: (entry.state in OPEN, entry.id),
    )
    chart.appointments[key] = change(
        newer,
        facts=facts,
        status=said_last.status,
        status_at=said_last.status_since,
        asked=asked[-1] if asked else None,
        account=newer.account or older.account,
        visit=newer.visit or older.visit,
    )
    return asked[0] if len(asked) > 1 and asked[0].state in OPEN else None


def lead_to_each_other(one: Chart, other: Chart) -> None:
    """One message changes both: neither can be made anew without what changed it, and so not without the other."""
    for here, there in ((one, other), (other, one)):
        here.led_to += [key for key in there.keys[:1] if key not in here.led_to]


def take_number(chart: Chart, mrn: Fact | None, key: str) -> None:
    """The number in PID is the patient's own from now on, and the others lead to the same chart."""
    chart.keys = [key, *(known for known in chart.keys if known != key)]
    if mrn is not None and mrn.value is not None:
        chart.patient["patient.mrn.extension"] = change(mrn, value=mrn.value["extension"])


def keep_number(chart: Chart, mrn: Fact | None, key: str, since: str) -> None:
    """The number that a newer merge has made the patient's own stays so through an older one that comes late."""
    chart.keys = [key, *(known for known in chart.keys if known != key)]
    chart.own_since = since
    if mrn is not None:
        chart.patient["patient.mrn.extension"] = mrn


def give_up_number(chart: Chart, key: str, facts: Item) -> None:
    """A number that is another person's from now on (A43); without one left nothing can be requested for this chart."""
    chart.keys = [known for known in chart.keys if known != key]
    chart.gained.pop(key, None)
    mrn = facts.get("patient.mrn.extension")
    if mrn is None:
        return
    if chart.keys:
        own = chart.keys[0].partition("|")[2]
        leaves = tuple(change(leaf, value=own) for leaf in mrn.leaves)
        chart.patient["patient.mrn.extension"] = Fact(own, leaves, mrn.rule, mrn.at, mrn.message)
    else:
        chart.patient["patient.mrn.extension"] = Fact(
            None,
            (),
            mrn.rule,
            mrn.at,
            mrn.message,
            (),
            "the number moved to another person (A43)",
            deleted=True,
        )


def renumber(
    chart: Chart, at: str, *, visit: tuple[str, str] = ("", ""), account: tuple[str, str] = ("", "")
) -> tuple[bool, list[Asked]]:
    """Visits and accounts get new numbers (before, after) at that time.

    Gives whether anything bore the old ones, and what was asked twice, as `absorb` does: two visits may become one.
    """
    (old_visit, new_visit), (old_account, new_account) = visit, account
    touched, twice = False, []
    if old_visit and new_visit:
        new_visit = note_renumbered(chart, old_visit, new_visit, at)

    def renamed(entry: _Entry, number: str) -> _Entry:
        nonlocal touched
        parts = {}
        if new_visit and same_number(number, old_visit):
            parts["visit"] = new_visit
        if new_account and same_number(entry.account, old_account):
            parts["account"] = new_account
        touched = touched or bool(parts)
        return change(entry, **parts) if parts else entry

    chart.problems = [renamed(entry, entry.visit) for entry in chart.problems]
    chart.orders = [renamed(entry, entry.visit) for entry in chart.orders]
    chart.appointments = {key: renamed(entry, entry.visit) for key, entry in chart.appointments.items()}
    for key in list(chart.appointments) if new_visit else ():
        if key.startswith("V:") and same_number(key[2:], old_visit):
            touched = True
            kept = change(chart.appointments.pop(key), key=f"V:{new_visit}")
            asked = absorb_appointment(chart, kept.key, kept)
            twice += [asked] if asked is not None else []
    for field in _protections(chart, old_visit if new_visit else ""):
        touched = True
        merge(chart.patient, f"{VISIT_PROTECTED}:{new_visit}", chart.patient.pop(field))
    for number in [known for known in chart.snapshots if new_visit and same_number(known, old_visit)]:
        chart.snapshots[new_visit] = max(chart.snapshots.pop(number), chart.snapshots.get(new_visit, ""))
    for number in [known for known in chart.removed if new_visit and same_number(known, old_visit)]:
        chart.removed[new_visit] = max(chart.removed.pop(number), chart.removed.get(new_visit, ""))
    for number in [known for known in chart.discharges if new_visit and same_number(known, old_visit)]:
        _absorb_discharge(chart, new_visit, chart.discharges.pop(number))
    return touched, twice


def move(
    source: Chart, target: Chart, at: str, *, visit: str = "", account: str = ""
) -> tuple[list[str], list[Asked]]:
    """What belongs to a visit or an account goes from one person's chart to another's.

    What is older than `at` and arrives late under the number of before is the other person's: it is not taken here. Gives
    the appointments that went, and what was asked twice, as `absorb` does.
    """

    visits_billed = _visits_billed(source, account) if account else ()

    def goes(number: str, billed: str) -> bool:
        if same_number(number, visit) or same_number(billed, account):
            return True
        return not billed and number in visits_billed  # a pharmacy often names the visit alone

    def split(entries: list[_Entry], number: Callable[[_Entry], str]) -> tuple[list[_Entry], list[_Entry]]:
        gone = [entry for entry in entries if goes(number(entry), entry.account) and entry.at <= at]
        return gone, [entry for entry in entries if entry not in gone]

    problems, _ = split(source.problems, lambda entry: entry.withheld_in or entry.visit)
    # what is confidential of the one is so of the other, too
    source.problems = [
        entry for entry in source.problems if entry not in problems or entry.gone == "withheld"
    ]
    orders, source.orders = split(source.orders, lambda entry: entry.visit)
    moved, kept = split(list(source.appointments.values()), lambda entry: entry.visit_number)
    source.appointments = {entry.key: entry for entry in kept}
    visits = {entry.visit for entry in problems} | {entry.visit for entry in orders}
    named = visits - {""}

    def is_moved(number: str) -> bool:
        return number in named or same_number(number, visit)

    snapshots = {v: then for v, then in source.snapshots.items() if is_moved(v) and then <= at}
    for number in snapshots:
        del source.snapshots[number]
    discharges = {v: end for v, end in source.discharges.items() if is_moved(v) and end.at <= at}
    for number in discharges:
        del source.discharges[number]
    part = Chart(
        [],
        problems=problems,
        orders=orders,
        appointments={e.key: _not_released(e) for e in moved},
        snapshots=snapshots,
        coded_together=_coded_together(source, problems),
        discharges=discharges,
    )
    twice = absorb(target, part)
    gone = {visit, *visits, *visits_billed, *[entry.visit_number for entry in moved]}
    for field in [found for number in gone for found in _protections(source, number)]:
        if field in source.patient and source.patient[field].at <= at:
            merge(target.patient, field, source.patient.pop(field))
    for number in {number_now(source, number) for number in gone} - {""}:
        source.removed[number] = max(at, source.removed.get(number, ""))
        target.removed.pop(number, None)
    if account:
        source.accounts_gone[account] = max(at, source.accounts_gone.get(account, ""))
        back = [
            known
            for known, then in target.accounts_gone.items()
            if same_number(known, account) and then <= at
        ]
        for known in back:
            del target.accounts_gone[known]
    return list(part.appointments), twice


def _not_released(entry: Appointment) -> Appointment:
    """What a person has let go of one protected patient says nothing of another."""
    if entry.asked is None or not entry.asked.released:
        return entry
    kept: Appointment = change(entry, asked=change(entry.asked, released=False))
    return kept


def _coded_together(chart: Chart, problems: list[Problem]) -> list[tuple[str, ...]]:
    """Which codes were sent with those of these problems: what withholds one withholds the other where they go, too."""
    codes = spread({entry.coding: True for entry in problems}, chart.coded_together).keys()
    return [group for group in chart.coded_together if not codes.isdisjoint(group)]


def is_of_gone_account(chart: Chart, account: str, at: str) -> bool:
    """Whether something of that account and time is of the person to whom the account has moved since (A44)."""
    return any(same_number(gone, account) and at < moved for gone, moved in chart.accounts_gone.items())


def _protections(chart: Chart, visit: str) -> list[str]:
    """The fields that say whether a visit is protected (PV2-22)."""
    begins = f"{VISIT_PROTECTED}:"
    return [
        name
        for name in chart.patient
        if name.startswith(begins) and same_number(name.removeprefix(begins), visit)
    ]


def _visits_billed(chart: Chart, account: str) -> set[str]:
    """The visits of an account: those that something known of them bills to it, and nothing to another."""
    billed = [(problem.visit, problem.account) for problem in chart.problems]
    billed += [(order.visit, order.account) for order in chart.orders]
    billed += [(entry.visit_number, entry.account) for entry in chart.appointments.values()]
    own, others = set[str](), set[str]()
    for number, other in billed:
        if number and other:
            (own if same_number(other, account) else others).add(number)
    return own - others


def remove_visit(chart: Chart, visit: str, at: str) -> bool:
    """A23: what a visit said up to then goes, and nothing older of it comes back; whether there was anything."""

    def stays(entry: Problem | Order | Appointment, number: str) -> bool:
        newest = _newest(entry) if isinstance(entry, Appointment) else entry.at
        return newest > at or number != visit

    before = len(chart.problems) + len(chart.orders) + len(chart.appointments)
    chart.problems = [entry for entry in chart.problems if stays(entry, entry.visit)]
    chart.orders = [entry for entry in chart.orders if is_withheld(entry) or stays(entry, entry.visit)]
    chart.appointments = {
        key: entry for key, entry in chart.appointments.items() if not entry.is_visit or stays(entry, key[2:])
    }
    chart.removed[visit] = max(at, chart.removed.get(visit, ""))
    return before > len(chart.problems) + len(chart.orders) + len(chart.appointments)


def appointments_up_to(chart: Chart, at: str) -> list[Appointment]:
    """Those of which nothing newer was said."""
    return [entry for entry in chart.appointments.values() if _newest(entry) <= at]


def remove_person(chart: Chart, at: str) -> None:
    """A29: all that was known of the person up to then but the numbers, and what withholds or protects; nothing older comes
    back.
    """
    mrn = chart.patient.get("patient.mrn.extension")
    chart.patient = {
        field: fact
        for field, fact in chart.patient.items()
        if fact.at > at or is_protection(field) or field.startswith(VISIT_PROTECTED)
    }
    if mrn is not None and mrn.at <= at and len(chart.keys) > 1:
        why = "the patient was deleted (A29), and the number in PID-3 is one that a merge has retired"
        chart.patient["patient.mrn.extension"] = Fact(
            None, (), mrn.rule, at, mrn.message, (), why, deleted=True
        )
    chart.problems = [entry for entry in chart.problems if entry.at > at or entry.gone == "withheld"]
    chart.orders = [entry for entry in chart.orders if entry.at > at or is_withheld(entry)]
    chart.appointments = {
        key: change(entry, facts={field: fact for field, fact in entry.facts.items() if fact.at > at})
        for key, entry in chart.appointments.items()
        if _newest(entry) > at
    }
    chart.discharges = {visit: end for visit, end in chart.discharges.items() if end.at > at}
    for times in (chart.snapshots, chart.accounts_gone, chart.removed):
        for name in [name for name, then in times.items() if then <= at]:
            del times[name]
    chart.removed[""] = at


def _newest(appointment: Appointment) -> str:
    """When anything was said of it last."""
    return max(appointment.at, appointment.status_at)

"""A chart as people look at it: every fact with its source, every problem and order with its state and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from interface.chart.compose_medications import order_state
from interface.chart.discharges import discharge_of
from interface.chart.draft import Draft
from interface.chart.model import Appointment, Chart, Order, Problem
from interface.chart.order_states import is_withheld
from interface.chart.standing import standing
from interface.chart.withhold import without_confidential, without_withheld
from interface.rules.facts import Fact, Item, text_of
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook


@dataclass(frozen=True)
class Head:
    """Who it is, in one line."""

    mrn: str
    name: str
    birth_date: str


def head_of(chart: Chart) -> Head:
    """Number, name and birth date; empty where nothing is known."""
    facts = chart.patient
    name = facts.get("patient.name")
    return Head(text_of(facts, "patient.mrn.extension"), _person(name), text_of(facts, "patient.birthDate"))


def number_text(key: str) -> str:
    """An identity key for people: the number, and whose it is where it is not the site's own."""
    authority, _, number = key.partition("|")
    return f"{number} ({authority})" if authority else number


def shown(chart: Chart, book: Rulebook, policy: Policy, today: date) -> dict[str, Any]:
    """The chart as JSON values. Of what is confidential or on the site's list it says only that it is there."""
    open_chart = without_withheld(book, chart, lambda path, _: path, [])
    kept = {id(entry) for entry in (*open_chart.problems, *open_chart.orders)}
    told = {id(entry) for entry in without_confidential(chart, lambda path, _: path, [])}
    return {
        "numbers": [number_text(key) for key in chart.keys],
        "patient": [
            entry for name, fact in sorted(chart.patient.items()) for entry in facts_shown(_field(name), fact)
        ],
        "problems": [
            _problem(p, policy, today, listed=id(p) not in kept, confidential=id(p) not in told)
            for p in chart.problems
        ],
        "medications": [_medication(chart, o, today, listed=id(o) not in kept) for o in chart.orders],
        "appointments": [appointment_shown(entry) for entry in _by_day(chart.appointments.values())],
    }


def values_shown(document: dict[str, Any]) -> dict[str, Any]:
    """What `shown` gives without sources: what is compared when a chart is made anew."""
    patient = {entry["field"].removeprefix("patient."): entry["value"] for entry in document["patient"]}
    found: dict[str, Any] = {"numbers": document["numbers"], "patient": patient}
    for name in ("problems", "medications", "appointments"):
        left_off = ("source", "why", "at", "request")
        found[name] = [
            {key: value for key, value in entry.items() if key not in left_off and value not in (None, "")}
            for entry in document[name]
        ]
    return found


def _by_day(appointments: Iterable[Appointment]) -> list[Appointment]:
    return sorted(appointments, key=lambda entry: (entry.date, entry.key))


def _field(name: str) -> str:
    return name if name.startswith("patient.") else f"patient.{name}"


def facts_shown(field: str, fact: Fact) -> Iterable[dict[str, Any]]:
    """A fact leaf by leaf; one without a value says why."""
    if fact.value is None:
        why = fact.why or "deleted by the sender"
        whence = {"source": fact.message, "why": why, "rule": fact.rule, "at": fact.at}
        return [{"field": field, "value": None, **whence}]
    return [
        {
            "field": field + leaf.path,
            "value": leaf.value,
            "source": source_text(leaf.source, said.message),
            "rule": said.rule,
            "at": said.at,
        }
        for said in (fact, fact.named)
        if said is not None
        for leaf in said.leaves
    ]


def source_text(path: str, message: str) -> str:
    """A source as charts are shown with it: `CONTROLID:PID-5.1`."""
    return f"{message}:{path}" if message else path


_WITHHELD = "confidential: withheld"
_LISTED = "withheld by the site's list"
_GONE = {"removed": "taken out by the sender", "recoded": "coded otherwise since"}
HIDDEN = (_WITHHELD, _LISTED)
"""Why an entry is shown without saying what it is."""


def _problem(
    problem: Problem, policy: Policy, today: date, *, listed: bool, confidential: bool
) -> dict[str, Any]:
    judged = standing(problem, today, policy.visit_diagnosis_days)
    confidential = confidential or problem.gone == "withheld"
    why = _WITHHELD if confidential else _GONE.get(problem.gone, judged.why)
    hidden = confidential or listed
    return {
        "code": "" if hidden else problem.code,
        "system": "" if hidden else problem.system,
        "label": "" if hidden else problem.label,
        "date": problem.date.value if problem.date is not None and not hidden else None,
        "active": judged.active and not problem.gone,
        "why": _LISTED if listed and not confidential else why,
        "visit": problem.visit,
        "source": source_text(judged.source, judged.message),
        "at": problem.at,
    }


def _medication(chart: Chart, order: Order, today: date, *, listed: bool) -> dict[str, Any]:
    facts, state = order.facts, order_state(Draft(""), chart, order, today)
    name = facts.get("medication.nameCode")
    hidden = is_withheld(order) or listed
    why = "" if state.active else _why_ended(chart, order)
    value = name.value if name is not None and isinstance(name.value, dict) and not hidden else {}
    return {
        "key": " ".join(order.ids),
        "drug": str(value.get("displayName") or ""),
        "code": str(value.get("code") or ""),
        "active": state.active and not is_withheld(order),
        "why": _LISTED if listed else _WITHHELD if hidden else why,
        "start": text_of(facts, "order.start"),
        "stop": text_of(facts, "order.stop"),
        "text": "" if hidden else text_of(facts, "prescription.text"),
        "visit": order.visit,
        "source": state.source,
        "at": order.at,
    }


def _why_ended(chart: Chart, order: Order) -> str:
    if order.ended:
        return "ended"
    return "its visit has ended" if discharge_of(chart, order) is not None else "its end has passed"


def appointment_shown(entry: Appointment) -> dict[str, Any]:
    """An appointment or visit, and the last request that was made for it (its id)."""
    day = entry.facts.get("upcomingAppointmentDate")
    return {
        "key": entry.key,
        "kind": "visit" if entry.is_visit else "person" if entry.is_person else "appointment",
        "date": entry.date,
        "status": entry.status,
        "clinician": clinician_of(entry.facts),
        "clinic": text_of(entry.facts, "clinicName"),
        "type": text_of(entry.facts, "appointment.type"),
        "request": entry.asked.id if entry.asked is not None else None,
        "source": source_text(day.leaves[0].source, day.message) if day is not None and day.leaves else "",
        "at": entry.at,
    }


def clinician_of(facts: Item) -> str:
    """The clinician's name and NPI in one text."""
    fact = facts.get("upcomingAppointmentProvider")
    if fact is None or not isinstance(fact.value, dict):
        return ""
    name = fact.value.get("name")
    npi = fact.value.get("npi")
    return " ".join(part for part in (_name(name), f"(NPI {npi})" if npi else "") if part)


def _person(fact: Fact | None) -> str:
    return _name(fact.value) if fact is not None else ""


def _name(value: Any) -> str:
    """`Family, Given Further`."""
    if not isinstance(value, dict):
        return ""
    given = value.get("given") or ()
    parts = (str(value.get("family") or ""), " ".join(str(part) for part in given))
    return ", ".join(part for part in parts if part)

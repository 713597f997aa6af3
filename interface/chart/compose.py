"""From the chart to a request: every value with its source and the rule that brought it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from interface.chart.model import Appointment, Chart, Order, Problem
from interface.rules.facts import Fact, LeftOut, Scalar
from interface.rules.policy import Policy
from interface.rules.rulebook import Rulebook

_LISTS = {"ICD10": "activeIcd10Diagnoses", "ICD9": "activeIcd9Diagnoses", "SNOMED": "activeSnomedDiagnoses"}
_PRESCRIPTION = ("code", "form", "route", "prescribedDate", "prescriber", "facility")
_NUMBERS = ("initialFillQuantity", "numberOfRefillsAllowed")


@dataclass(frozen=True)
class Provenance:
    """One scalar of the request and where it came from."""

    field: str
    value: Scalar
    source: str
    rule: str


@dataclass
class Draft:
    """A request while it is composed, and why parts of it are missing."""

    trigger: str
    """Control id of the message that is decided: its own paths stand without a prefix."""
    request: dict[str, Any] = field(default_factory=dict)
    fields: list[Provenance] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    why: dict[str, str] = field(default_factory=dict)
    """Field to the reason why it has no value, for the holds."""

    def source(self, path: str, message: str) -> str:
        """A path, after its control id when another message said it."""
        return path if message == self.trigger or not message else f"{message}:{path}"

    def leaves(self, where: str, fact: Fact) -> None:
        """The provenance of a fact that now stands at `where`."""
        self.fields += [
            Provenance(where + leaf.path, leaf.value, self.source(leaf.source, fact.message), fact.rule)
            for leaf in fact.leaves
        ]

    def put(self, holder: dict[str, Any], key: str, where: str, fact: Fact | None) -> None:
        """Put a fact's value at `where`; note why when it has none."""
        if fact is None:
            return
        if fact.why:
            self.why[where] = fact.why
        if fact.value is not None:
            holder[key] = fact.value
            self.leaves(where, fact)


def compose(
    book: Rulebook,
    policy: Policy,
    chart: Chart,
    appointment: Appointment,
    trigger: str,
    today: date,
) -> Draft:
    """The request for an appointment from all that is known; incomplete where nothing is known."""
    draft = Draft(trigger)
    _patient(draft, book, policy, chart)
    _appointment(draft, book, policy, appointment)
    _settings(draft, book, policy, appointment)
    _problems(draft, policy, chart, today)
    _medications(draft, chart, today)
    _directives(draft, book, policy, appointment)
    return draft


def _patient(draft: Draft, book: Rulebook, policy: Policy, chart: Chart) -> None:
    patient: dict[str, Any] = {}
    draft.request["patient"] = patient
    mrn: dict[str, Any] = {}
    if policy.mrn_root:
        _setting(draft, book, mrn, "root", "patient.mrn.root", policy.mrn_root)
    draft.put(mrn, "extension", "patient.mrn.extension", chart.patient.get("patient.mrn.extension"))
    if mrn:
        patient["mrn"] = mrn
    for name in ("name", "gender", "birthDate", "address"):
        draft.put(patient, name, f"patient.{name}", chart.patient.get(f"patient.{name}"))
    points: list[dict[str, str]] = []
    for kind in ("home", "work", "other"):
        fact = chart.patient.get(f"patient.contactPoints.{kind}")
        for index, point in enumerate(fact.value if fact is not None and fact.value else ()):
            if fact is None or point in points:
                continue
            where, head = f"patient.contactPoints[{len(points)}]", f"[{index}]"
            draft.fields += [
                Provenance(
                    where + leaf.path[len(head) :],
                    leaf.value,
                    draft.source(leaf.source, fact.message),
                    fact.rule,
                )
                for leaf in fact.leaves
                if leaf.path.startswith(head)
            ]
            points.append(point)
    if points:
        patient["contactPoints"] = points


def _appointment(draft: Draft, book: Rulebook, policy: Policy, appointment: Appointment) -> None:
    facts = appointment.facts
    draft.put(
        draft.request,
        "upcomingAppointmentDate",
        "upcomingAppointmentDate",
        facts.get("upcomingAppointmentDate"),
    )
    provider = facts.get("upcomingAppointmentProvider")
    draft.put(draft.request, "upcomingAppointmentProvider", "upcomingAppointmentProvider", provider)
    for name, setting in (
        ("clinicName", policy.request.clinic_name),
        ("clinicNpi", policy.request.clinic_npi),
    ):
        if setting:
            _setting(draft, book, draft.request, name, name, setting)
        else:
            draft.put(draft.request, name, name, facts.get(name))


def _setting(
    draft: Draft, book: Rulebook, holder: dict[str, Any], key: str, name: str, value: Scalar
) -> None:
    rule = book.settings.get(name)
    if rule is not None:
        holder[key] = value
        draft.fields.append(Provenance(name, value, f"settings:{rule.setting}", rule.name))


def _settings(draft: Draft, book: Rulebook, policy: Policy, appointment: Appointment) -> None:
    given = policy.request
    for name, value in (
        ("responseDirectAddress", given.response_direct_address),
        ("responseFaxNumber", given.response_fax_number),
        ("responseFriendlyName", given.response_friendly_name),
        ("batchId", given.batch_id),
    ):
        if value:
            _setting(draft, book, draft.request, name, name, value)
    rule = book.settings.get("medicalSummaryPeriod")
    if rule is not None and given.summary_months and given.diagnostic_categories and appointment.date:
        end = date.fromisoformat(appointment.date)
        period = {
            "startDate": months_before(end, given.summary_months).isoformat(),
            "endDate": end.isoformat(),
        }
        draft.request["medicalSummaryPeriod"] = period
        for key, value in period.items():
            draft.fields.append(
                Provenance(f"medicalSummaryPeriod.{key}", value, f"settings:{rule.setting}", rule.name)
            )


def _directives(draft: Draft, book: Rulebook, policy: Policy, appointment: Appointment) -> None:
    directives: dict[str, Any] = {}
    rule = book.settings.get("directives.newPatient")
    kind = appointment.facts.get("appointment.type")
    if rule is not None and policy.request.new_patient_types and kind is not None and kind.value is not None:
        wanted = {entry.casefold() for entry in policy.request.new_patient_types}
        directives["newPatient"] = str(kind.value).casefold() in wanted
        source = draft.source(kind.leaves[0].source, kind.message)
        draft.fields.append(Provenance("directives.newPatient", directives["newPatient"], source, rule.name))
    rule = book.settings.get("directives.diagnosticCategories")
    if rule is not None and policy.request.diagnostic_categories:
        directives["diagnosticCategories"] = dict.fromkeys(policy.request.diagnostic_categories, True)
        for name in policy.request.diagnostic_categories:
            where = f"directives.diagnosticCategories.{name}"
            draft.fields.append(Provenance(where, True, f"settings:{rule.setting}", rule.name))
    if directives:
        draft.request["directives"] = directives


def months_before(day: date, months: int) -> date:
    """The same day of the month so many months earlier; the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


# ---------------------------------------------------------------- problems


def _problems(draft: Draft, policy: Policy, chart: Chart, today: date) -> None:
    limit = (
        (today - timedelta(days=policy.visit_diagnosis_days)).isoformat()
        if policy.visit_diagnosis_days
        else ""
    )
    same: dict[tuple[str, str], list[Problem]] = {}
    for problem in chart.problems:
        same.setdefault((problem.system, problem.code), []).append(problem)
    lists: dict[str, list[dict[str, str]]] = {}
    for (system, code), sightings in same.items():
        active = [entry for entry in sightings if entry.active and entry.at[:10] >= limit]
        newest = max(sightings, key=lambda entry: entry.at)
        if not active:
            source = draft.source(newest.leaves[0].source, newest.message)
            draft.left_out.append(
                LeftOut(source, code, f"not seen for {policy.visit_diagnosis_days} days: no longer active")
            )
            continue
        name = _LISTS[system]
        entries = lists.setdefault(name, [])
        where = f"{name}[{len(entries)}]"
        shown = active[0]
        entry = {"code": code, "displayName": shown.label}
        for leaf in shown.leaves:
            draft.fields.append(
                Provenance(
                    where + leaf.path, leaf.value, draft.source(leaf.source, shown.message), shown.rule
                )
            )
        dates = [fact for other in active if (fact := other.date) is not None and fact.value is not None]
        if dates:
            earliest = min(dates, key=lambda fact: str(fact.value))
            entry["date"] = earliest.value
            draft.leaves(f"{where}.date", earliest)
        entries.append(entry)
    for name in _LISTS.values():
        if name in lists:
            draft.request[name] = lists[name]


# ---------------------------------------------------------------- medications


@dataclass(frozen=True)
class Seen:
    """An order as it stands today, and what says so."""

    order: Order
    active: bool
    source: str
    rule: str


def _medications(draft: Draft, chart: Chart, today: date) -> None:
    drugs: dict[tuple[str, str], list[Seen]] = {}
    for order in chart.orders:
        name = order.facts.get("medication.nameCode")
        if name is None or name.value is None:
            draft.left_out.append(LeftOut(_order_source(draft, order), "", "the order names no drug"))
            continue
        drugs.setdefault(_drug_key(name), []).append(order_state(draft, order, today))
    medications: list[dict[str, Any]] = []
    for orders in drugs.values():
        taken = [seen for seen in orders if seen.active] or [max(orders, key=lambda seen: seen.order.at)]
        where = f"medications[{len(medications)}]"
        newest = max(taken, key=lambda seen: seen.order.at)
        active = taken[0].active
        medication: dict[str, Any] = {"active": active}
        draft.fields.append(Provenance(f"{where}.active", active, newest.source, newest.rule))
        facts = newest.order.facts
        draft.put(medication, "nameCode", f"{where}.nameCode", facts.get("medication.nameCode"))
        draft.put(medication, "scheduleCode", f"{where}.scheduleCode", facts.get("medication.scheduleCode"))
        prescriptions: list[dict[str, Any]] = []
        for seen in taken:
            if prescription := _prescription(
                draft, f"{where}.medicationRequests[{len(prescriptions)}]", seen.order
            ):
                prescriptions.append(prescription)
        if prescriptions:
            medication["medicationRequests"] = prescriptions
        medications.append(medication)
    if medications:
        draft.request["medications"] = medications


def _drug_key(name: Fact) -> tuple[str, str]:
    value = name.value
    system = value.get("codeSystem") or value.get("codeSystemName") or ""
    return (system, value["code"]) if "code" in value else ("", value["displayName"].casefold())


def _order_source(draft: Draft, order: Order) -> str:
    leaf = order.ended_leaf
    return draft.source(leaf.source if leaf is not None else "ORC-1", order.ended_message)


def order_state(draft: Draft, order: Order, today: date) -> Seen:
    """Whether the order runs today, and what says so."""
    rule = "medications.yaml#control"
    if order.ended:
        return Seen(order, False, _order_source(draft, order), rule)
    stop = order.facts.get("order.stop")
    if stop is not None and stop.value is not None:
        if str(stop.value) < today.isoformat():
            return Seen(order, False, draft.source(stop.leaves[0].source, stop.message), stop.rule)
    else:
        start, length = order.facts.get("order.start"), order.facts.get("order.duration")
        if start is not None and start.value is not None and length is not None and length.value is not None:
            end = date.fromisoformat(str(start.value)) + timedelta(days=int(length.value))
            if end < today:
                return Seen(order, False, draft.source(length.leaves[0].source, length.message), length.rule)
    return Seen(order, True, _order_source(draft, order), rule)


def _prescription(draft: Draft, where: str, order: Order) -> dict[str, Any]:
    """One MedicationRequest of the contract; empty when the order says nothing of it."""
    facts = order.facts
    found: dict[str, Any] = {}
    for name in (*_PRESCRIPTION, *_NUMBERS):
        draft.put(found, name, f"{where}.{name}", facts.get(f"prescription.{name}"))
    timing = facts.get("prescription.timing")
    dosage: dict[str, Any] = {}
    draft.put(dosage, "text", f"{where}.dosageInstruction.text", facts.get("prescription.text"))
    if timing is not None and timing.value is not None:
        if "text" not in timing.value:
            found.update(timing.value)
            draft.leaves(where, timing)
        elif "text" not in dosage:
            dosage["text"] = timing.value["text"]
            draft.leaves(where, timing)
    for fact in _present(facts.get("prescription.strength"), facts.get("prescription.dose")):
        dosage.update(fact.value)
        draft.leaves(f"{where}.dosageInstruction", fact)
    if dosage:
        found["dosageInstruction"] = dosage
    return found


def _present(*facts: Fact | None) -> Iterable[Fact]:
    return (fact for fact in facts if fact is not None and fact.value is not None)

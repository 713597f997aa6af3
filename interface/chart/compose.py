"""From the chart to a request: every value with its source and the rule that brought it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from interface.chart.compose_medications import compose_medications
from interface.chart.draft import Draft, Provenance
from interface.chart.model import Appointment, Chart
from interface.chart.problems import by_code, first_date, standing
from interface.rules.facts import LeftOut, Scalar
from interface.rules.policy import Policy
from interface.rules.rulebook import Rulebook

_LISTS = {"ICD10": "activeIcd10Diagnoses", "ICD9": "activeIcd9Diagnoses", "SNOMED": "activeSnomedDiagnoses"}


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
    compose_medications(draft, chart, today)
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
    days = policy.visit_diagnosis_days
    lists: dict[str, list[dict[str, str]]] = {}
    for (system, code), sightings in by_code(chart):
        standings = [(entry, standing(entry, today, days)) for entry in sightings]
        active = [entry for entry, judged in standings if judged.active]
        newest, judged = max(standings, key=lambda pair: pair[0].at)
        if not active:
            source = draft.source(newest.leaves[0].source, newest.message)
            draft.left_out.append(LeftOut(source, code, judged.why))
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
        earliest = first_date(sightings)
        if earliest is not None:
            entry["date"] = earliest.value
            draft.leaves(f"{where}.date", earliest)
        entries.append(entry)
    for name in _LISTS.values():
        if name in lists:
            draft.request[name] = lists[name]

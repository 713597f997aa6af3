"""From the chart to a request: every value with its source and the rule that brought it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from interface.chart.by_site import View, seen_by_site
from interface.chart.compose_medications import compose_medications
from interface.chart.diagnoses import Known, diagnoses, known_problems, lists_by_system
from interface.chart.draft import Draft, Provenance
from interface.chart.model import Appointment, Chart
from interface.rules.conditions import plain
from interface.rules.facts import LeftOut, Scalar
from interface.rules.policy import Policy

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook

__all__ = ["Draft", "Provenance", "Shape", "compose", "months_before"]


@dataclass(frozen=True)
class Shape:
    """Where a version of the request has what is known; all else is the same in both."""

    most_addresses: int
    """0: `patient.address`, a single one."""
    provider: str
    """The field of the clinician."""
    summary_period: str
    """Of which object `medicalSummaryPeriod` is a field; empty: of the request itself."""
    problems: Callable[[Draft, Rulebook, Sequence[Known]], None]
    ended_problems: bool = False
    """Problems that have ended are sent, too."""
    no_fax: bool = False
    """The fax number has no place."""
    batch_outside: bool = False
    """The batch id is not the patient's, it stands around the panel."""


SHAPES = {
    1: Shape(0, "upcomingAppointmentProvider", "", lists_by_system),
    2: Shape(
        3, "requestingProvider", "directives", diagnoses, ended_problems=True, no_fax=True, batch_outside=True
    ),
}
"""By version of the API."""
_NAMED = tuple((name, f"patient.{name}") for name in ("name", "gender", "birthDate"))
_POINTS = tuple(f"patient.contactPoints.{kind}" for kind in ("home", "work", "other"))


def compose(
    book: Rulebook,
    policy: Policy,
    chart: Chart,
    appointment: Appointment,
    trigger: str,
    today: date,
) -> Draft:
    """The request for an appointment from all that is known; incomplete where nothing is known."""
    shape = SHAPES[policy.api_version]
    draft = Draft(trigger)
    seen = seen_by_site(View(book, policy, chart, appointment), draft.source, draft.left_out)
    book, policy, chart, appointment = seen.book, seen.policy, seen.chart, seen.appointment
    _patient(draft, book, policy, chart, shape)
    _appointment(draft, book, policy, appointment, shape)
    _settings(draft, book, policy, shape)
    if not shape.summary_period:
        _summary_period(draft, book, policy, appointment, draft.request, "")
    shape.problems(draft, book, known_problems(policy, chart, today))
    compose_medications(draft, chart, today)
    _directives(draft, book, policy, appointment, shape)
    return draft


def _patient(draft: Draft, book: Rulebook, policy: Policy, chart: Chart, shape: Shape) -> None:
    known = chart.patient
    patient: dict[str, Any] = {}
    draft.request["patient"] = patient
    mrn: dict[str, Any] = {}
    if policy.mrn_root:
        _setting(draft, book, mrn, "root", "patient.mrn.root", policy.mrn_root)
    draft.put(mrn, "extension", "patient.mrn.extension", known.get("patient.mrn.extension"))
    if mrn:
        patient["mrn"] = mrn
    for name, field in _NAMED:
        draft.put(patient, name, field, known.get(field))
    if shape.most_addresses:
        _addresses(draft, patient, chart, shape.most_addresses)
    else:
        draft.put(patient, "address", "patient.address", known.get("patient.address"))
    points: list[dict[str, str]] = []
    told: set[frozenset[tuple[str, str]]] = set()
    for field in _POINTS:
        fact = known.get(field)
        if fact is None or not fact.value:
            continue
        leaves = fact.leaves_by_entry()
        for index, point in enumerate(fact.value):
            if (same := frozenset(point.items())) in told:
                continue
            told.add(same)
            draft.put_entry(f"patient.contactPoints[{len(points)}]", fact, leaves.get(f"[{index}]", ()))
            points.append(point)
    if points:
        patient["contactPoints"] = points


def _addresses(draft: Draft, patient: dict[str, Any], chart: Chart, most: int) -> None:
    """The address that version 1 would have, then the others that are known."""
    first, others = chart.patient.get("patient.address"), chart.patient.get("patient.otherAddresses")
    if first is None:
        return
    if first.why:
        draft.why["patient.addresses"] = draft.why["patient.addresses[0]"] = first.why
    if first.value is None:
        return
    addresses = [first.value]
    draft.leaves("patient.addresses[0]", first)
    if others is not None and others.value:
        leaves = others.leaves_by_entry()
        for index, address in enumerate(others.value):
            if len(addresses) < most and address not in addresses:
                draft.put_entry(f"patient.addresses[{len(addresses)}]", others, leaves.get(f"[{index}]", ()))
                addresses.append(address)
    patient["addresses"] = addresses


def _appointment(
    draft: Draft, book: Rulebook, policy: Policy, appointment: Appointment, shape: Shape
) -> None:
    facts = appointment.facts
    draft.put(
        draft.request,
        "upcomingAppointmentDate",
        "upcomingAppointmentDate",
        facts.get("upcomingAppointmentDate"),
    )
    provider = facts.get("upcomingAppointmentProvider")
    draft.put(draft.request, shape.provider, shape.provider, provider)
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
        draft.add(name, value, rule.source, rule.name)


def _settings(draft: Draft, book: Rulebook, policy: Policy, shape: Shape) -> None:
    given = policy.request
    for name, value, placed in (
        ("responseDirectAddress", given.response_direct_address, True),
        ("responseFaxNumber", given.response_fax_number, not shape.no_fax),
        ("responseFriendlyName", given.response_friendly_name, True),
        ("batchId", given.batch_id, not shape.batch_outside),
    ):
        if value and placed:
            _setting(draft, book, draft.request, name, name, value)
    fax, batch = book.settings.get("responseFaxNumber"), book.settings.get("batchId")
    if fax is not None and given.response_fax_number and shape.no_fax:
        why = "version 2 of the API has no fax number; set response_direct_address"
        draft.left_out.append(LeftOut(fax.source, given.response_fax_number, why))
    if batch is not None and given.batch_id and batch.origin and shape.batch_outside:
        why = "version 2 of the API has one batch id for all patients of a panel: that of [request] is sent"
        draft.left_out.append(LeftOut(batch.source, given.batch_id, why))


def _summary_period(
    draft: Draft,
    book: Rulebook,
    policy: Policy,
    appointment: Appointment,
    holder: dict[str, Any],
    place: str,
) -> None:
    """The months up to the appointment. Up to today would be another request on each day."""
    given, rule = policy.request, book.settings.get("medicalSummaryPeriod")
    if rule is None or not given.summary_months or not given.diagnostic_categories:
        return
    source = rule.source
    if not appointment.date:
        if appointment.is_person:  # elsewhere the missing date is said already
            why = "a summary period ends with the appointment, and no date is known"
            draft.left_out.append(LeftOut(source, str(given.summary_months), why))
        return
    end = date.fromisoformat(appointment.date)
    period = {"startDate": months_before(end, given.summary_months).isoformat(), "endDate": end.isoformat()}
    holder["medicalSummaryPeriod"] = period
    for key, value in period.items():
        draft.add(f"{place}medicalSummaryPeriod.{key}", value, source, rule.name)


def _directives(draft: Draft, book: Rulebook, policy: Policy, appointment: Appointment, shape: Shape) -> None:
    directives: dict[str, Any] = {}
    rule = book.settings.get("directives.newPatient")
    kind = appointment.facts.get("appointment.type")
    if rule is not None and policy.request.new_patient is not None:
        directives["newPatient"] = policy.request.new_patient
        draft.add("directives.newPatient", policy.request.new_patient, rule.source, rule.name)
    elif (
        rule is not None and policy.request.new_patient_types and kind is not None and kind.value is not None
    ):
        wanted = set(map(plain, policy.request.new_patient_types))
        # the first field that says it, by its code or text
        field = kind.leaves[0].source.partition(".")[0]
        said = (leaf for leaf in (*kind.leaves, *kind.ids) if leaf.source.partition(".")[0] == field)
        named = next((leaf for leaf in said if plain(str(leaf.value)) in wanted), None)
        directives["newPatient"] = named is not None
        source = draft.source((named or kind.leaves[0]).source, kind.message)
        draft.add("directives.newPatient", directives["newPatient"], source, rule.name)
    rule = book.settings.get("directives.diagnosticCategories")
    if rule is not None and policy.request.diagnostic_categories:
        directives["diagnosticCategories"] = dict.fromkeys(policy.request.diagnostic_categories, True)
        for name in policy.request.diagnostic_categories:
            where = f"directives.diagnosticCategories.{name}"
            draft.add(where, True, rule.source, rule.name)
    if shape.summary_period:
        _summary_period(draft, book, policy, appointment, directives, f"{shape.summary_period}.")
    if directives:
        draft.request["directives"] = directives


def months_before(day: date, months: int) -> date:
    """The same day of the month so many months earlier; the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))

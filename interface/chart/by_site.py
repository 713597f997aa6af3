"""What a site's overlay says of a request when it is composed: clinician and clinic by its tables, the root of the
number, its own values, what it withholds. From the chart as it is, so that a changed table counts at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace as change

from interface.chart.model import Appointment, Chart
from interface.chart.withhold import Source, without_withheld
from interface.rules.compiling import Fixed, SettingRule
from interface.rules.conditions import plain
from interface.rules.facts import Fact, LeftOut
from interface.rules.fields import SETTING
from interface.rules.policy import Policy
from interface.rules.site import Site
from interface.rules.types.clinician import by_table, completed, passed_over
from interface.rules.types.places import Part, located
from interface.rules.types.provider import lent_npi

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook

_REQUEST = {
    "responseDirectAddress": "response_direct_address",
    "responseFaxNumber": "response_fax_number",
    "responseFriendlyName": "response_friendly_name",
    "batchId": "batch_id",
    "clinicName": "clinic_name",
    "clinicNpi": "clinic_npi",
    "medicalSummaryPeriod": "summary_months",
    "directives.newPatient": "new_patient",
    "directives.diagnosticCategories": "diagnostic_categories",
}
"""Which of `[request]` a fixed value takes the place of."""

PROVIDER = "upcomingAppointmentProvider"
MRN = "patient.mrn.extension"


class View(msgspec.Struct, frozen=True):
    """What a request is composed from, as the site's overlay has it."""

    book: Rulebook
    policy: Policy
    chart: Chart
    appointment: Appointment


def seen_by_site(view: View, source: Source, left_out: list[LeftOut]) -> View:
    """The same with the site's tables and values applied; what is withheld is noted in `left_out`.

    `source` gives a path, and the control id of the message that said it, as provenance shows them.
    """
    book, site = view.book, view.book.site
    chart = without_withheld(book, view.chart, source, left_out)
    if not book.has_overlay:
        return view if chart is view.chart else View(book, view.policy, chart, view.appointment)
    appointment = with_tables(site, view.appointment)
    settings = dict(book.settings)
    policy = _root(site, view.policy, chart, settings, source)
    policy = _own_values(book, policy, appointment, settings)
    return View(replace(book, settings=settings), policy, chart, appointment)


def with_tables(site: Site, appointment: Appointment) -> Appointment:
    """The appointment with its clinician and clinic as the site's tables name them."""
    facts = dict(appointment.facts)
    provider = facts.get(PROVIDER)
    if provider is not None:
        facts[PROVIDER] = _clinician(site, provider)
    clinic = facts.get("clinicName")
    ids = clinic.ids if clinic is not None else ()
    parts: tuple[tuple[str, Part], ...] = (("clinicName", "name"), ("clinicNpi", "npi"))
    for name, part in parts if site.locations else ():
        known = facts.get(name, clinic)
        if known is not None and (leaf := located(site, known.ids or ids, part)) is not None:
            facts[name] = change(known, value=leaf.value, leaves=(leaf,), why="")
    return change(appointment, facts=facts)


def _clinician(site: Site, fact: Fact) -> Fact:
    if not fact.ids:
        return fact
    given: dict[str, Any] = fact.value or {}
    name = given.get("name", {})
    found = by_table(site, name, fact.ids)
    if found is None:
        if "npi" not in given and (row_said := passed_over(site, name, fact.ids)):
            return change(fact, why=f"{fact.why}: {row_said}")
        return fact
    row, leaf = found
    leaves = [
        change(entry, path=entry.path.removeprefix(".name"))
        for entry in fact.leaves
        if entry.path.startswith(".name")
    ]
    value, whole = completed(name, leaves, row, leaf.source)
    lent = {lent_npi(entry.source) for entry in fact.leaves if entry.path == ".npi"}
    said = tuple(text for text in fact.said if text not in lent)
    return change(fact, value=value, leaves=whole, said=said, why="")


def _root(
    site: Site,
    policy: Policy,
    chart: Chart,
    settings: dict[str, SettingRule],
    source: Source,
) -> Policy:
    """The root of the number's authority."""
    mrn = chart.patient.get(MRN)
    if mrn is None or not site.roots:
        return policy
    for leaf in mrn.ids:
        row = site.root((str(leaf.value),))
        if row is not None:
            origin = source(leaf.source, mrn.message)
            settings["patient.mrn.root"] = SettingRule(row.rule, "patient.mrn.root", "site.mrn_root", origin)
            return replace(policy, mrn_root=row.root)
    authority = chart.keys[0].partition("|")[0] if chart.keys else ""
    if any(row.root == authority for row in site.roots.values()):  # a number that a merge or move brought
        return replace(policy, mrn_root=authority)
    return policy


def _own_values(
    book: Rulebook, policy: Policy, appointment: Appointment, settings: dict[str, SettingRule]
) -> Policy:
    """`[request]` with the site's own values in place: the most specific that fits the appointment."""
    said = names_of(appointment)
    changed: dict[str, Any] = {}
    by_location = {name for name in ("clinicName", "clinicNpi") if _is_located(appointment, name)}
    taken: dict[str, Fixed] = {}
    for entry in book.fixed:
        if (
            entry.field not in _REQUEST
            or entry.field in taken
            or (entry.condition is not None and not entry.condition.fits(said))
        ):
            continue
        if entry.field in by_location and entry.condition is None:
            continue  # what the site says of this location goes before what it says of all
        taken[entry.field] = entry
        changed[_REQUEST[entry.field]] = entry.value
        settings[entry.field] = SettingRule(entry.name, entry.field, SETTING[entry.field], entry.source)
    for name in by_location - taken.keys():
        changed[_REQUEST[name]] = ""
    return replace(policy, request=replace(policy.request, **changed)) if changed else policy


def _is_located(appointment: Appointment, name: str) -> bool:
    fact = appointment.facts.get(name)
    return fact is not None and any(leaf.rule for leaf in fact.leaves)


def names_of(appointment: Appointment) -> dict[str, set[str]]:
    """What conditions and filters compare: kinds, clinics and clinicians of an appointment, each in all its names."""
    facts = appointment.facts
    found: dict[str, set[str]] = {"appointment_type": set(), "clinic": set(), "provider": set()}
    for name, field in (
        ("appointment_type", "appointment.type"),
        ("clinic", "clinicName"),
        ("clinic", "clinicNpi"),
        ("provider", PROVIDER),
    ):
        fact = facts.get(field)
        if fact is not None:
            found[name] |= {plain(str(leaf.value)) for leaf in fact.ids}
            if isinstance(fact.value, str):
                found[name].add(plain(fact.value))
    value = facts[PROVIDER].value if PROVIDER in facts else None
    if isinstance(value, dict):
        found["provider"].add(plain(str(value.get("npi", ""))))
        person = value.get("name", {})
        family, given = str(person.get("family", "")), " ".join(person.get("given", ())[:1])
        found["provider"] |= {plain(text) for text in (family, f"{family}, {given}", f"{given} {family}")}
    return {name: texts - {"", ","} for name, texts in found.items()}

"""Who and what is not for us: patients who opted out, test patients, and appointments that `[filters]` leaves.

What concerns a person keeps all of his messages out. What concerns an appointment keeps out its messages and requests;
other messages of the patient still add to the chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from interface.chart.by_site import MRN, names_of, with_tables
from interface.chart.model import Appointment
from interface.rules.facts import Fact, Item, Reason
from interface.rules.policy import Filters, Policy

if TYPE_CHECKING:
    from interface.rules.rulebook import Rulebook


def person_left(book: Rulebook, policy: Policy, keys: Sequence[str], *known: Item) -> Reason | None:
    """Why nothing of this patient is for us; None: it is. `known`: his facts, the message's before the chart's."""
    if book.site.opted_out:
        names = [str(leaf.value) for facts in known if MRN in facts for leaf in facts[MRN].ids]
        for key in keys:
            authority, _, number = key.partition("|")
            if row := book.site.opted(number, chain(_authorities(book, policy, authority), names)):
                return Reason(
                    "opted-out", f"the patient opted out ({row.place}): nothing is kept or requested"
                )
    if policy.filters.test_patients is not None:
        name = next((facts["patient.name"] for facts in known if "patient.name" in facts), None)
        texts = [*_spellings(name), *(key.partition("|")[2] for key in keys)]
        if any(policy.filters.test_patients.search(text) for text in texts):
            return Reason("filtered", "a test patient by [filters] test_patient_pattern")
    return None


def _authorities(book: Rulebook, policy: Policy, authority: str) -> Iterable[str]:
    """Whose numbers stand under an identity key's authority: for the site's own its names, for a root all that have it."""
    yield authority
    if not authority:
        yield from policy.mrn_authority
    wanted = authority or policy.mrn_root
    yield from (name for name, row in book.site.roots.items() if row.root == wanted)


def _spellings(name: Fact | None) -> Iterable[str]:
    """A name as a pattern may look for it."""
    if name is None or not isinstance(name.value, dict):
        return ()
    family, given = str(name.value.get("family", "")), " ".join(name.value.get("given", ()))
    return family, given, f"{family}, {given}", f"{family},{given}", f"{family} {given}", f"{given} {family}"


_LISTS = (
    ("appointment_type", "appointment type (SCH-8, AIS-3)", "appointment_types"),
    ("clinic", "location (AIL-3, PV1-3, MSH-4)", "locations"),
    ("provider", "clinician", "providers"),
)


def appointment_left(book: Rulebook, filters: Filters, appointment: Appointment) -> Reason | None:
    """Why nothing is requested for this appointment; None: it is for us."""
    if not filters.of_appointments:
        return None
    said = names_of(with_tables(book.site, appointment))
    wanted = {
        "appointment_type": (filters.take_types, filters.leave_types),
        "clinic": (filters.take_locations, filters.leave_locations),
        "provider": (filters.take_providers, filters.leave_providers),
    }
    for name, what, key in _LISTS:
        take, leave = wanted[name]
        if not leave.isdisjoint(said[name]):
            return Reason("filtered", f"[filters] leave_{key} names its {what}: nothing is requested for it")
        if take and take.isdisjoint(said[name]):
            why = "does not name its" if said[name] else "is set, and no message names its"
            return Reason("filtered", f"[filters] take_{key} {why} {what}: nothing is requested for it")
    return None

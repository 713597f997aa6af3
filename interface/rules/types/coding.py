"""Codings: the code, text and system of a coded value (HL7 v2 2A.13 CWE; CE of older versions)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from interface.hl7.message import Repetition
from interface.rules.context import visible
from interface.rules.source import nearest
from interface.rules.tables import Table
from interface.rules.types.base import Spec

TRIPLETS = ((1, 14), (4, 17), (10, 20))
"""Where the code of each coding stands (text and system follow), and the OID of its system."""
_OID = "urn:oid:"


ICD10_FORM = re.compile(r"[A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?", re.ASCII)
_SNOMED = ("SNOMED CT", re.compile(r"[1-9]\d{5,17}", re.ASCII))
_FORMS = {
    "ICD10": ("ICD-10", ICD10_FORM),
    "ICD9": ("ICD-9", re.compile(r"(?:\d{3}|V\d{2}|E\d{3})(?:\.?\d{1,2})?", re.ASCII)),
    "SNOMED": _SNOMED,
    "2.16.840.1.113883.6.96": _SNOMED,
    "RXNORM": ("RxNorm", re.compile(r"[1-9]\d{0,7}", re.ASCII)),
    "2.16.840.1.113883.3.26.1.1": ("NCI Thesaurus", re.compile(r"C\d{2,7}", re.ASCII)),
}
"""What a code must look like to be one at all, by the key or OID of its system (their release formats): text in a code's
place is none.
"""


_BEGINNINGS = {
    "ICD10": re.compile(r"[A-Z](?:\d(?:[0-9A-Z]{1,5})?)?", re.ASCII),
    "ICD9": re.compile(r"\d{1,5}|V\d{0,4}|E\d{0,5}", re.ASCII),
    "SNOMED": re.compile(r"[1-9]\d{0,17}", re.ASCII),
    "RXNORM": re.compile(r"[1-9]\d{0,7}", re.ASCII),
}
"""What codes of these systems may begin with, without dots."""


def misfit(system: str, code: str) -> str:
    """Why a code (in capitals) can't be one of that system; empty: it has its form, or nothing is known of it."""
    name, form = _FORMS.get(system, ("", None))
    return "" if form is None or form.fullmatch(code) else f"no code of {name} has this form"


def no_beginning(system: str, code: str) -> str:
    """Why no code of that system (its key) begins so (in capitals, without dots); empty: one may, or it is not known."""
    form = _BEGINNINGS.get(system)
    return "" if form is None or form.fullmatch(code) else f"no code of {_FORMS[system][0]} begins so"


class Coding(msgspec.Struct, frozen=True, gc=False):
    """One coding of a field, outer blanks off; each part empty where it was not sent."""

    code: str
    code_source: str
    text: str
    text_source: str
    system: str
    """The system's name as sent, else its OID."""
    system_source: str
    number: int
    """The component of the code: 1, 4 or 10."""


def codings(repetition: Repetition) -> Iterator[Coding]:
    """The codings that hold anything but the name of a system."""
    count = repetition.component_count
    for number, oid in TRIPLETS:
        if number > count:
            return
        code, text = repetition.component(number).strip(), visible(repetition.component(number + 1).strip())
        if not code and not text:
            continue
        place, system = number + 2, repetition.component(number + 2).strip()
        if not system and oid <= count:
            place, system = oid, repetition.component(oid).strip()
        yield Coding(
            code,
            repetition.at(number),
            text,
            repetition.at(number + 1),
            system,
            repetition.at(place),
            number,
        )


def named_system(spec: Spec, systems: Table) -> str:
    """The coding system that `system:` names for codes that name none; empty: there is no such option."""
    name = str(spec.body.get("system", ""))
    if name and system_row(systems, name) is None:
        raise spec.error(
            "system", f"table {systems.name} has no coding system '{name}'{nearest(name, systems.rows)}"
        )
    return name


def system_row(systems: Table, sent: str) -> Any:
    """The row of a coding system: by its name, or by its OID with or without `urn:oid:`; None when unknown."""
    found = systems.get(sent)
    if found is None and sent[: len(_OID)].casefold() == _OID:
        return systems.get(sent[len(_OID) :])
    return found

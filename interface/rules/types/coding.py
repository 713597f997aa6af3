"""Codings: the code, text and system of a coded value (HL7 v2 2A.13 CWE; CE of older versions)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from interface.hl7.message import Repetition
from interface.rules.source import nearest
from interface.rules.tables import Table
from interface.rules.types.base import Spec

TRIPLETS = ((1, 14), (4, 17), (10, 20))
"""Where the code of each coding stands (text and system follow), and the OID of its system."""
_OID = "urn:oid:"


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
        code, text = repetition.component(number).strip(), repetition.component(number + 1).strip()
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

"""The names of fields and components, as hl7apy's tables of the standard have them: interface/hl7/data/names.txt."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from interface.hl7.names import SEGMENTS

VERSIONS = ("v2_5_1", "v2_8_2", "v2_7", "v2_6", "v2_4", "v2_3_1", "v2_2")
"""A name is that of the first of them that has one."""
_UPPER = frozenset(
    (
        "ACK",
        "CDA",
        "CPT",
        "DEA",
        "DNR",
        "DUN",
        "FDA",
        "HL7",
        "ICD",
        "ID",
        "LOINC",
        "NDC",
        "NPI",
        "SSN",
        "UPIN",
        "UDI",
    )
)


def page() -> str:
    """A line for each segment and data type: its name, then the parts in their order, `TYPE NAME`, between bars."""
    found: dict[str, dict[int, str]] = {}
    for version in VERSIONS:
        library = import_module(f"hl7apy.{version}")
        for table in (library.FIELDS, library.DATATYPES):
            for name, entry in table.items():
                whole, _, number = name.partition("_")
                if number.isdecimal() and len(entry) > 3:
                    found.setdefault(whole, {}).setdefault(int(number), _part(entry))
    lines = []
    for whole, parts in sorted(found.items()):
        entries = [parts.get(number, "") for number in range(1, max(parts) + 1)]
        lines.append("|".join([whole, *entries]))
    return "\n".join(lines) + "\n"


def _part(entry: Any) -> str:
    return f"{entry[2] or ''} {_words(entry[3] or '')}"


def _words(name: str) -> str:
    """`DATE_TIME_OF_BIRTH` as `Date time of birth`."""
    words = [word if word in _UPPER or word in SEGMENTS else word.lower() for word in name.split("_")]
    text = " ".join(filter(None, words)).replace(" s ", "'s ").replace(" e g ", ", e.g. ")
    return text[:1].upper() + text[1:]

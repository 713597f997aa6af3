"""The standard's own names of fields and components, and the versions that have them, by hl7apy's definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import hl7apy

from interface.rules.paths import Path

NAMED_BY = "2.5.1"
VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
_SMALL = frozenset(("of", "and", "the", "or", "for", "to", "in", "by"))
_LARGE = {"Id": "ID", "Dt": "DT", "Npi": "NPI", "Ssn": "SSN", "Ndc": "NDC"}


@lru_cache(maxsize=32)
def _library(version: str) -> Any:
    return hl7apy.load_library(version)


def _definition(entries: Any, name: str) -> tuple[Any, ...] | None:
    for entry in entries or ():
        if len(entry) == 4 and entry[0] == name:
            return tuple(entry)
    return None


def _field(version: str, path: Path) -> tuple[Any, ...] | None:
    segment = _library(version).SEGMENTS.get(path.segment)
    return _definition(segment[1] if segment and len(segment) > 1 else (), f"{path.segment}_{path.field}")


def name_of(path: Path) -> str:
    """`Appointment Timing Quantity, Start Date/Time` for SCH-11.4; empty where the standard has no such field."""
    version = (
        NAMED_BY if _field(NAMED_BY, path) else next((v for v in reversed(VERSIONS) if _field(v, path)), "")
    )
    if not version:
        return ""
    definition = _field(version, path)[1]  # type: ignore[index]
    names = [_title(definition[3])]
    kind = definition[2]
    structures: Mapping[str, Any] = _library(version).DATATYPES_STRUCTS
    for number in (path.component, path.subcomponent):
        component = _definition(structures.get(kind), f"{kind}_{number}") if number else None
        if component is None:
            break
        kind = component[1][2]
        names.append(_title(component[1][3]))
    return ", ".join(name for name in names if name)


def versions_of(path: Path) -> str:
    """Where not every version from 2.3 on has the field: `from 2.5 on`, `up to 2.6`; else empty."""
    known = VERSIONS[VERSIONS.index("2.3") :]
    having = [version for version in known if (found := _field(version, path)) and found[1][2] != "WD"]
    if not having or len(having) == len(known):
        return ""
    first, last = having[0], having[-1]
    after = f"from {first} on" if first != known[0] else ""
    before = f"up to {last}" if last != known[-1] else ""
    return ", ".join(filter(None, (after, before)))


def _title(name: str | None) -> str:
    words = (name or "").replace("_", " ").lower().split()
    titled = [word if word in _SMALL and place else word.capitalize() for place, word in enumerate(words)]
    return re.sub(r" S\b", "'s", re.sub(r" Dg1$", "", " ".join(_LARGE.get(word, word) for word in titled)))

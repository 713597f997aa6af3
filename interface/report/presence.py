"""What is not there: the five things that stop or empty requests, and the sources of our mapping nobody fills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from interface.hl7.message import Segment
from interface.report.asks import FIELDS
from interface.report.model import LOSES, FieldUse, Finding, Missing
from interface.report.seen import Seen, Tally
from interface.rules.rulebook import Rulebook

_MRN, _BIRTH, _ZIP, _NPI, _SYSTEM, _DRUG = (
    "MRN",
    "date of birth",
    "ZIP",
    "NPI",
    "diagnosis system",
    "drug system",
)


@dataclass(frozen=True, slots=True)
class _Thing:
    where: str
    unit: str
    what: str
    ask: str
    field: str = ""
    """The request's field whose lack holds the request: then the hold tells it."""


_THINGS: Mapping[str, _Thing] = {
    _MRN: _Thing(
        "PID-3", "messages", "no medical record number can be told", FIELDS["patient.mrn"].ask, "patient.mrn"
    ),
    _BIRTH: _Thing(
        "PID-7", "messages", "no full date of birth", FIELDS["patient.birthDate"].ask, "patient.birthDate"
    ),
    _ZIP: _Thing("PID-11.5", "messages", "no US ZIP", FIELDS["patient.address"].ask, "patient.address"),
    _NPI: _Thing(
        "AIP-3, AIG-3, PV1-7",
        "appointments",
        "no NPI of the clinician",
        FIELDS["upcomingAppointmentProvider.npi"].ask,
        "upcomingAppointmentProvider",
    ),
    _SYSTEM: _Thing(
        "DG1-3.3",
        "diagnoses",
        "no coding system is declared: codes that could be of several are left out",
        "Declare the coding system of each diagnosis in DG1-3.3 (I10 for ICD-10-CM, SCT for SNOMED CT).",
    ),
    _DRUG: _Thing(
        "RXE-2.3",
        "drugs",
        "no coding system is declared for the drug's code",
        "Declare the coding system of each drug in RXE-2.3 (RXNORM, or NDC).",
    ),
}

_PARTS: Mapping[str, tuple[int, ...]] = {
    "mrn": (1, 4, 5),
    "person_name": (1, 2),
    "address": (1, 3, 4, 5),
    "diagnosis": (1, 2, 3),
    "drug": (1, 2, 3),
    "product": (1, 2, 3),
    "provider": (1, 2, 3, 13),
}
"""The components that matter of a field that a rule reads whole, by the rule's `type:`."""


_SELDOM = frozenset(("patient.contactPoints.other", "patient.restricted", "order.confidential", "order.stop"))
"""Fields that are rightly empty in most messages; so are those of the type `flag`."""

Target = tuple[str, int]
"""A field of the request, and the component that a rule reads for it where it reads several; 0: the value itself."""
Sources = Mapping[str, Mapping[int, Mapping[int, tuple[Target, ...]]]]


class Presence:
    """Counts what is there and what is not."""

    def __init__(self, book: Rulebook):
        self._sources = _sources(book)
        self._of: Counter[str] = Counter()
        self._missing: Tally[str] = Tally()
        self._segments: Counter[str] = Counter()
        self._filled: Counter[tuple[str, int, int]] = Counter()

    def take(self, seen: Seen) -> None:
        """Look through one message that is of use."""
        message = seen.message
        if message is None or seen.reading.event.does == "ignore" or not seen.reading.has_patient:
            return
        self._things(seen)
        for name, fields in self._sources.items():
            for segment in message.all(name):
                self._segments[name] += 1
                for field, components in fields.items():
                    if segment.raw(field):
                        self._filled.update(
                            (name, field, c) for c in components if _is_valued(segment, field, c)
                        )

    def _things(self, seen: Seen) -> None:
        reading, message = seen.reading, seen.message
        assert message is not None  # noqa: S101  told by the caller
        facts = reading.facts
        pid = message.first("PID")
        self._count(_MRN, bool(reading.keys), seen, pid)
        birth = facts.get("patient.birthDate")
        self._count(_BIRTH, birth is not None and birth.value is not None, seen, pid)
        address = facts.get("patient.address")
        self._count(_ZIP, address is not None and bool((address.value or {}).get("zip")), seen, pid)
        if reading.event.about == "appointment" and reading.event.does == "post":
            provider = facts.get("upcomingAppointmentProvider")
            has_npi = provider is not None and bool((provider.value or {}).get("npi"))
            self._count(_NPI, has_npi, seen, message.first("AIP") or message.first("PV1"))
        for segment in (*message.all("DG1"), *message.all("PRB")):
            if segment.text(3).strip():
                declared = (
                    segment.text(3, 3) or segment.text(3, 6) or (segment.name == "DG1" and segment.text(2))
                )
                self._count(_SYSTEM, bool(declared), seen, segment)
        for name, number in (("RXE", 2), ("RXO", 1)):
            for segment in message.all(name):
                if segment.text(number).strip():
                    declared = segment.text(number, 3) or segment.text(number, 6)
                    self._count(_DRUG, bool(declared), seen, segment)

    def _count(self, thing: str, there: bool, seen: Seen, segment: Segment | None) -> None:
        self._of[thing] += 1
        if not there:
            self._missing.add(thing, seen, segment)

    def findings(self, held: frozenset[str]) -> Iterator[Finding]:
        """What is missing; not what already held requests, given by their codes."""
        for row in self._missing:
            thing = _THINGS[row.key]
            if thing.field and any(code == "no-mrn" or f":{thing.field}" in code for code in held):
                continue
            of, unit = self._of[row.key], thing.unit
            yield row.finding(LOSES, "missing", row.key, thing.where, thing.what, thing.ask, of=of, unit=unit)

    def missing(self) -> tuple[Missing, ...]:
        """Each of the things that messages could have had, and how often it was not there."""
        counts = {row.key: row.count for row in self._missing}
        return tuple(
            Missing(name, thing.where, counts.get(name, 0), self._of[name], thing.unit)
            for name, thing in _THINGS.items()
            if self._of[name]
        )

    def never_filled(self) -> tuple[FieldUse, ...]:
        """Sources of the mapping that were empty in every segment that could hold them."""
        fed: dict[Target, str] = {}
        empty: list[tuple[str, tuple[Target, ...], int]] = []
        for name, fields in self._sources.items():
            for field, components in fields.items():
                for component, targets in components.items():
                    path = f"{name}-{field}" + (f".{component}" if component else "")
                    if self._filled[name, field, component]:
                        for target in targets:
                            fed.setdefault(target, path)
                    elif self._segments[name]:
                        empty.append((path, targets, self._segments[name]))
        return tuple(
            FieldUse(
                path,
                tuple(dict.fromkeys(target[0] for target in targets)),
                of,
                next((fed[target] for target in targets if target in fed), ""),
            )
            for path, targets, of in empty
        )


def _is_valued(segment: Segment, field: int, component: int) -> bool:
    for repetition in segment.reps(field):
        if repetition.is_null:
            continue
        if component == 0:
            if repetition.raw.strip("^&~ "):
                return True
        elif repetition.component(component).strip():
            return True
    return False


def _sources(book: Rulebook) -> Sources:
    """Segment → field → component (0: the whole) → what is filled from there."""
    groups = (*book.problems.values(), *book.orders.values())
    found: dict[str, dict[int, dict[int, tuple[Target, ...]]]] = {}
    for rule in (*book.message, *(rule for group in groups for rule in group)):
        if rule.type == "flag" or rule.field in _SELDOM:
            continue
        for path in rule.paths:
            parts = (path.component,) if path.component else _PARTS.get(rule.type, (0,))
            components = found.setdefault(path.segment, {}).setdefault(path.field, {})
            for part in parts:
                target = (rule.field, 0 if path.component else part)
                components[part] = tuple(dict.fromkeys((*components.get(part, ()), target)))
    return found

"""The fields of the request as the models have them, and which of them a request has filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from interface.contract.v1 import ScheduledAppointment
from interface.contract.v2 import PatientProcessingRequest

MODELS: Mapping[int, type[BaseModel]] = {1: ScheduledAppointment, 2: PatientProcessingRequest}
"""By version of the API: what one patient's request is."""
_WHOLE = ("directives.diagnosticCategories", "directives.medicationsOfInterest")
"""Options that count as one field each: 29 flags of which any may be on, and what says nothing of the patient."""
_OWN = {
    number: MODELS[number].model_fields.keys() - MODELS[3 - number].model_fields.keys() for number in MODELS
}
"""The fields by which a request of a version is known."""


class Field(NamedTuple):
    """One field that holds a value."""

    name: str
    """Dotted, without indices: `patient.contactPoints.value`."""
    required: bool
    """Every request must have it; what only an optional object requires is not."""


@lru_cache(maxsize=2)
def fields(version: int) -> tuple[Field, ...]:
    """All fields of a version's request that hold values, in the contract's order."""
    return tuple(_fields(MODELS[version], "", required=True))


def _fields(model: type[BaseModel], before: str, *, required: bool) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        where, needed = f"{before}{name}", required and info.is_required()
        inner = next(_models(info.annotation), None)
        if inner is None or where in _WHOLE:
            yield Field(where, needed)
        else:
            yield from _fields(inner, f"{where}.", required=needed)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The model that a field's type is, or has entries of: `tuple[Diagnosis, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def version_of(request: Mapping[str, Any]) -> int:
    """Of which version a stored request is."""
    return 2 if request.keys() & _OWN[2] and not request.keys() & _OWN[1] else 1


def filled(request: Any) -> frozenset[str]:
    """The names of the fields in which a request, as JSON values, has a value: not null, not blank, in any entry.

    A flag that is false is a value; options that count as one field count when one is on.
    """
    found: set[str] = set()
    _look(request, "", found)
    return frozenset(found)


def _look(value: Any, where: str, found: set[str]) -> None:
    if where in _WHOLE:
        options = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if any(options):
            found.add(where)
    elif isinstance(value, dict):
        for name, part in value.items():
            _look(part, f"{where}.{name}" if where else name, found)
    elif isinstance(value, list | tuple):
        for entry in value:
            _look(entry, where, found)
    elif value is not None and (not isinstance(value, str) or value.strip()):
        found.add(where)

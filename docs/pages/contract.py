"""The fields of the request in the contract's order, and which of them a request can't be without."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from interface.contract.v1 import ScheduledAppointment


def fields(
    model: type[BaseModel] = ScheduledAppointment, where: str = "", needed: bool = True
) -> Iterator[tuple[str, bool]]:
    """Every scalar as `patient.name.given[]`, and whether each request has it."""
    for name, info in model.model_fields.items():
        path, required = f"{where}.{name}" if where else name, needed and info.is_required()
        inner, is_list = _inner(info.annotation)
        path += "[]" if is_list else ""
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner, path, required)
        else:
            yield path, required


def _inner(annotation: Any) -> tuple[Any, bool]:
    """The type within Optional, Annotated and tuple, and whether there was a tuple."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _inner(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return _inner(next(entry for entry in get_args(annotation) if entry is not NoneType))
    if origin is tuple:
        return _inner(get_args(annotation)[0])[0], True
    return annotation, False


def within(field: str, place: str) -> bool:
    """Whether a field lies in a place, or is it."""
    return field == place or field.startswith((f"{place}.", f"{place}["))

"""The `type:` of a rule: how the text at a path becomes a value of the request, one function for each type.

A type is made once for each rule (`make(spec)` checks its options and gives a reader) and then reads every message
(`reader(context, scope) -> Fact | None`; None: the message says nothing of it).
"""

from interface.rules.types import (
    appointment,
    clinical,
    contacts,
    dosage,
    identity,
    medication,
    names,
    orders,
    patient,
    person,
    places,
    values,
)
from interface.rules.types.base import Reader, Spec, TypeMaker

TYPES: dict[str, TypeMaker] = {
    **values.TYPES,
    **names.TYPES,
    **patient.TYPES,
    **contacts.TYPES,
    **appointment.TYPES,
    **person.TYPES,
    **identity.TYPES,
    **places.TYPES,
    **clinical.TYPES,
    **medication.TYPES,
    **dosage.TYPES,
    **orders.TYPES,
}

__all__ = ["TYPES", "Reader", "Spec", "TypeMaker"]

"""The `type:` of a rule: how the text at a path becomes a value of the request, one function for each type.

A type is made once for each rule (`make(spec)` checks its options and gives a reader) and then reads every message
(`reader(context, scope) -> Fact | None`; None: the message says nothing of it).
"""

from interface.rules.types import (
    address,
    appointment,
    clinical,
    contacts,
    dosage,
    duration,
    identity,
    medication,
    names,
    orders,
    patient,
    places,
    product,
    provider,
    timing,
    values,
)
from interface.rules.types.base import Reader, Spec, TypeMaker

TYPES: dict[str, TypeMaker] = {
    **values.TYPES,
    **names.TYPES,
    **patient.TYPES,
    **address.TYPES,
    **contacts.TYPES,
    **appointment.TYPES,
    **provider.TYPES,
    **identity.TYPES,
    **places.TYPES,
    **clinical.TYPES,
    **medication.TYPES,
    **product.TYPES,
    **dosage.TYPES,
    **timing.TYPES,
    **duration.TYPES,
    **orders.TYPES,
}

__all__ = ["TYPES", "Reader", "Spec", "TypeMaker"]

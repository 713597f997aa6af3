"""What tells orders apart: their numbers, and the order a replacement takes the place of."""

from __future__ import annotations

from interface.hl7.message import Repetition
from interface.rules.context import Context
from interface.rules.facts import Leaf
from interface.rules.paths import Path
from interface.rules.types.base import Reader, Spec, TypeMaker, Value, first_valid


def parent_order(spec: Spec) -> Reader:
    """ORC-8 (EIP, HL7 2A.29): the parent's placer and filler number, as `["P:123^EPIC", "F:456^RX"]`."""
    spec.options()

    def convert(_: Context, __: Path, repetition: Repetition) -> Value | None:
        found: list[str] = []
        for component, letter in ((1, "P"), (2, "F")):
            parts = [repetition.sub(component, number).strip() for number in range(1, 5)]
            if parts[0]:
                found.append(f"{letter}:{'^'.join(parts).rstrip('^')}")
        return Value(found, (Leaf("", found[0], repetition.path),)) if found else None

    return first_valid(spec, convert)


TYPES: dict[str, TypeMaker] = {"parent_order": parent_order}

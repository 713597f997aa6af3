"""What a message says, value by value, each with the place it came from.

These small frozen values are read by rules, kept in charts (stored as JSON, hence msgspec) and printed by
`explain`; nobody changes one, a newer fact takes its place.
"""

from __future__ import annotations

from typing import Any

import msgspec

Scalar = str | int | float | bool


class Leaf(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One scalar of a value and where it came from."""

    path: str
    """Where in the value: `""` for a scalar, `.family`, `.given[0]`."""
    value: Scalar
    source: str
    """HL7 path (`PID-5.1`, `DG1[2]-3.1`) or `settings:site.mrn_root`."""
    rule: str = ""
    """The rule or table row that brought it, where that is not the fact's own: `site-mappings/providers.csv#D42`."""


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one message says of one field.

    `value` None means there is none: the sender deleted it (HL7 null) or what stands there is of no use; then `why`
    says so, in words without patient data.
    """

    value: Any
    leaves: tuple[Leaf, ...]
    rule: str
    """`patient.yaml#name`."""
    at: str
    """Time of the event, as `Reading.at`."""
    message: str
    """Control id (MSH-10) of the message that said it."""
    said: tuple[str, ...] = ()
    """What was repaired or assumed, without patient data."""
    why: str = ""
    deleted: bool = False
    """HL7 null: what was known before is no longer so."""
    weak: bool = False
    """Only a default or a part: it never takes the place of a fact that is not weak."""
    ids: tuple[Leaf, ...] = ()
    """The sender's own ids and names of what it is about, for the site's tables, which may change; `path`: who gave it."""
    deleted_at: str = ""
    """When `deleted` was said, where it was by an older message than this."""
    named: Fact | None = None
    """The label of a coded value, where another message gave it than the one that gave the code: `leaves` has none then."""

    def leaves_by_entry(self) -> dict[str, list[Leaf]]:
        """Of a fact that is a list the leaves of each entry, by `[0]`; their paths are those within it. All in one pass: a
        sender may repeat a field ten thousand times.
        """
        found: dict[str, list[Leaf]] = {}
        for leaf in self.leaves:
            entry, end, rest = leaf.path.partition("]")
            found.setdefault(entry + end, []).append(Leaf(rest, leaf.value, leaf.source, leaf.rule))
        return found


class LeftOut(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value of the message that does not reach the request, and why (`value` is patient data, `why` is not)."""

    source: str
    value: str
    why: str


class Reason(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a decision is as it is: a stable code, and a sentence without patient data."""

    code: str
    text: str


Item = dict[str, Fact]
"""The facts of one problem or order, by field."""


def value_of(fact: Fact | None) -> str:
    """A fact's value as text; empty when there is none."""
    return str(fact.value) if fact is not None and fact.value is not None else ""


def text_of(facts: Item, field: str) -> str:
    """The value of a field as text; empty when there is none."""
    return value_of(facts.get(field))


def place_of(facts: Item, field: str) -> str:
    """The HL7 field a fact came from, `SCH-25` or `AIS[2]-10`; empty when there is none."""
    fact = facts.get(field)
    return fact.leaves[0].source.split(".")[0] if fact is not None and fact.leaves else ""


def scalar(value: Scalar, source: str, **parts: Any) -> Fact:
    """A fact of a single value; `parts` are the other fields of `Fact`."""
    return Fact(value=value, leaves=(Leaf("", value, source),), **parts)

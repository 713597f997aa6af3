"""Test patients are charted apart: under a key of their own, so that a real patient who has the same number shares nothing
with them.

A message is a test patient's when its number, family name and birth date together are his. All else keeps its usual key.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from interface.chart.model import Chart
from interface.rules.context import clean_text
from interface.rules.facts import Item, text_of
from interface.rules.rulebook import MRN

if TYPE_CHECKING:
    from interface.rules.reading import Reading

AUTHORITY = "staging-test"
"""What stands in the key where others have the authority. Authorities are in upper case, so no sender's is this."""

Apart = Mapping[str, frozenset["Who"]]
"""By number: who is charted apart."""

NOBODY: Apart = MappingProxyType({})


class Who(NamedTuple):
    """What tells a test patient, as a request has it: compare by equality."""

    mrn: str
    family: str
    """Without what a request may not hold, in lower case."""
    birth_date: str
    """`yyyy-MM-dd`."""


def who(mrn: str, family: str, birth_date: str) -> Who | None:
    """Ready to compare; None when one of the three is missing."""
    found = Who(mrn.strip(), clean_text(family).casefold(), birth_date.strip())
    return found if all(found) else None


def key_of(mrn: str) -> str:
    """The key that a test patient's chart stands under."""
    return f"{AUTHORITY}|{mrn}"


def is_apart(chart: Chart) -> bool:
    """Whether the chart is a test patient's own."""
    return bool(chart.keys) and chart.keys[0].startswith(f"{AUTHORITY}|")


def charted_apart(reading: Reading, apart: Apart) -> Reading:
    """The reading, under the key of his own when it is a test patient's. A merge, a move and a message that names several
    keep their keys: they are about more than one.
    """
    if not apart or reading.moves or reading.several_patients or len(reading.keys) != 1:
        return reading
    found = _who(reading.facts)
    if found is None or found not in apart.get(found.mrn, ()):
        return reading
    return replace(reading, keys=(key_of(found.mrn),))


def _who(facts: Item) -> Who | None:
    """Whom a message is about; None when it does not say all three."""
    mrn, name = facts.get(MRN), facts.get("patient.name")
    if mrn is None or mrn.value is None or name is None or name.value is None:
        return None
    return who(
        str(mrn.value["extension"]), str(name.value.get("family", "")), text_of(facts, "patient.birthDate")
    )

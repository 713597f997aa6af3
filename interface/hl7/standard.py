"""What a version of the standard says of messages, segments, fields, data types and tables.

hl7apy brings the standard's definitions of 2.1 to 2.8.2; its parser and validator are not used: they stop at
the first fault, quote values, and know no path of a message as it was sent. Its definitions have holes (a few
segments of 2.1 and 2.7 are empty, some fields have no data type): what it doesn't know is not checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

ANY_SEGMENT = "ANYHL7SEGMENT"
"""Stands in a structure where any segment may."""

_LAYERS = 20  # groups within groups; the deepest of the standard has six

# Tables that can't tell a wrong value: versions (incomplete in hl7apy), coding systems (a register that grows
# between versions), and the three of MSH-9, which the structure of the message answers for.
_UNTOLD = frozenset(("HL70104", "HL70396", "HL70076", "HL70003", "HL70354"))

# Required in hl7apy, conditional in the standard: an observation without a value has neither.
_CONDITIONAL = frozenset((("OBX", 2), ("OBX", 4)))


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a segment, or a component of a data type."""

    type: str
    """Data type; '' when unknown, `varies` when the message says it."""
    table: str
    """`HL70136`; '' when its values are free."""
    required: bool
    most: int
    """How many repetitions; 0: not used in this version; -1: any number."""


@dataclass(frozen=True, slots=True)
class Item:
    """A segment or a group in a structure; `items` is None for a segment."""

    name: str
    required: bool
    repeats: bool
    items: tuple[Item, ...] | None = None
    choice: bool = False
    """Whether one of the group's items stands, and not all in order."""


class Standard:
    """One version of the standard, asked for by name."""

    def __init__(self, version: str, library: Any):
        self.version = version
        self._library = library
        self._fields: dict[str, Mapping[int, Part] | None] = {}
        self._components: dict[str, Mapping[int, Part] | None] = {}
        self._tables: dict[str, frozenset[str]] = {}

    @cached_property
    def structures(self) -> frozenset[str]:
        """Names of the abstract message structures: `ADT_A01`."""
        # hl7apy 1.3 lists the trigger events of SIU as structures too; table 0354 has one for all of them
        return frozenset(
            name for name in self._library.MESSAGES if not name.startswith("SIU_") or name == "SIU_S12"
        )

    def structure(self, name: str) -> tuple[Item, ...]:
        """The items of one of `structures`, in order."""
        return _items(self._library.MESSAGES[name][1], 0)

    def fields(self, segment: str) -> Mapping[int, Part] | None:
        """A segment's fields by number, empty when they aren't known; None: there is no such segment."""
        if segment not in self._fields:
            found = self._library.SEGMENTS.get(segment)
            self._fields[segment] = None if found is None else _parts(found[1:2] and found[1])
        return self._fields[segment]

    def components(self, data_type: str) -> Mapping[int, Part] | None:
        """A data type's components by number; None: it has none, or is not known."""
        if data_type not in self._components:
            found = self._library.DATATYPES_STRUCTS.get(data_type)
            # the one component that 2.1 (in hl7apy) requires of a time is its degree of precision
            required = self.version != "2.1"
            self._components[data_type] = None if found is None else _parts(found, required)
        return self._components[data_type]

    def is_primitive(self, data_type: str) -> bool:
        """Whether a data type is a plain value."""
        return data_type in self._library.BASE_DATATYPES

    def allows(self, table: str, value: str) -> bool:
        """Whether a table has a value; also when its values aren't all known."""
        values = self._values(table)
        # NNxxx in table 0203 is NN and the letters of a country
        return not values or value in values or (value.startswith("NN") and "NNxxx" in values)

    def _values(self, table: str) -> frozenset[str]:
        if table not in self._tables:
            found = None if table in _UNTOLD else getattr(self._library, "TABLES", {}).get(table)
            # "L,M,N" are three values; "...", "21 ... 29" and "31 _ 39" say that the table goes on
            values = [one.strip() for value in (found[1] if found else ()) for one in value.split(",")]
            closed = not any(".." in value or "_" in value for value in values)
            self._tables[table] = frozenset(values) if closed else frozenset()
        return self._tables[table]


@lru_cache(maxsize=16)
def standard(version: str) -> Standard | None:
    """A version (`2.5.1`) of the standard; None: hl7apy doesn't know it."""
    import hl7apy

    return Standard(version, hl7apy.load_library(version)) if version in hl7apy.SUPPORTED_LIBRARIES else None


def _parts(listed: Any, required: bool = True) -> Mapping[int, Part]:
    """Fields or components from hl7apy's tuples `(name_number, (…, type, long name, table, …), (min, max), kind)`."""
    parts: dict[int, Part] = {}
    for entry in listed:
        if len(entry) != 4 or not isinstance(entry[0], str):
            return {}  # 2.1 has a segment that is not written as the others are
        name, definition, (least, most), _ = entry
        number = name.rpartition("_")[2]
        if number.isdecimal():
            data_type, table = definition[2] or "", definition[4] or ""
            parts[int(number)] = Part(
                data_type,
                table if table.startswith("HL7") else "",
                least > 0 and required and (name[:3], int(number)) not in _CONDITIONAL,
                0 if data_type.upper() == "WD" else most,
            )
    return parts


def _items(listed: Any, layer: int) -> tuple[Item, ...]:
    """A structure from hl7apy's tuples `(name, (sequence or choice, …), (min, max), SEG or GRP)`."""
    if layer > _LAYERS:
        return ()
    items = []
    for name, definition, (least, most), kind in listed:
        group = kind == "GRP"
        items.append(
            Item(
                name,
                least > 0,
                most != 1,
                (_items(definition[1], layer + 1) if definition else ()) if group else None,
                group and bool(definition) and definition[0] == "choice",
            )
        )
    return tuple(items)

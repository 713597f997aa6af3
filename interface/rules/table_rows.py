"""Which row of a code table a value came from: looked up again where somebody asks, so that reading need not keep it.

A rule names its tables; what stands at the value's source is looked up in them as the rule does, and the row counts when
it says the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from interface.hl7.message import Message
from interface.rules.compiling import Rule
from interface.rules.facts import Scalar
from interface.rules.rulebook import Rulebook
from interface.rules.tables import Table, normal
from interface.rules.types.base import loose
from interface.rules.types.coding import TRIPLETS

_BRINGS: Mapping[str, tuple[str, ...]] = {
    "table": (),
    "units": (),
    "states": ("state",),
    "use_table": ("contactPointUse", "contactPointSystem"),
    "equipment_table": ("contactPointUse", "contactPointSystem"),
    "systems": ("codeSystem", "codeSystemName"),
    "oids": ("codeSystem",),
}
"""Options of rules that name a table, to the parts of the value that its rows say; none: any. Others only choose."""

_STANDS = {"use_table": ".2", "equipment_table": ".3"}
"""Of contact points the part of XTN where the code of that option stands. Its row decides by a word of its own."""

_SYSTEMS = {code: (code + 2, oid) for code, oid in TRIPLETS}
"""Where the system of a coding's code stands: its name, and its OID."""

_SOURCE = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?")


class TableRows:
    """The rows of a mapping's code tables, by what a message says."""

    def __init__(self, book: Rulebook):
        self._tables = book.tables
        self._folder = book.folder
        rules = [rule for found in book.scopes.values() for rule in found]
        rules += [variant.rule for variant in book.variants if variant.rule is not None]
        self._named = {rule.name: _named(rule, book) for rule in rules}
        """By rule: the options that name a table, and which."""
        self._loose: dict[str, dict[str, str]] = {}

    def row(self, rule: str, field: str, value: Scalar, source: str, message: Message) -> str:
        """`tables/sex.yaml#W`: the row that brought a value; empty: none did.

        Args:
            rule: as provenance names it.
            field: the same, `patient.gender`.
            value: as the request has it.
            source: an HL7 path in `message`, without a control id.
            message: the one that said it.

        """
        named, part = self._named.get(rule, {}), field.rpartition(".")[2]
        tables = {
            option: self._tables[name]
            for option, name in named.items()
            if option in _BRINGS and (not _BRINGS[option] or part in _BRINGS[option])
            if source.endswith(_STANDS.get(option, ""))
        }
        beside = part in _BRINGS["systems"]
        for text in _texts(source, message, beside=beside) if tables else ():
            for option, table in tables.items():
                code = self._code(table, text)
                if code is None:
                    continue
                if option in _STANDS or self._says(table.rows[code], value, named.get("oids", "")):
                    return f"{self._file(table.places[code])}#{code}"
        return ""

    def _code(self, table: Table, text: str) -> str | None:
        """The code of the row that a text means: as it is, or as people write it."""
        code = normal(text)
        if code in table.rows:
            return code
        if table.name not in self._loose:
            self._loose[table.name] = {loose(code): code for code in table.rows}
        return self._loose[table.name].get(loose(text)) if loose(text) else None

    def _says(self, row: Any, value: Scalar, oids: str) -> bool:
        """Whether a row says a value: by itself, in one of its columns, or by the OID of the system that it says.

        Yes and no are what a rule makes of a row's word.
        """
        if isinstance(value, bool):
            return True
        said = list(row.values()) if isinstance(row, dict) else [row]
        if oids:
            said += [self._tables[oids].get(word) for word in said if isinstance(word, str)]
        return str(value) in map(str, said)

    def _file(self, place: str) -> str:
        file = place.rpartition(":")[0]
        return file if file.startswith("tables/") else f"{self._folder}/tables/{file.rpartition('/')[2]}"


def _named(rule: Rule, book: Rulebook) -> dict[str, str]:
    return {key: value for key, value in rule.body.items() if isinstance(value, str) and value in book.tables}


def _texts(source: str, message: Message, *, beside: bool) -> Iterator[str]:
    """What stands at a source; of a whole field its code, then its text. `beside`: of a code also its system (CWE)."""
    found = _SOURCE.fullmatch(source)
    if found is None:
        return
    name, *numbers = found.groups()
    segment, field, repetition, component, sub = (int(number or 0) for number in numbers)
    for one in message.all(name)[max(segment - 1, 0) :][:1]:
        for entry in one.reps(field)[max(repetition - 1, 0) :][:1]:
            if sub:
                yield entry.sub(component, sub).strip()
            elif component:
                yield from {entry.component(component).strip(): 0, entry.sub(component, 1).strip(): 0}
                for place in _SYSTEMS.get(component, ()) if beside else ():
                    yield entry.component(place).strip()
            else:
                yield from (entry.component(1).strip(), entry.component(2).strip())

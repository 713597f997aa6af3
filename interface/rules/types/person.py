"""Who a field of HL7 names, as a person with or without an NPI."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from interface.hl7.message import Repetition
from interface.rules.context import Context
from interface.rules.paths import Path
from interface.rules.tables import Table, normal
from interface.rules.types.base import (
    Value,
    Words,
)
from interface.rules.types.names import NameParts, name_in_text, name_of_xcn

_WORD = re.compile(r"[^\W\d_]", re.UNICODE)
_NOTHING = Value({}, ())
_OTHERS = "AIG"


def npi_check(number: str) -> bool:
    """The check digit of an NPI: Luhn over 80840 and the ten digits, first digit 1 or 2 (45 CFR 162.406)."""
    if len(number) != 10 or not number.isascii() or not number.isdigit() or number[0] not in "12":
        return False
    total = 24  # what the prefix 80840 adds
    for position, digit in enumerate(number):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


class Person(msgspec.Struct, frozen=True, gc=False):
    """A clinician as one field names him."""

    path: str
    id: str
    id_source: str
    name: Value
    npi: str
    """Empty: the field gives none."""
    authority: str = ""
    """Who gave the id, ready to compare; empty where the field does not say."""
    authorities: tuple[str, ...] = ()
    """The same as sent, name and OID, for the site's table of clinicians."""
    declared: bool = False
    """Whether the field says that the id is an NPI, and it is one."""
    refused: bool = False
    """The field calls the id an NPI, and it is none."""

    def same_as(self, other: Person) -> bool:
        """The same id, or the same family and first given name; never where something else tells the two apart."""
        same_authority = self.authority == other.authority
        if self.id and other.id and same_authority and self.authority:
            return self.id == other.id
        if self.id and self.id == other.id:
            return not (self.spelled and other.spelled) or self.spelled[0] == other.spelled[0]
        return bool(self.spelled) and self.spelled == other.spelled and not self._contradicts(other)

    def is_named_by(self, other: Person) -> bool:
        """Whether `other` is the same person by his id and says the name that is not whole here."""
        same_id = bool(self.id) and self.id == other.id
        same_number = same_id and (
            self.authority == other.authority or bool(self.npi and self.npi == other.npi)
        )
        family = self.name.value.get("family")
        return (
            same_number
            and other.spelled is not None
            and (family is None or family.casefold() == other.spelled[0])
        )

    def _contradicts(self, other: Person) -> bool:
        """Another suffix, or a further given name that is not the same nor its initial."""
        mine, theirs = self.name.value, other.name.value
        suffixes = [text.casefold().strip(".") for value in (mine, theirs) if (text := value.get("suffix"))]
        if len(suffixes) == 2 and suffixes[0] != suffixes[1]:
            return True
        for one, two in zip(mine["given"][1:], theirs["given"][1:], strict=False):
            first, second = one.casefold().strip("."), two.casefold().strip(".")
            short, long = sorted((first, second), key=len)
            if first != second and not (len(short) == 1 and long.startswith(short)):
                return True
        return False

    @property
    def spelled(self) -> tuple[str, str] | None:
        """Family and first given name, ready to compare; None when either is missing."""
        family, given = self.name.value.get("family"), self.name.value.get("given")
        return (family.casefold(), given[0].casefold()) if family and given else None


def _npi(context: Context, names: Table, number: str, declared: Sequence[str], bound: bool) -> str:
    """The NPI, if the id is one: declared as such, or a bare ten-digit id that passes the check digit."""
    if _is_declared(names, declared):
        fits = npi_check(number) if context.policy.npi_check_digit else len(number) == 10
        return number if fits else ""
    return number if not bound and npi_check(number) else ""


def _is_declared(names: Table, declared: Sequence[str]) -> bool:
    return any(text and text in names for text in declared)


def looks_like_npi(number: str) -> bool:
    """Whether a number has the form of an NPI, whatever its check digit."""
    return len(number) == 10 and number.isascii() and number.isdigit() and number[0] in "12"


@dataclass(frozen=True)
class Readings:
    """The tables by which a field becomes a person."""

    npi_names: Table
    affixes: Words
    things: Words | None
    """Words that tell a room or a thing from a person."""
    by_table: frozenset[Path] = frozenset()
    """Fields whose ids are no NPIs (a DEA number): only the site's table of clinicians tells who it is."""

    def of(
        self, context: Context, repetition: Repetition, path: Path, *, typed: bool = False
    ) -> Person | None:
        """The person a field names; None when it names nobody. `typed`: the segment says that it is a person."""
        if path.segment != _OTHERS:
            return self.of_xcn(context, repetition, bare=path not in self.by_table)
        return self.of_resource(context, repetition, typed=typed)

    def of_xcn(self, context: Context, repetition: Repetition, *, bare: bool = True) -> Person | None:
        """The person an XCN names. `bare`: whether an id that nobody declares may be an NPI."""
        number = repetition.component(1).strip()
        name = name_of_xcn(repetition, self.affixes)
        if name is None and not number:
            return None
        authority = (repetition.sub(9, 1).strip(), repetition.sub(9, 2).strip())
        declared = (
            repetition.component(13).strip(),
            *authority,
            repetition.component(8).strip(),
            repetition.component(12).strip(),
        )
        bound = bool(any(authority) or declared[0]) or not bare
        npi = _npi(context, self.npi_names, number, declared, bound)
        by = normal(authority[0] or authority[1])
        called = _is_declared(self.npi_names, declared)
        return Person(
            repetition.path,
            number,
            repetition.at(1),
            name or _NOTHING,
            npi,
            by,
            tuple(text for text in authority if text),
            declared=bool(npi) and called,
            refused=bool(number) and not npi and called,
        )

    def of_resource(self, context: Context, repetition: Repetition, *, typed: bool) -> Person | None:
        """AIG-3: a CWE (id, text `Family, Given` or `Given Family`), or in the wild an XCN. None: a room or a thing."""
        second, third = repetition.component(2).strip(), repetition.component(3).strip()
        if not typed and self._is_thing(f"{second} {third}"):
            return None
        number = repetition.component(1).strip()
        # an id alone, which the site's table knows
        if not second and context.site.provider(number) is not None:
            return Person(repetition.path, number, repetition.at(1), _NOTHING, "")
        if (
            third
            and "," not in second
            and " " not in second
            and _WORD.search(third)
            and not self._is_system(third)
        ):
            return self.of_xcn(context, repetition)
        for text, source in ((second, repetition.at(2)), (repetition.component(5).strip(), repetition.at(5))):
            if any(character.isdigit() for character in text) or self._is_thing(text):
                continue
            name = name_in_text(text, source, self.affixes)
            if name is not None:
                return self._of_cwe(context, repetition, name)
        if typed and (second or repetition.component(1).strip()):
            family = NameParts((second, repetition.at(2)), ("", "")).value()
            return self._of_cwe(context, repetition, family or _NOTHING)
        return None

    def _of_cwe(self, context: Context, repetition: Repetition, name: Value) -> Person:
        """A person by code and name; of two codings the one that is an NPI gives the id."""
        found = []
        for at in (1, 4):
            number, system = repetition.component(at).strip(), repetition.component(at + 2).strip()
            npi = _npi(context, self.npi_names, number, (system,), bool(system))
            called = _is_declared(self.npi_names, (system,))
            found.append(
                Person(
                    repetition.path,
                    number,
                    repetition.at(at),
                    name,
                    npi,
                    declared=bool(npi) and called,
                    refused=bool(number) and not npi and called,
                )
            )
        first, second = found
        return second if second.npi and not first.npi else first

    def _is_system(self, text: str) -> bool:
        """Whether CWE.3 names a coding system: then the field is no XCN, whose third component is a given name."""
        upper = text.upper()
        return upper == "L" or upper.startswith(("HL7", "99", "LOCAL")) or text in self.npi_names

    def _is_thing(self, text: str) -> bool:
        return self.things is not None and any(
            word in self.things for word in re.split(r"[\s,]+", text) if word
        )

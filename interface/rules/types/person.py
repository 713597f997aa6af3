"""The clinician of an appointment or order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from interface.hl7.message import Repetition, Segment
from interface.rules.context import Context, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.site import Provider
from interface.rules.tables import Table, normal
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Value,
    Words,
    is_deleted,
    recurring,
    repetitions,
)
from interface.rules.types.clinician import by_table, completed
from interface.rules.types.names import NameParts, name_in_text, name_of_xcn

_WORD = re.compile(r"[^\W\d_]", re.UNICODE)
_NOTHING = Value({}, ())
_PERSONS, _OTHERS = "AIP", "AIG"
_UNRANKED = 4
_NOT_TREATING, _NO_PERSON = 98, 99


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


def _looks_like_npi(number: str) -> bool:
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
        if (
            not second and context.site.provider(number) is not None
        ):  # an id alone, which the site's table knows
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


class _Roles:
    """A table of roles in words; of a longer text the longest run of words that is a row, the last of several."""

    def __init__(self, table: Table):
        self.name = table.name
        self._ranks = {" ".join(_words(code)): int(rank) for code, rank in table.rows.items()}
        self.rank = lru_cache(maxsize=1024)(self._rank)  # feeds have few roles, and each message has them

    def _rank(self, *texts: str) -> int | None:
        """Of the first text that says one; a text whole before its parts."""
        for text in texts:
            found = self._ranks.get(" ".join(_words(text)))
            if found is not None:
                return found
        return next((found for text in texts if (found := self._within(_words(text))) is not None), None)

    def _within(self, words: Sequence[str]) -> int | None:
        for length in range(len(words) - 1, 0, -1):
            for start in range(len(words) - length, -1, -1):
                found = self._ranks.get(" ".join(words[start : start + length]))
                if found is not None:
                    return found
        return None


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.upper().replace("'", ""))


_ROLES = {"ROL": (3, 2), "PRT": (4, 2)}
"""Where ROL and PRT say in which role somebody is, and what becomes of him (HL7 tables 0443, 0912; 0287)."""


_BESIDE = {
    "AIP": (("AIP", 3), ("AIP", 4)),
    "AIG": (("AIG", 3), ("AIG", 4), ("AIP", 3)),
    **{name: tuple((name, field) for field in fields) for name, fields in _ROLES.items()},
}
"""The fields that count for a person named in one of these segments, beside the one that names him."""


def table_ids(person: Person) -> tuple[Leaf, ...]:
    """The ids by which the site's table of clinicians may know a person; none where the field declares the NPI."""
    if person.declared or not person.id:
        return ()
    return tuple(Leaf(name, person.id, person.id_source) for name in person.authorities or ("",))


class _Lenders:
    """The clinicians whom a message names elsewhere, who may lend what a field lacks."""

    def __init__(self, persons: Iterable[Person], *, once: bool):
        """`once`: of somebody who is named twice in the same words only the first counts."""
        self._by: dict[object, dict[int, Person]] = {}
        seen: set[object] = set()
        for number, person in enumerate(persons):
            words = (person.id, str(person.name.value), person.npi, person.authorities, person.declared)
            if once and words in seen:
                continue
            seen.add(words)
            for key in _known_by(person):
                self._by.setdefault(key, {})[number] = person

    def like(self, person: Person) -> list[Person]:
        """Those with the same id or the same name, in order."""
        found: dict[int, Person] = {}
        for key in _known_by(person):
            found |= self._by.get(key, {})
        return [found[number] for number in sorted(found)]


def _is_namesakes(lender: Person, person: Person, alike: Iterable[Person]) -> bool:
    """Whether `lender` stands in one field with ids of the person's authority, none of which is his: it is a namesake's."""
    if not person.id or not person.authority or lender.id == person.id:
        return False
    field = _field_of(lender)
    ids = {
        other.id
        for other in alike
        if other.id and other.authority == person.authority and _field_of(other) == field
    }
    return bool(ids) and person.id not in ids


def _field_of(person: Person) -> str:
    """The path of the field that names him, whatever the repetition."""
    return person.path.rpartition("[")[0] if person.path.endswith("]") else person.path


def _known_by(person: Person) -> list[object]:
    return [key for key in (person.id, person.spelled) if key]


@dataclass(frozen=True)
class _ProviderRule:
    rule: str
    paths: tuple[Path, ...]
    readings: Readings
    roles: _Roles | None
    lenders: tuple[Path, ...]
    needs_npi: bool
    only_roles: frozenset[str] = frozenset()
    """Of ROL and PRT those in these roles; empty: all."""

    def read(self, context: Context, scope: Scope) -> Fact | None:
        person = self._person(context, scope)
        if person is None:
            return None
        npi, source, name, ids = person.npi, person.id_source, person.name, table_ids(person)
        if not npi or person.spelled is None:
            lenders = self._lenders(context)
            if person.spelled is None:
                name = next(
                    (lender.name for lender in lenders.like(person) if person.is_named_by(lender)), name
                )
            if not npi:
                whole = replace(person, name=name)
                alike = lenders.like(whole)
                same = [
                    lender
                    for lender in alike
                    if lender.same_as(whole) and not _is_namesakes(lender, whole, alike)
                ]
                for lender in same:
                    if lender.npi:
                        npi, source = lender.npi, lender.id_source
                        break
                else:
                    ids += tuple(leaf for lender in same for leaf in table_ids(lender) if leaf not in ids)
        if self.needs_npi and ids and not person.declared:
            found = by_table(context.site, name.value, ids)
            if found is not None:
                return self._of_table(context, replace(person, name=name), *found)
        value: dict[str, object] = {"npi": npi} if npi else {}
        leaves = [Leaf(".npi", npi, source)] if npi else []
        if name.value:
            value["name"] = name.value
            leaves += [Leaf(f".name{leaf.path}", leaf.value, leaf.source) for leaf in name.leaves]
        if not npi and _looks_like_npi(person.id) and context.site.provider(person.id) is None:
            context.leave_out(
                person.id_source, person.id, "no NPI: it fails the check digit or is another authority's"
            )
        elif not npi and person.refused:
            context.leave_out(
                person.id_source, person.id, "called an NPI, but an NPI has ten digits and begins with 1 or 2"
            )
        said = name.said
        if npi and source != person.id_source:
            said = (*said, f"the NPI of the same person in {source}")
        if name is not person.name:
            said = (*said, f"the name of the same person in {name.leaves[0].source}")
        why = "" if npi else f"no NPI for the person in {person.path}"
        if self.needs_npi and npi and not (name.value.get("family") and name.value.get("given")):
            why = f"no family and given name for the person in {person.path}"
        if self.needs_npi and why:
            context.leave_out(person.path, person.id, why)
            return no_fact(self.rule, context, why, said)
        return Fact(value, tuple(leaves), self.rule, context.at, context.control_id, said, why, ids=ids)

    def _of_table(self, context: Context, person: Person, row: Provider, leaf: Leaf) -> Fact:
        """A clinician whom the site's table names."""
        value, leaves = completed(person.name.value, person.name.leaves, row, leaf.source)
        said = person.name.said
        if "name" not in value or not value["name"].get("given"):
            why = f"no family and given name for the person in {person.path}"
            return no_fact(self.rule, context, why, said)
        return Fact(value, leaves, self.rule, context.at, context.control_id, said)

    def _person(self, context: Context, scope: Scope) -> Person | None:
        for path in self.paths:
            ranked = sorted(self._candidates(context, scope, path), key=lambda entry: entry[0])
            if ranked:
                return ranked[0][1]
        return None

    def _candidates(self, context: Context, scope: Scope, path: Path) -> Iterator[tuple[int, Person]]:
        resource = path.segment in (_PERSONS, _OTHERS)
        for segment in scope.all(path.segment):
            if resource and is_deleted(segment, context):
                why = f"deleted: {segment.name}-2 or RGS-2 is D"
                context.leave_out(segment.path, segment.text(3), why)
                continue
            rank = self._rank(context, segment) if resource else _UNRANKED
            if rank == _NO_PERSON or not segment.raw(path.field):
                continue
            if path.segment in _ROLES and not self._in_role(segment):
                continue
            if path.segment == _OTHERS and rank is None and _names_persons(context, scope):
                continue  # an AIP names the persons; an untyped AIG is a thing
            for repetition in segment.reps(path.field):
                if repetition.is_null:
                    continue
                person = self.readings.of(context, repetition, path, typed=resource and rank is not None)
                if person is not None and rank == _NOT_TREATING:
                    why = f"{segment.path}-4 says he does not treat the patient at this appointment"
                    context.leave_out(person.path, person.id or repetition.text(), why)
                elif person is not None:
                    yield _UNRANKED if rank is None else rank, person

    def _in_role(self, segment: Segment) -> bool:
        """Whether a ROL or PRT names somebody in a role that counts, and takes him not out again."""
        role, action = _ROLES[segment.name]
        if normal(segment.text(action)) in ("D", "DE"):
            return False
        said = {normal(segment.text(role)), normal(segment.text(role, 2))}
        return not self.only_roles or not self.only_roles.isdisjoint(said)

    def _rank(self, context: Context, segment: Segment) -> int | None:
        """What AIP-4 or AIG-4 makes of it; its text before its code, which may be anybody's."""
        if self.roles is None:
            return None
        code, text = segment.text(4).strip(), segment.text(4, 2).strip()
        found = self.roles.rank(text, code)
        if found is None and (code or text):
            where = f"{segment.path}-4.{1 if code else 2}"
            context.leave_out(where, code or text, f"table {self.roles.name} has no such code")
        return found

    def _lenders(self, context: Context) -> _Lenders:
        """Made once for all orders of a message: there may be hundreds, each with its clinician."""
        found = context.shared.get(self.rule)
        if found is None:
            found = context.shared[self.rule] = _Lenders(self._named(context), once=self.needs_npi)
        return found

    def _named(self, context: Context) -> Iterator[Person]:
        for path in self.lenders:
            for repetition in repetitions(path, context, context.message):
                person = self.readings.of(context, repetition, path)
                if person is not None:
                    yield person


def _names_persons(context: Context, scope: Scope) -> bool:
    """Whether an AIP that stands names somebody."""
    return any(entry.raw(3).strip() and not is_deleted(entry, context) for entry in scope.all(_PERSONS))


def provider(spec: Spec) -> Reader:
    """First the person, then that person's NPI; another clinician never stands in because he has one.

    The persons of a path are ranked by role (AIP-4, AIG-4); the same person elsewhere in the message may lend the NPI,
    and where the id is the same a name.
    """
    spec.options(
        "roles", "not_persons", "npi_names", "affixes", "lenders", "needs_npi", "by_table", "only_roles"
    )
    roles, only_roles = spec.table("roles"), frozenset(map(normal, spec.strings("only_roles")))
    if only_roles and not any(path.segment in _ROLES for path in spec.paths):
        raise spec.error("only_roles", "only_roles: says which of ROL and PRT count, and 'from:' has neither")
    rule = _ProviderRule(
        rule=spec.name,
        paths=spec.paths,
        readings=Readings(
            spec.needed_table("npi_names"),
            spec.words("affixes"),
            spec.words("not_persons") if spec.table("not_persons") is not None else None,
            frozenset(spec.path_list("by_table")),
        ),
        roles=_Roles(roles) if roles is not None else None,
        lenders=spec.path_list("lenders", everywhere=True),
        needs_npi=spec.flag("needs_npi"),
        only_roles=only_roles,
    )
    return recurring(rule.read, *(field for path in spec.paths for field in _BESIDE.get(path.segment, ())))


TYPES: dict[str, TypeMaker] = {"provider": provider}

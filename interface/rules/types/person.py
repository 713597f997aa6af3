"""Names of persons, and the clinician of an appointment or order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interface.hl7.message import Repetition, Segment
from interface.rules.context import Context, clean_text, deleted_fact, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.site import Provider
from interface.rules.tables import Table, normal
from interface.rules.types.base import Reader, Spec, TypeMaker, Value, as_fact
from interface.rules.types.clinician import by_table, completed

_WORD = re.compile(r"[^\W\d_]", re.UNICODE)


@dataclass(frozen=True)
class NameParts:
    """The parts of a name as sent, each with its source."""

    family: tuple[str, str]
    given: tuple[str, str]
    further: tuple[str, str] = ("", "")
    suffix: tuple[str, str] = ("", "")
    prefix: tuple[str, str] = ("", "")

    def value(self) -> Value | None:
        """The contract's PersonName; None without a family name."""
        said: list[str] = []
        family, given = self.family, self.given
        if not given[0] and "," in family[0]:
            before, after = family[0].split(",", 1)
            said.append(f"{family[1]} is split at its comma")
            family, given = (before.strip(), family[1]), (after.strip(), family[1])
        value: dict[str, object] = {}
        leaves: list[Leaf] = []

        def take(path: str, part: tuple[str, str]) -> str:
            text = clean_text(part[0])
            if text:
                leaves.append(Leaf(path, text, part[1]))
                if text != part[0]:
                    said.append(f"{part[1]}: forbidden characters became blanks")
            return text

        if name := take(".family", family):
            value["family"] = name
        givens: list[str] = []
        for text in (given[0], *self.further[0].split()):
            source = given[1] if text is given[0] else self.further[1]
            if kept := take(f".given[{len(givens)}]", (text, source)):
                givens.append(kept)
        if givens:
            value["given"] = givens
        for path, part in (("prefix", self.prefix), ("suffix", self.suffix)):
            if kept := take(f".{path}", part):
                value[path] = kept
        return Value(value, tuple(leaves), tuple(said)) if value else None


def _part(repetition: Repetition, component: int, sub: int = 0) -> tuple[str, str]:
    text = repetition.sub(component, sub or 1).strip()
    return text, repetition.at(component, sub)


def family_part(repetition: Repetition, component: int) -> tuple[str, str]:
    """FN.1; FN.2 and FN.3 (prefix and own family name) only when FN.1 is empty."""
    first = _part(repetition, component)
    if first[0]:
        return first
    prefix, own = _part(repetition, component, 2), _part(repetition, component, 3)
    if prefix[0] and own[0]:
        return f"{prefix[0]} {own[0]}", own[1]
    return own if own[0] else prefix


def name_of_xpn(repetition: Repetition) -> Value | None:
    """XPN (HL7 2A.88): family 1, given 2, further 3, suffix 4, prefix 5."""
    return NameParts(
        family_part(repetition, 1),
        _part(repetition, 2),
        _part(repetition, 3),
        _part(repetition, 4),
        _part(repetition, 5),
    ).value()


def name_of_xcn(repetition: Repetition) -> Value | None:
    """XCN (HL7 2A.86): the same parts, one component later."""
    return NameParts(
        family_part(repetition, 2),
        _part(repetition, 3),
        _part(repetition, 4),
        _part(repetition, 5),
        _part(repetition, 6),
    ).value()


def person_name(spec: Spec) -> Reader:
    """PID-5: the repetition whose type (XPN.7) stands first in `prefer:`, else the first whose type is not in `never:`."""
    spec.options("prefer", "never")
    prefer, never = spec.strings("prefer"), spec.strings("never")
    path, rule = spec.paths[0], spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        repetitions = list(path.repetitions(scope))
        named = [entry for entry in repetitions if not entry.is_null and entry.raw.strip("^& ")]
        if not named:
            return deleted_fact(rule, context, str(path)) if repetitions else None
        types = [entry.component(7).strip().upper() for entry in named]
        chosen = _choose(types, prefer, never)
        if chosen is None:
            for entry in named:
                context.leave_out(entry.path, entry.text(), "no name of this type is sent")
            return no_fact(rule, context, f"{path} has only alias, maiden or adopted names")
        found = name_of_xpn(named[chosen])
        if found is None:
            return no_fact(rule, context, f"{named[chosen].path} holds no name")
        return as_fact(found, rule, context)

    return read


def _choose(types: Sequence[str], prefer: Sequence[str], never: Sequence[str]) -> int | None:
    for wanted in prefer:
        if wanted in types:
            return types.index(wanted)
    for index, kind in enumerate(types):
        if kind not in never:
            return index
    return None


def npi_check(number: str) -> bool:
    """The check digit of an NPI: Luhn over 80840 and the ten digits, first digit 1 or 2 (45 CFR 162.406)."""
    if len(number) != 10 or not number.isascii() or not number.isdigit() or number[0] not in "12":
        return False
    total = 24  # what the prefix 80840 adds
    for position, digit in enumerate(number):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


@dataclass(frozen=True)
class Person:
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

    def same_as(self, other: Person) -> bool:
        """The same id, or the same family and first given name; never where something else tells the two apart."""
        same_authority = self.authority == other.authority
        if self.id and other.id and same_authority and self.authority:
            return self.id == other.id
        if self.id and self.id == other.id:
            return not (self.spelled and other.spelled) or self.spelled[0] == other.spelled[0]
        return bool(self.spelled) and self.spelled == other.spelled and not self._contradicts(other)

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
    if any(text and text in names for text in declared):
        fits = npi_check(number) if context.policy.npi_check_digit else len(number) == 10
        return number if fits else ""
    return number if not bound and npi_check(number) else ""


def _looks_like_npi(number: str) -> bool:
    return len(number) == 10 and number.isascii() and number.isdigit() and number[0] in "12"


def person_of_xcn(
    context: Context, names: Table, repetition: Repetition, *, bare: bool = True
) -> Person | None:
    """The person an XCN names; None when it names nobody. `bare`: whether an id that nobody declares may be an NPI."""
    number = repetition.component(1).strip()
    name = name_of_xcn(repetition)
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
    npi = _npi(context, names, number, declared, bound)
    return Person(
        repetition.path,
        number,
        repetition.at(1),
        name or Value({}, ()),
        npi,
        normal(authority[0] or authority[1]),
        tuple(text for text in authority if text),
        bool(npi) and any(text and text in names for text in declared),
    )


def person_of_resource(
    context: Context, names: Table, things: Table | None, repetition: Repetition
) -> Person | None:
    """AIG-3: a CWE (id, text `Family, Given` or `Given Family`), or in the wild an XCN. None: a room or a thing."""
    second, third = repetition.component(2).strip(), repetition.component(3).strip()
    if third and "," not in second and " " not in second and _WORD.search(third) and not _is_system(third):
        return person_of_xcn(context, names, repetition)
    number = repetition.component(1).strip()
    if not second and context.site.provider(number) is not None:  # an id alone, which the site's table knows
        return Person(repetition.path, number, repetition.at(1), Value({}, ()), "")
    words = second.replace(",", " ").split()
    if len(words) < 2 or any(character.isdigit() for character in second):
        return None
    if things is not None and any(word in things for word in words):
        return None
    source = repetition.at(2)
    if "," in second:
        family, _, given = second.partition(",")
    else:
        given, _, family = second.rpartition(" ")
    first, _, further = given.strip().partition(" ")
    name = NameParts((family.strip(), source), (first, source), (further, source)).value()
    npi = _npi(context, names, number, (third,), bool(third))
    declared = bool(npi) and bool(third) and third in names
    return Person(repetition.path, number, repetition.at(1), name or Value({}, ()), npi, declared=declared)


def _is_system(text: str) -> bool:
    upper = text.upper()
    return upper in ("L", "NPI") or upper.startswith(("HL7", "99", "LOCAL"))


def _is_deleted(segment: Segment, context: Context) -> bool:
    """Whether a resource, or the group (RGS) it stands in, is taken out of the appointment (HL7 table 0206)."""
    if segment.text(2).strip().upper() == "D":
        return True
    group = ""
    for entry in context.message.segments:
        if entry.name == "RGS":
            group = entry.text(2).strip().upper()
        elif entry is segment:
            return group == "D"
    return False


_ROLES = {"ROL": (3, 2), "PRT": (4, 2)}
"""Where ROL and PRT say in which role somebody is, and what becomes of him (HL7 tables 0443, 0912; 0287)."""


def table_ids(person: Person) -> tuple[Leaf, ...]:
    """The ids by which the site's table of clinicians may know a person; none where the field declares the NPI."""
    if person.declared or not person.id:
        return ()
    return tuple(Leaf(name, person.id, person.id_source) for name in person.authorities or ("",))


@dataclass(frozen=True)
class _ProviderRule:
    rule: str
    paths: tuple[Path, ...]
    names: Table
    roles: Table | None
    things: Table | None
    lenders: tuple[Path, ...]
    needs_npi: bool
    by_table: frozenset[Path] = frozenset()
    """Fields whose ids are no NPIs (a DEA number): only the site's table of clinicians tells who it is."""
    only_roles: frozenset[str] = frozenset()
    """Of ROL and PRT those in these roles; empty: all."""

    def read(self, context: Context, scope: Scope) -> Fact | None:
        person = self._person(context, scope)
        if person is None:
            return None
        npi, source, ids = person.npi, person.id_source, table_ids(person)
        if not npi:
            same = [entry for entry in self._lenders(context) if entry.same_as(person)]
            for lender in same:
                if lender.npi:
                    npi, source = lender.npi, lender.id_source
                    break
            else:
                ids += tuple(leaf for lender in same for leaf in table_ids(lender) if leaf not in ids)
        if self.needs_npi and ids and not person.declared:
            found = by_table(context.site, person.name.value, ids)
            if found is not None:
                return self._of_table(context, person, *found)
        said = person.name.said
        value: dict[str, object] = {"npi": npi} if npi else {}
        leaves = [Leaf(".npi", npi, source)] if npi else []
        if person.name.value:
            value["name"] = person.name.value
            leaves += [Leaf(f".name{leaf.path}", leaf.value, leaf.source) for leaf in person.name.leaves]
        if not npi and _looks_like_npi(person.id) and context.site.provider(person.id) is None:
            context.leave_out(
                person.id_source, person.id, "no NPI: it fails the check digit or is another authority's"
            )
        if npi and source != person.id_source:
            said = (*said, f"the NPI of the same person in {source}")
        why = "" if npi else f"no NPI for the person in {person.path}"
        if self.needs_npi and npi and person.spelled is None:
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
        for segment in scope.all(path.segment):
            if path.segment in ("AIP", "AIG") and _is_deleted(segment, context):
                context.leave_out(segment.path, segment.text(3), "deleted: AIP-2, AIG-2 or RGS-2 is D")
                continue
            for repetition in segment.reps(path.field):
                if repetition.is_null:
                    continue
                rank = (
                    self._rank(segment.text(4), segment.text(4, 2)) if path.segment in ("AIP", "AIG") else 4
                )
                if path.segment in _ROLES and not self._in_role(segment):
                    continue
                if path.segment != "AIG":
                    person = person_of_xcn(context, self.names, repetition, bare=path not in self.by_table)
                elif rank is None and scope.all("AIP"):
                    person = None  # an AIP names the persons; an untyped AIG is a thing
                else:
                    person = person_of_resource(context, self.names, self.things, repetition)
                if person is not None and rank != 99:
                    yield 4 if rank is None else rank, person

    def _in_role(self, segment: Segment) -> bool:
        """Whether a ROL or PRT names somebody in a role that counts, and takes him not out again."""
        role, action = _ROLES[segment.name]
        if normal(segment.text(action)) in ("D", "DE"):
            return False
        said = {normal(segment.text(role)), normal(segment.text(role, 2))}
        return not self.only_roles or not self.only_roles.isdisjoint(said)

    def _rank(self, *role: str) -> int | None:
        for text in role:
            if self.roles is not None and text.strip() and text in self.roles:
                return int(self.roles.get(text))
        return None

    def _lenders(self, context: Context) -> Iterator[Person]:
        for path in self.lenders:
            for repetition in path.repetitions(context.message):
                if path.segment == "AIG":
                    person = person_of_resource(context, self.names, self.things, repetition)
                else:
                    person = person_of_xcn(context, self.names, repetition, bare=path not in self.by_table)
                if person is not None:
                    yield person


def provider(spec: Spec) -> Reader:
    """First the person, then that person's NPI; another clinician never stands in because he has one.

    The persons of a path are ranked by role (AIP-4, AIG-4); the same person elsewhere in the message may lend the NPI.
    """
    spec.options("roles", "not_persons", "npi_names", "lenders", "needs_npi", "by_table", "only_roles")
    return _ProviderRule(
        rule=spec.name,
        paths=spec.paths,
        names=spec.needed_table("npi_names"),
        roles=spec.table("roles"),
        things=spec.table("not_persons"),
        lenders=spec.path_list("lenders"),
        needs_npi=spec.flag("needs_npi"),
        by_table=frozenset(spec.path_list("by_table")),
        only_roles=frozenset(map(normal, spec.strings("only_roles"))),
    ).read


TYPES: dict[str, TypeMaker] = {"person_name": person_name, "provider": provider}

"""The clinician of an appointment or order: who of those a message names, and what the others lend him."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from msgspec.structs import replace

from interface.hl7.message import Segment
from interface.rules.context import Context, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.site import Provider
from interface.rules.tables import Table, normal
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    is_deleted,
    recurring,
    repetitions,
)
from interface.rules.types.clinician import by_table, completed
from interface.rules.types.person import Person, Readings, looks_like_npi

_PERSONS, _OTHERS = "AIP", "AIG"
_UNRANKED = 4
_NOT_TREATING, _NO_PERSON = 98, 99
_LONGEST_ROLE = 500
"""Characters of a role that is remembered: a sender must not fill the memory with what is none."""


class _Roles:
    """A table of roles in words; of a longer text the longest run of words that is a row, the last of several."""

    def __init__(self, table: Table):
        self.name = table.name
        self._ranks = {" ".join(_words(code)): int(rank) for code, rank in table.rows.items()}
        self._most_words = max((role.count(" ") + 1 for role in self._ranks), default=0)
        self._known = lru_cache(maxsize=1024)(self._rank)  # feeds have few roles, and each message has them

    def rank(self, *texts: str) -> int | None:
        """Of the first text that says one; a text whole before its parts."""
        return self._known(*texts) if sum(map(len, texts)) <= _LONGEST_ROLE else self._rank(*texts)

    def _rank(self, *texts: str) -> int | None:
        for text in texts:
            found = self._ranks.get(" ".join(_words(text)))
            if found is not None:
                return found
        return next((found for text in texts if (found := self._within(_words(text))) is not None), None)

    def _within(self, words: Sequence[str]) -> int | None:
        for length in range(min(len(words) - 1, self._most_words), 0, -1):
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


def lent_npi(source: str) -> str:
    """What is said of an NPI that another field names the person with."""
    return f"the NPI of the same person in {source}"


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
        found = by_table(context.site, name.value, ids) if ids and not person.declared else None
        if found is not None:
            if npi and npi != found[0].npi:
                why = f"{found[0].place} has another NPI for the person in {person.path}"
                context.leave_out(source, npi, why)
            if self.needs_npi:
                return self._of_table(context, replace(person, name=name), *found)
        value: dict[str, object] = {"npi": npi} if npi else {}
        leaves = [Leaf(".npi", npi, source)] if npi else []
        if name.value:
            value["name"] = name.value
            leaves += [Leaf(f".name{leaf.path}", leaf.value, leaf.source) for leaf in name.leaves]
        if not npi and looks_like_npi(person.id) and context.site.provider(person.id) is None:
            context.leave_out(
                person.id_source, person.id, "no NPI: it fails the check digit or is another authority's"
            )
        elif not npi and person.refused:
            context.leave_out(
                person.id_source, person.id, "called an NPI, but an NPI has ten digits and begins with 1 or 2"
            )
        said = name.said
        if npi and source != person.id_source and found is None:
            said = (*said, lent_npi(source))
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
                person = ranked[0][1]
                for _, other in ranked[1:] if self.needs_npi else ():
                    if not other.same_as(person):
                        why = f"the request has room for one: {person.path} is sent"
                        context.leave_out(
                            other.path, other.id or str(other.name.value.get("family", "")), why
                        )
                return person
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

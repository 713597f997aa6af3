"""Whose message it is: the medical record number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from interface.hl7.message import Repetition
from interface.rules.conditions import plain
from interface.rules.context import Context, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.mrn_form import OPTIONS, MrnForm
from interface.rules.paths import Path, Scope
from interface.rules.tables import Table, normal
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Unfit,
)


class Number(msgspec.Struct, frozen=True, gc=False):
    """One repetition of PID-3, PID-2 or MRG-1."""

    repetition: Repetition
    number: str
    """In the site's form, as the rule of the MRN says."""
    authority: str
    universal: str
    kind: str

    def of(self, authorities: Sequence[str]) -> bool:
        """Whether one of these gave it (names or OIDs, ready to compare)."""
        if not authorities:
            return False
        return plain(self.authority) in authorities or plain(self.universal) in authorities

    @property
    def given_by(self) -> str:
        """Its authority, ready to compare; empty where it names none."""
        return normal(self.authority or self.universal)

    @property
    def bare(self) -> bool:
        """Whether it names no authority."""
        return not self.authority and not self.universal


def numbers_of(path: Path, scope: Scope, form: MrnForm) -> list[Number]:
    """The numbers of a CX field, in order; empty repetitions left out."""
    found = []
    for entry in path.repetitions(scope):
        sent, _, _, authority, kind, *_ = entry.texts(5)
        if sent:
            number = form.apply(sent) if form.changes else sent
            names = (authority, "")
            if entry.segment.delimiters.subcomponent in entry.raw:
                names = (entry.sub(4, 1).strip(), entry.sub(4, 2).strip()) if authority else ("", "")
            found.append(Number(entry, number, *names, kind.upper()))
    return found


def own_authorities(context: Context) -> tuple[str, ...]:
    """Whose numbers are the site's: those of the settings, then those it has roots for; none: not known."""
    return _comparable(context.policy.mrn_authority) + tuple(context.site.roots)


@lru_cache(maxsize=64)
def _comparable(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(plain, names))


def key_authority(number: Number, context: Context) -> str:
    """The authority as identity keys have it: empty for the site's own and for none.

    Of authorities with roots of their own the root: the same number of two of them is of two persons.
    """
    if number.bare:
        return ""
    root = context.site.root((number.authority, number.universal))
    if root is not None and root.root != context.policy.mrn_root:
        return root.root
    if root is not None or number.of(own_authorities(context)):
        return ""
    return number.given_by


def _is_retired(number: Number, context: Context) -> bool:
    """Whether MRG retires it; one that names no authority may be the retired number of any."""
    if number.bare:
        return any(key.partition("|")[2] == number.number for key in context.retired)
    return f"{key_authority(number, context)}|{number.number}" in context.retired


def authority_ids(number: Number) -> tuple[Leaf, ...]:
    """Who gave the number, for the site's tables of roots and of patients who opted out."""
    source = number.repetition.at(4)
    names = dict.fromkeys(name for name in (number.authority, number.universal) if name)
    return tuple(Leaf("", name, source) for name in names)


def other_kind(types: Table, kind: str) -> bool:
    """Whether an identifier type (CX.5) is another kind of number than a medical record number (HL7 table 0203)."""
    found = types.get(kind) if kind else None
    if found is None and len(kind) == 5 and kind.startswith("NN") and kind.isalpha():
        found = types.get("NNXXX")  # a national identifier: NN and the country's three letters
    return bool(found == "other")


def number_types(spec: Spec, key: str, types: Table) -> tuple[str, ...]:
    """The identifier types an option names, without those that a site's table says are another kind."""
    return tuple(kind for kind in spec.strings(key) if not other_kind(types, kind))


def _unaltered(chosen: Number) -> Number | Unfit:
    """The number, unless it holds what nobody can see: an identifier is never altered."""
    if chosen.number.isprintable():
        return chosen
    return Unfit(
        f"{chosen.repetition.at(1)} could be the MRN, but holds a control character; the sender must mend it"
    )


def mrn(spec: Spec) -> Reader:
    """The medical record number and whose it is: `{"extension": …, "authority": …}`; the authority is not sent.

    With `site.mrn_authority` (or roots by authority) the repetition of that authority, the first named before the
    others, or of none; without it type MR, then the only repetition that is not another kind of number, then the next
    path. Several in question: no value, said. Prefix and leading zeros as the options say (`mrn_form`), else unaltered.
    """
    spec.options("own_types", "first_types", "other_types", *OPTIONS)
    other, paths, rule = spec.needed_table("other_types"), spec.paths, spec.name
    own, first = number_types(spec, "own_types", other), number_types(spec, "first_types", other)
    kinds = ", ".join(kind or "none" for kind in own)

    def is_first(kind: str) -> bool:
        return kind in first

    def may_be(kind: str) -> bool:
        return not other_kind(other, kind)

    def choose(path: Path, numbers: list[Number], authorities: Sequence[str]) -> Number | Unfit | None:
        if authorities:
            mine = sorted((e for e in numbers if e.kind in own), key=lambda entry: own.index(entry.kind))
            # PID-2 may be another's number: only where it names the site's
            bare = mine if path == paths[0] else []
            for name in authorities:
                if wanted := [e for e in mine if e.of((name,))]:
                    return _unaltered(wanted[0])
            if wanted := [e for e in bare if e.bare]:
                return _unaltered(wanted[0])
            if any(entry.of(authorities) for entry in numbers):
                return Unfit(
                    f"{path} has a number of the site's assigning authority, but of another type (CX.5) than {kinds}"
                )
            return (
                Unfit(f"{path} has no number of the site's assigning authority (site.mrn_authority)")
                if numbers
                else None
            )
        for meant in (is_first, may_be):
            wanted = [entry for entry in numbers if meant(entry.kind)]
            different = {(entry.number, entry.given_by) for entry in wanted} if len(wanted) > 1 else wanted
            if len(different) == 1:
                return _unaltered(wanted[0])
            if different:
                return Unfit(
                    f"{path} has {len(different)} numbers that could be the MRN; "
                    "set site.mrn_authority to the authority (CX.4) of yours"
                )
        return Unfit(f"{path} has only other kinds of numbers") if numbers else None

    def several(numbers: list[Number], chosen: Number, authorities: Sequence[str]) -> tuple[str, ...]:
        if not authorities or len(numbers) < 2:
            return ()
        alike = {e.number for e in numbers if e.kind == chosen.kind and e.of(authorities)}
        if len(alike) < 2 or chosen.number not in alike:
            return ()
        source = chosen.repetition.at(1)
        return (f"{source}: the first of {len(alike)} numbers of the site's assigning authority counts",)

    def read(context: Context, scope: Scope) -> Fact | None:
        authorities = own_authorities(context)
        why = ""
        for path in paths:
            numbers = numbers_of(path, scope, context.mrn_form)
            if context.retired:
                numbers = [entry for entry in numbers if not _is_retired(entry, context)]
            found = choose(path, numbers, authorities)
            if isinstance(found, Number):
                value = {"extension": found.number, "authority": key_authority(found, context)}
                source = found.repetition.at(1)
                leaves = (Leaf("", found.number, source),)
                said = several(numbers, found, authorities)
                if found.number != found.repetition.texts(1)[0]:
                    said = (*said, f"{source}: prefix and leading zeros as {context.mrn_form.rule} says")
                ids = authority_ids(found)
                return Fact(value, leaves, rule, context.at, context.control_id, said, ids=ids)
            if isinstance(found, Unfit):
                why = why or found.why
                if "could be the MRN" in found.why:
                    break
        return no_fact(rule, context, why or f"{paths[0]} is empty")

    return read


TYPES: dict[str, TypeMaker] = {"mrn": mrn}

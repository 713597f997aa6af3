"""Whose message it is and where he lives: medical record number, address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from interface.hl7.message import Repetition
from interface.rules.conditions import plain
from interface.rules.context import Context, clean_text, deleted_fact, is_repaired, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.mrn_form import OPTIONS, MrnForm
from interface.rules.paths import Path, Scope
from interface.rules.tables import Table, normal
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Unfit,
    Value,
    Words,
    as_fact,
    one_by_one,
    says_deleted,
    says_something,
)

_FILLED = re.compile(r"^0{4,}([0-9]{5})$")
"""A ZIP filled up with zeros to nine or more digits (0000053703); no ZIP itself begins with so many."""
_ZIP = re.compile(r"^([0-9]{5})(?:[-\s–]\s?[0-9]{0,4}|[0-9]{4})?$")


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
    own, first = spec.strings("own_types"), spec.strings("first_types")
    other, paths, rule = spec.needed_table("other_types"), spec.paths, spec.name

    def is_first(kind: str) -> bool:
        return kind in first

    def may_be(kind: str) -> bool:
        return not other_kind(other, kind)

    def choose(path: Path, numbers: list[Number], authorities: Sequence[str]) -> Number | Unfit | None:
        if authorities:
            mine = sorted((e for e in numbers if e.kind in own), key=lambda entry: own.index(entry.kind))
            bare = (
                mine if path == paths[0] else []
            )  # PID-2 may be another's number: only where it names the site's
            for name in authorities:
                if wanted := [e for e in mine if e.of((name,))]:
                    return _unaltered(wanted[0])
            if wanted := [e for e in bare if e.bare]:
                return _unaltered(wanted[0])
            if any(entry.of(authorities) for entry in numbers):
                return Unfit(
                    f"{path} has a number of the site's assigning authority, but of another type (CX.5) than "
                    "MR, MRN, PI, PT or none"
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
                numbers = [entry for entry in numbers if entry.number not in context.retired]
            found = choose(path, numbers, authorities)
            if isinstance(found, Number):
                value = {"extension": found.number, "authority": key_authority(found, context)}
                source = found.repetition.at(1)
                leaves = (Leaf("", found.number, source),)
                said = several(numbers, found, authorities)
                if found.number != found.repetition.texts(1)[0]:
                    said = (*said, f"{source}: prefix and leading zeros as {context.mrn_form.rule} says")
                ids = authority_ids(found) if context.keep_ids else ()
                return Fact(value, leaves, rule, context.at, context.control_id, said, ids=ids)
            if isinstance(found, Unfit):
                why = why or found.why
                if "could be the MRN" in found.why:
                    break
        return no_fact(rule, context, why or f"{paths[0]} is empty")

    return read


@dataclass(frozen=True)
class AddressTables:
    """How states and countries are written."""

    states: Words
    countries: Words
    """Those with US ZIPs."""
    others: Words | None = None
    """The names of all other countries."""

    def value(self, context: Context, repetition: Repetition, zip_code: str | Unfit | None = None) -> Value:
        """The contract's Address of an XAD (HL7 2A.84); `zip` only when it is a US ZIP (`zip_of`, where known)."""
        said: list[str] = []
        leaves: list[Leaf] = []
        value: dict[str, object] = {}
        texts = repetition.texts(5)
        street, city = _street(context, repetition, texts[0]), texts[2]

        def take(path: str, sent: str, component: int) -> str:
            text = clean_text(sent)
            if text:
                source = repetition.at(component)
                leaves.append(Leaf(path, text, source))
                if text != sent and is_repaired(sent, text):
                    said.append(f"{source}: forbidden characters became blanks")
            return text

        lines: list[str] = []
        if street and (text := take(".lines[0]", street, 1)):
            lines.append(text)
        if texts[1] and (text := take(f".lines[{len(lines)}]", texts[1], 2)):
            lines.append(text)
        if lines:
            value["lines"] = lines
        if city and (text := take(".city", city, 3)):
            value["city"] = text
        sent = texts[3]
        state = self.states.get(sent) if sent else None
        if state:
            value["state"] = state
            leaves.append(Leaf(".state", state, repetition.at(4)))
        elif sent:
            context.leave_out(repetition.at(4), sent, "not a US state or territory")
        found = self.zip_of(repetition) if zip_code is None else zip_code
        if isinstance(found, str):
            value["zip"] = found
            leaves.append(Leaf(".zip", found, repetition.at(5)))
            if _FILLED.match(texts[4]):
                said.append(f"{repetition.at(5)}: the last five digits, behind zeros")
            elif found != texts[4]:
                said.append(f"{repetition.at(5)}: the first five digits of ZIP+4")
        return Value(value, tuple(leaves), tuple(said))

    def zip_of(self, repetition: Repetition) -> str | Unfit:
        """The five digits of a US ZIP, or why there are none."""
        sent, country = repetition.texts(6)[4:6]
        if country and country not in self.countries:
            return Unfit(
                f"{repetition.path} has no US ZIP: {repetition.at(6)} is {self._country_name(country)}"
            )
        match = _FILLED.match(sent) or _ZIP.match(sent)
        if not sent:
            return Unfit(f"{repetition.at(5)} is empty: no US ZIP")
        if match is None or match.group(1) == "00000":
            return Unfit(f"{repetition.at(5)} is no US ZIP")
        return match.group(1)

    def written(self, repetition: Repetition, zip_code: str) -> tuple[str, ...]:
        """A US address as the request has it, to tell two apart: not by their types, nor by how they are written."""
        street, second, city, state = repetition.texts(4)[:4]
        texts = (clean_text(text).casefold() for text in (_in_one(repetition, street), second, city))
        return (*texts, str(self.states.get(state) or "") if state else "", zip_code)

    def knows(self, country: str) -> bool:
        """Whether a table has this country (XAD.6)."""
        return country in self.countries or (self.others is not None and country in self.others)

    def _country_name(self, sent: str) -> str:
        """A country to name in a reason: never a text that could be something of the patient's."""
        name = self.others.get(sent) if self.others is not None else None
        code = sent.upper() if len(sent) <= 3 and sent.isalpha() else ""
        if name is None:
            return code or "a country that no table knows"
        return f"{code} ({name})" if code else str(name)


def _street(context: Context, repetition: Repetition, whole: str) -> str:
    """XAD.1 as `_in_one` has it; a street name that it does not hold is left out."""
    street = _in_one(repetition, whole)
    name = repetition.sub(1, 2).strip() if street is not whole else ""
    if name and name.casefold() not in street.casefold():
        context.leave_out(
            repetition.at(1, 2), name, f"{repetition.at(1, 1)} is taken as the whole street address"
        )
    return street


def _in_one(repetition: Repetition, whole: str) -> str:
    """XAD.1; of a street address in parts (SAD, HL7 2A.65) the whole of it, else the dwelling number and street name.

    A bare & between blanks is text.
    """
    if "&" not in whole or " & " in whole:
        return whole
    street, name, number = (repetition.sub(1, sub).strip() for sub in (1, 2, 3))
    return street or f"{number} {name}".strip()


def address(spec: Spec) -> Reader:
    """PID-11: in the order of their types (XAD.7) the first with a valid ZIP; a type of order 0 never.

    `types:` gives each type its place, `untyped:` that of an address without one.
    """
    spec.options("types", "untyped", "states", "countries", "other_countries")
    tables = AddressTables(spec.words("states"), spec.words("countries"), spec.words("other_countries"))
    types, untyped = spec.words("types"), int(spec.body.get("untyped", 0))
    path, rule = spec.paths[0], spec.name

    def place(context: Context, entry: Repetition) -> int:
        kind = entry.component(7).strip()
        found = types.get(kind) if kind else untyped
        if found is None:
            context.leave_out(entry.at(7), kind, f"table {types.table.name} has no such code")
        return int(found or 0)

    def read(context: Context, scope: Scope) -> Fact | None:
        entries = path.repetitions(scope)
        sent = [entry for entry in entries if says_something(entry)]
        if not sent and any(says_deleted(entry) for entry in entries):
            return deleted_fact(rule, context, str(path))
        ranked = []
        for entry in sent:
            if order := place(context, entry):
                ranked.append((order, entry))
            else:
                why = "an address of this type is not where the patient lives"
                context.leave_out(entry.path, entry.text(), why)
        ranked.sort(key=lambda pair: pair[0])
        troubles: list[str] = []
        for _, entry in ranked:
            zip_code = tables.zip_of(entry)
            if isinstance(zip_code, str):
                for (_, passed), trouble in zip(ranked, troubles, strict=False):
                    context.leave_out(passed.path, passed.text(), trouble)
                return as_fact(tables.value(context, entry, zip_code), rule, context)
            troubles.append(zip_code.why)
        if not ranked:
            return no_fact(rule, context, f"{path} has no home address") if sent else None
        for (_, entry), trouble in zip(ranked, troubles, strict=True):
            if code := entry.component(5).strip():
                context.leave_out(entry.at(5), code, trouble)
            if (country := entry.component(6).strip()) and not tables.knows(country):
                context.leave_out(entry.at(6), country, "no table of countries has such a code")
        rest = tables.value(context, ranked[0][1])
        return Fact(
            rest.value, rest.leaves, rule, context.at, context.control_id, rest.said, troubles[0], weak=True
        )

    return read


def other_addresses(spec: Spec) -> Reader:
    """PID-11: the valid addresses behind the one that `address` takes, in the same order, each once; at most `most:`.

    None when there is no valid one at all: then what is known of before stays.
    """
    spec.options("types", "untyped", "states", "countries", "other_countries", "most")
    tables = AddressTables(spec.words("states"), spec.words("countries"), spec.words("other_countries"))
    types, untyped = spec.words("types"), int(spec.body.get("untyped", 0))
    path, rule, most = spec.paths[0], spec.name, int(spec.body.get("most", 2))

    def order(entry: Repetition) -> int:
        kind = entry.component(7).strip()
        return int((types.get(kind) if kind else untyped) or 0)

    def read(context: Context, scope: Scope) -> Fact | None:
        ranked = sorted((entry for entry in path.repetitions(scope) if order(entry)), key=order)
        codes = [(entry, tables.zip_of(entry)) for entry in ranked if says_something(entry)]
        first = next((place for place, (_, code) in enumerate(codes) if isinstance(code, str)), None)
        if first is None:
            return None
        if first + 1 == len(codes):  # nearly always: one address and no more
            return Fact([], (), rule, context.at, context.control_id)
        seen: set[tuple[str, ...]] = set()
        found: list[object] = []
        leaves: list[Leaf] = []
        said: list[str] = []
        for place, (entry, code) in enumerate(codes[first:]):
            if not isinstance(code, str):
                context.leave_out(entry.path, entry.text(), code.why)
            elif (written := tables.written(entry, code)) in seen:
                continue
            elif place == 0:
                seen.add(written)
            elif len(found) == most:
                context.leave_out(
                    entry.path, entry.text(), f"{path}: the request has no room for more addresses"
                )
            else:
                seen.add(written)
                whole = tables.value(context, entry, code)
                leaves += [
                    Leaf(f"[{len(found)}]{leaf.path}", leaf.value, leaf.source) for leaf in whole.leaves
                ]
                found.append(whole.value)
                said += whole.said
        return Fact(found, tuple(leaves), rule, context.at, context.control_id, tuple(said))

    return read


TYPES: dict[str, TypeMaker] = {
    "mrn": mrn,
    "address": one_by_one(address),
    "other_addresses": one_by_one(other_addresses),
}

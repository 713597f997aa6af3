"""Where the patient lives."""

from __future__ import annotations

import re
from dataclasses import dataclass

from interface.hl7.message import Repetition
from interface.rules.context import Context, clean_text, deleted_fact, is_repaired, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Scope
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
_ZIP = re.compile(r"^([0-9]{5})(?:\s?[-–\s]\s?[0-9]{0,4}|[0-9]{4})?$")


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
    separator = repetition.segment.delimiters.subcomponent or "&"
    if separator not in whole or f" {separator} " in whole:
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
    "address": one_by_one(address),
    "other_addresses": one_by_one(other_addresses),
}

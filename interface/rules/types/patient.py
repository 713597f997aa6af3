"""Whose message it is and how to reach him: medical record number, address, contact points."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from interface.hl7.message import Repetition
from interface.rules.conditions import plain
from interface.rules.context import Context, clean_text, deleted_fact, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.mrn_form import OPTIONS, MrnForm
from interface.rules.paths import Path, Scope
from interface.rules.tables import Table, normal
from interface.rules.types.base import Reader, Spec, TypeMaker, Unfit, Value, as_fact

_ZIP = re.compile(r"^([0-9]{5})(?:[-\s]?[0-9]{4}|-)?$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
# TN (HL7 2A.77): 999-999-9999, then X and an extension, B and a beeper code, C and any text
_EXTENSION = re.compile(r"(?i)(?<=\d)\s*(?:[,;]\s*)?(?:extension|ext\.?|x|b|c|\#)\s*\d.*$|(?<=\d)C.*$")


@dataclass(frozen=True)
class Number:
    """One repetition of PID-3, PID-2 or MRG-1."""

    repetition: Repetition
    number: str
    """In the site's form, as the rule of the MRN says."""
    authority: str
    universal: str
    kind: str

    def of(self, authorities: Sequence[str]) -> bool:
        """Whether one of these gave it (names or OIDs, ready to compare)."""
        return plain(self.authority) in authorities or plain(self.universal) in authorities

    @property
    def bare(self) -> bool:
        """Whether it names no authority."""
        return not self.authority and not self.universal


def numbers_of(path: Path, scope: Scope, form: MrnForm) -> list[Number]:
    """The numbers of a CX field, in order; empty repetitions left out."""
    return [
        Number(
            entry,
            form.apply(sent) if form.changes else sent,
            entry.sub(4, 1).strip(),
            entry.sub(4, 2).strip(),
            entry.component(5).strip().upper(),
        )
        for entry in path.repetitions(scope)
        if (sent := entry.component(1).strip())
    ]


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
    return normal(number.authority or number.universal)


def authority_ids(number: Number) -> tuple[Leaf, ...]:
    """Who gave the number, for the site's tables of roots and of patients who opted out."""
    source = number.repetition.at(4)
    names = dict.fromkeys(name for name in (number.authority, number.universal) if name)
    return tuple(Leaf("", name, source) for name in names)


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
            return (
                Unfit(f"{path} has no number of the site's assigning authority (site.mrn_authority)")
                if numbers
                else None
            )
        for wanted in (
            [entry for entry in numbers if entry.kind in first],
            [entry for entry in numbers if entry.kind not in other],
        ):
            different = {(entry.number, entry.authority, entry.universal) for entry in wanted}
            if len(different) == 1:
                return _unaltered(wanted[0])
            if different:
                return Unfit(
                    f"{path} has {len(different)} numbers that could be the MRN; "
                    "set site.mrn_authority to the authority (CX.4) of yours"
                )
        return Unfit(f"{path} has only other kinds of numbers") if numbers else None

    def read(context: Context, scope: Scope) -> Fact | None:
        authorities = own_authorities(context)
        why = ""
        for path in paths:
            found = choose(path, numbers_of(path, scope, context.mrn_form), authorities)
            if isinstance(found, Number):
                value = {"extension": found.number, "authority": key_authority(found, context)}
                source = found.repetition.at(1)
                leaves = (Leaf("", found.number, source),)
                said: tuple[str, ...] = ()
                if found.number != found.repetition.component(1).strip():
                    said = (f"{source}: prefix and leading zeros as {context.mrn_form.rule} says",)
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

    states: Table
    countries: Table

    def value(self, context: Context, repetition: Repetition) -> Value:
        """The contract's Address of an XAD (HL7 2A.84); `zip` only when it is a US ZIP."""
        said: list[str] = []
        leaves: list[Leaf] = []
        value: dict[str, object] = {}

        def clean(component: int, sub: int = 0) -> tuple[str, str]:
            sent, source = repetition.sub(component, sub or 1).strip(), repetition.at(component, sub)
            text = clean_text(sent)
            if text != sent:
                said.append(f"{source}: forbidden characters became blanks")
            return text, source

        lines: list[str] = []
        for component in (1, 2):
            text, source = clean(component)
            if text:
                leaves.append(Leaf(f".lines[{len(lines)}]", text, source))
                lines.append(text)
        if lines:
            value["lines"] = lines
        city, source = clean(3)
        if city:
            value["city"] = city
            leaves.append(Leaf(".city", city, source))
        sent, source = repetition.component(4).strip(), repetition.at(4)
        state = self.states.get(sent) if sent else None
        if state:
            value["state"] = state
            leaves.append(Leaf(".state", state, source))
        elif sent:
            context.leave_out(source, sent, "not a US state or territory")
        found = self.zip_of(repetition)
        if isinstance(found, str):
            value["zip"] = found
            leaves.append(Leaf(".zip", found, repetition.at(5)))
            if found != repetition.component(5).strip():
                said.append(f"{repetition.at(5)}: the first five digits of ZIP+4")
        return Value(value, tuple(leaves), tuple(said))

    def zip_of(self, repetition: Repetition) -> str | Unfit:
        """The five digits of a US ZIP, or why there are none."""
        sent, country = repetition.component(5).strip(), repetition.component(6).strip()
        if country and country not in self.countries:
            named = country.upper() if len(country) <= 3 and country.isalpha() else "another country"
            return Unfit(f"{repetition.path} has no US ZIP: {repetition.at(6)} is {named}")
        match = _ZIP.match(sent)
        if not sent:
            return Unfit(f"{repetition.at(5)} is empty: no US ZIP")
        if match is None or match.group(1) == "00000":
            return Unfit(f"{repetition.at(5)} is no US ZIP")
        return match.group(1)


def address(spec: Spec) -> Reader:
    """PID-11: of the types in `prefer:`, in that order, the first with a valid ZIP; other types never."""
    spec.options("prefer", "states", "countries")
    tables = AddressTables(spec.needed_table("states"), spec.needed_table("countries"))
    prefer, path, rule = spec.strings("prefer"), spec.paths[0], spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        sent = [entry for entry in path.repetitions(scope) if entry.raw.strip("^& ")]
        if sent and all(entry.is_null for entry in sent):
            return deleted_fact(rule, context, str(path))
        ranked = []
        for entry in sent:
            kind = entry.component(7).strip().upper()
            if kind in prefer:
                ranked.append((prefer.index(kind), entry))
            elif not entry.is_null:
                context.leave_out(
                    entry.path, entry.text(), "an address of this type is not where the patient lives"
                )
        ranked.sort(key=lambda pair: pair[0])
        troubles = []
        for _, entry in ranked:
            zip_code = tables.zip_of(entry)
            if isinstance(zip_code, str):
                return as_fact(tables.value(context, entry), rule, context)
            troubles.append(zip_code.why)
        if not ranked:
            return no_fact(rule, context, f"{path} has no home address") if sent else None
        for (_, entry), trouble in zip(ranked, troubles, strict=True):
            if code := entry.component(5).strip():
                context.leave_out(entry.at(5), code, trouble)
        rest = tables.value(context, ranked[0][1])
        return Fact(
            rest.value, rest.leaves, rule, context.at, context.control_id, rest.said, troubles[0], weak=True
        )

    return read


@dataclass(frozen=True)
class _Point:
    value: str
    system: str
    use: str
    sources: tuple[str, str, str]
    """Of value, system and use."""

    def value_json(self) -> dict[str, str]:
        return {"value": self.value, "contactPointSystem": self.system, "contactPointUse": self.use}


def contact_points(spec: Spec) -> Reader:
    """PID-13, PID-14, PID-40: phones and e-mail addresses in the contract's words, each once."""
    spec.options("use", "use_table", "equipment_table")
    default = str(spec.body.get("use", "HOME"))
    use_table, equipment_table = spec.needed_table("use_table"), spec.needed_table("equipment_table")
    paths, rule = spec.paths, spec.name

    def looked_up(context: Context, entry: Repetition, component: int, table: Table) -> str:
        sent = entry.component(component).strip()
        found = table.get(sent) if sent else None
        if sent and found is None:
            context.leave_out(entry.at(component), sent, f"table {table.name} has no such code")
        return str(found or "")

    def points_of(context: Context, entry: Repetition) -> Iterator[_Point]:
        """The number and the e-mail address of one XTN; most hold one of them."""
        use = looked_up(context, entry, 2, use_table)
        equipment = looked_up(context, entry, 3, equipment_table)
        mail, mail_source = entry.component(4).strip(), entry.at(4)
        if not mail and "@" in entry.component(1):
            mail, mail_source = entry.component(1).strip(), entry.at(1)
        number, source = _phone(entry)
        for found in (use, equipment):
            if found.startswith("no "):
                context.leave_out(
                    source if number else mail_source, number or mail, f"a {found[3:]} is not sent"
                )
                return
        use_source = entry.at(2) if use and use != "default" else entry.path
        system_source = entry.at(3) if equipment else entry.path
        plain = _dialled(number)
        if number and not plain:
            context.leave_out(source, number, "not a telephone number")
        elif number and equipment == "CELL":
            yield _Point(plain, "PHONE", "MOBILE", (source, system_source, entry.at(3)))
        elif number:
            kind = use if use not in ("", "default") else default
            yield _Point(plain, "PHONE", kind, (source, system_source, use_source))
        if mail and not _EMAIL.match(mail):
            context.leave_out(mail_source, mail, "not an e-mail address")
        elif mail:
            kind = use if use in ("HOME", "WORK") else default
            yield _Point(
                mail, "EMAIL", kind, (mail_source, mail_source if number else system_source, use_source)
            )

    def read(context: Context, scope: Scope) -> Fact | None:
        found: list[dict[str, str]] = []
        leaves: list[Leaf] = []
        deleted = False
        for path in paths:
            for entry in path.repetitions(scope):
                if entry.is_null:
                    deleted = True
                    continue
                for point in points_of(context, entry):
                    if point.value_json() in found:
                        continue
                    where = f"[{len(found)}]"
                    found.append(point.value_json())
                    leaves += [
                        Leaf(f"{where}.{name}", value, source)
                        for (name, value), source in zip(
                            point.value_json().items(), point.sources, strict=True
                        )
                    ]
        if found:
            return Fact(found, tuple(leaves), rule, context.at, context.control_id)
        return deleted_fact(rule, context, str(paths[0])) if deleted else None

    return read


def _phone(entry: Repetition) -> tuple[str, str]:
    """The number of an XTN (HL7 2A.89): XTN.12, else XTN.6 and 7, else XTN.1."""
    whole = entry.component(12).strip()
    if whole:
        return whole, entry.at(12)
    area, local = entry.component(6).strip(), entry.component(7).strip()
    if local:
        country = entry.component(5).strip().lstrip("+")
        foreign = f"+{country} " if country not in ("", "1", "01", "001") else ""
        return f"{foreign}{area}{local}", entry.at(7)
    first = entry.component(1).strip()
    return ("", "") if "@" in first else (first, entry.at(1))


def _dialled(number: str) -> str:
    """A US number as its ten digits, without extension; another country's with its +; empty when it is no number."""
    trunk = _EXTENSION.sub("", number)
    digits = "".join(character for character in trunk if character.isascii() and character.isdigit())
    if trunk.lstrip().startswith("+") and not digits.startswith("1"):
        return f"+{digits}" if len(digits) >= 7 else ""
    if len(digits) == 11 and digits.startswith("1"):
        digits = digits[1:]
    return digits if len(digits) >= 7 and digits.strip("0") else ""


TYPES: dict[str, TypeMaker] = {"mrn": mrn, "address": address, "contact_points": contact_points}

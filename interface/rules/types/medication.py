"""Drugs, products, doses and timing of pharmacy orders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from interface.contract.texts import is_clean
from interface.hl7.message import Repetition
from interface.rules.context import Context, clean_text, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.tables import Table
from interface.rules.types.base import Reader, Spec, TypeMaker, Unfit, Value, as_fact, first_valid
from interface.rules.types.patient import AddressTables
from interface.rules.types.values import hd_name, number_of

_NCI = ("2.16.840.1.113883.3.26.1.1", "NCI Thesaurus")
_MACRO = re.compile(r"##.*##")
_INTERVAL = re.compile(r"^Q(\d{1,3})(S|M|H|D|W|L)$")
_EVERY = re.compile(r"^EVERY (\d{1,3}) (MIN|MINUTE|HOUR|DAY|WEEK|MONTH)S?$")
_HOURS = re.compile(r"^Q ?(\d{1,2}) ?(?:H|HR|HRS|HOURS?)$")
_UNIT = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo"}
_WORD_LETTER = {"MIN": "M", "MINUTE": "M", "HOUR": "H", "DAY": "D", "WEEK": "W", "MONTH": "L"}
_DURATION = re.compile(r"^([DWL])(\d{1,4})$")


@dataclass(frozen=True)
class _Coding:
    code: str
    code_source: str
    text: str
    text_source: str
    system: str
    row: dict[str, str] | None
    """The system's row in `drug_systems`; None when it is not declared or not known."""

    @property
    def key(self) -> str:
        return self.row["key"] if self.row else ""


def _usable(text: str) -> str:
    """The text, or nothing when it is an unfilled macro (`##…##`)."""
    return "" if _MACRO.search(text) else text


def _codings(repetition: Repetition, systems: Table | None) -> list[_Coding]:
    found = []
    for number in (1, 4):
        code, text = (
            _usable(repetition.component(number).strip()),
            _usable(repetition.component(number + 1).strip()),
        )
        system = repetition.component(number + 2).strip()
        row = systems.get(system) if systems is not None and system else None
        if code or text:
            found.append(_Coding(code, repetition.at(number), text, repetition.at(number + 1), system, row))
    return found


def _label(repetition: Repetition) -> tuple[str, str]:
    """CWE.2, .5, .9, in that order."""
    for component in (2, 5, 9):
        text = _usable(repetition.component(component).strip())
        if text:
            return text, repetition.at(component)
    return "", ""


def _code_value(coding: _Coding | None, label: tuple[str, str], code: str, said: tuple[str, ...]) -> Value:
    """The contract's Code: code and system where known and clean, always a label."""
    value: dict[str, Any] = {}
    leaves: list[Leaf] = []

    def put(key: str, text: str, source: str) -> None:
        value[key] = text
        leaves.append(Leaf(f".{key}", text, source))

    if coding is not None and code:
        put("code", code, coding.code_source)
        if coding.row:
            put("codeSystem", coding.row["oid"], coding.code_source)
            put("codeSystemName", coding.row["name"], coding.code_source)
        elif coding.system and is_clean(coding.system):
            put("codeSystemName", coding.system, coding.code_source)
    put("displayName", *label)
    return Value(value, tuple(leaves), said)


def drug(spec: Spec) -> Reader:
    """The drug's name (contract: Medication.nameCode): of the codings the preferred system's, else what there is."""
    spec.options("systems", "prefer", "skip")
    systems = spec.needed_table("systems")
    prefer, skip = spec.strings("prefer"), spec.strings("skip")

    def rank(coding: _Coding) -> int:
        if coding.key in prefer:
            return prefer.index(coding.key)
        return len(prefer) + (2 if coding.key in skip else 0 if coding.key else 1)

    def convert(context: Context, _: Path, repetition: Repetition) -> Value | Unfit | None:
        codings = sorted((c for c in _codings(repetition, systems) if c.code), key=rank)
        label = _label(repetition)
        kept = None
        for coding in codings:
            if coding.key == "NDC" and ndc11(coding.code) is None:
                continue  # `product` says so: a code that can't be told apart is none, the label stays
            if is_clean(coding.code):
                kept = coding
                break
            context.leave_out(
                coding.code_source, coding.code, "the code holds a character that is forbidden in codes"
            )
        if kept is not None and kept.system and kept.row is None:
            context.leave_out(
                kept.code_source, kept.system, f"table {systems.name} has no such coding system: sent by name"
            )
        said: tuple[str, ...] = ()
        if not label[0] and kept is not None:
            label, said = (
                (kept.code, kept.code_source),
                (f"{kept.code_source} has no label: the code stands for it",),
            )
        return _code_value(kept, label, kept.code if kept else "", said) if label[0] else None

    return first_valid(spec, convert)


def ndc11(code: str) -> str | None:
    """An NDC as eleven digits: 5-4-2 loses its dashes, 4-4-2, 5-3-2 and 5-4-1 get their zero.

    None when it can't be told: ten digits without dashes, or no NDC at all.
    """
    if code.isascii() and code.isdigit():
        return code if len(code) == 11 else None
    parts = code.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    lengths = tuple(len(part) for part in parts)
    if lengths in ((5, 4, 2), (4, 4, 2), (5, 3, 2), (5, 4, 1)):
        return parts[0].zfill(5) + parts[1].zfill(4) + parts[2].zfill(2)
    return None


def product(spec: Spec) -> Reader:
    """The exact product (contract: MedicationRequest.code): an NDC as eleven digits, else RxNorm."""
    spec.options("systems")
    systems, paths, rule = spec.needed_table("systems"), spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        rxnorm: Value | None = None
        for path in paths:
            for repetition in path.repetitions(scope):
                label = _label(repetition)
                for coding in _codings(repetition, systems):
                    shown = (coding.text, coding.text_source) if coding.text else label
                    if coding.key == "NDC" and coding.code:
                        found = _ndc(context, coding, shown)
                        if found is not None:
                            return Fact(
                                found.value, found.leaves, rule, context.at, context.control_id, found.said
                            )
                    elif coding.key == "RXNORM" and coding.code and rxnorm is None and is_clean(coding.code):
                        rxnorm = _code_value(
                            coding, shown if shown[0] else (coding.code, coding.code_source), coding.code, ()
                        )
        if rxnorm is None:
            return None
        return Fact(rxnorm.value, rxnorm.leaves, rule, context.at, context.control_id)

    return read


def _ndc(context: Context, coding: _Coding, shown: tuple[str, str]) -> Value | None:
    eleven = ndc11(coding.code)
    if eleven is None:
        context.leave_out(
            coding.code_source,
            coding.code,
            "an NDC of this form can't be told apart: neither 11 digits nor dashes in place",
        )
        return None
    said = () if eleven == coding.code else (f"{coding.code_source} written as eleven digits",)
    return _code_value(coding, shown if shown[0] else (eleven, coding.code_source), eleven, said)


def coded(spec: Spec) -> Reader:
    """A coded value as sent; a row of `table:` gives its NCI Thesaurus concept."""
    spec.options("table")
    table = spec.table("table")

    def convert(context: Context, path: Path, repetition: Repetition) -> Value | None:
        code, label = _usable(path.text(repetition)), _label(repetition)
        if not code and not label[0]:
            return None
        row = next(
            (table.get(text) for text in (code, label[0]) if table is not None and text and text in table),
            None,
        )
        shown = label if label[0] else (row["name"], repetition.at(1)) if row else (code, repetition.at(1))
        if row is not None:
            nci = _Coding(
                row["code"], repetition.at(1), "", "", "", {"oid": _NCI[0], "name": _NCI[1], "key": "NCI"}
            )
            return _code_value(
                nci, shown, row["code"], (f"{repetition.path} by table {table.name}",) if table else ()
            )
        if table is not None and code:
            context.leave_out(repetition.at(1), code, f"table {table.name} has no such code: sent as it is")
        codings = _codings(repetition, None)
        kept = codings[0] if codings and codings[0].code and is_clean(codings[0].code) else None
        return _code_value(kept, shown, kept.code if kept else "", ())

    return first_valid(spec, convert)


def quantity(spec: Spec) -> Reader:
    """An amount with its unit, under the names `value_to:` and `unit_to:`; a range is no amount (the text keeps it)."""
    spec.options("maximum", "unit", "units", "value_to", "unit_to")
    maximum, unit = spec.path_list("maximum"), spec.path_list("unit")
    units = spec.table("units")
    value_to, unit_to = str(spec.body["value_to"]), str(spec.body["unit_to"])

    def first_text(paths: tuple[Path, ...], scope: Scope) -> tuple[str, str]:
        for path in paths:
            for repetition in path.repetitions(scope):
                found = path.text(repetition) or (
                    repetition.component(2).strip() if not path.component else ""
                )
                if found:
                    return found, path.source(repetition) if path.text(repetition) else repetition.at(2)
        return "", ""

    def beside(paths: tuple[Path, ...], source: str) -> tuple[Path, ...]:
        """Those of the segment the amount stands in: the amount of one never meets the unit of another."""
        return tuple(path for path in paths if source.startswith(path.segment))

    def read(context: Context, scope: Scope) -> Fact | None:
        sent, source = first_text(spec.paths, scope)
        if not sent:
            return None
        amount = number_of(sent)
        if amount is None or amount < 0:
            context.leave_out(source, sent, "not a number")
            return no_fact(spec.name, context, f"{source} is not a number")
        most, most_source = first_text(beside(maximum, source), scope)
        if most and number_of(most) != amount:
            why = f"{source} and {most_source} are a range: no single amount"
            context.leave_out(most_source, most, why)
            return no_fact(spec.name, context, why)
        value: dict[str, Any] = {value_to: amount}
        leaves = [Leaf(f".{value_to}", amount, source)]
        said: tuple[str, ...] = ()
        named, unit_source = first_text(beside(unit, source), scope)
        if named:
            row = units.get(named) if units is not None else None
            plain = str(row) if row is not None else clean_text(named)
            if plain:
                value[unit_to] = plain
                leaves.append(Leaf(f".{unit_to}", plain, unit_source))
            if plain != named:
                said = (f"{unit_source}: a unit without forbidden characters",)
        return Fact(value, tuple(leaves), spec.name, context.at, context.control_id, said)

    return read


def sig(spec: Spec) -> Reader:
    """The instructions as sent: all repetitions of the first field that has any, in order."""
    spec.options()
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        for path in paths:
            found = [
                (text, path.source(repetition))
                for repetition in path.repetitions(scope)
                if (text := _usable(path.text(repetition)))
            ]
            if found:
                whole, source = " ".join(text for text, _ in found), found[0][1]
                said = (f"{source} and its repetitions are one text",) if len(found) > 1 else ()
                return as_fact(Value(whole, (Leaf("", whole, source),), said), rule, context)
        return None

    return read


def timing(spec: Spec) -> Reader:
    """A repeat pattern (HL7 table 0335): the contract's timingEvent, or an interval as frequencyValue and frequencyUnit.

    An interval is read as "every N units". Rates that are no interval, and PRN, are `{"text": …}`: the sig's, or the
    text itself where the sender wrote none.
    """
    spec.options("table")
    table = spec.needed_table("table")

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        sent = path.text(repetition)
        if not sent:
            return None
        source = path.source(repetition)
        if path.component and not path.subcomponent:
            sent = hd_name(path, repetition)  # RPT.1 is a CWE: code & text & system
        elif any(letter.isalpha() for letter in repetition.sub(path.component, path.subcomponent + 1)):
            sent = repetition.component(path.component)  # words where the times of day belong: PRN
        row = table.get(sent) or interval(sent, table)
        if row is None:
            return Unfit(
                "a timing that is neither an event nor an interval of the contract: the text keeps it"
            )
        return Value(dict(row), tuple(Leaf(f".{key}", value, source) for key, value in row.items()))

    read_pattern = first_valid(spec, convert, note_unfit=True)

    def read(context: Context, scope: Scope) -> Fact | None:
        found = read_pattern(context, scope)
        if found is None or found.value is not None or found.deleted:
            return found
        sent, source = next(
            (text, path.source(repetition))
            for path in spec.paths
            for repetition in path.repetitions(scope)
            if (text := _words(path, repetition))
        )
        leaves = (Leaf(".dosageInstruction.text", sent, source),)
        return Fact({"text": sent}, leaves, spec.name, context.at, context.control_id, (), found.why)

    return read


def _words(path: Path, repetition: Repetition) -> str:
    """A pattern as a person reads it: all of its parts that hold letters or digits."""
    if repetition.is_null:
        return ""
    parts = repetition.component(path.component or 1).split("&")
    return " ".join(part.strip() for part in parts if part.strip())


def interval(sent: str, table: Table) -> dict[str, Any] | None:
    """`Q12H`, `q 12 hours`, `every 2 weeks` as an interval, or the event the table has for it; None for all else."""
    text = " ".join(sent.upper().split())
    if match := _HOURS.match(text):
        number, letter = int(match[1]), "H"
    elif match := _INTERVAL.match(text):
        number, letter = int(match[1]), match[2]
    elif match := _EVERY.match(text):
        number, letter = int(match[1]), _WORD_LETTER[match[2]]
    else:
        return None
    if not number:
        return None
    return table.get(f"Q{number}{letter}") or {"frequencyValue": number, "frequencyUnit": _UNIT[letter]}


def duration(spec: Spec) -> Reader:
    """A duration (TQ.3: D3 days, W2 weeks, L1 months; months count 30 days) as a number of days."""
    spec.options()
    days = {"D": 1, "W": 7, "L": 30}

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | None:
        match = _DURATION.match(path.text(repetition).upper())
        if match is None:
            return None
        count = int(match[2]) * days[match[1]]
        return Value(count, (Leaf("", count, path.source(repetition)),))

    return first_valid(spec, convert)


def facility(spec: Spec) -> Reader:
    """The prescribing facility's name, with the address of `address:` where its ZIP is valid."""
    spec.options("address", "states", "countries")
    tables = AddressTables(spec.words("states"), spec.words("countries"))
    address_path = spec.path("address")

    def convert(context: Context, path: Path, repetition: Repetition) -> Value | None:
        name = hd_name(path, repetition)
        if not name:
            return None
        value: dict[str, Any] = {"name": name}
        leaves = [Leaf(".name", name, path.source(repetition))]
        segment = next(
            (s for s in context.message.all(path.segment) if repetition.path.startswith(f"{s.path}-")), None
        )
        entry = segment.rep(address_path.field) if segment is not None and address_path is not None else None
        if entry is not None and not entry.is_null and isinstance(tables.zip_of(entry), str):
            where = tables.value(context, entry)
            value["address"] = where.value
            leaves += [Leaf(f".address{leaf.path}", leaf.value, leaf.source) for leaf in where.leaves]
        return Value(value, tuple(leaves))

    return first_valid(spec, convert)


TYPES: dict[str, TypeMaker] = {
    "drug": drug,
    "product": product,
    "coded": coded,
    "quantity": quantity,
    "sig": sig,
    "timing": timing,
    "duration": duration,
    "facility": facility,
}

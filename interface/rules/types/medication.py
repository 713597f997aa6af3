"""Drugs, products, dose forms and routes of pharmacy orders, and the facility that prescribes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from interface.contract.texts import is_clean
from interface.hl7.message import Repetition
from interface.rules.context import Context, clean_text, visible
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.tables import Table
from interface.rules.types.address import AddressTables
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Unfit,
    Value,
    as_fact,
    elsewhere,
    first_valid,
    recurring,
    where_valued,
)
from interface.rules.types.coding import Coding, codings, misfit, named_system, system_row
from interface.rules.types.values import hd_name

NDC = "2.16.840.1.113883.6.69"
"""OID of the National Drug Code."""
_FORBIDDEN = "the code holds a character that is forbidden in codes"
_OTHERWISE_NAMED = "asked for under another name than the pharmacy encoded: it may be another drug"


def _trouble(system: str, code: str) -> str:
    """Why a code of that system (its key or OID) is not sent; empty: it may be."""
    if not (is_clean(code) and code.isprintable()):  # nor may it hold what nobody sees
        return _FORBIDDEN
    return misfit(system, code.upper())


def label_of(repetition: Repetition) -> tuple[str, str]:
    """CWE.2, .5, .9, in that order, and where it stands."""
    for component in (2, 5, 9):
        text = visible(repetition.component(component).strip())
        if text:
            return text, repetition.at(component)
    return "", ""


def note_others(context: Context, taken: Repetition, others: Sequence[Repetition]) -> None:
    """Say what else stands in a field of which the request has one value."""
    for entry in others:
        text, source = next(
            (found for n in (2, 1, 5, 4, 9) if (found := (entry.component(n).strip(), entry.at(n)))[0]),
            ("", ""),
        )
        if text and entry.raw != taken.raw:
            context.leave_out(source, text, f"the request has room for one: {taken.path} is sent")


def _code_value(
    code: str,
    source: str,
    system: Mapping[str, str],
    label: tuple[str, str],
    said: tuple[str, ...] = (),
) -> Value:
    """The contract's Code: code and system where known and clean, always a label."""
    value: dict[str, Any] = {}
    leaves: list[Leaf] = []
    if code:
        named = (
            ("code", code),
            ("codeSystem", system.get("oid", "")),
            ("codeSystemName", system.get("name", "")),
        )
        for key, text in named:
            if text:
                value[key] = text
                leaves.append(Leaf(f".{key}", text, source))
    value["displayName"] = label[0]
    leaves.append(Leaf(".displayName", *label))
    return Value(value, tuple(leaves), said)


def _row(systems: Table, coding: Coding) -> Any:
    """The row of the coding's system; None when it is unknown. Undeclared, a code with an NDC's dashes is one."""
    if coding.system:
        return system_row(systems, coding.system)
    return systems.get("NDC") if "-" in coding.code and ndc11(coding.code) else None


def _system(context: Context, systems: Table, coding: Coding) -> Mapping[str, str]:
    """OID and name of a coding's system; of an unknown one the name as sent, which is noted."""
    row = _row(systems, coding)
    if row is not None:
        return row  # type: ignore[no-any-return]
    if not coding.system:
        return {}
    name = clean_text(coding.system)
    context.leave_out(
        coding.code_source, coding.system, f"table {systems.name} has no such coding system: sent by name"
    )
    return {"name": name} if name else {}


def _key(systems: Table, coding: Coding) -> str:
    row = _row(systems, coding)
    return row["key"] if row is not None else ""


def _oid(systems: Table, coding: Coding) -> str:
    row = system_row(systems, coding.system) if coding.system else None
    return str(row.get("oid", "")) if row is not None else ""


def drug(spec: Spec) -> Reader:
    """The drug's name (contract: Medication.nameCode): of the codings the preferred system's, else what there is.

    An NDC that can't be told apart is no code of it either (`product` says so); the label stays. `system:` is that of codes
    that name none; where no text goes with the code, or there is no code, the label is at `label_from:`.
    """
    spec.options("systems", "prefer", "skip", "system", "label_from")
    systems = spec.needed_table("systems")
    prefer, skip = spec.strings("prefer"), spec.strings("skip")
    system, label_from = named_system(spec, systems), spec.path_list("label_from")

    def rank(key: str) -> int:
        if key in prefer:
            return prefer.index(key)
        return len(prefer) + (2 if key in skip else 0 if key else 1)

    def convert(
        context: Context, _: Path, repetition: Repetition, beside: tuple[str, str] = ("", "")
    ) -> Value | Unfit | None:
        sent = declared(codings(repetition), system)
        keyed = [(_key(systems, coding), coding) for coding in sent if coding.code]
        label = label_of(repetition)
        if not label[0]:
            label = beside
        ranked = sorted(keyed, key=lambda pair: rank(pair[0]))
        for place, (key, coding) in enumerate(ranked, 1):
            if key == "NDC" and ndc11(coding.code) is None:
                continue
            if trouble := _trouble(key, coding.code):
                context.leave_out(coding.code_source, coding.code, trouble)
                continue
            said: tuple[str, ...] = ()
            if not label[0]:
                label = (coding.code, coding.code_source)
                said = (
                    f"{coding.code_source} has no label: the code stands for it where no other message gives one",
                )
            value = _code_value(
                coding.code, coding.code_source, _system(context, systems, coding), label, said
            )
            for other_key, other in ranked[place:]:  # another NDC is the product's
                if other_key != "NDC" and other.code != coding.code:
                    context.leave_out(
                        other.code_source,
                        other.code,
                        f"another code of the same: {coding.code_source} is sent",
                    )
            break
        else:
            if not label[0]:
                return None
            value = _code_value("", "", {}, label)
        return _with_others(context, systems, value, [coding for _, coding in keyed])

    if not label_from:
        return recurring(first_valid(spec, convert, others=note_others))

    def read(context: Context, scope: Scope) -> Fact | None:
        beside = elsewhere(label_from, scope)
        found = first_valid(spec, partial(convert, beside=beside), others=note_others)(context, scope)
        if found is None and beside[0]:
            return as_fact(_code_value("", "", {}, beside), spec.name, context)
        return found

    return recurring(where_valued(read, *label_from))


def declared(sent: Iterable[Coding], system: str) -> Iterable[Coding]:
    """The codings, those that name no system as of this one; none: as sent."""
    if not system:
        return sent
    return [coding if coding.system else msgspec.structs.replace(coding, system=system) for coding in sent]


def _with_others(context: Context, systems: Table, value: Value, sent: Sequence[Coding]) -> Value:
    """With the codes that are not sent, for the site's withhold list: all but the best, and an NDC that can't be told."""
    if not context.keep_ids:
        return value
    ids = []
    for coding in sent:
        if coding.code and coding.code != value.value.get("code"):
            row = _row(systems, coding)
            named = coding.system if row is None else row.get("oid") or row.get("name", "")
            ids.append(Leaf(named, coding.code, coding.code_source))
    return msgspec.structs.replace(value, ids=tuple(ids)) if ids else value


def ndc11(code: str) -> str | None:
    """An NDC as eleven digits: 5-4-2 loses its dashes, 4-4-2, 5-3-2 and 5-4-1 get their zero.

    None when it can't be told: ten digits without dashes, or no NDC at all (all zeros stand for none).
    """
    if not code.strip("0-"):
        return None
    if code.isascii() and code.isdigit():
        return code if len(code) == 11 else None
    parts = code.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    lengths = tuple(len(part) for part in parts)
    if lengths in ((5, 4, 2), (4, 4, 2), (5, 3, 2), (5, 4, 1)):
        return parts[0].zfill(5) + parts[1].zfill(4) + parts[2].zfill(2)
    return None


def ndc_candidates(code: str) -> tuple[str, ...]:
    """The products that an NDC may be, each as eleven digits: of ten digits without dashes three."""
    if len(code) == 10 and code.isascii() and code.isdigit():
        return f"0{code}", f"{code[:5]}0{code[5:]}", f"{code[:9]}0{code[9:]}"
    eleven = ndc11(code)
    return (eleven,) if eleven else (code,)


def product(spec: Spec) -> Reader:
    """The exact product (contract: MedicationRequest.code): an NDC as eleven digits, else RxNorm.

    What was asked for (segment `asked:`) may be another drug than the pharmacy has encoded or given out: it counts only
    where the other fields name none, or name it alike. A site's rule without a path of that segment reads none of it.
    `system:` and `label_from:` as those of the drug's name.
    """
    spec.options("systems", "asked", "system", "label_from")
    systems, rule, segment = spec.needed_table("systems"), spec.name, str(spec.body.get("asked", ""))
    paths = tuple(path for path in spec.paths if path.segment != segment)
    asked = tuple(path for path in spec.paths if path.segment == segment)
    if segment and (trouble := Path(segment, 1).trouble):
        raise spec.error("asked", f"asked: {trouble}")

    system, label_from = named_system(spec, systems), spec.path_list("label_from")

    def search(
        context: Context, sent: list[_Sent], beside: tuple[str, str]
    ) -> tuple[Value | None, Value | None]:
        """The first NDC; without one the first RxNorm code."""
        rxnorm: Value | None = None
        for coding, repetition in sent:
            row = _row(systems, coding)
            if row is None or row["key"] not in ("NDC", "RXNORM") or not coding.code:
                continue
            key = row["key"]
            label = (coding.text, coding.text_source) if coding.text else label_of(repetition)
            label = label if label[0] else beside
            if key == "NDC":
                found = _ndc(context, coding, row, label)
                if found is not None:
                    return found, None
            elif trouble := _trouble(key, coding.code):
                context.leave_out(coding.code_source, coding.code, trouble)
            elif rxnorm is None:
                shown = label if label[0] else (coding.code, coding.code_source)
                rxnorm = _code_value(coding.code, coding.code_source, row, shown)
        return None, rxnorm

    def read(context: Context, scope: Scope) -> Fact | None:
        encoded = _sent_at(paths, scope, system)
        beside = elsewhere(label_from, scope)
        ndc, rxnorm = search(context, encoded, beside)
        wanted = _sent_at(asked, scope, system) if ndc is None else []
        if wanted and _may_differ(encoded, wanted):
            for coding, _ in wanted:
                if _key(systems, coding) in ("NDC", "RXNORM") and coding.code:
                    context.leave_out(coding.code_source, coding.code, _OTHERWISE_NAMED)
        elif wanted:
            ndc, second = search(context, wanted, beside)
            rxnorm = rxnorm or second
        found = ndc or rxnorm
        if found is None:
            return None
        _note_unsent(context, systems, found, encoded)
        sent = [coding for coding, _ in (*encoded, *wanted)]
        return as_fact(_with_others(context, systems, found, sent), rule, context)

    return recurring(read)


_Sent = tuple[Coding, Repetition]
_NAMES = ("RXE-2", "RXD-2")
"""What names the drug: `drug` says which of its codes is not sent."""


def _note_unsent(context: Context, systems: Table, found: Value, sent: list[_Sent]) -> None:
    """Say which products, and other codes of the fields that hold no name, are not sent."""
    code, source = found.value["code"], found.leaves[0].source
    for coding, entry in sent:
        key = _key(systems, coding)
        if not coding.code or coding.code == code or (key == "NDC" and ndc11(coding.code) in (code, None)):
            continue  # an NDC that can't be told was said
        if key == "NDC" or f"{entry.segment.name}-{entry.field}" not in _NAMES:
            context.leave_out(coding.code_source, coding.code, f"another code of the same: {source} is sent")


def _sent_at(paths: Sequence[Path], scope: Scope, system: str) -> list[_Sent]:
    return [
        (coding, entry)
        for path in paths
        for entry in path.repetitions(scope)
        for coding in declared(codings(entry), system)
    ]


def _may_differ(encoded: list[_Sent], wanted: list[_Sent]) -> bool:
    """Whether both name a drug, and no name or code is the same in both."""
    names = _names(encoded)
    return bool(names) and names.isdisjoint(_names(wanted))


def _names(sent: list[_Sent]) -> set[str]:
    texts = (
        text for coding, entry in sent for text in (coding.code, coding.text, entry.component(9).strip())
    )
    return {text.casefold() for text in texts if text}


def _ndc(context: Context, coding: Coding, system: Mapping[str, str], label: tuple[str, str]) -> Value | None:
    eleven = ndc11(coding.code)
    if eleven is None:
        context.leave_out(
            coding.code_source,
            coding.code,
            "an NDC of this form can't be told apart: neither 11 digits nor dashes in place",
        )
        return None
    said = () if eleven == coding.code else (f"{coding.code_source} written as eleven digits",)
    if not coding.system:
        said = (*said, f"{coding.code_source}: no coding system is declared, and the form is that of an NDC")
    shown = label if label[0] else (eleven, coding.code_source)
    return _code_value(eleven, coding.code_source, system, shown, said)


def coded(spec: Spec) -> Reader:
    """A coded value: as a row of `table:` translates it into the system `to:` (OID, name), else as sent.

    A coding that is of that system already is taken as it is. `systems:` names the others by OID.
    """
    spec.options("table", "to", "systems")
    table, systems = spec.table("table"), spec.needed_table("systems")
    given = spec.strings("to")
    to = {"oid": given[0], "name": given[1]} if len(given) == 2 else {}
    if table is not None and not to:
        raise spec.error("to", "'to:' is the table's coding system: [OID, name]")

    def convert(context: Context, _: Path, repetition: Repetition) -> Value | None:
        label = label_of(repetition)
        sent = [coding for coding in codings(repetition) if coding.code]
        for coding in sent:
            oid = _oid(systems, coding)
            if to and oid == to["oid"] and not _trouble(oid, coding.code):
                return _code_value(
                    coding.code,
                    coding.code_source,
                    to,
                    label if label[0] else (coding.code, coding.code_source),
                )
        if table is not None:
            found = _translated(table, to, sent, label, repetition)
            if found is not None:
                return found
        return _as_sent(context, table, systems, sent, label)

    return recurring(first_valid(spec, convert, others=note_others))


def _translated(
    table: Table, to: Mapping[str, str], sent: list[Coding], label: tuple[str, str], repetition: Repetition
) -> Value | None:
    """By the first code or label that has a row with a concept; None when there is none."""
    for text, source in [*((coding.code, coding.code_source) for coding in sent), label]:
        row = table.get(text) if text else None
        if row is not None and "code" in row:
            shown = label if label[0] else (row["name"], source)
            return _code_value(row["code"], source, to, shown, (f"{repetition.path} by table {table.name}",))
    return None


def _as_sent(
    context: Context, table: Table | None, systems: Table, sent: list[Coding], label: tuple[str, str]
) -> Value | None:
    coding = None
    for entry in sent:
        trouble = _trouble(_oid(systems, entry), entry.code)
        if not trouble:
            coding = entry
            break
        context.leave_out(entry.code_source, entry.code, trouble)
    known = table.get(coding.code) if table is not None and coding is not None else None
    if sent and not label[0]:
        first = coding or sent[0]
        label = (known["name"] if known else first.code, first.code_source)
    if not label[0]:
        return None
    if sent and coding is None:
        return _code_value("", "", {}, label)
    if table is not None and known is None:
        source, value = (coding.code_source, coding.code) if coding is not None else (label[1], label[0])
        context.leave_out(source, value, f"table {table.name} has no such code: sent as it is")
    if coding is None:
        return _code_value("", "", {}, label)
    return _code_value(coding.code, coding.code_source, _system(context, systems, coding), label)


def facility(spec: Spec) -> Reader:
    """The prescribing facility's name; with the address of `address:` where the name is that of the first path.

    Only an address with a US ZIP is sent (contract: Address).
    """
    spec.options("address", "states", "countries")
    tables = AddressTables(spec.words("states"), spec.words("countries"))
    address_path, own = spec.path("address"), (spec.paths[0].segment, spec.paths[0].field)

    def convert(context: Context, path: Path, repetition: Repetition) -> Value | None:
        name = visible(hd_name(path, repetition))
        if not name:
            return None
        value: dict[str, Any] = {"name": name}
        leaves = [Leaf(".name", name, path.source(repetition))]
        entry = repetition.segment.rep(address_path.field) if address_path is not None else None
        if entry is None or entry.is_null:
            return Value(value, tuple(leaves))
        if (path.segment, path.field) != own:
            context.leave_out(
                entry.path, entry.text(), f"the address of another facility than {path.segment}-{path.field}"
            )
            return Value(value, tuple(leaves))
        trouble = tables.zip_of(entry)
        if not isinstance(trouble, str):
            context.leave_out(entry.path, entry.text(), trouble.why)
            return Value(value, tuple(leaves))
        where = tables.value(context, entry)
        value["address"] = where.value
        leaves += [Leaf(f".address{leaf.path}", leaf.value, leaf.source) for leaf in where.leaves]
        return Value(value, tuple(leaves), where.said)

    return recurring(first_valid(spec, convert, others=note_others))


TYPES: dict[str, TypeMaker] = {"drug": drug, "product": product, "coded": coded, "facility": facility}

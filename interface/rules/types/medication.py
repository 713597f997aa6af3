"""Drugs, dose forms and routes of pharmacy orders, and the facility that prescribes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from interface.hl7.message import Repetition
from interface.rules.context import Context, visible
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
from interface.rules.types.codes import (
    code_value,
    declared,
    key_of,
    label_of,
    note_others,
    oid_of,
    system_of,
    trouble_of,
    with_others,
)
from interface.rules.types.coding import Coding, codings, named_system
from interface.rules.types.ndc import ndc11
from interface.rules.types.values import hd_name


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
        keyed = [(key_of(systems, coding), coding) for coding in sent if coding.code]
        label = label_of(repetition)
        if not label[0]:
            label = beside
        ranked = sorted(keyed, key=lambda pair: rank(pair[0]))
        for place, (key, coding) in enumerate(ranked, 1):
            if key == "NDC" and ndc11(coding.code) is None:
                continue
            if trouble := trouble_of(key, coding.code):
                context.leave_out(coding.code_source, coding.code, trouble)
                continue
            said: tuple[str, ...] = ()
            if not label[0]:
                label = (coding.code, coding.code_source)
                said = (
                    f"{coding.code_source} has no label: the code stands for it where no other message gives one",
                )
            value = code_value(
                coding.code, coding.code_source, system_of(context, systems, coding), label, said
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
            value = code_value("", "", {}, label)
        return with_others(systems, value, [coding for _, coding in keyed])

    if not label_from:
        return recurring(first_valid(spec, convert, others=note_others))

    def read(context: Context, scope: Scope) -> Fact | None:
        beside = elsewhere(label_from, scope)
        found = first_valid(spec, partial(convert, beside=beside), others=note_others)(context, scope)
        if found is None and beside[0]:
            return as_fact(code_value("", "", {}, beside), spec.name, context)
        return found

    return recurring(where_valued(read, *label_from))


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
            oid = oid_of(systems, coding)
            if to and oid == to["oid"] and not trouble_of(oid, coding.code):
                return code_value(
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
            return code_value(row["code"], source, to, shown, (f"{repetition.path} by table {table.name}",))
    return None


def _as_sent(
    context: Context, table: Table | None, systems: Table, sent: list[Coding], label: tuple[str, str]
) -> Value | None:
    coding = None
    for entry in sent:
        trouble = trouble_of(oid_of(systems, entry), entry.code)
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
        return code_value("", "", {}, label)
    if table is not None and known is None:
        source, value = (coding.code_source, coding.code) if coding is not None else (label[1], label[0])
        context.leave_out(source, value, f"table {table.name} has no such code: sent as it is")
    if coding is None:
        return code_value("", "", {}, label)
    return code_value(coding.code, coding.code_source, system_of(context, systems, coding), label)


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


TYPES: dict[str, TypeMaker] = {"drug": drug, "coded": coded, "facility": facility}

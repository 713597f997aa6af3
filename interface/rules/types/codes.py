"""The contract's Code of a coding: its system by table, its label, and what a field holds beside the one that is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from interface.contract.texts import is_clean
from interface.hl7.message import Repetition
from interface.rules.context import Context, clean_text, visible
from interface.rules.facts import Leaf
from interface.rules.tables import Table
from interface.rules.types.base import Value
from interface.rules.types.coding import Coding, misfit, system_row
from interface.rules.types.ndc import ndc11

_FORBIDDEN = "the code holds a character that is forbidden in codes"


def trouble_of(system: str, code: str) -> str:
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


def code_value(
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


def row_of(systems: Table, coding: Coding) -> Any:
    """The row of the coding's system; None when it is unknown. Undeclared, a code with an NDC's dashes is one."""
    if coding.system:
        return system_row(systems, coding.system)
    return systems.get("NDC") if "-" in coding.code and ndc11(coding.code) else None


def system_of(context: Context, systems: Table, coding: Coding) -> Mapping[str, str]:
    """OID and name of a coding's system; of an unknown one the name as sent, which is noted."""
    row = row_of(systems, coding)
    if row is not None:
        return row  # type: ignore[no-any-return]
    if not coding.system:
        return {}
    name = clean_text(coding.system)
    context.leave_out(
        coding.code_source, coding.system, f"table {systems.name} has no such coding system: sent by name"
    )
    return {"name": name} if name else {}


def key_of(systems: Table, coding: Coding) -> str:
    """The key of the coding's system; empty when it is unknown."""
    row = row_of(systems, coding)
    return row["key"] if row is not None else ""


def oid_of(systems: Table, coding: Coding) -> str:
    """The OID of the system that a coding names; empty when it is unknown."""
    row = system_row(systems, coding.system) if coding.system else None
    return str(row.get("oid", "")) if row is not None else ""


def declared(sent: Iterable[Coding], system: str) -> Iterable[Coding]:
    """The codings, those that name no system as of this one; none: as sent."""
    if not system:
        return sent
    return [coding if coding.system else msgspec.structs.replace(coding, system=system) for coding in sent]


def with_others(systems: Table, value: Value, sent: Sequence[Coding]) -> Value:
    """With the codes that are not sent, for the site's withhold list: all but the best, and an NDC that can't be told."""
    ids = []
    for coding in sent:
        if coding.code and coding.code != value.value.get("code"):
            row = row_of(systems, coding)
            named = coding.system if row is None else row.get("oid") or row.get("name", "")
            ids.append(Leaf(named, coding.code, coding.code_source))
    return msgspec.structs.replace(value, ids=tuple(ids)) if ids else value

"""The exact product of a pharmacy order: an NDC, else RxNorm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interface.hl7.message import Repetition
from interface.rules.context import Context
from interface.rules.facts import Fact
from interface.rules.paths import Path, Scope
from interface.rules.tables import Table
from interface.rules.types.base import Reader, Spec, TypeMaker, Value, as_fact, elsewhere, recurring
from interface.rules.types.codes import (
    code_value,
    declared,
    key_of,
    label_of,
    row_of,
    trouble_of,
    with_others,
)
from interface.rules.types.coding import Coding, codings, named_system
from interface.rules.types.ndc import ndc11

_OTHERWISE_NAMED = "asked for under another name than the pharmacy encoded: it may be another drug"
_NAMES = ("RXE-2", "RXD-2")
"""What names the drug: `drug` says which of its codes is not sent."""
_Sent = tuple[Coding, Repetition]


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
            row = row_of(systems, coding)
            if row is None or row["key"] not in ("NDC", "RXNORM") or not coding.code:
                continue
            key = row["key"]
            label = (coding.text, coding.text_source) if coding.text else label_of(repetition)
            label = label if label[0] else beside
            if key == "NDC":
                found = _ndc(context, coding, row, label)
                if found is not None:
                    return found, None
            elif trouble := trouble_of(key, coding.code):
                context.leave_out(coding.code_source, coding.code, trouble)
            elif rxnorm is None:
                shown = label if label[0] else (coding.code, coding.code_source)
                rxnorm = code_value(coding.code, coding.code_source, row, shown)
        return None, rxnorm

    def read(context: Context, scope: Scope) -> Fact | None:
        encoded = _sent_at(paths, scope, system)
        beside = elsewhere(label_from, scope)
        ndc, rxnorm = search(context, encoded, beside)
        wanted = _sent_at(asked, scope, system) if ndc is None else []
        if wanted and _may_differ(encoded, wanted):
            for coding, _ in wanted:
                if key_of(systems, coding) in ("NDC", "RXNORM") and coding.code:
                    context.leave_out(coding.code_source, coding.code, _OTHERWISE_NAMED)
        elif wanted:
            ndc, second = search(context, wanted, beside)
            rxnorm = rxnorm or second
        found = ndc or rxnorm
        if found is None:
            return None
        _note_unsent(context, systems, found, encoded)
        sent = [coding for coding, _ in (*encoded, *wanted)]
        return as_fact(with_others(systems, found, sent), rule, context)

    return recurring(read)


def _note_unsent(context: Context, systems: Table, found: Value, sent: list[_Sent]) -> None:
    """Say which products, and other codes of the fields that hold no name, are not sent."""
    code, source = found.value["code"], found.leaves[0].source
    for coding, entry in sent:
        key = key_of(systems, coding)
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
    return code_value(eleven, coding.code_source, system, shown, said)


TYPES: dict[str, TypeMaker] = {"product": product}

"""Problems: coded diagnoses in the systems the contract has a place for."""

from __future__ import annotations

import re

from interface.contract.texts import is_clean
from interface.hl7.message import Repetition
from interface.rules.context import Context, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.tables import Table
from interface.rules.types.base import Reader, Spec, TypeMaker

_ICD10_SHAPE = re.compile(r"^[A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?$")
_ICD9_SHAPE = re.compile(r"^\d{3}\.\d{1,2}$")
_UNDOTTED = {
    "ICD10": re.compile(r"^([A-Z]\d[0-9A-Z])([0-9A-Z]{1,4})$", re.ASCII),
    "ICD9": re.compile(r"^(E\d{3}|V\d{2}|\d{3})(\d{1,2})$", re.ASCII),
}
_ICD9_LETTER = re.compile(r"^(?:V\d{2}|E\d{3})(?:\.?\d{1,2})?$")

LISTS = ("ICD10", "ICD9", "SNOMED")
_NAMES = {"ICD10": "ICD-10", "ICD9": "ICD-9", "SNOMED": "SNOMED CT"}
_FORMS = {
    "ICD10": _ICD10_SHAPE,
    "ICD9": re.compile(r"^(?:\d{3}|V\d{2}|E\d{3})(?:\.?\d{1,2})?$"),
    "SNOMED": re.compile(r"^[1-9]\d{5,17}$"),
}
"""What a code must look like to be one at all; text in a code's place is none (release formats of the three systems)."""
_OID = re.compile(r"^(?:urn:oid:)?([0-2](?:\.(?:0|[1-9]\d*)){3,})$", re.ASCII | re.IGNORECASE)
_ANY_FORM = re.compile(r"^\S+$")
"""Of a system whose codes are not known here: text has blanks, a code has none."""


def dotted(system: str, code: str) -> str:
    """The code as the contract wants it: upper case, the dot where ICD needs it (E6601 is E66.01, E8490 is E849.0).

    What has not the form of an ICD code gets no dot.
    """
    if system not in _UNDOTTED:
        return code
    upper = code.upper().rstrip(".")
    match = _UNDOTTED[system].match(upper)
    return f"{match[1]}.{match[2]}" if match else upper


def by_shape(code: str) -> str:
    """The only system of the three that could have an undeclared code; empty when that can't be told."""
    upper = code.upper()
    if _ICD9_SHAPE.match(upper):
        return "ICD9"
    if _ICD10_SHAPE.match(upper) and not _ICD9_LETTER.match(upper):
        return "ICD10"
    return ""


def diagnosis(spec: Spec) -> Reader:
    """DG1-3 or PRB-3: every coding whose system the contract has a place for, as `[{"system", "code", "label"}, …]`.

    Version 1 has lists for ICD-10, ICD-9 and SNOMED CT. Version 2 takes every other system that `systems:` knows and that
    has an OID, by `oids:` or as it was sent; the OID is then its name.

    The system is named by CWE.3/.6, else by `system_from:`; undeclared it is the site's default, else told by shape
    only where no other system could have the code. What is left out is noted with its reason.
    """
    spec.options("systems", "oids", "system_from", "label_from")
    systems, oids, rule, path = spec.needed_table("systems"), spec.table("oids"), spec.name, spec.paths[0]
    system_from, label_from = spec.path_list("system_from"), spec.path_list("label_from")

    def elsewhere(paths: tuple[Path, ...], scope: Scope) -> tuple[str, str]:
        for entry in paths:
            for repetition in entry.repetitions(scope):
                if found := entry.text(repetition):
                    return found, entry.source(repetition)
        return "", ""

    def system_of(context: Context, sent: str, code: str) -> tuple[str, str]:
        """The system's key and, when it is none of the lists', why the code is left out."""
        if sent:
            found = systems.get(sent)
            if found in LISTS:
                return found, ""
            if found == "procedure":
                return "", "a procedure system holds no diagnoses"
            if context.policy.api_version == 1:
                return "", f"the request has no list for the coding system {sent}"
            if found is None:
                return "", f"table {systems.name} has no coding system {sent}"
            oid = _oid_of(sent, oids)
            return oid, "" if oid else f"table diagnosis_oids has no OID of the coding system {sent}"
        if context.policy.default_problem_system:
            return context.policy.default_problem_system, ""
        shape = by_shape(code)
        return shape, "" if shape else "no coding system is declared, and the code could be of several"

    def read(context: Context, scope: Scope) -> Fact | None:
        found: list[dict[str, str]] = []
        leaves: list[Leaf] = []
        said: list[str] = []
        why = ""
        for repetition in path.repetitions(scope):
            if repetition.is_null:
                continue
            shared_system, shared_source = elsewhere(system_from, scope)
            shared_label, shared_label_source = elsewhere(label_from, scope)
            for number in (1, 4):
                coding = _coding(repetition, number)
                if not coding[0].strip("."):
                    if coding[1] or coding[0]:
                        context.leave_out(repetition.at(number), coding[1] or coding[0], "no code")
                    continue
                code, label, sent = coding
                named = repetition.at(number + 2)
                if not sent and number == 1:
                    sent, named = shared_system, shared_source
                system, trouble = system_of(context, sent, code)
                source = repetition.at(number)
                if not trouble and not (is_clean(code) and code.isprintable()):
                    trouble = "the code holds a character that is forbidden in codes"
                if not trouble and not _FORMS.get(system, _ANY_FORM).match(code.upper().rstrip(".")):
                    trouble = f"no code of {_NAMES.get(system, system)} has this form"
                if trouble:
                    why = why or trouble
                    context.leave_out(source, code, trouble)
                    continue
                whole = dotted(system, code)
                if whole != code:
                    said.append(f"{source} written as the contract wants it")
                label_source = repetition.at(number + 1)
                if not label:
                    other = repetition.component(5 if number == 1 else 2).strip()
                    if other:
                        label, label_source = other, repetition.at(5 if number == 1 else 2)
                    elif shared_label:
                        label, label_source = shared_label, shared_label_source
                    else:
                        label, label_source = whole, source
                        said.append(f"{source} has no label: the code stands for it")
                where = f"[{len(found)}]"
                found.append({"system": system, "code": whole, "label": label})
                leaves += [
                    Leaf(f"{where}.code", whole, source),
                    Leaf(f"{where}.displayName", label, label_source),
                ]
                if context.policy.api_version != 1:
                    said_by = named if sent else _undeclared(context, source)
                    leaves.append(Leaf(f"{where}.codeSystem", sent or system, said_by))
        if not path_is_valued(path, scope):
            label, source = elsewhere(label_from, scope)
            if label:
                context.leave_out(source, label, "a diagnosis with no code")
        if found:
            return Fact(found, tuple(leaves), rule, context.at, context.control_id, tuple(said))
        return no_fact(rule, context, why) if why else None

    return read


def _oid_of(sent: str, oids: Table | None) -> str:
    """The OID of a coding system that is known and has no list: by table, or as it was sent; empty when there is none."""
    match = _OID.match(sent.strip())
    return match[1] if match else str(oids.get(sent) or "") if oids is not None else ""


def _undeclared(context: Context, code_source: str) -> str:
    """Where the system of a code comes from that names none: the setting, else the form of the code."""
    return (
        "settings:mappings.default_problem_system" if context.policy.default_problem_system else code_source
    )


def path_is_valued(path: Path, scope: Scope) -> bool:
    """Whether any repetition of the field holds something."""
    return any(not entry.is_null and entry.raw.strip("^& ") for entry in path.repetitions(scope))


def _coding(repetition: Repetition, number: int) -> tuple[str, str, str]:
    """Code, text and system of a CWE's coding (1: the first, 4: the alternate)."""
    return (
        repetition.component(number).strip(),
        repetition.component(number + 1).strip(),
        repetition.component(number + 2).strip(),
    )


TYPES: dict[str, TypeMaker] = {"diagnosis": diagnosis}

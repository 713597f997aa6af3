"""Problems: coded diagnoses in the systems the contract has a place for."""

from __future__ import annotations

import re

import msgspec

from interface.contract.texts import is_clean
from interface.hl7.datatypes.dtm import parse_dtm
from interface.hl7.message import Repetition
from interface.rules.context import Context, deleted_fact, no_fact, visible
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.tables import normal
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Unfit,
    Value,
    elsewhere,
    first_valid,
    one,
    one_by_one,
    recurring,
)
from interface.rules.types.coding import ICD10_FORM, Coding, codings, misfit, named_system, system_row

_ICD9_SHAPE = re.compile(r"^\d{3}\.\d{1,2}$", re.ASCII)
_UNDOTTED = {
    "ICD10": re.compile(r"^([A-Z]\d[0-9A-Z])([0-9A-Z]{1,4})$", re.ASCII),
    "ICD9": re.compile(r"^(E\d{3}|V\d{2}|\d{3})(\d{1,2})$", re.ASCII),
}
_IN_BRACKETS = re.compile(r"^(.*\S)\s*\[([A-Z]\d\d|[A-Z0-9]{3}\.[A-Z0-9]{1,4})\]$", re.ASCII)
"""A label with its code; without a dot only I10 and its like: H1N1 is none."""
_ICD9_LETTER = re.compile(r"^(?:V\d{2}|E\d{3})(?:\.?\d{1,2})?$", re.ASCII)

LISTS = ("ICD10", "ICD9", "SNOMED")
_MOST_CODINGS = 50
"""Of one diagnosis: each is held against each other that the chart has by its number."""
_ANY_FORM = re.compile(r"^\S+$")
"""Of a system whose codes are not known here: text has blanks, a code has none."""
_OID = re.compile(r"^(?:urn:oid:)?([0-2](?:\.(?:0|[1-9]\d*)){3,})$", re.ASCII | re.IGNORECASE)


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
    if ICD10_FORM.fullmatch(upper) and not _ICD9_LETTER.match(upper):
        return "ICD10"
    return ""


def diagnosis(spec: Spec) -> Reader:
    """DG1-3 or PRB-3: every coding whose system the contract has a place for, as `[{"system", "code", "label"}, …]`.

    Version 1 has lists for ICD-10, ICD-9 and SNOMED CT. Version 2 takes every other system that `systems:` knows and that
    has an OID, by `oids:` or as it was sent; the OID is then its name.

    The system is named by CWE.3/.6, else by `system_from:`, else by `system:`; undeclared it is the site's default, else
    told by shape only where no other system could have the code. A label alone that ends with such a code in brackets
    (`Low back pain [M54.50]`) has it. What is left out is noted with its reason. `kind_from:` is the diagnosis' type
    (DG1-6), for sites that take some types only (`[mappings] diagnosis_types`).
    """
    spec.options("systems", "oids", "system_from", "system", "label_from", "kind_from")
    return recurring(_Diagnosis(spec).read)


class _Diagnosis:
    """One rule of the type `diagnosis`."""

    def __init__(self, spec: Spec):
        self.rule, self.path = spec.name, spec.paths[0]
        self.systems, self.oids = spec.needed_table("systems"), spec.table("oids")
        self.system_from, self.label_from = spec.path_list("system_from"), spec.path_list("label_from")
        self.kind_from = spec.path_list("kind_from")
        self.system = named_system(spec, self.systems)

    def read(self, context: Context, scope: Scope) -> Fact | None:
        found: list[dict[str, str]] = []
        leaves: list[Leaf] = []
        said: list[str] = []
        also: list[Leaf] = []
        texts: list[tuple[str, str, str]] = []
        why = deleted = ""
        unwanted = self._unwanted(context, scope)
        shared = elsewhere(self.system_from, scope)
        if not shared[0]:
            shared = (self.system, "")
        for repetition in self.path.repetitions(scope):
            if repetition.is_null:
                deleted = deleted or self.path.source(repetition)
                continue
            for coding in _bracketed(list(codings(repetition)), said):
                if len(found) >= _MOST_CODINGS:
                    sent = coding.code or coding.text
                    context.leave_out(
                        coding.code_source, sent, f"of one diagnosis {_MOST_CODINGS} codes count"
                    )
                    continue
                sent, sent_at = (
                    shared
                    if not coding.system and coding.number == 1
                    else (coding.system, coding.system_source)
                )
                system, trouble = self._judged(context, coding, sent)
                trouble = trouble or unwanted
                if trouble:
                    why = why or trouble
                    if not coding.code:
                        texts.append((coding.text_source, coding.text, trouble))
                        continue
                    context.leave_out(coding.code_source, coding.code, trouble)
                    if not unwanted and (other := self._other(sent)):
                        also.append(Leaf(other, coding.code, coding.code_source))
                    continue
                code = dotted(system, coding.code)
                if code != coding.code:
                    said.append(f"{coding.code_source} written as the contract wants it")
                label, source = self._label(repetition, coding, scope)
                if not label:
                    label, source = code, coding.code_source
                    said.append(
                        f"{source} has no label: the code stands for it where no other message gives one"
                    )
                where = f"[{len(found)}]"
                found.append({"system": system, "code": code, "label": label})
                leaves += [
                    Leaf(f"{where}.code", code, coding.code_source),
                    Leaf(f"{where}.displayName", label, source),
                ]
                if context.policy.api_version != 1:
                    named = (sent_at or coding.code_source) if sent else _undeclared(context, coding)
                    leaves.append(Leaf(f"{where}.codeSystem", sent or system, named))
        for source, text, trouble in texts:
            if all(leaf.source != source for leaf in leaves):  # else it is the other coding's label
                context.leave_out(source, text, trouble)
        if found:
            return Fact(
                found,
                tuple(leaves),
                self.rule,
                context.at,
                context.control_id,
                tuple(said),
                ids=tuple(also),
            )
        if not why:
            label, source = elsewhere(self.label_from, scope)
            if label:
                why = f"{self.path} has no code, and a label alone is no diagnosis"
                context.leave_out(source, label, why)
        if also:
            return Fact(None, (), self.rule, context.at, context.control_id, (), why, ids=tuple(also))
        if why:
            return no_fact(self.rule, context, why)
        return deleted_fact(self.rule, context, deleted) if deleted else None

    def _unwanted(self, context: Context, scope: Scope) -> str:
        """Why no diagnosis of this type is taken; empty when it is. A diagnosis that names no type is taken."""
        wanted = context.policy.diagnosis_types
        if not wanted or not self.kind_from:
            return ""
        kind, source = elsewhere(self.kind_from, scope)
        if not kind or normal(kind) in {normal(entry) for entry in wanted}:
            return ""
        return f"{source} is a type that [mappings] diagnosis_types does not take"

    def _judged(self, context: Context, coding: Coding, sent: str) -> tuple[str, str]:
        """The system's key and, when the code can't be sent, why. `sent` is the system as declared."""
        code = coding.code
        if not code.strip("."):
            return "", "no code"
        system, trouble = self._system_of(context, sent, code)
        if trouble:
            return "", trouble
        if not (is_clean(code) and code.isprintable()):
            return "", "the code holds a character that is forbidden in codes"
        if system not in LISTS and not _ANY_FORM.match(code):
            return "", f"no code of {system} has this form"
        if trouble := misfit(system, code.upper().rstrip(".")):
            return "", trouble
        return system, ""

    def _system_of(self, context: Context, sent: str, code: str) -> tuple[str, str]:
        if sent:
            found = system_row(self.systems, sent)
            if found in LISTS:
                return found, ""
            if found == "procedure":
                return "", "a procedure system holds no diagnoses"
            if found is None:
                return "", f"table {self.systems.name} has no coding system {sent}"
            if context.policy.api_version == 1:
                return "", f"the request has no list for the coding system {sent}"
            oid = self._oid_of(sent)
            return oid, "" if oid else f"table diagnosis_oids has no OID of the coding system {sent}"
        if context.policy.default_problem_system:
            return context.policy.default_problem_system, ""
        if not _ANY_FORM.match(code):
            return "", "text where a code belongs"
        shape = by_shape(code)
        return shape, "" if shape else "no coding system is declared, and the code could be of several"

    def _other(self, sent: str) -> str:
        """The OID of a system that version 1 has no list for: its codes say which others mean the same."""
        row = system_row(self.systems, sent) if sent else None
        return self._oid_of(sent) if row not in (None, "procedure", *LISTS) else ""

    def _oid_of(self, sent: str) -> str:
        """The OID of a system that is known and has no list: as it was sent, or by table; empty when there is none."""
        match = _OID.match(sent)
        if match is not None or self.oids is None:
            return match[1] if match is not None else ""
        return str(self.oids.get(sent) or "")

    def _label(self, repetition: Repetition, coding: Coding, scope: Scope) -> tuple[str, str]:
        """The coding's own text, that of the other coding, `label_from:`, then the original text (CWE.9)."""
        if coding.text:
            return coding.text, coding.text_source
        for component in (5, 2):
            if component != coding.number + 1 and (text := visible(repetition.component(component).strip())):
                return text, repetition.at(component)
        beside = elsewhere(self.label_from, scope)
        return beside if beside[0] else (visible(repetition.component(9).strip()), repetition.at(9))


def _bracketed(sent: list[Coding], said: list[str]) -> list[Coding]:
    """With the ICD code that the only text ends with, in brackets, where no coding has one (`Low back pain [M54.50]`)."""
    if len(sent) != 1 or sent[0].code:
        return sent
    coding = sent[0]
    match = _IN_BRACKETS.match(coding.text)
    if match is None or not by_shape(match[2]):
        return sent
    said.append(f"{coding.text_source}: the code in brackets")
    return [msgspec.structs.replace(coding, code=match[2], code_source=coding.text_source, text=match[1])]


def _undeclared(context: Context, coding: Coding) -> str:
    """Where the system of a code comes from that declares none: the setting, else the form of the code."""
    if context.policy.default_problem_system:
        return "settings:mappings.default_problem_system"
    return coding.code_source


def earliest_day(spec: Spec) -> Reader:
    """The day of a time; of a year or month alone its first day. For what has happened by then (PRB-9)."""
    spec.options()

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        sent = path.text(repetition)
        if not sent.strip("0"):
            return None
        stamp = parse_dtm(sent)
        if stamp is None:
            return Unfit(f"{path.source(repetition)} is not a date")
        day = f"{stamp.year:04d}-{stamp.month or 1:02d}-{stamp.day or 1:02d}"
        return one(day, path.source(repetition))

    return first_valid(spec, convert, note_unfit=True)


TYPES: dict[str, TypeMaker] = {"diagnosis": one_by_one(diagnosis), "earliest_day": earliest_day}

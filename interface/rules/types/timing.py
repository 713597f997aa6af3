"""How often a drug is taken: the timing of pharmacy orders."""

from __future__ import annotations

import re
from typing import Any

from interface.hl7.message import Repetition
from interface.rules.context import Context, deleted_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.source import RuleError
from interface.rules.tables import Table, normal
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    recurring,
)

_WORD_NUMBERS = {
    "ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5, "SIX": 6, "SEVEN": 7, "EIGHT": 8, "NINE": 9, "TEN": 10,
    "TWELVE": 12, "TWENTY-FOUR": 24, "FORTY-EIGHT": 48, "SEVENTY-TWO": 72,
}  # fmt: skip
_UNIT_LETTERS = {
    "S": ("S", "SEC", "SECS", "SECOND", "SECONDS"),
    "M": ("M", "MIN", "MINS", "MINUTE", "MINUTES"),
    "H": ("H", "HR", "HRS", "HOUR", "HOURS"),
    "D": ("D", "DAY", "DAYS"),
    "W": ("W", "WK", "WKS", "WEEK", "WEEKS"),
    "L": ("L", "MO", "MOS", "MON", "MONTH", "MONTHS"),
    "Y": ("YR", "YRS", "YEAR", "YEARS"),
}
_LETTER_OF = {word: letter for letter, words in _UNIT_LETTERS.items() for word in words}
_UNIT = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo", "Y": "a"}
"""FHIR units of time (contract: MedicationRequest.frequencyUnit)."""
_INTERVAL = re.compile(
    rf"^(?:Q|EVERY) ?(\d{{1,3}}|{'|'.join(_WORD_NUMBERS)})[ -]?({'|'.join(sorted(_LETTER_OF, key=len, reverse=True))})$"
)
_TEXT_FORMS = re.compile(
    r"^(?:[5-9]|\d\d)ID$|^Q\d{0,2}J[0-9]+$|^PRN|\bPRN$|\bAS NEEDED$|^U\b"
    r"|^(?:\d{1,2}|TWO|THREE|FOUR|FIVE|SIX) ?(?:X|TIMES) ?(?:A|PER|EVERY|EACH|/)? ?(?:WEEK|WEEKLY|WK|MONTH|MONTHLY|YEAR)$"
)
"""0335's <n>ID, Q<n>J<day>, PRN<x> and U <spec>, PRN behind a pattern, and rates that are no interval."""
_NEEDED = re.compile(r"\bPRN\b|\b(?:AS|IF|WHEN) NEEDED\b", re.IGNORECASE)
"""A condition (TQ1-10) under which a drug is taken as needed."""
_BARE = re.compile(r"^\d{1,2}$")
"""A number alone, where a pattern belongs: it says nothing to a person either."""
_ABBREVIATED = re.compile(r"(?<!\d)\.|\.(?!\d)")


def timing(spec: Spec) -> Reader:
    """A repeat pattern (HL7 table 0335): the contract's timingEvent, or an interval as frequencyValue and frequencyUnit.

    An interval is read as "every N units". A pattern that is neither stays in the text (`{"text": …}`, for where the
    sender wrote none); so do several that differ, and any of an order whose `priority:` or `condition:` says PRN.
    """
    spec.options("table", "priority", "condition")
    return recurring(_Timing(spec).read)


def _contradiction(row: dict[str, Any]) -> str:
    """What is wrong with a row of the table; empty: nothing. An interval is whole, and stands for itself."""
    halves = [name for name in ("frequencyValue", "frequencyUnit") if name in row]
    if len(halves) == 1:
        return f"{halves[0]} alone is no interval; it needs both frequencyValue and frequencyUnit"
    if halves and "timingEvent" in row:
        return "a timing is an event or an interval, not both"
    return ""


class _Timing:
    """One rule of the type `timing`."""

    def __init__(self, spec: Spec):
        self.rule, self.paths = spec.name, spec.paths
        self.table = spec.needed_table("table")
        self.priority = spec.path_list("priority")
        self.condition = spec.path_list("condition")
        for code, row in self.table.rows.items():
            if trouble := _contradiction(row):
                raise RuleError(f"{self.table.places[code]}: table {self.table.name}: {trouble}")

    def read(self, context: Context, scope: Scope) -> Fact | None:
        deleted = ""
        unknown: list[tuple[str, str]] = []
        for path in self.paths:
            sent: list[tuple[str, str, dict[str, Any] | None]] = []
            for repetition in path.repetitions(scope):
                if repetition.is_null:
                    deleted = deleted or path.source(repetition)
                elif code := _pattern(path, repetition):
                    row = pattern_row(code, self.table)
                    sent.append((_words(path, repetition), path.source(repetition), row))
            if any(row is not None for _, _, row in sent):
                self._pass_over(context, unknown)
                return self._fact(context, scope, sent)
            unknown += [(words, source) for words, source, _ in sent]
        bare = [(words, source) for words, source in unknown if _BARE.match(words)]
        self._pass_over(context, bare)
        if unknown := [pair for pair in unknown if pair not in bare]:
            return self._in_text(
                context,
                unknown,
                "a timing that is neither an event nor an interval: only the text can say it",
            )
        self._note_misplaced(context, scope)
        return deleted_fact(self.rule, context, deleted) if deleted else None

    def _pass_over(self, context: Context, unknown: list[tuple[str, str]]) -> None:
        for words, source in unknown:
            context.leave_out(source, words, f"table {self.table.name} has no such timing")

    def _note_misplaced(self, context: Context, scope: Scope) -> None:
        """A timing where the priority belongs may be one, or not: it is not taken, but said."""
        for path in self.priority:
            for repetition in path.repetitions(scope):
                sent = path.text(repetition)
                if sent and pattern_row(sent, self.table):
                    context.leave_out(path.source(repetition), sent, "a timing where the priority belongs")

    def _fact(
        self, context: Context, scope: Scope, sent: list[tuple[str, str, dict[str, Any] | None]]
    ) -> Fact:
        texts = [(words, source) for words, source, _ in sent]
        if any(row != sent[0][2] for _, _, row in sent):
            return self._in_text(context, texts, "several timings that differ: only the text can say them")
        words, source, row = sent[0]
        if not row:
            return self._in_text(
                context,
                texts[:1],
                "a timing that is neither an event nor an interval: only the text can say it",
            )
        if needed := self._as_needed(scope):
            return self._in_text(
                context, [(f"{words} {needed}", source)], "a timing as needed (PRN): only the text can say it"
            )
        leaves = tuple(Leaf(f".{key}", part, source) for key, part in row.items())
        return Fact(dict(row), leaves, self.rule, context.at, context.control_id)

    def _as_needed(self, scope: Scope) -> str:
        """What says that the drug is taken as needed: the condition as the sender wrote it, else PRN; empty: nothing."""
        for path in self.condition:
            for repetition in path.repetitions(scope):
                if _NEEDED.search(said := path.text(repetition)):
                    return said
        prn = any(
            normal(path.text(repetition)) == "PRN"
            for path in self.priority
            for repetition in path.repetitions(scope)
        )
        return "PRN" if prn else ""

    def _in_text(self, context: Context, sent: list[tuple[str, str]], why: str) -> Fact:
        for words, source in sent:
            context.leave_out(source, words, why)
        text, source = "; ".join(dict.fromkeys(words for words, _ in sent)), sent[0][1]
        leaves = (Leaf(".dosageInstruction.text", text, source),)
        return Fact({"text": text}, leaves, self.rule, context.at, context.control_id, (), why)


def _pattern(path: Path, repetition: Repetition) -> str:
    """The code of a pattern: of RI.1 (RXE-1.2.1), or of the CWE in RPT.1 (TQ1-3.1) its code, else its text."""
    if not path.subcomponent:
        component = path.component or 1
        return repetition.sub(component, 1).strip() or repetition.sub(component, 2).strip()
    if any(letter.isalpha() for letter in repetition.sub(path.component, path.subcomponent + 1)):
        return repetition.component(path.component).strip()  # words where the times of day belong: PRN
    return repetition.sub(path.component, path.subcomponent).strip()


def _words(path: Path, repetition: Repetition) -> str:
    """A pattern as a person reads it; of a CWE (RPT.1) without the name of its coding system."""
    component = path.component or 1
    if not path.subcomponent:
        parts = [repetition.sub(component, 2).strip() or repetition.sub(component, 1).strip()]
    else:
        parts = [repetition.sub(component, number).strip() for number in (1, 2, 3)]
    return " ".join(part for part in parts if part)


def pattern_row(sent: str, table: Table) -> dict[str, Any] | None:
    """What a pattern means: an event or an interval, `{}` when it stays in the text, None when nobody knows."""
    text = normal(_ABBREVIATED.sub("", sent))
    found: dict[str, Any] | None = table.get(text)
    if found is not None:
        return found
    if match := _INTERVAL.match(text):
        number = _WORD_NUMBERS.get(match[1]) or int(match[1])
        return _every(number, _LETTER_OF[match[2]], table) if number else None
    return {} if _TEXT_FORMS.search(text) else None


def _every(number: int, letter: str, table: Table) -> dict[str, Any]:
    """An interval, or the event the table has for it."""
    found: dict[str, Any] | None = table.get(f"Q{number}{letter}")
    return found or {"frequencyValue": number, "frequencyUnit": _UNIT[letter]}


TYPES: dict[str, TypeMaker] = {"timing": timing}

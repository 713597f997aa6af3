"""Dose, strength, instructions and timing of pharmacy orders."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from interface.hl7.message import Repetition, Segment
from interface.rules.context import Context, clean_text, deleted_fact, no_fact, visible
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.source import RuleError
from interface.rules.tables import Table, normal
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Unfit,
    Value,
    as_fact,
    first_valid,
    one,
    recurring,
    where_valued,
)
from interface.rules.types.medication import label_of
from interface.rules.types.values import full_day, number_of

_NUMBERED = re.compile(r"^(?:[A-Z]{1,3}:)?\d+$")
"""A key of the sender's own file (43, CD:14093882), which is no unit; its text is."""
_DIGIT = re.compile(r"\d")

# ---------------------------------------------------------------- dose and strength


def quantity(spec: Spec) -> Reader:
    """An amount with its unit, under the names `value_to:` and `unit_to:`; a range is no amount (the text keeps it)."""
    spec.options("maximum", "unit", "units", "value_to", "unit_to")
    maximum, unit = spec.path_list("maximum"), spec.path_list("unit")
    units = spec.table("units")
    value_to, unit_to = str(spec.body["value_to"]), str(spec.body["unit_to"])

    def beside(paths: tuple[Path, ...], source: str) -> tuple[Path, ...]:
        """Those of the segment the amount stands in: the amount of one never meets the unit of another."""
        return tuple(path for path in paths if source.startswith(path.segment))

    def read(context: Context, scope: Scope) -> Fact | None:
        passed, deleted, amount = "", "", None
        for path in spec.paths:
            deleted = deleted or _first_null(path, scope)
            sent, source = _first_text((path,), scope)
            amount = number_of(sent) if sent else None
            if amount is not None and amount >= 0:
                break
            if sent:
                context.leave_out(source, sent, "not a number")
                passed = passed or source
            if _DIGIT.search(sent):
                break  # an amount that can't be read (1-2, 1/2): no other may stand in its place
        if passed and (amount is None or amount < 0):
            return no_fact(spec.name, context, f"{passed} is not a number")
        if amount is None:
            return deleted_fact(spec.name, context, deleted) if deleted else None
        most, most_source = _first_text(beside(maximum, source), scope)
        if most and number_of(most) != amount:
            why = f"{source} and {most_source} are a range: no single amount"
            context.leave_out(source, sent, why)
            context.leave_out(most_source, most, why)
            return no_fact(spec.name, context, why)
        value: dict[str, Any] = {value_to: amount}
        leaves = [Leaf(f".{value_to}", amount, source)]
        said: tuple[str, ...] = ()
        named, unit_source = _unit_text(beside(unit, source), scope)
        if named:
            row = units.get(named) if units is not None else None
            plain = str(row) if row is not None else clean_text(named.replace("%", " percent "))
            if plain:
                value[unit_to] = plain
                leaves.append(Leaf(f".{unit_to}", plain, unit_source))
            if plain != named:
                said = (f"{unit_source}: a unit without forbidden characters",)
        return Fact(value, tuple(leaves), spec.name, context.at, context.control_id, said)

    return recurring(where_valued(read))


def _first_text(paths: tuple[Path, ...], scope: Scope) -> tuple[str, str]:
    for path in paths:
        for repetition in path.repetitions(scope):
            if found := path.text(repetition):
                return found, path.source(repetition)
    return "", ""


def _first_null(path: Path, scope: Scope) -> str:
    """Where HL7 null stands, if it does."""
    return next((path.source(entry) for entry in path.repetitions(scope) if entry.is_null), "")


def _unit_text(paths: tuple[Path, ...], scope: Scope) -> tuple[str, str]:
    """A unit's code; its text where the code is missing or a key of the sender's own file."""
    for path in paths:
        for repetition in path.repetitions(scope):
            code, label = visible(path.text(repetition)), label_of(repetition)
            if code and not (label[0] and _NUMBERED.match(code)):
                return code, path.source(repetition)
            if label[0]:
                return label
    return "", ""


def sig(spec: Spec) -> Reader:
    """The instructions as sent: all repetitions of the first field that has any, in order, each by its label."""
    spec.options()
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        deleted = ""
        for path in paths:
            found = []
            for repetition in path.repetitions(scope):
                if repetition.is_null:
                    deleted = deleted or path.source(repetition)
                label = label_of(repetition)
                if label[0]:
                    found.append(label)
                elif text := visible(path.text(repetition)):
                    found.append((text, repetition.at(1)))
            if found:
                whole, source = " ".join(text for text, _ in found), found[0][1]
                said = (f"{source} and its repetitions are one text",) if len(found) > 1 else ()
                return as_fact(Value(whole, (Leaf("", whole, source),), said), rule, context)
        return deleted_fact(rule, context, deleted) if deleted else None

    return where_valued(read)


# ---------------------------------------------------------------- timing

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
_ABBREVIATED = re.compile(r"(?<!\d)\.|\.(?!\d)")


def timing(spec: Spec) -> Reader:
    """A repeat pattern (HL7 table 0335): the contract's timingEvent, or an interval as frequencyValue and frequencyUnit.

    An interval is read as "every N units". A pattern that is neither stays in the text (`{"text": …}`, for where the
    sender wrote none); so do several that differ, and any of an order whose `priority:` says PRN.
    """
    spec.options("table", "priority")
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
                for words, source in unknown:
                    context.leave_out(source, words, f"table {self.table.name} has no such timing")
                return self._fact(context, scope, sent)
            unknown += [(words, source) for words, source, _ in sent]
        if unknown:
            return self._in_text(
                context,
                unknown,
                "a timing that is neither an event nor an interval: only the text can say it",
            )
        self._note_misplaced(context, scope)
        return deleted_fact(self.rule, context, deleted) if deleted else None

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
        if self._as_needed(scope):
            return self._in_text(
                context, [(f"{words} PRN", source)], "a timing as needed (PRN): only the text can say it"
            )
        leaves = tuple(Leaf(f".{key}", part, source) for key, part in row.items())
        return Fact(dict(row), leaves, self.rule, context.at, context.control_id)

    def _as_needed(self, scope: Scope) -> bool:
        return any(
            normal(path.text(repetition)) == "PRN"
            for path in self.priority
            for repetition in path.repetitions(scope)
        )

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


# ---------------------------------------------------------------- how long

_TQ_DURATION = re.compile(r"^([A-Z])(\d{1,4})$")
_PLAIN_DURATION = re.compile(r"^(\d{1,4})(?:\.0*)? ?([A-Z]*)$")
_DAY = 86_400


def _days(path: Path, repetition: Repetition, units: Table) -> int | Unfit | None:
    """A length of time in whole days, part of one counting as one; None where there is none or no end."""
    sent = normal(path.text(repetition))
    if not sent or sent in ("INDEF", "INDEFINITE"):
        return None
    source = path.source(repetition)
    if match := _TQ_DURATION.match(sent):
        letter, count = match[1], int(match[2])
    elif match := _PLAIN_DURATION.match(sent):
        letter, count = match[2], int(match[1])
        if not letter and not path.component:
            letter = repetition.sub(2, 1).strip() or repetition.sub(2, 2).strip()
    else:
        return Unfit(f"{source} is no duration")
    seconds = units.get(letter) if letter else None
    if seconds is None:
        return Unfit(f"{source} is a duration of a unit table {units.name} has not")
    return -(-count * int(seconds) // _DAY)


def duration(spec: Spec) -> Reader:
    """How long an order runs, as a number of whole days, part of one counting as one.

    TQ.3 (`D3` days, `W2` weeks, `L1` months), a CQ (`3^D&day`, TQ1-6), or the same in words (`10 days`). Of an order with
    several timings none says it alone: `last_day` does.
    """
    spec.options("units")
    units = spec.needed_table("units")

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        days = _days(path, repetition, units)
        return one(days, path.source(repetition)) if isinstance(days, int) else days

    read = first_valid(spec, convert, note_unfit=True)

    def of_one(context: Context, scope: Scope) -> Fact | None:
        for path in spec.paths:
            if any(path.text(repetition) for repetition in path.repetitions(scope)):
                return read(context, scope) if len(_timings(path, scope)) < 2 else None
        return read(context, scope)

    return where_valued(of_one)


_Timed = tuple[Segment, int]
"""One timing of an order: its segment, and the place of its repetition in each of its fields (from 0)."""


def _timings(path: Path, scope: Scope) -> list[_Timed]:
    """The timings that a path is about: each repetition of a TQ (ORC-7, RXE-1), each segment TQ1."""
    found: list[_Timed] = []
    for segment in scope.all(path.segment):
        sent = segment.reps(path.field)
        found += [(segment, n) for n, repetition in enumerate(sent) if repetition.raw] or [(segment, 0)]
    return found


def _at(path: Path | None, timed: _Timed) -> Repetition | None:
    """What one timing has at a path."""
    if path is None:
        return None
    segment, place = timed
    sent = segment.reps(path.field)
    return sent[place] if place < len(sent) else None


def last_day(spec: Spec) -> Reader:
    """The day an order ends: the last of the first field that has any. One timing without an end has the order run on.

    Where an order has several timings, one ends by its own `start:` and `length:` too.
    """
    spec.options("start", "length", "units")
    starts = {path.segment: path for path in spec.path_list("start")}
    lengths = {path.segment: path for path in spec.path_list("length")}
    units = spec.table("units")

    def end_of(context: Context, path: Path, timed: _Timed, *, alone: bool) -> tuple[str, str] | None:
        """The day one timing ends, and what says so."""
        if (sent := _at(path, timed)) is not None and not sent.is_null:
            found = full_day(path, sent)
            if isinstance(found, Unfit):
                context.leave_out(path.source(sent), path.text(sent), found.why)
            elif found is not None:
                return found[1].isoformat(), path.source(sent)
        start, length = starts.get(path.segment), lengths.get(path.segment)
        begins, lasts = _at(start, timed), _at(length, timed)
        if alone or units is None or start is None or length is None or begins is None or lasts is None:
            return None
        days, day = _days(length, lasts, units), full_day(start, begins)
        if isinstance(days, Unfit):
            context.leave_out(length.source(lasts), length.text(lasts), days.why)
        elif days is not None and isinstance(day, tuple):
            return (day[1] + timedelta(days=days)).isoformat(), length.source(lasts)
        return None

    def read(context: Context, scope: Scope) -> Fact | None:
        deleted = ""
        dated = False  # a duration of one timing stands before those of later fields, too
        for path in spec.paths:
            timings = _timings(path, scope)
            for repetition in path.repetitions(scope):
                if repetition.is_null:
                    deleted = deleted or path.source(repetition)
            alone = dated or len(timings) < 2
            ends = [end_of(context, path, timed, alone=alone) for timed in timings]
            days = [end for end in ends if end is not None]
            if days:
                return as_fact(one(*max(days)), spec.name, context) if len(days) == len(ends) else None
            length = lengths.get(path.segment)
            dated = dated or (
                length is not None and any(length.text(entry) for entry in length.repetitions(scope))
            )
        return deleted_fact(spec.name, context, deleted) if deleted else None

    return where_valued(read, *lengths.values())


TYPES: dict[str, TypeMaker] = {
    "quantity": quantity,
    "sig": sig,
    "timing": timing,
    "duration": duration,
    "last_day": last_day,
}

"""Types of one scalar: text, code, date, number."""

from __future__ import annotations

import re
from datetime import date, timedelta

from interface.hl7.datatypes.dtm import DTM, parse_dtm
from interface.hl7.message import Repetition
from interface.rules.context import Context, clean_text, deleted_fact, is_repaired
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope
from interface.rules.types.base import (
    Reader,
    Spec,
    TypeMaker,
    Unfit,
    Value,
    as_fact,
    first_valid,
    one,
    where_valued,
)

_ELSEWHERE = timedelta(days=1)
"""A day may have begun in the sender's zone already."""
_LARGEST_EXACT = 2**53
_OID = re.compile(r"^(?:urn:oid:)?[0-2](?:\.\d+)+$", re.IGNORECASE)
_LONGEST_IDENTIFIER = 250
"""Characters of a visit's or account's number, which the chart keeps with each diagnosis and order of it."""
_NUMBER = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)$")


def text(spec: Spec) -> Reader:
    """The text as sent, unescaped, outer blanks off."""
    spec.options()

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | None:
        found = path.text(repetition)
        return one(found, path.source(repetition)) if found else None

    return first_valid(spec, convert)


def hd_name(path: Path, repetition: Repetition) -> str:
    """The text of a component; of an HD (PL.4: namespace, OID, type) the namespace. A bare & stays text."""
    whole = path.text(repetition)
    separator = repetition.segment.delimiters.subcomponent or "&"
    if separator not in whole or not path.component or path.subcomponent:
        return whole
    universal = repetition.sub(path.component, 2).strip()
    if repetition.sub(path.component, 3).strip() or _OID.match(universal):
        return repetition.sub(path.component, 1).strip()
    return whole


def clean(spec: Spec) -> Reader:
    """Text for a clean-text field: the characters the contract forbids become a blank."""
    spec.options()

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | None:
        found = hd_name(path, repetition)
        repaired = clean_text(found)
        if not repaired:
            return None
        said = (
            ()
            if not is_repaired(found, repaired)
            else (f"{path.source(repetition)}: forbidden characters became blanks",)
        )
        return Value(repaired, (Leaf("", repaired, path.source(repetition)),), said)

    return first_valid(spec, convert)


def code(spec: Spec) -> Reader:
    """A code that a table translates. `empty:` and `unknown:` say what stands for none and for one no table knows;

    without `unknown:` such a code is noted and the next candidate tried. `quiet: true` does not note it.
    `words: true` takes codes as people write them, whatever their blanks and punctuation.
    """
    spec.options("table", "empty", "unknown", "quiet", "words")
    table, rule, paths = spec.needed_table("table"), spec.name, spec.paths
    rows = spec.words("table") if spec.flag("words") else table
    empty, unknown, quiet = spec.body.get("empty"), spec.body.get("unknown"), spec.flag("quiet")

    def assumed(context: Context, value: str, source: str, said: str) -> Fact:
        leaves = (Leaf("", value, source),)
        return Fact(value, leaves, rule, context.at, context.control_id, (said,), weak=True)

    def read(context: Context, scope: Scope) -> Fact | None:
        first_unknown: tuple[str, str] | None = None
        deleted = ""
        for path in paths:
            for repetition in path.repetitions(scope):
                if repetition.is_null:
                    deleted = deleted or path.source(repetition)
                sent, source = path.text(repetition), path.source(repetition)
                found = rows.get(sent) if sent else None
                if found is None and not path.component and (second := repetition.component(2).strip()):
                    found = rows.get(second)
                    if found is not None or not sent:
                        sent, source = second, repetition.at(2)
                if found is not None:
                    return as_fact(one(found, source), rule, context)
                if sent and first_unknown is None:
                    first_unknown = (source, sent)
        if first_unknown is not None:
            source, sent = first_unknown
            if not quiet:
                context.leave_out(source, sent, f"table {table.name} has no such code")
            if unknown is None:
                return None
            return assumed(context, unknown, source, f"{source}: a code no table knows is {unknown}")
        if deleted:
            return (
                as_fact(one(empty, deleted), rule, context) if empty else deleted_fact(rule, context, deleted)
            )
        if empty is None:
            return None
        return assumed(context, empty, str(paths[0]), f"{paths[0]} is empty: {empty}")

    return read if empty is not None else where_valued(read)


def flag(spec: Spec) -> Reader:
    """True where any of the fields says Y or holds a date (PID-29), though another says N; false where one says N."""
    spec.options()

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | None:
        sent = path.text(repetition).upper()
        if sent in ("Y", "YES", "TRUE", "1") or parse_dtm(sent) is not None:
            return one(True, path.source(repetition))
        return None

    def deny(_: Context, path: Path, repetition: Repetition) -> Value | None:
        said_no = path.text(repetition).upper() in ("N", "NO", "FALSE", "0")
        return one(False, path.source(repetition)) if said_no else None

    yes, no = first_valid(spec, convert), first_valid(spec, deny)

    def read(context: Context, scope: Scope) -> Fact | None:
        found = yes(context, scope)
        return found if found is not None and found.value else no(context, scope)

    return where_valued(read)


def full_day(path: Path, repetition: Repetition) -> tuple[DTM, date] | Unfit | None:
    """The time a field holds, with its day as written; Unfit when it is no date or names no day."""
    sent = path.text(repetition)
    if not sent:
        return None
    stamp = parse_dtm(sent)
    if stamp is None and path.component:  # a TS within a TQ: time & precision
        stamp = parse_dtm(repetition.sub(path.component, 1))
    day = stamp.date() if stamp is not None else None
    if stamp is not None and day is not None:
        return stamp, day
    source = path.source(repetition)
    if not sent.strip("0"):
        return Unfit(f"{source} is all zeros: no date")
    if stamp is None:
        return Unfit(f"{source} is not a date")
    return Unfit(f"{source} has only a {stamp.precision}: no full day")


def day(spec: Spec) -> Reader:
    """The day of a time, cut, never shifted. `say_out: true` lists what is no date in `left_out`.

    `happened: true`: of what has happened; a day to come is none, beyond the one that has begun somewhere.
    """
    spec.options("say_out", "happened")
    happened = spec.flag("happened")

    def convert(context: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        found = full_day(path, repetition)
        if not isinstance(found, tuple):
            return found
        if happened and found[1] > context.today and found[1] - context.today > _ELSEWHERE:
            return Unfit(f"{path.source(repetition)} lies in the future")
        return one(found[1].isoformat(), path.source(repetition))

    return first_valid(spec, convert, note_unfit=spec.flag("say_out"))


def birth_date(spec: Spec) -> Reader:
    """A full day, not in the future and at most 125 years back (contract: patient.birthDate)."""
    spec.options()

    def convert(context: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        found = full_day(path, repetition)
        if not isinstance(found, tuple):
            return found
        born, source = found[1], path.source(repetition)
        if born > context.today:
            return Unfit(f"{source} lies in the future")
        if (born.year + 125, born.month, born.day) < (
            context.today.year,
            context.today.month,
            context.today.day,
        ):
            return Unfit(f"{source} lies more than 125 years back")
        return one(born.isoformat(), source)

    return first_valid(spec, convert, note_unfit=True)


def number_of(sent: str) -> int | float | None:
    """A plain decimal number, whole ones as int while a double holds them exactly; None for anything else."""
    if not _NUMBER.match(sent):
        return None
    value = float(sent)
    if value in (float("inf"), float("-inf")):
        return None
    return int(value) if value.is_integer() and abs(value) <= _LARGEST_EXACT else value


def number(spec: Spec) -> Reader:
    """A plain number; a candidate that is none is noted and the next tried."""
    spec.options()

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        sent = path.text(repetition)
        if not sent:
            return None
        value = number_of(sent)
        if value is None or value < 0:
            return Unfit("not a number")
        return one(value, path.source(repetition))

    return first_valid(spec, convert, note_unfit=True)


def integer(spec: Spec) -> Reader:
    """A whole number that fits 32 bits."""
    spec.options()

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        sent = path.text(repetition)
        if not sent:
            return None
        value = number_of(sent)
        if not isinstance(value, int) or not 0 <= value < 2**31:
            return Unfit("not a whole number")
        return one(value, path.source(repetition))

    return first_valid(spec, convert, note_unfit=True)


def entity_identifier(spec: Spec) -> Reader:
    """A whole EI (HL7 2A.28): number and whoever gave it, as one text. `occurrence:` adds SCH-3 when valued."""
    spec.options("occurrence")
    occurrence = spec.path("occurrence", everywhere=True)

    def convert(context: Context, path: Path, repetition: Repetition) -> Value | None:
        parts = repetition.texts(4)[:4]
        if not parts[0]:
            return None
        whole = "^".join(parts).rstrip("^")
        if occurrence is not None:
            number_in_series = context.message.first(occurrence.segment)
            nth = number_in_series.text(occurrence.field).strip() if number_in_series else ""
            whole = f"{whole}#{nth}" if nth else whole
        return one(whole, path.source(repetition))

    return first_valid(spec, convert)


def identifier(spec: Spec) -> Reader:
    """The number of a CX with its assigning authority, as one text of at most 250 characters."""
    spec.options()

    def convert(_: Context, path: Path, repetition: Repetition) -> Value | Unfit | None:
        found = repetition.component(1).strip()
        if not found:
            return None
        authority = repetition.sub(4, 1).strip()
        whole = f"{found}^{authority}" if authority else found
        if len(whole) > _LONGEST_IDENTIFIER:
            return Unfit(f"{path.source(repetition)} has more than {_LONGEST_IDENTIFIER} characters")
        return one(whole, path.source(repetition))

    return first_valid(spec, convert, note_unfit=True)


TYPES: dict[str, TypeMaker] = {
    "text": text,
    "clean_text": clean,
    "code": code,
    "flag": flag,
    "date": day,
    "birth_date": birth_date,
    "number": number,
    "integer": integer,
    "entity_identifier": entity_identifier,
    "identifier": identifier,
}

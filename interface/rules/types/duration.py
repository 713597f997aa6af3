"""How long an order runs, and the day it ends."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta

from interface.hl7.datatypes.dtm import parse_dtm
from interface.hl7.message import Repetition, Segment
from interface.rules.context import Context, deleted_fact
from interface.rules.facts import Fact
from interface.rules.paths import Path, Scope
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
    where_valued,
)
from interface.rules.types.values import full_day

_TQ_DURATION = re.compile(r"^([A-Z])(\d{1,4})$")
_PLAIN_DURATION = re.compile(r"^(\d{1,4})(?:\.0*)? ?([A-Z]*)$")
_DAY = 86_400
_CENTURIES = 1900


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


class _Fields:
    """The fields of a segment, each split once: a timing may repeat ten thousand times."""

    __slots__ = ("_segment", "_sent")

    def __init__(self, segment: Segment):
        self._segment = segment
        self._sent: dict[int, tuple[Repetition, ...]] = {}

    def reps(self, field: int) -> tuple[Repetition, ...]:
        """The repetitions of a field."""
        found = self._sent.get(field)
        if found is None:
            found = self._sent[field] = self._segment.reps(field)
        return found


_Timed = tuple[_Fields, int]
"""One timing of an order: the fields of its segment, and the place of its repetition in each of them (from 0)."""


def _timings(path: Path, scope: Scope) -> list[_Timed]:
    """The timings that a path is about: each repetition of a TQ (ORC-7, RXE-1), each segment TQ1."""
    found: list[_Timed] = []
    for segment in scope.all(path.segment):
        fields = _Fields(segment)
        sent = fields.reps(path.field)
        found += [(fields, n) for n, repetition in enumerate(sent) if repetition.raw] or [(fields, 0)]
    return found


def _at(path: Path | None, timed: _Timed) -> Repetition | None:
    """What one timing has at a path."""
    if path is None:
        return None
    fields, place = timed
    sent = fields.reps(path.field)
    return sent[place] if place < len(sent) else None


def _end(path: Path, repetition: Repetition) -> date | Unfit | None:
    """The day of an end as written; of a year or month alone its last day."""
    found = full_day(path, repetition)
    if isinstance(found, tuple):
        return found[1]
    stamp = parse_dtm(path.text(repetition)) if found is not None else None
    if stamp is None or stamp.year < _CENTURIES:  # four digits may be a time of day
        return found
    month = stamp.month or 12
    return date(stamp.year, month, monthrange(stamp.year, month)[1])


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
            found = _end(path, sent)
            if isinstance(found, Unfit):
                context.leave_out(path.source(sent), path.text(sent), found.why)
            elif found is not None:
                return found.isoformat(), path.source(sent)
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


TYPES: dict[str, TypeMaker] = {"duration": duration, "last_day": last_day}

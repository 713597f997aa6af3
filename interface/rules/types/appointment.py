"""When an appointment is, and whether it still stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from interface.hl7.datatypes.dtm import DTM
from interface.hl7.message import Segment
from interface.rules.context import Context, deleted_fact, no_fact
from interface.rules.facts import Fact
from interface.rules.paths import Path, Scope
from interface.rules.types.base import (
    RESOURCES,
    Reader,
    Spec,
    TypeMaker,
    Unfit,
    Value,
    Words,
    as_fact,
    is_deleted,
    loose,
    one,
    recurring,
    repetitions,
    standing,
)
from interface.rules.types.values import full_day


def site_day(context: Context, stamp: DTM) -> date | None:
    """The day of a time in the site's zone; a date without a time, or at 00:00, is never converted."""
    zone = context.policy.timezone
    midnight = not stamp.hour and not stamp.minute and not stamp.second
    if zone is None or stamp.hour is None or midnight:
        return stamp.date()
    return stamp.in_zone(zone, context.zone or zone)


def appointment_date(spec: Spec) -> Reader:
    """The appointment's day in the site's zone; the first start counts, the others are said.

    `maybe:` are components that hold a time with some senders only: what is none there is not noted.
    """
    spec.options("maybe")
    rule, maybe = spec.name, frozenset(spec.path_list("maybe"))
    paths = [(path, path in maybe, path.segment in RESOURCES) for path in spec.paths]

    def read(context: Context, scope: Scope) -> Fact | None:
        taken: Value | None = None
        why = deleted = ""
        said: list[str] = []
        for path, may_be_none, resource in paths:
            if path.segment in ("AIS", "AIL"):  # of persons and other resources the provider's rule says it
                _note_deleted(context, scope, path)
            for repetition in repetitions(path, context, scope) if resource else path.repetitions(scope):
                found = full_day(path, repetition)
                if found is None:
                    if not resource and repetition.is_null:
                        deleted = deleted or path.source(repetition)
                    continue
                source = path.source(repetition)
                if isinstance(found, Unfit) and not may_be_none:
                    why = why or found.why
                    context.leave_out(source, path.text(repetition), found.why)
                if not isinstance(found, tuple):
                    continue
                start = site_day(context, found[0])
                if start is None:
                    continue
                if taken is None:
                    taken = one(start.isoformat(), source)
                elif start.isoformat() != taken.value:
                    said.append(f"{source} names another day than {taken.leaves[0].source}, which counts")
                    context.leave_out(source, path.text(repetition), f"{taken.leaves[0].source} comes first")
                if resource:
                    break  # several services of one appointment: the first of each kind
        if taken is not None:
            return as_fact(Value(taken.value, taken.leaves, tuple(said)), rule, context)
        if why:
            return no_fact(rule, context, why)
        return deleted_fact(rule, context, deleted) if deleted else None

    return read


def _note_deleted(context: Context, scope: Scope, path: Path) -> None:
    if context.gone is not None and not context.gone:
        return
    for segment in scope.all(path.segment):
        if is_deleted(segment, context):
            name = path.segment
            context.leave_out(segment.path, segment.text(3), f"deleted: {name}-2 or RGS-2 is D")


class _Statuses:
    """A table of statuses in words; a row `CANCELLED *` stands for all that begins so."""

    def __init__(self, words: Words):
        self.words = words
        self.starts = [
            (code[:-1].split(), value) for code, value in words.table.rows.items() if code.endswith("*")
        ]
        self.own = {
            loose(code): f"{'/'.join(place.rpartition(':')[0].split('/')[-3:])}#{code}"
            for code, place in words.table.places.items()
            if not place.startswith("tables/")
        }
        """The site's own rows by code, as provenance names them."""

    def get(self, sent: str, *, whole: bool) -> str | None:
        """What the status says; `whole`: only where all of it is a row."""
        found = self.words.get(sent)
        if found is None and not whole:
            words = "".join(c if c.isalnum() else " " for c in sent.upper()).split()
            found = next((value for start, value in self.starts if words[: len(start)] == start), None)
        return None if found is None else str(found)


def appointment_status(spec: Spec) -> Reader:
    """Whether the appointment stands: the first field with a status that the table knows decides.

    `maybe:` are fields that hold a status with some senders only (SCH-6 is a reason): there a text counts when all of it
    is a row of the table, and another one is nothing to note. A field of a resource (AIS-10) ends the appointment only
    where it ends all of them.
    """
    spec.options("table", "maybe")
    statuses, maybe = _Statuses(spec.words("table")), spec.path_list("maybe")
    table, rule, paths = spec.needed_table("table").name, spec.name, spec.paths
    fields = list(dict.fromkeys((path.segment, path.field) for path in paths))

    def of_segment(segment: Segment, field: int, context: Context) -> Value | None:
        unknown: tuple[str, str] | None = None
        for path in paths:
            if (path.segment, path.field) != (segment.name, field):
                continue
            for repetition in segment.reps(field):
                sent = path.text(repetition)
                if not sent:
                    continue
                found = statuses.get(sent, whole=path in maybe)
                if found is not None:
                    source, row = (
                        path.source(repetition),
                        statuses.own.get(loose(sent)) if statuses.own else None,
                    )
                    return one(found, source, *((f"{source} is {found} by {row}",) if row else ()))
                if path not in maybe:
                    unknown = unknown or (path.source(repetition), sent)
        if unknown is not None:
            context.leave_out(*unknown, f"table {table} has no such code")
        return None

    def found_in(context: Context, scope: Scope) -> Iterator[Value]:
        for name, field in fields:
            said = [of_segment(segment, field, context) for segment in standing(name, context, scope)]
            known = [value for value in said if value is not None]
            yield from (value for value in known if value.value != "cancelled")
            if len(known) == len(said):
                yield from known

    def read(context: Context, scope: Scope) -> Fact | None:
        found = next(found_in(context, scope), None)
        return as_fact(found, rule, context) if found is not None else None

    return recurring(read)


TYPES: dict[str, TypeMaker] = {
    "appointment_date": appointment_date,
    "appointment_status": appointment_status,
}

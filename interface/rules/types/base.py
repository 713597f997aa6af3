"""What every type of rule is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import msgspec

from interface.hl7.message import Message, Repetition, Segment
from interface.rules.context import Context, deleted_fact, no_fact, visible
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope, read_path
from interface.rules.source import Lines, RuleError, check_keys, nearest
from interface.rules.tables import Table

Reader = Callable[[Context, Scope], Fact | None]
TypeMaker = Callable[["Spec"], Reader]
Field = tuple[str, int]
"""A segment and a field of it."""

COMMON_KEYS = ("field", "type", "from", "each", "only", "version", "about")
"""Keys of every rule. `version`: only for that version of the API. `about` is a sentence for docs/mapping.md, where the
other keys do not say all of it.
"""


@dataclass(frozen=True)
class Spec:
    """One rule as written, with what its type needs to check and compile it."""

    name: str
    """`patient.yaml#name`, as provenance shows it."""
    place: str
    """`FILE:LINE` of the rule."""
    body: Lines
    paths: tuple[Path, ...]
    tables: Mapping[str, Table]
    read_too: list[Path] = field(default_factory=list, compare=False)
    """What options read, beside `paths`."""
    everywhere: set[str] = field(default_factory=set, compare=False)
    """Segments that are looked for in the whole message, whatever the rule's scope (`path(…, everywhere=True)`)."""

    def options(self, *allowed: str) -> None:
        """Raise RuleError for an option this type does not know."""
        check_keys(self.body, (*COMMON_KEYS, *allowed), self.name.split("#")[-1])

    def error(self, key: str, text: str) -> RuleError:
        """The error to raise for an option's value: at the rule itself where it has that from the one it changes."""
        own = key in self.body.lines and key not in self.body.files
        place = self.body.place(key) if own else self.place
        return RuleError(f"{place}: {self.name.split('#')[-1]}: {text}")

    def table(self, key: str, default: str | None = None) -> Table | None:
        """The table an option names, or None when the rule names none."""
        name = self.body.get(key, default)
        if name is None:
            return None
        if name not in self.tables:
            raise self.error(key, f"no table '{name}'{nearest(str(name), self.tables)}")
        return self.tables[name]

    def words(self, key: str) -> Words:
        """The table an option must name, for codes as people write them."""
        return Words(self.needed_table(key))

    def needed_table(self, key: str) -> Table:
        """The table an option must name."""
        table = self.table(key)
        if table is None:
            raise self.error(key, f"'{key}:' must name a table")
        return table

    def path(self, key: str, *, everywhere: bool = False) -> Path | None:
        """The path an option names, or None. `everywhere`: it is looked for in the whole message."""
        text = self.body.get(key)
        return None if text is None else self._path(key, str(text), everywhere)

    def path_list(self, key: str, *, everywhere: bool = False) -> tuple[Path, ...]:
        """The list of paths an option names; empty when there is none. `everywhere`: as in `path`."""
        return tuple(self._path(key, str(text), everywhere) for text in self._list(key))

    def _path(self, key: str, text: str, everywhere: bool) -> Path:
        path = read_path(text)
        if isinstance(path, str):
            raise self.error(key, path)
        self.read_too.append(path)
        if everywhere:
            self.everywhere.add(path.segment)
        return path

    def strings(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """The list of texts an option gives."""
        if key not in self.body:
            return tuple(default)
        return tuple("" if entry is None else str(entry) for entry in self._list(key))

    def _list(self, key: str) -> list[Any]:
        """An option that is a list; one value stands for a list of one."""
        given = self.body.get(key, [])
        if isinstance(given, dict):
            raise self.error(key, f"'{key}:' is a list")
        return given if isinstance(given, list) else [given]

    def flag(self, key: str) -> bool:
        """An option that is true or false; false when it is not there."""
        value = self.body.get(key, False)
        if not isinstance(value, bool):
            raise self.error(key, f"'{key}:' is true or false")
        return value


_PUNCTUATION = dict.fromkeys(map(ord, " \t.,:;-_/'()&"))


def loose(code: str) -> str:
    """How words of senders are compared: `No-Show`, `NO SHOW` and `noshow` are one. A `?` says something."""
    return code.upper().translate(_PUNCTUATION)


class Words:
    """A table whose codes are words as people write them: looked up as sent, then without blanks and punctuation."""

    __slots__ = ("_loose", "_rows", "table")

    def __init__(self, table: Table):
        self.table = table
        self._rows = table.rows
        self._loose = {key: value for code, value in table.rows.items() if (key := loose(code))}

    def get(self, sent: str) -> Any:
        """The row's value; None when the table has no such code."""
        found = self._rows.get(sent)  # nearly all are sent as the table has them
        if found is None:
            found = self.table.get(sent)
        return found if found is not None else self._loose.get(loose(sent))

    def __contains__(self, sent: str) -> bool:
        return self.get(sent) is not None


# What an appointment is booked for: each may be taken out of it again, alone or with its group (HL7 v2, chapter 10).
RESOURCES = frozenset(("AIS", "AIG", "AIL", "AIP"))
_DELETED = "D"  # HL7 table 0206
_STANDS = ("", "A", "U", "X")  # as nearly all are sent


def is_deleted(segment: Segment, context: Context) -> bool:
    """Whether a resource, or the group (RGS) it stands in, is taken out of the appointment."""
    gone = context.gone
    if gone is None:
        gone = context.gone = _gone(context.message)
    return segment in gone


def any_deleted(context: Context) -> bool:
    """Whether any resource is taken out of the appointment."""
    if context.gone is None:
        context.gone = _gone(context.message)
    return bool(context.gone)


_NONE: frozenset[Segment] = frozenset()


def _gone(message: Message) -> frozenset[Segment]:
    """Resources whose segment action code, or that of their group, is D (HL7 table 0206)."""
    marked = [
        segment
        for name in ("RGS", *RESOURCES)
        for segment in message.all(name)
        if segment.raw(2) not in _STANDS and segment.text(2).strip().upper() == _DELETED
    ]
    if not marked:
        return _NONE
    if not any(segment.name == "RGS" for segment in marked):
        return frozenset(marked)
    group = False
    for segment in message.segments:
        if segment.name == "RGS":
            group = segment in marked
        elif group and segment.name in RESOURCES:
            marked.append(segment)
    return frozenset(marked)


def standing(name: str, context: Context, scope: Scope) -> Sequence[Segment]:
    """The segments of that name, without resources that were taken out of the appointment."""
    segments = scope.all(name)
    if not segments or name not in RESOURCES:
        return segments
    return [segment for segment in segments if not is_deleted(segment, context)]


def repetitions(path: Path, context: Context, scope: Scope) -> Sequence[Repetition]:
    """What stands at a path, in order, without resources that were taken out of the appointment."""
    if path.segment not in RESOURCES:
        return path.repetitions(scope)
    return [entry for segment in standing(path.segment, context, scope) for entry in segment.reps(path.field)]


def says_something(entry: Repetition, components: Sequence[int] = ()) -> bool:
    """Whether any component (any of these) holds text; separators, blanks and HL7 null do not."""
    separators = f"{entry.segment.delimiters.subcomponent} "
    asked = components or range(1, entry.component_count + 1)
    return any(entry.component(number).strip(separators) for number in asked)


def says_deleted(entry: Repetition) -> bool:
    """Whether all that it says is HL7 null, as a whole or component by component."""
    parts = range(1, entry.component_count + 1)
    return any(entry.null_component(number) for number in parts) and not says_something(entry)


def elsewhere(paths: Sequence[Path], scope: Scope) -> tuple[str, str]:
    """The first text at one of the paths, and where it stands."""
    for path in paths:
        for repetition in path.repetitions(scope):
            if found := visible(path.text(repetition)):
                return found, path.source(repetition)
    return "", ""


class Value(msgspec.Struct, frozen=True, gc=False):
    """What one candidate yields: the value, its scalars with their sources, and what was repaired."""

    value: Any
    leaves: tuple[Leaf, ...]
    said: tuple[str, ...] = ()
    ids: tuple[Leaf, ...] = ()
    """`Fact.ids`."""


class Unfit(msgspec.Struct, frozen=True, gc=False):
    """A candidate that holds something of no use; `why` is without patient data."""

    why: str


Convert = Callable[[Context, Path, Repetition], Value | Unfit | None]
NoteOthers = Callable[[Context, Repetition, Sequence[Repetition]], None]
"""Notes the repetitions behind the one that is taken."""


def where_valued(read: Reader, *beside: Path) -> Reader:
    """Mark a reader that has nothing to say where none of the rule's paths (`from:`) holds anything, and none of `beside`:
    it is spared.
    """
    read.where_valued = beside  # type: ignore[attr-defined]
    return read


def recurring(read: Reader, *beside: Field) -> Reader:
    """Mark a reader of what patients have in common (clinicians, places, drugs, codes), so that it is remembered by fields.

    What it reads must be decided by the fields of the rule's paths and of its options, and by those of `beside`.
    """

    def remembered(context: Context, scope: Scope) -> Fact | None:
        return read(context, scope)

    remembered.recurring = beside  # type: ignore[attr-defined]
    remembered.where_valued = getattr(read, "where_valued", None)  # type: ignore[attr-defined]
    return remembered


def one_by_one(make: TypeMaker) -> TypeMaker:
    """A type that reads one path, for rules with several: the first that yields a whole value wins, else the first that
    says anything. With one path the reader is the type's own.
    """

    @wraps(make)
    def made(spec: Spec) -> Reader:
        if len(spec.paths) == 1:
            return make(spec)
        readers = [make(replace(spec, paths=(path,))) for path in spec.paths]

        def read(context: Context, scope: Scope) -> Fact | None:
            first: Fact | None = None
            for reader in readers:
                found = reader(context, scope)
                if found is not None and found.value is not None and not found.why:
                    return found
                first = first or found
            return first

        vars(read).update(vars(readers[0]))  # how its type is marked
        return read

    return made


def first_valid(
    spec: Spec, convert: Convert, *, note_unfit: bool = False, others: NoteOthers | None = None
) -> Reader:
    """A reader that takes the candidates in order; the first that yields a valid value wins.

    When none does, the first unfit one's reason is kept; `note_unfit` also lists each in `left_out`. `others` notes what
    stands behind the one that wins, in the same field.
    """
    rule = spec.name
    paths = [(path, path.segment in RESOURCES) for path in spec.paths]

    def read(context: Context, scope: Scope) -> Fact | None:
        why = deleted = ""
        for path, resource in paths:
            sent = repetitions(path, context, scope) if resource else path.repetitions(scope)
            for repetition in sent:
                if repetition.is_null:
                    deleted = deleted or path.source(repetition)
                    continue
                found = convert(context, path, repetition)
                if found is None:
                    continue
                if isinstance(found, Value):
                    if others is not None and len(sent) > 1:
                        others(context, repetition, sent[sent.index(repetition) + 1 :])
                    return as_fact(found, rule, context)
                why = why or found.why
                if note_unfit:
                    context.leave_out(path.source(repetition), path.text(repetition), found.why)
        if why:
            return no_fact(rule, context, why)
        return deleted_fact(rule, context, deleted) if deleted else None

    return where_valued(read)


def as_fact(found: Value, rule: str, context: Context) -> Fact:
    """The fact a value makes when this message says it."""
    at, message = context.at, context.control_id
    return Fact(found.value, found.leaves, rule, at, message, found.said, ids=found.ids)


def one(value: str | int | float | bool, source: str, *said: str) -> Value:
    """A value of one scalar."""
    return Value(value, (Leaf("", value, source),), said)

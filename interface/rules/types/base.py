"""What every type of rule is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interface.hl7.message import Repetition
from interface.rules.context import Context, deleted_fact, no_fact
from interface.rules.facts import Fact, Leaf
from interface.rules.paths import Path, Scope, read_path
from interface.rules.source import Lines, RuleError, check_keys, nearest
from interface.rules.tables import Table

Reader = Callable[[Context, Scope], Fact | None]
TypeMaker = Callable[["Spec"], Reader]

COMMON_KEYS = ("field", "type", "from", "each", "only")


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

    def options(self, *allowed: str) -> None:
        """Raise RuleError for an option this type does not know."""
        check_keys(self.body, (*COMMON_KEYS, *allowed), self.name.split("#")[-1])

    def error(self, key: str, text: str) -> RuleError:
        """The error to raise for an option's value."""
        place = self.body.place(key) if key in self.body.lines else self.place
        return RuleError(f"{place}: {self.name.split('#')[-1]}: {text}")

    def table(self, key: str, default: str | None = None) -> Table | None:
        """The table an option names, or None when the rule names none."""
        name = self.body.get(key, default)
        if name is None:
            return None
        if name not in self.tables:
            raise self.error(key, f"no table '{name}'{nearest(str(name), self.tables)}")
        return self.tables[name]

    def needed_table(self, key: str) -> Table:
        """The table an option must name."""
        table = self.table(key)
        if table is None:
            raise self.error(key, f"'{key}:' must name a table")
        return table

    def path(self, key: str) -> Path | None:
        """The path an option names, or None."""
        text = self.body.get(key)
        return None if text is None else self._path(key, str(text))

    def path_list(self, key: str) -> tuple[Path, ...]:
        """The list of paths an option names; empty when there is none."""
        return tuple(self._path(key, str(text)) for text in self._list(key))

    def _path(self, key: str, text: str) -> Path:
        path = read_path(text)
        if isinstance(path, str):
            raise self.error(key, path)
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


@dataclass(frozen=True)
class Value:
    """What one candidate yields: the value, its scalars with their sources, and what was repaired."""

    value: Any
    leaves: tuple[Leaf, ...]
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unfit:
    """A candidate that holds something of no use; `why` is without patient data."""

    why: str


Convert = Callable[[Context, Path, Repetition], Value | Unfit | None]


def first_valid(spec: Spec, convert: Convert, *, note_unfit: bool = False) -> Reader:
    """A reader that takes the candidates in order; the first that yields a valid value wins.

    When none does, the first unfit one's reason is kept; `note_unfit` also lists each in `left_out`.
    """
    paths, rule = spec.paths, spec.name

    def read(context: Context, scope: Scope) -> Fact | None:
        why = deleted = ""
        for path in paths:
            for repetition in path.repetitions(scope):
                if repetition.is_null:
                    deleted = deleted or path.source(repetition)
                    continue
                found = convert(context, path, repetition)
                if isinstance(found, Value):
                    return as_fact(found, rule, context)
                if isinstance(found, Unfit):
                    why = why or found.why
                    if note_unfit:
                        context.leave_out(path.source(repetition), path.text(repetition), found.why)
        if why:
            return no_fact(rule, context, why)
        return deleted_fact(rule, context, deleted) if deleted else None

    return read


def as_fact(found: Value, rule: str, context: Context) -> Fact:
    """The fact a value makes when this message says it."""
    return Fact(found.value, found.leaves, rule, context.at, context.control_id, found.said)


def one(value: str | int | float | bool, source: str, *said: str) -> Value:
    """A value of one scalar."""
    return Value(value, (Leaf("", value, source),), said)

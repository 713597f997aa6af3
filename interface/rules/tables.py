"""Code tables: what a sender's code means here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from interface.rules.source import Lines, RuleError, check_keys, nearest

_FORMS = "is text, number, a list of words, or columns with one of these each"
_KEYS = ("source", "about", "values", "rows", "replace")


def normal(code: str) -> str:
    """How codes are compared: outer blanks off, runs of blanks one, upper case."""
    return " ".join(code.split()).upper()


@dataclass(frozen=True)
class Values:
    """What the rows of a table may say (`values:`): `text`, `number`, a list of words, or for each of several columns
    one of these; a column with `?` may be missing, a word that ends in `*` stands for all that begin so.
    """

    kind: str = ""
    words: tuple[str, ...] = ()
    columns: Mapping[str, Values] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, spec: object) -> Values | None:
        """The form that `values:` describes; None when it describes none."""
        if spec in ("text", "number"):
            return cls(kind=str(spec))
        if isinstance(spec, list) and spec and all(isinstance(word, str) for word in spec):
            return cls(words=tuple(spec))
        if not isinstance(spec, Lines) or not spec:
            return None
        columns = {name.removesuffix("?"): cls.parse(inner) for name, inner in spec.items()}
        known = {name: inner for name, inner in columns.items() if inner is not None and not inner.columns}
        if len(known) < len(spec):
            return None
        optional = frozenset(name[:-1] for name in spec if name.endswith("?"))
        return cls(columns=known, optional=optional)

    def read(self, value: object) -> tuple[Any, str]:
        """The value in its proper form, and what is wrong with it; text of a CSV cell is taken for what it stands for."""
        if self.columns:
            return self._row(value)
        if isinstance(value, (dict, list)) or value is None or value == "":
            return value, "a row has one value here" if value else "the value is missing"
        if self.kind == "number":
            text = str(value).strip()
            plain = text.isascii() and text.isdigit() and not isinstance(value, bool)
            return (int(text), "") if plain else (value, f"'{text}' is no number")
        if isinstance(value, bool):
            return value, "yes, no, true and false stand in quotes when they are text"
        return self._word(str(value).strip())

    def _word(self, text: str) -> tuple[Any, str]:
        for word in self.words:
            if word.casefold() == text.casefold():
                return word, ""
            if word.endswith("*") and text.startswith(word[:-1]):
                return text, ""
        if not self.words:
            return text, ""
        return text, f"'{text}' is none of {', '.join(self.words)}{nearest(text, self.words)}"

    def _row(self, value: object) -> tuple[Any, str]:
        if not isinstance(value, dict):
            return value, f"a row has the columns {', '.join(self.columns)} here"
        names = {name.casefold(): name for name in self.columns}  # the header of a CSV file in any case
        given = {
            names.get(str(key).casefold(), str(key)): inner
            for key, inner in value.items()
            if inner not in (None, "")
        }
        for name in given:
            if name not in self.columns:
                return value, f"unknown column '{name}'{nearest(name, self.columns)}"
        found: dict[str, Any] = {}
        for name, form in self.columns.items():
            if name in given:
                found[name], trouble = form.read(given[name])
                if trouble:
                    return value, f"{name}: {trouble}"
            elif name not in self.optional:
                return value, f"the column {name} is missing"
        return found, ""


@dataclass(frozen=True)
class Table:
    """One code table; rows are looked up by normalised code."""

    name: str
    source: str
    """Where the rows come from: the standard's table, or how senders are seen to write it."""
    rows: Mapping[str, Any]
    places: Mapping[str, str]
    """`FILE:LINE` of each row."""
    values: Values | None = None
    """What a row may say; None: anything."""

    def get(self, code: str) -> Any:
        """The row's value, or None when the table has no such code."""
        found = self.rows.get(code)  # nearly all are sent as the table has them
        return found if found is not None else self.rows.get(normal(code))

    def __contains__(self, code: str) -> bool:
        return normal(code) in self.rows

    def checked(self, values: Values) -> Table:
        """The same with every row in that form. Raises RuleError for the first that is not."""
        found = {}
        for code, value in self.rows.items():
            found[code], trouble = values.read(value)
            if trouble:
                raise RuleError(f"{self.places[code]}: table {self.name}: {trouble}")
        return replace(self, rows=found, values=values)

    def changed_by(self, other: Table) -> Table:
        """This table with the rows of `other` added, or in the place of its own of the same code."""
        whole = replace(
            self,
            rows={**self.rows, **other.rows},
            places={**self.places, **other.places},
            source=other.source,
        )
        if self.values is None:
            return whole
        checked = replace(other, name=self.name).checked(self.values)
        return replace(whole, rows={**self.rows, **checked.rows})


def with_values(tables: Mapping[str, Table], found: Lines | None) -> dict[str, Table]:
    """The tables, each held against what `tables.yaml` says its rows may say. Raises RuleError."""
    checked = dict(tables)
    if found is None:
        return checked
    check_keys(found, ("tables",), "tables")
    given = found.get("tables")
    if not isinstance(given, Lines):
        raise RuleError(f"{found.place('tables')}: tables: is a list of 'table: values'")
    for name, spec in given.items():
        values = Values.parse(spec)
        if name not in tables:
            raise RuleError(f"{given.place(name)}: no table '{name}'{nearest(name, tables)}")
        if values is None:
            raise RuleError(f"{given.place(name)}: {name}: {_FORMS}")
        checked[name] = tables[name].checked(values)
    return checked


def name_of(file_name: str) -> str:
    """A table's name: its file's without folder and ending."""
    return file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def read_table(found: Lines, source: str = "") -> Table:
    """A table from its YAML file: `source` and `rows` (code: value). `source` here stands in for one that is not given.

    Raises RuleError with file and line.
    """
    check_keys(found, _KEYS, "table")
    rows = found.get("rows")
    if not isinstance(rows, Lines) or not rows:
        raise RuleError(f"{found.file}:1: a table needs 'rows:', a list of 'code: value'")
    if not found.get("source") and not source:
        raise RuleError(f"{found.file}:1: a table names its source, for example 'source: HL7 table 0001'")
    values = None
    if "values" in found:
        values = Values.parse(found["values"])
        if values is None:
            raise RuleError(f"{found.place('values')}: values: {_FORMS}")
    return make_table(
        name_of(found.file),
        str(found.get("source") or source),
        ((code, value, rows.place(code)) for code, value in rows.items()),
        values,
    )


def make_table(
    name: str, source: str, rows: Iterator[tuple[str, Any, str]], values: Values | None = None
) -> Table:
    """A table of (code, value, place) rows; RuleError for a code that stands twice or a value that can't be."""
    read: dict[str, Any] = {}
    places: dict[str, str] = {}
    for code, value, place in rows:
        key = normal(code)
        if not key:
            raise RuleError(f"{place}: table {name}: the code is missing")
        if key in read:
            line = places[key].rpartition(":")[2]
            raise RuleError(f"{place}: '{code}' is the same code as on line {line}")
        read[key] = value
        places[key] = place
    table = Table(name=name, source=source, rows=read, places=places)
    return table.checked(values) if values is not None else table

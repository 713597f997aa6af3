"""Code tables: what a sender's code means here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interface.rules.source import Lines, RuleError, check_keys


def normal(code: str) -> str:
    """How codes are compared: outer blanks off, runs of blanks one, upper case."""
    return " ".join(code.split()).upper()


@dataclass(frozen=True)
class Table:
    """One code table; rows are looked up by normalised code."""

    name: str
    source: str
    """Where the rows come from: the standard's table, or how senders are seen to write it."""
    rows: Mapping[str, Any]
    lines: Mapping[str, int]

    def get(self, code: str) -> Any:
        """The row's value, or None when the table has no such code."""
        return self.rows.get(normal(code))

    def __contains__(self, code: str) -> bool:
        return normal(code) in self.rows


def read_table(found: Lines, file_name: str) -> Table:
    """A table from its YAML file: `source` and `rows` (code: value). Raises RuleError."""
    check_keys(found, ("source", "rows", "about"), "table", file_name)
    rows = found.get("rows")
    if not isinstance(rows, Lines) or not rows:
        raise RuleError(f"{file_name}:1: a table needs 'rows:', a list of 'code: value'")
    if not found.get("source"):
        raise RuleError(f"{file_name}:1: a table names its source, for example 'source: HL7 table 0001'")
    read: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for code, value in rows.items():
        key = normal(code)
        if key in read:
            raise RuleError(
                f"{file_name}:{rows.lines[code]}: '{code}' is the same code as on line {lines[key]}"
            )
        read[key] = value
        lines[key] = rows.lines[code]
    name = file_name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return Table(name=name, source=str(found["source"]), rows=read, lines=lines)

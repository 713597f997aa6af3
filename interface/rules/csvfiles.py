"""CSV files as spreadsheets write them: a header row, then rows that know their lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from interface.rules.source import Lines, RuleError, nearest

_SEPARATORS = ",;\t"
_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.ASCII | re.IGNORECASE)
"""How spreadsheets write numbers of more than eleven digits: those that are lost here may be whose chart it is."""


class _Feed:
    """The lines of a file; comments and blank lines between rows are passed over, within quotes they are text."""

    def __init__(self, text: str):
        self._lines = iter(text.splitlines(keepends=True))
        self.number = 0
        self.first = 0
        """The line that the row being read begins on; 0: none yet."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while True:
            line = next(self._lines)
            self.number += 1
            if self.first or (line.strip(" \t\r\n,;") and not line.lstrip().startswith("#")):
                self.first = self.first or self.number
                return line


def read_csv(
    text: str,
    file: str,
    required: Sequence[str] = (),
    optional: Sequence[str] = (),
    *,
    private: bool = False,
) -> list[Lines]:
    """The rows by column name, cells without outer blanks, each with its line; empty cells are left out.

    The header may have the columns in any order and case; comma, semicolon or tab separates. Lines that begin with #
    and blank lines are passed over. With neither `required` nor `optional` any columns are taken. Of a `private` file
    no error quotes anything.

    Raises:
        RuleError: file, line and what: no header, an unknown or missing column, a row that is too long, open quotes, a
            number that a spreadsheet has shortened.

    """
    columns: list[str] = []
    rows: list[Lines] = []
    for line, cells in _cells(text, file):
        if not columns:
            columns = _header(cells, f"{file}:{line}", required, optional, private=private)
            continue
        if any(cells[len(columns) :]):
            raise RuleError(
                f"{file}:{line}: {len(cells)} values, but the header has {len(columns)} columns; "
                "a value that holds the separator stands in double quotes"
            )
        row = Lines(file=file, line=line)
        for name, cell in zip(columns, cells, strict=False):
            if _SHORTENED.fullmatch(cell):
                shown = "" if private else f" to {cell}"
                raise RuleError(
                    f"{file}:{line}: {name}: a spreadsheet has shortened the number{shown}; "
                    "format the column as text, and enter it again"
                )
            if cell:
                row.put(name, cell, line)
        rows.append(row)
    if not columns:
        raise RuleError(f"{file}:1: empty; the first row is the header: {','.join(required) or 'code,value'}")
    return rows


def _cells(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line it begins on."""
    feed = _Feed(text)
    head = next(
        (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), ""
    )
    separator = max(_SEPARATORS, key=head.count) if any(mark in head for mark in _SEPARATORS) else ","
    reader = csv.reader(feed, delimiter=separator, strict=True, skipinitialspace=True)
    while True:
        feed.first = 0
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            said = str(error)
            if "end of data" in said:
                said = "a double quote is opened and never closed"
            raise RuleError(f"{file}:{feed.first or feed.number or 1}: not CSV: {said}") from None
        if any(cells):
            yield feed.first, cells


def _header(
    cells: list[str], place: str, required: Sequence[str], optional: Sequence[str], *, private: bool
) -> list[str]:
    names = [cell.casefold() for cell in cells]
    while names and not names[-1]:
        names.pop()
    known = (*required, *optional)
    for name in names:
        if names.count(name) > 1:
            raise RuleError(f"{place}: the column '{name}' stands twice in the header; keep one")
        if known and name not in known:
            if private:
                raise RuleError(f"{place}: the first row is the header: {','.join(known)}")
            hint = nearest(name, known) or f"; the first row is the header: {','.join(known)}"
            raise RuleError(f"{place}: unknown column '{name}'{hint}")
        if not name:
            raise RuleError(f"{place}: a column of the header has no name")
    for name in required:
        if name not in names:
            raise RuleError(f"{place}: the column '{name}' is missing; the header is {','.join(known)}")
    return names

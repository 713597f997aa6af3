"""The rows of a table, one by one: what each says, or why it can't be taken."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from interface.history.columns import Layout, normal
from interface.hl7.datatypes.dtm import parse_dtm

_DATES = ("birth_date", "as_of", "date", "resolved", "start", "end", "prescribed")
_SPREADSHEET = re.compile(r"\d(?:[.,]\d+)?E\+\d+|\d+[.,]0+", re.IGNORECASE)
_AS_TEXT = re.compile('="([^"]*)"')
"""How a table keeps the zeros of a number before spreadsheets."""
_EMPTY = ("NULL", "\\N", "#N/A", '""')
"""What databases and spreadsheets write into empty cells; two quotation marks would be HL7's null, and delete."""
_PROBLEM_STATES = {
    "active": "active recurrence relapse chronic current ongoing open yes y true 1 a",
    "inactive": "inactive remission no n false 0 i",
    "resolved": "resolved closed cured ended",
    "error": "entered_in_error error deleted refuted ruled_out",
}
_MEDICATION_STATES = {
    "active": "active current ongoing open taking in_progress in_process yes y true 1 a ip",
    "hold": "on_hold hold held suspended paused hd",
    "completed": "completed complete finished inactive ended expired no n false 0 i cm",
    "stopped": "stopped discontinued dc d_c",
    "cancelled": "cancelled canceled ca",
    "error": "entered_in_error error deleted",
}
STATES = {
    kind: {word: state for state, words in states.items() for word in words.split()}
    for kind, states in (("problems", _PROBLEM_STATES), ("medications", _MEDICATION_STATES))
}
"""Kind of table to the words of its status column, each with what it means here."""

_WORDS = {
    "problems": "active, inactive, resolved, entered in error",
    "medications": "active, on hold, completed, stopped, cancelled, entered in error",
}


@dataclass(frozen=True)
class Row:
    """One row that can be taken."""

    line: int
    """1-based number of the line it begins on."""
    cells: dict[str, str]
    """Column to text, empty cells left out; dates as HL7 writes them, `status` as one of STATES' meanings."""


@dataclass(frozen=True)
class BadRow:
    """One row that can't be taken, and what to do."""

    line: int
    text: str
    """No patient data: columns and forms, never what a cell holds."""
    fault: bool = True
    """False: nothing is wrong with it, but it says that it does not count."""


def read_rows(lines: Iterable[str], layout: Layout, first: int = 2) -> Iterator[Row | BadRow]:
    """The rows below a table's first line. `lines` with their ends; `first`: the number of the first of them."""
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    while True:
        line = first + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = first + reader.line_num - 1
            span = f"; lines {line} to {last} are passed over" if last > line else ""
            yield BadRow(line, f"{_fault(error)}{span}")
            continue
        if any(cell.strip() for cell in cells):
            yield _row(line, cells, layout)


def _fault(error: csv.Error) -> str:
    if "field limit" in str(error) or "end of data" in str(error):
        return "a quotation mark is not closed; close it"
    if "new-line" in str(error):
        return "a carriage return stands inside a cell; quote the cell"
    return "a quotation mark stands inside a cell; double it and quote the cell"


def _row(line: int, cells: list[str], layout: Layout) -> Row | BadRow:
    wanted = len(layout.columns)
    more = any(cell.strip() for cell in cells[wanted:])
    if len(cells) < wanted or more:
        text = f"{len(cells)} cells where the headings are {wanted}; quote cells that hold a delimiter or a line break"
        # Excel leaves the last delimiters of a row out where these cells are empty in many rows
        few = ", and let the last column be one that is filled in each row" if len(cells) < wanted else ""
        return BadRow(line, text + few)
    found: dict[str, str] = {}
    for column, cell in zip(layout.columns, cells, strict=False):
        text = cell.strip()
        if kept := _AS_TEXT.fullmatch(text):
            text = kept[1].strip()
        if column and text and text not in _EMPTY:
            found[column] = text
    trouble = _trouble(found, layout.kind)
    if trouble:
        return BadRow(line, trouble)
    if found.get("status") == "error" and layout.kind == "medications":
        return BadRow(line, "status: the medication was entered in error", fault=False)
    return Row(line, found)


def _trouble(cells: dict[str, str], kind: str) -> str:
    """Why the row can't be taken; dates and status are put into their forms on the way."""
    mrn = cells.get("mrn", "")
    if not mrn:
        return "mrn is empty: whose it is can't be told"
    if _SPREADSHEET.fullmatch(mrn):
        return "mrn is in the form that programs give numbers (1.2E+11, 1234.0); export the column as text"
    if not any(cells.get(column) for column in ("code", "ndc", "label")):
        return "code is empty" if kind == "problems" else "code, ndc and label are empty: no drug is named"
    for column in _DATES:
        if column in cells:
            date = hl7_date(cells[column])
            if not date:
                return f"{column} is no date; write 2026-03-05, 20260305 or 3/5/2026"
            cells[column] = date
    if "status" in cells:
        word = normal(cells["status"])
        if word not in STATES[kind]:
            return f"status is not known; write one of {_WORDS[kind]}"
        cells["status"] = STATES[kind][word]
    return ""


def hl7_date(text: str) -> str:
    """A date or time as HL7 writes it, as exact as it was given; empty when it is none."""
    found = parse_dtm(text)
    if found is None:
        return ""
    written = f"{found.year:04d}"
    for part in (found.month, found.day, found.hour, found.minute, found.second):
        if part is None:
            break
        written += f"{part:02d}"
    if found.offset_minutes is None or found.hour is None:
        return written
    hours, minutes = divmod(abs(found.offset_minutes), 60)
    return f"{written}{'-' if found.offset_minutes < 0 else '+'}{hours:02d}{minutes:02d}"

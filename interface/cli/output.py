"""Answers on standard output: tables, JSON, and text that can do a terminal no harm."""

import codecs
import contextlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any, Literal, TextIO

from interface.shown.text import HARMFUL, safe_lines, safe_text

__all__ = [
    "cut",
    "facts",
    "heading",
    "is_terminal",
    "many",
    "print_json",
    "safe_lines",
    "safe_text",
    "table",
    "tell",
]

UNLIMITED = 1_000_000
_LONG, _FOLDED = 20, 16
"""Characters of what is not folded, and those that each line of what is folded has at least."""
_GAP = 2
MOST_LISTED = 60
"""Characters of a name in a list: one that is longer would make every line as wide."""


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def print_json(data: Any) -> None:
    """Print `data` as indented JSON; what could harm a terminal is a JSON escape, which changes no value."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    # JSON is UTF-8 (RFC 8259): where the terminal or locale is not, each character is an escape of JSON's own
    plain = codecs.lookup(encoding).name != "utf-8"
    text = json.dumps(data, ensure_ascii=plain, indent=2, default=_plain)
    # indentation is the only control character that JSON leaves outside its own escapes
    print(re.sub(r"[^\n\x20-\x7e]", _json_escape, text), flush=True)


def _json_escape(match: re.Match[str]) -> str:
    character = match.group()
    return json.dumps(character)[1:-1] if HARMFUL.match(character) or character == "\x7f" else character


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at `stream`."""
    return stream is not None and stream.isatty()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table: folded to a terminal's width, else a line for each row with nothing cut off.

    Args:
        columns: headings.
        rows: cells; None is empty. They are taken as they are (no markup) and shown by `safe_text`.
        right: the columns that are set to the right (numbers).

    """
    cells = [[safe_text(cell) for cell in row] for row in rows]
    if not is_terminal(sys.stdout):
        for line in plain_lines(columns, cells, right):
            print(line)
        return
    _draw(columns, cells, right)


def _draw(columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    """A table as wide as the terminal: what is long is folded, an id, a time or a word is not. Where there is no room for
    that, a paragraph for each row, with the names of the columns.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    widths = [max(map(cell_len, (name, *of_it))) for name, *of_it in zip(columns, *cells, strict=True)]
    long = [width > _LONG and _has_words(of_it) for width, *of_it in zip(widths, *cells, strict=True)]
    if not any(long) and widths:
        long[-1] = widths[-1] > _LONG
    least = sum(_FOLDED if folded else width for folded, width in zip(long, widths, strict=True))
    if least + _GAP * (len(widths) - 1) > console.width:
        for row in cells:
            for line, indent in _paragraph(columns, row, console.width):
                console.print(Padding(line, (0, 0, 0, indent)))
        return
    drawn = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column, folded in zip(columns, long, strict=True):
        justify: Literal["left", "right"] = "right" if column in right else "left"
        drawn.add_column(Text(column), justify=justify, overflow="fold", no_wrap=not folded)
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def _has_words(texts: Sequence[str]) -> bool:
    return any(" " in text for text in texts if len(text) > _LONG)


def _paragraph(columns: Sequence[str], row: Sequence[str], width: int) -> Iterator[tuple[Any, int]]:
    """The first cell, and behind it the others that are not empty, each with its column's name; below it, indented, what
    has no room. Lines, and how far each is indented.
    """
    from rich.text import Text

    line, indent = Text(row[0]), 0
    for column, cell in zip(columns[1:], row[1:], strict=True):
        if not cell:
            continue
        item = Text.assemble((column, "dim"), " ", cell)
        if indent + line.cell_len + _GAP + item.cell_len <= width:
            line.append(" " * _GAP).append_text(item)
        else:
            yield line, indent
            line, indent = item, 4
    yield line, indent


def plain_lines(
    columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str] = ()
) -> Iterator[str]:
    """The lines of a table as wide as its texts; the columns in `right` are set to the right."""
    lines = [list(columns), *cells]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    for line in lines:
        parts = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        ]
        yield "  ".join(parts).rstrip()


def facts(pairs: Mapping[str, object]) -> None:
    """Print names and values, one pair in a line; empty values are left out."""
    shown = {name: safe_text(value) for name, value in pairs.items() if value not in (None, "")}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        print(f"{name.ljust(width)}  {value}")


def cut(value: object) -> str:
    """A text of a message as lists have it: the beginning of one that is very long; `show` and JSON have it whole."""
    text = safe_text(value)
    return text if len(text) <= MOST_LISTED else f"{text[: MOST_LISTED - 1]}…"


def many(number: int, what: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def heading(text: str) -> None:
    """Print a heading with an empty line before it."""
    print(f"\n{safe_text(text)}")


def tell(text: str) -> None:
    """Say something that is not the answer: on standard error. That nobody can read it changes nothing of the answer."""
    with contextlib.suppress(OSError, ValueError):
        print(safe_text(text), file=sys.stderr, flush=True)

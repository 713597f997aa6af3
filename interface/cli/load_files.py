"""The files of `load`: what kind each is, and the messages that it holds or its rows make."""

from __future__ import annotations

import io
import itertools
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from interface.cli.common import UsageError, standard_input
from interface.history.columns import HeadingError, Layout, read_layout
from interface.history.messages import Built, build_messages
from interface.history.rows import BadRow, Row, read_rows
from interface.hl7.opening import find_msh, utf16_of
from interface.hl7.stream import PORTION, NoMessageEndsError, stream_messages

HEAD_BYTES = 64 * 1024
"""What is looked at to tell what a file is; a table's headings end within."""
STDIN = "-"
_MARKS = (b"\xff\xfe", b"\xfe\xff")
_PACKED = {
    b"\x1f\x8b": "it is packed by gzip: give it as `gzip -dc FILE | hl7-interface load -`",
    b"PK\x03\x04": "it is an Excel workbook or a ZIP archive: save the sheet as CSV (UTF-8), or unpack it",
    b"\xd0\xcf\x11\xe0": "it is an Excel workbook: save the sheet as CSV (UTF-8)",
}
"""How files begin that are often given in the place of what they hold."""


@dataclass(frozen=True)
class Bad:
    """What can't be taken, and what to do; no patient data in it."""

    place: str
    """`FILE:LINE`, or `FILE message N`."""
    text: str
    fault: bool = True
    """False: nothing is wrong with it, but it does not count."""


@dataclass(frozen=True)
class Piece:
    """One message of a file, or what rows of a table became."""

    place: str
    raw: bytes
    built: Built | None = None
    layout: Layout | None = None
    """With `built`: the table it is from."""


@dataclass(frozen=True)
class Table:
    """How a table begins."""

    layout: Layout
    first: int
    """Number of the first line below the headings."""


@dataclass
class File:
    """One file to load, looked at but not read yet."""

    name: str
    table: Table | None
    """None: it holds messages."""
    size: int
    """Bytes; 0 for what can be read once only."""
    as_of: str
    """An HL7 time: when what a table says held, where its rows do not say so themselves."""
    _stream: BinaryIO | None = None
    """Standard input, or a pipe: it can't be opened anew, and goes on behind `_begun`."""
    _begun: bytes = b""

    def pieces(self, advance: Callable[[int], None]) -> Iterator[Piece | Bad]:
        """What the file holds, in its order; `advance` is told of bytes that were read. Raises UsageError."""
        with self._stream or _opened(self.name) as file:
            portions = itertools.chain([self._begun], iter(lambda: file.read(PORTION), b""))
            counted = _counted((portion for portion in portions if portion), advance)
            try:
                yield from self._messages(counted) if self.table is None else self._rows(self.table, counted)
            except OSError as error:
                raise UsageError(f"cannot read {self.name}: {error.strerror}") from None

    def _messages(self, portions: Iterable[bytes]) -> Iterator[Piece | Bad]:
        number = 0
        try:
            for number, raw in enumerate(stream_messages(portions), 1):
                yield Piece(f"{self.name} message {number}", raw)
        except NoMessageEndsError as error:
            yield Bad(f"{self.name} message {number + 1}", f"{error}; the rest of the file is not read")

    def _rows(self, table: Table, portions: Iterable[bytes]) -> Iterator[Piece | Bad]:
        lines = itertools.islice(text_lines(portions), table.first - 1, None)
        # one row may make the message before it ready, or be bad: bad ones wait here until they are asked for
        bad: list[BadRow] = []

        def good() -> Iterator[Row]:
            for row in read_rows(lines, table.layout, table.first):
                if isinstance(row, Row):
                    yield row
                else:
                    bad.append(row)

        for built in build_messages(good(), table.layout, self.as_of):
            yield from self._bad(bad)
            yield Piece(self.line(min(row.line for row in built.rows)), built.raw, built, table.layout)
        yield from self._bad(bad)

    def _bad(self, rows: list[BadRow]) -> Iterator[Bad]:
        while rows:
            row = rows.pop(0)
            yield Bad(self.line(row.line), row.text, row.fault)

    def line(self, number: int) -> str:
        """A line of the file as it is named to people."""
        return f"{self.name}:{number}"


def look_at(
    name: str,
    kind: str | None,
    ignore: Collection[str],
    as_of: str | None,
    now: datetime,
) -> File:
    """Tell what a file is by how it begins.

    Args:
        name: the file; `-` is standard input.
        kind: what a table holds, where it can't be told by its headings.
        ignore: headings to pass over.
        as_of: when what a table says held, an HL7 time; None: on the day on which the file was written.
        now: the time, in the zone whose days count; no table says what will be.

    Raises:
        UsageError: it cannot be read, or is neither messages nor a table that can be taken.

    """
    file = _opened(name)
    status = None if name == STDIN else os.fstat(file.fileno())
    if status is not None and not stat.S_ISREG(status.st_mode):
        status = None  # a pipe, as of `<(…)`: opened anew it goes on where it was left
    try:
        head = file.read(HEAD_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    written = now if status is None else min(now, datetime.fromtimestamp(status.st_mtime, now.tzinfo))
    # the day alone: a file that is corrected and loaded again makes the same messages of what has stayed
    at = as_of or written.strftime("%Y%m%d")
    if status is None:
        return File(name, _table_of(name, head, kind, ignore), 0, at, file, head)
    file.close()
    return File(name, _table_of(name, head, kind, ignore), status.st_size, at)


def _table_of(name: str, head: bytes, kind: str | None, ignore: Collection[str]) -> Table | None:
    """The table that a file holds; None: it holds messages. Raises UsageError: neither."""
    if not head.strip():
        raise UsageError(f"load: {name} is empty")
    for start, what in _PACKED.items():
        if head.startswith(start):
            raise UsageError(f"load: {name}: {what}")
    try:
        # headings first: what looks like a message below them is a cell (`MSH1234` may be a patient's number)
        return _table(head, kind, ignore)
    except HeadingError as error:
        wide = head[2:] if head[:2] in _MARKS else head
        if head[:1] == b"\x0b" or utf16_of(wide) is not None or find_msh(head) >= 0:
            return None
        raise UsageError(f"load: {name}: no MSH, so it is taken for a table, but {error}") from None


def _opened(name: str) -> BinaryIO:
    try:
        return standard_input().buffer if name == STDIN else Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None


def _counted(portions: Iterable[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    for portion in portions:
        yield portion
        advance(len(portion))


def _table(head: bytes, kind: str | None, ignore: Collection[str]) -> Table:
    """The first line that is not blank holds the headings; spreadsheets put `sep=;` before it."""
    number = 0
    for number, line in enumerate(text_lines([head]), 1):
        if line.strip() and not line.lower().startswith(("sep=", '"sep=')):
            return Table(read_layout(line.rstrip("\r\n"), kind, ignore), number + 1)
    raise HeadingError("it has no headings")


def text_lines(portions: Iterable[bytes]) -> Iterator[str]:
    """The lines of a text with their ends (LF, CRLF, or CR where there is no LF): UTF-8, a line that is none cp1252;
    UTF-16 where a byte order mark says so.
    """
    parts = iter(portions)
    held = next(parts, b"")
    if held[:2] in _MARKS:
        yield from io.StringIO((held + b"".join(parts)).decode("utf-16", "replace"), newline="")
        return
    held = held.removeprefix(b"\xef\xbb\xbf")
    end = b"\n" if b"\n" in held or b"\r" not in held else b"\r"
    for part in parts:
        *lines, held = (held + part).split(end)
        yield from (_text(line + end) for line in lines)
    *lines, held = held.split(end)
    yield from (_text(line + end) for line in lines)
    if held:
        yield _text(held)


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")

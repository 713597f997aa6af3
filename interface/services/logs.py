"""The log: one line an event, as key=value text or as JSON, to standard error; never patient data.

What may stand in a line: our own row ids, MSH-10 (unless `[log] control_id` says no), addresses of senders, counts,
times, names from the settings file.

Door and work write to the same standard error. So that no line comes apart, lines are written whole and at most
`PIPE_BYTES` at a time: a pipe takes that much in one piece. A pipe that is full is not waited for.
"""

import json
import logging
import math
import os
import re
import select
import stat
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

import orjson

ROOT = "interface"
"""The logger above all of ours."""
PIPE_BYTES = 4096
"""PIPE_BUF on Linux: what is not longer is never mixed with what another process writes (pipe(7))."""
MAX_VALUE = 600
"""Characters of one value."""
MAX_TEXT_LINE = PIPE_BYTES - 96
"""Bytes of a line, without its time and level."""
CUT = "…"
PATIENCE_SECONDS = 0.2
"""How long a full pipe is waited for, once: until it takes something again, lines are dropped and counted."""
SHORT = 64
"""Characters of a value that a line keeps which would else be too long as JSON."""

Format = Literal["text", "json"]
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
"""What `[log] level` may say."""
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Of syslog, as sd-daemon(3) has them before a line."""
_BARE = re.compile(r"[!#-<>-\[\]-~]+")
"""Values that need no quotes: printable ASCII but blank, ", =, \\."""
_QUOTED_WHEN = frozenset(' ="\\')
MAX_JSON_LINE = 800
"""Bytes up to which nothing in a line can be too long."""
NOT_ASCII = b"\xff"
_JSON = orjson.OPT_APPEND_NEWLINE

lost = 0
"""Lines of this process that could not be written."""


class Seconds(float):
    """A span as people read it in text, `64.1s`; a number in JSON."""

    def __str__(self) -> str:
        return f"{float(self):.1f}s"


@dataclass(frozen=True, slots=True)
class Event:
    """What one line says. Its text is the line without time and level."""

    what: str
    fields: Mapping[str, object]

    def __str__(self) -> str:
        words = [f"event={self.what}"]
        words += [f"{key}={_value(value)}" for key, value in self.fields.items()]
        return " ".join(words)


class Events(tuple[Event, ...]):
    """What many lines of the same level and moment say, written together."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self))


def event(log: logging.Logger, level: int, what: str, /, **fields: object) -> None:
    """Log `event=what key=value ...`. Values: text, numbers, truth values, None, lists of these; others as their text.

    In text they are quoted where they hold blanks, and control characters are escaped.
    """
    if log.isEnabledFor(level):
        _hand_over(log, level, Event(what, fields))


def events(log: logging.Logger, level: int, told: Iterable[Event]) -> None:
    """Log many lines at once, which costs a tenth of as many single ones."""
    if log.isEnabledFor(level) and (many := Events(told)):
        _hand_over(log, level, many)


def _hand_over(log: logging.Logger, level: int, told: Event | Events) -> None:
    """As `log.log` does it, without looking for the caller's line, which no line of ours bears."""
    log.handle(log.makeRecord(log.name, level, "", 0, told, (), None))


# ---------------------------------------------------------------------------------------------- how it is written


@dataclass(frozen=True, slots=True)
class Style:
    """How lines look."""

    format: Format = "text"
    process: str = "door"
    """Whose lines they are: door or work."""
    in_journal: bool = False
    """Standard error is systemd's journal, which keeps time and level itself: text goes without them."""

    def lines(self, record: logging.LogRecord) -> list[bytes]:
        """The lines of a record, each with its end."""
        said = record.msg
        told = said if isinstance(said, Events) else (said if isinstance(said, Event) else _foreign(record),)
        mark = f"<{_PRIORITIES.get(record.levelno, 6)}>" if self.in_journal else ""
        if self.format == "json":
            head = self._head(record)
            return [mark.encode() + _json(head, one) for one in told]
        if not self.in_journal:
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(record.created))
            mark = f"{at}.{int(record.msecs):03d} level={record.levelname} "
        return [_cut(f"{mark}{one}") for one in told]

    def _head(self, record: logging.LogRecord) -> dict[str, object]:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return {"ts": at, "level": record.levelname, "process": self.process, "pid": os.getpid()}


class _Lines(logging.Handler):
    """Writes lines whole, and waits for nobody: a reader of the log who stands still must not stop the feed.

    What can't be written is counted, and said as soon as there is room again.
    """

    def __init__(self, stream: TextIO, style: Style) -> None:
        super().__init__()
        self.stream = stream
        self.style = style
        self._room = _room_of(stream)
        self._stalled = False
        self._untold = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write the lines of one record."""
        try:
            lines = self.style.lines(record)
        except Exception as broken:  # never a traceback, and never silence
            lines = self._own(record, "log-fault", fault=where(broken))
        for piece in _pieces(lines):
            self._write(piece)
        if self._untold and not self._stalled:
            (told,) = self._own(record, "log-lines-lost", lines=self._untold)
            self._untold = 0
            self._write(told)

    def _write(self, piece: bytes) -> None:
        global lost
        try:
            self._stalled = self._room is not None and not self._room.poll(
                0 if self._stalled else PATIENCE_SECONDS * 1000
            )
            if not self._stalled:
                self.stream.write(piece.decode())
                self.stream.flush()
                return
        except (OSError, ValueError):  # nobody reads any more, no room on the disk, closed
            self._stalled = True
        count = piece.count(b"\n")
        lost += count
        self._untold += count

    def _own(self, record: logging.LogRecord, what: str, **fields: object) -> list[bytes]:
        told = Event(what, fields)
        return self.style.lines(logging.LogRecord(record.name, logging.ERROR, "", 0, told, None, None))


def _room_of(stream: TextIO) -> "select.poll | None":
    """What says whether a pipe takes more; None: it is none, and never full."""
    try:
        number = stream.fileno()
        mode = os.fstat(number).st_mode
    except (OSError, ValueError, AttributeError):
        return None
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)):
        return None
    room = select.poll()
    room.register(number, select.POLLOUT)
    return room


def configure(stream: TextIO | None = None, level: int = logging.INFO, process: str = "door") -> None:
    """Send the program's log lines to `stream` (standard error when None), unless the host has set logging
    up."""
    root = logging.getLogger(ROOT)
    if root.handlers:
        return
    root.addHandler(_Lines(stream or sys.stderr, Style("text", process, stream is None and _is_journal())))
    root.setLevel(level)
    root.propagate = False
    # without a handler of its own what packages warn of would go to standard error as it stands: it may quote a message
    logging.getLogger().addHandler(logging.NullHandler())


def use(format_: Format, level: str) -> None:
    """From now on lines look so, and are left out below this level (a key of `LEVELS`)."""
    root = logging.getLogger(ROOT)
    for handler in root.handlers:
        if isinstance(handler, _Lines):
            handler.style = Style(format_, handler.style.process, handler.style.in_journal)
            root.setLevel(LEVELS[level])


def format_used() -> Format:
    """How lines look now."""
    found = (one.style.format for one in logging.getLogger(ROOT).handlers if isinstance(one, _Lines))
    return next(found, "text")


def _is_journal() -> bool:
    """Whether standard error is systemd's journal itself (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        there = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def _pieces(lines: list[bytes]) -> Iterable[bytes]:
    """Whole lines, together as long as a pipe takes in one piece."""
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) > PIPE_BYTES:
            yield piece
            piece = b""
        piece += line
    yield piece


def _foreign(record: logging.LogRecord) -> Event:
    """A record that was not made by `event`: its text may hold anything and is left out."""
    return Event("said", {"logger": record.name, "place": f"{Path(record.pathname).name}:{record.lineno}"})


# ---------------------------------------------------------------------------------------------- values


def _value(value: object) -> str:
    """A value on one line: senders choose some of them (MSH-10), so nothing may forge a line or a key."""
    if type(value) is int or (isinstance(value, str) and len(value) <= MAX_VALUE and _BARE.fullmatch(value)):
        return str(value)
    if value is None:
        return "-"
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value))
    elif type(value) is float and value.is_integer():
        value = int(value)
    text = str(value)
    if len(text) > MAX_VALUE:
        text = text[:MAX_VALUE] + CUT
    if text and text.isprintable() and _QUOTED_WHEN.isdisjoint(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in escaped) + '"'


def _json(head: dict[str, object], told: Event) -> bytes:
    """One object, in ASCII: no terminal and no reader of lines stumbles over what a sender has put in."""
    line = _dumped({**head, "event": told.what, **told.fields})
    if len(line) < MAX_JSON_LINE and line.isascii():
        return line
    fields = {"event": told.what} | {key: _plain(value) for key, value in told.fields.items()}
    line = json.dumps(head | fields).encode() + b"\n"
    if len(line) >= PIPE_BYTES:
        kept = {key: value for key, value in fields.items() if len(str(value)) <= SHORT}
        left_out = [key for key in fields if key not in kept]
        line = json.dumps(head | kept | {"left_out": left_out}).encode() + b"\n"
    return line


def _dumped(document: dict[str, object]) -> bytes:
    try:
        return orjson.dumps(document, default=_plain, option=_JSON)
    except TypeError:  # a lone surrogate, a number beyond 64 bits
        return NOT_ASCII


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    text = str(value)
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + CUT


def _cut(line: str) -> bytes:
    data = line.encode("utf-8", "backslashreplace")
    if len(data) >= PIPE_BYTES:
        data = data[:MAX_TEXT_LINE].decode("utf-8", "ignore").encode() + CUT.encode()
    return data + b"\n"


# ---------------------------------------------------------------------------------------------- faults


def not_started(problems: Iterable[str]) -> None:
    """What keeps the daemon from starting, in JSON: a line for each fault."""
    configure()
    use("json", "info")
    for problem in problems:
        event(logging.getLogger("interface.run"), logging.ERROR, "not-started", problem=problem)


def catch_faults() -> None:
    """From now on what nobody catches, in whatever thread, is a line of the log: no traceback, no text of an error."""
    sys.excepthook = lambda _kind, error, _trace: _fault(error)
    threading.excepthook = lambda told: _fault(told.exc_value)
    sys.unraisablehook = lambda told: _fault(told.exc_value)


def _fault(error: BaseException | None) -> None:
    if not isinstance(error, KeyboardInterrupt | SystemExit | None):
        event(logging.getLogger("interface.faults"), logging.ERROR, "fault", fault=where(error))


def where(error: BaseException) -> str:
    """`KeyError at header.py:12`: the kind of an error and its place; its text may quote a message."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place


def twisted_failures(record: dict[str, Any]) -> None:
    """Observer of Twisted's own log: a fault in a callback is said in one line, without its text."""
    failure = record.get("log_failure") or record.get("failure")  # the latter of its older way to log
    if failure is not None:
        event(logging.getLogger("interface.twisted"), logging.ERROR, "fault", fault=where(failure.value))

"""Log lines: one line each, key=value, to standard error; never patient data.

What may stand in a line: our own row ids, MSH-10, addresses of senders, counts, times, names from the
settings file.
"""

import logging
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

_QUOTED_WHEN = frozenset(' ="\\\t')


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send the program's log lines to `stream` (standard error when None), unless the host has set logging
    up."""
    root = logging.getLogger("interface")
    if root.handlers:
        return
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03d level=%(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(level)
    root.propagate = False


def event(log: logging.Logger, level: int, what: str, **fields: object) -> None:
    """Log `event=what key=value ...`; values are quoted where they hold blanks, control characters are
    escaped."""
    if log.isEnabledFor(level):
        words = [f"event={what}", *(f"{key}={_value(value)}" for key, value in fields.items())]
        log.log(level, "%s", " ".join(words))


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


def _value(value: object) -> str:
    """A value on one line: senders choose some of them (MSH-10), so nothing may forge a line or a key."""
    text = str(value)
    if text and text.isprintable() and _QUOTED_WHEN.isdisjoint(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in escaped) + '"'

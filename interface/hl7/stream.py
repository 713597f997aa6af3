"""A file taken apart into messages while it is read: an export of a gigabyte is never in memory as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .batch import messages_in_file
from .opening import openings, utf16_of

PORTION = 1024 * 1024
"""Bytes that are read at a time."""
LONGEST = 64 * 1024 * 1024
"""Bytes in which a message must end, unless the file does; else the reading stops and says so."""
_UNSURE = 128
"""An opening so near the end of what is read may turn out to be none: it is looked at again with more."""
_LINE_ENDS = b"\r\n\x0b\x1c"
_FRAMING = re.compile(rb"[\x0b\x1c]")


class NoMessageEndsError(ValueError):
    """No message begins or ends within `LONGEST` bytes: no HL7 file, or one whose line ends were lost."""


def stream_messages(portions: Iterable[bytes], longest: int = LONGEST) -> Iterator[bytes]:
    """The messages of a file that comes in portions; the same ones that `messages_in_file` finds in the whole.

    Plan: hold what is read; cut it in front of the last MSH, or of the framing and batch headers before it, for
    only the last message can go on. Each byte is looked at again only while its message has not ended.
    Raises NoMessageEndsError.
    """
    held = b""
    looked = 0
    portions = iter(portions)
    for portion in portions:
        first = not held
        held += portion
        if first and utf16_of(held) is not None:
            yield from messages_in_file(held + b"".join(portions))
            return
        if len(held) < 2 * looked:
            continue  # a long message: looked at anew only when there is twice as much
        looked = len(held)
        cut = _cut(held)
        if cut:
            yield from messages_in_file(held[:cut])
            held = held[cut:]
            looked = 0
        elif len(held) > longest:
            raise NoMessageEndsError(f"no message ends within {longest} bytes")
    yield from messages_in_file(held)


def _cut(held: bytes) -> int:
    """Where the last message in `held` begins, all that opens it included; 0: it is the only one."""
    found = [at for at in openings(held.decode("latin-1")) if at < len(held) - _UNSURE]
    # where a line end was lost no cut is made: what stands before it might then look like an opening itself
    last = next((n for n in range(len(found) - 1, 0, -1) if held[found[n] - 1] in _LINE_ENDS), 0)
    if not last:
        return 0
    marks = [match.start() for match in _FRAMING.finditer(held, found[last - 1], found[last])]
    return marks[-1] if marks else found[last]

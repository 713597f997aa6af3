"""Taking a payload or a file apart into single messages: FHS/BHS batches, MLLP framing, several MSH."""

import re
from itertools import islice

from . import charsets
from .errors import TooManyMessagesError
from .opening import DEBRIS, glued, openings, utf16_of

_NAMES = ("MSH", "FHS", "BHS", "BTS", "FTS")
_DIVIDERS = frozenset(name.encode() for upper in _NAMES for name in (upper, upper.lower()))
_BATCH_NAMES = "|".join(name for upper in _NAMES[1:] for name in (upper, upper.lower()))
_BATCH_LINE = re.compile(rf"(?:\A|[\r\n])[{DEBRIS}]{{0,64}}(?:{_BATCH_NAMES})(?=[^\w\s]|[\r\n]|\Z)")
_FRAMING = re.compile("[\x0b\x1c]")
_LINE_END = re.compile("[\r\n\x0b\x1c]")
_BLANK = DEBRIS + "\r\n\x0b\x1c\x1a"
_DEBRIS_BYTES = re.compile(rb"[ \t\x00\xef\xbb\xbf]")  # behind them a line may begin with a name all the same


def split_messages(raw: bytes, most: int | None = None) -> list[bytes]:
    """The messages of one frame's payload, in order: one for each MSH, FHS/BHS/BTS/FTS left out.

    Bytes are passed on as they came. Without any MSH: `[raw]`. What stands before the first MSH and is no
    batch header stays in front of the first message, where the reader passes over it: nothing is lost from
    the journal. What stands behind a batch trailer stays behind it, where the reader stops: it is nobody's.

    Raises TooManyMessagesError: there are more than `most`; the others are not looked for.
    """
    if raw[:3] == b"MSH" and _is_single(raw):
        return [raw]
    text, codec = _text_of(raw)
    pieces = _split(text, most)
    return [raw] if not pieces or pieces == [text] else [_bytes_of(piece, codec) for piece in pieces]


def messages_in_file(data: bytes) -> list[bytes]:
    """The messages of a file, framed or not, whatever ends its segments and however many there are.

    A file without any MSH is one unreadable message, an empty file (or one of blanks) none.
    """
    text, codec = _text_of(data)
    found: list[str] = []
    for chunk in _FRAMING.split(text):
        if chunk.strip(_BLANK):
            found.extend(_split(chunk) or [chunk])
    return [_bytes_of(message, codec) for message in found]


def _is_single(raw: bytes) -> bool:
    # nearly every frame: no line but the first begins with what could divide it. By sets and one look at all names
    # together it is 2 us of 5
    if b"\x0b" in raw or b"\x1c" in raw or glued(raw):
        return False
    lines = raw.splitlines() if b"\n" in raw else raw.split(b"\r")
    del lines[0]
    names = {line[:3] for line in lines}
    if not _DIVIDERS.isdisjoint(names) and any(
        line[:3] in _DIVIDERS and not line[3:4].isalnum() for line in lines
    ):
        return False
    joined = b"".join(names)
    return joined.isalnum() or not _DEBRIS_BYTES.search(joined)


def _text_of(raw: bytes) -> tuple[str, str]:
    # Latin-1 gives each byte a character and gives it back: the cuts must not depend on what a message
    # declares
    codec = utf16_of(raw)
    if codec is None:
        return raw.decode("latin-1"), "latin-1"
    if codec == charsets.UTF_16:
        codec = "utf-16-le" if raw[:2] == b"\xff\xfe" else "utf-16-be"
    raw = raw[1:] if raw[:1] == b"\x0b" else raw
    return raw.decode(codec, "replace"), codec


def _bytes_of(text: str, codec: str) -> bytes:
    return text.encode(codec, "replace")


def _split(text: str, most: int | None = None) -> list[str]:
    starts = list(openings(text) if most is None else islice(openings(text), most + 1))
    if not starts:
        return []
    if most is not None and len(starts) > most:
        raise TooManyMessagesError
    if not _only_batch_lines(text[: starts[0]]):
        starts[0] = 0
    ends = [*starts[1:], len(text)]
    return [_without_trailers(text[start:end]) for start, end in zip(starts, ends, strict=True)]


def _without_trailers(message: str) -> str:
    if not _BATCH_LINE.search(message):
        return message
    lines = message
    for mark in "\n\x0b\x1c":
        lines = lines.replace(mark, "\r")
    end = len(lines)  # from the end on each line is looked at once, up to the last that is no batch line
    while end > 0 and _is_batch_line(lines[(start := lines.rfind("\r", 0, end) + 1) : end]):
        end = start - 1
    trailer = _BATCH_LINE.search(message, max(end, 1))
    # the line end before it is the last segment's own
    return message[: trailer.start() + 1] if trailer else message


def _only_batch_lines(text: str) -> bool:
    return all(map(_is_batch_line, _LINE_END.split(text)))


def _is_batch_line(line: str) -> bool:
    return not line.strip(_BLANK) or _BATCH_LINE.match(line) is not None

"""Finding and reading MSH: behind a byte order mark, blanks, framing debris, FHS and BHS; in UTF-16 too."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import charsets
from .delimiters import Delimiters, read_delimiters
from .errors import HeaderError

# A line that opens a message: MSH, a separator, encoding characters, the separator again or the end of the
# line. What stands before it on its line is looked at by `opens_line`: a pattern that eats blanks from each
# line end on would cost the square of a long run of line ends.
_PATTERN = r"(?:MSH|msh)([!-/:-@\[-`{-~])[^\w\s]{0,8}?(?:\1|[\r\n\x0b\x1c]|\Z)"
MSH_BYTES = re.compile(_PATTERN.encode())
# The same in the middle of a line, where the line end before it was lost (files put together, mostly). It must be
# whole; in a field's text its characters would have come escaped, so nothing legitimate is torn.
_GLUED = r"MSH([!-/:-@\[-`{-~])[^\w\s]{3,5}?\1"
_GLUED_BYTES = re.compile(_GLUED.encode())
_GLUED_TEXT = re.compile(_GLUED)
_MANGLED_BYTES = re.compile(b"MSH|msh")
_MANGLED_TEXT = re.compile("MSH|msh")
_NAME = re.compile(r"MSH[!-/:-@\[-`{-~]")
_UPPER, _LOWER = (re.compile(_PATTERN.replace("(?:MSH|msh)", name)) for name in ("MSH", "msh"))
_LINE_END = re.compile("[\r\n\x0b\x1c]")
DEBRIS = " \t\x00\ufeff\xef\xbb\xbf"  # blanks and byte order marks, decoded or not
_LINE_ENDS = "\r\n\x0b\x1c"
_DEBRIS_BYTES = b" \t\x00\xef\xbb\xbf"
_LINE_END_BYTES = b"\r\n\x0b\x1c"
_LOOK_BACK = 64
_WIDE_SEARCH = 4096  # bytes in which the MSH of a UTF-16 payload must turn up


@dataclass(slots=True)
class Opening:
    """How a message begins: its MSH, decoded, and what MSH says about reading the rest."""

    body: bytes  # from MSH on
    wide: charsets.Decoded | None  # all of it decoded, when the payload is UTF-16
    msh: str  # the segment without its end
    codec: str  # the Python codec MSH was read with
    declared: str  # MSH-18 as sent, all repetitions
    delimiters: Delimiters
    notes: tuple[str, ...]  # on the delimiters


def read_opening(raw: bytes, default_charset: str | None = None) -> Opening:
    """Find and decode the first MSH.

    Raises HeaderError: no-msh when there is none; undecodable when MSH-1 or MSH-2 can't be delimiters, or the
    bytes of MSH are not what MSH-18 says they are.
    """
    if raw[:3] == b"MSH":
        body = raw
    elif codec := utf16_of(raw):
        return _read_wide(raw, codec)
    else:
        start = find_msh(raw)
        if start < 0:
            raise HeaderError("no-msh", "no MSH segment: a message starts with MSH|^~\\&|")
        body = raw[start:]
    line = msh_of(body)
    msh = line.decode("latin-1")
    declared, delimiters, notes = _declarations(msh)
    if is_plain(line):
        return Opening(body, None, msh, charsets.ASCII, declared, delimiters, notes)
    if not charsets.fits(line, declared, delimiters.repetition):
        raise HeaderError(
            "undecodable", "the bytes of MSH are not in the character set that MSH-18 names: make them agree"
        )
    decoded = charsets.decode(line, declared, default_charset, repetition=delimiters.repetition)
    return Opening(body, None, decoded.text, decoded.codec, declared, delimiters, notes)


def msh_of(body: bytes) -> bytes:
    """MSH, which `body` begins with, without its end."""
    line = body[:end] if (end := body.find(b"\r")) >= 0 else body
    for mark in (b"\n", b"\x1c", b"\x0b"):
        if mark in line:
            line = line[: line.index(mark)]
    if line.rfind(b"MSH") > 0 and (again := _GLUED_TEXT.search(line.decode("latin-1"), 3)):
        line = line[: again.start()]
    return line


def is_plain(line: bytes) -> bool:
    """Whether the bytes are ASCII, and nothing in them changes the character set."""
    return line.isascii() and b"\x1b" not in line


def _declarations(msh: str) -> tuple[str, Delimiters, tuple[str, ...]]:
    fields = msh.split(msh[3:4] or "|")
    delimiters, notes = read_delimiters(msh[3:4], fields[1] if len(fields) > 1 else "")
    if len(fields) < 18:
        return "", delimiters, notes
    declared = fields[17]
    if not msh.isascii() and not charsets.codecs_of(declared, delimiters.repetition):
        # the second byte of a Chinese character may look like a separator: then MSH-18 stands further on
        declared = next((text for text in fields[18:] if charsets.codec_of(text)), declared)
    return declared.strip(), delimiters, notes


def _read_wide(raw: bytes, codec: str) -> Opening:
    decoded = charsets.decode_wide(raw[1:] if raw[:1] == b"\x0b" else raw, codec)
    start = find_msh_text(decoded.text)
    if start < 0:
        raise HeaderError("no-msh", "no MSH segment: a message starts with MSH|^~\\&|")
    body = charsets.Decoded(decoded.text[start:], decoded.codec, decoded.notes)
    msh = _LINE_END.split(body.text, maxsplit=1)[0]
    if again := _GLUED_TEXT.search(msh, 3):
        msh = msh[: again.start()]
    if "\ufffd" in msh:
        raise HeaderError("undecodable", "the bytes of MSH are not UTF-16: send whole characters")
    declared, delimiters, notes = _declarations(msh)
    return Opening(raw, body, msh, codec, declared, delimiters, notes)


def utf16_of(raw: bytes) -> str | None:
    """The UTF-16 codec that a byte order mark or the bytes of MSH betray; None: they are not UTF-16."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return charsets.UTF_16
    shift = 1 if raw[:1] == b"\x0b" else 0  # framing debris is one byte
    at = raw[shift : shift + _WIDE_SEARCH].find(b"M\0S\0H")
    if at < 0:
        return None
    return "utf-16-be" if at % 2 else "utf-16-le"


def find_msh(raw: bytes) -> int:
    """Offset of the first MSH; -1: none. A mangled one counts if there is no other."""
    for start in (match.start() for match in MSH_BYTES.finditer(raw)):
        if _opens_line_bytes(raw, start) or _GLUED_BYTES.match(raw, start):
            return start
    for start in (match.start() for match in _MANGLED_BYTES.finditer(raw)):
        if _opens_line_bytes(raw, start):
            return start
    return -1


def glued(raw: bytes) -> bool:
    """Whether behind the first MSH another one opens a message in the middle of a line."""
    if raw.rfind(b"MSH", 3) < 0:  # half of what `find` takes for a small message
        return False
    return _GLUED_BYTES.search(raw, 3) is not None


def _opens_line_bytes(raw: bytes, at: int) -> bool:
    before = raw[max(0, at - _LOOK_BACK) : at].rstrip(_DEBRIS_BYTES)
    return not before or before[-1] in _LINE_END_BYTES


def find_msh_text(text: str) -> int:
    """The same in decoded text."""
    for start in openings(text):
        return start
    for match in _MANGLED_TEXT.finditer(text):
        if opens_line(text, match.start()):
            return match.start()
    return -1


def openings(text: str, start: int = 0) -> Iterator[int]:
    """Offsets from `start` on at which a message opens: MSH at the start of a line, or glued to a line."""
    for at in _named(text, start):
        if opens_line(text, at) or _GLUED_TEXT.match(text, at):
            yield at


def may_open(text: str, start: int) -> bool:
    """Whether `MSH` stands before a separator from `start` on: in an embedded document it hardly ever does by chance, while
    a megabyte has four times `MSH`.
    """
    return _NAME.search(text, start) is not None


def _named(text: str, start: int) -> Iterator[int]:
    """Where something like MSH stands, in capitals or not. Two patterns with a plain beginning pass over a megabyte in a
    seventh of the time that one for both takes (6 ms).
    """
    upper, lower = _UPPER.search(text, start), _LOWER.search(text, start)
    while upper or lower:
        if upper and (not lower or upper.start() < lower.start()):
            yield upper.start()
            upper = _UPPER.search(text, upper.end())
        elif lower:
            yield lower.start()
            lower = _LOWER.search(text, lower.end())


def opens_line(text: str, at: int) -> bool:
    """Whether nothing but blanks and debris stands between the start of the line and `at`."""
    before = text[max(0, at - _LOOK_BACK) : at].rstrip(DEBRIS)
    return not before or before[-1] in _LINE_ENDS

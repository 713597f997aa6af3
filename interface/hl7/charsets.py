"""Character sets: what MSH-18 says (HL7 table 0211, and names in the wild), and what the bytes are.

No byte is ever lost: a character set that is absent, unknown or does not fit gives way to UTF-8 and then to
cp1252, whose five undefined bytes are read as Latin-1 reads them; each line (segment) by itself, as engines
mix sources. It is said.
"""

import codecs
import re
from encodings import cp1252
from functools import lru_cache
from typing import NamedTuple

ASCII, UTF_8, CP1252, LATIN_1, UTF_16 = "ascii", "utf-8", "cp1252", "iso8859-1", "utf-16"
JAPANESE = "iso2022_jp_ext"

# every byte has a meaning here: cp1252, and Latin-1 where cp1252 has a hole
_CP1252 = "".join(chr(n) if c == "\ufffe" else c for n, c in enumerate(cp1252.decoding_table))
_CP1252_BYTES = codecs.charmap_build(_CP1252)

# names without blanks and punctuation, upper case
_CODECS = {
    **dict.fromkeys(("ASCII", "USASCII", "ISOIR6", "7BIT", "ANSIX341968"), ASCII),
    **dict.fromkeys(("UNICODEUTF8", "UTF8", "ISOIR192", "UNICODEUTF8BOM"), UTF_8),
    **dict.fromkeys(("UNICODE", "UTF16", "UNICODEUTF16", "UCS2"), UTF_16),
    "UTF16LE": "utf-16-le",
    "UTF16BE": "utf-16-be",
    **dict.fromkeys(("LATIN1", "ISOLATIN1", "ISOIR100"), LATIN_1),
    **{
        f"{prefix}8859{part}": f"iso8859-{part}"
        for prefix in ("", "ISO", "ISOIEC")
        for part in (*range(1, 12), 13, 14, 15, 16)
    },
    **{f"{prefix}{page}": f"cp{page}" for prefix in ("WINDOWS", "CP", "WIN") for page in range(1250, 1259)},
    "ANSI": CP1252,
    **dict.fromkeys(("GB180302000", "GB18030", "GBK", "GB2312"), "gb18030"),
    **dict.fromkeys(("KSX1001", "KSC5601", "EUCKR", "ISOIR149"), "cp949"),
    "BIG5": "big5",
    **dict.fromkeys(("ISOIR14", "ISOIR87", "ISOIR159", "ISO2022JP"), JAPANESE),
    **dict.fromkeys(("ISOIR13", "SHIFTJIS", "SJIS"), "shift_jis"),
}
_LONGEST_DECLARED = 500
_PUNCTUATION = re.compile("[^A-Z0-9]")
_SPOKEN = re.compile(r"[A-Za-z0-9 ./_-]{1,24}")
_C1 = re.compile(rb"[\x80-\x9f]")


class Decoded(NamedTuple):
    """Text, the Python codec it was read with, and what is to be said about it."""

    text: str
    codec: str
    notes: tuple[str, ...] = ()


def codec_of(name: str) -> str | None:
    """The Python codec of one repetition of MSH-18, or of a `charset` setting; None: a name not known."""
    return _CODECS.get(_PUNCTUATION.sub("", name.upper()))


def codecs_of(declared: str, repetition: str = "~") -> tuple[str, ...]:
    """The codecs of all of MSH-18 in order, each once. ISO 2022 (Japanese) goes first: it holds ASCII. What stands behind
    500 characters is no character set.
    """
    return _codecs_of(declared[:_LONGEST_DECLARED], repetition)


@lru_cache(maxsize=256)
def _codecs_of(declared: str, repetition: str) -> tuple[str, ...]:
    names = declared.split(repetition) if repetition and repetition in declared else (declared,)
    found = dict.fromkeys(codec for name in names if (codec := codec_of(name)))
    return tuple(sorted(found, key=lambda codec: codec != JAPANESE))


def decode(raw: bytes, declared: str = "", default: str | None = None, *, repetition: str = "~") -> Decoded:
    """Decode bytes as MSH-18 (`declared`) or the listener's `default` says. Never raises.

    Not for UTF-16 (see `decode_wide`); bytes that are evidently not UTF-16 and declared so are UTF-8 in the
    wild.
    """
    found = codecs_of(declared, repetition) if declared else ()
    standing_in = not found and bool(default) and (codec_of(default or "") or "")
    tried = (standing_in,) if standing_in else found
    if raw.isascii() and JAPANESE not in tried:
        return Decoded(raw.decode(ASCII), _narrow(tried[0]) if tried else UTF_8)
    for codec in tried:
        if (text := _as_declared(raw, codec)) is not None:
            said = f"{_absence(declared)}: read as {codec}, as set for the listener"
            return Decoded(text, _narrow(codec), (said,) if standing_in else ())
    if standing_in:
        why = f"{_absence(declared)}, and the bytes do not fit {standing_in}, as set for the listener"
    else:
        why = f"{_declaration(declared)}, the bytes do not fit" if tried else _absence(declared)
    if (text := _strict(raw, UTF_8)) is not None:
        return Decoded(text, UTF_8, (f"{why}: read as utf-8",))
    lines = [_loose(line, tried) for line in raw.splitlines(keepends=True)]
    return Decoded("".join(lines), CP1252, (f"{why}: read as cp1252 where the bytes are not UTF-8",))


def fits(raw: bytes, declared: str, repetition: str = "~") -> bool:
    """Whether bytes are what MSH-18 declares; of ASCII (engines' default), absent and unknown always true, and of
    Latin-1, in which each byte is a character: what is read as another set there is none the less readable.
    """
    found = codecs_of(declared, repetition) if declared else ()
    if not found or found == (ASCII,) or LATIN_1 in found:
        return True
    return any(_as_declared(raw, codec) is not None for codec in found)


def decode_wide(raw: bytes, codec: str) -> Decoded:
    """Decode a payload of `utf-16`, `utf-16-le` or `utf-16-be`; what is broken becomes U+FFFD, said."""
    try:
        return Decoded(raw.decode(codec), codec)
    except UnicodeDecodeError:
        return Decoded(raw.decode(codec, "replace"), codec, ("UTF-16 is broken: some characters were lost",))


def decode_fragment(raw: bytes, codec: str) -> str:
    r"""The bytes of an \X..\ escape, in the message's character set or whatever they are. Never raises."""
    for candidate in (codec, UTF_8):
        if (text := _strict(raw, candidate)) is not None:
            return text
    return cp1252_text(raw)


def encode(text: str, codec: str) -> bytes:
    """The opposite of `decode`; a character that the codec lacks becomes a question mark."""
    if codec == CP1252:
        return codecs.charmap_encode(text, "replace", _CP1252_BYTES)[0]
    return text.encode(codec, "replace")


def cp1252_text(raw: bytes) -> str:
    """Bytes as cp1252, its five undefined bytes as Latin-1."""
    return codecs.charmap_decode(raw, "strict", _CP1252)[0]


def _narrow(codec: str) -> str:
    # "UNICODE" on a payload that is evidently not UTF-16 means UTF-8 in the wild
    return UTF_8 if codec.startswith("utf-16") else codec


def _as_declared(raw: bytes, codec: str) -> str | None:
    """The bytes in a character set that was declared; None: they do not fit."""
    if codec == LATIN_1 and not raw.isascii() and _strict(raw, UTF_8) is not None:
        return None  # UTF-8 under a wrong name: engines write anew and leave MSH-18 as it was
    return _strict(raw, _narrow(codec))


def _strict(raw: bytes, codec: str) -> str | None:
    if codec == CP1252:
        return cp1252_text(raw)
    if codec == LATIN_1 and _C1.search(raw):
        return None  # nobody sends C1 control characters: it is cp1252 or UTF-8 under a wrong name
    try:
        return raw.decode(codec)
    except (UnicodeDecodeError, UnicodeError):
        return None


def _loose(line: bytes, tried: tuple[str, ...]) -> str:
    for codec in (*map(_narrow, tried), UTF_8):
        if (text := _strict(line, codec)) is not None:
            return text
    return cp1252_text(line)


def _absence(declared: str) -> str:
    if not declared.strip():
        return "MSH-18 absent"
    return f"{_declaration(declared)}, which is not known"


def _declaration(declared: str) -> str:
    # what stands in MSH-18 may be anything when fields have slipped: only what looks like a name is repeated
    return f"MSH-18 says {declared}" if _SPOKEN.fullmatch(declared) else "MSH-18 says something"

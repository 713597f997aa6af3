r"""Escape sequences: \F\ \S\ \T\ \R\ \E\ \Xhh..\ \.br\ \H\ \N\ (HL7 v2, chapter 2)."""

import re
from functools import lru_cache

from . import charsets
from .delimiters import Delimiters


def unescape(text: str, delimiters: Delimiters, charset: str = "utf-8") -> str:
    r"""The text a sender meant; unknown and broken escapes stay as sent. Text without any costs nothing.

    Neighbouring \X..\ are one run of bytes in `charset` (a Python codec), for senders that escape a
    character's bytes one by one. A backslash that opens no escape is text, and the search goes on behind it:
    in `50\50 a \T\ b` the \T\ is still read.
    """
    escape = delimiters.escape
    if not escape or escape not in text:
        return text
    pattern, plain = _reader(delimiters)

    def meant(match: re.Match[str]) -> str:
        code = match[1]
        if code is not None:
            return plain[code]
        if match[2] is not None:
            run = match[2].replace(escape, "").replace("X", "")
            return charsets.decode_fragment(bytes.fromhex(run), charset)
        # a known form without a plain-text meaning (\.sp\ \C..\ \M..\ \Z..\): kept, and not torn apart
        return match[0]

    return pattern.sub(meant, text)


def escape(text: str, delimiters: Delimiters) -> str:
    r"""The text as it may stand in a field: delimiters escaped, control characters as \X..\.

    Without an escape character (a sender may have none) delimiters and control characters become blanks.
    """
    return text.translate(_writer(delimiters))


@lru_cache(maxsize=256)
def _reader(delimiters: Delimiters) -> tuple[re.Pattern[str], dict[str, str]]:
    plain = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        ".br": "\n",
        ".BR": "\n",
        "H": "",
        "N": "",
    }
    if delimiters.truncation:
        plain["P"] = delimiters.truncation
    plain = {code: meaning for code, meaning in plain.items() if meaning or code in "HN"}
    e = re.escape(delimiters.escape)
    codes = "|".join(re.escape(code) for code in plain)
    kept = rf"\.[A-Za-z]{{2}}[+-]?\d*|[CMZ][^\s{e}]*"
    hexes = rf"(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+"
    return re.compile(rf"{e}({codes}){e}|({hexes})|{e}(?:{kept}){e}"), plain


@lru_cache(maxsize=256)
def _writer(delimiters: Delimiters) -> dict[int, str]:
    e = delimiters.escape
    written = {control: f"{e}X{control:02X}{e}" if e else " " for control in (*range(0x20), 0x7F)}
    named = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": delimiters.truncation,
    }
    written.update(
        {ord(meaning): f"{e}{code}{e}" if e else " " for code, meaning in named.items() if meaning}
    )
    return written

"""MSH-1 and MSH-2: the characters a sender separates with (HL7 v2, chapter 2, message delimiters)."""

from dataclasses import dataclass
from functools import lru_cache

from .errors import HeaderError

_DEFAULTS = "^~\\&"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """One sender's delimiters, each one character; '' where there is none (then nothing is split by it)."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""  # the fifth character, from version 2.7 on

    @property
    def encoding_characters(self) -> str:
        """MSH-2 as these delimiters spell it."""
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation


STANDARD = Delimiters()
VERBATIM = Delimiters("", "", "", "", "")  # MSH-1 and MSH-2 themselves: nothing in them is split or unescaped


def read_delimiters(field: str, encoding_characters: str) -> tuple[Delimiters, tuple[str, ...]]:
    """The delimiters of MSH-1 and MSH-2 as sent, and notes on what was mended.

    Fewer than four characters: the standard's stand in for those that are missing. A character twice (a
    doubled backslash, mostly) counts once. More than five: the rest is left out.

    Raises HeaderError (undecodable) when the characters can't be delimiters at all.
    """
    if len(encoding_characters) > _LONGEST:
        return _read_delimiters(field, encoding_characters)
    return _known_delimiters(field, encoding_characters)


def _read_delimiters(field: str, encoding_characters: str) -> tuple[Delimiters, tuple[str, ...]]:
    if not is_delimiter(field):
        raise HeaderError("undecodable", "MSH-1 is no field separator: send MSH|^~\\&|…")
    sent = encoding_characters.strip()
    if any(not is_delimiter(character) for character in sent[:4]):
        raise HeaderError("undecodable", "MSH-2 holds no encoding characters: send MSH|^~\\&|…")
    notes: list[str] = []
    once = "".join(dict.fromkeys(sent.replace(field, "")))
    if once != sent:
        notes.append("MSH-2 holds a character twice: counted once")
    if len(once) > 5 or not all(is_delimiter(character) for character in once[4:]):
        notes.append("MSH-2 holds more than encoding characters: the rest was left out")
        once = once[:5] if is_delimiter(once[4]) else once[:4]
    if len(once) < 4:
        notes.append("MSH-2 holds fewer than four characters: the standard's stand in")
    taken = [*once]
    for standard in _DEFAULTS[len(taken) :]:
        taken.append("" if standard == field or standard in taken else standard)
    return Delimiters(
        field, taken[0], taken[1], taken[2], taken[3], taken[4] if len(taken) > 4 else ""
    ), tuple(notes)


_known_delimiters = lru_cache(maxsize=256)(_read_delimiters)
_LONGEST = 16
"""Encoding characters that are remembered: a sender must not fill the memory with what are none."""


def is_delimiter(character: str) -> bool:
    """Whether a character can separate: printable ASCII, no letter, digit, blank or quotation mark.

    The quotation mark is left out because `""` is the HL7 null.
    """
    return len(character) == 1 and "!" <= character <= "~" and not character.isalnum() and character != '"'

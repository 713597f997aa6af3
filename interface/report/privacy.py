"""What of a message may stand in a report that is mailed: structure always, a value hardly ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from interface.hl7.message import Message

FREE_TEXT = "(free text)"
SEEN_FOR = 2
"""A code is shown when it came for at least that many patients."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:+#*%-]{0,15}", re.ASCII)
_TABLE = re.compile(r"HL7\d{4}", re.ASCII)
_OID = re.compile(r"(?:urn:oid:)?[0-2](?:\.\d{1,9}){3,20}", re.ASCII)
_NUMBER = re.compile(r"\d{5}")  # what could be an MRN, a telephone number, a date
_TYPE = re.compile(r"[A-Z][A-Z0-9]{2}(?:\^[A-Z0-9]{1,4})?", re.ASCII)
_VERSION = re.compile(r"2\.\d(?:\.\d)?", re.ASCII)
_ORDINAL = re.compile(r"\[\d+\]")
_PERSONAL = ("PID", "NK1", "MRG", "GT1", "IN1", "IN2", "PV1")
_WORD = re.compile(r"[^\W_]+")

_LONGEST_NAME, _LONGEST_ID = 40, 30


def printable(text: str) -> str:
    """Text in which no character clears a screen, hides itself or turns the direction: those become escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def sender_label(text: str) -> str:
    """MSH-3 or MSH-4, harmless and cut to what fits a line."""
    return _cut(printable(text.strip()), _LONGEST_NAME)


def control_id_label(text: str) -> str:
    """MSH-10, harmless and cut to what fits a line."""
    return _cut(printable(text), _LONGEST_ID)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def type_label(text: str) -> str:
    """The message type where it looks like one: when fields have slipped, anything may stand in MSH-9."""
    return text if _TYPE.fullmatch(text) else "(no message type)"


def version_label(text: str) -> str:
    """MSH-12 where it looks like a version."""
    return text if _VERSION.fullmatch(text) else "(empty)" if not text else "(no version)"


def general(text: str) -> str:
    """A path, or a sentence with paths in it, without ordinals: `PID[2]-3[4].1` is `PID-3.1`."""
    return _ORDINAL.sub("", text)


def looks_like_code(text: str) -> bool:
    """Short, no blanks, no run of digits that could be somebody's number; OIDs too."""
    if _OID.fullmatch(text) or _TABLE.fullmatch(text):
        return True
    return _CODE.fullmatch(text) is not None and _NUMBER.search(text) is None


class Private:
    """What a message says of its patient, ready to be looked for; each value with the field it stands in."""

    def __init__(self, message: Message):
        self._places: dict[str, set[str]] = {}
        self._words: set[str] = set()
        for place, value in _personal(message):
            self._places.setdefault(value.casefold(), set()).add(place)
            self._words.update(_WORD.findall(value))

    def holds(self, value: str, path: str) -> bool:
        """Whether the patient's segments hold the value in another field than `path` (without ordinals)."""
        places = self._places.get(value.strip().casefold(), set())
        return any(place != path.partition(".")[0] for place in places)

    def quoted_in(self, sentence: str) -> bool:
        """Whether a sentence has a word of three or more characters that the patient's segments have too."""
        return any(len(word) > 2 and word in self._words for word in _WORD.findall(sentence))


def _personal(message: Message) -> Iterator[tuple[str, str]]:
    for name in _PERSONAL:
        for segment in message.all(name):
            for number in range(1, segment.field_count + 1):
                for repetition in segment.reps(number):
                    for component in range(1, min(repetition.component_count, 30) + 1):
                        if value := repetition.component(component).strip():
                            yield f"{name}-{number}", value[:200]


@dataclass(slots=True)
class Sightings:
    """How often a value came, for whom, and whether it may be shown."""

    count: int = 0
    tainted: bool = False
    """It came as a value of the patient's own somewhere, or does not look like a code."""
    patients: set[str] = field(default_factory=set)

    def add(self, patient: str) -> None:
        """One more; `patient` is the key of a chart, empty when it can't be told."""
        self.count += 1
        if patient and len(self.patients) < SEEN_FOR:
            self.patients.add(patient)

    @property
    def may_be_shown(self) -> bool:
        """Whether it is a code, and nobody's in particular."""
        return not self.tainted and len(self.patients) >= SEEN_FOR

"""What must never be seen: the values of messages, and how they are looked for in what a program says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

from needles import found_in

PROGRAM = Path(__file__).parents[2] / "interface"
SPEAKING = ("services", "store", "settings", "delivery", "alerting", "cli", "chart", "console")
SHORTEST = 4
"""Characters of a value that is looked for …"""
FEWEST_DIGITS = 7
"""… and digits of one without a letter: fewer are also times, sizes and row ids."""
LONG = 8
"""Characters of a value that is found within other words, too."""
NOT_PATIENT_DATA = {"MSH": {1, 2, 7, 9, 10, 11, 12, 15, 16, 18}, "BHS": {1, 2}, "FHS": {1, 2}, "EVN": {1}}
"""Fields that say how to read the message, and when it was made."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_TIME = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")


@cache
def vocabulary() -> frozenset[str]:
    """The words, in lower case, of the source of what speaks in the log, in numbers, in errors and on pages. A value of
    such words alone ("Home", "status") is no sign of a leak.
    """
    files = [
        file for room in SPEAKING for kind in ("*.py", "*.html") for file in (PROGRAM / room).rglob(kind)
    ]
    return frozenset(word for file in files for word in _WORD.findall(file.read_text("utf-8").lower()))


def values_of(raw: bytes, name: str) -> dict[str, str]:
    """The values of a message by where they stand, read in the simplest way there is: split at what MSH declares.

    A second reading, apart from the program's own; what it finds too much does no harm.
    """
    found: dict[str, str] = {}
    for text in dict.fromkeys(raw.decode(codec, "replace") for codec in ("utf-8", "cp1252")):
        head = re.search(r"MSH(.)([^\r\n]*)", text)
        separator = head[1] if head else "|"
        delimiters = (head[2].split(separator)[0] if head else "") + "^~&"
        for number, line in enumerate(re.split(r"[\r\n]+", text), 1):
            segment, *fields = line.split(separator)
            skipped = NOT_PATIENT_DATA.get(segment[-3:], set())
            first = 2 if segment[-3:] in ("MSH", "BHS", "FHS") else 1
            for position, field in enumerate(fields, first):
                leaves = [] if position in skipped else re.split(f"[{re.escape(delimiters)}]", field)
                for count, leaf in enumerate(leaves, 1):
                    if is_telling(leaf.strip()):
                        place = f"{name}, line {number}, {segment[-3:]}-{position} part {count}"
                        found.setdefault(leaf.strip(), place)
    return {place: leaf for leaf, place in found.items()}


def is_telling(value: str) -> bool:
    """Whether a value would be a leak wherever it is seen."""
    words = _WORD.findall(value)
    if not words:
        return sum(character.isdigit() for character in value) >= FEWEST_DIGITS
    return len(value) >= SHORTEST and not vocabulary().issuperset(word.lower() for word in words)


def forms(value: str) -> Iterator[str]:
    """How text may bear a value: as it is, escaped for JSON, for a URL, for a line of the log."""
    yield value
    yield json.dumps(value)[1:-1]
    yield quote(value, safe="")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    yield "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in escaped)


def leaks(said: Mapping[str, str], values: Mapping[str, str]) -> list[str]:
    """Which values can be read in which texts. Times and our ids are taken out of the texts before."""
    places: dict[str, str] = {}
    for place, value in values.items():
        for form in forms(value):
            places.setdefault(form.lower(), place)
    found = []
    for name, text in said.items():
        clean = _TIME.sub("(time)", _UUID.sub("(id)", text)).lower()
        for form, place in places.items():
            if form in clean and (at := _place_of(form, clean)) is not None:
                found.append(f"{place} in {name}: …{clean[max(0, at - 80) : at + len(form) + 20]}…")
    return found


def _place_of(form: str, text: str) -> int | None:
    """Where a value stands. One without a letter, and a short one, counts only where nothing makes it a part of something
    else: of a larger number, of `summary`.
    """
    if _WORD.search(form) and len(form) >= LONG:
        return text.index(form)
    alone = re.search(rf"(?<![\w.+-]){re.escape(form)}(?![\w.])", text)
    return None if alone is None else alone.start()


def leaks_of_bytes(files: Mapping[str, bytes], values: Iterable[str]) -> list[str]:
    """Which values can be read in which files, but for those that chance may make among millions of bytes."""
    spelled = {
        one.encode(codec, "replace")
        for one in values
        if len(one) >= LONG
        for codec in ("utf-8", "cp1252", "utf-16-le", "utf-16-be")
    }
    return [f"{one!r} in {name}" for name, data in files.items() for one in found_in(data, spelled)]

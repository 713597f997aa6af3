"""Our reader held against python-hl7, component by component; every difference has a named kind.

python-hl7 takes 1.2 ms for a message that ours reads in a twentieth of that, and it wants clean text with CR: so it is no
part of a message's way. It is the second opinion of tests and of `feed-report`. It is imported here alone, and late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from . import charsets
from .message import Message, Segment, is_null


@dataclass(frozen=True, slots=True)
class Difference:
    """A place that both read differently. It holds values of the message: for tests, never for a report."""

    message: Message
    path: str
    """`PID-5[1].2.1`; a segment's path where its number of fields differs; empty where the segments differ."""
    raw: str
    """The part as python-hl7 split it, still escaped."""
    theirs: str
    ours: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A difference without its values: what kind, and where (a path, empty for the message as a whole)."""

    kind: str
    """A row of `KINDS`; `unexplained` when none of them fits, `unreadable` when python-hl7 gave up."""
    where: str


def compare(message: Message) -> tuple[Compared, ...]:
    """The differences of one message, each kind and place once; holds nothing of the message but its structure."""
    try:
        return tuple(
            dict.fromkeys(Compared(kind_of(found), _place(found.path)) for found in differences(message))
        )
    except Exception as error:  # what the second reader can't read is its own affair, and worth counting
        return (Compared("unreadable", type(error).__name__),)


def _place(path: str) -> str:
    """`PID-5[1].2.1` as `PID-5.2`: repetitions and subcomponents do not matter to whoever looks."""
    head, _, rest = path.partition("-")
    if not rest:
        return head
    number, _, parts = rest.replace("[1]", "").partition(".")
    return f"{head}-{number}.{parts.split('.')[0]}" if parts else f"{head}-{number}"


def differences(message: Message) -> Iterator[Difference]:
    """Every place that python-hl7 and we read differently. Raises what python-hl7 raises."""
    parsed = second_reading(message)
    theirs = [segment for segment in parsed if str(segment[0])]
    for their_segment, segment in zip_longest(theirs, message.segments):
        their_name = str(their_segment[0]) if their_segment is not None else ""
        our_name = segment.name if segment is not None else ""
        if their_name != our_name:
            yield Difference(message, "", their_name, their_name, our_name)
    for their_segment, segment in zip(theirs, message.segments, strict=False):
        yield from _of_segment(message, parsed, their_segment, segment)


def second_reading(message: Message) -> Any:
    """What python-hl7 makes of the message: it is given characters and CR, as it takes no other line end."""
    import hl7
    from hl7 import containers, util

    for quoting in (containers, util):  # what it can't decode it logs, with the value: a patient's
        quoting.logger.disabled = True
    raw = message.raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\x0b")
    text = charsets.cp1252_text(raw) if message.charset == charsets.CP1252 else raw.decode(message.charset)
    return hl7.parse(text.replace("\r\n", "\r").replace("\n", "\r"))


def _of_segment(message: Message, parsed: Any, their_segment: Any, segment: Segment) -> Iterator[Difference]:
    if len(their_segment) - 1 != segment.field_count:
        yield Difference(message, segment.path, "", str(len(their_segment)), str(segment.field_count + 1))
    for number in range(1, len(their_segment)):
        if segment.name == "MSH" and number < 3:
            theirs, ours = str(their_segment[number]), segment.text(number)
            if theirs != ours:
                yield Difference(message, f"MSH-{number}", theirs, theirs, ours)
            continue
        repetitions = segment.reps(number)
        for r, c, s, raw in _parts(their_segment[number]):
            meant = parsed.unescape(raw)
            value = repetitions[r - 1].sub(c, s) if r <= len(repetitions) else ""
            if meant != value:
                yield Difference(message, f"{segment.path}-{number}[{r}].{c}.{s}", raw, meant, value)


def _parts(field: Any) -> Iterator[tuple[int, int, int, str]]:
    """(repetition, component, subcomponent, text as sent) of a field of python-hl7."""
    for r, repetition in enumerate(field, 1):
        components = [repetition] if isinstance(repetition, str) else repetition
        for c, component in enumerate(components, 1):
            subs = [component] if isinstance(component, str) else component
            for s, sub in enumerate(subs, 1):
                yield r, c, s, str(sub)


# --- why they differ


def _null(found: Difference) -> bool:
    return is_null(found.raw) and found.ours == ""


def _doubled_escape(found: Difference) -> bool:
    return found.message.segments[0].text(2) == "^~\\\\&" and found.message.delimiters.subcomponent == "&"


def _separators(found: Difference) -> bool:
    return any(note.startswith("MSH-2") for note in found.message.notes)


def _blanks(found: Difference) -> bool:
    return (
        bool(found.path)
        and found.theirs == found.ours.strip()
        and found.path.startswith(found.message.segments[-1].path)
    )


def _lower_case(found: Difference) -> bool:
    return not found.path and bool(found.theirs) and found.theirs.strip().upper() == found.ours


def _stopped(found: Difference) -> bool:
    return (
        not found.path
        and found.ours == ""
        and any("nothing was read" in note for note in found.message.notes)
    )


def _continued(found: Difference) -> bool:
    """Behind such a line the two no longer look at the same segments, so nothing after it can be told apart."""
    return any("without a segment name" in note for note in found.message.notes)


def _debris(found: Difference) -> bool:
    """VT, FS, blank lines of blanks, a byte order mark: python-hl7 takes them for segments or for text."""
    return any(mark in found.message.raw for mark in (b"\x0b", b"\x1c", b"\x00", b"\x1a")) or any(
        "before MSH" in note for note in found.message.notes
    )


def _charset(found: Difference) -> bool:
    """Bytes that are not what MSH-18 says: we read line by line as each fits, python-hl7 the whole in one way."""
    return bool(found.message.charset_notes) and not found.ours.isascii()


def _escapes(found: Difference) -> bool:
    """Only where an escape is left when those are taken out that both must read alike."""
    escape = found.message.delimiters.escape
    raw = found.raw
    for code in "FSTRE":
        raw = raw.replace(f"{escape}{code}{escape}", "") if escape else raw
    return bool(escape) and escape in raw


def _macro(found: Difference) -> bool:
    return found.raw.count("##") > 1 and found.ours == ""


def _wide(found: Difference) -> bool:
    return found.message.charset.startswith("utf-16")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of difference, and why it is no fault of ours."""

    name: str
    why: str
    fits: Callable[[Difference], bool]


KINDS = (
    Kind("null", 'HL7 null ("") is text for python-hl7; we tell it from empty', _null),
    Kind("doubled escape", "MSH-2 doubles its backslash: python-hl7 makes it a separator, we count it once",
         _doubled_escape),
    Kind("repeated separators", "MSH-2 is not four or five characters, each once: we mend it, python-hl7 does not",
         _separators),
    Kind("blanks at the end", "python-hl7 strips the message's end; we trim nothing", _blanks),
    Kind("lower-case segment", "segment names are upper case for us; python-hl7 leaves them", _lower_case),
    Kind("reading stopped", "behind a second MSH or a batch segment we read no further: it may be another patient's",
         _stopped),
    Kind("line without segment name", "we read it on as the end of the segment before it; python-hl7 makes it one",
         _continued),
    Kind("framing debris", "VT, FS, NUL or what stands before MSH: we pass over it", _debris),
    Kind("character set", "the bytes do not fit MSH-18: we read each line as it fits", _charset),
    Kind("unfilled macro", "##…## is what a sender's template had no value for: we read none", _macro),
    Kind("UTF-16", "python-hl7 is given text, with the byte order mark still in it", _wide),
    Kind("escape handling", "an escape sequence that python-hl7 resolves otherwise, drops or keeps", _escapes),
)  # fmt: skip
"""The kinds of difference we know; the first that fits counts."""

UNEXPLAINED = "unexplained"


def kind_of(found: Difference) -> str:
    """The name of the first of `KINDS` that fits, or `unexplained`."""
    return next((kind.name for kind in KINDS if kind.fits(found)), UNEXPLAINED)

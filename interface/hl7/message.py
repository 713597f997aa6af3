"""Reading a message on demand: segments, fields, repetitions, components by the standard's numbers.

Building a Message finds the segments and nothing more; a field is split when it is asked for. Values are
unescaped, not trimmed; HL7 null (`""`) is told from empty. Numbers count from one, as in the standard; MSH-1
is the field separator itself, MSH-2 the encoding characters. Messages are read as they are sent:

- segments end with CR, LF, CRLF or a mixture; blank lines, byte order marks and VT/FS debris are passed over;
- segment names may be lower case or have blanks around them;
- an unfilled macro of a sender's template (`##NAME##`) is an empty part;
- a line that starts with no segment name is text with a line break in it: it is read on as the end of the
  segment before it, behind a newline. MSH alone is never continued: the door has read it without, and the two
  must agree;
- reading stops at a second MSH and at FHS, BHS, BTS, FTS: what follows belongs to another patient.
"""

from __future__ import annotations

import re
from collections.abc import KeysView
from functools import lru_cache

import msgspec

from . import charsets
from .delimiters import STANDARD, VERBATIM, Delimiters
from .documents import MANY, in_runs
from .escapes import unescape
from .macros import without_macros
from .opening import DEBRIS, may_open, openings, read_opening

NULL = '""'


def is_null(raw: str) -> bool:
    """Whether a part as sent is HL7 null; senders of fields of fixed width put blanks around it."""
    return raw == NULL or (NULL in raw and raw.strip() == NULL)


class Repetition(msgspec.Struct, eq=False, gc=False):
    """One repetition of a field, as sent (`raw`, still escaped), and its parts, unescaped.

    Its segment does not keep it: without a ring between the two a message goes when nobody has it any more, and the garbage
    collector has nothing to look for (a quarter of reading a message).
    """

    raw: str
    field: int
    _index: int
    segment: Segment
    _components: list[str] | None = None
    _plain: bool = False
    """Nothing in it means anything but itself: no escape, no null."""
    _texts: list[str] | None = None
    _path: str = ""

    @classmethod
    def of_text(cls, raw: str, field: int = 1, segment: str = "ZZZ") -> Repetition:
        """A repetition of its own with the standard's delimiters: for tests and values from tables."""
        return cls(raw, field, 1, Segment(segment, 1, segment, STANDARD))

    @property
    def is_first(self) -> bool:
        """Whether it is the first of its field, in the first segment of that name: its path is the field's."""
        return self._index == 1 and self.segment.ordinal == 1

    @property
    def path(self) -> str:
        """Where it stands: `PID-3`, `PID-3[2]`, `DG1[2]-3`."""
        if not self._path:
            index = f"[{self._index}]" if self._index > 1 else ""
            self._path = f"{self.segment.path}-{self.field}{index}"
        return self._path

    def at(self, component: int, sub: int = 0) -> str:
        """Where a part stands: `PID-5.1`, `PID-5.1.2`."""
        path = self._path or self.path
        return f"{path}.{component}.{sub}" if sub else f"{path}.{component}"

    @property
    def is_null(self) -> bool:
        """`""` alone: the sender deletes the value."""
        return is_null(self.raw)

    @property
    def component_count(self) -> int:
        """How many components were sent, empty ones counted; 0 when the repetition is empty."""
        return len(self._components or self._split()) if self.raw else 0

    def _split(self) -> list[str]:
        segment, raw = self.segment, self.raw
        separator = segment.delimiters.component
        parts = self._components = raw.split(separator) if separator else [raw]
        self._plain = segment._plain or _is_plain(raw, segment.delimiters)
        return parts

    def component(self, number: int) -> str:
        """A whole component, subcomponent separators kept as text; '' when absent or null."""
        parts = self._components or self._split()
        if not 0 < number <= len(parts):
            return ""
        return parts[number - 1] if self._plain else _meant(parts[number - 1], self.segment)

    def texts(self, count: int) -> list[str]:
        """The components in order, outer blanks off, '' for those that are absent or null: at least `count` of them.

        For who needs several: one call instead of two for each. It is kept, and not to be changed.
        """
        found = self._texts
        if found is None:
            parts = self._components or self._split()
            if not self._plain:
                parts = [_meant(part, self.segment) for part in parts]
            found = self._texts = [part.strip() for part in parts]
        if len(found) < count:
            found += [""] * (count - len(found))
        return found

    def null_component(self, number: int) -> bool:
        """Whether a component is `""`, or the repetition is and so every part of it."""
        parts = self._components or self._split()
        return self.is_null or (0 < number <= len(parts) and is_null(parts[number - 1]))

    def sub(self, component: int, number: int) -> str:
        """A subcomponent; '' when absent or null. The first is the component when that is not divided."""
        components = self._components or self._split()
        raw = components[component - 1] if 0 < component <= len(components) else ""
        if not raw:
            return ""
        part = _part(raw, number, self.segment.delimiters.subcomponent)
        return part if self._plain else _meant(part, self.segment)

    def text(self) -> str:
        """The whole repetition, component separators kept as text (for ST, TX, FT); '' when null."""
        return _meant(self.raw, self.segment)

    def __repr__(self) -> str:
        return f"<Repetition {self.path}>"  # never the value: it may be a patient's


class Segment(msgspec.Struct, eq=False, gc=False):
    """One segment. `ordinal` counts segments of the same name from one; `path` is `DG1`, then `DG1[2]`."""

    name: str
    ordinal: int
    line: str
    """As sent, decoded, without its end."""
    delimiters: Delimiters
    charset: str = "utf-8"
    _fields: list[str] | None = None
    _plain: bool = False
    """As of a repetition; for most segments it is found out once for all of their fields."""

    @property
    def path(self) -> str:
        """The segment's part of a provenance path."""
        return f"{self.name}[{self.ordinal}]" if self.ordinal > 1 else self.name

    @property
    def fields(self) -> list[str]:
        """The fields as sent, by their numbers; at 0 the name. Not to be changed."""
        return self._fields or self._split()

    def _split(self) -> list[str]:
        separator = self.delimiters.field
        fields = self._fields = self.line.split(separator)
        if self.name == "MSH":
            fields.insert(1, separator)
        else:
            self._plain = _is_plain(self.line, self.delimiters)
        return fields

    @property
    def field_count(self) -> int:
        """The number of the last field that was sent."""
        return len(self._fields or self._split()) - 1

    def raw(self, field: int) -> str:
        """A field as sent, all repetitions; '' when absent."""
        fields = self._fields or self._split()
        return fields[field] if 0 < field < len(fields) else ""

    def reps(self, field: int) -> tuple[Repetition, ...]:
        """The repetitions of a field, empty ones between others too; () when the field is absent or empty."""
        fields = self._fields or self._split()
        raw = fields[field] if 0 < field < len(fields) else ""
        if not raw:
            return ()
        if field < 3 and self.name == "MSH":  # the delimiters themselves
            return (Repetition(raw, field, 1, Segment("MSH", 1, "", VERBATIM)),)
        separator = self.delimiters.repetition
        if separator and separator in raw:
            return tuple([Repetition(part, field, n, self) for n, part in enumerate(raw.split(separator), 1)])
        return (Repetition(raw, field, 1, self),)

    def rep(self, field: int) -> Repetition | None:
        """The first repetition that is not empty; None: there is none."""
        for repetition in self.reps(field):
            if repetition.raw:
                return repetition
        return None

    def text(self, field: int, component: int = 1, sub: int = 0) -> str:
        """A component (or subcomponent) of the first repetition; '' when absent or null."""
        if field < 3 and self.name == "MSH":
            return self.raw(field) if component == 1 else ""
        # no Repetition is made: this is what most rules do with most fields, and it halves the time
        fields = self._fields or self._split()
        raw = fields[field] if 0 < field < len(fields) else ""
        if not raw:
            return ""
        delimiters = self.delimiters
        part = _part(_part(raw, 1, delimiters.repetition), component, delimiters.component)
        if sub:
            part = _part(part, sub, delimiters.subcomponent)
        return part if self._plain else _meant(part, self)

    def __repr__(self) -> str:
        return f"<Segment {self.path}>"


def _part(raw: str, number: int, separator: str) -> str:
    if not separator or separator not in raw:
        return raw if number == 1 else ""
    parts = raw.split(separator)
    return parts[number - 1] if 0 < number <= len(parts) else ""


def _is_plain(raw: str, delimiters: Delimiters) -> bool:
    escape = delimiters.escape
    return not (escape and escape in raw) and NULL not in raw


def _meant(raw: str, segment: Segment) -> str:
    if is_null(raw):
        return ""
    escape = segment.delimiters.escape
    return unescape(raw, segment.delimiters, segment.charset) if escape and escape in raw else raw


class Message:
    """A message as its sender meant it.

    Raises NotHL7 (HeaderError) when there is no MSH or it can't be read; bad bytes elsewhere never raise, but
    are said in `charset_notes`. `notes` says what else was read otherwise than sent. Neither holds patient
    data. `default_charset` (a name as in MSH-18) is for senders that leave MSH-18 empty.
    """

    __slots__ = (
        *("_by_name", "charset", "charset_notes", "delimiters", "message_code", "notes", "raw", "segments"),
        "trigger_event",
    )

    def __init__(self, raw: bytes, default_charset: str | None = None):
        opening = read_opening(raw, default_charset)
        decoded = opening.wide or charsets.decode(
            opening.body, opening.declared, default_charset, repetition=opening.delimiters.repetition
        )
        self.raw = raw
        self.delimiters: Delimiters = opening.delimiters
        self.charset: str = decoded.codec
        self.charset_notes: tuple[str, ...] = decoded.notes
        segments, by_name, notes = _segments(decoded.text, opening.delimiters, decoded.codec)
        if opening.body is not raw and not opening.wide and raw[: -len(opening.body)].strip(_SILENT):
            notes.insert(0, "what stands before MSH was not read")
        self.segments: tuple[Segment, ...] = tuple(segments)
        self._by_name: dict[str, tuple[Segment, ...]] = {name: tuple(same) for name, same in by_name.items()}
        self.notes: tuple[str, ...] = (*opening.notes, *notes)
        self.message_code = self._msh(9, 1).upper()
        """MSH-9.1, in capitals, whatever the sender writes."""
        self.trigger_event = self._msh(9, 2).upper()
        """MSH-9.2, likewise."""

    def all(self, name: str) -> tuple[Segment, ...]:
        """All segments of a name, in order."""
        return self._by_name.get(name, ())

    @property
    def names(self) -> KeysView[str]:
        """The names of the segments that were sent."""
        return self._by_name.keys()

    def first(self, name: str) -> Segment | None:
        """The first segment of a name."""
        found = self._by_name.get(name)
        return found[0] if found else None

    def _msh(self, field: int, component: int = 1) -> str:
        return self.segments[0].text(field, component).strip()

    @property
    def control_id(self) -> str:
        """MSH-10."""
        repetition = self.segments[0].rep(10)
        return repetition.text() if repetition else ""

    @property
    def type(self) -> str:
        """`SIU^S12`, whatever the delimiters; `ADT` alone when there is no trigger event."""
        return f"{self.message_code}^{self.trigger_event}" if self.trigger_event else self.message_code

    @property
    def version(self) -> str:
        """MSH-12.1."""
        return self._msh(12)

    @property
    def processing_id(self) -> str:
        """MSH-11.1."""
        return self._msh(11)

    @property
    def sending_application(self) -> str:
        """MSH-3.1."""
        return self._msh(3)

    @property
    def sending_facility(self) -> str:
        """MSH-4.1."""
        return self._msh(4)

    def __repr__(self) -> str:
        return f"<Message of {len(self.segments)} segments>"


_SILENT = b" \t\r\n\x0b\x1c\x00\xef\xbb\xbf"


@lru_cache(maxsize=1024)
def _plain_name(name: str) -> str | None:
    """The name before the separator of an ordinary line; None: look closer."""
    plain = name.isascii() and name.isalnum() and name.isupper() and name[0].isalpha()
    return name if plain else None


@lru_cache(maxsize=64)
def _name_pattern(separator: str) -> re.Pattern[str]:
    # three letters alone on a line are a segment without fields only in upper case: "end" is text
    e = re.escape(separator)
    return re.compile(rf"[{DEBRIS}]*(?:([A-Za-z][A-Za-z0-9]{{2}})[ \t]*{e}|([A-Z][A-Z0-9]{{2}})\s*\Z)")


def _segments(
    text: str, delimiters: Delimiters, charset: str
) -> tuple[list[Segment], dict[str, list[Segment]], list[str]]:
    """Split decoded text, which begins with MSH, into segments; and say what was read otherwise than sent."""
    for mark in "\n\x1c\x0b":
        if mark in text:
            text = text.replace(mark, "\r")
    notes: list[str] = []
    if text.find("MSH", 3) >= 0 and may_open(text, 3) and (again := next(openings(text, 3), None)):
        text = text[:again]
        notes.append("a second MSH: nothing was read from there on")
    if "##" in text and (count := text.count("##")) > 1:
        text = without_macros(text, delimiters)
        if text.count("##") < count:
            notes.append("unfilled macros (##…##): read as empty")
    separator = delimiters.field
    segments: list[Segment] = []
    by_name: dict[str, list[Segment]] = {}
    more: list[str] = []  # lines that continue the last segment, joined once: one by one would be quadratic
    lines = text.split("\r")
    if len(lines) > MANY:
        lines = in_runs([line for line in lines if line], separator)
    for line in lines:
        if not line:
            continue
        start, name = line[:4], None
        if start[3:] == separator:
            name = _plain_name(start[:3])
        elif len(start) == 4 and start.isalnum() and start.isascii():
            more.append(line)  # as most lines of an embedded document: without the pattern, which takes 1 us
            continue
        if name is None:
            found = _name_pattern(separator).match(line)
            if found is None:
                if line.strip(_BLANK):
                    more.append(line)
                continue
            name = (found[1] or found[2]).upper()
            line = name + line[found.end() - 1 :] if found[1] else name
        if name in _ENDS and segments:
            notes.append(f"{name} behind segment {len(segments)}: nothing was read from there on")
            break
        if more:
            _continue(segments[-1], more, notes)
            more = []
        same = by_name.get(name)
        if same is None:
            by_name[name] = same = []
        segment = Segment(name, len(same) + 1, line, delimiters, charset)
        same.append(segment)
        segments.append(segment)
    if more:
        _continue(segments[-1], more, notes)
    return segments, by_name, notes


_BLANK = " \t\x00\ufeff\x1a"  # 0x1a: the end-of-file mark of old systems
_ENDS = frozenset(("MSH", "FHS", "BHS", "BTS", "FTS"))


def _continue(segment: Segment, lines: list[str], notes: list[str]) -> None:
    more = "\n".join(lines)
    number = more.count("\n") + 1
    count = "a line" if number == 1 else f"{number} lines"
    if segment.name == "MSH":
        notes.append(f"{count} behind MSH without a segment name: not read")
        return
    segment.line = f"{segment.line}\n{more}"
    notes.append(f"{count} without a segment name: read as the end of {segment.path}")

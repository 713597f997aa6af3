"""Whether a message is what the version of the standard it declares (MSH-12) says it should be.

Nothing depends on it: messages are mapped as they are sent. It is for whoever asks a sender to mend a feed.
Checked are the structure of the message (which segments, in what order), the fields of its segments (required,
repeated, not used, unknown), their components, and the form of plain values: dates, times, numbers, codes of
the standard's own tables. Tables that sites may fill themselves (data type IS, coded entries) are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from .datatypes.dtm import parse_dtm
from .errors import NotHL7
from .message import NULL, Message, Repetition, Segment
from .standard import Part, Standard, standard
from .structures import Automaton, structures_of

MOST_FINDINGS = 200
_MOST_SEGMENTS = 10_000  # two seconds' work; what follows is checked for its fields alone


@dataclass(frozen=True, slots=True)
class Finding:
    """One departure from the standard. It holds nothing of the message but its structure: never a value."""

    where: str
    """A provenance path: `PV1`, `PID-5`, `PID[2]-3`, `PID-3[2].4.2`."""
    text: str


def conformance(message: bytes | Message) -> tuple[Finding, ...]:
    """Check one message (of a batch: the first) against the version in its MSH-12.

    Returns what was found, each once, at most `MOST_FINDINGS`; () when the message conforms. Never raises for what a
    sender can send: what stops the check is a finding that begins with "can't be checked".
    """
    findings = _Findings()
    try:
        _check(message if isinstance(message, Message) else Message(message), findings)
    except _EnoughError:
        pass
    except NotHL7 as error:
        findings.cut("MSH", f"can't be checked: {error}")
    except Exception as error:  # a hole in the standard's definitions must not hide the decision
        findings.cut("MSH", f"can't be checked further: {type(error).__name__} in the standard's definitions")
    return tuple(findings.found)


class _EnoughError(Exception):
    pass


class _Findings:
    def __init__(self) -> None:
        self.found: dict[Finding, None] = {}

    def add(self, where: str, text: str) -> None:
        self.found.setdefault(Finding(where, text))
        if len(self.found) > MOST_FINDINGS:
            self.cut("MSH", f"can't be checked further: more than {MOST_FINDINGS - 1} departures")
            raise _EnoughError

    def cut(self, where: str, text: str) -> None:
        """Add the last finding, in place of those beyond the limit."""
        for finding in list(self.found)[MOST_FINDINGS - 1 :]:
            del self.found[finding]
        self.found[Finding(where, text)] = None


def _check(message: Message, findings: _Findings) -> None:
    version = message.version
    known = standard(version)
    if known is None:
        findings.add(
            "MSH-12",
            f"can't be checked: {'names a version other than' if version else 'empty: send one of'} 2.1 to 2.8.2",
        )
        return
    structure = _structure(message, known, findings)
    if structure:
        _check_order(message, known, structure, findings)
    for segment in message.segments:
        if segment.name.startswith("Z"):
            continue
        fields = known.fields(segment.name)
        if fields is None:
            findings.add(
                segment.path, f"version {version} has no such segment; one of a site's own begins with Z"
            )
        elif fields:
            _Fields(known, segment, findings).check(fields)


# --- the structure of the message


def _structure(message: Message, known: Standard, findings: _Findings) -> str:
    """The structure to check by (MSH-9.3, else what MSH-9.1 and MSH-9.2 mean); '' when there is none to tell."""
    code, trigger = message.message_code.upper(), message.trigger_event.upper()
    declared = message.segments[0].text(9, 3).strip()
    fitting = structures_of(code, trigger, known.structures)
    if declared in fitting:
        return declared
    usual = fitting[-1] if fitting else ""
    if declared and declared not in known.structures:
        findings.add("MSH-9.3", f"version {known.version} has no message structure of this name")
    elif declared and usual:
        findings.add("MSH-9.3", f"this trigger event has the structure {usual} in version {known.version}")
    elif declared:
        return declared
    if not usual:
        text = f"version {known.version} knows no structure of this message type: the order of segments isn't checked"
        findings.add("MSH-9", text)
    return usual


@lru_cache(maxsize=64)
def _automaton(version: str, structure: str) -> Automaton:
    known = standard(version)
    return Automaton(known.structure(structure) if known else ())


def _check_order(message: Message, known: Standard, structure: str, findings: _Findings) -> None:
    automaton = _automaton(known.version, structure)
    standing: list[Segment] = []
    for segment in message.segments:
        if segment.name in automaton.names or automaton.any_segment:
            standing.append(segment)
        elif not segment.name.startswith("Z") and known.fields(segment.name) is not None:
            findings.add(segment.path, f"not a segment of {structure}")
    whole = len(standing) <= _MOST_SEGMENTS
    standing = standing[:_MOST_SEGMENTS]
    faults = automaton.faults([segment.name for segment in standing], whole)
    misplaced = {fault.name for fault in faults if fault.kind == "misplaced"}
    for fault in faults:
        if fault.kind == "missing" and fault.name not in misplaced:
            behind = f"behind {standing[fault.at - 1].path}" if fault.at else "at the beginning"
            findings.add(fault.name, f"missing {behind}: {structure} requires it")
        elif fault.kind == "again":
            findings.add(standing[fault.at].path, f"more often than {structure} allows")
        elif fault.kind == "misplaced":
            findings.add(standing[fault.at].path, f"not where {structure} has it")
    if not whole:
        findings.add(standing[-1].path, "can't be checked: the order of the segments behind this one")


# --- fields and components


class _Fields:
    """Checks the fields of one segment."""

    def __init__(self, known: Standard, segment: Segment, findings: _Findings):
        self.known = known
        self.segment = segment
        self.add = findings.add
        self.version = known.version

    def check(self, fields: Mapping[int, Part]) -> None:
        segment, last = self.segment, max(fields)
        endless = fields[last].type == "varies"  # QPD, RDT: the query says how many fields there are
        for number in range(1, max(segment.field_count, last) + 1):
            where = f"{segment.path}-{number}"
            part = fields.get(number)
            repetitions = [] if segment.name == "MSH" and number < 3 else segment.reps(number)
            sent = any(repetition.raw for repetition in repetitions)
            if segment.name == "MSH" and number < 3:
                continue
            if part is None:
                if sent and number < last:
                    self.add(where, f"not used in version {self.version}: leave it empty")
                elif sent and not endless:
                    self.add(
                        where, f"version {self.version} has no such field: {segment.name} ends with {last}"
                    )
                continue
            if not sent:
                if part.required:
                    self.add(where, f"empty; version {self.version} requires it")
                continue
            if part.most == 0:
                self.add(where, f"not used in version {self.version}: leave it empty")
                continue
            if 0 < part.most < len(repetitions):
                allowed = "one" if part.most == 1 else str(part.most)
                self.add(where, f"{len(repetitions)} repetitions; version {self.version} allows {allowed}")
            data_type = self._type(part)
            for repetition in repetitions:
                if repetition.raw and not repetition.is_null:
                    self._repetition(repetition, data_type, part.table)

    def _type(self, part: Part) -> str:
        if part.type != "varies":
            return part.type
        return self.segment.text(2).strip() if self.segment.name == "OBX" else ""

    def _repetition(self, repetition: Repetition, data_type: str, table: str) -> None:
        parts = _split(repetition.raw, self.segment.delimiters.component)
        components = self.known.components(data_type)
        if components:
            self._components(repetition, data_type, components, parts)
        elif self.known.is_primitive(data_type):
            if len(parts) > 1:
                self.add(
                    repetition.path,
                    f"components, and the data type {data_type} has none: escape the separator",
                )
            else:
                self._undivided(repetition, 1, repetition.path, data_type, table)

    def _components(
        self, repetition: Repetition, data_type: str, components: Mapping[int, Part], parts: list[str]
    ) -> None:
        last = max(components)
        for number in range(1, max(len(parts), last) + 1):
            raw = parts[number - 1] if number <= len(parts) else ""
            component = components.get(number)
            where = repetition.at(number)
            if not raw:
                if component and component.required:
                    self.add(where, f"empty; version {self.version} requires it of a {data_type}")
            elif component is None and number > last:
                self.add(
                    where, f"the data type {data_type} of version {self.version} ends with component {last}"
                )
            elif component is None or component.most == 0:
                self.add(where, f"not used in version {self.version}: leave it empty")
            elif raw != NULL:
                plain = _TIMES.get((data_type, number), component.type)
                self._component(repetition, number, raw, plain, component.table)

    def _component(self, repetition: Repetition, number: int, raw: str, data_type: str, table: str) -> None:
        subs = self.known.components(data_type)
        if not subs:
            if self.known.is_primitive(data_type) or data_type == "DTM":
                self._undivided(repetition, number, repetition.at(number), data_type, table)
            return
        sent = _split(raw, self.segment.delimiters.subcomponent)
        last = max(subs)
        for place, text in enumerate(sent, 1):
            if text and place > last:
                where = repetition.at(number, place)
                self.add(
                    where,
                    f"the data type {data_type} of version {self.version} ends with subcomponent {last}",
                )
            elif text and text != NULL and (sub := subs.get(place)):
                plain = _TIMES.get((data_type, place), sub.type)
                self._value(repetition.at(number, place), plain, sub.table, repetition.sub(number, place))

    def _undivided(self, repetition: Repetition, number: int, where: str, data_type: str, table: str) -> None:
        """A component that has no subcomponents by its data type."""
        parts = _split(repetition.raw, self.segment.delimiters.component)
        if len(_split(parts[number - 1], self.segment.delimiters.subcomponent)) > 1:
            self.add(where, f"subcomponents, and the data type {data_type} has none: escape the separator")
        else:
            self._value(where, data_type, table, repetition.sub(number, 1))

    def _value(self, where: str, data_type: str, table: str, value: str) -> None:
        if not value:  # null, or nothing but separators
            return
        form = _FORMS.get(data_type)
        if form and not form[0](value):
            self.add(where, f"not a {data_type}: {form[1]}")
        longest = _LONGEST.get(data_type, 0) if self.version in _MEASURED else 0
        if longest and len(value) > longest:
            self.add(where, f"longer than the {longest} characters of the data type {data_type}")
        if data_type == "ID" and table and not self.known.allows(table, value):
            self.add(where, f"not a value of HL7 table {table.removeprefix('HL7')} in version {self.version}")


def _split(raw: str, separator: str) -> list[str]:
    """The parts of a text; empty ones at the end aren't sent."""
    return raw.rstrip(separator).split(separator) if separator else [raw]


# The time in a TS, which hl7apy has as text before 2.5.
_TIMES = {("TS", 1): "DTM"}

_DATE = r"\d{4}(?:\d\d(?:\d\d)?)?"
_CLOCK = r"\d\d(?:\d\d(?:\d\d(?:\.\d{1,4})?)?)?"
_OFFSET = r"(?:[+-]\d{4})?"


def _like(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


def _is_clock(text: str) -> bool:
    return _CLOCK_FORM(text) is not None and parse_dtm("20000101" + text) is not None


def _is_date(text: str) -> bool:
    return _DATE_FORM(text) is not None and parse_dtm(text) is not None


def _is_time(text: str) -> bool:
    return _TIME_FORM(text) is not None and parse_dtm(text) is not None


_CLOCK_FORM = _like(_CLOCK + _OFFSET)
_DATE_FORM = _like(_DATE)
_TIME_FORM = _like(rf"(?:{_DATE}|\d{{8}}{_CLOCK}){_OFFSET}")

_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "DT": (_is_date, "a date is YYYY[MM[DD]]"),
    "TM": (_is_clock, "a time is HH[MM[SS[.S]]][+/-ZZZZ]"),
    "DTM": (_is_time, "a date and time is YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ]"),
    "NM": (_like(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"), "a number is digits with at most one sign and one point"),
    "SI": (_like(r"\d+"), "a sequence number is digits"),
}
"""Plain data types of chapter 2A: whether a text has their form, and the form."""

_MEASURED = frozenset(("2.5", "2.5.1", "2.6"))  # before, the field has the length; after, it is no rule
_LONGEST = {"ST": 199, "IS": 20, "NM": 16, "SI": 4, "TX": 65536, "FT": 65536}

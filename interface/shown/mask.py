"""`explain --mask`: answers without patient data, to be mailed to whoever helps.

What is shown is a list of what tells nothing of a person; all else keeps its shape alone: `Smith-Jones` is `Xxxxx-Xxxxx`,
`(608) 555-0142` is `(999) 999-9999`. So a field that nobody thought of is hidden, not shown. Hidden are all 18 identifiers
of HIPAA's safe harbor (45 CFR 164.514(b)(2)), whole dates and ZIPs too, every text that somebody typed, clinicians and
places, and control ids: messages are `#1`, `#2` in their order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from interface.hl7.errors import NotHL7
from interface.hl7.message import Message, Repetition

_CODED = frozenset(
    (
        *("gender", "state", "contactPointSystem", "contactPointUse", "active", "codeSystem", "newPatient"),
        *("timingEvent", "frequencyValue", "frequencyUnit", "amountValue", "strengthValue"),
        *("initialFillQuantity", "numberOfRefillsAllowed"),
    )
)
"""Names of fields, wherever they stand: words of tables, yes and no, amounts. Safe harbor allows the state of an address."""

_OF_A_KNOWN_SYSTEM = frozenset(("code", "codeSystemName"))
"""Shown beside the `codeSystem` of a table, and in version 1's lists of one system; a sender's own code can be anything."""

_SYSTEM_LISTS = re.compile(r"^active(?:Icd10|Icd9|Snomed)Diagnoses\[\d+\]\.code$")
_SETTING = re.compile(r"^settings:[a-z_]+\.[a-z_]+$")
_RULE = re.compile(r"^[\w./-]+\.yaml#[a-z0-9_]+$")
_WITHHELD = re.compile(r"(?<=#).*", re.DOTALL)
"""The row of the site's list, and its reason."""
_DAY = re.compile(r"^\d{4}-\d\d-\d\d")
_TYPE = re.compile(r"^[A-Z]{3}\^?[A-Z0-9]{0,3}$")
_WORD = re.compile(r"\S+")
_LONGEST_NAME = 6  # words
_SHORTEST = 3  # characters; initials and numbers of fields are not looked for

# Where messages tell who somebody is: field to its components, none for all of them.
_PERSON: Mapping[str, Mapping[int, tuple[int, ...]]] = {
    "PID": {
        **dict.fromkeys((2, 3, 4, 18, 20, 21), (1,)),
        **dict.fromkeys((5, 6, 9), (1, 2, 3, 4)),
        **dict.fromkeys((7, 29), (1,)),
        11: (1, 2, 3, 5, 8, 9),
        **dict.fromkeys((13, 14, 40), (1, 4, 6, 7, 8, 9, 12)),
        **dict.fromkeys((12, 19, 23), ()),
    },
    "NK1": {
        2: (1, 2, 3, 4),
        4: (1, 2, 3, 5),
        5: (1, 4, 6, 7, 12),
        6: (1, 4, 6, 7, 12),
        30: (),
        31: (),
        32: (),
    },
    "GT1": {
        2: (1,),
        3: (1, 2, 3, 4),
        5: (1, 2, 3, 5),
        6: (1, 4, 6, 7, 12),
        7: (1, 4, 6, 7, 12),
        8: (),
        12: (),
    },
    "IN1": {16: (1, 2, 3, 4), 18: (), 19: (1, 2, 3, 5), 36: (), 49: (1,)},
    "IN2": {1: (1,), 2: (), 6: (), 8: (), 61: (1,)},
    "MRG": {**dict.fromkeys((1, 2, 3, 4, 5, 6), (1,)), 7: (1, 2, 3, 4)},
    "PV1": {5: (1,), 19: (1,), 50: (1,)},
    "ACC": {1: ()},
}


def shape(value: object) -> str:
    """The value's shape: letters as X and x, digits as 9, punctuation as it is, what is beyond as a dot."""
    return "".join(_shape_of(character) for character in unicodedata.normalize("NFC", str(value)))


def _shape_of(character: str) -> str:
    if character.isalpha():
        return "X" if character.isupper() else "x"
    if character.isnumeric():
        return "9"
    return character if character.isascii() and (character.isprintable() or character.isspace()) else "·"


class Mask:
    """Masks the answers of one run: the messages tell what must not be seen in any text."""

    def __init__(self, messages: Iterable[bytes]):
        self._names: dict[str, str] = {}
        """Control id to what stands for it."""
        self._persons: set[str] = set()
        """What identifies somebody, as the messages write it."""
        for number, raw in enumerate(messages, 1):
            try:
                message = Message(raw)
            except NotHL7:
                continue
            if message.control_id.strip():
                self._names.setdefault(message.control_id.strip(), f"#{number}")
            self._persons.update(_identifying(message))

    def answers(self, answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The answers of `explain`, in the order of the messages."""
        for answer in answers:
            self._persons.update(_typed(answer))
        return [self._answer(answer) for answer in answers]

    def _answer(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        settings = {row["field"] for row in answer["fields"] if _SETTING.match(row["source"])}
        request, shown = _Walk(self, settings).masked(answer["request"])
        kind = answer["type"] if not answer["type"] or _TYPE.match(answer["type"]) else shape(answer["type"])

        def text(said: str) -> str:
            return self.text(said.replace(answer["type"], kind) if kind else said)

        return {
            **answer,
            "control_id": self._names.get(answer["control_id"], shape(answer["control_id"])),
            "type": kind,
            "reasons": [{**reason, "text": text(reason["text"])} for reason in answer["reasons"]],
            "request": request,
            "fields": [
                {
                    **row,
                    "value": shown.get(row["field"], shape(row["value"])),
                    "source": self._source(row["source"]),
                    "rule": _rule(row["rule"]),
                }
                | ({"table": _row(row["table"])} if "table" in row else {})
                for row in answer["fields"]
            ],
            "left_out": [
                {
                    "source": self._source(entry["source"]),
                    "value": shape(entry["value"]),
                    "why": _withheld(text(entry["why"])),
                }
                for entry in answer["left_out"]
            ],
            "said": [text(said) for said in answer["said"]],
        } | (
            {"conformance": [{**found, "text": text(found["text"])} for found in answer["conformance"]]}
            if "conformance" in answer
            else {}
        )

    def tells(self, value: object) -> bool:
        """Whether a text holds something that identifies somebody."""
        return any(self._found(str(value)))

    def text(self, said: str) -> str:
        """A sentence of ours: what a message put into it is masked where it identifies somebody."""
        for start, end in reversed(list(self._found(said))):
            name = said[start:end]
            said = said[:start] + (self._names.get(name) or shape(name)) + said[end:]
        return said

    def _found(self, said: str) -> Iterator[tuple[int, int]]:
        """Runs of whole words that are a person's, from left to right, the longest first."""
        words = [(found.start(), found.end()) for found in _WORD.finditer(said)]
        beyond = 0
        for first, (start, _) in enumerate(words):
            if start < beyond:
                continue
            for _, end in reversed(words[first : first + _LONGEST_NAME]):
                stop = next((e for e in (end, _unpunctuated(said, end)) if self._is_known(said[start:e])), 0)
                if stop:
                    yield start, stop
                    beyond = stop
                    break

    def _is_known(self, text: str) -> bool:
        return text in self._persons or (len(text) >= _SHORTEST and text in self._names)

    def _source(self, source: str) -> str:
        """A source; the control id of an earlier message before it by its number."""
        message, _, path = source.rpartition(":")
        if not message or _SETTING.match(source):
            return source
        return f"{self._names.get(message, shape(message))}:{path}"


class _Walk:
    """One request, masked; `shown` has its scalars by field, as provenance names them."""

    def __init__(self, mask: Mask, settings: set[str]):
        self.mask = mask
        self.settings = settings
        self.shown: dict[str, Any] = {}

    def masked(self, request: Any) -> tuple[Any, dict[str, Any]]:
        return self._value(request, "", {}), self.shown

    def _value(self, value: Any, where: str, beside: Mapping[str, Any]) -> Any:
        if isinstance(value, dict):
            return {
                key: self._value(part, f"{where}.{key}" if where else key, value)
                for key, part in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._value(part, f"{where}[{index}]", beside) for index, part in enumerate(value)]
        if value is None:
            return None
        self.shown[where] = value if self._may_show(where, value, beside) else shape(value)
        return self.shown[where]

    def _may_show(self, where: str, value: object, beside: Mapping[str, Any]) -> bool:
        if where in self.settings:  # the site's own, but for a day that is counted from the appointment's
            return not _DAY.match(str(value))
        if self.mask.tells(value):
            return False
        name = where.rpartition(".")[2]
        known = "codeSystem" in beside or bool(_SYSTEM_LISTS.match(where))
        return name in _CODED or (name in _OF_A_KNOWN_SYSTEM and known)


def _rule(name: str) -> str:
    """A rule as it is; of a row of a site's table (`providers.csv#D42`) the file."""
    return name if _RULE.match(name) else _row(name)


def _row(name: str) -> str:
    """The file of a table, and the shape of a row's code: it is what the sender wrote."""
    file, _, row = name.partition("#")
    return f"{file}#{shape(row)}"


def _withheld(why: str) -> str:
    """Of what the site's list keeps back the file alone: the row is the code, its reason tells what the patient has."""
    return _WITHHELD.sub(lambda row: shape(row[0]), why, count=1) if why.startswith("withheld by ") else why


def _unpunctuated(said: str, end: int) -> int:
    while end and said[end - 1] in ".,;:)":
        end -= 1
    return end


def _identifying(message: Message) -> Iterator[str]:
    """What a message says of who somebody is, component by component."""
    for name, fields in _PERSON.items():
        for segment in message.all(name):
            for number, components in fields.items():
                for repetition in segment.reps(number):
                    if not repetition.is_null:
                        yield from _parts(repetition, components)


def _parts(repetition: Repetition, components: tuple[int, ...]) -> Iterator[str]:
    for component in components or range(1, repetition.component_count + 1):
        whole = repetition.component(component).strip()
        for text in (whole, repetition.sub(component, 1).strip(), *whole.split(",")):
            if len(text.strip()) >= _SHORTEST:
                yield text.strip()


def _typed(answer: Mapping[str, Any]) -> Iterator[str]:
    """Values of an answer that somebody typed, as a reason could quote them."""
    for row in answer["fields"]:
        name = row["field"].rpartition(".")[2]
        if row["field"].startswith("patient.") and name not in _CODED and not _SETTING.match(row["source"]):
            text = str(row["value"])
            if len(text) >= _SHORTEST:
                yield text

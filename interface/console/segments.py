"""A message for people: segments, fields and components with names and anchors, masked as the viewer sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from interface.console.asked import Veiled, Viewer
from interface.hl7.message import NULL, Message, Repetition, Segment
from interface.hl7.names import component_name, field_name, segment_name

MOST_SEGMENTS = 500
MOST_PARTS = 5_000
"""Components of a page; behind them the message goes on in a next page."""
MOST_OF_A_FIELD = 300
"""Components and repetitions of one field that are shown one by one; of more the field is shown as it was sent."""
MOST_FIELDS = 200
MOST_TEXT = 2_000
"""Characters of a value that are shown; a document within a message may have millions."""
MOST_SHAPE = 200
"""The same of a masked value: its shape tells little."""
MOST_MASKED = 200_000
"""Of a masked value that is asked for whole."""
IN_THE_CLEAR = ("MSH",)
"""Segments that hold nothing of the patient: who sends what to whom."""
_INDEX = re.compile(r"\[(\d+)\]")
_FIELD = re.compile(r"[A-Z][A-Z0-9]{2}(?:\[\d+\])?(?:-\d+)?")
_STEP = re.compile(r"(?:\.\d+|\[\d+\]|-\d+)$")


@dataclass(frozen=True, slots=True)
class Laid:
    """The part of a message that a page shows."""

    segments: list[dict[str, Any]]
    more: int
    """Segments behind it."""
    next: int
    """The number of the first of them, from 1."""
    anchors: frozenset[str]


def anchor(place: str) -> str:
    """The anchor of a place: `DG1[2]-3.1` as `DG1_2-3.1`."""
    return _INDEX.sub(r"_\1", place)


def field_anchor(place: str) -> str:
    """The anchor of the field that a place is in: a message has it whatever the field holds."""
    found = _FIELD.match(place)
    return anchor(found[0]) if found else ""


def nearest(place: str, anchors: Iterable[str]) -> str:
    """The anchor of a place, or of the smallest part around it that has one; '' where none has."""
    known = anchors if isinstance(anchors, frozenset | set) else frozenset(anchors)
    while place:
        if anchor(place) in known:
            return anchor(place)
        shorter = _STEP.sub("", place)
        place = shorter if shorter != place else ""
    return ""


def lay_out(message: Message, viewer: Viewer, first: int = 1) -> Laid:
    """The segments from `first` on, as many as a page holds."""
    shown: list[dict[str, Any]] = []
    anchors: set[str] = set()
    left = MOST_PARTS
    for segment in islice(message.segments, first - 1, first - 1 + MOST_SEGMENTS):
        if left <= 0:
            break
        fields = list(_fields(segment, viewer))
        left -= sum(field["count"] for field in fields)
        shown.append(
            {
                "path": segment.path,
                "id": anchor(segment.path),
                "name": segment_name(segment.name),
                "fields": fields,
                "more": max(0, segment.field_count - MOST_FIELDS),
            }
        )
        anchors.add(anchor(segment.path))
        for field in fields:
            anchors.add(field["id"])
            anchors.update(part["id"] for repetition in field["repetitions"] for part in repetition["parts"])
            anchors.update(repetition["id"] for repetition in field["repetitions"])
    behind = first + len(shown)
    return Laid(shown, max(0, len(message.segments) - behind + 1), behind, frozenset(anchors))


def apart(laid: Laid, before: str, unknown: Mapping[str, str]) -> Laid:
    """The same beside another message on one page: anchors begin with `before`; of some fields it is said why their value
    is not shown.
    """
    for segment in laid.segments:
        segment["id"] = before + segment["id"]
        for field in segment["fields"]:
            field["id"] = before + field["id"]
            field["unknown"] = unknown.get(field["path"], "")
            for repetition in field["repetitions"]:
                repetition["id"] = before + repetition["id"]
                for part in repetition["parts"]:
                    part["id"] = before + part["id"]
    return replace(laid, anchors=frozenset(before + entry for entry in laid.anchors))


def whole(message: Message, place: str) -> str | None:
    """A field as it was sent, however long; None: there is no such field."""
    match = re.fullmatch(r"([A-Z][A-Z0-9]{2})(?:\[(\d{1,6})\])?-(\d{1,6})", place)
    if match is None:
        return None
    same, ordinal = message.all(match[1]), int(match[2] or 1)
    if not 0 < ordinal <= len(same):
        return None
    return same[ordinal - 1].raw(int(match[3])) or None


def veiled(viewer: Viewer, text: str, *, clear: bool = False, most: int = 0) -> dict[str, Any]:
    """A value as the viewer sees it, cut where it is long: `value`, and `total` characters where it was cut."""
    most = most or (MOST_TEXT if clear or viewer.shows else MOST_SHAPE)
    cut = text[:most]
    value = Veiled(cut, masked=False) if clear else viewer.veil(cut)
    return {"value": value, "total": len(text) if len(text) > most else 0}


def _fields(segment: Segment, viewer: Viewer) -> Iterator[dict[str, Any]]:
    """The fields that were sent, by their numbers."""
    first = 3 if segment.name == "MSH" else 1
    clear = segment.name in IN_THE_CLEAR
    for number in range(first, min(segment.field_count, MOST_FIELDS) + 1):
        raw = segment.raw(number)
        if not raw:
            continue
        path = f"{segment.path}-{number}"
        repetitions = _repetitions(segment, number, raw, viewer, clear=clear)
        yield {
            "path": path,
            "id": anchor(path),
            "number": number,
            "name": field_name(segment.name, number),
            "repetitions": repetitions,
            "count": sum(len(repetition["parts"]) for repetition in repetitions),
            "unknown": "",
        }


def _repetitions(
    segment: Segment, number: int, raw: str, viewer: Viewer, *, clear: bool
) -> list[dict[str, Any]]:
    delimiters = segment.delimiters
    marks = sum(raw.count(mark) for mark in (delimiters.repetition, delimiters.component) if mark)
    if marks > MOST_OF_A_FIELD:
        path = f"{segment.path}-{number}"
        part = {"id": anchor(path), "number": 0, "name": "", **veiled(viewer, raw, clear=clear)}
        return [{"id": anchor(path), "path": path, "parts": [part]}]
    found = segment.reps(number)
    return [
        {
            "id": anchor(repetition.path),
            "path": repetition.path if len(found) > 1 else "",
            "parts": list(_parts(segment.name, repetition, viewer, clear=clear)),
        }
        for repetition in found
        if repetition.raw
    ]


def _parts(segment: str, repetition: Repetition, viewer: Viewer, *, clear: bool) -> Iterator[dict[str, Any]]:
    """The components; of a repetition that has one only, that without a number."""
    count = repetition.component_count
    for number in range(1, count + 1):
        text = NULL if repetition.null_component(number) else repetition.component(number)
        if text:
            alone = count == 1
            yield {
                "id": anchor(repetition.path if alone else repetition.at(number)),
                "number": 0 if alone else number,
                "name": "" if alone else component_name(segment, repetition.field, number),
                **veiled(viewer, text, clear=clear or text == NULL),
            }

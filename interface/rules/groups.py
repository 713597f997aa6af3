"""Which segments of a message belong together: orders, patients, merges."""

from __future__ import annotations

from interface.hl7.message import Message, Segment
from interface.rules.context import Group

_ORDER_SEGMENTS = frozenset(("ORC", "RXE", "RXO", "RXR", "RXC", "RXD", "TQ1", "TQ2", "NTE", "FT1", "OBX"))
_MERGE_SEGMENTS = frozenset(("PID", "PD1", "MRG", "PV1"))
_PATIENT_SEGMENTS = frozenset(("PID", "PD1", "ARV", "PV1", "PV2", "NK1", "DG1", "MRG"))


def order_groups(message: Message) -> list[Group]:
    """The orders of a message: each ORC with what follows it up to the next; an RXE before any ORC begins one too."""
    groups: list[list[Segment]] = []
    for segment in message.segments:
        if segment.name == "ORC" or (segment.name in ("RXE", "RXO") and not groups):
            groups.append([segment])
        elif groups and segment.name in _ORDER_SEGMENTS:
            groups[-1].append(segment)
    return [Group(tuple(group), message, _ORDER_SEGMENTS) for group in groups]


def merge_groups(message: Message) -> list[Group]:
    """Each MRG with the PID and PD1 before it and the PV1 behind it (HL7 v2, chapter 3: ADT_A30, A39, A43, A45).

    A PID without an MRG is a group too: it says nothing of what is retired, and somebody must know.
    """
    groups: list[list[Segment]] = []
    person: list[Segment] = []
    for segment in message.segments:
        if segment.name == "PID":
            person = [segment]
            groups.append(list(person))
        elif segment.name == "PD1":
            person.append(segment)
            if groups:
                groups[-1].append(segment)
        elif segment.name == "MRG" and groups:
            if any(known.name == "MRG" for known in groups[-1]):
                groups.append(list(person))
            groups[-1].append(segment)
        elif segment.name == "PV1" and groups:
            groups[-1].append(segment)
    return [Group(tuple(group), message, _MERGE_SEGMENTS) for group in groups]


def first_patient(message: Message) -> Group:
    """The message without what it says of a second patient and further ones."""
    kept: list[Segment] = []
    seen = 0
    for segment in message.segments:
        seen += segment.name == "PID"
        if seen < 2 or segment.name not in _PATIENT_SEGMENTS:
            kept.append(segment)
    return Group(kept, message, _PATIENT_SEGMENTS)

"""Which segments of a message belong together: orders, patients, merges."""

from __future__ import annotations

from interface.hl7.message import Message, Segment
from interface.rules.context import Group

ORDER_SEGMENTS = frozenset(
    ("ORC", "RXE", "RXO", "RXR", "RXC", "RXD", "RXA", "RXG", "TQ1", "TQ2", "OBR", "NTE", "FT1", "OBX")
)
_ORDER_BEGINS = frozenset(("ORC", "RXE", "RXO", "RXD"))
_DETAILS = ("RXO", "RXE", "RXD")
"""In the order they stand in an order (HL7 v2, chapter 4A): one that goes back begins another order."""
_PHARMACY = frozenset(("RXO", "RXE", "RXD", "RXA", "RXG", "RXR", "RXC"))
_MERGE_SEGMENTS = frozenset(("PID", "PD1", "MRG", "PV1"))
_PATIENT_SEGMENTS = frozenset(("PID", "PD1", "ARV", "PV1", "PV2", "NK1", "DG1", "MRG"))


def order_groups(message: Message) -> list[Group]:
    """The pharmacy orders of a message: each ORC with what follows it up to the next.

    A detail (RXO, RXE, RXD) that can't belong to the order before begins one too, under the same ORC if there is one.
    An ORC whose only detail is another service's (OBR: laboratory, radiology) is no pharmacy order.
    """
    if _ORDER_BEGINS.isdisjoint(message.names):
        return []
    groups: list[list[Segment]] = []
    reached = -1
    for segment in message.segments:
        name = segment.name
        if name not in ORDER_SEGMENTS:
            continue
        rank = _DETAILS.index(name) if name in _DETAILS else -1
        if name == "ORC":
            groups.append([segment])
            reached = -1
        elif rank >= 0 and (not groups or (reached >= 0 and (rank < reached or rank == reached < 2))):
            head = groups[-1][0] if groups else None
            groups.append([head, segment] if head is not None and head.name == "ORC" else [segment])
            reached = rank
        elif groups:
            groups[-1].append(segment)
            reached = max(reached, rank)
    return [Group(_encoded(group), message, ORDER_SEGMENTS) for group in groups if _is_pharmacy(group)]


def _encoded(group: list[Segment]) -> list[Segment]:
    """The order as the pharmacy encoded it: timing and route behind RXE take the place of those asked for before it."""
    names = [segment.name for segment in group]
    if "RXE" not in names:
        return group
    place = names.index("RXE")
    again = {name for name in ("TQ1", "RXR") if name in names[place:] and name in names[:place]}
    return [s for n, s in enumerate(group) if n > place or s.name not in again] if again else group


def _is_pharmacy(group: list[Segment]) -> bool:
    names = {segment.name for segment in group}
    return not names.isdisjoint(_PHARMACY) or "OBR" not in names


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

"""Segments against a structure of the standard: what is missing, what stands where it may not.

A structure is compiled to an automaton that takes any sequence of segments, at a price for each fault; the
cheapest reading of the message is what is told. So one missing segment is one fault, and does not make faults
of all that follow. Costs: segments times positions of the structure (some hundreds): about 0.2 ms for a segment.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .standard import ANY_SEGMENT, Item

# A segment that may stand once and came twice is rather that than out of place; one that is out of place is
# rather left over than a reason to miss others.
_MISSING, _AGAIN, _MISPLACED = 10, 9, 11
_TOO_DEAR = 8 * _MISPLACED  # a reading so much worse than the best one is given up

# HL7 table 0354: structures that several trigger events share; of two rows the first that a version knows.
_SHARED = (
    ("ADT_A01", "A04 A08 A13"),
    ("ADT_A05", "A14 A28 A31"),
    ("ADT_A06", "A07"),
    ("ADT_A09", "A10 A11 A12"),
    ("ADT_A21", "A22 A23 A25 A26 A27 A29 A32 A33"),
    ("ADT_A30", "A34 A35 A36 A46 A47 A48 A49"),
    ("ADT_A39", "A40 A41 A42"),
    ("ADT_A43", "A44"),
    ("ADT_A50", "A51"),
    ("ADT_A52", "A53"),
    ("ADT_A54", "A55"),
    ("ADT_A61", "A62"),
    ("BAR_P01", "P05"),
    ("CRM_C01", "C02 C03 C04 C05 C06 C07 C08"),
    ("CSU_C09", "C10 C11 C12"),
    ("MDM_T01", "T03 T05 T07 T09 T11"),
    ("MDM_T02", "T04 T06 T08 T10"),
    ("PEX_P07", "P08"),
    ("PGL_PC6", "PC7 PC8"),
    ("PPG_PCG", "PCH PCJ"),
    ("PPP_PCB", "PCC PCD"),
    ("PPR_PC1", "PC2 PC3"),
    ("RDE_O11", "O25"),
    ("REF_I12", "I13 I14 I15"),
    ("RPA_I08", "I09 I10 I11"),
    ("RPI_I01", "I04"),
    ("RQA_I08", "I09 I10 I11"),
    ("RQI_I01", "I02 I03"),
    ("RRI_I12", "I13 I14 I15"),
    ("SIU_S12", "S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26 S27"),
    ("SRM_S01", "S02 S03 S04 S05 S06 S07 S08 S09 S10 S11"),
    ("SRR_S01", "S02 S03 S04 S05 S06 S07 S08 S09 S10 S11"),
    # before 2.4
    ("ADT_A01", "A05 A14 A28 A31"),
    ("ADT_A02", "A21 A22 A23 A25 A26 A27 A29 A32 A33"),
)


def structures_of(code: str, trigger: str, known: frozenset[str]) -> tuple[str, ...]:
    """The structures a message type may have in a version that knows `known`, the usual one first."""
    if code == "ACK":  # whatever it answers
        return ("ACK",) if "ACK" in known else ()
    own = f"{code}_{trigger}" if trigger else code
    shared = (name for name, events in _SHARED if name[:3] == code and trigger in events.split())
    usual = next((name for name in shared if name in known), own)
    return tuple(name for name in dict.fromkeys((own, usual)) if name in known)


@dataclass(frozen=True, slots=True)
class Fault:
    """One departure from the structure."""

    kind: Literal["missing", "again", "misplaced"]
    name: str
    """The segment's name."""
    at: int
    """The place in the sequence: of the segment itself, or of the one that stands where one is missing."""


@dataclass(frozen=True, slots=True)
class _Way:
    """From one position to another without taking a segment."""

    to: int
    price: int = 0
    kind: Literal["missing", "again"] | None = None
    name: str = ""


class Automaton:
    """A compiled structure."""

    def __init__(self, items: tuple[Item, ...]):
        self.names: set[str] = set()
        self.any_segment = False
        self._ways: list[list[_Way]] = []
        self._takes: list[dict[str, int]] = []
        self._start = self._position()
        self._end = self._row(items, self._start)

    def _position(self) -> int:
        self._ways.append([])
        self._takes.append({})
        return len(self._ways) - 1

    def _row(self, items: tuple[Item, ...], start: int) -> int:
        for item in items:
            start = self._item(item, start)
        return start

    def _item(self, item: Item, before: int) -> int:
        """Add an item behind a position; answers the position behind it."""
        start, end = self._position(), self._position()
        self._ways[before].append(_Way(start))
        if item.items is None:
            self.names.add(item.name)
            self.any_segment |= item.name == ANY_SEGMENT
            self._takes[start][item.name] = end
        elif item.choice:
            for one in item.items:
                self._ways[self._item(one, start)].append(_Way(end))
        else:
            self._ways[self._row(item.items, start)].append(_Way(end))
        first = _first(item)
        self._ways[start].append(_Way(end, _MISSING, "missing", first) if item.required else _Way(end))
        self._ways[end].append(_Way(start) if item.repeats else _Way(start, _AGAIN, "again", first))
        return end

    def _spread(self, frontier: dict[int, tuple[int, _Trail]], at: int) -> dict[int, tuple[int, _Trail]]:
        """All positions to be had from these without another segment, each at its lowest price (Dijkstra)."""
        done: dict[int, tuple[int, _Trail]] = {}
        queue = [(price, number, place) for number, (place, (price, _)) in enumerate(frontier.items())]
        trails = {place: trail for place, (_, trail) in frontier.items()}
        prices = {place: price for place, (price, _) in frontier.items()}
        heapq.heapify(queue)
        limit = queue[0][0] + _TOO_DEAR
        number = len(queue)
        while queue:
            price, _, place = heapq.heappop(queue)
            if place in done or (price > limit and place != self._end):
                continue
            trail = trails[place]
            done[place] = (price, trail)
            for way in self._ways[place]:
                total = price + way.price
                if way.to not in done and total < prices.get(way.to, total + 1):
                    prices[way.to] = total
                    trails[way.to] = (Fault(way.kind, way.name, at), trail) if way.kind else trail
                    number += 1
                    heapq.heappush(queue, (total, number, way.to))
        return done

    def faults(self, names: Sequence[str], whole: bool = True) -> tuple[Fault, ...]:
        """What the cheapest reading of a sequence of segment names finds, in order.

        `whole`: the sequence is the whole message, so what is missing at its end is told too.
        """
        frontier = self._spread({self._start: (0, None)}, 0)
        for at, name in enumerate(names):
            taken: dict[int, tuple[int, _Trail]] = {}
            for place, (price, trail) in frontier.items():
                takes = self._takes[place]
                to = takes.get(name, takes.get(ANY_SEGMENT))
                if to is not None and price < taken.get(to, (price + 1,))[0]:
                    taken[to] = (price, trail)
            for place, (price, trail) in frontier.items():
                if price + _MISPLACED < taken.get(place, (price + _MISPLACED + 1,))[0]:
                    taken[place] = (price + _MISPLACED, (Fault("misplaced", name, at), trail))
            frontier = self._spread(taken, at + 1)
        if whole and self._end in frontier:
            trail = frontier[self._end][1]
        else:
            trail = min(frontier.values(), key=lambda entry: entry[0])[1]
        found = []
        while trail is not None:
            fault, trail = trail
            found.append(fault)
        return tuple(reversed(found))


_Trail = tuple[Fault, "_Trail"] | None


def _first(item: Item) -> str:
    """The segment to name when a whole group is missing: the first it requires, else its first."""
    while item.items:
        item = next((inner for inner in item.items if inner.required), item.items[0])
    return item.name

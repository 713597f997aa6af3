"""What segments were read as, for messages that say the same again.

A feed repeats itself: the PID of a patient in each of a dozen updates, the visit and its diagnoses in each of them. Rules
give for the same lines the same facts but for time and message; so they are kept, by all the lines that the rules look
at (`blocks.py`). Reading them again costs a tenth. But most lines never come again: what is kept of them fills the caches of
the processor with what nobody asks for. So of lines that come for the first time nothing is kept but that they came.
Persons are the exception: they come again, in messages of another kind, and the chart has their facts anyhow.
"""

from __future__ import annotations

from msgspec.structs import replace

from interface.recent import Recent
from interface.rules.facts import Fact, Item, LeftOut

MOST = 512
"""Readings of lines kept at least; at most twice as many. About 4 KB each: where all repeat, 2,048 took 12 MB more."""
MOST_FIELDS = 2048
"""Fields kept at least, about 1 KB each. A message of 300 orders has more than 512."""
MOST_PERSONS = 320
"""Persons kept at least, from the first time on: as many as charts are at hand, which share the facts."""
LONGEST = 4096
"""Characters of the lines of one reading that is kept."""
MOST_ONCE = 16_384
"""Lines of which it is known that they came."""

Remembered = tuple[Item, tuple[LeftOut, ...]]


class Memory(Recent[str, Remembered]):
    """What was read last, by its lines."""

    __slots__ = ("_once",)

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._once: set[int] = set()

    def note(self, key: str, said: Remembered) -> None:
        """Keep what lines were read as, when they come for the second time."""
        mark = hash(key)
        if mark in self._once:
            self.put(key, said)
            return
        if len(self._once) >= MOST_ONCE:
            self._once.clear()
        self._once.add(mark)


class Persons(Memory):
    """What was read of persons."""

    __slots__ = ()

    def note(self, key: str, said: Remembered) -> None:
        """Keep it at once: where orders follow bookings, 6 % of all that reading and deciding takes."""
        self.put(key, said)


class Memories:
    """All that one mapping has read."""

    __slots__ = ("_basis", "fields", "lines", "persons")

    def __init__(self) -> None:
        self.lines = Memory(MOST)
        self.persons = Persons(MOST_PERSONS)
        self.fields = Memory(MOST_FIELDS)
        """Of fields that patients have in common."""
        self._basis: object = None

    def on(self, basis: object) -> None:
        """Forget all that was read on another basis (settings, day): there it may mean something else."""
        if basis != self._basis:
            for memory in (self.lines, self.persons, self.fields):
                memory.clear()
        self._basis = basis


def restated(item: Item, at: str, message: str) -> Item:
    """The same facts, as this message says them."""
    return {field: again(fact, at, message) for field, fact in item.items()}


def again(fact: Fact, at: str, message: str) -> Fact:
    """The same fact, as this message says it."""
    return replace(fact, at=at, message=message)

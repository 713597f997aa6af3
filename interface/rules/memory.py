"""What segments were read as, for messages that say the same again.

A feed repeats itself: the PID of a patient in each of a dozen updates, the visit and its diagnoses in each of them. Rules
give for the same lines the same facts but for time and message; so they are kept, by all the lines that the rules look
at (`blocks.py`). Reading them again costs a tenth. But most lines never come again: what is kept of them fills the caches of
the processor with what nobody asks for. So of lines that come for the first time nothing is kept but that they came.
"""

from __future__ import annotations

from msgspec.structs import replace

from interface.rules.facts import Fact, Item, LeftOut

MOST = 2048
"""Readings kept at least; at most twice as many. About 7 KB each of lines, 1 KB each of fields."""
LONGEST = 4096
"""Characters of the lines of one reading that is kept."""
MOST_ONCE = 16_384
"""Lines of which it is known that they came."""

Remembered = tuple[Item, tuple[LeftOut, ...]]


class Memory:
    """What was read last, by its lines. What has not come again for long is forgotten."""

    __slots__ = ("_basis", "_old", "_once", "_young")

    def __init__(self) -> None:
        self._young: dict[str, Remembered] = {}
        self._old: dict[str, Remembered] = {}
        self._once: set[int] = set()
        self._basis: object = None

    def on(self, basis: object) -> None:
        """Forget all that was read on another basis (settings, day): there it may mean something else."""
        if basis is not self._basis and basis != self._basis:
            self._young, self._old = {}, {}
        self._basis = basis

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: str) -> Remembered | None:
        """What the lines were read as."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is not None:
                self._young[key] = found
        return found

    def put(self, key: str, said: Remembered) -> None:
        """Keep what lines were read as, when they come for the second time."""
        mark = hash(key)
        if mark not in self._once:
            if len(self._once) >= MOST_ONCE:
                self._once.clear()
            self._once.add(mark)
            return
        if len(self._young) >= MOST:
            self._young, self._old = {}, self._young
        self._young[key] = said


def restated(item: Item, at: str, message: str) -> Item:
    """The same facts, as this message says them."""
    return {field: again(fact, at, message) for field, fact in item.items()}


def again(fact: Fact, at: str, message: str) -> Fact:
    """The same fact, as this message says it."""
    return replace(fact, at=at, message=message)

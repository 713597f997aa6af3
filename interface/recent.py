"""What was worked out last, for those who ask again: by its key, with no clock and no list of who came when.

Two generations: what is put, or found again, goes to the young one; when that is full it becomes the old one, and the old
one is forgotten. So nothing that was asked for among the last `most` is lost, and keeping costs no more than a dict does.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """At least `most` values, at most twice as many; what has not been asked for for long goes first."""

    __slots__ = ("_old", "_young", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.clear()

    def clear(self) -> None:
        """Keep nothing any more."""
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """What is kept under the key."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Keep a value, which is not None."""
        if len(self._young) >= self.most:
            self._young, self._old = {}, self._young
        self._young[key] = value

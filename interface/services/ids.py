"""Ids of patients and requests, counted on in memory; commits keep the store's counters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count


class Ids:
    """Only who has the turn of intake gives ids out; after somebody else had it they are read anew."""

    def __init__(self, read: Callable[[], tuple[int, int]]) -> None:
        """`read` gives the next id of a patient and of a request."""
        self._read = read
        self._patients = self._requests = count(1)

    def renew(self) -> None:
        """Go on from where the store is. Raises what `read` raises."""
        patients, requests = self._read()
        self._patients, self._requests = count(patients), count(requests)

    def patient(self) -> int:
        """An id that was never given before; it may stay unused."""
        return next(self._patients)

    def request(self) -> int:
        """The same for a request."""
        return next(self._requests)

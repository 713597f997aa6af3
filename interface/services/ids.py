"""Ids that are counted on in memory: of patients and requests (commits keep the store's counters), and of our ACKs."""

from __future__ import annotations

import secrets
import time
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


def control_ids() -> Callable[[], str]:
    """Control ids for our ACKs: at most 20 characters (MSH-10), different after each start."""
    prefix = f"{int(time.time()):x}{secrets.token_hex(2)}"
    counter = count(1)
    return lambda: f"{prefix}{next(counter):x}"

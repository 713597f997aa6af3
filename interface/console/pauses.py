"""How long who types wrong passwords has to wait: by name and by address, longer each time. In memory; the time is passed
in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from interface.settings.checks import is_loopback

FREE = 3
"""So many wrong passwords cost nothing: people mistype."""
LONGEST = {"name": 60.0, "address": 900.0}
"""Seconds. A name is everybody's to try: who knows it must not keep its owner out for long."""
FORGET_SECONDS = 3600.0
MOST = 10_000
"""Names and addresses that are remembered; when there are more, those that were quiet longest go."""


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Pauses:
    """Counts wrong passwords."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], _Failures] = {}

    def left(self, name: str, address: str, now: float) -> float:
        """Seconds until this name may be tried from this address; 0: now."""
        return max(self._left(key, now) for key in _keys(name, address))

    def _left(self, key: tuple[str, str], now: float) -> float:
        known = self._failures.get(key)
        if known is None or now - known.last > FORGET_SECONDS or known.count <= FREE:
            return 0.0
        pause: float = min(2.0 ** min(known.count - FREE, 20), LONGEST[key[0]])
        return max(0.0, min(pause, known.last + pause - now))

    def failed(self, name: str, address: str, now: float) -> None:
        """A wrong password."""
        for key in _keys(name, address):
            known = self._failures.pop(key, None)
            count = 0 if known is None or now - known.last > FORGET_SECONDS else known.count
            self._failures[key] = _Failures(count + 1, now)
        while len(self._failures) > MOST:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, name: str) -> None:
        """The right one. The address stays: others may try from there."""
        self._failures.pop(("name", name.lower()), None)


def _keys(name: str, address: str) -> Iterable[tuple[str, str]]:
    """This machine's address is all the users' where a proxy stands in front: one of them must not keep the others out."""
    yield "name", name.lower()[:64]
    if not is_loopback(address):
        yield "address", address

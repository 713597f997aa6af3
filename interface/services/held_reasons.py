"""How many requests are held, by the code of their reason: counted now and then, off the reactor thread."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from interface.services.logs import event, where
from interface.services.measures import HOLD_CODES, OTHER
from interface.services.timing import Timer, cancel

log = logging.getLogger(__name__)

COUNT_SECONDS = 30.0
MOST_COUNTED = 100_000
"""The newest so many held requests are counted."""
_KNOWN = frozenset(HOLD_CODES)
_INDEX = re.compile(r"\[\d+\]")


def counted(reasons: Iterable[tuple[tuple[str, ...], int]]) -> dict[str, int]:
    """Requests by code; `reasons`: the codes that some of them share, and how many those are."""
    found: Counter[str] = Counter()
    for codes, count in reasons:
        for code in {code_told(code) for code in codes} or {OTHER}:
            found[code] += count
    return dict(found)


def code_told(code: str) -> str:
    """A reason's code as the table of measures has it: a field without indices, or the field that it belongs to."""
    problem, colon, field = _INDEX.sub("", code).partition(":")
    if not colon:
        return code if code in _KNOWN else OTHER
    while f"{problem}:{field}" not in _KNOWN and "." in field:
        field = field.rpartition(".")[0]
    return found if (found := f"{problem}:{field}") in _KNOWN else OTHER


class HeldReasons:
    """Counts each half minute; a count that fails is left out, for whatever fails is told by who needs it."""

    def __init__(
        self,
        count: Callable[[int], Iterable[tuple[tuple[str, ...], int]]],
        reactor: Any,
        told: Callable[[Mapping[str, int]], None],
    ) -> None:
        """`count` reads the store (any thread), at most so many requests; `told` gets what came of it, in the reactor."""
        self._count = count
        self._reactor = reactor
        self._told = told
        self._timer: Timer | None = None
        self._stopped = False

    def start(self) -> None:
        """Count now, and from now on."""
        self._timer = None
        found = deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), lambda: counted(self._count(MOST_COUNTED))
        )
        found.addCallbacks(self._told, self._failed)
        found.addBoth(self._again)

    def stop(self) -> None:
        """Count no more."""
        self._stopped = True
        cancel(self._timer)

    def _again(self, _: object) -> None:
        if not self._stopped:
            self._timer = self._reactor.callLater(COUNT_SECONDS, self.start)

    def _failed(self, failure: Failure) -> None:
        event(log, logging.DEBUG, "not-looked", error=where(failure.value or Exception()))

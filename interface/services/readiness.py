"""Whether the store can be written now: asked for by /readyz, found out off the reactor thread, not more than
needed."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from interface.errors import InterfaceError
from interface.services.logs import where

FRESH_SECONDS = 2.0
"""An answer is good for so long: whoever asks often must not keep the disk busy."""


class StoreCheck:
    """Tries to write, at most once in FRESH_SECONDS; those who ask meanwhile share the answer."""

    def __init__(self, check: Callable[[], None], reactor: Any) -> None:
        """`check` raises when the store cannot be written; `reactor` has the time and a thread pool."""
        self._check = check
        self._reactor = reactor
        self._checked_at = float("-inf")
        self._fault: str | None = None
        self._asking: list[Deferred[str | None]] = []

    def fault(self) -> "Deferred[str | None]":
        """Why the store cannot be written; None: it can."""
        if self._reactor.seconds() - self._checked_at < FRESH_SECONDS:
            return succeed(self._fault)
        answer: Deferred[str | None] = Deferred()
        self._asking.append(answer)
        if len(self._asking) == 1:
            trial = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._check)
            trial.addCallbacks(lambda _: self._known(None), lambda failure: self._known(_reason(failure)))
        return answer

    def _known(self, fault: str | None) -> None:
        self._fault = fault
        self._checked_at = self._reactor.seconds()
        asking, self._asking = self._asking, []
        for answer in asking:
            answer.callback(fault)


def _reason(failure: Failure) -> str:
    error = failure.value
    return str(error) if isinstance(error, InterfaceError) else where(failure.value or Exception())

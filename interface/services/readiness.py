"""Whether the store can be written now: asked for by /readyz, found out off the reactor thread, not more than
needed."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from interface.errors import InterfaceError
from interface.services.logs import where
from interface.services.timing import Timer, cancel

FRESH_SECONDS = 2.0
"""An answer is good for so long: whoever asks often must not keep the disk busy."""
PATIENCE_SECONDS = 8.0
"""How long whoever asks waits for a disk that does not answer (a lock that is held is told earlier)."""
TOO_SLOW = f"a write has not come to an end in {PATIENCE_SECONDS:g} s: the disk does not answer"


class StoreCheck:
    """Tries to write, at most once in FRESH_SECONDS; those who ask meanwhile share the answer."""

    def __init__(self, check: Callable[[], None], reactor: Any) -> None:
        """`check` raises when the store cannot be written; `reactor` has the time and a thread pool."""
        self._check = check
        self._reactor = reactor
        self._checked_at = float("-inf")
        self._fault: str | None = None
        self._asking: list[Deferred[str | None]] = []
        self._trying_since: float | None = None
        self._timer: Timer | None = None

    def fault(self) -> "Deferred[str | None]":
        """Why the store cannot be written; None: it can."""
        now = self._reactor.seconds()
        if self._trying_since is None:
            if now - self._checked_at < FRESH_SECONDS:
                return succeed(self._fault)
            self._trying_since = now
            trial = deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._check)
            trial.addCallbacks(lambda _: self._known(None), lambda failure: self._known(_reason(failure)))
            self._timer = self._reactor.callLater(PATIENCE_SECONDS, self._answer, TOO_SLOW)
        elif now - self._trying_since >= PATIENCE_SECONDS:
            return succeed(TOO_SLOW)
        answer: Deferred[str | None] = Deferred()
        self._asking.append(answer)
        return answer

    def _known(self, fault: str | None) -> None:
        self._fault = fault
        self._checked_at = self._reactor.seconds()
        self._trying_since = None
        cancel(self._timer)
        self._answer(fault)

    def _answer(self, fault: str | None) -> None:
        asking, self._asking = self._asking, []
        for answer in asking:
            answer.callback(fault)


def _reason(failure: Failure) -> str:
    error = failure.value
    return str(error) if isinstance(error, InterfaceError) else where(failure.value or Exception())

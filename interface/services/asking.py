"""Commands of persons on their way to the work: stored, carried out by the daemon, or here where none runs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from interface.chart.decide import Engine
from interface.errors import InterfaceError
from interface.services.clock import Clock
from interface.services.offline import work_off
from interface.store.database import Store
from interface.store.errors import StoreError
from interface.store.lock import StoreLock
from interface.store.records import Command

AHEAD = 4
"""Commands that wait at once: the daemon need not wait for us, and few are left behind by who is interrupted."""
POLL_SECONDS = 0.05


class NotAnsweredError(InterfaceError):
    """The daemon runs and has not carried a command out in time. It stays stored."""

    exit_code = 1


class Asking:
    """Has commands carried out, one after the other. One thread's."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        clock: Clock,
        *,
        url: str,
        patience: float,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`url`: the store's; `patience`: seconds without a command that ends, after which it is given up."""
        self._store = store
        self._engine = engine
        self._clock = clock
        self._patience = patience
        self._monotonic = monotonic
        self._pause = pause
        self._door = StoreLock.beside(url, "door")
        self._work = StoreLock.beside(url, "work")

    def ask(self, kind: str, wanted: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Command]]:
        """Ask for each of `wanted` (the arguments) and give what came of it, with its place in `wanted`.

        Raises NotAnsweredError, and StoreError where the store fails.
        """
        left = enumerate(wanted)
        waiting: deque[tuple[int, int]] = deque()
        since = self._monotonic()
        while True:
            while len(waiting) < AHEAD and (following := next(left, None)) is not None:
                place, arguments = following
                waiting.append((place, self._store.commands.add(kind, arguments)))
            if not waiting:
                return
            place, number = waiting[0]
            command = self._store.commands.get(number)
            if command is not None and command.state != "waiting":
                waiting.popleft()
                yield place, command
                since = self._monotonic()
            elif self._monotonic() - since > self._patience:
                raise NotAnsweredError(_not_answered([number for _, number in waiting], self._patience))
            elif self._door.is_held() or not self._carry_out(number):
                self._pause(POLL_SECONDS)

    def _carry_out(self, number: int) -> bool:
        """Do the work ourselves up to this command; False: somebody else does. A daemon that starts takes over."""
        try:
            self._work.acquire()
        except StoreError:
            return False
        try:
            work_off(self._store, self._engine, self._clock, until=lambda: self._is_over(number))
        finally:
            self._work.release()
        return True

    def _is_over(self, number: int) -> bool:
        command = self._store.commands.get(number)
        return self._door.is_held() or command is None or command.state != "waiting"


def _not_answered(numbers: list[int], seconds: float) -> str:
    which = ", ".join(str(number) for number in numbers)
    what = f"command {which} is" if len(numbers) == 1 else f"commands {which} are"
    return (
        f"{what} stored, and the daemon has carried out none in {seconds:g} s: it will, once nothing of these "
        "patients is being sent (is its work up? see /readyz). Look again with `patients show` or `messages show`"
    )

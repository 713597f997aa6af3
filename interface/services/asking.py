"""Commands of persons on their way to the work: stored, carried out by the daemon, or here where none runs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from interface.chart.decide import Engine
from interface.errors import InterfaceError
from interface.services.clock import Clock
from interface.services.offline import work_off_if_free
from interface.store.records.reading import Command
from interface.store.store import Store

Take = Callable[[int, Command], None]

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
        patience: float,
        monotonic: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`patience`: seconds without a command that ends, after which it is given up."""
        self._store = store
        self._engine = engine
        self._clock = clock
        self._patience = patience
        self._monotonic = monotonic
        self._pause = pause
        self._door = store.presence("door")
        self._work = store.presence("work")

    def ask(self, kind: str, wanted: Iterable[Mapping[str, Any]], take: Take) -> None:
        """Ask for each of `wanted` (the arguments); `take` is told what came of each, and its place in `wanted`.

        Raises NotAnsweredError, and StoreError where the store fails.
        """
        queue = _Queue(self._store, kind, wanted, take)
        since, ended = self._monotonic(), 0
        while queue.goes_on():
            if queue.ended > ended:
                since, ended = self._monotonic(), queue.ended
            elif self._monotonic() - since > self._patience:
                raise NotAnsweredError(_not_answered(queue.numbers, self._patience))
            if self._door.is_held() or not self._carry_out(queue):
                self._pause(POLL_SECONDS)

    def _carry_out(self, queue: _Queue) -> bool:
        """Do the work ourselves up to the last command; False: somebody else does. A daemon that starts takes over."""
        return work_off_if_free(
            self._work,
            self._store,
            self._engine,
            self._clock,
            until=lambda: not queue.goes_on() or self._door.is_held(),
        )


class _Queue:
    """Commands on their way: some stored ahead, in order."""

    def __init__(self, store: Store, kind: str, wanted: Iterable[Mapping[str, Any]], take: Take) -> None:
        self._commands = store.commands
        self._kind = kind
        self._left = enumerate(wanted)
        self._take = take
        self._waiting: deque[tuple[int, int]] = deque()
        self.ended = 0
        """How many commands have come to their end."""

    @property
    def numbers(self) -> list[int]:
        """The ids of the commands that wait."""
        return [number for _, number in self._waiting]

    def goes_on(self) -> bool:
        """Take what has ended, store what comes next; False: that was all."""
        while True:
            while len(self._waiting) < AHEAD and (following := next(self._left, None)) is not None:
                place, arguments = following
                self._waiting.append((place, self._commands.add(self._kind, arguments)))
            if not self._waiting:
                return False
            place, number = self._waiting[0]
            command = self._commands.get(number)
            if command is None or command.state == "waiting":
                return True
            self._waiting.popleft()
            self.ended += 1
            self._take(place, command)


def _not_answered(numbers: list[int], seconds: float) -> str:
    which = ", ".join(str(number) for number in numbers)
    what = f"command {which} is" if len(numbers) == 1 else f"commands {which} are"
    return (
        f"{what} stored, and the daemon has carried out none in {seconds:g} s: it will, once nothing of these "
        "patients is being sent (is its work up? see /readyz). Look again with `patients show` or `messages show`"
    )

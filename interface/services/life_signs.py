"""Signs of life for systemd: ready, reloading, stopping, a line on how it is, and the watchdog's pings.

A ping says that a restart would not help. It is given by the reactor, so a reactor that hangs gives none; and it is
withheld while a thread that stores has ended, or has had the same batch in hand for STUCK_SECONDS without waiting for a
disk. A store that fails, is full, locked or away is no such thing: its errors come back within seconds, nothing is
acknowledged meanwhile, and a new process would meet the same store. Nor is a disk that never answers: the kernel ends no
process that waits for one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from interface.services.door_state import DoorState
from interface.services.logs import event
from interface.services.systemd import Given, Teller
from interface.services.timing import Clock, Timer, cancel

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often it is looked whether the line has changed; at least twice in the watchdog's time pings go out."""
STUCK_SECONDS = 60.0
"""What a batch may take. SQLite's lock and PostgreSQL's answers have limits of their own, far below."""
MAX_LINE = 200


class Storing(Protocol):
    """A thread that stores: `JournalThread`."""

    name: str
    """As people call it."""

    @property
    def ended(self) -> bool:
        """Whether it has ended though nobody asked it to."""

    @property
    def busy_since(self) -> float | None:
        """Since when it has what it has in hand, monotonic seconds; None: it waits for something to do."""

    @property
    def thread_id(self) -> int | None:
        """The kernel's number of the thread."""


def waits_for_disk(thread_id: int | None) -> bool:
    """Whether the kernel has this thread of ours waiting where nothing can end it (state D: a disk, a network drive)."""
    try:
        stat = Path(f"/proc/self/task/{thread_id}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["D"]


def stuck(
    threads: Iterable[Storing], now: float, on_disk: Callable[[int | None], bool] = waits_for_disk
) -> str | None:
    """What a restart would cure: a thread that has ended or hangs; None: nothing.

    now: monotonic seconds.
    """
    for thread in threads:
        if thread.ended:
            return f"{thread.name}: its thread has ended"
        since = thread.busy_since
        if since is not None and now - since > STUCK_SECONDS and not on_disk(thread.thread_id):
            return f"{thread.name}: has come to no end for {STUCK_SECONDS:g} s"
    return None


def line_of(state: DoorState) -> str:
    """How the door is, for `systemctl status`: short, without patient data."""
    if state.stopping:
        return "stopping: answers what was taken, requests under way come to their end"
    if state.journal_failing:
        return f"stores no messages: {state.journal_failing}"
    closed = [one for one in state.listeners if one.closed]
    ports = len(state.listeners) - len(closed)
    parts = [f"takes messages on {ports} port{'s' if ports != 1 else ''}"]
    parts += [f"listener {one.name} takes nobody: {one.closed}" for one in closed]
    if not state.work_alive:
        parts.append("the work is down, and is started again")
    elif state.trouble:
        parts.append(f"the work can't go on: {state.trouble}")
    elif state.destination is not None:
        parts.append(f"sending: {state.destination['state']}")
    return "; ".join(parts)


class LifeSigns:
    """Gives them, in the reactor's thread."""

    def __init__(
        self,
        given: Given,
        clock: Clock,
        threads: Iterable[Storing],
        state: Callable[[], DoorState],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is the reactor; `threads` are those that store."""
        self._teller = Teller(given.address)
        self._clock = clock
        self._threads = tuple(threads)
        self._state = state
        self._monotonic = monotonic
        self._pings = given.watchdog_seconds is not None
        self._pause = min(LOOK_SECONDS, (given.watchdog_seconds or LOOK_SECONDS) / 2.5)
        self._timer: Timer | None = None
        self._line = ""
        self._refused = ""
        self._stuck: str | None = None

    def ready(self) -> None:
        """The ports listen and the work is started."""
        self._teller.tell("READY=1", self._status())
        self._timer = self._clock.callLater(self._pause, self._look)

    def reloading(self) -> None:
        """The settings are about to be read anew."""
        self._refused = ""
        self._teller.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def refused(self, why: Any) -> None:
        """They were not taken; the old ones stay."""
        self._refused = str(why).partition("\n")[0]

    def reloaded(self) -> None:
        """They were read, whatever came of it."""
        self._teller.tell("READY=1", self._status())

    def stopping(self) -> None:
        """No more is taken. The pings go on: what comes to its end is alive."""
        self._teller.tell("STOPPING=1", self._status())

    def end(self) -> None:
        """All is done."""
        cancel(self._timer)

    def _look(self) -> None:
        self._timer = self._clock.callLater(self._pause, self._look)
        why = stuck(self._threads, self._monotonic())
        if why is not None and why != self._stuck:
            event(log, logging.ERROR, "stuck", problem=why)
        self._stuck = why
        lines = ["WATCHDOG=1"] if self._pings and why is None else []
        before = self._line
        status = self._status()
        if self._line != before:
            lines.append(status)
        if lines:
            self._teller.tell(*lines)

    def _status(self) -> str:
        if self._stuck is not None:
            self._line = f"stuck: {self._stuck}"
        else:
            self._line = line_of(self._state())
            if self._refused:
                self._line += f"; reload refused: {self._refused}"
        return f"STATUS={self._line[:MAX_LINE]}"

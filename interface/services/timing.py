"""What the parts of the door need of a clock: the reactor has it, and a test's clock too."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol


class Timer(Protocol):
    """A call that will be made."""

    def active(self) -> bool:
        """True until it is made or cancelled."""
        ...

    def cancel(self) -> None:
        """Not to be made; an error when it is not active."""
        ...


class Clock(Protocol):
    """Monotonic seconds, and calls at a later time, all in one thread."""

    def seconds(self) -> float:
        """Now; only differences mean something."""
        ...

    def callLater(self, delay: float, call: Callable[..., object], *args: Any) -> Timer:  # noqa: N802
        """Call once after `delay` seconds."""
        ...


def cancel(timer: Timer | None) -> None:
    """Cancel a timer that may have gone off, or was never set."""
    if timer is not None and timer.active():
        timer.cancel()


class WholeSeconds:
    """The time as an ACK bears it, to the second: made once in a second, not for each message."""

    def __init__(self, zone: tzinfo | None, clock: Callable[[], float] = time.time) -> None:
        """`zone` None: the machine's own."""
        self._zone = zone
        self._clock = clock
        self._second = -1
        self._now = datetime.fromtimestamp(0, UTC)

    def __call__(self) -> datetime:
        """Now, aware."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._now = datetime.fromtimestamp(second, UTC).astimezone(self._zone)
        return self._now

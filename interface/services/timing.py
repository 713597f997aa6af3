"""What the parts of the door need of a clock: the reactor has it, and a test's clock too."""

from collections.abc import Callable
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

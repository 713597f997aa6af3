"""What the work's loop waits for between its turns."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

from interface.services.courier import Couriers

RELOAD = b"R"
"""The byte by which the door asks for a reload (`supervision`)."""


class Wakes:
    """What the loop waits for: bytes or the end of standard input, a courier that came back, SIGTERM."""

    def __init__(self, couriers: Couriers, stdin: int | None = 0) -> None:
        """`stdin` None: nobody wakes or ends us by it. Takes over SIGTERM and SIGINT of the process."""
        self._couriers = couriers
        self._stdin = stdin
        self._signal_out, self._signal_in = os.pipe()
        os.set_blocking(self._signal_in, False)
        self.ending = False
        self._reload = False

    def listen_to_signals(self) -> None:
        """SIGTERM ends us. SIGINT, which Ctrl-C sends to all, is for the door: it then closes our input."""
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the door's too: it tells us by a byte

    def end(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self.ending = True
        with suppress(BlockingIOError):
            os.write(self._signal_in, b"\0")

    def wait(self, seconds: float) -> None:
        """Until something happens, at most so long."""
        sources = [self._couriers.fileno(), self._signal_out]
        if self._stdin is not None:
            sources.append(self._stdin)
        ready, _, _ = select.select(sources, [], [], seconds)
        if self._signal_out in ready:
            os.read(self._signal_out, 4096)
        if self._stdin in ready and self._stdin is not None:
            found = os.read(self._stdin, 65536)
            self._reload = self._reload or RELOAD in found
            if not found:
                self._stdin = None
                self.ending = True

    def wait_for_end(self, seconds: float) -> None:
        """So long, or until asked to end: bytes that say that there is something to do do not shorten it."""
        ends = time.monotonic() + seconds
        while not self.ending and (rest := ends - time.monotonic()) > 0:
            self.wait(rest)

    def reload_wanted(self) -> bool:
        """Whether the door has asked for a reload since this was asked last."""
        wanted, self._reload = self._reload, False
        return wanted

    def close(self) -> None:
        """Close the pipe for signals."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(self._signal_out)
        os.close(self._signal_in)

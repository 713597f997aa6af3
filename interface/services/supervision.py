"""Keeps the work running: a child process, started again when it dies, woken by a byte, told to end by a
closed pipe."""

import contextlib
import fcntl
import logging
import os
import struct
import termios
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from interface.children import program
from interface.services.logs import Seconds, event
from interface.services.reported import WorkStats
from interface.services.timing import Clock, Timer, cancel
from interface.services.wakes import RELOAD

log = logging.getLogger(__name__)

FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
STEADY_SECONDS = 60.0
"""A work that has lived so long is started again without delay growing from before."""
DRAIN_SECONDS = 45.0
"""How long the work may take to end once its pipe is closed: a POST that is under way has its own time limit.
"""
TERMINATE_SECONDS = 5.0
"""After SIGTERM, before SIGKILL."""
MAX_LINE = 64 * 1024


class WakePipe:
    """Our end of the pipe that is the work's standard input. Thread-safe."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        # Without the lock, a close between look-up and write could send the byte to whatever got the number
        # next.
        self._lock = threading.Lock()

    def wake(self) -> None:
        """One byte, unless one is there unread or nobody reads: then the work is awake, or gone."""
        with self._lock, contextlib.suppress(OSError):
            if self._write_end < 0:
                return
            (unread,) = struct.unpack("i", fcntl.ioctl(self._write_end, termios.FIONREAD, b"\0\0\0\0"))
            if not unread:
                os.write(self._write_end, b"\n")

    def reload(self) -> None:
        """The byte that says: read the mapping anew. It waits in the pipe for a work that is busy or still starts."""
        with self._lock, contextlib.suppress(OSError):
            if self._write_end >= 0:
                os.write(self._write_end, RELOAD)

    def forget_read_end(self) -> None:
        """Close our copy of the end that the child has."""
        if self.read_end >= 0:
            os.close(self.read_end)
            self.read_end = -1

    def close(self) -> None:
        """End of file for the work."""
        self.forget_read_end()
        with self._lock:
            if self._write_end >= 0:
                os.close(self._write_end)
                self._write_end = -1


class _WorkProtocol(ProcessProtocol):
    """Reads the work's reports and learns of its end."""

    def __init__(self, stats: WorkStats, ended: Callable[[str], None]) -> None:
        self._stats = stats
        self._ended = ended
        self._rest = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:  # noqa: ARG002, N802, N803 - Twisted's names
        """Lines of JSON; anything else on standard output is dropped."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._stats.take_line(line)
        self._rest = rest if len(rest) <= MAX_LINE else b""

    def processEnded(self, reason: Failure) -> None:  # noqa: N802
        """The child is gone and its output is read."""
        value: Any = reason.value
        status = (
            f"signal {value.signal}"
            if getattr(value, "signal", None)
            else f"exit {getattr(value, 'exitCode', '?')}"
        )
        self._ended(status)


class Supervisor:
    """Starts the work and starts it again, after 1 s, 2 s, ... 30 s."""

    def __init__(
        self,
        reactor: Any,
        command: Callable[[], Sequence[str]],
        stats: WorkStats,
        restarted: Callable[[], None] = lambda: None,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """`reactor` starts processes and keeps time; `command` gives the child's command at each start;
        `restarted` is called at each start but the first.
        """
        self._processes = reactor
        self._clock: Clock = reactor
        self._command = command
        self._stats = stats
        self._restarted = restarted
        self._drain_seconds = drain_seconds
        self._pipe = WakePipe()
        self._process: Any = None
        self._delay = FIRST_DELAY
        self._started_at = 0.0
        self._timer: Timer | None = None
        self._stopped: Callable[[], None] | None = None
        self._ending = False

    @property
    def alive(self) -> bool:
        """True while the child runs."""
        return self._process is not None

    @property
    def pid(self) -> int | None:
        """The child's process id."""
        return None if self._process is None else self._process.pid

    def wake(self) -> None:
        """There is something to do (any thread)."""
        self._pipe.wake()

    def reload(self) -> None:
        """The mapping has changed (any thread). A work that is not running reads it when it starts."""
        self._pipe.reload()

    def start(self) -> None:
        """Start the child."""
        self._timer = None
        self._pipe.close()
        self._pipe = WakePipe()
        self._started_at = self._clock.seconds()
        command = list(self._command())
        try:
            self._process = self._processes.spawnProcess(
                _WorkProtocol(self._stats, self._ended),
                command[0],
                command,
                env=os.environ,
                childFDs={0: self._pipe.read_end, 1: "r", 2: 2},
            )
        except OSError as error:
            self._ended(f"not started: {error.strerror}")
        else:
            event(log, logging.INFO, "work-process", pid=self.pid)
        finally:
            self._pipe.forget_read_end()

    def _ended(self, status: str) -> None:
        self._process = None
        self._stats.forget()
        if self._ending:
            event(log, logging.INFO, "work-exited", status=status)
            self._finish_stop()
            return
        if self._clock.seconds() - self._started_at >= STEADY_SECONDS:
            self._delay = FIRST_DELAY
        event(log, logging.ERROR, "work-died", status=status, again_in=Seconds(self._delay))
        self._timer = self._clock.callLater(self._delay, self._start_again)
        self._delay = min(self._delay * 2, LONGEST_DELAY)

    def _start_again(self) -> None:
        self._restarted()
        self.start()

    def start_no_more(self) -> None:
        """The door stops: a work that ends now (systemd signals us both) is not started again."""
        self._ending = True
        cancel(self._timer)

    def stop(self, stopped: Callable[[], None]) -> None:
        """Close the pipe: the work finishes what it has and ends. `stopped` is called when it has, or was
        made to."""
        self._stopped = stopped
        self.start_no_more()
        self._pipe.close()
        if self._process is None:
            self._finish_stop()
            return
        self._timer = self._clock.callLater(self._drain_seconds, self._insist, "TERM")

    def _insist(self, name: str) -> None:
        event(log, logging.WARNING, "work-does-not-end", sending=f"SIG{name}")
        if self._process is not None:
            with contextlib.suppress(Exception):
                self._process.signalProcess(name)
        self._timer = self._clock.callLater(TERMINATE_SECONDS, self._insist, "KILL")

    def _finish_stop(self) -> None:
        cancel(self._timer)
        stopped, self._stopped = self._stopped, None
        if stopped is not None:
            stopped()


def work_command(
    settings_path: str,
    now: datetime | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    log_format: Callable[[], str] = lambda: "text",
    began: str = "",
) -> Callable[[], list[str]]:
    """The command that runs the work with the same Python, for each start of it.

    `now` (aware) sets the work's clock; one that is started again gets the time its predecessor had come to.
    `log_format`: how its lines are to look until it has read the settings, which may be at fault by then.
    `began`: the door's bearings (`interface.settings.reload`); the work does not start elsewhere.
    """
    begun = monotonic()

    def command() -> list[str]:
        words = program("interface.services.work", settings_path)
        if (format_ := log_format()) != "text":
            words += ["--log", format_]
        if began:
            words += ["--began", began]
        if now is not None:
            words += ["--now", (now + timedelta(seconds=monotonic() - begun)).isoformat()]
        return words

    return command

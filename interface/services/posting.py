"""The work's end of the process that POSTs (`posting_process`)."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence

from interface.children import program
from interface.errors import InterfaceError
from interface.services import logs
from interface.services.posting_line import Order, Posted, SendUntil, ToPost, Unpacker, packed
from interface.services.target import Target

_READ_BYTES = 256 * 1024
STOP_SECONDS = 1.0


class PostingEndedError(InterfaceError):
    """The process that POSTs is gone; what it was sending may have arrived."""


class Posting:
    """A child that POSTs to `target`, at most `count` bodies side by side. Raises OSError when it can't be started.

    For one thread, but for `send_until`.
    """

    def __init__(self, target: Target, count: int) -> None:
        self._line, theirs = socket.socketpair()
        self._target = target
        self._sending = threading.Lock()
        self._unpacker = Unpacker()
        command = program("interface.services.posting_process", str(theirs.fileno()), str(count))
        with theirs:
            self._process = subprocess.Popen(
                [*command, "--log", logs.format_used()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._send(target)

    @property
    def target(self) -> Target:
        """Where it POSTs."""
        return self._target

    def fileno(self) -> int:
        """Readable when something came back: for select()."""
        return self._line.fileno()

    def wait_until_up(self) -> None:
        """Until it can POST: what is put before leaves all at once then. Raises PostingEndedError."""
        try:
            came = self._line.recv(1, socket.MSG_PEEK)
        except ConnectionError:  # it ended before it read what was put
            came = b""
        if not came:
            raise self._ended()

    def use(self, target: Target) -> None:
        """POST what is put from now on there. Raises PostingEndedError."""
        if target != self._target:
            self._target = target
            self._send(target)

    def send_until(self, until: float, since: float) -> None:
        """Let nothing leave after this time, nor what was claimed before `since`. From any thread; a process that is gone is
        found by the others.
        """
        with contextlib.suppress(PostingEndedError):
            self._send(SendUntil(until, since))

    def put(self, bodies: Sequence[ToPost]) -> None:
        """POST these. Raises PostingEndedError."""
        self._send(list(bodies))

    def collect(self) -> list[Posted]:
        """What came of bodies since the last call, in the order they ended. Raises PostingEndedError."""
        posted: list[Posted] = []
        while True:
            try:
                data = self._line.recv(_READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return posted
            except ConnectionError:
                data = b""
            if not data and not posted:
                raise self._ended()
            for ended in self._unpacker.feed(data):
                posted += ended
            if len(data) < _READ_BYTES:
                return posted

    def stop(self, seconds: float) -> None:
        """End it, whatever it is sending, within so many seconds."""
        self._line.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, order: Order) -> None:
        try:
            with self._sending:
                self._line.sendall(packed(order))
        except OSError:
            raise self._ended() from None

    def _ended(self) -> PostingEndedError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.returncode
        how = "?" if code is None else f"exit {code}" if code >= 0 else signal.Signals(-code).name
        return PostingEndedError(
            f"the process that sends requests has ended ({how}); it is started again with the work"
        )


@contextlib.contextmanager
def posting_to(target: Target, count: int) -> Iterator[Posting]:
    """A `Posting` while it is needed."""
    posting = Posting(target, count)
    try:
        yield posting
    finally:
        posting.stop(STOP_SECONDS)

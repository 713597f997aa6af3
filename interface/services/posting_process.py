"""The process that POSTs for the work: threads with one connection each, and nothing else. It decides and stores nothing.

`python -m interface.services.posting_process FD`: started by the work, whose socket the descriptor is. It ends at once when
that is closed, so also when the work is killed: what was not sent by then is not sent.

Apart from the work, for `requests` takes half a millisecond of a processor for a POST: in one process with the work both
take turns at one core (350 to 600 messages a second on two).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Protocol

from interface.delivery.verdict import Reply, judge
from interface.services import logs
from interface.services.garbage import all_is_set_up
from interface.services.http_client import Posters
from interface.services.logs import where
from interface.services.posting_line import Posted, SendUntil, ToPost, Unpacker, packed
from interface.services.target import Target

_READ_BYTES = 1024 * 1024
LONGEST_WAIT_SECONDS = 0.5
"""For a thread. While a body waits here, what comes to be known of its patient comes too late for it."""


class Post(Protocol):
    """What a thread sends with; `http_client.Poster` is one."""

    def post(self, body: bytes, claimed_at: float) -> Reply:
        """Send and say what came back."""

    def close(self) -> None:
        """Drop the connection."""


class Threads:
    """Threads that POST, at most `count`; they and their connections are started as they come to be needed.

    Bodies that find no thread wait, so that a thread that is back has its next one at once; but none for long:
    `give_back_old`, or the first reply after which the work must think, gives them back unsent.

    `put` and `give_back_old` are called by one thread; `give` by any of them, and must not wait.
    """

    def __init__(self, poster: Callable[[], Post], count: int, give: Callable[[Posted], None]) -> None:
        self._poster = poster
        self._count = count
        self._give = give
        self._state = threading.Lock()
        """For the next three."""
        self._waiting: deque[tuple[float, ToPost]] = deque()
        """Bodies that find no thread, and since when."""
        self._busy = 0
        self._started = 0
        self._bodies: SimpleQueue[ToPost] = SimpleQueue()

    @property
    def waiting(self) -> bool:
        """Whether a body waits for a thread."""
        return bool(self._waiting)

    def put(self, bodies: Sequence[ToPost]) -> None:
        """POST these, side by side."""
        now = time.monotonic()
        with self._state:
            self._waiting += [(now, body) for body in bodies]
            self._take_up()

    def give_back_old(self, seconds: float) -> None:
        """Give back what has waited for so long."""
        with self._state:
            self._give_back(time.monotonic() - seconds)

    def _take_up(self) -> None:
        while self._waiting and self._busy < self._count:
            self._busy += 1
            if self._busy > self._started:
                self._started += 1
                threading.Thread(target=self._run, name=f"courier-{self._started}", daemon=True).start()
            self._bodies.put(self._waiting.popleft()[1])

    def _run(self) -> None:
        poster: Post | None = None
        while True:
            number, body, claimed_at = self._bodies.get()
            started, error = time.monotonic(), ""
            try:
                poster = poster or self._poster()
                reply = poster.post(body, claimed_at)
            except Exception as failed:  # whatever it was, the requests must come back to the work
                reply, error = Reply(failure="other"), where(failed)
                _dropped(poster)
                poster = None
            ended = Posted(number, started, time.monotonic(), reply, error)
            with self._state:
                self._busy -= 1
                self._give(ended)
                if self._waiting and not _goes_on(reply):
                    self._give_back()
                self._take_up()

    def _give_back(self, put_before: float = float("inf")) -> None:
        while self._waiting and self._waiting[0][0] <= put_before:
            put_at, body = self._waiting.popleft()
            self._give(Posted(body.number, put_at, time.monotonic(), None))


def _goes_on(reply: Reply) -> bool:
    """Whether what waits may go out whatever the work makes of this reply: it is about its request alone."""
    return judge(reply).kind in ("delivered", "dead", "apart")


def _dropped(poster: Post | None) -> None:
    with contextlib.suppress(Exception):
        if poster is not None:
            poster.close()


class Permission:
    """Until when anything may leave, and since when it must have been claimed; nothing once the work is gone: this process
    may have stood still since, and the next work has sent what this one was told of.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self.order = SendUntil(until=float("inf"), since=float("-inf"))

    def __call__(self, claimed_at: float) -> bool:
        """Whether what was claimed then (seconds of the monotonic clock) may leave now."""
        until, since = self.order
        return since <= claimed_at and time.monotonic() < until and not self._is_closed()

    def _is_closed(self) -> bool:
        poll = select.poll()  # of its own, for threads ask side by side
        poll.register(self._line, 0)  # of the end alone: what is not read yet may lie before it
        return bool(poll.poll(0))


def _tell(line: socket.socket, ended: SimpleQueue[Posted]) -> None:
    """Tell the work what ended, all that has since at once."""
    with contextlib.suppress(OSError):  # it is gone
        while True:
            told = [ended.get()]
            while not ended.empty():
                told.append(ended.get())
            line.sendall(packed(told))


def serve(line: socket.socket, count: int) -> None:
    """Do what the work says until it closes the socket."""
    permission = Permission(line)
    posters = Posters(permission)
    ended: SimpleQueue[Posted] = SimpleQueue()
    threads = Threads(posters, count, ended.put)
    unpacker = Unpacker()
    line.sendall(packed([]))  # we are up
    # apart, for this thread must go on reading: a work that is slow to read what ended may be sending us more
    threading.Thread(target=_tell, args=(line, ended), name="teller", daemon=True).start()
    while True:
        if threads.waiting and not select.select([line], [], [], LONGEST_WAIT_SECONDS / 4)[0]:
            threads.give_back_old(LONGEST_WAIT_SECONDS)
            continue
        if not (data := line.recv(_READ_BYTES)):
            return
        for order in unpacker.feed(data):
            if isinstance(order, Target):
                posters.target = order
            elif isinstance(order, SendUntil):
                permission.order = order
            else:
                threads.put(order)


def main() -> None:
    """Run as the work's child."""
    parser = argparse.ArgumentParser(prog="interface.services.posting_process")
    parser.add_argument("descriptor", type=int)
    parser.add_argument("count", type=int, help="how many POSTs go side by side")
    parser.add_argument("--log", choices=("text", "json"), default="text")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the work's to obey: it lets what is under way come to its end
    logs.configure(process="couriers")
    logs.use(options.log, "info")
    logs.catch_faults()
    all_is_set_up()
    with contextlib.suppress(OSError):
        serve(socket.socket(fileno=options.descriptor), options.count)
    os._exit(0)  # with POSTs under way: nobody waits for them any more


if __name__ == "__main__":
    main()

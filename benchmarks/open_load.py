"""The load generator, open loop: messages fall due at a fixed rate, whether or not the receiver keeps up.

`python -m benchmarks.open_load --port P --connections N --rate R --count C ...` prints one line of JSON. Message `j` falls
due `j / R` seconds after the first and goes by connection `j % N`, so that each connection has an even schedule of its
own, one message in flight. What is late because the receiver is slow is late from the time at which it was DUE: nothing is
hidden by a sender that waits with it (coordinated omission).

A process of its own, one thread, epoll and plain sockets, all messages made before the clock starts.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import select
import socket
import sys
import time
from array import array
from collections.abc import Sequence
from datetime import datetime

from benchmarks.load import ANSWER_SECONDS, END, connect, percentile
from benchmarks.messages import Feed

_CLOCK_MONOTONIC = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


def metronome(rate: float) -> int:
    """A timerfd that is readable `rate` times a second; epoll's own timeouts are whole milliseconds: too coarse."""
    libc = ctypes.CDLL(None, use_errno=True)
    number: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    seconds, nanoseconds = divmod(int(1e9 / rate), 10**9)
    beat = _Timespec(seconds, nanoseconds)
    if number < 0 or libc.timerfd_settime(number, 0, ctypes.byref(_Itimerspec(beat, beat)), None):
        raise SystemExit("no timer: " + os.strerror(ctypes.get_errno()))
    return number


class Sending:
    """Messages on their way over some connections, each by its schedule."""

    def __init__(
        self, sockets: Sequence[socket.socket], messages: Sequence[bytes], first: int, rate: float
    ) -> None:
        """`messages`: in the order in which they fall due; the first has the index `first` in the feed."""
        self._sockets = sockets
        self._messages = messages
        self._first = first
        self._rate = rate
        self._due = 0  # messages that have fallen due
        self._flying: list[int | None] = [None] * len(
            sockets
        )  # by connection: the message that awaits its ACK
        self._partial = [b""] * len(sockets)
        self._began = 0.0
        self.took = array("d", bytes(8 * len(messages)))
        """By message: seconds from when it was due to its ACK."""
        self.late = array("d")
        """Seconds by which the generator itself was late, where the connection was free."""
        self.answered = self.wrong = 0

    def run(self) -> float:
        """Send everything and await every ACK; the time at which the first fell due (CLOCK_MONOTONIC)."""
        poll = select.epoll()
        for connection in self._sockets:
            poll.register(connection, select.EPOLLIN)
        places = {connection.fileno(): place for place, connection in enumerate(self._sockets)}
        timer = metronome(self._rate)
        poll.register(timer, select.EPOLLIN)
        self._began = time.monotonic()
        last = self._began
        while self.answered < len(self._messages):
            events = poll.poll(ANSWER_SECONDS)
            for number, _ in events:
                if number == timer:
                    os.read(timer, 8)
                else:
                    last = time.monotonic()
                    self._received(places[number])
            if self._due < len(self._messages):
                self._send_due()
            elif timer >= 0:
                poll.unregister(timer)
                os.close(timer)
                timer = -1
            if not events or time.monotonic() - last > ANSWER_SECONDS:
                raise SystemExit(f"no answer came within {ANSWER_SECONDS} s")
        return self._began

    def _send_due(self) -> None:
        due = min(int((time.monotonic() - self._began) * self._rate) + 1, len(self._messages))
        for message in range(self._due, due):
            place = message % len(self._sockets)
            if self._flying[place] is None:
                self._send(place, message)
                self.late.append(time.monotonic() - self._began - message / self._rate)
        self._due = due

    def _send(self, place: int, message: int) -> None:
        payload = self._messages[message]
        self._flying[place] = message
        if self._sockets[place].send(payload) != len(payload):
            raise SystemExit("the socket took a message only in part")

    def _received(self, place: int) -> None:
        data = self._partial[place] + self._sockets[place].recv(65536)
        if not data:
            raise SystemExit("the receiver closed a connection")
        if not data.endswith(END):
            self._partial[place] = data
            return
        self._partial[place] = b""
        message = self._flying[place]
        if message is None:
            raise SystemExit("an answer came that nobody waited for")
        self.took[message] = time.monotonic() - self._began - message / self._rate
        self.wrong += b"MSA|AA|B%d\r" % (self._first + message) not in data
        self.answered += 1
        following = message + len(self._sockets)
        self._flying[place] = None
        if following < self._due:  # overdue: at once
            self._send(place, following)


def main() -> int:
    """Send, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument(
        "--rate", type=float, required=True, help="messages a second, of all connections together"
    )
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--first", type=int, default=0, help="index of the first message")
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    args = parser.parse_args()
    feed = Feed(args.now)
    messages = [feed.framed(index) for index in range(args.first, args.first + args.count)]
    gc.disable()
    sockets = [connect(args.port) for _ in range(args.connections)]
    sending = Sending(sockets, messages, args.first, args.rate)
    busy = time.process_time()
    began = sending.run()
    took = time.monotonic() - began
    found = {
        "began": began,
        "seconds": took,
        "acks": [round(value, 6) for value in sending.took],
        "wrong": sending.wrong,
        "late_p99": percentile(sending.late, 0.99),
        "cpu": (time.process_time() - busy) / took,
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The load generator: sends over MLLP, one message in flight on each connection, and notes when each ACK came.

`python -m benchmarks.load --port P --connections N (--seconds S | --count N) ...` prints one line of JSON. A process of its
own, one thread, epoll and plain sockets, all messages made before the clock starts: on two cores its own share of the
processor (`cpu` in the answer) must stay small against what it measures.
"""

from __future__ import annotations

import argparse
import gc
import json
import select
import socket
import ssl
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.messages import LAG, Feed, document
from benchmarks.tls import HOST, trusting

RING = 3000
"""Messages that are sent over and over to a receiver that stores nothing."""
MOST_A_SECOND = 15_000
"""A timed run makes so many messages for each of its seconds (one connection: a third); faster than
that, it ends early."""
ANSWER_SECONDS = 30
END = b"\x1c\r"


def main() -> int:
    """Send, and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--count", type=int)
    parser.add_argument("--first", type=int, default=0, help="index of the first message")
    parser.add_argument("--now", type=datetime.fromisoformat, required=True)
    parser.add_argument(
        "--ca", type=Path, help="by TLS, to a receiver whose certificate is of this authority"
    )
    parser.add_argument("--ring", action="store_true", help="the same messages again and again")
    parser.add_argument("--document", type=int, default=0, help="bytes of an embedded PDF in each message")
    args = parser.parse_args()
    feed = Feed(args.now)
    most = MOST_A_SECOND * min(args.connections, 3) // 3
    made = RING if args.ring else args.count or int(args.seconds * most)
    first = 3 * LAG if args.ring else args.first
    indices = range(first, first + made)
    embedded = document(args.document) if args.document else b""
    messages = [
        (feed.framed(index, embedded), b"MSA|AA|" if args.ring else b"MSA|AA|B%d\r" % index)
        for index in indices
    ]
    print(json.dumps(send(args, messages)))
    return 0


def send(args: argparse.Namespace, messages: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Send to `args.port` until the time, the count or the messages are over; each awaits its ACK."""
    context = trusting(args.ca) if args.ca else None
    connections = [connect(args.port, context, args.host) for _ in range(args.connections)]
    poll = select.epoll()
    by_number = {}
    for connection in connections:
        poll.register(connection, select.EPOLLIN)
        by_number[connection.fileno()] = connection
    source = _again(messages) if args.ring else iter(messages)
    gc.disable()
    clock, cpu = time.perf_counter, time.process_time()
    began, wall = clock(), time.monotonic()
    until = began + args.seconds if args.seconds else float("inf")
    sent_at: dict[int, float] = {}
    wanted: dict[int, bytes] = {}
    partial: dict[int, bytes] = {}
    took = array("d")
    wrong = sent = 0
    for number, connection in by_number.items():
        payload, wanted[number] = next(source)
        sent_at[number] = clock()
        connection.sendall(payload)
        sent += 1
    ended = began
    while sent_at:
        events = poll.poll(ANSWER_SECONDS)
        if not events:
            raise SystemExit(f"{len(sent_at)} messages were not answered within {ANSWER_SECONDS} s")
        for number, _ in events:
            data = by_number[number].recv(65536)  # TLS: an ACK is one record, and nothing stays behind
            ended = clock()
            if not data:
                raise SystemExit("the receiver closed a connection")
            if number in partial:
                data = partial.pop(number) + data
            if not data.endswith(END):
                partial[number] = data
                continue
            took.append(ended - sent_at.pop(number))
            if wanted[number] not in data:
                wrong += 1
            item = next(source, None) if ended < until else None
            if item is not None:
                payload, wanted[number] = item
                sent_at[number] = clock()
                by_number[number].sendall(payload)
                sent += 1
    busy = (time.process_time() - cpu) / (ended - began)
    for connection in connections:
        connection.close()
    return {
        "rate": len(took) / (ended - began),
        "sent": sent,
        "wrong": wrong,
        "p50": percentile(took, 0.50),
        "p99": percentile(took, 0.99),
        "next": args.first + sent,
        "seconds": ended - began,
        "began": wall,
        "cpu": busy,
    }


def _again(messages: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    while True:
        yield from messages


def connect(port: int, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> socket.socket:
    """A connection to a receiver; `context`: by TLS."""
    connection = socket.create_connection((host, port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection if context is None else context.wrap_socket(connection, server_hostname=HOST)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are not above (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


if __name__ == "__main__":
    sys.exit(main())

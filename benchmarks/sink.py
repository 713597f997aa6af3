"""The local sink: answers every POST with 200 and a correlation id, judges nothing, and counts.

`python -m benchmarks.sink` prints its address. `GET /count` tells how many POSTs came and when the last one did
(CLOCK_MONOTONIC, which all processes share); `GET /delay/MS` makes every answer after it wait so long; after
`GET /status/503` POSTs get that in place of 200, and are not counted.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from urllib.request import urlopen

_HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


class Counts:
    """What has come so far."""

    def __init__(self) -> None:
        self.posts = 0
        self.bytes = 0
        self.last = 0.0
        self.delay = 0.0
        self.status = 200


class Requests(asyncio.Protocol):
    """One HTTP/1.1 connection, one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            end = head + 4 + _content_length(self._buffer[:head])
            if len(self._buffer) < end:
                return
            request, self._buffer = self._buffer[:end], self._buffer[end:]
            self._answer(request, head + 4)

    def _answer(self, request: bytes, body: int) -> None:
        """Answer a whole request, whose body begins at `body`."""
        raise NotImplementedError


class Connection(Requests):
    """One connection to the sink."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self._counts = counts

    def _answer(self, request: bytes, body: int) -> None:  # noqa: ARG002 - nobody looks into it
        counts = self._counts
        if request.startswith(b"POST"):
            if counts.status != 200:
                self._reply(b"{}", counts.delay, counts.status)
                return
            counts.posts += 1
            counts.bytes += len(request)
            counts.last = time.monotonic()
            self._reply(b'{"correlationId":"sink-%d"}' % counts.posts, counts.delay)
            return
        path = request.split(b" ", 2)[1]
        if path.startswith(b"/delay/"):
            counts.delay = int(path[7:]) / 1000
        elif path.startswith(b"/status/"):
            counts.status = int(path[8:])
        self._reply(
            json.dumps({"posts": counts.posts, "bytes": counts.bytes, "last": counts.last}).encode(), 0.0
        )

    def _reply(self, body: bytes, delay: float, status: int = 200) -> None:
        if self._transport is None:
            return
        data = _HEAD % (status, len(body), body)
        if delay:
            asyncio.get_running_loop().call_later(delay, self._transport.write, data)
        else:
            self._transport.write(data)


def _content_length(head: bytes) -> int:
    """How many bytes follow the head of a request."""
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve() -> None:
    """Serve on a free port of the loopback until SIGTERM."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    server = await loop.create_server(lambda: Connection(counts), "127.0.0.1", 0, backlog=512)
    print(f"sink http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await done.wait()


def ask(url: str, path: str = "/count") -> dict[str, float]:
    """Ask a running sink (or set its delay)."""
    with urlopen(url + path, timeout=10) as answer:
        found: dict[str, float] = json.loads(answer.read())
    return found


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))

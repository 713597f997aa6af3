"""The local sink: answers every POST with 200 and a correlation id, judges nothing, and counts.

`python -m benchmarks.sink [PORT]` prints its address. `GET /count` tells how many POSTs came, of how many patients they
told (a panel tells of several), and when the last one did (CLOCK_MONOTONIC, which all processes share); `GET /told/N` tells
whom and when, from the Nth on; `GET /delay/MS` makes every answer after it wait so long; after `GET /status/503` POSTs
get that in place of 200, and are not counted.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from array import array
from typing import Any
from urllib.request import urlopen

_PANEL = b"POST /v2/"
_HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


_MRN = re.compile(rb'"mrn":\{[^{}]*?"extension":"(\d+)"')


class Counts:
    """What has come so far."""

    def __init__(self) -> None:
        self.posts = 0
        self.bytes = 0
        self.last = 0.0
        self.delay = 0.0
        self.status = 200
        self.mrns = array("q")
        """Whom was told of, in order."""
        self.times = array("d")
        """And when."""

    def take(self, request: bytes, now: float) -> bytes:
        """A POST came; the answer to it."""
        self.posts += 1
        self.bytes += len(request)
        self.last = now
        mrns = _MRN.findall(request)
        self.mrns.extend(map(int, mrns))
        self.times.extend([now] * len(mrns))
        more = b""
        if request.startswith(_PANEL):
            ids = (
                b'{"sequenceNumber":%d,"correlationId":"sink-%d-%d"}' % (n, self.posts, n)
                for n in range(len(mrns))
            )
            more = b',"responses":[%s]' % b",".join(ids)
        return b'{"correlationId":"sink-%d"%s}' % (self.posts, more)

    def told(self, first: int) -> list[tuple[int, float]]:
        """MRN and time of each patient told of, from number `first` on."""
        return list(zip(self.mrns[first:], self.times[first:], strict=True))

    def as_json(self) -> dict[str, float]:
        """The sums."""
        return {"posts": self.posts, "told": len(self.mrns), "bytes": self.bytes, "last": self.last}


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

    def _answer(self, request: bytes, body: int) -> None:  # noqa: ARG002 - the body is not judged
        counts = self._counts
        if request.startswith(b"POST"):
            if counts.status != 200:
                self._reply(b"{}", counts.delay, counts.status)
                return
            self._reply(counts.take(request, time.monotonic()), counts.delay)
            return
        path = request.split(b" ", 2)[1]
        if path.startswith(b"/delay/"):
            counts.delay = int(path[7:]) / 1000
        elif path.startswith(b"/status/"):
            counts.status = int(path[8:])
        found = counts.told(int(path[6:])) if path.startswith(b"/told/") else counts.as_json()
        self._reply(json.dumps(found).encode(), 0.0)

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


async def serve(port: int) -> None:
    """Serve on a port of the loopback (0: a free one) until SIGTERM."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    server = await loop.create_server(lambda: Connection(counts), "127.0.0.1", port, backlog=512)
    print(f"sink http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await done.wait()


def ask(url: str, path: str = "/count") -> dict[str, float]:
    """Ask a running sink for its sums (or set its delay)."""
    found: dict[str, float] = _asked(url + path)
    return found


def ask_told(url: str, first: int) -> list[tuple[int, float]]:
    """Ask a running sink whom it was told of (MRN) and when, from number `first` on."""
    return [(mrn, at) for mrn, at in _asked(f"{url}/told/{first}")]


def _asked(address: str) -> Any:
    with urlopen(address, timeout=10) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    sys.exit(asyncio.run(serve(int(sys.argv[1]) if sys.argv[1:] else 0)))

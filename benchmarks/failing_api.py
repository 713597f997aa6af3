"""An API that fails on purpose, and remembers in which order it took what in.

`python -m benchmarks.failing_api [--share S] [--seed N]` prints its address. Of all POSTs the share S (default: a third)
is answered 500, 502, 503 or 429, dropped before or after it was taken in, or taken in and never answered. `GET /taken`
gives `[patient, day]` of each request taken in, in order; `GET /heal` ends the failing, and gives how many calls came by
what became of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
from collections import Counter
from itertools import count

from benchmarks.sink import Requests

KINDS = ("500", "502", "503", "429", "drop before", "drop after", "hang")
WEIGHTS = (6, 3, 6, 2, 4, 4, 1)
TAKEN_ALL_THE_SAME = ("drop after", "hang")
_HEAD = b"HTTP/1.1 %s X\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s"


class Api:
    """What has come so far, and what happens to the next call."""

    def __init__(self, share: float, seed: int) -> None:
        self.share = share
        self._random = random.Random(seed)
        self._ids = count(1)
        self.taken: list[tuple[str, str]] = []
        self.calls: Counter[str] = Counter()

    def take(self, body: bytes) -> tuple[str, bytes]:
        """What happens to a POST, and the answer if there is one."""
        kind = "200"
        if self._random.random() < self.share:
            (kind,) = self._random.choices(KINDS, WEIGHTS)
        self.calls[kind] += 1
        if kind == "200" or kind in TAKEN_ALL_THE_SAME:
            told = json.loads(body)
            number = told["patient"]["mrn"]["extension"]
            self.taken.append((number, told["upcomingAppointmentDate"]))
        if kind == "200":
            return kind, b'{"correlationId":"00000000-0000-4000-8000-%012d"}' % next(self._ids)
        return kind, b"{}"


class Connection(Requests):
    """One connection to it."""

    def __init__(self, api: Api) -> None:
        super().__init__()
        self._api = api

    def _answer(self, request: bytes, body: int) -> None:
        if self._transport is None:
            return
        kind, more = "200", b""
        if request.startswith(b"POST"):
            kind, answer = self._api.take(request[body:])
        else:
            healed = request.split(b" ", 2)[1] == b"/heal"
            self._api.share = 0.0 if healed else self._api.share
            answer = json.dumps(self._api.calls if healed else self._api.taken).encode()
        if kind == "hang":
            return
        if kind.startswith("drop"):
            self._transport.abort()
            return
        if kind == "429":
            more = b"Retry-After: 1\r\n"
        self._transport.write(_HEAD % (kind.encode(), more, len(answer), answer))


async def serve(api: Api) -> None:
    """Serve on a free port of the loopback until SIGTERM."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    server = await loop.create_server(lambda: Connection(api), "127.0.0.1", 0, backlog=512)
    print(f"failing api http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await done.wait()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1 / 3)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    asyncio.run(serve(Api(args.share, args.seed)))


if __name__ == "__main__":
    main()

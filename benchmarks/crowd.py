"""Ten thousand strangers at the door of a feed: what they cost, and what the feed feels of them.

`python -m benchmarks.crowd [--strangers N]`: for a listener of plain MLLP and one of TLS, a feed of one connection sends
without pause; meanwhile N connections come and go (a port scan), then N are held open from a hundred addresses, then N begin
TLS and say no more. Printed: the door's processor time for each stranger, its memory, the feed's rate and its slowest
answers. Exit 1 when a message of the feed was not answered AA.
"""

from __future__ import annotations

import argparse
import resource
import socket
import ssl
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.daemon import RESULTS, Daemon, running
from benchmarks.load import END, percentile
from benchmarks.messages import Feed
from benchmarks.tls import HOST, trusting

STRANGERS = 10_000
ADDRESSES = 100
"""That they come from, 127.0.1.1 and so on."""
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
"""The beginning of a TLS handshake."""
WARM = 500
"""Messages before anything is measured."""


class Sending:
    """A feed of one connection, one message in flight, on an address of its own."""

    def __init__(self, daemon: Daemon, context: ssl.SSLContext | None) -> None:
        self.took = array("d")
        self.wrong = 0
        self._daemon = daemon
        self._socket = socket.create_connection(
            ("127.0.0.1", daemon.port), timeout=60, source_address=("127.0.0.3", 0)
        )
        if context is not None:
            self._socket = context.wrap_socket(self._socket, server_hostname=HOST)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        feed, index = Feed(self._daemon.now), 0
        while not self._stop.is_set():
            began = time.perf_counter()
            self._socket.sendall(feed.framed(index))
            answer = b""
            while not answer.endswith(END):
                data = self._socket.recv(65536)
                if not data:
                    self.wrong += 1
                    return
                answer += data
            self.took.append(time.perf_counter() - began)
            self.wrong += b"MSA|AA|B%d\r" % index not in answer
            index += 1

    def stop(self) -> None:
        """End, after the answer that is awaited."""
        self._stop.set()
        self._thread.join()
        self._socket.close()


def come_and_go(port: int, strangers: int) -> None:
    """A port scan."""
    for number in range(strangers):
        with suppress(OSError):
            _stranger(port, number).close()


def stay(port: int, strangers: int) -> None:
    """They connect and stay until all are there."""
    with ExitStack() as stack:
        for number in range(strangers):
            with suppress(OSError):
                stack.enter_context(_stranger(port, number))


def begin(port: int, strangers: int) -> None:
    """They say how TLS begins, and no more, and stay until all are there."""
    with ExitStack() as stack:
        for number in range(strangers):
            with suppress(OSError):
                stack.enter_context(_stranger(port, number)).sendall(HELLO)


def _stranger(port: int, number: int) -> socket.socket:
    address = (f"127.0.1.{1 + number % ADDRESSES}", 0)
    return socket.create_connection(("127.0.0.1", port), timeout=60, source_address=address)


@contextmanager
def measured(daemon: Daemon, sending: Sending, strangers: int, title: str) -> Iterator[None]:
    """Print what the time within has cost."""
    first, began, cpu = len(sending.took), time.monotonic(), daemon.cpu()["door"]
    yield
    seconds, busy = time.monotonic() - began, daemon.cpu()["door"] - cpu
    took = sending.took[first:]
    each = f", {busy / strangers * 1e6:.0f} us of the door's processor each" if strangers else ""
    felt = (
        f"p50 {percentile(took, 0.5) * 1000:.1f}, p99 {percentile(took, 0.99) * 1000:.1f}, slowest {max(took) * 1000:.0f} ms"
        if took
        else "too short to say"
    )
    print(
        f"{title:24} {seconds:5.1f} s{each}; feed {len(took) / seconds:.0f}/s, {felt}; "
        f"door {daemon.memory()['door'] / 1e6:.0f} MB",
        flush=True,
    )


def main() -> int:
    """Measure both listeners; 1 when the feed was harmed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--strangers", type=int, default=STRANGERS)
    strangers = parser.parse_args().strangers
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    RESULTS.mkdir(exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        for secure in (False, True):
            place = Path(folder) / ("tls" if secure else "plain")
            with running(place, datetime.now(UTC), standing_still=True, secure=secure) as daemon:
                print(f"{'TLS' if secure else 'plain MLLP'}, {strangers} strangers", flush=True)
                sending = Sending(daemon, trusting(daemon.authority) if daemon.authority else None)
                try:
                    while len(sending.took) < WARM:
                        time.sleep(0.1)
                    with measured(daemon, sending, 0, "nobody else"):
                        time.sleep(5)
                    crowds: tuple[Callable[[int, int], None], ...] = (come_and_go, stay, begin, come_and_go)
                    for crowd in crowds:
                        with measured(daemon, sending, strangers, crowd.__name__.replace("_", " ")):
                            crowd(daemon.port, strangers)
                finally:
                    sending.stop()
                wrong += sending.wrong
                print(
                    f"messages of the feed {len(sending.took)}, not answered AA: {sending.wrong}", flush=True
                )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

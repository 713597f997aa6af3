"""Another receiver that somebody has running, under the same load: an interface engine, say.

`--beside HOST:PORT[/NAME]` sends it what ours is sent. With `--beside-sink PORT` the sink listens on that port, so that
its channel can POST there, and the whole way of its messages is measured too.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import daemon as product
from benchmarks import sink
from benchmarks.figures import Figure
from benchmarks.processes import BenchError
from benchmarks.suite import CONNECTIONS, Effort, Figures, acks_of

WARM_SECONDS = 5.0
"""What compiles itself while it runs has to have done so."""


@dataclass(frozen=True)
class Peer:
    """Where it listens, and what it is called."""

    host: str
    port: int
    name: str

    @property
    def key(self) -> str:
        """Its part of the figures' keys."""
        return "beside_" + re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


def peer(text: str) -> Peer:
    """`HOST:PORT[/NAME]`; argparse.ArgumentTypeError otherwise."""
    found = re.fullmatch(r"([^:/]+):(\d{1,5})(?:/(.+))?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT or HOST:PORT/NAME")
    return Peer(found[1], int(found[2]), found[3] or f"{found[1]}:{found[2]}")


def beside(effort: Effort, peers: Sequence[Peer], sink_port: int | None) -> Figures:
    """ACKs of each with 1, 8 and 64 connections; with a sink its POSTs, too."""
    for each in peers:

        def send(connections: int, seconds: float = effort.ack_seconds, each: Peer = each) -> dict[str, Any]:
            return product.run_load(
                each.port, connections, effort.now, host=each.host, seconds=seconds, ring=True
            )

        send(8, WARM_SECONDS)
        if sink_port is None:
            yield from acks_of(effort, send, f"ack_{each.key}", f"{each.name}, ACKs")
            continue
        with product.running_sink(sink_port) as url:
            yield from acks_of(effort, send, f"ack_{each.key}", f"{each.name}, ACKs")
            for connections in CONNECTIONS:
                rates = [_way(url, send, connections, effort) for _ in range(effort.rounds)]
                title = f"{each.name}, whole way, {connections} conn"
                yield Figure.of(f"way_{each.key}_{connections}", title, "/s", rates)


def _way(url: str, send: Callable[[int, float], dict[str, Any]], connections: int, effort: Effort) -> float:
    """POSTs a second from the first message to the last POST."""
    _until_quiet(url)
    before = sink.ask(url)["posts"]
    sent = send(connections, effort.way_seconds)
    after = _until_quiet(url)
    posts = after["posts"] - before
    if not posts:
        raise BenchError(f"no POST came to {url}")
    return posts / (after["last"] - float(sent["began"]))


def _until_quiet(url: str, seconds: float = 3.0) -> dict[str, float]:
    """What the sink has counted, once nothing more has come for some seconds."""
    found = sink.ask(url)
    while True:
        time.sleep(seconds)
        before, found = found, sink.ask(url)
        if found["posts"] == before["posts"]:
            return found

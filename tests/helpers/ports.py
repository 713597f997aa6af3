"""Ports for programs under test that must know theirs beforehand, or keep it over a restart."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from itertools import count

_LOWEST, _MANY = 15_000, 16_000
"""Below those that systems give to outgoing connections: nobody gets one between the test's look and its use."""


def free_port() -> int:
    """A port of loopback that nobody listens on. No other test gets it: not those of the process beside us, which would
    take it while our program starts anew, nor one of ours before thousands were given.
    """
    while True:
        port = next(_ours)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def _share() -> Iterator[int]:
    """One after the other, begun anywhere: another run may be under way."""
    many = _MANY // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = _LOWEST + many * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    begin = secrets.randbelow(many)
    return (first + (begin + number) % many for number in count())


_ours = _share()

"""Ports for programs under test that must know theirs beforehand, or keep it over a restart."""

from __future__ import annotations

import secrets
import socket

_LOWEST, _MANY = 15_000, 16_000
"""Below those that systems give to outgoing connections: nobody gets one between the test's look and its use."""


def free_port() -> int:
    """A port of loopback that nobody listens on; drawn anew each time, so that tests side by side get different ones."""
    while True:
        port = _LOWEST + secrets.randbelow(_MANY)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port

"""Who else comes by a port that is open to a network: scanners, and those who mean harm. Each does its worst once, and
cleans up after itself.
"""

from __future__ import annotations

import random
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import ExitStack, suppress

from patience import PATIENCE

VT, END = b"\x0b", b"\x1c\r"
MSH = b"MSH|^~\\&|EVIL|X|CH|CH|20260305120000||ADT^A08|%s|P|2.5.1\r"

Attack = Callable[[int], None]
"""Gets the port."""


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def _send(sock: socket.socket, data: bytes) -> bool:
    """Whether it could be sent: the door may have hung up."""
    try:
        sock.sendall(data)
    except OSError:
        return False
    return True


def _until_closed(sock: socket.socket) -> None:
    with suppress(ConnectionError):
        while sock.recv(65536):
            pass


def port_scan(port: int) -> None:
    """Connect, close."""
    for _ in range(300):
        _connect(port).close()


def resets(port: int) -> None:
    """Connect, reset."""
    for _ in range(200):
        sock = _connect(port)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        _send(sock, b"\x0bMSH")
        sock.close()


def many_connections(port: int) -> None:
    """All at once, and stay."""
    with ExitStack() as stack:
        for _ in range(600):
            with suppress(OSError):
                stack.enter_context(_connect(port))


def slowloris(port: int) -> None:
    """A byte, and another, of a frame that never ends, until hung up on."""
    with ExitStack() as stack:
        held = [stack.enter_context(_connect(port)) for _ in range(40)]
        while held:
            held = [sock for sock in held if _send(sock, b"\x0b" if random.random() < 0.1 else b"x")]


def endless_frame(port: int) -> None:
    """A frame without an end, until hung up on."""
    with _connect(port) as sock:
        more = _send(sock, VT + MSH % b"ENDLESS")
        while more:
            more = _send(sock, b"x" * 65536)


def endless_junk(port: int) -> None:
    """Bytes that are no frame, until hung up on."""
    with _connect(port) as sock:
        while _send(sock, b"y" * 65536):
            pass


def random_bytes(port: int) -> None:
    """Whatever."""
    dice = random.Random(7)
    for size in (1, 5, 64, 4096, 100_000):
        for _ in range(10):
            with _connect(port) as sock:
                # a frame among them would be a message, and is kept as one
                _send(sock, dice.randbytes(size).replace(VT, b"v").replace(b"\x1c", b"f"))


def browser(port: int) -> None:
    """Asks for a page, and waits."""
    for _ in range(20):
        with _connect(port) as sock:
            _send(sock, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _until_closed(sock)


def huge_records(port: int) -> None:
    """TLS records that say they are larger than any may be."""
    for head in (
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x03\x40\x00\x01\xff\xff\xff",
        b"\x16\x03\x01\x00\x00" * 1000,
    ):
        with _connect(port) as sock:
            more = _send(sock, head)
            for _ in range(20):
                more = more and _send(sock, b"\x00" * 65536)


def dropped_handshakes(port: int) -> None:
    """TLS begun, and dropped at different places."""
    for number in range(60):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="x")
        with suppress(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        with _connect(port) as sock:
            _send(sock, hello[: 1 + number * 10])


def held_handshakes(port: int) -> None:
    """TLS begun, and held until hung up on."""
    with ExitStack() as stack:
        held = [stack.enter_context(_connect(port)) for _ in range(40)]
        for sock in held:
            _send(sock, b"\x16\x03\x01\x02\x00\x01")
        for sock in held:
            _until_closed(sock)


ATTACKS: tuple[Attack, ...] = (
    port_scan,
    resets,
    many_connections,
    slowloris,
    endless_frame,
    endless_junk,
    random_bytes,
    browser,
    huge_records,
    dropped_handshakes,
    held_handshakes,
)

"""What systemd hands to a service, ports that are open already, and where it is told how the service is.

The protocol is a datagram of `KEY=value` lines to the socket named in NOTIFY_SOCKET (sd_notify(3)), and open files from
3 on, as many as LISTEN_FDS says (sd_listen_fds(3)): too little for a library. Without systemd nothing is there or told.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

FIRST = 3
"""The number of the first open file that is handed over."""
TELL_SECONDS = 1.0
"""How long a full queue of systemd's may keep us: it is PID 1 that reads it."""
OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""Variables that are meant for one process alone."""


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A listening TCP socket that was open before we started."""

    fd: int
    name: str
    """As the socket unit says (FileDescriptorName); without that the unit's own name."""
    host: str
    """Empty: no TCP socket that listens."""
    port: int
    family: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else "no TCP port"

    def fits(self, host: str, port: int) -> bool:
        """Whether it is where the settings say; port 0 is any."""
        return bool(self.host) and port in (0, self.port) and _address(host) == _address(self.host)


@dataclass(frozen=True, slots=True)
class Given:
    """What was handed over; by default nothing."""

    address: str = ""
    """Where systemd is told; empty: nowhere."""
    watchdog_seconds: float | None = None
    """How long it waits for a sign of life; None: it does not."""
    ports: tuple[OpenPort, ...] = ()


def take(environment: MutableMapping[str, str], pid: int) -> Given:
    """What was handed to this process; its variables are taken away, so that no child takes them for its own."""
    given = {name: environment.pop(name, "") for name in OURS}
    return Given(given["NOTIFY_SOCKET"], _watchdog(given, pid), _ports(given, pid))


def _watchdog(given: Mapping[str, str], pid: int) -> float | None:
    microseconds = given["WATCHDOG_USEC"]
    if not microseconds.isdecimal() or given["WATCHDOG_PID"] not in ("", str(pid)):
        return None
    return int(microseconds) / 1e6 or None


def _ports(given: Mapping[str, str], pid: int) -> tuple[OpenPort, ...]:
    if given["LISTEN_PID"] != str(pid) or not given["LISTEN_FDS"].isdecimal():
        return ()
    many = int(given["LISTEN_FDS"])
    names = [*given["LISTEN_FDNAMES"].split(":"), *[""] * many]
    return tuple(_open_port(FIRST + number, names[number]) for number in range(many))


def _open_port(fd: int, name: str) -> OpenPort:
    nothing = OpenPort(fd, name, "", 0, 0)
    try:
        opened = socket.socket(fileno=fd)
    except OSError:
        return nothing
    try:
        opened.set_inheritable(False)
        opened.setblocking(False)
        if opened.family not in (socket.AF_INET, socket.AF_INET6) or opened.type != socket.SOCK_STREAM:
            return nothing
        if not opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return nothing
        host, port = opened.getsockname()[:2]
        return OpenPort(fd, name, host, port, opened.family)
    finally:
        opened.detach()  # it stays open


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)


class Teller:
    """Tells systemd."""

    def __init__(self, address: str) -> None:
        """`address`: NOTIFY_SOCKET, a path, or `@name` of an abstract socket; empty: nobody is told."""
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @property
    def is_heard(self) -> bool:
        """Whether somebody listens."""
        return bool(self._address)

    def tell(self, *lines: str) -> None:
        """Lines as `READY=1`. That it could not be told is no reason to do anything else (any thread)."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.settimeout(TELL_SECONDS)
            to.sendto("\n".join(" ".join(line.split()) for line in lines).encode(), self._address)

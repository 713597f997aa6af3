"""What systemd does for a service, without systemd: hands over open ports, and hears what the service tells."""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from pathlib import Path

from patience import PATIENCE

_LAUNCH = """
import fcntl, os, sys
numbers = [int(text) for text in sys.argv[1].split(",") if text]
high = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in numbers]
for at, number in enumerate(high):
    os.dup2(number, 3 + at)
    os.close(number)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Systemd:
    """The manager of one service."""

    def __init__(self, folder: Path, *, abstract: bool = False, watchdog: float | None = None):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        where = f"\0{folder}/notify" if abstract else str(folder / "notify")
        self._socket.bind(where)
        self._address = where.replace("\0", "@")
        self._watchdog = watchdog
        self._ports: dict[str, socket.socket] = {}
        self.told: list[tuple[float, dict[str, str]]] = []
        """When, and what."""

    def open(self, name: str, host: str = "127.0.0.1", port: int = 0) -> int:
        """Open a port as a socket unit does; gives its number."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.create_server((host, port), family=family, backlog=128)
        self._ports[name] = opened
        return int(opened.getsockname()[1])

    def hand_over(self, name: str, opened: socket.socket) -> None:
        """Whatever it is."""
        self._ports[name] = opened

    def command(self, command: list[str]) -> list[str]:
        """The command that starts the service with all that is handed over."""
        numbers = ",".join(str(opened.fileno()) for opened in self._ports.values())
        return [sys.executable, "-c", _LAUNCH, numbers, *command]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of the open files, to be passed on."""
        return tuple(opened.fileno() for opened in self._ports.values())

    @property
    def environment(self) -> dict[str, str]:
        given = {"NOTIFY_SOCKET": self._address}
        if self._ports:
            given |= {"LISTEN_FDS": str(len(self._ports)), "LISTEN_FDNAMES": ":".join(self._ports)}
        if self._watchdog is not None:
            given["WATCHDOG_USEC"] = str(int(self._watchdog * 1e6))
        return os.environ | given

    def hears(self, key: str, value: str | None = None, patience: float = PATIENCE) -> dict[str, str]:
        """The next word with this key (and value)."""
        ends = time.monotonic() + patience
        while (heard := self._next(ends)) is not None:
            if key in heard and value in (None, heard[key]):
                return heard
        raise AssertionError(f"{key}={value or '…'} was not told, but: {self.told}")

    def silent_for(self, seconds: float) -> bool:
        """Whether nothing is heard for so long."""
        return self._next(time.monotonic() + seconds) is None

    def _next(self, ends: float) -> dict[str, str] | None:
        ready, _, _ = select.select([self._socket], [], [], max(0.0, ends - time.monotonic()))
        if not ready:
            return None
        text = self._socket.recv(4096).decode()
        heard = dict(line.split("=", 1) for line in text.split("\n"))
        self.told.append((time.monotonic(), heard))
        return heard

    def close(self) -> None:
        for opened in (self._socket, *self._ports.values()):
            opened.close()

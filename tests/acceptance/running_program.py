"""The program's commands that stay (daemon, simulated API), each as a process whose words are read in a thread."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

PATIENCE = 90.0
"""Seconds that something may take on a busy machine."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, look: Any) -> Any:
    """What `look` gives once it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


class Program:
    """One of the program's own commands that stays."""

    def __init__(self, *arguments: str, folder: Path | None = None):
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "interface", *arguments],
            cwd=folder,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.text += line.decode()

    def says(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Wait until it has said something so often; the last of it."""

        def look() -> re.Match[str] | None:
            found = list(re.finditer(pattern, self.text))
            return found[-1] if len(found) >= times else None

        found: re.Match[str] = until(f"{pattern} in {self.text}", look)
        return found

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end, and wait until it has."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(60)
        self._thread.join()
        if self.process.stderr is not None and not self.process.stderr.closed:
            self.process.stderr.close()

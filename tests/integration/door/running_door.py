"""A real door in a process of its own: real store, real sockets, a trivial work."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from patience import PATIENCE
from prepared import Prepared

from interface.settings import load_settings
from interface.store.keys import load_or_create
from interface.store.records.lists import MessageFilter, MessageSummary
from interface.store.store import open_store

RUN = """
import sys
from pathlib import Path
from interface.errors import InterfaceError
from interface.services.daemon import run_door
try:
    sys.exit(run_door(Path(sys.argv[1]), command=[sys.executable, "-c", sys.argv[2]]))
except InterfaceError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""
QUIET_WORK = "import sys\nwhile sys.stdin.buffer.raw.read(1): pass"


@dataclass
class Door:
    """A running door, and what a test asks it."""

    folder: Path
    process: subprocess.Popen[bytes] | Prepared
    ports: dict[str, int] = field(default_factory=dict)
    web: str = ""
    log: str = ""
    senders: list[Sender] = field(default_factory=list)

    def read_log(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Read standard error until a line matches, and has so often; the last of them."""
        stream = self.process.stderr
        assert stream is not None
        end = time.monotonic() + PATIENCE
        while True:
            found = list(islice(re.finditer(pattern, self.log), times))
            if len(found) == times:
                return found[-1]
            ready, _, _ = select.select([stream], [], [], max(0.0, end - time.monotonic()))
            chunk = os.read(stream.fileno(), 65536) if ready else b""
            assert chunk, f"no {pattern!r} in:\n{self.log}"
            self.log += chunk.decode()

    def connect(self, listener: str = "main") -> Sender:
        sender = Sender(socket.create_connection(("127.0.0.1", self.ports[listener]), timeout=PATIENCE))
        self.senders.append(sender)
        return sender

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.web}{path}", timeout=PATIENCE) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def health(self) -> dict[str, Any]:
        return json.loads(self.get("/healthz")[1])  # type: ignore[no-any-return]

    def metric(self, line: str) -> float:
        text = self.get("/metrics")[1]
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def rows(self) -> list[MessageSummary]:
        return stored_rows(self.folder)

    def full_disk(self, full: bool) -> None:
        """Let no file of the door grow any more, or take that back."""
        limit = (1, resource.RLIM_INFINITY) if full else (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, limit)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


class Sender:
    """An MLLP client that sends what it is told and gives each answer as (MSA-1, MSA-2)."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = b""

    def send(self, *payloads: bytes) -> None:
        self.socket.sendall(b"".join(b"\x0b" + payload + b"\x1c\r" for payload in payloads))

    def raw_answer(self) -> bytes | None:
        """The next ACK without its framing; None when the door has closed the connection."""
        while b"\x1c\r" not in self._buffer:
            try:
                chunk = self.socket.recv(65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                assert self._buffer == b""
                return None
            self._buffer += chunk
        answer, _, self._buffer = self._buffer.partition(b"\x1c\r")
        assert answer.startswith(b"\x0b")
        return answer[1:]

    def answer(self) -> tuple[str, str] | None:
        raw = self.raw_answer()
        if raw is None:
            return None
        msa = next(line for line in raw.split(b"\r") if line.startswith(b"MSA"))
        fields = [*msa.decode().split("|"), ""]
        return fields[1], fields[2]

    def answers(self, number: int) -> list[tuple[str, str] | None]:
        return [self.answer() for _ in range(number)]

    def close(self) -> None:
        self.socket.close()


def stored_rows(folder: Path) -> list[MessageSummary]:
    """All rows of the journal, oldest first, read beside the running door."""
    settings = load_settings(folder / "settings.toml")
    keyring = load_or_create(settings.store.key, settings.directory, print, create=False)
    with open_store(settings.store_url, keyring, create=False) as store:
        rows: list[MessageSummary] = []
        while page := store.views.messages(MessageFilter(), before=rows[-1].id if rows else None, limit=500):
            rows.extend(page)
    return rows[::-1]


def message(control_id: str, kind: str = "ADT^A08", text: str = "", rest: str = "P|2.5.1") -> bytes:
    return f"MSH|^~\\&|EHR|LFC|CH|CH|20260305120000||{kind}|{control_id}|{rest}\rZZZ|{text}\r".encode()
